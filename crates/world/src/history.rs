//! The past of a world: the same plants and things, stepped quickly in virtual time, tell what they would have told.

use std::time::Duration;

use model::{Name, RecordKind, ThingId, Timestamp, Value};

use crate::thing::{Report, Said};
use crate::world::World;

/// How long a step of the past is.
pub const BACKFILL_STEP: Duration = Duration::from_mins(1);
/// The most points that are handed over at once.
const BATCH_POINTS: usize = 8_192;

/// One fact of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Whom it is about.
    pub thing: ThingId,
    /// A property, an event, or that the thing came or went.
    pub kind: RecordKind,
    /// The property or event; `presence` for presence.
    pub name: Name,
    /// When it was so.
    pub time: Timestamp,
    /// What was so.
    pub value: Value,
}

/// Some of the past, in the order of time.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Facts that follow on those of the batch before.
    pub points: &'a [Point],
    /// The part of the interval that is done, from 0 to 1.
    pub done: f64,
}

/// Lets the world live from where it stands to `until` and hands over what is told on the way. Afterwards the world
/// stands at `until`, to be run on live without a seam. Stops at the first error of the sink.
pub fn backfill<E>(
    world: &mut World,
    until: Timestamp,
    mut sink: impl FnMut(Batch<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let from = world.time();
    let whole = until.since(from).as_secs_f64().max(f64::MIN_POSITIVE);
    let presence = Name::new("presence").expect("presence is a name");
    let (mut reports, mut points) = (Vec::new(), Vec::with_capacity(BATCH_POINTS));
    while world.time() < until {
        world.step(BACKFILL_STEP.min(until.since(world.time())), &mut reports);
        for report in reports.drain(..) {
            push(report, &presence, &mut points);
        }
        if points.len() >= BATCH_POINTS || world.time() >= until {
            sink(Batch { points: &points, done: world.time().since(from).as_secs_f64() / whole })?;
            points.clear();
        }
    }
    Ok(())
}

fn push(report: Report, presence: &Name, points: &mut Vec<Point>) {
    let Report { thing, time, said } = report;
    let mut point = |kind, name, value| points.push(Point { thing: thing.clone(), kind, name, time, value });
    match said {
        Said::Online(_) => point(RecordKind::Presence, presence.clone(), Value::text("online")),
        Said::Offline => point(RecordKind::Presence, presence.clone(), Value::text("offline")),
        Said::Properties { values, .. } => {
            for (name, value) in values {
                point(RecordKind::Property, name, value);
            }
        }
        Said::Event { name, value } => point(RecordKind::Event, name, value),
        // Nobody commands anything in the past.
        Said::Action(_) => {}
    }
}
