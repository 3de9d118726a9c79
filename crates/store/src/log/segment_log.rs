//! The log on disk: segment files, one writer thread, group commit.
//!
//! [`Log::append`] encodes an entry into a buffer under a short lock. The writer thread takes the whole buffer,
//! writes it, syncs the file and announces the new durable end; what is appended in the meantime gathers for its
//! next turn. So the busier the log, the more entries share one sync.
//!
//! When the disk is full, what was written of the batch is cut off again and the batch waits; what is appended in the
//! meantime gathers up to a limit and is refused beyond it, so that publishers wait, too. After any other failed write,
//! and after a failed sync, nothing is known of the file any more: the log is broken from then on, refuses entries,
//! announces nothing, and has to be opened anew.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use model::{Entry, Position};
use parking_lot::{Condvar, Mutex, RwLock};
use tokio::sync::watch;

use super::media::{Disk, Media};
use super::recovery::{Recovery, io_error, recover};
use super::segment::Segment;
use super::tail::{Search, Tail};
use super::writer::Writer;
use super::{Backwards, Bounds, ENTRY_BYTES_MAX, Log, LogError, READ_BYTES_MAX, Retention, Urgency, frame};

/// A lazy batch of this size no longer waits for its time.
const EAGER_BYTES: usize = 1024 * 1024;

/// How many entries [`Log::read_back`] takes out of the tail at a time, so that its predicate runs unlocked.
const BACK_ENTRIES: usize = 512;

/// Settings of a [`SegmentLog`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentOptions {
    /// A segment that would grow beyond this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// How many bytes of the newest entries stay in memory for readers.
    pub tail_bytes: usize,
    /// How many bytes may wait for the disk; more is refused with [`LogError::Full`].
    pub pending_bytes: usize,
    /// About how many of the newest bytes are verified when the log is opened; older ones when they are read.
    pub verify_bytes: u64,
    /// Positions below this are not given out. Whoever keeps positions elsewhere passes the newest of them, so that
    /// a log that was lost does not begin anew with positions that were used before.
    pub next_at_least: Position,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 * 1024 * 1024,
            tail_bytes: 16 * 1024 * 1024,
            pending_bytes: 2 * ENTRY_BYTES_MAX,
            verify_bytes: 1024 * 1024 * 1024,
            next_at_least: Position(1),
        }
    }
}

/// The log in a folder of append-only segment files.
#[derive(Debug)]
pub struct SegmentLog {
    shared: Arc<Shared>,
    durable: watch::Receiver<Position>,
    pending_bytes: usize,
    recovery: Recovery,
    writer: Option<JoinHandle<()>>,
}

/// What the log and its writer thread share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) media: Box<dyn Media>,
    pub(super) salt: u32,
    pub(super) pending: Mutex<Pending>,
    /// Tells the writer that there is something to do.
    pub(super) wake: Condvar,
    /// Tells those in [`Log::sync`] that something became durable, or never will.
    pub(super) committed: Condvar,
    pub(super) tail: RwLock<Tail>,
    /// Oldest first; the last one is being written.
    pub(super) segments: RwLock<Vec<Arc<Segment>>>,
}

/// What waits for the writer.
#[derive(Debug)]
pub(super) struct Pending {
    /// The position of the next entry. After a recovery it may be greater than the one after the last entry.
    pub(super) next: Position,
    /// The position after the last entry.
    pub(super) appended: Position,
    /// The position after the last durable entry.
    pub(super) durable: Position,
    pub(super) batch: Batch,
    /// Bytes that the writer has taken and that are not durable yet.
    pub(super) in_flight: usize,
    /// Whether somebody waits for the batch.
    pub(super) urgent: bool,
    /// Whether the batch starts a new segment.
    pub(super) roll: bool,
    pub(super) closing: bool,
    /// Why nothing can be written at the moment, while the disk is full.
    pub(super) no_room: Option<String>,
    /// How many writes the disk had no room for.
    pub(super) full_disks: u64,
    /// Why nothing more is accepted.
    pub(super) broken: Option<String>,
}

/// Entries that are written together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Their frames.
    pub(super) bytes: Vec<u8>,
    /// The entries, each with where its frame ends.
    pub(super) entries: Vec<(Entry, usize)>,
}

impl Shared {
    /// Stops everything for good.
    pub(super) fn break_down(&self, problem: String) {
        let mut pending = self.pending.lock();
        pending.batch = Batch::default();
        pending.in_flight = 0;
        pending.broken.get_or_insert(problem);
        self.committed.notify_all();
    }

    /// The segment that holds `position`, and the position where the one after it begins.
    fn segment_of(&self, position: Position) -> Option<(Arc<Segment>, Option<Position>)> {
        let segments = self.segments.read();
        let after = segments.partition_point(|segment| segment.name.base <= position);
        let segment = segments.get(after.checked_sub(1)?)?;
        Some((Arc::clone(segment), segments.get(after).map(|next| next.name.base)))
    }

    /// Takes the oldest segment off the list if the policy lets it go, with the number of its entries. Its file can
    /// be removed then: no reader begins with it any more.
    fn take_oldest(&self, policy: &Retention) -> Option<(Arc<Segment>, u64)> {
        let mut segments = self.segments.write();
        let bytes: u64 = segments.iter().map(|segment| segment.bytes()).sum();
        let oldest = segments.first()?;
        // As long as nobody looked at the file, the first entry of the next one stands for the latest of this one:
        // entries are received in order, but for steps of the clock.
        let after = || segments.get(1).unwrap_or(oldest).first_received;
        let latest = oldest.last_received().unwrap_or_else(after);
        if latest >= policy.received_before && bytes <= policy.bytes_max {
            return None;
        }
        let Some(second) = segments.get(1) else {
            // The only segment is being written. With a new one after it, it can go the next time.
            self.pending.lock().roll = true;
            return None;
        };
        if second.name.base > policy.needed_from {
            return None;
        }
        let count = second.name.base.0 - oldest.name.base.0;
        Some((segments.remove(0), count))
    }

    /// The oldest position kept, given the next one.
    fn first(&self, next: Position) -> Position {
        self.segments.read().first().map_or(next, |segment| segment.name.base)
    }
}

impl SegmentLog {
    /// Opens the log in `folder`, which is made if need be. Another process that has it open is [`LogError::Locked`].
    pub fn open(folder: &Path, options: SegmentOptions) -> Result<Self, LogError> {
        let place = || folder.display().to_string();
        let disk = Disk::open(folder).map_err(|error| match error.kind() {
            std::io::ErrorKind::ResourceBusy => LogError::Locked { place: place(), problem: error.to_string() },
            _ => LogError::Io { place: place(), source: error },
        })?;
        Self::open_on(Box::new(disk), options)
    }

    /// Opens the log on any medium.
    pub(super) fn open_on(media: Box<dyn Media>, options: SegmentOptions) -> Result<Self, LogError> {
        let recovered = recover(&*media, options.verify_bytes)?;
        for problem in &recovered.report.problems {
            tracing::warn!(%problem, "the log was repaired");
        }
        let next = recovered.next.max(options.next_at_least).max(Position(1));
        let salt = recovered.segments.last().map_or_else(fresh_salt, |segment| segment.name.salt);
        let end = if recovered.segments.is_empty() { next } else { recovered.end };
        let (announce, durable) = watch::channel(end);
        let shared = Arc::new(Shared {
            media,
            salt,
            pending: Mutex::new(Pending {
                next,
                appended: end,
                durable: end,
                batch: Batch::default(),
                in_flight: 0,
                urgent: false,
                roll: false,
                closing: false,
                no_room: None,
                full_disks: 0,
                broken: None,
            }),
            wake: Condvar::new(),
            committed: Condvar::new(),
            tail: RwLock::new(Tail::new(options.tail_bytes)),
            segments: RwLock::new(recovered.segments),
        });
        let writer = Writer::new(Arc::clone(&shared), recovered.active, options.segment_bytes, announce);
        let writer = std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| io_error(&*shared.media, "", source))?;
        let pending_bytes = options.pending_bytes;
        Ok(Self { shared, durable, pending_bytes, recovery: recovered.report, writer: Some(writer) })
    }

    /// What was found and repaired when the log was opened.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    fn durable_end(&self) -> Position {
        *self.durable.borrow()
    }

    /// Turns an error of reading `segment` into that of the log: retention may have removed the file meanwhile.
    fn read_error(&self, asked: Position, segment: &Segment, error: std::io::Error) -> LogError {
        let first = self.shared.first(self.durable_end());
        if segment.name.base < first {
            return LogError::Gone { asked, first };
        }
        io_error(&*self.shared.media, segment.file(), error)
    }
}

/// A salt for a new log. It only has to be unknown to those who write payloads.
fn fresh_salt() -> u32 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish() as u32
}

impl Log for SegmentLog {
    fn append(&self, mut entry: Entry, urgency: Urgency) -> Result<Position, LogError> {
        let bytes = frame::size_bound(&entry);
        if bytes > ENTRY_BYTES_MAX {
            return Err(LogError::TooLarge { bytes, limit: ENTRY_BYTES_MAX });
        }
        let mut pending = self.shared.pending.lock();
        if let Some(problem) = &pending.broken {
            return Err(LogError::Broken(problem.clone()));
        }
        let waiting = pending.batch.bytes.len() + pending.in_flight;
        if waiting + bytes > self.pending_bytes.max(bytes) {
            return Err(LogError::Full { bytes: waiting });
        }
        let position = pending.next;
        pending.next = position.next();
        pending.appended = pending.next;
        entry.position = position;
        frame::encode(&mut pending.batch.bytes, self.shared.salt, position, &entry);
        let end = pending.batch.bytes.len();
        pending.batch.entries.push((entry, end));
        let urgent = urgency == Urgency::Now || end >= EAGER_BYTES;
        // The writer is woken by the first entry, to start the time of a lazy batch, and by the first urgent one.
        let wake = pending.batch.entries.len() == 1 || (urgent && !pending.urgent);
        pending.urgent |= urgent;
        drop(pending);
        if wake {
            self.shared.wake.notify_one();
        }
        Ok(position)
    }

    fn durable(&self) -> watch::Receiver<Position> {
        self.durable.clone()
    }

    fn read(&self, from: Position, limit: usize) -> Result<Vec<Entry>, LogError> {
        let end = self.durable_end();
        if from >= end || limit == 0 {
            return Ok(Vec::new());
        }
        if let Some(found) = self.shared.tail.read().read(from, limit) {
            return Ok(found);
        }
        let first = self.shared.first(end);
        if from < first && from != Position::START {
            return Err(LogError::Gone { asked: from, first });
        }
        let mut from = from.max(first);
        let mut found = Vec::new();
        let mut room = READ_BYTES_MAX;
        while let Some((segment, next)) = self.shared.segment_of(from) {
            segment
                .read(&*self.shared.media, from, limit, &mut room, &mut found)
                .map_err(|error| self.read_error(from, &segment, error))?;
            match next {
                Some(next) if found.len() < limit && room > 0 => from = next,
                _ => break,
            }
        }
        Ok(found)
    }

    fn read_back(
        &self,
        before: Position,
        limit: usize,
        budget_bytes: usize,
        wanted: &mut dyn FnMut(&Entry) -> bool,
    ) -> Result<Backwards, LogError> {
        let end = self.durable_end();
        let mut search = Search::new(before.min(end), limit, budget_bytes, wanted);
        while !search.is_over() {
            let found = self.shared.tail.read().before(search.before, BACK_ENTRIES);
            if found.is_empty() {
                break;
            }
            for entry in found {
                if !search.look(entry) {
                    break;
                }
            }
        }
        let mut before = search.before;
        while !search.is_over() && before > self.shared.first(end) {
            let Some((segment, _)) = self.shared.segment_of(Position(before.0 - 1)) else { break };
            match segment.read_back(&*self.shared.media, &mut search) {
                Ok(()) => before = segment.name.base,
                Err(error) => match self.read_error(before, &segment, error) {
                    // Retention was faster: what it removed is the end of the search.
                    LogError::Gone { .. } => break,
                    error => return Err(error),
                },
            }
        }
        if !search.is_over() {
            search.before = search.before.min(before);
        }
        Ok(search.finish(self.shared.first(end)))
    }

    fn bounds(&self) -> Bounds {
        let (next, durable) = {
            let pending = self.shared.pending.lock();
            (pending.next, pending.durable)
        };
        let segments = self.shared.segments.read();
        let first = segments.first().map_or(next, |segment| segment.name.base);
        let bytes = segments.iter().map(|segment| segment.bytes()).sum();
        Bounds { first, next, durable, bytes }
    }

    fn sync(&self) -> Result<(), LogError> {
        let mut pending = self.shared.pending.lock();
        let end = pending.appended;
        let full_before = pending.full_disks;
        while pending.durable < end {
            if let Some(problem) = &pending.broken {
                return Err(LogError::Broken(problem.clone()));
            }
            if let Some(problem) = pending.no_room.as_ref().filter(|_| pending.full_disks > full_before) {
                return Err(LogError::NoRoom(problem.clone()));
            }
            pending.urgent = true;
            self.shared.wake.notify_one();
            self.shared.committed.wait(&mut pending);
        }
        Ok(())
    }

    fn full_disks(&self) -> u64 {
        self.shared.pending.lock().full_disks
    }

    fn retain(&self, policy: &Retention) -> Result<u64, LogError> {
        let mut gone = 0;
        while let Some((segment, count)) = self.shared.take_oldest(policy) {
            let removed = self.shared.media.remove(segment.file());
            removed.map_err(|source| io_error(&*self.shared.media, segment.file(), source))?;
            gone += count;
        }
        if gone > 0 {
            self.shared.tail.write().forget_before(self.shared.first(self.durable_end()));
            self.shared.media.sync_folder().map_err(|source| io_error(&*self.shared.media, "", source))?;
        }
        Ok(gone)
    }
}

impl Drop for SegmentLog {
    /// Writes what waits, and closes the files.
    fn drop(&mut self) {
        self.shared.pending.lock().closing = true;
        self.shared.wake.notify_one();
        if let Some(Err(_)) = self.writer.take().map(JoinHandle::join) {
            tracing::error!("the log's writer had stopped");
        }
    }
}
