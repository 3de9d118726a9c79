//! Thermostats, air quality, the weather station, the heat pump and its tank.

use model::Value;

use super::{ENERGY, PERCENT, POWER, Thing, at_once, battery};
use crate::body::Progress;
use crate::home::heating::{HeatPumpState, ThermostatMode};
use crate::home::house::HEATED;
use crate::home::rooms::Room;

/// Unit, range and digits of a temperature inside.
const INDOOR: (&str, f64, f64, u8) = ("°C", -10.0, 50.0, 1);

pub(super) fn things() -> Vec<Thing> {
    let mut things: Vec<Thing> = HEATED.into_iter().enumerate().map(|(index, room)| thermostat(room, index)).collect();
    things.push(air_quality(Room::LivingRoom));
    things.push(air_quality(Room::Bedroom));
    things.push(bathroom_sensor());
    things.push(weather_station());
    things.push(heat_pump());
    things.push(tank());
    things
}

fn thermostat(room: Room, index: usize) -> Thing {
    Thing::new(&format!("thermostat-{}", room.id()), &format!("{} thermostat", room.title()), room.id(), "thermostat")
        .about("A radiator thermostat that follows the day's programme until somebody sets it")
        .number("temperature", "Temperature", INDOOR, move |house| house.room(room).temperature_celsius)
        .primary()
        .told(0.1, 30)
        .number("target", "Target temperature", ("°C", 5.0, 30.0, 1), move |house| {
            house.thermostats[index].target_celsius
        })
        .primary()
        .step(0.5)
        .sets_number(move |house, celsius| house.thermostats[index].target_celsius = celsius)
        .choice("mode", "Mode", &["auto", "manual", "off"], move |house| match house.thermostats[index].mode {
            ThermostatMode::Auto => "auto",
            ThermostatMode::Manual => "manual",
            ThermostatMode::Off => "off",
        })
        .sets_choice(move |house, mode| {
            house.thermostats[index].mode = match mode {
                "auto" => ThermostatMode::Auto,
                "manual" => ThermostatMode::Manual,
                _ => ThermostatMode::Off,
            };
        })
        .number("valve", "Valve opening", PERCENT, move |house| house.thermostats[index].valve * 100.0)
        .told(3.0, 30)
        .number("battery", "Battery", PERCENT, move |house| house.thermostats[index].battery_percent())
        .diagnostic()
        .told(1.0, 60)
        .action(
            "boost",
            "Boost",
            move |house, input| {
                let minutes = match input {
                    Value::Json(input) => input.get("minutes").and_then(serde_json::Value::as_f64),
                    _ => None,
                };
                house.thermostats[index].boost_seconds = minutes.unwrap_or(15.0) * 60.0;
                Ok(())
            },
            at_once,
        )
        .hold()
        .takes("minutes", "Minutes", ("min", 1.0, 60.0))
}

fn air_quality(room: Room) -> Thing {
    Thing::new(
        &format!("air-quality-{}", room.id()),
        &format!("{} air quality", room.title()),
        room.id(),
        "air-quality",
    )
    .about("Measures carbon dioxide, fine dust, temperature and humidity")
    .number("co2", "Carbon dioxide", ("ppm", 350.0, 5_000.0, 0), move |house| house.room(room).co2_ppm)
    .primary()
    .told(15.0, 30)
    .number("pm25", "Fine dust (PM2.5)", ("µg/m³", 0.0, 500.0, 1), move |house| {
        house.room(room).dust_micrograms_per_cubic_metre
    })
    .told(0.5, 30)
    .number("temperature", "Temperature", INDOOR, move |house| house.room(room).temperature_celsius + 0.2)
    .primary()
    .told(0.1, 30)
    .number("humidity", "Humidity", PERCENT, move |house| house.room(room).humidity_percent())
    .primary()
    .told(1.0, 30)
}

fn bathroom_sensor() -> Thing {
    let sensor = Thing::new("climate-bathroom", "Bathroom climate", "bathroom", "climate-sensor")
        .about("Temperature and humidity, to know when to air")
        .number("humidity", "Humidity", PERCENT, |house| house.room(Room::Bathroom).humidity_percent())
        .primary()
        .told(1.0, 30)
        .number("temperature", "Temperature", INDOOR, |house| house.room(Room::Bathroom).temperature_celsius)
        .primary()
        .told(0.1, 30);
    battery(sensor, 88.0, 0.16)
}

fn weather_station() -> Thing {
    Thing::new("weather-station", "Weather station", "garden", "weather-station")
        .about("The weather over the garden")
        .number("temperature", "Temperature", ("°C", -40.0, 60.0, 1), |house| house.sky.temperature_celsius)
        .primary()
        .told(0.1, 60)
        .number("humidity", "Humidity", PERCENT, |house| house.sky.humidity_percent)
        .primary()
        .told(1.0, 60)
        .number("pressure", "Pressure", ("hPa", 900.0, 1_100.0, 1), |house| house.sky.pressure_hectopascal)
        .told(0.3, 60)
        .number("wind_speed", "Wind speed", ("m/s", 0.0, 60.0, 1), |house| house.sky.wind_metres_per_second)
        .primary()
        .told(0.4, 30)
        .number("wind_direction", "Wind direction", ("°", 0.0, 360.0, 0), |house| house.sky.wind_direction_degrees)
        .told(8.0, 60)
        .number("rain", "Rain", ("mm/h", 0.0, 200.0, 1), |house| house.sky.rain_millimetres_per_hour)
        .told(0.2, 60)
        .number("rain_today", "Rain today", ("mm", 0.0, 1_000.0, 1), |house| house.rain_today_millimetres)
        .told(0.2, 60)
        .number("irradiance", "Solar irradiance", ("W/m²", 0.0, 1_500.0, 0), |house| {
            house.sky.irradiance_watts_per_square_metre
        })
        .told(10.0, 30)
        .number("illuminance", "Illuminance", ("lx", 0.0, 150_000.0, 0), |house| {
            house.sky.irradiance_watts_per_square_metre * 112.0
        })
        .diagnostic()
        .told(1_000.0, 60)
}

fn heat_pump() -> Thing {
    Thing::new("heat-pump", "Heat pump", "utility-room", "heat-pump")
        .about("Air to water: heats the radiators and the hot water")
        .choice("state", "State", &["standby", "heating", "hot_water"], |house| match house.heat_pump.state {
            HeatPumpState::Standby => "standby",
            HeatPumpState::Heating => "heating",
            HeatPumpState::HotWater => "hot_water",
        })
        .primary()
        .number("power", "Power", POWER, |house| house.heat_pump.power_watts)
        .primary()
        .told(20.0, 10)
        .boolean("enabled", "Enabled", |house| house.heat_pump.enabled)
        .sets_boolean(|house, enabled| house.heat_pump.enabled = enabled)
        .number("heat", "Heat output", POWER, |house| house.heat_pump.heat_watts)
        .told(60.0, 10)
        .number("supply_temperature", "Supply temperature", ("°C", 0.0, 80.0, 1), |house| {
            house.heat_pump.supply_celsius
        })
        .told(0.3, 30)
        .number("performance", "Coefficient of performance", ("", 0.0, 10.0, 1), |house| {
            if house.heat_pump.state == HeatPumpState::Standby {
                0.0
            } else {
                house.heat_pump.heat_watts / house.heat_pump.power_watts
            }
        })
        .told(0.1, 30)
        .number("energy", "Energy", ENERGY, |house| house.heat_pump.energy_kilowatt_hours)
        .told(0.05, 60)
        .counter("starts", "Compressor starts", |house| house.heat_pump.starts)
        .diagnostic()
}

fn tank() -> Thing {
    Thing::new("hot-water-tank", "Hot water tank", "utility-room", "water-heater")
        .about("220 litres, warmed by the heat pump or, in a hurry, by its own heater")
        .number("temperature", "Temperature", ("°C", 0.0, 95.0, 1), |house| house.heat_pump.tank_celsius)
        .primary()
        .told(0.2, 30)
        .number("target", "Target temperature", ("°C", 35.0, 65.0, 0), |house| house.heat_pump.tank_target_celsius)
        .step(1.0)
        .primary()
        .sets_number(|house, celsius| house.heat_pump.tank_target_celsius = celsius)
        .boolean("heater", "Heater on", |house| house.heat_pump.boosting)
        .number("power", "Heater power", POWER, |house| house.heat_pump.immersion_watts)
        .told(20.0, 10)
        .action(
            "boost",
            "Boost",
            |house, _| {
                if house.heat_pump.tank_celsius >= 60.0 {
                    return Err("the tank is hot already".to_owned());
                }
                house.heat_pump.boosting = true;
                Ok(())
            },
            |house| match house.heat_pump.boosting {
                true => Progress::Running((house.heat_pump.tank_celsius / 60.0).clamp(0.0, 1.0)),
                false if house.heat_pump.tank_celsius >= 60.0 => Progress::Finished(Value::Null),
                false => Progress::Failed("it was stopped".to_owned()),
            },
        )
        .hold()
        .action(
            "stop_boost",
            "Stop boost",
            |house, _| {
                house.heat_pump.boosting = false;
                Ok(())
            },
            at_once,
        )
}
