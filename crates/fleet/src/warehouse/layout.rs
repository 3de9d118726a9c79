//! What does not change while a shift goes on: the floor and everything that is read off it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use plan::assign::OnGrid;
use plan::{Cell, Heading, Lifelong, Shelf, State};
use site::run::Complaint;
use world::Random;

use super::cuts::Cuts;
use super::demand::{Places, Urgency, moment};
use super::policy::Policy;
use super::settings::{Demand, FloorSource, Robots, Warehouse, floor_complaints};
use crate::dispatch::{Bookings, Rules, Situation, Worker};
use crate::floor::{Floor, GridView, Network, Pace};

/// How many floors are remembered.
const GROUNDS_MAX: usize = 4;
/// The memory for the distance fields that are kept of each of them.
const SHELF_BYTES_MAX: usize = 64 << 20;

/// The floors that were laid out last: searches try many warehouses on few floors. What comes out of a shift does not
/// depend on what is remembered here.
static GROUNDS: Mutex<VecDeque<Arc<Ground>>> = Mutex::new(VecDeque::new());

/// A floor, laid out for robots of a speed and a turn time.
#[derive(Debug)]
pub(super) struct Ground {
    source: FloorSource,
    speed: (f64, f64),
    pub(super) floor: Floor,
    pub(super) network: Network,
    /// The grid, with what its ways cost.
    pub(super) view: GridView,
    pub(super) pace: Pace,
    /// What was measured of it.
    pub(super) shelf: Arc<Shelf>,
    /// What it lets through when orders come by chance only: the same for every warehouse on it.
    cuts: OnceLock<Arc<Cuts>>,
}

impl Ground {
    /// The floor of a source: the one that is remembered, or a new one.
    fn of(source: &FloorSource, robots: &Robots) -> Result<Arc<Self>, Vec<Complaint>> {
        let speed = (robots.speed, robots.turn_seconds);
        // Who wants a floor that is being laid out waits for it.
        let mut grounds = GROUNDS.lock().unwrap_or_else(PoisonError::into_inner);
        let known = grounds.iter().position(|ground| ground.speed == speed && ground.source == *source);
        let ground = match known.and_then(|at| grounds.remove(at)) {
            Some(ground) => ground,
            None => Arc::new(Self::new(source, speed)?),
        };
        grounds.push_front(ground.clone());
        grounds.truncate(GROUNDS_MAX);
        Ok(ground)
    }

    fn new(source: &FloorSource, speed: (f64, f64)) -> Result<Self, Vec<Complaint>> {
        let floor = source.floor()?;
        let network = floor.network().map_err(floor_complaints)?;
        let mut view = GridView::of(&network).map_err(floor_complaints)?;
        let pace = Pace::of(&floor, &network, &view, speed.0, std::f64::consts::FRAC_PI_2 / speed.1);
        pace.price(&mut view.grid);
        let shelf = Arc::new(Shelf::new(&view.grid, SHELF_BYTES_MAX));
        Ok(Self { source: source.clone(), speed, floor, network, view, pace, shelf, cuts: OnceLock::new() })
    }
}

impl Ground {
    fn cuts(&self, places: &Places, demand: &Demand) -> Arc<Cuts> {
        let find = || {
            let (sources, targets) = places.ends(demand);
            Arc::new(Cuts::of(&self.view.grid, &self.pace, &sources, &targets))
        };
        if demand.list.is_empty() && demand.orders_per_hour > 0.0 {
            self.cuts.get_or_init(find).clone()
        } else {
            find()
        }
    }
}

/// A warehouse with its floor laid out.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) warehouse: Warehouse,
    pub(super) policy: Policy,
    pub(super) rules: Rules,
    pub(super) ground: Arc<Ground>,
    pub(super) places: Places,
    pub(super) chargers: Vec<Cell>,
    /// What the floor lets through at most.
    pub(super) cuts: Arc<Cuts>,
    /// How long a step of the grid takes.
    pub(super) dt_seconds: f64,
}

impl Layout {
    /// Lays everything out, or says what is wrong with it.
    pub(super) fn new(warehouse: &Warehouse, policy: Policy) -> Result<Self, Vec<Complaint>> {
        let mut complaints = warehouse.complaints();
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let ground = Ground::of(&warehouse.floor, &warehouse.robots)?;
        let Ground { floor, network, view, .. } = &*ground;
        let places = Places::of(floor, network, view);
        complaints.extend(places.complaints(&warehouse.demand));
        let count = warehouse.robots.count as usize;
        if count * 10 > view.grid.len() * 9 {
            let problem = format!("{count} robots do not fit on {} cells", view.grid.len());
            let hint = "leave a tenth of the cells free".to_owned();
            complaints.push(Complaint { place: "/world/robots/count".into(), problem, hint });
        }
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let cell = |node: &str| network.node(node).map(|node| view.cell(node));
        let chargers = floor.chargers.iter().filter_map(|charger| cell(&charger.node)).collect();
        let dt_seconds = ground.pace.step_seconds;
        let rules = policy.rules(&warehouse.robots);
        let cuts = ground.cuts(&places, &warehouse.demand);
        let warehouse = warehouse.clone();
        Ok(Self { warehouse, policy, rules, ground, places, chargers, cuts, dt_seconds })
    }

    /// What dispatch is shown.
    pub(super) fn situation<'a>(
        &'a self,
        now: f64,
        bookings: &'a Bookings,
        workers: &'a [Worker<'a, Urgency>],
    ) -> Situation<'a, Urgency> {
        Situation {
            now: moment(now),
            rules: self.rules,
            places: &self.places.list,
            chargers: &self.chargers,
            bookings,
            workers,
        }
    }

    /// How far it is, as far as the planner has measured.
    pub(super) fn distances<'a>(&'a self, planner: &'a Lifelong) -> OnGrid<'a> {
        OnGrid { grid: &self.ground.view.grid, fields: planner.known_fields() }
    }

    /// Where robots stand at the start: as the floor says, then on parking places, then anywhere that chance has it.
    pub(super) fn starts(&self, seed: u64) -> Vec<State> {
        let Ground { floor, network, view, .. } = &*self.ground;
        let count = self.warehouse.robots.count as usize;
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
}
