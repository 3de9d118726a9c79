//! One junction: its phases and limits, what its detectors tell, and the safety layer.

mod controller;
mod health;
mod seen;
mod turns;

pub use controller::{Controller, Refusal, Showing};
pub use seen::{EXIT_METERS, ExitCount, LaneCount, Part, REACH_METERS, Reach, Seen, VEHICLE_METERS, ZONE_METERS, Zone};

use serde::{Deserialize, Serialize};

use crate::network::{Aspect, Network};

/// The times that every change keeps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The least seconds of green.
    pub green_seconds_min: u32,
    /// Seconds of yellow for whoever loses green.
    pub yellow_seconds: u32,
    /// Seconds of red for whoever lost green before others get it.
    pub all_red_seconds: u32,
    /// The most seconds of red while others have green.
    pub red_seconds_max: u32,
    /// Seconds without a decision after which the fixed programme takes over.
    pub silence_seconds_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            green_seconds_min: 5,
            yellow_seconds: 3,
            all_red_seconds: 2,
            red_seconds_max: 120,
            silence_seconds_max: 30,
        }
    }
}

impl Limits {
    /// From the end of one green to the begin of the next.
    pub const fn intergreen_seconds(&self) -> u32 {
        self.yellow_seconds + self.all_red_seconds
    }
}

/// A phase: what has green together.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// What each place of the signal shows.
    pub aspects: Vec<Aspect>,
}

impl Phase {
    /// Whether a place has green.
    pub fn is_green(&self, place: usize) -> bool {
        self.aspects[place].is_green()
    }
}

/// A junction with a signal, as its policies and its safety layer see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The signal's name in the network.
    pub id: String,
    /// Its number in the network.
    pub signal: usize,
    /// The lanes that lead to its stop lines, by number in the network.
    pub lanes: Vec<usize>,
    /// The lanes that lead away from it, by number in the network.
    pub exits: Vec<usize>,
    /// The links of each of `lanes`, by number in the network.
    pub links: Vec<Vec<usize>>,
    /// What can have green together, as its programme has it.
    pub phases: Vec<Phase>,
    /// The fixed programme: which phase is wanted from when on, in seconds from the programme's begin.
    pub turns: Vec<(f64, usize)>,
    /// How long the fixed programme takes, and by how much its begin is put off.
    pub cycle_seconds: f64,
    /// By how much its begin is put off.
    pub offset_seconds: f64,
    /// The times that it keeps.
    pub limits: Limits,
    /// The places of the signal that control nothing.
    unused: Vec<bool>,
}

impl Layout {
    /// A signal of a network that has passed its checks.
    pub fn new(network: &Network, signal: usize, limits: Limits) -> Self {
        let drawn = &network.signals[signal];
        let mut lanes: Vec<usize> = Vec::new();
        let mut exits: Vec<usize> = Vec::new();
        for link in drawn.links.iter().flatten() {
            let link = &network.links[*link];
            if !lanes.contains(&link.from) {
                lanes.push(link.from);
            }
            if !exits.contains(&link.to) {
                exits.push(link.to);
            }
        }
        let links = lanes
            .iter()
            .map(|lane| {
                let own = network.lanes[*lane].outgoing.iter().copied();
                own.filter(|link| network.links[*link].signal.is_some_and(|(of, _)| of == signal)).collect()
            })
            .collect();
        let (phases, turns) = phases(drawn);
        Self {
            id: drawn.id.clone(),
            signal,
            lanes,
            exits,
            links,
            phases,
            turns,
            cycle_seconds: drawn.programme.cycle_seconds(),
            offset_seconds: drawn.programme.offset_seconds,
            limits,
            unused: drawn.links.iter().map(Vec::is_empty).collect(),
        }
    }

    /// The phase that the fixed programme wants at a second of the day. While it shows yellow it wants what comes next.
    pub fn fixed_phase_at(&self, second: f64) -> usize {
        let within = (second - self.offset_seconds).rem_euclid(self.cycle_seconds);
        let turn = self.turns.iter().rev().find(|(begin, _)| *begin <= within).or(self.turns.last());
        turn.map_or(0, |(_, phase)| *phase)
    }

    /// Whether anything loses green when one phase follows another.
    pub fn loses_green(&self, from: usize, to: usize) -> bool {
        let (from, to) = (&self.phases[from], &self.phases[to]);
        (0..from.aspects.len()).any(|place| from.is_green(place) && !to.is_green(place))
    }

    /// Seconds from the end of one phase to the begin of another; none when nothing loses green.
    pub fn intergreen_seconds(&self, from: usize, to: usize) -> u32 {
        if self.loses_green(from, to) { self.limits.intergreen_seconds() } else { 0 }
    }

    /// The links that have green in a phase.
    pub fn green_links<'a>(&'a self, network: &'a Network, phase: &'a Phase) -> impl Iterator<Item = usize> + 'a {
        let has_green = |link: &usize| network.links[*link].signal.is_some_and(|(_, place)| phase.is_green(place));
        self.links.iter().flatten().copied().filter(has_green)
    }

    /// Whether a phase gives green to a lane of the junction, wholly or to some of its links.
    pub fn has_green(&self, network: &Network, lane: usize, phase: &Phase) -> bool {
        self.links[lane].iter().any(|link| network.links[*link].signal.is_some_and(|(_, place)| phase.is_green(place)))
    }

    /// The places that some phase gives green to, and that control something.
    pub fn served_places(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.unused.len())
            .filter(|place| !self.unused[*place] && self.phases.iter().any(|phase| phase.is_green(*place)))
    }
}

/// The phases of a programme without what only leads from one to the next, and when each is wanted.
fn phases(drawn: &crate::network::Signal) -> (Vec<Phase>, Vec<(f64, usize)>) {
    let mut phases: Vec<Phase> = Vec::new();
    let mut turns: Vec<(f64, usize)> = Vec::new();
    let (mut begin, mut green_ended) = (0.0, 0.0);
    for interval in &drawn.programme.intervals {
        let has_green = interval.aspects.iter().any(|aspect| aspect.is_green());
        let is_between = interval.aspects.contains(&Aspect::Yellow) || !has_green;
        if !is_between {
            let number = phases.iter().position(|phase| phase.aspects == interval.aspects).unwrap_or_else(|| {
                phases.push(Phase { aspects: interval.aspects.clone() });
                phases.len() - 1
            });
            turns.push((green_ended, number));
            green_ended = begin + interval.seconds;
        }
        begin += interval.seconds;
    }
    if let Some(first) = turns.first_mut() {
        // What follows the last green already wants the first phase again.
        first.0 = 0.0;
        let number = first.1;
        if green_ended < begin {
            turns.push((green_ended, number));
        }
    }
    (phases, turns)
}
