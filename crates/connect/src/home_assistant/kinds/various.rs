//! Locks, alarms, sirens, vacuums, mowers, updates, trackers and everything that happens.

use model::{ActionModel, DataType, EventModel, Name, PropertyModel, PropertyRole, Severity};

use super::simple::words;
use super::{Build, Form, Keys, Meaning, Pick, held, input, on_off};

/// An action with a payload from the configuration.
fn fixed(
    build: &mut Build<'_>,
    topic: &str,
    template: &str,
    payload: String,
    variables: &[&str],
) -> Option<super::Step> {
    build.step(topic, template, variables, Form::Fixed(payload))
}

pub(super) fn lock(build: &mut Build<'_>) {
    let state = words(
        build,
        &[
            ("state_locked", "LOCKED", "locked"),
            ("state_locking", "LOCKING", "locking"),
            ("state_unlocked", "UNLOCKED", "unlocked"),
            ("state_unlocking", "UNLOCKING", "unlocking"),
            ("state_open", "OPEN", "open"),
            ("state_opening", "OPENING", "opening"),
            ("state_jammed", "JAMMED", "jammed"),
        ],
    );
    let keys = Keys { state: "state_topic", state_template: "value_template", ..Keys::default() };
    build.feature_with("", keys, state, Form::Plain, Build::primary);
    let with_code = build.config.has("code_format");
    let model = |model: ActionModel| {
        if with_code { ActionModel { input: input("code", DataType::String).input, ..model } } else { model }
    };
    let actions = [
        ("lock", build.config.text("payload_lock").or(Some("LOCK".to_owned())), model(ActionModel::default())),
        ("unlock", build.config.text("payload_unlock").or(Some("UNLOCK".to_owned())), model(held())),
        ("open", build.config.text("payload_open"), model(held())),
    ];
    for (aspect, payload, model) in actions {
        let Some(payload) = payload else { continue };
        let mut step = fixed(build, "command_topic", "command_template", payload, &["code"]);
        if let Some(step) = &mut step {
            step.extra.insert("code".to_owned(), serde_json::Value::Null);
        }
        build.action(aspect, step, model);
    }
}

pub(super) fn alarm_control_panel(build: &mut Build<'_>) {
    const STATES: &[&str] = &[
        "disarmed",
        "armed_home",
        "armed_away",
        "armed_night",
        "armed_vacation",
        "armed_custom_bypass",
        "pending",
        "arming",
        "disarming",
        "triggered",
    ];
    let states = STATES.iter().map(|state| (*state).to_owned()).collect();
    let keys = Keys { state: "state_topic", state_template: "value_template", ..Keys::default() };
    build.feature_with("", keys, Meaning::Choice(states), Form::Plain, Build::primary);
    let features = build.config.texts("supported_features");
    let remote_code = matches!(build.config.str("code"), Some("REMOTE_CODE" | "REMOTE_CODE_TEXT"));
    let template = if build.config.has("command_template") { "command_template" } else { "" };
    for (aspect, key, default) in [
        ("disarm", "payload_disarm", "DISARM"),
        ("arm_home", "payload_arm_home", "ARM_HOME"),
        ("arm_away", "payload_arm_away", "ARM_AWAY"),
        ("arm_night", "payload_arm_night", "ARM_NIGHT"),
        ("arm_vacation", "payload_arm_vacation", "ARM_VACATION"),
        ("arm_custom_bypass", "payload_arm_custom_bypass", "ARM_CUSTOM_BYPASS"),
        ("trigger", "payload_trigger", "TRIGGER"),
    ] {
        if aspect != "disarm" && !features.is_empty() && !features.iter().any(|feature| feature == aspect) {
            continue;
        }
        let payload = build.config.text_or(key, default);
        let mut step = fixed(build, "command_topic", template, payload, &["action", "code"]);
        if let Some(step) = &mut step {
            step.variable = "action";
            step.extra.insert("code".to_owned(), serde_json::Value::Null);
        }
        let model = if aspect == "disarm" || aspect == "trigger" { held() } else { ActionModel::default() };
        let code = if remote_code { input("code", DataType::String).input } else { model.input.clone() };
        build.action(aspect, step, ActionModel { input: code, ..model });
    }
}

pub(super) fn siren(build: &mut Build<'_>) {
    let (on, off) = (build.config.text_or("payload_on", "ON"), build.config.text_or("payload_off", "OFF"));
    let (meaning, _) = on_off(&build.config.text_or("state_on", &on), &build.config.text_or("state_off", &off));
    let name = build.name("");
    let mut model = Build::primary(build.model("", &meaning));
    let pick = Some(Pick { member: "state", or_plain: true });
    model.readable = build.read(&name, "state_topic", "state_value_template", pick, meaning);
    let variables: &[&str] = &["tone", "duration", "volume_level"];
    // Without a template the command is JSON, which may carry more than the state.
    let plain = !build.config.has("command_template");
    let word =
        |word: &str| if plain { serde_json::Value::from_iter([("state", word)]).to_string() } else { word.to_owned() };
    let form = Form::Words(vec![(true.into(), word(&on)), (false.into(), word(&off))]);
    if let Some(step) = build.step("command_topic", "command_template", variables, form) {
        model.writable = true;
        build.entity.writes.insert(name.clone(), vec![step]);
    }
    build.property(name, model);
}

pub(super) fn vacuum(build: &mut Build<'_>) {
    let name = build.name("");
    let pick = Some(Pick { member: "state", or_plain: true });
    let states = ["cleaning", "docked", "paused", "idle", "returning", "error"].map(str::to_owned);
    let meaning = Meaning::Choice(states.into());
    let model = Build::primary(build.model("", &meaning));
    if build.read(&name, "state_topic", "value_template", pick, meaning) {
        build.property(name, model);
        let name = build.name("battery");
        let pick = Some(Pick { member: "battery_level", or_plain: false });
        let meaning = Meaning::Percent { low: 0.0, high: 100.0 };
        let model = PropertyModel { role: PropertyRole::Diagnostic, ..build.model("battery", &meaning) };
        build.read(&name, "state_topic", "value_template", pick, meaning);
        build.property(name, model);
    }
    let features = build.config.texts("supported_features");
    let has = |feature: &str| features.is_empty() || features.iter().any(|known| known == feature);
    for (aspect, feature, key, default) in [
        ("start", "start", "payload_start", "start"),
        ("stop", "stop", "payload_stop", "stop"),
        ("pause", "pause", "payload_pause", "pause"),
        ("return_to_base", "return_home", "payload_return_to_base", "return_to_base"),
        ("clean_spot", "clean_spot", "payload_clean_spot", "clean_spot"),
        ("locate", "locate", "payload_locate", "locate"),
    ] {
        if has(feature) {
            let payload = build.config.text_or(key, default);
            let step = fixed(build, "command_topic", "", payload, &[]);
            build.action(aspect, step, ActionModel::default());
        }
    }
    let speeds = build.config.texts("fan_speed_list");
    if !speeds.is_empty() {
        let name = build.name("fan_speed");
        let meaning = Meaning::Choice(speeds);
        let mut model = build.model("fan_speed", &meaning);
        let pick = Some(Pick { member: "fan_speed", or_plain: false });
        model.readable = build.read(&name, "state_topic", "value_template", pick, meaning);
        if let Some(step) = build.step("set_fan_speed_topic", "", &[], Form::Plain) {
            model.writable = true;
            build.entity.writes.insert(name.clone(), vec![step]);
        }
        build.property(name, model);
    }
    let step = build.step("send_command_topic", "", &[], Form::Field("command"));
    build.action("send_command", step, input("command", DataType::String));
}

pub(super) fn lawn_mower(build: &mut Build<'_>) {
    let states = ["error", "paused", "mowing", "docked", "returning"].map(str::to_owned);
    let keys = Keys { state: "activity_state_topic", state_template: "activity_value_template", ..Keys::default() };
    build.feature_with("", keys, Meaning::Choice(states.into()), Form::Plain, Build::primary);
    for action in ["start_mowing", "pause", "dock", "stop"] {
        let (topic, template) = (format!("{action}_command_topic"), format!("{action}_command_template"));
        let step = fixed(build, &topic, &template, action.to_owned(), &[]);
        build.action(action, step, if action == "start_mowing" { held() } else { ActionModel::default() });
    }
}

pub(super) fn update(build: &mut Build<'_>) {
    for (aspect, topic, template, member, or_plain) in [
        ("installed_version", "state_topic", "value_template", "installed_version", true),
        ("latest_version", "state_topic", "value_template", "latest_version", false),
        ("latest_version", "latest_version_topic", "latest_version_template", "latest_version", true),
        ("progress", "state_topic", "value_template", "update_percentage", false),
    ] {
        let name = build.name(aspect);
        let meaning = if aspect == "progress" { Meaning::Percent { low: 0.0, high: 100.0 } } else { Meaning::Text };
        let model = PropertyModel { role: PropertyRole::Diagnostic, ..build.model(aspect, &meaning) };
        if build.read(&name, topic, template, Some(Pick { member, or_plain }), meaning) {
            build.property(name, model);
        }
    }
    if let Some(payload) = build.config.text("payload_install") {
        let step = fixed(build, "command_topic", "", payload, &[]);
        build.action("install", step, held());
    }
}

pub(super) fn device_tracker(build: &mut Build<'_>) {
    let state = |key: &str, default: &str| build.config.text_or(key, default);
    // A tracker may also name another place, so unknown words are taken as they are.
    let (home, away, reset) =
        (state("payload_home", "home"), state("payload_not_home", "not_home"), state("payload_reset", "None"));
    let meaning = if (home.as_str(), away.as_str(), reset.as_str()) == ("home", "not_home", "None") {
        Meaning::Text
    } else {
        Meaning::Words(vec![(home, "home".into()), (away, "not_home".into()), (reset, model::Value::Null)])
    };
    let keys = Keys { state: "state_topic", state_template: "value_template", ..Keys::default() };
    build.feature_with("", keys, meaning, Form::Plain, |model| {
        Build::primary(PropertyModel { choices: Vec::new(), ..model })
    });
}

fn happens(build: &mut Build<'_>, name: Name, severity: Severity) {
    let title = build.title.to_owned();
    build.entity.events.insert(name, EventModel { title, severity, ..EventModel::default() });
}

pub(super) fn event(build: &mut Build<'_>) {
    let types = build.config.texts("event_types");
    let name = build.name("");
    build.read(&name, "state_topic", "value_template", None, Meaning::Event(types));
    happens(build, name, Severity::Information);
}

pub(super) fn tag(build: &mut Build<'_>) {
    let name = build.name("scanned");
    build.read(&name, "topic", "value_template", None, Meaning::Trigger(None));
    happens(build, name, Severity::Information);
}

pub(super) fn device_automation(build: &mut Build<'_>) {
    let name = build.name("");
    let payload = build.config.text("payload");
    build.read(&name, "topic", "value_template", None, Meaning::Trigger(payload));
    happens(build, name, Severity::Information);
}
