//! Opening a folder of segments, whatever state the last process left it in.

use std::io;
use std::sync::Arc;

use model::{Position, Timestamp};

use super::LogError;
use super::frame::{FRAME_BYTES_MIN, FrameError, HEADER_BYTES, Header, VERSION};
use super::media::{Append, Media};
use super::segment::{Damage, EMPTY_BYTES, Index, Name, Segment, set_aside};
use super::walk::Path;

/// What opening the log found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Segment files found.
    pub segments: usize,
    /// Entries in the segments that were verified.
    pub entries: u64,
    /// Bytes that were verified; older segments are verified when they are first read.
    pub verified_bytes: u64,
    /// What was wrong.
    pub problems: Vec<Problem>,
}

/// Something wrong with a file, and what was done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// What was wrong.
    pub reason: String,
    /// What was done.
    pub remedy: Remedy,
}

/// What was done about a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The end of the newest segment was never completely written, so nothing of it was acknowledged: it was cut off.
    Cut,
    /// A damaged part is skipped and was copied to a `.damaged` file beside the segment.
    Skipped,
    /// Only the header is damaged; the entries are read without it.
    Read,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, offset, bytes, reason, remedy } = self;
        let done = match remedy {
            Remedy::Cut => "cut off",
            Remedy::Skipped => "skipped and kept aside",
            Remedy::Read => "read all the same",
        };
        write!(f, "{file} at {offset}: {reason}, {bytes} bytes {done}")
    }
}

/// A log that can go on.
#[derive(Debug)]
pub(super) struct Recovered {
    /// All segments, oldest first.
    pub(super) segments: Vec<Arc<Segment>>,
    /// The file of the newest one, open for writing, unless there is none.
    pub(super) active: Option<Box<dyn Append>>,
    /// The position after the last entry. Readers that have come this far wait; so it must not lie behind a gap.
    pub(super) end: Position,
    /// The position of the next entry.
    pub(super) next: Position,
    pub(super) report: Recovery,
}

/// What the header of a segment says.
enum Start {
    Good(Timestamp),
    /// The file ends within its header: nothing was ever written to it.
    Empty,
    Damaged(String),
}

/// Opens the segments of a folder. Verifies the newest one and older ones up to about `verify_bytes`.
pub(super) fn recover(media: &dyn Media, verify_bytes: u64) -> Result<Recovered, LogError> {
    let mut names: Vec<(Name, u64)> = media
        .list()
        .map_err(|source| io_error(media, "", source))?
        .into_iter()
        .filter_map(|(name, bytes)| Some((Name::parse(&name)?, bytes)))
        .collect();
    names.sort_unstable();
    // All headers first: a folder with a file of a newer version must stay as it is.
    let starts: Vec<Start> = names.iter().map(|(name, _)| read_start(media, *name)).collect::<Result<_, _>>()?;
    let mut recovered = Recovered {
        segments: Vec::new(),
        active: None,
        end: Position::START.next(),
        next: Position::START.next(),
        report: Recovery { segments: names.len(), ..Recovery::default() },
    };
    let indexes = build_indexes(media, &names, &starts, verify_bytes)?;
    for (at, (((name, bytes), start), index)) in names.iter().zip(starts).zip(indexes).enumerate() {
        let newest = at + 1 == names.len();
        recovered
            .take(media, *name, *bytes, &start, index, newest)
            .map_err(|source| io_error(media, &name.to_string(), source))?;
    }
    if let Some(oldest) = recovered.segments.first() {
        recovered.end = recovered.end.max(oldest.name.base);
    }
    recovered.next = recovered.next.max(recovered.end);
    Ok(recovered)
}

/// Verifies the newest segments: about `verify_bytes` of them, but as far back as it takes to find the last entry.
fn build_indexes(
    media: &dyn Media,
    names: &[(Name, u64)],
    starts: &[Start],
    verify_bytes: u64,
) -> Result<Vec<Option<Index>>, LogError> {
    let mut indexes: Vec<Option<Index>> = names.iter().map(|_| None).collect();
    let mut verified_bytes = 0;
    let mut found_last = false;
    for (at, (name, bytes)) in names.iter().enumerate().rev() {
        verified_bytes += bytes;
        if found_last && verified_bytes > verify_bytes {
            break;
        }
        if !matches!(starts[at], Start::Empty) {
            let file = name.to_string();
            let index = Index::build(Path { media, name: &file, salt: name.salt }, *bytes)
                .map_err(|source| io_error(media, &file, source))?;
            found_last |= index.last.is_some();
            indexes[at] = Some(index);
        }
    }
    Ok(indexes)
}

impl Recovered {
    /// Takes over one segment, which was verified if it has an index.
    fn take(
        &mut self,
        media: &dyn Media,
        name: Name,
        mut bytes: u64,
        start: &Start,
        mut index: Option<Index>,
        newest: bool,
    ) -> io::Result<()> {
        let file = name.to_string();
        self.next = self.next.max(name.base);
        if matches!(start, Start::Empty) {
            self.report.problem(
                media,
                &file,
                &Damage { offset: 0, bytes, reason: "the file has no header yet".into() },
                Remedy::Cut,
            );
            media.remove(&file)?;
            return media.sync_folder();
        }
        let mut first_received = self.segments.last().map_or(Timestamp::MIN, |older| older.first_received);
        match start {
            Start::Good(received) => first_received = *received,
            Start::Damaged(reason) => {
                let damage = Damage { offset: 0, bytes: EMPTY_BYTES, reason: reason.clone() };
                self.report.problem(media, &file, &damage, Remedy::Read);
                first_received = index.as_ref().and_then(|index| index.first_received).unwrap_or(first_received);
            }
            Start::Empty => {}
        }
        if let Some(index) = &mut index {
            self.report.entries += index.entries;
            self.report.verified_bytes += bytes;
            self.end = self.end.max(index.last.map_or(Position::START, Position::next));
            self.next = self.next.max(self.end);
            for damage in &index.damage {
                self.report.problem(media, &file, damage, Remedy::Skipped);
                set_aside(media, &file, damage);
            }
            match index.torn.take() {
                Some(torn) if newest => {
                    self.report.problem(media, &file, &torn, Remedy::Cut);
                    media.truncate(&file, torn.offset)?;
                    bytes = torn.offset;
                    // What was cut was most likely never durable. Should the disk have damaged durable entries
                    // there, their positions must not go to others: skip as many as can have been there.
                    self.next.0 += torn.bytes / FRAME_BYTES_MIN as u64 + 1;
                }
                Some(torn) => {
                    self.report.problem(media, &file, &torn, Remedy::Skipped);
                    set_aside(media, &file, &torn);
                    index.torn = Some(torn);
                }
                None => {}
            }
        }
        if newest {
            // The last process may have died between writing and syncing; what is read from now on must be durable.
            let mut active = media.append(&file)?;
            active.sync()?;
            media.sync_folder()?;
            self.active = Some(active);
        }
        self.segments.push(Arc::new(Segment::new(name, first_received, bytes, index)));
        Ok(())
    }
}

impl Recovery {
    fn problem(&mut self, media: &dyn Media, file: &str, damage: &Damage, remedy: Remedy) {
        let Damage { offset, bytes, reason } = damage.clone();
        self.problems.push(Problem { file: media.place(file), offset, bytes, reason, remedy });
    }
}

fn read_start(media: &dyn Media, name: Name) -> Result<Start, LogError> {
    let file = name.to_string();
    let bytes = media.read(&file, 0, HEADER_BYTES).map_err(|source| io_error(media, &file, source))?;
    match Header::decode(&bytes) {
        Ok(header) if header.base == name.base && header.salt == name.salt => Ok(Start::Good(header.first_received)),
        Ok(_) => Ok(Start::Damaged("the header is that of another file".to_owned())),
        Err(FrameError::Incomplete) => Ok(Start::Empty),
        Err(FrameError::Newer(found)) => Err(LogError::Newer { place: media.place(&file), found, known: VERSION }),
        Err(error) => Ok(Start::Damaged(error.to_string())),
    }
}

pub(super) fn io_error(media: &dyn Media, file: &str, source: io::Error) -> LogError {
    LogError::Io { place: media.place(file), source }
}
