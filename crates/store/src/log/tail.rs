//! The newest entries in memory, so that readers at the end of the log never touch the disk.

use std::collections::VecDeque;

use model::{Entry, Position};

use super::{Backwards, READ_BYTES_MAX};

/// What an entry costs in memory, roughly.
pub(super) fn weight(entry: &Entry) -> usize {
    size_of::<Entry>()
        + entry.topic.len()
        + entry.payload.len()
        + entry.properties.len()
        + entry.client.len()
        + entry.cause.id.len()
}

/// A bounded run of entries with consecutive positions.
#[derive(Debug)]
pub(super) struct Tail {
    entries: VecDeque<Entry>,
    bytes: usize,
    bytes_max: usize,
}

impl Tail {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { entries: VecDeque::new(), bytes: 0, bytes_max }
    }

    /// Adds the newest entry; the oldest ones make room, but the newest always stays. Returns how many went.
    pub(super) fn push(&mut self, entry: Entry) -> u64 {
        debug_assert!(self.entries.back().is_none_or(|last| last.position.next() == entry.position));
        self.bytes += weight(&entry);
        self.entries.push_back(entry);
        let mut gone = 0;
        while self.bytes > self.bytes_max && self.entries.len() > 1 {
            self.pop();
            gone += 1;
        }
        gone
    }

    /// Drops the oldest entry.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let entry = self.entries.pop_front()?;
        self.bytes -= weight(&entry);
        Some(entry)
    }

    /// Drops the entries before `first`.
    pub(super) fn forget_before(&mut self, first: Position) {
        while self.entries.front().is_some_and(|entry| entry.position < first) {
            self.pop();
        }
    }

    pub(super) fn front(&self) -> Option<&Entry> {
        self.entries.front()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the tail holds `position`.
    pub(super) fn holds(&self, position: Position) -> bool {
        let (Some(first), Some(last)) = (self.entries.front(), self.entries.back()) else { return false };
        first.position <= position && position <= last.position
    }

    /// Entries from `from` on; `None` when older ones than the tail holds are asked for.
    pub(super) fn read(&self, from: Position, limit: usize) -> Option<Vec<Entry>> {
        if !self.holds(from) {
            return None;
        }
        let first = self.entries.front()?.position;
        let start = usize::try_from(from.0 - first.0).expect("the tail fits into memory");
        let mut room = READ_BYTES_MAX;
        let mut found = Vec::with_capacity(limit.min(self.entries.len() - start));
        for entry in self.entries.range(start..).take(limit) {
            found.push(entry.clone());
            room = room.saturating_sub(weight(entry));
            if room == 0 {
                break;
            }
        }
        Some(found)
    }

    /// At most `limit` entries before `before`, newest first.
    pub(super) fn before(&self, before: Position, limit: usize) -> Vec<Entry> {
        let Some(first) = self.entries.front().map(|entry| entry.position) else { return Vec::new() };
        let end = usize::try_from(before.0.saturating_sub(first.0)).unwrap_or(usize::MAX).min(self.entries.len());
        self.entries.range(..end).rev().take(limit).cloned().collect()
    }
}

/// The state of one [`super::Log::read_back`]: what was found so far and what may still be looked at.
pub(super) struct Search<'a> {
    limit: usize,
    room_bytes: usize,
    wanted: &'a mut dyn FnMut(&Entry) -> bool,
    entries: Vec<Entry>,
    /// Everything from here on has been looked at.
    pub(super) before: Position,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        before: Position,
        limit: usize,
        budget_bytes: usize,
        wanted: &'a mut dyn FnMut(&Entry) -> bool,
    ) -> Self {
        Self { limit, room_bytes: budget_bytes.max(1), wanted, entries: Vec::new(), before }
    }

    /// Looks at one entry. False when nothing more may be looked at.
    pub(super) fn look(&mut self, entry: Entry) -> bool {
        if self.is_over() {
            return false;
        }
        self.room_bytes = self.room_bytes.saturating_sub(weight(&entry));
        self.before = entry.position;
        if (self.wanted)(&entry) {
            self.entries.push(entry);
        }
        !self.is_over()
    }

    pub(super) fn is_over(&self) -> bool {
        self.entries.len() >= self.limit || self.room_bytes == 0
    }

    /// The result, when the oldest entry kept is at or after `first`.
    pub(super) fn finish(self, first: Position) -> Backwards {
        let before = (self.before > first).then_some(self.before);
        Backwards { entries: self.entries, before }
    }
}
