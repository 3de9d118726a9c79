//! What can be set, and the named limits of the fold.

use std::time::Duration;

use model::{SpaceId, Timestamp};
use twin::RegistryLimits;

use crate::inference::InferenceOptions;
use crate::mind::MindOptions;

/// The most entries that the fold reads from the log at a time: small enough that readers wait for milliseconds.
pub const BATCH_ENTRIES_MAX: usize = 512;

/// The most comings and goings of clients that wait to be put on the log. What comes while it is full is counted and
/// made good by the next look at who is connected.
pub const PRESENCE_QUEUE_MAX: usize = 65_536;

/// A checkpoint may take at most one part in this many of the fold's time.
pub const CHECKPOINT_SHARE: u32 = 20;

/// Entries that were folded since the last checkpoint force one.
pub const CHECKPOINT_ENTRIES_MAX: u64 = 1_000_000;

/// How long after a start the clients of the last run have time to come back before they count as gone.
pub const LINK_GRACE: Duration = Duration::from_secs(30);

/// The shortest and the longest time that a command may be given.
pub const COMMAND_TIMEOUT_RANGE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_hours(24));

/// What can be set.
#[derive(Debug, Clone)]
pub struct Options {
    /// The id of the root of the spaces, when there are none yet.
    pub root_space: SpaceId,
    /// What people call the place, when there are no spaces yet.
    pub title: String,
    /// How many things there may be.
    pub registry: RegistryLimits,
    /// A claim further than this in the future is replaced by the time at which it was received.
    pub claims_ahead_max: Duration,
    /// A claim from before this is replaced by the time at which it was received.
    pub claims_from: Timestamp,
    /// How long a command may take unless the caller says otherwise.
    pub command_timeout: Duration,
    /// How often the fold writes down where it stands, at most.
    pub checkpoint_every: Duration,
    /// How many records are kept in memory for live clients that are slow or come back.
    pub live_records: usize,
    /// How often retention and compaction run.
    pub maintain_every: Duration,
    /// What watches the streams.
    pub mind: MindOptions,
    /// Where models that people bring are kept, and what they may use.
    pub inference: InferenceOptions,
    /// How often suggestions are looked after; habits are looked for once a day.
    pub habits_every: Duration,
    /// Where the site is, for the times of day and the sun of rules, until somebody says where.
    pub place: rule::Place,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root_space: SpaceId::new("site").expect("a plain word is an id"),
            title: "My place".to_owned(),
            registry: RegistryLimits::default(),
            claims_ahead_max: Duration::from_hours(24),
            // 2000-01-01T00:00:00Z: before that, a thing's clock was simply never set.
            claims_from: Timestamp::from_seconds(946_684_800),
            command_timeout: Duration::from_secs(30),
            checkpoint_every: Duration::from_secs(1),
            live_records: 65_536,
            maintain_every: Duration::from_mins(1),
            mind: MindOptions::default(),
            inference: InferenceOptions::default(),
            habits_every: Duration::from_mins(2),
            place: rule::Place::utc(),
        }
    }
}
