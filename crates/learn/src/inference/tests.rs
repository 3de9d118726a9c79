//! Tiny models, good and bad, made byte by byte.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use model::{SteppedClock, Timestamp};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::*;

/// A message of protobuf in the making.
#[derive(Default, Clone)]
struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut value: u64) -> Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    fn number(self, field: u64, value: u64) -> Self {
        self.varint(field << 3).varint(value)
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut message = self.varint(field << 3 | 2).varint(bytes.len() as u64);
        message.0.extend_from_slice(bytes);
        message
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Message {
    let node = inputs.iter().fold(Message::default(), |node, input| node.bytes(1, input.as_bytes()));
    node.bytes(2, output.as_bytes()).bytes(4, operator.as_bytes())
}

/// The declaration of a row of `length` real numbers.
fn port(name: &str, length: u64) -> Message {
    let shape = Message::default().bytes(1, &Message::default().number(1, length).0);
    let tensor = Message::default().number(1, 1).bytes(2, &shape.0);
    Message::default().bytes(1, name.as_bytes()).bytes(2, &Message::default().bytes(1, &tensor.0).0)
}

fn weights(name: &str, numbers: &[f32]) -> Message {
    let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    Message::default().number(1, numbers.len() as u64).number(2, 1).bytes(8, name.as_bytes()).bytes(9, &raw)
}

/// A file with one graph from `x` to `y`, rows of two.
fn file(nodes: &[Message], initializers: &[Message]) -> Vec<u8> {
    let mut graph = nodes.iter().fold(Message::default(), |graph, node| graph.bytes(1, &node.0));
    graph = graph.bytes(2, b"graph");
    graph = initializers.iter().fold(graph, |graph, weights| graph.bytes(5, &weights.0));
    graph = graph.bytes(11, &port("x", 2).0).bytes(12, &port("y", 2).0);
    let opset = Message::default().bytes(1, b"").number(2, 17);
    Message::default().number(1, 8).bytes(7, &graph.0).bytes(8, &opset.0).0
}

/// `y = factor * x`
fn multiply(factor: f32) -> Vec<u8> {
    file(&[node("Mul", &["x", "factor"], "y")], &[weights("factor", &[factor])])
}

fn facts(file: &[u8], input: [f32; 2], output: [f32; 2]) -> Facts {
    Facts {
        name: "tiny".to_owned(),
        sha256: Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect(),
        licence: "MIT".to_owned(),
        inputs: vec!["x".to_owned()],
        outputs: vec!["y".to_owned()],
        pipeline: Pipeline::plain(&[2]),
        memory_bytes_max: 1 << 20,
        run_us_max: 1_000_000,
        golden: vec![Golden {
            inputs: vec![Tensor::float(&[2], input.to_vec())],
            outputs: vec![Tensor::float(&[2], output.to_vec())],
        }],
    }
}

fn try_install(facts: Facts, file: &[u8]) -> Result<Installed, ModelError> {
    install(facts, file, &[&Rten::new()])
}

fn doubler() -> Installed {
    let file = multiply(2.0);
    try_install(facts(&file, [1.0, -3.0], [2.0, -6.0]), &file).expect("it doubles")
}

fn refusal(facts: Facts, file: &[u8]) -> String {
    try_install(facts, file).expect_err("it is refused").to_string()
}

#[test]
fn a_model_that_computes_its_golden_vectors_is_installed_and_answers() {
    let model = doubler();
    assert_eq!((model.engine, model.distance), ("rten", 0.0));
    assert_eq!(model.answer(&[9.0, 4.0, 0.5]), Ok(Answer::Values(vec![8.0, 1.0])));
}

#[test]
fn bad_facts_are_refused() {
    let file = multiply(2.0);
    let good = facts(&file, [1.0, 1.0], [2.0, 2.0]);
    let refused = |change: &dyn Fn(&mut Facts)| {
        let mut facts = good.clone();
        change(&mut facts);
        refusal(facts, &file)
    };
    insta::assert_snapshot!(refused(&|facts| facts.licence = "CC-BY-NC-4.0".to_owned()), @r#"
    model tiny: the licence "CC-BY-NC-4.0" is not on the list
    hint: one of MIT, Apache-2.0, BSD-2-Clause, BSD-3-Clause, ISC, CC0-1.0, CC-BY-4.0, Unlicense
    "#);
    assert!(refused(&|facts| facts.sha256 = "00".to_owned()).starts_with("model tiny: the file's sha256 is "));
    insta::assert_snapshot!(refused(&|facts| facts.memory_bytes_max = 100), @"model tiny: it needs about 276 bytes of memory, its limit is 100");
    insta::assert_snapshot!(refused(&|facts| facts.golden.clear()), @"
    model tiny: there are no golden vectors
    hint: give one input with the output of the reference engine
    ");
    insta::assert_snapshot!(refused(&|facts| facts.inputs = vec!["image".to_owned()]), @r#"model tiny: its facts say ["image"] to ["y"], the file says ["x"] to ["y"]"#);
    insta::assert_snapshot!(refused(&|facts| facts.golden[0].outputs[0] = Tensor::float(&[2], vec![2.0, 2.1])), @"model tiny: no engine can run it: rten is 0.099999905 off its golden vectors");
    insta::assert_snapshot!(refused(&|facts| facts.golden[0].outputs[0] = Tensor::float(&[1], vec![2.0])), @"model tiny: output y is [2], its golden vectors say [1]");
    insta::assert_snapshot!(refused(&|facts| facts.golden[0].inputs[0] = Tensor::float(&[3], vec![1.0; 3])), @"model tiny: input x is [3], the model wants Some([Some(2)])");
}

#[test]
fn bad_files_are_refused() {
    let refused = |file: &[u8]| refusal(facts(file, [1.0, 1.0], [2.0, 2.0]), file);
    insta::assert_snapshot!(refused(b"not a model"), @"model tiny: the file is not a usable ONNX model: it is broken 11 bytes before an end");
    insta::assert_snapshot!(refused(b""), @"model tiny: the file is not a usable ONNX model: there is no graph in it");
    let unknown = refused(&file(&[node("Frobnicate", &["x"], "y")], &[]));
    assert!(unknown.contains("no engine can run it") && unknown.contains("Frobnicate"), "{unknown}");
    let endless = refused(&file(&[node("Loop", &["x"], "y")], &[]));
    insta::assert_snapshot!(endless, @"
    model tiny: the file is not a usable ONNX model: the operator Loop may never end
    hint: export the model without it
    ");
    let elsewhere = Message::default().number(1, 2).number(2, 1).bytes(8, b"factor").bytes(13, b"");
    let external = refused(&file(&[node("Mul", &["x", "factor"], "y")], &[elsewhere]));
    insta::assert_snapshot!(external, @"model tiny: the file is not a usable ONNX model: it keeps weights in other files");
    let shapes = refused(&file(&[node("Add", &["x", "three"], "y")], &[weights("three", &[1.0; 3])]));
    assert!(shapes.contains("no engine can run it"), "{shapes}");
}

#[test]
fn a_file_that_is_cut_or_bent_anywhere_is_contained() {
    let good = multiply(2.0);
    let cut = (0..good.len()).map(|length| good[..length].to_vec());
    let bent = (0..good.len()).map(|at| {
        let mut file = good.clone();
        file[at] ^= 0x55;
        file
    });
    let mut refused = 0;
    for file in cut.chain(bent) {
        // Some of these are models still: whatever is installed computes the golden vectors.
        match try_install(facts(&file, [1.0, 1.0], [2.0, 2.0]), &file) {
            Ok(model) => {
                let outputs = model.run(&[Tensor::float(&[2], vec![1.0, 1.0])]).expect("as for its golden vectors");
                let distance = outputs[0].distance(&Tensor::float(&[2], vec![2.0, 2.0]));
                assert!(distance.is_some_and(|distance| distance <= DISTANCE_MAX), "{outputs:?}");
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > good.len(), "{refused} of {}", 2 * good.len());
}

#[test]
fn an_output_that_is_not_finite_is_an_error() {
    let file = file(&[node("Sqrt", &["x"], "y")], &[]);
    let model = try_install(facts(&file, [4.0, 9.0], [2.0, 3.0]), &file).expect("it takes roots");
    let error = model.answer(&[4.0, -1.0]).expect_err("there is no root");
    assert_eq!(error.to_string(), "model tiny: output y is not finite");
}

/// A network that does what a test wants at each run.
struct Puppet<F> {
    inputs: Vec<Port>,
    outputs: Vec<String>,
    run: F,
}

struct PuppetRuntime<F>(Mutex<Option<F>>);

impl<F: FnMut() + Send + 'static> Runtime for PuppetRuntime<Arc<Mutex<F>>> {
    fn name(&self) -> &'static str {
        "puppet"
    }

    fn load(&self, _: Vec<u8>) -> Result<Box<dyn Network>, String> {
        let inputs = vec![Port { name: "x".to_owned(), shape: None }];
        let run = self.0.lock().take().ok_or("there is one only")?;
        Ok(Box::new(Puppet { inputs, outputs: vec!["y".to_owned()], run }))
    }
}

impl<F: FnMut() + Send> Network for Puppet<Arc<Mutex<F>>> {
    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[String] {
        &self.outputs
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        (self.run.lock())();
        Ok(inputs.to_vec())
    }
}

/// A model that gives what it gets, and calls `run` each time; the first time for its golden vector.
fn puppet(run: impl FnMut() + Send + 'static) -> Installed {
    let file = multiply(1.0);
    let runtime = PuppetRuntime(Mutex::new(Some(Arc::new(Mutex::new(run)))));
    install(facts(&file, [1.0, 1.0], [1.0, 1.0]), &file, &[&runtime]).expect("it gives what it gets")
}

const PATIENCE: Duration = Duration::from_secs(30);

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(second)
}

#[test]
fn a_stuck_model_holds_up_nobody_and_the_newest_values_win() {
    let (release, gate): (SyncSender<()>, Receiver<()>) = sync_channel(8);
    let (entered, seen) = sync_channel(8);
    release.send(()).expect("for the golden vector");
    let clock = Arc::new(SteppedClock::new(at(0)));
    let stuck = puppet(move || {
        entered.send(()).expect("the test listens");
        gate.recv().expect("the test lets go");
    });
    let stuck = Worker::start(stuck, clock.clone()).expect("a thread");
    seen.recv_timeout(PATIENCE).expect("the golden vector");
    let other = Worker::start(doubler(), clock.clone()).expect("a thread");

    stuck.offer(at(1), vec![1.0, 1.0]).expect("it takes values");
    seen.recv_timeout(PATIENCE).expect("it runs");
    for second in 2..100 {
        stuck.offer(at(second), vec![second as f32; 2]).expect("it takes values");
        other.offer(at(second), vec![1.0, 2.0]).expect("it takes values");
        let outcome = other.wait(PATIENCE).expect("the other model is not held up");
        assert_eq!((outcome.time, outcome.answer), (at(second), Ok(Answer::Values(vec![2.0, 4.0]))));
    }
    assert_eq!(stuck.counts().replaced, 97);
    clock.advance(Duration::from_secs(11));
    assert_eq!(stuck.offer(at(100), vec![]), Err(Refused::Stuck { run_us: 11_000_000 }));

    release.send(()).expect("it waits");
    release.send(()).expect("it waits");
    assert_eq!(stuck.wait(PATIENCE).expect("the first").time, at(1));
    assert_eq!(stuck.wait(PATIENCE).expect("the newest").time, at(99));
}

#[test]
fn a_model_that_is_late_again_and_again_is_suspended_until_a_successor_takes_its_place() {
    let clock = Arc::new(SteppedClock::new(at(0)));
    let slow = clock.clone();
    let slow = puppet(move || slow.advance(Duration::from_secs(2)));
    let worker = Worker::start(slow, clock).expect("a thread");
    for second in 0..3 {
        worker.offer(at(second), vec![1.0, 1.0]).expect("it is not suspended yet");
        assert!(worker.wait(PATIENCE).expect("an outcome").is_late);
    }
    assert_eq!(worker.offer(at(3), vec![1.0, 1.0]), Err(Refused::Suspended));
    let counts = worker.counts();
    assert_eq!((counts.runs, counts.late, counts.run_us, counts.is_suspended), (3, 3, 6_000_000, true));

    worker.shadow(doubler());
    assert!(worker.promote());
    worker.offer(at(4), vec![1.0, 1.0]).expect("the successor takes values");
    assert_eq!(worker.wait(PATIENCE).expect("an outcome").answer, Ok(Answer::Values(vec![2.0, 2.0])));
}

#[test]
fn a_successor_is_tried_on_the_same_values_before_it_takes_over() {
    let worker = Worker::start(doubler(), Arc::new(SteppedClock::new(at(0)))).expect("a thread");
    let file = multiply(3.0);
    worker.shadow(try_install(facts(&file, [1.0, 1.0], [3.0, 3.0]), &file).expect("it triples"));
    let ask = || {
        worker.offer(at(1), vec![1.0, 2.0]).expect("it takes values");
        let outcome = worker.wait(PATIENCE).expect("an outcome");
        (outcome.answer, outcome.shadow)
    };
    let (doubled, tripled) = (Ok(Answer::Values(vec![2.0, 4.0])), Ok(Answer::Values(vec![3.0, 6.0])));
    assert_eq!(ask(), (doubled, Some(tripled.clone())));
    assert!(worker.promote());
    assert_eq!(ask(), (tripled, None));
    assert!(!worker.promote());
}
