//! What of master control survives a restart: one record for each robot, so that only what changed is written.
//!
//! **Invariant:** a record is written down before anything is said that rests on it. So after any end, what robots were
//! released is held for them, and nothing of it for anybody else.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{Master, Phase, Settings, Unit};
use crate::floor::{Network, NodeIndex};
use crate::traffic::{Held, Robot};

/// A robot as it is written down, with nodes by their numbers: another floor means other records.
#[derive(Serialize, Deserialize)]
struct Record {
    /// Without its last state, which it is asked for again.
    unit: Unit,
    holds: Option<Held>,
}

impl Master {
    /// Goes on from what was written down. Every robot is asked for its state, and stands still until it has told it.
    pub fn restore(
        settings: Settings,
        map: &str,
        network: Arc<Network>,
        records: Vec<(Robot, Json)>,
        now: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let mut master = Self::new(settings, map, network, now);
        for (robot, record) in records {
            let Record { mut unit, holds } = Record::deserialize(record)?;
            let nodes = master.network.len();
            let is_there = |held: &Held| held.visits.iter().all(|(node, _)| (*node as usize) < nodes);
            match holds {
                Some(held) if is_there(&held) => master.traffic.take_up(robot, held),
                Some(_) => (unit.phase, unit.mission) = (Phase::Lost, None),
                None => {}
            }
            unit.told.clear();
            master.by_name.insert((unit.address.manufacturer.clone(), unit.address.serial_number.clone()), robot);
            master.units.insert(robot, unit);
        }
        master.is_plan_wanted = true;
        let robots: Vec<(Robot, bool)> =
            master.units.iter().map(|(robot, unit)| (*robot, unit.factsheet.is_none())).collect();
        for (robot, is_unknown) in robots {
            if is_unknown {
                master.ask(robot, "factsheetRequest");
            }
            master.ask(robot, "stateRequest");
        }
        Ok(master)
    }

    /// What has to be written down: robots as they are now, or nothing once they are let go.
    pub fn unsaved(&self) -> Vec<(Robot, Option<Json>)> {
        self.unsaved.iter().map(|robot| (*robot, self.record(*robot))).collect()
    }

    /// Everything is written down.
    pub fn saved(&mut self) {
        self.unsaved.clear();
    }

    /// A robot as it is written down.
    pub fn record(&self, robot: Robot) -> Option<Json> {
        let unit = Unit { state: None, ..self.units.get(&robot)?.clone() };
        let record = Record { unit, holds: self.traffic.held(robot) };
        Some(serde_json::to_value(record).expect("a robot has text keys and finite numbers"))
    }

    /// Puts another floor under everybody. `node_of` tells where a node of the old one is on the new one; robots that hold
    /// nodes that are gone are off the floor until they stand on one.
    pub fn set_network(&mut self, map: &str, network: Arc<Network>, node_of: impl Fn(NodeIndex) -> Option<NodeIndex>) {
        self.traffic.forget_plans();
        for (robot, unit) in &mut self.units {
            self.unsaved.insert(*robot);
            let Some(mut held) = self.traffic.held(*robot) else { continue };
            let is_there = held.visits.iter_mut().all(|(node, _)| match node_of(*node) {
                Some(there) => {
                    *node = there;
                    true
                }
                None => false,
            });
            let stops = unit.mission.iter_mut().flat_map(|mission| &mut mission.stops).map(|stop| &mut stop.node);
            let nodes = stops.chain(unit.pending.as_mut().map(|pending| &mut pending.node));
            let mut is_lost = !is_there;
            for node in nodes {
                match node_of(*node) {
                    Some(there) => *node = there,
                    None => is_lost = true,
                }
            }
            unit.intrudes = unit.intrudes.and_then(&node_of);
            if is_lost {
                self.traffic.remove(*robot);
                unit.forget_order();
                (unit.phase, unit.mission) = (Phase::Lost, None);
            } else {
                self.traffic.take_up(*robot, held);
            }
        }
        self.closed = self.closed.iter().filter_map(|node| node_of(*node)).collect::<BTreeSet<NodeIndex>>();
        self.doors.clear();
        (self.network, self.is_plan_wanted) = (network, true);
        map.clone_into(&mut self.map);
    }
}
