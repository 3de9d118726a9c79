//! The physical world of the demo home: one plant made of the others, in which everything acts on everything else.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::home::devices::{Fridge, Light, Machine, MachineKind, MachineState, Plug, Shutter, Vacuum};
use crate::home::energy::{Battery, BatteryInputs, Car, CarInputs, Grid, Solar};
use crate::home::family::{Chore, Family, Household, Whereabouts};
use crate::home::heating::{HeatPump, HeatPumpInputs, Thermostat, ThermostatInputs};
use crate::home::market::Market;
use crate::home::place::{Moment, Place};
use crate::home::rooms::{ROOMS, Room, RoomInputs, RoomPlant, radiator_watts};
use crate::home::water::{Water, WaterInputs};
use crate::home::weather::{Conditions, Weather};
use crate::instrument::Told;
use crate::plant::Plant;
use crate::random::{Random, mix, smooth, to_unit};

/// The rooms with a radiator and a thermostat.
pub const HEATED: [Room; 6] =
    [Room::LivingRoom, Room::Kitchen, Room::Bedroom, Room::ChildrensRoom, Room::Study, Room::Bathroom];
/// The rooms with a lamp; the garden's comes after them.
pub const LIT: [Room; 7] =
    [Room::LivingRoom, Room::Kitchen, Room::Hall, Room::Bedroom, Room::ChildrensRoom, Room::Study, Room::Bathroom];
/// The number of the garden's lamp.
pub const GARDEN_LIGHT: usize = LIT.len();
/// The rooms with a blind.
pub const BLIND_ROOMS: [Room; 2] = [Room::LivingRoom, Room::Bedroom];
/// The rooms with a contact on the window.
pub const WINDOW_ROOMS: [Room; 3] = [Room::Kitchen, Room::Bedroom, Room::ChildrensRoom];

/// What hangs on the smart plugs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Socket {
    Television,
    CoffeeMachine,
    Desk,
}

/// What is open, moving or counting down because of people.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Pulses {
    /// How long the front door is still open.
    pub front_door_seconds: f64,
    /// How long the terrace door is still open.
    pub terrace_door_seconds: f64,
    /// How long the windows of [`WINDOW_ROOMS`] are still open.
    pub window_seconds: [f64; 3],
    /// How long the hall still sees motion.
    pub hall_motion_seconds: f64,
    /// How long the garage still sees motion.
    pub garage_motion_seconds: f64,
    /// How long the doorbell still sees somebody.
    pub door_motion_seconds: f64,
    /// How long the stove is still on.
    pub cooking_seconds: f64,
    /// How long the coffee machine still heats.
    pub brewing_seconds: f64,
    /// How long it still keeps warm.
    pub warming_seconds: f64,
    /// Until the garage door closes by itself; 0 when it does not.
    pub garage_close_seconds: f64,
    /// How long the smoke detector still tests itself.
    pub smoke_test_seconds: f64,
    /// How long the siren of the doorbell's chime still sounds.
    pub chime_seconds: f64,
}

impl Pulses {
    fn pass(&mut self, dt_seconds: f64) {
        let [kitchen, bedroom, childrens_room] = &mut self.window_seconds;
        for left in [
            &mut self.front_door_seconds,
            &mut self.terrace_door_seconds,
            kitchen,
            bedroom,
            childrens_room,
            &mut self.hall_motion_seconds,
            &mut self.garage_motion_seconds,
            &mut self.door_motion_seconds,
            &mut self.cooking_seconds,
            &mut self.brewing_seconds,
            &mut self.warming_seconds,
            &mut self.smoke_test_seconds,
            &mut self.chime_seconds,
        ] {
            *left = (*left - dt_seconds).max(0.0);
        }
    }
}

/// Loads that have no plant of their own, in watts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Loads {
    /// The stove.
    pub stove_watts: f64,
    /// What is always on.
    pub base_watts: f64,
    /// Everything but the car.
    pub house_watts: f64,
    /// Everything.
    pub total_watts: f64,
}

/// The demo home.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct House {
    place: Place,
    seed: u64,
    weather: Weather,
    family: Family,
    /// When it is.
    pub moment: Moment,
    /// The weather.
    pub sky: Conditions,
    /// Rain since midnight.
    pub rain_today_millimetres: f64,
    /// What the family is doing.
    pub household: Household,
    /// The air of every room.
    pub rooms: [RoomPlant; ROOMS],
    /// The thermostats of [`HEATED`].
    pub thermostats: [Thermostat; 6],
    /// The heat pump and the tank.
    pub heat_pump: HeatPump,
    /// The lamps of [`LIT`] and the garden.
    pub lights: [Light; 8],
    /// Which of them the habits of people last wanted on.
    lights_wanted: [bool; 8],
    is_dark: bool,
    /// Whether blinds keep the sun out.
    is_shaded: bool,
    /// The blinds of [`BLIND_ROOMS`].
    pub blinds: [Shutter; 2],
    blinds_wanted: [f64; 2],
    /// The plugs, by [`Socket`].
    pub plugs: [Plug; 3],
    /// The washing machine.
    pub washing_machine: Machine,
    /// The dishwasher.
    pub dishwasher: Machine,
    /// The fridge.
    pub fridge: Fridge,
    /// The vacuum robot.
    pub vacuum: Vacuum,
    /// The garage door.
    pub garage_door: Shutter,
    /// Whether the front door is locked.
    pub locked: bool,
    /// Short-lived things.
    pub pulses: Pulses,
    /// Solar modules.
    pub solar: Solar,
    /// The home battery.
    pub battery: Battery,
    /// Car and charger.
    pub car: Car,
    /// The grid meter.
    pub grid: Grid,
    /// Loads without a plant of their own.
    pub loads: Loads,
    /// Water.
    pub water: Water,
    /// What electricity costs and emits.
    #[serde(default)]
    pub market: Market,
    away_seconds: f64,
    started_days: f64,
    all_asleep: bool,
}

impl House {
    /// The home of this seed as it is at `start`.
    pub fn new(seed: u64, place: Place, start: Timestamp) -> Self {
        let moment = Moment::new(start, &place);
        let weather = Weather::new(seed);
        let sky = weather.at(&moment);
        let mut family = Family::new(seed, &moment);
        let household = family.step(0.0, &moment, &mut Random::new(seed, "family"));
        let is_day = moment.sun_elevation_degrees > 0.0;
        let car_home = household.people[0] != Whereabouts::Away;
        let batteries = [78.0, 64.0, 91.0, 55.0, 83.0, 47.0];
        let mut market = Market::new(seed);
        market.step(&moment);
        Self {
            rooms: Room::ALL.map(|room| RoomPlant::new(room, sky.temperature_celsius)),
            thermostats: std::array::from_fn(|index| {
                Thermostat::new(programme_celsius(HEATED[index], moment.hour(), false), batteries[index])
            }),
            heat_pump: HeatPump::default(),
            lights: [28.0, 22.0, 9.0, 14.0, 16.0, 12.0, 11.0, 18.0].map(Light::new),
            lights_wanted: [false; 8],
            is_dark: !is_day,
            is_shaded: false,
            blinds: [Shutter::new(100.0, 24.0), Shutter::new(100.0, 20.0)],
            blinds_wanted: [100.0; 2],
            plugs: [Plug::new(96.4), Plug::new(41.9), Plug::new(188.2)],
            washing_machine: Machine::new(MachineKind::Washing),
            dishwasher: Machine::new(MachineKind::Dishes),
            fridge: Fridge::default(),
            vacuum: Vacuum::default(),
            garage_door: Shutter::new(0.0, 14.0),
            locked: household.is_away(),
            pulses: Pulses::default(),
            solar: Solar::default(),
            battery: Battery::default(),
            car: Car::new(car_home),
            grid: Grid::default(),
            loads: Loads::default(),
            water: Water::new(seed),
            market,
            away_seconds: 0.0,
            started_days: start.seconds() / 86_400.0,
            all_asleep: false,
            rain_today_millimetres: 0.0,
            place,
            seed,
            weather,
            family,
            moment,
            sky,
            household,
        }
    }

    /// One room's air.
    pub fn room(&self, room: Room) -> &RoomPlant {
        &self.rooms[room as usize]
    }

    /// One plug.
    pub fn plug(&self, socket: Socket) -> &Plug {
        &self.plugs[socket as usize]
    }

    /// Whether the window of a room, or its door to the outside, is open.
    pub fn is_window_open(&self, room: Room) -> bool {
        let window = WINDOW_ROOMS.iter().position(|known| *known == room);
        window.is_some_and(|index| self.pulses.window_seconds[index] > 0.0)
            || (room == Room::LivingRoom && self.pulses.terrace_door_seconds > 0.0)
            || (room == Room::Hall && self.pulses.front_door_seconds > 0.0)
            || (room == Room::Garage && self.garage_door.position_percent > 0.0)
    }

    /// Daylight in a room, in lux.
    pub fn daylight_lux(&self, room: Room) -> f64 {
        let blind = BLIND_ROOMS.iter().position(|known| *known == room);
        let open = blind.map_or(1.0, |index| 0.03 + 0.97 * self.blinds[index].position_percent / 100.0);
        self.sky.irradiance_watts_per_square_metre * 1.6 * open
    }

    /// A battery that empties by so much a day since the beginning, and is replaced when it is empty.
    pub fn battery_percent(&self, first_percent: f64, per_day: f64) -> f64 {
        let days = self.moment.time.seconds() / 86_400.0 - self.started_days;
        let left = first_percent - days * per_day;
        if left >= 4.0 { left } else { 100.0 - (4.0 - left).rem_euclid(96.0) }
    }

    /// The radio of the garage's motion sensor is weak: it is lost for an hour or more every few days.
    pub fn is_garage_sensor_reachable(&self) -> bool {
        const BLOCK_SECONDS: f64 = 8.0 * 3_600.0;
        let blocks = self.moment.time.seconds() / BLOCK_SECONDS;
        let block = libm::floor(blocks);
        let bits = mix(self.seed ^ 0x6A4A, block as i64);
        let (is_bad, from) = (bits % 100 < 22, to_unit(mix(bits, 1)) * 0.5);
        let length = 0.12 + to_unit(mix(bits, 2)) * 0.38;
        !(is_bad && (from..from + length).contains(&(blocks - block)))
    }

    /// What all plugs, lamps and machines take, in watts.
    fn house_watts(&self) -> f64 {
        let lights: f64 = self.lights.iter().map(|light| light.power_watts).sum();
        let plugs: f64 = self.plugs.iter().map(|plug| plug.power_watts).sum();
        lights
            + plugs
            + self.washing_machine.power_watts
            + self.dishwasher.power_watts
            + self.fridge.power_watts
            + self.vacuum.power_watts
            + self.heat_pump.power_watts
            + self.heat_pump.immersion_watts
            + self.loads.stove_watts
            + self.loads.base_watts
    }

    /// What the circuit of the kitchen takes, in watts.
    pub fn kitchen_watts(&self) -> f64 {
        self.loads.stove_watts
            + self.fridge.power_watts
            + self.dishwasher.power_watts
            + self.plug(Socket::CoffeeMachine).power_watts
            + self.lights[Room::Kitchen as usize].power_watts
    }

    /// What people begin to do, and what follows from it at once.
    fn live(&mut self, dt_seconds: f64, random: &mut Random, told: &mut Vec<Told>) {
        for (from, to) in self.household.moves.clone() {
            self.pulses.hall_motion_seconds = 45.0;
            if from == Whereabouts::Away || to == Whereabouts::Away {
                self.pulses.front_door_seconds = 20.0;
                self.locked = false;
            }
            if from == Whereabouts::Garden || to == Whereabouts::Garden {
                self.pulses.terrace_door_seconds = 30.0;
            }
            if to == Whereabouts::In(Room::Kitchen) {
                self.fridge.door_seconds = 20.0;
            }
        }
        for chore in self.household.chores.clone() {
            self.begin(chore, random, told);
        }
        let all_asleep = !self.household.is_anyone_awake();
        let last_one_left = self.household.is_away() && !self.household.moves.is_empty();
        if last_one_left || (all_asleep && !self.all_asleep) {
            self.locked = true;
        }
        self.all_asleep = all_asleep;
        let empties = self.household.is_anyone_awake();
        if self.vacuum.bin_percent > 85.0 && empties && random.happens(0.3, dt_seconds) {
            self.vacuum.bin_percent = 0.0;
        }
        for machine in [&mut self.washing_machine, &mut self.dishwasher] {
            if machine.state == MachineState::Finished && empties && random.happens(0.7, dt_seconds) {
                machine.state = MachineState::Idle;
            }
        }
    }

    fn begin(&mut self, chore: Chore, random: &mut Random, told: &mut Vec<Told>) {
        match chore {
            Chore::Shower(seconds) => self.water.shower_seconds += seconds,
            Chore::Water(litres) => self.water.tap_litres += litres,
            Chore::Cook(seconds) => {
                self.pulses.cooking_seconds = seconds;
                self.fridge.door_seconds = 35.0;
                if self.sky.temperature_celsius > 4.0 && random.unit() < 0.5 {
                    self.pulses.window_seconds[0] = seconds * 0.6;
                }
            }
            Chore::Coffee => {
                self.pulses.brewing_seconds = 110.0;
                self.pulses.warming_seconds = 1_500.0;
            }
            // A machine that is still at work is left alone.
            Chore::StartWashing => drop(self.washing_machine.start()),
            Chore::StartDishes => drop(self.dishwasher.start()),
            Chore::Air(room, seconds) => {
                if let Some(window) = WINDOW_ROOMS.iter().position(|known| *known == room) {
                    self.pulses.window_seconds[window] = seconds;
                }
            }
            Chore::CarLeaves(kilometres) => {
                self.open_garage();
                self.car.leave(kilometres);
            }
            Chore::CarReturns => {
                self.open_garage();
                self.car.arrive();
            }
            Chore::RingDoorbell => {
                self.pulses.door_motion_seconds = 60.0;
                told.push(Told::new("doorbell", "pressed"));
                if !self.household.is_away() {
                    self.pulses.hall_motion_seconds = 90.0;
                    self.pulses.front_door_seconds = 40.0;
                    self.locked = false;
                }
            }
            Chore::Vacuum => drop(self.vacuum.start()),
        }
    }

    fn open_garage(&mut self) {
        self.garage_door.target_percent = 100.0;
        self.pulses.garage_close_seconds = 100.0;
        self.pulses.garage_motion_seconds = 150.0;
    }

    fn close_garage(&mut self, dt_seconds: f64) {
        if self.pulses.garage_close_seconds > 0.0 {
            self.pulses.garage_close_seconds -= dt_seconds;
            if self.pulses.garage_close_seconds <= 0.0 {
                self.garage_door.target_percent = 0.0;
            }
        }
    }

    /// Lamps and blinds follow habits where those change; in between, whatever somebody switched stays.
    fn switch_lights_and_blinds(&mut self) {
        let light = self.sky.irradiance_watts_per_square_metre;
        self.is_dark = if self.is_dark { light < 75.0 } else { light < 40.0 };
        let hour = self.moment.hour();
        for index in 0..self.lights.len() {
            let wanted = self.is_dark
                && match LIT.get(index) {
                    Some(room) => self.household.awake_in(*room) > 0,
                    None => self.household.is_anyone_awake() && hour > 15.0,
                };
            if wanted == self.lights_wanted[index] {
                continue;
            }
            self.lights_wanted[index] = wanted;
            let lamp = &mut self.lights[index];
            lamp.on = wanted;
            if wanted {
                let late = !(6.0..21.0).contains(&hour);
                lamp.brightness_percent = if late { 45.0 } else { 85.0 };
                lamp.colour_kelvin = if late { 2_500.0 } else { 3_600.0 };
            }
        }
        let indoor = self.room(Room::LivingRoom).temperature_celsius;
        let (warm, bright) = if self.is_shaded { (22.8, 180.0) } else { (24.2, 320.0) };
        self.is_shaded = indoor > warm && light > bright;
        for (index, room) in BLIND_ROOMS.into_iter().enumerate() {
            let is_night = self.moment.sun_elevation_degrees < -4.0 || self.household.asleep_in(room) > 0;
            let wanted = if is_night {
                0.0
            } else if self.is_shaded {
                35.0
            } else {
                100.0
            };
            if wanted != self.blinds_wanted[index] {
                self.blinds_wanted[index] = wanted;
                self.blinds[index].target_percent = wanted;
            }
        }
    }

    fn run_devices(&mut self, dt_seconds: f64, random: &mut Random, told: &mut Vec<Told>) {
        let hour = self.moment.hour();
        let seconds = self.moment.time.seconds();
        let watching = self.household.awake_in(Room::LivingRoom) > 0 && (17.5..23.5).contains(&hour);
        let working = self.household.awake_in(Room::Study) > 0;
        let coffee = if self.pulses.brewing_seconds > 0.0 {
            1_240.0
        } else if self.pulses.warming_seconds > 0.0 {
            38.0
        } else {
            0.9
        };
        let wanted = [if watching { 104.0 } else { 0.7 }, coffee, if working { 96.0 } else { 2.6 }];
        for light in &mut self.lights {
            light.step(dt_seconds, &(), random);
        }
        for (plug, wanted) in self.plugs.iter_mut().zip(wanted) {
            plug.step(dt_seconds, &wanted, random);
        }
        self.loads.stove_watts = if self.pulses.cooking_seconds > 0.0 {
            // The plates switch on and off.
            if mix(self.seed, libm::floor(seconds / 90.0) as i64) % 10 < 6 { 2_150.0 } else { 620.0 }
        } else {
            1.8
        };
        self.loads.base_watts = 118.0 + 24.0 * smooth(self.seed ^ 0xBA5E, seconds / 5_400.0) + 3.0 * random.unit();
        if self.washing_machine.step(dt_seconds, &(), random) {
            told.push(Told::new("washing-machine", "finished"));
        }
        if self.dishwasher.step(dt_seconds, &(), random) {
            told.push(Told::new("dishwasher", "finished"));
        }
        self.fridge.step(dt_seconds, &self.rooms[Room::Kitchen as usize].temperature_celsius, random);
        if self.vacuum.step(dt_seconds, &(), random) {
            told.push(Told::new("vacuum-robot", "finished"));
        }
        for shutter in self.blinds.iter_mut().chain([&mut self.garage_door]) {
            shutter.step(dt_seconds, &(), random);
        }
    }

    fn warm(&mut self, dt_seconds: f64, random: &mut Random) {
        self.away_seconds = if self.household.is_away() { self.away_seconds + dt_seconds } else { 0.0 };
        let on_holiday = self.away_seconds > 14.0 * 3_600.0;
        let mut demand_watts = [0.0; ROOMS];
        for (index, room) in HEATED.into_iter().enumerate() {
            let inputs = ThermostatInputs {
                temperature_celsius: self.room(room).temperature_celsius,
                programme_celsius: programme_celsius(room, self.moment.hour(), on_holiday),
                window_open: self.is_window_open(room),
            };
            self.thermostats[index].step(dt_seconds, &inputs, random);
            demand_watts[room as usize] = self.thermostats[index].valve * radiator_watts(room);
        }
        let total: f64 = demand_watts.iter().sum();
        let pump = HeatPumpInputs {
            outdoor_celsius: self.sky.temperature_celsius,
            demand_watts: total,
            draw_litres_per_second: self.water.hot_litres_per_second,
        };
        let emitted = self.heat_pump.step(dt_seconds, &pump, random);
        let share = if total > 0.0 { emitted / total } else { 0.0 };
        let house_celsius =
            self.rooms[..Room::Garage as usize].iter().map(|room| room.temperature_celsius).sum::<f64>()
                / (ROOMS - 1) as f64;
        for room in Room::ALL {
            let inputs = self.room_inputs(room, house_celsius, demand_watts[room as usize] * share);
            self.rooms[room as usize].step(dt_seconds, &inputs, random);
        }
    }

    fn room_inputs(&self, room: Room, house_celsius: f64, heating_watts: f64) -> RoomInputs {
        let sky = &self.sky;
        let cooking = self.pulses.cooking_seconds > 0.0;
        let light = LIT.iter().position(|known| *known == room).map_or(0.0, |index| self.lights[index].power_watts);
        let machines = match room {
            Room::LivingRoom => self.plug(Socket::Television).power_watts + self.loads.base_watts * 0.3,
            Room::Kitchen => self.kitchen_watts() * 0.5,
            Room::Study => self.plug(Socket::Desk).power_watts,
            Room::UtilityRoom => self.loads.base_watts * 0.5 + self.washing_machine.power_watts * 0.15 + 60.0,
            _ => 0.0,
        };
        let blind = BLIND_ROOMS.iter().position(|known| *known == room);
        RoomInputs {
            outdoor_celsius: sky.temperature_celsius,
            outdoor_humidity_percent: sky.humidity_percent,
            outdoor_dust_micrograms_per_cubic_metre: sky.dust_micrograms_per_cubic_metre,
            house_celsius,
            sun_watts_per_square_metre: self
                .moment
                .sun_on_windows
                .map(|cosine| sky.beam_watts_per_square_metre * cosine + sky.diffuse_watts_per_square_metre * 0.4),
            blind_open: blind.map_or(1.0, |index| 0.12 + 0.88 * self.blinds[index].position_percent / 100.0),
            window_open: self.is_window_open(room),
            awake: self.household.awake_in(room),
            asleep: self.household.asleep_in(room),
            heating_watts,
            gains_watts: light + machines,
            steam_grams_per_second: match room {
                Room::Bathroom if self.water.hot_litres_per_second > 0.0 => 0.45,
                Room::Kitchen if cooking => 0.3,
                _ => 0.0,
            },
            smoke_micrograms_per_second: match room {
                Room::Kitchen if cooking => 0.7,
                Room::LivingRoom if cooking => 0.35,
                _ => 0.0,
            },
        }
    }

    /// Sun first, then the house, then the car, then the battery; the grid takes or gives the rest.
    fn balance(&mut self, dt_seconds: f64, random: &mut Random) {
        self.solar.step(dt_seconds, &(self.moment, self.sky), random);
        self.loads.house_watts = self.house_watts();
        let surplus_watts = self.solar.power_watts - self.loads.house_watts;
        self.car.step(dt_seconds, &CarInputs { surplus_watts, hour: self.moment.hour() }, random);
        self.loads.total_watts = self.loads.house_watts + self.car.power_watts;
        let battery = BatteryInputs {
            lack_watts: self.loads.total_watts - self.solar.power_watts,
            discharge_most_watts: -surplus_watts,
            room_celsius: self.room(Room::Garage).temperature_celsius,
        };
        self.battery.step(dt_seconds, &battery, random);
        let grid_watts = self.loads.total_watts - self.solar.power_watts - self.battery.power_watts;
        self.grid.step(dt_seconds, &grid_watts, random);
    }
}

/// What a room is heated to.
fn programme_celsius(room: Room, hour: f64, on_holiday: bool) -> f64 {
    let by_day = (6.0..22.0).contains(&hour);
    match room {
        _ if on_holiday => 16.5,
        Room::Bedroom => 18.0,
        Room::Bathroom if (6.0..8.0).contains(&hour) || (19.0..22.5).contains(&hour) => 22.5,
        Room::Bathroom => 20.0,
        Room::Study if (8.0..18.0).contains(&hour) => 20.5,
        Room::Study => 18.0,
        _ if by_day => 21.0,
        _ => 18.5,
    }
}

impl Plant for House {
    /// The end of the step.
    type Inputs = Timestamp;
    /// What happened.
    type Outputs = Vec<Told>;

    fn step(&mut self, dt_seconds: f64, now: &Timestamp, random: &mut Random) -> Vec<Told> {
        let mut told = Vec::new();
        let day = self.moment.day;
        self.moment = Moment::new(*now, &self.place);
        self.sky = self.weather.step(dt_seconds, &self.moment, random);
        if day != self.moment.day {
            self.rain_today_millimetres = 0.0;
        }
        self.rain_today_millimetres += self.sky.rain_millimetres_per_hour * dt_seconds / 3_600.0;
        self.pulses.pass(dt_seconds);
        self.close_garage(dt_seconds);
        self.household = self.family.step(dt_seconds, &self.moment, random);
        self.live(dt_seconds, random, &mut told);
        self.switch_lights_and_blinds();
        self.run_devices(dt_seconds, random, &mut told);
        let water = WaterInputs {
            machines_litres_per_second: self.washing_machine.water_litres_per_second
                + self.dishwasher.water_litres_per_second,
            moment: self.moment,
        };
        if self.water.step(dt_seconds, &water, random) {
            told.push(Told::new("water-meter", "leak"));
        }
        self.warm(dt_seconds, random);
        self.balance(dt_seconds, random);
        self.market.step(&self.moment);
        told
    }
}
