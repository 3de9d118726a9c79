//! Bindings made, changed and let go; and the round that brings values to models and their answers to the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use learn::inference::Outcome;
use model::{Cause, CauseKind, Position, ThingId, Timestamp};
use store::files;
use twin::{PresenceState, ThingStatus};

use super::binding::{BindingInput, BindingOutput, BindingRow, BindingSpec, OutputKind, Stream, check_beside};
use super::bound::{Binding, Bound, Telling};
use super::error::InferenceError;
use super::window::Window;
use super::{BINDINGS_MAX, BINDINGS_SETTING, MODEL_CAUSE, is_said_by_model, read};
use crate::configure::NewThing;
use crate::counters::count;
use crate::error::SiteError;
use crate::publish::Outgoing;
use crate::site::Site;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Values of the history that a window is filled from one by one; more than these have to come anew.
const SEED_VALUES_MAX: usize = 512;
/// The tag of things that are made for the answers of models.
const TAG: &str = "model";

fn model_cause(model: &str) -> Cause {
    Cause::new(CauseKind::System, format!("{MODEL_CAUSE}{model}"))
}

impl Site {
    /// Every binding, the oldest first.
    pub fn bindings(&self) -> Vec<Binding> {
        let bindings = self.inference.bindings.lock();
        bindings.all.values().map(|bound| self.shown_binding(bound)).collect()
    }

    /// One binding.
    pub fn binding(&self, id: &str) -> Result<Binding, SiteError> {
        let bindings = self.inference.bindings.lock();
        let bound = bindings.all.values().find(|bound| bound.row.id == id);
        Ok(bound.map(|bound| self.shown_binding(bound)).ok_or_else(|| InferenceError::UnknownBinding(id.to_owned()))?)
    }

    fn shown_binding(&self, bound: &Bound) -> Binding {
        let shown = bound.shown();
        let number = bound.row.number;
        let suspended = self.inference.registry.with(&bound.row.spec.model, |_, worker| worker.suspended(number));
        match suspended {
            Ok(suspended_until) => Binding { suspended_until, ..shown },
            Err(error) => Binding { problem: Some(error.to_string()), ..shown },
        }
    }

    /// Binds a model to streams.
    pub fn bind_model(&self, spec: BindingSpec, by: &str) -> Result<Binding, SiteError> {
        let _changing = self.inference.registry.changing.lock();
        self.check_binding(&spec, None)?;
        let has_own_thing = self.output_thing(&spec)?;
        let row = {
            let bindings = self.inference.bindings.lock();
            let number = bindings.all.last_key_value().map_or(1, |(number, _)| number + 1);
            let id = format!("binding-{number}");
            BindingRow { id, number, spec, changed: self.clock.now(), by: by.to_owned(), has_own_thing }
        };
        self.keep_bindings(|rows| rows.push(row.clone()))?;
        let mut bindings = self.inference.bindings.lock();
        let (id, bound) = (row.id.clone(), Bound::new(row));
        bindings.all.insert(bound.row.number, bound);
        self.inference.post.want(bindings.route());
        drop(bindings);
        self.binding(&id)
    }

    /// Changes a binding. A version of its model that is named instead takes over between two runs, with the windows as
    /// they are.
    pub fn change_binding(&self, id: &str, spec: BindingSpec, by: &str) -> Result<Binding, SiteError> {
        let _changing = self.inference.registry.changing.lock();
        let old = self.binding_row(id)?;
        self.check_binding(&spec, Some(id))?;
        let is_elsewhere = spec.output.thing != old.spec.output.thing;
        let has_own_thing = if is_elsewhere { self.output_thing(&spec)? } else { old.has_own_thing };
        let row = BindingRow { spec, changed: self.clock.now(), by: by.to_owned(), has_own_thing, ..old.clone() };
        self.keep_bindings(|rows| rows.iter_mut().filter(|it| it.id == id).for_each(|it| *it = row.clone()))?;
        self.forget_place(&old.spec, old.number);
        let mut bindings = self.inference.bindings.lock();
        if let Some(bound) = bindings.all.get_mut(&old.number) {
            bound.change(row);
        }
        self.inference.post.want(bindings.route());
        drop(bindings);
        self.binding(id)
    }

    /// Lets a binding go. What it said stays.
    pub fn unbind_model(&self, id: &str) -> Result<(), SiteError> {
        let _changing = self.inference.registry.changing.lock();
        let row = self.binding_row(id)?;
        self.keep_bindings(|rows| rows.retain(|row| row.id != id))?;
        let mut bindings = self.inference.bindings.lock();
        bindings.all.remove(&row.number);
        self.inference.post.want(bindings.route());
        let is_used = bindings.all.values().any(|bound| bound.row.spec.output.thing == row.spec.output.thing);
        drop(bindings);
        self.forget_place(&row.spec, row.number);
        if row.has_own_thing && !is_used {
            self.say_presence(&row.spec, PresenceState::Offline);
        }
        Ok(())
    }

    fn binding_row(&self, id: &str) -> Result<BindingRow, InferenceError> {
        let bindings = self.inference.bindings.lock();
        let bound = bindings.all.values().find(|bound| bound.row.id == id);
        bound.map(|bound| bound.row.clone()).ok_or_else(|| InferenceError::UnknownBinding(id.to_owned()))
    }

    /// What waits for a binding, and that it was suspended, is forgotten.
    fn forget_place(&self, spec: &BindingSpec, number: u64) {
        for model in [Some(&spec.model), spec.successor.as_ref()].into_iter().flatten() {
            // A model that does not run has no places.
            drop(self.inference.registry.with(model, |_, worker| worker.forget(number)));
        }
    }

    fn keep_bindings(&self, change: impl FnOnce(&mut Vec<BindingRow>)) -> Result<(), SiteError> {
        let mut rows: Vec<BindingRow> =
            self.inference.bindings.lock().all.values().map(|bound| bound.row.clone()).collect();
        change(&mut rows);
        self.keep_setting(BINDINGS_SETTING, &rows)
    }

    /// Refuses what cannot be bound; `own` is the binding that is changed.
    fn check_binding(&self, spec: &BindingSpec, own: Option<&str>) -> Result<(), SiteError> {
        let registry = &self.inference.registry;
        registry.with(&spec.model, |manifest, _| spec.check(manifest))??;
        if let Some(successor) = &spec.successor {
            let wrong = |problem: &str| InferenceError::Binding {
                place: "successor".to_owned(),
                problem: problem.to_owned(),
                hint: "name another version of the model, one that is fed from as many streams",
            };
            if *successor == spec.model {
                return Err(wrong("it is the model itself").into());
            }
            registry.with(successor, |manifest, _| spec.check(manifest))?.map_err(|error| wrong(&error.to_string()))?;
        }
        for (at, input) in spec.inputs.iter().enumerate() {
            if let Some(Stream::Property(thing, _)) = input.stream()
                && self.thing_row(thing).is_none()
            {
                let (place, problem) = (format!("inputs[{at}]"), format!("there is no thing {thing}"));
                return Err(InferenceError::Binding { place, problem, hint: "name a thing that is there" }.into());
            }
        }
        let bindings = self.inference.bindings.lock();
        let others: Vec<&BindingSpec> =
            bindings.all.values().filter(|bound| own != Some(&*bound.row.id)).map(|bound| &bound.row.spec).collect();
        if others.len() >= BINDINGS_MAX {
            return Err(InferenceError::Full { what: "bindings", count: BINDINGS_MAX }.into());
        }
        Ok(check_beside(spec, &others)?)
    }

    /// Looks at the thing that answers go to, and makes it when there is none. Returns whether it was made.
    fn output_thing(&self, spec: &BindingSpec) -> Result<bool, SiteError> {
        let BindingOutput { thing, names, .. } = &spec.output;
        let found = {
            let things = self.things.read();
            things.registry.get(thing).map(|slot| {
                let own = names.iter().find(|name| {
                    let said = slot.twin.property(name);
                    said.is_some_and(|reported| !is_said_by_model(&reported.cause))
                });
                (slot.thing.status, own.cloned())
            })
        };
        match found {
            Some((status, _)) if status != ThingStatus::Accepted => Err(SiteError::NotAccepted(thing.clone())),
            Some((_, Some(name))) => {
                let (place, problem) = ("output.names".to_owned(), format!("{thing} says {name} itself"));
                Err(InferenceError::Binding { place, problem, hint: "choose another name" }.into())
            }
            Some((_, None)) => Ok(false),
            None => {
                self.create_thing(NewThing {
                    id: thing.clone(),
                    title: Some(spec.model.clone()),
                    model: None,
                    space: None,
                    location: None,
                    tags: vec![TAG.to_owned()],
                    // As for every thing that is made by hand and not said to be otherwise.
                    origin: <_>::default(),
                })?;
                self.say_presence(spec, PresenceState::Online);
                Ok(true)
            }
        }
    }

    /// A thing that was made for a model is there as long as the model is bound.
    fn say_presence(&self, spec: &BindingSpec, state: PresenceState) {
        let (thing, cause) = (&spec.output.thing, model_cause(&spec.model));
        let payload = Bytes::from_static(state.as_str().as_bytes());
        let message = Outgoing { topic: format!("things/{thing}/presence"), payload, qos: 1, retain: false, cause };
        if self.thing_row(thing).is_some()
            && let Err(error) = self.publish(message)
        {
            tracing::warn!(%error, "a model came or went, and it was not noted");
        }
    }

    /// One round: loads models after a start, brings what was said to the windows, leaves jobs, tells answers.
    pub(crate) fn infer(&self) {
        let inference = &self.inference;
        if !inference.is_loading.swap(true, Ordering::Relaxed) && inference.registry.len() > 0 {
            let registry = Arc::clone(&inference.registry);
            let thread = std::thread::Builder::new().name("model-loader".to_owned());
            if let Err(error) = thread.spawn(move || registry.load_all()) {
                tracing::error!(%error, "models are not loaded");
            }
        }
        let now = self.clock.now();
        let jobs: Vec<_> = {
            let mut bindings = inference.bindings.lock();
            for bound in bindings.all.values_mut() {
                bound.prepare(|id| inference.registry.manifest(id), |input, window| self.seed(input, window, now));
            }
            bindings.take(inference.post.take_tapped(), inference.from);
            self.look_at_files(&mut bindings.all, now);
            bindings.all.values_mut().flat_map(|bound| bound.due(now)).collect()
        };
        for (model, job) in jobs {
            // The model counts what it does not take, and says on its card why.
            drop(inference.registry.with(&model, |_, worker| worker.offer(job)));
        }
        for (model, outcome) in inference.post.take_answers() {
            self.tell_answer(&model, &outcome);
        }
    }

    fn tell_answer(&self, model: &str, outcome: &Outcome) {
        let (thing, tellings) = {
            let mut bindings = self.inference.bindings.lock();
            let Some(bound) = bindings.all.get_mut(&outcome.place) else { return };
            (bound.row.spec.output.thing.clone(), bound.answered(model, outcome))
        };
        if tellings.is_empty() {
            return;
        }
        let told = tellings.into_iter().try_for_each(|telling| self.tell_record(&thing, model, telling, outcome));
        if let Err(why) = told
            && let Some(bound) = self.inference.bindings.lock().all.get_mut(&outcome.place)
        {
            bound.failed_to_tell(why);
        }
    }

    fn tell_record(&self, thing: &ThingId, model: &str, telling: Telling, outcome: &Outcome) -> Result<(), String> {
        // A message about a thing that is gone would bring it back.
        if self.thing_row(thing).is_none_or(|row| row.status != ThingStatus::Accepted) {
            return Err(format!("there is no thing {thing} any more, or it is not accepted"));
        }
        let Telling { name, kind, value } = telling;
        let kind = match kind {
            OutputKind::Property => "properties",
            OutputKind::Event => "events",
        };
        let payload = serde_json::json!({ "value": value, "time": outcome.time.micros() });
        let mut cause = model_cause(model);
        if outcome.position != Position::START {
            cause = cause.following(outcome.position);
        }
        let topic = format!("things/{thing}/{kind}/{name}");
        let message = Outgoing { topic, payload: payload.to_string().into(), qos: 1, retain: false, cause };
        self.publish(message).map_err(|error| error.to_string())?;
        count(&self.counters.inference_records);
        Ok(())
    }

    /// Fills a new window from the history, so that a model of days does not wait for days.
    fn seed(&self, input: &BindingInput, window: &mut Window, now: Timestamp) {
        let Some(Stream::Property(thing, name)) = input.stream() else { return };
        let known = self.history.list(Some(thing)).into_iter().find(|info| info.key.name == *name);
        let Some(series) = known.map(|info| info.id) else { return };
        let mut points = Vec::new();
        let mut before = now + Duration::from_micros(1);
        if window.span() > Duration::ZERO {
            let span = self.history.range(series, now - window.span(), before, super::WINDOW_VALUES_MAX);
            points = span.unwrap_or_default();
            before = now - window.span();
        }
        // What was known at the beginning, and as many as are looked at.
        while points.len() <= window.count().min(SEED_VALUES_MAX) {
            let Ok(Some(point)) = self.history.last_at(series, before - Duration::from_micros(1)) else { break };
            before = point.time;
            points.insert(0, point);
        }
        for point in points {
            if let Ok(numbers) = read::of_value(&point.value) {
                numbers.into_iter().for_each(|number| window.seed(point.time, number));
            }
        }
    }

    /// Reads the files of bindings that were written since they were last read.
    fn look_at_files(&self, all: &mut std::collections::BTreeMap<u64, Bound>, now: Timestamp) {
        let Some(folder) = &self.options.inference.watched else { return };
        {
            let mut looked = self.inference.looked.lock();
            if looked.is_some_and(|looked| now >= looked && now.since(looked) < LOOK_EVERY) {
                return;
            }
            *looked = Some(now);
        }
        for bound in all.values_mut() {
            for slot in 0..bound.row.spec.inputs.len() {
                let input = &bound.row.spec.inputs[slot];
                let Some(Stream::File(file)) = input.stream() else { continue };
                let path = folder.join(file);
                let Ok(written) = store::blobs::written(&path) else { continue };
                let (file, format, field) = (file.to_owned(), input.format, input.field.clone());
                if bound.seen_files.insert(file, written) == Some(written) {
                    continue;
                }
                let numbers = files::read(&path).map_err(|error| error.to_string());
                let numbers = numbers.and_then(|bytes| read::of_bytes(&bytes, format, field.as_deref()));
                bound.take(slot, numbers, (now, Position::START), true);
            }
        }
    }
}
