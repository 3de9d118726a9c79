//! A binding at work: its windows, when it is due, what came of it.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use learn::inference::{Answer, Job, Manifest, Outcome};
use model::{Name, Position, Timestamp, topic};
use serde::Serialize;

use super::binding::{BindingInput, BindingMode, BindingRow, BindingSpec, Every, OutputKind, Stream};
use super::compare::{Beside, Comparison, Side};
use super::post::{Said, Tapped, Wanted};
use super::read;
use super::window::Window;

/// What is known of a binding beyond what somebody wants.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Binding {
    /// Unique.
    pub id: String,
    /// What somebody wants.
    #[serde(flatten)]
    pub spec: BindingSpec,
    /// When it was last changed.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub changed: Timestamp,
    /// By whom.
    pub by: String,
    /// Why no answers come; null while they do.
    #[cfg_attr(feature = "schema", schema(required))]
    pub problem: Option<String>,
    /// Until when it gets no values, after too many failures.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, required))]
    pub suspended_until: Option<Timestamp>,
    /// Answers since the start.
    pub answers: u64,
    /// Runs that gave none.
    pub failed: u64,
    /// Values that could not be read as numbers.
    pub unreadable: u64,
    /// The last answer: `{"values": [0.5]}` or `{"label": ["calm", 0.9]}`.
    #[cfg_attr(feature = "schema", schema(value_type = Option<Object>, required))]
    pub last_answer: Option<Answer>,
    /// The moment that it is about.
    #[cfg_attr(feature = "schema", schema(value_type = Option<i64>, required))]
    pub last_time: Option<Timestamp>,
    /// What went wrong last.
    #[cfg_attr(feature = "schema", schema(required))]
    pub last_error: Option<String>,
    /// How its successor does beside its model, if it has one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub comparison: Option<Comparison>,
}

/// The windows of a binding, and what they are for.
#[derive(Debug)]
struct Windows {
    manifest: Arc<Manifest>,
    successor: Option<Arc<Manifest>>,
    slots: Vec<Window>,
}

/// What a record is made of.
#[derive(Debug, PartialEq)]
pub(super) struct Telling {
    pub(super) name: Name,
    pub(super) kind: OutputKind,
    pub(super) value: serde_json::Value,
}

/// A file that was looked at, with how it was then.
pub(super) type SeenFiles = HashMap<String, SystemTime>;

/// A binding at work.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) row: BindingRow,
    windows: Option<Windows>,
    /// New values on the stream that has most of them.
    fresh: Vec<u32>,
    led: Position,
    time: Timestamp,
    asked: Option<Timestamp>,
    numbered: u64,
    answers: u64,
    failed: u64,
    unreadable: u64,
    last: Option<(Timestamp, Answer)>,
    last_error: Option<String>,
    beside: Option<Beside>,
    pub(super) seen_files: SeenFiles,
}

impl Bound {
    pub(super) fn new(row: BindingRow) -> Self {
        let beside = row.spec.successor.is_some().then(Beside::default);
        let fresh = vec![0; row.spec.inputs.len()];
        Self {
            row,
            windows: None,
            fresh,
            led: Position::START,
            time: Timestamp::MIN,
            asked: None,
            numbered: 0,
            answers: 0,
            failed: 0,
            unreadable: 0,
            last: None,
            last_error: None,
            beside,
            seen_files: SeenFiles::default(),
        }
    }

    /// Changes what somebody wants. The windows stay when the streams do; a successor is compared anew.
    pub(super) fn change(&mut self, row: BindingRow) {
        let old = std::mem::replace(self, Self::new(row));
        if old.row.spec.inputs == self.row.spec.inputs {
            (self.led, self.time, self.numbered, self.seen_files) = (old.led, old.time, old.numbered, old.seen_files);
            let manifests = old.windows.as_ref().map(|old| (&old.manifest, &old.successor));
            let still = manifests.is_some_and(|(model, successor)| {
                let known = [Some(model), successor.as_ref()];
                let is_known = |id: &String| known.iter().flatten().any(|manifest| manifest.id() == *id);
                is_known(&self.row.spec.model) && self.row.spec.successor.as_ref().is_none_or(is_known)
            });
            if still && let Some(old) = old.windows {
                let all: Vec<Arc<Manifest>> = [Some(old.manifest), old.successor].into_iter().flatten().collect();
                let find = |id: &String| all.iter().find(|manifest| manifest.id() == *id).cloned();
                let manifest = find(&self.row.spec.model);
                let successor = self.row.spec.successor.as_ref().and_then(find);
                self.windows = manifest.map(|manifest| Windows { manifest, successor, slots: old.slots });
            }
        }
    }

    /// Makes the windows once the models are there; `seed` fills one from the past.
    pub(super) fn prepare(
        &mut self,
        manifest: impl Fn(&str) -> Option<Arc<Manifest>>,
        seed: impl Fn(&BindingInput, &mut Window),
    ) {
        if self.windows.is_some() {
            return;
        }
        let spec = &self.row.spec;
        let Some(model) = manifest(&spec.model) else { return };
        let successor = spec.successor.as_deref().map(&manifest);
        if matches!(successor, Some(None)) || model.streams() != spec.inputs.len() {
            return;
        }
        let successor = successor.flatten();
        let manifests = [Some(&model), successor.as_ref()].into_iter().flatten();
        let by_slot: Vec<Vec<_>> = manifests.map(|manifest| slots(manifest).collect()).collect();
        let windows = spec.inputs.iter().enumerate().map(|(at, input)| {
            let preparations = by_slot.iter().filter_map(|slots| slots.get(at).copied());
            let mut window = Window::new(preparations);
            seed(input, &mut window);
            window
        });
        let slots = windows.collect();
        self.windows = Some(Windows { manifest: model, successor, slots });
    }

    /// Takes what one of its streams said. What was said before the site was opened only fills the windows.
    pub(super) fn take(
        &mut self,
        slot: usize,
        numbers: Result<Vec<f32>, String>,
        at: (Timestamp, Position),
        is_new: bool,
    ) {
        let Some(windows) = &mut self.windows else { return };
        let Some(window) = windows.slots.get_mut(slot) else { return };
        match numbers {
            Ok(numbers) => {
                let (time, position) = at;
                if is_new {
                    self.fresh[slot] = self.fresh[slot].saturating_add(numbers.len() as u32);
                    self.led = self.led.max(position);
                    self.time = self.time.max(time);
                }
                if !window.has(time) {
                    numbers.into_iter().for_each(|number| window.push(time, number));
                }
            }
            Err(why) => {
                self.unreadable += 1;
                self.last_error = Some(why);
            }
        }
    }

    /// The jobs for its model and the successor, when it is due and its windows are full.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<(String, Job)> {
        let Some(windows) = &self.windows else { return Vec::new() };
        let most = self.fresh.iter().copied().max().unwrap_or(0);
        let is_due = match self.row.spec.every {
            Every::Samples(samples) => most >= samples,
            Every::Seconds(seconds) => {
                let pause = Duration::from_secs_f64(seconds);
                most > 0 && self.asked.is_none_or(|asked| now < asked || now.since(asked) >= pause)
            }
        };
        if !is_due {
            return Vec::new();
        }
        let (place, time, position) = (self.row.number, self.time, self.led);
        let number = self.numbered + 1;
        let job = |manifest: &Manifest| {
            let streams: Option<Vec<Vec<f32>>> = slots(manifest)
                .zip(&windows.slots)
                .map(|(preparation, window)| window.values(preparation, time))
                .collect();
            streams.map(|streams| (manifest.id(), Job { place, number, time, position, streams }))
        };
        let model = job(&windows.manifest);
        let successor = windows.successor.as_deref().and_then(job);
        self.fresh.fill(0);
        if model.is_some() {
            self.asked = Some(now);
            self.numbered = number;
        }
        model.into_iter().chain(successor).collect()
    }

    /// A model has answered. Returns what is to be told.
    pub(super) fn answered(&mut self, model: &str, outcome: &Outcome) -> Vec<Telling> {
        let is_successor = self.row.spec.successor.as_deref() == Some(model);
        if !is_successor && self.row.spec.model != model {
            return Vec::new();
        }
        let side = if is_successor { Side::Successor } else { Side::Model };
        if let Some(beside) = &mut self.beside {
            beside.take(side, outcome);
        }
        if is_successor {
            return Vec::new();
        }
        match &outcome.answer {
            Ok(answer) => {
                self.answers += 1;
                self.last_error = None;
                let before = self.last.replace((outcome.time, answer.clone())).map(|(_, answer)| answer);
                if self.row.spec.mode == BindingMode::Live {
                    self.tellings(answer, before.as_ref())
                } else {
                    Vec::new()
                }
            }
            Err(error) => {
                self.failed += 1;
                self.last_error = Some(error.to_string());
                Vec::new()
            }
        }
    }

    /// What went wrong when an answer was told.
    pub(super) fn failed_to_tell(&mut self, why: String) {
        self.last_error = Some(why);
    }

    fn tellings(&self, answer: &Answer, before: Option<&Answer>) -> Vec<Telling> {
        let output = &self.row.spec.output;
        let values: Vec<serde_json::Value> = match answer {
            Answer::Label(said) => {
                let label = |answer: Option<&Answer>| match answer {
                    Some(Answer::Label(Some((label, _)))) => Some(label.clone()),
                    _ => None,
                };
                let is_same = before.is_some() && label(before) == label(Some(answer));
                if output.kind == OutputKind::Event && is_same {
                    return Vec::new();
                }
                let (label, score) = said.as_ref().map_or((None, None), |(label, score)| (Some(label), Some(*score)));
                vec![
                    label.map_or(serde_json::Value::Null, |label| label.clone().into()),
                    score.map_or(serde_json::Value::Null, number),
                ]
            }
            Answer::Values(numbers) if output.names.len() == numbers.len() => {
                numbers.iter().copied().map(number).collect()
            }
            Answer::Values(numbers) => vec![numbers.iter().copied().map(number).collect()],
        };
        let named = output.names.iter().cloned().zip(values);
        named.map(|(name, value)| Telling { name, kind: output.kind, value }).collect()
    }

    /// As people see it.
    pub(super) fn shown(&self) -> Binding {
        let BindingRow { id, spec, changed, by, .. } = self.row.clone();
        let is_waiting = self.windows.is_none().then(|| "its model does not run".to_owned());
        Binding {
            id,
            spec,
            changed,
            by,
            problem: is_waiting,
            suspended_until: None,
            answers: self.answers,
            failed: self.failed,
            unreadable: self.unreadable,
            last_answer: self.last.as_ref().map(|(_, answer)| answer.clone()),
            last_time: self.last.as_ref().map(|(time, _)| *time),
            last_error: self.last_error.clone(),
            comparison: self.beside.as_ref().map(Beside::figures),
        }
    }
}

/// The preparation of each stream of a model.
fn slots(manifest: &Manifest) -> impl Iterator<Item = &learn::inference::Preparation> {
    manifest.preparations().flat_map(|preparation| std::iter::repeat_n(preparation, preparation.streams))
}

/// A number of a model with the digits that it has, and no more.
fn number(number: f32) -> serde_json::Value {
    number.to_string().parse::<f64>().map_or(serde_json::Value::Null, Into::into)
}

/// All bindings at work.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    pub(super) all: BTreeMap<u64, Bound>,
    /// Where the values of a property go.
    routes: HashMap<(model::ThingId, Name), Vec<(u64, usize)>>,
    /// Where messages go.
    topics: Vec<(String, u64, usize)>,
}

impl Bindings {
    /// Learns anew where values go, and says what is wanted.
    pub(super) fn route(&mut self) -> Wanted {
        (self.routes, self.topics) = (HashMap::new(), Vec::new());
        let mut wanted = Wanted::default();
        for (number, bound) in &self.all {
            for (slot, input) in bound.row.spec.inputs.iter().enumerate() {
                match input.stream() {
                    Some(Stream::Property(thing, name)) => {
                        self.routes.entry((thing.clone(), name.clone())).or_default().push((*number, slot));
                        wanted.things.entry(thing.clone()).or_default().insert(name.clone());
                    }
                    Some(Stream::Topic(filter)) => self.topics.push((filter.to_owned(), *number, slot)),
                    Some(Stream::File(_)) | None => {}
                }
            }
        }
        let filters: HashSet<String> = self.topics.iter().map(|(filter, _, _)| filter.clone()).collect();
        wanted.filters = filters.into_iter().collect();
        wanted
    }

    /// Hands what was said to the bindings that want it.
    pub(super) fn take(&mut self, tapped: VecDeque<Tapped>, from: Position) {
        for Tapped { time, position, said } in tapped {
            let is_new = position >= from;
            match said {
                Said::Value { thing, name, value } => {
                    for (number, slot) in self.routes.get(&(thing, name)).into_iter().flatten() {
                        if let Some(bound) = self.all.get_mut(number) {
                            bound.take(*slot, read::of_value(&value), (time, position), is_new);
                        }
                    }
                }
                Said::Message { topic, payload } => {
                    for (_, number, slot) in self.topics.iter().filter(|(filter, _, _)| topic::matches(filter, &topic))
                    {
                        let Some(bound) = self.all.get_mut(number) else { continue };
                        let Some(input) = bound.row.spec.inputs.get(*slot) else { continue };
                        let numbers = read::of_bytes(&payload, input.format, input.field.as_deref());
                        bound.take(*slot, numbers, (time, position), is_new);
                    }
                }
            }
        }
    }
}
