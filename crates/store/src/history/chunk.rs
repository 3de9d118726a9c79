//! Chunks: the points, or the buckets, of one series over some time, packed. A chunk is immutable.

use std::sync::Arc;

use model::Value;

use super::column::{
    Effort, put_booleans, put_floats, put_integers, put_texts, take_booleans, take_floats, take_integers, take_texts,
};
use super::points::{Column, Points};
use super::summary::{Rollup, Summary};
use super::wire::{Decoded, Malformed, Reader, put_signed, put_varint};
use super::{SeriesId, Tier};

/// The most points or buckets in a chunk. A larger count on disk is damage, so a reader never allocates more.
pub(crate) const CHUNK_POINTS_MAX: usize = 1 << 17;

/// Kinds of columns and of values within a mixed one.
mod kind {
    pub(super) const FLOAT: u8 = 0;
    pub(super) const INTEGER: u8 = 1;
    pub(super) const BOOLEAN: u8 = 2;
    pub(super) const MIXED: u8 = 3;
    pub(super) const NULL: u8 = 4;
    pub(super) const TEXT: u8 = 5;
    pub(super) const JSON: u8 = 6;
}

/// What the last point of a chunk is, when [`Summary::last`] says it exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LastKind {
    /// The chunk must be decoded to know.
    Unknown,
    /// A float.
    Float,
    /// An integer that a float holds exactly.
    Integer,
    /// A boolean.
    Boolean,
}

/// What the index knows of a chunk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChunkEntry {
    /// Whose.
    pub(crate) series: SeriesId,
    /// Where in the file.
    pub(crate) offset: u64,
    /// Bytes in the file.
    pub(crate) length: u32,
    /// Of those bytes.
    pub(crate) checksum: u32,
    /// Points, or buckets.
    pub(crate) count: u32,
    /// The time of the first point; in a roll-up too, it is that of a real point.
    pub(crate) first: i64,
    /// The time of the last point; in a roll-up too, it is that of a real point.
    pub(crate) last: i64,
    /// The numbers in it.
    pub(crate) summary: Option<Summary>,
    /// Whether the last point can be told without decoding.
    pub(crate) last_kind: LastKind,
}

impl ChunkEntry {
    /// The value of the last point, if the index holds it.
    pub(crate) fn last_value(&self) -> Option<Value> {
        let last = self.summary.as_ref()?.last;
        match self.last_kind {
            LastKind::Unknown => None,
            LastKind::Float => Some(Value::Float(last)),
            LastKind::Integer => Some(Value::Integer(last as i64)),
            LastKind::Boolean => Some(Value::Boolean(last != 0.0)),
        }
    }
}

fn last_kind(points: &Points) -> LastKind {
    const EXACT_MAX: u64 = 1 << 53;
    match points.value(points.len() - 1) {
        Value::Float(_) => LastKind::Float,
        Value::Integer(integer) if integer.unsigned_abs() <= EXACT_MAX => LastKind::Integer,
        Value::Boolean(_) => LastKind::Boolean,
        _ => LastKind::Unknown,
    }
}

/// A chunk that is not in a file yet.
#[derive(Debug)]
pub(crate) struct PackedChunk {
    /// What the index will say; its offset is not known yet.
    pub(crate) entry: ChunkEntry,
    /// The packed points.
    pub(crate) bytes: Vec<u8>,
}

impl PackedChunk {
    fn new(bytes: Vec<u8>, mut entry: ChunkEntry) -> Self {
        entry.length = bytes.len() as u32;
        entry.checksum = crc32fast::hash(&bytes);
        Self { entry, bytes }
    }

    /// Packs normalised points, at least one.
    pub(crate) fn of_points(series: SeriesId, points: &Points, effort: Effort) -> Self {
        debug_assert!(points.times.is_sorted_by(|a, b| a < b), "only normalised points are packed");
        let mut bytes = Vec::with_capacity(points.len() * 2 + 64);
        put_points(&mut bytes, points, effort);
        let entry = ChunkEntry {
            series,
            offset: 0,
            length: 0,
            checksum: 0,
            count: points.len() as u32,
            first: points.times[0],
            last: points.times[points.len() - 1],
            summary: Summary::of_points(points),
            last_kind: last_kind(points),
        };
        Self::new(bytes, entry)
    }

    /// Packs buckets, at least one, that were made of points from `first` to `last`.
    pub(crate) fn of_rollup(series: SeriesId, tier: Tier, rollup: &Rollup, span: (i64, i64), effort: Effort) -> Self {
        let mut bytes = Vec::with_capacity(rollup.starts.len() * 12 + 64);
        put_rollup(&mut bytes, tier, rollup, effort);
        let entry = ChunkEntry {
            series,
            offset: 0,
            length: 0,
            checksum: 0,
            count: rollup.starts.len() as u32,
            first: span.0,
            last: span.1,
            summary: rollup.total(),
            last_kind: LastKind::Unknown,
        };
        Self::new(bytes, entry)
    }
}

fn value_kind(value: &Value) -> u8 {
    match value {
        Value::Float(_) => kind::FLOAT,
        Value::Integer(_) => kind::INTEGER,
        Value::Boolean(_) => kind::BOOLEAN,
        Value::Null => kind::NULL,
        Value::Text(_) => kind::TEXT,
        Value::Json(_) => kind::JSON,
    }
}

fn put_points(out: &mut Vec<u8>, points: &Points, effort: Effort) {
    let column = match &points.values {
        Column::Float(_) => kind::FLOAT,
        Column::Integer(_) => kind::INTEGER,
        Column::Boolean(_) => kind::BOOLEAN,
        Column::Mixed(_) => kind::MIXED,
    };
    out.push(column);
    put_varint(out, points.len() as u64);
    put_integers(out, &points.times, effort);
    match &points.values {
        Column::Float(values) => put_floats(out, values, effort),
        Column::Integer(values) => put_integers(out, values, effort),
        Column::Boolean(values) => put_booleans(out, values),
        Column::Mixed(values) => put_mixed(out, values, effort),
    }
}

/// Runs of kinds, then the values of each kind together.
fn put_mixed(out: &mut Vec<u8>, values: &[Value], effort: Effort) {
    let runs: Vec<&[Value]> = values.chunk_by(|a, b| value_kind(a) == value_kind(b)).collect();
    put_varint(out, runs.len() as u64);
    for run in runs {
        out.push(value_kind(&run[0]));
        put_varint(out, run.len() as u64);
    }
    let pick = |wanted: u8| values.iter().filter(move |value| value_kind(value) == wanted);
    let floats: Vec<f64> = pick(kind::FLOAT).filter_map(Value::as_f64).collect();
    let integers: Vec<i64> = values
        .iter()
        .filter_map(|value| if let Value::Integer(integer) = value { Some(*integer) } else { None })
        .collect();
    let booleans: Vec<bool> = values
        .iter()
        .filter_map(|value| if let Value::Boolean(boolean) = value { Some(*boolean) } else { None })
        .collect();
    let texts: Vec<&str> =
        values.iter().filter_map(|value| if let Value::Text(text) = value { Some(&**text) } else { None }).collect();
    let documents: Vec<String> = pick(kind::JSON).map(|value| value.to_json().to_string()).collect();
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    put_floats(out, &floats, effort);
    put_integers(out, &integers, effort);
    put_booleans(out, &booleans);
    put_texts(out, &texts, effort);
    put_texts(out, &documents, effort);
}

/// Unpacks points.
pub(crate) fn take_points(bytes: &[u8]) -> Decoded<Points> {
    let mut reader = Reader::new(bytes);
    let column = reader.u8()?;
    let count = reader.count(CHUNK_POINTS_MAX)?;
    let times = take_integers(&mut reader, count)?;
    if !times.is_sorted_by(|a, b| a < b) {
        return Err(Malformed::new("times are out of order"));
    }
    let values = match column {
        kind::FLOAT => Column::Float(take_floats(&mut reader, count)?),
        kind::INTEGER => Column::Integer(take_integers(&mut reader, count)?),
        kind::BOOLEAN => Column::Boolean(take_booleans(&mut reader, count)?),
        kind::MIXED => Column::Mixed(take_mixed(&mut reader, count)?),
        other => return Err(Malformed::new(format!("unknown kind {other} of values"))),
    };
    reader.finish()?;
    Ok(Points { times, values })
}

fn take_mixed(reader: &mut Reader<'_>, count: usize) -> Decoded<Vec<Value>> {
    let mut kinds = Vec::new();
    for _ in 0..reader.count(count)? {
        let kind = reader.u8()?;
        let length = reader.count(count - kinds.len())?;
        kinds.resize(kinds.len() + length, kind);
    }
    if kinds.len() != count {
        return Err(Malformed::new("fewer kinds than values"));
    }
    let mut counts = [0_usize; 256];
    for kind in &kinds {
        counts[usize::from(*kind)] += 1;
    }
    let number = |wanted: u8| counts[usize::from(wanted)];
    let mut floats = take_floats(reader, number(kind::FLOAT))?.into_iter();
    let mut integers = take_integers(reader, number(kind::INTEGER))?.into_iter();
    let mut booleans = take_booleans(reader, number(kind::BOOLEAN))?.into_iter();
    let mut texts = take_texts(reader, number(kind::TEXT))?.into_iter();
    let mut documents = take_texts(reader, number(kind::JSON))?.into_iter();
    kinds
        .iter()
        .map(|kind| {
            let value = match *kind {
                kind::FLOAT => floats.next().map(Value::Float),
                kind::INTEGER => integers.next().map(Value::Integer),
                kind::BOOLEAN => booleans.next().map(Value::Boolean),
                kind::TEXT => texts.next().map(Value::Text),
                kind::JSON => documents.next().map(|text| take_json(&text)).transpose()?,
                kind::NULL => Some(Value::Null),
                _ => None,
            };
            value.ok_or_else(|| Malformed::new(format!("unknown kind {kind} of a value")))
        })
        .collect()
}

/// A document as it was; `Value::from_json` would turn one that holds only a number into a number.
pub(crate) fn take_json(text: &str) -> Decoded<Value> {
    serde_json::from_str(text)
        .map(|json| Value::Json(Arc::new(json)))
        .map_err(|error| Malformed::new(error.to_string()))
}

/// Marks a column of buckets that equals an earlier one, by its number.
const SAME: u8 = 0x80;

fn put_rollup(out: &mut Vec<u8>, tier: Tier, rollup: &Rollup, effort: Effort) {
    put_varint(out, rollup.starts.len() as u64);
    let numbers: Vec<i64> = rollup.starts.iter().map(|start| start.div_euclid(tier.width())).collect();
    put_integers(out, &numbers, effort);
    let counts: Vec<i64> = rollup.summaries.iter().map(|summary| summary.count as i64).collect();
    put_integers(out, &counts, effort);
    let column = |of: fn(&Summary) -> f64| rollup.summaries.iter().map(of).collect::<Vec<f64>>();
    let columns = [
        column(|summary| summary.minimum),
        column(|summary| summary.maximum),
        column(|summary| summary.first),
        column(|summary| summary.last),
        column(|summary| summary.sum),
    ];
    for (index, values) in columns.iter().enumerate() {
        let same = |other: &&Vec<f64>| other.iter().zip(values).all(|(a, b)| a.to_bits() == b.to_bits());
        match columns[..index].iter().position(|other| same(&other)) {
            Some(earlier) => out.push(SAME | earlier as u8),
            None => put_floats(out, values, effort),
        }
    }
}

/// Unpacks buckets.
pub(crate) fn take_rollup(bytes: &[u8], tier: Tier) -> Decoded<Rollup> {
    let mut reader = Reader::new(bytes);
    let count = reader.count(CHUNK_POINTS_MAX)?;
    let numbers = take_integers(&mut reader, count)?;
    let starts: Vec<i64> = numbers.iter().map(|number| number.saturating_mul(tier.width())).collect();
    if !starts.is_sorted_by(|a, b| a < b) {
        return Err(Malformed::new("buckets are out of order"));
    }
    let counts = take_integers(&mut reader, count)?;
    let mut columns: Vec<Vec<f64>> = Vec::with_capacity(5);
    for _ in 0..5 {
        let marker = reader.clone().u8()?;
        if marker & SAME == 0 {
            columns.push(take_floats(&mut reader, count)?);
        } else {
            reader.u8()?;
            let earlier = columns.get(usize::from(marker & !SAME));
            columns.push(earlier.ok_or_else(|| Malformed::new("a column like one that is not there"))?.clone());
        }
    }
    reader.finish()?;
    let summaries = (0..count)
        .map(|index| Summary {
            minimum: columns[0][index],
            maximum: columns[1][index],
            first: columns[2][index],
            last: columns[3][index],
            sum: columns[4][index],
            count: counts[index] as u64,
        })
        .collect();
    Ok(Rollup { starts, summaries })
}

/// Appends one entry of an index page; `before` is the series and first time of the entry before it.
pub(crate) fn put_entry(out: &mut Vec<u8>, entry: &ChunkEntry, before: (u32, i64)) {
    put_varint(out, u64::from(entry.series.0 - before.0));
    put_varint(out, entry.offset);
    put_varint(out, u64::from(entry.length));
    out.extend_from_slice(&entry.checksum.to_le_bytes());
    put_varint(out, u64::from(entry.count));
    put_signed(out, entry.first.wrapping_sub(before.1));
    put_varint(out, entry.last.wrapping_sub(entry.first) as u64);
    let last_kind = match entry.last_kind {
        LastKind::Unknown => 0,
        LastKind::Float => 1,
        LastKind::Integer => 2,
        LastKind::Boolean => 3,
    };
    let Some(summary) = &entry.summary else {
        out.push(last_kind);
        return;
    };
    out.push(last_kind | 0x10);
    put_varint(out, summary.count);
    for number in [summary.minimum, summary.maximum, summary.first, summary.last, summary.sum] {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

/// Reads what [`put_entry`] wrote.
pub(crate) fn take_entry(reader: &mut Reader<'_>, before: (u32, i64)) -> Decoded<ChunkEntry> {
    let series = reader.varint()?;
    let series = u32::try_from(series).ok().and_then(|step| before.0.checked_add(step));
    let series = series.ok_or_else(|| Malformed::new("a series number that is too large"))?;
    let offset = reader.varint()?;
    let length = u32::try_from(reader.varint()?).map_err(|_| Malformed::new("a chunk length that is too large"))?;
    let checksum = reader.u32()?;
    let count = reader.count(CHUNK_POINTS_MAX)? as u32;
    let first = before.1.wrapping_add(reader.signed()?);
    let last = first.wrapping_add(reader.varint()? as i64);
    let flags = reader.u8()?;
    let last_kind = match flags & 0x0f {
        0 => LastKind::Unknown,
        1 => LastKind::Float,
        2 => LastKind::Integer,
        3 => LastKind::Boolean,
        other => return Err(Malformed::new(format!("unknown kind {other} of a last value"))),
    };
    let summary = if flags & 0x10 == 0 {
        None
    } else {
        let count = reader.varint()?;
        Some(Summary {
            minimum: reader.f64()?,
            maximum: reader.f64()?,
            first: reader.f64()?,
            last: reader.f64()?,
            sum: reader.f64()?,
            count,
        })
    };
    if last < first {
        return Err(Malformed::new("a chunk that ends before it begins"));
    }
    Ok(ChunkEntry { series: SeriesId(series), offset, length, checksum, count, first, last, summary, last_kind })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            (-1e9..1e9_f64).prop_map(Value::Float),
            any::<i64>().prop_map(Value::Integer),
            any::<bool>().prop_map(Value::Boolean),
            ".{0,12}".prop_map(Value::text),
            Just(Value::Null),
            any::<u8>().prop_map(|n| Value::Json(Arc::new(serde_json::json!({"n": n, "list": [1, 2.5, null]})))),
            any::<i32>().prop_map(|n| Value::Json(Arc::new(serde_json::json!(n)))),
        ]
    }

    fn points(values: Vec<(i64, Value)>) -> Points {
        let mut points = Points::default();
        for (time, value) in &values {
            points.push(*time, value);
        }
        points.normalise();
        points
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn points_survive(values in prop::collection::vec((-1_000_000_000..1_000_000_000_i64, value()), 1..120)) {
            let points = points(values);
            let chunk = PackedChunk::of_points(SeriesId(7), &points, Effort::Quick);
            prop_assert_eq!(take_points(&chunk.bytes).unwrap(), points.clone());
            if let Some(last) = chunk.entry.last_value() {
                prop_assert_eq!(last, points.value(points.len() - 1));
            }
            let mut page = Vec::new();
            put_entry(&mut page, &chunk.entry, (3, 99));
            prop_assert_eq!(take_entry(&mut Reader::new(&page), (3, 99)).unwrap(), chunk.entry);
        }

        #[test]
        fn buckets_survive(values in prop::collection::vec((0..50_000_000_000_i64, -1e6..1e6_f64), 1..300)) {
            let points = points(values.into_iter().map(|(time, value)| (time, Value::Float(value))).collect());
            for tier in [Tier::Minute, Tier::Hour] {
                let mut rollup = Rollup::default();
                rollup.add_points(tier, &points);
                prop_assert_eq!(rollup.total().unwrap().count, points.len() as u64);
                let chunk = PackedChunk::of_rollup(SeriesId(1), tier, &rollup, (0, 1), Effort::Thorough);
                prop_assert_eq!(take_rollup(&chunk.bytes, tier).unwrap(), rollup);
            }
        }

        #[test]
        fn damaged_chunks_are_decoded_or_refused(
            values in prop::collection::vec((0..1_000_000_000_i64, value()), 1..100),
            at in any::<prop::sample::Index>(),
            flip in 1..=255_u8,
        ) {
            // The checksum notices before the decoder gets to see it; the decoder must not panic even so.
            for numbers_only in [false, true] {
                let is_wanted = |(_, value): &&(i64, Value)| !numbers_only || matches!(value, Value::Float(_));
                let points = points(values.iter().filter(is_wanted).cloned().collect());
                if !points.is_empty() {
                    let mut bytes = PackedChunk::of_points(SeriesId(7), &points, Effort::Quick).bytes;
                    *at.get_mut(&mut bytes) ^= flip;
                    drop(take_points(&bytes));
                }
            }
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            drop(take_points(&bytes));
            drop(take_rollup(&bytes, Tier::Minute));
        }
    }
}
