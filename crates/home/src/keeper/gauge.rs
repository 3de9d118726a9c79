//! What a battery really does: what of it is lost, how much power it takes at which level, and whether it does what it is told.

use serde::{Deserialize, Serialize};

use crate::device::Battery;

/// Powers by how full a store is.
type Limits = Vec<(f64, f64)>;

/// Levels of fill for which the power that it takes is noted.
const FILLS: usize = 10;
/// An exchange of less than this part of what it holds says nothing.
const TELLING_SHARE: f64 = 0.03;
/// The claims of the maker count like an exchange of so many times what it holds.
const CLAIM_WEIGHT: f64 = 1.0;
/// What was seen so many times what it holds ago counts a third.
const MEMORY: f64 = 60.0;
/// It did something else when less than this part of what was asked for came of it,
const DONE_SHARE: f64 = 0.3;
/// so many times in a row.
const REFUSALS: u32 = 3;
/// What no battery is worse than.
const EFFICIENCY_MIN: f64 = 0.5;

/// Energy in and what came of it.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Side {
    /// Energy that went in, in kilowatt hours.
    spent: f64,
    /// What came of it.
    gained: f64,
    /// By fill: the most power that it took, where it was asked for more.
    most_watts: [Option<f64>; FILLS],
}

impl Side {
    fn learn(&mut self, spent: f64, gained: f64, capacity: f64) {
        let keep = (-spent / (MEMORY * capacity)).exp();
        self.spent = self.spent * keep + spent;
        self.gained = self.gained * keep + gained;
    }

    fn part(&self, claimed: f64, capacity: f64) -> f64 {
        let weight = CLAIM_WEIGHT * capacity;
        ((self.gained + claimed * weight) / (self.spent + weight)).clamp(EFFICIENCY_MIN, 1.0)
    }

    fn limit(&mut self, fill: f64, asked: f64, got: f64) {
        let place = &mut self.most_watts[((fill * FILLS as f64) as usize).min(FILLS - 1)];
        if asked > got * 1.05 + 1.0 {
            *place = Some(place.map_or(got, |most| f64::midpoint(most, got)));
        } else if place.is_some_and(|most| got > most) {
            *place = Some(got);
        }
    }

    fn limits(&self, claimed: f64) -> Vec<(f64, f64)> {
        (0..FILLS)
            .map(|at| ((at as f64 + 0.5) / FILLS as f64, self.most_watts[at].unwrap_or(claimed).min(claimed)))
            .collect()
    }
}

/// What could have come of what was asked, and what came of it, in kilowatt hours, until it is enough to tell.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Heed {
    possible: f64,
    done: f64,
}

/// What was asked of a battery, to be compared with what came of it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Asked {
    watts: f64,
    stored: f64,
}

/// What was learnt of one battery.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Gauge {
    taking: Side,
    giving: Side,
    asked: Option<Asked>,
    heed: Heed,
    refusals: u32,
}

impl Gauge {
    /// Whether it does not do what it is told.
    pub(super) fn disobeys(&self) -> bool {
        self.refusals >= REFUSALS
    }

    /// Notes what is asked of it from now on.
    pub(super) fn ask(&mut self, watts: f64, battery: &Battery) {
        self.asked = Some(Asked { watts, stored: battery.stored_kilowatt_hours });
    }

    /// Nothing is asked of it.
    pub(super) fn release(&mut self) {
        self.asked = None;
    }

    /// Compares what was asked of it for the last `hours` with what is in it now. `exchanged_watts` is what it took as its
    /// meter says, where it has one.
    pub(super) fn compare(&mut self, battery: &Battery, hours: f64, exchanged_watts: Option<f64>) {
        let Some(asked) = self.asked.take() else { return };
        let capacity = battery.capacity_kilowatt_hours;
        let change = battery.stored_kilowatt_hours - asked.stored;
        self.watch(asked, change, capacity, battery, hours);
        let Some(watts) = exchanged_watts else { return };
        let energy = watts.abs() * hours / 1_000.0;
        let fill = (asked.stored / capacity).clamp(0.0, 1.0);
        let is_inside = battery.stored_kilowatt_hours < 0.99 * capacity
            && battery.stored_kilowatt_hours > battery.reserve_kilowatt_hours + 0.01 * capacity;
        if is_inside {
            let side = if asked.watts > 0.0 { &mut self.taking } else { &mut self.giving };
            if asked.watts.abs() > 1.0 && asked.watts.signum() == watts.signum() {
                side.limit(fill, asked.watts.abs(), watts.abs());
            }
        }
        if energy < TELLING_SHARE * capacity || change.signum() != watts.signum() {
            return;
        }
        let part = if watts > 0.0 { change / energy } else { energy / -change };
        // What cannot be is a meter that is wrong, not a battery.
        if (EFFICIENCY_MIN..=1.02).contains(&part) {
            if watts > 0.0 {
                self.taking.learn(energy, change, capacity);
            } else {
                self.giving.learn(-change, energy, capacity);
            }
        }
    }

    fn watch(&mut self, asked: Asked, change: f64, capacity: f64, battery: &Battery, hours: f64) {
        let wanted = asked.watts * hours / 1_000.0;
        let room = if wanted > 0.0 { capacity - asked.stored } else { asked.stored - battery.reserve_kilowatt_hours };
        self.heed.possible += wanted.abs().min(room.max(0.0));
        self.heed.done += change * wanted.signum();
        if self.heed.possible < TELLING_SHARE * capacity {
            return;
        }
        let heed = std::mem::take(&mut self.heed);
        self.refusals = if heed.done < DONE_SHARE * heed.possible { self.refusals.saturating_add(1) } else { 0 };
    }

    /// The power that tells within so many hours whether a battery that did not obey does again: what it cannot but notice, and so
    /// little that nothing is lost by it.
    pub(super) fn telling_watts(battery: &Battery, hours: f64) -> f64 {
        let energy = 2.0 * TELLING_SHARE * battery.capacity_kilowatt_hours;
        let is_full = battery.capacity_kilowatt_hours - battery.stored_kilowatt_hours < energy;
        1_000.0 * energy / hours * if is_full { -1.0 } else { 1.0 }
    }

    /// The part of what it takes that is stored.
    pub(super) fn charge_efficiency(&self, battery: &Battery) -> f64 {
        self.taking.part(battery.charge_efficiency, battery.capacity_kilowatt_hours)
    }

    /// The part of what leaves the store that it gives.
    pub(super) fn discharge_efficiency(&self, battery: &Battery) -> f64 {
        self.giving.part(battery.discharge_efficiency, battery.capacity_kilowatt_hours)
    }

    /// By fill: the most power that it takes, and gives.
    pub(super) fn limits(&self, battery: &Battery) -> (Limits, Limits) {
        (self.taking.limits(battery.charge_watts_max), self.giving.limits(battery.discharge_watts_max))
    }
}
