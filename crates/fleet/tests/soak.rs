//! Long runs on bad days: nobody collides, no order is lost.

use fleet::soak::{Outcome, Soak, messages, shift};

/// Five hundred robots for a day.
const DAY: Soak = Soak { robots: 500, seconds: 86_400.0, orders_per_hour: 2_500.0, seed: 1 };
/// What every build can afford.
const SHORT: Soak = Soak { robots: 30, seconds: 900.0, orders_per_hour: 200.0, seed: 1 };

fn assert_sound(outcome: &Outcome) {
    assert!(outcome.is_sound(), "{outcome:?}");
    assert!(outcome.done > 0 && outcome.troubles > 0, "{outcome:?}");
}

#[test]
fn a_short_bad_shift_is_sound() {
    for seed in 1..4 {
        assert_sound(&shift(&Soak { seed, ..SHORT }, &mut |_| {}));
    }
}

#[test]
fn a_short_bad_time_in_operation_is_sound() {
    assert_sound(&messages(&SHORT, &mut |_| {}));
}

#[test]
#[ignore = "a day of five hundred robots takes minutes in a release build"]
fn a_bad_day_in_simulation_is_sound() {
    let outcome = shift(&DAY, &mut |_| {});
    assert_sound(&outcome);
    assert!(outcome.stalled_seconds < 600.0, "{outcome:?}");
}

#[test]
#[ignore = "a day of five hundred robots over messages takes an hour in a release build"]
fn a_bad_day_in_operation_is_sound() {
    let outcome = messages(&DAY, &mut |_| {});
    assert_sound(&outcome);
    assert!(outcome.stalled_seconds < 600.0, "{outcome:?}");
}
