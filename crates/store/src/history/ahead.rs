//! The write-ahead log: one frame an append, holding the log position and the points, so that what is in memory only
//! is there again after a crash.
#![expect(clippy::disallowed_methods, reason = "the store is the crate that opens files")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Position, Timestamp, Value};

use super::format::{
    FileKind, append_whole, check_header, create, damaged, failed, header, read_optional, walk_frames,
};
use super::value_codec::{Before, put_point, take_point};
use super::wire::{Decoded, FRAME_BYTES_MAX, Malformed, Reader, put_frame};
use super::{HistoryError, SeriesId};

/// From this size on, waiting frames are handed to the system before the next sync.
const PENDING_BYTES_MAX: usize = 1 << 20;

/// The file that is written now. Older generations are still needed until their points are in segments.
#[derive(Debug)]
pub(crate) struct AheadWriter {
    path: PathBuf,
    file: Arc<File>,
    pending: Vec<u8>,
    written: u64,
}

impl AheadWriter {
    /// Starts the file of a generation.
    pub(crate) fn create(folder: &Path, generation: u64) -> Result<Self, HistoryError> {
        let path = path(folder, generation);
        let file = create(&path).map_err(failed(&path))?;
        crate::files::sync_folder(folder).map_err(failed(folder))?;
        Ok(Self { path, file: Arc::new(file), pending: header(FileKind::Ahead), written: 0 })
    }

    /// Adds a frame; not durable, and perhaps not even handed to the system yet. On an error nothing was added.
    pub(crate) fn append<'a>(
        &mut self,
        applied: Position,
        count: usize,
        points: impl Iterator<Item = (SeriesId, Timestamp, &'a Value)>,
    ) -> Result<(), HistoryError> {
        let before_frame = self.pending.len();
        let length = put_frame(&mut self.pending, |out| {
            out.extend_from_slice(&applied.0.to_le_bytes());
            super::wire::put_varint(out, count as u64);
            let mut before = Before::start();
            for (series, time, value) in points {
                put_point(out, &mut before, series, time, value);
            }
        });
        if length > FRAME_BYTES_MAX {
            self.pending.truncate(before_frame);
            return Err(HistoryError::TooLarge { bytes: length, limit: FRAME_BYTES_MAX });
        }
        Ok(())
    }

    /// Whether so much waits that it should be written before more is added.
    pub(crate) fn is_full(&self) -> bool {
        self.pending.len() >= PENDING_BYTES_MAX
    }

    /// Hands everything that waits to the system, or, when there is no room, nothing.
    pub(crate) fn write(&mut self) -> Result<(), HistoryError> {
        append_whole(&self.file, &self.path, self.written, &self.pending)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// The file, to make it durable without holding the writer.
    pub(crate) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Bytes so far, waiting ones included.
    pub(crate) fn bytes(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The file of a generation.
pub(crate) fn path(folder: &Path, generation: u64) -> PathBuf {
    folder.join(format!("ahead-{generation:08}.wal"))
}

/// What was found in one generation.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// Whole frames.
    pub(crate) frames: u64,
    /// Size of the file.
    pub(crate) bytes: u64,
    /// What stands after the last whole frame, if that is not the end.
    pub(crate) torn: Option<HistoryError>,
}

/// Reads a generation and hands its frames to `apply` in order. Stops at the first frame that is not whole or that
/// `apply` refuses.
pub(crate) fn replay(
    folder: &Path,
    generation: u64,
    mut apply: impl FnMut(Position, &[(SeriesId, Timestamp, Value)]) -> Decoded<()>,
) -> Result<Replayed, HistoryError> {
    let path = path(folder, generation);
    let Some(bytes) = read_optional(&path)? else {
        return Ok(Replayed::default());
    };
    let size = bytes.len() as u64;
    match check_header(&bytes, FileKind::Ahead, &path) {
        Ok(()) => {}
        Err(newer @ HistoryError::Newer { .. }) => return Err(newer),
        // The crash came before the header was on disk.
        Err(torn) => return Ok(Replayed { frames: 0, bytes: size, torn: (size > 0).then_some(torn) }),
    }
    let mut frames = 0;
    let mut points = Vec::new();
    let (end, problem) = walk_frames(&bytes, |payload| {
        let applied = take_frame(payload, &mut points)?;
        apply(applied, &points)?;
        frames += 1;
        Ok(())
    });
    let torn = problem.map(|malformed| damaged(&path, end as u64, malformed));
    Ok(Replayed { frames, bytes: size, torn })
}

/// Decodes one frame's payload into `points`.
pub(crate) fn take_frame(payload: &[u8], points: &mut Vec<(SeriesId, Timestamp, Value)>) -> Decoded<Position> {
    points.clear();
    let mut reader = Reader::new(payload);
    let applied = Position(reader.u64()?);
    let count = reader.count(payload.len())?;
    let mut before = Before::start();
    for _ in 0..count {
        points.push(take_point(&mut reader, &mut before)?);
    }
    reader.finish()?;
    if points.iter().any(|(_, _, value)| matches!(value, Value::Float(float) if !float.is_finite())) {
        return Err(Malformed::new("a float that is not finite"));
    }
    Ok(applied)
}

/// Removes a generation that is no longer needed.
pub(crate) fn remove(folder: &Path, generation: u64) -> Result<(), HistoryError> {
    let path = path(folder, generation);
    std::fs::remove_file(&path).map_err(failed(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_tail_is_cut_at_every_length() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = AheadWriter::create(folder.path(), 1).unwrap();
        let value = Value::Float(21.5);
        for position in 1..=3 {
            let point = (SeriesId(0), Timestamp(position), &value);
            writer.append(Position(position as u64), 1, std::iter::once(point)).unwrap();
        }
        writer.write().unwrap();
        let whole = std::fs::read(writer.path()).unwrap();
        let frame = (whole.len() - super::super::format::HEADER_BYTES) / 3;
        for length in 0..=whole.len() {
            std::fs::write(writer.path(), &whole[..length]).unwrap();
            let mut seen = Vec::new();
            let replayed = replay(folder.path(), 1, |applied, points| {
                seen.push((applied.0, points.len()));
                Ok(())
            })
            .unwrap();
            let expected = length.saturating_sub(super::super::format::HEADER_BYTES) / frame;
            assert_eq!(seen, (1..=expected as u64).map(|position| (position, 1)).collect::<Vec<_>>());
            let clean = length == 0 || (length >= 16 && (length - 16) % frame == 0);
            assert_eq!(replayed.torn.is_none(), clean, "length {length}");
        }
    }
}
