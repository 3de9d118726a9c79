//! The League of Robot Runners: its files, its rules, a runner under those rules and a judge of results.
//!
//! - [`Instance`] is read from the League's `.json`, `.map`, `.agents` and `.tasks` files.
//! - [`run`] plays an instance with our own scheduler and planner, with the time of every step enforced.
//! - [`check`] replays anybody's result file: it counts finished tasks and reports every illegal move.
//!
//! Files are opened by whoever calls; here they are text.

mod check;
mod controller;
mod files;
mod instance;
mod result;
mod rules;
mod run;

pub use check::{Count, Report, check};
pub use controller::Controller;
pub use files::FileError;
pub use instance::{Edition, Instance, InstanceError};
pub use result::ResultFile;
pub use rules::Game;
pub use run::{Outcome, PREPARATION, Progress, RunSettings, run};
