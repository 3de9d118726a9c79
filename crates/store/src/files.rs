//! Small files, written whole: certificates, configuration, secrets. And the locks and permissions of folders.
//!
//! What this module makes is for its owner only (0600 and 0700), because secrets lie among it.
#![expect(clippy::disallowed_methods, reason = "the store is the crate that opens files")]

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

/// The largest file that [`read`] accepts, in bytes.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A large file to be read piece by piece.
pub type Reader = BufReader<io::Take<File>>;

/// The whole of a small file; an error when it has more than [`FILE_BYTES_MAX`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {FILE_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

/// The whole of a small text file.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
}

/// Opens a large file to be read piece by piece; an error when it has more than so many bytes.
pub fn open(path: &Path, bytes_max: u64) -> io::Result<Reader> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    if bytes > bytes_max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("{bytes} bytes are more than {bytes_max}")));
    }
    Ok(BufReader::new(file.take(bytes_max)))
}

/// Whether there is a file or folder of this name.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// Writes a whole file so that, whenever the machine stops, either the old or the new one is there. Only the owner
/// may read it.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    // One process owns the folder, but two of its threads may write the same file.
    name.push(format!(".{:?}.new", std::thread::current().id()));
    let temporary = folder.join(name);
    let written = (|| {
        let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if written.is_err() {
        // The error of the write matters more than one of tidying up after it.
        drop(std::fs::remove_file(&temporary));
    }
    written?;
    sync_folder(folder)
}

/// Whether a write failed because there is no room: on the disk, in somebody's quota, or in what a process may write.
/// There may be room again later.
pub(crate) fn is_no_room(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// The size of a file in bytes.
pub(crate) fn size(path: &Path) -> io::Result<u64> {
    Ok(std::fs::metadata(path)?.len())
}

/// Makes an empty file that only the owner may read.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    private(OpenOptions::new().write(true).create_new(true)).open(path)?;
    sync_folder(folder_of(path))
}

/// Makes a file that is complete durable under its real name.
pub(crate) fn publish(temporary: &Path, path: &Path) -> io::Result<()> {
    File::open(temporary)?.sync_all()?;
    std::fs::rename(temporary, path)?;
    sync_folder(folder_of(path))
}

/// Removes a file durably; fine when it is not there.
pub fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_folder(folder_of(path)),
    }
}

/// Makes a folder and those above it, for the owner only.
pub fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    sync_folder(folder_of(path))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened; its names become durable with its files.
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Lets only the owner read what these options create.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Takes away everybody's rights but the owner's.
pub(crate) fn restrict(path: &Path, folder: bool) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if folder { 0o700 } else { 0o600 };
        let permissions = std::fs::metadata(path)?.permissions();
        if permissions.mode() & 0o777 != mode {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        }
    }
    #[cfg(not(unix))]
    let _unused = (path, folder);
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The right to use a folder, which one process has at a time. It ends with the value, and with the process.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of `folder`, or fails with [`io::ErrorKind::ResourceBusy`].
    pub(crate) fn take(folder: &Path) -> io::Result<Self> {
        let path = folder.join("lock");
        let mut file = private(OpenOptions::new().read(true).write(true).create(true).truncate(false)).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // What the lock says of its holder is a courtesy; without it the message is only less helpful.
                drop((&mut file).take(20).read_to_string(&mut holder));
                let holder = holder.trim();
                let holder = if holder.is_empty() { "another process".to_owned() } else { format!("process {holder}") };
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, format!("in use by {holder}")));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(error),
        }
        file.set_len(0)?;
        write!(file, "{}", std::process::id())?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tls/server.key");
        create_folder(path.parent().unwrap()).unwrap();
        assert!(!exists(&path));
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(read_text(&path).unwrap(), "two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file stays");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        }
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!exists(&path));
    }

    #[test]
    fn large_files_are_opened_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        let bytes = FILE_BYTES_MAX + 1;
        File::create(&path).unwrap().set_len(bytes).unwrap();
        assert_eq!(read(&path).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(io::copy(&mut open(&path, bytes).unwrap(), &mut io::sink()).unwrap(), bytes);
        assert_eq!(open(&path, bytes - 1).unwrap_err().to_string(), "16777217 bytes are more than 16777216");
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        create_folder(&path.join("inside")).unwrap();
        assert!(write_atomic(&path, b"a folder is in the way").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays");
        assert_eq!(write_atomic(Path::new("/"), b"").unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn a_folder_has_one_user_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let error = Lock::take(folder.path()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        assert_eq!(error.to_string(), format!("in use by process {}", std::process::id()));
        drop(first);
        Lock::take(folder.path()).unwrap();
    }
}
