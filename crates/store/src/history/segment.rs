//! Segment files: the chunks of one tier over a window of time, sorted by series, with an index in pages. Immutable.
//!
//! ```text
//! header 16 | chunks | index pages | directory frame | directory offset u64 | "MANMULEND"
//! ```
//!
//! The directory stays in memory (a few bytes a page of [`PAGE_ENTRIES`] chunks); pages and chunks are read when they
//! are needed and kept in bounded caches. Every page and every chunk has a checksum.
#![expect(clippy::disallowed_methods, reason = "the store is the crate that opens files")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::cache::Cache;
use super::chunk::{ChunkEntry, PackedChunk, put_entry, take_entry, take_points, take_rollup};
use super::format::{FileKind, HEADER_BYTES, check_header, create, damaged, failed, header};
use super::points::Points;
use super::summary::{Rollup, Summary};
use super::wire::{Decoded, Frame, Malformed, Reader, frame, put_frame, put_signed, put_varint};
use super::{HistoryError, SeriesId, Tier};

/// Chunks in one page of the index.
const PAGE_ENTRIES: usize = 128;

const END: &[u8; 9] = b"MANMULEND";
const TRAILER_BYTES: u64 = 8 + END.len() as u64;

impl Tier {
    /// All tiers, finest first.
    pub(crate) const ALL: [Self; 3] = [Self::Raw, Self::Minute, Self::Hour];

    fn file_kind(self) -> FileKind {
        match self {
            Self::Raw => FileKind::Raw,
            Self::Minute => FileKind::Minute,
            Self::Hour => FileKind::Hour,
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }
}

/// The file of one tier of a segment.
pub(crate) fn path(folder: &Path, segment: u64, tier: Tier) -> PathBuf {
    folder.join(format!("segment-{segment:08}.{}", tier.extension()))
}

/// Where a page of the index lies and which series it tells of.
#[derive(Debug, Clone, PartialEq)]
struct Page {
    first: SeriesId,
    last: SeriesId,
    offset: u64,
    length: u32,
    checksum: u32,
}

/// What stands at the end of a segment file.
#[derive(Debug, Default, PartialEq)]
struct Directory {
    pages: Vec<Page>,
    /// Points in a raw file, buckets in the others.
    count: u64,
    first: i64,
    last: i64,
}

fn put_directory(out: &mut Vec<u8>, directory: &Directory) {
    put_varint(out, directory.count);
    put_signed(out, directory.first);
    put_signed(out, directory.last);
    put_varint(out, directory.pages.len() as u64);
    for page in &directory.pages {
        put_varint(out, u64::from(page.first.0));
        put_varint(out, u64::from(page.last.0));
        put_varint(out, page.offset);
        put_varint(out, u64::from(page.length));
        out.extend_from_slice(&page.checksum.to_le_bytes());
    }
}

fn take_directory(bytes: &[u8]) -> Decoded<Directory> {
    let mut reader = Reader::new(bytes);
    let (count, first, last) = (reader.varint()?, reader.signed()?, reader.signed()?);
    let narrow = |number: u64| u32::try_from(number).map_err(|_| Malformed::new("a number that is too large"));
    let pages = (0..reader.count(bytes.len())?)
        .map(|_| {
            Ok(Page {
                first: SeriesId(narrow(reader.varint()?)?),
                last: SeriesId(narrow(reader.varint()?)?),
                offset: reader.varint()?,
                length: narrow(reader.varint()?)?,
                checksum: reader.u32()?,
            })
        })
        .collect::<Decoded<_>>()?;
    reader.finish()?;
    Ok(Directory { pages, count, first, last })
}

fn take_page(bytes: &[u8]) -> Decoded<Vec<ChunkEntry>> {
    let mut reader = Reader::new(bytes);
    let mut before = (0, 0);
    (0..reader.count(PAGE_ENTRIES)?)
        .map(|_| {
            let entry = take_entry(&mut reader, before)?;
            before = (entry.series.0, entry.first);
            Ok(entry)
        })
        .collect()
}

/// Decodes bytes as a directory and as a page of the index; for the fuzz targets.
pub(crate) fn decode_index(bytes: &[u8]) {
    drop(take_directory(bytes));
    drop(take_page(bytes));
}

/// Writes one segment file, chunk by chunk in order of series and time.
#[derive(Debug)]
pub(crate) struct SegmentWriter {
    path: PathBuf,
    file: BufWriter<File>,
    offset: u64,
    page: Vec<ChunkEntry>,
    pages: Vec<(Page, Vec<u8>)>,
    directory: Directory,
}

impl SegmentWriter {
    pub(crate) fn create(folder: &Path, segment: u64, tier: Tier) -> Result<Self, HistoryError> {
        let path = path(folder, segment, tier);
        let mut file = BufWriter::with_capacity(256 << 10, create(&path).map_err(failed(&path))?);
        file.write_all(&header(tier.file_kind())).map_err(failed(&path))?;
        let directory = Directory { first: i64::MAX, last: i64::MIN, ..Directory::default() };
        Ok(Self { path, file, offset: HEADER_BYTES as u64, page: Vec::new(), pages: Vec::new(), directory })
    }

    /// Adds a chunk that was packed just now, or copied from another segment.
    pub(crate) fn add(&mut self, entry: &ChunkEntry, bytes: &[u8]) -> Result<(), HistoryError> {
        self.file.write_all(bytes).map_err(failed(&self.path))?;
        let entry = ChunkEntry { offset: self.offset, ..entry.clone() };
        self.offset += bytes.len() as u64;
        self.directory.count += u64::from(entry.count);
        self.directory.first = self.directory.first.min(entry.first);
        self.directory.last = self.directory.last.max(entry.last);
        self.page.push(entry);
        if self.page.len() == PAGE_ENTRIES {
            self.close_page();
        }
        Ok(())
    }

    pub(crate) fn add_packed(&mut self, chunk: &PackedChunk) -> Result<(), HistoryError> {
        self.add(&chunk.entry, &chunk.bytes)
    }

    fn close_page(&mut self) {
        let (Some(first), Some(last)) = (self.page.first(), self.page.last()) else { return };
        let (first, last) = (first.series, last.series);
        let mut bytes = Vec::new();
        put_varint(&mut bytes, self.page.len() as u64);
        let mut before = (0, 0);
        for entry in &self.page {
            put_entry(&mut bytes, entry, before);
            before = (entry.series.0, entry.first);
        }
        let page = Page { first, last, offset: 0, length: bytes.len() as u32, checksum: crc32fast::hash(&bytes) };
        self.pages.push((page, bytes));
        self.page.clear();
    }

    /// Writes index and directory and makes the file durable; its name is durable when the folder is.
    /// `None` when no chunk was added; then there is no file.
    pub(crate) fn finish(mut self, segment: u64, tier: Tier) -> Result<Option<Arc<SegmentFile>>, HistoryError> {
        self.close_page();
        if self.pages.is_empty() {
            std::fs::remove_file(&self.path).map_err(failed(&self.path))?;
            return Ok(None);
        }
        let mut tail = Vec::new();
        for (mut page, bytes) in std::mem::take(&mut self.pages) {
            page.offset = self.offset + tail.len() as u64;
            tail.extend_from_slice(&bytes);
            self.directory.pages.push(page);
        }
        let directory = self.offset + tail.len() as u64;
        put_frame(&mut tail, |out| put_directory(out, &self.directory));
        tail.extend_from_slice(&directory.to_le_bytes());
        tail.extend_from_slice(END);
        let bytes = self.offset + tail.len() as u64;
        self.file.write_all(&tail).map_err(failed(&self.path))?;
        let file = self.file.into_inner().map_err(|error| failed(&self.path)(error.into_error()))?;
        file.sync_all().map_err(failed(&self.path))?;
        let (path, directory) = (self.path, self.directory);
        Ok(Some(Arc::new(SegmentFile {
            segment,
            tier,
            path,
            bytes,
            directory,
            problem: None,
            doomed: AtomicBool::new(false),
        })))
    }
}

/// One segment file, open for reading. When it was dropped from the manifest it is unlinked with its last reader.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    segment: u64,
    tier: Tier,
    path: PathBuf,
    bytes: u64,
    directory: Directory,
    /// Why nothing can be read from it, when its own frame is damaged.
    problem: Option<(u64, Malformed)>,
    doomed: AtomicBool,
}

impl SegmentFile {
    /// Reads the directory. A damaged file is kept with its problem, so that the rest is served; one of a newer format
    /// or one that the system cannot read is an error.
    pub(crate) fn open(folder: &Path, segment: u64, tier: Tier) -> Result<Self, HistoryError> {
        let path = path(folder, segment, tier);
        let file = File::open(&path).map_err(failed(&path))?;
        let bytes = file.metadata().map_err(failed(&path))?.len();
        let mut this = Self {
            segment,
            tier,
            path,
            bytes,
            directory: Directory::default(),
            problem: None,
            doomed: AtomicBool::new(false),
        };
        match this.read_directory(&file) {
            Ok(directory) => this.directory = directory,
            Err(Problem::Here(offset, malformed)) => this.problem = Some((offset, malformed)),
            Err(Problem::Other(error)) => return Err(error),
        }
        Ok(this)
    }

    fn read_directory(&self, file: &File) -> Result<Directory, Problem> {
        let read = |offset: u64, length: usize| {
            read_at(file, offset, length).map_err(|error| Problem::Other(failed(&self.path)(error)))
        };
        if self.bytes < HEADER_BYTES as u64 + TRAILER_BYTES {
            return Err(Problem::Here(0, Malformed::new("the file is too short")));
        }
        match check_header(&read(0, HEADER_BYTES)?, self.tier.file_kind(), &self.path) {
            Ok(()) => {}
            Err(HistoryError::Damaged { problem, .. }) => return Err(Problem::Here(0, Malformed::new(problem))),
            Err(other) => return Err(Problem::Other(other)),
        }
        let trailer = self.bytes - TRAILER_BYTES;
        let bytes = read(trailer, TRAILER_BYTES as usize)?;
        let mut reader = Reader::new(&bytes);
        let offset = reader.u64().unwrap_or(u64::MAX);
        if &bytes[8..] != END || offset >= trailer {
            return Err(Problem::Here(trailer, Malformed::new("the end of the file is missing")));
        }
        match frame(&read(offset, (trailer - offset) as usize)?) {
            Frame::Whole(payload) => take_directory(payload).map_err(|malformed| Problem::Here(offset, malformed)),
            Frame::End => Err(Problem::Here(offset, Malformed::new("no directory"))),
            Frame::Torn(problem) => Err(Problem::Here(offset, Malformed::new(problem))),
        }
    }

    /// What is wrong with the file as a whole.
    pub(crate) fn problem(&self) -> Option<HistoryError> {
        self.problem.as_ref().map(|(offset, malformed)| damaged(&self.path, *offset, malformed.clone()))
    }

    pub(crate) fn tier(&self) -> Tier {
        self.tier
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Points in a raw file, buckets in the others.
    pub(crate) fn count(&self) -> u64 {
        self.directory.count
    }

    /// The times of the first and the last point; of a damaged file nothing is known.
    pub(crate) fn span(&self) -> (i64, i64) {
        if self.problem.is_some() { (i64::MIN, i64::MAX) } else { (self.directory.first, self.directory.last) }
    }

    /// Unlinks the file when nobody reads it any more.
    pub(crate) fn doom(&self) {
        self.doomed.store(true, Ordering::Release);
    }
}

impl Drop for SegmentFile {
    fn drop(&mut self) {
        if self.doomed.load(Ordering::Acquire)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            // It is not in the manifest, so the next start removes it.
            tracing::warn!(file = %self.path.display(), %error, "an old segment could not be removed");
        }
    }
}

enum Problem {
    Here(u64, Malformed),
    Other(HistoryError),
}

fn read_at(file: &File, offset: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, offset)?;
    Ok(bytes)
}

type ChunkPlace = (u64, Tier, u64);

/// Reads segment files through bounded caches of open files, index pages and decoded chunks.
#[derive(Debug)]
pub(crate) struct SegmentReader {
    files: Cache<(u64, Tier), File>,
    pages: Cache<ChunkPlace, Vec<ChunkEntry>>,
    points: Cache<ChunkPlace, Points>,
    rollups: Cache<ChunkPlace, Rollup>,
}

impl SegmentReader {
    /// A reader with at most so many open files and about so many bytes in its caches.
    pub(crate) fn new(files_max: usize, bytes_max: usize) -> Self {
        Self {
            files: Cache::new(files_max),
            pages: Cache::new(bytes_max / 4),
            points: Cache::new(bytes_max / 4),
            rollups: Cache::new(bytes_max / 2),
        }
    }

    /// Bytes of a file, checked.
    fn read(&self, file: &SegmentFile, offset: u64, length: u32, checksum: u32) -> Result<Vec<u8>, HistoryError> {
        if offset.saturating_add(u64::from(length)) > file.bytes {
            return Err(damaged(&file.path, offset, Malformed::new("the file is too short")));
        }
        let handle = self.files.get((file.segment, file.tier), || {
            File::open(&file.path).map(|handle| (handle, 1)).map_err(failed(&file.path))
        })?;
        let bytes = read_at(&handle, offset, length as usize).map_err(failed(&file.path))?;
        if crc32fast::hash(&bytes) != checksum {
            return Err(damaged(&file.path, offset, Malformed::new("a wrong checksum")));
        }
        Ok(bytes)
    }

    fn page(&self, file: &SegmentFile, page: &Page) -> Result<Arc<Vec<ChunkEntry>>, HistoryError> {
        self.pages.get((file.segment, file.tier, page.offset), || {
            let bytes = self.read(file, page.offset, page.length, page.checksum)?;
            let entries = take_page(&bytes).map_err(|malformed| damaged(&file.path, page.offset, malformed))?;
            let weight = entries.len() * size_of::<ChunkEntry>();
            Ok((entries, weight))
        })
    }

    /// The chunks of a series, in order of time.
    pub(crate) fn entries(
        &self,
        file: &SegmentFile,
        series: SeriesId,
        mut each: impl FnMut(&ChunkEntry),
    ) -> Result<(), HistoryError> {
        if let Some(problem) = file.problem() {
            return Err(problem);
        }
        let pages = &file.directory.pages;
        let start = pages.partition_point(|page| page.last < series);
        for page in pages[start..].iter().take_while(|page| page.first <= series) {
            let entries = self.page(file, page)?;
            let start = entries.partition_point(|entry| entry.series < series);
            entries[start..].iter().take_while(|entry| entry.series == series).for_each(&mut each);
        }
        Ok(())
    }

    /// Every chunk of a file, in order of series and time, page by page.
    pub(crate) fn all_entries(
        &self,
        file: &SegmentFile,
        mut each: impl FnMut(&ChunkEntry) -> Result<(), HistoryError>,
    ) -> Result<(), HistoryError> {
        if let Some(problem) = file.problem() {
            return Err(problem);
        }
        for page in &file.directory.pages {
            self.page(file, page)?.iter().try_for_each(&mut each)?;
        }
        Ok(())
    }

    /// The packed bytes of a chunk.
    pub(crate) fn packed(&self, file: &SegmentFile, entry: &ChunkEntry) -> Result<Vec<u8>, HistoryError> {
        self.read(file, entry.offset, entry.length, entry.checksum)
    }

    /// The points of a chunk of a raw file.
    pub(crate) fn points(&self, file: &SegmentFile, entry: &ChunkEntry) -> Result<Arc<Points>, HistoryError> {
        self.points.get((file.segment, file.tier, entry.offset), || {
            let points = self.points_once(file, entry)?;
            let weight = points.bytes();
            Ok((points, weight))
        })
    }

    /// The points of a chunk, without keeping them in the cache.
    pub(crate) fn points_once(&self, file: &SegmentFile, entry: &ChunkEntry) -> Result<Points, HistoryError> {
        let points = take_points(&self.packed(file, entry)?)
            .map_err(|malformed| damaged(&file.path, entry.offset, malformed))?;
        if points.is_empty() {
            return Err(damaged(&file.path, entry.offset, Malformed::new("a chunk without points")));
        }
        Ok(points)
    }

    /// The buckets of a chunk of a roll-up file.
    pub(crate) fn rollup(&self, file: &SegmentFile, entry: &ChunkEntry) -> Result<Arc<Rollup>, HistoryError> {
        self.rollups.get((file.segment, file.tier, entry.offset), || {
            let rollup = take_rollup(&self.packed(file, entry)?, file.tier)
                .map_err(|malformed| damaged(&file.path, entry.offset, malformed))?;
            let weight = rollup.starts.len() * (size_of::<Summary>() + 8);
            Ok((rollup, weight))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::column::Effort;
    use super::*;
    use model::Value;

    fn sample(folder: &Path) -> Arc<SegmentFile> {
        let mut writer = SegmentWriter::create(folder, 1, Tier::Raw).unwrap();
        for series in 0..300_u32 {
            for part in 0..2 {
                let mut points = Points::default();
                (0..50).for_each(|i| points.push(part * 1_000 + i, &Value::Float(f64::from(series) + i as f64)));
                writer.add_packed(&PackedChunk::of_points(SeriesId(series), &points, Effort::Quick)).unwrap();
            }
        }
        writer.finish(1, Tier::Raw).unwrap().unwrap()
    }

    #[test]
    fn every_flipped_byte_is_noticed_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let written = sample(folder.path());
        let whole = std::fs::read(&written.path).unwrap();
        let count = |file: &SegmentFile| -> Result<usize, HistoryError> {
            let reader = SegmentReader::new(2, 1 << 20);
            let mut count = 0;
            reader.all_entries(file, |entry| {
                count += reader.points(file, entry)?.len();
                Ok(())
            })?;
            Ok(count)
        };
        let open = || SegmentFile::open(folder.path(), 1, Tier::Raw);
        assert_eq!(count(&open().unwrap()).unwrap(), 300 * 2 * 50);
        assert_eq!(open().unwrap().directory, written.directory);
        for offset in (0..whole.len()).step_by(whole.len() / 400).chain(whole.len() - 17..whole.len()) {
            let mut flipped = whole.clone();
            flipped[offset] ^= 0x10;
            std::fs::write(&written.path, &flipped).unwrap();
            let error = count(&open().unwrap()).unwrap_err().to_string();
            assert!(error.contains("segment-00000001.raw at "), "{offset}: {error}");
        }
        for length in [0, 10, 100, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&written.path, &whole[..length]).unwrap();
            assert!(count(&open().unwrap()).is_err());
        }
    }

    #[test]
    fn a_newer_format_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let written = sample(folder.path());
        let mut whole = std::fs::read(&written.path).unwrap();
        whole[8] = 9;
        let checksum = crc32fast::hash(&whole[..12]);
        whole[12..16].copy_from_slice(&checksum.to_le_bytes());
        std::fs::write(&written.path, &whole).unwrap();
        let error = SegmentFile::open(folder.path(), 1, Tier::Raw).unwrap_err();
        assert!(matches!(error, HistoryError::Newer { found: 9, known: 1, .. }), "{error}");
    }
}
