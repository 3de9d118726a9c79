//! Electricity: solar modules, the home battery, the car and its charger, and the meter that sees what is left.

use crate::home::place::Moment;
use crate::home::weather::Conditions;
use crate::plant::Plant;
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// Solar modules on the south roof with their inverter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Solar {
    /// What the modules give in full sun.
    pub peak_watts: f64,
    /// The share of its power that the inverter may feed in.
    pub limit_percent: f64,
    /// What it gives now.
    pub power_watts: f64,
    /// What it gave since midnight.
    pub today_kilowatt_hours: f64,
    /// What it ever gave.
    pub energy_kilowatt_hours: f64,
    /// The temperature of the modules.
    pub module_celsius: f64,
    day: i64,
}

/// Modules that have been on the roof for a while.
impl Default for Solar {
    fn default() -> Self {
        Self {
            peak_watts: 8_400.0,
            limit_percent: 100.0,
            power_watts: 0.0,
            today_kilowatt_hours: 0.0,
            energy_kilowatt_hours: 21_873.4,
            module_celsius: 12.0,
            day: 0,
        }
    }
}

impl Plant for Solar {
    type Inputs = (Moment, Conditions);
    type Outputs = ();

    fn step(&mut self, dt_seconds: f64, (moment, sky): &(Moment, Conditions), _random: &mut Random) {
        if self.day != moment.day {
            self.day = moment.day;
            self.today_kilowatt_hours = 0.0;
        }
        let on_modules = sky.beam_watts_per_square_metre * moment.sun_on_south_roof
            + sky.diffuse_watts_per_square_metre * 0.91
            + sky.irradiance_watts_per_square_metre * 0.018;
        let settled = sky.temperature_celsius + on_modules * 0.028;
        self.module_celsius += (settled - self.module_celsius) * (1.0 - libm::exp(-dt_seconds / 420.0));
        let warmth = 1.0 - 0.0037 * (self.module_celsius - 25.0);
        let most = self.peak_watts * 0.92 * self.limit_percent / 100.0;
        let power = self.peak_watts * on_modules / 1_000.0 * warmth * 0.88;
        // Below this the inverter sleeps.
        self.power_watts = if power < 12.0 { 0.0 } else { power.min(most) };
        let energy = self.power_watts * dt_seconds / 3.6e6;
        self.today_kilowatt_hours += energy;
        self.energy_kilowatt_hours += energy;
    }
}

/// What the battery does on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BatteryMode {
    /// Takes what the sun gives too much, gives what the house lacks.
    SelfUse,
    /// Nothing.
    Hold,
    /// Charges from whatever there is.
    Charge,
    /// Gives or takes what it is told.
    Told,
}

/// The home battery.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Battery {
    /// What it does on its own.
    pub mode: BatteryMode,
    /// What it gives when it is told what; negative to charge.
    #[serde(default)]
    pub told_watts: f64,
    /// What is in it.
    pub stored_kilowatt_hours: f64,
    /// What it gives; negative while it charges.
    pub power_watts: f64,
    /// The charge that it keeps for an outage.
    pub reserve_percent: f64,
    /// All that it ever took.
    pub charged_kilowatt_hours: f64,
    /// All that it ever gave.
    pub discharged_kilowatt_hours: f64,
    /// The temperature of its cells.
    pub cell_celsius: f64,
}

/// What a full battery holds.
pub const BATTERY_KILOWATT_HOURS: f64 = 10.2;
/// The most that it takes or gives.
pub const BATTERY_WATTS: f64 = 4_600.0;
/// Part of the energy that survives one way.
const BATTERY_EFFICIENCY: f64 = 0.955;

/// A battery with some charge.
impl Default for Battery {
    fn default() -> Self {
        Self {
            mode: BatteryMode::SelfUse,
            told_watts: 0.0,
            stored_kilowatt_hours: 4.0,
            power_watts: 0.0,
            reserve_percent: 8.0,
            charged_kilowatt_hours: 5_931.0,
            discharged_kilowatt_hours: 5_388.6,
            cell_celsius: 20.0,
        }
    }
}

impl Battery {
    /// How full it is.
    pub fn charge_percent(&self) -> f64 {
        self.stored_kilowatt_hours / BATTERY_KILOWATT_HOURS * 100.0
    }
}

/// What acts on the battery.
#[derive(Debug, Clone, Copy)]
pub struct BatteryInputs {
    /// What the house lacks; negative when there is too much.
    pub lack_watts: f64,
    /// The most that it may give: what the house takes without the car.
    pub discharge_most_watts: f64,
    /// The air around it.
    pub room_celsius: f64,
}

impl Plant for Battery {
    type Inputs = BatteryInputs;
    type Outputs = ();

    fn step(&mut self, dt_seconds: f64, inputs: &BatteryInputs, _random: &mut Random) {
        let wanted = match self.mode {
            BatteryMode::SelfUse => inputs.lack_watts.min(inputs.discharge_most_watts.max(0.0)),
            BatteryMode::Hold => 0.0,
            BatteryMode::Charge => -BATTERY_WATTS,
            BatteryMode::Told => self.told_watts,
        };
        // Neither overfull nor below its reserve within this step; the last tenth fills slowly.
        let hours = dt_seconds / 3_600.0;
        let floor = BATTERY_KILOWATT_HOURS * self.reserve_percent / 100.0;
        let room = (BATTERY_KILOWATT_HOURS - self.stored_kilowatt_hours).max(0.0);
        let taper = BATTERY_WATTS * (room / (BATTERY_KILOWATT_HOURS * 0.1)).clamp(0.05, 1.0);
        let charge_most = taper.min(room / BATTERY_EFFICIENCY / hours * 1_000.0);
        let available = (self.stored_kilowatt_hours - floor).max(0.0);
        let discharge_most = BATTERY_WATTS.min(available * BATTERY_EFFICIENCY / hours * 1_000.0);
        self.power_watts = wanted.clamp(-charge_most, discharge_most);
        if self.power_watts.abs() < 15.0 {
            self.power_watts = 0.0;
        }
        let energy = self.power_watts * hours / 1_000.0;
        if energy < 0.0 {
            self.stored_kilowatt_hours -= energy * BATTERY_EFFICIENCY;
            self.charged_kilowatt_hours -= energy;
        } else {
            self.stored_kilowatt_hours -= energy / BATTERY_EFFICIENCY;
            self.discharged_kilowatt_hours += energy;
        }
        let settled = inputs.room_celsius + self.power_watts.abs() * 0.0035;
        self.cell_celsius += (settled - self.cell_celsius) * (1.0 - libm::exp(-dt_seconds / 5_400.0));
    }
}

/// How the charger decides how fast to charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChargeMode {
    /// With what the sun gives too much, and at night only as far as the next day needs.
    Surplus,
    /// As fast as it can.
    Fast,
    /// Not at all.
    Off,
    /// With the power that it is told.
    Told,
}

/// What the charger is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChargerState {
    /// No car.
    Unplugged,
    /// A car that waits for sun, for night or for somebody.
    Waiting,
    /// Charging.
    Charging,
    /// The car has what it wants.
    Complete,
}

/// The car and the charger in the garage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Car {
    /// How the charger decides.
    pub mode: ChargeMode,
    /// What it takes when it is told what.
    #[serde(default)]
    pub told_watts: f64,
    /// What the charger is doing.
    pub state: ChargerState,
    /// Whether the car is at home, on the plug.
    pub home: bool,
    /// What is in the car's battery.
    pub stored_kilowatt_hours: f64,
    /// How full the car wants to be.
    pub limit_percent: f64,
    /// What the charger takes.
    pub power_watts: f64,
    /// What was charged since the car was plugged in.
    pub session_kilowatt_hours: f64,
    /// All that was ever charged.
    pub energy_kilowatt_hours: f64,
    /// How far the car ever went.
    pub odometer_kilometres: f64,
    /// How far it will have gone when it is back.
    trip_kilometres: f64,
    /// How long the charger has been doing what it does, so that clouds do not make it switch all the time.
    held_seconds: f64,
}

/// What the car's battery holds.
pub const CAR_KILOWATT_HOURS: f64 = 58.0;
const CAR_KILOWATT_HOURS_PER_KILOMETRE: f64 = 0.172;
/// One phase at 6 ampere is the least.
const CHARGE_LEAST_WATTS: f64 = 1_380.0;
/// Three phases at 16 ampere.
pub const CHARGE_MOST_WATTS: f64 = 11_040.0;
const CHARGE_NIGHT_WATTS: f64 = 3_680.0;
/// The charge below which the charger does not wait for the sun.
const NIGHT_PERCENT: f64 = 45.0;
const HOLD_SECONDS: f64 = 300.0;

/// What acts on the charger.
#[derive(Debug, Clone, Copy)]
pub struct CarInputs {
    /// What the sun gives more than the house takes.
    pub surplus_watts: f64,
    /// Hours since local midnight.
    pub hour: f64,
}

impl Car {
    /// A car on the plug, or not.
    pub fn new(home: bool) -> Self {
        Self {
            mode: ChargeMode::Surplus,
            told_watts: 0.0,
            state: if home { ChargerState::Waiting } else { ChargerState::Unplugged },
            home,
            stored_kilowatt_hours: 34.0,
            limit_percent: 80.0,
            power_watts: 0.0,
            session_kilowatt_hours: 0.0,
            energy_kilowatt_hours: 3_264.7,
            odometer_kilometres: 23_418.0,
            trip_kilometres: 0.0,
            held_seconds: HOLD_SECONDS,
        }
    }

    /// How full the car is.
    pub fn charge_percent(&self) -> f64 {
        self.stored_kilowatt_hours / CAR_KILOWATT_HOURS * 100.0
    }

    /// How far it would go.
    pub fn range_kilometres(&self) -> f64 {
        self.stored_kilowatt_hours / CAR_KILOWATT_HOURS_PER_KILOMETRE
    }

    /// Somebody drives away.
    pub fn leave(&mut self, kilometres: f64) {
        self.home = false;
        self.trip_kilometres = kilometres;
        self.session_kilowatt_hours = 0.0;
        self.power_watts = 0.0;
        self.state = ChargerState::Unplugged;
    }

    /// Somebody comes back; a car that would not have made it was charged on the way.
    pub fn arrive(&mut self) {
        self.home = true;
        self.odometer_kilometres += self.trip_kilometres;
        let used = self.trip_kilometres * CAR_KILOWATT_HOURS_PER_KILOMETRE;
        self.stored_kilowatt_hours = (self.stored_kilowatt_hours - used).max(CAR_KILOWATT_HOURS * 0.12);
        self.trip_kilometres = 0.0;
        self.held_seconds = HOLD_SECONDS;
    }

    fn wanted_watts(&self, inputs: &CarInputs) -> f64 {
        let at_night = (1.0..5.5).contains(&inputs.hour) && self.charge_percent() < NIGHT_PERCENT;
        match self.mode {
            ChargeMode::Off => 0.0,
            ChargeMode::Fast => CHARGE_MOST_WATTS,
            ChargeMode::Told if self.told_watts < CHARGE_LEAST_WATTS * 0.5 => 0.0,
            ChargeMode::Told => self.told_watts.clamp(CHARGE_LEAST_WATTS, CHARGE_MOST_WATTS),
            ChargeMode::Surplus if at_night => CHARGE_NIGHT_WATTS,
            ChargeMode::Surplus => {
                let charging = self.power_watts > 0.0;
                let enough = if charging { CHARGE_LEAST_WATTS * 0.6 } else { CHARGE_LEAST_WATTS * 1.15 };
                let held = self.held_seconds < HOLD_SECONDS;
                if (held && charging) || (!held && inputs.surplus_watts > enough) {
                    inputs.surplus_watts.clamp(CHARGE_LEAST_WATTS, CHARGE_MOST_WATTS)
                } else {
                    0.0
                }
            }
        }
    }
}

impl Plant for Car {
    type Inputs = CarInputs;
    type Outputs = ();

    fn step(&mut self, dt_seconds: f64, inputs: &CarInputs, _random: &mut Random) {
        if !self.home {
            return;
        }
        let limit = CAR_KILOWATT_HOURS * self.limit_percent / 100.0;
        let room = limit - self.stored_kilowatt_hours;
        let hours = dt_seconds / 3_600.0;
        let wanted = self.wanted_watts(inputs);
        let power = if room > 1e-6 { wanted.min(room / 0.92 / hours * 1_000.0) } else { 0.0 };
        self.held_seconds =
            if (power > 0.0) == (self.power_watts > 0.0) { self.held_seconds + dt_seconds } else { 0.0 };
        self.power_watts = power;
        let energy = power * hours / 1_000.0;
        self.stored_kilowatt_hours += energy * 0.92;
        self.session_kilowatt_hours += energy;
        self.energy_kilowatt_hours += energy;
        self.state = if power > 0.0 {
            ChargerState::Charging
        } else if room <= 1e-6 {
            ChargerState::Complete
        } else {
            ChargerState::Waiting
        };
    }
}

/// What the grid meter sees.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grid {
    /// What comes in; negative while the home feeds in.
    pub power_watts: f64,
    /// All that ever came in.
    pub imported_kilowatt_hours: f64,
    /// All that was ever fed in.
    pub exported_kilowatt_hours: f64,
    /// The voltage at the meter.
    pub voltage: f64,
    /// The frequency of the grid.
    pub frequency_hertz: f64,
}

/// A meter that has been running for a while.
impl Default for Grid {
    fn default() -> Self {
        Self {
            power_watts: 0.0,
            imported_kilowatt_hours: 14_207.8,
            exported_kilowatt_hours: 12_961.5,
            voltage: 231.0,
            frequency_hertz: 50.0,
        }
    }
}

impl Plant for Grid {
    /// What the home takes from the grid, in watts.
    type Inputs = f64;
    type Outputs = ();

    fn step(&mut self, dt_seconds: f64, power_watts: &f64, random: &mut Random) {
        self.power_watts = *power_watts;
        let energy = power_watts * dt_seconds / 3.6e6;
        self.imported_kilowatt_hours += energy.max(0.0);
        self.exported_kilowatt_hours += (-energy).max(0.0);
        // Both return to their middle within minutes, whatever the step.
        let keep = libm::exp(-dt_seconds / 240.0);
        let spread = libm::sqrt(1.0 - keep * keep);
        let voltage = 231.0 - power_watts * 0.000_35;
        self.voltage = voltage + (self.voltage - voltage) * keep + spread * 1.1 * random.normal();
        self.frequency_hertz = 50.0 + (self.frequency_hertz - 50.0) * keep + spread * 0.018 * random.normal();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_battery_neither_makes_nor_loses_energy(
            lacks in prop::collection::vec(-9_000.0..9_000.0f64, 1..200), seconds in 1.0..60.0f64
        ) {
            let mut random = Random::new(0, "battery");
            let mut battery = Battery::default();
            let (stored, charged, discharged) =
                (battery.stored_kilowatt_hours, battery.charged_kilowatt_hours, battery.discharged_kilowatt_hours);
            for lack_watts in lacks {
                let inputs = BatteryInputs { lack_watts, discharge_most_watts: lack_watts.max(0.0), room_celsius: 18.0 };
                battery.step(seconds, &inputs, &mut random);
                prop_assert!((0.0..=BATTERY_KILOWATT_HOURS + 1e-9).contains(&battery.stored_kilowatt_hours));
                prop_assert!(battery.power_watts * lack_watts >= 0.0, "never against what is needed");
            }
            let taken = (battery.charged_kilowatt_hours - charged) * BATTERY_EFFICIENCY;
            let given = (battery.discharged_kilowatt_hours - discharged) / BATTERY_EFFICIENCY;
            prop_assert!((battery.stored_kilowatt_hours - stored - taken + given).abs() < 1e-9);
        }
    }

    #[test]
    fn battery_and_charger_do_what_they_are_told() {
        let mut random = Random::new(0, "told");
        let mut battery = Battery { mode: BatteryMode::Told, told_watts: -1_500.0, ..Battery::default() };
        let inputs = BatteryInputs { lack_watts: 800.0, discharge_most_watts: 800.0, room_celsius: 18.0 };
        battery.step(60.0, &inputs, &mut random);
        assert_eq!(battery.power_watts, -1_500.0);
        (battery.told_watts, battery.stored_kilowatt_hours) = (3_000.0, BATTERY_KILOWATT_HOURS * 0.08);
        battery.step(60.0, &inputs, &mut random);
        assert_eq!(battery.power_watts, 0.0, "it keeps its reserve, whatever it is told");
        let mut car = Car { mode: ChargeMode::Told, told_watts: 2_500.0, ..Car::new(true) };
        let mut powers = [2_500.0, 900.0, 0.0].into_iter().map(|told_watts| {
            car.told_watts = told_watts;
            car.step(60.0, &CarInputs { surplus_watts: 0.0, hour: 12.0 }, &mut random);
            car.power_watts
        });
        assert_eq!([powers.next(), powers.next(), powers.next()], [Some(2_500.0), Some(CHARGE_LEAST_WATTS), Some(0.0)]);
    }

    #[test]
    fn the_car_follows_the_sun_and_keeps_its_limit() {
        let mut random = Random::new(0, "car");
        let mut car = Car::new(true);
        let mut step = |car: &mut Car, surplus_watts: f64, hour: f64, minutes: usize| {
            for _ in 0..minutes {
                car.step(60.0, &CarInputs { surplus_watts, hour }, &mut random);
            }
        };
        step(&mut car, 500.0, 12.0, 30);
        assert_eq!((car.power_watts, car.state), (0.0, ChargerState::Waiting));
        step(&mut car, 4_000.0, 12.0, 30);
        assert_eq!((car.power_watts, car.state), (4_000.0, ChargerState::Charging));
        step(&mut car, 0.0, 13.0, 10);
        assert_eq!(car.power_watts, 0.0);
        car.mode = ChargeMode::Fast;
        step(&mut car, 0.0, 13.0, 60 * 6);
        assert!((car.charge_percent() - 80.0).abs() < 0.01 && car.state == ChargerState::Complete);
        car.leave(50.0);
        car.arrive();
        assert!((car.charge_percent() - (80.0 - 50.0 * 0.172 / 0.58)).abs() < 0.01);
    }
}
