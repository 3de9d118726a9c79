//! How a version of a rule goes live: with something to show for it, in stages, and watched by a guard.

use std::time::Duration;

use model::{Name, SpaceId, ThingId, Timestamp, Value};
use rule::Enlisted;
use serde::{Deserialize, Serialize};

use super::book::InShadow;
use super::error::RuleError;
use crate::counters::count;
use crate::site::Site;

/// How many earlier promotions of a rule are remembered; the oldest is forgotten.
const EARLIER_MAX: usize = 20;

/// How many runs that show a version are remembered; the oldest is forgotten.
const SHOWN_MAX: usize = 50;

/// For how long a guard may have to be missed at most.
const HOLD_MAX: Duration = Duration::from_hours(7 * 24);

/// The part of its things for which a rule is live. What it would do to the others is only written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleStage {
    /// Things in these spaces and within; all when empty.
    #[serde(default)]
    pub spaces: Vec<SpaceId>,
    /// The share of them, from 0 to 1; always the same ones.
    #[serde(default = "whole")]
    pub share: f64,
}

fn whole() -> f64 {
    1.0
}

/// What takes a rule back: a property that leaves its bounds while the rule is live.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RuleGuard {
    /// Which property: `thing/name`.
    pub property: String,
    /// It must not be more than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// It must not be less than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// For how long it may be so all the same: `5 min`; not at all when left out.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
}

impl RuleGuard {
    pub(super) fn property(&self) -> Option<(ThingId, Name)> {
        let (thing, name) = self.property.split_once('/')?;
        Some((ThingId::new(thing).ok()?, Name::new(name).ok()?))
    }

    /// For how long it may be out of bounds; `None` when that is no duration.
    pub(super) fn hold(&self) -> Option<Duration> {
        let Some(text) = &self.hold else { return Some(Duration::ZERO) };
        let unit_at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
        let (number, unit) = text.split_at(unit_at);
        let unit_seconds = match unit.trim() {
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        Duration::try_from_secs_f64(number.trim().parse::<f64>().ok()? * unit_seconds).ok()
    }

    /// Whether a value is out of bounds.
    pub(super) fn is_missed(&self, value: &Value) -> bool {
        let Some(number) = value.as_f64() else { return false };
        self.above.is_some_and(|above| number > above) || self.below.is_some_and(|below| number < below)
    }

    fn words(&self) -> String {
        let above = self.above.map(|above| format!("above {above}"));
        let below = self.below.map(|below| format!("below {below}"));
        let bounds: Vec<String> = above.into_iter().chain(below).collect();
        let hold = self.hold.as_ref().map(|hold| format!(" for {hold}")).unwrap_or_default();
        format!("{} was {}{hold}", self.property, bounds.join(" or "))
    }
}

/// One promotion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Promoted {
    pub(super) version: u64,
    pub(super) since: Timestamp,
    pub(super) by: String,
    /// The backtest or shadow that it rests on; `None` when it was forced.
    pub(super) run: Option<String>,
    pub(super) stage: Option<RuleStage>,
    pub(super) guard: Option<RuleGuard>,
}

/// Something that shows what a version does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) version: u64,
    pub(super) run: String,
}

/// What somebody asks of a promotion.
#[derive(Debug, Clone, Default)]
pub struct Promotion {
    /// The run that shows the version; any when not given.
    pub run: Option<String>,
    /// Without anything to show for it. Whoever sets this has made sure that an owner asks.
    pub force: bool,
    /// For which part of its things.
    pub stage: Option<RuleStage>,
    /// What takes it back.
    pub guard: Option<RuleGuard>,
}

impl Site {
    /// Lets the newest version of a rule run in shadow, beside what is live.
    pub fn shadow_rule(&self, id: &str) -> Result<(), RuleError> {
        let version = self.rules.row(id)?.version;
        let parsed = self.runnable(id, version)?;
        let now = self.clock.now();
        let run = self.rules.ids.next("shadow", now);
        {
            let mut book = self.rules.book.lock();
            let row = book.get_mut(id).ok_or_else(|| RuleError::UnknownRule(id.to_owned()))?;
            row.shadow = Some(InShadow { version, since: now });
            show(&mut row.shown, Shown { version, run });
        }
        self.keep_rules(Vec::new())?;
        self.enlist_rule(Enlisted { id: id.into(), version, rule: parsed, shadow: true });
        Ok(())
    }

    /// Takes the newest version of a rule live.
    pub fn promote_rule(&self, id: &str, promotion: Promotion, by: &str) -> Result<(), RuleError> {
        let row = self.rules.row(id)?;
        let version = row.version;
        self.check_promotion(&promotion)?;
        let mut shown = row.shown.iter().rev().filter(|shown| shown.version == version);
        let run = match &promotion.run {
            Some(run) if shown.any(|shown| shown.run == *run) => Some(run.clone()),
            Some(run) if !promotion.force => return Err(RuleError::ShowsAnother { run: run.clone(), version }),
            Some(_) => None,
            None => shown.next().map(|shown| shown.run.clone()),
        };
        if run.is_none() && !promotion.force {
            return Err(RuleError::NothingToShow { rule: id.to_owned(), version });
        }
        let Promotion { stage, guard, .. } = promotion;
        let since = self.clock.now();
        self.take_live(id, Promoted { version, since, by: by.to_owned(), run, stage, guard })
    }

    fn check_promotion(&self, promotion: &Promotion) -> Result<(), RuleError> {
        let wrong = |place, problem: &str| Err(RuleError::Promotion { place, problem: problem.to_owned() });
        if let Some(stage) = &promotion.stage {
            if !(stage.share > 0.0 && stage.share <= 1.0) {
                return wrong("stage.share", "a share is more than 0 and at most 1");
            }
            let things = self.things.read();
            if let Some(space) = stage.spaces.iter().find(|space| things.spaces.get(space).is_none()) {
                return Err(crate::SiteError::UnknownSpace(space.clone()).into());
            }
        }
        if let Some(guard) = &promotion.guard {
            let Some((thing, _)) = guard.property() else {
                return wrong("guard.property", "a property is thing/name");
            };
            if self.thing_row(&thing).is_none() {
                return Err(crate::SiteError::from(twin::RegistryError::Unknown(thing)).into());
            }
            if guard.above.is_none() && guard.below.is_none() {
                return wrong("guard", "a guard has a bound: above or below");
            }
            if guard.hold().is_none_or(|hold| hold > HOLD_MAX) {
                return wrong("guard.for", "a duration is 30 s, 5 min, 1 h or 1 d, at most 7 d");
            }
        }
        Ok(())
    }

    /// Takes a version live in the place of the one that was.
    pub(super) fn take_live(&self, id: &str, promoted: Promoted) -> Result<(), RuleError> {
        let version = promoted.version;
        let parsed = self.runnable(id, version)?;
        let before = {
            let mut book = self.rules.book.lock();
            let row = book.get_mut(id).ok_or_else(|| RuleError::UnknownRule(id.to_owned()))?;
            let before = row.live.replace(promoted);
            if let Some(before) = before.clone() {
                row.earlier.push_front(before);
                row.earlier.truncate(EARLIER_MAX);
            }
            row.is_off = false;
            row.shadow.take_if(|shadow| shadow.version == version);
            before
        };
        self.keep_rules(Vec::new())?;
        if let Some(before) = before {
            self.note_live(id, before.version, false)?;
        }
        self.note_live(id, version, true)?;
        self.enlist_rule(Enlisted { id: id.into(), version, rule: parsed, shadow: false });
        Ok(())
    }

    /// Switches a rule off, live and in shadow.
    pub fn switch_off_rule(&self, id: &str) -> Result<(), RuleError> {
        let before = {
            let mut book = self.rules.book.lock();
            let row = book.get_mut(id).ok_or_else(|| RuleError::UnknownRule(id.to_owned()))?;
            let before = row.live.take();
            row.is_off = row.is_off || before.is_some() || row.shadow.take().is_some();
            row.shadow = None;
            if let Some(before) = before.clone() {
                row.earlier.push_front(before);
                row.earlier.truncate(EARLIER_MAX);
            }
            before
        };
        self.dismiss_rule(id);
        self.keep_rules(Vec::new())?;
        before.map_or(Ok(()), |before| self.note_live(id, before.version, false))
    }

    /// Notes that a run shows what a version does.
    pub(super) fn note_shown(&self, id: &str, version: u64, run: &str) -> Result<(), RuleError> {
        if let Some(row) = self.rules.book.lock().get_mut(id) {
            show(&mut row.shown, Shown { version, run: run.to_owned() });
        }
        self.keep_rules(Vec::new())
    }

    /// The guard of a rule was missed: what was live before is live again, or nothing.
    pub(super) fn roll_back_rule(&self, id: &str, guard: &RuleGuard) {
        count(&self.counters.rule_roll_backs);
        let earlier = self.rules.book.lock().get(id).and_then(|row| row.earlier.front().cloned());
        let (done, words) = match earlier {
            Some(earlier) => {
                let words = format!("version {} is live again", earlier.version);
                let back = Promoted { since: self.clock.now(), by: "its guard".to_owned(), guard: None, ..earlier };
                (self.take_live(id, back), words)
            }
            None => (self.switch_off_rule(id), "it is off".to_owned()),
        };
        if let Err(error) = done {
            tracing::error!(%error, rule = id, "a rule could not be taken back by its guard; it is switched off");
            if let Err(error) = self.switch_off_rule(id) {
                tracing::error!(%error, rule = id, "a rule could not be switched off");
            }
        }
        let title = self.rules.row(id).map_or_else(|_| id.to_owned(), |row| row.title);
        let message = format!("{}: {words}.", guard.words());
        self.notify(&format!("{title} was taken back"), &message, Vec::new(), Some(id));
    }

    /// Whether a rule that is live in a stage may command a thing.
    pub(super) fn is_in_stage(&self, rule: &str, thing: &ThingId) -> bool {
        let stage = {
            let book = self.rules.book.lock();
            book.get(rule).and_then(|row| row.live.as_ref()?.stage.clone())
        };
        let Some(stage) = stage else { return true };
        let things = self.things.read();
        let stands = things.registry.get(thing).and_then(|slot| slot.thing.space.clone());
        let stands = stands.unwrap_or_else(|| things.spaces.root().space.id.clone());
        let path = things.spaces.path(&stands);
        let in_spaces = stage.spaces.is_empty() || stage.spaces.iter().any(|space| path.contains(&space));
        in_spaces && part_of(rule, thing) < stage.share
    }
}

fn show(shown: &mut std::collections::VecDeque<Shown>, one: Shown) {
    shown.push_back(one);
    while shown.len() > SHOWN_MAX {
        shown.pop_front();
    }
}

/// A number from 0 to 1 that belongs to a rule and a thing for ever.
fn part_of(rule: &str, thing: &ThingId) -> f64 {
    // FNV-1a, and the bits mixed, because its high bits hardly depend on the last bytes.
    let bytes = rule.bytes().chain([b'/']).chain(thing.as_str().bytes());
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    ((mixed ^ (mixed >> 33)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_things_is_about_that_share_and_always_the_same() {
        let things: Vec<ThingId> = (0..2_000).map(|number| ThingId::new(format!("lamp-{number}")).unwrap()).collect();
        let chosen = things.iter().filter(|thing| part_of("evening", thing) < 0.25).count();
        assert!((400..600).contains(&chosen), "{chosen} of 2000");
        assert_eq!(part_of("evening", &things[7]).to_bits(), part_of("evening", &things[7]).to_bits());
        let other = things.iter().filter(|thing| part_of("morning", thing) < 0.25 && part_of("evening", thing) < 0.25);
        assert!(other.count() < 250, "another rule has another share");
    }

    #[test]
    fn a_guard_is_missed_outside_its_bounds_only() {
        let guard = RuleGuard {
            property: "room/temperature".to_owned(),
            above: Some(24.0),
            below: Some(18.0),
            hold: Some("1.5 min".to_owned()),
        };
        let missed = |value: Value| guard.is_missed(&value);
        assert!(missed(Value::Float(24.1)) && missed(Value::Integer(17)));
        assert!(!missed(Value::Float(24.0)) && !missed(Value::text("30")) && !missed(Value::Null));
        assert!(guard.property().is_some());
        assert_eq!(guard.hold(), Some(Duration::from_secs(90)));
        assert_eq!(RuleGuard { hold: Some("soon".to_owned()), ..guard.clone() }.hold(), None);
        assert_eq!(RuleGuard { property: "room".to_owned(), ..guard }.property(), None);
    }
}
