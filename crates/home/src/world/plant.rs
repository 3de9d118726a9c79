//! The home itself: what becomes of commands, step after step. Nothing here looks ahead.

use learn::thermal::Discrete;

use super::course::Slot;
use super::settings::HomeWorld;
use super::{STEP_HOURS, STEP_SECONDS};
use crate::tariff::Tariff;

/// A car that lacks less than this when it leaves lacks nothing.
const DEPARTURE_SLACK_KILOWATT_HOURS: f64 = 0.3;

/// How everything stands.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// In the battery, in kilowatt hours.
    pub battery: f64,
    /// In the car, in kilowatt hours.
    pub car: f64,
    /// The tank.
    pub tank_celsius: f64,
    /// Air and mass of the rooms.
    pub rooms_celsius: [f64; 2],
    /// Each machine: the step of its programme that runs, or for how many steps it has been waiting.
    pub machines: Vec<Machine>,
}

/// Where a machine stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// Empty, or done.
    Idle,
    /// Filled, and to be done within so many steps.
    Waiting(usize),
    /// In this step of its programme.
    Running(usize),
}

/// What a battery does: it follows what the home has too much or lacks, within these powers; positive charges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// It charges at least so much, in watts; negative: it gives at most so much.
    pub least: f64,
    /// It charges at most so much.
    pub most: f64,
}

impl Flow {
    /// Takes what is too much, gives what is missing.
    pub const FOLLOW: Self = Self { least: f64::NEG_INFINITY, most: f64::INFINITY };
    /// Nothing.
    pub const IDLE: Self = Self { least: 0.0, most: 0.0 };
}

/// What is to be done in a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Commands {
    /// The battery.
    pub battery: Flow,
    /// What the car is charged with.
    pub car_watts: f64,
    /// What the tank's heater takes.
    pub tank_watts: f64,
    /// What the heat pump takes.
    pub rooms_watts: f64,
    /// Which of the waiting machines begin.
    pub start: Vec<bool>,
}

/// What flowed in a step, in watts, and what was missed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Flows {
    /// From the grid; negative while the home feeds in.
    pub grid: f64,
    /// From the sun.
    pub solar: f64,
    /// Everything that the home took, without the battery.
    pub taken: f64,
    /// Into the battery; negative while it gives.
    pub battery: f64,
    /// What could not be supplied while the grid was gone.
    pub unserved: f64,
    /// How far the rooms were out of their band, in kelvin.
    pub discomfort_kelvin: f64,
    /// How far the tank was below what must be there, in kelvin.
    pub cold_water_kelvin: f64,
    /// What the car lacked when it left, in kilowatt hours; none when it did not leave.
    pub departure_lack: Option<f64>,
}

/// A home that is simulated.
#[derive(Debug, Clone)]
pub struct Home<'a> {
    /// What stands in it, and how large.
    pub world: &'a HomeWorld,
    /// How everything stands.
    pub state: State,
    rooms: Option<Discrete>,
}

impl<'a> Home<'a> {
    /// As it stands at the begin.
    pub fn new(world: &'a HomeWorld) -> Self {
        let body = &world.body;
        let capacity = world.sizes.battery_kilowatt_hours;
        let middle = body.rooms.as_ref().map_or(20.0, |rooms| rooms.day_celsius_min + 0.3);
        let state = State {
            battery: capacity * body.battery.reserve_percent / 100.0,
            car: body.car.as_ref().map_or(0.0, |car| car.capacity_kilowatt_hours * car.wanted_percent / 100.0),
            tank_celsius: body.tank.map_or(20.0, |tank| tank.celsius_min + 4.0),
            rooms_celsius: [middle; 2],
            machines: vec![Machine::Idle; body.appliances.len()],
        };
        Self { world, state, rooms: body.rooms.as_ref().map(|rooms| rooms.model.steps_of(f64::from(STEP_SECONDS))) }
    }

    /// The most that the battery takes or gives.
    pub fn battery_watts_max(&self) -> f64 {
        self.world.sizes.battery_kilowatt_hours * self.world.body.battery.watts_per_kilowatt_hour
    }

    /// What is never taken out of the battery while there is a grid, in kilowatt hours.
    pub fn reserve(&self) -> f64 {
        self.world.sizes.battery_kilowatt_hours * self.world.body.battery.reserve_percent / 100.0
    }

    /// Air and mass after a step in which the heat pump takes so much.
    pub fn rooms_after(&self, slot: &Slot, watts: f64) -> [f64; 2] {
        let (Some(rooms), Some(steps)) = (&self.world.body.rooms, &self.rooms) else { return self.state.rooms_celsius };
        let heat = watts * rooms.performance_at(slot.outdoor_celsius, slot.is_summer)
            + rooms.model.sun_square_metres * slot.sun_watts_per_kilowatt
            + rooms.model.gain_at(i64::from(slot.minute) * 60);
        steps.after(self.state.rooms_celsius, slot.outdoor_celsius, heat)
    }

    /// Lets a step pass: people first, then what was commanded within what is possible, then the battery, and the grid takes the rest.
    pub fn step(&mut self, slot: &Slot, commands: &Commands) -> Flows {
        let mut flows = Flows { departure_lack: self.come_and_go(slot), ..Flows::default() };
        let car = self.charge_car(slot, commands.car_watts);
        let tank = self.heat_tank(slot, commands.tank_watts, &mut flows);
        let rooms = self.heat_rooms(slot, commands.rooms_watts, &mut flows);
        let machines = self.run_machines(&commands.start, slot.is_out);
        flows.solar = slot.sun_watts_per_kilowatt * self.world.sizes.solar_kilowatts;
        flows.taken = slot.load_watts + car + tank + rooms + machines;
        let surplus = flows.solar - flows.taken;
        flows.battery = self.flow(surplus, if slot.is_out { Flow::FOLLOW } else { commands.battery }, slot.is_out);
        flows.grid = flows.taken + flows.battery - flows.solar;
        if slot.is_out {
            // What is too much is thrown away, what is missing is not there.
            flows.unserved = flows.grid.max(0.0);
            flows.taken -= flows.unserved;
            flows.solar = flows.taken + flows.battery;
            flows.grid = 0.0;
        }
        flows
    }

    fn come_and_go(&mut self, slot: &Slot) -> Option<f64> {
        for (number, machine) in self.state.machines.iter_mut().enumerate() {
            if slot.filled & (1 << number) != 0 && *machine == Machine::Idle {
                *machine = Machine::Waiting((self.world.body.appliances[number].hours / STEP_HOURS) as usize);
            }
        }
        let car = self.world.body.car.as_ref()?;
        if slot.returns {
            self.state.car = (self.state.car - car.trip_kilowatt_hours).max(0.02 * car.capacity_kilowatt_hours);
        }
        let wanted = car.capacity_kilowatt_hours * car.wanted_percent / 100.0;
        slot.leaves.then(|| {
            let lack = (wanted - self.state.car).max(0.0);
            if lack < DEPARTURE_SLACK_KILOWATT_HOURS { 0.0 } else { lack }
        })
    }

    fn charge_car(&mut self, slot: &Slot, wanted: f64) -> f64 {
        let Some(car) = self.world.body.car.as_ref().filter(|_| slot.plugged && !slot.is_out) else { return 0.0 };
        let room = (car.capacity_kilowatt_hours - self.state.car) / car.charge_efficiency / STEP_HOURS * 1_000.0;
        // Below its least power a car does not charge.
        let watts = if wanted < 0.5 * car.charge_watts_min {
            0.0
        } else {
            wanted.clamp(car.charge_watts_min, car.charge_watts_max)
        };
        let watts = watts.min(room.max(0.0));
        self.state.car += watts * car.charge_efficiency * STEP_HOURS / 1_000.0;
        watts
    }

    fn heat_tank(&mut self, slot: &Slot, wanted: f64, flows: &mut Flows) -> f64 {
        let Some(tank) = &self.world.body.tank else { return 0.0 };
        let room = (tank.celsius_max - self.state.tank_celsius).max(0.0) * tank.kilowatt_hours_per_kelvin;
        let most = tank.watts_max.min(room / tank.performance / STEP_HOURS * 1_000.0);
        let watts = if slot.is_out { 0.0 } else { wanted.clamp(0.0, most) };
        let heat = watts * tank.performance
            - slot.drawn_watts
            - tank.loss_watts_per_kelvin * (self.state.tank_celsius - tank.room_celsius);
        self.state.tank_celsius =
            (self.state.tank_celsius + heat * STEP_HOURS / 1_000.0 / tank.kilowatt_hours_per_kelvin).max(8.0);
        flows.cold_water_kelvin = (tank.celsius_min - self.state.tank_celsius).max(0.0);
        watts
    }

    fn heat_rooms(&mut self, slot: &Slot, wanted: f64, flows: &mut Flows) -> f64 {
        let Some(rooms) = &self.world.body.rooms else { return 0.0 };
        let most = self.world.sizes.heat_pump_kilowatts * 1_000.0;
        let watts = if slot.is_out { 0.0 } else { wanted.clamp(0.0, most) };
        self.state.rooms_celsius = self.rooms_after(slot, watts);
        let [least, most] = rooms.band(slot.minute);
        let air = self.state.rooms_celsius[0];
        flows.discomfort_kelvin = (least - air).max(0.0) + (air - most).max(0.0);
        watts
    }

    fn run_machines(&mut self, start: &[bool], is_out: bool) -> f64 {
        let mut watts = 0.0;
        for (number, machine) in self.state.machines.iter_mut().enumerate() {
            let programme = &self.world.body.appliances[number].programme_watts;
            if let Machine::Waiting(left) = *machine {
                let is_told = start.get(number).copied().unwrap_or(true);
                // Who is not told begins at the last moment: people want their dishes.
                *machine =
                    if is_told || left <= programme.len() { Machine::Running(0) } else { Machine::Waiting(left - 1) };
            }
            if let (Machine::Running(step), false) = (*machine, is_out) {
                watts += programme[step];
                *machine = if step + 1 < programme.len() { Machine::Running(step + 1) } else { Machine::Idle };
            }
        }
        watts
    }

    /// What the battery does with what is too much or missing.
    fn flow(&mut self, surplus: f64, wanted: Flow, is_out: bool) -> f64 {
        let (body, capacity) = (&self.world.body.battery, self.world.sizes.battery_kilowatt_hours);
        if capacity <= 0.0 {
            return 0.0;
        }
        let floor = if is_out { 0.0 } else { self.reserve() };
        let room = (capacity - self.state.battery).max(0.0) / body.charge_efficiency / STEP_HOURS * 1_000.0;
        let there = (self.state.battery - floor).max(0.0) * body.discharge_efficiency / STEP_HOURS * 1_000.0;
        let most = self.battery_watts_max();
        let watts =
            surplus.max(wanted.least).min(wanted.most.max(wanted.least)).clamp(-there.min(most), room.min(most));
        let stored = if watts > 0.0 { watts * body.charge_efficiency } else { watts / body.discharge_efficiency };
        self.state.battery += stored * STEP_HOURS / 1_000.0;
        self.state.battery -= self.state.battery * body.loss_per_hour * STEP_HOURS;
        watts
    }

    /// What is stored, as the electricity that it would take to store it again, in kilowatt hours.
    pub fn stored(&self) -> f64 {
        let body = &self.world.body;
        let tank = body.tank.map_or(0.0, |tank| {
            (self.state.tank_celsius - tank.celsius_min) * tank.kilowatt_hours_per_kelvin / tank.performance
        });
        let car = body.car.as_ref().map_or(0.0, |car| self.state.car / car.charge_efficiency);
        self.state.battery * body.battery.discharge_efficiency + tank + car
    }
}

/// What a step costs by the tariff, without peaks.
pub(crate) fn cost(slot: &Slot, grid_watts: f64) -> f64 {
    let kilowatt_hours = grid_watts * STEP_HOURS / 1_000.0;
    kilowatt_hours * if grid_watts > 0.0 { slot.import_price } else { slot.export_price }
}

/// What peaks of a run cost, a month's part for shorter ones.
pub(crate) fn peak_cost(tariff: &Tariff, peaks_watts: &[f64], days: f64) -> f64 {
    let months = (days / 30.4).max(f64::MIN_POSITIVE);
    let mean = peaks_watts.iter().sum::<f64>() / peaks_watts.len().max(1) as f64;
    mean / 1_000.0 * tariff.capacity_price_per_kilowatt_month * months
}
