//! Models that people bring: ONNX files, run beside the pipeline, never in its way.
//!
//! [`install`] is the gate: the file must be the one its [`Facts`] speak of, under a licence that allows any use, within
//! its memory limit, loadable by an engine, and it must compute its golden vectors. A [`Worker`] then runs it on its own
//! thread; newer values take the place of those that wait, and a model that is late or fails again and again is suspended.
//! [`Worker::shadow`] tries a successor on the same values before [`Worker::promote`] puts it in the model's place.

mod install;
mod onnx;
mod process;
mod rten;
mod runtime;
mod tensor;
#[cfg(test)]
mod tests;
mod worker;

pub use self::rten::Rten;
pub use install::{DISTANCE_MAX, FILE_BYTES_MAX, Facts, Golden, Installed, ModelError, install};
pub use process::{Answer, Meaning, Pipeline, ProcessError, Step, VALUES_MAX};
pub use runtime::{Network, Port, Runtime};
pub use tensor::{Numbers, Tensor};
pub use worker::{Counts, Outcome, Refused, Worker};
