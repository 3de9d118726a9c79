//! Sorts what was found in a sentence into verb, nouns, amount and time.

use crate::amount::{Amount, Much, Wanted};
use crate::catalogue::Named;
use crate::intent::{Language, When};
use crate::lexicon::{Item, Lexeme};
use crate::vocabulary::{Kind, StateWord, UnitWord, Word};

/// Things of a sort, as they were named.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sort {
    Known(Kind),
    Model(String),
}

/// What something shall be done to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Noun {
    /// Things of one name: more than one only when several are called so.
    pub(crate) things: Vec<usize>,
    /// Spaces that all hold what is meant; each is a list because several can be called so.
    pub(crate) spaces: Vec<Vec<usize>>,
    pub(crate) sorts: Vec<Sort>,
    pub(crate) all: bool,
    pub(crate) plural: bool,
    /// Its first and last lexeme, and the same of what names the thing without its place.
    pub(crate) span: (usize, usize),
    pub(crate) head: Option<(usize, usize)>,
    /// Whether it came behind an "and".
    joined: bool,
}

impl Noun {
    pub(crate) fn has_head(&self) -> bool {
        !self.things.is_empty() || !self.sorts.is_empty()
    }

    /// Whether it means whatever is there.
    pub(crate) fn means_everything(&self) -> bool {
        self.things.is_empty() && (self.sorts.is_empty() || self.sorts.contains(&Sort::Known(Kind::Thing)))
    }
}

/// One thing to do or to ask.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Clause {
    /// What shall be done, or is asked for as a state; several only when they cannot be brought together.
    pub(crate) verbs: Vec<Word>,
    /// An action by its name.
    pub(crate) action: Option<String>,
    pub(crate) nouns: Vec<Noun>,
    pub(crate) except: Vec<Noun>,
    pub(crate) scene: Option<usize>,
    pub(crate) amounts: Vec<Amount>,
    pub(crate) wanted: Wanted,
    pub(crate) target: bool,
    pub(crate) state: Option<StateWord>,
    pub(crate) when: Option<When>,
    pub(crate) asks: Option<Word>,
    pub(crate) negated: bool,
    pub(crate) lasting: bool,
    pub(crate) bad_time: bool,
    pub(crate) times: usize,
    /// Lexemes that mean nothing, as ranges of places.
    pub(crate) unknown: Vec<(usize, usize)>,
    /// The first and last lexeme.
    pub(crate) span: (usize, usize),
}

/// Cuts a sentence into clauses, each with a verb of its own.
pub(crate) fn clauses(lexemes: &[Lexeme], language: Language) -> Vec<Clause> {
    let mut pieces: Vec<(usize, usize, bool)> = Vec::new();
    let mut start = 0;
    for (at, lexeme) in lexemes.iter().enumerate() {
        if lexeme.item == Item::Word(Word::And) {
            pieces.push((start, at, has_verb(&lexemes[start..at])));
            start = at + 1;
        }
    }
    pieces.push((start, lexemes.len(), has_verb(&lexemes[start..])));
    pieces.retain(|(start, end, _)| start < end);
    let mut ranges: Vec<(usize, usize, bool)> = Vec::new();
    for (start, end, verb) in pieces {
        // In English what has no verb belongs to the verb before it, in Korean to the verb after it.
        match ranges.last_mut() {
            Some(last) if !last.2 => *last = (last.0, end, verb),
            // `the kitchen to 20 and the bedroom to 18`: a number of its own makes a wish of its own.
            Some(last)
                if !verb
                    && language == Language::English
                    && !(has_number(lexemes, *last) && has_number(lexemes, (start, end, verb))) =>
            {
                last.1 = end;
            }
            _ => ranges.push((start, end, verb)),
        }
    }
    if ranges.len() > 1 && ranges.last().is_some_and(|last| !last.2 && !has_number(lexemes, *last)) {
        let (_, end, _) = ranges.pop().expect("there is more than one");
        ranges.last_mut().expect("there was more than one").1 = end;
    }
    ranges.into_iter().map(|(start, end, _)| clause(lexemes, start, end, language)).collect()
}

fn has_number(lexemes: &[Lexeme], (start, end, _): (usize, usize, bool)) -> bool {
    lexemes[start..end].iter().any(|lexeme| matches!(lexeme.item, Item::Number(_)))
}

fn has_verb(lexemes: &[Lexeme]) -> bool {
    lexemes.iter().any(|lexeme| match &lexeme.item {
        Item::Word(word) => word.is_verb(),
        Item::Named(named) => named.iter().any(|named| matches!(named, Named::Scene(_) | Named::Action(_))),
        _ => false,
    })
}

/// A clause that is being read.
struct Reading<'a> {
    lexemes: &'a [Lexeme],
    language: Language,
    clause: Clause,
    current: Option<Noun>,
    /// Nouns from here on were joined to one another.
    chain: usize,
    joined: bool,
    excluding: bool,
    all_next: bool,
    /// What the next number is: a value or a difference.
    is_value: Option<bool>,
}

fn clause(lexemes: &[Lexeme], start: usize, end: usize, language: Language) -> Clause {
    let clause = Clause { span: (start, end.saturating_sub(1)), ..Clause::default() };
    let mut reading = Reading {
        lexemes,
        language,
        clause,
        current: None,
        chain: 0,
        joined: false,
        excluding: false,
        all_next: false,
        is_value: None,
    };
    for at in start..end {
        reading.take(at, end);
    }
    reading.finish_noun();
    let Reading { mut clause, all_next, .. } = reading;
    if all_next {
        if clause.nouns.is_empty() {
            let span = (start, start);
            clause.nouns.push(Noun { sorts: vec![Sort::Known(Kind::Thing)], all: true, span, ..Noun::default() });
        }
        clause.nouns.iter_mut().for_each(|noun| noun.all = true);
    }
    inherit(&mut clause.nouns);
    inherit(&mut clause.except);
    clause.verbs = reconciled(&clause.verbs);
    if matches!(clause.verbs[..], [Word::Lock | Word::Unlock]) {
        // A door is locked by its lock.
        let nouns = clause.nouns.iter_mut().chain(&mut clause.except);
        let doors = nouns.filter(|noun| noun.sorts == [Sort::Known(Kind::Door)]);
        doors.for_each(|noun| noun.sorts = vec![Sort::Known(Kind::Lock)]);
    }
    clause
}

impl Reading<'_> {
    fn take(&mut self, at: usize, end: usize) {
        let lexeme = &self.lexemes[at];
        match &lexeme.item {
            Item::Word(word) => self.word(*word, lexeme.plural, at, end),
            Item::Named(named) => self.named(named, at),
            Item::Number(number) => {
                self.finish_noun();
                self.clause.amounts.push(Amount {
                    much: Much::Number(*number),
                    unit: None,
                    is_value: self.is_value.take(),
                });
            }
            Item::Time(when) => {
                self.finish_noun();
                self.clause.times += 1;
                match when {
                    Ok(when) => self.clause.when = Some(*when),
                    Err(()) => self.clause.bad_time = true,
                }
            }
            Item::Unknown => {
                self.finish_noun();
                match self.clause.unknown.last_mut() {
                    Some(last) if last.1 + 1 == at => last.1 = at,
                    _ => self.clause.unknown.push((at, at)),
                }
            }
        }
    }

    fn word(&mut self, word: Word, plural: bool, at: usize, end: usize) {
        match word {
            Word::Filler => {}
            Word::In => {}
            Word::On if self.is_preposition(at, end) => {}
            Word::All => match &mut self.current {
                Some(noun) if self.language == Language::Korean => noun.all = true,
                _ => {
                    self.finish_noun();
                    self.all_next = true;
                }
            },
            Word::And => {
                self.finish_noun();
                self.joined = true;
            }
            Word::Except => {
                self.finish_noun();
                self.excluding = true;
            }
            Word::Without => {
                self.finish_noun();
                let from = self.chain.min(self.clause.nouns.len());
                let out: Vec<Noun> = self.clause.nouns.drain(from..).collect();
                self.clause.except.extend(out);
                self.chain = self.clause.nouns.len();
            }
            Word::Kind(kind) => self.sort(Sort::Known(kind), plural, at),
            Word::Downstairs | Word::Upstairs => {}
            Word::Quantity(quantity) => {
                self.clause.wanted.quantity = Some(quantity);
            }
            Word::Unit(unit) => self.unit(unit),
            Word::Maximum => self.much(Much::Maximum),
            Word::Minimum => self.much(Much::Minimum),
            Word::Half => {
                self.much(Much::Number(50.0));
                self.unit(UnitWord::Percent);
            }
            Word::To => {
                self.finish_noun();
                // Korean says it behind the amount.
                match self.clause.amounts.last_mut() {
                    Some(amount) if self.language == Language::Korean => amount.is_value = Some(true),
                    _ => self.is_value = Some(true),
                }
            }
            Word::By => match self.clause.amounts.last_mut() {
                Some(amount) if self.language == Language::Korean => amount.is_value = Some(false),
                _ => self.is_value = Some(false),
            },
            Word::Lasting | Word::During => self.clause.lasting = true,
            Word::Now => {
                self.clause.times += 1;
                self.clause.when = Some(When::Now);
            }
            Word::Is | Word::What | Word::Which => {
                self.finish_noun();
                // `which` and `what` say more than `is`.
                if self.clause.asks.is_none_or(|asks| asks == Word::Is) {
                    self.clause.asks = Some(word);
                }
            }
            Word::Not => self.clause.negated = true,
            Word::Target => self.clause.target = true,
            Word::State(state) => {
                self.finish_noun();
                self.clause.state = Some(state);
            }
            verb => {
                self.finish_noun();
                self.clause.verbs.push(verb);
            }
        }
    }

    /// `on the upper floor`: a word for a place, as long as something else says what shall be done.
    fn is_preposition(&self, at: usize, end: usize) -> bool {
        let next = self.lexemes[at + 1..end].iter().find(|lexeme| lexeme.item != Item::Word(Word::Filler));
        let before_place = next.is_some_and(|lexeme| match &lexeme.item {
            Item::Named(named) => named.iter().any(|named| matches!(named, Named::Space(_))),
            _ => false,
        });
        let start = self.clause.span.0;
        let others = self.lexemes[start..end].iter().enumerate().filter(|(offset, _)| start + offset != at);
        before_place && others.into_iter().any(|(_, lexeme)| matches!(&lexeme.item, Item::Word(word) if word.is_verb() || *word == Word::State(StateWord::Running)))
    }

    fn much(&mut self, much: Much) {
        self.finish_noun();
        self.clause.amounts.push(Amount { much, unit: None, is_value: self.is_value.take() });
    }

    fn unit(&mut self, unit: UnitWord) {
        self.clause.wanted.unit = Some(unit);
        if let Some(amount) = self.clause.amounts.last_mut() {
            amount.unit = Some(unit);
        }
    }

    fn noun(&mut self, at: usize) -> &mut Noun {
        let (all, joined) = (std::mem::take(&mut self.all_next), self.joined);
        let noun = self.current.get_or_insert_with(|| Noun { span: (at, at), joined, ..Noun::default() });
        noun.all |= all;
        noun.span.1 = at;
        noun
    }

    fn sort(&mut self, sort: Sort, plural: bool, at: usize) {
        // `television plug`: both sorts at once.
        if self.current.as_ref().is_some_and(|noun| !noun.things.is_empty() && noun.spaces.is_empty()) {
            self.finish_noun();
        }
        let noun = self.noun(at);
        noun.sorts.push(sort);
        noun.plural |= plural;
        noun.head = Some((noun.head.map_or(at, |(first, _)| first), at));
    }

    fn named(&mut self, named: &[Named], at: usize) {
        let places = |wanted: fn(&Named) -> Option<usize>| -> Vec<usize> { named.iter().filter_map(wanted).collect() };
        let things = places(|named| if let Named::Thing(at) = named { Some(*at) } else { None });
        let spaces = places(|named| if let Named::Space(at) = named { Some(*at) } else { None });
        let scenes = places(|named| if let Named::Scene(at) = named { Some(*at) } else { None });
        if let ([scene], true) = (&scenes[..], things.is_empty()) {
            self.finish_noun();
            self.clause.scene = Some(*scene);
        } else if !spaces.is_empty() {
            let follows_in = at > 0 && matches!(self.before(at), Some(Item::Word(Word::In | Word::On)));
            let separate = self.current.as_ref().is_some_and(Noun::has_head) && !follows_in;
            if separate {
                self.finish_noun();
            }
            // A place that is also a thing: the thing, when nothing else is named.
            let noun = self.noun(at);
            noun.spaces.push(spaces);
            if noun.things.is_empty() && !things.is_empty() {
                noun.things = things;
            }
        } else if !things.is_empty() {
            if self.current.as_ref().is_some_and(Noun::has_head) {
                self.finish_noun();
            }
            let noun = self.noun(at);
            noun.things = things;
            noun.head = Some((at, at));
        } else {
            match &named[0] {
                Named::Kind(kind) => self.sort(Sort::Model(kind.clone()), false, at),
                Named::Property(called) => self.clause.wanted.property = Some(called.clone()),
                Named::Action(called) => {
                    self.finish_noun();
                    self.clause.action = Some(called.clone());
                }
                Named::Thing(_) | Named::Space(_) | Named::Scene(_) => {}
            }
        }
    }

    /// What stands before, without what means nothing.
    fn before(&self, at: usize) -> Option<&Item> {
        let before = self.lexemes[..at].iter().rev().map(|lexeme| &lexeme.item);
        before.into_iter().find(|item| **item != Item::Word(Word::Filler))
    }

    fn finish_noun(&mut self) {
        let Some(mut noun) = self.current.take() else { return };
        // What is named within a place that is also a thing is meant by its place.
        if !noun.sorts.is_empty() && !noun.spaces.is_empty() && noun.head.is_some() {
            noun.things.clear();
        }
        let list = if self.excluding { &mut self.clause.except } else { &mut self.clause.nouns };
        if !self.joined && !self.excluding {
            self.chain = list.len();
        }
        list.push(noun);
        self.joined = false;
    }
}

/// What was said once for several nouns holds for each: `the kitchen and hall lights`, `lights in the kitchen and the hall`.
fn inherit(nouns: &mut Vec<Noun>) {
    for at in (0..nouns.len()).rev() {
        let only_place = !nouns[at].has_head();
        let next = nouns.get(at + 1).filter(|next| only_place && next.joined && !next.sorts.is_empty()).cloned();
        if let Some(next) = next {
            let noun = &mut nouns[at];
            (noun.sorts, noun.head, noun.plural, noun.all) = (next.sorts, noun.head, next.plural, next.all || noun.all);
        }
    }
    for at in 1..nouns.len() {
        let before = nouns[at - 1].clone();
        let noun = &mut nouns[at];
        if !noun.has_head() && noun.joined && !before.sorts.is_empty() {
            (noun.sorts, noun.plural, noun.all) = (before.sorts, before.plural, before.all || noun.all);
        }
    }
    // `in the kitchen turn on the lights`: one says where, the other what.
    let only_place = |noun: &Noun| !noun.has_head() && !noun.joined;
    let only_sort = |noun: &Noun| !noun.sorts.is_empty() && noun.spaces.is_empty();
    if nouns.len() == 2 && !nouns[1].joined {
        let (place, sort) = match (only_place(&nouns[0]), only_sort(&nouns[1])) {
            (true, true) => (0, 1),
            _ if only_place(&nouns[1]) && (only_sort(&nouns[0]) || !nouns[0].things.is_empty()) => (1, 0),
            _ => return,
        };
        let spaces = nouns[place].spaces.clone();
        nouns[sort].spaces.extend(spaces);
        nouns[sort].all |= nouns[place].all;
        nouns.remove(place);
    }
}

/// Words that say the same thing together: `turn` with `on`, `turn` with `up`.
fn reconciled(verbs: &[Word]) -> Vec<Word> {
    let mut found: Vec<Word> = Vec::new();
    for verb in verbs {
        let verb = match verb {
            Word::On => Word::TurnOn,
            Word::Off => Word::TurnOff,
            Word::Closed => Word::Close,
            Word::Locked => Word::Lock,
            Word::Unlocked => Word::Unlock,
            other => *other,
        };
        if !found.contains(&verb) {
            found.push(verb);
        }
    }
    if found.len() > 1 {
        found.retain(|verb| *verb != Word::Set);
    }
    if found.len() > 1 {
        found.retain(|verb| *verb != Word::Activate);
    }
    found
}
