//! Bytes of a state: fixed order, little endian, no names, so that a stream's whole memory is a few kilobytes on disk.

/// Why bytes are not a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes end too early, or go on after the end.
    #[error("the state of a stream has the wrong length")]
    Length,
    /// Another version wrote them.
    #[error("the state of a stream was written as version {found}, not {expected}\nhint: let the stream learn anew")]
    Version {
        /// What is written in front.
        found: u8,
        /// What this program reads.
        expected: u8,
    },
    /// A value that no state holds.
    #[error("the state of a stream holds a value that cannot be")]
    Value,
}

/// Something that can be written as bytes and taken up again.
pub(crate) trait Packed: Sized {
    /// Appends itself.
    fn pack(&self, out: &mut Vec<u8>);
    /// Takes itself from the front.
    fn unpack(input: &mut &[u8]) -> Result<Self, CodecError>;
}

macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Packed for $kind {
            fn pack(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn unpack(input: &mut &[u8]) -> Result<Self, CodecError> {
                let (head, rest) = input.split_first_chunk().ok_or(CodecError::Length)?;
                *input = rest;
                Ok(Self::from_le_bytes(*head))
            }
        }
    )*};
}
number!(u8, u16, u32, u64, i64, f32, f64);

impl Packed for bool {
    fn pack(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn unpack(input: &mut &[u8]) -> Result<Self, CodecError> {
        match u8::unpack(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(CodecError::Value),
        }
    }
}

impl<T: Packed> Packed for Vec<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        (self.len() as u16).pack(out);
        self.iter().for_each(|item| item.pack(out));
    }
    fn unpack(input: &mut &[u8]) -> Result<Self, CodecError> {
        let length = u16::unpack(input)?;
        (0..length).map(|_| T::unpack(input)).collect()
    }
}

impl<T: Packed, const N: usize> Packed for [T; N] {
    fn pack(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|item| item.pack(out));
    }
    fn unpack(input: &mut &[u8]) -> Result<Self, CodecError> {
        let items: Vec<T> = (0..N).map(|_| T::unpack(input)).collect::<Result<_, _>>()?;
        items.try_into().map_err(|_| CodecError::Length)
    }
}

impl<T: Packed> Packed for Option<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.is_some().pack(out);
        if let Some(item) = self {
            item.pack(out);
        }
    }
    fn unpack(input: &mut &[u8]) -> Result<Self, CodecError> {
        Ok(if bool::unpack(input)? { Some(T::unpack(input)?) } else { None })
    }
}

/// A struct that is packed field by field.
macro_rules! packed {
    ($name:ty { $($field:ident),* $(,)? }) => {
        impl $crate::codec::Packed for $name {
            fn pack(&self, out: &mut Vec<u8>) {
                $($crate::codec::Packed::pack(&self.$field, out);)*
            }
            fn unpack(input: &mut &[u8]) -> Result<Self, $crate::codec::CodecError> {
                Ok(Self { $($field: $crate::codec::Packed::unpack(input)?),* })
            }
        }
    };
}
pub(crate) use packed;

/// The bytes of a whole state, with its version in front.
pub(crate) fn to_bytes(version: u8, state: &impl Packed) -> Vec<u8> {
    let mut out = vec![version];
    state.pack(&mut out);
    out
}

/// A whole state from its bytes.
pub(crate) fn from_bytes<T: Packed>(version: u8, mut bytes: &[u8]) -> Result<T, CodecError> {
    let found = u8::unpack(&mut bytes)?;
    if found != version {
        return Err(CodecError::Version { found, expected: version });
    }
    let state = T::unpack(&mut bytes)?;
    if bytes.is_empty() { Ok(state) } else { Err(CodecError::Length) }
}
