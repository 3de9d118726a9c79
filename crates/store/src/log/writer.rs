//! The log's writer thread: takes what gathered, writes it, syncs it, announces it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{Entry, Position};
use tokio::sync::watch;

use super::LAZY_COMMIT_MS;
use super::frame::Header;
use super::media::Append;
use super::segment::{EMPTY_BYTES, Index, Name, Segment};
use super::segment_log::{Batch, Pending, Shared};

/// Entries in memory share blocks of about this size: few enough allocations to be cheap, and a reader that holds on
/// to one payload holds on to no more than this.
const BLOCK_BYTES: usize = 16 * 1024;

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
        while let Some((batch, roll)) = self.take() {
            if let Err(error) = self.commit(batch, roll) {
                let problem = describe(&self.place(), &error);
                tracing::error!(problem, "the log stops accepting entries");
                self.shared.break_down(problem);
                return;
            }
        }
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

    /// Makes a batch durable and shows it to the readers.
    fn commit(&mut self, mut batch: Batch, roll: bool) -> io::Result<()> {
        let Some((first, _)) = batch.entries.first() else { return Ok(()) };
        let fits = |active: &Active| active.bytes + batch.bytes.len() as u64 <= self.segment_bytes;
        let goes_on = self.active.as_ref().is_some_and(|active| active.bytes == EMPTY_BYTES || (fits(active) && !roll));
        if !goes_on {
            self.active = Some(self.start_segment(first)?);
        }
        let active = self.active.as_mut().expect("a segment was just started");
        active.file.write_all(&batch.bytes)?;
        active.file.sync()?;

        let before = active.bytes;
        active.bytes += batch.bytes.len() as u64;
        let mut start = before;
        let frames = batch
            .entries
            .iter()
            .map(|(entry, end)| (entry.position, std::mem::replace(&mut start, before + *end as u64)));
        active.segment.grow(frames, active.bytes);
        let durable = batch.entries.last().expect("the batch has a first entry").0.position.next();
        self.remember(&mut batch);
        {
            let mut pending = self.shared.pending.lock();
            pending.in_flight = 0;
            pending.durable = durable;
        }
        self.announce.send_replace(durable);
        self.shared.committed.notify_all();
        if batch.bytes.capacity() <= SPARE_BYTES_MAX {
            batch.bytes.clear();
            self.spare = batch;
        }
        Ok(())
    }

    /// Moves the entries of a batch into the tail. Their payloads come to lie in blocks of ours, because what they
    /// lay in so far may be a large buffer of some network connection.
    fn remember(&self, batch: &mut Batch) {
        let mut entries = std::mem::take(&mut batch.entries);
        let mut start = 0;
        let mut at = 0;
        while at < entries.len() {
            let count = entries[at..].partition_point(|(_, end)| *end <= start + BLOCK_BYTES).max(1);
            let end = entries[at + count - 1].1;
            let block = Bytes::copy_from_slice(&batch.bytes[start..end]);
            for (entry, frame_end) in &mut entries[at..at + count] {
                let payload = *frame_end - start - entry.payload.len();
                let properties = payload - entry.properties.len();
                entry.payload = block.slice(payload..*frame_end - start);
                entry.properties = block.slice(properties..payload);
            }
            start = end;
            at += count;
        }
        let mut tail = self.shared.tail.write();
        for (entry, _) in entries.drain(..) {
            tail.push(entry);
        }
        drop(tail);
        batch.entries = entries;
    }

    /// Starts the segment whose first entry this is.
    fn start_segment(&self, first: &Entry) -> io::Result<Active> {
        let Shared { media, salt, segments, .. } = &*self.shared;
        let name = Name { base: first.position, salt: *salt };
        let mut file = media.create(&name.to_string())?;
        let header = Header { salt: *salt, base: first.position, first_received: first.received };
        file.write_all(&header.encode())?;
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

/// The error with what a person can do about it.
fn describe(place: &str, error: &io::Error) -> String {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk and start again",
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
