//! A model beside its successor: the same values, two answers.

use std::collections::BTreeMap;

use learn::inference::{Answer, Outcome};
use serde::Serialize;

/// Numbers agree when they differ by no more than this share of the greater one, or this much.
const AGREE: f32 = 0.01;
/// Answers that wait for the other model's to the same values; the oldest go.
const HALVES_MAX: usize = 64;

/// How a successor does beside the model that it would follow.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = SuccessorComparison))]
pub struct Comparison {
    /// Answers of both to the same values.
    pub compared: u64,
    /// The share of them that agree: the same label, or numbers that differ by no more than a hundredth.
    #[cfg_attr(feature = "schema", schema(required))]
    pub agreement: Option<f64>,
    /// How far numbers or scores differ, on average.
    #[cfg_attr(feature = "schema", schema(required))]
    pub difference_mean: Option<f64>,
    /// At most.
    pub difference_most: f64,
    /// Milliseconds of the model's runs, on average.
    #[cfg_attr(feature = "schema", schema(required))]
    pub milliseconds_mean: Option<f64>,
    /// Milliseconds of the successor's runs, on average.
    #[cfg_attr(feature = "schema", schema(required))]
    pub successor_milliseconds_mean: Option<f64>,
    /// Runs of the successor that gave no answer where the model did.
    pub failed: u64,
}

/// Which of the two an answer is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Model,
    Successor,
}

/// Brings the answers of both together.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    halves: BTreeMap<u64, (Side, Option<Answer>, u64)>,
    compared: u64,
    agreed: u64,
    difference: f64,
    difference_most: f64,
    run_us: [u64; 2],
    failed: u64,
}

impl Beside {
    /// One of them has answered.
    pub(crate) fn take(&mut self, side: Side, outcome: &Outcome) {
        let answer = outcome.answer.as_ref().ok();
        match self.halves.remove(&outcome.number) {
            Some((other, theirs, run_us)) if other != side => {
                let (ours, theirs) = match side {
                    Side::Model => ((answer, outcome.run_us), (theirs.as_ref(), run_us)),
                    Side::Successor => ((theirs.as_ref(), run_us), (answer, outcome.run_us)),
                };
                self.both(ours, theirs);
            }
            _ => {
                self.halves.insert(outcome.number, (side, answer.cloned(), outcome.run_us));
                while self.halves.len() > HALVES_MAX {
                    self.halves.pop_first();
                }
            }
        }
    }

    fn both(&mut self, (model, model_us): (Option<&Answer>, u64), (successor, successor_us): (Option<&Answer>, u64)) {
        let Some(model) = model else { return };
        let Some(successor) = successor else {
            self.failed += 1;
            return;
        };
        let (agrees, difference) = compare(model, successor);
        self.compared += 1;
        self.agreed += u64::from(agrees);
        self.difference += difference;
        self.difference_most = self.difference_most.max(difference);
        self.run_us[0] += model_us;
        self.run_us[1] += successor_us;
    }

    /// The figures so far.
    pub(crate) fn figures(&self) -> Comparison {
        let mean = |sum: f64| (self.compared > 0).then(|| sum / self.compared as f64);
        Comparison {
            compared: self.compared,
            agreement: mean(self.agreed as f64),
            difference_mean: mean(self.difference),
            difference_most: self.difference_most,
            milliseconds_mean: mean(self.run_us[0] as f64 / 1e3),
            successor_milliseconds_mean: mean(self.run_us[1] as f64 / 1e3),
            failed: self.failed,
        }
    }
}

/// Whether two answers agree, and how far their numbers are apart.
fn compare(one: &Answer, other: &Answer) -> (bool, f64) {
    match (one, other) {
        (Answer::Label(one), Answer::Label(other)) => {
            let score = |said: &Option<(String, f32)>| said.as_ref().map_or(0.0, |(_, score)| f64::from(*score));
            let label = |said: &Option<(String, f32)>| said.as_ref().map(|(label, _)| label.clone());
            (label(one) == label(other), (score(one) - score(other)).abs())
        }
        (Answer::Values(one), Answer::Values(other)) if one.len() == other.len() => {
            let apart = |(a, b): (&f32, &f32)| (a - b).abs();
            let agrees = one.iter().zip(other).all(|(a, b)| apart((a, b)) <= AGREE * a.abs().max(b.abs()).max(1.0));
            (agrees, f64::from(one.iter().zip(other).map(apart).fold(0.0, f32::max)))
        }
        _ => (false, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Position, Timestamp};

    #[test]
    fn answers_to_the_same_values_are_compared() {
        let outcome = |number, answer: Option<&[f32]>, run_us| Outcome {
            place: 1,
            number,
            time: Timestamp(0),
            position: Position(1),
            answer: answer.map(|numbers| Answer::Values(numbers.to_vec())).ok_or_else(|| {
                learn::inference::ModelError::Failed { name: "m".to_owned(), why: "it failed".to_owned() }
            }),
            run_us,
            is_late: false,
        };
        let mut beside = Beside::default();
        beside.take(Side::Model, &outcome(1, Some(&[100.0]), 1_000));
        beside.take(Side::Successor, &outcome(1, Some(&[100.5]), 3_000));
        beside.take(Side::Successor, &outcome(2, Some(&[4.0]), 3_000));
        beside.take(Side::Model, &outcome(2, Some(&[1.0]), 2_000));
        beside.take(Side::Model, &outcome(3, Some(&[1.0]), 2_000));
        beside.take(Side::Successor, &outcome(3, None, 2_000));
        beside.take(Side::Successor, &outcome(5, Some(&[1.0]), 1));
        assert_eq!(
            beside.figures(),
            Comparison {
                compared: 2,
                agreement: Some(0.5),
                difference_mean: Some(1.75),
                difference_most: 3.0,
                milliseconds_mean: Some(1.5),
                successor_milliseconds_mean: Some(3.0),
                failed: 1,
            }
        );
        let label = |label: Option<(&str, f32)>| Answer::Label(label.map(|(label, score)| (label.to_owned(), score)));
        assert_eq!(compare(&label(Some(("calm", 0.75))), &label(Some(("calm", 0.5)))), (true, 0.25));
        assert_eq!(compare(&label(None), &label(Some(("calm", 0.5)))), (false, 0.5));
    }
}
