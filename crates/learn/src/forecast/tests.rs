//! Series that are regular, noisy, broken off, late and changed.

use std::f64::consts::TAU;

use super::*;

const HOUR_S: i64 = 3_600;

/// Noise between -1 and 1 that is the same on every run.
fn noise(step: i64) -> f64 {
    let mixed = (step as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
}

/// A day with a peak, weekends that are lower, and noise.
fn load(hour: i64) -> f64 {
    let of_day = (hour.rem_euclid(24)) as f64;
    let weekday = if (hour.div_euclid(24) + 4).rem_euclid(7) < 5 { 1.0 } else { 0.6 };
    5.0 + 3.0 * weekday * (TAU * (of_day - 9.0) / 24.0).sin() + noise(hour)
}

fn at(hour: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 / HOUR_S * HOUR_S + hour * HOUR_S)
}

fn feed(forecaster: &mut Forecaster, hours: std::ops::Range<i64>, value: impl Fn(i64) -> f64) {
    for hour in hours {
        forecaster.observe(at(hour), value(hour), &[]);
    }
}

fn hourly() -> Forecaster {
    Forecaster::new(Settings::default())
}

#[test]
fn there_is_a_forecast_after_the_first_day_and_not_before() {
    let mut forecaster = hourly();
    feed(&mut forecaster, 0..24, load);
    assert_eq!(forecaster.forecast(24, &[]), None);
    feed(&mut forecaster, 24..26, load);
    let forecast = forecaster.forecast(24, &[0.1, 0.9]).expect("a day was seen");
    assert_eq!(forecast.start, at(25));
    assert_eq!(forecast.step, Duration::from_secs(3_600));
    assert_eq!((forecast.median.len(), forecast.quantiles.len(), forecast.quantiles[1].len()), (24, 2, 24));
}

#[test]
fn forecasts_beat_both_naive_ones_and_their_band_holds_what_it_says() {
    let mut forecaster = hourly();
    let (mut ours, mut day, mut week, mut within, mut count) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for hour in 0..24 * 70 {
        forecaster.observe(at(hour), load(hour), &[]);
        forecaster.advance(at(hour + 1));
        if hour < 24 * 35 || hour % 7 != 0 {
            continue;
        }
        let forecast = forecaster.forecast(24, &[0.1, 0.9]).expect("weeks were seen");
        for ahead in 1..=24_i64 {
            let (came, place) = (load(hour + ahead), ahead as usize - 1);
            ours += (forecast.median[place] - came).abs();
            day += (load(hour + ahead - 24) - came).abs();
            week += (load(hour + ahead - 168) - came).abs();
            let band = forecast.quantiles[0][place]..=forecast.quantiles[1][place];
            within += f64::from(u8::from(band.contains(&came)));
            count += 1.0;
        }
    }
    // Of independent noise between -1 and 1 the best possible error is 0.75 of the naive one.
    assert!(ours < 0.82 * f64::min(day, week), "ours {ours} day {day} week {week}");
    assert!((0.7..0.9).contains(&(within / count)), "{}", within / count);
}

#[test]
fn a_random_walk_is_not_forecast_worse_than_by_its_naive_model() {
    let mut walk = vec![0.0];
    for step in 1..24 * 90_i64 {
        walk.push(walk[step as usize - 1] + noise(step));
    }
    let mut forecaster = hourly();
    feed(&mut forecaster, 0..24 * 90, |hour| walk[hour as usize]);
    let card = forecaster.card().expect("much was seen");
    assert_eq!(card.ahead.len(), 5);
    for ahead in card.ahead {
        assert!(ahead.error <= ahead.naive_error * 1.03, "{ahead:?}");
    }
}

#[test]
fn a_covariate_that_says_everything_is_used() {
    // The value follows a wind that no past tells.
    let wind = |hour: i64| 5.0 + 4.0 * noise(hour / 6 + 77_777);
    let error = |covariates: usize| {
        let mut forecaster = Forecaster::new(Settings { covariates, utc_offset_s: 0 });
        let (mut sum, mut count) = (0.0, 0.0);
        for hour in 0..24 * 60 {
            forecaster.observe(at(hour), 3.0 * wind(hour) + 0.1 * noise(hour), &[wind(hour)]);
            forecaster.expect_covariates(at(hour + 24), &[wind(hour + 24)]);
            forecaster.advance(at(hour + 1));
            if hour > 24 * 40 {
                let forecast = forecaster.forecast(24, &[]).expect("weeks were seen");
                sum += (forecast.median[22] - 3.0 * wind(hour + 23)).abs();
                count += 1.0;
            }
        }
        sum / count
    };
    let (without, with) = (error(0), error(1));
    assert!(with < 0.3 * without, "with {with} without {without}");
}

#[test]
fn irregular_samples_make_regular_slots() {
    let mut forecaster = hourly();
    let start = at(0).micros();
    let mut time_us = start;
    for step in 0..4_000 {
        time_us += (90.0 + 60.0 * noise(step)) as i64 * 1_000_000;
        forecaster.observe(Timestamp(time_us), 7.0, &[]);
    }
    let forecast = forecaster.forecast(4, &[0.1, 0.9]).expect("four days were seen");
    assert_eq!(forecast.step, Duration::from_secs(900));
    assert_eq!(forecast.median, [7.0; 4]);
    assert_eq!(forecast.quantiles, [[7.0; 4]; 2]);
    let card = forecaster.card().expect("the grid is known");
    assert_eq!(card.slots_missed, 0);
}

#[test]
fn a_stream_that_stops_has_no_forecast_after_a_day_and_one_again_when_it_speaks() {
    let mut forecaster = hourly();
    feed(&mut forecaster, 0..24 * 10, load);
    forecaster.advance(at(24 * 10 + 12));
    assert!(forecaster.forecast(1, &[]).is_some());
    forecaster.advance(at(24 * 11 + 6));
    assert_eq!(forecaster.forecast(1, &[]), None);
    feed(&mut forecaster, 24 * 12..24 * 12 + 3, load);
    assert!(forecaster.forecast(1, &[]).is_some());
    assert_eq!(forecaster.card().expect("it speaks").restarts, 0);
}

#[test]
fn one_stamp_a_year_off_is_refused_and_a_clock_that_was_set_is_followed() {
    let year = 24 * 365;
    let mut forecaster = hourly();
    feed(&mut forecaster, 0..24 * 10, load);
    forecaster.observe(at(year), 5.0, &[]);
    feed(&mut forecaster, 24 * 10..24 * 11, load);
    let card = forecaster.card().expect("much was seen");
    assert_eq!((card.samples_refused, card.restarts), (1, 0));

    feed(&mut forecaster, year..year + 48, load);
    let card = forecaster.card().expect("two days were seen");
    assert_eq!(card.last_restart, Some((at(year + 2), Restart::Time)));
    assert_eq!(forecaster.forecast(1, &[]).expect("it follows").start, at(year + 47));
}

#[test]
fn another_unit_starts_afresh_and_one_wild_value_does_not() {
    let mut forecaster = hourly();
    feed(&mut forecaster, 0..24 * 20, load);
    forecaster.observe(at(24 * 20), 1e30, &[]);
    forecaster.observe(at(24 * 20 + 1), f64::NAN, &[]);
    feed(&mut forecaster, 24 * 20 + 1..24 * 21, load);
    let median = forecaster.forecast(24, &[]).expect("much was seen").median;
    assert!(median.iter().all(|value| (0.0..10.0).contains(value)), "{median:?}");
    assert_eq!(forecaster.card().expect("much was seen").restarts, 0);

    feed(&mut forecaster, 24 * 21..24 * 24, |hour| 1_000.0 * load(hour));
    assert_eq!(forecaster.card().expect("much was seen").last_restart.map(|(_, why)| why), Some(Restart::Values));
    let median = forecaster.forecast(24, &[]).expect("two days were seen").median;
    assert!(median.iter().all(|value| (1_000.0..10_000.0).contains(value)), "{median:?}");
}

#[test]
fn a_series_that_shrinks_a_thousandfold_is_followed_within_days() {
    let mut forecaster = hourly();
    feed(&mut forecaster, 0..24 * 20, load);
    feed(&mut forecaster, 24 * 20..24 * 25, |hour| load(hour) / 1_000.0);
    let median = forecaster.forecast(24, &[]).expect("much was seen").median;
    assert!(median.iter().all(|value| value.abs() < 0.5), "{median:?}");
}

#[test]
fn a_forecaster_that_was_written_down_goes_on_as_if_it_had_not_been() {
    let mut forecaster = Forecaster::new(Settings { covariates: 1, utc_offset_s: 3_600 });
    for hour in 0..24 * 9 {
        forecaster.observe(at(hour), load(hour), &[noise(hour)]);
    }
    let text = serde_json::to_string(&forecaster).expect("it can be written down");
    let mut again: Forecaster = serde_json::from_str(&text).expect("it can be read");
    forecaster.observe(at(24 * 9), 4.0, &[0.0]);
    again.observe(at(24 * 9), 4.0, &[0.0]);
    assert_eq!(forecaster.forecast(48, &[0.1]), again.forecast(48, &[0.1]));
}
