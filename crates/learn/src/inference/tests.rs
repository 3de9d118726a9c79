//! Tiny models, good and bad, made byte by byte.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use model::{Position, SteppedClock, Timestamp, WallClock};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use super::write::Message;
use super::*;

/// A graph from `x` to `y`, rows of two.
fn graph(operator: &str, inputs: &[&str]) -> Graph {
    Graph::default().input("x", &[2]).output("y", &[2]).node(operator, inputs, "y", &[])
}

/// `y = factor * x`
fn multiply(factor: f32) -> Vec<u8> {
    graph("Mul", &["x", "factor"]).weights("factor", &Tensor::float(&[1], vec![factor])).file()
}

fn manifest(file: &[u8], input: [f32; 2], output: [f32; 2]) -> Manifest {
    Manifest {
        name: "tiny".to_owned(),
        version: "1".to_owned(),
        description: String::new(),
        source: String::new(),
        sha256: Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect(),
        licence: "MIT".to_owned(),
        inputs: vec![Input { name: "x".to_owned(), from: Source::Streams(Preparation::plain(&[2])) }],
        outputs: vec!["y".to_owned()],
        answer: None,
        meaning: Meaning::Values,
        memory_bytes_max: 1 << 20,
        run_us_max: 1_000_000,
        golden: vec![Golden {
            inputs: vec![Tensor::float(&[2], input.to_vec())],
            outputs: vec![Tensor::float(&[2], output.to_vec())],
        }],
    }
}

fn engines() -> Vec<Box<dyn Runtime>> {
    vec![Box::new(Rten::new())]
}

fn try_install(manifest: Manifest, file: &[u8]) -> Result<Installed, ModelError> {
    install(manifest, file, &engines(), &WallClock)
}

fn doubler() -> Installed {
    let file = multiply(2.0);
    try_install(manifest(&file, [1.0, -3.0], [2.0, -6.0]), &file).expect("it doubles")
}

fn answer(model: &Installed, values: &[f32]) -> Result<Answer, ModelError> {
    model.answer(&[values], &mut Carried::new())
}

fn refusal(manifest: Manifest, file: &[u8]) -> String {
    try_install(manifest, file).expect_err("it is refused").to_string()
}

#[test]
fn a_model_that_computes_its_golden_vectors_is_installed_and_answers() {
    let model = doubler();
    assert_eq!((model.engine, model.distance), ("rten", 0.0));
    assert_eq!(answer(&model, &[9.0, 4.0, 0.5]), Ok(Answer::Values(vec![8.0, 1.0])));
}

#[test]
fn bad_manifests_are_refused() {
    let file = multiply(2.0);
    let good = manifest(&file, [1.0, 1.0], [2.0, 2.0]);
    let refused = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = good.clone();
        change(&mut manifest);
        refusal(manifest, &file)
    };
    insta::assert_snapshot!(refused(&|it| it.licence = "CC-BY-NC-4.0".to_owned()), @r#"
    model tiny: the licence "CC-BY-NC-4.0" is not on the list
    hint: one of MIT, Apache-2.0, BSD-2-Clause, BSD-3-Clause, ISC, CC0-1.0, CC-BY-4.0, Unlicense
    "#);
    assert!(refused(&|it| it.sha256 = "00".to_owned()).starts_with("model tiny: the file's sha256 is "));
    insta::assert_snapshot!(refused(&|it| it.memory_bytes_max = 100), @"model tiny: it needs about 276 bytes of memory, its limit is 100");
    insta::assert_snapshot!(refused(&|it| it.golden.clear()), @"
    model tiny: there are no golden vectors
    hint: give one input with the output of the reference engine
    ");
    insta::assert_snapshot!(refused(&|it| it.inputs[0].name = "image".to_owned()), @r#"model tiny: its manifest says ["image"] to ["y"], the file says ["x"] to ["y"]"#);
    insta::assert_snapshot!(refused(&|it| it.golden[0].outputs[0] = Tensor::float(&[2], vec![2.0, 2.1])), @"model tiny: no engine can run it: rten is 0.099999905 off its golden vectors");
    insta::assert_snapshot!(refused(&|it| it.golden[0].outputs[0] = Tensor::float(&[1], vec![2.0])), @"model tiny: output y is [2], its golden vectors say [1]");
    insta::assert_snapshot!(refused(&|it| it.golden[0].inputs[0] = Tensor::float(&[3], vec![1.0; 3])), @"model tiny: input x is [3], the model wants Some([Some(2)])");
}

#[test]
fn bad_files_are_refused() {
    let refused = |file: &[u8]| refusal(manifest(file, [1.0, 1.0], [2.0, 2.0]), file);
    insta::assert_snapshot!(refused(b"not a model"), @"model tiny: the file is not a usable ONNX model: it is broken 11 bytes before an end");
    insta::assert_snapshot!(refused(b""), @"model tiny: the file is not a usable ONNX model: there is no graph in it");
    let unknown = refused(&graph("Frobnicate", &["x"]).file());
    assert!(unknown.contains("no engine can run it") && unknown.contains("Frobnicate"), "{unknown}");
    let endless = refused(&graph("Loop", &["x"]).file());
    insta::assert_snapshot!(endless, @"
    model tiny: the file is not a usable ONNX model: the operator Loop may never end
    hint: export the model without it
    ");
    let elsewhere = Message::default().number(1, 2).number(2, 1).bytes(8, b"factor").bytes(13, b"");
    let external = refused(&graph("Mul", &["x", "factor"]).raw_weights(elsewhere).file());
    insta::assert_snapshot!(external, @"model tiny: the file is not a usable ONNX model: it keeps weights in other files");
    let shapes = refused(&graph("Add", &["x", "three"]).weights("three", &Tensor::float(&[3], vec![1.0; 3])).file());
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
        match try_install(manifest(&file, [1.0, 1.0], [2.0, 2.0]), &file) {
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
    let file = graph("Sqrt", &["x"]).file();
    let model = try_install(manifest(&file, [4.0, 9.0], [2.0, 3.0]), &file).expect("it takes roots");
    let error = answer(&model, &[4.0, -1.0]).expect_err("there is no root");
    assert_eq!(error.to_string(), "model tiny: output y is not finite");
}

/// A network that does what a test wants at each run.
struct Puppet<F> {
    inputs: Vec<Port>,
    outputs: Vec<String>,
    run: F,
}

impl<F: Fn(&[Tensor]) -> Result<Vec<Tensor>, String> + Send> Network for Puppet<F> {
    fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    fn outputs(&self) -> &[String] {
        &self.outputs
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        (self.run)(inputs)
    }
}

/// An engine with one model, which calls something at each run and gives what it gets.
struct PuppetRuntime<F>(Mutex<Option<F>>);

impl<F: FnMut() + Send + 'static> Runtime for PuppetRuntime<Arc<Mutex<F>>> {
    fn name(&self) -> &'static str {
        "puppet"
    }

    fn load(&self, _: Vec<u8>) -> Result<Box<dyn Network>, String> {
        let inputs = vec![Port { name: "x".to_owned(), shape: None }];
        let called = self.0.lock().take().ok_or("there is one only")?;
        let run = move |inputs: &[Tensor]| {
            (called.lock())();
            Ok(inputs.to_vec())
        };
        Ok(Box::new(Puppet { inputs, outputs: vec!["y".to_owned()], run }))
    }
}

/// A model that gives what it gets, and calls `run` each time, while it is installed too.
fn puppet(run: impl FnMut() + Send + 'static) -> Installed {
    let file = multiply(1.0);
    let runtime = PuppetRuntime(Mutex::new(Some(Arc::new(Mutex::new(run)))));
    let clock = SteppedClock::new(at(0));
    install(manifest(&file, [1.0, 1.0], [1.0, 1.0]), &file, &[Box::new(runtime)], &clock)
        .expect("it gives what it gets")
}

const PATIENCE: Duration = Duration::from_secs(30);

fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(second)
}

/// A model at work, and what came of its jobs.
struct Bench {
    worker: Worker,
    outcomes: Receiver<Outcome>,
}

impl Bench {
    fn start(model: Installed, clock: Arc<SteppedClock>) -> Self {
        let (sender, outcomes) = sync_channel(1_000);
        let tell = Box::new(move |outcome| sender.send(outcome).expect("the test listens"));
        let worker = Worker::start(model, clock, Budget::new(64.0), tell).expect("a thread");
        Self { worker, outcomes }
    }

    fn offer(&self, place: u64, second: i64, values: &[f32]) -> Result<(), Refused> {
        let (number, position) = (second as u64, Position(second as u64));
        self.worker.offer(Job { place, number, time: at(second), position, streams: vec![values.to_vec()] })
    }

    fn outcome(&self) -> Outcome {
        self.outcomes.recv_timeout(PATIENCE).expect("an outcome")
    }
}

#[test]
fn a_stuck_model_holds_up_nobody_and_the_newest_values_win() {
    let (release, gate): (SyncSender<()>, Receiver<()>) = sync_channel(8);
    let (entered, seen) = sync_channel(8);
    let clock = Arc::new(SteppedClock::new(at(0)));
    let stuck = puppet(move || {
        // While it is installed nobody waits at the gate.
        if std::thread::current().name() == Some("model") {
            entered.send(()).expect("the test listens");
            gate.recv().expect("the test lets go");
        }
    });
    let (stuck, other) = (Bench::start(stuck, clock.clone()), Bench::start(doubler(), clock.clone()));
    stuck.offer(1, 1, &[1.0, 1.0]).expect("it takes values");
    seen.recv_timeout(PATIENCE).expect("it runs");
    for second in 2..100 {
        stuck.offer(1, second, &[second as f32; 2]).expect("it takes values");
        other.offer(1, second, &[1.0, 2.0]).expect("it takes values");
        let outcome = other.outcome();
        assert_eq!((outcome.time, outcome.answer), (at(second), Ok(Answer::Values(vec![2.0, 4.0]))));
    }
    assert_eq!(stuck.worker.counts().replaced, 97);
    stuck.offer(2, 50, &[1.0, 1.0]).expect("another place has its own values");
    clock.advance(Duration::from_secs(11));
    assert_eq!(stuck.offer(1, 100, &[]), Err(Refused::Stuck { run_us: 11_000_000 }));
    assert_eq!(stuck.worker.counts().stuck_us, Some(11_000_000));
    let asked = stuck.worker.ask(Question::Streams(vec![vec![1.0; 2]]), PATIENCE);
    assert_eq!(asked, Err(Refused::Stuck { run_us: 11_000_000 }));

    (0..3).for_each(|_| release.send(()).expect("it waits"));
    let came: Vec<(u64, Timestamp)> =
        (0..3).map(|_| stuck.outcome()).map(|outcome| (outcome.place, outcome.time)).collect();
    assert_eq!(came, [(1, at(1)), (1, at(99)), (2, at(50))], "the first, the newest, and who came last");
}

#[test]
fn who_is_late_again_and_again_is_suspended_for_a_while_and_nobody_else() {
    let clock = Arc::new(SteppedClock::new(at(0)));
    let slow = clock.clone();
    let bench = Bench::start(puppet(move || slow.advance(Duration::from_secs(2))), clock.clone());
    for second in 0..3 {
        bench.offer(1, second, &[1.0, 1.0]).expect("it is not suspended yet");
        assert!(bench.outcome().is_late);
    }
    let until = clock_now(&clock) + Duration::from_mins(1);
    assert_eq!(bench.offer(1, 3, &[1.0, 1.0]), Err(Refused::Suspended { until }));
    assert_eq!(bench.worker.suspended(1), Some(until));
    let counts = bench.worker.counts();
    assert_eq!((counts.runs, counts.late, counts.run_us, counts.refused), (3, 3, 6_000_000, 1));
    assert_eq!(counts.last_error.as_deref(), Some("a run took 2000000 us, its limit is 1000000"));
    bench.offer(2, 3, &[1.0, 1.0]).expect("another place is not suspended");
    assert!(bench.outcome().is_late);
    // It is tried again, and suspended for twice as long.
    clock.advance(Duration::from_mins(1));
    bench.offer(1, 4, &[1.0, 1.0]).expect("its time is over");
    bench.outcome();
    let until = clock_now(&clock) + Duration::from_mins(2);
    assert_eq!(bench.offer(1, 5, &[1.0, 1.0]), Err(Refused::Suspended { until }));
    bench.worker.forget(1);
    bench.offer(1, 6, &[1.0, 1.0]).expect("it begins anew");
}

fn clock_now(clock: &SteppedClock) -> Timestamp {
    model::Clock::now(clock)
}

#[test]
fn a_model_that_panics_is_an_error_and_its_thread_goes_on() {
    let mut runs = 0;
    let bench = Bench::start(
        puppet(move || {
            runs += 1;
            assert!(std::thread::current().name() != Some("model") || runs % 2 == 0, "this model has a fault");
        }),
        Arc::new(SteppedClock::new(at(0))),
    );
    let ask = |second| {
        bench.offer(1, second, &[1.0, 2.0]).expect("it takes values");
        bench.outcome().answer
    };
    let answers = [ask(1), ask(2)];
    let panicked =
        answers.iter().filter(|answer| answer.as_ref().is_err_and(|it| it.to_string() == "model tiny: it panicked"));
    assert_eq!(panicked.count(), 1, "{answers:?}");
    assert!(answers.contains(&Ok(Answer::Values(vec![1.0, 2.0]))));
}

#[test]
fn what_an_output_says_is_carried_into_the_next_run() {
    // y = x + memory, and the memory is what y said.
    let graph = graph("Add", &["x", "memory"]).input("memory", &[2]).file();
    let mut manifest = manifest(&graph, [0.0; 2], [0.0; 2]);
    let start = Tensor::float(&[2], vec![10.0, 20.0]);
    manifest.golden[0] = Golden {
        inputs: vec![Tensor::float(&[2], vec![1.0, 2.0]), start.clone()],
        outputs: vec![Tensor::float(&[2], vec![11.0, 22.0])],
    };
    manifest.inputs.push(Input { name: "memory".to_owned(), from: Source::Carried { output: "y".to_owned(), start } });
    let model = try_install(manifest, &graph).expect("it adds up");
    let mut carried = Carried::new();
    let mut run = |values: [f32; 2]| model.answer(&[values], &mut carried).expect("an answer");
    assert_eq!(run([1.0, 1.0]), Answer::Values(vec![11.0, 21.0]));
    assert_eq!(run([1.0, 1.0]), Answer::Values(vec![12.0, 22.0]));
    let tried = model.answer(&[[1.0, 1.0], [1.0, 1.0]], &mut carried).expect_err("it is fed from one stream");
    assert_eq!(tried.to_string(), "model tiny: 2 streams were given, the model wants 1");
}

#[test]
fn the_faster_engine_that_is_right_is_chosen() {
    let clock = Arc::new(SteppedClock::new(at(0)));
    let engine = |name: &'static str, run_ms: u64, offset: f32| -> Box<dyn Runtime> {
        Box::new(Timed { name, clock: clock.clone(), run_ms, offset })
    };
    let file = multiply(1.0);
    let chosen = |engines: &[Box<dyn Runtime>], limit_us| {
        let manifest = Manifest { run_us_max: limit_us, ..manifest(&file, [1.0, 1.0], [1.0, 1.0]) };
        install(manifest, &file, engines, &*clock).map(|model| (model.engine, model.run_us))
    };
    let engines = [engine("slow", 9, 0.0), engine("wrong", 1, 0.5), engine("fast", 3, 0.0)];
    assert_eq!(chosen(&engines, 5_000), Ok(("fast", 3_000.0)));
    insta::assert_snapshot!(chosen(&engines, 2_000).expect_err("too slow"), @"
    model tiny: a run takes 3000 us, its limit is 2000
    hint: allow more in run_us_max, or bring a smaller model
    ");
}

/// An engine whose runs take a known time and give what they get with something added.
struct Timed {
    name: &'static str,
    clock: Arc<SteppedClock>,
    run_ms: u64,
    offset: f32,
}

impl Runtime for Timed {
    fn name(&self) -> &'static str {
        self.name
    }

    fn load(&self, _: Vec<u8>) -> Result<Box<dyn Network>, String> {
        let (clock, run_ms, offset) = (self.clock.clone(), self.run_ms, self.offset);
        let inputs = vec![Port { name: "x".to_owned(), shape: None }];
        let run = move |inputs: &[Tensor]| {
            clock.advance(Duration::from_millis(run_ms));
            let Numbers::Float(numbers) = &inputs[0].numbers else { return Err("no real numbers".to_owned()) };
            Ok(vec![Tensor::float(&inputs[0].shape, numbers.iter().map(|number| number + offset).collect())])
        };
        Ok(Box::new(Puppet { inputs, outputs: vec!["y".to_owned()], run }))
    }
}
