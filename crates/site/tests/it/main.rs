//! The whole way: what is said on the log, through adapters, into twins, history and live views, and commands back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod broken;
mod commands;
mod common;
mod fold;
mod full_disk;
mod inference;
mod live;
mod map;
mod mind;
mod plans;
mod queries;
mod replay;
mod rules;
mod rules_alarms;
mod rules_bad;
mod rules_time;
mod runs;
mod suggestions;
mod threads;
mod together;
