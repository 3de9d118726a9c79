//! The places of a floor that orders and robots go to, by the names that people give them.

use std::collections::BTreeMap;
use std::sync::Arc;

use connect::vda5050::order::BlockingType;
use serde_json::json;

use crate::dispatch::Place;
use crate::floor::{Floor, Network, NodeIndex};
use crate::master::{Mission, Stop, Task};
use crate::orders::Order;

/// What ids of missions begin with that carry out an order.
const ORDER: &str = "order ";
/// What ids of missions begin with that bring the load of an order back.
const RETURN: &str = "return ";
/// The id of a mission to a charger.
const CHARGE: &str = "charge";

/// All places of a floor.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    numbers: BTreeMap<String, usize>,
    /// Stations and storages by their numbers; each has a node.
    pub(super) all: Arc<[Place]>,
    pub(super) chargers: Arc<[NodeIndex]>,
}

impl Places {
    pub(super) fn of(floor: &Floor, network: &Network) -> Self {
        let (mut numbers, mut all) = (BTreeMap::new(), Vec::new());
        let stations = floor.stations.iter().map(|it| (&it.id, it.nodes.as_slice(), true));
        let storages = floor.storages.iter().map(|it| (&it.id, std::slice::from_ref(&it.node), false));
        for (id, nodes, is_limited) in stations.chain(storages) {
            let cells: Vec<NodeIndex> = nodes.iter().filter_map(|node| network.node(node)).collect();
            if !cells.is_empty() && !numbers.contains_key(id) {
                numbers.insert(id.clone(), all.len());
                all.push(Place { cells, is_limited });
            }
        }
        let chargers = floor.chargers.iter().filter_map(|it| network.node(&it.node)).collect();
        Self { numbers, all: all.into(), chargers }
    }

    /// The number of the place with an id.
    pub(super) fn number(&self, id: &str) -> Option<usize> {
        self.numbers.get(id).copied()
    }

    pub(super) fn get(&self, id: &str) -> Option<&Place> {
        self.number(id).map(|number| &self.all[number])
    }

    /// Where an order begins and ends, as far as the floor has it.
    pub(super) fn stops(&self, order: &Order) -> Option<[usize; 2]> {
        Some([self.number(&order.wanted.from)?, self.number(&order.wanted.to)?])
    }
}

/// A node to go to and what to do there.
fn stop(node: NodeIndex, action_type: &str, parameters: Vec<(String, serde_json::Value)>) -> Stop {
    let task = Task { action_type: action_type.to_owned(), blocking_type: BlockingType::Hard, parameters };
    Stop { node, tasks: vec![task] }
}

/// Something done with the load of an order at a place.
fn handle(order: &Order, node: NodeIndex, action_type: &str, place: &str) -> Stop {
    // A kind of station and of load that the standard names: robots refuse words that they do not know.
    let said = [
        ("stationType", json!("floor")),
        ("stationName", json!(place)),
        ("loadType", json!("EPAL")),
        ("loadId", json!(order.id)),
    ];
    stop(node, action_type, said.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// What a robot does for an order, between these two nodes.
pub(super) fn mission(order: &Order, from: NodeIndex, to: NodeIndex) -> Mission {
    let (first, last) = (&order.wanted.from, &order.wanted.to);
    let stops = vec![handle(order, from, "pick", first), handle(order, to, "drop", last)];
    Mission { id: format!("{ORDER}{}", order.id), stops }
}

/// What a robot does to put the load of an order down that was called off.
pub(super) fn return_mission(order: &Order, place: &str, node: NodeIndex) -> Mission {
    Mission { id: format!("{RETURN}{}", order.id), stops: vec![handle(order, node, "drop", place)] }
}

/// Whether a mission brings a load back.
pub(super) fn is_return(mission: &str) -> bool {
    mission.starts_with(RETURN)
}

/// The order that a mission is for: it carries it out, or brings its load back.
pub(super) fn order_of(mission: &str) -> Option<&str> {
    mission.strip_prefix(ORDER).or_else(|| mission.strip_prefix(RETURN))
}

/// What a robot does to be charged.
pub(super) fn charging(charger: NodeIndex) -> Mission {
    Mission { id: CHARGE.to_owned(), stops: vec![stop(charger, "startCharging", Vec::new())] }
}

/// Whether a mission is one to a charger.
pub(super) fn is_charging(mission: &Mission) -> bool {
    mission.id == CHARGE
}
