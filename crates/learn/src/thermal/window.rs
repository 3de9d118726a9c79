//! The slots that are looked back on, and what can be used of them.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{Reading, WINDOW_SLOTS};

/// A single value further than this from its neighbours is no temperature of that room.
const SPIKE_KELVIN: f64 = 1.5;
/// From one slot to the next the air of a zone changes by less; a sensor that jumps was moved.
const JUMP_KELVIN: f64 = 3.0;
/// Gaps of what acts are bridged when they are so short, in slots.
const BRIDGED_SLOTS: usize = 8;
/// So many slots without the air's temperature end a stretch.
const SILENT_SLOTS: usize = 8;
/// Temperatures outside of this are none of a home.
const CELSIUS: std::ops::RangeInclusive<f64> = -60.0..=80.0;
/// Heat beyond this is none of a zone, in watts.
const WATTS_MAX: f64 = 200_000.0;

/// One slot: air, outside, heating, sun.
type Row = [Option<f32>; 4];

/// The last slots, at most [`WINDOW_SLOTS`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Window {
    rows: VecDeque<Row>,
    newest: Option<i64>,
    late: u64,
}

/// A stretch in which everything that acts is known and the sensor did not jump.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stretch {
    /// The slot of its first value.
    pub(super) first: i64,
    /// The air; a short gap stays one.
    pub(super) indoor: Vec<Option<f64>>,
    pub(super) outdoor: Vec<f64>,
    pub(super) heating: Vec<f64>,
    pub(super) irradiance: Vec<f64>,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { rows: VecDeque::new(), newest: None, late: 0 }
    }

    pub(super) fn late(&self) -> u64 {
        self.late
    }

    pub(super) fn push(&mut self, slot: i64, reading: &Reading) {
        let missing = match self.newest {
            Some(newest) if slot <= newest => {
                self.late += 1;
                return;
            }
            Some(newest) => usize::try_from(slot - newest - 1).unwrap_or(usize::MAX).min(WINDOW_SLOTS),
            None => 0,
        };
        let number = |value: Option<f64>, is_possible: &dyn Fn(f64) -> bool| {
            value.filter(|value| value.is_finite() && is_possible(*value)).map(|value| value as f32)
        };
        let is_celsius = |value: f64| CELSIUS.contains(&value);
        let row = [
            number(reading.indoor_celsius, &is_celsius),
            number(reading.outdoor_celsius, &is_celsius),
            number(reading.heating_watts, &|value| value.abs() <= WATTS_MAX),
            number(reading.irradiance, &|value| (-20.0..=1_500.0).contains(&value)),
        ];
        self.rows.extend(std::iter::repeat_n([None; 4], missing));
        self.rows.push_back(row);
        self.newest = Some(slot);
        let over = self.rows.len().saturating_sub(WINDOW_SLOTS);
        self.rows.drain(..over);
    }

    /// What can be used, of the last so many slots.
    pub(super) fn stretches(&self, last: usize) -> Vec<Stretch> {
        let Some(newest) = self.newest else { return Vec::new() };
        let skipped = self.rows.len().saturating_sub(last);
        let first = newest + 1 - (self.rows.len() - skipped) as i64;
        let column = |index: usize| -> Vec<Option<f64>> {
            self.rows.iter().skip(skipped).map(|row| row[index].map(f64::from)).collect()
        };
        let indoor = without_spikes(&column(0));
        let (outdoor, heating) = (bridged(&column(1)), bridged(&column(2)));
        let sun = column(3);
        // A home without a sensor for the sun has none in any slot.
        let has_sun = sun.iter().any(Option::is_some);
        let irradiance = if has_sun { bridged(&sun) } else { vec![Some(0.0); sun.len()] };
        let mut stretches = Vec::new();
        let mut begin = 0;
        let mut last_seen: Option<usize> = None;
        for at in 0..=indoor.len() {
            let is_end = at == indoor.len();
            let acts = !is_end && outdoor[at].is_some() && heating[at].is_some() && irradiance[at].is_some();
            let silent = last_seen.is_some_and(|seen| at - seen > SILENT_SLOTS);
            let jumped = !is_end && is_jump(&indoor, last_seen, at);
            if acts && !silent && !jumped {
                if indoor[at].is_some() {
                    if last_seen.is_none() {
                        begin = at;
                    }
                    last_seen = Some(at);
                }
                continue;
            }
            if let Some(seen) = last_seen.take() {
                let range = begin..seen + 1;
                let known =
                    |column: &[Option<f64>]| column[range.clone()].iter().map(|value| value.unwrap_or(0.0)).collect();
                stretches.push(Stretch {
                    first: first + begin as i64,
                    indoor: indoor[range.clone()].to_vec(),
                    outdoor: known(&outdoor),
                    heating: known(&heating),
                    irradiance: known(&irradiance),
                });
            }
            if jumped && acts {
                (begin, last_seen) = (at, Some(at));
            }
        }
        stretches
    }
}

fn is_jump(indoor: &[Option<f64>], last_seen: Option<usize>, at: usize) -> bool {
    let (Some(now), Some(seen)) = (indoor[at], last_seen) else { return false };
    indoor[seen].is_some_and(|before| (now - before).abs() > JUMP_KELVIN)
}

/// A value that lies far from both of its neighbours, which agree, is a gap.
fn without_spikes(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut clean = values.to_vec();
    for at in 1..values.len().saturating_sub(1) {
        if let [Some(before), Some(now), Some(after)] = values[at - 1..=at + 1] {
            let middle = before.midpoint(after);
            if (before - after).abs() < SPIKE_KELVIN && (now - middle).abs() > SPIKE_KELVIN {
                clean[at] = None;
            }
        }
    }
    clean
}

/// Short gaps between two values are bridged by a line.
fn bridged(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut filled = values.to_vec();
    let mut last: Option<(usize, f64)> = None;
    for (at, value) in values.iter().enumerate() {
        let Some(value) = *value else { continue };
        if let Some((from, before)) = last
            && at - from > 1
            && at - from - 1 <= BRIDGED_SLOTS
        {
            for (part, gap) in filled[from + 1..at].iter_mut().enumerate() {
                *gap = Some(before + (value - before) * (part + 1) as f64 / (at - from) as f64);
            }
        }
        last = Some((at, value));
    }
    filled
}
