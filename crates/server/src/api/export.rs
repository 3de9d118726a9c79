//! History as a file, streamed: whatever there is, memory stays bounded.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use model::{Name, ThingId, Timestamp};
use serde::Deserialize;
use store::history::{Selection, export_csv, export_parquet};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use super::App;
use crate::http::{Problem, Query};

/// Pieces of a file that wait for the network; the export waits while there are as many.
const PIECES_MAX: usize = 4;

/// Bytes of one piece.
const PIECE_BYTES: usize = 64 * 1024;

/// The forms of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// `thing,name,time,value` with a head line; times as RFC 3339.
    #[default]
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// What to export.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// The form.
    #[param(inline)]
    pub format: Option<ExportFormat>,
    /// Only this thing.
    #[param(value_type = Option<String>)]
    pub thing: Option<ThingId>,
    /// Only series of this name.
    #[param(value_type = Option<String>)]
    pub name: Option<Name>,
    /// From this time on, in microseconds.
    pub from: Option<i64>,
    /// Before this time, in microseconds.
    pub to: Option<i64>,
}

/// Points as a file.
#[utoipa::path(get, path = "/history/export", tag = "history", params(ExportQuery),
    responses((status = 200, content((String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet")))))]
pub async fn export(State(app): State<App>, Query(query): Query<ExportQuery>) -> Result<Response, Problem> {
    let format = query.format.unwrap_or_default();
    let mut series = app.history.list(query.thing.as_ref());
    series.retain(|info| query.name.as_ref().is_none_or(|name| info.key.name == *name));
    let selection = Selection {
        series,
        from: query.from.map_or(Timestamp::MIN, Timestamp),
        to: query.to.map_or(Timestamp::MAX, Timestamp),
    };
    let (pieces, mut received) = mpsc::channel::<io::Result<Bytes>>(PIECES_MAX);
    let history = Arc::clone(&app.history);
    tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(PIECE_BYTES, Pieces(pieces.clone()));
        let done = match format {
            ExportFormat::Csv => export_csv(&*history, &selection, &mut out, &mut |_| {}),
            ExportFormat::Parquet => export_parquet(&*history, &selection, &mut out, &mut |_| {}),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "an export ended early");
            // Whoever still listens learns by a broken stream that the file is not whole.
            drop(pieces.blocking_send(Err(io::Error::other("the export ended early"))));
        }
    });
    let (media_type, name) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "manmul-history.csv"),
        ExportFormat::Parquet => ("application/vnd.apache.parquet", "manmul-history.parquet"),
    };
    let stream = futures_util::stream::poll_fn(move |context| received.poll_recv(context));
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// Hands what is written to a body.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Ok(Bytes::copy_from_slice(bytes));
        self.0.blocking_send(piece).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
