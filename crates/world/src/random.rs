//! Seeded randomness: a generator that is passed to every step, and noise that is a pure function of time.
//!
//! Transcendental functions come from `libm` throughout this crate, because the platform's own may differ in the last
//! digit and the same seed shall give the same world on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// A seeded stream of random numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream that `label` has in the world of this seed; streams of other labels are independent of it.
    pub fn new(seed: u64, label: &str) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(hash_text(label));
        Self(generator)
    }

    /// How far the stream has been used, to go on from there with [`Random::skip_to`].
    pub(crate) fn position(&self) -> u64 {
        self.0.get_word_pos() as u64
    }

    /// Goes to a position of the stream.
    pub(crate) fn skip_to(&mut self, position: u64) {
        self.0.set_word_pos(u128::from(position));
    }

    /// A number from 0 to 1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        to_unit(self.0.next_u64())
    }

    /// A number from `low` to `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// One of `count` indices; 0 when there are none.
    pub fn index(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// Whether something that happens `per_hour` times an hour happens within `dt_seconds`.
    pub fn happens(&mut self, per_hour: f64, dt_seconds: f64) -> bool {
        self.unit() < -libm::expm1(-per_hour * dt_seconds / 3_600.0)
    }

    /// A number around 0 with a standard deviation of 1, never beyond 6.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// A number from 0 to 1, 1 excluded, of random bits.
pub(crate) fn to_unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Mixes a seed with an index (SplitMix64's finaliser), so that neighbours have nothing in common.
pub(crate) fn mix(seed: u64, index: i64) -> u64 {
    let mut bits = seed ^ (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// A hash of a text that never changes (FNV-1a).
pub(crate) fn hash_text(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// Smooth noise from -1 to 1 along `x`, with one random value at every whole number.
pub(crate) fn smooth(seed: u64, x: f64) -> f64 {
    let at = |index: i64| to_unit(mix(seed, index)) * 2.0 - 1.0;
    let whole = libm::floor(x);
    let fraction = x - whole;
    let weight = fraction * fraction * (3.0 - 2.0 * fraction);
    let index = whole as i64;
    at(index) * (1.0 - weight) + at(index + 1) * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_repeatable_and_independent() {
        let draw = |seed, label| Random::new(seed, label).unit();
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert!(draw(1, "a") != draw(1, "b") && draw(1, "a") != draw(2, "a"));
        let mut random = Random::new(3, "normal");
        let drawn: Vec<f64> = (0..4_000).map(|_| random.normal()).collect();
        let mean = drawn.iter().sum::<f64>() / 4_000.0;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4_000.0;
        assert!(mean.abs() < 0.1 && (variance - 1.0).abs() < 0.1, "{mean} {variance}");
    }

    #[test]
    fn noise_is_smooth_and_bounded() {
        for step in -500..500_i32 {
            let x = f64::from(step) / 50.0;
            let (here, there) = (smooth(9, x), smooth(9, x + 0.001));
            assert!(here.abs() <= 1.0 && (here - there).abs() < 0.01);
        }
    }
}
