//! A stream is broken in each way, and each is found by its name.

use super::*;
use crate::chance::Chance;

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 1_440 * MINUTE;

/// A room's temperature, told every five minutes: a day's course and noise.
struct Room {
    chance: Chance,
    stream: Stream,
    time: i64,
    findings: Vec<Finding>,
}

impl Room {
    /// A room that has been watched for ten days.
    fn new(seed: u64) -> Self {
        let mut room = Self {
            chance: Chance::new(seed),
            stream: Stream::new(Settings::default()),
            time: 1_700_000_000_000_000,
            findings: Vec::new(),
        };
        room.live(10 * 288, |_, value| value);
        assert!(room.stream.ready());
        room.findings.clear();
        room
    }

    fn value(&mut self) -> f64 {
        let hour = (self.time % DAY) as f64 / DAY as f64 * std::f64::consts::TAU;
        21.0 + 2.0 * hour.sin() + 0.1 * self.chance.normal()
    }

    fn live(&mut self, samples: usize, bend: impl Fn(usize, f64) -> f64) {
        for sample in 0..samples {
            self.time += 5 * MINUTE;
            let value = self.value();
            let value = bend(sample, value);
            self.findings.extend(self.stream.observe(self.time, Some(self.time), value));
        }
    }

    fn kinds(&self) -> Vec<Kind> {
        self.findings.iter().map(|finding| finding.kind).collect()
    }
}

#[test]
fn an_ordinary_month_is_quiet() {
    for seed in 1..=3 {
        let mut room = Room::new(seed);
        room.live(30 * 288, |_, value| value);
        assert!(room.findings.len() <= 1, "seed {seed}: {:?}", room.findings);
    }
}

#[test]
fn a_spike_is_found_when_it_is_over_with_what_was_expected() {
    let mut room = Room::new(4);
    room.live(2, |sample, value| if sample == 0 { value + 20.0 } else { value });
    let [finding] = room.findings[..] else { panic!("{:?}", room.findings) };
    assert_eq!(finding.kind, Kind::Fault(Fault::Spike));
    assert_eq!((finding.time_microseconds, finding.since_microseconds), (room.time, room.time - 5 * MINUTE));
    assert!(finding.low < finding.expected && finding.expected < finding.high && finding.high < finding.came);
    assert!((finding.expected - 21.0).abs() < 3.0, "{finding:?}");
    assert!(finding.surprise > 2.0 && finding.per_month < 0.25, "{finding:?}");
}

#[test]
fn a_stuck_value_is_found_and_since_when() {
    let mut room = Room::new(5);
    let began = room.time + 5 * MINUTE;
    room.live(100, |_, _| 21.37);
    let stuck = room.findings.iter().find(|finding| finding.kind == Kind::Fault(Fault::Stuck)).expect("it is found");
    assert_eq!(stuck.since_microseconds, began);
}

#[test]
fn a_dropout_is_found_while_it_lasts_and_told_once() {
    let mut room = Room::new(6);
    assert_eq!(room.stream.tick(room.time + 6 * MINUTE), None);
    let finding = room.stream.tick(room.time + 600 * MINUTE).expect("it is found");
    assert_eq!(finding.kind, Kind::Fault(Fault::Dropout));
    assert_eq!(finding.since_microseconds, room.time);
    assert_eq!(room.stream.tick(room.time + 601 * MINUTE), None);
}

#[test]
fn drift_noise_and_oscillation_have_their_names() {
    let mut room = Room::new(7);
    room.live(2 * 288, |sample, value| value + sample as f64 * 0.04);
    assert!(room.kinds().contains(&Kind::Fault(Fault::Drift)), "{:?}", room.kinds());

    let mut room = Room::new(8);
    let noise: Vec<f64> = (0..100).map(|_| 3.0 * room.chance.normal()).collect();
    room.live(100, |sample, value| value + noise[sample]);
    assert!(room.kinds().contains(&Kind::Fault(Fault::Noise)), "{:?}", room.kinds());

    let mut room = Room::new(9);
    room.live(100, |sample, value| value + 4.0 * (sample as f64 / 8.0 * std::f64::consts::TAU).sin());
    assert!(room.kinds().contains(&Kind::Fault(Fault::Oscillation)), "{:?}", room.kinds());
}

#[test]
fn a_clock_that_runs_away_is_found() {
    let mut room = Room::new(10);
    for sample in 0..100 {
        room.time += 5 * MINUTE;
        let value = room.value();
        let finding = room.stream.observe(room.time - sample * 10_000_000, Some(room.time), value);
        room.findings.extend(finding);
    }
    assert!(room.kinds().contains(&Kind::Fault(Fault::ClockSkew)), "{:?}", room.kinds());
}

#[test]
fn a_label_makes_it_ordinary_and_the_last_word_counts() {
    let spike = |room: &mut Room| {
        room.findings.clear();
        room.live(2, |sample, value| if sample == 0 { value + 20.0 } else { value });
        let found = room.findings.iter().find(|finding| finding.kind == Kind::Fault(Fault::Spike)).copied();
        room.live(3 * 288, |_, value| value);
        found
    };
    let mut room = Room::new(11);
    let first = spike(&mut room).expect("it is found");
    room.stream.label(&first, true);
    assert_eq!(spike(&mut room), None);
    room.stream.label(&first, false);
    assert!(spike(&mut room).is_some());
}

#[test]
fn a_counter_may_reset_and_is_watched_by_its_growth() {
    let mut stream = Stream::new(Settings::default());
    let (mut time, mut total, mut chance) = (1_700_000_000_000_000, 0.0, Chance::new(12));
    let mut findings = Vec::new();
    for sample in 0..20 * 288 {
        time += 5 * MINUTE;
        total = if sample == 12 * 288 { 0.0 } else { total + 1.0 + chance.unit() };
        findings.extend(stream.observe(time, None, total));
    }
    assert!(findings.is_empty(), "{findings:?}");
    // Told more often, it grows as fast as before.
    for _ in 0..2 * 288 * 60 {
        time += 5 * MINUTE / 60;
        total += (1.0 + chance.unit()) / 60.0;
        findings.extend(stream.observe(time, None, total));
    }
    assert!(findings.is_empty(), "{findings:?}");
    for sample in 0..2 * 60 {
        time += 5 * MINUTE / 60;
        total += if sample == 5 { 500.0 } else { (1.0 + chance.unit()) / 60.0 };
        findings.extend(stream.observe(time, None, total));
    }
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].came > 499.0, "{findings:?}");
}

#[test]
fn bad_input_is_refused_and_a_jump_of_the_clock_starts_anew() {
    let mut room = Room::new(13);
    for (time, value) in [(room.time + MINUTE, f64::NAN), (room.time + MINUTE, f64::INFINITY), (room.time, 21.0)] {
        assert_eq!(room.stream.observe(time, None, value), None);
    }
    assert_eq!(room.stream.refused(), 3);
    assert_eq!(room.stream.observe(room.time + 400 * DAY, None, 21.0), None);
    assert!(!room.stream.ready());
}

#[test]
fn a_state_is_small_and_is_taken_up_where_it_was_left() {
    let mut room = Room::new(14);
    let bytes = room.stream.to_bytes();
    assert!(bytes.len() <= STATE_BYTES_MAX, "{}", bytes.len());
    let mut copy = Stream::from_bytes(&bytes).unwrap();
    assert_eq!(copy.to_bytes(), bytes);
    for sample in 0..500_i64 {
        let time = room.time + (sample + 1) * 5 * MINUTE;
        let value = 21.0 + if sample == 250 { 30.0 } else { room.chance.normal() };
        assert_eq!(copy.observe(time, None, value), room.stream.observe(time, None, value));
    }
    assert!(Stream::from_bytes(&bytes[..bytes.len() - 1]).is_err());
    assert_eq!(Stream::from_bytes(&[9]).unwrap_err(), CodecError::Version { found: 9, expected: VERSION });
}

#[test]
fn labels_that_contradict_each_other_are_contained() {
    let mut room = Room::new(15);
    room.live(2, |sample, value| if sample == 0 { value + 20.0 } else { value });
    let spike = room.findings[0];
    for turn in 0..1_000 {
        room.stream.label(&spike, turn % 2 == 0);
    }
    assert!(room.stream.to_bytes().len() <= STATE_BYTES_MAX);
    // The last word was that it is not ordinary, and nothing else was forgotten over it.
    room.live(3 * 288, |_, value| value);
    room.findings.clear();
    room.live(2, |sample, value| if sample == 0 { value + 20.0 } else { value });
    assert_eq!(room.kinds(), [Kind::Fault(Fault::Spike)]);
    room.findings.clear();
    room.live(3 * 288, |_, value| value);
    assert!(room.findings.len() <= 1, "{:?}", room.findings);
    room.live(100, |_, _| 21.37);
    assert!(room.kinds().contains(&Kind::Fault(Fault::Stuck)), "{:?}", room.kinds());
}

#[test]
fn a_stream_that_was_silent_for_days_goes_on_quietly() {
    let mut room = Room::new(16);
    room.time += 12 * DAY;
    room.live(3 * 288, |_, value| value);
    let others: Vec<Kind> = room.kinds().into_iter().filter(|kind| *kind != Kind::Fault(Fault::Dropout)).collect();
    assert!(others.len() <= 1, "{:?}", room.findings);
    assert!(room.stream.ready());
}

#[test]
fn a_thing_that_tells_more_often_than_it_did_is_as_quiet() {
    let mut room = Room::new(17);
    for second in 0..6 * 3_600 {
        room.time += 1_000_000;
        // Between two readings of before, the temperature is as slow as it was, and its sensor as noisy.
        let value = (room.value() * 20.0).round() / 20.0;
        let finding = room.stream.observe(room.time, Some(room.time), value);
        assert!(finding.is_none(), "after {second} s: {finding:?}");
    }
}
