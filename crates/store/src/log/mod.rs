//! The log: everything that was said, in one order, as it was said.
//!
//! Two engines: [`SegmentLog`] on disk and [`MemoryLog`] for tests and throw-away sites. One conformance suite runs
//! on both.
//!
//! **Invariant:** readers see durable entries only, in order of position. A position that was durable once is never
//! given to another entry.

pub mod frame;
mod media;
mod memory;
mod recovery;
mod segment;
mod segment_log;
mod tail;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

use model::{Entry, Position};

pub use memory::MemoryLog;
pub use recovery::{Problem, Recovery, Remedy};
pub use segment_log::{SegmentLog, SegmentOptions};

/// How soon an appended entry has to be on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody waits for it (QoS 1 and 2, commands): with the next group commit.
    Now,
    /// Nobody waits for it (QoS 0 telemetry): within [`LAZY_COMMIT_MS`].
    Lazy,
}

/// How long a lazily appended entry may wait for its group commit.
pub const LAZY_COMMIT_MS: u64 = 20;

/// The largest entry the log accepts, encoded, in bytes.
pub const ENTRY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// [`Log::read`] stops after about this many bytes of entries.
pub const READ_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why the log could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The entry is larger than the log accepts.
    #[error("an entry of {bytes} bytes is more than the log accepts ({limit} bytes)")]
    TooLarge {
        /// The entry's encoded size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// So much waits for the disk that nothing more is taken; try again after the next commit.
    #[error("{bytes} bytes wait for the disk, which is the limit")]
    Full {
        /// What waits.
        bytes: usize,
    },
    /// The entries asked for are gone: retention removed them.
    #[error("position {asked} is no longer kept, the oldest is {first}")]
    Gone {
        /// What was asked for.
        asked: Position,
        /// The oldest one that is kept.
        first: Position,
    },
    /// The disk has no room. What was appended waits for it, and is written once there is some.
    #[error("the log waits for room on the disk: {0}")]
    NoRoom(String),
    /// The disk failed. The log has stopped accepting entries; nothing that was acknowledged is lost.
    #[error("the log cannot be written: {0}")]
    Broken(String),
    /// Another process has the folder open.
    #[error("{place}: {problem}\nhint: stop the other process, or use another folder")]
    Locked {
        /// The folder.
        place: String,
        /// By whom.
        problem: String,
    },
    /// A file was written by a newer Manmul.
    #[error(
        "{place}: the file has version {found}, this program knows versions up to {known}\nhint: start the newer program"
    )]
    Newer {
        /// The file.
        place: String,
        /// Its version.
        found: u32,
        /// The newest version we know.
        known: u32,
    },
    /// A file could not be read.
    #[error("{place}: {source}")]
    Io {
        /// The file.
        place: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What the log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The oldest entry kept.
    pub first: Position,
    /// The position that the next appended entry gets.
    pub next: Position,
    /// Everything before this is durable.
    pub durable: Position,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The log. All methods may be called from many threads; none of them blocks on the disk but [`Log::read`],
/// [`Log::read_back`], [`Log::sync`] and [`Log::retain`].
pub trait Log: Send + Sync + std::fmt::Debug {
    /// Appends an entry, whose `position` is ignored, and returns the position it got. The entry is durable once
    /// [`Log::durable`] shows a position greater than that.
    fn append(&self, entry: Entry, urgency: Urgency) -> Result<Position, LogError>;

    /// Watches the durable end: every position *below* the value shown is on disk (or, for an engine in memory, kept).
    /// The channel closes when the log breaks: whoever waits for a position must then give up without acknowledging.
    fn durable(&self) -> tokio::sync::watch::Receiver<Position>;

    /// Durable entries from `from` on, oldest first: at most `limit` entries and about [`READ_BYTES_MAX`]. Empty at
    /// the end. Entries near the end come from memory. [`Position::START`] reads from the oldest entry kept; any other
    /// position that retention removed is [`LogError::Gone`]. Positions may skip some numbers after damage was repaired.
    fn read(&self, from: Position, limit: usize) -> Result<Vec<Entry>, LogError>;

    /// Durable entries before `before`, newest first, that are `wanted`: at most `limit` of them, having looked at
    /// about `budget_bytes` of entries, wanted or not. Where to go on is in [`Backwards::before`].
    fn read_back(
        &self,
        before: Position,
        limit: usize,
        budget_bytes: usize,
        wanted: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<Backwards, LogError>;

    /// What the log holds.
    fn bounds(&self) -> Bounds;

    /// Blocks until everything appended before the call is durable. Gives up with [`LogError::NoRoom`] when the disk
    /// is full; what was appended stays and is tried again.
    fn sync(&self) -> Result<(), LogError>;

    /// How many writes failed because the disk had no room. Each of them was, or is, tried again.
    fn full_disks(&self) -> u64 {
        0
    }

    /// Drops the oldest entries (a disk engine: whole segments) that were received before `received_before`, and more
    /// while the log is larger than `bytes_max`. Never drops what is not durable or still needed. Returns how many
    /// entries went.
    fn retain(&self, policy: &Retention) -> Result<u64, LogError>;
}

/// What [`Log::read_back`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backwards {
    /// The wanted entries, newest first.
    pub entries: Vec<Entry>,
    /// The `before` of the next call; `None` when the oldest entry has been looked at.
    pub before: Option<Position>,
}

/// How much of the log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Entries received before this may go.
    pub received_before: model::Timestamp,
    /// The oldest entries go while the log is larger than this many bytes.
    pub bytes_max: u64,
    /// Entries from here on are still needed (by the fold that is furthest behind) and stay in any case.
    pub needed_from: Position,
}
