//! Homes behind one connection: each decides for itself, and where all of them together would make the connection's peak higher or
//! its power jump, their batteries settle it among themselves.
//!
//! What is drawn through the connection costs beside what each home pays: a little for every change from step to step, and so much
//! that it is avoided where it is possible for what is above the highest that the homes have drawn without their stores. Each battery
//! in turn answers to that, given what the others do, until none changes its mind; homes tell each other what they draw and nothing
//! else.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Decision, Device, Keeper, Planner};
use crate::program;

/// Most times that each battery is asked again.
const ROUNDS_MAX: usize = 4;
/// Batteries that change their mind by less, in kilowatt hours, have settled.
const SETTLED: f64 = 0.01;
/// What a kilowatt hour above the highest so far costs, as a multiple of the mean price.
const OVER: f64 = 10.0;

/// One home of a district.
#[derive(Debug)]
pub struct Member<'a> {
    /// Its keeper.
    pub keeper: &'a mut Keeper,
    /// Its devices as they stand now.
    pub devices: &'a [Device],
}

/// What homes behind one connection have in common.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct District {
    /// What a change of the connection's power by a kilowatt costs, as a share of the mean price of a kilowatt hour.
    ramp_share: f64,
    /// What was drawn in the step before, in kilowatt hours, and when that began.
    before: Option<(Timestamp, f64)>,
    /// The most that was drawn in a step without stores.
    highest: f64,
}

impl Default for District {
    fn default() -> Self {
        Self { ramp_share: 0.05, before: None, highest: 0.0 }
    }
}

impl District {
    /// One that cares so much for an even power of the connection; see the default.
    pub fn new(ramp_share: f64) -> Self {
        Self { ramp_share, ..Self::default() }
    }

    /// What the devices of every home are to do now, in the order of the homes.
    pub fn decide(&mut self, now: Timestamp, homes: &mut [Member<'_>]) -> Vec<Decision> {
        self.decide_with(now, homes, &program::plan)
    }

    /// The same with another planner.
    pub fn decide_with(&mut self, now: Timestamp, homes: &mut [Member<'_>], planner: Planner<'_>) -> Vec<Decision> {
        let mut decisions: Vec<Decision> = std::thread::scope(|scope| {
            let deciding: Vec<_> = homes
                .iter_mut()
                .map(|home| scope.spawn(|| home.keeper.decide_with(now, home.devices, planner)))
                .collect();
            deciding.into_iter().map(|home| home.join().expect("a keeper does not panic")).collect()
        });
        self.settle(homes, &mut decisions);
        decisions
    }

    /// Lets batteries answer to each other.
    fn settle(&mut self, homes: &mut [Member<'_>], decisions: &mut [Decision]) {
        let Some(first) = decisions.first() else { return };
        let (begin, step) = (homes[0].keeper.horizon(first.time).start, homes[0].keeper.settings.step_seconds);
        let hours = f64::from(step) / 3_600.0;
        let answers: Vec<_> = homes.iter().map(|home| home.keeper.answer.clone()).collect();
        let mut moved: Vec<f64> =
            answers.iter().map(|answer| answer.as_ref().map_or(0.0, |answer| answer.best(&|_| 0.0))).collect();
        let without: f64 = homes
            .iter()
            .zip(&answers)
            .map(|(home, answer)| match answer {
                Some(answer) => answer.asked,
                None => home.keeper.drawn_watts() * hours / 1_000.0,
            })
            .sum();
        self.highest = self.highest.max(without);
        let before =
            self.before.filter(|(time, _)| begin.since(*time).as_secs() <= u64::from(step)).map(|(_, drawn)| drawn);
        let level = answers.iter().flatten().map(|answer| answer.level).sum::<f64>()
            / answers.iter().flatten().count().max(1) as f64;
        let (ramp, over, highest) = (self.ramp_share * level, OVER * level, self.highest);
        let cost = |total: f64| {
            before.map_or(0.0, |before| ramp * (total - before).abs() / hours) + over * (total - highest).max(0.0)
        };
        for _ in 0..ROUNDS_MAX {
            let mut changed = 0.0_f64;
            for place in 0..answers.len() {
                let Some(answer) = &answers[place] else { continue };
                let rest = without + moved.iter().sum::<f64>() - moved[place] - answer.asked;
                let best = answer.best(&|drawn| cost(rest + drawn));
                changed = changed.max((best - moved[place]).abs());
                moved[place] = best;
            }
            if changed < SETTLED {
                break;
            }
        }
        self.before = Some((begin, without + moved.iter().sum::<f64>()));
        for (((home, decision), answer), moved) in homes.iter_mut().zip(decisions).zip(answers).zip(moved) {
            if let Some(answer) = answer {
                decision.put(answer.set_point(moved));
                home.keeper.told(decision, home.devices);
            }
        }
    }
}
