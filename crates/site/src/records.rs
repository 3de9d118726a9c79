//! What happened, and why: records, raw messages and chains of causes, read back from memory and from the log.

use connect::{Adapter, Decoded};
use model::{Cause, Entry, Position, Record, ThingId};
use store::log::LogError;

use crate::error::SiteError;
use crate::options::BATCH_ENTRIES_MAX;
use crate::site::Site;

/// How many bytes of the log one question looks through.
const LOOK_BACK_BYTES: usize = 64 << 20;

/// The longest chain of causes.
pub const CHAIN_MAX: usize = 32;

/// The most rows of one page.
pub const RECORDS_MAX: usize = 500;

/// Records of a thing, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordPage {
    /// The records. Those of one entry are never on two pages, so there may be a few more than asked for.
    pub records: Vec<Record>,
    /// Go on before this position; `None` at the beginning of the log.
    pub before: Option<Position>,
}

/// An entry as it was said, with what could not be understood of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RawMessage {
    /// The entry.
    pub entry: Entry,
    /// What could not be understood.
    pub undecodable: Option<String>,
}

/// Messages of a thing, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct MessagePage {
    /// The messages.
    pub messages: Vec<RawMessage>,
    /// Go on before this position; `None` at the beginning of the log.
    pub before: Option<Position>,
}

/// One link of a chain of causes.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The entry.
    pub position: Position,
    /// What it says, in a few words.
    pub summary: String,
    /// Who or what led to it.
    pub cause: Cause,
}

/// An entry with what led to it, nearest first.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryWithChain {
    /// The entry, its own link being the first of the chain.
    pub message: RawMessage,
    /// The chain.
    pub chain: Vec<Link>,
}

impl Site {
    /// The records of a thing before a position (or the newest), newest first: from memory as far as that goes, then
    /// from the log.
    pub fn records(&self, thing: &ThingId, before: Option<Position>, limit: usize) -> Result<RecordPage, SiteError> {
        let limit = limit.clamp(1, RECORDS_MAX);
        let mut records: Vec<Record> = Vec::new();
        let mut next = before;
        {
            let things = self.things.read();
            let slot = things.registry.get(thing).ok_or_else(|| twin::RegistryError::Unknown(thing.clone()))?;
            let recent = slot.twin.recent();
            let older = recent.iter().rev().filter(|record| before.is_none_or(|before| record.position < before));
            // What shares its entry with a record that was let go of comes from the log, together with that.
            let whole = older.filter(|record| record.position > recent.complete_after());
            take_whole_entries(whole.cloned(), limit, &mut records);
            let rest_of_ring = recent.complete_after().next();
            if records.len() < limit && next.is_none_or(|next| next > rest_of_ring) {
                next = Some(rest_of_ring);
            }
        }
        if records.len() >= limit {
            let before = records.last().map(|record| record.position);
            return Ok(RecordPage { records, before });
        }
        let before = self.records_from_log(thing, next, limit, &mut records)?;
        Ok(RecordPage { records, before })
    }

    fn records_from_log(
        &self,
        thing: &ThingId,
        before: Option<Position>,
        limit: usize,
        records: &mut Vec<Record>,
    ) -> Result<Option<Position>, SiteError> {
        let mut adapters = self.fresh_adapters();
        let from = before.unwrap_or(Position(u64::MAX));
        let about = |entry: &Entry| adapters.iter().any(|adapter| adapter.is_about(thing, &entry.topic));
        let found = self.log.read_back(from, limit - records.len(), LOOK_BACK_BYTES, &mut |entry| about(entry))?;
        let mut decoded = Decoded::default();
        for entry in found.entries.iter().rev() {
            adapters.iter_mut().any(|adapter| adapter.decode(entry, &mut decoded));
        }
        let things = self.things.read();
        let of_thing = decoded.records.into_iter().rev().filter(|record| record.thing == *thing);
        records.extend(of_thing.map(|mut record| {
            if let (None, Some(command)) = (record.cause.position, things.commands.led_to(record.position)) {
                record.cause = std::sync::Arc::new((*record.cause).clone().following(command));
            }
            record
        }));
        Ok(found.before)
    }

    /// The messages about a thing before a position (or the newest), newest first.
    pub fn messages(&self, thing: &ThingId, before: Option<Position>, limit: usize) -> Result<MessagePage, SiteError> {
        let mut adapters = self.fresh_adapters();
        let before = before.unwrap_or(Position(u64::MAX));
        let limit = limit.clamp(1, RECORDS_MAX);
        let about = |entry: &Entry| adapters.iter().any(|adapter| adapter.is_about(thing, &entry.topic));
        let found = self.log.read_back(before, limit, LOOK_BACK_BYTES, &mut |entry| about(entry))?;
        let messages = found.entries.into_iter().map(|entry| raw(&mut adapters, entry)).collect();
        Ok(MessagePage { messages, before: found.before })
    }

    /// One entry with what led to it; `None` when the log does not keep it.
    pub fn entry(&self, position: Position) -> Result<Option<EntryWithChain>, SiteError> {
        let Some(entry) = self.entry_at(position)? else { return Ok(None) };
        let mut chain: Vec<Link> = Vec::new();
        let mut next = Some(entry.clone());
        while let Some(entry) = next.take() {
            let link = self.link_of(&entry);
            let before = link.cause.position.filter(|before| *before < link.position);
            chain.push(link);
            if chain.len() < CHAIN_MAX
                && let Some(before) = before
            {
                next = self.entry_at(before)?;
            }
        }
        let message = raw(&mut self.fresh_adapters(), entry);
        Ok(Some(EntryWithChain { message, chain }))
    }

    fn entry_at(&self, position: Position) -> Result<Option<Entry>, SiteError> {
        if position == Position::START {
            return Ok(None);
        }
        match self.log.read(position, 1) {
            Ok(entries) => Ok(entries.into_iter().find(|entry| entry.position == position)),
            Err(LogError::Gone { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn link_of(&self, entry: &Entry) -> Link {
        let mut cause = entry.cause.clone();
        if cause.position.is_none() {
            cause.position = self.things.read().commands.led_to(entry.position);
        }
        let text = String::from_utf8_lossy(&entry.payload);
        let short = &text[..text.floor_char_boundary(120)];
        let dots = if short.len() < text.len() { "…" } else { "" };
        Link { position: entry.position, summary: format!("{} {short}{dots}", entry.topic), cause }
    }

    /// The entries of the log from a position on, for tools that look at everything.
    pub fn entries(&self, from: Position, limit: usize) -> Result<Vec<Entry>, SiteError> {
        Ok(self.log.read(from, limit.min(BATCH_ENTRIES_MAX))?)
    }
}

/// Takes records until there are `limit`, and then the rest of the same entry.
fn take_whole_entries(records: impl Iterator<Item = Record>, limit: usize, out: &mut Vec<Record>) {
    for record in records {
        if out.len() >= limit && out.last().is_some_and(|last| last.position != record.position) {
            break;
        }
        out.push(record);
    }
}

fn raw(adapters: &mut [Box<dyn Adapter>], entry: Entry) -> RawMessage {
    let mut decoded = Decoded::default();
    let claimed = adapters.iter_mut().any(|adapter| adapter.decode(&entry, &mut decoded));
    let problems: Vec<String> = decoded.diagnostics.into_iter().map(|found| found.detail).collect();
    let undecodable = if claimed {
        (!problems.is_empty()).then(|| problems.join("\n"))
    } else {
        Some("no adapter knows this topic".to_owned())
    };
    RawMessage { entry, undecodable }
}
