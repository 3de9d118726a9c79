//! From a counter that only runs forward to power.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// The most power that a counter is believed to have counted.
const WATTS_MAX: f64 = 200_000.0;
/// Readings nearer together than this say nothing, in seconds.
const GAP_SECONDS_MIN: f64 = 30.0;
/// Readings further apart say nothing about when.
const GAP_SECONDS_MAX: f64 = 2.0 * 3_600.0;

/// What a counter showed last.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Counter {
    last: Option<(Timestamp, f64)>,
}

impl Counter {
    /// The mean power since the reading before, at its middle. None for the first reading, for one that shows less than the one
    /// before (a new meter, or one that runs backwards), and for a jump; counting goes on from there.
    pub(super) fn watts(&mut self, time: Timestamp, kilowatt_hours: f64) -> Option<(Timestamp, f64)> {
        if !kilowatt_hours.is_finite() {
            return None;
        }
        let Some((before, counted)) = self.last else {
            self.last = Some((time, kilowatt_hours));
            return None;
        };
        let seconds = time.since(before).as_secs_f64();
        if seconds < GAP_SECONDS_MIN && time >= before {
            return None;
        }
        self.last = Some((time, kilowatt_hours));
        let watts = (kilowatt_hours - counted) * 3_600_000.0 / seconds;
        let is_sound = (0.0..=WATTS_MAX).contains(&watts) && seconds <= GAP_SECONDS_MAX;
        is_sound.then(|| (Timestamp(before.micros() + time.micros().saturating_sub(before.micros()) / 2), watts))
    }
}
