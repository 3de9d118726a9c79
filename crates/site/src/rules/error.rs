//! Why something was not done with rules.

use rule::Problem;

/// Why something was not done with rules, scenes, alarms or notifications.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// There is no such rule.
    #[error("there is no rule {0}")]
    UnknownRule(String),
    /// There is no such version of a rule.
    #[error("there is no version {version} of {rule}")]
    UnknownVersion {
        /// Which rule.
        rule: String,
        /// Which version.
        version: u64,
    },
    /// There is no such run, or it is not kept any more.
    #[error("there is no trace {0}\nhint: traces are kept within bounds, failures longest")]
    UnknownTrace(String),
    /// There is no such scene.
    #[error("there is no scene {0}")]
    UnknownScene(String),
    /// There is no such alarm.
    #[error("there is no alarm {0}")]
    UnknownAlarm(String),
    /// There is no such suggestion.
    #[error("there is no suggestion {0}")]
    UnknownSuggestion(String),
    /// The suggestion was decided on already.
    #[error("the suggestion {id} is {state} already\nhint: what became of it is among the rules")]
    Decided {
        /// Which.
        id: String,
        /// What was decided.
        state: &'static str,
    },
    /// No rule that runs listens to this name.
    #[error("no rule that is live or in shadow listens to the webhook {0}")]
    UnknownWebhook(String),
    /// The alarm is over.
    #[error("{0} is over\nhint: if it comes again it is a new alarm")]
    AlarmOver(String),
    /// An alarm cannot be shelved into the past, or for ever.
    #[error("an alarm is shelved until a moment of the next {} days", super::alarms::SHELVED_MAX.as_secs() / 86_400)]
    ShelvedFor,
    /// An id that was asked for is none.
    #[error(
        "{0:?} cannot be an id\nhint: at most {limit} lower case letters, digits and hyphens; check, conflicts, import and traces are taken",
        limit = super::ids::ID_BYTES_MAX
    )]
    BadId(String),
    /// Somebody has this id already.
    #[error("{0} is there already")]
    Taken(String),
    /// A title is empty or too long.
    #[error("a title has 1 to {} characters", super::ids::TITLE_MAX)]
    BadTitle,
    /// A scene sets nothing.
    #[error("a scene sets at least one value")]
    NothingToSet,
    /// There are too many of something.
    #[error("there may be at most {limit} {what}\nhint: remove what is not needed")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A text is longer than it may be.
    #[error("a rule has at most {limit} bytes, this one has {0}", limit = rule::limits::TEXT_BYTES_MAX)]
    TooLong(usize),
    /// Somebody else changed the rule in between.
    #[error(
        "{rule} has version {found} by now, not {expected}\nhint: get it again, look at what changed, and repeat the change"
    )]
    Changed {
        /// Which rule.
        rule: String,
        /// What was expected.
        expected: u64,
        /// What is there.
        found: u64,
    },
    /// The rule cannot run as it is written.
    #[error("{rule} cannot run: {}", first(problems))]
    CannotRun {
        /// Which rule.
        rule: String,
        /// What is wrong with it.
        problems: Vec<Problem>,
    },
    /// Nothing shows what the version does.
    #[error(
        "nothing shows yet what version {version} of {rule} does\nhint: backtest it or let it run in shadow first; an owner may force it"
    )]
    NothingToShow {
        /// Which rule.
        rule: String,
        /// Which version.
        version: u64,
    },
    /// The run that was named does not show this version.
    #[error("{run} does not show version {version}\nhint: backtest this version")]
    ShowsAnother {
        /// Which run.
        run: String,
        /// Which version is to be promoted.
        version: u64,
    },
    /// The stage or guard of a promotion makes no sense.
    #[error("{place}: {problem}")]
    Promotion {
        /// Where.
        place: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A span of time makes no sense.
    #[error("a backtest goes over a past span of at most {} days", super::replay::SPAN_MAX.as_secs() / 86_400)]
    Span,
    /// Half of where the site lies.
    #[error("latitude and longitude belong together\nhint: give both or none")]
    HalfAPlace,
    /// The site cannot be there.
    #[error(transparent)]
    Place(#[from] rule::PlaceError),
    /// There is no such format to import.
    #[error("rules of {0:?} cannot be imported\nhint: home_assistant")]
    UnknownFormat(String),
    /// The site refused.
    #[error(transparent)]
    Site(#[from] crate::SiteError),
    /// The history failed.
    #[error(transparent)]
    History(#[from] store::history::HistoryError),
    /// The state failed.
    #[error(transparent)]
    State(#[from] store::state::StateError),
}

fn first(problems: &[Problem]) -> String {
    let worst = problems.iter().find(|problem| problem.is_error());
    worst.map_or_else(|| "it is empty".to_owned(), ToString::to_string)
}
