//! Why something about models and bindings was not done.

use learn::inference::{MANIFEST_BYTES_MAX, ModelError, Refused};

/// Why something about models and bindings was not done.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// The site has no folder for models.
    #[error("this site keeps no models\nhint: it was opened without a folder for them")]
    NoFolder,
    /// The manifest cannot be read.
    #[error("the manifest cannot be read: {0}\nhint: docs/models.md describes it")]
    Manifest(String),
    /// The manifest is too large.
    #[error("the manifest has {0} bytes, at most {MANIFEST_BYTES_MAX} are accepted\nhint: give fewer golden vectors")]
    ManifestTooLarge(usize),
    /// The file is too large.
    #[error("the file has {bytes} bytes, at most {most} are accepted\nhint: bring a smaller model")]
    FileTooLarge {
        /// What it has.
        bytes: u64,
        /// What it may have.
        most: u64,
    },
    /// The model is not taken.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It was not ready in time.
    #[error(
        "model {name}: it was not loaded and checked within {seconds} s\nhint: bring a smaller model, or fewer golden vectors"
    )]
    NotInTime {
        /// The model.
        name: String,
        /// The limit.
        seconds: u64,
    },
    /// There is one of this name and version.
    #[error("there is a model {0} already\nhint: give it another version, or delete the one that is there")]
    Exists(String),
    /// There are too many of something.
    #[error("there are {count} {what} already\nhint: delete some that are not used")]
    Full {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// Too many models are being taken in.
    #[error("{0} models are being checked already\nhint: try again when one of them is done")]
    Busy(usize),
    /// There is no such model.
    #[error("there is no model {0}")]
    UnknownModel(String),
    /// There is no such binding.
    #[error("there is no binding {0}")]
    UnknownBinding(String),
    /// The model does not run.
    #[error("model {id} does not run: {why}")]
    NotReady {
        /// The model.
        id: String,
        /// In words.
        why: String,
    },
    /// Something is bound to it.
    #[error("model {id} is bound by {by}\nhint: delete or change that binding first")]
    Bound {
        /// The model.
        id: String,
        /// A binding.
        by: String,
    },
    /// A binding cannot be.
    #[error("{place}: {problem}\nhint: {hint}")]
    Binding {
        /// Where in it.
        place: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: &'static str,
    },
    /// The model did not answer.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The disk did not take or give a file.
    #[error("the files of models: {0}\nhint: look at the disk of the data directory")]
    File(#[from] std::io::Error),
}
