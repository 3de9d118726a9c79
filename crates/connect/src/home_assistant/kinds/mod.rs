//! The kinds of component, each turned from its configuration into an [`Entity`].

mod climate;
mod cover;
mod light;
mod simple;
mod various;

use std::sync::Arc;

use model::{ActionModel, DataType, Name, PropertyModel, PropertyRole, Unit, Value};
use serde_json::{Map, Value as Json};

use super::config::Config;
use super::entity::{
    Availability, AvailabilityMode, AvailabilityTopic, Entity, Form, Meaning, Pick, Reader, Step, data_type,
};
use super::template::{Template, Templates};

/// A diagnostic code and its detail.
pub(super) type Problem = (&'static str, String);

/// Builds the entity of a component; what cannot be used of it is added to `problems`.
pub(super) fn build(
    kind: &str,
    config: &Config,
    base: &str,
    title: &str,
    templates: &mut Templates,
    problems: &mut Vec<Problem>,
) -> Option<Entity> {
    let mut build = Build { config, base, title, templates, problems, entity: Entity::default() };
    let component: fn(&mut Build<'_>) = match kind {
        "alarm_control_panel" => various::alarm_control_panel,
        "binary_sensor" => simple::binary_sensor,
        "button" => simple::button,
        "camera" | "image" => {
            build.problems.push(("no_value", format!("{title}: pictures of a {kind} are not kept")));
            |_| {}
        }
        "climate" => climate::climate,
        "cover" => cover::cover,
        "date" | "time" | "datetime" => simple::moment,
        "device_automation" => various::device_automation,
        "device_tracker" => various::device_tracker,
        "event" => various::event,
        "fan" => climate::fan,
        "humidifier" => climate::humidifier,
        "lawn_mower" => various::lawn_mower,
        "light" => light::light,
        "lock" => various::lock,
        "notify" => simple::notify,
        "number" => simple::number,
        "scene" => simple::scene,
        "select" => simple::select,
        "sensor" => simple::sensor,
        "siren" => various::siren,
        "switch" => simple::switch,
        "tag" => various::tag,
        "text" => simple::text,
        "update" => various::update,
        "vacuum" => various::vacuum,
        "valve" => cover::valve,
        "water_heater" => climate::water_heater,
        _ => {
            build.problems.push(("unknown_component", format!("{title}: there is no component {kind}")));
            return None;
        }
    };
    component(&mut build);
    build.attributes();
    build.availability();
    build.entity.expires_after_seconds = config.number("expire_after").filter(|seconds| *seconds > 0.0);
    Some(build.entity)
}

/// An entity in the making.
pub(super) struct Build<'a> {
    config: &'a Config,
    base: &'a str,
    title: &'a str,
    templates: &'a mut Templates,
    problems: &'a mut Vec<Problem>,
    entity: Entity,
}

/// Where a property is read from and written to: keys of the configuration.
#[derive(Clone, Copy, Default)]
struct Keys<'k> {
    state: &'k str,
    state_template: &'k str,
    command: &'k str,
    command_template: &'k str,
}

impl Build<'_> {
    /// The name of the component's own property, or of one of its aspects.
    fn name(&self, aspect: &str) -> Name {
        let text = if aspect.is_empty() { self.base.to_owned() } else { format!("{}_{aspect}", self.base) };
        Name::new(text).expect("a slug with an aspect is a valid name")
    }

    /// A model with the title and role that the configuration gives, for a value of this meaning.
    fn model(&self, aspect: &str, meaning: &Meaning) -> PropertyModel {
        let title = match aspect {
            "" => self.title.to_owned(),
            aspect => format!("{} {}", self.title, aspect.replace('_', " ")),
        };
        let hidden = self.config.get("entity_category").is_some() || !self.config.flag_or("enabled_by_default", true);
        let choices = match meaning {
            Meaning::Choice(choices) => choices.iter().map(Value::text).collect(),
            Meaning::Words(words) => words.iter().map(|(_, value)| value.clone()).collect(),
            _ => Vec::new(),
        };
        let mut model = PropertyModel {
            title,
            data_type: data_type(meaning),
            role: if hidden { PropertyRole::Diagnostic } else { PropertyRole::Normal },
            ..PropertyModel::default()
        };
        if model.data_type != DataType::Boolean {
            model.choices = choices;
        }
        if let Meaning::Percent { .. } = meaning {
            model.unit = Some(Unit::new("%"));
            (model.minimum, model.maximum) = (Some(0.0), Some(100.0));
        }
        model
    }

    /// Marks a model as what people look at first, unless the producer says otherwise.
    fn primary(mut model: PropertyModel) -> PropertyModel {
        if model.role == PropertyRole::Normal {
            model.role = PropertyRole::Primary;
        }
        model
    }

    fn topic(&mut self, key: &str) -> Option<Arc<str>> {
        let topic = self.config.str(key)?;
        if model::topic::is_topic(topic) {
            return Some(Arc::from(topic));
        }
        self.problems.push((
            "unsupported_topic",
            format!("{}: {key} {:?} is no plain topic", self.title, crate::text::shortened(topic)),
        ));
        None
    }

    /// The template of a key: `Ok(None)` when there is none, an error after a diagnostic when it cannot be used.
    fn template(&mut self, key: &str, variables: &[&str]) -> Result<Option<Template>, ()> {
        let Some(source) = self.config.str(key) else { return Ok(None) };
        match self.templates.get(source, variables) {
            Ok(template) => Ok(Some(template)),
            Err(reason) => {
                let detail = format!("{}: {key} {:?}: {reason}", self.title, crate::text::shortened(source));
                self.problems.push(("unsupported_template", detail));
                Err(())
            }
        }
    }

    /// Reads a property from a topic. Returns whether there is such a topic, even if it cannot be read.
    fn read(&mut self, name: &Name, topic: &str, template: &str, pick: Option<Pick>, meaning: Meaning) -> bool {
        let Some(topic) = self.topic(topic) else { return false };
        if let Ok(template) = self.template(template, &[]) {
            self.entity.readers.push(Reader { topic, template, pick, name: name.clone(), meaning });
        }
        true
    }

    /// A message of a command, if the configuration has its topic and we can write it.
    fn step(&mut self, topic: &str, template: &str, variables: &[&str], form: Form) -> Option<Step> {
        let topic = self.topic(topic)?;
        let template = self.template(template, variables).ok()?;
        Some(Step {
            topic,
            qos: self.config.number_or("qos", 0.0).clamp(0.0, 2.0) as u8,
            retain: self.config.flag("retain"),
            template,
            variable: "value",
            form,
            extra: Map::new(),
        })
    }

    fn property(&mut self, name: Name, model: PropertyModel) {
        self.entity.properties.insert(name, model);
    }

    /// A property that is read from one topic and written to another; nothing when the configuration has neither.
    fn feature(&mut self, aspect: &str, keys: Keys<'_>, meaning: Meaning, form: Form) -> Option<Name> {
        self.feature_with(aspect, keys, meaning, form, |model| model)
    }

    fn feature_with(
        &mut self,
        aspect: &str,
        keys: Keys<'_>,
        meaning: Meaning,
        form: Form,
        refine: impl FnOnce(PropertyModel) -> PropertyModel,
    ) -> Option<Name> {
        let name = self.name(aspect);
        let mut model = self.model(aspect, &meaning);
        model.readable = self.read(&name, keys.state, keys.state_template, None, meaning);
        let commanded = self.config.str(keys.command).is_some();
        if let Some(step) = self.step(keys.command, keys.command_template, &[], form) {
            model.writable = true;
            self.entity.writes.insert(name.clone(), vec![step]);
        }
        if !model.readable && !commanded {
            return None;
        }
        self.property(name.clone(), refine(model));
        Some(name)
    }

    /// An action that sends a fixed payload.
    fn action(&mut self, aspect: &str, step: Option<Step>, model: ActionModel) {
        let Some(step) = step else { return };
        let name = self.name(aspect);
        let title = match aspect {
            "" => self.title.to_owned(),
            aspect => format!("{} {}", self.title, aspect.replace('_', " ")),
        };
        self.entity.actions.insert(name.clone(), ActionModel { title, ..model });
        self.entity.invokes.insert(name, vec![step]);
    }

    /// What a producer says of an entity beside its state.
    fn attributes(&mut self) {
        let name = self.name("attributes");
        if self.read(&name, "json_attributes_topic", "json_attributes_template", None, Meaning::Json) {
            let model = PropertyModel { role: PropertyRole::Diagnostic, ..self.model("attributes", &Meaning::Json) };
            self.property(name, model);
        }
    }

    fn availability(&mut self) {
        let mut topics = Vec::new();
        if self.config.has("availability_topic") {
            if let Ok(template) = self.template("availability_template", &[]) {
                let config = self.config;
                topics.extend(self.topic("availability_topic").map(|topic| AvailabilityTopic {
                    topic,
                    template,
                    available: config.text_or("payload_available", "online"),
                    not_available: config.text_or("payload_not_available", "offline"),
                }));
            }
        } else {
            for item in self.config.array("availability").iter().filter_map(Json::as_object) {
                let item = Config::new(item.clone());
                let mut of_item = Build {
                    config: &item,
                    base: self.base,
                    title: self.title,
                    templates: self.templates,
                    problems: self.problems,
                    entity: Entity::default(),
                };
                let Some(topic) = of_item.topic("topic") else { continue };
                let Ok(template) = of_item.template("value_template", &[]) else { continue };
                topics.push(AvailabilityTopic {
                    topic,
                    template,
                    available: item.text_or("payload_available", "online"),
                    not_available: item.text_or("payload_not_available", "offline"),
                });
            }
        }
        let mode = match self.config.str("availability_mode") {
            Some("all") => AvailabilityMode::All,
            Some("any") => AvailabilityMode::Any,
            _ => AvailabilityMode::Latest,
        };
        if !topics.is_empty() {
            self.entity.availability = Some(Availability { mode, topics });
        }
    }
}

/// The words of an on/off property and how they are sent.
fn on_off(on: &str, off: &str) -> (Meaning, Form) {
    let meaning = Meaning::Boolean { on: on.to_owned(), off: off.to_owned() };
    let words = vec![(Value::Boolean(true), on.to_owned()), (Value::Boolean(false), off.to_owned())];
    (meaning, Form::Words(words))
}

/// An action that moves, heats or opens something.
fn held() -> ActionModel {
    ActionModel { hold: true, ..ActionModel::default() }
}

/// One field of an action's input.
fn input(name: &str, data_type: DataType) -> ActionModel {
    let field = PropertyModel { data_type, writable: true, ..PropertyModel::default() };
    let name = Name::new(name).expect("field names are written here");
    ActionModel { input: [(name, field)].into(), ..ActionModel::default() }
}
