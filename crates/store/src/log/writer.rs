//! The log's writer thread: takes what gathered, writes it, syncs it, announces it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{Entry, Position};
use tokio::sync::watch;

use super::LAZY_COMMIT_MS;
use super::frame::Header;
use super::media::{Append, Media};
use super::segment::{EMPTY_BYTES, Index, Name, Segment};
use super::segment_log::{Batch, Pending, Shared};
use crate::files::is_no_room;

/// Entries in memory share blocks of about this size: few enough allocations to be cheap, and a reader that holds on
/// to one payload holds on to no more than this.
const BLOCK_BYTES: usize = 16 * 1024;

/// How long the writer waits for room on a full disk before it tries again.
const ROOM_RETRY: Duration = Duration::from_secs(1);

/// A batch buffer that grew beyond this is given back to the system.
const SPARE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The writer thread's own state.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    active: Option<Active>,
    segment_bytes: u64,
    /// Dropped when the writer ends, which tells everyone who waits that nothing more will become durable.
    announce: watch::Sender<Position>,
    /// An empty buffer for the next batch.
    spare: Batch,
}

/// The segment that is being written.
#[derive(Debug)]
struct Active {
    segment: Arc<Segment>,
    file: Box<dyn Append>,
    bytes: u64,
}

impl Writer {
    /// A writer that goes on in `file`, which is that of the newest segment.
    pub(super) fn new(
        shared: Arc<Shared>,
        file: Option<Box<dyn Append>>,
        segment_bytes: u64,
        announce: watch::Sender<Position>,
    ) -> Self {
        let newest = shared.segments.read().last().map(Arc::clone);
        let active = newest.zip(file).map(|(segment, file)| Active { bytes: segment.bytes(), segment, file });
        Self { shared, active, segment_bytes, announce, spare: Batch::default() }
    }

    /// Writes batches until the log is closed or breaks.
    pub(super) fn run(mut self) {
        // Should this thread panic, the log must not go on accepting what nobody writes.
        let _stopped = Stopped(Arc::clone(&self.shared));
        while let Some((mut batch, mut roll)) = self.take() {
            let mut start = 0;
            while let Err(failure) = self.commit(&mut batch, &mut start, &mut roll) {
                let again = match failure {
                    Failure::NoRoom(error) => self.wait_for_room(&error),
                    Failure::Broken(error) => Err(describe(&self.place(), &error)),
                };
                if let Err(problem) = again {
                    tracing::error!(problem, "the log stops accepting entries");
                    self.shared.break_down(problem);
                    return;
                }
            }
            self.finish(batch);
        }
    }

    /// Says that the disk is full, and waits until it is time to try again. A log that is being closed does not wait: what
    /// was never announced is given up.
    fn wait_for_room(&self, error: &io::Error) -> Result<(), String> {
        let place = self.place();
        let mut pending = self.shared.pending.lock();
        pending.full_disks += 1;
        let problem = format!("{place}: {error}\nhint: make room on the disk; the log goes on by itself");
        if pending.no_room.replace(problem.clone()).is_none() {
            tracing::error!(problem, "the disk is full; nothing is acknowledged until there is room");
        }
        self.shared.committed.notify_all();
        if pending.closing {
            return Err(problem);
        }
        self.shared.wake.wait_for(&mut pending, ROOM_RETRY);
        Ok(())
    }

    /// Waits for something to write. `None` when the log is closed and all is written.
    fn take(&mut self) -> Option<(Batch, bool)> {
        let lazy = Duration::from_millis(LAZY_COMMIT_MS);
        let mut pending = self.shared.pending.lock();
        loop {
            let empty = pending.batch.entries.is_empty();
            if empty && pending.closing {
                return None;
            }
            if empty {
                pending.urgent = false;
                self.shared.wake.wait(&mut pending);
            } else if pending.urgent || pending.closing || self.shared.wake.wait_for(&mut pending, lazy).timed_out() {
                break;
            }
        }
        let Pending { batch, in_flight, urgent, roll, .. } = &mut *pending;
        *urgent = false;
        *in_flight = batch.bytes.len();
        let batch = std::mem::replace(batch, std::mem::take(&mut self.spare));
        Some((batch, std::mem::take(roll)))
    }

    /// Makes a batch durable from `start` on and shows it to the readers. A batch that does not fit into the segment
    /// goes on in a new one. After [`Failure::NoRoom`] it can be called again and goes on where it was.
    fn commit(&mut self, batch: &mut Batch, start: &mut usize, roll: &mut bool) -> Result<(), Failure> {
        while let Some((first, first_end)) = batch.entries.first() {
            let fits = |active: &Active| {
                active.bytes == EMPTY_BYTES
                    || (!*roll && active.bytes + (first_end - *start) as u64 <= self.segment_bytes)
            };
            if !self.active.as_ref().is_some_and(fits) {
                self.active = Some(self.start_segment(first)?);
            }
            *roll = false;
            let active = self.active.as_mut().expect("a segment was just started");
            let room = usize::try_from(self.segment_bytes.saturating_sub(active.bytes)).unwrap_or(usize::MAX);
            let count = batch.entries.partition_point(|(_, end)| end - *start <= room).max(1);
            let end = batch.entries[count - 1].1;
            let frames = &batch.bytes[*start..end];
            active.write(&*self.shared.media, frames, *start, &batch.entries[..count])?;
            self.publish(&batch.bytes, *start, batch.entries.drain(..count));
            *start = end;
        }
        Ok(())
    }

    /// Looks after what a batch leaves behind that is durable as a whole.
    fn finish(&mut self, mut batch: Batch) {
        let mut pending = self.shared.pending.lock();
        pending.in_flight = 0;
        if pending.no_room.take().is_some() {
            tracing::info!("the disk has room again; the log goes on");
        }
        drop(pending);
        if batch.bytes.capacity() <= SPARE_BYTES_MAX {
            batch.bytes.clear();
            self.spare = batch;
        }
    }

    /// Shows entries that became durable to the readers and to those who wait for them. The frame of the first one
    /// begins at `start`.
    fn publish(&self, bytes: &[u8], mut start: usize, entries: std::vec::Drain<'_, (Entry, usize)>) {
        let mut entries = entries.peekable();
        let mut block = Vec::new();
        let mut durable = Position::START;
        while let Some((_, first_end)) = entries.peek() {
            let block_end = (start + BLOCK_BYTES).max(*first_end);
            block.extend(std::iter::from_fn(|| entries.next_if(|(_, end)| *end <= block_end)));
            let end = block.last().map_or(block_end, |(_, end)| *end);
            rehouse(&Bytes::copy_from_slice(&bytes[start..end]), start, &mut block);
            let mut tail = self.shared.tail.write();
            for (entry, _) in block.drain(..) {
                durable = entry.position.next();
                tail.push(entry);
            }
            start = end;
        }
        // Both under the lock, so that whoever returns from a sync also reads what became durable.
        let mut pending = self.shared.pending.lock();
        pending.durable = durable;
        self.announce.send_replace(durable);
        drop(pending);
        self.shared.committed.notify_all();
    }

    /// Starts the segment whose first entry this is.
    fn start_segment(&self, first: &Entry) -> Result<Active, Failure> {
        let Shared { media, salt, segments, .. } = &*self.shared;
        let name = Name { base: first.position, salt: *salt };
        let mut file = media.create(&name.to_string()).map_err(Failure::of_write)?;
        let header = Header { salt: *salt, base: first.position, first_received: first.received };
        file.write_all(&header.encode()).map_err(|error| {
            let failure = Failure::of_write(error);
            failure.once_undone(|| media.remove(&name.to_string()))
        })?;
        file.sync()?;
        media.sync_folder()?;
        let segment = Arc::new(Segment::new(name, first.received, EMPTY_BYTES, Some(Index::default())));
        segments.write().push(Arc::clone(&segment));
        Ok(Active { segment, file, bytes: EMPTY_BYTES })
    }

    fn place(&self) -> String {
        let file = self.active.as_ref().map_or("", |active| active.segment.file());
        self.shared.media.place(file)
    }
}

/// Why a batch could not be made durable.
#[derive(Debug)]
enum Failure {
    /// The disk is full, and the file is as it was before.
    NoRoom(io::Error),
    /// Nobody knows what is on the disk.
    Broken(io::Error),
}

impl Failure {
    /// What a failed write means. A sync that failed is always [`Failure::Broken`].
    fn of_write(error: io::Error) -> Self {
        if is_no_room(&error) { Self::NoRoom(error) } else { Self::Broken(error) }
    }

    /// Takes back what was written in part; if that fails, too, nothing is known any more.
    fn once_undone(self, undo: impl FnOnce() -> io::Result<()>) -> Self {
        match self {
            Self::NoRoom(error) => undo().map_or_else(Self::Broken, |()| Self::NoRoom(error)),
            broken @ Self::Broken(_) => broken,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Active {
    /// Writes the frames of some entries and makes them durable. `start` is where they begin in their batch.
    fn write(
        &mut self,
        media: &dyn Media,
        frames: &[u8],
        start: usize,
        entries: &[(Entry, usize)],
    ) -> Result<(), Failure> {
        self.file.write_all(frames).map_err(|error| {
            let failure = Failure::of_write(error);
            failure.once_undone(|| media.truncate(self.segment.file(), self.bytes))
        })?;
        self.file.sync()?;
        let mut offset = self.bytes;
        let frames_start = self.bytes;
        self.bytes += frames.len() as u64;
        let starts = entries
            .iter()
            .map(|(entry, end)| (entry, std::mem::replace(&mut offset, frames_start + (end - start) as u64)));
        self.segment.grow(starts, self.bytes);
        Ok(())
    }
}

/// Lets payloads lie in a block of ours, which begins at `start` of the batch: what they lay in so far may be a large
/// buffer of some network connection.
fn rehouse(block: &Bytes, start: usize, entries: &mut [(Entry, usize)]) {
    for (entry, end) in entries {
        let end = *end - start;
        let payload = end - entry.payload.len();
        let properties = payload - entry.properties.len();
        entry.payload = block.slice(payload..end);
        entry.properties = block.slice(properties..payload);
    }
}

/// The error with what a person can do about it.
fn describe(place: &str, error: &io::Error) -> String {
    let hint = match error.kind() {
        _ if is_no_room(error) => "make room on the disk and start again",
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "make the folder writable and start again"
        }
        _ => "check the disk and start again; nothing that was acknowledged is lost",
    };
    format!("{place}: {error}\nhint: {hint}")
}

/// Marks the log as broken when the writer ends without being told to.
struct Stopped(Arc<Shared>);

impl Drop for Stopped {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.break_down("the writer stopped\nhint: start again, and report this".to_owned());
        }
    }
}
