//! Single devices: lights, plugs, machines with a programme, the fridge, and whatever moves: blinds, the garage door
//! and the vacuum robot.

use crate::plant::Plant;
use crate::random::Random;
use serde::{Deserialize, Serialize};

/// A lamp.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Light {
    /// Whether it is on.
    pub on: bool,
    /// How bright, 1 to 100.
    pub brightness_percent: f64,
    /// How warm its white is.
    pub colour_kelvin: f64,
    /// What it takes, as it was measured in the last step.
    pub power_watts: f64,
    full_watts: f64,
}

impl Light {
    /// A lamp that takes so much at full brightness.
    pub fn new(full_watts: f64) -> Self {
        Self { on: false, brightness_percent: 80.0, colour_kelvin: 2_900.0, power_watts: 0.3, full_watts }
    }
}

impl Plant for Light {
    type Inputs = ();
    type Outputs = ();

    fn step(&mut self, _dt_seconds: f64, _inputs: &(), _random: &mut Random) {
        self.power_watts = if self.on { 0.6 + self.full_watts * self.brightness_percent / 100.0 } else { 0.3 };
    }
}

/// A smart plug and what hangs on it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plug {
    /// Whether it lets current through.
    pub on: bool,
    /// What the device takes now.
    pub power_watts: f64,
    /// All that it ever took.
    pub energy_kilowatt_hours: f64,
}

impl Plug {
    /// A plug that has been in use for a while.
    pub fn new(energy_kilowatt_hours: f64) -> Self {
        Self { on: true, power_watts: 0.0, energy_kilowatt_hours }
    }
}

impl Plant for Plug {
    /// What the device would take, in watts, if the plug lets it.
    type Inputs = f64;
    type Outputs = ();

    fn step(&mut self, dt_seconds: f64, wanted_watts: &f64, random: &mut Random) {
        let flicker = 1.0 + 0.03 * random.normal().clamp(-3.0, 3.0);
        self.power_watts = if self.on { wanted_watts * flicker } else { 0.0 };
        self.energy_kilowatt_hours += self.power_watts * dt_seconds / 3.6e6;
    }
}

/// One phase of a machine's programme.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Phase {
    seconds: f64,
    watts: f64,
    /// Water that it takes in over the phase.
    litres: f64,
}

/// What a machine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MachineState {
    /// Nothing.
    Idle,
    /// Working.
    Running,
    /// Done, and not yet emptied.
    Finished,
}

/// Which machine it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MachineKind {
    /// Clothes.
    Washing,
    /// Dishes.
    Dishes,
}

/// A machine that runs a programme: it heats water, moves for a while, pumps and spins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    kind: MachineKind,
    /// What it is doing.
    pub state: MachineState,
    /// The programme that a start would run: 0 is the everyday one, 1 the quick one, 2 the hot one.
    pub programme: usize,
    elapsed_seconds: f64,
    phases: Vec<Phase>,
    /// What it takes.
    pub power_watts: f64,
    /// Water that it takes, litres a second.
    pub water_litres_per_second: f64,
    /// All that it ever took.
    pub energy_kilowatt_hours: f64,
    /// How often it ran.
    pub cycles: i64,
}

impl Machine {
    /// A machine that has run many times.
    pub fn new(kind: MachineKind) -> Self {
        let (energy_kilowatt_hours, cycles) = match kind {
            MachineKind::Washing => (402.6, 531),
            MachineKind::Dishes => (611.2, 874),
        };
        Self {
            kind,
            state: MachineState::Idle,
            programme: 0,
            elapsed_seconds: 0.0,
            phases: Vec::new(),
            power_watts: 0.0,
            water_litres_per_second: 0.0,
            energy_kilowatt_hours,
            cycles,
        }
    }

    fn programme_phases(&self) -> Vec<Phase> {
        let (heat, length) = [(1.0, 1.0), (0.55, 0.5), (1.7, 1.15)][self.programme.min(2)];
        let phase = |minutes: f64, watts: f64, litres: f64| Phase { seconds: minutes * 60.0, watts, litres };
        match self.kind {
            MachineKind::Washing => vec![
                phase(4.0, 60.0, 14.0),
                phase(15.0 * heat, 2_050.0, 0.0),
                phase(38.0 * length, 160.0, 0.0),
                phase(16.0 * length, 110.0, 26.0),
                phase(9.0, 420.0, 0.0),
            ],
            MachineKind::Dishes => vec![
                phase(6.0, 45.0, 4.0),
                phase(16.0 * heat, 1_900.0, 0.0),
                phase(45.0 * length, 65.0, 4.0),
                phase(13.0 * heat, 1_850.0, 3.0),
                phase(20.0 * length, 8.0, 0.0),
            ],
        }
    }

    /// Starts the programme; `Err` when it runs already.
    pub fn start(&mut self) -> Result<(), String> {
        if self.state == MachineState::Running {
            return Err("a programme is running".to_owned());
        }
        self.phases = self.programme_phases();
        self.elapsed_seconds = 0.0;
        self.state = MachineState::Running;
        self.cycles += 1;
        Ok(())
    }

    /// Stops the programme, if one runs.
    pub fn stop(&mut self) {
        if self.state == MachineState::Running {
            self.state = MachineState::Idle;
        }
    }

    /// Minutes until the programme is over.
    pub fn remaining_minutes(&self) -> f64 {
        if self.state != MachineState::Running {
            return 0.0;
        }
        let total: f64 = self.phases.iter().map(|phase| phase.seconds).sum();
        (total - self.elapsed_seconds).max(0.0) / 60.0
    }
}

impl Plant for Machine {
    type Inputs = ();
    /// Whether a programme came to its end.
    type Outputs = bool;

    fn step(&mut self, dt_seconds: f64, _inputs: &(), _random: &mut Random) -> bool {
        self.power_watts = 0.5;
        self.water_litres_per_second = 0.0;
        if self.state != MachineState::Running {
            return false;
        }
        self.elapsed_seconds += dt_seconds;
        let mut end = 0.0;
        let now = self.phases.iter().find(|phase| {
            end += phase.seconds;
            self.elapsed_seconds < end
        });
        let Some(phase) = now else {
            self.state = MachineState::Finished;
            return true;
        };
        self.power_watts = phase.watts;
        self.water_litres_per_second = phase.litres / phase.seconds;
        self.energy_kilowatt_hours += self.power_watts * dt_seconds / 3.6e6;
        false
    }
}

/// The fridge.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Fridge {
    /// What it keeps.
    pub target_celsius: f64,
    /// The air inside.
    pub temperature_celsius: f64,
    /// How long the door is still open.
    pub door_seconds: f64,
    running: bool,
    /// What it takes.
    pub power_watts: f64,
    /// All that it ever took.
    pub energy_kilowatt_hours: f64,
}

/// A cold fridge.
impl Default for Fridge {
    fn default() -> Self {
        Self {
            target_celsius: 5.0,
            temperature_celsius: 5.2,
            door_seconds: 0.0,
            running: false,
            power_watts: 1.0,
            energy_kilowatt_hours: 498.1,
        }
    }
}

impl Plant for Fridge {
    /// The temperature of the kitchen.
    type Inputs = f64;
    type Outputs = ();

    fn step(&mut self, dt_seconds: f64, kitchen_celsius: &f64, _random: &mut Random) {
        if self.temperature_celsius > self.target_celsius + 0.8 {
            self.running = true;
        } else if self.temperature_celsius < self.target_celsius - 0.8 {
            self.running = false;
        }
        let leak = if self.door_seconds > 0.0 { 1.2e-3 } else { 2.6e-5 };
        self.door_seconds = (self.door_seconds - dt_seconds).max(0.0);
        let cold = if self.running { -17.0 } else { 0.0 };
        // Towards the kitchen through the door and walls, towards the evaporator while it runs.
        let pull = if self.running { 7.5e-5 } else { 0.0 };
        let rate = leak + pull;
        let settled = (kitchen_celsius * leak + cold * pull) / rate;
        self.temperature_celsius += (settled - self.temperature_celsius) * (1.0 - libm::exp(-rate * dt_seconds));
        self.power_watts = if self.running { 84.0 } else { 1.0 };
        self.energy_kilowatt_hours += self.power_watts * dt_seconds / 3.6e6;
    }
}

/// Something that a motor moves between closed and open: a blind or a door.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shutter {
    /// 0 is closed, 100 open.
    pub position_percent: f64,
    /// Where it is going.
    pub target_percent: f64,
    travel_seconds: f64,
}

impl Shutter {
    /// At a position, with a motor that needs so long from one end to the other.
    pub fn new(position_percent: f64, travel_seconds: f64) -> Self {
        Self { position_percent, target_percent: position_percent, travel_seconds }
    }

    /// Whether it moves.
    pub fn is_moving(&self) -> bool {
        self.position_percent != self.target_percent
    }

    /// Stops where it is.
    pub fn stop(&mut self) {
        self.target_percent = self.position_percent;
    }
}

impl Plant for Shutter {
    type Inputs = ();
    type Outputs = ();

    fn step(&mut self, dt_seconds: f64, _inputs: &(), _random: &mut Random) {
        let most = 100.0 * dt_seconds / self.travel_seconds;
        self.position_percent += (self.target_percent - self.position_percent).clamp(-most, most);
    }
}

/// What the vacuum robot is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum VacuumState {
    /// On its dock, full or charging.
    Docked,
    /// At work.
    Cleaning,
    /// Standing where it is.
    Paused,
    /// On its way to the dock.
    Returning,
}

/// The vacuum robot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Vacuum {
    /// What it is doing.
    pub state: VacuumState,
    /// Its battery.
    pub battery_percent: f64,
    /// What it has cleaned in this or the last run.
    pub area_square_metres: f64,
    /// How far it is from its dock, in seconds.
    pub distance_seconds: f64,
    /// How full its bin is.
    pub bin_percent: f64,
    /// What the dock takes.
    pub power_watts: f64,
}

/// What it has to clean.
const FLOOR_SQUARE_METRES: f64 = 62.0;
/// How far the farthest corner is.
const DISTANCE_MOST_SECONDS: f64 = 25.0;

/// A robot on its dock.
impl Default for Vacuum {
    fn default() -> Self {
        Self {
            state: VacuumState::Docked,
            battery_percent: 100.0,
            area_square_metres: 61.0,
            distance_seconds: 0.0,
            bin_percent: 35.0,
            power_watts: 0.0,
        }
    }
}

impl Vacuum {
    /// Starts or goes on; `Err` says why it does not.
    pub fn start(&mut self) -> Result<(), String> {
        match self.state {
            VacuumState::Cleaning => return Err("it is cleaning already".to_owned()),
            _ if self.battery_percent < 20.0 => return Err("the battery is too low".to_owned()),
            VacuumState::Docked => self.area_square_metres = 0.0,
            VacuumState::Paused | VacuumState::Returning => {}
        }
        self.state = VacuumState::Cleaning;
        Ok(())
    }

    /// Sends it to its dock.
    pub fn dock(&mut self) {
        if self.state != VacuumState::Docked {
            self.state = VacuumState::Returning;
        }
    }
}

impl Plant for Vacuum {
    type Inputs = ();
    /// Whether it came back from a run that it completed.
    type Outputs = bool;

    fn step(&mut self, dt_seconds: f64, _inputs: &(), random: &mut Random) -> bool {
        self.power_watts = 2.0;
        match self.state {
            VacuumState::Docked => {
                if self.battery_percent < 100.0 {
                    self.power_watts = 34.0;
                    self.battery_percent = (self.battery_percent + dt_seconds / 110.0).min(100.0);
                }
            }
            VacuumState::Paused => self.battery_percent -= dt_seconds / 1_800.0,
            VacuumState::Cleaning => {
                self.battery_percent -= dt_seconds / 75.0;
                self.area_square_metres += dt_seconds / 50.0 * random.between(0.8, 1.2);
                self.bin_percent = (self.bin_percent + dt_seconds / 400.0).min(100.0);
                let wander = self.distance_seconds + random.between(-1.0, 1.3) * dt_seconds.min(20.0);
                self.distance_seconds = wander.clamp(3.0, DISTANCE_MOST_SECONDS);
                if self.area_square_metres >= FLOOR_SQUARE_METRES || self.battery_percent < 15.0 {
                    self.state = VacuumState::Returning;
                }
            }
            VacuumState::Returning => {
                self.battery_percent -= dt_seconds / 120.0;
                self.distance_seconds -= dt_seconds;
                if self.distance_seconds <= 0.0 {
                    self.distance_seconds = 0.0;
                    self.state = VacuumState::Docked;
                    return self.area_square_metres >= FLOOR_SQUARE_METRES;
                }
            }
        }
        self.battery_percent = self.battery_percent.clamp(0.0, 100.0);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wash_takes_its_time_and_energy() {
        let mut random = Random::new(0, "wash");
        let mut machine = Machine::new(MachineKind::Washing);
        let before = machine.energy_kilowatt_hours;
        machine.start().unwrap();
        assert!(machine.start().is_err());
        let (mut minutes, mut litres) = (0, 0.0);
        while machine.state == MachineState::Running {
            let ended = machine.step(60.0, &(), &mut random);
            litres += machine.water_litres_per_second * 60.0;
            minutes += 1;
            assert_eq!(ended, machine.state == MachineState::Finished);
        }
        let energy = machine.energy_kilowatt_hours - before;
        assert!((75..95).contains(&minutes) && (0.6..0.9).contains(&energy), "{minutes} min, {energy} kWh");
        assert!((35.0..45.0).contains(&litres), "{litres} l");
    }

    #[test]
    fn the_fridge_cycles() {
        let mut random = Random::new(0, "fridge");
        let mut fridge = Fridge::default();
        let (mut starts, mut before) = (0, false);
        for _ in 0..24 * 60 {
            fridge.step(60.0, &21.0, &mut random);
            assert!((3.5..7.0).contains(&fridge.temperature_celsius), "{fridge:?}");
            starts += usize::from(fridge.running && !before);
            before = fridge.running;
        }
        assert!((10..60).contains(&starts), "{starts}");
        let energy = fridge.energy_kilowatt_hours - 498.1;
        assert!((0.3..1.0).contains(&energy), "{energy} kWh a day");
    }

    #[test]
    fn the_robot_comes_back() {
        let mut random = Random::new(0, "vacuum");
        let mut vacuum = Vacuum::default();
        vacuum.start().unwrap();
        assert!(vacuum.start().is_err());
        let minutes = (0..120).find(|_| vacuum.step(60.0, &(), &mut random)).unwrap();
        assert!((40..70).contains(&minutes), "{minutes}");
        vacuum.start().unwrap();
        vacuum.step(5.0, &(), &mut random);
        vacuum.dock();
        assert!(!vacuum.step(60.0, &(), &mut random) && vacuum.state == VacuumState::Docked);
    }
}
