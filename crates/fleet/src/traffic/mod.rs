//! From a plan to what may be driven: who may enter which cell, given what everybody has really done.
//!
//! A plan says when each robot is on which cell; real robots are late. What matters of a plan is only its order: a cell is
//! entered by one robot after the other has left it. [`Traffic`] keeps that order as an action-dependency graph and releases
//! a robot's next cells once everybody who comes before it there is seen to have left.
//!
//! **Invariant:** no two robots hold the same cell; a robot holds what it was released and has not left.
//! **Invariant:** whatever plan is given, what is kept of it can be driven to its end by all robots, in any timing. Parts that
//! could not (a swap, a ring in which everybody waits for the next) are cut off and have to be planned anew.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

/// The number of a cell or node.
pub type Cell = u32;

/// The number of a robot in its traffic.
pub type Robot = u32;

/// The most visits that a plan may have for one robot; what is beyond is cut off.
pub const VISITS_PER_ROBOT_MAX: usize = 4_096;

/// A step of a plan: from `step` on, the robot stands on a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// When, counted in steps of the plan from 0.
    pub step: u32,
    /// Where.
    pub cell: Cell,
    /// The heading with which it leaves again, in radians; the last one said for a stay counts.
    pub theta: f64,
}

/// A stay on a cell, in a robot's own order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// Where.
    pub cell: Cell,
    /// The heading at its end, in radians.
    pub theta: f64,
    /// What others must have reached before: robots, and the numbers of their visits.
    after: Vec<(Robot, u64)>,
}

/// A robot's visits: reached, released and planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Track {
    /// The visits from the one that it reached last.
    visits: Vec<Visit>,
    /// The number of the first of `visits`.
    reached: u64,
    /// The number of the last one that is released.
    released: u64,
}

impl Track {
    fn get(&self, number: u64) -> Option<&Visit> {
        self.visits.get(usize::try_from(number.checked_sub(self.reached)?).ok()?)
    }

    fn end(&self) -> u64 {
        self.reached + self.visits.len() as u64 - 1
    }

    fn held(&self) -> &[Visit] {
        &self.visits[..=(self.released - self.reached) as usize]
    }
}

/// What a robot holds, to be written down: the visits of its base from the one that it reached last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The number of the visit that it reached last.
    pub reached: u64,
    /// Cells and headings; at least one.
    pub visits: Vec<(Cell, f64)>,
}

/// Why traffic does not take something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrafficError {
    /// Another robot holds the cell.
    #[error("cell {cell} is held by robot {holder}")]
    Held {
        /// Which cell.
        cell: Cell,
        /// Who holds it.
        holder: Robot,
    },
    /// There is no such robot.
    #[error("there is no robot {0}")]
    Unknown(Robot),
    /// A path does not begin where the robot's base ends.
    #[error("the path of robot {robot} begins on cell {begins}, its base ends on {ends}")]
    Start {
        /// Whose.
        robot: Robot,
        /// Where it begins.
        begins: Cell,
        /// Where it should.
        ends: Cell,
    },
    /// A robot is planned twice.
    #[error("there are two paths for robot {0}")]
    Twice(Robot),
    /// A robot cannot have reached what was not released.
    #[error("robot {robot} claims visit {claimed}, {released} is released")]
    Ahead {
        /// Who.
        robot: Robot,
        /// What it claims.
        claimed: u64,
        /// What it may.
        released: u64,
    },
}

/// What became of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Visits that were kept.
    pub kept: usize,
    /// Visits that were cut off.
    pub cut: usize,
}

/// The order in which robots pass cells.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Traffic {
    tracks: BTreeMap<Robot, Track>,
}

impl Traffic {
    /// No robot yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a robot on a cell, or somewhere else than it was: it holds nothing but that cell then, and has no plan.
    pub fn place(&mut self, robot: Robot, cell: Cell, theta: f64) -> Result<(), TrafficError> {
        if let Some(holder) = self.holder(cell).filter(|holder| *holder != robot) {
            return Err(TrafficError::Held { cell, holder });
        }
        // Numbers go on, so that nobody who waits for an earlier visit waits for ever.
        let reached = self.tracks.get(&robot).map_or(0, |track| track.end() + 1);
        let visits = vec![Visit { cell, theta, after: Vec::new() }];
        self.tracks.insert(robot, Track { visits, reached, released: reached });
        Ok(())
    }

    /// Takes a robot off the floor.
    pub fn remove(&mut self, robot: Robot) {
        self.tracks.remove(&robot);
    }

    /// Replaces everybody's plan beyond their bases. Each path begins where the robot's base ends; robots without a path
    /// stay there. Paths need not be without conflict: what cannot be driven is cut off.
    pub fn plan(&mut self, paths: &[(Robot, Vec<PlannedStep>)]) -> Result<Kept, TrafficError> {
        let mut seen = std::collections::HashSet::new();
        for (robot, path) in paths {
            let track = self.tracks.get(robot).ok_or(TrafficError::Unknown(*robot))?;
            let ends = track.held()[track.held().len() - 1].cell;
            if let Some(first) = path.first().filter(|first| first.cell != ends) {
                return Err(TrafficError::Start { robot: *robot, begins: first.cell, ends });
            }
            if !seen.insert(robot) {
                return Err(TrafficError::Twice(*robot));
            }
        }
        for track in self.tracks.values_mut() {
            track.visits.truncate((track.released - track.reached) as usize + 1);
        }
        let mut entries = self.append(paths);
        self.order(&mut entries);
        Ok(self.cut(entries.len()))
    }

    /// Adds the visits of paths and gives their entries: cell, step, robot and number.
    fn append(&mut self, paths: &[(Robot, Vec<PlannedStep>)]) -> Vec<(Cell, u32, Robot, u64)> {
        let mut entries = Vec::new();
        for (robot, path) in paths {
            let track = self.tracks.get_mut(robot).expect("every path's robot was looked up before");
            for planned in path {
                let last = track.visits.len() - 1;
                if track.visits[last].cell == planned.cell {
                    // The heading of a base that is out cannot be taken back.
                    if track.end() > track.released {
                        track.visits[last].theta = planned.theta;
                    }
                    continue;
                }
                if track.visits.len() >= VISITS_PER_ROBOT_MAX {
                    break;
                }
                track.visits.push(Visit { cell: planned.cell, theta: planned.theta, after: Vec::new() });
                entries.push((planned.cell, planned.step, *robot, track.end()));
            }
        }
        entries
    }

    /// Gives every new visit those that it comes after.
    fn order(&mut self, entries: &mut [(Cell, u32, Robot, u64)]) {
        let mut last: HashMap<Cell, (Robot, u64)> = HashMap::new();
        for (robot, track) in &self.tracks {
            for (index, visit) in track.held().iter().enumerate() {
                last.insert(visit.cell, (*robot, track.reached + index as u64));
            }
        }
        entries.sort_unstable();
        for (cell, _, robot, number) in entries.iter() {
            let before = last.insert(*cell, (*robot, *number));
            let Some((other, left)) = before.filter(|(other, _)| other != robot) else { continue };
            let track = self.tracks.get_mut(robot).expect("an entry's robot has a track");
            let index = (number - track.reached) as usize;
            track.visits[index].after.push((other, left + 1));
        }
    }

    /// Cuts off what cannot be driven to its end, by driving it once in the mind.
    fn cut(&mut self, added: usize) -> Kept {
        let mut done: BTreeMap<Robot, u64> =
            self.tracks.iter().map(|(robot, track)| (*robot, track.released)).collect();
        let mut waiting: HashMap<(Robot, u64), Vec<Robot>> = HashMap::new();
        let mut ready: Vec<Robot> = self.tracks.keys().copied().collect();
        while let Some(robot) = ready.pop() {
            let track = &self.tracks[&robot];
            loop {
                let at = done[&robot];
                ready.extend(waiting.remove(&(robot, at)).into_iter().flatten());
                let Some(next) = track.get(at + 1) else { break };
                let open = |(other, number): &&(Robot, u64)| done.get(other).is_some_and(|reached| reached < number);
                if let Some(wait) = next.after.iter().find(open) {
                    waiting.entry(*wait).or_default().push(robot);
                    break;
                }
                done.insert(robot, at + 1);
            }
        }
        let mut cut = 0;
        for (robot, track) in &mut self.tracks {
            let kept = (done[robot] - track.reached) as usize + 1;
            cut += track.visits.len() - kept;
            track.visits.truncate(kept);
        }
        Kept { kept: added - cut, cut }
    }

    /// Hears that a robot has reached a visit. What it left is free for others at once.
    pub fn reached(&mut self, robot: Robot, number: u64) -> Result<(), TrafficError> {
        let track = self.tracks.get_mut(&robot).ok_or(TrafficError::Unknown(robot))?;
        if number > track.released {
            return Err(TrafficError::Ahead { robot, claimed: number, released: track.released });
        }
        if let Some(passed) = number.checked_sub(track.reached) {
            track.visits.drain(..passed as usize);
            track.reached = number;
        }
        Ok(())
    }

    /// Takes back a robot's base beyond a visit, and its plan. Only for a robot that has said that it will not drive it.
    pub fn retract(&mut self, robot: Robot, number: u64) {
        if let Some(track) = self.tracks.get_mut(&robot) {
            track.released = number.clamp(track.reached, track.released);
            track.visits.truncate((track.released - track.reached) as usize + 1);
        }
    }

    /// Releases what can be released: at most `look_ahead` visits beyond the one reached, as long as everybody who comes
    /// before has left and `may` allows it (robot, the cell before, the cell). Tells who got more.
    pub fn release(&mut self, look_ahead: u64, mut may: impl FnMut(Robot, Cell, Cell) -> bool) -> Vec<Robot> {
        let reached: HashMap<Robot, u64> = self.tracks.iter().map(|(robot, track)| (*robot, track.reached)).collect();
        let mut more = Vec::new();
        for (robot, track) in &mut self.tracks {
            let before = track.released;
            while track.released < track.reached + look_ahead
                && let (Some(here), Some(next)) = (track.get(track.released), track.get(track.released + 1))
            {
                // A robot that was taken off the floor is in nobody's way.
                let is_free = |(other, number): &(Robot, u64)| reached.get(other).is_none_or(|at| at >= number);
                if !next.after.iter().all(is_free) || !may(*robot, here.cell, next.cell) {
                    break;
                }
                track.released += 1;
            }
            if track.released > before {
                more.push(*robot);
            }
        }
        more
    }

    /// The numbers of the visit reached last, the last released and the last planned.
    pub fn progress(&self, robot: Robot) -> Option<(u64, u64, u64)> {
        self.tracks.get(&robot).map(|track| (track.reached, track.released, track.end()))
    }

    /// A visit that is not left yet.
    pub fn visit(&self, robot: Robot, number: u64) -> Option<&Visit> {
        self.tracks.get(&robot)?.get(number)
    }

    /// What the robot holds, from where it is to where its base ends.
    pub fn base(&self, robot: Robot) -> &[Visit] {
        self.tracks.get(&robot).map_or(&[], |track| track.held())
    }

    /// What is planned beyond the base.
    pub fn horizon(&self, robot: Robot) -> &[Visit] {
        self.tracks.get(&robot).map_or(&[], |track| &track.visits[track.held().len()..])
    }

    /// Who holds a cell.
    pub fn holder(&self, cell: Cell) -> Option<Robot> {
        let holds = |track: &Track| track.held().iter().any(|visit| visit.cell == cell);
        self.tracks.iter().find(|(_, track)| holds(track)).map(|(robot, _)| *robot)
    }

    /// What a robot holds, to be written down.
    pub fn held(&self, robot: Robot) -> Option<Held> {
        let track = self.tracks.get(&robot)?;
        let visits = track.held().iter().map(|visit| (visit.cell, visit.theta)).collect();
        Some(Held { reached: track.reached, visits })
    }

    /// Takes up what was written down: the robot holds it, and has no plan.
    pub fn take_up(&mut self, robot: Robot, held: Held) {
        let visit = |(cell, theta)| Visit { cell, theta, after: Vec::new() };
        let visits: Vec<Visit> = held.visits.into_iter().map(visit).collect();
        if !visits.is_empty() {
            let released = held.reached + visits.len() as u64 - 1;
            self.tracks.insert(robot, Track { visits, reached: held.reached, released });
        }
    }

    /// Whom a robot waits for before it may have its next visit.
    pub fn waits_for(&self, robot: Robot) -> Option<Robot> {
        let track = self.tracks.get(&robot)?;
        let next = track.get(track.released + 1)?;
        let is_open = |(other, number): &&(Robot, u64)| self.tracks.get(other).is_some_and(|it| it.reached < *number);
        next.after.iter().find(is_open).map(|(other, _)| *other)
    }

    /// Drops everybody's plan beyond their bases.
    pub fn forget_plans(&mut self) {
        for track in self.tracks.values_mut() {
            track.visits.truncate((track.released - track.reached) as usize + 1);
        }
    }

    /// Robots that hold the same cell: always empty; an independent look at the first invariant.
    pub fn conflicts(&self) -> Vec<(Robot, Robot, Cell)> {
        let mut holders: HashMap<Cell, Robot> = HashMap::new();
        let mut found = Vec::new();
        for (robot, track) in &self.tracks {
            for visit in track.held() {
                if let Some(other) = holders.insert(visit.cell, *robot).filter(|other| other != robot) {
                    found.push((other, *robot, visit.cell));
                }
            }
        }
        found
    }
}
