//! Bytes on disk: variable-length integers, a reader that never panics, and frames with a checksum.

use std::borrow::Cow;

/// Why bytes could not be decoded. The caller adds the file and the offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) Cow<'static, str>);

impl Malformed {
    pub(crate) fn new(problem: impl Into<Cow<'static, str>>) -> Self {
        Self(problem.into())
    }
}

/// What a decoder returns.
pub(crate) type Decoded<T> = Result<T, Malformed>;

/// Appends `value` in 7-bit groups, least significant first.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number so that small magnitudes are short.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Appends the length of `bytes` and the bytes.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads what the functions above wrote; every read is checked.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn take(&mut self, count: usize) -> Decoded<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(|| Malformed::new("ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(|| Malformed::new("ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Decoded<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Decoded<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Decoded<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Decoded<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn f64(&mut self) -> Decoded<f64> {
        self.array().map(f64::from_le_bytes)
    }

    pub(crate) fn varint(&mut self) -> Decoded<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed::new("a number is longer than 10 bytes"))
    }

    pub(crate) fn signed(&mut self) -> Decoded<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// A count or length, at most `limit`.
    pub(crate) fn count(&mut self, limit: usize) -> Decoded<usize> {
        let count = self.varint()?;
        usize::try_from(count)
            .ok()
            .filter(|count| *count <= limit)
            .ok_or_else(|| Malformed::new(format!("a count of {count} is more than {limit}")))
    }

    pub(crate) fn bytes(&mut self) -> Decoded<&'a [u8]> {
        let count = self.count(self.rest.len())?;
        self.take(count)
    }

    pub(crate) fn text(&mut self) -> Decoded<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|error| Malformed::new(error.to_string()))
    }

    /// Fails when something is left over.
    pub(crate) fn finish(self) -> Decoded<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::new(format!("{} bytes too many", self.rest.len()))) }
    }
}

/// Length and checksum in front of a frame's payload.
pub(crate) const FRAME_HEADER_BYTES: usize = 8;

/// The largest payload of a frame. A longer length on disk is damage, so a reader never allocates more.
pub(crate) const FRAME_BYTES_MAX: usize = 256 << 20;

/// Appends a frame whose payload `write` appends; returns the payload's size.
pub(crate) fn put_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
    write(out);
    let payload = start + FRAME_HEADER_BYTES;
    let length = out.len() - payload;
    let checksum = crc32fast::hash(&out[payload..]);
    out[start..start + 4].copy_from_slice(&(length as u32).to_le_bytes());
    out[start + 4..payload].copy_from_slice(&checksum.to_le_bytes());
    length
}

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A whole frame; its payload.
    Whole(&'a [u8]),
    /// Nothing more.
    End,
    /// Something that is not a whole frame, and why.
    Torn(&'static str),
}

/// Looks at the frame at the beginning of `bytes`.
pub(crate) fn frame(bytes: &[u8]) -> Frame<'_> {
    if bytes.is_empty() {
        return Frame::End;
    }
    let mut reader = Reader::new(bytes);
    let (Ok(length), Ok(checksum)) = (reader.u32(), reader.u32()) else {
        return Frame::Torn("half a frame header");
    };
    // A frame is never empty, so zeros that a crash left behind are not taken for one.
    if length == 0 || length as usize > FRAME_BYTES_MAX {
        return Frame::Torn("an impossible frame length");
    }
    match reader.take(length as usize) {
        Err(_) => Frame::Torn("half a frame"),
        Ok(payload) if crc32fast::hash(payload) != checksum => Frame::Torn("a wrong checksum"),
        Ok(payload) => Frame::Whole(payload),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_tell_torn_from_whole() {
        let mut bytes = Vec::new();
        put_frame(&mut bytes, |out| out.extend_from_slice(b"hello"));
        assert_eq!(frame(&bytes), Frame::Whole(b"hello"));
        assert_eq!(frame(&bytes[..7]), Frame::Torn("half a frame header"));
        assert_eq!(frame(&bytes[..12]), Frame::Torn("half a frame"));
        assert_eq!(frame(&[0; 64]), Frame::Torn("an impossible frame length"));
        bytes[9] ^= 1;
        assert_eq!(frame(&bytes), Frame::Torn("a wrong checksum"));
        assert_eq!(frame(&[]), Frame::End);
    }

    proptest! {
        #[test]
        fn numbers_survive(unsigned in any::<u64>(), signed in any::<i64>()) {
            let mut out = Vec::new();
            put_varint(&mut out, unsigned);
            put_signed(&mut out, signed);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint().unwrap(), unsigned);
            prop_assert_eq!(reader.signed().unwrap(), signed);
            prop_assert!(reader.finish().is_ok());
        }
    }
}
