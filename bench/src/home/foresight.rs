//! What could have been done by somebody who knew the whole year: the optimum over all courses of each battery, with its losses
//! and limits as CityLearn has them (dynamic programming; a linear program would have to take them as constant).

use plan::reservoir::{Reservoir, Stage};
use serde::Deserialize;

use super::battery::Battery;

/// Levels of what is stored.
const LEVELS: usize = 128;

/// One building with all that it is going to meet.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Building {
    pub(super) name: String,
    pub(super) battery: Battery,
    load: Vec<f64>,
    solar: Vec<f64>,
    price: Vec<f64>,
    carbon: Vec<f64>,
}

/// What somebody cares for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    Cost,
    Carbon,
    Both,
}

/// The challenge's figures as ratios to no control.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ratios {
    pub(super) cost: f64,
    pub(super) carbon: f64,
    pub(super) daily_peak: f64,
    pub(super) peak: f64,
    pub(super) ramping: f64,
    pub(super) load_factor: f64,
}

impl Ratios {
    pub(super) fn mean(&self) -> f64 {
        f64::midpoint(self.cost, self.carbon)
    }
}

impl Building {
    fn without(&self, hour: usize) -> f64 {
        self.load[hour] - self.solar[hour]
    }

    /// What it pays and emits in so many hours when it draws so much in each.
    fn totals(&self, hours: usize, drawn: impl Fn(usize) -> f64) -> (f64, f64) {
        (0..hours).fold((0.0, 0.0), |(cost, carbon), hour| {
            let drawn = drawn(hour);
            (cost + (drawn * self.price[hour]).max(0.0), carbon + (drawn * self.carbon[hour]).max(0.0))
        })
    }

    /// What it draws when everything is known.
    pub(super) fn foreseen(&self, hours: usize, care: Care) -> anyhow::Result<Vec<f64>> {
        let (cost, carbon) = self.totals(hours, |hour| self.without(hour));
        let (per_cost, per_carbon) = match care {
            Care::Cost => (1.0, 0.0),
            Care::Carbon => (0.0, 1.0),
            Care::Both => (1.0 / cost, 1.0 / carbon),
        };
        let stages: Vec<Stage> = (0..hours)
            .map(|hour| Stage {
                price: per_cost * self.price[hour] + per_carbon * self.carbon[hour],
                threshold: f64::INFINITY,
                outcomes: vec![(1.0, self.without(hour))],
                ..Stage::default()
            })
            .collect();
        let reservoir = Reservoir::new(self.battery.store(), LEVELS)?;
        let mut behind = vec![vec![0.0; LEVELS + 1]];
        for hour in (1..hours).rev() {
            let last = behind.last().expect("it begins with one");
            let costs = reservoir.costs_to_go(&stages[hour..=hour], &|stored| reservoir.between(last, stored));
            behind.push(costs);
        }
        let mut charge = self.battery.begin();
        let mut drawn = Vec::with_capacity(hours);
        for stage in &stages {
            let behind = behind.pop().expect("one for each hour");
            let asked = stage.outcomes[0].1;
            let wanted = reservoir.decide(self.battery.stored(&charge), asked, stage, &behind, &|_| 0.0);
            drawn.push(asked + self.battery.hour(&mut charge, wanted));
        }
        Ok(drawn)
    }

    /// What it draws when its battery is asked for these shares of its power, by our own battery.
    pub(super) fn replayed(&self, shares: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut charge = self.battery.begin();
        let hour = |(hour, share): (usize, f64)| {
            self.without(hour) + self.battery.hour(&mut charge, share.clamp(-1.0, 1.0) * self.battery.power)
        };
        shares.enumerate().map(hour).collect()
    }
}

/// The challenge's figures of what buildings drew, as CityLearn counts them: cost and carbon of each building beside the same
/// without its battery, and the mean of these; peaks and ramping of all together.
pub(super) fn ratios(buildings: &[Building], drawn: &[Vec<f64>]) -> Ratios {
    let hours = drawn.iter().map(Vec::len).min().unwrap_or(0);
    let (mut cost, mut carbon) = (0.0, 0.0);
    for (building, drawn) in buildings.iter().zip(drawn) {
        let (ours, without) =
            (building.totals(hours, |hour| drawn[hour]), building.totals(hours, |hour| building.without(hour)));
        cost += ours.0 / without.0 / buildings.len() as f64;
        carbon += ours.1 / without.1 / buildings.len() as f64;
    }
    let together: Vec<f64> = (0..hours).map(|hour| drawn.iter().map(|drawn| drawn[hour]).sum()).collect();
    let without: Vec<f64> =
        (0..hours).map(|hour| buildings.iter().map(|building| building.without(hour)).sum()).collect();
    let peaks = |series: &[f64], length: usize| {
        let peaks: Vec<f64> = series.chunks(length).map(|part| part.iter().copied().fold(f64::MIN, f64::max)).collect();
        peaks.iter().sum::<f64>() / peaks.len() as f64
    };
    let load_factor = |series: &[f64]| {
        let of_day = |day: &[f64]| {
            let highest = day.iter().copied().fold(f64::MIN, f64::max);
            1.0 - day.iter().sum::<f64>() / day.len() as f64 / highest
        };
        series.chunks(24).map(of_day).sum::<f64>() / series.chunks(24).len() as f64
    };
    let ramping = |series: &[f64]| series.windows(2).map(|pair| (pair[1] - pair[0]).max(0.0)).sum::<f64>();
    Ratios {
        cost,
        carbon,
        daily_peak: peaks(&together, 24) / peaks(&without, 24),
        peak: peaks(&together, hours) / peaks(&without, hours),
        ramping: ramping(&together) / ramping(&without),
        load_factor: load_factor(&together) / load_factor(&without),
    }
}
