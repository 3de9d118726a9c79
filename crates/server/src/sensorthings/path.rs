//! Addresses of entities: `Things('lamp')/Datastreams`, `Datastreams('lamp/power')/Observations` (OGC 18-088, section 9.2).

use model::{Name, ThingId, Timestamp};

/// The most steps of an address.
const STEPS_MAX: usize = 8;

/// The sorts of entities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Thing,
    Location,
    HistoricalLocation,
    Datastream,
    Sensor,
    ObservedProperty,
    Observation,
    FeatureOfInterest,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Thing,
        Self::Location,
        Self::HistoricalLocation,
        Self::Datastream,
        Self::Sensor,
        Self::ObservedProperty,
        Self::Observation,
        Self::FeatureOfInterest,
    ];

    /// What many of them are called.
    pub(super) fn set(self) -> &'static str {
        match self {
            Self::Thing => "Things",
            Self::Location => "Locations",
            Self::HistoricalLocation => "HistoricalLocations",
            Self::Datastream => "Datastreams",
            Self::Sensor => "Sensors",
            Self::ObservedProperty => "ObservedProperties",
            Self::Observation => "Observations",
            Self::FeatureOfInterest => "FeaturesOfInterest",
        }
    }

    /// What one of them is called.
    pub(super) fn single(self) -> &'static str {
        match self {
            Self::Thing => "Thing",
            Self::Location => "Location",
            Self::HistoricalLocation => "HistoricalLocation",
            Self::Datastream => "Datastream",
            Self::Sensor => "Sensor",
            Self::ObservedProperty => "ObservedProperty",
            Self::Observation => "Observation",
            Self::FeatureOfInterest => "FeatureOfInterest",
        }
    }

    /// What leads from one of these to others, each with whether it leads to many (section 8.2).
    pub(super) fn links(self) -> &'static [(Kind, bool)] {
        match self {
            Self::Thing => &[(Self::Location, true), (Self::HistoricalLocation, true), (Self::Datastream, true)],
            Self::Location => &[(Self::Thing, true), (Self::HistoricalLocation, true)],
            Self::HistoricalLocation => &[(Self::Thing, false), (Self::Location, true)],
            Self::Datastream => &[
                (Self::Thing, false),
                (Self::Sensor, false),
                (Self::ObservedProperty, false),
                (Self::Observation, true),
            ],
            Self::Sensor | Self::ObservedProperty => &[(Self::Datastream, true)],
            Self::Observation => &[(Self::Datastream, false), (Self::FeatureOfInterest, false)],
            Self::FeatureOfInterest => &[(Self::Observation, true)],
        }
    }

    /// The kind that a word leads to from here, and whether it is many.
    pub(super) fn link(self, word: &str) -> Option<(Kind, bool)> {
        let called = |kind: Kind, many: bool| if many { kind.set() } else { kind.single() };
        self.links().iter().copied().find(|(kind, many)| called(*kind, *many) == word)
    }

    fn of_set(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.set() == word)
    }
}

/// What entities have in common with the things that they come from: every entity belongs to a thing, a property, a time,
/// or to several of them, and those that it leads to belong to the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Scope {
    pub(super) thing: Option<ThingId>,
    pub(super) name: Option<Name>,
    pub(super) time: Option<Timestamp>,
}

impl Scope {
    /// What an id of a kind says; `None` when there can be no such id.
    fn of_id(kind: Kind, id: &str) -> Option<Self> {
        let thing = |text: &str| ThingId::new(text).ok();
        let name = |text: &str| Name::new(text).ok();
        Some(match kind {
            Kind::Thing | Kind::Location | Kind::HistoricalLocation | Kind::Sensor | Kind::FeatureOfInterest => {
                Self { thing: Some(thing(id)?), ..Self::default() }
            }
            Kind::ObservedProperty => Self { name: Some(name(id)?), ..Self::default() },
            Kind::Datastream => {
                let (of, property) = id.split_once('/')?;
                Self { thing: Some(thing(of)?), name: Some(name(property)?), time: None }
            }
            Kind::Observation => {
                let (datastream, time) = id.rsplit_once('/')?;
                let time = Some(Timestamp(time.parse().ok()?));
                Self { time, ..Self::of_id(Kind::Datastream, datastream)? }
            }
        })
    }

    /// What is kept of it on the way to another kind.
    fn towards(self, kind: Kind) -> Self {
        match kind {
            Kind::Datastream | Kind::Observation => Self { time: None, ..self },
            Kind::ObservedProperty => Self { time: None, ..self },
            _ => Self { thing: self.thing, ..Self::default() },
        }
    }
}

/// What an address means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) kind: Kind,
    pub(super) scope: Scope,
    /// Whether it is a set.
    pub(super) many: bool,
    /// A part of one entity.
    pub(super) part: Option<Part>,
}

/// A part of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    /// Only the bare value, as text.
    pub(super) bare: bool,
}

/// Why an address leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step:?} leads nowhere")]
pub(super) struct Nowhere {
    pub(super) step: String,
}

impl Target {
    /// Reads an address below the service's root.
    pub(super) fn parse(path: &str) -> Result<Self, Nowhere> {
        let nowhere = |step: &str| Nowhere { step: step.to_owned() };
        let steps = split(path);
        let (first, rest) = steps.split_first().ok_or_else(|| nowhere(path))?;
        if steps.len() > STEPS_MAX {
            return Err(nowhere(path));
        }
        let (word, id) = identified(first);
        let kind = Kind::of_set(word).ok_or_else(|| nowhere(first))?;
        let mut target = Self { kind, scope: Scope::default(), many: true, part: None };
        target.pick(id, first)?;
        for (at, step) in rest.iter().enumerate() {
            let (word, id) = identified(step);
            if target.many {
                return Err(nowhere(step));
            }
            if let Some((kind, many)) = target.kind.link(word) {
                let scope = target.scope.towards(kind);
                target = Self { kind, scope, many, part: None };
                target.pick(id, step)?;
                continue;
            }
            let bare = match &rest[at + 1..] {
                [] => false,
                [last] if last == "$value" => true,
                _ => return Err(nowhere(step)),
            };
            target.part = Some(Part { name: word.to_owned(), bare });
            break;
        }
        Ok(target)
    }

    /// Picks the entity of an id out of a set.
    fn pick(&mut self, id: Option<String>, step: &str) -> Result<(), Nowhere> {
        let Some(id) = id else { return Ok(()) };
        let nowhere = || Nowhere { step: step.to_owned() };
        let picked = Scope::of_id(self.kind, &id).filter(|_| self.many).ok_or_else(nowhere)?;
        let fits = self.scope.thing.is_none() || picked.thing.is_none() || self.scope.thing == picked.thing;
        if !fits {
            return Err(nowhere());
        }
        self.scope = Scope { thing: picked.thing.or(self.scope.thing.take()), ..picked };
        self.many = false;
        Ok(())
    }
}

/// The steps of a path; a slash between quotes is none.
fn split(path: &str) -> Vec<String> {
    let (mut steps, mut quoted) = (vec![String::new()], false);
    for character in path.trim_matches('/').chars() {
        quoted ^= character == '\'';
        match steps.last_mut() {
            Some(step) if quoted || character != '/' => step.push(character),
            _ => steps.push(String::new()),
        }
    }
    steps
}

/// A word and the id in parentheses after it: `Things('lamp')`.
fn identified(step: &str) -> (&str, Option<String>) {
    let Some((word, rest)) = step.split_once('(') else { return (step, None) };
    let Some(inner) = rest.strip_suffix(')') else { return (step, None) };
    let quoted = inner.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\''));
    (word, Some(quoted.map_or_else(|| inner.to_owned(), |id| id.replace("''", "'"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> String {
        match Target::parse(path) {
            Ok(Target { kind, scope, many, part }) => {
                let thing = scope.thing.map(|thing| format!(" of {thing}")).unwrap_or_default();
                let name = scope.name.map(|name| format!(" {name}")).unwrap_or_default();
                let time = scope.time.map(|time| format!(" at {}", time.0)).unwrap_or_default();
                let part = part.map(|part| format!(" . {}{}", part.name, if part.bare { " bare" } else { "" }));
                format!(
                    "{}{thing}{name}{time}{}",
                    if many { kind.set() } else { kind.single() },
                    part.unwrap_or_default()
                )
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn addresses_are_read() {
        let paths = [
            "Things",
            "Things('it''s')",
            "Things('a/b')",
            "Datastreams('lamp/power')",
            "Things('lamp')/Datastreams",
            "Things('lamp')/Datastreams('lamp/power')/Observations",
            "Things('lamp')/Datastreams('other/power')",
            "Observations('lamp/power/17')/Datastream/Thing/name/$value",
            "ObservedProperties('power')/Datastreams",
            "Datastreams('lamp/power')/ObservedProperty",
            "Things/Datastreams",
            "Sensors('lamp')/metadata",
            "Things('lamp')/properties/$value/more",
            "Nothing",
            "",
        ];
        let read: Vec<String> = paths.iter().map(|path| format!("{path}: {}", read(path))).collect();
        insta::assert_snapshot!(read.join("\n"));
    }
}
