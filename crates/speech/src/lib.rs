//! What people mean: a sentence in English or Korean becomes commands, a question, or choices. Fully local: a grammar
//! over the models, titles and spaces of the site.
//!
//! Read [`understand`] first. A sentence goes through four steps: `words` cuts it into tokens, `lexicon` finds what each
//! run of tokens can mean, `clause` sorts that into verb, nouns, amount and time, and `resolve` looks up which things and
//! properties are meant and checks them against the models.
//!
//! **Invariant:** names of things, spaces and scenes are data. They are only compared with what was said; a title with
//! words of command in it takes part in a sentence only where the sentence makes no sense without it.
//!
//! **Invariant:** what has two readings becomes choices, and what is not understood is never left out silently.
//!
//! **Invariant:** pure and bounded: whatever is said, the work is limited by [`TEXT_CHARACTERS_MAX`] and the catalogue.
//!
//! There is no model of language here: a runtime and weights would cost more than the whole grammar, and what it guesses
//! would have to be confirmed word by word. If one comes, it rewrites a sentence that was not understood into one of
//! [`Unclear::choices`], which a person confirms; nothing else changes.

mod amount;
mod answer;
mod catalogue;
mod clause;
mod english;
mod fuzzy;
mod intent;
mod korean;
mod lexicon;
mod numbers;
mod resolve;
mod times;
mod vocabulary;
mod words;

pub use answer::{Told, answer};
pub use catalogue::{Catalogue, Scene, Thing};
pub use intent::{
    Change, Choice, Day, Expected, Guess, Intent, Language, Question, Reading, Reason, Refused, Step, Unclear,
    Understanding, What, When,
};
pub use lexicon::understand;

/// The longest sentence, in characters.
pub const TEXT_CHARACTERS_MAX: usize = 400;

/// The most tokens of a sentence that are looked at.
pub const TOKENS_MAX: usize = 120;

/// The most choices that are given.
pub const CHOICES_MAX: usize = 8;

/// The most commands of one sentence.
pub const STEPS_MAX: usize = 500;

/// The most readings of one question.
pub const READINGS_MAX: usize = 200;
