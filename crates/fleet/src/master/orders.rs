//! What is sent to robots: orders, their updates, and instant actions, each until it is acknowledged.

use std::time::Duration;

use connect::vda5050::order::{
    Action, BlockingType, Deviation, Edge, InstantActions, Node, NodePosition, RotationAllowed,
};
use connect::vda5050::{self, Body, Order, Stamp};

use super::unit::{Given, Pending, Unanswered};
use super::{Master, Output, Phase, Robot, Weight};
use crate::floor::NodeIndex;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 1e9))
}

impl Master {
    /// Writes and sends a message.
    pub(super) fn send(&mut self, robot: Robot, body: &Body) -> bool {
        let Some(unit) = self.units.get_mut(&robot) else { return false };
        let kind = body.kind();
        let stamp = Stamp { header_id: unit.next_header(kind), timestamp: self.now };
        match vda5050::write(unit.version, &unit.address, stamp, body) {
            Ok(payload) => {
                let topic = unit.address.topic(kind);
                let message = connect::Message { topic, payload, qos: kind.qos(), retain: kind.is_retained() };
                self.outputs.push(Output::Send(message));
                true
            }
            Err(error) => {
                self.find(robot, "unwritable", Weight::Alarm, true, || error.to_string());
                false
            }
        }
    }

    /// Sends a message, and sends it again until it is acknowledged.
    fn send_surely(&mut self, robot: Robot, body: Body) {
        self.send(robot, &body);
        let sent = self.now;
        if let Some(unit) = self.units.get_mut(&robot) {
            unit.unanswered.push(Unanswered { body, sent, times: 1 });
        }
    }

    /// Asks for an instant action, and gives its id.
    pub(super) fn ask(&mut self, robot: Robot, action_type: &str) -> Option<String> {
        self.ask_with(robot, action_type, &[])
    }

    /// The same, with parameters.
    pub(super) fn ask_with(&mut self, robot: Robot, action_type: &str, said: &[(&str, &str)]) -> Option<String> {
        let length_max = self.units.get(&robot)?.id_length_max();
        let id = self.fresh_id(length_max);
        let unit = self.units.get_mut(&robot)?;
        let action = Action::new(action_type, id.clone(), BlockingType::None);
        let action = said.iter().fold(action, |action, (key, value)| action.with(key, *value));
        // What only asks for a message is answered by the message; asking again for ever would help nobody.
        let is_question = action_type.ends_with("Request");
        unit.unanswered.retain(|it| !matches!(&it.body, Body::InstantActions(old) if is_contrary(old, action_type)));
        let body = Body::InstantActions(InstantActions { actions: vec![action] });
        if is_question {
            self.send(robot, &body);
        } else {
            self.send_surely(robot, body);
        }
        Some(id)
    }

    /// Asks a robot to cancel its order. Nothing is sent to it until it has answered.
    pub(super) fn cancel(&mut self, robot: Robot) {
        let Some(unit) = self.units.get_mut(&robot) else { return };
        if unit.given.is_none() || matches!(unit.phase, Phase::Cancelling { .. }) {
            unit.pending = None;
            return;
        }
        unit.unanswered.retain(|it| !matches!(it.body, Body::Order(_)));
        unit.pending = None;
        if let Some(action_id) = self.ask(robot, "cancelOrder")
            && let Some(unit) = self.units.get_mut(&robot)
        {
            unit.phase = Phase::Cancelling { action_id };
        }
    }

    /// Sends again what was not acknowledged.
    pub(super) fn resend(&mut self, robot: Robot) {
        let (now, wait, most) = (self.now, seconds(self.settings.resend_seconds), self.settings.sends_max);
        let Some(unit) = self.units.get_mut(&robot).filter(|unit| unit.is_linked) else { return };
        let mut again = Vec::new();
        let mut deaf = None;
        for message in &mut unit.unanswered {
            if now < message.sent + wait {
                continue;
            }
            message.sent = now;
            message.times += 1;
            // A deaf robot is asked once a while, so that it goes on when it hears again.
            if message.times <= most || message.times.is_multiple_of(10) {
                again.push(message.body.clone());
            }
            if message.times > most {
                deaf = Some(message.body.kind());
            }
        }
        for body in again {
            self.send(robot, &body);
        }
        self.find(robot, "deaf", Weight::Alarm, deaf.is_some(), || {
            format!("{} was sent {most} times and not acknowledged", deaf.map_or("", vda5050::Kind::as_str))
        });
    }

    /// Sends an order or an update if more is released than the robot knows.
    pub(super) fn send_orders(&mut self, robot: Robot) {
        let now = self.now;
        let Some((reached, released, _)) = self.traffic.progress(robot) else { return };
        let Some(unit) = self.units.get(&robot) else { return };
        let is_waiting = unit.unanswered.iter().any(|it| matches!(it.body, Body::Order(_)));
        if !unit.is_movable() || is_waiting || now < unit.not_before {
            return;
        }
        let limits = unit.factsheet.as_ref().map(|sheet| sheet.protocol_limits.timing.minimum_order_interval);
        if now < unit.ordered + seconds(limits.unwrap_or(0.0)) {
            return;
        }
        let is_charging = unit.state.as_ref().is_some_and(|state| state.power_supply.charging);
        let here = self.traffic.base(robot).first().map(|visit| visit.cell);
        let is_at_goal = unit.pending.is_none() && unit.goals().next().is_some() && unit.goals().next() == here;
        let has_more = released > unit.given.as_ref().map_or(reached, |given| given.sent_visit);
        let is_idle = unit.state.as_ref().is_some_and(vda5050::State::is_idle);
        let begins =
            unit.given.as_ref().is_none_or(|given| given.is_accepted && given.sent_visit == reached && is_idle);
        // Only who is known to take updates is updated on the way; others where they stand.
        let can_have_more = begins || unit.takes_updates == Some(true);
        if !(has_more && can_have_more || is_at_goal && released == reached && begins) {
            // What is to be done where it stands cannot be added to its order, which for the robot goes on from here: its
            // mission was exchanged at the last node of its base.
            let is_at_end = |given: &Given| given.is_accepted && given.sent_visit == reached;
            let waits =
                unit.state.as_ref().is_some_and(|it| !it.driving && it.node_states.iter().all(|it| !it.released));
            if is_at_goal && released == reached && waits && unit.given.as_ref().is_some_and(is_at_end) {
                self.cancel(robot);
            }
            return;
        }
        if is_charging && unit.given.is_none() && unit.pending.is_none() && !unit.told.contains("stop_charging") {
            // Once: some robots stop by themselves and some take no such action.
            self.find(robot, "stop_charging", Weight::Information, true, || "leaves the charger".to_owned());
            self.ask(robot, "stopCharging");
            return;
        }
        // Every mission has an order of its own; something at the node where the robot stands can only begin a new one. What
        // was done at a stop must not be sent again, as an update would: some robots do it again.
        let mission = unit.mission.as_ref().map(|mission| &mission.id);
        let is_over = unit.given.as_ref().is_some_and(|given| {
            given.mission.as_ref() != mission || !given.decision.actions.is_empty() || unit.takes_updates != Some(true)
        });
        if begins
            && (is_over || is_at_goal && released == reached)
            && let Some(unit) = self.units.get_mut(&robot)
        {
            unit.given = None;
        }
        self.find(robot, "stop_charging", Weight::Information, is_charging, String::new);
        self.send_order(robot, reached, released);
    }

    fn send_order(&mut self, robot: Robot, reached: u64, released: u64) {
        let now = self.now;
        let Some(mut unit) = self.units.remove(&robot) else { return };
        let (order_id, update_id, first_visit, from) = match &unit.given {
            Some(given) => (given.order_id.clone(), given.update_id + 1, given.first_visit, given.sent_visit),
            None => (self.fresh_id(unit.id_length_max()), 0, reached, reached),
        };
        let nodes_max = unit.factsheet.as_ref().and_then(vda5050::Factsheet::order_nodes_max).unwrap_or(usize::MAX);
        let mut to = released.min(from.saturating_add(nodes_max as u64 - 1));
        // Some robots drive on into the horizon and lose their way in updates. Until it is known not to be one of those, it is
        // told less than it may, and watched.
        let is_trial = unit.takes_updates.is_none() && unit.given.is_none() && to > from + 1;
        to -= u64::from(is_trial);
        let horizon_max = match unit.takes_updates {
            Some(true) => self.settings.horizon_nodes,
            _ => usize::from(is_trial),
        };
        let horizon = horizon_max.min(nodes_max - (to - from) as usize - 1);
        let mut order = Order { order_id: order_id.clone(), order_update_id: update_id, ..Order::default() };
        for number in from..=to + horizon as u64 {
            // An order ends at a stop.
            if number > to && unit.pending.is_some() {
                break;
            }
            let Some(cell) = self.traffic.visit(robot, number).map(|visit| visit.cell) else { break };
            let is_stitch = number == from && unit.given.is_some();
            let mut node = match unit.given.as_ref().filter(|_| is_stitch) {
                Some(given) => given.decision.clone(),
                None => self.node(cell, 2 * (number - first_visit) as u32, number <= to),
            };
            if number == reached && unit.given.is_none() {
                self.widen(&unit, &mut node, cell);
            }
            // A stop's tasks belong to the first time that its node is released.
            if !is_stitch && number <= to && unit.pending.is_none() {
                let stop = unit.mission.as_ref().and_then(|mission| mission.stops.first()).cloned();
                if let Some(stop) = stop.filter(|stop| stop.node == cell) {
                    node.actions = stop
                        .tasks
                        .iter()
                        .map(|task| {
                            let action =
                                Action::new(&task.action_type, self.fresh_id(unit.id_length_max()), task.blocking_type);
                            let said = task.parameters.iter().map(|(key, value)| (key, value)).chain(&unit.parameters);
                            said.fold(action, |action, (key, value)| action.with(key, value.clone()))
                        })
                        .collect();
                    let action_ids = node.actions.iter().map(|action| action.action_id.clone()).collect();
                    unit.pending = Some(Pending { visit: number, node: cell, action_ids });
                }
            }
            if let Some(before) = order.nodes.last() {
                let (from, sequence) = (before.node_id.clone(), before.sequence_id + 1);
                let previous = self.traffic.visit(robot, number - 1).map_or(cell, |visit| visit.cell);
                order.edges.push(self.edge(previous, cell, (from, node.node_id.clone()), sequence, number <= to));
            }
            order.nodes.push(node);
        }
        if let Some(decision) = order.base().last().cloned() {
            let mission = unit.mission.as_ref().map(|mission| mission.id.clone());
            let mission = unit.given.take().map_or(mission, |given| given.mission);
            let is_trial = is_trial && order.nodes.last().is_some_and(|node| !node.released);
            unit.given = Some(Given {
                order_id,
                update_id,
                mission,
                first_visit,
                sent_visit: to,
                decision,
                is_accepted: false,
                is_trial,
            });
            (unit.ordered, unit.waits_since) = (now, None);
        }
        self.units.insert(robot, unit);
        self.unsaved.insert(robot);
        self.send_surely(robot, Body::Order(order));
    }

    /// A robot that stands beside its first node shall count as there.
    fn widen(&self, unit: &super::Unit, node: &mut Node, cell: NodeIndex) {
        let point = self.network.point(cell);
        let position = unit.state.as_ref().and_then(|state| state.position.as_ref());
        let metres = position.map_or(0.0, |it| (it.x - point.x).hypot(it.y - point.y));
        if let Some(place) = node.node_position.as_mut().filter(|_| metres > self.settings.deviation_metres) {
            place.allowed_deviation_xy = Some(Deviation::circle(metres + self.settings.deviation_metres));
        }
    }

    fn node(&self, cell: NodeIndex, sequence_id: u32, released: bool) -> Node {
        let point = self.network.point(cell);
        Node {
            node_id: self.network.id(cell).to_owned(),
            sequence_id,
            released,
            node_position: Some(NodePosition {
                x: point.x,
                y: point.y,
                theta: self.network.theta(cell),
                allowed_deviation_xy: Some(Deviation::circle(self.settings.deviation_metres)),
                allowed_deviation_theta: None,
                map_id: self.map.clone(),
            }),
            ..Node::default()
        }
    }

    fn edge(&self, from: NodeIndex, to: NodeIndex, ends: (String, String), sequence_id: u32, released: bool) -> Edge {
        let way = self.network.way(from, to);
        let edge_id = way.map_or_else(|| format!("{}-{}", ends.0, ends.1), |way| way.id.clone());
        Edge {
            edge_id,
            sequence_id,
            released,
            start_node_id: ends.0,
            end_node_id: ends.1,
            maximum_speed: way.and_then(|way| way.speed_limit),
            orientation: way.and_then(|way| way.orientation),
            // On an edge a robot would turn into the cells beside it.
            rotation_allowed: Some(RotationAllowed(false)),
            ..Edge::default()
        }
    }
}

/// Whether an unanswered message asks for the same as a new one, or for its opposite.
fn is_contrary(old: &InstantActions, action_type: &str) -> bool {
    let pairs = [("startPause", "stopPause"), ("startCharging", "stopCharging")];
    old.actions.iter().any(|action| {
        let kind = action.action_type.as_str();
        kind == action_type
            || pairs.iter().any(|(a, b)| (kind, action_type) == (*a, *b) || (kind, action_type) == (*b, *a))
    })
}
