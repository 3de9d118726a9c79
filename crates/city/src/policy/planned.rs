//! Planned control: each junction searches over its next minute, with what its neighbours are about to let go.

mod rates;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use plan::signal::{self, Lane, Plan};
use serde::{Deserialize, Serialize};

use super::{City, Junction, Policy};
use crate::signal::Showing;

/// How long is remembered what passed a stop line: as long as vehicles take to the next one.
const HISTORY_SECONDS: usize = 120;
/// How fast what neighbours sent is forgotten when it is compared with what came, in seconds.
const FED_MEMORY_SECONDS: f64 = 600.0;
/// Vehicles that neighbours must have sent before what comes is foreseen from them.
const FED_VEHICLES_MIN: f64 = 6.0;
/// How far what comes from neighbours may be off what they were thought to send.
const GAIN_MAX: f64 = 2.0;
/// A lane that has had red for so long counts twice.
const PATIENCE_SECONDS: f64 = 90.0;
/// How long a plan stands for what its junction lets go when no newer one is made.
const PLAN_SECONDS: f64 = 12.0;

/// How planned control is set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How far is looked ahead.
    pub horizon_seconds: usize,
    /// Partial plans kept a moment and phase.
    pub beam: usize,
    /// What a stop costs besides the waiting: braking from and accelerating to the speed of a city street.
    pub stop_seconds: f64,
    /// Whether junctions tell each other what they are about to let go.
    pub shares: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { horizon_seconds: 70, beam: 6, stop_seconds: 4.0, shares: true }
    }
}

/// What is remembered of a junction.
#[derive(Debug, Clone, Default)]
struct Memory {
    plan: Option<(f64, Plan)>,
    /// What passed each stop line, the last second first.
    left: Vec<VecDeque<f64>>,
    /// Vehicles that neighbours sent to each lane, and seconds, both forgotten alike.
    fed: Vec<f64>,
    came: Vec<f64>,
}

/// Plans every junction anew, every second in which it may change.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    settings: Settings,
    memory: Vec<Memory>,
}

impl Planned {
    /// With settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings, memory: Vec::new() }
    }

    /// The plan that a junction goes by, and the second of the day that it was made at.
    pub fn plan(&self, junction: usize) -> Option<&(f64, Plan)> {
        self.memory.get(junction)?.plan.as_ref()
    }

    /// Takes in what passed in the last second.
    fn remember(&mut self, city: &City) {
        if self.memory.len() != city.junctions.len() {
            let memory = |junction: &Junction| {
                let lanes = junction.layout().lanes.len();
                let left = vec![VecDeque::from(vec![0.0; HISTORY_SECONDS]); lanes];
                Memory { plan: None, left, fed: vec![0.0; lanes], came: vec![0.0; lanes] }
            };
            self.memory = city.junctions.iter().map(memory).collect();
        }
        for (memory, junction) in self.memory.iter_mut().zip(&city.junctions) {
            for (lane, left) in memory.left.iter_mut().enumerate() {
                left.pop_back();
                left.push_front(junction.seen.left(lane));
            }
        }
        let keep = libm::exp(-1.0 / FED_MEMORY_SECONDS);
        for number in 0..city.junctions.len() {
            for lane in 0..city.junctions[number].layout().lanes.len() {
                let fed = self.fed_at(city, number, lane, 0.0);
                let memory = &mut self.memory[number];
                memory.fed[lane] = memory.fed[lane] * keep + fed;
                memory.came[lane] = memory.came[lane] * keep + city.junctions[number].seen.flow(lane);
            }
        }
    }

    /// Vehicles that neighbours send to a lane, to be at its stop line in so many seconds when nothing is in their way.
    fn fed_at(&self, city: &City, number: usize, lane: usize, ahead_seconds: f64) -> f64 {
        let (seen, network) = (&city.junctions[number].seen, &city.network);
        let reach = &seen.reaches()[lane];
        let from_each = reach.feeders.iter().map(|(link, seconds, part)| {
            let drawn = &network.links[*link];
            let Some((signal, _)) = drawn.signal else { return 0.0 };
            let neighbour = city.junctions[signal].layout();
            let Some(at) = neighbour.lanes.iter().position(|lane| *lane == drawn.from) else { return 0.0 };
            let leaves = self.leaves(city, signal, at, ahead_seconds - seconds);
            let turns = city.junctions[signal].seen.turn_share(network, &neighbour.links[at], *link);
            leaves * turns * seen.share(reach, network, *part)
        });
        from_each.sum()
    }

    /// Vehicles that leave a lane of a junction at a moment from now: as was seen in the past, as is planned in the future.
    fn leaves(&self, city: &City, junction: usize, lane: usize, seconds: f64) -> f64 {
        let memory = &self.memory[junction];
        if seconds < 0.0 {
            let back = (-seconds) as usize;
            return memory.left[lane].get(back).copied().unwrap_or_default();
        }
        let planned = memory.plan.as_ref().and_then(|(made, plan)| {
            let step = city.second - made + seconds;
            plan.leaving.get(lane)?.get(step as usize).copied()
        });
        planned.map_or_else(|| city.junctions[junction].seen.flow(lane), f64::from)
    }

    /// What comes to a lane in each of the coming seconds, and how many stand.
    fn lane(&self, city: &City, number: usize, lane: usize) -> Lane {
        let junction = &city.junctions[number];
        let (seen, layout) = (&junction.seen, junction.layout());
        let (standing, coming) = seen.expected(&city.network, lane);
        let mut arrivals = vec![0.0_f32; self.settings.horizon_seconds];
        for (after, vehicles) in coming {
            if let Some(step) = arrivals.get_mut(after as usize) {
                *step += vehicles as f32;
            }
        }
        let visible = seen.reaches()[lane].seconds;
        let memory = &self.memory[number];
        let gain = (memory.came[lane] / memory.fed[lane].max(1e-9)).min(GAIN_MAX);
        let is_fed = self.settings.shares && memory.fed[lane] > FED_VEHICLES_MIN;
        let flow = seen.flow(lane);
        for (step, arrivals) in arrivals.iter_mut().enumerate().skip(visible as usize) {
            let more = if is_fed { gain * self.fed_at(city, number, lane, step as f64) } else { flow };
            *arrivals += more as f32;
        }
        let places = layout.links[lane].iter().filter_map(|link| city.network.links[*link].signal);
        let red = places.map(|(_, place)| junction.controller.red_seconds(place)).min().unwrap_or_default();
        let weight = 1.0 + (f64::from(red) / PATIENCE_SECONDS).powi(2);
        Lane { queue: standing as f32, arrivals, weight: weight as f32 }
    }

    fn problem(&self, city: &City, number: usize, current: usize, seconds: u32) -> signal::Junction {
        let junction = &city.junctions[number];
        let layout = junction.layout();
        let phases = rates::phases(&city.network, layout, &junction.seen);
        signal::Junction {
            lanes: (0..layout.lanes.len()).map(|lane| self.lane(city, number, lane)).collect(),
            phases,
            current,
            age_steps: seconds as usize,
            horizon_steps: self.settings.horizon_seconds,
            stop_seconds: self.settings.stop_seconds as f32,
            beam: self.settings.beam,
        }
    }
}

impl Policy for Planned {
    fn decide(&mut self, city: &City) -> Vec<Option<usize>> {
        self.remember(city);
        let mut wishes = vec![None; city.junctions.len()];
        for (number, junction) in city.junctions.iter().enumerate() {
            let Showing::Green { phase, seconds } = junction.controller.showing() else { continue };
            let may_change = seconds >= junction.layout().limits.green_seconds_min;
            let is_recent =
                self.memory[number].plan.as_ref().is_some_and(|(made, _)| city.second - made < PLAN_SECONDS);
            if !may_change && is_recent {
                continue;
            }
            // A junction that cannot be planned is left to the safety layer, which ends every phase in time.
            let Ok(plan) = signal::solve(&self.problem(city, number, phase, seconds)) else { continue };
            wishes[number] = plan.change();
            self.memory[number].plan = Some((city.second, plan));
        }
        wishes
    }
}
