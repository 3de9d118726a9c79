//! What a single battery does now, whatever may come afterwards.

use plan::reservoir::{Curve, Reservoir, Stage, Store};

use super::feed::Bands;
use super::{Decision, Expected, Keeper, SetPoint, bounded};
use crate::device::{Battery, Device, DeviceKind};
use crate::schedule::Schedule;

/// What is left at the end is worth this share of the cheapest hour.
pub(super) const END_SHARE: f64 = 0.8;
/// Levels of what is stored.
const LEVELS: usize = 64;

/// What a single battery can answer now: each level of it has its worth afterwards.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    device: Device,
    battery: Battery,
    reservoir: Reservoir,
    /// What it costs from the next step on, for each level.
    behind: Vec<f64>,
    stage: Stage,
    /// What the home draws in this step without the battery, in kilowatt hours.
    pub(super) asked: f64,
    /// The mean price of the steps ahead.
    pub(super) level: f64,
    step_seconds: u32,
}

impl Answer {
    fn hours(&self) -> f64 {
        f64::from(self.step_seconds) / 3_600.0
    }

    /// The best that it can take in this step, in kilowatt hours, when drawing from outside costs so much more.
    pub(super) fn best(&self, more: &dyn Fn(f64) -> f64) -> f64 {
        let stored = self.battery.stored_kilowatt_hours;
        let moved = self.reservoir.decide(stored, self.asked, &self.stage, &self.behind, more);
        let kilowatt_hours = self.hours() / 1_000.0;
        bounded(&self.battery, moved / kilowatt_hours, self.step_seconds) * kilowatt_hours
    }

    /// It as what the battery is told, with the reason.
    pub(super) fn set_point(&self, moved: f64) -> SetPoint {
        let (stored, capacity) = (self.battery.stored_kilowatt_hours, self.battery.capacity_kilowatt_hours);
        let unit = capacity / LEVELS as f64;
        let near = (stored - unit, stored + unit);
        let worth = |stored| self.reservoir.between(&self.behind, stored);
        let kept = ((worth(near.0) - worth(near.1)) / (2.0 * unit)).max(0.0);
        let watts = moved * 1_000.0 / self.hours();
        let words = words(watts, self.asked, self.stage.price, kept, &self.battery);
        SetPoint { thing: self.device.thing.clone(), watts, words }
    }
}

impl Keeper {
    /// Lets the only battery answer to what is known by now, instead of what was planned for it.
    pub(super) fn recourse(
        &self,
        devices: &[Device],
        expected: &Expected,
        schedule: &Schedule,
        decision: &mut Decision,
    ) -> Option<Answer> {
        let answer = self.answer(devices, expected, schedule)?;
        decision.put(answer.set_point(answer.best(&|_| 0.0)));
        Some(answer)
    }

    fn answer(&self, devices: &[Device], expected: &Expected, schedule: &Schedule) -> Option<Answer> {
        let mut batteries = devices.iter().filter_map(|device| match &device.kind {
            DeviceKind::Battery(battery) => Some((device, battery)),
            _ => None,
        });
        let (Some((device, battery)), None) = (batteries.next(), batteries.next()) else { return None };
        let reservoir = Reservoir::new(self.store(device, battery, expected), LEVELS).ok()?;
        let others = |step: usize| -> f64 {
            let of_others = schedule.devices.iter().filter(|other| other.thing != device.thing);
            let step = schedule.horizon.step_at(expected.horizon.begin(step));
            of_others.filter_map(|other| other.watts.get(step?)).sum()
        };
        let mut stages = self.stages(expected, battery, &others);
        let cheapest = stages.iter().map(|stage| stage.price).fold(f64::INFINITY, f64::min).max(0.0);
        let level = stages.iter().map(|stage| stage.price.abs()).sum::<f64>() / stages.len() as f64;
        let behind = reservoir.costs_to_go(&stages[1..], &|stored| -stored * END_SHARE * cheapest);
        let stage = stages.swap_remove(0);
        let asked = stage.outcomes.iter().map(|(chance, asked)| chance * asked).sum::<f64>();
        let (device, battery, step_seconds) = (device.clone(), battery.clone(), expected.horizon.step_seconds);
        Some(Answer { device, battery, reservoir, behind, stage, asked, level, step_seconds })
    }

    fn store(&self, device: &Device, battery: &Battery, expected: &Expected) -> Store {
        let hours = expected.horizon.step_hours();
        let learnt = self.gauges.get(&device.thing).map(|gauge| gauge.limits(battery));
        let (taking, giving) = learnt.unwrap_or_default();
        let energies = |watts: Vec<(f64, f64)>, otherwise: f64| {
            let points = watts.into_iter().map(|(fill, watts)| (fill, watts * hours / 1_000.0)).collect::<Vec<_>>();
            if points.is_empty() { Curve::flat(otherwise * hours / 1_000.0) } else { Curve::through(points) }
        };
        Store {
            capacity: battery.capacity_kilowatt_hours,
            floor: battery.reserve_kilowatt_hours,
            intake: Curve::flat(battery.charge_efficiency),
            output: Curve::flat(battery.discharge_efficiency),
            take_max: energies(taking, battery.charge_watts_max),
            give_max: energies(giving, battery.discharge_watts_max),
            loss: battery.loss_per_hour * hours,
        }
    }

    fn stages(&self, expected: &Expected, battery: &Battery, others: &dyn Fn(usize) -> f64) -> Vec<Stage> {
        let hours = expected.horizon.step_hours();
        let carbon_price = self.carbon_price();
        let prices: Vec<f64> = expected
            .price
            .0
            .iter()
            .zip(&expected.carbon.0)
            .map(|(price, carbon)| price[2] + carbon_price * carbon[2] / 1_000.0)
            .collect();
        let mean = prices.iter().sum::<f64>() / prices.len() as f64;
        let (threshold, above_price) = match self.settings.shave {
            Some(shave) => {
                let usual = if self.usual.days > 0.0 { self.usual.peak_watts } else { self.usual.peak_today_watts };
                (shave.share * usual * hours / 1_000.0, shave.dearer * mean.abs())
            }
            None => (f64::INFINITY, 0.0),
        };
        let stage = |(step, price): (usize, &f64)| Stage {
            price: *price,
            return_price: expected.export.0[step][2].min(*price),
            threshold,
            above_price,
            wear: battery.wear_per_kilowatt_hour,
            outcomes: outcomes(&expected.load, &expected.solar, step, others(step))
                .map(|watts| (0.2, watts * hours / 1_000.0))
                .to_vec(),
        };
        prices.iter().enumerate().map(stage).collect()
    }
}

/// Five equally likely demands, of every quantile of the load with every one of the sun.
fn outcomes(load: &Bands, solar: &Bands, step: usize, others: f64) -> [f64; 5] {
    let mut all: Vec<f64> =
        load.0[step].iter().flat_map(|load| solar.0[step].iter().map(move |solar| load - solar + others)).collect();
    all.sort_unstable_by(f64::total_cmp);
    let mut means = [0.0; 5];
    for (mean, part) in means.iter_mut().zip(all.chunks(all.len() / 5)) {
        *mean = part.iter().sum::<f64>() / part.len() as f64;
    }
    means
}

/// Why, in one sentence. `asked` is what the home draws without the battery, `kept` what a stored kilowatt hour will save.
fn words(watts: f64, asked: f64, price: f64, kept: f64, battery: &Battery) -> String {
    let kilowatts = watts.abs() / 1_000.0;
    if watts > 1.0 && asked < 0.0 {
        format!(
            "takes {kilowatts:.1} kW of what the sun leaves over, because a stored kilowatt hour will save about {kept:.2}"
        )
    } else if watts > 1.0 {
        format!(
            "charges {kilowatts:.1} kW at {price:.2} a kilowatt hour, because a stored one will save about {kept:.2}"
        )
    } else if watts < -1.0 {
        format!("gives {kilowatts:.1} kW: a kilowatt hour costs {price:.2} now, and kept it would save about {kept:.2}")
    } else if battery.stored_kilowatt_hours <= battery.reserve_kilowatt_hours + 0.01 * battery.capacity_kilowatt_hours {
        format!(
            "waits empty: {price:.2} a kilowatt hour is too much to charge for later, which would save about {kept:.2}"
        )
    } else {
        format!("waits: a kilowatt hour costs {price:.2} now, and kept it will save about {kept:.2}")
    }
}
