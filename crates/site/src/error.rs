//! Why something was not done.

use model::{CommandId, ModelError, Name, SpaceId, ThingId};

use crate::guard::Refusal;
use crate::publish::NotPublished;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The registry refused.
    #[error(transparent)]
    Registry(#[from] twin::RegistryError),
    /// The tree of spaces refused.
    #[error(transparent)]
    Space(#[from] twin::SpaceError),
    /// There is no such space to put a thing into.
    #[error("there is no space {0}")]
    UnknownSpace(SpaceId),
    /// There is no such model.
    #[error("there is no model {0:?}")]
    UnknownModel(String),
    /// There is no such command.
    #[error("there is no command {0}")]
    UnknownCommand(CommandId),
    /// A value or model does not fit.
    #[error("{place}: {source}")]
    Model {
        /// The property, action or document.
        place: String,
        /// What does not fit.
        source: ModelError,
    },
    /// The thing waits in the inbox or is ignored.
    #[error("{0} is not accepted\nhint: accept it first, then command it")]
    NotAccepted(ThingId),
    /// There is no such finding.
    #[error("there is no insight {0}")]
    UnknownInsight(String),
    /// There is no such model card.
    #[error("there is no model {0}")]
    UnknownCard(String),
    /// Somebody called the finding normal before.
    #[error("{0} was called normal, which is final\nhint: if it comes again it will be a new finding")]
    CalledNormal(String),
    /// Too few or too many false alarms.
    #[error("{0} false alarms a month are not between {low} and {high}", low = crate::mind::FALSE_ALARMS_RANGE.0, high = crate::mind::FALSE_ALARMS_RANGE.1)]
    FalseAlarms(f64),
    /// Too little was seen of a property to say what comes.
    #[error("there is no forecast of {name} of {thing} yet\nhint: a forecast needs about a day of numbers")]
    NoForecastYet {
        /// Whose.
        thing: ThingId,
        /// Which property.
        name: Name,
    },
    /// Something about models that people bring.
    #[error(transparent)]
    Inference(#[from] crate::inference::InferenceError),
    /// Nothing was given to be done.
    #[error("{0} has nothing to write\nhint: give at least one property with its value")]
    NothingToWrite(ThingId),
    /// A guard refused.
    #[error(transparent)]
    Guard(#[from] Refusal),
    /// Too many commands are open.
    #[error(transparent)]
    CommandsFull(#[from] twin::CommandsFull),
    /// The thing's protocol has no way to say it.
    #[error(transparent)]
    Encode(#[from] connect::EncodeError),
    /// No adapter speaks for the thing.
    #[error("no adapter {adapter} speaks for {thing}")]
    NoAdapter {
        /// Which thing.
        thing: ThingId,
        /// The adapter it is registered with.
        adapter: String,
    },
    /// It could not be published.
    #[error(transparent)]
    Publish(#[from] NotPublished),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] store::log::LogError),
    /// The history failed.
    #[error(transparent)]
    History(#[from] store::history::HistoryError),
    /// The state failed.
    #[error(transparent)]
    State(#[from] store::state::StateError),
}
