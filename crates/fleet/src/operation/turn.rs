//! What happens as time goes on: orders follow their robots, robots are sent on, and what takes long is asked for.
//!
//! **Invariant:** nothing is released between a question for ways and its answer, so ways begin where bases end.

use std::sync::Arc;

use connect::Message;
use connect::vda5050::{self, Body, Kind, Topic};
use model::{ThingId, Timestamp};
use serde_json::{Value as Json, json};
use site::run::Mode;

use super::places::{is_charging, is_return, order_of};
use super::think::{Answer, Asked, Question, Think, Thought, Ways};
use super::work::Choice;
use super::{DISPATCH_EVERY, FINDINGS_MAX, HORIZON_LEAST, Operation, PATIENCE, PLAN_EVERY, SHADOW_EVERY, Told};
use crate::master::{Finding, Master, Mission, Output, Weight};
use crate::orders::OrderState;
use crate::traffic::{PlannedStep, Robot};
use crate::warehouse::Policy;

impl Operation {
    /// Lets time pass, and tells what is to be published. `live` is who decides, and whether it counts; with nobody the
    /// robots drive to the end of what they were released, and stand.
    ///
    /// A turn may need to think: then it comes with a question, and goes on when it is called again with the thought.
    pub fn turn(
        &mut self,
        now: Timestamp,
        live: Option<(Mode, Policy)>,
        thought: Option<Thought>,
    ) -> (Vec<Message>, Option<Question>) {
        let mut said = Vec::new();
        if thought.as_ref().is_some_and(|thought| !Arc::ptr_eq(&thought.network, &self.network)) {
            // It was about another floor.
            return (said, None);
        }
        let answer = thought.map(|thought| thought.answer);
        let asked = match live {
            Some((Mode::Operate, policy)) => self.operate(policy, answer, now, &mut said),
            Some((Mode::Shadow, policy)) => self.shadow(policy, answer, now, &mut said),
            _ if answer.is_none() => {
                self.listen(now, &mut said);
                None
            }
            _ => None,
        };
        self.note_states(now);
        (said, asked.map(|asked| Question { network: Arc::clone(&self.network), asked }))
    }

    /// A turn with all its thoughts, for whoever lets everything else wait for it.
    pub fn whole_turn(
        &mut self,
        thinker: &mut impl Think,
        now: Timestamp,
        live: Option<(Mode, Policy)>,
    ) -> Vec<Message> {
        let (mut said, mut question) = self.turn(now, live, None);
        while let Some(asked) = question {
            let (more, next) = self.turn(now, live, Some(thinker.think(asked)));
            said.extend(more);
            question = next;
        }
        said
    }

    fn operate(
        &mut self,
        policy: Policy,
        answer: Option<Answer>,
        now: Timestamp,
        said: &mut Vec<Message>,
    ) -> Option<Asked> {
        match answer {
            None => {
                self.follow(now);
                self.wind_up(now, said);
                if now.since(self.dispatched) >= DISPATCH_EVERY {
                    self.dispatched = now;
                    return Some(Asked::Orders(self.lay_out(policy, now)));
                }
            }
            Some(Answer::Orders(choices)) => {
                for (robot, mission) in self.give_out(choices, now) {
                    let decision = self.decision(Mode::Operate, &mission);
                    said.extend(self.note(robot, "decisions/order", &decision));
                }
            }
            Some(Answer::Ways { asked, paths }) => {
                if asked.copy.is_none() {
                    self.take_ways(&asked, paths, now);
                }
                return None;
            }
        }
        let outputs = self.master.tick(now);
        self.take(outputs, true, now, said);
        self.is_plan_wanted |= self.is_somebody_short();
        if !self.is_plan_wanted || now.since(self.planned) < PLAN_EVERY {
            return None;
        }
        (self.is_plan_wanted, self.planned) = (false, now);
        let (problem, stuck) = (self.master.problem(), std::mem::take(&mut self.stuck));
        Some(Asked::Ways(Ways { policy, problem, stuck, copy: None }))
    }

    /// Takes note of what robots told, and sends nothing.
    fn listen(&mut self, now: Timestamp, said: &mut Vec<Message>) {
        self.follow(now);
        let outputs = self.master.told();
        self.take(outputs, false, now, said);
    }

    fn take(&mut self, outputs: Vec<Output>, sends: bool, now: Timestamp, said: &mut Vec<Message>) {
        for output in outputs {
            match output {
                Output::Send(message) if sends => said.push(message),
                Output::PlanWanted => self.is_plan_wanted = true,
                Output::Finding(finding) => self.find(finding, now, said),
                Output::MissionDone { robot, mission } => {
                    if let Some(id) = order_of(&mission) {
                        self.put_down(robot, id, now, said);
                    }
                    self.dispatched = Timestamp::EPOCH;
                    self.revision += 1;
                }
                Output::MissionFailed { robot, mission, why } => {
                    if let Some(id) = order_of(&mission.id) {
                        said.extend(self.note(robot, "events/order_failed", &json!({"order": id, "why": why})));
                        self.fell_through(robot, id, &mission, &why, now);
                    }
                    self.revision += 1;
                }
                Output::Door { door, open } if sends => said.extend(self.open_door(door, open)),
                // Who keeps their hands off sends nothing; batteries are looked at when robots get work.
                Output::Send(_) | Output::Door { .. } | Output::ChargeWanted(_) => {}
            }
        }
    }

    /// The load of an order is down.
    fn put_down(&mut self, robot: Robot, id: &str, now: Timestamp, said: &mut Vec<Message>) {
        let off = self.book.get(id).and_then(|order| order.called_off.clone());
        let event = if off.is_some() { "events/order_cancelled" } else { "events/order_done" };
        said.extend(self.note(robot, event, &json!(id)));
        // Its robot may have given it up before.
        drop(match off {
            Some(off) => self.book.cancel(id, &off.why, now),
            None => self.book.finish(id, now),
        });
    }

    /// A robot could not do what its mission asked next.
    fn fell_through(&mut self, robot: Robot, id: &str, mission: &Mission, why: &str, now: Timestamp) {
        let (has_load, off) = (mission.stops.len() < 2, self.book.get(id).and_then(|order| order.called_off.clone()));
        match off {
            Some(off) if is_return(&mission.id) => self.leave_load(robot, id, &off, why, now),
            // It is brought back.
            Some(_) if has_load => {}
            Some(off) => drop(self.book.cancel(id, &off.why, now)),
            None if has_load => drop(self.book.fail(id, &format!("{why}; the load is on robot {robot}"), now)),
            None => drop(self.book.give_back(id, why, true, now)),
        }
    }

    pub(super) fn find(&mut self, finding: Finding, now: Timestamp, said: &mut Vec<Message>) {
        // What is only worth knowing is left out.
        if finding.weight > Weight::Information {
            let value = json!({"code": finding.code, "weight": finding.weight, "words": finding.words});
            said.extend(self.note(finding.robot, "events/finding", &value));
        }
        if self.findings.len() >= FINDINGS_MAX {
            self.findings.pop_front();
        }
        self.findings.push_back(Told { at: now, finding });
        self.revision += 1;
    }

    /// The thing that a door is, told to open or to close.
    fn open_door(&self, door: usize, open: bool) -> Option<Message> {
        let topic = format!("things/{}/desired", ThingId::new(self.floor.doors.get(door)?.id.clone()).ok()?);
        Some(Message { topic, payload: json!({"open": open}).to_string().into(), qos: 1, retain: true })
    }

    /// Hears whether the thing that a door is stands open.
    pub fn hear_door(&mut self, thing: &str, is_open: bool) {
        if let Some(door) = self.floor.doors.iter().position(|door| door.id == thing) {
            self.master.door(door, is_open);
        }
    }

    /// Orders follow their robots: those whose load is taken are under way, and robots that cannot move give back what they
    /// have not begun.
    fn follow(&mut self, now: Timestamp) {
        let (mut begun, mut stuck) = (Vec::new(), Vec::new());
        for (robot, unit) in self.master.robots() {
            let Some(mission) = &unit.mission else {
                self.halted.remove(&robot);
                continue;
            };
            let order = order_of(&mission.id).and_then(|id| self.book.get(id));
            if let Some(order) = order.filter(|it| it.state == OrderState::Assigned && mission.stops.len() < 2) {
                begun.push(order.id.clone());
            }
            if unit.is_movable() {
                self.halted.remove(&robot);
            } else if now.since(*self.halted.entry(robot).or_insert(now)) >= PATIENCE
                && (is_charging(mission)
                    || order.is_some_and(|it| it.state == OrderState::Assigned && mission.stops.len() > 1))
            {
                stuck.push((robot, order.map(|order| order.id.clone())));
            }
        }
        for id in begun {
            drop(self.book.begin(&id, now));
            self.revision += 1;
        }
        for (robot, order) in stuck {
            self.master.withdraw(robot);
            self.halted.remove(&robot);
            if let Some(id) = order {
                self.hand_back(&id, &format!("robot {robot} cannot move"), now);
            }
            self.revision += 1;
        }
    }

    /// An order leaves its robot for good.
    pub(super) fn hand_back(&mut self, id: &str, why: &str, now: Timestamp) {
        let Some(order) = self.book.get(id) else { return };
        let changed = match order.called_off.clone() {
            _ if order.state == OrderState::UnderWay => self.book.fail(id, why, now),
            Some(off) => self.book.cancel(id, &off.why, now),
            None => self.book.give_back(id, why, false, now),
        };
        // An order that is over by now needs no other robot.
        drop(changed);
    }

    /// Whether somebody who wants to go on has little planned.
    fn is_somebody_short(&self) -> bool {
        let traffic = self.master.traffic();
        self.master.robots().any(|(robot, unit)| {
            let goal = unit.goal();
            let end = traffic.horizon(robot).last().or_else(|| traffic.base(robot).last()).map(|visit| visit.cell);
            unit.is_movable() && goal.is_some() && goal != end && traffic.horizon(robot).len() < HORIZON_LEAST
        })
    }

    /// Takes ways for everybody who is where it was when they were asked for.
    fn take_ways(&mut self, asked: &Ways, mut paths: Vec<(Robot, Vec<PlannedStep>)>, now: Timestamp) {
        let traffic = self.master.traffic();
        paths.retain(|(robot, path)| {
            let end = traffic.base(*robot).last().map(|visit| visit.cell);
            end.is_some() && end == path.first().map(|first| first.cell)
        });
        if let Err(error) = self.master.plan(&paths) {
            let finding = Finding {
                robot: 0,
                code: "plan_unfit".to_owned(),
                weight: Weight::Warning,
                words: format!("a plan does not fit: {error}"),
            };
            self.find(finding, now, &mut Vec::new());
        }
        let traffic = self.master.traffic();
        let stuck = asked.problem.starts.iter().filter(|start| {
            let wants = start.is_movable && !start.is_busy && start.goal.is_some_and(|goal| goal != start.node);
            wants && start.holds.len() == 1 && traffic.horizon(start.robot).is_empty()
        });
        self.stuck = stuck.map(|start| start.robot).collect();
    }

    /// Tells what would be sent, as far as it was not told before: tried on a copy, of which nothing is kept or sent.
    fn shadow(
        &mut self,
        policy: Policy,
        answer: Option<Answer>,
        now: Timestamp,
        said: &mut Vec<Message>,
    ) -> Option<Asked> {
        match answer {
            None => {
                self.listen(now, said);
                if now.since(self.shadowed) < SHADOW_EVERY {
                    return None;
                }
                self.shadowed = now;
                Some(Asked::Orders(self.lay_out(policy, now)))
            }
            Some(Answer::Orders(choices)) => Some(Asked::Ways(self.try_out(policy, &choices))),
            Some(Answer::Ways { asked, paths }) => {
                if let Some(copy) = asked.copy {
                    self.tell_ways(*copy, &paths, now, said);
                }
                None
            }
        }
    }

    fn try_out(&self, policy: Policy, choices: &[Choice]) -> Ways {
        let mut copy = Box::new(self.master.clone());
        for (robot, mission, _) in self.decisions(choices, |order| !order.state.is_over()) {
            // Who could not take it would not get it.
            drop(mission.map(|mission| copy.exchange(robot, Some(mission))));
        }
        Ways { policy, problem: copy.problem(), stuck: Vec::new(), copy: Some(copy) }
    }

    fn tell_ways(
        &mut self,
        mut copy: Master,
        paths: &[(Robot, Vec<PlannedStep>)],
        now: Timestamp,
        said: &mut Vec<Message>,
    ) {
        drop(copy.plan(paths));
        let sent = copy.tick(now);
        let mut decisions = Vec::new();
        for (robot, unit) in copy.robots() {
            let way = way(&unit.address.topic(Kind::Order), &sent);
            let Some(mission) = unit.mission.as_ref().filter(|_| !way.is_empty()) else { continue };
            let mut decision = self.decision(Mode::Shadow, mission);
            decision["way"] = json!(way);
            decisions.push((robot, decision));
        }
        for (robot, decision) in decisions {
            if self.would.get(&robot) != Some(&decision) {
                said.extend(self.note(robot, "decisions/order", &decision));
                self.would.insert(robot, decision);
            }
        }
    }

    pub(super) fn decision(&self, mode: Mode, mission: &Mission) -> Json {
        let stops: Vec<&str> = mission.stops.iter().map(|stop| self.network.id(stop.node)).collect();
        json!({"mode": mode, "order": order_of(&mission.id).unwrap_or(&mission.id), "stops": stops})
    }

    /// Tells a fact about a robot: on `decisions/...` or `events/...` of its thing.
    pub(super) fn note(&self, robot: Robot, what: &str, value: &Json) -> Option<Message> {
        let topic = format!("things/{}/{what}", self.thing(robot)?);
        Some(Message { topic, payload: value.to_string().into(), qos: 1, retain: false })
    }
}

/// The released nodes of the order that is among the messages for a topic.
fn way(order_topic: &str, outputs: &[Output]) -> Vec<String> {
    let message = outputs.iter().find_map(|output| match output {
        Output::Send(message) if message.topic == order_topic => Some(message),
        _ => None,
    });
    let read = message.and_then(|it| vda5050::read(&Topic::parse(&it.topic)?, &it.payload).ok());
    match read.map(|read| read.body) {
        Some(Body::Order(order)) => {
            order.nodes.into_iter().filter(|node| node.released).map(|node| node.node_id).collect()
        }
        _ => Vec::new(),
    }
}
