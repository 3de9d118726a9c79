//! CityLearn's battery, written again for the perfect foresight; that it is the same is measured beside CityLearn itself.

use plan::reservoir::{Curve, Store};
use serde::Deserialize;

/// What CityLearn says of one battery.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Battery {
    pub(super) capacity: f64,
    pub(super) power: f64,
    pub(super) depth_of_discharge: f64,
    pub(super) initial_soc: f64,
    pub(super) loss: f64,
    pub(super) capacity_loss: f64,
    efficiency_curve: [Vec<f64>; 2],
    power_curve: [Vec<f64>; 2],
}

/// What changes in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    /// CityLearn keeps it in single precision.
    pub(super) share: f32,
    whole: f64,
}

impl Battery {
    pub(super) fn begin(&self) -> Charge {
        let least = (1.0 - self.depth_of_discharge).clamp(0.0, 1.0);
        Charge { share: self.initial_soc.max(least) as f32, whole: self.capacity }
    }

    /// Kilowatt hours in it.
    pub(super) fn stored(&self, charge: &Charge) -> f64 {
        f64::from(charge.share) * self.capacity
    }

    /// One hour in which it is asked for so much, below 0 to give; what it takes from the mains.
    pub(super) fn hour(&self, charge: &mut Charge, asked: f64) -> f64 {
        let least = (1.0 - self.depth_of_discharge).clamp(0.0, 1.0) * self.capacity;
        let before = self.stored(charge).max(least);
        let most = (self.power * line(&self.power_curve, before / self.capacity)).max(0.0);
        let wanted = asked.abs().min(most);
        let (mut moved, mut part) = (wanted, 1.0);
        for _ in 0..2 {
            part = line(&self.efficiency_curve, (moved / self.power).min(1.0)).sqrt();
            let room =
                if asked >= 0.0 { (charge.whole - before).max(0.0) / part } else { (before - least).max(0.0) * part };
            moved = wanted.min(room);
        }
        let after =
            if asked >= 0.0 { (before + moved * part).min(self.capacity) } else { (before - moved / part).max(least) };
        let change = after - before;
        let taken = (if change >= 0.0 { change / part } else { change * part }) as f32;
        charge.whole -= self.capacity_loss * self.capacity * f64::from(taken.abs()) / (2.0 * charge.whole);
        // What stands until the next hour loses a little.
        let stands = f64::from((after / self.capacity) as f32);
        charge.share = (stands * (1.0 - self.loss)).clamp(least / self.capacity, 1.0) as f32;
        f64::from(taken)
    }

    /// The same as a store of the planner, for steps of an hour.
    pub(super) fn store(&self) -> Store {
        let of_power = |curve: &[Vec<f64>; 2]| {
            // Its parts are roots, between whose points the lines are not straight.
            let points = (0..=40).map(|at| f64::from(at) / 40.0);
            Curve::through(points.map(|share| (share * self.power, line(curve, share).sqrt())).collect())
        };
        let limits = self.power_curve[0].iter().zip(&self.power_curve[1]);
        let limits = Curve::through(limits.map(|(fill, share)| (*fill, share * self.power)).collect());
        Store {
            capacity: self.capacity,
            floor: (1.0 - self.depth_of_discharge).clamp(0.0, 1.0) * self.capacity,
            intake: of_power(&self.efficiency_curve),
            output: of_power(&self.efficiency_curve),
            take_max: limits.clone(),
            give_max: limits,
            loss: self.loss,
        }
    }
}

/// Straight lines through points, drawn on beyond the last.
fn line(curve: &[Vec<f64>; 2], at: f64) -> f64 {
    let [x, y] = curve;
    let low = x.partition_point(|point| *point < at).saturating_sub(1).min(x.len() - 2);
    y[low] + (at - x[low]) * (y[low + 1] - y[low]) / (x[low + 1] - x[low])
}
