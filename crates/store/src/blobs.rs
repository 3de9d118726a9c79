//! Large files that are known by what is in them: each is named by its SHA-256, written whole and never changed.

use std::collections::HashSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ring::digest;

use crate::files;

/// A folder of such files.
#[derive(Debug)]
pub struct Blobs {
    folder: PathBuf,
    bytes_max: u64,
}

/// The SHA-256 of some bytes, in small hex digits.
pub fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_name(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

impl Blobs {
    /// Makes the folder if need be. No file in it is larger than `bytes_max`.
    pub fn open(folder: &Path, bytes_max: u64) -> io::Result<Self> {
        files::create_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), bytes_max })
    }

    /// Keeps some bytes durably and returns their name. Keeping the same bytes twice is keeping them once.
    pub fn put(&self, bytes: &[u8]) -> io::Result<String> {
        if bytes.len() as u64 > self.bytes_max {
            let problem = format!("{} bytes are more than {}", bytes.len(), self.bytes_max);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
        }
        let name = sha256(bytes);
        let path = self.folder.join(&name);
        if files::size(&path).ok() != Some(bytes.len() as u64) {
            files::write_atomic(&path, bytes)?;
        }
        Ok(name)
    }

    /// The bytes of this name; an error when the file is gone, or is not what its name says.
    pub fn get(&self, name: &str) -> io::Result<Vec<u8>> {
        if !is_name(name) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} is no SHA-256")));
        }
        let mut bytes = Vec::new();
        files::open(&self.folder.join(name), self.bytes_max)?.read_to_end(&mut bytes)?;
        if sha256(&bytes) != name {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name} is not what it was")));
        }
        Ok(bytes)
    }

    /// Removes every file that is not among `names`, what a write that was cut short left behind too.
    pub fn keep_only(&self, names: &HashSet<String>) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let is_kept = entry.file_name().to_str().is_some_and(|name| names.contains(name));
            if !is_kept && entry.file_type()?.is_file() {
                files::remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// When a file was last written, to see whether it is worth reading again.
pub fn written(path: &Path) -> io::Result<SystemTime> {
    std::fs::metadata(path)?.modified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_by_its_hash_until_it_is_not_wanted_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&folder.path().join("models"), 8).unwrap();
        let name = blobs.put(b"abc").unwrap();
        assert_eq!(name, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(blobs.put(b"abc").unwrap(), name);
        let other = blobs.put(b"other").unwrap();
        assert_eq!(blobs.get(&name).unwrap(), b"abc");
        assert_eq!(blobs.put(b"too large").unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(blobs.get("../state.sqlite").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let path = folder.path().join("models").join(&other);
        files::write_atomic(&path, b"OTHER").unwrap();
        assert_eq!(blobs.get(&other).unwrap_err().kind(), io::ErrorKind::InvalidData);
        blobs.keep_only(&HashSet::from([name.clone()])).unwrap();
        assert!(!path.exists());
        assert_eq!(blobs.get(&name).unwrap(), b"abc");
    }
}
