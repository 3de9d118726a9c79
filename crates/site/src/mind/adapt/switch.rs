//! The detector of streams of few values behind the mind's seam.

use std::time::Duration;

use learn::switch::{Switch, SwitchFault, SwitchFinding};
use model::Timestamp;

use super::super::insight::InsightKind;
use super::super::seam::{News, Seen, Verdict, Watch};
use learn::Settings;

/// What chatters has ceased when it did not change for so long.
const CALM: Duration = Duration::from_mins(5);

/// A stream of few values under watch. What was found is not kept over a restart: it is found again if it goes on.
pub(super) struct Switched {
    switch: Switch,
    last_value: Option<f64>,
    changed: Timestamp,
    /// What goes on.
    told: Vec<(InsightKind, SwitchFinding)>,
}

fn kind_of(fault: SwitchFault) -> InsightKind {
    match fault {
        SwitchFault::Stuck => InsightKind::Stuck,
        SwitchFault::Chatter => InsightKind::Oscillation,
    }
}

impl Switched {
    pub(super) fn new() -> Self {
        let switch = Switch::new(Settings::default());
        Self { switch, last_value: None, changed: Timestamp::EPOCH, told: Vec::new() }
    }

    pub(super) fn restore(state: &[u8]) -> Option<Self> {
        Some(Self { switch: Switch::from_bytes(state).ok()?, ..Self::new() })
    }
}

impl Watch for Switched {
    fn take(&mut self, seen: Seen, news: &mut Vec<News>) {
        let has_changed =
            self.last_value.replace(seen.value).is_some_and(|last| last.to_bits() != seen.value.to_bits());
        let is_calm = seen.time.since(self.changed) >= CALM;
        if has_changed {
            self.changed = seen.time;
        }
        self.told.retain(|(kind, _)| {
            let is_over = if *kind == InsightKind::Stuck { has_changed } else { is_calm };
            if is_over {
                news.push(News::Over { kind: *kind, time: seen.time });
            }
            !is_over
        });
        let Some(finding) = self.switch.observe(seen.time.micros(), seen.value) else { return };
        let kind = kind_of(finding.fault);
        let (began, score) = (Timestamp(finding.since_microseconds), finding.surprise);
        let verdict = Verdict { kind, began, time: seen.time, expected: None, came: Some(seen.value), score };
        news.push(News::Found(verdict));
        self.told.retain(|(told, _)| *told != kind);
        self.told.push((kind, finding));
    }

    fn normal(&mut self, kind: InsightKind) {
        let Self { switch, told, .. } = self;
        told.iter().filter(|(told, _)| *told == kind).for_each(|(_, finding)| switch.label(finding, true));
        told.retain(|(told, _)| *told != kind);
    }

    fn set_rate(&mut self, false_alarms_a_month: f64) {
        self.switch.set(Settings { alarms_per_month: false_alarms_a_month });
    }

    fn learned_share(&self) -> f64 {
        self.switch.learned_share()
    }

    fn state_bytes(&self) -> usize {
        size_of::<Self>() + self.switch.to_bytes().len()
    }

    fn save(&self) -> Vec<u8> {
        self.switch.to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_that_chatters_is_found_and_is_over_when_it_is_calm() {
        let mut watched = Switched::new();
        let (mut news, mut value) = (Vec::new(), 0.0);
        let mut say = |watched: &mut Switched, second: i64, value: f64| {
            news.clear();
            let time = Timestamp::from_seconds(1_767_225_600 + second);
            watched.take(Seen { time, received: Some(time), value }, &mut news);
            news.clone()
        };
        for quarter in 0..10 * 96 {
            value = if quarter % 7 == 0 { 1.0 - value } else { value };
            assert_eq!(say(&mut watched, quarter * 900, value), [], "quarter {quarter}");
        }
        assert_eq!(watched.learned_share(), 1.0);
        let mut watched = Switched::restore(&watched.save()).expect("our own bytes");
        let now = 10 * 96 * 900;
        let found: Vec<News> =
            (1..30).flat_map(|second| say(&mut watched, now + second, (second % 2) as f64)).collect();
        assert!(matches!(found[..], [News::Found(Verdict { kind: InsightKind::Oscillation, .. })]), "{found:?}");
        let over = say(&mut watched, now + 900, 1.0);
        assert!(matches!(over[..], [News::Over { kind: InsightKind::Oscillation, .. }]), "{over:?}");
        assert!(Switched::restore(b"nonsense").is_none());
    }
}
