//! Faults of instruments: what a broken sensor tells in place of what it measures.

use std::time::Duration;

use model::{DataType, PropertyModel, Timestamp, Value};

use crate::reporting::Scale;

/// How often a broken instrument tells its value, so that somebody who breaks one to see what happens need not wait.
pub(crate) const BROKEN_EVERY: Duration = Duration::from_secs(1);

/// The part of its range by which a drifting instrument is further off with every second.
const DRIFT_PER_SECOND: f64 = 0.02;
/// The part of its range by which a spike stands out.
const SPIKE: f64 = 0.6;
/// A spike comes every so many seconds.
const SPIKE_EVERY_SECONDS: i64 = 8;
/// The part of its range by which a noisy or swinging instrument is off at most.
const SWING: f64 = 0.15;
/// How long one swing takes, in seconds.
const SWING_SECONDS: f64 = 8.0;

/// How an instrument is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// It tells the same value for ever.
    Stuck,
    /// It is further off with every second.
    Drift,
    /// Single values are far off.
    Spike,
    /// Its values scatter.
    Noise,
    /// It tells nothing.
    Dropout,
    /// Its values swing to and fro.
    Oscillation,
}

/// A fault at work.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    since: Timestamp,
    held: Value,
    scale: Scale,
    /// The range of the property, or else the size of its values; negative when there is more room below.
    range: f64,
}

impl Fault {
    /// A fault that begins now, when the true value is `value`. `None` when the property has no numbers.
    pub(crate) fn new(kind: FaultKind, model: &PropertyModel, value: &Value, now: Timestamp) -> Option<Self> {
        let is_number = matches!(model.data_type, DataType::Integer | DataType::Number);
        let number = value.as_f64().filter(|_| is_number)?;
        let range = match (model.minimum, model.maximum) {
            (Some(low), Some(high)) if high > low => high - low,
            _ => number.abs().max(1.0),
        };
        let scale = Scale::of(model);
        // Off towards the side that has more room, so that the range does not hide it.
        let far = |off: f64| scale.fit(number + off).as_f64().map_or(0.0, |told| (told - number).abs());
        let range = if far(range) >= far(-range) { range } else { -range };
        Some(Self { kind, since: now, held: value.clone(), scale, range })
    }

    /// What is told in place of the true value; `None` for nothing.
    pub(crate) fn tell(&self, value: Value, now: Timestamp) -> Option<Value> {
        let Some(number) = value.as_f64() else { return Some(value) };
        let seconds = now.since(self.since).as_secs_f64();
        let off = match self.kind {
            FaultKind::Dropout => return None,
            FaultKind::Stuck => return Some(self.held.clone()),
            FaultKind::Drift => DRIFT_PER_SECOND * seconds,
            FaultKind::Spike if seconds as i64 % SPIKE_EVERY_SECONDS == SPIKE_EVERY_SECONDS - 1 => SPIKE,
            FaultKind::Spike => 0.0,
            FaultKind::Noise => SWING * scattered(now),
            FaultKind::Oscillation => SWING * libm::sin(std::f64::consts::TAU * seconds / SWING_SECONDS),
        };
        Some(self.scale.fit(number + off * self.range))
    }
}

/// A number from -1 to 1 that looks like chance and is the same for the same moment.
fn scattered(now: Timestamp) -> f64 {
    let mut mixed = now.micros().unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^= mixed >> 32;
    mixed = mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    mixed ^= mixed >> 32;
    (mixed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: FaultKind, seconds: i64) -> Option<f64> {
        let model = PropertyModel { minimum: Some(0.0), maximum: Some(100.0), ..PropertyModel::default() };
        let start = Timestamp::from_seconds(1_000);
        let fault = Fault::new(kind, &model, &Value::Float(40.0), start).expect("it is a number");
        fault.tell(Value::Float(50.0), Timestamp::from_seconds(1_000 + seconds))?.as_f64()
    }

    #[test]
    fn each_fault_shows_in_its_own_way() {
        assert_eq!((told(FaultKind::Stuck, 5), told(FaultKind::Dropout, 5)), (Some(40.0), None));
        assert_eq!((told(FaultKind::Drift, 10), told(FaultKind::Drift, 90)), (Some(70.0), Some(100.0)));
        let spikes: Vec<i64> = (0..24).filter(|second| told(FaultKind::Spike, *second) != Some(50.0)).collect();
        assert_eq!(spikes, [7, 15, 23]);
        let swings: Vec<f64> = (0..8).filter_map(|second| told(FaultKind::Oscillation, second)).collect();
        assert_eq!((swings[0], swings[2]), (50.0, 65.0));
        let noise: Vec<f64> = (0..50).filter_map(|second| told(FaultKind::Noise, second)).collect();
        assert!(noise.iter().all(|value| (35.0..=65.0).contains(value)));
        assert!(noise.windows(2).filter(|pair| (pair[0] - pair[1]).abs() > 1.0).count() > 25);
        let switch = PropertyModel { data_type: DataType::Boolean, ..PropertyModel::default() };
        assert!(Fault::new(FaultKind::Stuck, &switch, &Value::Boolean(true), Timestamp(0)).is_none());
    }
}
