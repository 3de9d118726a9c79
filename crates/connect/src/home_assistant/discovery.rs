//! Discovery messages: from a topic and its payload to the components that it describes.

use serde_json::{Map, Value as Json};

use super::abbreviations;
use super::config::Config;
use super::device::Device;

/// Where a discovery message was said, after the prefix.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub(super) component: &'a str,
    pub(super) node: Option<&'a str>,
    pub(super) object: &'a str,
}

impl<'a> Place<'a> {
    /// Reads `<component>/[<node_id>/]<object_id>/config`; `None` for anything else.
    pub(super) fn parse(topic: &'a str) -> Option<Self> {
        let rest = topic.strip_suffix("/config")?;
        let mut levels = rest.split('/');
        let (component, second, third) = (levels.next()?, levels.next()?, levels.next());
        let known = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        if levels.next().is_some() || !known(component) || !known(second) || !third.is_none_or(known) {
            return None;
        }
        Some(match third {
            Some(object) => Self { component, node: Some(second), object },
            None => Self { component, node: None, object: second },
        })
    }
}

/// One component of a discovery message.
#[derive(Debug)]
pub(super) struct Component {
    /// `sensor`, `light`, ...
    pub(super) kind: String,
    /// Unique among components of this kind: what Home Assistant calls the discovery id.
    pub(super) id: String,
    /// The producer's own short name of it.
    pub(super) object: String,
    /// The node that the topic names.
    pub(super) node: Option<String>,
    /// The thing that it belongs to.
    pub(super) device: Option<Device>,
    /// Everything else.
    pub(super) config: Config,
}

/// What a discovery message says.
#[derive(Debug)]
pub(super) enum Message {
    /// The components that its topic describes from now on.
    Components(Vec<Component>),
    /// The producer moves its components to another topic; nothing changes until they are described there.
    Migration,
}

/// Options of a device's configuration that its components share.
const SHARED_OPTIONS: &[&str] = &[
    "availability",
    "availability_mode",
    "availability_template",
    "availability_topic",
    "command_topic",
    "encoding",
    "payload_available",
    "payload_not_available",
    "qos",
    "state_topic",
    "~",
];

/// Reads a payload that is not empty.
pub(super) fn parse(place: &Place<'_>, payload: &[u8]) -> Result<Message, (&'static str, String)> {
    let mut config: Map<String, Json> =
        serde_json::from_slice(payload).map_err(|error| ("bad_json", format!("discovery: {error}")))?;
    if config.len() == 1
        && (config.get("migrate_discovery") == Some(&Json::Bool(true))
            || config.get("migr_discvry") == Some(&Json::Bool(true)))
    {
        return Ok(Message::Migration);
    }
    if place.component == "device" {
        abbreviations::expand_bundle(&mut config);
        return bundle(place, config).map(Message::Components);
    }
    abbreviations::expand_component(&mut config);
    let device = config.remove("device").as_ref().and_then(Json::as_object).and_then(Device::parse);
    let id = place.node.map_or_else(|| place.object.to_owned(), |node| format!("{node} {}", place.object));
    Ok(Message::Components(vec![Component {
        kind: place.component.to_owned(),
        id,
        object: place.object.to_owned(),
        node: place.node.map(str::to_owned),
        device,
        config: Config::new(config),
    }]))
}

/// The components of a device's configuration and of its child devices.
fn bundle(place: &Place<'_>, mut config: Map<String, Json>) -> Result<Vec<Component>, (&'static str, String)> {
    let device = config.remove("device").as_ref().and_then(Json::as_object).and_then(Device::parse);
    let Some(device) = device else {
        return Err(("bad_discovery", "device: has neither identifiers nor connections".to_owned()));
    };
    let mut found = Vec::new();
    if let Some(Json::Object(components)) = config.remove("components") {
        add_components(place, &config, &device, components, &mut found)?;
    }
    if let Some(Json::Array(children)) = config.remove("child_devices") {
        for mut child in children.into_iter().filter_map(|child| match child {
            Json::Object(child) => Some(child),
            _ => None,
        }) {
            let Some(Json::Object(components)) = child.remove("components") else { continue };
            let Some(mut child) = Device::parse(&child) else {
                return Err(("bad_discovery", "child_devices: one has no identifiers".to_owned()));
            };
            child.via = device.keys.first().cloned();
            add_components(place, &config, &child, components, &mut found)?;
        }
    }
    Ok(found)
}

fn add_components(
    place: &Place<'_>,
    shared: &Map<String, Json>,
    device: &Device,
    components: Map<String, Json>,
    found: &mut Vec<Component>,
) -> Result<(), (&'static str, String)> {
    for (key, component) in components {
        let Json::Object(mut component) = component else {
            return Err(("bad_discovery", format!("components.{}: expected an object", crate::text::shortened(&key))));
        };
        let Some(Json::String(kind)) = component.remove("platform") else {
            return Err(("bad_discovery", format!("components.{}: has no platform", crate::text::shortened(&key))));
        };
        if component.is_empty() {
            // Only the platform: the component is withdrawn.
            continue;
        }
        for option in SHARED_OPTIONS {
            if let (Some(value), false) = (shared.get(*option), component.contains_key(*option)) {
                component.insert((*option).to_owned(), value.clone());
            }
        }
        let object = place.node.map_or_else(|| key.clone(), |node| format!("{node} {key}"));
        found.push(Component {
            kind,
            id: format!("{} {object}", place.object),
            object: key,
            node: Some(place.object.to_owned()),
            device: Some(device.clone()),
            config: Config::new(component),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_follow_the_convention() {
        let place = |topic| Place::parse(topic).map(|place| (place.component, place.node, place.object));
        assert_eq!(place("sensor/a/config"), Some(("sensor", None, "a")));
        assert_eq!(place("sensor/a/b-1/config"), Some(("sensor", Some("a"), "b-1")));
        for other in
            ["sensor/config", "status", "sensor/a/b/c/config", "sensor/a b/config", "sensor//config", "sensor/a/state"]
        {
            assert_eq!(place(other), None, "{other}");
        }
    }
}
