//! How what stands in a home behaves: what was learned, and what people want of it.

use learn::thermal::{GAIN_BINS, ZoneModel};
use serde::{Deserialize, Serialize};

use super::settings::Within;

/// The most machines of a home.
const APPLIANCES_MAX: usize = 20;
/// The longest programme, in quarters of an hour.
const PROGRAMME_MAX: usize = 32;

/// How a home behaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Body {
    /// The battery, if there is one.
    pub battery: BatteryBody,
    /// The rooms that the heat pump keeps warm, or cool.
    pub rooms: Option<ZoneBody>,
    /// The tank of hot water.
    pub tank: Option<TankBody>,
    /// The car.
    pub car: Option<CarHabit>,
    /// Machines that do not mind when they run.
    pub appliances: Vec<ApplianceHabit>,
}

/// A battery, for each kilowatt hour of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BatteryBody {
    /// The most power for each kilowatt hour.
    pub watts_per_kilowatt_hour: f64,
    /// The part of what it takes that is stored.
    pub charge_efficiency: f64,
    /// The part of what leaves the store that it gives.
    pub discharge_efficiency: f64,
    /// The part that it loses in an hour by standing.
    pub loss_per_hour: f64,
    /// What is kept for an outage.
    pub reserve_percent: f64,
    /// What a kilowatt hour through it costs in wear.
    pub wear_per_kilowatt_hour: f64,
}

/// Rooms with a band of comfort, and their heat pump.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZoneBody {
    /// How they warm and cool.
    pub model: ZoneModel,
    /// The least that is comfortable by day.
    pub day_celsius_min: f64,
    /// The least that is comfortable at night.
    pub night_celsius_min: f64,
    /// The most that is comfortable.
    pub celsius_max: f64,
    /// When the day begins, by the hour of the wall clock.
    pub day_from_hour: u8,
    /// When it ends.
    pub day_to_hour: u8,
    /// Heat of a watt at 7 °C outside.
    pub performance: f64,
    /// How much more of it for each degree outside.
    pub performance_per_kelvin: f64,
    /// Whether the heat pump can cool.
    pub cools: bool,
    /// What a degree out of the band for an hour is worth avoiding.
    pub discomfort_per_kelvin_hour: f64,
}

/// A tank of hot water.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TankBody {
    /// Heat for a degree.
    pub kilowatt_hours_per_kelvin: f64,
    /// What it loses for each degree above its room.
    pub loss_watts_per_kelvin: f64,
    /// What must be there.
    pub celsius_min: f64,
    /// What it may be heated to.
    pub celsius_max: f64,
    /// The room that it stands in.
    pub room_celsius: f64,
    /// The most that its heater takes.
    pub watts_max: f64,
    /// Heat of a watt.
    pub performance: f64,
    /// Mean heat that is drawn in each hour.
    pub drawn_watts: [f64; 24],
}

/// The car and its habits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CarHabit {
    /// What its battery holds.
    pub capacity_kilowatt_hours: f64,
    /// The most that it charges with.
    pub charge_watts_max: f64,
    /// The least that it charges with, when it charges.
    pub charge_watts_min: f64,
    /// The part of what it takes that is stored.
    pub charge_efficiency: f64,
    /// On which days of the week it leaves, Monday is 1.
    pub days: Vec<u8>,
    /// When it leaves, in minutes of the local day.
    pub leaves_minute: u16,
    /// When it is back.
    pub returns_minute: u16,
    /// How far both differ from day to day, in minutes, as a standard deviation.
    pub spread_minutes: f64,
    /// What a day's way takes.
    pub trip_kilowatt_hours: f64,
    /// How full it is to be when it leaves.
    pub wanted_percent: f64,
}

/// A machine that does not mind when it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplianceHabit {
    /// What people call it.
    pub title: String,
    /// What it takes in each quarter of an hour of its programme.
    pub programme_watts: Vec<f64>,
    /// How often it runs in a week.
    pub runs_per_week: f64,
    /// When it is filled, in minutes of the local day.
    pub ready_minute: u16,
    /// In how many hours it is to be done.
    pub hours: f64,
}

impl Default for Body {
    fn default() -> Self {
        Self {
            battery: BatteryBody::default(),
            rooms: Some(ZoneBody::default()),
            tank: Some(TankBody::default()),
            car: Some(CarHabit::default()),
            appliances: vec![ApplianceHabit {
                title: "Dishwasher".into(),
                programme_watts: vec![800.0, 1_250.0, 65.0, 65.0, 900.0, 800.0, 10.0],
                runs_per_week: 6.0,
                ready_minute: 19 * 60,
                hours: 11.0,
            }],
        }
    }
}

impl Default for BatteryBody {
    fn default() -> Self {
        Self {
            watts_per_kilowatt_hour: 500.0,
            charge_efficiency: 0.955,
            discharge_efficiency: 0.955,
            loss_per_hour: 0.000_2,
            reserve_percent: 10.0,
            wear_per_kilowatt_hour: 0.01,
        }
    }
}

impl Default for ZoneBody {
    fn default() -> Self {
        Self {
            model: ZoneModel {
                air_kilowatt_hours_per_kelvin: 0.9,
                mass_kilowatt_hours_per_kelvin: 9.0,
                inner_watts_per_kelvin: 1_100.0,
                outer_watts_per_kelvin: 190.0,
                sun_square_metres: 3.5,
                gain_watts: [250.0; GAIN_BINS],
            },
            day_celsius_min: 20.5,
            night_celsius_min: 18.5,
            celsius_max: 25.5,
            day_from_hour: 6,
            day_to_hour: 22,
            performance: 3.6,
            performance_per_kelvin: 0.075,
            cools: true,
            discomfort_per_kelvin_hour: 0.5,
        }
    }
}

impl Default for TankBody {
    fn default() -> Self {
        let mut drawn_watts = [60.0; 24];
        for (hour, watts) in [(6, 1_400.0), (7, 1_800.0), (12, 300.0), (19, 700.0), (21, 900.0)] {
            drawn_watts[hour] = watts;
        }
        Self {
            kilowatt_hours_per_kelvin: 0.29,
            loss_watts_per_kelvin: 2.2,
            celsius_min: 45.0,
            celsius_max: 60.0,
            room_celsius: 19.0,
            watts_max: 2_000.0,
            performance: 2.6,
            drawn_watts,
        }
    }
}

impl Default for CarHabit {
    fn default() -> Self {
        Self {
            capacity_kilowatt_hours: 58.0,
            charge_watts_max: 11_000.0,
            charge_watts_min: 1_400.0,
            charge_efficiency: 0.92,
            days: vec![1, 2, 3, 4, 5],
            leaves_minute: 7 * 60 + 30,
            returns_minute: 17 * 60 + 30,
            spread_minutes: 15.0,
            trip_kilowatt_hours: 9.0,
            wanted_percent: 60.0,
        }
    }
}

impl ZoneBody {
    /// The band of comfort at a minute of the local day.
    pub fn band(&self, minute: u32) -> [f64; 2] {
        let is_day = (u32::from(self.day_from_hour) * 60..u32::from(self.day_to_hour) * 60).contains(&minute);
        [if is_day { self.day_celsius_min } else { self.night_celsius_min }, self.celsius_max]
    }

    /// Heat of a watt; negative while the heat pump cools.
    pub fn performance_at(&self, outdoor_celsius: f64, is_summer: bool) -> f64 {
        if is_summer && self.cools {
            // It cools the better the less hot it is outside.
            return -(4.2 - 0.07 * (outdoor_celsius - 25.0)).clamp(1.8, 6.0);
        }
        (self.performance + self.performance_per_kelvin * (outdoor_celsius - 7.0)).clamp(1.5, 6.5)
    }
}

impl Body {
    pub(super) fn complain(&self, within: &mut Within) {
        let battery = &self.battery;
        within.number("/world/body/battery/watts_per_kilowatt_hour", battery.watts_per_kilowatt_hour, 10.0, 10_000.0);
        within.number("/world/body/battery/charge_efficiency", battery.charge_efficiency, 0.3, 1.0);
        within.number("/world/body/battery/discharge_efficiency", battery.discharge_efficiency, 0.3, 1.0);
        within.number("/world/body/battery/loss_per_hour", battery.loss_per_hour, 0.0, 0.1);
        within.number("/world/body/battery/reserve_percent", battery.reserve_percent, 0.0, 95.0);
        within.number("/world/body/battery/wear_per_kilowatt_hour", battery.wear_per_kilowatt_hour, 0.0, 10.0);
        if let Some(rooms) = &self.rooms {
            let place = |name: &str| format!("/world/body/rooms/{name}");
            let model = &rooms.model;
            for (name, value, low, high) in [
                ("model/air_kilowatt_hours_per_kelvin", model.air_kilowatt_hours_per_kelvin, 0.001, 1_000.0),
                ("model/mass_kilowatt_hours_per_kelvin", model.mass_kilowatt_hours_per_kelvin, 0.001, 10_000.0),
                ("model/inner_watts_per_kelvin", model.inner_watts_per_kelvin, 0.1, 1e6),
                ("model/outer_watts_per_kelvin", model.outer_watts_per_kelvin, 0.1, 1e5),
                ("model/sun_square_metres", model.sun_square_metres, 0.0, 1_000.0),
                ("day_celsius_min", rooms.day_celsius_min, 5.0, 30.0),
                ("night_celsius_min", rooms.night_celsius_min, 5.0, 30.0),
                ("performance", rooms.performance, 0.2, 10.0),
                ("performance_per_kelvin", rooms.performance_per_kelvin, 0.0, 1.0),
                ("discomfort_per_kelvin_hour", rooms.discomfort_per_kelvin_hour, 0.0, 1_000.0),
                ("day_from_hour", f64::from(rooms.day_from_hour), 0.0, 24.0),
                ("day_to_hour", f64::from(rooms.day_to_hour), 0.0, 24.0),
            ] {
                within.number(&place(name), value, low, high);
            }
            if model.gain_watts.iter().any(|watts| !(-1e5..=1e5).contains(watts)) {
                within.complain(&place("model/gain_watts"), "gains are beyond reason".into(), "in watts");
            }
            let least = rooms.day_celsius_min.max(rooms.night_celsius_min);
            if rooms.celsius_max.is_nan() || rooms.celsius_max <= least {
                let problem = format!("the band of comfort ends at {} and begins at {least}", rooms.celsius_max);
                within.complain(&place("celsius_max"), problem, "give a most that lies above both leasts");
            }
        }
        if let Some(tank) = &self.tank {
            let place = |name: &str| format!("/world/body/tank/{name}");
            within.number(&place("kilowatt_hours_per_kelvin"), tank.kilowatt_hours_per_kelvin, 0.001, 100.0);
            within.number(&place("loss_watts_per_kelvin"), tank.loss_watts_per_kelvin, 0.0, 1_000.0);
            within.number(&place("celsius_min"), tank.celsius_min, 5.0, 95.0);
            within.number(&place("celsius_max"), tank.celsius_max, tank.celsius_min + 1.0, 98.0);
            within.number(&place("room_celsius"), tank.room_celsius, -30.0, 60.0);
            within.number(&place("watts_max"), tank.watts_max, 0.0, 1e5);
            within.number(&place("performance"), tank.performance, 0.2, 10.0);
            if tank.drawn_watts.iter().any(|watts| !(0.0..=1e5).contains(watts)) {
                within.complain(&place("drawn_watts"), "draws are not between 0 and 100000 W".into(), "");
            }
        }
        if let Some(car) = &self.car {
            let place = |name: &str| format!("/world/body/car/{name}");
            within.number(&place("capacity_kilowatt_hours"), car.capacity_kilowatt_hours, 1.0, 1_000.0);
            within.number(&place("charge_watts_max"), car.charge_watts_max, 100.0, 1e6);
            within.number(&place("charge_watts_min"), car.charge_watts_min, 0.0, car.charge_watts_max);
            within.number(&place("charge_efficiency"), car.charge_efficiency, 0.3, 1.0);
            within.number(&place("leaves_minute"), f64::from(car.leaves_minute), 0.0, 1_439.0);
            within.number(
                &place("returns_minute"),
                f64::from(car.returns_minute),
                f64::from(car.leaves_minute) + 15.0,
                1_440.0,
            );
            within.number(&place("spread_minutes"), car.spread_minutes, 0.0, 120.0);
            within.number(&place("trip_kilowatt_hours"), car.trip_kilowatt_hours, 0.0, car.capacity_kilowatt_hours);
            within.number(&place("wanted_percent"), car.wanted_percent, 0.0, 100.0);
            if car.days.iter().any(|day| !(1..=7).contains(day)) {
                within.complain(&place("days"), "a week has the days 1 to 7".into(), "Monday is 1, Sunday is 7");
            }
        }
        if self.appliances.len() > APPLIANCES_MAX {
            let problem = format!("{} machines are more than {APPLIANCES_MAX}", self.appliances.len());
            within.complain("/world/body/appliances", problem, "");
        }
        for (at, machine) in self.appliances.iter().enumerate() {
            let place = |name: &str| format!("/world/body/appliances/{at}/{name}");
            let steps = machine.programme_watts.len();
            if steps == 0
                || steps > PROGRAMME_MAX
                || machine.programme_watts.iter().any(|watts| !(0.0..=1e5).contains(watts))
            {
                let problem = format!("{steps} quarters of an hour are no programme");
                within.complain(&place("programme_watts"), problem, "give 1 to 32 powers from 0 W on");
            }
            within.number(&place("runs_per_week"), machine.runs_per_week, 0.0, 7.0);
            within.number(&place("ready_minute"), f64::from(machine.ready_minute), 0.0, 1_439.0);
            within.number(&place("hours"), machine.hours, steps as f64 * 0.25, 24.0);
        }
    }
}
