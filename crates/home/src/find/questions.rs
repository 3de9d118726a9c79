//! What only people can say about a home.

use std::collections::BTreeMap;

use model::ThingId;
use serde::{Deserialize, Serialize};

use super::{Correction, Found, Purpose, Role};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeQuestionKind))]
#[serde(rename_all = "snake_case")]
pub enum QuestionKind {
    /// Nothing measures what comes from the grid: which thing does?
    NoGridMeter,
    /// Several things may measure it: which one measures the whole home?
    WhichGridMeter,
    /// Several things tell prices: whose hold?
    WhichPrices,
    /// Which way is the power of a battery positive?
    PowerSign,
    /// What does a battery or car hold when full?
    Capacity,
    /// Which car stands at a charger?
    WhichCar,
}

/// A question about a home.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeQuestion))]
pub struct Question {
    /// What is asked.
    pub kind: QuestionKind,
    /// About which thing; none when it is about the home.
    #[cfg_attr(feature = "schema", schema(required))]
    pub thing: Option<ThingId>,
    /// The question in words.
    pub words: String,
    /// The things among which the answer is, if it is a thing.
    pub among: Vec<ThingId>,
    /// What does not work until it is answered.
    pub without: String,
}

/// What could not be decided from what was found.
pub(super) fn ask(found: &[Found], corrections: &BTreeMap<ThingId, Correction>) -> Vec<Question> {
    let mut questions = Vec::new();
    let of = |role: Role| found.iter().filter(move |one| one.role == role);
    let ids = |role: Role| of(role).map(|one| one.thing.clone()).collect::<Vec<ThingId>>();
    which_one(&mut questions, found);
    if of(Role::Grid).next().is_none() {
        questions.push(Question {
            kind: QuestionKind::NoGridMeter,
            thing: None,
            words: "Which thing measures what the home takes from the grid?".to_owned(),
            among: ids(Role::Consumption),
            without: "nothing can be planned".to_owned(),
        });
    }
    let said = |one: &Found| corrections.get(&one.thing).cloned().unwrap_or_default();
    for battery in of(Role::Battery) {
        let (title, correction) = (&battery.title, said(battery));
        let is_two_way = battery.port(Purpose::Power).is_some_and(|port| port.minimum.is_none_or(|least| least < 0.0));
        if is_two_way && correction.positive_gives.is_none() && !battery.sign_known {
            questions.push(Question {
                kind: QuestionKind::PowerSign,
                thing: Some(battery.thing.clone()),
                words: format!("Is the power of {title} positive while it gives energy to the home?"),
                among: Vec::new(),
                without: format!("{title} is taken to give while its power is positive"),
            });
        }
        if correction.capacity_kilowatt_hours.is_none()
            && battery.port(Purpose::Capacity).is_none()
            && battery.port(Purpose::Stored).is_none()
        {
            questions.push(capacity(battery, title));
        }
    }
    for charger in of(Role::Charger) {
        let cars = ids(Role::Car);
        let Some(car) = charger.car.as_ref().and_then(|car| found.iter().find(|one| one.thing == *car)) else {
            if !cars.is_empty() {
                questions.push(Question {
                    kind: QuestionKind::WhichCar,
                    thing: Some(charger.thing.clone()),
                    words: format!("Which car stands at {}?", charger.title),
                    among: cars,
                    without: format!("{} is not planned", charger.title),
                });
            }
            continue;
        };
        let known = said(car).capacity_kilowatt_hours.is_some()
            || car.port(Purpose::Capacity).is_some()
            || car.port(Purpose::Stored).is_some();
        if !known {
            questions.push(capacity(car, &car.title));
        }
    }
    questions
}

fn capacity(found: &Found, title: &str) -> Question {
    Question {
        kind: QuestionKind::Capacity,
        thing: Some(found.thing.clone()),
        words: format!("How many kilowatt hours does {title} hold when it is full?"),
        among: Vec::new(),
        without: format!("{title} is not planned"),
    }
}

/// Roles that only one thing can have.
fn which_one(questions: &mut Vec<Question>, found: &[Found]) {
    let asked = [
        (Role::Grid, QuestionKind::WhichGridMeter, "Which of these measures the whole home?"),
        (Role::Prices, QuestionKind::WhichPrices, "Which of these tells the prices of the home's contract?"),
    ];
    for (role, kind, words) in asked {
        let of_role: Vec<&Found> = found.iter().filter(|one| one.role == role).collect();
        // One that a person named answers it.
        if of_role.len() > 1 && of_role.iter().filter(|one| one.said).count() != 1 {
            questions.push(Question {
                kind,
                thing: None,
                words: words.to_owned(),
                among: of_role.iter().map(|one| one.thing.clone()).collect(),
                without: format!("{} is taken", of_role[0].title),
            });
        }
    }
}
