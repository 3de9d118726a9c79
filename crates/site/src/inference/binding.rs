//! What binds a model to streams: from where its values come, when it is run, where its answers go.

use std::collections::HashSet;

use learn::inference::{Answer, Manifest};
use model::{Name, ThingId, Timestamp, topic};
use serde::{Deserialize, Serialize};

use super::error::InferenceError;
use super::read::Format;
use super::window::WINDOW_VALUES_MAX;

/// The most names of one output.
const NAMES_MAX: usize = 64;
/// The range of seconds between two runs.
const SECONDS_RANGE: (f64, f64) = (0.1, 86_400.0);

/// Where a stream comes from: a property or event of a thing, a topic, or a file; one of the three.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BindingInput {
    /// Of which thing; with `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub thing: Option<ThingId>,
    /// Which property or event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub name: Option<Name>,
    /// Messages on topics that match this filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// A file in the folder `watched` of the data directory, read whenever it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// How messages and files are read.
    #[serde(default)]
    pub format: Format,
    /// Where in a JSON message or file the numbers are, as a JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// What answers become.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// Properties of the thing.
    #[default]
    Property,
    /// Events of the thing: of a label whenever it becomes another one, of numbers each time.
    Event,
}

/// Where answers go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BindingOutput {
    /// To which thing; it is made when there is none.
    pub thing: ThingId,
    /// Under which names. Of labels: the label, and its score if a second name is given. Of numbers: one name for each,
    /// or one for all of them together.
    pub names: Vec<Name>,
    /// As what.
    #[serde(default)]
    pub kind: OutputKind,
}

/// When a model is run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// After so many new values on one of its streams.
    Samples(u32),
    /// After so many seconds, when there are new values.
    Seconds(f64),
}

impl Default for Every {
    fn default() -> Self {
        Self::Samples(1)
    }
}

/// Whether answers go out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BindingMode {
    /// They become records.
    #[default]
    Live,
    /// They are only looked at.
    Shadow,
}

/// A binding as somebody wants it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BindingSpec {
    /// Which model, by its id.
    pub model: String,
    /// A stream for each that the model wants, in its order.
    pub inputs: Vec<BindingInput>,
    /// Where answers go.
    pub output: BindingOutput,
    /// When it is run; on every sample when not given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub every: Every,
    /// Whether answers go out; they do when not given.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required = false))]
    pub mode: BindingMode,
    /// A model that is tried beside it on the same values and compared. Naming it as the `model` puts it in its place.
    #[serde(default)]
    pub successor: Option<String>,
}

/// A binding as it is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BindingRow {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) spec: BindingSpec,
    pub(crate) changed: Timestamp,
    pub(crate) by: String,
    /// The thing was made for it.
    pub(crate) has_own_thing: bool,
}

/// One stream, told apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Stream<'a> {
    Property(&'a ThingId, &'a Name),
    Topic(&'a str),
    File(&'a str),
}

impl BindingInput {
    /// What it is; `None` when it is nothing, or several things.
    pub(crate) fn stream(&self) -> Option<Stream<'_>> {
        match (&self.thing, &self.name, &self.topic, &self.file) {
            (Some(thing), Some(name), None, None) => Some(Stream::Property(thing, name)),
            (None, None, Some(topic), None) => Some(Stream::Topic(topic)),
            (None, None, None, Some(file)) => Some(Stream::File(file)),
            _ => None,
        }
    }
}

fn wrong(place: impl Into<String>, problem: impl Into<String>, hint: &'static str) -> InferenceError {
    InferenceError::Binding { place: place.into(), problem: problem.into(), hint }
}

impl BindingSpec {
    /// Refuses what cannot be for its model.
    pub(crate) fn check(&self, manifest: &Manifest) -> Result<(), InferenceError> {
        if !manifest.is_bindable() {
            let hint = "only a model whose inputs all come from streams can be bound; this one can be tried";
            return Err(wrong("model", format!("{} has inputs that have to be given", self.model), hint));
        }
        let (wanted, given) = (manifest.streams(), self.inputs.len());
        if wanted != given {
            let hint = "give one stream for each that the model wants, in its order";
            return Err(wrong("inputs", format!("{given} streams were given, {} wants {wanted}", self.model), hint));
        }
        for (at, input) in self.inputs.iter().enumerate() {
            let place = format!("inputs[{at}]");
            match input.stream() {
                None => {
                    let hint = "give thing and name, or topic, or file";
                    return Err(wrong(place, "it is not one stream", hint));
                }
                Some(Stream::Topic(filter)) if !topic::is_filter(filter) => {
                    return Err(wrong(place, format!("{filter:?} is no topic filter"), "like audio/+/frames"));
                }
                Some(Stream::File(file)) if !is_plain(file) => {
                    let hint = "name a file in the folder `watched` of the data directory, without a path";
                    return Err(wrong(place, format!("{file:?} is no plain name of a file"), hint));
                }
                Some(_) => {}
            }
        }
        if manifest.preparations().any(|preparation| preparation.window > WINDOW_VALUES_MAX) {
            let problem = format!("its window has more than {WINDOW_VALUES_MAX} values");
            return Err(wrong("model", problem, "bring a model with a smaller window"));
        }
        self.check_output(manifest)?;
        let (least, most) = SECONDS_RANGE;
        match self.every {
            Every::Samples(0) => Err(wrong("every", "after no sample at all", "one or more")),
            Every::Seconds(seconds) if !(least..=most).contains(&seconds) => {
                Err(wrong("every", format!("{seconds} s is not between {least} and {most}"), "choose another period"))
            }
            Every::Samples(_) | Every::Seconds(_) => Ok(()),
        }
    }

    fn check_output(&self, manifest: &Manifest) -> Result<(), InferenceError> {
        let names = &self.output.names;
        let unique: HashSet<&Name> = names.iter().collect();
        if names.is_empty() || names.len() > NAMES_MAX || unique.len() != names.len() {
            let problem = format!("{} names, or the same one twice", names.len());
            return Err(wrong("output.names", problem, "from one to 64 different names"));
        }
        let golden = manifest.golden.first().and_then(|golden| golden.outputs.get(manifest.answer_at()));
        let answer = golden.and_then(|output| manifest.meaning.answer(output).ok());
        let fits = match &answer {
            Some(Answer::Values(numbers)) => names.len() == 1 || names.len() == numbers.len(),
            Some(Answer::Label(_)) => names.len() <= 2,
            None => false,
        };
        if fits {
            return Ok(());
        }
        let problem = match answer {
            Some(Answer::Values(numbers)) => format!("{} names for {} numbers", names.len(), numbers.len()),
            _ => format!("{} names for a label and its score", names.len()),
        };
        Err(wrong("output.names", problem, "one name, or as many as there are numbers; of a label at most two"))
    }

    /// Whether what comes out of this one goes into another one.
    pub(crate) fn feeds(&self, other: &Self) -> bool {
        let BindingOutput { thing, names, kind } = &self.output;
        let said = |name: &Name| match kind {
            OutputKind::Property => format!("things/{thing}/properties/{name}"),
            OutputKind::Event => format!("things/{thing}/events/{name}"),
        };
        other.inputs.iter().filter_map(BindingInput::stream).any(|stream| match stream {
            Stream::Property(of, name) => of == thing && names.contains(name),
            Stream::Topic(filter) => names.iter().any(|name| topic::matches(filter, &said(name))),
            Stream::File(_) => false,
        })
    }
}

fn is_plain(file: &str) -> bool {
    let fits = |char: char| char.is_alphanumeric() || "-_. ".contains(char);
    !file.starts_with('.') && (1..=128).contains(&file.len()) && file.chars().all(fits)
}

/// Refuses a binding that writes what another one writes, or that would hear itself, by itself or through others.
pub(crate) fn check_beside(spec: &BindingSpec, others: &[&BindingSpec]) -> Result<(), InferenceError> {
    let same = |other: &&&BindingSpec| {
        let (ours, theirs) = (&spec.output, &other.output);
        ours.thing == theirs.thing && ours.names.iter().any(|name| theirs.names.contains(name))
    };
    if let Some(other) = others.iter().find(same) {
        let problem = format!("the binding of {} says them already", other.model);
        return Err(wrong("output.names", problem, "choose other names"));
    }
    let (mut reached, mut rest): (Vec<&BindingSpec>, Vec<&BindingSpec>) = (vec![spec], others.to_vec());
    let mut at = 0;
    while let Some(from) = reached.get(at).copied() {
        if from.feeds(spec) {
            let problem = "it would hear what it says itself, and never come to rest";
            return Err(wrong("inputs", problem, "choose other inputs, or another output"));
        }
        let (fed, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|other| from.feeds(other));
        reached.extend(fed);
        rest = others;
        at += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(inputs: &[&str], output: &str) -> BindingSpec {
        let inputs: Vec<serde_json::Value> = inputs
            .iter()
            .map(|input| match input.split_once('/') {
                Some(("topic", filter)) => serde_json::json!({ "topic": filter }),
                Some((thing, name)) => serde_json::json!({"thing": thing, "name": name}),
                None => serde_json::json!({ "file": input }),
            })
            .collect();
        let (thing, name) = output.split_once('/').unwrap();
        let output = serde_json::json!({"thing": thing, "names": [name]});
        serde_json::from_value(serde_json::json!({"model": "m-1", "inputs": inputs, "output": output})).unwrap()
    }

    #[test]
    fn nobody_hears_what_it_says_itself() {
        let refused = |one: &BindingSpec, others: &[&BindingSpec]| {
            check_beside(one, others).map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
        };
        let loops = Err("inputs: it would hear what it says itself, and never come to rest".to_owned());
        assert_eq!(refused(&spec(&["a/x", "b/y"], "a/y"), &[]), Ok(()));
        assert_eq!(refused(&spec(&["a/x"], "a/x"), &[]), loops);
        assert_eq!(refused(&spec(&["topic/things/+/properties/#"], "a/x"), &[]), loops);
        assert_eq!(refused(&spec(&["topic/things/+/events/#"], "a/x"), &[]), Ok(()));
        let (first, second) = (spec(&["a/x"], "a/y"), spec(&["a/y"], "a/z"));
        assert_eq!(refused(&spec(&["a/z"], "b/z"), &[&first, &second]), Ok(()));
        assert_eq!(refused(&spec(&["a/z"], "a/x"), &[&first, &second]), loops);
        assert_eq!(
            refused(&spec(&["camera.ppm"], "a/y"), &[&first]),
            Err("output.names: the binding of m-1 says them already".to_owned())
        );
        assert!(is_plain("yard 2.ppm") && !is_plain("../state.sqlite") && !is_plain(".new") && !is_plain("a/b"));
    }
}
