//! What people do by hand: robots are stopped, looked after and put to work again, and places are closed.

use std::collections::BTreeSet;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::Operation;
use super::places::order_of;
use crate::floor::NodeIndex;
use crate::master::MasterError;
use crate::traffic::Robot;

/// What a person does with a robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Hand {
    /// It stops where it is and keeps its order.
    Pause,
    /// It goes on.
    Resume,
    /// It gives up its order, which goes to another if its load is not taken yet, and gets no other one.
    SetAside,
    /// A robot that was set aside works again.
    Reinstate,
}

impl Operation {
    /// Does something with a robot. What it holds stays held, so nobody runs into it.
    pub fn take_in_hand(&mut self, robot: Robot, hand: Hand, why: &str, now: Timestamp) -> Result<(), MasterError> {
        let unit = self.master.unit(robot).ok_or(MasterError::Unknown(robot))?;
        let order = unit.mission.as_ref().and_then(|mission| order_of(&mission.id)).map(str::to_owned);
        match hand {
            Hand::Pause => self.master.pause(robot, true),
            Hand::Resume => self.master.pause(robot, false),
            Hand::SetAside => {
                self.master.withdraw(robot);
                if let Some(id) = order {
                    self.hand_back(&id, &format!("robot {robot} was set aside: {why}"), now);
                }
                self.master.set_aside(robot, why);
            }
            Hand::Reinstate => {
                self.master.reinstate(robot);
                self.unable.remove(&robot);
            }
        }
        self.is_plan_wanted = true;
        self.revision += 1;
        Ok(())
    }

    /// Closes these places to everybody, and opens all others: nodes, or stations and chargers with all of their nodes. Who
    /// was released over one may still pass it. Nothing changes when there is no place with one of the ids, which is given
    /// back.
    pub fn close_places(&mut self, ids: &[String]) -> Result<(), String> {
        let mut closed: BTreeSet<NodeIndex> = BTreeSet::new();
        for id in ids {
            let nodes = self.nodes_of(id);
            if nodes.is_empty() {
                return Err(id.clone());
            }
            closed.extend(nodes);
        }
        for node in 0..self.network.len() as NodeIndex {
            self.master.close(node, closed.contains(&node));
        }
        self.revision += 1;
        Ok(())
    }

    /// The nodes of a place, whichever kind it is of; none when there is no such place.
    fn nodes_of(&self, id: &str) -> Vec<NodeIndex> {
        if let Some(node) = self.network.node(id) {
            return vec![node];
        }
        let stations = self.floor.stations.iter().filter(|station| station.id == id).flat_map(|station| &station.nodes);
        let chargers = self.floor.chargers.iter().filter(|charger| charger.id == id).map(|charger| &charger.node);
        stations.chain(chargers).filter_map(|node| self.network.node(node)).collect()
    }

    /// The ids of the nodes that people have closed.
    pub fn closed_nodes(&self) -> impl Iterator<Item = &str> {
        self.master.closed().map(|node| self.network.id(node))
    }
}
