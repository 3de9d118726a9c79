//! One segment file: its sparse index, and reading it forwards and backwards.

use std::io;

use model::{Entry, Position, Timestamp};
use parking_lot::Mutex;

use super::frame::{self, HEADER_BYTES};
use super::media::Media;
use super::tail::{Search, weight};
use super::walk::{Path, Step, Walk};

/// At most how far apart two marks of the index are.
const MARK_BYTES: u64 = 64 * 1024;

const SUFFIX: &str = ".log";

/// The parts of a segment file's name: `{base}-{salt}.log`. With them a file can be read whose header is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) base: Position,
    pub(super) salt: u32,
}

impl Name {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (base, salt) = text.strip_suffix(SUFFIX)?.split_once('-')?;
        let name = Self { base: Position(base.parse().ok()?), salt: u32::from_str_radix(salt, 16).ok()? };
        (name.to_string() == text).then_some(name)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:020}-{:08x}{SUFFIX}", self.base.0, self.salt)
    }
}

/// A part of a file that is no frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) reason: String,
}

/// Where a frame starts.
#[derive(Debug, Clone, Copy)]
struct Mark {
    position: Position,
    offset: u64,
}

/// What a walk along a whole file learned.
#[derive(Debug, Default)]
pub(super) struct Index {
    marks: Vec<Mark>,
    /// Parts that are no frames; good frames follow after each.
    pub(super) damage: Vec<Damage>,
    /// The end of the file after its last good frame, if it is no frames.
    pub(super) torn: Option<Damage>,
    /// The last position, if there is any.
    pub(super) last: Option<Position>,
    /// How many entries.
    pub(super) entries: u64,
    /// When the first entry was received.
    pub(super) first_received: Option<Timestamp>,
    /// When the latest entry was received.
    last_received: Option<Timestamp>,
}

impl Index {
    /// Notes that the frame of an entry starts at `offset`.
    pub(super) fn add(&mut self, position: Position, received: Timestamp, offset: u64) {
        if self.marks.last().is_none_or(|mark| offset - mark.offset >= MARK_BYTES) {
            self.marks.push(Mark { position, offset });
        }
        self.last = Some(position);
        self.first_received.get_or_insert(received);
        self.last_received = self.last_received.max(Some(received));
        self.entries += 1;
    }

    /// Walks along a whole file.
    pub(super) fn build(path: Path<'_>, end: u64) -> io::Result<Self> {
        let mut index = Self::default();
        let mut walk = Walk::new(path, 0, end, Position::START);
        loop {
            match walk.step()? {
                Step::Frame { offset, position, bytes } => {
                    index.add(position, frame::received(&bytes), offset);
                }
                Step::Damage { offset, bytes, reason } => {
                    index.damage.push(Damage { offset, bytes, reason: reason.to_string() });
                }
                Step::Tail { offset, bytes, reason } => {
                    index.torn = Some(Damage { offset, bytes, reason: reason.to_string() });
                }
                Step::End => return Ok(index),
            }
        }
    }
}

/// A segment file, being written or not.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: Name,
    file: String,
    /// When its first entry was received, or an earlier moment.
    pub(super) first_received: Timestamp,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Bytes that are durable.
    bytes: u64,
    /// Made when first needed, except for the segment that is being written.
    index: Option<Index>,
}

impl Segment {
    pub(super) fn new(name: Name, first_received: Timestamp, bytes: u64, index: Option<Index>) -> Self {
        Self { name, file: name.to_string(), first_received, inner: Mutex::new(Inner { bytes, index }) }
    }

    /// The name of the file.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Bytes that are durable.
    pub(super) fn bytes(&self) -> u64 {
        self.inner.lock().bytes
    }

    /// When its latest entry was received, if the file has been looked at.
    pub(super) fn last_received(&self) -> Option<Timestamp> {
        self.inner.lock().index.as_ref()?.last_received
    }

    /// Notes that entries became durable whose frames start at these offsets, and the file's new size.
    pub(super) fn grow<'a>(&self, entries: impl Iterator<Item = (&'a Entry, u64)>, bytes: u64) {
        let mut inner = self.inner.lock();
        inner.bytes = bytes;
        if let Some(index) = &mut inner.index {
            for (entry, offset) in entries {
                index.add(entry.position, entry.received, offset);
            }
        }
    }

    fn path<'a>(&'a self, media: &'a dyn Media) -> Path<'a> {
        Path { media, name: &self.file, salt: self.name.salt }
    }

    /// Looks something up in the index, which is made if need be.
    fn look_up<T>(&self, media: &dyn Media, look: impl Fn(&Index, u64) -> T) -> io::Result<T> {
        let bytes = {
            let inner = self.inner.lock();
            if let Some(index) = &inner.index {
                return Ok(look(index, inner.bytes));
            }
            inner.bytes
        };
        // Unlocked, because it reads the whole file. Two readers may both do it; the results are equal.
        let index = Index::build(self.path(media), bytes)?;
        for damage in index.damage.iter().chain(&index.torn) {
            set_aside(media, &self.file, damage);
        }
        let found = look(&index, bytes);
        self.inner.lock().index.get_or_insert(index);
        Ok(found)
    }

    /// Whether this damage is known since the file was indexed.
    fn is_known(&self, offset: u64) -> bool {
        let inner = self.inner.lock();
        let known = inner.index.iter().flat_map(|index| index.damage.iter().chain(&index.torn));
        known.into_iter().any(|damage| damage.offset == offset)
    }

    /// Adds the entries from `from` on to `found`: at most up to `limit`, and while there is `room` for bytes.
    pub(super) fn read(
        &self,
        media: &dyn Media,
        from: Position,
        limit: usize,
        room: &mut usize,
        found: &mut Vec<Entry>,
    ) -> io::Result<()> {
        let (start, end) = self.look_up(media, |index, end| {
            let after = index.marks.partition_point(|mark| mark.position <= from);
            (index.marks.get(after.saturating_sub(1)).map_or(0, |mark| mark.offset), end)
        })?;
        self.visit(media, start, end, &mut |entry| {
            if entry.position >= from {
                *room = room.saturating_sub(weight(&entry));
                found.push(entry);
            }
            found.len() < limit && *room > 0
        })
    }

    /// Shows the entries before `search.before` to the search, newest first, until it is over.
    pub(super) fn read_back(&self, media: &dyn Media, search: &mut Search<'_>) -> io::Result<()> {
        let mut before = search.before;
        while !search.is_over() {
            let block = self.look_up(media, |index, end| {
                let after = index.marks.partition_point(|mark| mark.position < before);
                let mark = index.marks.get(after.checked_sub(1)?)?;
                Some((*mark, index.marks.get(after).map_or(end, |next| next.offset)))
            })?;
            let Some((mark, end)) = block else { break };
            let mut entries = Vec::new();
            self.visit(media, mark.offset, end, &mut |entry| {
                let older = entry.position < before;
                if older {
                    entries.push(entry);
                }
                older
            })?;
            for entry in entries.into_iter().rev() {
                if !search.look(entry) {
                    break;
                }
            }
            before = mark.position;
        }
        Ok(())
    }

    /// Shows the entries between two offsets to `visitor` until it says false.
    fn visit(&self, media: &dyn Media, start: u64, end: u64, visitor: &mut dyn FnMut(Entry) -> bool) -> io::Result<()> {
        let mut walk = Walk::new(self.path(media), start, end, Position::START);
        loop {
            match walk.step()? {
                Step::Frame { offset, bytes, .. } => match frame::decode(&bytes) {
                    Ok(entry) => {
                        if !visitor(entry) {
                            return Ok(());
                        }
                    }
                    Err(reason) => {
                        tracing::error!(file = media.place(&self.file), offset, %reason, "an entry cannot be decoded");
                    }
                },
                Step::Damage { offset, bytes, reason } | Step::Tail { offset, bytes, reason } => {
                    if !self.is_known(offset) {
                        set_aside(media, &self.file, &Damage { offset, bytes, reason: reason.to_string() });
                    }
                }
                Step::End => return Ok(()),
            }
        }
    }
}

/// Reports damage and copies the bytes into a file of their own, for whoever wants to look at them.
pub(super) fn set_aside(media: &dyn Media, file: &str, damage: &Damage) {
    let Damage { offset, bytes, reason } = damage;
    let aside = format!("{file}.{offset}.damaged");
    tracing::error!(file = media.place(file), offset, bytes, reason, aside, "a part of the log is damaged and skipped");
    let copied = usize::try_from(*bytes).map_err(io::Error::other).and_then(|length| {
        let damaged = media.read(file, *offset, length)?;
        let mut copy = match media.create(&aside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            created => created?,
        };
        copy.write_all(&damaged)?;
        copy.sync()
    });
    if let Err(error) = copied {
        // The damaged segment itself stays where it is, so nothing is lost by going on.
        tracing::warn!(%error, aside, "the damaged part could not be copied");
    }
}

/// The size of a segment without entries.
pub(super) const EMPTY_BYTES: u64 = HEADER_BYTES as u64;
