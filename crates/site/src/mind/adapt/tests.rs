//! The detectors of `learn` through the seam: what is found, repeated, over, called normal, kept.

use super::*;

const DAY_MINUTES: i64 = 24 * 60;
/// After so many days a detector tells what it finds.
const DAYS: i64 = 4;

/// A day's wave with a little noise that is always the same.
fn usual(minute: i64) -> f64 {
    let wave = (std::f64::consts::TAU * minute as f64 / DAY_MINUTES as f64).sin();
    let noise = ((minute as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f64 / f64::from(1 << 24) - 0.5;
    20.0 + 3.0 * wave + 0.4 * noise
}

fn say(learned: &mut Learned, minute: i64, value: f64) -> Vec<News> {
    let time = Timestamp::from_seconds(1_767_225_600 + minute * 60);
    let mut news = Vec::new();
    learned.take(Seen { time, received: Some(time), value }, &mut news);
    news
}

/// A detector that has seen so many days.
fn after_days(days: i64) -> Learned {
    let mut learned = Learned::new();
    for minute in 0..days * DAY_MINUTES {
        say(&mut learned, minute, usual(minute));
    }
    assert_eq!(learned.learned_share(), 1.0);
    learned
}

fn kinds(news: &[News]) -> Vec<(InsightKind, bool)> {
    let of = |news: &News| match news {
        News::Found(verdict) => (verdict.kind, true),
        News::Over { kind, .. } => (*kind, false),
    };
    news.iter().map(of).collect()
}

#[test]
fn a_spike_is_found_with_what_was_expected() {
    let mut learned = after_days(DAYS);
    let minute = DAYS * DAY_MINUTES;
    assert!(say(&mut learned, minute, usual(minute) + 15.0).is_empty(), "it may be anything yet");
    let news = say(&mut learned, minute + 1, usual(minute + 1));
    assert_eq!(kinds(&news), [(InsightKind::Spike, true)]);
    let News::Found(verdict) = &news[0] else { panic!("{news:?}") };
    let expected = verdict.expected.expect("a spike has an expected value");
    assert!(expected.low < usual(minute) && usual(minute) < expected.high && verdict.came > Some(expected.high));
    assert!(verdict.score > 3.0, "{verdict:?}");
}

#[test]
fn what_is_stuck_goes_on_until_it_moves_and_a_restart_changes_nothing() {
    let mut learned = after_days(DAYS);
    let (mut found, mut minute) = (None, DAYS * DAY_MINUTES);
    let held = usual(minute);
    while found.is_none() && minute < (DAYS + 1) * DAY_MINUTES {
        minute += 1;
        found = kinds(&say(&mut learned, minute, held)).into_iter().find(|(kind, _)| *kind == InsightKind::Stuck);
    }
    assert_eq!(found, Some((InsightKind::Stuck, true)));
    let mut again = Learned::restore(&learned.save()).expect("our own bytes");
    assert_eq!(again.save(), learned.save());
    for learned in [&mut learned, &mut again] {
        let repeated = kinds(&say(learned, minute + 1, held));
        assert!(repeated.contains(&(InsightKind::Stuck, true)), "{repeated:?}");
        let over = kinds(&say(learned, minute + 2, usual(minute + 2)));
        assert!(over.contains(&(InsightKind::Stuck, false)), "{over:?}");
    }
    assert!(Learned::restore(b"{}\nnonsense").is_none() && Learned::restore(b"").is_none());
}

#[test]
fn what_was_called_normal_is_not_followed() {
    let mut learned = after_days(DAYS);
    let (mut found, mut minute) = (Vec::new(), DAYS * DAY_MINUTES);
    while found.is_empty() && minute < (DAYS + 2) * DAY_MINUTES {
        minute += 1;
        found = kinds(&say(&mut learned, minute, usual(minute) + 0.01 * (minute - DAYS * DAY_MINUTES) as f64));
    }
    let (kind, _) = found[0];
    assert!(matches!(kind, InsightKind::Drift | InsightKind::Anomaly), "{kind:?}");
    learned.normal(kind);
    assert!(learned.followed.told.iter().all(|told| told.kind != kind || !told.goes_on));
}
