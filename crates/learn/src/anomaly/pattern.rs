//! Whether the last stretch of a stream looks like any stretch before it.
//!
//! Steps are gathered into blocks, four blocks are a pattern, and a bounded number of patterns is remembered. The
//! distance to the nearest one is the novelty.

use crate::codec::packed;

/// Blocks of a learning period.
const BLOCKS_PER_WARMUP: f64 = 104.0;
/// Blocks of a pattern.
pub(super) const BLOCKS: usize = 4;
/// Patterns that are remembered.
const PATTERNS_MAX: usize = 72;
/// How fast the size of a pattern grows when there is no room for a new one, and shrinks when there is no need.
const RADIUS_GROWS: f32 = 1.05;
const RADIUS_SHRINKS: f32 = 0.998;
/// How fast a remembered pattern follows what matches it.
const FOLLOWS: f32 = 0.05;

/// The memory of patterns.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    block_steps: u32,
    // The block that is being gathered.
    gathered: u32,
    sum: f32,
    lowest: f32,
    highest: f32,
    average: Option<f32>,
    // The last blocks, oldest first: the pattern that is judged, and before it the one that is learned, so that a
    // pattern is never compared with what it shares blocks with.
    recent: [f32; 2 * BLOCKS],
    blocks: u32,
    memory: Vec<[f32; BLOCKS]>,
    /// When each was last met, in blocks.
    met: Vec<u32>,
    radius: f32,
    /// The mean novelty: what is small beside it is noise.
    usual: f32,
}

packed!(Patterns { block_steps, gathered, sum, lowest, highest, average, recent, blocks, memory, met, radius, usual });

impl Patterns {
    pub(super) fn new(warmup_steps: u32) -> Self {
        Self {
            block_steps: (f64::from(warmup_steps) / BLOCKS_PER_WARMUP).round().max(1.0) as u32,
            gathered: 0,
            sum: 0.0,
            lowest: f32::MAX,
            highest: f32::MIN,
            average: None,
            recent: [0.0; 2 * BLOCKS],
            blocks: 0,
            memory: Vec::new(),
            met: Vec::new(),
            radius: 0.0,
            usual: 0.0,
        }
    }

    /// Steps of a block.
    pub(super) fn block_steps(&self) -> u32 {
        self.block_steps
    }

    /// Takes the value of one step; at the end of a block, how far the pattern is from all remembered ones.
    pub(super) fn observe(&mut self, value: f64) -> Option<f64> {
        let value = value as f32;
        self.gathered += 1;
        self.sum += value;
        self.lowest = self.lowest.min(value);
        self.highest = self.highest.max(value);
        if self.gathered < self.block_steps {
            return None;
        }
        let block = self.block();
        self.recent.rotate_left(1);
        self.recent[2 * BLOCKS - 1] = block;
        self.blocks = self.blocks.saturating_add(1);
        if self.blocks < 2 * BLOCKS as u32 {
            return Some(0.0);
        }
        self.learn();
        let novelty = self.nearest(&self.recent[BLOCKS..]).map_or(0.0, |(_, distance)| distance);
        self.usual += (novelty - self.usual) / (self.blocks.min(1_000) as f32);
        Some(f64::from(novelty))
    }

    /// The mean novelty.
    pub(super) fn usual(&self) -> f64 {
        f64::from(self.usual)
    }

    /// Ends the block: its extreme on the side that stands out from the average.
    fn block(&mut self) -> f32 {
        let mean = self.sum / self.gathered as f32;
        let average = (self.average.unwrap_or(mean) + mean) / 2.0;
        self.average = Some(average);
        let block =
            if (self.highest - average).abs() < (self.lowest - average).abs() { self.lowest } else { self.highest };
        (self.gathered, self.sum, self.lowest, self.highest) = (0, 0.0, f32::MAX, f32::MIN);
        block
    }

    /// The remembered pattern that is nearest, and how far it is.
    fn nearest(&self, pattern: &[f32]) -> Option<(usize, f32)> {
        let distance = |known: &[f32; BLOCKS]| known.iter().zip(pattern).map(|(a, b)| (a - b).abs()).sum::<f32>();
        self.memory.iter().map(distance).enumerate().min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Brings the nearest pattern nearer to what came; makes a new one where none is near.
    fn learn(&mut self) {
        let mut pattern = [0.0; BLOCKS];
        pattern.copy_from_slice(&self.recent[..BLOCKS]);
        match self.nearest(&pattern) {
            Some((place, distance)) if distance <= self.radius => {
                for (mine, new) in self.memory[place].iter_mut().zip(&pattern) {
                    *mine += FOLLOWS * (new - *mine);
                }
                self.met[place] = self.blocks;
                self.radius *= RADIUS_SHRINKS;
            }
            _ if self.memory.len() < PATTERNS_MAX => {
                self.memory.push(pattern);
                self.met.push(self.blocks);
            }
            _ => {
                let oldest = self.met.iter().enumerate().min_by_key(|(_, met)| **met).map_or(0, |(place, _)| place);
                self.memory[oldest] = pattern;
                self.met[oldest] = self.blocks;
                self.radius = (self.radius * RADIUS_GROWS).max(self.usual * 0.1);
            }
        }
    }
}
