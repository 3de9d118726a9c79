//! What robots say, and what master control believes of it.

use std::time::Duration;

use connect::vda5050::state::{ActionStatus, Connection, ConnectionState, Error, Position};
use connect::vda5050::{Body, Problem as Violation, Read, State, Topic};
use model::Timestamp;

use super::equip::ACTIONS_TOLD_MAX;
use super::{Master, Output, Phase, Robot, Unit, Weight};
use crate::floor::NodeIndex;

/// States that have to be plausible in a row before a robot that jumped is believed again.
const DOUBTS: u32 = 3;

/// How long a robot has to wait where its base ends to be known as one that does.
const TRIAL: Duration = Duration::from_secs(3);

/// Header ids that far back are old messages; further back the counter has wrapped or begun anew.
const HEADERS_BACK_MAX: u32 = 1_000;

/// Error types by which robots of 1.1 to 3.0 refuse orders, without case and underscores.
const REFUSALS: &[&str] = &[
    "validationerror",
    "validationfailure",
    "ordererror",
    "invalidorder",
    "invalidorderaction",
    "orderupdateerror",
    "outdatedorderupdate",
    "orderupdatefollowingcancel",
    "norouteerror",
    "noroutetotarget",
    "startnodeoutofrange",
    "otherorderactive",
    "unknownmapid",
    "unsupportedparameter",
    "insufficientmemory",
    "mobilerobotnotavailable",
    "maperror",
];

fn is_refusal(error: &Error) -> bool {
    if error.reference("topic") == Some("instantActions") {
        return false;
    }
    let plain: String = error.error_type.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
    REFUSALS.contains(&plain.as_str())
}

impl Master {
    /// Hears a message of a robot, received at `received`. False when the robot is not under control.
    pub fn hear(&mut self, topic: &Topic<'_>, read: &Read, received: Timestamp) -> bool {
        let Some(robot) = self.robot_at(topic.manufacturer, topic.serial_number) else { return false };
        self.now = self.now.max(received);
        if let Some(unit) = self.units.get_mut(&robot) {
            unit.violations += (read.violations.len() + read.further_violations) as u64;
            unit.version = read.version;
            if unit.heard.is_none() && unit.address != topic.address() {
                // Where it is spoken to is known from its first word.
                unit.address = topic.address();
                self.unsaved.insert(robot);
                self.ask(robot, "stateRequest");
            }
        }
        let is_other = read.violations.iter().any(|it| matches!(it.problem, Violation::Address(_)));
        self.find(robot, "wrong_name", Weight::Warning, is_other, || {
            let said = &read.header;
            format!("its header says {} {}; its topic counts", said.manufacturer, said.serial_number)
        });
        match &read.body {
            Body::Connection(connection) => self.hear_connection(robot, connection),
            Body::State(state) => self.hear_state(robot, state, read),
            Body::Factsheet(sheet) => {
                if let Some(unit) = self.units.get_mut(&robot) {
                    unit.factsheet = Some((**sheet).clone());
                }
                self.note_zones(robot);
            }
            _ => {}
        }
        true
    }

    fn hear_connection(&mut self, robot: Robot, connection: &Connection) {
        let is_linked = connection.connection_state == ConnectionState::Online;
        let now = self.now;
        let Some(unit) = self.units.get_mut(&robot) else { return };
        if unit.is_linked && !is_linked {
            unit.unlinked_since = now;
        }
        let is_back = is_linked && !unit.is_linked;
        (unit.is_linked, unit.is_header_fresh) = (is_linked, unit.is_header_fresh || is_linked);
        self.is_plan_wanted = true;
        if is_back {
            self.ask(robot, "stateRequest");
        }
    }

    /// Whether a state is older than the last one.
    fn is_stale(unit: &Unit, read: &Read) -> bool {
        let Some((header, time)) = unit.header.filter(|_| !unit.is_header_fresh) else { return false };
        let back = header.wrapping_sub(read.header.header_id);
        back < HEADERS_BACK_MAX && read.header.timestamp <= time
    }

    fn hear_state(&mut self, robot: Robot, state: &State, read: &Read) {
        let now = self.now;
        let Some(unit) = self.units.get_mut(&robot) else { return };
        if Self::is_stale(unit, read) {
            unit.stale_states += 1;
            return;
        }
        unit.header = Some((read.header.header_id, read.header.timestamp));
        unit.is_header_fresh = false;
        if !unit.is_linked {
            // Some robots speak again without saying that they are there.
            unit.is_linked = true;
            self.is_plan_wanted = true;
        }
        self.judge_clock(robot, read.header.timestamp);
        self.judge_jump(robot, state);
        let Some(unit) = self.units.get_mut(&robot) else { return };
        let before = unit.state.replace(state.clone());
        unit.heard = Some(now);
        self.hear_health(robot, state);
        self.hear_answers(robot, state);
        self.hear_mode(robot, state);
        self.hear_equipment(robot, state);
        if self.units.get(&robot).is_some_and(|unit| unit.doubts == 0) {
            self.hear_cancel(robot, state);
            self.hear_order(robot, state, before.as_ref());
            if self.units.get(&robot).is_some_and(|unit| unit.phase == Phase::Lost) {
                self.locate(robot, state);
            }
        }
    }

    fn judge_clock(&mut self, robot: Robot, said: Timestamp) {
        let off = said.since(self.now).max(self.now.since(said));
        let is_off = off > Duration::from_secs_f64(self.settings.clock_skew_seconds);
        self.find(robot, "clock_skew", Weight::Warning, is_off, || format!("its clock is {} s off", off.as_secs()));
    }

    /// A position that no robot can have got to since the last one casts doubt on whatever it says.
    fn judge_jump(&mut self, robot: Robot, state: &State) {
        let now = self.now;
        let belief = self.settings.belief_metres;
        let Some(unit) = self.units.get_mut(&robot) else { return };
        let known = unit.state.as_ref().and_then(|state| state.position.clone());
        let (Some(before), Some(after), Some(heard)) = (known, &state.position, unit.heard) else { return };
        // What a robot does without us is no lie.
        let is_ours =
            unit.phase == Phase::Ready && state.operating_mode.is_automatic() && before.map_id == after.map_id;
        let speed = unit.factsheet.as_ref().map(|sheet| sheet.physical_parameters.maximum_speed).filter(|it| *it > 0.0);
        let metres = (before.x - after.x).hypot(before.y - after.y);
        let possible = belief + 1.5 * speed.unwrap_or(3.0) * now.since(heard).as_secs_f64();
        if is_ours && metres > possible {
            unit.doubts = DOUBTS;
            self.is_plan_wanted = true;
        } else {
            unit.doubts = unit.doubts.saturating_sub(1);
        }
        let is_doubted = unit.doubts > 0;
        self.find(robot, "jump", Weight::Alarm, is_doubted, || {
            format!("its position jumped by {metres:.1} m; it is not moved until it is believed again")
        });
    }

    fn hear_health(&mut self, robot: Robot, state: &State) {
        let stopping = state.errors.iter().find(|error| error.error_level.stops());
        self.find(robot, "broken", Weight::Alarm, stopping.is_some(), || {
            let words = stopping.and_then(|error| error.error_description.clone()).unwrap_or_default();
            format!("{}: {words}", stopping.map_or("", |error| error.error_type.as_str()))
        });
        let stop = state.safety_state.emergency_stop;
        let is_stopped = stop != connect::vda5050::state::EmergencyStop::None;
        self.find(robot, "emergency_stop", Weight::Alarm, is_stopped, || "it is in an emergency stop".to_owned());
        let map = state.position.as_ref().map(|position| position.map_id.clone()).unwrap_or_default();
        let is_elsewhere = !map.is_empty() && map != self.map;
        self.find(robot, "other_map", Weight::Alarm, is_elsewhere, || format!("it is on map {map:?}"));
        let charge = state.power_supply.state_of_charge;
        let (threshold, mut wants_charge) = (self.settings.charge_below_percent, false);
        if let Some(unit) = self.units.get(&robot) {
            let is_free = unit.mission.is_none() && unit.phase == Phase::Ready && !state.power_supply.charging;
            wants_charge = is_free && charge < threshold && !unit.told.contains("low_battery");
        }
        if wants_charge {
            self.outputs.push(Output::ChargeWanted(robot));
            self.find(robot, "low_battery", Weight::Warning, true, || format!("its battery is at {charge:.0} %"));
        } else if charge >= threshold || state.power_supply.charging {
            self.find(robot, "low_battery", Weight::Warning, false, String::new);
        }
        if state.new_base_request == Some(true) && self.traffic.horizon(robot).is_empty() {
            self.is_plan_wanted |= self.units.get(&robot).is_some_and(|unit| unit.mission.is_some());
        }
    }

    /// Instant actions that are answered need not be sent again.
    fn hear_answers(&mut self, robot: Robot, state: &State) {
        let Some(unit) = self.units.get_mut(&robot) else { return };
        let mut failed = None;
        unit.unanswered.retain(|message| {
            let Body::InstantActions(asked) = &message.body else { return true };
            let Some(action) = asked.actions.first() else { return false };
            // Some robots do what they are told and never say so.
            let is_seen = match action.action_type.as_str() {
                "startPause" => state.paused == Some(true),
                "stopPause" => state.paused == Some(false),
                "stopCharging" => !state.power_supply.charging,
                "clearInstantActions" => state.instant_action_states.len() <= ACTIONS_TOLD_MAX,
                _ => false,
            };
            let answer = state.action(&action.action_id);
            if answer.is_some_and(|it| it.action_status == ActionStatus::Failed) && action.action_type != "cancelOrder"
            {
                failed = Some(action.action_type.clone());
            }
            !is_seen && answer.is_none()
        });
        if let Some(action) = failed {
            self.find(robot, "instant_action_failed", Weight::Warning, false, String::new);
            self.find(robot, "instant_action_failed", Weight::Warning, true, || format!("it could not do {action}"));
        }
    }

    fn hear_mode(&mut self, robot: Robot, state: &State) {
        let mode = state.operating_mode;
        let Some(unit) = self.units.get_mut(&robot) else { return };
        let was_manual = unit.phase == Phase::Manual;
        if mode.clears_order() && unit.phase != Phase::SetAside {
            if !was_manual {
                // What was to be done at the stop is done again later: the robot has forgotten it.
                unit.forget_order();
                unit.phase = Phase::Manual;
                self.unsaved.insert(robot);
                self.is_plan_wanted = true;
            }
            self.note_intrusion(robot, state);
        } else if was_manual && mode.is_automatic() {
            unit.phase = Phase::Lost;
        }
        self.find(robot, "manual", Weight::Information, !mode.is_automatic(), || format!("a person has it: {mode:?}"));
    }

    /// A robot that a person drives may stand where others are meant to go.
    fn note_intrusion(&mut self, robot: Robot, state: &State) {
        let here = state.position.as_ref().filter(|position| position.map_id == self.map);
        let nearest = here.and_then(|it| self.network.nearest(it.x, it.y));
        let node = nearest.filter(|(_, metres)| *metres <= self.settings.belief_metres).map(|(node, _)| node);
        let holds = node.is_some_and(|node| self.traffic.holder(node) == Some(robot));
        if let Some(unit) = self.units.get_mut(&robot) {
            let intrudes = node.filter(|_| !holds);
            self.is_plan_wanted |= unit.intrudes != intrudes;
            unit.intrudes = intrudes;
        }
    }

    /// Finds the node where a robot stands, and puts it there.
    fn locate(&mut self, robot: Robot, state: &State) {
        self.note_intrusion(robot, state);
        if !state.operating_mode.is_automatic() || state.driving {
            return;
        }
        if !state.is_idle() {
            // An order that is not ours, or that we have forgotten.
            self.find(robot, "foreign_order", Weight::Warning, true, || {
                format!("it has order {:?}, which is not ours; it is cancelled", state.order_id)
            });
            if let Some(action_id) = self.ask(robot, "cancelOrder")
                && let Some(unit) = self.units.get_mut(&robot)
            {
                unit.phase = Phase::Cancelling { action_id };
            }
            return;
        }
        self.find(robot, "foreign_order", Weight::Warning, false, String::new);
        let Some(node) = self.node_under(state) else {
            let place = state.position.as_ref().map(|it| format!("{:.1}, {:.1}", it.x, it.y)).unwrap_or_default();
            return self.find(robot, "off_floor", Weight::Alarm, true, || {
                format!("it stands at ({place}), which is no node; move it to one or set its position")
            });
        };
        let theta = state.position.as_ref().map_or(0.0, |position| position.theta);
        match self.traffic.place(robot, node, theta) {
            Ok(()) => {
                self.find(robot, "off_floor", Weight::Alarm, false, String::new);
                self.find(robot, "in_the_way", Weight::Alarm, false, String::new);
                self.traffic.forget_plans();
                if let Some(unit) = self.units.get_mut(&robot) {
                    (unit.phase, unit.intrudes) = (Phase::Ready, None);
                }
                self.unsaved.insert(robot);
                self.is_plan_wanted = true;
            }
            Err(error) => {
                if let Some(unit) = self.units.get_mut(&robot) {
                    unit.intrudes = Some(node);
                }
                self.find(robot, "in_the_way", Weight::Alarm, true, || error.to_string());
            }
        }
    }

    /// The node on which a robot stands: by its position, or without one by what it says.
    fn node_under(&self, state: &State) -> Option<NodeIndex> {
        match state.position.as_ref().filter(|position| position.localized) {
            Some(position) if !position.map_id.is_empty() && position.map_id != self.map => None,
            Some(position) => {
                let (node, metres) = self.network.nearest(position.x, position.y)?;
                (metres <= self.settings.belief_metres / 2.0).then_some(node)
            }
            None => self.network.node(&state.last_node_id),
        }
    }

    fn hear_cancel(&mut self, robot: Robot, state: &State) {
        let Some(unit) = self.units.get(&robot) else { return };
        let Phase::Cancelling { action_id } = &unit.phase else { return };
        let answer = state.action(action_id).map(|action| action.action_status);
        // Some robots cancel and never say so: then they stand idle while they are asked again.
        let is_silent = answer.is_none() && state.is_idle() && !state.driving;
        let asked_twice = !unit.unanswered.iter().any(|it| it.times < 2 && matches!(it.body, Body::InstantActions(_)));
        if answer.is_some_and(ActionStatus::is_final) && !state.driving || is_silent && asked_twice {
            self.end_order(robot, state);
        }
    }

    /// The robot has no order any more: it keeps what it stands on, and is free for another.
    fn end_order(&mut self, robot: Robot, state: &State) {
        self.unsaved.insert(robot);
        let Some((reached, released, _)) = self.traffic.progress(robot) else {
            if let Some(unit) = self.units.get_mut(&robot) {
                unit.forget_order();
                unit.phase = Phase::Lost;
            }
            return;
        };
        let kept = match state.position.as_ref().filter(|position| position.localized) {
            Some(position) => {
                // Between two nodes it stands on both.
                (reached..=released.min(reached + 1))
                    .find(|number| self.metres_to(robot, *number, position) <= self.settings.deviation_metres)
                    .or_else(|| {
                        (self.metres_off(robot, reached, position) <= self.settings.belief_metres)
                            .then_some(released.min(reached + 1))
                    })
            }
            None => Some(released.min(reached + 1)),
        };
        if let Some(unit) = self.units.get_mut(&robot) {
            unit.forget_order();
            unit.phase = if kept.is_some() { Phase::Ready } else { Phase::Lost };
        }
        if let Some(kept) = kept {
            self.traffic.retract(robot, kept);
        }
        self.traffic.forget_plans();
        self.is_plan_wanted = true;
    }

    fn metres_to(&self, robot: Robot, number: u64, position: &Position) -> f64 {
        let Some(visit) = self.traffic.visit(robot, number) else { return f64::INFINITY };
        let point = self.network.point(visit.cell);
        (point.x - position.x).hypot(point.y - position.y)
    }

    /// How far a position is from the way between a visit and the next one of the base.
    fn metres_off(&self, robot: Robot, number: u64, position: &Position) -> f64 {
        let Some(visit) = self.traffic.visit(robot, number) else { return f64::INFINITY };
        let is_released = self.traffic.progress(robot).is_some_and(|(_, released, _)| number < released);
        let a = self.network.point(visit.cell);
        let next = self.traffic.visit(robot, number + 1).filter(|_| is_released);
        let b = next.map_or(a, |next| self.network.point(next.cell));
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let length = dx * dx + dy * dy;
        let along = if length > 0.0 { ((position.x - a.x) * dx + (position.y - a.y) * dy) / length } else { 0.0 };
        let share = along.clamp(0.0, 1.0);
        (a.x + share * dx - position.x).hypot(a.y + share * dy - position.y)
    }

    fn hear_order(&mut self, robot: Robot, state: &State, before: Option<&State>) {
        let Some(unit) = self.units.get_mut(&robot) else { return };
        let Some(given) = &mut unit.given else { return };
        let order_id = given.order_id.clone();
        if state.order_id == order_id {
            if state.order_update_id == given.update_id {
                given.is_accepted = true;
                unit.rejections = 0;
                unit.unanswered.retain(|it| !matches!(it.body, Body::Order(_)));
                self.find(robot, "rejected", Weight::Warning, false, String::new);
            }
            self.hear_progress(robot, state);
            self.hear_tasks(robot, state);
        }
        let Some(unit) = self.units.get_mut(&robot) else { return };
        let Some(given) = &unit.given else { return };
        let refused = state.errors.iter().find(|error| {
            let update = given.update_id.to_string();
            is_refusal(error)
                && match (error.reference("orderId"), error.reference("orderUpdateId")) {
                    (Some(order), Some(said)) => order == order_id && said == update,
                    (Some(order), None) => order == order_id,
                    // Without a reference, it is about what was sent last if it is new.
                    _ => before.is_none_or(|before| !before.errors.contains(error)),
                }
        });
        let is_unanswered = unit.unanswered.iter().any(|it| matches!(it.body, Body::Order(_)));
        if let Some(error) = refused.filter(|_| is_unanswered).cloned() {
            return self.refused(robot, &error);
        }
        // An update is only sent when the order before was accepted.
        if unit.phase != Phase::Ready || !given.is_accepted && given.update_id == 0 {
            return;
        }
        let is_gone = state.order_id != order_id;
        let is_updated = given.update_id > 0;
        let is_dropped = state.order_update_id == given.update_id
            && state.is_idle()
            && !state.driving
            && given.first_visit + u64::from(state.last_node_sequence_id) / 2 < given.sent_visit;
        if is_gone {
            self.find(robot, "order_lost", Weight::Warning, false, String::new);
            self.find(robot, "order_lost", Weight::Warning, true, || format!("it no longer has order {order_id}"));
            let is_located = state.position.as_ref().is_some_and(|position| position.localized);
            if is_located && state.is_idle() && !state.driving {
                // It was started anew: it goes on from where it stands.
                self.end_order(robot, state);
            } else {
                unit_lost(self.units.get_mut(&robot));
            }
            self.unsaved.insert(robot);
        } else if is_dropped {
            self.find(robot, "order_dropped", Weight::Warning, false, String::new);
            self.find(robot, "order_dropped", Weight::Warning, true, || format!("it gave up order {order_id}"));
            if is_updated {
                self.note_updates(robot, false);
            }
            self.end_order(robot, state);
        }
    }

    fn hear_progress(&mut self, robot: Robot, state: &State) {
        let Some(given) = self.units.get(&robot).and_then(|unit| unit.given.as_ref()) else { return };
        // Until they begin with an order, some robots tell of the node where the one before ended.
        let has_begun = !state.last_node_id.is_empty() && state.node_states.iter().all(|node| node.sequence_id > 0);
        if !has_begun {
            return;
        }
        let number = given.first_visit + u64::from(state.last_node_sequence_id) / 2;
        let Some((reached, released, _)) = self.traffic.progress(robot) else { return };
        if number < reached {
            return;
        }
        let sent = given.sent_visit + u64::from(given.is_trial);
        let is_ahead = number > released.min(sent);
        if is_ahead {
            self.note_updates(robot, false);
        }
        self.find(robot, "ahead", Weight::Alarm, is_ahead, || {
            format!("it says that it reached node {number} of its way, but only {released} are released")
        });
        let Some(visit) = self.traffic.visit(robot, number).filter(|_| !is_ahead) else { return };
        let is_other_node = self.network.id(visit.cell) != state.last_node_id;
        self.find(robot, "other_node", Weight::Alarm, is_other_node, || {
            format!("it says that it is at node {:?}, which its order has not there", state.last_node_id)
        });
        let position = state.position.as_ref().filter(|position| position.localized);
        let metres = position.map_or(0.0, |position| self.metres_off(robot, number, position));
        let is_off = metres > self.settings.belief_metres;
        self.find(robot, "off_route", Weight::Alarm, is_off, || {
            format!("it says that it is {metres:.1} m off its way; what it holds stays held")
        });
        if !is_other_node && !is_off && self.traffic.reached(robot, number).is_ok() {
            self.judge_trial(robot, number, state);
            if number > reached {
                // Others may have waited for what it left, and may have it once that is written down.
                self.unsaved.insert(robot);
                self.find(robot, "stuck", Weight::Warning, false, String::new);
            }
        }
    }

    /// Whether a robot that was told less than it may waits where it was told to.
    fn judge_trial(&mut self, robot: Robot, number: u64, state: &State) {
        let (now, near) = (self.now, self.settings.deviation_metres);
        let position = state.position.as_ref().filter(|position| position.localized);
        let is_there = position.map_or(!state.driving, |position| self.metres_to(robot, number, position) <= near);
        let Some(unit) = self.units.get_mut(&robot) else { return };
        let Some(given) = unit.given.as_mut().filter(|given| given.is_trial && number >= given.sent_visit) else {
            return;
        };
        if number > given.sent_visit {
            (given.sent_visit, given.is_trial) = (number, false);
            return self.note_updates(robot, false);
        }
        let ahead = 2 * (number + 1 - given.first_visit);
        let knows_more = state.node_states.iter().any(|node| u64::from(node.sequence_id) == ahead);
        let since = *unit.waits_since.get_or_insert(now);
        // Some stop further off than they are asked to.
        if knows_more && now >= since + if is_there { TRIAL } else { 3 * TRIAL } {
            given.is_trial = false;
            self.note_updates(robot, true);
        }
    }

    fn note_updates(&mut self, robot: Robot, takes_updates: bool) {
        let Some(unit) = self.units.get_mut(&robot) else { return };
        unit.takes_updates = Some(takes_updates);
        self.unsaved.insert(robot);
        self.find(robot, "no_updates", Weight::Information, !takes_updates, || {
            "it does not wait for updates of its orders; each of them is sent whole".to_owned()
        });
    }

    /// What became of the tasks at a stop.
    fn hear_tasks(&mut self, robot: Robot, state: &State) {
        let Some((reached, ..)) = self.traffic.progress(robot) else { return };
        let Some(unit) = self.units.get_mut(&robot) else { return };
        let is_accepted = unit.given.as_ref().is_some_and(|given| given.is_accepted);
        let Some(pending) = unit.pending.as_ref().filter(|pending| reached >= pending.visit && is_accepted) else {
            return;
        };
        let statuses: Vec<Option<ActionStatus>> =
            pending.action_ids.iter().map(|id| state.action(id).map(|action| action.action_status)).collect();
        let failed = pending.action_ids.iter().zip(&statuses).find(|(_, it)| **it == Some(ActionStatus::Failed));
        if let Some((action_id, _)) = failed {
            self.unsaved.insert(robot);
            let error = state.errors.iter().find(|error| error.reference("actionId") == Some(action_id));
            let why = error.and_then(|error| error.error_description.clone());
            let why = why.unwrap_or_else(|| "an action failed and the robot gives no reason".to_owned());
            unit.pending = None;
            if let Some(mission) = unit.mission.take() {
                self.outputs.push(Output::MissionFailed { robot, mission, why });
            }
            self.is_plan_wanted = true;
        } else if statuses.iter().all(|status| *status == Some(ActionStatus::Finished)) {
            unit.pending = None;
            self.unsaved.insert(robot);
            let Some(mission) = &mut unit.mission else { return };
            mission.stops.remove(0);
            if mission.stops.is_empty() {
                let mission = mission.id.clone();
                unit.mission = None;
                self.outputs.push(Output::MissionDone { robot, mission });
            }
            self.is_plan_wanted = true;
        }
    }

    /// The robot does not take what was sent last.
    fn refused(&mut self, robot: Robot, error: &Error) {
        let (now, most) = (self.now, self.settings.rejections_max);
        let pause = Duration::from_secs_f64(self.settings.rejection_pause_seconds);
        let reached = self.traffic.progress(robot).map_or(0, |(reached, ..)| reached);
        let Some(unit) = self.units.get_mut(&robot) else { return };
        unit.unanswered.retain(|it| !matches!(it.body, Body::Order(_)));
        unit.rejections += 1;
        unit.not_before = now + pause * unit.rejections;
        let rejections = unit.rejections;
        self.unsaved.insert(robot);
        let is_first = unit.given.as_ref().is_some_and(|given| given.update_id == 0);
        let words = error.error_description.clone().unwrap_or_default();
        let why = format!("{}: {words}", error.error_type);
        self.find(robot, "rejected", Weight::Warning, false, String::new);
        self.find(robot, "rejected", Weight::Warning, true, || format!("it refused an order ({rejections}): {why}"));
        if is_first {
            // It never had the order, so it stays where it is.
            if let Some(unit) = self.units.get_mut(&robot) {
                unit.forget_order();
            }
            self.traffic.retract(robot, reached);
            self.traffic.forget_plans();
        } else {
            self.cancel(robot);
        }
        self.is_plan_wanted = true;
        if rejections >= most {
            let Some(unit) = self.units.get_mut(&robot) else { return };
            unit.forget_order();
            unit.phase = Phase::SetAside;
            let mission = unit.mission.take();
            self.find(robot, "set_aside", Weight::Alarm, true, || format!("it refused {rejections} orders: {why}"));
            self.outputs.extend(mission.map(|mission| Output::MissionFailed { robot, mission, why }));
        }
    }

    /// What time brings about: silence, deafness, links that stay lost.
    pub(super) fn watch(&mut self, robot: Robot) {
        self.resend(robot);
        let (now, silence) = (self.now, Duration::from_secs_f64(self.settings.silence_seconds));
        let alarm = Duration::from_secs_f64(self.settings.link_alarm_seconds);
        // Who stands without a way and wants to go somewhere is planned for again, whatever has changed meanwhile.
        let has_way = self.traffic.base(robot).len() > 1 || !self.traffic.horizon(robot).is_empty();
        let Some(unit) = self.units.get_mut(&robot) else { return };
        self.is_plan_wanted |= !has_way && unit.pending.is_none() && unit.is_movable() && unit.goals().next().is_some();
        let (is_linked, since) = (unit.is_linked, unit.unlinked_since);
        // Whether it still waits is known from its next state, which may be half a minute away.
        let judged = unit.waits_since.filter(|_| unit.given.as_ref().is_some_and(|given| given.is_trial));
        if judged.is_some_and(|since| since + TRIAL <= now && unit.asked_state < since + TRIAL) {
            unit.asked_state = now;
            self.ask(robot, "stateRequest");
        }
        let Some(unit) = self.units.get_mut(&robot) else { return };
        let is_silent = is_linked && unit.heard.unwrap_or(unit.asked_state) + silence < now;
        let ask = is_silent && unit.asked_state + silence < now;
        if ask {
            unit.asked_state = now;
            self.ask(robot, "stateRequest");
        }
        self.find(robot, "silent", Weight::Warning, is_silent, || "it sends no state".to_owned());
        self.find(robot, "unlinked", Weight::Warning, !is_linked, || {
            "its link is lost; what it holds stays held, and others go around".to_owned()
        });
        let is_long = !is_linked && since + alarm < now;
        self.find(robot, "unlinked_long", Weight::Alarm, is_long, || "its link stays lost; look after it".to_owned());
    }
}

fn unit_lost(unit: Option<&mut Unit>) {
    if let Some(unit) = unit {
        unit.forget_order();
        unit.phase = Phase::Lost;
    }
}
