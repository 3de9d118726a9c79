//! A shift: orders come, robots get them and drive, one step of the planner's grid after the other.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{Clock, Timestamp};
use plan::assign::{Assigner, Job, Worker};
use plan::{Action, Agent, Budget, Cell, Grid, Heading, Lifelong, Planner, State, Step, guess};
use site::run::{Complaint, Kpis, Watch};
use world::Random;

use super::demand::{Order, Places, Stream};
use super::figures::{Figures, StationFigures};
use super::frame::frame;
use super::policy::Policy;
use super::robot::{Carried, Doing, Robot};
use super::settings::{Warehouse, floor_complaints};
use crate::floor::{Floor, GridView, Network};

/// The most orders that are open at a time; more are refused and counted.
const OPEN_MAX: usize = 50_000;
/// How many orders for each robot are looked at when orders are given out; the most urgent ones.
const LOOKED_AT: usize = 3;
/// How much cost one step of priority is worth.
const PRIORITY_WORTH: u32 = 200;
/// How much cost a minute is worth that an order has waited.
const MINUTE_WORTH: f64 = 10.0;
/// The least seconds that a robot is served.
const SERVED_MIN: f64 = 0.5;
/// Virtual seconds between two frames of a recording.
const FRAME_SECONDS: f64 = 1.0;
/// The memory for distance fields.
const FIELD_BYTES_MAX: usize = 256 << 20;

/// A clock that goes on with every look: it measures effort instead of time, so that the same shift always comes out the
/// same, however busy the machine is.
#[derive(Debug, Default)]
struct Effort(AtomicI64);

impl Clock for Effort {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A warehouse at work.
#[derive(Debug)]
pub struct Shift {
    warehouse: Warehouse,
    policy: Policy,
    floor: Floor,
    network: Network,
    view: GridView,
    places: Places,
    chargers: Vec<Cell>,
    stream: Stream,
    planner: Lifelong,
    assigner: Assigner,
    effort: Effort,
    robots: Vec<Robot>,
    open: Vec<Order>,
    came: Vec<Order>,
    /// How many robots are on their way to each cell, or served there.
    bound_for: Vec<u32>,
    figures: Figures,
    now: f64,
    dt_seconds: f64,
    trace: u64,
}

impl Shift {
    /// Everything in its place, before the first step.
    pub fn new(warehouse: &Warehouse, policy: Policy, seed: u64) -> Result<Self, Vec<Complaint>> {
        let mut complaints = warehouse.complaints();
        let floor = warehouse.floor.floor()?;
        let network = floor.network().map_err(floor_complaints)?;
        let view = GridView::of(&network).map_err(floor_complaints)?;
        let places = Places::of(&floor, &network, &view);
        complaints.extend(places.complaints(&warehouse.demand));
        let count = warehouse.robots.count as usize;
        if count * 10 > view.grid.len() * 9 {
            let problem = format!("{count} robots do not fit on {} cells", view.grid.len());
            let hint = "leave a tenth of the cells free".to_owned();
            complaints.push(Complaint { place: "/world/robots/count".into(), problem, hint });
        }
        let settings = plan::Settings {
            depth: Some(policy.depth),
            threads: 1,
            seed,
            field_bytes_max: FIELD_BYTES_MAX,
            ..plan::Settings::default()
        };
        let planner = Lifelong::new(&view.grid, settings).map_err(|error| {
            vec![Complaint {
                place: "/policy/parameters/depth".into(),
                problem: error.to_string(),
                hint: String::new(),
            }]
        })?;
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let cell = |node: &str| network.node(node).map(|node| view.cell(node));
        let chargers = floor.chargers.iter().filter_map(|charger| cell(&charger.node)).collect();
        let radians_per_second = std::f64::consts::FRAC_PI_2 / warehouse.robots.turn_seconds;
        let dt_seconds = view.step_seconds(warehouse.robots.speed, radians_per_second);
        let starts = starts(&floor, &network, &view, count, seed);
        let robots = starts.into_iter().enumerate().map(|(number, state)| Robot::new(state, number, seed)).collect();
        let figures = Figures { served: vec![0.0; floor.stations.len()], ..Figures::default() };
        Ok(Self {
            stream: Stream::new(&warehouse.demand, &places, seed),
            bound_for: vec![0; view.grid.len()],
            warehouse: warehouse.clone(),
            policy,
            floor,
            network,
            view,
            places,
            chargers,
            planner,
            assigner: Assigner::new(seed),
            effort: Effort::default(),
            robots,
            open: Vec::new(),
            came: Vec::new(),
            figures,
            now: 0.0,
            dt_seconds,
            trace: seed,
        })
    }

    /// Where everybody is.
    pub fn states(&self) -> impl Iterator<Item = State> + '_ {
        self.robots.iter().map(|robot| robot.state)
    }

    /// The grid that is driven on.
    pub fn grid(&self) -> &Grid {
        &self.view.grid
    }

    /// A digest of everything that happened so far.
    pub fn trace(&self) -> u64 {
        self.trace
    }

    /// Lets so many seconds pass. False when the watcher gave up.
    pub fn run(&mut self, seconds: f64, watch: &mut dyn Watch) -> bool {
        let mut next_frame = 0.0;
        let steps = (seconds / self.dt_seconds).ceil().max(1.0) as u64;
        for step in 0..steps {
            if watch.wants_frames() && self.now >= next_frame {
                watch.frame(self.now, frame(&self.robots, &self.network, &self.view, self.now));
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
    pub fn close(self) -> (Kpis, Vec<String>) {
        let stations: Vec<StationFigures<'_>> = self
            .floor
            .stations
            .iter()
            .map(|station| StationFigures { id: &station.id, places: station.nodes.len().max(1) })
            .collect();
        let carried = self.robots.iter().filter_map(|robot| robot.carried.as_ref()).map(|carried| &carried.order);
        let left: Vec<&Order> = self.open.iter().chain(carried).collect();
        let overdue = left.iter().filter(|order| self.now > order.due).count();
        self.figures.close(&self.warehouse, left.len(), overdue, &stations)
    }

    /// One step of the grid.
    pub fn step(&mut self) {
        self.take_orders();
        for robot in &mut self.robots {
            robot.meet_trouble(&self.warehouse.troubles, self.now, self.dt_seconds);
        }
        self.work_at_stops();
        self.send_to_chargers();
        self.give_out_orders();
        let actions = self.plan();
        self.drive(&actions);
        self.now += self.dt_seconds;
        self.figures.seconds = self.now;
    }

    fn take_orders(&mut self) {
        self.stream.take_until(self.now, &self.places, &mut self.came);
        self.figures.came += self.came.len() as u64;
        let room = OPEN_MAX.saturating_sub(self.open.len());
        self.figures.refused += self.came.len().saturating_sub(room) as u64;
        self.open.extend(self.came.drain(..).take(room));
    }

    /// Robots that have arrived begin to be served; those who were go on.
    fn work_at_stops(&mut self) {
        for number in 0..self.robots.len() {
            let now = self.now;
            let robot = &mut self.robots[number];
            if robot.is_stuck(now) {
                continue;
            }
            match robot.doing {
                Doing::Going if robot.carried.as_ref().is_some_and(|carried| carried.cell == robot.state.cell) => {
                    let seconds = self.served_seconds(number);
                    self.robots[number].doing = Doing::Served(now + seconds);
                }
                Doing::Served(until) if now >= until => self.leave_stop(number),
                Doing::ToCharger(charger) if self.chargers[charger] == robot.state.cell => {
                    robot.doing = Doing::Charging(charger);
                }
                Doing::Charging(charger) if robot.battery >= self.warehouse.robots.charge_until_percent => {
                    robot.doing = Doing::Free;
                    self.bound_for[self.chargers[charger] as usize] -= 1;
                }
                _ => {}
            }
        }
    }

    fn served_seconds(&mut self, number: usize) -> f64 {
        let robot = &mut self.robots[number];
        let carried = robot.carried.as_ref().expect("only who carries an order arrives at a stop");
        let place = &self.places.list[carried.order.stops[carried.stop]];
        let Some(station) = place.station else { return self.warehouse.robots.load_seconds };
        let worked = &self.floor.stations[station];
        let seconds = worked.service_seconds + worked.service_deviation_seconds * robot.random.normal();
        let seconds = seconds.max(SERVED_MIN);
        self.figures.served[station] += seconds;
        seconds
    }

    fn leave_stop(&mut self, number: usize) {
        let carried = self.robots[number].carried.take().expect("only who carries an order is served");
        self.bound_for[carried.cell as usize] -= 1;
        let next = carried.stop + 1;
        if next < carried.order.stops.len() {
            let cell = self.cell_of(carried.order.stops[next]);
            self.bound_for[cell as usize] += 1;
            self.robots[number].carried = Some(Carried { order: carried.order, stop: next, cell });
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
        let cells: Vec<Cell> = order.stops.iter().map(|stop| self.places.list[*stop].cells[0]).collect();
        let steps: u32 = cells.windows(2).map(|pair| self.steps_between(pair[0], pair[1])).sum();
        let stops: f64 = order
            .stops
            .iter()
            .map(|stop| match self.places.list[*stop].station {
                Some(station) => self.floor.stations[station].service_seconds,
                None => self.warehouse.robots.load_seconds,
            })
            .sum();
        f64::from(steps) * self.dt_seconds + stops
    }

    fn steps_between(&self, from: Cell, to: Cell) -> u32 {
        let (a, b) = (self.view.grid.place(from), self.view.grid.place(to));
        (a.0.abs_diff(b.0) + a.1.abs_diff(b.1)) as u32
    }

    /// The cell of a place to which the fewest robots are bound.
    fn cell_of(&self, place: usize) -> Cell {
        let cells = &self.places.list[place].cells;
        *cells
            .iter()
            .min_by_key(|cell| self.bound_for[**cell as usize])
            .expect("a place has a cell: floors are checked")
    }

    fn send_to_chargers(&mut self) {
        let low = self.warehouse.robots.charge_below_percent;
        for number in 0..self.robots.len() {
            let robot = &self.robots[number];
            if robot.doing != Doing::Free || robot.battery >= low {
                continue;
            }
            let here = robot.state;
            let free = (0..self.chargers.len()).filter(|charger| self.bound_for[self.chargers[*charger] as usize] == 0);
            let nearest = free.min_by_key(|charger| guess(&self.view.grid, here, self.chargers[*charger]));
            if let Some(charger) = nearest {
                self.robots[number].doing = Doing::ToCharger(charger);
                self.bound_for[self.chargers[charger] as usize] += 1;
            }
        }
    }

    /// Gives open orders to free robots; with re-assignment, orders that were not taken up yet may change their robot.
    fn give_out_orders(&mut self) {
        let low = self.warehouse.robots.charge_below_percent * 0.8;
        let now = self.now;
        let may_work = |robot: &Robot| robot.doing == Doing::Free && robot.battery >= low && !robot.is_stuck(now);
        let is_free = self.robots.iter().any(may_work);
        if !is_free || self.open.is_empty() {
            return;
        }
        let reassign = self.policy.reassign;
        let may_change = |robot: &Robot| {
            let first = robot.carried.as_ref().is_some_and(|carried| carried.stop == 0);
            reassign && first && robot.doing == Doing::Going && !robot.is_stuck(now)
        };
        let workers: Vec<usize> = (0..self.robots.len())
            .filter(|number| may_work(&self.robots[*number]) || may_change(&self.robots[*number]))
            .collect();
        // Orders that may change their robot stand first, so that their workers can hold them.
        let mut pool: Vec<Order> = Vec::new();
        let mut holds = vec![None; workers.len()];
        for (at, number) in workers.iter().enumerate() {
            if let Some(carried) = self.robots[*number].carried.take() {
                self.bound_for[carried.cell as usize] -= 1;
                self.robots[*number].doing = Doing::Free;
                holds[at] = Some(pool.len());
                pool.push(carried.order);
            }
        }
        let held = pool.len();
        self.draw_into(&mut pool, held + LOOKED_AT * workers.len());
        let taken = self.assign(&workers, &holds, &pool);
        let mut orders: Vec<Option<Order>> = pool.into_iter().map(Some).collect();
        for (number, job) in workers.iter().zip(taken) {
            if let Some(order) = job.and_then(|job| orders[job].take()) {
                let cell = self.cell_of(order.stops[0]);
                self.bound_for[cell as usize] += 1;
                self.robots[*number].carried = Some(Carried { order, stop: 0, cell });
                self.robots[*number].doing = Doing::Going;
            }
        }
        self.open.extend(orders.into_iter().flatten());
    }

    /// Takes the most urgent open orders whose stations have room.
    fn draw_into(&mut self, pool: &mut Vec<Order>, upto: usize) {
        self.open
            .sort_by(|a, b| b.priority.cmp(&a.priority).then(a.due.total_cmp(&b.due)).then(a.came.total_cmp(&b.came)));
        let most = self.policy.robots_per_station;
        let mut planned = vec![0_u32; self.places.list.len()];
        for robot in &self.robots {
            if let Some(carried) = &robot.carried {
                carried.order.stops[carried.stop..].iter().for_each(|stop| planned[*stop] += 1);
            }
        }
        for order in pool.iter() {
            order.stops.iter().for_each(|stop| planned[*stop] += 1);
        }
        let mut left = Vec::with_capacity(self.open.len());
        for order in self.open.drain(..) {
            let has_room = order.stops.iter().all(|stop| {
                let place = &self.places.list[*stop];
                place.station.is_none() || planned[*stop] < most * place.cells.len() as u32
            });
            if has_room && pool.len() < upto {
                order.stops.iter().for_each(|stop| planned[*stop] += 1);
                pool.push(order);
            } else {
                left.push(order);
            }
        }
        self.open = left;
    }

    fn assign(&mut self, workers: &[usize], holds: &[Option<usize>], pool: &[Order]) -> Vec<Option<usize>> {
        let jobs: Vec<Job> = pool
            .iter()
            .map(|order| {
                let cells: Vec<Cell> = order.stops.iter().map(|stop| self.places.list[*stop].cells[0]).collect();
                let length = cells.windows(2).map(|pair| self.steps_between(pair[0], pair[1])).sum();
                let waited = ((self.now - order.came) / 60.0 * MINUTE_WORTH) as u32;
                Job { first: cells[0], length, advance: u32::from(order.priority) * PRIORITY_WORTH + waited }
            })
            .collect();
        let workers: Vec<Worker> = workers
            .iter()
            .zip(holds)
            .map(|(number, holds)| Worker { state: self.robots[*number].state, holds: *holds })
            .collect();
        let effort = Duration::from_micros(16 * workers.len() as u64 + 64);
        let budget = Budget::new(&self.effort, effort);
        self.assigner.assign(&self.view.grid, self.planner.known_fields(), &workers, &jobs, budget)
    }

    fn plan(&mut self) -> Vec<Action> {
        let agents: Vec<Agent> = self
            .robots
            .iter()
            .map(|robot| {
                let goal = robot.goal(&self.chargers, self.now);
                let is_fixed = robot.is_fixed(self.now);
                let rest = robot.carried.as_ref().filter(|_| !is_fixed).map(|carried| {
                    let next = carried.order.stops.get(carried.stop + 1).map(|stop| self.places.list[*stop].cells[0]);
                    (next, next.map_or(0, |next| self.steps_between(carried.cell, next)))
                });
                let (next, beyond) = rest.unwrap_or((None, 0));
                Agent { state: robot.state, goal, next, beyond }
            })
            .collect();
        let looks = self.robots.len() as u64 * u64::from(2 + self.policy.improvement) + 64;
        let budget = Budget::new(&self.effort, Duration::from_micros(looks));
        match self.planner.solve(Step { grid: &self.view.grid, agents: &agents }, budget) {
            Ok(plan) => plan.actions,
            // The judge threw the plan out: nobody moves in this step.
            Err(_) => vec![Action::Wait; agents.len()],
        }
    }

    /// Carries the plan out, but for those who cannot move and whoever would run into them.
    fn drive(&mut self, planned: &[Action]) {
        let fixed: Vec<bool> = self.robots.iter().map(|robot| robot.is_fixed(self.now)).collect();
        let actions = hold_back(&self.view.grid, &self.robots, planned, &fixed);
        for (number, action) in actions.into_iter().enumerate() {
            let robot = &mut self.robots[number];
            let charging = match robot.doing {
                Doing::Charging(charger) => Some(self.floor.chargers[charger].percent_per_hour),
                _ => None,
            };
            let before = robot.state;
            robot.state = self.view.grid.after(before, action).unwrap_or(before);
            robot.spend(&self.warehouse.robots, charging, action != Action::Wait, self.dt_seconds);
            let figures = &mut self.figures;
            let dt = self.dt_seconds;
            let is_going = !fixed[number] && matches!(robot.doing, Doing::Going | Doing::ToCharger(_));
            figures.with_order += if robot.carried.is_some() { dt } else { 0.0 };
            figures.going += if is_going { dt } else { 0.0 };
            figures.blocked += if is_going && action == Action::Wait { dt } else { 0.0 };
            figures.charging += if charging.is_some() { dt } else { 0.0 };
            figures.stuck += if robot.is_stuck(self.now) { dt } else { 0.0 };
            figures.metres += if action == Action::Forward { self.view.step_metres } else { 0.0 };
            let said = u64::from(robot.state.cell) << 2 | robot.state.heading as u64;
            self.trace = (self.trace ^ said).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(23);
        }
    }
}

/// The plan without the moves of those who cannot move, and of everybody who would then run into somebody.
fn hold_back(grid: &Grid, robots: &[Robot], planned: &[Action], fixed: &[bool]) -> Vec<Action> {
    let mut actions = planned.to_vec();
    let mut coming: std::collections::HashMap<Cell, usize> = std::collections::HashMap::new();
    let ahead = |number: usize| grid.ahead(robots[number].state.cell, robots[number].state.heading);
    for (number, action) in planned.iter().enumerate() {
        if *action == Action::Forward {
            coming.insert(ahead(number), number);
        }
    }
    let mut held: Vec<usize> = (0..robots.len()).filter(|number| fixed[*number]).collect();
    while let Some(number) = held.pop() {
        actions[number] = Action::Wait;
        // Whoever wanted the cell that is not left now waits too.
        if let Some(behind) = coming.remove(&robots[number].state.cell) {
            held.push(behind);
        }
    }
    actions
}

/// Where robots stand at the start: as the floor says, then on parking places, then anywhere that chance has it.
fn starts(floor: &Floor, network: &Network, view: &GridView, count: usize, seed: u64) -> Vec<State> {
    let mut taken = vec![false; view.grid.len()];
    let mut starts = Vec::with_capacity(count);
    let drawn = floor.robots.iter().map(|robot| (robot.node.as_str(), GridView::heading(robot.theta)));
    let parked = floor.parkings.iter().map(|parking| (parking.node.as_str(), Heading::East));
    for (node, heading) in drawn.chain(parked) {
        let Some(cell) = network.node(node).map(|node| view.cell(node)) else { continue };
        if starts.len() < count && !std::mem::replace(&mut taken[cell as usize], true) {
            starts.push(State { cell, heading });
        }
    }
    let mut random = Random::new(seed, "starts");
    while starts.len() < count {
        let cell = random.index(view.grid.len());
        if !std::mem::replace(&mut taken[cell], true) {
            starts.push(State { cell: cell as Cell, heading: Heading::East });
        }
    }
    starts
}
