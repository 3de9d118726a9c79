//! Sentences: what they mean here, and what comes of it.

use model::{SpaceId, Timestamp};
use speech::{Catalogue, Change, Day, Intent, Language, Step, Told, Understanding, What, When};
use std::time::Duration;
use twin::ThingStatus;

use super::make::{Draft, changed};
use super::{AskChoice, Asked, Asking, PlanError, PlanRefusal, Refuser, WantedCommand};
use crate::Site;

const DAY: Duration = Duration::from_hours(24);

impl Site {
    /// Understands a sentence: a wish becomes a plan, a question an answer. Nothing is done by it. `id` is the plan's.
    pub fn ask(&self, id: String, asking: &Asking<'_>) -> Result<Asked, PlanError> {
        let catalogue = self.catalogue();
        let understood = speech::understand(asking.text, &catalogue, asking.space);
        let language = asking.language.and_then(Language::of_tag).unwrap_or(understood.language);
        let confirm = guesses(&understood, language);
        match &understood.intent {
            Intent::Unclear(unclear) => {
                let choices = unclear.choices.iter();
                let choices =
                    choices.map(|choice| AskChoice { text: choice.text.clone(), words: choice.words.clone() });
                let answer = Some(unclear.reason.words(language));
                Ok(Asked { understood: false, plan: None, answer, choices: choices.collect() })
            }
            Intent::Question(question) => {
                let things = self.things.read();
                let told = |thing: &model::ThingId, name: &model::Name| {
                    let reported = things.registry.get(thing)?.twin.property(name)?;
                    Some(Told { value: reported.value.clone() })
                };
                let answer = speech::answer(question, &catalogue, language, told);
                let answer = confirm.into_iter().chain([answer]).collect::<Vec<String>>().join(". ");
                Ok(Asked { understood: true, plan: None, answer: Some(answer), choices: Vec::new() })
            }
            Intent::Commands(steps) => {
                let draft = self.draft(steps, &understood, asking.utc_offset_s, confirm, language);
                let plan = self.plan(id, draft, asking.by, asking.may)?;
                Ok(Asked { understood: true, plan: Some(plan), answer: None, choices: Vec::new() })
            }
        }
    }

    fn draft(
        &self,
        steps: &[Step],
        understood: &Understanding,
        utc_offset_s: &dyn Fn(Timestamp) -> i64,
        confirm: Vec<String>,
        language: Language,
    ) -> Draft {
        let now = self.clock.now();
        let refused = understood.refused.iter().map(|refused| PlanRefusal {
            thing: refused.thing.clone(),
            name: refused.name.clone(),
            by: Refuser::Model,
            reason: refused.reason.clone(),
        });
        let mut refusals: Vec<PlanRefusal> = refused.collect();
        let mut wanted = Vec::new();
        for step in steps {
            let (write, input) = match &step.what {
                What::Invoke(input) => (false, Ok(input.clone())),
                What::Write(Change::To(value)) => (true, Ok(value.clone())),
                What::Write(Change::By(by)) => (true, changed(self, &step.thing, &step.name, *by)),
            };
            let (thing, name) = (step.thing.clone(), step.name.clone());
            match input {
                Ok(input) => {
                    wanted.push(WantedCommand { thing, name, write, input, at: moment(step.when, now, utc_offset_s) });
                }
                Err(reason) => refusals.push(PlanRefusal { thing, name, by: Refuser::Model, reason }),
            }
        }
        Draft { wanted, refusals, confirm, korean: language == Language::Korean }
    }

    /// Everything that can be talked about: accepted things, all spaces and scenes.
    fn catalogue(&self) -> Catalogue {
        let things = self.things.read();
        let accepted =
            things.registry.iter().map(|(_, slot)| &slot.thing).filter(|thing| thing.status == ThingStatus::Accepted);
        let known = accepted.map(|thing| speech::Thing {
            id: thing.id.clone(),
            title: thing.title.clone(),
            space: thing.space.clone(),
            model: std::sync::Arc::clone(&thing.model),
        });
        let known = known.collect();
        let spaces = things.spaces.iter().map(|row| row.space.clone()).collect();
        drop(things);
        let scenes = self.scenes().into_iter().map(|scene| speech::Scene {
            // The id that is made for a title in other letters is the word itself, and names no scene.
            id: if scene.id == "scene" { scene.title.clone() } else { scene.id },
            title: scene.title,
            sets: scene.sets.into_iter().map(|set| (set.thing, set.name, set.value)).collect(),
        });
        Catalogue::new(known, spaces, scenes.collect())
    }

    /// Whether there is such a space.
    pub fn has_space(&self, id: &SpaceId) -> bool {
        self.things.read().spaces.get(id).is_some()
    }
}

fn guesses(understood: &Understanding, language: Language) -> Vec<String> {
    let words = understood.guesses.iter().map(|guess| match language {
        Language::English => format!("“{}” is taken for “{}”", guess.said, guess.meant),
        Language::Korean => format!("“{}” → “{}”", guess.said, guess.meant),
    });
    words.collect()
}

/// The moment that is meant, on clocks that are so far ahead of UTC; `None` for now. A time of today that has passed stays
/// in the past, and is refused there.
fn moment(when: When, now: Timestamp, utc_offset_s: &dyn Fn(Timestamp) -> i64) -> Option<Timestamp> {
    let (day, second) = match when {
        When::Now => return None,
        When::After(after) => return Some(now + after),
        When::At { day, second } => (day, i64::from(second)),
    };
    let local_s = now.micros().div_euclid(1_000_000) + utc_offset_s(now);
    let day_s = DAY.as_secs() as i64;
    let midnight_s = local_s.div_euclid(day_s) * day_s;
    let at = |ahead: i64| {
        // The clocks may be changed until then.
        let shown_s = midnight_s + ahead * day_s + second;
        let about = Timestamp::from_seconds(shown_s - utc_offset_s(now));
        Timestamp::from_seconds(shown_s - utc_offset_s(about))
    };
    Some(match day {
        Day::Ahead(ahead) => at(i64::from(ahead)),
        Day::Next => [at(0), at(1)].into_iter().find(|moment| *moment > now).unwrap_or_else(|| at(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_time_is_the_next_one_on_the_clocks_of_the_place() {
        let time = |text: &str| Timestamp::parse(text).unwrap();
        let now = time("2026-03-01T23:30:00Z");
        let at = |day: Day, hour: u32, offset_hours: i64| {
            moment(When::At { day, second: hour * 3_600 }, now, &|_| offset_hours * 3_600).unwrap()
        };
        assert_eq!(at(Day::Next, 7, 0), time("2026-03-02T07:00:00Z"));
        assert_eq!(at(Day::Next, 9, 9), time("2026-03-02T00:00:00Z"), "it is half past eight there");
        assert_eq!(at(Day::Next, 8, 9), time("2026-03-02T23:00:00Z"));
        assert_eq!(at(Day::Ahead(1), 7, -5), time("2026-03-02T12:00:00Z"));
        assert!(at(Day::Ahead(0), 7, 0) < now, "today at seven has passed");
        // In Europe clocks go forward at one in the night of the 29th.
        let spring = |moment: Timestamp| if moment < time("2026-03-29T01:00:00Z") { 3_600 } else { 7_200 };
        let seven = When::At { day: Day::Next, second: 7 * 3_600 };
        assert_eq!(moment(seven, time("2026-03-28T20:00:00Z"), &spring), Some(time("2026-03-29T05:00:00Z")));
        assert_eq!(moment(When::After(Duration::from_secs(60)), now, &|_| 0), Some(time("2026-03-01T23:31:00Z")));
        assert_eq!(moment(When::Now, now, &|_| 0), None);
    }
}
