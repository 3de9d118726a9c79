//! The one folder that a site keeps everything in.

use std::io;
use std::path::{Path, PathBuf};

use crate::files;

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Another process uses it.
    #[error("{place} is {problem}\nhint: stop that process, or choose another data directory")]
    Locked {
        /// The directory.
        place: String,
        /// By whom.
        problem: String,
    },
    /// It cannot be made or written.
    #[error("{place}: {source}\nhint: the data directory must be writable for the user that runs this program")]
    Io {
        /// The directory.
        place: String,
        /// What the system said.
        source: io::Error,
    },
}

/// The folder of a site, locked for this process as long as the value lives:
///
/// ```text
/// log/           what was said, as it was said
/// history/       what was decoded from it
/// state.sqlite   things, twins, sessions, users, settings
/// tls/           certificates and keys
/// models/        models that people brought
/// watched/       files that models look at, such as snapshots of cameras
/// ```
#[derive(Debug)]
pub struct DataDirectory {
    root: PathBuf,
    _lock: files::Lock,
}

impl DataDirectory {
    /// Makes the folder if need be, keeps others out of it, and locks it.
    pub fn open(root: &Path) -> Result<Self, DirectoryError> {
        let place = || root.display().to_string();
        let failed = |source| DirectoryError::Io { place: place(), source };
        files::create_folder(root).map_err(failed)?;
        let lock = files::Lock::take(root).map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => DirectoryError::Locked { place: place(), problem: error.to_string() },
            _ => failed(error),
        })?;
        if let Err(error) = files::restrict(root, true) {
            // It may belong to somebody else who lets us write; our own files are private all the same.
            tracing::warn!(place = place(), %error, "others can look into the data directory");
        }
        let directory = Self { root: root.to_owned(), _lock: lock };
        for folder in
            [directory.log(), directory.history(), directory.tls(), directory.models(), directory.watched_files()]
        {
            files::create_folder(&folder).map_err(failed)?;
        }
        Ok(directory)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of the log.
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// The folder of the history.
    pub fn history(&self) -> PathBuf {
        self.root.join("history")
    }

    /// The file of the state.
    pub fn state(&self) -> PathBuf {
        self.root.join("state.sqlite")
    }

    /// The folder of certificates and keys.
    pub fn tls(&self) -> PathBuf {
        self.root.join("tls")
    }

    /// The folder of the models that people brought.
    pub fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// The folder of files that models look at, such as snapshots of cameras.
    pub fn watched_files(&self) -> PathBuf {
        self.root.join("watched")
    }

    /// The file of the key that secrets are sealed with.
    pub fn seal_key(&self) -> PathBuf {
        self.root.join("seal.key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_laid_out_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("site/data");
        let directory = DataDirectory::open(&root).unwrap();
        for made in [directory.log(), directory.history(), directory.tls()] {
            assert!(made.is_dir(), "{}", made.display());
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(root.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        }
    }

    #[test]
    fn one_process_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let directory = DataDirectory::open(folder.path()).unwrap();
        let error = DataDirectory::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("in use by process") && error.contains("hint: stop that process"), "{error}");
        drop(directory);
        DataDirectory::open(folder.path()).unwrap();
    }

    #[test]
    fn a_place_that_cannot_be_written_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        files::write_atomic(&file, b"").unwrap();
        let error = DataDirectory::open(&file.join("data")).unwrap_err().to_string();
        assert!(error.contains("hint: the data directory must be writable"), "{error}");
    }
}
