//! Climate, water heaters, humidifiers and fans.

use model::{PropertyModel, Unit};

use super::{Build, Form, Keys, Meaning, on_off};

const CLIMATE_MODES: &[&str] = &["auto", "off", "cool", "heat", "dry", "fan_only"];
const WATER_HEATER_MODES: &[&str] = &["off", "eco", "electric", "gas", "heat_pump", "high_demand", "performance"];

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The configured list, or a default one.
fn modes(build: &Build<'_>, key: &str, default: &[&str]) -> Vec<String> {
    let modes = build.config.texts(key);
    if modes.is_empty() { owned(default) } else { modes }
}

/// The template of a key, or the one that stands for all of them.
fn own_or<'k>(build: &Build<'_>, own: &'k str) -> &'k str {
    if build.config.has(own) { own } else { "value_template" }
}

fn temperature(build: &Build<'_>, model: PropertyModel, limits: bool) -> PropertyModel {
    let unit = if build.config.str("temperature_unit") == Some("F") { "°F" } else { "°C" };
    let number = |key: &str| if limits { build.config.number(key) } else { None };
    PropertyModel {
        unit: Some(Unit::new(unit)),
        minimum: number("min_temp"),
        maximum: number("max_temp"),
        step: number("temp_step"),
        ..model
    }
}

/// A property whose keys are `{key}_state_topic`, `{key}_state_template` and so on.
fn aspect(build: &mut Build<'_>, name: &str, key: &str, meaning: Meaning, primary: bool) -> Option<model::Name> {
    let keys = [
        format!("{key}_state_topic"),
        format!("{key}_state_template"),
        format!("{key}_command_topic"),
        format!("{key}_command_template"),
    ];
    let other_template = format!("{key}_value_template");
    let state_template =
        if build.config.has(&other_template) { other_template.as_str() } else { own_or(build, &keys[1]) };
    let keys = Keys { state: &keys[0], state_template, command: &keys[2], command_template: &keys[3] };
    let refine = if primary { Build::primary } else { |model| model };
    build.feature_with(name, keys, meaning, Form::Plain, refine)
}

/// A value that is only read, from `{key}_topic`.
fn reading(build: &mut Build<'_>, name: &str, key: &str, meaning: Meaning) -> Option<model::Name> {
    let (state, template) = (format!("{key}_topic"), format!("{key}_template"));
    let state_template = own_or(build, &template);
    let keys = Keys { state: &state, state_template, ..Keys::default() };
    build.feature_with(name, keys, meaning, Form::Plain, Build::primary)
}

fn refine(
    build: &mut Build<'_>,
    name: Option<model::Name>,
    change: impl FnOnce(&Build<'_>, PropertyModel) -> PropertyModel,
) {
    if let Some(name) = name
        && let Some(model) = build.entity.properties.remove(&name)
    {
        let model = change(build, model);
        build.property(name, model);
    }
}

fn per_cent(model: PropertyModel, minimum: Option<f64>, maximum: Option<f64>) -> PropertyModel {
    PropertyModel { unit: Some(Unit::new("%")), minimum, maximum, ..model }
}

fn power(build: &mut Build<'_>) {
    let (on, off) = (build.config.text_or("payload_on", "ON"), build.config.text_or("payload_off", "OFF"));
    let (meaning, form) = on_off(&on, &off);
    let keys = Keys { command: "power_command_topic", command_template: "power_command_template", ..Keys::default() };
    build.feature("power", keys, meaning, form);
}

pub(super) fn climate(build: &mut Build<'_>) {
    let climate_modes = modes(build, "modes", CLIMATE_MODES);
    aspect(build, "mode", "mode", Meaning::Choice(climate_modes), true);
    for (name, key) in [
        ("target_temperature", "temperature"),
        ("target_temperature_high", "temperature_high"),
        ("target_temperature_low", "temperature_low"),
    ] {
        let property = aspect(build, name, key, Meaning::Number, true);
        refine(build, property, |build, model| temperature(build, model, true));
    }
    let property = reading(build, "current_temperature", "current_temperature", Meaning::Number);
    refine(build, property, |build, model| temperature(build, model, false));
    let property = reading(build, "current_humidity", "current_humidity", Meaning::Number);
    refine(build, property, |_, model| per_cent(model, None, None));
    let property = aspect(build, "target_humidity", "target_humidity", Meaning::Number, false);
    refine(build, property, |build, model| {
        per_cent(model, build.config.number("min_humidity"), build.config.number("max_humidity"))
    });
    reading(build, "action", "action", Meaning::Text);
    let fan_modes = modes(build, "fan_modes", &["auto", "low", "medium", "high"]);
    aspect(build, "fan_mode", "fan_mode", Meaning::Choice(fan_modes), false);
    let swing_modes = modes(build, "swing_modes", &["on", "off"]);
    aspect(build, "swing_mode", "swing_mode", Meaning::Choice(swing_modes), false);
    let swing_modes = modes(build, "swing_horizontal_modes", &["on", "off"]);
    aspect(build, "swing_horizontal_mode", "swing_horizontal_mode", Meaning::Choice(swing_modes), false);
    let mut presets = build.config.texts("preset_modes");
    if !presets.is_empty() {
        presets.insert(0, "none".to_owned());
    }
    aspect(build, "preset_mode", "preset_mode", Meaning::Choice(presets), false);
    power(build);
}

pub(super) fn water_heater(build: &mut Build<'_>) {
    let modes = modes(build, "modes", WATER_HEATER_MODES);
    aspect(build, "mode", "mode", Meaning::Choice(modes), true);
    let property = aspect(build, "target_temperature", "temperature", Meaning::Number, true);
    refine(build, property, |build, model| temperature(build, model, true));
    let property = reading(build, "current_temperature", "current_temperature", Meaning::Number);
    refine(build, property, |build, model| temperature(build, model, false));
    power(build);
}

/// The property that switches the whole component.
fn switch(build: &mut Build<'_>) {
    let (on, off) = (build.config.text_or("payload_on", "ON"), build.config.text_or("payload_off", "OFF"));
    let (meaning, form) = on_off(&on, &off);
    let keys = Keys {
        state: "state_topic",
        state_template: "state_value_template",
        command: "command_topic",
        command_template: "command_template",
    };
    build.feature_with("", keys, meaning, form, Build::primary);
}

pub(super) fn humidifier(build: &mut Build<'_>) {
    switch(build);
    let property = aspect(build, "target_humidity", "target_humidity", Meaning::Number, true);
    refine(build, property, |build, model| {
        per_cent(model, build.config.number("min_humidity"), build.config.number("max_humidity"))
    });
    let property = reading(build, "current_humidity", "current_humidity", Meaning::Number);
    refine(build, property, |_, model| per_cent(model, None, None));
    let modes = build.config.texts("modes");
    aspect(build, "mode", "mode", Meaning::Choice(modes), false);
    reading(build, "action", "action", Meaning::Text);
}

pub(super) fn fan(build: &mut Build<'_>) {
    switch(build);
    // A fan's speed 0 is off, so its range begins one below its slowest speed.
    let low = build.config.number_or("speed_range_min", 1.0) - 1.0;
    let high = build.config.number_or("speed_range_max", 100.0);
    let keys = Keys {
        state: "percentage_state_topic",
        state_template: "percentage_value_template",
        command: "percentage_command_topic",
        command_template: "percentage_command_template",
    };
    build.feature("speed", keys, Meaning::Percent { low, high }, Form::Percent { low, high });
    let presets = build.config.texts("preset_modes");
    aspect(build, "preset_mode", "preset_mode", Meaning::Choice(presets), false);
    let on = build.config.text_or("payload_oscillation_on", "oscillate_on");
    let off = build.config.text_or("payload_oscillation_off", "oscillate_off");
    let (meaning, form) = on_off(&on, &off);
    let keys = Keys {
        state: "oscillation_state_topic",
        state_template: "oscillation_value_template",
        command: "oscillation_command_topic",
        command_template: "oscillation_command_template",
    };
    build.feature("oscillation", keys, meaning, form);
    aspect(build, "direction", "direction", Meaning::Choice(owned(&["forward", "reverse"])), false);
}
