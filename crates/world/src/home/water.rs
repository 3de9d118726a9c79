//! Water: taps, showers and machines, the meter with its valve, and a pipe that drips at times.

use crate::home::place::Moment;
use crate::plant::Plant;
use crate::random::{Random, mix, to_unit};
use serde::{Deserialize, Serialize};

const SHOWER_LITRES_PER_SECOND: f64 = 0.14;
const TAP_LITRES_PER_SECOND: f64 = 0.11;
const DRIP_LITRES_PER_SECOND: f64 = 0.009;
/// Flow that does not stop for so long is taken for a leak.
const LEAK_SECONDS: f64 = 5_400.0;

/// The water of a home.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Water {
    seed: u64,
    /// How long showers still run.
    pub shower_seconds: f64,
    /// What taps and toilets still take.
    pub tap_litres: f64,
    /// Warm water that runs.
    pub hot_litres_per_second: f64,
    /// All water that runs.
    pub flow_litres_per_second: f64,
    /// All that ever ran.
    pub total_cubic_metres: f64,
    /// Whether the valve is open.
    pub valve_open: bool,
    /// Whether the meter takes the flow for a leak.
    pub leak: bool,
    flowing_seconds: f64,
}

/// What acts on it.
#[derive(Debug, Clone, Copy)]
pub struct WaterInputs {
    /// What machines take in.
    pub machines_litres_per_second: f64,
    /// When it is.
    pub moment: Moment,
}

impl Water {
    /// A meter that has counted for a while.
    pub fn new(seed: u64) -> Self {
        Self {
            seed: mix(seed, 0x3A7E),
            shower_seconds: 0.0,
            tap_litres: 0.0,
            hot_litres_per_second: 0.0,
            flow_litres_per_second: 0.0,
            total_cubic_metres: 743.218,
            valve_open: true,
            leak: false,
            flowing_seconds: 0.0,
        }
    }

    /// Every few weeks a cistern does not close for some hours of a night.
    fn is_dripping(&self, moment: &Moment) -> bool {
        let bits = mix(self.seed, moment.day.div_euclid(21));
        let night = moment.day.rem_euclid(21) == (bits % 21) as i64;
        let from = 0.5 + to_unit(mix(bits, 1)) * 1.5;
        night && (from..from + 2.2 + to_unit(mix(bits, 2)) * 1.5).contains(&moment.hour())
    }
}

impl Plant for Water {
    type Inputs = WaterInputs;
    /// Whether the meter has just found a leak.
    type Outputs = bool;

    fn step(&mut self, dt_seconds: f64, inputs: &WaterInputs, _random: &mut Random) -> bool {
        if !self.valve_open {
            self.hot_litres_per_second = 0.0;
            self.flow_litres_per_second = 0.0;
            self.shower_seconds = 0.0;
            self.tap_litres = 0.0;
        } else {
            let showering = self.shower_seconds.min(dt_seconds);
            self.shower_seconds -= showering;
            self.hot_litres_per_second = SHOWER_LITRES_PER_SECOND * showering / dt_seconds;
            let tapped = self.tap_litres.min(TAP_LITRES_PER_SECOND * dt_seconds);
            self.tap_litres -= tapped;
            let dripping = if self.is_dripping(&inputs.moment) { DRIP_LITRES_PER_SECOND } else { 0.0 };
            self.flow_litres_per_second =
                self.hot_litres_per_second + tapped / dt_seconds + inputs.machines_litres_per_second + dripping;
        }
        self.total_cubic_metres += self.flow_litres_per_second * dt_seconds / 1_000.0;
        self.flowing_seconds = if self.flow_litres_per_second > 0.0 { self.flowing_seconds + dt_seconds } else { 0.0 };
        let before = self.leak;
        self.leak = self.flowing_seconds >= LEAK_SECONDS;
        self.leak && !before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::place::Place;
    use model::Timestamp;

    #[test]
    fn a_drip_is_found_once_and_the_valve_stops_it() {
        let mut random = Random::new(0, "water");
        let mut water = Water::new(3);
        let mut leaks = 0;
        let place = Place::in_zone(0);
        for minute in 0..60 * 24 * 84_i64 {
            let moment = Moment::new(Timestamp::from_seconds(1_790_000_000 + minute * 60), &place);
            let inputs = WaterInputs { machines_litres_per_second: 0.0, moment };
            leaks += u32::from(water.step(60.0, &inputs, &mut random));
            if water.leak {
                water.valve_open = false;
                water.step(60.0, &inputs, &mut random);
                assert!(!water.leak && water.flow_litres_per_second == 0.0);
            } else {
                water.valve_open |= moment.hour() > 6.0;
            }
        }
        assert!((3..=5).contains(&leaks), "{leaks} in twelve weeks");
    }
}
