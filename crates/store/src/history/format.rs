//! What all files of the history have in common: a header with kind and version, and errors that name the place.
#![expect(clippy::disallowed_methods, reason = "the store is the crate that opens files")]

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use super::HistoryError;
use super::wire::{Frame, Malformed, Reader, frame, put_frame};
use crate::files;

/// The version of every file format here. Readers keep the versions before it; nothing is changed in place.
pub(crate) const VERSION: u16 = 1;

/// Magic, version, kind, checksum.
pub(crate) const HEADER_BYTES: usize = 16;

const MAGIC: &[u8; 8] = b"MANMULHI";

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum FileKind {
    Manifest = 1,
    Series = 2,
    Ahead = 3,
    Last = 4,
    Raw = 5,
    Minute = 6,
    Hour = 7,
}

/// The beginning of a file.
pub(crate) fn header(kind: FileKind) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&(kind as u16).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
    out
}

/// Checks the beginning of a file.
pub(crate) fn check_header(bytes: &[u8], kind: FileKind, path: &Path) -> Result<(), HistoryError> {
    let read = || {
        let mut reader = Reader::new(bytes);
        let magic = reader.take(MAGIC.len())?;
        let (version, found, checksum) = (reader.u16()?, reader.u16()?, reader.u32()?);
        if magic != MAGIC || checksum != crc32fast::hash(&bytes[..HEADER_BYTES - 4]) {
            return Err(Malformed::new("the header is damaged"));
        }
        Ok((version, found))
    };
    let (version, found) = read().map_err(|malformed| damaged(path, 0, malformed))?;
    if version > VERSION {
        return Err(HistoryError::Newer { place: path.display().to_string(), found: version, known: VERSION });
    }
    if found != kind as u16 {
        return Err(damaged(path, 0, Malformed::new(format!("a file of kind {found} instead of {}", kind as u16))));
    }
    Ok(())
}

/// An error that names the file and the offset.
pub(crate) fn damaged(path: &Path, offset: u64, malformed: Malformed) -> HistoryError {
    HistoryError::Damaged { place: format!("{} at {offset}", path.display()), problem: malformed.0.into_owned() }
}

/// An error of the system that names the file.
pub(crate) fn failed(path: &Path) -> impl FnOnce(io::Error) -> HistoryError + use<> {
    let place = path.display().to_string();
    move |source| {
        if files::is_no_room(&source) {
            return HistoryError::NoRoom(format!("{place}: {source}"));
        }
        HistoryError::Io { place, source }
    }
}

/// The error of a sync: even when it says that there is no room, nobody knows what is on the disk.
pub(crate) fn unsynced(path: &Path) -> impl FnOnce(io::Error) -> HistoryError + use<> {
    let place = path.display().to_string();
    move |source| HistoryError::Io { place, source }
}

/// Writes to the end of a file, which is at `length`. When the disk has no room, nothing is written.
pub(crate) fn append_whole(mut file: &File, path: &Path, length: u64, bytes: &[u8]) -> Result<(), HistoryError> {
    file.write_all(bytes).map_err(failed(path)).or_else(|error| {
        if matches!(error, HistoryError::NoRoom(_)) {
            // When this fails, too, that is the error: a torn frame would hide those after it.
            file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length))).map_err(unsynced(path))?;
        }
        Err(error)
    })
}

/// Makes a new file, readable for its owner only.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    files::private(OpenOptions::new().write(true).create(true).truncate(true)).open(path)
}

/// Writes a whole file of frames and makes it durable.
pub(crate) fn write_frames(path: &Path, kind: FileKind, frames: Vec<u8>) -> Result<(), HistoryError> {
    let mut bytes = header(kind);
    bytes.extend_from_slice(&frames);
    files::write_atomic(path, &bytes).map_err(failed(path))
}

/// The whole of a file; `None` when it is not there.
pub(crate) fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, HistoryError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path)(error)),
    }
}

/// Hands the payload of each frame to `each`; returns where the whole frames end and, if that is not the end of the
/// bytes, what is wrong there.
pub(crate) fn walk_frames(
    bytes: &[u8],
    mut each: impl FnMut(&[u8]) -> Result<(), Malformed>,
) -> (usize, Option<Malformed>) {
    let mut offset = HEADER_BYTES;
    loop {
        match frame(bytes.get(offset..).unwrap_or_default()) {
            Frame::End => return (offset, None),
            Frame::Torn(problem) => return (offset, Some(Malformed::new(problem))),
            Frame::Whole(payload) => {
                if let Err(malformed) = each(payload) {
                    return (offset, Some(malformed));
                }
                offset += super::wire::FRAME_HEADER_BYTES + payload.len();
            }
        }
    }
}

/// Frames of at most `per_frame` items each.
pub(crate) fn frames_of<T>(items: &[T], per_frame: usize, mut put: impl FnMut(&mut Vec<u8>, &T)) -> Vec<u8> {
    let mut out = Vec::new();
    for items in items.chunks(per_frame) {
        put_frame(&mut out, |out| {
            super::wire::put_varint(out, items.len() as u64);
            for item in items {
                put(out, item);
            }
        });
    }
    out
}
