//! The way that the mean residual took lately: along a slope, or up one step.

use crate::codec::packed;

/// Blocks that are remembered.
const BLOCKS: usize = 24;
/// Blocks of a learning period: what is remembered is a quarter of it.
const BLOCKS_PER_WARMUP: f64 = 96.0;
/// A slope is seen over so many blocks, at least.
const SLOPE_BLOCKS_MIN: usize = 4;
/// What does not explain this share of the squares explains nothing.
const EXPLAINED_MIN: f64 = 0.5;

/// The mean residuals of the last blocks of steps.
#[derive(Debug, Clone)]
pub(super) struct Course {
    block_steps: u32,
    gathered: u32,
    sum: f64,
    /// Oldest first.
    blocks: Vec<f32>,
}

packed!(Course { block_steps, gathered, sum, blocks });

/// What explains the way best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Neither: it comes and goes.
    Unclear,
    /// One step, and then a level.
    Step,
    /// A slope.
    Slope,
}

impl Course {
    pub(super) fn new(warmup_steps: u32) -> Self {
        let block_steps = (f64::from(warmup_steps) / BLOCKS_PER_WARMUP).round().max(1.0) as u32;
        Self { block_steps, gathered: 0, sum: 0.0, blocks: Vec::new() }
    }

    pub(super) fn observe(&mut self, residual: f64) {
        self.sum += residual;
        self.gathered += 1;
        if self.gathered < self.block_steps {
            return;
        }
        if self.blocks.len() >= BLOCKS {
            self.blocks.remove(0);
        }
        self.blocks.push((self.sum / f64::from(self.gathered)) as f32);
        (self.gathered, self.sum) = (0, 0.0);
    }

    /// The shape of the way.
    pub(super) fn shape(&self) -> Shape {
        shape(&self.blocks.iter().map(|value| f64::from(*value)).collect::<Vec<f64>>())
    }
}

/// Which of a step and a slope leaves the smaller squares of these values, each with its best beginning.
pub(super) fn shape(values: &[f64]) -> Shape {
    let count = values.len();
    if count <= SLOPE_BLOCKS_MIN {
        return Shape::Unclear;
    }
    let left = |explains: &dyn Fn(usize) -> f64| {
        let with: Vec<f64> = (0..count).map(explains).collect();
        squares_left(values, &with)
    };
    let steps = (1..count).map(|from| left(&|at| f64::from(u8::from(at >= from))));
    let slopes = (0..=count - SLOPE_BLOCKS_MIN).map(|from| left(&|at| at.saturating_sub(from) as f64));
    let (step, slope) = (steps.fold(f64::MAX, f64::min), slopes.fold(f64::MAX, f64::min));
    let whole = left(&|_| 0.0);
    if step.min(slope) > (1.0 - EXPLAINED_MIN) * whole {
        return Shape::Unclear;
    }
    if step <= slope { Shape::Step } else { Shape::Slope }
}

/// The squares that a straight line of `values` over `with` leaves.
fn squares_left(values: &[f64], with: &[f64]) -> f64 {
    let count = values.len() as f64;
    let (mean_value, mean_with) = (values.iter().sum::<f64>() / count, with.iter().sum::<f64>() / count);
    let (mut both, mut of_value, mut of_with) = (0.0, 0.0, 0.0);
    for (value, with) in values.iter().zip(with) {
        both += (value - mean_value) * (with - mean_with);
        of_value += (value - mean_value).powi(2);
        of_with += (with - mean_with).powi(2);
    }
    if of_with > 0.0 { of_value - both * both / of_with } else { of_value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    fn shape(of: impl Fn(f64) -> f64) -> Shape {
        let (mut course, mut chance) = (Course::new(720), Chance::new(8));
        for step in 0..600 {
            course.observe(of(f64::from(step)) + 0.3 * chance.normal());
        }
        course.shape()
    }

    #[test]
    fn slopes_and_steps_are_told_apart() {
        assert_eq!(shape(|step| (step - 530.0).max(0.0) / 20.0), Shape::Slope);
        assert_eq!(shape(|step| step / 100.0), Shape::Slope);
        assert_eq!(shape(|step| if step > 540.0 { -2.0 } else { 0.0 }), Shape::Step);
        assert_eq!(shape(|_| 0.0), Shape::Unclear);
        assert_eq!(Course::new(720).shape(), Shape::Unclear);
    }
}
