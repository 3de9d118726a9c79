//! Walking along the frames of a segment file, over damage too.

use std::io;

use bytes::Bytes;
use model::Position;

use super::frame::{self, FRAME_BYTES_MIN, FRAME_HEAD_BYTES, FrameError, HEADER_BYTES, Head};
use super::media::Media;

/// How much of a file is read at a time. Payloads share this memory, so it also bounds what one of them holds on to.
const WINDOW_BYTES: usize = 64 * 1024;

/// How much is read at a time while looking for the next good frame.
const SEARCH_BYTES: usize = 1024 * 1024;

/// Where a file is walked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'a> {
    pub(super) media: &'a dyn Media,
    pub(super) name: &'a str,
    pub(super) salt: u32,
}

/// What lies at one place of a file.
#[derive(Debug)]
pub(super) enum Step {
    /// A good frame.
    Frame { offset: u64, position: Position, bytes: Bytes },
    /// Bytes that are no frames, up to the next good one.
    Damage { offset: u64, bytes: u64, reason: FrameError },
    /// Bytes that are no frames, up to the end.
    Tail { offset: u64, bytes: u64, reason: FrameError },
    /// The end.
    End,
}

/// A walk along the frames from one offset to an end.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    path: Path<'a>,
    /// Where the next frame starts.
    offset: u64,
    /// Where the file ends.
    end: u64,
    /// The position of the last frame; later ones have greater positions.
    last: Position,
    window: Bytes,
    window_offset: u64,
}

impl<'a> Walk<'a> {
    /// A walk over `offset..end` where every position is greater than `last`.
    pub(super) fn new(path: Path<'a>, offset: u64, end: u64, last: Position) -> Self {
        let offset = offset.max(HEADER_BYTES as u64);
        Self { path, offset, end, last, window: Bytes::new(), window_offset: offset }
    }

    /// Goes to the next frame, damage or end.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        if self.offset >= self.end {
            return Ok(Step::End);
        }
        let offset = self.offset;
        match self.frame_at(offset)? {
            Ok((head, bytes)) => {
                self.offset += head.bytes as u64;
                self.last = head.position;
                Ok(Step::Frame { offset, position: head.position, bytes })
            }
            Err(reason) => self.skip_damage(reason),
        }
    }

    fn skip_damage(&mut self, reason: FrameError) -> io::Result<Step> {
        let offset = self.offset;
        if let Some(good) = self.find_frame(offset + 1)? {
            self.offset = good;
            return Ok(Step::Damage { offset, bytes: good - offset, reason });
        }
        self.offset = self.end;
        Ok(Step::Tail { offset, bytes: self.end - offset, reason })
    }

    /// The good frame at `offset`, or what is wrong with it.
    fn frame_at(&mut self, offset: u64) -> io::Result<Result<(Head, Bytes), FrameError>> {
        let start = self.bytes_at(offset, FRAME_HEAD_BYTES, WINDOW_BYTES)?;
        let head = match frame::head(&start) {
            Ok(head) => head,
            Err(error) => return Ok(Err(error)),
        };
        if head.position <= self.last {
            return Ok(Err(FrameError::Damaged("an entry is out of order")));
        }
        let bytes = self.bytes_at(offset, head.bytes, WINDOW_BYTES)?;
        Ok(frame::check(&bytes, self.path.salt).map(|head| (head, bytes.slice(..head.bytes))))
    }

    /// The first good frame at or after `offset`.
    fn find_frame(&mut self, mut offset: u64) -> io::Result<Option<u64>> {
        while offset + FRAME_BYTES_MIN as u64 <= self.end {
            let bytes = self.bytes_at(offset, FRAME_HEAD_BYTES, SEARCH_BYTES)?;
            if bytes.len() < FRAME_HEAD_BYTES {
                break;
            }
            for at in 0..=bytes.len() - FRAME_HEAD_BYTES {
                let Ok(head) = frame::head(&bytes[at..]) else { continue };
                let candidate = offset + at as u64;
                let plausible = head.position > self.last && candidate + head.bytes as u64 <= self.end;
                if plausible && self.frame_at(candidate)?.is_ok() {
                    return Ok(Some(candidate));
                }
            }
            offset += (bytes.len() - FRAME_HEAD_BYTES + 1) as u64;
        }
        Ok(None)
    }

    /// Bytes from `offset` on: `wanted` of them or, if there are less, all up to the end. Reads `ahead` if it reads.
    fn bytes_at(&mut self, offset: u64, wanted: usize, ahead: usize) -> io::Result<Bytes> {
        let left = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = wanted.min(left);
        let window_end = self.window_offset + self.window.len() as u64;
        if offset < self.window_offset || offset + wanted as u64 > window_end {
            let length = wanted.max(ahead).min(left);
            self.window = self.path.media.read(self.path.name, offset, length)?.into();
            self.window_offset = offset;
        }
        let start = usize::try_from(offset - self.window_offset).expect("the window fits into memory");
        Ok(self.window.slice(start.min(self.window.len())..))
    }
}
