//! What a sentence turns out to mean.

use std::time::Duration;

use model::{Name, ThingId, Value};

/// A language that is understood and answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// Korean.
    Korean,
}

/// The day of a clock time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Day {
    /// Whenever the clock shows this time next.
    Next,
    /// So many days after today.
    Ahead(u8),
}

/// When something shall be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum When {
    /// At once.
    #[default]
    Now,
    /// After a while.
    After(Duration),
    /// When the clocks of the place show this.
    At {
        /// On which day.
        day: Day,
        /// Seconds since midnight.
        second: u32,
    },
}

/// What a property shall become.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// This value, which the model accepts.
    To(Value),
    /// More or less by so much than it is when the command goes out.
    By(f64),
}

/// What a thing shall do.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// Become something.
    Write(Change),
    /// Act, with this input.
    Invoke(Value),
}

/// One command.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// To which thing.
    pub thing: ThingId,
    /// Which property or action.
    pub name: Name,
    /// What.
    pub what: What,
    /// When.
    pub when: When,
    /// Whether something moves, heats or opens.
    pub hold: bool,
}

/// What a property is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// It is this.
    Is(Value),
    /// It is more than zero.
    NonZero,
    /// It is zero.
    Zero,
}

/// One property that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Of which thing.
    pub thing: ThingId,
    /// Which property.
    pub name: Name,
    /// What it is compared with, when the question is whether.
    pub expected: Option<Expected>,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// What has to be read for the answer; never empty.
    pub readings: Vec<Reading>,
    /// Whether it is asked for those that are so, instead of whether all are.
    pub which: bool,
}

/// A sentence that can be said instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The sentence.
    pub text: String,
    /// In a few words.
    pub words: String,
}

/// Why a sentence was not acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nothing was said.
    Empty,
    /// It is longer than [`crate::TEXT_CHARACTERS_MAX`].
    TooLong,
    /// These words mean nothing here.
    Unknown(String),
    /// It says what not to do.
    Negated,
    /// Nothing says what shall be done.
    NoVerb,
    /// Two things shall be done to the same.
    Verbs,
    /// Nothing says to what.
    NoTarget,
    /// Nothing of that sort is there.
    Nothing(String),
    /// More than one is meant.
    Which,
    /// Several properties could be meant.
    WhichProperty,
    /// Nothing says how much.
    HowMuch,
    /// Nothing of what is meant can do that.
    Cannot(String),
    /// The time is not understood.
    Time,
    /// To how much of the sentence the time belongs is open.
    TimeScope,
    /// How long something shall last is not understood.
    Lasting,
    /// There are more than [`crate::STEPS_MAX`] commands.
    TooMany,
}

/// A sentence that is not acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear {
    /// Why.
    pub reason: Reason,
    /// What can be said instead, the likeliest first; at most [`crate::CHOICES_MAX`].
    pub choices: Vec<Choice>,
}

/// What somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// Something shall be done; never empty.
    Commands(Vec<Step>),
    /// Something shall be told.
    Question(Question),
    /// Neither can be said.
    Unclear(Unclear),
}

/// A word that was taken for a name which is written differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// What was said.
    pub said: String,
    /// What it was taken for.
    pub meant: String,
}

/// What was meant and cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Of which thing.
    pub thing: ThingId,
    /// Which property or action.
    pub name: Name,
    /// Why.
    pub reason: String,
}

/// What came of a sentence.
#[derive(Debug, Clone, PartialEq)]
pub struct Understanding {
    /// The language it was said in.
    pub language: Language,
    /// What is wanted.
    pub intent: Intent,
    /// What has to be confirmed, because it was only guessed.
    pub guesses: Vec<Guess>,
    /// What the models refuse.
    pub refused: Vec<Refused>,
}

impl Language {
    /// The language of a text: Korean as soon as there is Hangul in it.
    pub fn of(text: &str) -> Self {
        if text.chars().any(crate::words::is_hangul) { Self::Korean } else { Self::English }
    }

    /// The language of a tag like `ko` or `en-GB`.
    pub fn of_tag(tag: &str) -> Option<Self> {
        match tag.split(['-', '_']).next()?.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "ko" => Some(Self::Korean),
            _ => None,
        }
    }
}

impl Reason {
    /// For people.
    pub fn words(&self, language: Language) -> String {
        let korean = language == Language::Korean;
        let say = |english: &str, other: &str| (if korean { other } else { english }).to_owned();
        match self {
            Self::Empty => say("nothing was said", "아무 말도 없어요"),
            Self::TooLong => say("that is too long", "문장이 너무 길어요"),
            Self::Unknown(words) if korean => format!("\"{words}\"을(를) 모르겠어요"),
            Self::Unknown(words) => format!("\"{words}\" is not known here"),
            Self::Negated => {
                say("that says what not to do, so nothing is done", "하지 말라는 말이라 아무것도 하지 않아요")
            }
            Self::NoVerb => say("what shall be done?", "무엇을 할까요?"),
            Self::Verbs => {
                say("two different things shall be done to the same", "같은 것에 서로 다른 두 가지를 하라고 했어요")
            }
            Self::NoTarget => say("with what?", "무엇을 말하나요?"),
            Self::Nothing(words) if korean => format!("{words}: 그런 것이 없어요"),
            Self::Nothing(words) => format!("there is nothing like that: {words}"),
            Self::Which => say("which one?", "어느 것을 말하나요?"),
            Self::WhichProperty => say("which of its properties?", "어떤 값을 말하나요?"),
            Self::HowMuch => say("how much?", "얼마로 할까요?"),
            Self::Cannot(words) if korean => format!("할 수 없어요: {words}"),
            Self::Cannot(words) => format!("that cannot be done: {words}"),
            Self::Time => say("when is not clear", "언제인지 모르겠어요"),
            Self::TimeScope => say("is the time for all of it?", "시간이 모두에 해당하나요?"),
            Self::Lasting => say(
                "for how long something lasts cannot be said yet; say when it shall end as a sentence of its own",
                "얼마 동안이라는 말은 아직 몰라요. 끝낼 때를 따로 말해 주세요",
            ),
            Self::TooMany => say("that would be too many commands", "명령이 너무 많아요"),
        }
    }
}
