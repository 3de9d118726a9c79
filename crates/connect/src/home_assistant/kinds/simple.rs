//! Components of one value: sensors, switches, numbers, texts and buttons.

use model::{ActionModel, DataType, PropertyModel, PropertyRole, Unit, Value};

use super::{Build, Form, Keys, Meaning, input, on_off};

/// Device classes whose sensors say words or moments.
const WORD_CLASSES: &[&str] = &["enum", "date", "timestamp", "uptime"];

/// Device classes that people look at first.
const PRIMARY_CLASSES: &[&str] = &[
    "temperature",
    "humidity",
    "power",
    "energy",
    "carbon_dioxide",
    "pm25",
    "illuminance",
    "motion",
    "occupancy",
    "presence",
    "door",
    "window",
    "opening",
    "garage_door",
    "lock",
    "smoke",
    "gas",
    "moisture",
    "water",
    "battery_level",
];

const VALUE: Keys<'_> = Keys {
    state: "state_topic",
    state_template: "value_template",
    command: "command_topic",
    command_template: "command_template",
};

fn refine(build: &Build<'_>, mut model: PropertyModel) -> PropertyModel {
    let class = build.config.str("device_class").unwrap_or_default();
    if PRIMARY_CLASSES.contains(&class) {
        model = Build::primary(model);
    } else if class == "battery" || class == "signal_strength" {
        model.role = PropertyRole::Diagnostic;
    }
    if let Some(unit) = build.config.str("unit_of_measurement").filter(|unit| !unit.trim().is_empty()) {
        model.unit = Some(Unit::new(unit));
    }
    model.decimals = build.config.number("suggested_display_precision").map(|digits| digits.clamp(0.0, 9.0) as u8);
    model
}

pub(super) fn sensor(build: &mut Build<'_>) {
    let class = build.config.str("device_class").unwrap_or_default();
    let options = build.config.texts("options");
    let numeric = build.config.str("unit_of_measurement").is_some_and(|unit| !unit.trim().is_empty())
        || build.config.str("state_class").is_some()
        || (!class.is_empty() && !WORD_CLASSES.contains(&class));
    let meaning = if !options.is_empty() {
        Meaning::Choice(options)
    } else if numeric {
        Meaning::Number
    } else if class.is_empty() {
        Meaning::Untyped
    } else {
        Meaning::Text
    };
    let name = build.name("");
    let model = refine(build, build.model("", &meaning));
    build.read(&name, "state_topic", "value_template", None, meaning);
    build.property(name, model);
}

pub(super) fn binary_sensor(build: &mut Build<'_>) {
    let (on, off) = (build.config.text_or("payload_on", "ON"), build.config.text_or("payload_off", "OFF"));
    let (meaning, _) = on_off(&on, &off);
    let name = build.name("");
    let model = refine(build, build.model("", &meaning));
    build.read(&name, "state_topic", "value_template", None, meaning);
    build.property(name, model);
}

pub(super) fn switch(build: &mut Build<'_>) {
    let (on, off) = (build.config.text_or("payload_on", "ON"), build.config.text_or("payload_off", "OFF"));
    let meaning =
        Meaning::Boolean { on: build.config.text_or("state_on", &on), off: build.config.text_or("state_off", &off) };
    let (_, form) = on_off(&on, &off);
    build.feature_with("", VALUE, meaning, form, Build::primary);
}

pub(super) fn number(build: &mut Build<'_>) {
    let (minimum, maximum) = (build.config.number_or("min", 1.0), build.config.number_or("max", 100.0));
    let step = build.config.number_or("step", 1.0);
    let model = refine(build, PropertyModel::default());
    let form = Form::Plain;
    build.feature_with("", VALUE, Meaning::Number, form, |property| PropertyModel {
        minimum: Some(minimum),
        maximum: Some(maximum),
        step: Some(step),
        unit: model.unit,
        decimals: model.decimals,
        ..property
    });
}

pub(super) fn select(build: &mut Build<'_>) {
    let options = build.config.texts("options");
    build.feature("", VALUE, Meaning::Choice(options), Form::Plain);
}

pub(super) fn text(build: &mut Build<'_>) {
    build.feature("", VALUE, Meaning::Text, Form::Plain);
}

/// A date, a time of day or both, as ISO 8601 text.
pub(super) fn moment(build: &mut Build<'_>) {
    build.feature("", VALUE, Meaning::Text, Form::Plain);
}

pub(super) fn button(build: &mut Build<'_>) {
    let payload = build.config.text_or("payload_press", "PRESS");
    let step = build.step("command_topic", "command_template", &[], Form::Fixed(payload));
    build.action("", step, ActionModel::default());
}

pub(super) fn scene(build: &mut Build<'_>) {
    let payload = build.config.text_or("payload_on", "ON");
    let step = build.step("command_topic", "command_template", &[], Form::Fixed(payload));
    build.action("", step, ActionModel::default());
}

pub(super) fn notify(build: &mut Build<'_>) {
    let step = build.step("command_topic", "command_template", &[], Form::Field("message"));
    build.action("", step, input("message", DataType::String));
}

/// The words of a producer for ours, from keys of the configuration with their defaults.
pub(super) fn words(build: &Build<'_>, keys: &[(&str, &str, &str)]) -> Meaning {
    let words = keys.iter().map(|(key, default, word)| (build.config.text_or(key, default), Value::text(word)));
    Meaning::Words(words.collect())
}
