//! Jams: robots that want to go on and got no way for a while, and the way out.
//!
//! A plan for everybody may have rings and meetings of which nothing can be driven, and the next one the same. Then ways are
//! looked for one robot after the other, first for those around the jam, and for more of them while that does not help.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::routes::routes_around;
use crate::floor::Network;
use crate::traffic::{PlannedStep, Robot};

/// After so many plans in a row in which a robot could not move at all, it is in a jam.
const STUCK_PLANS: u32 = 20;
/// How often in a row the time until robots that were led out in vain are led again doubles.
const VAIN_MAX: u32 = 4;
/// For so many plans it is led out, so that who has found a way around can go it.
const LED_PLANS: u32 = 10;
/// The most robots that are led at once.
const AROUND_MAX: usize = 120;
/// After so many plans another robot is looked after first.
const PLANS_A_TURN: usize = 12;

/// Looks for jams, and leads out of them.
#[derive(Debug)]
pub struct Jams {
    /// In how many plans in a row robots could not move at all.
    stuck: BTreeMap<Robot, u32>,
    /// Who is led out, for how many plans still, and how many around.
    jammed: BTreeSet<Robot>,
    led: u32,
    /// How often in a row they were led in vain.
    vain: u32,
    around: usize,
    around_least: usize,
    plans: usize,
}

impl Jams {
    /// No jam yet. At least so many robots around one are led.
    pub fn new(around_least: usize) -> Self {
        let (stuck, jammed) = (BTreeMap::new(), BTreeSet::new());
        Self { stuck, jammed, led: 0, vain: 0, around: around_least, around_least, plans: 0 }
    }

    /// Hears who wants to go somewhere and got no way at all by the last plan.
    pub fn judge(&mut self, stuck: impl Iterator<Item = Robot>) {
        let before = std::mem::take(&mut self.stuck);
        self.stuck = stuck.map(|robot| (robot, before.get(&robot).map_or(1, |plans| plans + 1))).collect();
    }

    /// Ways for robots in a jam and around it, none when there is no jam; everybody else stands meanwhile, or keeps off
    /// their ways.
    pub fn ways_out(&mut self, network: &Network, problem: &Problem) -> Vec<(Robot, Vec<PlannedStep>)> {
        self.plans += 1;
        self.led = self.led.saturating_sub(1);
        let patience = |robot: &Robot| STUCK_PLANS << if self.jammed.contains(robot) { self.vain } else { 0 };
        let jammed = self.stuck.iter().filter(|(robot, plans)| **plans >= patience(robot)).map(|(robot, _)| *robot);
        let jammed: BTreeSet<Robot> = jammed.collect();
        if self.led == 0 && !jammed.is_empty() {
            // Whoever was led out in vain needs more room.
            let is_again = !self.jammed.is_disjoint(&jammed);
            self.around = if is_again { (2 * self.around).min(AROUND_MAX) } else { self.around_least };
            self.vain = if is_again { (self.vain + 1).min(VAIN_MAX) } else { 0 };
            (self.jammed, self.led) = (jammed, LED_PLANS);
            self.stuck.clear();
        }
        if self.led == 0 {
            return Vec::new();
        }
        routes_around(network, problem, &self.jammed, self.around, self.plans / PLANS_A_TURN)
    }
}
