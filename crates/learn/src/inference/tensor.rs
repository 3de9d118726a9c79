//! What goes into models and comes out of them.

use serde::{Deserialize, Serialize};

/// The numbers of a tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Numbers {
    /// Real numbers.
    Float(Vec<f32>),
    /// Whole numbers: tokens, rates, shapes.
    Integer(Vec<i32>),
}

/// Numbers with a shape, the last dimension running fastest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    /// The lengths of its dimensions.
    pub shape: Vec<usize>,
    /// Its numbers.
    pub numbers: Numbers,
}

impl Tensor {
    /// Real numbers with a shape.
    pub fn float(shape: &[usize], numbers: Vec<f32>) -> Self {
        Self { shape: shape.to_vec(), numbers: Numbers::Float(numbers) }
    }

    /// How many numbers it has.
    pub fn len(&self) -> usize {
        match &self.numbers {
            Numbers::Float(numbers) => numbers.len(),
            Numbers::Integer(numbers) => numbers.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the shape fits the numbers.
    pub fn is_whole(&self) -> bool {
        let count = self.shape.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
        count == Some(self.len())
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        match &self.numbers {
            Numbers::Float(numbers) => numbers.iter().all(|number| number.is_finite()),
            Numbers::Integer(_) => true,
        }
    }

    /// The greatest difference to another one; `None` when they are not of one shape and kind.
    pub fn distance(&self, other: &Self) -> Option<f32> {
        if self.shape != other.shape {
            return None;
        }
        match (&self.numbers, &other.numbers) {
            (Numbers::Float(ours), Numbers::Float(theirs)) => {
                Some(ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max))
            }
            (Numbers::Integer(ours), Numbers::Integer(theirs)) => {
                Some(ours.iter().zip(theirs).map(|(a, b)| a.abs_diff(*b) as f32).fold(0.0, f32::max))
            }
            _ => None,
        }
    }
}
