//! A shift: orders come, robots get them and drive, one step of the planner's grid after the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use plan::assign::Distances;
use plan::{Action, Agent, Cell, Grid, Lifelong, State, Step};
use site::run::{Complaint, Outcome, Watch};

use super::demand::{Order, Stream, Urgency};
use super::doors::{Doors, door_wanted};
use super::figures::Figures;
use super::frame::frame;
use super::layout::{Ground, Layout};
use super::policy::Policy;
use super::robot::{Carried, Doing, Robot};
use super::settings::Warehouse;
use crate::dispatch::{self, Bookings, Dispatcher, Worker};
use crate::effort::Effort;

/// The most orders that are open at a time; more are refused and counted.
const OPEN_MAX: usize = 50_000;
/// The least seconds that a robot is served.
const SERVED_MIN: f64 = 0.5;
/// Virtual seconds between two frames of a recording.
const FRAME_SECONDS: f64 = 1.0;
/// The memory for distance fields.
const FIELD_BYTES_MAX: usize = 256 << 20;

/// How orders and robots stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Orders that came.
    pub came: u64,
    /// Orders that were refused, because too many were open.
    pub refused: u64,
    /// Orders that no robot has.
    pub open: u64,
    /// Orders that robots have.
    pub carried: u64,
    /// Orders that are done.
    pub done: u64,
    /// Stops and breakdowns of robots.
    pub troubles: u64,
}

/// A warehouse at work.
#[derive(Debug)]
pub struct Shift {
    layout: Arc<Layout>,
    stream: Stream,
    planner: Lifelong,
    /// The floor as it is now: ways through closed doors are closed.
    grid: Grid,
    doors: Doors,
    dispatcher: Dispatcher,
    effort: Effort,
    robots: Vec<Robot>,
    open: BTreeMap<Urgency, Order>,
    taken_in: u64,
    came: Vec<Order>,
    bookings: Bookings,
    figures: Figures,
    now: f64,
    trace: u64,
}

impl Shift {
    /// Everything in its place, before the first step.
    pub fn new(warehouse: &Warehouse, policy: Policy, seed: u64) -> Result<Self, Vec<Complaint>> {
        let layout = Arc::new(Layout::new(warehouse, policy)?);
        let settings = plan::Settings {
            depth: Some(policy.depth),
            threads: 1,
            seed,
            field_bytes_max: FIELD_BYTES_MAX,
            ..plan::Settings::default()
        };
        let mut planner = Lifelong::new(&layout.ground.view.grid, settings).map_err(|error| {
            vec![Complaint {
                place: "/policy/parameters/depth".into(),
                problem: error.to_string(),
                hint: String::new(),
            }]
        })?;
        planner.fields().share(layout.ground.shelf.clone());
        let mut grid = layout.ground.view.grid.clone();
        let doors = Doors::new(&layout.ground.pace, &mut grid);
        let troubles = &layout.warehouse.troubles;
        let robots = layout.starts(seed).into_iter().enumerate();
        let robots = robots.map(|(number, state)| Robot::new(state, troubles, number, seed)).collect();
        Ok(Self {
            stream: Stream::new(&layout.warehouse.demand, &layout.places, seed),
            planner,
            grid,
            doors,
            dispatcher: Dispatcher::new(seed),
            effort: Effort::default(),
            robots,
            open: BTreeMap::new(),
            taken_in: 0,
            came: Vec::new(),
            bookings: Bookings::new(layout.ground.view.grid.len()),
            figures: Figures::new(layout.ground.floor.stations.len(), layout.ground.view.grid.len()),
            now: 0.0,
            trace: seed,
            layout,
        })
    }

    /// Where everybody is.
    pub fn states(&self) -> impl Iterator<Item = State> + '_ {
        self.robots.iter().map(|robot| robot.state)
    }

    /// The grid that is driven on.
    pub fn grid(&self) -> &Grid {
        &self.layout.ground.view.grid
    }

    /// How long a step is.
    pub fn step_seconds(&self) -> f64 {
        self.layout.dt_seconds
    }

    /// How orders and robots stand now.
    pub fn tally(&self) -> Tally {
        Tally {
            came: self.figures.came,
            refused: self.figures.refused,
            open: self.open.len() as u64,
            carried: self.robots.iter().filter(|robot| robot.carried.is_some()).count() as u64,
            done: self.figures.lead_seconds.len() as u64,
            troubles: self.robots.iter().map(|robot| u64::from(robot.troubles)).sum(),
        }
    }

    /// A digest of everything that happened so far.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// Lets so many seconds pass. False when the watcher gave up.
    pub fn run(&mut self, seconds: f64, watch: &mut dyn Watch) -> bool {
        let mut next_frame = 0.0;
        let steps = (seconds / self.layout.dt_seconds).ceil().max(1.0) as u64;
        for step in 0..steps {
            if watch.wants_frames() && self.now >= next_frame {
                let Ground { network, view, .. } = &*self.layout.ground;
                let frame = frame(&self.robots, network, view, self.layout.dt_seconds, self.now);
                watch.frame(self.now, frame);
                next_frame = self.now + FRAME_SECONDS;
            }
            self.step();
            if step % 64 == 0 && !watch.goes_on(step as f64 / steps as f64) {
                return false;
            }
        }
        true
    }

    /// What it came to.
    pub fn close(self) -> Outcome {
        let carried = self.robots.iter().filter_map(|robot| robot.carried.as_ref()).map(|carried| &carried.order);
        let left: Vec<&Order> = self.open.values().chain(carried).collect();
        let overdue = left.iter().filter(|order| self.now > order.due).count();
        let (kpis, findings, spots) = self.figures.close(&self.layout, left.len(), overdue);
        Outcome { kpis, trace: self.trace, findings, spots }
    }

    /// One step of the grid.
    pub fn step(&mut self) {
        self.take_orders();
        for robot in &mut self.robots {
            robot.meet_trouble(&self.layout.warehouse.troubles, self.now);
        }
        self.work_at_stops();
        self.send_to_chargers();
        self.give_out_orders();
        let actions = self.plan();
        self.drive(&actions);
        self.now += self.layout.dt_seconds;
        self.figures.seconds = self.now;
    }

    fn take_orders(&mut self) {
        self.stream.take_until(self.now, &self.layout.places, &mut self.came);
        self.figures.came += self.came.len() as u64;
        let room = OPEN_MAX.saturating_sub(self.open.len());
        self.figures.refused += self.came.len().saturating_sub(room) as u64;
        for order in self.came.drain(..).take(room) {
            self.taken_in += 1;
            self.open.insert(order.urgency(self.taken_in), order);
        }
    }

    /// Robots that have arrived begin to be served; those who were go on.
    fn work_at_stops(&mut self) {
        for number in 0..self.robots.len() {
            let now = self.now;
            let robot = &mut self.robots[number];
            if robot.is_stuck(now) || robot.is_arriving(self.layout.dt_seconds) {
                continue;
            }
            match robot.doing {
                Doing::Going if robot.carried.as_ref().is_some_and(|carried| carried.cell == robot.state.cell) => {
                    let seconds = self.served_seconds(number);
                    self.robots[number].doing = Doing::Served(now + seconds);
                }
                Doing::Served(until) if now >= until => self.leave_stop(number),
                Doing::ToCharger(charger) if self.layout.chargers[charger] == robot.state.cell => {
                    robot.doing = Doing::Charging(charger);
                }
                Doing::Charging(charger) if robot.battery >= self.layout.warehouse.robots.charge_until_percent => {
                    robot.doing = Doing::Free;
                    self.bookings.remove(self.layout.chargers[charger]);
                }
                _ => {}
            }
        }
    }

    fn served_seconds(&mut self, number: usize) -> f64 {
        let robot = &mut self.robots[number];
        let carried = robot.carried.as_ref().expect("only who carries an order arrives at a stop");
        let place = &self.layout.places.named[carried.order.stops[carried.stop]];
        let Some(station) = place.station else { return self.layout.warehouse.robots.load_seconds };
        let worked = &self.layout.ground.floor.stations[station];
        let seconds = worked.service_seconds + worked.service_deviation_seconds * robot.random.normal();
        let seconds = seconds.max(SERVED_MIN);
        self.figures.served[station] += seconds;
        seconds
    }

    fn leave_stop(&mut self, number: usize) {
        let carried = self.robots[number].carried.take().expect("only who carries an order is served");
        self.bookings.remove(carried.cell);
        let next = carried.stop + 1;
        if next < carried.order.stops.len() {
            let cell = self.book(carried.order.stops[next]);
            self.robots[number].carried = Some(Carried { stop: next, cell, ..carried });
            self.robots[number].doing = Doing::Going;
            return;
        }
        self.robots[number].doing = Doing::Free;
        self.figures.lead_seconds.push(self.now - carried.order.came);
        self.figures.late += u64::from(self.now > carried.order.due);
        self.figures.alone += self.alone_seconds(&carried.order);
    }

    /// The least robot seconds that an order takes once its robot stands at its first stop.
    fn alone_seconds(&self, order: &Order) -> f64 {
        let cells: Vec<Cell> = order.stops.iter().map(|stop| self.layout.places.list[*stop].cells[0]).collect();
        let steps: u32 = cells.windows(2).map(|pair| self.steps_between(pair[0], pair[1])).sum();
        let stops: f64 = order
            .stops
            .iter()
            .map(|stop| match self.layout.places.named[*stop].station {
                Some(station) => self.layout.ground.floor.stations[station].service_seconds,
                None => self.layout.warehouse.robots.load_seconds,
            })
            .sum();
        f64::from(steps) * self.layout.dt_seconds + stops
    }

    fn steps_between(&self, from: Cell, to: Cell) -> u32 {
        self.layout.distances(&self.planner).between(from, to)
    }

    /// Sends a robot to the cell of a place to which the fewest are bound.
    fn book(&mut self, place: usize) -> Cell {
        let cell = self.bookings.emptiest(&self.layout.places.list[place].cells);
        let cell = cell.expect("a place has a cell: floors are checked");
        self.bookings.add(cell);
        cell
    }

    fn send_to_chargers(&mut self) {
        let workers = workers(&self.robots, self.now);
        let situation = self.layout.situation(self.now, &self.bookings, &workers);
        for (number, charger) in dispatch::to_charge(&situation, &self.layout.distances(&self.planner)) {
            self.robots[number].doing = Doing::ToCharger(charger);
            self.bookings.add(self.layout.chargers[charger]);
        }
    }

    /// Gives open orders to free robots; with re-assignment, orders that were not taken up yet may change their robot.
    fn give_out_orders(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let workers = workers(&self.robots, self.now);
        let situation = self.layout.situation(self.now, &self.bookings, &workers);
        let distances = self.layout.distances(&self.planner);
        let open = self.open.iter().map(|(urgency, order)| order.task(*urgency));
        let budget = self.effort.for_orders(workers.len());
        let given = self.dispatcher.orders(&situation, open, &distances, budget);
        // All that may change is taken first, so that every robot finds the places of the others as they will be.
        for (number, _) in &given {
            let robot = &mut self.robots[*number];
            robot.doing = Doing::Free;
            if let Some(carried) = robot.carried.take() {
                self.bookings.remove(carried.cell);
                self.open.insert(carried.urgency, carried.order);
            }
        }
        for (number, urgency) in given {
            let Some((urgency, order)) = urgency.and_then(|urgency| self.open.remove_entry(&urgency)) else { continue };
            let cell = self.book(order.stops[0]);
            self.robots[number].carried = Some(Carried { order, urgency, stop: 0, cell });
            self.robots[number].doing = Doing::Going;
        }
    }

    /// Opens doors for those who want to pass.
    fn open_doors(&mut self, agents: &[Agent]) {
        if self.doors.is_empty() {
            return;
        }
        let Ground { view, pace, .. } = &*self.layout.ground;
        let fields = self.planner.known_fields();
        let mut asked = Vec::new();
        for (robot, agent) in self.robots.iter_mut().zip(agents) {
            let goal = agent.goal.filter(|goal| *goal != agent.state.cell && !agent.is_fixed);
            robot.before_door = goal.and_then(|goal| door_wanted(pace, &view.grid, fields, agent.state, goal));
            asked.extend(robot.before_door);
        }
        self.doors.step(self.now, pace, &mut self.grid, asked.into_iter());
    }

    fn plan(&mut self) -> Vec<Action> {
        let dt_seconds = self.layout.dt_seconds;
        let has_prices = self.layout.ground.pace.has_prices();
        self.robots.iter_mut().filter(|_| has_prices).for_each(|robot| robot.consider_others(self.now));
        let agents: Vec<Agent> = self
            .robots
            .iter()
            .map(|robot| {
                let is_fixed = robot.is_fixed(self.now);
                let goal =
                    robot.goal(&self.layout.chargers, self.now).filter(|_| is_fixed || !robot.is_yielding(self.now));
                let rest = robot.carried.as_ref().filter(|_| !is_fixed).map(|carried| {
                    let next =
                        carried.order.stops.get(carried.stop + 1).map(|stop| self.layout.places.list[*stop].cells[0]);
                    (next, next.map_or(0, |next| self.steps_between(carried.cell, next)))
                });
                let (next, beyond) = rest.unwrap_or((None, 0));
                Agent { state: robot.state, goal, next, beyond, is_fixed: is_fixed || robot.is_arriving(dt_seconds) }
            })
            .collect();
        self.open_doors(&agents);
        let step = Step { grid: &self.grid, agents: &agents };
        match self.effort.plan(&mut self.planner, step, self.layout.policy.improvement) {
            Ok(plan) => plan.actions,
            // The judge threw the plan out: nobody moves in this step.
            Err(_) => vec![Action::Wait; agents.len()],
        }
    }

    /// Carries the plan out.
    fn drive(&mut self, planned: &[Action]) {
        let Ground { view, pace, floor, .. } = &*self.layout.ground;
        let (figures, dt) = (&mut self.figures, self.layout.dt_seconds);
        for (robot, action) in self.robots.iter_mut().zip(planned.iter().copied()) {
            let charging = match robot.doing {
                Doing::Charging(charger) => Some(floor.chargers[charger].percent_per_hour),
                _ => None,
            };
            let before = robot.state;
            robot.state = self.grid.after(before, action).unwrap_or(before);
            let is_stuck = robot.is_stuck(self.now);
            let is_arriving = robot.is_arriving(dt) && !is_stuck;
            let lag = if action == Action::Forward { pace.lag(before.cell, before.heading) } else { 0.0 };
            if !is_stuck {
                robot.arrive(lag, dt);
            }
            robot.spend(&self.layout.warehouse.robots, charging, is_arriving || action != Action::Wait, dt);
            let is_going = !robot.is_fixed(self.now) && matches!(robot.doing, Doing::Going | Doing::ToCharger(_));
            figures.with_order += if robot.carried.is_some() { dt } else { 0.0 };
            figures.charging += if charging.is_some() { dt } else { 0.0 };
            figures.stuck += if is_stuck { dt } else { 0.0 };
            figures.metres += if action == Action::Forward { view.step_metres } else { 0.0 };
            let is_shut = robot.before_door.is_some_and(|door| self.doors.is_shut(door));
            robot.note_move(is_going && !is_arriving && !is_shut && robot.state.cell == before.cell, self.now);
            if is_going {
                figures.going += dt;
                if is_arriving {
                    figures.slowed += dt;
                } else if action == Action::Wait {
                    figures.blocked += dt;
                    figures.blocked_at[before.cell as usize] += dt as f32;
                    figures.at_doors += if is_shut { dt } else { 0.0 };
                }
            }
            let said = u64::from(robot.state.cell) << 2 | robot.state.heading as u64;
            self.trace = (self.trace ^ said).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23);
        }
    }
}

fn workers(robots: &[Robot], now: f64) -> Vec<Worker<'_, Urgency>> {
    robots.iter().map(|robot| robot.worker(now)).collect()
}
