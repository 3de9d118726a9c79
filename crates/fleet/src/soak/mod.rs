//! Long runs with everything that goes wrong, as a proof: nobody collides, and no order is lost.
//!
//! [`shift`] is the simulated warehouse; [`messages`] is a fleet in operation with virtual robots that it reaches over
//! VDA 5050 only. Both are seeded: a fault that they find is a seed.

mod messages;
mod shift;

use std::collections::BTreeSet;

pub use messages::messages;
pub use shift::shift;

use crate::floor::Fulfilment;

/// How long, with how many, and by which chance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Soak {
    /// Robots.
    pub robots: usize,
    /// Virtual seconds.
    pub seconds: f64,
    /// Orders that come in an hour.
    pub orders_per_hour: f64,
    /// Chance.
    pub seed: u64,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outcome {
    /// Orders that came.
    pub came: u64,
    /// Orders that were done.
    pub done: u64,
    /// Orders that failed, as when a load handling fails.
    pub failed: u64,
    /// Orders that are open at the end.
    pub open: u64,
    /// Orders that vanished, or that are on a robot that does not know of them; must be none.
    pub lost: BTreeSet<String>,
    /// Who ran into whom and when, in words; must be none.
    pub collisions: Vec<String>,
    /// Robots that came to a stop by themselves: breakdowns, delays, lost links.
    pub troubles: u64,
    /// The longest time in which no order was done, in seconds.
    pub stalled_seconds: f64,
    /// A digest of all ways.
    pub trace: u64,
}

/// How many collisions are told.
const TOLD_MAX: usize = 20;

impl Outcome {
    fn collide(&mut self, what: impl FnOnce() -> String) {
        if self.collisions.len() < TOLD_MAX {
            self.collisions.push(what());
        }
    }

    /// Whether nobody collided and every order has ended or is still open.
    pub fn is_sound(&self) -> bool {
        self.collisions.is_empty() && self.lost.is_empty() && self.came == self.done + self.failed + self.open
    }
}

/// A fulfilment centre with room for so many robots.
fn floor_for(robots: usize, seed: u64) -> Fulfilment {
    let scale = (robots as f64 / 200.0).sqrt();
    let count = |full: f64, least: usize| ((full * scale) as usize).max(least);
    Fulfilment {
        block_columns: count(12.0, 3),
        block_rows: count(16.0, 3),
        block_length: 6,
        stations: (robots / 5).max(4),
        chargers: (robots / 4).max(3),
        robots,
        seed,
        ..Fulfilment::default()
    }
}
