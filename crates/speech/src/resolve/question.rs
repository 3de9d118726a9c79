//! What has to be read to answer a question.

use model::{Name, PropertyRole, Value};

use super::{Refusal, because, capability, targets};
use crate::READINGS_MAX;
use crate::amount::{self, Wanted};
use crate::catalogue::Thing;
use crate::clause::Clause;
use crate::intent::{Expected, Question, Reading, Reason};
use crate::lexicon::Sentence;
use crate::vocabulary::{Quantity, UnitWord, Word};
use crate::words::name_words;

/// The properties of a thing that a question is about.
type Found = Vec<(Name, Option<Expected>)>;

/// What a clause asks for.
pub(crate) fn question(sentence: &Sentence<'_>, clause: &Clause) -> Result<Question, Refusal> {
    let state = clause.state.map(Word::State).or(clause.verbs.first().copied());
    if clause.verbs.len() > 1 || (clause.verbs.len() == 1 && clause.state.is_some()) {
        return Err(because(Reason::Verbs));
    }
    if clause.negated {
        return Err(because(Reason::Negated));
    }
    if !clause.amounts.is_empty() {
        return Err(because(Reason::HowMuch));
    }
    let said = clause.unknown.first().map(|span| name_words(sentence.said(*span)).join(" "));
    let unknown = || {
        because(Reason::Unknown(
            clause.unknown.first().map_or_else(String::new, |span| sentence.said(*span).to_owned()),
        ))
    };
    if clause.unknown.len() > 1 {
        return Err(unknown());
    }
    let asked = |thing: &Thing| -> Found {
        match (&said, state) {
            (Some(said), None) => choice(thing, said),
            (Some(_), Some(_)) => Vec::new(),
            (None, Some(word)) => {
                capability::state(thing, word).map(|(name, expected)| (name, Some(expected))).into_iter().collect()
            }
            (None, None) => values(thing, clause),
        }
    };
    let things = &sentence.catalogue.things;
    let ambient_only = clause.nouns.iter().all(|noun| !noun.has_head())
        && matches!(wanted(clause).quantity, Some(Quantity::Temperature | Quantity::Humidity));
    let fits = |at: usize| !asked(&things[at]).is_empty() && (!ambient_only || targets::is_ambient(&things[at]));
    let mut found = targets::asked(sentence, clause, &fits);
    if found.is_empty() && matches!(state, Some(Word::Lock | Word::Unlock)) {
        found = beside(sentence, clause, &fits);
    }
    if found.is_empty() && clause.unknown.len() == 1 {
        return Err(unknown());
    }
    if found.is_empty() {
        let nothing_said = clause.nouns.is_empty() && state.is_none() && clause.wanted == Wanted::default();
        return Err(because(if nothing_said {
            Reason::NoTarget
        } else {
            Reason::Nothing(sentence.said(clause.span).to_owned())
        }));
    }
    let nothing_named = clause.nouns.is_empty() && clause.wanted == Wanted::default() && state.is_none();
    if nothing_named {
        return Err(because(Reason::NoTarget));
    }
    let readings = found.into_iter().flat_map(|at| {
        let thing = &things[at];
        asked(thing).into_iter().map(|(name, expected)| Reading { thing: thing.id.clone(), name, expected })
    });
    let mut readings: Vec<Reading> = readings.collect();
    if readings.iter().any(|reading| reading.expected.is_some()) {
        readings.retain(|reading| reading.expected.is_some());
    }
    readings.truncate(READINGS_MAX);
    let which = matches!(clause.asks, Some(Word::Which | Word::What));
    Ok(Question { readings, which })
}

/// `how many degrees` asks for the temperature.
fn wanted(clause: &Clause) -> Wanted {
    let mut wanted = clause.wanted.clone();
    let degrees = matches!(wanted.unit, Some(UnitWord::Degrees | UnitWord::Celsius | UnitWord::Fahrenheit));
    if degrees && wanted.quantity.is_none() && wanted.property.is_none() {
        wanted.quantity = Some(Quantity::Temperature);
    }
    wanted
}

/// `is the front door locked`: the lock of it is a thing of its own.
fn beside(sentence: &Sentence<'_>, clause: &Clause, fits: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let named = clause.nouns.iter().flat_map(|noun| noun.things.iter());
    let own: Vec<Vec<String>> = named.map(|thing| name_words(super::title(sentence.catalogue, *thing))).collect();
    let longer = |at: &usize| {
        let words = name_words(super::title(sentence.catalogue, *at));
        own.iter().any(|own| words.len() > own.len() && words.starts_with(own))
    };
    (0..sentence.catalogue.things.len()).filter(longer).filter(|at| fits(*at)).collect()
}

/// A property that can be what was said.
fn choice(thing: &Thing, said: &str) -> Found {
    let is_said = |value: &&Value| matches!(value, Value::Text(text) if name_words(text).join(" ") == said);
    let readable = thing.model.properties.iter().filter(|(_, property)| property.readable);
    let found = readable.filter_map(|(name, property)| {
        property.choices.iter().find(is_said).map(|value| (name.clone(), Some(Expected::Is(value.clone()))))
    });
    found.collect()
}

/// The values that are asked for: of a quantity or property, or what stands for the thing.
fn values(thing: &Thing, clause: &Clause) -> Found {
    let wanted = &wanted(clause);
    if wanted.quantity.is_none() && wanted.property.is_none() {
        let readable = thing.model.properties.iter().filter(|(_, property)| property.readable);
        let primary = readable.filter(|(_, property)| property.role == PropertyRole::Primary);
        return primary.map(|(name, _)| (name.clone(), None)).collect();
    }
    let is_presence = wanted.quantity == Some(Quantity::Presence);
    let mut found = amount::properties(&thing.model, wanted, false);
    let wishes = |property: &model::PropertyModel| property.writable;
    if clause.target {
        found = amount::properties(&thing.model, wanted, true);
    } else if found.iter().any(|(_, property)| !wishes(property)) && wanted.property.is_none() {
        found.retain(|(_, property)| !wishes(property));
    }
    let expected = is_presence.then_some(Expected::Is(Value::Boolean(true)));
    found.into_iter().map(|(name, _)| (name.clone(), expected.clone())).collect()
}
