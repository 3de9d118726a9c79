//! Whether things do what they were told, and whether somebody else told them something.

use std::time::Duration;

use model::{CauseKind, Name, ThingId, Timestamp, Value};
use site::Site;

use super::seen::Seen;

/// How long a thing has to report what it was told to be.
const OBEY_WITHIN: Duration = Duration::from_mins(3);
/// How long a thing that does not obey is left alone.
const DISOBEDIENT_FOR: Duration = Duration::from_hours(1);
/// How long what a person set is left alone.
const PERSON_FOR: Duration = Duration::from_hours(2);
/// Commands of a thing that are looked through.
const COMMANDS: usize = 20;
/// Numbers that differ by so little of themselves are the same.
const SAME: f64 = 0.02;

/// What a thing was told last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given {
    pub(super) values: Vec<(Name, Value)>,
    pub(super) time: Timestamp,
    /// Whether it was sent, and not only recorded.
    pub(super) sent: bool,
}

/// A thing that is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) until: Timestamp,
    pub(super) about: &'static str,
    pub(super) words: String,
}

/// Whether a thing has to be left alone from now on, because of what became of what it was told.
pub(super) fn look(site: &Site, seen: &Seen, thing: &ThingId, title: &str, given: &Given) -> Option<Held> {
    let now = seen.now;
    let by_somebody = site.commands(thing, None, COMMANDS).into_iter().map(|row| row.command).find(|command| {
        command.created > given.time
            && matches!(command.cause.kind, CauseKind::User | CauseKind::Token)
            && given.values.iter().any(|(name, _)| *name == command.action)
    });
    if let Some(command) = by_somebody {
        let until = command.created + PERSON_FOR;
        let words = format!("{title} was set by {}: the plan leaves it alone for two hours", command.cause.id);
        return (until > now).then_some(Held { until, about: "held", words });
    }
    if !given.sent || now.since(given.time) < OBEY_WITHIN {
        return None;
    }
    let differs = |(name, value): &&(Name, Value)| {
        seen.value(thing, name, Duration::MAX).is_ok_and(|reported| !is_same(reported, value))
    };
    let (name, value) = given.values.iter().find(differs)?;
    let words = format!(
        "{title} does not do what it is told ({name} is not {}): it is planned without for an hour",
        value.to_json()
    );
    Some(Held { until: now + DISOBEDIENT_FOR, about: "device", words })
}

/// Whether two values are the same as far as a device can be told.
pub(super) fn is_same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= SAME * a.abs().max(b.abs()).max(1.0),
        _ => a == b,
    }
}
