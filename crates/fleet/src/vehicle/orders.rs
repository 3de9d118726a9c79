//! What a robot makes of orders: accepted, appended, ignored or refused, as the standard says.

use connect::vda5050::order::{Action, Node};
use connect::vda5050::state::{ActionState, ActionStatus};
use connect::vda5050::{Order, Version};

use super::Vehicle;
use super::actions::Job;

/// How near its first node a robot must stand to take an order, in metres, when the order does not say.
const REACH_METRES: f64 = 0.6;

impl Vehicle {
    pub(super) fn hear_order(&mut self, order: Order) {
        self.wants_state = true;
        let update = order.order_update_id.to_string();
        let references = [("orderId", order.order_id.as_str()), ("orderUpdateId", update.as_str())];
        if let Some((error_type, words)) = self.objection(&order) {
            return self.complain(error_type, &words, &references);
        }
        if order.order_id == self.order_id && order.order_update_id == self.order_update_id && !self.order_id.is_empty()
        {
            return; // A message that was sent twice.
        }
        self.errors.retain(|error| error.error_level.stops());
        if order.order_id == self.order_id {
            self.append(order);
        } else {
            self.begin(order);
        }
    }

    /// Why an order is refused.
    fn objection(&self, order: &Order) -> Option<(&'static str, String)> {
        if let Err(error) = order.check(self.settings.version) {
            return Some(("validationError", error.to_string()));
        }
        if !self.mode.is_automatic() {
            return Some(("orderError", format!("not in automatic mode but {:?}", self.mode)));
        }
        let actions =
            order.nodes.iter().flat_map(|node| &node.actions).chain(order.edges.iter().flat_map(|it| &it.actions));
        if let Some(unknown) = actions.map(|action| &action.action_type).find(|kind| !self.supports(kind)) {
            return Some(("orderError", format!("no action {unknown}")));
        }
        let other_map = |node: &&Node| node.node_position.as_ref().is_some_and(|it| it.map_id != self.pose.map);
        if let Some(node) = order.nodes.iter().find(other_map) {
            return Some(("orderError", format!("unknown map of node {}", node.node_id)));
        }
        let first = &order.nodes[0];
        if order.order_id != self.order_id {
            if !self.nodes.is_empty() || !self.is_idle() {
                return Some(("orderError", format!("order {} is still active", self.order_id)));
            }
            let distance = first.node_position.as_ref().map(|it| (it.x - self.pose.x).hypot(it.y - self.pose.y));
            let deviation = first.node_position.as_ref().and_then(|it| it.allowed_deviation_xy);
            let reach = deviation.map_or(REACH_METRES, |deviation| deviation.a.max(REACH_METRES));
            let is_far = distance.is_none_or(|metres| metres > reach) && first.node_id != self.pose.node;
            return is_far.then(|| ("noRouteError", format!("node {} is out of reach", first.node_id)));
        }
        if self.cancelled {
            return Some(("orderUpdateError", "the order was cancelled".to_owned()));
        }
        if order.order_update_id < self.order_update_id {
            return Some(("orderUpdateError", format!("update {} is newer", self.order_update_id)));
        }
        if order.order_update_id == self.order_update_id {
            return None;
        }
        let last = self.nodes.iter().rfind(|node| node.released);
        let (id, sequence) = last.map_or((&self.pose.node, self.last_sequence_id), |it| (&it.node_id, it.sequence_id));
        let stitches = first.node_id == *id && first.sequence_id == sequence;
        (!stitches).then(|| {
            let words =
                format!("stitched at {} ({}), the base ends at {id} ({sequence})", first.node_id, first.sequence_id);
            ("orderUpdateError", words)
        })
    }

    fn begin(&mut self, order: Order) {
        self.clear_order();
        self.action_states.clear();
        if self.settings.version != Version::V3_0 {
            // A new order clears them; in 3.0 only master control does.
            self.instant_states.retain(|state| !state.action_status.is_final());
        }
        self.cancelled = false;
        (self.order_id, self.order_update_id) = (order.order_id, order.order_update_id);
        self.announce(&order.nodes, &order.edges);
        self.nodes = order.nodes.into();
        self.edges = order.edges.into();
        // The first node is where it stands.
        let first = self.nodes.pop_front().expect("an order that was checked has a node");
        self.arrive(&first);
    }

    fn append(&mut self, order: Order) {
        self.order_update_id = order.order_update_id;
        let horizon: Vec<String> = self
            .nodes
            .iter()
            .filter(|node| !node.released)
            .flat_map(|node| node.actions.iter())
            .chain(self.edges.iter().filter(|edge| !edge.released).flat_map(|edge| edge.actions.iter()))
            .map(|action| action.action_id.clone())
            .collect();
        self.action_states.retain(|state| !horizon.contains(&state.action_id));
        self.nodes.retain(|node| node.released);
        self.edges.retain(|edge| edge.released);
        self.announce(&order.nodes[1..], &order.edges);
        self.nodes.extend(order.nodes.into_iter().skip(1));
        self.edges.extend(order.edges);
    }

    fn announce(&mut self, nodes: &[Node], edges: &[connect::vda5050::order::Edge]) {
        let actions = nodes.iter().flat_map(|node| &node.actions).chain(edges.iter().flat_map(|edge| &edge.actions));
        self.action_states.extend(actions.map(waiting));
    }

    /// Passes a node: its actions begin.
    pub(super) fn arrive(&mut self, node: &Node) {
        self.pose.node.clone_from(&node.node_id);
        self.last_sequence_id = node.sequence_id;
        self.jobs.extend(node.actions.iter().map(|action| Job::new(action.clone())));
        self.wants_state = true;
    }

    /// Forgets what is ahead. Actions that were to come have failed.
    pub(super) fn clear_order(&mut self) {
        self.nodes.clear();
        self.edges.clear();
        self.jobs.clear();
        for state in self.action_states.iter_mut().filter(|state| !state.action_status.is_final()) {
            state.action_status = ActionStatus::Failed;
        }
        self.turning = false;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.nodes.is_empty() && self.action_states.iter().all(|state| state.action_status.is_final())
    }

    pub(super) fn cancel(&mut self) {
        self.cancelled = true;
        self.speed = 0.0;
        self.clear_order();
    }
}

/// The state of an action that nobody has begun.
pub(super) fn waiting(action: &Action) -> ActionState {
    ActionState {
        action_id: action.action_id.clone(),
        action_type: Some(action.action_type.clone()),
        action_status: ActionStatus::Waiting,
        ..ActionState::default()
    }
}
