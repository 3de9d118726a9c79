//! One store beside a demand that nobody knows: what is in it is worth, at each level, what it will save when it is used well.
//!
//! Demands come as outcomes with their chances, stage by stage, and the store answers to each as it comes; so what is planned
//! is not one course but what to do whatever comes (stochastic dynamic programming over levels). How much is lost on the way
//! in and out may depend on the power, and how much power it takes on how full it is.

use crate::PlanError;

/// Most levels between empty and full.
pub const LEVELS_MAX: usize = 512;

/// Powers that are tried for one decision, each way.
const TRIES: usize = 96;

/// A function by straight lines between points; level before the first and behind the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve(Vec<(f64, f64)>);

impl Curve {
    /// The same everywhere.
    pub fn flat(value: f64) -> Self {
        Self(vec![(0.0, value)])
    }

    /// Through these points, which are put in order.
    pub fn through(mut points: Vec<(f64, f64)>) -> Self {
        points.retain(|(x, y)| x.is_finite() && y.is_finite());
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by(|a, b| a.0 == b.0);
        Self(points)
    }

    /// The value at a place; 0 where there is no point at all.
    pub fn at(&self, place: f64) -> f64 {
        let above = self.0.partition_point(|(x, _)| *x < place);
        match (above.checked_sub(1).and_then(|below| self.0.get(below)), self.0.get(above)) {
            (Some((x0, y0)), Some((x1, y1))) => y0 + (place - x0) / (x1 - x0) * (y1 - y0),
            (Some((_, y)), None) | (None, Some((_, y))) => *y,
            (None, None) => 0.0,
        }
    }
}

/// What a store is like, for steps of one length. Powers are energies a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Store {
    /// What it holds when full.
    pub capacity: f64,
    /// What is never taken out.
    pub floor: f64,
    /// By the energy that it takes in a step: the part that is stored.
    pub intake: Curve,
    /// By the energy that it gives in a step: the part of what leaves the store that arrives.
    pub output: Curve,
    /// By how full it is, from 0 to 1: the most that it takes in a step.
    pub take_max: Curve,
    /// By how full it is: the most that it gives in a step.
    pub give_max: Curve,
    /// The part that it loses in a step by standing.
    pub loss: f64,
}

/// One step: what energy costs, and what may be asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stage {
    /// What a unit from outside costs.
    pub price: f64,
    /// What a unit that is handed out brings.
    pub return_price: f64,
    /// What is drawn from outside above this costs more.
    pub threshold: f64,
    /// So much more, for each unit above.
    pub above_price: f64,
    /// What a unit through the store costs in wear.
    pub wear: f64,
    /// What may be asked for, less what comes by itself, each with its chance.
    pub outcomes: Vec<(f64, f64)>,
}

impl Stage {
    /// What it costs to draw so much; below 0 it is handed out.
    pub fn cost(&self, drawn: f64) -> f64 {
        if drawn > 0.0 {
            drawn * self.price + (drawn - self.threshold).max(0.0) * self.above_price
        } else {
            drawn * self.return_price
        }
    }
}

/// A store on a grid of levels.
#[derive(Debug, Clone)]
pub struct Reservoir {
    store: Store,
    unit: f64,
    /// What must be taken to rise by so many levels.
    rise: Vec<f64>,
    /// What is given when it falls by so many levels.
    fall: Vec<f64>,
    /// From each level, by how many it can rise and fall in a step.
    reach: Vec<(usize, usize)>,
}

impl Reservoir {
    /// Puts a store on so many levels.
    pub fn new(store: Store, levels: usize) -> Result<Self, PlanError> {
        let is_sound = store.capacity.is_finite()
            && store.capacity > 0.0
            && (0.0..=store.capacity).contains(&store.floor)
            && (0.0..1.0).contains(&store.loss)
            && (2..=LEVELS_MAX).contains(&levels);
        if !is_sound {
            return Err(PlanError::Store);
        }
        let unit = store.capacity / levels as f64;
        let filled = |level: usize| level as f64 / levels as f64;
        let rise_all = inverse(levels, unit, store.capacity, |taken| taken * part(&store.intake, taken));
        let fall_all = inverse(levels, unit, store.capacity, |given| given / part(&store.output, given));
        let reach = (0..=levels)
            .map(|level| {
                let (most, least) = (store.take_max.at(filled(level)), store.give_max.at(filled(level)));
                let lowest = (store.floor / unit).ceil() as usize;
                let up = rise_all.partition_point(|needed| *needed <= most + unit * 1e-6).saturating_sub(1);
                let down = fall_all.partition_point(|given| *given <= least + unit * 1e-6).saturating_sub(1);
                (up.min(levels - level), down.min(level.saturating_sub(lowest)))
            })
            .collect();
        Ok(Self { store, unit, rise: rise_all, fall: fall_all, reach })
    }

    /// How many levels there are between empty and full.
    fn levels(&self) -> usize {
        self.reach.len() - 1
    }

    /// What it costs from a stage on to the end, for each level at its begin, when everything is done well. `end` is the cost
    /// behind the last stage, for each level (so what is left is worth something when it falls with the level).
    pub fn costs_to_go(&self, stages: &[Stage], end: &dyn Fn(f64) -> f64) -> Vec<f64> {
        let mut behind: Vec<f64> = (0..=self.levels()).map(|level| end(level as f64 * self.unit)).collect();
        let mut before = vec![0.0; behind.len()];
        for stage in stages.iter().rev() {
            if self.store.loss > 0.0 {
                let stood: Vec<f64> = (0..=self.levels())
                    .map(|level| self.between(&behind, level as f64 * self.unit * (1.0 - self.store.loss)))
                    .collect();
                behind.copy_from_slice(&stood);
            }
            before.fill(0.0);
            for (chance, asked) in &stage.outcomes {
                for (level, cost) in before.iter_mut().enumerate() {
                    *cost += chance * self.best_from(level, *asked, stage, &behind);
                }
            }
            std::mem::swap(&mut behind, &mut before);
        }
        behind
    }

    fn best_from(&self, level: usize, asked: f64, stage: &Stage, behind: &[f64]) -> f64 {
        let (up, down) = self.reach[level];
        let mut best = stage.cost(asked) + behind[level];
        for rise in 1..=up {
            let taken = self.rise[rise];
            best = best.min(stage.cost(asked + taken) + stage.wear * taken + behind[level + rise]);
        }
        for fall in 1..=down {
            let given = self.fall[fall];
            best = best.min(stage.cost(asked - given) + stage.wear * given + behind[level - fall]);
        }
        // What balances exactly lies between levels.
        let stored = level as f64 * self.unit;
        let moved = self.bounded(stored, -asked);
        best.min(stage.cost(asked + moved) + stage.wear * moved.abs() + self.between(behind, self.after(stored, moved)))
    }

    /// What is in it after taking (or, below 0, giving) so much.
    pub fn after(&self, stored: f64, moved: f64) -> f64 {
        if moved >= 0.0 {
            (stored + moved * part(&self.store.intake, moved)).min(self.store.capacity)
        } else {
            (stored + moved / part(&self.store.output, -moved)).max(self.store.floor.min(stored))
        }
    }

    /// What of a wanted exchange it can do.
    pub fn bounded(&self, stored: f64, moved: f64) -> f64 {
        let filled = stored / self.store.capacity;
        if moved >= 0.0 {
            let room = (self.store.capacity - stored).max(0.0);
            let most = moved.min(self.store.take_max.at(filled).max(0.0));
            most.min(room / part(&self.store.intake, most))
        } else {
            let there = (stored - self.store.floor).max(0.0);
            let most = (-moved).min(self.store.give_max.at(filled).max(0.0));
            -most.min(there * part(&self.store.output, most))
        }
    }

    /// What to take (or, below 0, give) now that `asked` is known, given what each level is going to cost behind this stage.
    /// `more` is what else an exchange with the outside costs.
    pub fn decide(&self, stored: f64, asked: f64, stage: &Stage, behind: &[f64], more: &dyn Fn(f64) -> f64) -> f64 {
        let keep = 1.0 - self.store.loss;
        let cost = |moved: f64| {
            let left = self.after(stored, moved) * keep;
            stage.cost(asked + moved) + more(asked + moved) + stage.wear * moved.abs() + self.between(behind, left)
        };
        let (most, least) = (self.bounded(stored, f64::MAX), self.bounded(stored, f64::MIN));
        let tries = (1..=TRIES).flat_map(|at| {
            let share = at as f64 / TRIES as f64;
            [share * most, share * least]
        });
        let exact = [self.bounded(stored, -asked), self.bounded(stored, stage.threshold - asked)];
        let mut best = (cost(0.0), 0.0);
        for moved in exact.into_iter().chain(tries) {
            let cost = cost(moved);
            // Of what is as good, the smaller movement: nothing is moved for nothing.
            if cost < best.0 - 1e-9 {
                best = (cost, moved);
            }
        }
        best.1
    }

    /// The value between levels.
    pub fn between(&self, levels: &[f64], stored: f64) -> f64 {
        let place = (stored / self.unit).clamp(0.0, self.levels() as f64);
        let below = (place as usize).min(self.levels() - 1);
        let share = place - below as f64;
        levels[below] * (1.0 - share) + levels[below + 1] * share
    }
}

/// A part that is lost never is all or nothing.
fn part(curve: &Curve, at: f64) -> f64 {
    curve.at(at).clamp(0.05, 1.0)
}

/// For each number of levels the argument at which `moved` reaches them; infinite where it never does.
fn inverse(levels: usize, unit: f64, capacity: f64, moved: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..=levels)
        .map(|count| {
            let wanted = count as f64 * unit;
            let (mut low, mut high) = (0.0, capacity * 20.0);
            if moved(high) < wanted {
                return f64::INFINITY;
            }
            for _ in 0..48 {
                let middle = f64::midpoint(low, high);
                if moved(middle) < wanted { low = middle } else { high = middle }
            }
            high
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(part: f64) -> Store {
        Store {
            capacity: 4.0,
            floor: 0.0,
            intake: Curve::flat(part),
            output: Curve::flat(part),
            take_max: Curve::flat(2.0),
            give_max: Curve::flat(2.0),
            loss: 0.0,
        }
    }

    fn stage(price: f64, asked: f64) -> Stage {
        Stage { price, threshold: f64::INFINITY, outcomes: vec![(1.0, asked)], ..Stage::default() }
    }

    #[test]
    fn buys_while_cheap_what_is_needed_when_dear() {
        let reservoir = Reservoir::new(store(0.9), 200).expect("sound");
        let stages = [stage(0.1, 0.0), stage(0.5, 1.5)];
        let costs = reservoir.costs_to_go(&stages, &|_| 0.0);
        // 1.5 given takes 1.5 / 0.81 from outside.
        assert!((costs[0] - 0.1 * 1.5 / 0.81).abs() < 0.002, "{}", costs[0]);
        let behind = reservoir.costs_to_go(&stages[1..], &|_| 0.0);
        let taken = reservoir.decide(0.0, 0.0, &stages[0], &behind, &|_| 0.0);
        assert!((taken - 1.5 / 0.81).abs() < 0.04, "{taken}");
    }

    #[test]
    fn moves_nothing_for_less_than_is_lost() {
        let reservoir = Reservoir::new(store(0.9), 200).expect("sound");
        let stages = [stage(0.42, 0.0), stage(0.5, 1.5)];
        let behind = reservoir.costs_to_go(&stages[1..], &|_| 0.0);
        assert_eq!(reservoir.decide(0.0, 0.0, &stages[0], &behind, &|_| 0.0), 0.0);
    }

    #[test]
    fn keeps_for_what_may_come() {
        let reservoir = Reservoir::new(store(1.0), 200).expect("sound");
        let mut later = stage(0.5, 0.0);
        later.outcomes = vec![(0.5, 0.0), (0.5, 2.0)];
        let behind = reservoir.costs_to_go(&[later.clone()], &|_| 0.0);
        // Half of a chance of 0.5 is worth less than 0.3 for sure and more than 0.2.
        assert!(reservoir.decide(1.0, 1.0, &stage(0.3, 1.0), &behind, &|_| 0.0) < -0.99);
        assert_eq!(reservoir.decide(1.0, 1.0, &stage(0.2, 1.0), &behind, &|_| 0.0), 1.0, "it is filled instead");
    }

    #[test]
    fn draws_no_more_than_is_cheap() {
        let reservoir = Reservoir::new(store(0.9), 200).expect("sound");
        let mut cheap = stage(0.1, 0.2);
        (cheap.threshold, cheap.above_price) = (1.0, 1.0);
        let behind = reservoir.costs_to_go(&[stage(0.5, 3.0)], &|_| 0.0);
        let taken = reservoir.decide(0.0, 0.2, &cheap, &behind, &|_| 0.0);
        assert!((taken - 0.8).abs() < 1e-9, "{taken}");
    }

    #[test]
    fn refuses_what_is_no_store() {
        assert!(Reservoir::new(Store { capacity: f64::NAN, ..store(0.9) }, 10).is_err());
        assert!(Reservoir::new(store(0.9), 1).is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_it_decides_it_can_do(stored in 0.0..4.0f64, asked in -5.0..5.0f64, price in 0.0..1.0f64, later in 0.0..1.0f64) {
            let reservoir = Reservoir::new(store(0.9), 60).expect("sound");
            let behind = reservoir.costs_to_go(&[stage(later, 1.0)], &|_| 0.0);
            let moved = reservoir.decide(stored, asked, &stage(price, asked), &behind, &|_| 0.0);
            proptest::prop_assert!(moved.abs() <= 2.0 + 1e-9);
            let left = reservoir.after(stored, moved);
            proptest::prop_assert!((-1e-9..=4.0 + 1e-9).contains(&left));
        }
    }
}
