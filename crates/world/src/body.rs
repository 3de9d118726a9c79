//! What stands behind virtual things: the face that a plant, or a generic behaviour, turns to their protocol side.

use model::{Timestamp, Value};
use serde_json::Value as Json;

use crate::random::Random;

/// How far an action has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// At it; the part that is done, from 0 to 1.
    Running(f64),
    /// Done, with what it answers.
    Finished(Value),
    /// It gave up, and why.
    Failed(String),
}

/// Something that happened and is told as an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// Which of the body's things tells it.
    pub thing: usize,
    /// Which of that thing's events, in the order of its model.
    pub event: usize,
    /// What it says.
    pub value: Value,
}

/// The inside of one or more virtual things: one shared physical world, or the generic behaviour of a single thing.
///
/// Things are numbered from 0 in the order in which they were attached; properties, events and actions in the order of
/// their model (sorted by name). A body is as pure as a [`crate::Plant`]: no clock, no IO.
pub trait Body: Send {
    /// Goes back to the beginning of the world of this seed, at `start`.
    fn reset(&mut self, seed: u64, start: Timestamp);

    /// Everything that its future depends on, as JSON.
    fn save(&self) -> Json;

    /// Goes on from what was saved by a body of the same make. An error leaves it as it was.
    fn restore(&mut self, saved: &Json) -> Result<(), serde_json::Error>;

    /// Lets `dt_seconds` pass, up to `now`.
    fn step(&mut self, now: Timestamp, dt_seconds: f64, random: &mut Random);

    /// What happened since this was last asked.
    fn take_happenings(&mut self) -> Vec<Happening>;

    /// Whether the thing has power and a connection.
    fn is_reachable(&self, thing: usize) -> bool;

    /// The value of a property now. It fits the model of the property.
    fn read(&self, thing: usize, property: usize) -> Value;

    /// Writes a property; the value was checked against the model.
    fn write(&mut self, thing: usize, property: usize, value: &Value);

    /// Starts an action; the input was checked against the model. `Err` says why it cannot be done now.
    fn start(&mut self, thing: usize, action: usize, input: &Value) -> Result<(), String>;

    /// How far the action that was started last has come.
    fn progress(&self, thing: usize, action: usize) -> Progress;
}
