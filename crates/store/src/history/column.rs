//! Columns of one type to bytes and back. Each column says how it is stored: plain when it is short, a formula when it
//! is regular, `pco` otherwise; texts as a dictionary under zstd.

use std::collections::HashMap;
use std::io::Read;

use pco::ChunkConfig;
use pco::data_types::Number;
use pco::standalone::{simple_compress_into, simple_decompress_into};

use super::wire::{Decoded, Malformed, Reader, put_bytes, put_signed, put_varint};

/// Values as they are: differences as varints for integers, eight bytes each for floats.
const PLAIN: u8 = 0;
/// First value and step; for floats one value repeated.
const REGULAR: u8 = 1;
/// Compressed: numbers as `pco`'s standalone format, texts as zstd.
const PACKED: u8 = 2;

/// Below this many values `pco`'s header costs more than it saves.
const PCO_VALUES_MIN: usize = 24;

/// Texts are compressed from this size on.
const ZSTD_BYTES_MIN: usize = 64;

/// The largest block of texts, unpacked.
const TEXT_BYTES_MAX: usize = 1 << 30;

/// How hard to compress: quick at flush, well at compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// At flush.
    Quick,
    /// At compaction.
    Thorough,
}

impl Effort {
    fn pco(self) -> ChunkConfig {
        ChunkConfig::default().with_compression_level(match self {
            Self::Quick => 4,
            Self::Thorough => 8,
        })
    }

    fn zstd(self) -> i32 {
        match self {
            Self::Quick => 1,
            Self::Thorough => 9,
        }
    }
}

fn put_pco<T: Number>(out: &mut Vec<u8>, values: &[T], config: &ChunkConfig) {
    let mut packed = Vec::with_capacity(values.len() * 2 + 64);
    simple_compress_into(values, config, &mut packed).expect("the configuration is valid and a vector takes all bytes");
    put_bytes(out, &packed);
}

fn take_pco<T: Number + Default + Clone>(reader: &mut Reader<'_>, count: usize) -> Decoded<Vec<T>> {
    let mut values = vec![T::default(); count];
    let progress =
        simple_decompress_into(reader.bytes()?, &mut values).map_err(|error| Malformed::new(error.to_string()))?;
    if progress.n_processed == count { Ok(values) } else { Err(Malformed::new("fewer numbers than stated")) }
}

/// Appends integers.
pub(crate) fn put_integers(out: &mut Vec<u8>, values: &[i64], effort: Effort) {
    let step = match values {
        [first, second, ..] => second.wrapping_sub(*first),
        _ => 0,
    };
    if !values.is_empty() && values.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step) {
        out.push(REGULAR);
        put_signed(out, values[0]);
        put_signed(out, step);
    } else if values.len() < PCO_VALUES_MIN {
        out.push(PLAIN);
        let mut before = 0;
        for value in values {
            put_signed(out, value.wrapping_sub(before));
            before = *value;
        }
    } else {
        out.push(PACKED);
        put_pco(out, values, &effort.pco());
    }
}

/// Reads `count` integers.
pub(crate) fn take_integers(reader: &mut Reader<'_>, count: usize) -> Decoded<Vec<i64>> {
    match reader.u8()? {
        REGULAR => {
            let (mut value, step) = (reader.signed()?, reader.signed()?);
            Ok((0..count)
                .map(|_| {
                    let this = value;
                    value = value.wrapping_add(step);
                    this
                })
                .collect())
        }
        PLAIN => {
            let mut value = 0_i64;
            (0..count)
                .map(|_| {
                    value = value.wrapping_add(reader.signed()?);
                    Ok(value)
                })
                .collect()
        }
        PACKED => take_pco(reader, count),
        other => Err(Malformed::new(format!("unknown storage {other} of integers"))),
    }
}

/// Appends floats. The bits come back as they were.
pub(crate) fn put_floats(out: &mut Vec<u8>, values: &[f64], effort: Effort) {
    if !values.is_empty() && values.iter().all(|value| value.to_bits() == values[0].to_bits()) {
        out.push(REGULAR);
        out.extend_from_slice(&values[0].to_le_bytes());
    } else if values.len() < PCO_VALUES_MIN {
        out.push(PLAIN);
        for value in values {
            out.extend_from_slice(&value.to_le_bytes());
        }
    } else {
        out.push(PACKED);
        put_pco(out, values, &effort.pco());
    }
}

/// Reads `count` floats.
pub(crate) fn take_floats(reader: &mut Reader<'_>, count: usize) -> Decoded<Vec<f64>> {
    match reader.u8()? {
        REGULAR => Ok(vec![reader.f64()?; count]),
        PLAIN => (0..count).map(|_| reader.f64()).collect(),
        PACKED => take_pco(reader, count),
        other => Err(Malformed::new(format!("unknown storage {other} of floats"))),
    }
}

/// Appends booleans, eight to a byte.
pub(crate) fn put_booleans(out: &mut Vec<u8>, values: &[bool]) {
    out.extend(values.chunks(8).map(|bits| bits.iter().rev().fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit))));
}

/// Reads `count` booleans.
pub(crate) fn take_booleans(reader: &mut Reader<'_>, count: usize) -> Decoded<Vec<bool>> {
    let bytes = reader.take(count.div_ceil(8))?;
    Ok((0..count).map(|index| bytes[index / 8] >> (index % 8) & 1 == 1).collect())
}

/// Appends texts: each different one once, then which one comes when, all of it under zstd.
pub(crate) fn put_texts(out: &mut Vec<u8>, values: &[&str], effort: Effort) {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut different: Vec<&str> = Vec::new();
    let order: Vec<usize> = values
        .iter()
        .map(|text| {
            *numbers.entry(text).or_insert_with(|| {
                different.push(text);
                different.len() - 1
            })
        })
        .collect();
    let mut block = Vec::new();
    put_varint(&mut block, different.len() as u64);
    for text in &different {
        put_bytes(&mut block, text.as_bytes());
    }
    for number in order {
        put_varint(&mut block, number as u64);
    }
    put_varint(out, block.len() as u64);
    let packed = if block.len() >= ZSTD_BYTES_MIN {
        zstd::bulk::compress(&block, effort.zstd()).expect("compressing into memory has no way to fail")
    } else {
        Vec::new()
    };
    if packed.is_empty() || packed.len() >= block.len() {
        out.push(PLAIN);
        put_bytes(out, &block);
    } else {
        out.push(PACKED);
        put_bytes(out, &packed);
    }
}

/// Reads `count` texts; equal ones share their memory.
pub(crate) fn take_texts(reader: &mut Reader<'_>, count: usize) -> Decoded<Vec<std::sync::Arc<str>>> {
    let size = reader.count(TEXT_BYTES_MAX)?;
    let storage = reader.u8()?;
    let bytes = reader.bytes()?;
    let unpacked;
    let block = match storage {
        PLAIN => bytes,
        PACKED => {
            unpacked = unpack(bytes, size)?;
            &unpacked
        }
        other => return Err(Malformed::new(format!("unknown storage {other} of texts"))),
    };
    if block.len() != size {
        return Err(Malformed::new("texts of another size than stated"));
    }
    let mut reader = Reader::new(block);
    let different = reader.count(block.len())?;
    let different: Vec<std::sync::Arc<str>> =
        (0..different).map(|_| reader.text().map(std::sync::Arc::from)).collect::<Decoded<_>>()?;
    let texts = (0..count)
        .map(|_| {
            let number = reader.varint()? as usize;
            different.get(number).cloned().ok_or_else(|| Malformed::new("a text that is not in the dictionary"))
        })
        .collect::<Decoded<_>>()?;
    reader.finish()?;
    Ok(texts)
}

/// Unpacks zstd without trusting the stated size with memory.
fn unpack(bytes: &[u8], size: usize) -> Decoded<Vec<u8>> {
    let mut block = Vec::new();
    let read = zstd::stream::read::Decoder::with_buffer(bytes)
        .and_then(|decoder| decoder.take(size as u64 + 1).read_to_end(&mut block));
    read.map_err(|error| Malformed::new(error.to_string()))?;
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode<T>(bytes: &[u8], take: impl FnOnce(&mut Reader<'_>) -> Decoded<T>) -> T {
        let mut reader = Reader::new(bytes);
        let value = take(&mut reader).unwrap();
        reader.finish().unwrap();
        value
    }

    #[test]
    fn regular_columns_cost_a_few_bytes() {
        let times: Vec<i64> = (0..10_000).map(|i| 1_700_000_000_000_000 + i * 10_000_000).collect();
        let mut out = Vec::new();
        put_integers(&mut out, &times, Effort::Quick);
        put_floats(&mut out, &vec![21.5; 10_000], Effort::Quick);
        assert!(out.len() < 30, "{} bytes", out.len());
    }

    #[test]
    fn damaged_texts_are_refused() {
        let texts = vec!["the same line over and over again"; 20];
        let mut out = Vec::new();
        put_texts(&mut out, &texts, Effort::Thorough);
        assert!(out.len() < 100);
        for index in 0..out.len() {
            let mut damaged = out.clone();
            damaged[index] ^= 0x55;
            // Must not panic; a checksum outside catches what is not noticed here.
            drop(take_texts(&mut Reader::new(&damaged), texts.len()));
        }
    }

    proptest! {
        #[test]
        fn columns_survive(
            integers in prop::collection::vec(any::<i64>(), 0..200),
            floats in prop::collection::vec(any::<f64>(), 0..200),
            booleans in prop::collection::vec(any::<bool>(), 0..50),
            texts in prop::collection::vec("[a-c]{0,3}|.{0,40}", 0..60),
            thorough: bool,
        ) {
            let effort = if thorough { Effort::Thorough } else { Effort::Quick };
            let mut out = Vec::new();
            put_integers(&mut out, &integers, effort);
            prop_assert_eq!(decode(&out, |reader| take_integers(reader, integers.len())), integers);
            out.clear();
            put_floats(&mut out, &floats, effort);
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&decode(&out, |reader| take_floats(reader, floats.len()))), bits(&floats));
            out.clear();
            put_booleans(&mut out, &booleans);
            prop_assert_eq!(decode(&out, |reader| take_booleans(reader, booleans.len())), booleans);
            out.clear();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            put_texts(&mut out, &texts, effort);
            let back = decode(&out, |reader| take_texts(reader, texts.len()));
            prop_assert_eq!(back.iter().map(|text| &**text).collect::<Vec<_>>(), texts);
        }
    }
}
