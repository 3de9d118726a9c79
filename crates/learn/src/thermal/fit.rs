//! Finding the model: least squares of free runs, by Levenberg-Marquardt.

use super::model::{Discrete, GAIN_BINS, ZoneModel};
use super::window::{Stretch, Window};
use super::{DAYS_MIN, ERROR_SHARE_MAX, Known, NotKnown, Quality, Settings, UNSURE_MAX, Unsure, WINDOW_SLOTS};
use crate::normal::{Normal, inverse, median};
use crate::slots::{SLOT_SECONDS, SLOTS_PER_DAY};

/// The unknowns: four logarithms of stores and resistances, the sun, and gains in each part of the day.
const UNKNOWNS: usize = 5 + GAIN_BINS;
/// The longest free run.
const RUN_SLOTS: usize = SLOTS_PER_DAY;
/// The shortest one.
const RUN_SLOTS_MIN: usize = 24;
/// So long the mass is followed before a run is scored, in a long stretch and in a short one.
const WARM_UP_SLOTS: [usize; 2] = [SLOTS_PER_DAY, 16];
/// Errors within a run hang together: so many count as one.
const TOGETHER: f64 = 16.0;
/// An error beyond so many of the usual ones weighs as if it were less (Huber).
const OUTLYING: f64 = 1.8;
/// The error that nobody asks a model to be below, in kelvin.
const ERROR_FLOOR: f64 = 0.05;
const ROUNDS_MAX: usize = 40;
/// How far the logarithm of a store or resistance may lie from what is typical for the zone's losses, as a standard deviation.
const PRIOR_LOG: f64 = 1.2;
/// The same for the sun, in square metres.
const PRIOR_SUN: f64 = 8.0;
/// How much too sure the sandwich is on simulated homes, whose truth is known: it sees that days disagree, and not what thermostats, rounded
/// sensors and people do to all days alike.
const TOO_SURE: f64 = 2.5;
/// How much of the runs is held back to see how well it foretells.
const HELD_BACK: f64 = 0.25;

/// A run that is scored: from where in which stretch, and how long.
#[derive(Debug, Clone, Copy)]
struct Run {
    stretch: usize,
    from: usize,
    slots: usize,
}

/// The unknowns, scaled so that each is of the order of one.
type Unknowns = [f64; UNKNOWNS];

/// What is typical for this zone, from what it loses on the whole.
#[derive(Debug, Clone, Copy)]
struct Typical {
    unknowns: Unknowns,
    spread: Unknowns,
    /// The unit of gains.
    watts: f64,
}

pub(super) fn fit(window: &Window, settings: Settings) -> (Result<Known, NotKnown>, Vec<f64>) {
    let stretches = window.stretches(WINDOW_SLOTS);
    let runs = runs(&stretches);
    let days = runs.iter().map(|run| run.slots).sum::<usize>() as f64 / SLOTS_PER_DAY as f64;
    if days < DAYS_MIN {
        return (Err(NotKnown::TooShort { days }), Vec::new());
    }
    let Some(typical) = typical(&stretches) else { return (Err(NotKnown::NoHeat), Vec::new()) };
    let data = Data { stretches: &stretches, settings, typical };
    let held = runs.len() - ((runs.len() as f64 * HELD_BACK).ceil() as usize).clamp(2, runs.len() - 1);
    let earlier = data.search(&runs[..held], typical.unknowns);
    let quality = data.quality(&earlier, &runs[held..], days);
    let unknowns = data.search(&runs, earlier);
    let unsure = data.unsure(&unknowns, &runs);
    let known = Known { model: data.model(&unknowns), quality, unsure };
    let optimism = data.optimism(&data.model(&earlier), &known.model, &runs[held..]);
    let errors =
        runs.iter().filter_map(|run| data.run_error(&known.model, run)).map(|error| error * optimism).collect();
    (judged(known), errors)
}

fn judged(known: Known) -> Result<Known, NotKnown> {
    let Known { quality, unsure, .. } = known;
    let share = unsure.outer.max(unsure.air);
    if share.is_nan() || share > UNSURE_MAX {
        return Err(NotKnown::Unsure { percent: if share.is_finite() { 100.0 * share } else { 999.0 } });
    }
    // "As a day ago" is told and not judged by: a thermostat makes every day like the one before, and that says nothing of what
    // another heating would bring.
    let naive_kelvin = ERROR_SHARE_MAX * quality.day_persistence_kelvin;
    // Where a naive forecast is as good as a sensor, a model that is as good need not be better.
    if quality.day_kelvin.is_nan() || quality.day_kelvin > naive_kelvin.max(2.0 * ERROR_FLOOR) {
        return Err(NotKnown::NoBetter { day_kelvin: quality.day_kelvin, naive_kelvin });
    }
    Ok(known)
}

/// The error of a free run over the newest day.
pub(super) fn last_day(window: &Window, settings: Settings, model: &ZoneModel) -> Option<f64> {
    let stretches = window.stretches(4 * SLOTS_PER_DAY);
    let stretch = stretches.last()?;
    let slots = stretch.indoor.len().checked_sub(1)?.min(RUN_SLOTS);
    let run = Run { stretch: stretches.len() - 1, from: stretch.indoor.len() - 1 - slots, slots };
    (slots >= RUN_SLOTS / 2).then_some(())?;
    run_error(&stretches, settings, model, &run)
}

/// Air and mass at the end of the window.
pub(super) fn state(window: &Window, settings: Settings, model: &ZoneModel) -> Option<[f64; 2]> {
    let stretches = window.stretches(8 * SLOTS_PER_DAY);
    let stretch = stretches.last()?;
    let mass = masses(stretch, settings, model);
    let at = stretch.indoor.len() - 1;
    Some([stretch.indoor[at]?, mass[at]])
}

fn runs(stretches: &[Stretch]) -> Vec<Run> {
    let mut runs = Vec::new();
    for (number, stretch) in stretches.iter().enumerate() {
        let steps = stretch.indoor.len().saturating_sub(1);
        let warm_up = WARM_UP_SLOTS[usize::from(steps < 4 * SLOTS_PER_DAY)];
        let mut from = warm_up;
        while steps >= from + RUN_SLOTS_MIN {
            // A run begins where the air is known.
            if stretch.indoor[from].is_none() {
                from += 1;
                continue;
            }
            let slots = (steps - from).min(RUN_SLOTS);
            runs.push(Run { stretch: number, from, slots });
            from += slots;
        }
    }
    runs
}

/// Means over all stretches say what the zone loses on the whole; the rest is what homes are like.
fn typical(stretches: &[Stretch]) -> Option<Typical> {
    let (mut heat, mut gap, mut count, mut heated) = (0.0, 0.0, 0.0, 0.0);
    for stretch in stretches {
        for (at, indoor) in stretch.indoor.iter().enumerate() {
            let Some(indoor) = indoor else { continue };
            heat += stretch.heating[at].abs();
            gap += (indoor - stretch.outdoor[at]).abs();
            count += 1.0;
            heated += f64::from(u8::from(stretch.heating[at].abs() > 20.0));
        }
    }
    if heated < 8.0 {
        return None;
    }
    let (heat, gap) = (heat / count, (gap / count).max(2.0));
    // Gains carry about a third of what is lost.
    let outer = (1.5 * heat / gap).clamp(4.0, 2_000.0);
    let watts = outer * 10.0;
    let mut unknowns = [0.0; UNKNOWNS];
    // The air of a home loses its warmth within some hours, the mass within days.
    unknowns[0] = (outer * 5.0 / 1_000.0).ln();
    unknowns[1] = (outer * 40.0 / 1_000.0).ln();
    unknowns[2] = (outer * 5.0).ln();
    unknowns[3] = outer.ln();
    unknowns[4] = 1.5;
    unknowns[5..].fill(0.3);
    let mut spread = [1.0; UNKNOWNS];
    spread[..4].fill(PRIOR_LOG);
    spread[4] = PRIOR_SUN;
    spread[5..].fill(0.6);
    Some(Typical { unknowns, spread, watts })
}

struct Data<'a> {
    stretches: &'a [Stretch],
    settings: Settings,
    typical: Typical,
}

impl Data<'_> {
    fn model(&self, unknowns: &Unknowns) -> ZoneModel {
        let limited = |at: usize, low: f64, high: f64| unknowns[at].exp().clamp(low, high);
        let mut gain_watts = [0.0; GAIN_BINS];
        for (gain, unknown) in gain_watts.iter_mut().zip(&unknowns[5..]) {
            *gain = unknown.clamp(-3.0, 6.0) * self.typical.watts;
        }
        ZoneModel {
            air_kilowatt_hours_per_kelvin: limited(0, 0.01, 50.0),
            mass_kilowatt_hours_per_kelvin: limited(1, 0.05, 1_000.0),
            inner_watts_per_kelvin: limited(2, 2.0, 50_000.0),
            outer_watts_per_kelvin: limited(3, 1.0, 10_000.0),
            sun_square_metres: unknowns[4].clamp(0.0, 100.0),
            gain_watts,
        }
    }

    /// Errors of all runs, one list a run.
    fn errors(&self, unknowns: &Unknowns, runs: &[Run]) -> Vec<Vec<f64>> {
        let model = self.model(unknowns);
        let steps = model.steps_of(SLOT_SECONDS as f64);
        let mut errors = Vec::with_capacity(runs.len());
        let mut mass: Option<(usize, Vec<f64>)> = None;
        for run in runs {
            let stretch = &self.stretches[run.stretch];
            if mass.as_ref().is_none_or(|(of, _)| *of != run.stretch) {
                mass = Some((run.stretch, masses(stretch, self.settings, &model)));
            }
            let start = mass.as_ref().map_or(20.0, |(_, mass)| mass[run.from]);
            errors.push(free_run(stretch, self.settings, &model, &steps, run, start));
        }
        errors
    }

    fn run_error(&self, model: &ZoneModel, run: &Run) -> Option<f64> {
        run_error(self.stretches, self.settings, model, run)
    }

    /// By what factor days are further off for a model that has not seen them, at least 1.
    fn optimism(&self, unseen: &ZoneModel, seen: &ZoneModel, runs: &[Run]) -> f64 {
        let logs = runs.iter().filter_map(|run| {
            let (unseen, seen) = (self.run_error(unseen, run)?, self.run_error(seen, run)?);
            Some((unseen.max(1e-3) / seen.max(1e-3)).ln())
        });
        let (sum, count) = logs.fold((0.0, 0.0_f64), |(sum, count), log| (sum + log, count + 1.0));
        (sum / count.max(1.0)).exp().max(1.0)
    }

    /// How unlikely errors and unknowns are together, with weights for outliers.
    fn cost(&self, errors: &[Vec<f64>], unknowns: &Unknowns, usual: f64) -> f64 {
        let limit = OUTLYING * usual;
        let loss = |error: f64| {
            if error.abs() <= limit { error * error } else { limit * (2.0 * error.abs() - limit) }
        };
        let fits: f64 = errors.iter().flatten().map(|error| loss(*error)).sum::<f64>() / (usual * usual * TOGETHER);
        let prior = unknowns.iter().zip(&self.typical.unknowns).zip(&self.typical.spread);
        fits + prior.map(|((own, typical), spread)| ((own - typical) / spread).powi(2)).sum::<f64>()
    }

    /// The unknowns that foretell these runs best.
    fn search(&self, runs: &[Run], from: Unknowns) -> Unknowns {
        let mut unknowns = from;
        let mut errors = self.errors(&unknowns, runs);
        let mut usual = usual(&errors);
        let mut cost = self.cost(&errors, &unknowns, usual);
        let mut damping = 1e-2;
        for round in 0..ROUNDS_MAX {
            let normal = self.linearised(&unknowns, &errors, runs, usual);
            let mut improved = 0.0;
            for _ in 0..8 {
                let mut damped = normal.clone();
                (0..UNKNOWNS).for_each(|at| damped.products[at][at] *= 1.0 + damping);
                let Some(step) = damped.solve() else { break };
                let mut tried = unknowns;
                tried.iter_mut().zip(step).for_each(|(unknown, step)| *unknown += step.clamp(-1.0, 1.0));
                let tried_errors = self.errors(&tried, runs);
                let tried_cost = self.cost(&tried_errors, &tried, usual);
                if tried_cost < cost {
                    improved = cost - tried_cost;
                    (unknowns, errors, cost) = (tried, tried_errors, tried_cost);
                    damping = (damping * 0.3).max(1e-9);
                    break;
                }
                damping = (damping * 4.0).min(1e9);
            }
            if improved < 1e-4 * cost {
                break;
            }
            if round % 4 == 3 {
                usual = self::usual(&errors);
                cost = self.cost(&errors, &unknowns, usual);
            }
        }
        unknowns
    }

    /// The normal equations of a step from here; the prior is in them.
    fn linearised(&self, unknowns: &Unknowns, errors: &[Vec<f64>], runs: &[Run], usual: f64) -> Normal<UNKNOWNS> {
        let mut normal = self.prior(unknowns);
        for rows in &self.rows(unknowns, errors, runs, usual) {
            for (features, error, weight) in rows {
                normal.add(features, *error, *weight);
            }
        }
        normal
    }

    fn prior(&self, unknowns: &Unknowns) -> Normal<UNKNOWNS> {
        let mut normal = Normal::new();
        for (at, unknown) in unknowns.iter().enumerate() {
            let weight = self.typical.spread[at].powi(-2);
            normal.products[at][at] = weight;
            normal.targets[at] = weight * (self.typical.unknowns[at] - unknown);
        }
        normal
    }

    /// For each run and slot: how the simulated air changes with the unknowns, the error, and its weight.
    fn rows(
        &self,
        unknowns: &Unknowns,
        errors: &[Vec<f64>],
        runs: &[Run],
        usual: f64,
    ) -> Vec<Vec<(Unknowns, f64, f64)>> {
        const NUDGE: f64 = 1e-4;
        let nudged: Vec<Vec<Vec<f64>>> = (0..UNKNOWNS)
            .map(|at| {
                let mut other = *unknowns;
                other[at] += NUDGE;
                self.errors(&other, runs)
            })
            .collect();
        let weight = |error: f64| (OUTLYING * usual / error.abs().max(1e-9)).min(1.0) / (usual * usual * TOGETHER);
        let of_run = |(run, errors): (usize, &Vec<f64>)| {
            let row = |(slot, error): (usize, &f64)| {
                let features = std::array::from_fn(|at| (error - nudged[at][run][slot]) / NUDGE);
                (features, *error, weight(*error))
            };
            errors.iter().enumerate().map(row).collect()
        };
        errors.iter().enumerate().map(of_run).collect()
    }

    /// How sure the unknowns are: what days disagree on.
    fn unsure(&self, unknowns: &Unknowns, runs: &[Run]) -> Unsure {
        let errors = self.errors(unknowns, runs);
        let usual = usual(&errors);
        let rows = self.rows(unknowns, &errors, runs, usual);
        let prior = self.prior(unknowns);
        let (mut bread, mut meat) = (prior.clone(), prior.products);
        for run in &rows {
            let mut score = [0.0; UNKNOWNS];
            for (features, error, weight) in run {
                bread.add(features, *error, *weight);
                score.iter_mut().zip(features).for_each(|(score, feature)| *score += weight * error * feature);
            }
            for (row, own) in meat.iter_mut().zip(&score) {
                row.iter_mut().zip(&score).for_each(|(value, other)| *value += own * other);
            }
        }
        let Some(inverse) = inverse(&bread.products) else {
            return Unsure {
                air: f64::NAN,
                mass: f64::NAN,
                inner: f64::NAN,
                outer: f64::NAN,
                stored: f64::NAN,
                sun_square_metres: f64::NAN,
            };
        };
        let variance = |direction: &Unknowns| {
            let solved: Unknowns = std::array::from_fn(|row| dot(&inverse[row], direction));
            let by_meat: Unknowns = std::array::from_fn(|row| dot(&meat[row], &solved));
            TOO_SURE * dot(&solved, &by_meat).max(0.0).sqrt()
        };
        let along = |parts: &[(usize, f64)]| {
            let mut direction = [0.0; UNKNOWNS];
            parts.iter().for_each(|(at, part)| direction[*at] = *part);
            variance(&direction)
        };
        let (air, mass) = (unknowns[0].exp(), unknowns[1].exp());
        Unsure {
            air: along(&[(0, 1.0)]),
            mass: along(&[(1, 1.0)]),
            inner: along(&[(2, 1.0)]),
            outer: along(&[(3, 1.0)]),
            stored: along(&[(0, air / (air + mass)), (1, mass / (air + mass))]),
            sun_square_metres: along(&[(4, 1.0)]),
        }
    }

    fn quality(&self, unknowns: &Unknowns, runs: &[Run], days: f64) -> Quality {
        let model = self.model(unknowns);
        let steps = model.steps_of(SLOT_SECONDS as f64);
        let mut squares = [Squares::default(); 5];
        for run in runs {
            let stretch = &self.stretches[run.stretch];
            let mass = masses(stretch, self.settings, &model);
            let start = stretch.indoor[run.from];
            for error in free_run(stretch, self.settings, &model, &steps, run, mass[run.from]) {
                squares[0].add(error);
            }
            for (at, mass) in mass.iter().enumerate().skip(run.from).take(run.slots) {
                let Some(next) = stretch.indoor[at + 1] else { continue };
                if let Some(start) = start {
                    squares[1].add(next - start);
                }
                if let Some(Some(yesterday)) = (at + 1).checked_sub(SLOTS_PER_DAY).map(|before| stretch.indoor[before])
                {
                    squares[2].add(next - yesterday);
                }
                if let Some(now) = stretch.indoor[at] {
                    let expected = after(stretch, self.settings, &model, &steps, at, [now, *mass])[0];
                    squares[3].add(next - expected);
                    squares[4].add(next - now);
                }
            }
        }
        let [day, day_persistence, day_yesterday, step, step_persistence] = squares.map(Squares::root);
        Quality {
            days,
            step_kelvin: step,
            step_persistence_kelvin: step_persistence,
            day_kelvin: day,
            day_persistence_kelvin: day_persistence,
            day_yesterday_kelvin: Some(day_yesterday).filter(|error| error.is_finite()),
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Squares {
    sum: f64,
    count: f64,
}

impl Squares {
    fn add(&mut self, error: f64) {
        self.sum += error * error;
        self.count += 1.0;
    }

    /// The root of their mean; not a number when there are none.
    fn root(self) -> f64 {
        (self.sum / self.count).sqrt()
    }
}

fn dot(a: &Unknowns, b: &Unknowns) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The usual size of errors, which outliers do not change.
fn usual(errors: &[Vec<f64>]) -> f64 {
    let mut sizes: Vec<f64> = errors.iter().flatten().map(|error| error.abs()).collect();
    (1.4826 * median(&mut sizes).unwrap_or(1.0)).max(ERROR_FLOOR)
}

/// Heat into the air between the middles of two slots, but what comes from outside.
fn watts(stretch: &Stretch, settings: Settings, model: &ZoneModel, at: usize) -> f64 {
    let second = (stretch.first + at as i64 + 1) * SLOT_SECONDS + settings.utc_offset_s;
    stretch.heating[at].midpoint(stretch.heating[at + 1])
        + model.sun_square_metres * stretch.irradiance[at].midpoint(stretch.irradiance[at + 1])
        + model.gain_at(second)
}

fn after(
    stretch: &Stretch,
    settings: Settings,
    model: &ZoneModel,
    steps: &Discrete,
    at: usize,
    state: [f64; 2],
) -> [f64; 2] {
    let outdoor = stretch.outdoor[at].midpoint(stretch.outdoor[at + 1]);
    steps.after(state, outdoor, watts(stretch, settings, model, at))
}

/// The mass along a stretch: the measured air, smoothed; where the air is not known, the model's.
fn masses(stretch: &Stretch, settings: Settings, model: &ZoneModel) -> Vec<f64> {
    let steps = model.steps_of(SLOT_SECONDS as f64);
    let hours = model.mass_kilowatt_hours_per_kelvin * 1_000.0 / model.inner_watts_per_kelvin;
    let keep = (-(SLOT_SECONDS as f64) / 3_600.0 / hours).exp();
    let early: Vec<f64> = stretch.indoor.iter().take(SLOTS_PER_DAY).flatten().copied().collect();
    let mut mass = early.iter().sum::<f64>() / early.len().max(1) as f64;
    let mut air = stretch.indoor[0].unwrap_or(mass);
    let mut masses = Vec::with_capacity(stretch.indoor.len());
    masses.push(mass);
    for at in 0..stretch.indoor.len() - 1 {
        let expected = after(stretch, settings, model, &steps, at, [air, mass]);
        match stretch.indoor[at + 1] {
            Some(measured) => {
                mass = keep * mass + (1.0 - keep) * air.midpoint(measured);
                air = measured;
            }
            None => [air, mass] = expected,
        }
        masses.push(mass);
    }
    masses
}

/// Measured minus simulated, slot after slot, with nothing corrected on the way.
fn free_run(
    stretch: &Stretch,
    settings: Settings,
    model: &ZoneModel,
    steps: &Discrete,
    run: &Run,
    mass: f64,
) -> Vec<f64> {
    let Some(start) = stretch.indoor[run.from] else { return Vec::new() };
    // The mean with its neighbours is as good a start, with less of the sensor's noise.
    let beside = [run.from.wrapping_sub(1), run.from + 1].map(|at| stretch.indoor.get(at).copied().flatten());
    let air = if let [Some(before), Some(next)] = beside { (before + start + next) / 3.0 } else { start };
    let mut state = [air, mass];
    let mut errors = Vec::with_capacity(run.slots);
    for at in run.from..run.from + run.slots {
        state = after(stretch, settings, model, steps, at, state);
        if let Some(measured) = stretch.indoor[at + 1] {
            errors.push(measured - state[0]);
        }
    }
    errors
}

fn run_error(stretches: &[Stretch], settings: Settings, model: &ZoneModel, run: &Run) -> Option<f64> {
    let stretch = &stretches[run.stretch];
    let mass = masses(stretch, settings, model);
    let steps = model.steps_of(SLOT_SECONDS as f64);
    let errors = free_run(stretch, settings, model, &steps, run, mass[run.from]);
    let mut squares = Squares::default();
    errors.iter().for_each(|error| squares.add(*error));
    (!errors.is_empty()).then(|| squares.root())
}
