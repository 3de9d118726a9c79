//! The bytes of a segment file: a header, then one frame an entry. Pure; everything is little endian.
//!
//! ```text
//! header  magic 8 | version u32 | salt u32 | base position u64 | first received i64 | 0 u32 | crc u32
//! frame   body length u32 | crc u32 | position u64 | body
//! body    received i64 | flags u8 | cause kind u8 | topic | client | cause id | [run] | [cause position] | properties | payload
//! ```
//!
//! Texts and properties carry their length as a varint; the payload is the rest of the body. The CRC of a frame
//! covers its length, position and body, and starts from the log's salt: nobody who writes payloads knows it, so a
//! payload that looks like frames is never taken for some when a reader looks for the next good frame after damage.

use std::sync::Arc;

use bytes::Bytes;
use crc32fast::Hasher;
use model::{Cause, CauseKind, Entry, Position, Timestamp};

use super::ENTRY_BYTES_MAX;

/// The version of the format that is written.
pub const VERSION: u32 = 1;

/// The size of a file's header.
pub const HEADER_BYTES: usize = 40;

/// The size of a frame without its body.
pub const FRAME_HEAD_BYTES: usize = 16;

/// The size of the smallest body: empty texts, no payload.
const BODY_BYTES_MIN: usize = 14;

/// The size of the smallest frame.
pub const FRAME_BYTES_MIN: usize = FRAME_HEAD_BYTES + BODY_BYTES_MIN;

const MAGIC: [u8; 8] = *b"MANMULOG";

const FLAG_QOS: u8 = 0b11;
const FLAG_RETAIN: u8 = 1 << 2;
const FLAG_RUN: u8 = 1 << 3;
const FLAG_CAUSE_POSITION: u8 = 1 << 4;
const FLAGS_KNOWN: u8 = FLAG_QOS | FLAG_RETAIN | FLAG_RUN | FLAG_CAUSE_POSITION;

/// Why bytes are not a header or frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes end before the frame does.
    #[error("the file ends within an entry")]
    Incomplete,
    /// The bytes are not what was written.
    #[error("{0}")]
    Damaged(&'static str),
    /// The file is of a newer version.
    #[error("the file has version {0}")]
    Newer(u32),
}

/// The start of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What every frame's CRC starts from.
    pub salt: u32,
    /// The position of the first entry.
    pub base: Position,
    /// When the first entry was received.
    pub first_received: Timestamp,
}

impl Header {
    /// The header's bytes.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut out = [0; HEADER_BYTES];
        out[..8].copy_from_slice(&MAGIC);
        out[8..12].copy_from_slice(&VERSION.to_le_bytes());
        out[12..16].copy_from_slice(&self.salt.to_le_bytes());
        out[16..24].copy_from_slice(&self.base.0.to_le_bytes());
        out[24..32].copy_from_slice(&self.first_received.0.to_le_bytes());
        let crc = crc32fast::hash(&out[..36]);
        out[36..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let Some(bytes) = bytes.first_chunk::<HEADER_BYTES>() else { return Err(FrameError::Incomplete) };
        if bytes[..8] != MAGIC {
            return Err(FrameError::Damaged("the header is not one of a log segment"));
        }
        if u32_at(bytes, 36) != crc32fast::hash(&bytes[..36]) {
            return Err(FrameError::Damaged("the header's checksum is wrong"));
        }
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(FrameError::Newer(version));
        }
        let first_received = Timestamp(u64_at(bytes, 24).cast_signed());
        Ok(Self { salt: u32_at(bytes, 12), base: Position(u64_at(bytes, 16)), first_received })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// At most how many bytes the frame of `entry` takes.
pub fn size_bound(entry: &Entry) -> usize {
    const VARINTS: usize = 6 * 10;
    let run = entry.cause.run.as_ref().map_or(0, |run| run.len());
    let texts = entry.topic.len() + entry.client.len() + entry.cause.id.len() + run;
    FRAME_BYTES_MIN + VARINTS + texts + entry.properties.len() + entry.payload.len()
}

/// Appends the frame of `entry` at `position` to `out`.
pub fn encode(out: &mut Vec<u8>, salt: u32, position: Position, entry: &Entry) {
    out.reserve(size_bound(entry));
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
    out.extend_from_slice(&entry.received.0.to_le_bytes());
    let cause = &entry.cause;
    let mut flags = entry.qos.min(2);
    flags |= if entry.retain { FLAG_RETAIN } else { 0 };
    flags |= if cause.run.is_some() { FLAG_RUN } else { 0 };
    flags |= if cause.position.is_some() { FLAG_CAUSE_POSITION } else { 0 };
    out.extend_from_slice(&[flags, cause.kind as u8]);
    put_bytes(out, entry.topic.as_bytes());
    put_bytes(out, entry.client.as_bytes());
    put_bytes(out, cause.id.as_bytes());
    if let Some(run) = &cause.run {
        put_bytes(out, run.as_bytes());
    }
    if let Some(position) = cause.position {
        put_varint(out, position.0);
    }
    put_bytes(out, &entry.properties);
    out.extend_from_slice(&entry.payload);

    let frame = &mut out[start..];
    let length = u32::try_from(frame.len() - FRAME_HEAD_BYTES).expect("an entry is at most ENTRY_BYTES_MAX");
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[8..16].copy_from_slice(&position.0.to_le_bytes());
    let crc = checksum(salt, frame);
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
}

fn checksum(salt: u32, frame: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(salt);
    hasher.update(&frame[..4]);
    hasher.update(&frame[8..]);
    hasher.finalize()
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The position of the entry.
    pub position: Position,
    /// The size of the whole frame.
    pub bytes: usize,
}

/// Reads the head of the frame that `bytes` start with. It may still be damaged: see [`check`].
pub fn head(bytes: &[u8]) -> Result<Head, FrameError> {
    let Some(bytes) = bytes.first_chunk::<FRAME_HEAD_BYTES>() else { return Err(FrameError::Incomplete) };
    let length = u32_at(bytes, 0) as usize;
    if !(BODY_BYTES_MIN..=ENTRY_BYTES_MAX).contains(&length) {
        return Err(FrameError::Damaged("an entry's length is impossible"));
    }
    Ok(Head { position: Position(u64_at(bytes, 8)), bytes: FRAME_HEAD_BYTES + length })
}

/// Checks the frame that `bytes` start with and returns its head.
pub fn check(bytes: &[u8], salt: u32) -> Result<Head, FrameError> {
    let head = head(bytes)?;
    let Some(frame) = bytes.get(..head.bytes) else { return Err(FrameError::Incomplete) };
    if checksum(salt, frame) != u32_at(frame, 4) {
        return Err(FrameError::Damaged("an entry's checksum is wrong"));
    }
    Ok(head)
}

/// When the entry of a frame that [`check`] accepted was received.
pub fn received(frame: &[u8]) -> Timestamp {
    Timestamp(u64_at(frame, FRAME_HEAD_BYTES).cast_signed())
}

/// Decodes a whole frame that [`check`] accepted. The payload shares the frame's memory.
pub fn decode(frame: &Bytes) -> Result<Entry, FrameError> {
    let position = head(frame)?.position;
    let mut body = Reader { bytes: frame, at: FRAME_HEAD_BYTES };
    let received = Timestamp(u64_at(body.take(8)?, 0).cast_signed());
    let flags = body.take(1)?[0];
    let qos = flags & FLAG_QOS;
    if flags & !FLAGS_KNOWN != 0 || qos == FLAG_QOS {
        return Err(FrameError::Damaged("an entry has unknown flags"));
    }
    let kind = CauseKind::from_code(body.take(1)?[0]).ok_or(FrameError::Damaged("an entry has an unknown cause"))?;
    let topic: Arc<str> = body.text()?.into();
    let client: Arc<str> = body.text()?.into();
    let id = body.text()?;
    // A thing that speaks for itself often bears its client's name.
    let id = if *id == *client { Arc::clone(&client) } else { id.into() };
    let run = if flags & FLAG_RUN != 0 { Some(body.text()?.into()) } else { None };
    let cause_position = if flags & FLAG_CAUSE_POSITION != 0 { Some(Position(body.varint()?)) } else { None };
    let properties = body.block()?;
    let properties = if properties.is_empty() { Bytes::new() } else { frame.slice(properties) };
    let payload = frame.slice(body.at..);
    let cause = Cause { kind, id, run, position: cause_position };
    Ok(Entry { position, received, topic, payload, qos, retain: flags & FLAG_RETAIN != 0, client, cause, properties })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], FrameError> {
        let taken =
            self.bytes[self.at..].get(..count).ok_or(FrameError::Damaged("an entry is shorter than it says"))?;
        self.at += count;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, FrameError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(FrameError::Damaged("an entry has a number that is too long"))
    }

    fn block(&mut self) -> Result<std::ops::Range<usize>, FrameError> {
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let start = self.at;
        self.take(length)?;
        Ok(start..self.at)
    }

    fn text(&mut self) -> Result<&'a str, FrameError> {
        let block = self.block()?;
        std::str::from_utf8(&self.bytes[block])
            .map_err(|_| FrameError::Damaged("an entry has a text that is not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries() -> impl Strategy<Value = Entry> {
        let cause = (0_u8..7, ".{0,20}", proptest::option::of(".{0,20}"), proptest::option::of(any::<u64>()));
        let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
        let ids = (any::<u64>(), any::<i64>(), ".{0,200}", ".{0,30}");
        (ids, bytes(), bytes(), 0_u8..3, any::<bool>(), cause).prop_map(
            |((position, received, topic, client), payload, properties, qos, retain, cause)| Entry {
                position: Position(position),
                received: Timestamp(received),
                topic: topic.into(),
                payload: payload.into(),
                qos,
                retain,
                client: client.into(),
                cause: Cause {
                    kind: CauseKind::from_code(cause.0).unwrap(),
                    id: cause.1.into(),
                    run: cause.2.map(Into::into),
                    position: cause.3.map(Position),
                },
                properties: properties.into(),
            },
        )
    }

    proptest! {
        #[test]
        fn an_entry_survives_the_round_trip(entry in entries(), salt in any::<u32>(), junk in any::<u8>()) {
            let mut bytes = vec![junk; 3];
            encode(&mut bytes, salt, entry.position, &entry);
            prop_assert!(bytes.len() - 3 <= size_bound(&entry));
            let frame = Bytes::from(bytes).slice(3..);
            prop_assert_eq!(check(&frame, salt), Ok(Head { position: entry.position, bytes: frame.len() }));
            prop_assert_eq!(decode(&frame), Ok(entry));
        }

        #[test]
        fn a_flipped_bit_is_noticed(entry in entries(), salt in any::<u32>(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let mut bytes = Vec::new();
            encode(&mut bytes, salt, entry.position, &entry);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(check(&bytes, salt).is_err());
        }

        #[test]
        fn a_cut_frame_is_incomplete(entry in entries(), at in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            encode(&mut bytes, 7, entry.position, &entry);
            prop_assert_eq!(check(&bytes[..at.index(bytes.len())], 7), Err(FrameError::Incomplete));
        }

        #[test]
        fn junk_is_refused_without_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Header::decode(&bytes).is_err());
            prop_assert!(check(&bytes, 0).is_err());
            if let Some(rest) = bytes.len().checked_sub(FRAME_HEAD_BYTES) {
                bytes[..4].copy_from_slice(&(rest as u32).to_le_bytes());
            }
            drop(decode(&bytes.into()));
        }
    }

    #[test]
    fn the_format_stays_as_it_is() {
        let entry = Entry {
            position: Position(7),
            received: Timestamp(0x0102_0304_0506_0708),
            topic: "a/b".into(),
            payload: "on".into(),
            qos: 1,
            retain: true,
            client: "c".into(),
            cause: Cause::new(CauseKind::User, "kim").following(Position(300)),
            properties: Bytes::from_static(&[0xaa]),
        };
        let mut bytes = Vec::new();
        encode(&mut bytes, 1, Position(7), &entry);
        insta::assert_snapshot!(format!("{bytes:02x?}"), @"[1a, 00, 00, 00, 6f, fd, 6d, ba, 07, 00, 00, 00, 00, 00, 00, 00, 08, 07, 06, 05, 04, 03, 02, 01, 15, 01, 03, 61, 2f, 62, 01, 63, 03, 6b, 69, 6d, ac, 02, 01, aa, 6f, 6e]");
        let header = Header { salt: 1, base: Position(7), first_received: Timestamp(-1) };
        insta::assert_snapshot!(format!("{:02x?}", header.encode()), @"[4d, 41, 4e, 4d, 55, 4c, 4f, 47, 01, 00, 00, 00, 01, 00, 00, 00, 07, 00, 00, 00, 00, 00, 00, 00, ff, ff, ff, ff, ff, ff, ff, ff, 00, 00, 00, 00, bd, 13, c7, 88]");
        assert_eq!(Header::decode(&header.encode()), Ok(header));
    }

    #[test]
    fn a_newer_file_is_told_from_a_damaged_one() {
        let mut header = Header { salt: 1, base: Position(7), first_received: Timestamp(0) }.encode();
        header[8] = 9;
        assert!(matches!(Header::decode(&header), Err(FrameError::Damaged(_))));
        let crc = crc32fast::hash(&header[..36]);
        header[36..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(Header::decode(&header), Err(FrameError::Newer(9)));
    }
}
