//! Covers and valves: what opens and closes.

use super::simple::words;
use super::{Build, Form, Keys, Meaning, Pick, held};
use model::{ActionModel, PropertyModel};

const POSITION_VARIABLES: &[&str] =
    &["position", "tilt_position", "position_open", "position_closed", "tilt_min", "tilt_max"];

pub(super) fn cover(build: &mut Build<'_>) {
    // The same word may stand for two states ("open" while opening): the moving one counts, as in Home Assistant.
    let state = words(
        build,
        &[
            ("state_stopped", "stopped", "stopped"),
            ("state_opening", "opening", "opening"),
            ("state_closing", "closing", "closing"),
            ("state_open", "open", "open"),
            ("state_closed", "closed", "closed"),
        ],
    );
    let keys = Keys { state: "state_topic", state_template: "value_template", ..Keys::default() };
    build.feature_with("", keys, state, Form::Plain, Build::primary);
    open_close_stop(build, [("OPEN", true), ("CLOSE", true), ("STOP", true)]);

    let (low, high) = (build.config.number_or("position_closed", 0.0), build.config.number_or("position_open", 100.0));
    position(build, low, high);
    let (low, high) = (build.config.number_or("tilt_min", 0.0), build.config.number_or("tilt_max", 100.0));
    let form = Form::Percent { low, high };
    let name = build.name("tilt");
    let mut model = build.model("tilt", &Meaning::Percent { low, high });
    model.readable =
        build.read(&name, "tilt_status_topic", "tilt_status_template", None, Meaning::Percent { low, high });
    if let Some(mut step) = build.step("tilt_command_topic", "tilt_command_template", POSITION_VARIABLES, form) {
        step.extra = position_variables(build);
        model.writable = true;
        build.entity.writes.insert(name.clone(), vec![step]);
    }
    if model.readable || model.writable {
        build.property(name, model);
    }
    if build.config.has("payload_stop_tilt") {
        let payload = build.config.text_or("payload_stop_tilt", "STOP");
        let step = build.step("tilt_command_topic", "", &[], Form::Fixed(payload));
        build.action("stop_tilt", step, ActionModel::default());
    }
}

/// The actions of a cover or valve; a payload that is null says that there is no such action.
fn open_close_stop(build: &mut Build<'_>, payloads: [(&str, bool); 3]) {
    for ((key, aspect), (default, by_default)) in
        [("payload_open", "open"), ("payload_close", "close"), ("payload_stop", "stop")].into_iter().zip(payloads)
    {
        let payload = build.config.text(key).or((by_default && !build.config.has(key)).then(|| default.to_owned()));
        let Some(payload) = payload else { continue };
        let step = build.step("command_topic", "command_template", &[], Form::Fixed(payload));
        build.action(aspect, step, if aspect == "stop" { ActionModel::default() } else { held() });
    }
}

fn position_variables(build: &Build<'_>) -> serde_json::Map<String, serde_json::Value> {
    [("position_open", 100.0), ("position_closed", 0.0), ("tilt_min", 0.0), ("tilt_max", 100.0)]
        .into_iter()
        .map(|(key, default)| (key.to_owned(), (build.config.number_or(key, default) as i64).into()))
        .collect()
}

fn position(build: &mut Build<'_>, low: f64, high: f64) {
    let name = build.name("position");
    let mut model = build.model("position", &Meaning::Percent { low, high });
    let pick = Some(Pick { member: "position", or_plain: true });
    model.readable = build.read(&name, "position_topic", "position_template", pick, Meaning::Percent { low, high });
    let form = Form::Percent { low, high };
    if let Some(mut step) = build.step("set_position_topic", "set_position_template", POSITION_VARIABLES, form) {
        step.extra = position_variables(build);
        model.writable = true;
        build.entity.writes.insert(name.clone(), vec![step]);
    }
    if model.readable || model.writable {
        build.property(name, Build::primary(model));
    }
}

pub(super) fn valve(build: &mut Build<'_>) {
    if !build.config.flag("reports_position") {
        let state = words(
            build,
            &[
                ("state_opening", "opening", "opening"),
                ("state_closing", "closing", "closing"),
                ("state_open", "open", "open"),
                ("state_closed", "closed", "closed"),
            ],
        );
        let name = build.name("");
        let model = Build::primary(build.model("", &state));
        let pick = Some(Pick { member: "state", or_plain: true });
        let readable = build.read(&name, "state_topic", "value_template", pick, state);
        if readable {
            build.property(name, PropertyModel { readable, ..model });
        }
        open_close_stop(build, [("OPEN", true), ("CLOSE", true), ("STOP", false)]);
        return;
    }
    let (low, high) = (build.config.number_or("position_closed", 0.0), build.config.number_or("position_open", 100.0));
    let name = build.name("position");
    let meaning = Meaning::Percent { low, high };
    let mut model = Build::primary(build.model("position", &meaning));
    let pick = Some(Pick { member: "position", or_plain: true });
    model.readable = build.read(&name, "state_topic", "value_template", pick, meaning);
    if let Some(step) = build.step("command_topic", "command_template", POSITION_VARIABLES, Form::Percent { low, high })
    {
        model.writable = true;
        build.entity.writes.insert(name.clone(), vec![step]);
    }
    build.property(name, model);
    if build.config.has("payload_stop") {
        let payload = build.config.text_or("payload_stop", "STOP");
        let step = build.step("command_topic", "command_template", &[], Form::Fixed(payload));
        build.action("stop", step, ActionModel::default());
    }
}
