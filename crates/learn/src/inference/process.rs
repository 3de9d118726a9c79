//! From the values of a stream to a model's input, and from its output to an answer: declared, not programmed.

use serde::{Deserialize, Serialize};

use super::tensor::{Numbers, Tensor};

/// A window, and what is made of it on the way, is never longer than this.
pub const VALUES_MAX: usize = 1 << 22;
/// The longest frame of a spectrogram.
const FRAME_MAX: usize = 4_096;

/// One step on the way in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// To another rate, by straight lines between the values.
    Resample {
        /// The rate that comes.
        from_hz: f32,
        /// The rate that goes on.
        to_hz: f32,
    },
    /// `(value - offset) * factor`.
    Scale {
        /// What is taken off.
        offset: f32,
        /// What is then multiplied.
        factor: f32,
    },
    /// To a mean of 0 and a deviation of 1 over the window.
    Standardise,
    /// The strength of each frequency in frames that follow each other; `frame / 2 + 1` numbers a frame.
    Spectrogram {
        /// The values of one frame.
        frame: usize,
        /// The values from the start of one frame to the start of the next.
        hop: usize,
        /// The natural logarithm of the strength.
        is_log: bool,
    },
    /// An image, its rows one after the other and the channels of a pixel together, to another size; the channels are
    /// taken apart, as models want them.
    Image {
        /// The pixels of a row that come.
        width: usize,
        /// The rows that come.
        height: usize,
        /// The channels of a pixel.
        channels: usize,
        /// The pixels of a row that go on.
        to_width: usize,
        /// The rows that go on.
        to_height: usize,
    },
}

/// What the output means.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Its numbers are the answer.
    #[default]
    Values,
    /// One number a label; the greatest wins.
    Labels {
        /// The labels, in order.
        labels: Vec<String>,
        /// The numbers are made into shares of one first.
        #[serde(default)]
        is_softmax: bool,
        /// A winner with less is no answer.
        #[serde(default)]
        score_min: f32,
    },
}

/// How the latest values of streams become an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// How many streams go into it; each is prepared alone.
    #[serde(default = "one")]
    pub streams: usize,
    /// The latest values of a stream that are looked at.
    pub window: usize,
    /// The values stand so far apart: the latest value that was known at each moment. As they came when not given.
    #[serde(default)]
    pub every_us: Option<u64>,
    /// What is done with them, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Moment after moment, with the streams beside each other; else stream after stream.
    #[serde(default)]
    pub is_interleaved: bool,
    /// The shape that the model wants.
    pub shape: Vec<usize>,
}

fn one() -> usize {
    1
}

/// What a model says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Numbers.
    Values(Vec<f32>),
    /// A label with its score; `None` when no score was high enough.
    Label(Option<(String, f32)>),
}

/// Why there is no input or no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProcessError {
    /// The stream has not given enough yet.
    #[error("{given} values came, the window has {wanted}")]
    Short {
        /// What came.
        given: usize,
        /// What is wanted.
        wanted: usize,
    },
    /// A value is not finite.
    #[error("value {at} of the window is not finite")]
    NotFinite {
        /// Which one.
        at: usize,
    },
    /// A step cannot be done.
    #[error("step {step} cannot be done: {why}")]
    Step {
        /// Which one, from 1.
        step: usize,
        /// In words.
        why: String,
    },
    /// The steps give another count than the shape has.
    #[error("{count} numbers were made, the shape {shape:?} has another count")]
    Shape {
        /// How many.
        count: usize,
        /// The shape.
        shape: Vec<usize>,
    },
    /// Another count of streams was given than the model is fed from.
    #[error("{given} streams were given, the model wants {wanted}")]
    Streams {
        /// What came.
        given: usize,
        /// What is wanted.
        wanted: usize,
    },
    /// An input that nobody gives.
    #[error("input {0} has to be given")]
    NotGiven(String),
    /// The model gave nothing.
    #[error("there is no output")]
    NoOutput,
    /// The model gave another count of numbers than there are labels.
    #[error("{numbers} numbers came for {labels} labels")]
    Labels {
        /// The numbers.
        numbers: usize,
        /// The labels.
        labels: usize,
    },
}

impl Preparation {
    /// The values of one stream as they are.
    pub fn plain(shape: &[usize]) -> Self {
        Self {
            streams: 1,
            window: shape.iter().product(),
            every_us: None,
            steps: Vec::new(),
            is_interleaved: false,
            shape: shape.to_vec(),
        }
    }

    /// What can never work, in words.
    pub(super) fn problem(&self) -> Option<String> {
        if self.streams == 0 {
            return Some("it wants no stream".to_owned());
        }
        if !(1..=VALUES_MAX).contains(&self.window) {
            return Some(format!("a window of {} values is not between 1 and {VALUES_MAX}", self.window));
        }
        if self.every_us == Some(0) {
            return Some("its values stand no time apart".to_owned());
        }
        None
    }

    /// Makes the model's input of the latest values of each stream.
    pub fn input<S: AsRef<[f32]>>(&self, streams: &[S]) -> Result<Tensor, ProcessError> {
        if streams.len() != self.streams {
            return Err(ProcessError::Streams { given: streams.len(), wanted: self.streams });
        }
        let prepared: Vec<Vec<f32>> =
            streams.iter().map(|values| self.prepare(values.as_ref())).collect::<Result<_, _>>()?;
        let numbers = match prepared.as_slice() {
            [first, others @ ..] if self.is_interleaved && others.iter().all(|other| other.len() == first.len()) => {
                (0..first.len()).flat_map(|at| prepared.iter().map(move |numbers| numbers[at])).collect()
            }
            _ => prepared.concat(),
        };
        let tensor = Tensor { shape: self.shape.clone(), numbers: Numbers::Float(numbers) };
        if tensor.is_whole() {
            Ok(tensor)
        } else {
            Err(ProcessError::Shape { count: tensor.len(), shape: tensor.shape })
        }
    }

    fn prepare(&self, values: &[f32]) -> Result<Vec<f32>, ProcessError> {
        let start = values.len().checked_sub(self.window);
        let Some(start) = start.filter(|_| self.window <= VALUES_MAX) else {
            return Err(ProcessError::Short { given: values.len(), wanted: self.window });
        };
        let mut numbers = values[start..].to_vec();
        if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
            return Err(ProcessError::NotFinite { at });
        }
        for (at, step) in self.steps.iter().enumerate() {
            numbers = apply(step, numbers).map_err(|why| ProcessError::Step { step: at + 1, why })?;
        }
        Ok(numbers)
    }
}

impl Meaning {
    /// Reads the model's answer.
    pub fn answer(&self, output: &Tensor) -> Result<Answer, ProcessError> {
        let mut numbers = match &output.numbers {
            Numbers::Float(numbers) => numbers.clone(),
            Numbers::Integer(numbers) => numbers.iter().map(|number| *number as f32).collect(),
        };
        let Self::Labels { labels, is_softmax, score_min } = self else {
            return Ok(Answer::Values(numbers));
        };
        if numbers.len() != labels.len() {
            return Err(ProcessError::Labels { numbers: numbers.len(), labels: labels.len() });
        }
        if *is_softmax {
            let greatest = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            numbers.iter_mut().for_each(|number| *number = (*number - greatest).exp());
            let sum: f32 = numbers.iter().sum();
            numbers.iter_mut().for_each(|number| *number /= sum);
        }
        let best = numbers.into_iter().zip(labels).max_by(|(a, _), (b, _)| a.total_cmp(b));
        Ok(Answer::Label(best.filter(|(score, _)| score >= score_min).map(|(score, label)| (label.clone(), score))))
    }
}

fn apply(step: &Step, mut numbers: Vec<f32>) -> Result<Vec<f32>, String> {
    match *step {
        Step::Resample { from_hz, to_hz } => resample(&numbers, from_hz, to_hz),
        Step::Scale { offset, factor } => {
            numbers.iter_mut().for_each(|number| *number = (*number - offset) * factor);
            Ok(numbers)
        }
        Step::Standardise => {
            let count = numbers.len().max(1) as f32;
            let mean = numbers.iter().sum::<f32>() / count;
            let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f32>() / count;
            let factor = if variance > 0.0 { variance.sqrt().recip() } else { 0.0 };
            numbers.iter_mut().for_each(|number| *number = (*number - mean) * factor);
            Ok(numbers)
        }
        Step::Spectrogram { frame, hop, is_log } => spectrogram(&numbers, frame, hop, is_log),
        Step::Image { width, height, channels, to_width, to_height } => {
            let sizes = [width, height, channels, to_width, to_height];
            let product = |sizes: &[usize]| sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
            if sizes.contains(&0) || product(&[width, height, channels]) != Some(numbers.len()) {
                return Err(format!("{} numbers are no image of {width} x {height} x {channels}", numbers.len()));
            }
            if product(&[to_width, to_height, channels]).is_none_or(|count| count > VALUES_MAX) {
                return Err(format!("the image would have more than {VALUES_MAX} numbers"));
            }
            Ok(resize(&numbers, [width, height], channels, [to_width, to_height]))
        }
    }
}

/// A place between two numbers of a row: the first, the second, and the share of the second.
fn between(place: f32, count: usize) -> (usize, usize, f32) {
    let place = place.clamp(0.0, (count - 1) as f32);
    let first = place as usize;
    (first, (first + 1).min(count - 1), place - first as f32)
}

fn resample(numbers: &[f32], from_hz: f32, to_hz: f32) -> Result<Vec<f32>, String> {
    let is_rate = |rate: f32| rate.is_finite() && rate > 0.0;
    if numbers.is_empty() || !is_rate(from_hz) || !is_rate(to_hz) {
        return Err(format!("{} values cannot go from {from_hz} Hz to {to_hz} Hz", numbers.len()));
    }
    let count = (numbers.len() as f32 * to_hz / from_hz).round() as usize;
    if count > VALUES_MAX {
        return Err(format!("{count} values are more than {VALUES_MAX}"));
    }
    Ok((0..count)
        .map(|at| {
            let (first, second, share) = between(at as f32 * from_hz / to_hz, numbers.len());
            numbers[first] * (1.0 - share) + numbers[second] * share
        })
        .collect())
}

fn spectrogram(numbers: &[f32], frame: usize, hop: usize, is_log: bool) -> Result<Vec<f32>, String> {
    if !frame.is_power_of_two() || frame > FRAME_MAX || hop == 0 || numbers.len() < frame {
        return Err(format!(
            "a frame of {frame} every {hop} does not go into {} values: frames are powers of two up to {FRAME_MAX}",
            numbers.len()
        ));
    }
    let bins = frame / 2 + 1;
    let frames = (numbers.len() - frame) / hop + 1;
    if frames * bins > VALUES_MAX {
        return Err(format!("the spectrogram would have more than {VALUES_MAX} numbers"));
    }
    let turn = std::f32::consts::TAU / frame as f32;
    // The window of Hann keeps the edges of a frame from sounding like something.
    let window: Vec<f32> = (0..frame).map(|at| 0.5 - 0.5 * (turn * at as f32).cos()).collect();
    let mut strengths = Vec::with_capacity(frames * bins);
    for start in (0..frames).map(|at| at * hop) {
        let part: Vec<f32> = numbers[start..start + frame].iter().zip(&window).map(|(a, b)| a * b).collect();
        for (real, imaginary) in fourier(&part).into_iter().take(bins) {
            let strength = real.hypot(imaginary);
            strengths.push(if is_log { strength.max(1e-10).ln() } else { strength });
        }
    }
    Ok(strengths)
}

/// The fast Fourier transform of real numbers whose count is a power of two.
fn fourier(numbers: &[f32]) -> Vec<(f32, f32)> {
    let count = numbers.len();
    let mut places: Vec<(f32, f32)> = vec![(0.0, 0.0); count];
    let bits = count.trailing_zeros();
    for (at, number) in numbers.iter().enumerate() {
        let turned = if bits == 0 { 0 } else { at.reverse_bits() >> (usize::BITS - bits) };
        places[turned] = (*number, 0.0);
    }
    let mut half = 1;
    while half < count {
        for at in 0..half {
            let (sine, cosine) = (-std::f32::consts::PI * at as f32 / half as f32).sin_cos();
            for even in (at..count).step_by(2 * half) {
                let (a, b) = (places[even], places[even + half]);
                let turned = (b.0 * cosine - b.1 * sine, b.0 * sine + b.1 * cosine);
                places[even] = (a.0 + turned.0, a.1 + turned.1);
                places[even + half] = (a.0 - turned.0, a.1 - turned.1);
            }
        }
        half *= 2;
    }
    places
}

/// By straight lines between the centres of pixels.
fn resize(numbers: &[f32], from: [usize; 2], channels: usize, to: [usize; 2]) -> Vec<f32> {
    let place =
        |at: usize, axis: usize| between((at as f32 + 0.5) * from[axis] as f32 / to[axis] as f32 - 0.5, from[axis]);
    let mut resized = Vec::with_capacity(to[0] * to[1] * channels);
    for channel in 0..channels {
        let pixel = |x: usize, y: usize| numbers[(y * from[0] + x) * channels + channel];
        for row in 0..to[1] {
            let (above, below, down) = place(row, 1);
            for column in 0..to[0] {
                let (left, right, along) = place(column, 0);
                let upper = pixel(left, above) * (1.0 - along) + pixel(right, above) * along;
                let lower = pixel(left, below) * (1.0 - along) + pixel(right, below) * along;
                resized.push(upper * (1.0 - down) + lower * down);
            }
        }
    }
    resized
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(window: usize, step: Step, shape: &[usize], values: &[f32]) -> Result<Vec<f32>, ProcessError> {
        let preparation = Preparation { window, steps: vec![step], ..Preparation::plain(shape) };
        match preparation.input(&[values])?.numbers {
            Numbers::Float(numbers) => Ok(numbers),
            Numbers::Integer(_) => panic!("inputs are real numbers"),
        }
    }

    #[test]
    fn the_latest_values_are_scaled_and_resampled() {
        let scale = Step::Scale { offset: 1.0, factor: 2.0 };
        assert_eq!(made(3, scale, &[1, 3], &[9.0, 1.0, 2.0, 3.0]), Ok(vec![0.0, 2.0, 4.0]));
        let twice = Step::Resample { from_hz: 1.0, to_hz: 2.0 };
        assert_eq!(made(3, twice, &[6], &[0.0, 2.0, 4.0]), Ok(vec![0.0, 1.0, 2.0, 3.0, 4.0, 4.0]));
        assert_eq!(made(2, Step::Standardise, &[2], &[3.0, 5.0]), Ok(vec![-1.0, 1.0]));
        assert_eq!(made(2, Step::Standardise, &[2], &[4.0, 4.0]), Ok(vec![0.0, 0.0]));
    }

    #[test]
    fn a_tone_stands_out_at_its_frequency() {
        let tone: Vec<f32> = (0..128).map(|at| (std::f32::consts::TAU * 5.0 * at as f32 / 64.0).sin()).collect();
        let step = Step::Spectrogram { frame: 64, hop: 32, is_log: false };
        let strengths = made(128, step, &[3, 33], &tone).expect("three frames");
        for frame in strengths.chunks(33) {
            // Half of the tone's 64 values, and half of that under the window of Hann.
            assert!((frame[5] - 16.0).abs() < 1e-3, "{frame:?}");
            assert!(frame[0] < 1e-3 && frame[9] < 1e-3 && frame[32] < 1e-3, "{frame:?}");
        }
    }

    #[test]
    fn an_image_is_halved_and_its_channels_are_taken_apart() {
        let image = [0.0, 10.0, 2.0, 10.0, 4.0, 20.0, 6.0, 20.0];
        let step = Step::Image { width: 4, height: 1, channels: 2, to_width: 2, to_height: 1 };
        assert_eq!(made(8, step, &[2, 1, 2], &image), Ok(vec![1.0, 5.0, 10.0, 20.0]));
    }

    #[test]
    fn several_streams_stand_after_or_beside_each_other() {
        let streams: [&[f32]; 2] = [&[1.0, 2.0], &[3.0, 4.0]];
        let made = |is_interleaved| {
            let preparation = Preparation { streams: 2, window: 2, is_interleaved, ..Preparation::plain(&[4]) };
            preparation.input(&streams).map(|tensor| tensor.numbers)
        };
        assert_eq!(made(false), Ok(Numbers::Float(vec![1.0, 2.0, 3.0, 4.0])));
        assert_eq!(made(true), Ok(Numbers::Float(vec![1.0, 3.0, 2.0, 4.0])));
        let one = Preparation::plain(&[4]).input(&streams);
        assert_eq!(one, Err(ProcessError::Streams { given: 2, wanted: 1 }));
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let refused = |window, step, values: &[f32]| made(window, step, &[4], values).expect_err("refused").to_string();
        let scale = Step::Scale { offset: 0.0, factor: 1.0 };
        insta::assert_snapshot!(refused(4, scale.clone(), &[1.0]), @"1 values came, the window has 4");
        insta::assert_snapshot!(refused(2, scale.clone(), &[1.0, f32::NAN]), @"value 1 of the window is not finite");
        insta::assert_snapshot!(refused(1, scale, &[1.0]), @"1 numbers were made, the shape [4] has another count");
        let endless = Step::Resample { from_hz: 1e-30, to_hz: 1e30 };
        insta::assert_snapshot!(refused(1, endless, &[1.0]), @"step 1 cannot be done: 18446744073709551615 values are more than 4194304");
        let frame = Step::Spectrogram { frame: 3, hop: 0, is_log: true };
        insta::assert_snapshot!(refused(4, frame, &[1.0; 4]), @"step 1 cannot be done: a frame of 3 every 0 does not go into 4 values: frames are powers of two up to 4096");
        let image = Step::Image { width: 2, height: usize::MAX, channels: 3, to_width: 1, to_height: 1 };
        insta::assert_snapshot!(refused(4, image, &[1.0; 4]), @"step 1 cannot be done: 4 numbers are no image of 2 x 18446744073709551615 x 3");
    }

    #[test]
    fn the_best_label_wins_when_it_is_good_enough() {
        let labels = vec!["calm".to_owned(), "storm".to_owned()];
        let answer = |score_min, numbers: &[f32]| {
            let meaning = Meaning::Labels { labels: labels.clone(), is_softmax: true, score_min };
            meaning.answer(&Tensor::float(&[numbers.len()], numbers.to_vec()))
        };
        assert_eq!(answer(0.4, &[3.0, 3.0]), Ok(Answer::Label(Some(("storm".to_owned(), 0.5)))));
        assert_eq!(answer(0.6, &[3.0, 3.0]), Ok(Answer::Label(None)));
        assert_eq!(answer(0.6, &[3.0]), Err(ProcessError::Labels { numbers: 1, labels: 2 }));
    }
}
