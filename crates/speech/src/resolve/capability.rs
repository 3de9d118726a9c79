//! What a thing can do of what is wished, by its model.

use model::{DataType, Name, PropertyModel, PropertyRole, ThingModel, Value};

use crate::catalogue::Thing;
use crate::intent::{Change, Expected, What};
use crate::vocabulary::{Kind, StateWord, Word};
use crate::words::name_words;

/// What is wished of a thing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Can {
    Verb(Word),
    /// An action by its name or title.
    Action(String),
}

/// One way to do it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Way {
    pub(crate) name: Name,
    pub(crate) what: What,
    pub(crate) hold: bool,
    /// As people call it.
    pub(crate) words: String,
}

impl Way {
    /// Whether its property or action has this name.
    pub(crate) fn is_called(&self, called: &str) -> bool {
        name_words(self.name.as_str()).join(" ") == called
    }
}

/// Names and titles of switches, the plainest first.
const SWITCHES: &[&str] = &["on", "switch", "power", "state", "relay", "output", "active", "켜짐", "전원"];

/// Choices that mean on, the plainest first.
const ON_CHOICES: &[&str] = &["on", "auto", "heat", "cool"];

/// The title of a property, or its name.
pub(crate) fn title(name: &Name, model: &PropertyModel) -> String {
    if model.title.is_empty() { name.to_string() } else { model.title.clone() }
}

fn is_called(name: &Name, title: &str, called: &str) -> bool {
    name_words(name.as_str()).join(" ") == called || name_words(title).join(" ") == called
}

fn write(name: &Name, model: &PropertyModel, value: Value) -> Way {
    Way { name: name.clone(), what: What::Write(Change::To(value)), hold: false, words: title(name, model) }
}

/// Every way in which a thing can do what is wished; several when it is open which is meant.
pub(crate) fn ways(thing: &Thing, can: &Can) -> Vec<Way> {
    let model = &*thing.model;
    match can {
        Can::Action(called) => action(model, &[called.as_str()]),
        Can::Verb(verb) => match verb {
            Word::TurnOn => switch(model, true),
            Word::TurnOff => switch(model, false),
            Word::Open | Word::Raise => {
                first([action(model, &["open"]), flag(model, OPEN, true), position(thing, true)])
            }
            Word::Close | Word::Lower => {
                first([action(model, &["close", "shut"]), flag(model, OPEN, false), position(thing, false)])
            }
            Word::Lock => first([action(model, &["lock"]), flag(model, LOCKED, true), Vec::new()]),
            Word::Unlock => first([action(model, &["unlock"]), flag(model, LOCKED, false), Vec::new()]),
            Word::Start => action(model, &["start", "begin", "run", "clean", "resume"]),
            Word::Stop => action(model, &["stop", "halt", "cancel", "pause"]),
            Word::Pause => action(model, &["pause"]),
            Word::Dock => action(model, &["dock", "return to base", "return to dock", "return home"]),
            Word::Toggle => action(model, &["toggle"]),
            _ => Vec::new(),
        },
    }
}

const OPEN: &[&str] = &["open", "valve open", "is open"];
const LOCKED: &[&str] = &["locked", "lock", "is locked"];

fn first(ways: [Vec<Way>; 3]) -> Vec<Way> {
    ways.into_iter().find(|ways| !ways.is_empty()).unwrap_or_default()
}

/// The action of the first of these names that the model has. One that needs input is none.
fn action(model: &ThingModel, called: &[&str]) -> Vec<Way> {
    let named = |called: &&str| model.actions.iter().find(|(name, action)| is_called(name, &action.title, called));
    let found = called.iter().find_map(named);
    let way = found.map(|(name, action)| Way {
        name: name.clone(),
        what: What::Invoke(Value::Null),
        hold: action.hold,
        words: if action.title.is_empty() { name.to_string() } else { action.title.clone() },
    });
    way.into_iter().collect()
}

fn flag(model: &ThingModel, called: &[&str], value: bool) -> Vec<Way> {
    let writable =
        model.properties.iter().filter(|(_, property)| property.writable && property.data_type == DataType::Boolean);
    let found: Vec<_> = writable
        .filter(|(name, property)| called.iter().any(|known| is_called(name, &property.title, known)))
        .collect();
    found.into_iter().map(|(name, property)| write(name, property, Value::Boolean(value))).collect()
}

/// The position of something that opens, all the way.
fn position(thing: &Thing, open: bool) -> Vec<Way> {
    let opens = super::targets::is_of(thing, Kind::Blind) || super::targets::is_of(thing, Kind::Door);
    let positions = thing.model.properties.iter().filter(|(name, property)| {
        opens
            && property.writable
            && matches!(property.data_type, DataType::Number | DataType::Integer)
            && is_called(name, &property.title, "position")
    });
    let ends = positions.filter_map(|(name, property)| {
        let end = if open { property.maximum.unwrap_or(100.0) } else { property.minimum.unwrap_or(0.0) };
        let value = thing.model.check_write(name, Value::float(end)?).ok()?;
        Some(write(name, property, value))
    });
    ends.collect()
}

/// What switches a thing: a property that is called so, the only one that could be, a mode, or an action.
fn switch(model: &ThingModel, on: bool) -> Vec<Way> {
    let flags: Vec<(&Name, &PropertyModel)> = model
        .properties
        .iter()
        .filter(|(_, property)| property.writable && property.data_type == DataType::Boolean)
        .collect();
    for called in SWITCHES {
        let named: Vec<_> = flags.iter().filter(|(name, property)| is_called(name, &property.title, called)).collect();
        if !named.is_empty() {
            return named.into_iter().map(|(name, property)| write(name, property, Value::Boolean(on))).collect();
        }
    }
    let relays: Vec<_> = flags
        .iter()
        .filter(|(name, property)| {
            let words = name_words(name.as_str()).into_iter().chain(name_words(&property.title));
            words.into_iter().any(|word| SWITCHES.contains(&word.as_str()))
        })
        .collect();
    if !relays.is_empty() {
        return relays.into_iter().map(|(name, property)| write(name, property, Value::Boolean(on))).collect();
    }
    let modes = mode(model, on);
    if !modes.is_empty() {
        return modes;
    }
    let primary: Vec<_> = flags.iter().filter(|(_, property)| property.role == PropertyRole::Primary).collect();
    if let [(name, property)] = &primary[..] {
        return vec![write(name, property, Value::Boolean(on))];
    }
    let names: &[&str] =
        if on { &["turn on", "on", "switch on", "start"] } else { &["turn off", "off", "switch off", "stop"] };
    action(model, names)
}

/// A mode that can be off.
fn mode(model: &ThingModel, on: bool) -> Vec<Way> {
    let mut ways = Vec::new();
    for (name, property) in model.properties.iter().filter(|(_, property)| property.writable) {
        let choice = |wanted: &str| {
            property
                .choices
                .iter()
                .find(|choice| matches!(choice, Value::Text(text) if text.eq_ignore_ascii_case(wanted)))
        };
        let Some(off) = choice("off") else { continue };
        if !on {
            ways.push(write(name, property, off.clone()));
            continue;
        }
        // On if there is one; else the only way of being on that has a usual name.
        let known: Vec<&Value> = ON_CHOICES.iter().filter_map(|wanted| choice(wanted)).collect();
        let plain = if choice("on").is_some() { &known[..1] } else { &known[..] };
        ways.extend(plain.iter().map(|value| Way {
            words: format!("{} {value}", title(name, property)),
            ..write(name, property, (*value).clone())
        }));
    }
    ways
}

/// The property that tells whether a thing is as a word says, and what it tells then.
pub(crate) fn state(thing: &Thing, word: Word) -> Option<(Name, Expected)> {
    let properties = thing.model.properties.iter().filter(|(_, property)| property.readable);
    let flags = || properties.clone().filter(|(_, property)| property.data_type == DataType::Boolean);
    let named_flag = |called: &[&str]| {
        let named = |called: &&str| flags().find(|(name, property)| is_called(name, &property.title, called));
        called.iter().find_map(named).map(|(name, _)| name.clone())
    };
    let choice = |spellings: &[&str]| {
        let spelled = |value: &&Value| matches!(value, Value::Text(text) if spellings.iter().any(|known| text.eq_ignore_ascii_case(known)));
        properties.clone().find_map(|(name, property)| {
            property.choices.iter().find(spelled).map(|value| (name.clone(), Expected::Is(value.clone())))
        })
    };
    let is = |name: Name, value: bool| (name, Expected::Is(Value::Boolean(value)));
    let number = |called: &str, zero: bool| {
        let found = properties.clone().find(|(name, property)| {
            matches!(property.data_type, DataType::Number | DataType::Integer)
                && is_called(name, &property.title, called)
        });
        found.map(|(name, _)| (name.clone(), if zero { Expected::Zero } else { Expected::NonZero }))
    };
    match word {
        Word::TurnOn => named_flag(SWITCHES).map(|name| is(name, true)).or_else(|| choice(&["on"])),
        Word::TurnOff => named_flag(SWITCHES).map(|name| is(name, false)).or_else(|| choice(&["off"])),
        Word::Open => {
            let flag =
                named_flag(&["open", "valve open", "door open", "contact", "opening"]).map(|name| is(name, true));
            flag.or_else(|| choice(&["open"])).or_else(|| number("position", false))
        }
        Word::Close => {
            let flag =
                named_flag(&["open", "valve open", "door open", "contact", "opening"]).map(|name| is(name, false));
            flag.or_else(|| choice(&["closed"])).or_else(|| number("position", true))
        }
        Word::Lock => named_flag(LOCKED).map(|name| is(name, true)).or_else(|| choice(&["locked"])),
        Word::Unlock => named_flag(LOCKED).map(|name| is(name, false)).or_else(|| choice(&["unlocked"])),
        Word::State(StateWord::Running) => {
            let flag = named_flag(&["running", "on", "active", "moving", "heater"]).map(|name| is(name, true));
            choice(StateWord::Running.spellings()).or(flag)
        }
        Word::State(StateWord::Finished) => choice(StateWord::Finished.spellings()),
        _ => None,
    }
}
