//! The catalog: which series there are. In memory a map by thing and name; on disk a file that only grows.
#![expect(clippy::disallowed_methods, reason = "the store is the crate that opens files")]

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::{Name, ThingId};

use super::format::{
    FileKind, HEADER_BYTES, append_whole, check_header, damaged, failed, header, read_optional, unsynced, walk_frames,
};
use super::wire::{Decoded, Malformed, Reader, put_bytes, put_frame};
use super::{HistoryError, SeriesId, SeriesKey};

const ADD: u8 = 1;
const REMOVE: u8 = 2;

/// Every series by id and by key.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    keys: Vec<Option<Arc<SeriesKey>>>,
    things: BTreeMap<ThingId, BTreeMap<Name, SeriesId>>,
    removed: usize,
    /// Frames that the file does not hold yet.
    pending: Vec<u8>,
}

impl Catalog {
    /// Series ever made, removed ones included: ids are never used twice.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Series that are there.
    pub(crate) fn live(&self) -> usize {
        self.keys.len() - self.removed
    }

    /// The key of a series, unless it was removed.
    pub(crate) fn key(&self, series: SeriesId) -> Option<&Arc<SeriesKey>> {
        self.keys.get(series.0 as usize)?.as_ref()
    }

    /// Whether this series was there and was removed.
    pub(crate) fn is_removed(&self, series: SeriesId) -> bool {
        self.keys.get(series.0 as usize).is_some_and(Option::is_none)
    }

    /// The series that were there and were removed.
    pub(crate) fn removed(&self) -> Vec<SeriesId> {
        let ids = self.keys.iter().enumerate();
        ids.filter(|(_, key)| key.is_none()).map(|(index, _)| SeriesId(index as u32)).collect()
    }

    pub(crate) fn find(&self, key: &SeriesKey) -> Option<SeriesId> {
        self.things.get(&key.thing)?.get(&key.name).copied()
    }

    /// Every series, or those of one thing, in order of key.
    pub(crate) fn list(&self, thing: Option<&ThingId>) -> Vec<(SeriesId, Arc<SeriesKey>)> {
        let of = |names: &BTreeMap<Name, SeriesId>| {
            let ids = names.values().filter_map(|id| self.key(*id).map(|key| (*id, Arc::clone(key))));
            ids.collect::<Vec<_>>()
        };
        match thing {
            Some(thing) => self.things.get(thing).map(of).unwrap_or_default(),
            None => self.things.values().flat_map(of).collect(),
        }
    }

    /// Makes a series that is not there yet.
    pub(crate) fn add(&mut self, key: &SeriesKey) -> SeriesId {
        put_frame(&mut self.pending, |out| {
            out.push(ADD);
            put_bytes(out, key.thing.as_str().as_bytes());
            put_bytes(out, key.name.as_str().as_bytes());
        });
        self.insert(key.clone())
    }

    /// Forgets the series of a thing; returns which they were.
    pub(crate) fn remove(&mut self, thing: &ThingId) -> Vec<SeriesId> {
        let removed = self.forget(thing);
        if !removed.is_empty() {
            put_frame(&mut self.pending, |out| {
                out.push(REMOVE);
                put_bytes(out, thing.as_str().as_bytes());
            });
        }
        removed
    }

    fn insert(&mut self, key: SeriesKey) -> SeriesId {
        let id = SeriesId(self.keys.len() as u32);
        // One copy of the thing's id is shared by all its series.
        let thing = self.things.get_key_value(&key.thing).map_or(key.thing, |(thing, _)| thing.clone());
        self.things.entry(thing.clone()).or_default().insert(key.name.clone(), id);
        self.keys.push(Some(Arc::new(SeriesKey { thing, name: key.name })));
        id
    }

    fn forget(&mut self, thing: &ThingId) -> Vec<SeriesId> {
        let removed: Vec<SeriesId> = self.things.remove(thing).unwrap_or_default().into_values().collect();
        for id in &removed {
            self.keys[id.0 as usize] = None;
        }
        self.removed += removed.len();
        removed
    }

    fn apply(&mut self, payload: &[u8]) -> Decoded<()> {
        let mut reader = Reader::new(payload);
        let invalid = |error: model::IdError| Malformed::new(error.to_string());
        let tag = reader.u8()?;
        let thing = ThingId::new(reader.text()?).map_err(invalid)?;
        match tag {
            ADD => {
                let name = Name::new(reader.text()?).map_err(invalid)?;
                self.insert(SeriesKey { thing, name });
            }
            REMOVE => {
                self.forget(&thing);
            }
            other => return Err(Malformed::new(format!("unknown entry {other}"))),
        }
        reader.finish()
    }

    /// Writes what the file does not hold yet.
    pub(crate) fn write_pending(&mut self, file: &mut CatalogFile) -> Result<(), HistoryError> {
        file.append(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

/// The catalog's file.
#[derive(Debug)]
pub(crate) struct CatalogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl CatalogFile {
    /// Opens or makes the file and reads it. A torn tail is cut: nothing refers to series that were never durable.
    /// With fewer than `series_min` series it is damage and not a torn tail, and nothing is changed.
    pub(crate) fn open(folder: &Path, series_min: u64) -> Result<(Self, Catalog, Option<HistoryError>), HistoryError> {
        let path = folder.join("series.catalog");
        let mut catalog = Catalog::default();
        let bytes = read_optional(&path)?.unwrap_or_default();
        let mut torn = None;
        let mut end = 0;
        if bytes.len() >= HEADER_BYTES {
            check_header(&bytes, FileKind::Series, &path)?;
            let (whole, problem) = walk_frames(&bytes, |payload| catalog.apply(payload));
            end = whole;
            torn = problem.map(|malformed| damaged(&path, end as u64, malformed));
        }
        if (catalog.len() as u64) < series_min {
            let missing = Malformed::new(format!("{} series instead of {series_min} or more", catalog.len()));
            return Err(torn.unwrap_or_else(|| damaged(&path, end as u64, missing)));
        }
        let mut file =
            crate::files::private(OpenOptions::new().create(true).append(true)).open(&path).map_err(failed(&path))?;
        if end < bytes.len() {
            file.set_len(end as u64).map_err(failed(&path))?;
        }
        if end == 0 {
            file.write_all(&header(FileKind::Series)).map_err(failed(&path))?;
            end = HEADER_BYTES;
        }
        file.sync_all().map_err(failed(&path))?;
        crate::files::sync_folder(folder).map_err(failed(folder))?;
        Ok((Self { path, file, bytes: end as u64 }, catalog, torn))
    }

    /// Appends frames durably, or, when there is no room, none of them.
    pub(crate) fn append(&mut self, frames: &[u8]) -> Result<(), HistoryError> {
        if frames.is_empty() {
            return Ok(());
        }
        append_whole(&self.file, &self.path, self.bytes, frames)?;
        self.file.sync_data().map_err(unsynced(&self.path))?;
        self.bytes += frames.len() as u64;
        Ok(())
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Decodes bytes as an entry of the catalog; for the fuzz targets.
pub(crate) fn decode_entry(bytes: &[u8]) {
    drop(Catalog::default().apply(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(thing: &str, name: &str) -> SeriesKey {
        SeriesKey { thing: ThingId::new(thing).unwrap(), name: Name::new(name).unwrap() }
    }

    #[test]
    fn ids_stay_and_a_torn_tail_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, mut catalog, torn) = CatalogFile::open(folder.path(), 0).unwrap();
        assert!(torn.is_none());
        for name in ["b", "a"] {
            catalog.add(&key("lamp", name));
        }
        catalog.add(&key("door", "open"));
        assert_eq!(catalog.remove(&ThingId::new("lamp").unwrap()), [SeriesId(1), SeriesId(0)]);
        assert_eq!(catalog.add(&key("lamp", "a")), SeriesId(3));
        catalog.write_pending(&mut file).unwrap();
        let path = file.path.clone();
        drop(file);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [whole.as_slice(), &[9, 0, 0]].concat()).unwrap();

        let (_, catalog, torn) = CatalogFile::open(folder.path(), 0).unwrap();
        assert!(torn.unwrap().to_string().ends_with(&format!("at {}: half a frame header", whole.len())));
        let listed: Vec<_> = catalog.list(None).into_iter().map(|(id, key)| (id.0, key.name.to_string())).collect();
        assert_eq!(listed, [(2, "open".to_owned()), (3, "a".to_owned())]);
        assert!(catalog.is_removed(SeriesId(0)) && !catalog.is_removed(SeriesId(2)));
        assert_eq!(std::fs::read(&path).unwrap(), whole);

        let mut flipped = whole.clone();
        flipped[40] ^= 1;
        std::fs::write(&path, &flipped).unwrap();
        assert!(CatalogFile::open(folder.path(), 4).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), flipped, "damage is left for a person to look at");
    }
}
