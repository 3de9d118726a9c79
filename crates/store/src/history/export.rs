//! Export as CSV or Parquet, in pieces: whatever the history holds, memory stays bounded.
//!
//! One row a point, in order of series and time. The columns are `time`, `thing`, `name` and one column a type, of
//! which a row fills one (none for a null): `value_float`, `value_integer`, `value_bool`, `value_text`. Objects are JSON
//! text.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use model::{Timestamp, Value};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{History, HistoryError, Point, SeriesInfo};

/// Points that are in memory at a time.
const PAGE_POINTS: usize = 16_384;

/// Rows of a Parquet row group; the writer keeps one in memory.
const ROW_GROUP_ROWS: usize = 8 * PAGE_POINTS;

/// What is exported.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Which series, in the order of the file.
    pub series: Vec<SeriesInfo>,
    /// From here on.
    pub from: Timestamp,
    /// Up to here, exclusive.
    pub to: Timestamp,
}

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportProgress {
    /// Series that are done.
    pub series: usize,
    /// Series in all.
    pub series_total: usize,
    /// Points written.
    pub points: u64,
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The history could not be read.
    #[error(transparent)]
    History(#[from] HistoryError),
    /// The receiver took no more.
    #[error("the export could not be written: {0}")]
    Write(#[from] std::io::Error),
    /// The Parquet writer failed.
    #[error("the export could not be written: {0}")]
    Parquet(#[from] ParquetError),
    /// The columns did not fit together.
    #[error("the export could not be written: {0}")]
    Arrow(#[from] ArrowError),
}

/// Walks through a selection page by page.
fn pages(
    history: &dyn History,
    selection: &Selection,
    progress: &mut dyn FnMut(ExportProgress),
    mut each: impl FnMut(&SeriesInfo, &[Point]) -> Result<(), ExportError>,
) -> Result<ExportProgress, ExportError> {
    let mut done = ExportProgress { series_total: selection.series.len(), ..ExportProgress::default() };
    for info in &selection.series {
        let mut from = selection.from;
        loop {
            let points = history.range(info.id, from, selection.to, PAGE_POINTS)?;
            let Some(last) = points.last() else { break };
            from = Timestamp(last.time.0.saturating_add(1));
            each(info, &points)?;
            done.points += points.len() as u64;
            if points.len() < PAGE_POINTS {
                break;
            }
            progress(done);
        }
        done.series += 1;
        progress(done);
    }
    Ok(done)
}

/// Writes a selection as CSV (RFC 4180, UTF-8, times in RFC 3339) and flushes `out`.
pub fn export_csv(
    history: &dyn History,
    selection: &Selection,
    out: &mut dyn Write,
    progress: &mut dyn FnMut(ExportProgress),
) -> Result<ExportProgress, ExportError> {
    out.write_all(b"time,thing,name,value_float,value_integer,value_bool,value_text\r\n")?;
    let mut text = String::new();
    let done = pages(history, selection, progress, |info, points| {
        let series = format!("{},{}", quoted(info.key.thing.as_str()), quoted(info.key.name.as_str()));
        text.clear();
        for point in points {
            push_row(&mut text, &series, point);
        }
        Ok(out.write_all(text.as_bytes())?)
    })?;
    out.flush()?;
    Ok(done)
}

fn push_row(text: &mut String, series: &str, point: &Point) {
    use std::fmt::Write as _;
    let time = point.time;
    let written = match &point.value {
        Value::Null => write!(text, "{time},{series},,,,\r\n"),
        Value::Float(float) => write!(text, "{time},{series},{float},,,\r\n"),
        Value::Integer(integer) => write!(text, "{time},{series},,{integer},,\r\n"),
        Value::Boolean(boolean) => write!(text, "{time},{series},,,{boolean},\r\n"),
        Value::Text(value) => write!(text, "{time},{series},,,,{}\r\n", quoted(value)),
        Value::Json(json) => write!(text, "{time},{series},,,,{}\r\n", quoted(&json.to_string())),
    };
    written.expect("a string takes all text");
}

/// A CSV field; quoted when it has to be. An empty text is quoted too, so that it is not taken for no value.
fn quoted(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return text.into();
    }
    format!("\"{}\"", text.replace('"', "\"\"")).into()
}

/// Writes a selection as Parquet (zstd) and flushes `out`.
pub fn export_parquet(
    history: &dyn History,
    selection: &Selection,
    out: &mut (dyn Write + Send),
    progress: &mut dyn FnMut(ExportProgress),
) -> Result<ExportProgress, ExportError> {
    let schema = Arc::new(schema());
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();
    let mut writer = ArrowWriter::try_new(&mut *out, Arc::clone(&schema), Some(properties))?;
    let done = pages(history, selection, progress, |info, points| Ok(writer.write(&batch(&schema, info, points)?)?))?;
    writer.close()?;
    out.flush()?;
    Ok(done)
}

fn schema() -> Schema {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Schema::new(vec![
        Field::new("time", time, false),
        Field::new("thing", DataType::Utf8, false),
        Field::new("name", DataType::Utf8, false),
        Field::new("value_float", DataType::Float64, true),
        Field::new("value_integer", DataType::Int64, true),
        Field::new("value_bool", DataType::Boolean, true),
        Field::new("value_text", DataType::Utf8, true),
    ])
}

fn batch(schema: &Arc<Schema>, info: &SeriesInfo, points: &[Point]) -> Result<RecordBatch, ArrowError> {
    let values = || points.iter().map(|point| &point.value);
    let times =
        TimestampMicrosecondArray::from_iter_values(points.iter().map(|point| point.time.0)).with_timezone("UTC");
    let repeated = |text: &str| StringArray::from_iter_values(std::iter::repeat_n(text, points.len()));
    let floats: Float64Array =
        values().map(|value| if let Value::Float(float) = value { Some(*float) } else { None }).collect();
    let integers: Int64Array =
        values().map(|value| if let Value::Integer(integer) = value { Some(*integer) } else { None }).collect();
    let booleans: BooleanArray =
        values().map(|value| if let Value::Boolean(boolean) = value { Some(*boolean) } else { None }).collect();
    let texts: StringArray = values()
        .map(|value| match value {
            Value::Text(text) => Some(text.to_string()),
            Value::Json(json) => Some(json.to_string()),
            _ => None,
        })
        .collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times),
        Arc::new(repeated(info.key.thing.as_str())),
        Arc::new(repeated(info.key.name.as_str())),
        Arc::new(floats),
        Arc::new(integers),
        Arc::new(booleans),
        Arc::new(texts),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns)
}
