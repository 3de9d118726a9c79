//! How much better than chance an explanation is.

/// The least share of the days or happenings on which a habit must have held.
pub(super) const PRECISION_MIN: f64 = 0.6;

/// The least that this share must be above what chance would give.
const LIFT_MIN: f64 = 0.35;

/// The least exponent of ten by which chance must be unlikely, after counting everything that was tried.
const SURPRISE_MIN: f64 = 2.5;

/// What an explanation that held `times` of `cases`, where chance would give `chance` of them, is worth: how unlikely chance is,
/// as the exponent of ten, after `tried` others were tried. `None` when it is not good enough.
pub(super) fn surprise(times: usize, cases: usize, chance: f64, tried: f64) -> Option<f64> {
    let precision = times as f64 / cases.max(1) as f64;
    if precision < PRECISION_MIN || precision - chance < LIFT_MIN {
        return None;
    }
    let surprise = -log10_tail(times, cases, chance.clamp(1e-6, 1.0)) - tried.log10();
    (surprise >= SURPRISE_MIN).then_some(surprise)
}

/// The logarithm of the chance of at least `times` of `cases`, by Chernoff's bound: never more surprising than it is.
fn log10_tail(times: usize, cases: usize, chance: f64) -> f64 {
    let share = times as f64 / cases.max(1) as f64;
    if share <= chance {
        return 0.0;
    }
    let part = |a: f64, b: f64| if a <= 0.0 { 0.0 } else { a * (a / b.max(1e-12)).ln() };
    let divergence = part(share, chance) + part(1.0 - share, 1.0 - chance);
    -(cases as f64) * divergence / std::f64::consts::LN_10
}

/// The middle of some values and how far half of them are from it.
pub(super) fn middle(values: &mut [i64]) -> (i64, i64) {
    values.sort_unstable();
    let median = values[values.len() / 2];
    let mut off: Vec<i64> = values.iter().map(|value| (value - median).abs()).collect();
    off.sort_unstable();
    (median, off[off.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chance_explains_is_no_surprise() {
        assert_eq!(surprise(10, 40, 0.05, 1.0), None, "too seldom");
        assert_eq!(surprise(30, 40, 0.5, 1.0), None, "as often by chance");
        assert_eq!(surprise(3, 4, 0.05, 1e6), None, "too few for so many tries");
        assert!(surprise(30, 40, 0.05, 1e6).is_some_and(|surprise| surprise > 10.0));
        assert_eq!(middle(&mut [1, 9, 5, 6, 100]), (6, 3));
    }
}
