//! Warmth: thermostats on radiators, the heat pump that feeds them, and the hot water tank.

use crate::plant::Plant;
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// What a thermostat follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThermostatMode {
    /// The day's programme.
    Auto,
    /// The target that somebody set.
    Manual,
    /// Nothing but frost.
    Off,
}

/// A thermostat with its radiator valve.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Thermostat {
    /// What it follows.
    pub mode: ThermostatMode,
    /// The temperature it keeps.
    pub target_celsius: f64,
    /// How far the valve is open, 0 to 1.
    pub valve: f64,
    /// The target that the programme gave last: only a change of the programme overrides what somebody set.
    programme_celsius: f64,
    /// Until when `boost` keeps the valve open, in seconds.
    pub boost_seconds: f64,
    battery_percent: f64,
}

/// What a thermostat feels.
#[derive(Debug, Clone, Copy)]
pub struct ThermostatInputs {
    /// Its room.
    pub temperature_celsius: f64,
    /// What the programme wants now.
    pub programme_celsius: f64,
    /// Whether the window of its room is open: then it closes.
    pub window_open: bool,
}

impl Thermostat {
    /// A thermostat that follows its programme.
    pub fn new(target_celsius: f64, battery_percent: f64) -> Self {
        Self {
            mode: ThermostatMode::Auto,
            target_celsius,
            valve: 0.0,
            programme_celsius: target_celsius,
            boost_seconds: 0.0,
            battery_percent,
        }
    }

    /// Its battery.
    pub fn battery_percent(&self) -> f64 {
        self.battery_percent
    }
}

impl Plant for Thermostat {
    type Inputs = ThermostatInputs;
    type Outputs = ();

    fn step(&mut self, dt_seconds: f64, inputs: &ThermostatInputs, _random: &mut Random) {
        if self.programme_celsius != inputs.programme_celsius {
            self.programme_celsius = inputs.programme_celsius;
            if self.mode == ThermostatMode::Auto {
                self.target_celsius = inputs.programme_celsius;
            }
        }
        self.battery_percent = (self.battery_percent - dt_seconds / 86_400.0 * 0.12).max(1.0);
        self.boost_seconds = (self.boost_seconds - dt_seconds).max(0.0);
        let target = if self.mode == ThermostatMode::Off { 6.0 } else { self.target_celsius };
        let wanted = if self.boost_seconds > 0.0 {
            1.0
        } else if inputs.window_open {
            0.0
        } else {
            ((target - inputs.temperature_celsius + 0.35) / 0.9).clamp(0.0, 1.0)
        };
        // The motor moves the valve in two minutes from one end to the other.
        let most = dt_seconds / 120.0;
        self.valve += (wanted - self.valve).clamp(-most, most);
    }
}

/// What the heat pump is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeatPumpState {
    /// Nothing.
    Standby,
    /// Warming the buffer of the radiators.
    Heating,
    /// Warming the hot water tank.
    HotWater,
}

/// A modulating air to water heat pump with a buffer for the radiators and a hot water tank.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HeatPump {
    /// Whether it may run.
    pub enabled: bool,
    /// What it is doing.
    pub state: HeatPumpState,
    /// The water that goes to the radiators.
    pub supply_celsius: f64,
    /// The hot water tank.
    pub tank_celsius: f64,
    /// What the tank is kept at.
    pub tank_target_celsius: f64,
    /// The immersion heater of the tank, while `boost` runs.
    pub boosting: bool,
    /// What it takes from the mains.
    pub power_watts: f64,
    /// What the immersion heater takes.
    pub immersion_watts: f64,
    /// What it gives.
    pub heat_watts: f64,
    /// All that it ever took.
    pub energy_kilowatt_hours: f64,
    /// How often its compressor started.
    pub starts: i64,
}

/// What acts on the heat pump.
#[derive(Debug, Clone, Copy)]
pub struct HeatPumpInputs {
    /// Outside air.
    pub outdoor_celsius: f64,
    /// What radiators would take with supply water at 40 degrees.
    pub demand_watts: f64,
    /// Hot water that runs, litres a second at 40 degrees.
    pub draw_litres_per_second: f64,
}

/// Water in the buffer, which is small, and in the tank: joule for a degree.
const BUFFER_JOULES_PER_KELVIN: f64 = 160.0 * 4_186.0;
const TANK_JOULES_PER_KELVIN: f64 = 220.0 * 4_186.0;
/// The least and most heat that it gives.
const HEAT_LEAST_WATTS: f64 = 2_200.0;
const HEAT_MOST_WATTS: f64 = 8_500.0;
const IMMERSION_WATTS: f64 = 2_000.0;

/// A heat pump that has run for a while.
impl Default for HeatPump {
    fn default() -> Self {
        Self {
            enabled: true,
            state: HeatPumpState::Standby,
            supply_celsius: 33.0,
            tank_celsius: 49.0,
            tank_target_celsius: 51.0,
            boosting: false,
            power_watts: 0.0,
            immersion_watts: 0.0,
            heat_watts: 0.0,
            energy_kilowatt_hours: 6_412.3,
            starts: 3_120,
        }
    }
}

impl HeatPump {
    /// How much heat it makes of each watt.
    pub fn performance(&self, outdoor_celsius: f64) -> f64 {
        let sink = if self.state == HeatPumpState::HotWater { self.tank_celsius } else { self.supply_celsius } + 4.0;
        let lift = (sink - outdoor_celsius + 6.0).max(12.0);
        (0.43 * (sink + 273.15) / lift).clamp(1.5, 6.5)
    }

    fn decide(&mut self, supply_target: f64, demand_watts: f64) -> HeatPumpState {
        if !self.enabled {
            return HeatPumpState::Standby;
        }
        let tank_wants = self.tank_celsius < self.tank_target_celsius - 5.0
            || (self.state == HeatPumpState::HotWater && self.tank_celsius < self.tank_target_celsius + 0.5);
        if tank_wants {
            return HeatPumpState::HotWater;
        }
        let buffer_wants = demand_watts > 100.0
            && (self.supply_celsius < supply_target - 3.0
                || (self.state == HeatPumpState::Heating && self.supply_celsius < supply_target + 2.5));
        if buffer_wants { HeatPumpState::Heating } else { HeatPumpState::Standby }
    }
}

impl Plant for HeatPump {
    type Inputs = HeatPumpInputs;
    /// The heat that goes to the radiators, in watts.
    type Outputs = f64;

    fn step(&mut self, dt_seconds: f64, inputs: &HeatPumpInputs, _random: &mut Random) -> f64 {
        let supply_target = (38.0 - 0.55 * inputs.outdoor_celsius).clamp(28.0, 48.0);
        let before = self.state;
        self.state = self.decide(supply_target, inputs.demand_watts);
        if before == HeatPumpState::Standby && self.state != before {
            self.starts += 1;
        }
        // Radiators give in proportion to how far the water is above the room.
        let emitted = inputs.demand_watts * ((self.supply_celsius - 21.0) / 19.0).clamp(0.0, 1.6);
        self.heat_watts = match self.state {
            HeatPumpState::Standby => 0.0,
            HeatPumpState::Heating => {
                (emitted + (supply_target - self.supply_celsius) * 400.0).clamp(HEAT_LEAST_WATTS, HEAT_MOST_WATTS)
            }
            HeatPumpState::HotWater => 6_000.0,
        };
        let performance = self.performance(inputs.outdoor_celsius);
        self.power_watts =
            if self.state == HeatPumpState::Standby { 9.0 } else { self.heat_watts / performance + 45.0 };
        self.boosting &= self.tank_celsius < 60.0;
        self.immersion_watts = if self.boosting { IMMERSION_WATTS } else { 0.0 };
        let (to_buffer, to_tank) = match self.state {
            HeatPumpState::Heating => (self.heat_watts, 0.0),
            HeatPumpState::HotWater => (0.0, self.heat_watts),
            HeatPumpState::Standby => (0.0, 0.0),
        };
        let cooling = (self.supply_celsius - 20.0) * 6.0;
        self.supply_celsius += (to_buffer - emitted - cooling) * dt_seconds / BUFFER_JOULES_PER_KELVIN;
        self.supply_celsius = self.supply_celsius.clamp(15.0, 60.0);
        // Water at 40 degrees is mixed of the tank's and the mains'.
        let drawn_watts = if self.tank_celsius > 12.0 { inputs.draw_litres_per_second * 4_186.0 * 29.0 } else { 0.0 };
        let standing = (self.tank_celsius - 19.0) * 2.3;
        let tank_watts = to_tank + self.immersion_watts - drawn_watts - standing;
        self.tank_celsius = (self.tank_celsius + tank_watts * dt_seconds / TANK_JOULES_PER_KELVIN).clamp(8.0, 75.0);
        self.energy_kilowatt_hours += self.power_watts * dt_seconds / 3.6e6;
        emitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_out_is_heat_in_times_performance() {
        let mut random = Random::new(0, "pump");
        let mut pump = HeatPump::default();
        let (mut emitted, mut taken, mut starts) = (0.0, 0.0, pump.starts);
        let inputs = HeatPumpInputs { outdoor_celsius: 2.0, demand_watts: 5_000.0, draw_litres_per_second: 0.0 };
        for _ in 0..24 * 60 {
            emitted += pump.step(60.0, &inputs, &mut random);
            taken += pump.power_watts;
            assert!((20.0..50.0).contains(&pump.supply_celsius), "{pump:?}");
        }
        let performance = emitted / taken;
        assert!((2.2..4.5).contains(&performance), "{performance}");
        starts = pump.starts - starts;
        assert!(starts < 60, "{starts} starts a day");
    }

    #[test]
    fn showers_cool_the_tank_and_it_recovers() {
        let mut random = Random::new(0, "pump");
        let mut pump = HeatPump::default();
        let mut inputs = HeatPumpInputs { outdoor_celsius: 10.0, demand_watts: 0.0, draw_litres_per_second: 0.14 };
        pump.enabled = false;
        for _ in 0..12 {
            pump.step(60.0, &inputs, &mut random);
        }
        assert!(pump.tank_celsius < 40.0, "{pump:?}");
        pump.enabled = true;
        inputs.draw_litres_per_second = 0.0;
        for _ in 0..90 {
            pump.step(60.0, &inputs, &mut random);
        }
        assert!(pump.tank_celsius > 49.0 && pump.state == HeatPumpState::Standby, "{pump:?}");
    }

    #[test]
    fn somebody_s_target_stays_until_the_programme_changes() {
        let mut random = Random::new(0, "thermostat");
        let mut thermostat = Thermostat::new(21.0, 80.0);
        let mut feel = ThermostatInputs { temperature_celsius: 20.0, programme_celsius: 21.0, window_open: false };
        thermostat.target_celsius = 23.0;
        thermostat.step(60.0, &feel, &mut random);
        assert_eq!(thermostat.target_celsius, 23.0);
        feel.programme_celsius = 18.0;
        thermostat.step(60.0, &feel, &mut random);
        assert_eq!(thermostat.target_celsius, 18.0);
        feel.window_open = true;
        (0..5).for_each(|_| thermostat.step(60.0, &feel, &mut random));
        assert_eq!(thermostat.valve, 0.0);
    }
}
