//! What can be talked about: the things, spaces and scenes of a site, with an index of their names.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use model::{Name, Space, SpaceId, SpaceKind, ThingId, ThingModel, Value};

use crate::vocabulary::{LOWER_FLOOR, MACHINES, MASS_NOUNS, PLACES, Phrases, UPPER_FLOOR, Word};
use crate::words::{is_hangul, name_words, singular};
use crate::{english, korean, numbers, times};

/// The longest name that is looked for, in words.
const NAME_WORDS_MAX: usize = 12;

/// The deepest tree of spaces.
const DEPTH_MAX: usize = 64;

/// A thing that can be talked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Thing {
    /// Unique in the site.
    pub id: ThingId,
    /// What people call it.
    pub title: String,
    /// Where it stands.
    pub space: Option<SpaceId>,
    /// What it can tell and do.
    pub model: Arc<ThingModel>,
}

/// A scene that can be asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Unique in the site.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it sets.
    pub sets: Vec<(ThingId, Name, Value)>,
}

/// What a name stands for, by its place in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Named {
    Thing(usize),
    Space(usize),
    Scene(usize),
    /// Things whose model says this kind.
    Kind(String),
    /// A property of this name or title.
    Property(String),
    /// An action of this name or title.
    Action(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) words: Vec<String>,
    /// The words with gaps between them, and how many characters that is.
    pub(crate) joined: String,
    pub(crate) characters: usize,
    pub(crate) named: Vec<Named>,
    /// Whether there is a word of the grammar in it: such names are looked for last.
    pub(crate) has_grammar: bool,
}

type Table<V> = HashMap<String, V, ahash::RandomState>;

/// Everything that can be talked about.
#[derive(Debug, Clone)]
pub struct Catalogue {
    pub(crate) things: Vec<Thing>,
    pub(crate) spaces: Vec<Space>,
    pub(crate) scenes: Vec<Scene>,
    space_index: Table<usize>,
    /// Names by their first word.
    names: Table<Vec<Entry>>,
    /// Words of the grammar by their first word, with the phrases of both languages.
    phrases: Table<Vec<(Vec<String>, &'static [Word])>>,
    /// What words in Hangul are cut into.
    pub(crate) pieces: HashSet<String, ahash::RandomState>,
}

impl Catalogue {
    /// Makes the index.
    pub fn new(things: Vec<Thing>, spaces: Vec<Space>, scenes: Vec<Scene>) -> Self {
        let mut catalogue = Self {
            space_index: spaces.iter().enumerate().map(|(at, space)| (space.id.to_string(), at)).collect(),
            things,
            spaces,
            scenes,
            names: Table::default(),
            phrases: Table::default(),
            pieces: HashSet::default(),
        };
        catalogue.learn_phrases(english::PHRASES);
        catalogue.learn_phrases(korean::PHRASES);
        catalogue.pieces.extend(times::KOREAN_WORDS.iter().map(|word| (*word).to_owned()));
        catalogue.pieces.extend(numbers::korean_words());
        let mut learned: HashMap<Vec<String>, Vec<Named>, ahash::RandomState> = HashMap::default();
        catalogue.gather(&mut |words, named| {
            let known = learned.entry(words).or_default();
            // The same model says the same again and again.
            if known.last() != Some(&named) {
                known.push(named);
            }
        });
        for (words, mut named) in learned {
            let mut seen: HashSet<Named, ahash::RandomState> = HashSet::default();
            named.retain(|named| seen.insert(named.clone()));
            catalogue.learn(words, named);
        }
        catalogue
    }

    fn learn_phrases(&mut self, phrases: Phrases) {
        for (phrase, meaning) in phrases {
            let words: Vec<String> = phrase.split(' ').map(str::to_owned).collect();
            self.pieces.extend(words.iter().filter(|word| word.chars().all(is_hangul)).cloned());
            self.phrases.entry(words[0].clone()).or_default().push((words, meaning));
        }
    }

    /// Calls `each` with every name there is.
    fn gather(&self, each: &mut impl FnMut(Vec<String>, Named)) {
        let mut name = |name: &str, named: Named| {
            let words = name_words(name);
            let words: Vec<String> =
                words.into_iter().skip_while(|word| matches!(word.as_str(), "the" | "my")).collect();
            if !words.is_empty() && words.len() <= NAME_WORDS_MAX {
                each(words, named);
            }
        };
        for (at, space) in self.spaces.iter().enumerate() {
            name(&space.title, Named::Space(at));
            name(space.id.as_str(), Named::Space(at));
            let called = [name_words(&space.title).join(" "), name_words(space.id.as_str()).join(" ")];
            let same =
                PLACES.iter().filter(|place| place.iter().any(|other| called.iter().any(|called| called == other)));
            same.flat_map(|place| place.iter()).for_each(|other| name(other, Named::Space(at)));
        }
        for (at, scene) in self.scenes.iter().enumerate() {
            name(&scene.title, Named::Scene(at));
            name(&scene.id, Named::Scene(at));
        }
        let mut models: HashSet<*const ThingModel, ahash::RandomState> = HashSet::default();
        for (at, thing) in self.things.iter().enumerate() {
            name(&thing.title, Named::Thing(at));
            name(thing.id.as_str(), Named::Thing(at));
            // Models are shared by many things.
            if !models.insert(Arc::as_ptr(&thing.model)) {
                continue;
            }
            let kind = name_words(&thing.model.kind).join(" ");
            name(&kind, Named::Kind(thing.model.kind.clone()));
            let same = MACHINES.iter().filter(|machine| machine.contains(&kind.as_str()));
            same.flat_map(|machine| machine.iter())
                .for_each(|other| name(other, Named::Kind(thing.model.kind.clone())));
            for (property, model) in &thing.model.properties {
                for called in [property.as_str(), model.title.as_str()] {
                    name(called, Named::Property(name_words(called).join(" ")));
                }
            }
            for (action, model) in &thing.model.actions {
                for called in [action.as_str(), model.title.as_str()] {
                    name(called, Named::Action(name_words(called).join(" ")));
                }
            }
        }
    }

    fn learn(&mut self, words: Vec<String>, named: Vec<Named>) {
        let is_grammar = |word: &String| {
            numbers::korean(word).is_none()
                && self.meaning(std::slice::from_ref(word)).is_some_and(|meaning| meaning[0].is_grammar())
        };
        let grammar = words.iter().filter(|word| is_grammar(word)).count();
        let is_of_model =
            named.iter().all(|named| matches!(named, Named::Property(_) | Named::Action(_) | Named::Kind(_)));
        if grammar == words.len() && is_of_model {
            return;
        }
        self.pieces.extend(words.iter().filter(|word| word.chars().all(is_hangul)).cloned());
        let has_grammar = grammar > 0 && !is_of_model;
        let joined = words.join(" ");
        let characters = joined.chars().count();
        self.names.entry(words[0].clone()).or_default().push(Entry { words, joined, characters, named, has_grammar });
    }

    /// What a whole phrase of the grammar means, its last word in the plural or not.
    fn meaning(&self, words: &[String]) -> Option<&'static [Word]> {
        let (found, length) = self.phrase(words)?;
        (length == words.len()).then_some(found.0)
    }

    /// The longest phrase of the grammar that words begin with, whether it is in the plural, and how many words it takes.
    pub(crate) fn phrase(&self, words: &[String]) -> Option<((&'static [Word], bool), usize)> {
        let first = words.first()?;
        let mut best: Option<((&'static [Word], bool), usize)> = None;
        for first in [first.as_str(), singular(first)] {
            for (phrase, meaning) in self.phrases.get(first).into_iter().flatten() {
                let length = phrase.len();
                if length > words.len() || best.is_some_and(|(_, longest)| longest >= length) {
                    continue;
                }
                let same = phrase.iter().zip(words).all(|(phrase, word)| phrase == word || phrase == singular(word));
                let last = phrase[length - 1].as_str();
                let plural = last != words[length - 1] || MASS_NOUNS.contains(&last);
                if same {
                    best = Some(((meaning, plural), length));
                }
            }
        }
        best
    }

    /// The longest name that words begin with, and how many words it takes. Names with grammar in them only when asked.
    pub(crate) fn name(&self, words: &[String], with_grammar: bool) -> Option<(Vec<Named>, usize)> {
        let entries = self.names.get(words.first()?)?;
        let fits = entries.iter().filter(|entry| with_grammar || !entry.has_grammar);
        let fits = fits.filter(|entry| words.starts_with(&entry.words));
        fits.max_by_key(|entry| entry.words.len()).map(|entry| (entry.named.clone(), entry.words.len()))
    }

    /// All names, for those that are nearly right.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.names.values().flatten()
    }

    /// What a name stands for, as people write it.
    pub(crate) fn called(&self, named: &Named) -> String {
        match named {
            Named::Thing(at) => self.things[*at].title.clone(),
            Named::Space(at) => self.spaces[*at].title.clone(),
            Named::Scene(at) => self.scenes[*at].title.clone(),
            Named::Kind(words) | Named::Property(words) | Named::Action(words) => words.clone(),
        }
    }

    /// How a thing is named so that nothing else is meant.
    pub(crate) fn said(&self, at: usize) -> String {
        let thing = &self.things[at];
        let words = name_words(&thing.title);
        let mine = self.name(&words, false).filter(|(_, length)| *length == words.len());
        match mine {
            Some((named, _)) if named == [Named::Thing(at)] => thing.title.clone(),
            _ => match self.name(&words, true).filter(|(_, length)| *length == words.len()) {
                Some((named, _)) if named == [Named::Thing(at)] => format!("\"{}\"", thing.title),
                _ => format!("\"{}\"", thing.id),
            },
        }
    }

    /// Whether a thing stands in a space or within it.
    pub(crate) fn is_within(&self, thing: usize, space: usize) -> bool {
        // What stands nowhere in particular stands in the whole place.
        let Some(start) = &self.things[thing].space else { return self.spaces[space].parent.is_none() };
        self.is_around(space, start)
    }

    fn is_around(&self, space: usize, inner: &SpaceId) -> bool {
        let mut at = self.space_index.get(inner.as_str()).copied();
        for _ in 0..DEPTH_MAX {
            match at {
                Some(found) if found == space => return true,
                Some(found) => {
                    let parent = self.spaces[found].parent.as_ref();
                    at = parent.and_then(|parent| self.space_index.get(parent.as_str()).copied());
                }
                None => return false,
            }
        }
        false
    }

    /// The place of a space in the catalogue.
    pub(crate) fn space(&self, id: &SpaceId) -> Option<usize> {
        self.space_index.get(id.as_str()).copied()
    }

    /// The floors below or above: those that are called so, or the only two in their order.
    pub(crate) fn floors(&self, lower: bool) -> Vec<usize> {
        let floors: Vec<usize> =
            (0..self.spaces.len()).filter(|at| self.spaces[*at].kind == SpaceKind::Floor).collect();
        let signs = if lower { LOWER_FLOOR } else { UPPER_FLOOR };
        let is_called = |at: &usize| {
            let space = &self.spaces[*at];
            let words = name_words(&space.title).into_iter().chain(name_words(space.id.as_str()));
            words.into_iter().any(|word| signs.contains(&word.as_str()))
        };
        floors.iter().copied().filter(is_called).collect()
    }
}
