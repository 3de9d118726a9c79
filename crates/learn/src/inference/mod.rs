//! Models that people bring: ONNX files, run beside the pipeline, never in its way.
//!
//! [`install`] is the gate: the file must be the one its [`Manifest`] speaks of, under a licence that allows any use,
//! within its memory limit, loadable by an engine, and it must compute its golden vectors. A [`Worker`] then runs it on
//! its own thread; newer values take the place of those that wait, and who gets failures again and again is suspended.

mod install;
mod manifest;
mod onnx;
mod process;
mod rten;
mod runtime;
mod tensor;
#[cfg(test)]
mod tests;
mod worker;
mod write;

pub use self::rten::Rten;
pub use install::{Carried, DISTANCE_MAX, Installed, ModelError, install};
pub use manifest::{FILE_BYTES_MAX, Golden, Input, MANIFEST_BYTES_MAX, Manifest, Source};
pub use process::{Answer, Meaning, Preparation, ProcessError, Step, VALUES_MAX};
pub use runtime::{Network, Port, Runtime};
pub use tensor::{Numbers, Tensor};
pub use worker::{Budget, Counts, Job, Outcome, Question, Refused, Tell, Tried, Worker};
pub use write::Graph;
