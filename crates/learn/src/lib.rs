//! How streams of values behave: what is unusual in them, what is broken behind them, what comes next.
//!
//! Everything here learns while it runs, sample by sample, with a small state of fixed size that can be written down
//! and taken up again.
//!
//! **Invariant:** nothing here reads a clock, opens a file or draws unseeded randomness: time comes with each sample.
//! **Invariant:** the cost of a sample and the bytes of a state are bounded, whatever arrives; the same samples give the same findings.

pub mod anomaly;
pub mod appliance;
pub mod battery;
mod calibrate;
#[cfg(test)]
mod chance;
mod codec;
pub mod fault;
pub mod forecast;
pub mod habit;
#[cfg(feature = "inference")]
pub mod inference;
pub mod multivariate;
mod normal;
pub mod slots;
mod stream;
pub mod switch;
pub mod tank;
pub mod thermal;

pub use codec::CodecError;
pub use stream::{Finding, Kind, STATE_BYTES_MAX, Settings, Stream};
