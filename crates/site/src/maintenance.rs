//! Keeping the disk bounded: how much of the log and the history stays, and for how long.

use std::time::Duration;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::state::{Change, Table};

use crate::error::SiteError;
use crate::site::{RETENTION_SETTING, Site};

const GIGABYTE: u64 = 1 << 30;
const DAY: Duration = Duration::from_hours(24);

/// How much is kept. What is over any of these goes, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetentionSettings {
    /// Days of the log.
    pub log_days: u32,
    /// Bytes of the log.
    pub log_bytes: u64,
    /// Days of raw points.
    pub raw_days: u32,
    /// Days of one bucket a minute.
    pub minute_days: u32,
    /// Days of one bucket an hour.
    pub hour_days: u32,
    /// Bytes of the history.
    pub history_bytes: u64,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        Self {
            log_days: 14,
            log_bytes: 4 * GIGABYTE,
            raw_days: 90,
            minute_days: 730,
            hour_days: 3_650,
            history_bytes: 16 * GIGABYTE,
        }
    }
}

impl Site {
    /// How much is kept.
    pub fn retention(&self) -> RetentionSettings {
        *self.retention.read()
    }

    /// Changes how much is kept; it is acted on with the next maintenance.
    pub fn set_retention(&self, settings: RetentionSettings) -> Result<(), SiteError> {
        let change = Change::put(Table::Setting, RETENTION_SETTING, None, &settings);
        self.state.commit(vec![change], self.clock.now())?;
        *self.retention.write() = settings;
        Ok(())
    }

    /// Drops what is over retention and tidies the history. Blocks on the disk. Never drops what a restart, or a
    /// subscriber of the broker, still needs.
    pub fn maintain(&self) -> Result<(), SiteError> {
        let (settings, now) = (self.retention(), self.clock.now());
        let before = |days: u32| -> Timestamp { now - DAY * days };
        let on_disk: Option<model::Position> =
            self.state.get(Table::Setting, crate::site::FOLD_SETTING)?.and_then(|row| row.parse(Table::Setting).ok());
        let folded = on_disk.unwrap_or_default().min(self.history.applied());
        let delivered = self.publisher.get().map(|publisher| publisher.needed_from());
        let needed_from = delivered.map_or(folded.next(), |delivered| delivered.min(folded.next()));
        let gone = self.log.retain(&store::log::Retention {
            received_before: before(settings.log_days),
            bytes_max: settings.log_bytes,
            needed_from,
        })?;
        if gone > 0 {
            tracing::info!(entries = gone, "retention dropped the oldest entries of the log");
        }
        self.history.maintain(&store::history::Retention {
            raw_before: before(settings.raw_days),
            minute_before: before(settings.minute_days),
            hour_before: before(settings.hour_days),
            bytes_max: settings.history_bytes,
        })?;
        Ok(())
    }
}
