//! Key figures of a run, with how sure they are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which way a figure should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither: it only describes.
    Neither,
}

/// What a figure is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct KpiDescription {
    /// Unique in its domain: `orders_per_hour`.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Its unit; empty for counts and parts.
    pub unit: &'static str,
    /// Which way it should go.
    pub better: Better,
    /// Digits worth showing after the point.
    pub decimals: u8,
}

/// Figures by name.
pub type Kpis = BTreeMap<String, f64>;

/// A figure over several seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Summary {
    /// The mean over the seeds.
    pub mean: f64,
    /// Half the width of the 95 % confidence interval of the mean (Student's t); `None` with fewer than two seeds.
    pub half_width: Option<f64>,
    /// The least of all seeds.
    pub minimum: f64,
    /// The most of all seeds.
    pub maximum: f64,
    /// How many seeds.
    pub seeds: usize,
}

impl Summary {
    /// Of the figures of all seeds; `None` when there are none, or one of them is not finite.
    pub fn of(figures: &[f64]) -> Option<Self> {
        if figures.is_empty() || figures.iter().any(|figure| !figure.is_finite()) {
            return None;
        }
        let count = figures.len() as f64;
        let mean = figures.iter().sum::<f64>() / count;
        let half_width = (figures.len() > 1).then(|| {
            let squares: f64 = figures.iter().map(|figure| (figure - mean).powi(2)).sum();
            student_t_95(figures.len() - 1) * (squares / (count - 1.0) / count).sqrt()
        });
        let minimum = figures.iter().copied().fold(f64::INFINITY, f64::min);
        let maximum = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Self { mean, half_width, minimum, maximum, seeds: figures.len() })
    }

    /// Whether the interval lies wholly on one side of zero: then the difference it is of is no accident.
    pub fn is_sure(&self) -> bool {
        self.half_width.is_some_and(|half| self.mean.abs() > half)
    }
}

/// The 97.5 % quantile of Student's t distribution, for two-sided 95 % intervals.
fn student_t_95(degrees_of_freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    match TABLE.get(degrees_of_freedom.saturating_sub(1)) {
        Some(quantile) => *quantile,
        // Abramowitz and Stegun 26.7.5, first two terms.
        None => {
            const NORMAL: f64 = 1.959_964;
            NORMAL + (NORMAL.powi(3) + NORMAL) / (4.0 * degrees_of_freedom as f64)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_student_s() {
        let summary = Summary::of(&[10.0, 12.0, 14.0]).unwrap();
        assert_eq!((summary.mean, summary.minimum, summary.maximum, summary.seeds), (12.0, 10.0, 14.0, 3));
        // 4.303 * 2 / sqrt(3)
        assert!((summary.half_width.unwrap() - 4.968_7).abs() < 1e-3);
        assert_eq!(Summary::of(&[3.0]).unwrap().half_width, None);
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[1.0, f64::NAN]), None);
        assert!((student_t_95(60) - 2.000).abs() < 2e-3 && (student_t_95(1_000) - 1.962).abs() < 1e-3);
    }

    #[test]
    fn a_difference_is_sure_when_zero_is_outside() {
        assert!(Summary::of(&[5.0, 5.1, 4.9]).unwrap().is_sure());
        assert!(!Summary::of(&[5.0, -5.1, 0.2]).unwrap().is_sure());
        assert!(!Summary::of(&[5.0]).unwrap().is_sure());
    }
}
