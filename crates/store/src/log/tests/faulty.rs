//! A folder in memory whose disk fails and whose power is cut, on demand.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::log::media::{Append, Media};
use crate::log::segment::Name;

const SECTOR_BYTES: usize = 512;

/// The folder. Clones are the same folder.
#[derive(Debug, Clone, Default)]
pub(super) struct Faulty {
    world: Arc<(Mutex<World>, Condvar)>,
}

#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) files: BTreeMap<String, Content>,
    /// The most bytes that one write takes.
    pub(super) write_bytes_max: Option<usize>,
    /// How many more bytes the disk has room for.
    pub(super) room_bytes: Option<usize>,
    /// Files cannot be made shorter, nor removed.
    pub(super) stays_torn: bool,
    /// How many more syncs succeed.
    pub(super) syncs_left: Option<usize>,
    /// Syncs wait as long as this is set.
    pub(super) hold_syncs: bool,
    /// How many syncs of files there were.
    pub(super) syncs: usize,
}

/// A file as the process sees it, and how much of that is on the disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    synced: usize,
    /// Whether the folder was synced since the file was made.
    named: bool,
}

impl Faulty {
    /// Looks at or changes what happens.
    pub(super) fn world<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let changed = change(&mut self.world.0.lock());
        self.world.1.notify_all();
        changed
    }

    /// The only file whose name ends like this.
    pub(super) fn file(&self, suffix: &str) -> String {
        self.world(|world| {
            let mut names = world.files.keys().filter(|name| name.ends_with(suffix));
            let name = names.next().expect("there is such a file").clone();
            assert!(names.next().is_none(), "there is only one such file");
            name
        })
    }

    /// The segment files, oldest first.
    pub(super) fn segments(&self) -> Vec<String> {
        self.world(|world| world.files.keys().filter(|name| Name::parse(name).is_some()).cloned().collect())
    }

    /// The same folder in another, healthy machine, without what the first one still does to it.
    pub(super) fn moved(&self) -> Self {
        let files = self.world(|world| world.files.clone());
        let moved = Self::default();
        moved.world(|world| world.files = files);
        moved
    }

    /// The folder after a power cut: of what was not synced, `luck` decides what is there and what is not.
    pub(super) fn after_power_cut(&self, mut luck: u64) -> Self {
        let mut draw = |below: usize| {
            luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (luck >> 33) as usize % below.max(1)
        };
        let cut = self.moved();
        cut.world(|world| {
            world.files.retain(|_, file| file.named || draw(2) == 0);
            for file in world.files.values_mut() {
                let length = file.synced + draw(file.bytes.len() - file.synced + 1);
                file.bytes.truncate(length);
                let mut at = file.synced;
                while at < length {
                    // Sectors reach the disk in any order: some that the length promises never did.
                    let end = (at / SECTOR_BYTES + 1).saturating_mul(SECTOR_BYTES).min(length);
                    if draw(4) == 0 {
                        file.bytes[at..end].fill(0);
                    }
                    at = end;
                }
                (file.synced, file.named) = (length, true);
            }
        });
        cut
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Media for Faulty {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        self.world(|world| Ok(world.files.iter().map(|(name, file)| (name.clone(), file.bytes.len() as u64)).collect()))
    }

    fn read(&self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.world(|world| {
            let bytes = &world.files.get(name).ok_or_else(missing)?.bytes;
            let start = (offset as usize).min(bytes.len());
            Ok(bytes[start..start.saturating_add(length).min(bytes.len())].to_vec())
        })
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        self.world(|world| {
            if world.files.contains_key(name) {
                return Err(io::Error::from(io::ErrorKind::AlreadyExists));
            }
            world.files.insert(name.to_owned(), Content::default());
            Ok(())
        })?;
        self.append(name)
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        self.world(|world| world.files.get(name).map(|_| ()).ok_or_else(missing))?;
        Ok(Box::new(FaultyFile { folder: self.clone(), name: name.to_owned() }))
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        self.world(|world| {
            if world.stays_torn {
                return Err(io::Error::other("the disk is on fire"));
            }
            let file = world.files.get_mut(name).ok_or_else(missing)?;
            file.bytes.truncate(length as usize);
            file.synced = file.bytes.len();
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.world(|world| {
            if world.stays_torn {
                return Err(io::Error::other("the disk is on fire"));
            }
            world.files.remove(name).map(|_| ()).ok_or_else(missing)
        })
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.world(|world| world.files.values_mut().for_each(|file| file.named = true));
        Ok(())
    }

    fn place(&self, name: &str) -> String {
        format!("log/{name}")
    }
}

#[derive(Debug)]
struct FaultyFile {
    folder: Faulty,
    name: String,
}

impl Append for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.folder.world(|world| {
            let mut count = bytes.len().min(world.write_bytes_max.unwrap_or(usize::MAX));
            if let Some(room) = &mut world.room_bytes {
                if *room == 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                count = count.min(*room);
                *room -= count;
            }
            world.files.get_mut(&self.name).ok_or_else(missing)?.bytes.extend_from_slice(&bytes[..count]);
            Ok(count)
        })
    }

    fn sync(&mut self) -> io::Result<()> {
        let (world, changed) = &*self.folder.world;
        let mut world = world.lock();
        while world.hold_syncs {
            changed.wait(&mut world);
        }
        if let Some(left) = &mut world.syncs_left {
            *left = left.checked_sub(1).ok_or(io::Error::other("the disk is on fire"))?;
        }
        world.syncs += 1;
        let file = world.files.get_mut(&self.name).ok_or_else(missing)?;
        file.synced = file.bytes.len();
        Ok(())
    }
}
