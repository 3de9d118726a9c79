//! The programmes of a machine, found from the runs that its meter saw.
//!
//! A run begins when the meter rises above what the machine takes when it does nothing, and is over when it has been quiet for
//! longer than machines pause. Runs that look alike are one programme (leader clustering; Hartigan, "Clustering algorithms", 1975):
//! it keeps the mean power of each minute, how often it ran, and when people start it. Everything is bounded; what ran least lately
//! gives way.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// The most programmes that are kept.
pub const PROGRAMMES_MAX: usize = 8;
/// The longest run, in minutes; what goes on longer is no programme.
pub const RUN_MINUTES_MAX: usize = 8 * 60;
/// Runs that make a programme known.
pub const RUNS_MIN: u32 = 3;
/// A machine that takes more than this runs, in watts.
const RUNNING_WATTS: f64 = 5.0;
/// And at some time it takes more than this.
const PEAK_WATTS_MIN: f64 = 60.0;
/// How long a machine may pause within a run, in minutes.
const PAUSE_MINUTES: usize = 12;
/// The shortest run, in minutes.
const RUN_MINUTES_MIN: usize = 5;
/// A silence of the meter beyond this breaks a run off, in minutes.
const SILENT_MINUTES: i64 = 10;
/// Two runs are of one programme when they differ by less than this share of their energy.
const ALIKE: f64 = 0.2;
/// Shifts that are tried when two runs are compared, in minutes.
const SHIFT_MINUTES: usize = 6;
/// A new run weighs at least this much in its programme's mean.
const LEARNING_MIN: f64 = 0.1;
/// Power beyond this is no household machine's.
const WATTS_MAX: f64 = 25_000.0;

const MINUTE_US: i64 = 60_000_000;

/// A programme of a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Programme {
    /// Mean power in each minute of it.
    minutes: Vec<f32>,
    /// How often it was seen.
    pub runs: u32,
    /// When it began last.
    pub last: Timestamp,
    /// How often it was started in each hour of the UTC day.
    pub starts_by_hour: [u32; 24],
}

impl Programme {
    /// What it takes in all.
    pub fn kilowatt_hours(&self) -> f64 {
        self.minutes.iter().map(|watts| f64::from(*watts)).sum::<f64>() / 60_000.0
    }

    /// How long it takes.
    pub fn minutes(&self) -> usize {
        self.minutes.len()
    }

    /// Mean power in each step of a length; the last step is filled up with nothing.
    pub fn watts_per_step(&self, step_seconds: u32) -> Vec<f64> {
        let minutes = (step_seconds / 60).max(1) as usize;
        let mean = |chunk: &[f32]| chunk.iter().map(|watts| f64::from(*watts)).sum::<f64>() / minutes as f64;
        self.minutes.chunks(minutes).map(mean).collect()
    }
}

/// The run that goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Run {
    minute: i64,
    minutes: Vec<f32>,
    quiet: usize,
    /// Sum and weight of the minute that is not over.
    sum: f64,
    weight: f64,
}

/// Learns a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct Appliance {
    programmes: Vec<Programme>,
    run: Option<Run>,
    last: Option<(Timestamp, f64)>,
    /// Runs that were too long or broken off by silence.
    refused: u32,
}

/// Why a machine is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum NotKnown {
    /// No programme was seen often enough.
    #[error("its most frequent programme ran {runs} times, {RUNS_MIN} are needed")]
    TooFew {
        /// How often the most frequent one ran.
        runs: u32,
    },
}

impl Appliance {
    /// Takes in what the meter says; it holds until the next sample. What is out of order, negative or beyond reason is left out.
    pub fn observe(&mut self, time: Timestamp, watts: f64) {
        if !(0.0..=WATTS_MAX).contains(&watts) {
            return;
        }
        if let Some((before, held)) = self.last {
            if time <= before {
                return;
            }
            if (time.micros() - before.micros()) / MINUTE_US >= SILENT_MINUTES && held > RUNNING_WATTS {
                self.refused += u32::from(self.run.take().is_some());
            } else {
                self.hold(before.micros(), time.micros(), held);
            }
        }
        self.last = Some((time, watts));
    }

    fn hold(&mut self, mut from: i64, to: i64, watts: f64) {
        // What stands still for hours ends a run after its pause; the rest says nothing.
        let to = to.min(from + (PAUSE_MINUTES as i64 + 2) * MINUTE_US);
        while from < to {
            let minute = from.div_euclid(MINUTE_US);
            let until = ((minute + 1) * MINUTE_US).min(to);
            self.add(minute, watts, (until - from) as f64 / MINUTE_US as f64);
            from = until;
        }
    }

    fn add(&mut self, minute: i64, watts: f64, weight: f64) {
        let Some(run) = &mut self.run else {
            if watts > RUNNING_WATTS {
                self.run = Some(Run { minute, minutes: Vec::new(), quiet: 0, sum: watts * weight, weight });
            }
            return;
        };
        let now = run.minute + run.minutes.len() as i64;
        if minute == now {
            run.sum += watts * weight;
            run.weight += weight;
            return;
        }
        let mean = if run.weight > 0.0 { run.sum / run.weight } else { 0.0 };
        // Minutes that were skipped were quiet, or the run would have been broken off.
        for skipped in 0..usize::try_from(minute - now).unwrap_or(0).min(PAUSE_MINUTES + 2) {
            let watts = if skipped == 0 { mean } else { 0.0 };
            run.minutes.push(watts as f32);
            run.quiet = if watts > RUNNING_WATTS { 0 } else { run.quiet + 1 };
        }
        (run.sum, run.weight) = (watts * weight, weight);
        if run.minutes.len() > RUN_MINUTES_MAX {
            self.run = None;
            self.refused += 1;
        } else if run.quiet > PAUSE_MINUTES {
            self.close();
        }
    }

    fn close(&mut self) {
        let Some(mut run) = self.run.take() else { return };
        run.minutes.truncate(run.minutes.len() - run.quiet.min(run.minutes.len()));
        let peak = run.minutes.iter().copied().fold(0.0_f32, f32::max);
        if run.minutes.len() < RUN_MINUTES_MIN || f64::from(peak) < PEAK_WATTS_MIN {
            return;
        }
        let last = Timestamp(run.minute * MINUTE_US);
        let hour = (run.minute.rem_euclid(24 * 60) / 60) as usize;
        let nearest = self
            .programmes
            .iter()
            .enumerate()
            .map(|(at, programme)| (at, difference(&programme.minutes, &run.minutes)))
            .min_by(|a, b| a.1.0.total_cmp(&b.1.0));
        if let Some((at, (far, shift))) = nearest
            && far < ALIKE
        {
            let programme = &mut self.programmes[at];
            programme.runs += 1;
            programme.last = last;
            programme.starts_by_hour[hour] += 1;
            blend(&mut programme.minutes, &run.minutes, shift, (1.0 / f64::from(programme.runs)).max(LEARNING_MIN));
            return;
        }
        if self.programmes.len() >= PROGRAMMES_MAX
            && let Some(least) =
                (0..self.programmes.len()).min_by_key(|at| (self.programmes[*at].runs, self.programmes[*at].last))
        {
            self.programmes.swap_remove(least);
        }
        let mut starts_by_hour = [0; 24];
        starts_by_hour[hour] = 1;
        self.programmes.push(Programme { minutes: run.minutes, runs: 1, last, starts_by_hour });
    }

    /// All programmes that were seen, the most frequent first.
    pub fn programmes(&self) -> Vec<&Programme> {
        let mut programmes: Vec<&Programme> = self.programmes.iter().collect();
        programmes.sort_by_key(|programme| std::cmp::Reverse((programme.runs, programme.last)));
        programmes
    }

    /// The programme that runs most often, or why none is known.
    pub fn known(&self) -> Result<&Programme, NotKnown> {
        let usual = self.programmes().into_iter().next();
        let runs = usual.map_or(0, |programme| programme.runs);
        usual.filter(|_| runs >= RUNS_MIN).ok_or(NotKnown::TooFew { runs })
    }

    /// Whether it is running now.
    pub fn is_running(&self) -> bool {
        self.run.is_some()
    }

    /// Runs that were too long, or broken off because the meter fell silent.
    pub fn refused(&self) -> u32 {
        self.refused
    }
}

/// How far two runs differ, as a share of their energy, at the shift at which they do least; the shift is of the second.
fn difference(a: &[f32], b: &[f32]) -> (f64, isize) {
    let energy: f64 = a.iter().chain(b).map(|watts| f64::from(*watts)).sum();
    let at_shift = |shift: isize| {
        let end = (a.len() as isize).max(b.len() as isize + shift);
        let apart: f64 = (shift.min(0)..end).map(|minute| (value(a, minute) - value(b, minute - shift)).abs()).sum();
        (apart / energy.max(1e-9), shift)
    };
    let most = SHIFT_MINUTES as isize;
    (-most..=most)
        .map(at_shift)
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.abs().cmp(&b.1.abs())))
        .expect("there is a shift")
}

fn value(minutes: &[f32], at: isize) -> f64 {
    usize::try_from(at).ok().and_then(|at| minutes.get(at)).map_or(0.0, |watts| f64::from(*watts))
}

/// Takes a share of a run into a mean.
fn blend(mean: &mut Vec<f32>, run: &[f32], shift: isize, share: f64) {
    let length = mean.len().max(usize::try_from(run.len() as isize + shift).unwrap_or(0)).min(RUN_MINUTES_MAX);
    mean.resize(length, 0.0);
    for (at, watts) in mean.iter_mut().enumerate() {
        let own = value(run, at as isize - shift);
        *watts = (f64::from(*watts) * (1.0 - share) + own * share) as f32;
    }
    // An end that hardly ever happens is none.
    while mean.last().is_some_and(|watts| f64::from(*watts) < RUNNING_WATTS * 0.2) {
        mean.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    const WASH: [(i64, f64); 5] = [(4, 60.0), (15, 2_050.0), (38, 160.0), (16, 110.0), (9, 420.0)];
    const QUICK: [(i64, f64); 4] = [(4, 60.0), (8, 2_050.0), (19, 160.0), (9, 420.0)];

    /// One run from a minute on; samples come every so many seconds, with noise.
    fn run(meter: &mut Appliance, chance: &mut Chance, start_minute: i64, phases: &[(i64, f64)], every: i64) {
        let mut from = start_minute * 60;
        for (minutes, watts) in phases {
            let stretched = (*minutes as f64 * 60.0 * (1.0 + 0.04 * chance.normal())) as i64;
            for second in (0..stretched).step_by(every as usize) {
                let watts = watts * (1.0 + 0.05 * chance.normal());
                meter.observe(Timestamp::from_seconds(from + second), watts.max(6.0));
            }
            from += stretched;
        }
        for minute in 0..40 {
            meter.observe(Timestamp::from_seconds(from + 30 + minute * 60), 0.5);
        }
    }

    #[test]
    fn programmes_are_told_apart_and_their_power_is_found() {
        let mut chance = Chance::new(3);
        for every in [10, 60] {
            let mut meter = Appliance::default();
            for day in 0..12 {
                let (phases, hour) = if day % 3 == 2 { (&QUICK[..], 19) } else { (&WASH[..], 8) };
                run(&mut meter, &mut chance, day * 1_440 + hour * 60, phases, every);
            }
            let known = meter.known().unwrap();
            let truth = WASH.iter().map(|(minutes, watts)| *minutes as f64 * watts / 60_000.0).sum::<f64>();
            assert!((known.kilowatt_hours() / truth - 1.0).abs() < 0.08, "{} {truth}", known.kilowatt_hours());
            assert!(known.minutes().abs_diff(82) < 9, "{}", known.minutes());
            assert_eq!((known.runs, known.starts_by_hour[8], meter.programmes().len()), (8, 8, 2));
            let steps = known.watts_per_step(900);
            assert!(steps.len() >= 5 && steps[0] > 1_200.0 && steps[2] < 300.0, "{steps:?}");
            assert!((steps.iter().sum::<f64>() * 0.25 / 1_000.0 - known.kilowatt_hours()).abs() < 1e-6);
        }
    }

    #[test]
    fn what_is_no_programme_is_none() {
        let mut chance = Chance::new(1);
        let mut meter = Appliance::default();
        for hour in 0..40 {
            // A fridge that never ends, a meter that says nonsense, and one that is told backwards.
            for minute in 0..60 {
                let time = Timestamp::from_seconds((hour * 60 + minute) * 60);
                meter.observe(time, 90.0);
                meter.observe(Timestamp::from_seconds(5), 2_000.0);
                meter.observe(time, if minute % 2 == 0 { f64::NAN } else { -50.0 });
            }
        }
        assert_eq!(meter.known().unwrap_err(), NotKnown::TooFew { runs: 0 });
        assert!(meter.refused() >= 1);
        // Silence in the middle of a run.
        let mut silent = Appliance::default();
        for day in 0..4 {
            let start = day * 86_400;
            silent.observe(Timestamp::from_seconds(start), 2_000.0);
            silent.observe(Timestamp::from_seconds(start + 600), 2_000.0);
            silent.observe(Timestamp::from_seconds(start + 7_200), 0.5);
        }
        assert_eq!(silent.known().unwrap_err(), NotKnown::TooFew { runs: 0 });
        for day in 100..200 {
            let phases = [(5 + day % 40, 200.0 + 90.0 * (day % 17) as f64), (day % 23, 1_900.0)];
            run(&mut silent, &mut chance, day * 1_440, &phases, 30);
        }
        assert!(silent.programmes().len() <= PROGRAMMES_MAX);
    }
}
