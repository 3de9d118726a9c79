//! Meters, solar inverter, home battery, charger and car, and what tells prices and emissions of the grid.

use super::{ENERGY, PERCENT, POWER, Thing, at_once};
use crate::home::energy::{
    BATTERY_KILOWATT_HOURS, BATTERY_WATTS, BatteryMode, CHARGE_MOST_WATTS, ChargeMode, ChargerState,
};
use crate::home::house::House;

/// Unit, range and digits of a power that flows both ways.
const FLOW: (&str, f64, f64, u8) = ("W", -25_000.0, 25_000.0, 0);

pub(super) fn things() -> Vec<Thing> {
    vec![grid_meter(), distribution_board(), solar_inverter(), home_battery(), charger(), car(), prices(), carbon()]
}

fn grid_meter() -> Thing {
    Thing::new("grid-meter", "Grid meter", "utility-room", "grid-meter")
        .about("What the home takes from the grid; negative while it feeds in")
        .number("power", "Power", FLOW, |house| house.grid.power_watts)
        .primary()
        .every(2)
        .number("energy_imported", "Imported energy", ENERGY, |house| house.grid.imported_kilowatt_hours)
        .primary()
        .told(0.02, 60)
        .number("energy_exported", "Exported energy", ENERGY, |house| house.grid.exported_kilowatt_hours)
        .primary()
        .told(0.02, 60)
        .number("voltage", "Voltage", ("V", 180.0, 270.0, 1), |house| house.grid.voltage)
        .every(2)
        .number("frequency", "Frequency", ("Hz", 45.0, 55.0, 2), |house| house.grid.frequency_hertz)
        .diagnostic()
        .told(0.02, 60)
}

fn distribution_board() -> Thing {
    Thing::new("distribution-board", "Distribution board", "utility-room", "circuit-meter")
        .about("What the home consumes, and the circuits behind it")
        .number("consumption", "Consumption", POWER, |house| house.loads.total_watts)
        .primary()
        .every(2)
        .number("house", "House without car", POWER, |house| house.loads.house_watts)
        .every(2)
        .number("kitchen", "Kitchen circuit", POWER, House::kitchen_watts)
        .told(5.0, 10)
        .number("stove", "Stove", POWER, |house| house.loads.stove_watts)
        .told(10.0, 10)
        .number("standby", "Always on", POWER, |house| house.loads.base_watts)
        .told(5.0, 30)
}

fn solar_inverter() -> Thing {
    Thing::new("solar-inverter", "Solar inverter", "garage", "solar-inverter")
        .about("8.4 kW of modules on the south roof")
        .number("power", "Power", POWER, |house| house.solar.power_watts)
        .primary()
        .every(5)
        .number("energy_today", "Energy today", ("kWh", 0.0, 1_000.0, 2), |house| house.solar.today_kilowatt_hours)
        .primary()
        .told(0.05, 60)
        .number("energy", "Energy", ENERGY, |house| house.solar.energy_kilowatt_hours)
        .told(0.05, 60)
        .number("module_temperature", "Module temperature", ("°C", -40.0, 110.0, 1), |house| {
            house.solar.module_celsius
        })
        .diagnostic()
        .told(0.5, 60)
        .number("limit", "Feed-in limit", PERCENT, |house| house.solar.limit_percent)
        .step(1.0)
        .sets_number(|house, percent| house.solar.limit_percent = percent)
}

fn home_battery() -> Thing {
    let battery = Thing::new("home-battery", "Home battery", "garage", "battery")
        .about("Takes what the sun gives too much and gives it back at night; positive power is what it gives")
        .number("charge", "Charge", ("%", 0.0, 100.0, 1), |house| house.battery.charge_percent())
        .primary()
        .told(0.2, 30)
        .number("power", "Power", FLOW, |house| house.battery.power_watts)
        .primary()
        .every(5)
        .choice("mode", "Mode", &["self_use", "hold", "charge", "set_power"], |house| match house.battery.mode {
            BatteryMode::SelfUse => "self_use",
            BatteryMode::Hold => "hold",
            BatteryMode::Charge => "charge",
            BatteryMode::Told => "set_power",
        })
        .sets_choice(|house, mode| {
            house.battery.mode = match mode {
                "hold" => BatteryMode::Hold,
                "charge" => BatteryMode::Charge,
                "set_power" => BatteryMode::Told,
                _ => BatteryMode::SelfUse,
            };
        });
    battery
        .number("set_power", "Power that it is told", ("W", -BATTERY_WATTS, BATTERY_WATTS, 0), |house| {
            house.battery.told_watts
        })
        .step(100.0)
        .sets_number(|house, watts| house.battery.told_watts = watts)
        .number("reserve", "Reserve", PERCENT, |house| house.battery.reserve_percent)
        .step(1.0)
        .sets_number(|house, percent| house.battery.reserve_percent = percent)
        .number("energy_stored", "Stored energy", ("kWh", 0.0, BATTERY_KILOWATT_HOURS, 2), |house| {
            house.battery.stored_kilowatt_hours
        })
        .told(0.05, 60)
        .number("energy_charged", "Charged energy", ENERGY, |house| house.battery.charged_kilowatt_hours)
        .told(0.05, 60)
        .number("energy_discharged", "Discharged energy", ENERGY, |house| house.battery.discharged_kilowatt_hours)
        .told(0.05, 60)
        .number("temperature", "Cell temperature", ("°C", -20.0, 80.0, 1), |house| house.battery.cell_celsius)
        .diagnostic()
        .told(0.3, 60)
}

fn charger() -> Thing {
    Thing::new("ev-charger", "Car charger", "garage", "ev-charger")
        .about("11 kW; follows the sun unless told otherwise")
        .choice("state", "State", &["unplugged", "waiting", "charging", "complete"], |house| match house.car.state {
            ChargerState::Unplugged => "unplugged",
            ChargerState::Waiting => "waiting",
            ChargerState::Charging => "charging",
            ChargerState::Complete => "complete",
        })
        .primary()
        .number("power", "Power", POWER, |house| house.car.power_watts)
        .primary()
        .every(5)
        .choice("mode", "Mode", &["surplus", "fast", "off", "set_power"], |house| match house.car.mode {
            ChargeMode::Surplus => "surplus",
            ChargeMode::Fast => "fast",
            ChargeMode::Off => "off",
            ChargeMode::Told => "set_power",
        })
        .primary()
        .sets_choice(|house, mode| {
            house.car.mode = match mode {
                "fast" => ChargeMode::Fast,
                "off" => ChargeMode::Off,
                "set_power" => ChargeMode::Told,
                _ => ChargeMode::Surplus,
            };
        })
        .number("set_power", "Power that it is told", ("W", 0.0, CHARGE_MOST_WATTS, 0), |house| house.car.told_watts)
        .step(100.0)
        .sets_number(|house, watts| house.car.told_watts = watts)
        .number("energy_session", "Energy of this session", ("kWh", 0.0, 200.0, 2), |house| {
            house.car.session_kilowatt_hours
        })
        .told(0.05, 60)
        .number("energy", "Energy", ENERGY, |house| house.car.energy_kilowatt_hours)
        .told(0.05, 60)
}

fn car() -> Thing {
    Thing::new("car", "Car", "garage", "car")
        .about("An electric car that tells its charge and whether it is at home")
        .number("charge", "Charge", ("%", 0.0, 100.0, 0), |house| house.car.charge_percent())
        .primary()
        .told(1.0, 60)
        .boolean("home", "At home", |house| house.car.home)
        .primary()
        .number("range", "Range", ("km", 0.0, 1_000.0, 0), |house| house.car.range_kilometres())
        .primary()
        .told(3.0, 60)
        .number("limit", "Charge limit", ("%", 50.0, 100.0, 0), |house| house.car.limit_percent)
        .step(5.0)
        .sets_number(|house, percent| house.car.limit_percent = percent)
        .number("odometer", "Odometer", ("km", 0.0, 1e7, 0), |house| house.car.odometer_kilometres)
        .diagnostic()
        .told(1.0, 60)
        .action(
            "flash_lights",
            "Flash lights",
            |house, _| if house.car.home { Ok(()) } else { Err("the car is out of reach".to_owned()) },
            at_once,
        )
}

fn prices() -> Thing {
    Thing::new("electricity-prices", "Electricity prices", "home", "price-feed")
        .about("What a kilowatt hour from the grid costs; the next day is known from early afternoon")
        .number("price", "Price", ("€/kWh", 0.0, 10.0, 4), |house| house.market.price())
        .primary()
        .told(0.000_1, 0)
        .document("prices", "Prices of the hours to come", |house| house.market.prices_ahead())
}

fn carbon() -> Thing {
    Thing::new("grid-carbon", "Carbon of the grid", "home", "carbon-feed")
        .about("What a kilowatt hour from the grid emits; the next day is known from early afternoon")
        .number("intensity", "Carbon intensity", ("g/kWh", 0.0, 2_000.0, 0), |house| house.market.carbon())
        .primary()
        .told(1.0, 0)
        .document("forecast", "Intensity of the hours to come", |house| house.market.carbon_ahead())
}
