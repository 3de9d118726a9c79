//! A steady stream of orders: a load is taken from its storage to a station and brought back.

use std::collections::VecDeque;
use std::time::Duration;

use connect::vda5050::order::BlockingType;
use fleet::floor::{Floor, Network, NodeIndex};
use fleet::master::{Mission, Stop, Task};
use model::Timestamp;
use plan::Random;
use serde::{Deserialize, Serialize};

/// The most orders that wait for a robot; while as many wait, none come.
const WAITING_MAX: usize = 50;
/// How long a robot is busy with an order on average: orders come as fast as robots get through them.
const ORDER_SECONDS: f64 = 60.0;

/// Places of the floor that orders and robots go to.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) storages: Vec<NodeIndex>,
    pub(super) stations: Vec<NodeIndex>,
    pub(super) chargers: Vec<NodeIndex>,
}

impl Places {
    pub(super) fn of(floor: &Floor, network: &Network) -> Self {
        let node = |id: &String| network.node(id);
        Self {
            storages: floor.storages.iter().filter_map(|it| node(&it.node)).collect(),
            stations: floor.stations.iter().flat_map(|it| &it.nodes).filter_map(node).collect(),
            chargers: floor.chargers.iter().filter_map(|it| node(&it.node)).collect(),
        }
    }
}

/// A node to go to and what to do there.
pub(super) fn stop(node: NodeIndex, actions: &[&str]) -> Stop {
    let task = |action: &&str| Task {
        action_type: (*action).to_owned(),
        blocking_type: BlockingType::Hard,
        parameters: Vec::new(),
    };
    Stop { node, tasks: actions.iter().map(task).collect() }
}

/// Orders that wait, and when the next one comes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Demand {
    /// Those that wait, the oldest first.
    pub(super) waiting: VecDeque<Mission>,
    made: u64,
    due: Timestamp,
    seed: u64,
}

impl Demand {
    pub(super) fn new(seed: u64, now: Timestamp) -> Self {
        Self { waiting: VecDeque::new(), made: 0, due: now, seed }
    }

    /// Lets the orders come that are due, for so many robots.
    pub(super) fn grow(&mut self, places: &Places, robots: usize, now: Timestamp) {
        let interval = Duration::from_secs_f64(ORDER_SECONDS / robots.max(1) as f64);
        while self.due <= now && self.waiting.len() < WAITING_MAX {
            self.waiting.push_back(self.order(places));
            self.made += 1;
            self.due = self.due + interval;
        }
        // What could not come while nobody worked is not made up for.
        self.due = self.due.max(now);
    }

    fn order(&self, places: &Places) -> Mission {
        let mut random = Random::new(self.seed.wrapping_add(self.made));
        let storage = places.storages[random.index(places.storages.len())];
        let station = places.stations[random.index(places.stations.len())];
        let stops = vec![stop(storage, &["pick"]), stop(station, &["drop", "pick"]), stop(storage, &["drop"])];
        Mission { id: format!("order-{}", self.made + 1), stops }
    }
}
