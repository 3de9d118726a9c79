//! The manifest: which files there are. It is replaced as a whole, and only after the files it names are durable; a
//! file that it does not name is a leftover of a crash and goes when the history is opened.

use std::path::{Path, PathBuf};

use model::Position;
use serde::{Deserialize, Serialize};

use super::format::{FileKind, check_header, damaged, read_optional, walk_frames, write_frames};
use super::wire::{Malformed, put_frame};
use super::{HistoryError, Tier};

/// What the manifest says of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SegmentNote {
    /// The number in the names of its files.
    pub(crate) segment: u64,
    /// Start of its window, microseconds since 1970.
    pub(crate) start: i64,
    /// End of its window.
    pub(crate) end: i64,
    /// 0 as flushed, 1 merged.
    pub(crate) level: u8,
    /// Of two segments with a point of the same time, the greater one holds the later written.
    pub(crate) sequence: u64,
    /// Which tiers it still has: raw, minute, hour.
    pub(crate) tiers: [bool; 3],
}

/// The whole of the manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub(crate) struct Manifest {
    /// The log position up to which all points are in segments.
    pub(crate) applied: Position,
    /// The oldest generation of the write-ahead log that is still needed.
    pub(crate) generation: u64,
    /// The number of the next segment or table.
    pub(crate) next: u64,
    /// Series there are at least; fewer in the catalog means that it is damaged.
    pub(crate) series: u64,
    /// The number of the table of last points, 0 for none.
    pub(crate) last: u64,
    /// Points before this are no longer accepted, because what they would correct is gone.
    pub(crate) floor: i64,
    /// The segments, in order of sequence.
    pub(crate) segments: Vec<SegmentNote>,
}

impl Manifest {
    /// The manifest of a history without a point.
    pub(crate) fn empty() -> Self {
        Self { generation: 1, next: 1, floor: i64::MIN, ..Self::default() }
    }

    /// Reads the manifest; `None` when there is none.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, HistoryError> {
        let path = path(folder);
        let Some(bytes) = read_optional(&path)? else { return Ok(None) };
        check_header(&bytes, FileKind::Manifest, &path)?;
        let mut manifest = None;
        let (end, problem) = walk_frames(&bytes, |payload| {
            let read: Self = serde_json::from_slice(payload).map_err(|error| Malformed::new(error.to_string()))?;
            manifest = Some(read);
            Ok(())
        });
        match (manifest, problem) {
            (Some(manifest), None) => Ok(Some(manifest)),
            (_, problem) => {
                Err(damaged(&path, end as u64, problem.unwrap_or_else(|| Malformed::new("the manifest is empty"))))
            }
        }
    }

    /// Replaces the manifest durably.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), HistoryError> {
        let text = serde_json::to_vec(self).expect("our own documents are valid JSON");
        let mut frame = Vec::new();
        put_frame(&mut frame, |out| out.extend_from_slice(&text));
        write_frames(&path(folder), FileKind::Manifest, frame)
    }

    /// The names of all files that belong to the history besides the write-ahead log.
    pub(crate) fn names(&self, folder: &Path) -> Vec<PathBuf> {
        let segments = self.segments.iter().flat_map(|note| {
            let tiers = Tier::ALL.into_iter().filter(|tier| note.tiers[*tier as usize]);
            tiers.map(|tier| super::segment::path(folder, note.segment, tier))
        });
        let last = (self.last > 0).then(|| super::last::path(folder, self.last));
        segments.chain(last).collect()
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("manifest")
}
