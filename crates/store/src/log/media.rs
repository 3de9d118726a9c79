//! The seam between the log and the disk, so that tests can break the disk in every way.
#![expect(clippy::disallowed_methods, reason = "the store is the crate that opens files")]

use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::files;

/// A folder of append-only files.
pub(super) trait Media: Send + Sync + Debug {
    /// Names and sizes of the files.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;

    /// Bytes of a file from `offset` on: `length` of them, or less at its end.
    fn read(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>>;

    /// Makes a new file, whose name is durable after [`Media::sync_folder`]. It must not exist.
    fn create(&self, name: &str) -> io::Result<Box<dyn Append>>;

    /// Opens a file to write at its end.
    fn append(&self, name: &str) -> io::Result<Box<dyn Append>>;

    /// Cuts a file off at `length`.
    fn truncate(&self, name: &str, length: u64) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes new and removed names durable.
    fn sync_folder(&self) -> io::Result<()>;

    /// The file's name for people.
    fn place(&self, name: &str) -> String;
}

/// A file that grows at its end.
pub(super) trait Append: Send + Debug {
    /// Writes some of the bytes and says how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Returns when all that was written is durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl dyn Append {
    /// Writes all of the bytes.
    pub(super) fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// A folder on a real disk, locked for this process.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    _lock: files::Lock,
}

impl Disk {
    /// Makes the folder if need be and locks it.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        files::create_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), _lock: files::Lock::take(folder)? })
    }
}

impl Media for Disk {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for item in std::fs::read_dir(&self.folder)? {
            let item = item?;
            if let Ok(name) = item.file_name().into_string() {
                found.push((name, item.metadata()?.len()));
            }
        }
        Ok(found)
    }

    fn read(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.folder.join(name))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(length);
        file.take(length as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let file = files::private(OpenOptions::new().append(true).create_new(true)).open(self.folder.join(name))?;
        Ok(Box::new(DiskFile(file)))
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        Ok(Box::new(DiskFile(OpenOptions::new().append(true).open(self.folder.join(name))?)))
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.folder.join(name))?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        files::sync_folder(&self.folder)
    }

    fn place(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

#[derive(Debug)]
struct DiskFile(File);

impl Append for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}
