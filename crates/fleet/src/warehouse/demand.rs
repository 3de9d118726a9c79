//! Orders as they come: the known ones, and those that chance brings, from where loads are to where they are wanted.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use model::Timestamp;
use plan::Cell;
use site::run::Complaint;
use world::Random;

use super::settings::{Demand, OrderRow};
use crate::dispatch::{Place, Task};
use crate::floor::{Floor, GridView, Network, StationKind};

/// What a place is on the floor.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) id: String,
    /// The station that works there; `None` for storages.
    pub(super) station: Option<usize>,
}

/// Something that has to be carried.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// When it came, in seconds.
    pub(super) came: f64,
    /// When it is due, in seconds.
    pub(super) due: f64,
    pub(super) priority: u8,
    /// The places to go to, in order.
    pub(super) stops: Vec<usize>,
}

/// The order in which open orders are looked at: the most urgent first, and the number last, so that no two are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Urgency {
    priority: Reverse<u8>,
    due: Timestamp,
    came: Timestamp,
    number: u64,
}

impl Order {
    /// How urgent it is; `number` counts orders as they come.
    pub(super) fn urgency(&self, number: u64) -> Urgency {
        Urgency { priority: Reverse(self.priority), due: moment(self.due), came: moment(self.came), number }
    }

    /// What dispatch sees of it.
    pub(super) fn task(&self, key: Urgency) -> Task<'_, Urgency> {
        Task { key, priority: self.priority, came: key.came, stops: &self.stops }
    }
}

/// Seconds of the shift as dispatch knows moments.
pub(super) fn moment(seconds: f64) -> Timestamp {
    Timestamp((seconds * 1e6) as i64)
}

/// All places of a floor, and the flows between them.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) list: Vec<Place>,
    /// What they are, by the same index.
    pub(super) named: Vec<Named>,
    /// From where, to where: indices of `list`.
    sources: Vec<usize>,
    targets: Vec<usize>,
    /// Whether loads go back to where they were taken: goods come to people.
    returns: bool,
}

impl Places {
    /// Reads them off a floor: from inductions to deliveries where there are such, else from storages to stations, and back
    /// again from picking stations.
    pub(super) fn of(floor: &Floor, network: &Network, view: &GridView) -> Self {
        let cell = |node: &String| network.node(node).map(|node| view.cell(node));
        let stations = floor.stations.len();
        let worked = floor.stations.iter().map(|station| {
            let cells = station.nodes.iter().filter_map(cell).collect();
            Place { cells, is_limited: true }
        });
        let kept = floor.storages.iter().map(|storage| {
            let cells = cell(&storage.node).into_iter().collect();
            Place { cells, is_limited: false }
        });
        let list = worked.chain(kept).collect();
        let worked = floor.stations.iter().enumerate().map(|(at, it)| Named { id: it.id.clone(), station: Some(at) });
        let kept = floor.storages.iter().map(|storage| Named { id: storage.id.clone(), station: None });
        let named: Vec<Named> = worked.chain(kept).collect();
        let of_kind = |kind: StationKind| -> Vec<usize> {
            (0..stations).filter(|index| floor.stations[*index].kind == kind).collect()
        };
        let inductions = of_kind(StationKind::Induction);
        let storages: Vec<usize> = (stations..named.len()).collect();
        let mut targets = of_kind(StationKind::Picking);
        let returns = !targets.is_empty() && inductions.is_empty();
        targets.extend(of_kind(StationKind::Production));
        let deliveries = of_kind(StationKind::Delivery);
        let (sources, targets) = match (inductions.is_empty(), targets.is_empty()) {
            (false, _) if !deliveries.is_empty() => (inductions, deliveries),
            (_, true) => (storages, deliveries),
            _ => (storages, targets),
        };
        Self { list, named, sources, targets, returns }
    }

    /// What stands in the way of any order at all.
    pub(super) fn complaints(&self, demand: &Demand) -> Vec<Complaint> {
        let complain = |place: String, problem: String, hint: &str| Complaint { place, problem, hint: hint.into() };
        let mut complaints = Vec::new();
        if demand.orders_per_hour > 0.0 && (self.sources.is_empty() || self.targets.is_empty()) {
            let hint = "draw storages and stations, or inductions and deliveries";
            complaints.push(complain(
                "/world/floor".into(),
                "loads have nowhere to come from or to go to".into(),
                hint,
            ));
        }
        let known: HashSet<&str> = self.named.iter().map(|place| place.id.as_str()).collect();
        for (row, order) in demand.list.iter().enumerate() {
            for (name, id) in [("from", &order.from), ("to", &order.to)] {
                if !known.contains(id.as_str()) {
                    let place = format!("/world/demand/list/{row}/{name}");
                    let problem = format!("the floor has no storage or station {id:?}");
                    complaints.push(complain(place, problem, "name a storage or station of the floor"));
                }
            }
            if !order.second.is_finite() || order.second < 0.0 {
                let problem = format!("{} is no moment of the run", order.second);
                complaints.push(complain(
                    format!("/world/demand/list/{row}/second"),
                    problem,
                    "seconds from the start",
                ));
            }
        }
        complaints
    }

    /// All cells where loads of this demand come from, and all where they are wanted.
    pub(super) fn ends(&self, demand: &Demand) -> (Vec<Cell>, Vec<Cell>) {
        let at = |id: &String| self.named.iter().position(|place| place.id == *id);
        let by_chance = demand.orders_per_hour > 0.0;
        let cells = |of_chance: &[usize], of_list: Vec<Option<usize>>| {
            let of_chance = of_chance.iter().copied().filter(|_| by_chance);
            let places: BTreeSet<usize> = of_chance.chain(of_list.into_iter().flatten()).collect();
            places.iter().flat_map(|place| self.list[*place].cells.iter().copied()).collect::<Vec<Cell>>()
        };
        let known = |end: fn(&OrderRow) -> &String| demand.list.iter().map(|row| at(end(row))).collect();
        (cells(&self.sources, known(|row| &row.from)), cells(&self.targets, known(|row| &row.to)))
    }

    fn known_order(&self, row: &OrderRow, due_seconds: f64) -> Option<Order> {
        let find = |id: &str| self.named.iter().position(|place| place.id == id);
        let (from, to) = (find(&row.from)?, find(&row.to)?);
        let due = row.due.unwrap_or(row.second + due_seconds);
        Some(Order { came: row.second, due, priority: row.priority, stops: vec![from, to] })
    }

    fn any_order(&self, came: f64, due_seconds: f64, random: &mut Random) -> Order {
        let from = self.sources[random.index(self.sources.len())];
        let to = self.targets[random.index(self.targets.len())];
        let stops = if self.returns { vec![from, to, from] } else { vec![from, to] };
        Order { came, due: came + due_seconds, priority: 0, stops }
    }
}

/// Orders in the order of their coming.
#[derive(Debug)]
pub(super) struct Stream {
    known: std::vec::IntoIter<Order>,
    next_known: Option<Order>,
    next_chance: Option<f64>,
    per_second: f64,
    profile: Vec<f64>,
    due_seconds: f64,
    random: Random,
}

/// Seconds of an hour.
const HOUR: f64 = 3_600.0;

impl Stream {
    pub(super) fn new(demand: &Demand, places: &Places, seed: u64) -> Self {
        let due_seconds = demand.due_minutes * 60.0;
        let mut known: Vec<Order> = demand.list.iter().filter_map(|row| places.known_order(row, due_seconds)).collect();
        known.sort_by(|a, b| a.came.total_cmp(&b.came));
        let mut known = known.into_iter();
        let mut stream = Self {
            next_known: known.next(),
            known,
            next_chance: Some(0.0),
            per_second: demand.orders_per_hour / HOUR,
            profile: demand.profile.clone(),
            due_seconds,
            random: Random::new(seed, "orders"),
        };
        stream.next_chance = stream.chance_after(0.0);
        stream
    }

    /// A Poisson process whose rate follows the profile: candidates of the highest rate, thinned.
    fn chance_after(&mut self, mut second: f64) -> Option<f64> {
        let highest = self.profile.iter().copied().fold(0.0, f64::max);
        let highest = if self.profile.is_empty() { 1.0 } else { highest };
        let rate = self.per_second * highest;
        if rate <= 0.0 {
            return None;
        }
        loop {
            second -= libm::log(1.0 - self.random.unit()) / rate;
            let hour = (second / HOUR) as usize % 24;
            let factor = self.profile.get(hour).copied().unwrap_or(1.0);
            if self.random.unit() * highest < factor || self.profile.is_empty() {
                return Some(second);
            }
        }
    }

    /// Adds everything that comes up to a moment.
    pub(super) fn take_until(&mut self, second: f64, places: &Places, orders: &mut Vec<Order>) {
        while let Some(order) = self.next_known.take_if(|order| order.came <= second) {
            orders.push(order);
            self.next_known = self.known.next();
        }
        while let Some(came) = self.next_chance.filter(|came| *came <= second) {
            orders.push(places.any_order(came, self.due_seconds, &mut self.random));
            self.next_chance = self.chance_after(came);
        }
    }
}
