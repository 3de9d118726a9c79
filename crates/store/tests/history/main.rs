//! The history as others see it: against a model, with bad input and damaged files, under kill -9.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests look at the files of the store")]

mod bed;
mod cases;
#[path = "../engines/crash.rs"]
mod crash;
mod damage;
mod full;
mod kill;
mod model;
mod transfer;
