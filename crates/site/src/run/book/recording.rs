//! The recording of a run: frames of its first seed, thinned until they fit.

use bytes::Bytes;
use model::Timestamp;
use store::State;
use store::state::{Change, StateError, Table};

/// The most bytes of one recording. When more come, every second frame goes and from then on twice as far apart ones are
/// kept, so that a recording always covers the whole run.
pub const RECORDING_BYTES_MAX: usize = 32 << 20;
/// About how many bytes of frames one row has.
const ROW_BYTES: usize = 1 << 20;
/// The bytes before each frame: its second and its length.
const HEAD_BYTES: usize = 12;

/// What the world looked like.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Virtual seconds since the start.
    pub second: f64,
    /// In the domain's own form.
    pub bytes: Bytes,
}

/// Takes frames as they come.
#[derive(Debug)]
pub(super) struct Recorder {
    frames: Vec<Frame>,
    bytes: usize,
    /// Every how manieth frame is kept.
    stride: usize,
    seen: usize,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { frames: Vec::new(), bytes: 0, stride: 1, seen: 0 }
    }
}

impl Recorder {
    pub(super) fn take(&mut self, second: f64, bytes: Bytes) {
        let wanted = self.seen.is_multiple_of(self.stride);
        self.seen += 1;
        if !wanted {
            return;
        }
        self.bytes += bytes.len() + HEAD_BYTES;
        self.frames.push(Frame { second, bytes });
        while self.bytes > RECORDING_BYTES_MAX && self.frames.len() > 1 {
            self.thin();
        }
    }

    fn thin(&mut self) {
        let mut at = 0;
        self.frames.retain(|_| {
            at += 1;
            at % 2 == 1
        });
        self.stride *= 2;
        self.bytes = self.frames.iter().map(|frame| frame.bytes.len() + HEAD_BYTES).sum();
    }

    /// Writes it down and returns how many frames it has.
    pub(super) fn save(self, state: &dyn State, run: &str, now: Timestamp) -> Result<usize, StateError> {
        let count = self.frames.len();
        let mut rows: Vec<Vec<u8>> = Vec::new();
        for frame in self.frames {
            if rows.last().is_none_or(|row| row.len() > ROW_BYTES) {
                rows.push(Vec::new());
            }
            let row = rows.last_mut().expect("a row was made");
            row.extend(frame.second.to_le_bytes());
            row.extend(u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
            row.extend(&frame.bytes);
        }
        for (at, document) in rows.into_iter().enumerate() {
            let change = Change::Put {
                table: Table::Recording,
                id: format!("{run}/{at:06}"),
                key: Some(run.to_owned()),
                document,
                expect: store::state::Expect::Any,
            };
            state.commit(vec![change], now)?;
        }
        Ok(count)
    }
}

/// Reads a recording.
pub(super) fn load(state: &dyn State, run: &str) -> Result<Vec<Frame>, StateError> {
    let rows = state.list(Table::Recording, Some(run), None, RECORDING_BYTES_MAX / ROW_BYTES + 2)?;
    let mut frames = Vec::new();
    for row in rows {
        let mut rest = Bytes::from(row.document);
        while rest.len() >= HEAD_BYTES {
            let head = rest.split_to(HEAD_BYTES);
            let second = f64::from_le_bytes(head[..8].try_into().expect("eight bytes"));
            let length = u32::from_le_bytes(head[8..].try_into().expect("four bytes")) as usize;
            if rest.len() < length {
                let problem = "a frame is cut off".to_owned();
                return Err(StateError::Document { table: Table::Recording, id: row.id, problem });
            }
            frames.push(Frame { second, bytes: rest.split_to(length) });
        }
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use store::state::MemoryState;

    use super::*;

    #[test]
    fn a_long_recording_is_thinned_and_covers_the_whole_run() {
        let mut recorder = Recorder::default();
        let frame = Bytes::from(vec![7; 1 << 20]);
        (0..100).for_each(|second| recorder.take(f64::from(second), frame.clone()));
        assert!(recorder.bytes <= RECORDING_BYTES_MAX);
        let state = MemoryState::default();
        let kept = recorder.save(&state, "run-1", Timestamp(0)).unwrap();
        let frames = load(&state, "run-1").unwrap();
        assert_eq!(frames.len(), kept);
        assert!(kept >= 16, "{kept}");
        assert_eq!(frames[0].second, 0.0);
        assert!(frames.last().unwrap().second >= 92.0);
        assert!(frames.windows(2).all(|pair| (pair[1].second - pair[0].second - 4.0).abs() < 1e-9), "evenly spread");
        assert_eq!(load(&state, "run-2").unwrap(), []);
    }
}
