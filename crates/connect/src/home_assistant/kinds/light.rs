//! Lights in their three schemas: one topic per feature, JSON, and templates.

use model::{PropertyModel, Unit, Value};
use serde_json::Value as Json;

use super::super::template::{Step as PathStep, Template};
use super::{Build, Form, Keys, Meaning, Reader, on_off};

const RGB: &[&str] = &["r", "g", "b"];
const RGBW: &[&str] = &["r", "g", "b", "w"];
const RGBWW: &[&str] = &["r", "g", "b", "c", "w"];

pub(super) fn light(build: &mut Build<'_>) {
    match build.config.str("schema") {
        Some("json") => json(build),
        Some("template") => template(build),
        _ => basic(build),
    }
}

fn brightness_scale(build: &Build<'_>) -> f64 {
    build.config.number("brightness_scale").filter(|scale| *scale >= 1.0).unwrap_or(255.0)
}

/// Colour temperature in the unit that the light speaks: reciprocal megakelvin unless it says kelvin.
fn color_temperature(build: &Build<'_>, model: PropertyModel) -> PropertyModel {
    let kelvin = build.config.flag("color_temp_kelvin");
    let (unit, low, high) =
        if kelvin { ("K", "min_kelvin", "max_kelvin") } else { ("mired", "min_mireds", "max_mireds") };
    PropertyModel {
        unit: Some(Unit::new(unit)),
        minimum: build.config.number(low),
        maximum: build.config.number(high),
        ..model
    }
}

fn basic(build: &mut Build<'_>) {
    let (on, off) = (build.config.text_or("payload_on", "ON"), build.config.text_or("payload_off", "OFF"));
    let (meaning, form) = on_off(&on, &off);
    let keys = Keys {
        state: "state_topic",
        state_template: if build.config.has("value_template") { "value_template" } else { "state_value_template" },
        command: "command_topic",
        command_template: "",
    };
    build.feature_with("", keys, meaning, form, Build::primary);

    let scale = Meaning::Percent { low: 0.0, high: brightness_scale(build) };
    let form = Form::Percent { low: 0.0, high: brightness_scale(build) };
    topics(build, "brightness", "brightness", scale, form);
    let form = Form::Plain;
    if let Some(name) = topics(build, "color_temp", "color_temp", Meaning::Integer, form)
        && let Some(model) = build.entity.properties.remove(&name)
    {
        let model = color_temperature(build, model);
        build.property(name, model);
    }
    let effects = build.config.texts("effect_list");
    topics(build, "effect", "effect", Meaning::Choice(effects), Form::Plain);
    let white = build.config.number("white_scale").unwrap_or(255.0);
    let form = Form::Percent { low: 0.0, high: white };
    topics(build, "white", "white", Meaning::Percent { low: 0.0, high: white }, form);
    topics(build, "color_mode", "color_mode", Meaning::Text, Form::Plain);
    let colors: [(&str, &'static [&'static str], &'static [&'static str]); 5] = [
        ("rgb", RGB, &["red", "green", "blue"]),
        ("rgbw", RGBW, &["red", "green", "blue", "white"]),
        ("rgbww", RGBWW, &["red", "green", "blue", "cold_white", "warm_white"]),
        ("hs", &["h", "s"], &["hue", "sat"]),
        ("xy", &["x", "y"], &["x", "y"]),
    ];
    for (key, members, variables) in colors {
        let aspect = format!("color_{key}");
        topics(build, &aspect, key, Meaning::Channels(members), Form::Channels { members, variables });
    }
    power_on_with_features(build, &on);
}

/// A feature with its own state and command topics, `{key}_state_topic` and so on.
fn topics(build: &mut Build<'_>, aspect: &str, key: &str, meaning: Meaning, form: Form) -> Option<model::Name> {
    let variables: &[&str] = match &form {
        Form::Channels { variables, .. } => variables,
        _ => &[],
    };
    let name = build.name(aspect);
    let mut model = build.model(aspect, &meaning);
    let (state, template) = (format!("{key}_state_topic"), format!("{key}_value_template"));
    model.readable = build.read(&name, &state, &template, None, meaning);
    let (command, template) = (format!("{key}_command_topic"), format!("{key}_command_template"));
    if let Some(step) = build.step(&command, &template, variables, form) {
        model.writable = true;
        build.entity.writes.insert(name.clone(), vec![step]);
    }
    if !model.readable && !model.writable {
        return None;
    }
    build.property(name.clone(), model);
    Some(name)
}

/// A light is switched on before or after each of its features is set, unless its brightness does that.
fn power_on_with_features(build: &mut Build<'_>, on: &str) {
    let order = build.config.text_or("on_command_type", "last");
    let power = build.name("");
    if order == "brightness" {
        return;
    }
    let Some(step) = build.step("command_topic", "", &[], Form::Fixed(on.to_owned())) else { return };
    for (_, steps) in build.entity.writes.iter_mut().filter(|(name, _)| **name != power) {
        let place = if order == "first" { 0 } else { steps.len() };
        steps.insert(place, step.clone());
    }
}

fn member(path: &[&str]) -> Template {
    Template::Path(path.iter().map(|name| PathStep::Member((*name).to_owned())).collect())
}

/// A member of the JSON state, written with `{"state": "ON", member: value}`.
fn json_feature(build: &mut Build<'_>, aspect: &'static str, meaning: Meaning, scale: Option<f64>) -> model::Name {
    let name = build.name(aspect);
    let mut model = build.model(aspect, &meaning);
    if let Some(topic) = build.topic("state_topic") {
        let template = Some(member(&[aspect]));
        build.entity.readers.push(Reader { topic, template, pick: None, name: name.clone(), meaning });
    } else {
        model.readable = false;
    }
    let form = Form::State { state: "ON", member: Some(aspect), scale };
    if let Some(step) = build.step("command_topic", "", &[], form) {
        model.writable = true;
        build.entity.writes.insert(name.clone(), vec![step]);
    }
    build.property(name.clone(), model);
    name
}

fn json(build: &mut Build<'_>) {
    let name = build.name("");
    let (meaning, _) = on_off("ON", "OFF");
    let mut model = Build::primary(build.model("", &meaning));
    if let Some(topic) = build.topic("state_topic") {
        let template = Some(member(&["state"]));
        build.entity.readers.push(Reader { topic, template, pick: None, name: name.clone(), meaning });
    } else {
        model.readable = false;
    }
    let words = [true, false].map(|on| {
        let state = if on { "ON" } else { "OFF" };
        (Value::Boolean(on), Json::from_iter([("state", state)]).to_string())
    });
    if let Some(step) = build.step("command_topic", "", &[], Form::Words(words.into())) {
        model.writable = true;
        build.entity.writes.insert(name.clone(), vec![step]);
    }
    build.property(name, model);

    let modes = build.config.texts("supported_color_modes");
    let has = |names: &[&str]| modes.iter().any(|mode| names.contains(&mode.as_str()));
    let color_modes = ["hs", "rgb", "rgbw", "rgbww", "xy"];
    if build.config.flag("brightness") || modes.iter().any(|mode| mode != "onoff") {
        let scale = brightness_scale(build);
        json_feature(build, "brightness", Meaning::Percent { low: 0.0, high: scale }, Some(scale));
    }
    if has(&["color_temp"]) || build.config.flag("color_temp") {
        let name = json_feature(build, "color_temp", Meaning::Integer, None);
        if let Some(model) = build.entity.properties.remove(&name) {
            let model = color_temperature(build, model);
            build.property(name, model);
        }
    }
    if has(&color_modes) || ["hs", "rgb", "xy"].iter().any(|key| build.config.flag(key)) {
        json_feature(build, "color", Meaning::Json, None);
    }
    if has(&["white"]) {
        let scale = build.config.number("white_scale").unwrap_or(255.0);
        json_feature(build, "white", Meaning::Percent { low: 0.0, high: scale }, Some(scale));
    }
    if build.config.flag("effect") {
        let effects = build.config.texts("effect_list");
        json_feature(build, "effect", Meaning::Choice(effects), None);
    }
    if modes.len() > 1 {
        let name = build.name("color_mode");
        if let Some(topic) = build.topic("state_topic") {
            let model = build.model("color_mode", &Meaning::Text);
            let template = Some(member(&["color_mode"]));
            let meaning = Meaning::Text;
            build.entity.readers.push(Reader { topic, template, pick: None, name: name.clone(), meaning });
            build.property(name, model);
        }
    }
}

/// What the templates of a light get.
const TEMPLATE_VARIABLES: &[&str] =
    &["state", "brightness", "color_temp", "red", "green", "blue", "hue", "sat", "effect", "flash", "transition"];

fn template(build: &mut Build<'_>) {
    let name = build.name("");
    let (meaning, _) = on_off("on", "off");
    let mut model = Build::primary(build.model("", &meaning));
    model.readable = build.read(&name, "state_topic", "state_template", None, meaning);
    let on = build.step("command_topic", "command_on_template", TEMPLATE_VARIABLES, Form::Plain);
    let off = build.step("command_topic", "command_off_template", TEMPLATE_VARIABLES, Form::Plain);
    if let (Some(on), Some(off)) = (on, off) {
        model.writable = true;
        let when = |mut step: super::Step, value: bool, state: &str| {
            step.form = Form::Only { value: Value::Boolean(value), word: state.to_owned() };
            step.variable = "state";
            step
        };
        build.entity.writes.insert(name.clone(), vec![when(on, true, "on"), when(off, false, "off")]);
    }
    build.property(name, model);
    let effects = build.config.texts("effect_list");
    let features: [(&'static str, &str, Meaning, Form); 3] = [
        (
            "brightness",
            "brightness_template",
            Meaning::Percent { low: 0.0, high: 255.0 },
            Form::Percent { low: 0.0, high: 255.0 },
        ),
        ("color_temp", "color_temp_template", Meaning::Integer, Form::Plain),
        ("effect", "effect_template", Meaning::Choice(effects), Form::Plain),
    ];
    for (aspect, key, meaning, form) in features {
        if build.config.has(key) {
            template_feature(build, aspect, key, meaning, form);
        }
    }
    for (aspect, key) in [("red", "red_template"), ("green", "green_template"), ("blue", "blue_template")] {
        if build.config.has(key) {
            template_feature(build, aspect, key, Meaning::Integer, Form::Plain);
        }
    }
}

fn template_feature(build: &mut Build<'_>, aspect: &'static str, key: &str, meaning: Meaning, form: Form) {
    let name = build.name(aspect);
    let mut model = build.model(aspect, &meaning);
    model.readable = build.read(&name, "state_topic", key, None, meaning);
    if let Some(mut step) = build.step("command_topic", "command_on_template", TEMPLATE_VARIABLES, form) {
        step.variable = aspect;
        step.extra.insert("state".to_owned(), "on".into());
        model.writable = true;
        build.entity.writes.insert(name.clone(), vec![step]);
    }
    if aspect == "color_temp" {
        model = color_temperature(build, model);
    }
    build.property(name, model);
}
