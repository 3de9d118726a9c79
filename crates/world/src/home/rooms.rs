//! Rooms: one thermal mass and one volume of air each, coupled to the outside and to the rest of the house.

use crate::home::weather::vapour_pressure;
use crate::plant::Plant;
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// A room of the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Room {
    LivingRoom,
    Kitchen,
    Hall,
    Bedroom,
    ChildrensRoom,
    Study,
    Bathroom,
    UtilityRoom,
    Garage,
}

/// How many rooms there are.
pub const ROOMS: usize = 9;

impl Room {
    /// All rooms, in the order of their numbers.
    pub const ALL: [Self; ROOMS] = [
        Self::LivingRoom,
        Self::Kitchen,
        Self::Hall,
        Self::Bedroom,
        Self::ChildrensRoom,
        Self::Study,
        Self::Bathroom,
        Self::UtilityRoom,
        Self::Garage,
    ];

    /// The id of its space.
    pub fn id(self) -> &'static str {
        match self {
            Self::LivingRoom => "living-room",
            Self::Kitchen => "kitchen",
            Self::Hall => "hall",
            Self::Bedroom => "bedroom",
            Self::ChildrensRoom => "childrens-room",
            Self::Study => "study",
            Self::Bathroom => "bathroom",
            Self::UtilityRoom => "utility-room",
            Self::Garage => "garage",
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::LivingRoom => "Living room",
            Self::Kitchen => "Kitchen",
            Self::Hall => "Hall",
            Self::Bedroom => "Bedroom",
            Self::ChildrensRoom => "Children's room",
            Self::Study => "Study",
            Self::Bathroom => "Bathroom",
            Self::UtilityRoom => "Utility room",
            Self::Garage => "Garage",
        }
    }
}

/// What a room is built like.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Fabric {
    area_square_metres: f64,
    /// Heat lost to the outside for each degree.
    loss_watts_per_kelvin: f64,
    window_square_metres: f64,
    /// 0 east, 1 south, 2 west.
    window_faces: usize,
    radiator_watts: f64,
}

fn fabric(room: Room) -> Fabric {
    let (area_square_metres, loss_watts_per_kelvin, window_square_metres, window_faces, radiator_watts) = match room {
        Room::LivingRoom => (34.0, 34.0, 7.0, 1, 2_400.0),
        Room::Kitchen => (16.0, 17.0, 2.4, 0, 1_100.0),
        Room::Hall => (12.0, 14.0, 0.8, 2, 0.0),
        Room::Bedroom => (18.0, 19.0, 2.8, 0, 1_200.0),
        Room::ChildrensRoom => (17.0, 18.0, 3.0, 1, 1_250.0),
        Room::Study => (12.0, 13.0, 2.0, 2, 900.0),
        Room::Bathroom => (9.0, 9.0, 0.9, 2, 1_000.0),
        Room::UtilityRoom => (10.0, 10.0, 0.4, 0, 0.0),
        Room::Garage => (22.0, 55.0, 0.5, 2, 0.0),
    };
    Fabric { area_square_metres, loss_watts_per_kelvin, window_square_metres, window_faces, radiator_watts }
}

/// The heat that the radiator of a room gives at full flow.
pub fn radiator_watts(room: Room) -> f64 {
    fabric(room).radiator_watts
}

/// What acts on a room.
#[derive(Debug, Clone, Copy)]
pub struct RoomInputs {
    /// Outside air.
    pub outdoor_celsius: f64,
    /// Outside humidity.
    pub outdoor_humidity_percent: f64,
    /// Fine dust outside.
    pub outdoor_dust_micrograms_per_cubic_metre: f64,
    /// The mean of the rest of the house.
    pub house_celsius: f64,
    /// Direct sun on windows to the east, south and west, and the sky's light.
    pub sun_watts_per_square_metre: [f64; 3],
    /// How far blinds let the sun in, 0 to 1.
    pub blind_open: f64,
    /// Whether a window or outer door is open.
    pub window_open: bool,
    /// How many people are awake here.
    pub awake: usize,
    /// How many people are asleep here.
    pub asleep: usize,
    /// Heat from the radiator.
    pub heating_watts: f64,
    /// Heat from lights and appliances.
    pub gains_watts: f64,
    /// Water that a shower or stove puts into the air.
    pub steam_grams_per_second: f64,
    /// Fine dust from a stove.
    pub smoke_micrograms_per_second: f64,
}

/// The air of a room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RoomPlant {
    fabric: Fabric,
    /// Temperature of air and furnishings.
    pub temperature_celsius: f64,
    /// The walls, which follow slowly.
    wall_celsius: f64,
    /// Carbon dioxide.
    pub co2_ppm: f64,
    /// Water in the air.
    vapour_grams_per_cubic_metre: f64,
    /// Fine dust.
    pub dust_micrograms_per_cubic_metre: f64,
}

fn saturation_grams_per_cubic_metre(celsius: f64) -> f64 {
    216.7 * vapour_pressure(celsius) / (celsius + 273.15)
}

impl RoomPlant {
    /// A room that has been lived in.
    pub fn new(room: Room, outdoor_celsius: f64) -> Self {
        let temperature_celsius = match room {
            Room::Garage => f64::midpoint(outdoor_celsius, 18.0),
            Room::UtilityRoom | Room::Hall => outdoor_celsius.clamp(18.5, 25.0),
            _ => outdoor_celsius.clamp(20.0, 25.0),
        };
        Self {
            fabric: fabric(room),
            temperature_celsius,
            wall_celsius: temperature_celsius - 0.3,
            co2_ppm: 520.0,
            vapour_grams_per_cubic_metre: saturation_grams_per_cubic_metre(temperature_celsius) * 0.45,
            dust_micrograms_per_cubic_metre: 6.0,
        }
    }

    /// Relative humidity.
    pub fn humidity_percent(&self) -> f64 {
        let part = self.vapour_grams_per_cubic_metre / saturation_grams_per_cubic_metre(self.temperature_celsius);
        (part * 100.0).clamp(5.0, 100.0)
    }
}

impl Plant for RoomPlant {
    type Inputs = RoomInputs;
    type Outputs = ();

    fn step(&mut self, dt_seconds: f64, inputs: &RoomInputs, _random: &mut Random) {
        let fabric = &self.fabric;
        let volume = fabric.area_square_metres * 2.6;
        let changes_per_hour = 0.25 + if inputs.window_open { 6.0 } else { 0.0 };
        let air_watts_per_kelvin = volume * changes_per_hour / 3_600.0 * 1_200.0;
        let sun = inputs.sun_watts_per_square_metre[fabric.window_faces] * fabric.window_square_metres * 0.42;
        let people = inputs.awake as f64 * 100.0 + inputs.asleep as f64 * 70.0;
        let indoor = self.temperature_celsius;
        let wall_watts = (indoor - self.wall_celsius) * fabric.area_square_metres * 9.0;
        let watts = inputs.heating_watts + inputs.gains_watts + people + sun * inputs.blind_open
            - wall_watts
            - (indoor - inputs.outdoor_celsius) * (fabric.loss_watts_per_kelvin * 0.6 + air_watts_per_kelvin)
            - (indoor - inputs.house_celsius) * 28.0;
        // Air and furniture take 60 kJ for a degree and square metre, walls 260 kJ.
        self.temperature_celsius += watts * dt_seconds / (fabric.area_square_metres * 60_000.0);
        let wall_loss = (self.wall_celsius - inputs.outdoor_celsius) * fabric.loss_watts_per_kelvin * 0.4;
        self.wall_celsius += (wall_watts - wall_loss) * dt_seconds / (fabric.area_square_metres * 260_000.0);

        let exchange = 1.0 - libm::exp(-(changes_per_hour + 0.25) * dt_seconds / 3_600.0);
        // A person awake breathes out 18 litres of carbon dioxide an hour.
        let breath = (inputs.awake as f64 * 18.0 + inputs.asleep as f64 * 12.0) / volume * 1_000.0 / 3_600.0;
        self.co2_ppm += (430.0 - self.co2_ppm) * exchange + breath * dt_seconds;
        let outdoor_vapour =
            saturation_grams_per_cubic_metre(inputs.outdoor_celsius) * inputs.outdoor_humidity_percent / 100.0;
        let sweat = (inputs.awake + inputs.asleep) as f64 * 0.014;
        self.vapour_grams_per_cubic_metre += (outdoor_vapour - self.vapour_grams_per_cubic_metre) * exchange
            + (inputs.steam_grams_per_second + sweat) * dt_seconds / volume;
        let most = saturation_grams_per_cubic_metre(self.temperature_celsius);
        self.vapour_grams_per_cubic_metre = self.vapour_grams_per_cubic_metre.min(most);
        self.dust_micrograms_per_cubic_metre += (inputs.outdoor_dust_micrograms_per_cubic_metre * 0.7
            - self.dust_micrograms_per_cubic_metre)
            * (1.0 - libm::exp(-(changes_per_hour + 0.9) * dt_seconds / 3_600.0))
            + inputs.smoke_micrograms_per_second * dt_seconds / volume;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs() -> RoomInputs {
        RoomInputs {
            outdoor_celsius: 0.0,
            outdoor_humidity_percent: 80.0,
            outdoor_dust_micrograms_per_cubic_metre: 7.0,
            house_celsius: 20.0,
            sun_watts_per_square_metre: [0.0; 3],
            blind_open: 1.0,
            window_open: false,
            awake: 0,
            asleep: 0,
            heating_watts: 0.0,
            gains_watts: 0.0,
            steam_grams_per_second: 0.0,
            smoke_micrograms_per_second: 0.0,
        }
    }

    fn after(hours: f64, inputs: &RoomInputs) -> RoomPlant {
        let mut random = Random::new(0, "room");
        let mut room = RoomPlant::new(Room::Bedroom, 0.0);
        for _ in 0..(hours * 60.0) as usize {
            room.step(60.0, inputs, &mut random);
        }
        room
    }

    #[test]
    fn rooms_answer_to_what_acts_on_them() {
        let idle = after(6.0, &inputs());
        let heated = after(6.0, &RoomInputs { heating_watts: 1_200.0, ..inputs() });
        let aired = after(6.0, &RoomInputs { window_open: true, ..inputs() });
        assert!(heated.temperature_celsius > idle.temperature_celsius + 2.0);
        assert!(aired.temperature_celsius < idle.temperature_celsius - 4.0);
        assert!((14.0..20.0).contains(&idle.temperature_celsius), "{idle:?}");
        let night = after(8.0, &RoomInputs { asleep: 2, ..inputs() });
        assert!((900.0..2_200.0).contains(&night.co2_ppm), "{night:?}");
        assert!(night.humidity_percent() > idle.humidity_percent());
    }

    #[test]
    fn the_length_of_a_step_hardly_matters() {
        let mut random = Random::new(0, "room");
        let inputs = RoomInputs { heating_watts: 900.0, asleep: 2, ..inputs() };
        let (mut coarse, mut fine) = (RoomPlant::new(Room::Study, 0.0), RoomPlant::new(Room::Study, 0.0));
        for _ in 0..600 {
            coarse.step(60.0, &inputs, &mut random);
            for _ in 0..60 {
                fine.step(1.0, &inputs, &mut random);
            }
        }
        assert!((coarse.temperature_celsius - fine.temperature_celsius).abs() < 0.05);
        assert!((coarse.co2_ppm - fine.co2_ppm).abs() < 15.0);
    }
}
