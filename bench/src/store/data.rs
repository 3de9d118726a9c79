//! The data that everybody gets: random walks with two decimals, one tick of all series after the other, as in TSBS.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The first tick: 2026-01-01T00:00:00Z in microseconds.
pub(super) const START: i64 = 1_767_225_600_000_000;

/// Microseconds between ticks.
pub(super) const TICK: i64 = 10_000_000;

/// Points in one commit of every engine.
pub(super) const COMMIT_POINTS: usize = 20_000;

/// Series by ticks.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) series: usize,
    pub(super) ticks: usize,
    /// The value of series `s` at tick `t` is at `t * series + s`.
    values: Vec<f64>,
}

impl Data {
    /// Gaussian steps, clamped to 0..100, rounded to two decimals; the same for the same seed.
    pub(super) fn random_walks(series: usize, ticks: usize, seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut walks: Vec<f64> = (0..series).map(|_| random.random_range(0.0..100.0)).collect();
        let mut values = Vec::with_capacity(series * ticks);
        for _ in 0..ticks {
            for walk in &mut walks {
                *walk = (*walk + gaussian(&mut random)).clamp(0.0, 100.0);
                values.push((*walk * 100.0).round() / 100.0);
            }
        }
        Self { series, ticks, values }
    }

    pub(super) fn points(&self) -> usize {
        self.values.len()
    }

    /// The first so many points, time-major, in commits: series, microseconds, value.
    pub(super) fn commits(&self, points: usize) -> impl Iterator<Item = Vec<(u32, i64, f64)>> {
        let points = points.min(self.values.len());
        (0..points).step_by(COMMIT_POINTS).map(move |from| {
            let to = (from + COMMIT_POINTS).min(points);
            (from..to).map(|index| self.point(index)).collect()
        })
    }

    fn point(&self, index: usize) -> (u32, i64, f64) {
        let (tick, series) = (index / self.series, index % self.series);
        (series as u32, START + tick as i64 * TICK, self.values[index])
    }

    /// The values as little-endian bytes, for readers in other languages.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
}

/// A standard normal number (Box and Muller).
fn gaussian(random: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (random.random_range(f64::MIN_POSITIVE..1.0), random.random());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
