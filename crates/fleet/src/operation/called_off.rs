//! Orders that were called off while their load was, or may have been, on a robot: the robot cancels what it is at, and
//! brings the load back. An order is over once its load is down.

use std::collections::BTreeSet;

use connect::Message;
use model::Timestamp;
use site::run::Mode;

use super::Operation;
use super::places::{is_return, order_of, return_mission};
use crate::orders::{CalledOff, Order, OrderError, OrderState};
use crate::traffic::Robot;

impl Operation {
    /// Calls an order off. A load that is on its robot is brought to the place `to`, or back to where it came from; until it
    /// is down, the order stays open.
    pub fn cancel(&mut self, id: &str, to: Option<&str>, by: &str, now: Timestamp) -> Result<Order, OrderError> {
        if let Some(to) = to.filter(|to| self.places.get(to).is_none()) {
            let problem = format!("the floor has no station or storage {to:?}");
            return Err(OrderError::Field { field: "to", problem, hint: "name a station or storage of the floor" });
        }
        let why = format!("called off by {by}");
        let known = self.book.get(id).filter(|order| !order.state.is_over() && order.called_off.is_none());
        let robot = known.and_then(|order| order.robot).filter(|robot| self.carries_out(*robot, id));
        let Some((order, robot)) = known.zip(robot) else {
            return match self.book.get(id).filter(|order| order.called_off.is_some() && !order.state.is_over()) {
                Some(order) => Ok(order.clone()),
                None => self.book.cancel(id, &why, now),
            };
        };
        self.revision += 1;
        let may_have_load =
            order.state == OrderState::UnderWay || self.master.unit(robot).is_some_and(|unit| !unit.may_change());
        if may_have_load {
            let to = to.unwrap_or(&order.wanted.from).to_owned();
            return self.book.call_off(id, CalledOff { why, to }, now);
        }
        self.master.withdraw(robot);
        self.is_plan_wanted = true;
        self.book.cancel(id, &why, now)
    }

    fn carries_out(&self, robot: Robot, id: &str) -> bool {
        let mission = self.master.unit(robot).and_then(|unit| unit.mission.as_ref());
        mission.is_some_and(|mission| order_of(&mission.id) == Some(id))
    }

    /// Robots that have to bring a load back, or are asked whether they have to.
    pub(super) fn returning(&self) -> BTreeSet<Robot> {
        self.book.called_off().filter_map(|order| order.robot).collect()
    }

    /// Goes on with orders that were called off.
    pub(super) fn wind_up(&mut self, now: Timestamp, said: &mut Vec<Message>) {
        let open: Vec<(Order, CalledOff)> =
            self.book.called_off().filter_map(|order| Some((order.clone(), order.called_off.clone()?))).collect();
        for (order, off) in open {
            let robot = order.robot.expect("an order whose load may be on a robot has one");
            let Some(unit) = self.master.unit(robot) else {
                drop(self.book.fail(&order.id, &format!("{}; its robot is gone", off.why), now));
                continue;
            };
            match &unit.mission {
                Some(mission) if is_return(&mission.id) => {}
                // What has begun to take a load or to put it down ends it.
                Some(_) if unit.is_served() => {}
                Some(_) => {
                    self.master.withdraw(robot);
                    (self.is_plan_wanted, self.revision) = (true, self.revision + 1);
                }
                None if unit.is_movable() => {
                    let said_loads = unit.state.as_ref().and_then(|state| state.loads.as_ref());
                    if said_loads.map_or(order.state == OrderState::UnderWay, |loads| !loads.is_empty()) {
                        self.bring_back(robot, &order, &off, now, said);
                    } else {
                        drop(self.book.cancel(&order.id, &off.why, now));
                    }
                }
                None => {}
            }
        }
    }

    fn bring_back(&mut self, robot: Robot, order: &Order, off: &CalledOff, now: Timestamp, said: &mut Vec<Message>) {
        let bookings = self.bookings();
        let node = self.places.get(&off.to).and_then(|place| bookings.emptiest(&place.cells));
        let given = node.ok_or_else(|| format!("the floor has no {} any more", off.to)).and_then(|node| {
            let mission = return_mission(order, &off.to, node);
            self.master.exchange(robot, Some(mission.clone())).map_err(|error| error.to_string())?;
            Ok(mission)
        });
        match given {
            Ok(mission) => {
                let decision = self.decision(Mode::Operate, &mission);
                said.extend(self.note(robot, "decisions/order", &decision));
            }
            Err(why) => self.leave_load(robot, &order.id, off, &why, now),
        }
    }

    /// The load of an order that was called off stays on its robot, which is put aside until a person has looked after it.
    pub(super) fn leave_load(&mut self, robot: Robot, id: &str, off: &CalledOff, why: &str, now: Timestamp) {
        let words = format!("the load of order {id} is on it and cannot be put down at {}: {why}", off.to);
        self.master.set_aside(robot, &words);
        drop(self.book.fail(id, &format!("{}; its load is on robot {robot}: {why}", off.why), now));
        self.revision += 1;
    }
}
