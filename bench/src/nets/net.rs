//! A small convolutional net over a window, its training, and its file.

use learn::inference::{Graph, Tensor};
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// The values of a window.
pub(super) const WINDOW: usize = 64;
/// The first layer: width and step of a filter, how many filters, and how many places they look at.
const FIRST: Layer = Layer { width: 7, step: 2, from: 1, to: 12, length: (WINDOW - 7) / 2 + 1 };
/// The second layer.
const SECOND: Layer = Layer { width: 5, step: 2, from: FIRST.to, to: 24, length: (FIRST.length - 5) / 2 + 1 };
/// The logarithm of a kilowatt is about seven; layers like numbers around one.
const SCALE: f32 = 0.125;
/// Rounds over all windows.
const ROUNDS: usize = 40;
/// Windows that are learned from together.
const BATCH: usize = 32;
/// How far the first steps go.
const RATE: f32 = 3e-3;

/// A layer of filters.
struct Layer {
    width: usize,
    step: usize,
    from: usize,
    to: usize,
    length: usize,
}

impl Layer {
    const fn weights(&self) -> usize {
        self.to * self.from * self.width
    }

    /// Calls with the places of filter, output, input and weight of each product.
    fn each(&self, input_length: usize, mut product: impl FnMut(usize, usize, usize)) {
        for to in 0..self.to {
            for at in 0..self.length {
                for from in 0..self.from {
                    for tap in 0..self.width {
                        let input = from * input_length + at * self.step + tap;
                        product(to * self.length + at, input, (to * self.from + from) * self.width + tap);
                    }
                }
            }
        }
    }

    fn forward(&self, input: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
        let mut output: Vec<f32> = (0..self.to * self.length).map(|at| bias[at / self.length]).collect();
        self.each(input.len() / self.from, |to, from, weight| output[to] += input[from] * weights[weight]);
        output.iter_mut().for_each(|number| *number = number.max(0.0));
        output
    }
}

/// The net: two layers of filters, the mean and the most of each filter, and a weight of both for each class.
#[derive(Debug, Clone)]
pub(super) struct Net {
    classes: usize,
    numbers: Vec<f32>,
}

/// Where the numbers of each part of the net begin.
struct Parts {
    first_bias: usize,
    second: usize,
    second_bias: usize,
    mean: usize,
    most: usize,
    bias: usize,
    end: usize,
}

/// What a run leaves for the way back.
struct Run {
    input: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    mean: Vec<f32>,
    /// The place of the most of each filter.
    most: Vec<usize>,
    scores: Vec<f32>,
}

impl Net {
    fn parts(classes: usize) -> Parts {
        let first_bias = FIRST.weights();
        let second = first_bias + FIRST.to;
        let second_bias = second + SECOND.weights();
        let mean = second_bias + SECOND.to;
        let most = mean + SECOND.to * classes;
        let bias = most + SECOND.to * classes;
        Parts { first_bias, second, second_bias, mean, most, bias, end: bias + classes }
    }

    /// How many numbers it has learned.
    pub(super) fn size(&self) -> usize {
        self.numbers.len()
    }

    /// Learns which window is of which class.
    pub(super) fn train(windows: &[(Vec<f32>, usize)], classes: usize, seed: u64) -> Self {
        let parts = Self::parts(classes);
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut numbers = vec![0.0; parts.end];
        let spread = |inputs: usize| (2.0 / inputs as f32).sqrt();
        let ranges = [
            (0..parts.first_bias, spread(FIRST.width)),
            (parts.second..parts.second_bias, spread(SECOND.width * SECOND.from)),
            (parts.mean..parts.bias, spread(2 * SECOND.to)),
        ];
        for (range, spread) in ranges {
            // The sum of twelve uniform numbers is close to a normal one.
            numbers[range].fill_with(|| spread * ((0..12).map(|_| chance.random::<f32>()).sum::<f32>() - 6.0));
        }
        let mut net = Self { classes, numbers };
        let (mut speed, mut size) = (vec![0.0; parts.end], vec![0.0; parts.end]);
        let mut order: Vec<usize> = (0..windows.len()).collect();
        let (mut step, steps) = (0, ROUNDS * windows.len().div_ceil(BATCH));
        for _ in 0..ROUNDS {
            order.shuffle(&mut chance);
            for batch in order.chunks(BATCH) {
                let mut slope = vec![0.0; parts.end];
                for at in batch {
                    let (window, class) = &windows[*at];
                    net.learn(window, *class, &mut slope);
                }
                step += 1;
                let rate = RATE * (1.0 - step as f32 / steps as f32);
                net.adapt(&slope, batch.len(), (&mut speed, &mut size), step, rate);
            }
        }
        net
    }

    /// A step of Adam.
    fn adapt(&mut self, slope: &[f32], count: usize, state: (&mut [f32], &mut [f32]), step: usize, rate: f32) {
        let (speed, size) = state;
        let (kept_speed, kept_size) = (1.0 - 0.9_f32.powi(step as i32), 1.0 - 0.999_f32.powi(step as i32));
        for at in 0..slope.len() {
            let slope = slope[at] / count as f32;
            speed[at] = 0.9 * speed[at] + 0.1 * slope;
            size[at] = 0.999 * size[at] + 0.001 * slope * slope;
            self.numbers[at] -= rate * (speed[at] / kept_speed) / ((size[at] / kept_size).sqrt() + 1e-8);
        }
    }

    fn run(&self, window: &[f32]) -> Run {
        let (parts, numbers) = (Self::parts(self.classes), &self.numbers);
        let input: Vec<f32> = window.iter().map(|watts| (watts.max(0.0) + 1.0).ln() * SCALE).collect();
        let first = FIRST.forward(&input, &numbers[..parts.first_bias], &numbers[parts.first_bias..parts.second]);
        let weights = &numbers[parts.second..parts.second_bias];
        let second = SECOND.forward(&first, weights, &numbers[parts.second_bias..parts.mean]);
        let mean: Vec<f32> =
            second.chunks(SECOND.length).map(|row| row.iter().sum::<f32>() / SECOND.length as f32).collect();
        let most = |(filter, row): (usize, &[f32])| {
            let best = (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).expect("a filter has places");
            filter * SECOND.length + best
        };
        let most: Vec<usize> = second.chunks(SECOND.length).enumerate().map(most).collect();
        let mut scores = numbers[parts.bias..].to_vec();
        for filter in 0..SECOND.to {
            for (class, score) in scores.iter_mut().enumerate() {
                let at = filter * self.classes + class;
                *score += mean[filter] * numbers[parts.mean + at] + second[most[filter]] * numbers[parts.most + at];
            }
        }
        Run { input, first, second, mean, most, scores }
    }

    /// How much speaks for each class.
    pub(super) fn scores(&self, window: &[f32]) -> Vec<f32> {
        self.run(window).scores
    }

    /// Adds how each number should change for this window.
    fn learn(&self, window: &[f32], class: usize, slope: &mut [f32]) {
        let (parts, numbers) = (Self::parts(self.classes), &self.numbers);
        let Run { input, first, second, mean, most, scores } = self.run(window);
        let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let shares: Vec<f32> = scores.iter().map(|score| (score - greatest).exp()).collect();
        let sum: f32 = shares.iter().sum();
        let mut of_second = vec![0.0; second.len()];
        for (at, share) in shares.iter().enumerate() {
            let wrong = share / sum - f32::from(u8::from(at == class));
            slope[parts.bias + at] += wrong;
            for filter in 0..SECOND.to {
                let weight = filter * self.classes + at;
                slope[parts.mean + weight] += wrong * mean[filter];
                slope[parts.most + weight] += wrong * second[most[filter]];
                of_second[most[filter]] += wrong * numbers[parts.most + weight];
                let even = wrong * numbers[parts.mean + weight] / SECOND.length as f32;
                let row = filter * SECOND.length..(filter + 1) * SECOND.length;
                of_second[row].iter_mut().for_each(|number| *number += even);
            }
        }
        silence(&mut of_second, &second);
        let mut of_first = vec![0.0; first.len()];
        SECOND.each(FIRST.length, |to, from, weight| {
            slope[parts.second + weight] += of_second[to] * first[from];
            of_first[from] += of_second[to] * numbers[parts.second + weight];
        });
        silence(&mut of_first, &first);
        FIRST.each(WINDOW, |to, from, weight| slope[weight] += of_first[to] * input[from]);
        for (layer, bias, of) in [(&FIRST, parts.first_bias, &of_first), (&SECOND, parts.second_bias, &of_second)] {
            for (filter, row) in of.chunks(layer.length).enumerate() {
                slope[bias + filter] += row.iter().sum::<f32>();
            }
        }
    }

    /// The net as an ONNX file, from watts to scores.
    pub(super) fn file(&self) -> Vec<u8> {
        let (parts, filters) = (Self::parts(self.classes), SECOND.to);
        let tensor = |from: usize, shape: &[usize]| {
            Tensor::float(shape, self.numbers[from..from + shape.iter().product::<usize>()].to_vec())
        };
        let number = |number: f32| Tensor::float(&[1], vec![number]);
        let filter = |layer: &Layer, from| tensor(from, &[layer.to, layer.from, layer.width]);
        let of = |layer: &Layer| ([layer.width as u64], [layer.step as u64]);
        let ((width_1, step_1), (width_2, step_2)) = (of(&FIRST), of(&SECOND));
        Graph::default()
            .input("watts", &[1, 1, WINDOW])
            .output("scores", &[1, self.classes])
            .weights("one", &number(1.0))
            .weights("scale", &number(SCALE))
            .weights("first", &filter(&FIRST, 0))
            .weights("first bias", &tensor(parts.first_bias, &[FIRST.to]))
            .weights("second", &filter(&SECOND, parts.second))
            .weights("second bias", &tensor(parts.second_bias, &[SECOND.to]))
            .weights("mean weights", &tensor(parts.mean, &[filters, self.classes]))
            .weights("most weights", &tensor(parts.most, &[filters, self.classes]))
            .weights("bias", &tensor(parts.bias, &[self.classes]))
            .node("Relu", &["watts"], "taken", &[])
            .node("Add", &["taken", "one"], "more", &[])
            .node("Log", &["more"], "logarithm", &[])
            .node("Mul", &["logarithm", "scale"], "scaled", &[])
            .node("Conv", &["scaled", "first", "first bias"], "c1", &[("kernel_shape", &width_1), ("strides", &step_1)])
            .node("Relu", &["c1"], "r1", &[])
            .node("Conv", &["r1", "second", "second bias"], "c2", &[("kernel_shape", &width_2), ("strides", &step_2)])
            .node("Relu", &["c2"], "r2", &[])
            .node("ReduceMean", &["r2"], "means", &[("axes", &[2])])
            .node("ReduceMax", &["r2"], "mosts", &[("axes", &[2])])
            .node("Flatten", &["means"], "mean", &[])
            .node("Flatten", &["mosts"], "most", &[])
            .node("Gemm", &["mean", "mean weights", "bias"], "by mean", &[])
            .node("MatMul", &["most", "most weights"], "by most", &[])
            .node("Add", &["by mean", "by most"], "scores", &[])
            .file()
    }
}

/// What a filter did not say, it does not learn from.
fn silence(slope: &mut [f32], said: &[f32]) {
    slope.iter_mut().zip(said).for_each(|(slope, said)| *slope *= f32::from(u8::from(*said > 0.0)));
}
