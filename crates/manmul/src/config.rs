//! The configuration: one commented TOML with every default, a file over it, the environment over that.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::access::TopicRules;
use serde::Deserialize;
use site::rules::PlaceSettings;
use store::files;
use toml::{Table, Value};

/// The configuration with every key at its default, and what each means.
pub const DEFAULT: &str = include_str!("../../../config/default.toml");

/// The file that is read when none is named and it is there.
pub const FILE: &str = "manmul.toml";

/// What environment variables that set keys begin with.
const PREFIX: &str = "MANMUL_";

/// Environment variables that begin so and set no key.
const NO_KEYS: [&str; 3] = ["MANMUL_CONFIG", "MANMUL_URL", "MANMUL_TOKEN"];

const GIGABYTE: f64 = (1_u64 << 30) as f64;

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where everything is kept.
    pub data_directory: PathBuf,
    /// How much is logged.
    pub log_level: String,
    /// The place.
    pub site: SiteConfig,
    /// Pages and API.
    pub http: HttpConfig,
    /// The broker.
    pub mqtt: MqttConfig,
    /// Certificates.
    pub tls: TlsConfig,
    /// Sign-in.
    pub access: AccessConfig,
    /// Bounds.
    pub limits: LimitsConfig,
    /// How much is kept.
    pub retention: RetentionConfig,
    /// What browsers are told.
    pub push: PushConfig,
    /// The demo home.
    pub demo: DemoConfig,
}

/// The place.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteConfig {
    /// What people call it at first.
    pub title: String,
    /// Its time zone at first; empty for that of the machine.
    pub time_zone: String,
    /// Where it lies at first.
    pub coordinates: Coordinates,
}

impl SiteConfig {
    /// Where the site is, if the configuration says so.
    pub fn place(&self) -> Option<PlaceSettings> {
        let Coordinates(degrees) = self.coordinates;
        let is_said = !self.time_zone.is_empty() || degrees.is_some();
        let time_zone = if self.time_zone.is_empty() { machine_zone() } else { self.time_zone.clone() };
        let (latitude, longitude) = (degrees.map(|(north, _)| north), degrees.map(|(_, east)| east));
        is_said.then_some(PlaceSettings { time_zone, latitude, longitude })
    }
}

/// The name of the time zone that this machine is set to.
pub(crate) fn machine_zone() -> String {
    jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned()
}

/// Degrees north and east, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Coordinates(pub Option<(f64, f64)>);

impl TryFrom<String> for Coordinates {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self(None));
        }
        let degrees = text
            .split_once(',')
            .and_then(|(north, east)| Some((north.trim().parse::<f64>().ok()?, east.trim().parse::<f64>().ok()?)));
        let known = degrees.filter(|(north, east)| north.abs() <= 90.0 && east.abs() <= 180.0);
        known.map(|degrees| Self(Some(degrees))).ok_or_else(|| {
            format!(
                "{text:?} is no place on the globe, like \"52.52, 13.40\" (degrees north and east), or \"\" for none"
            )
        })
    }
}

/// Pages and API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Plain.
    pub listen: Address,
    /// Over TLS.
    pub tls_listen: Address,
}

/// The broker.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttConfig {
    /// Plain.
    pub listen: Address,
    /// Over TLS.
    pub tls_listen: Address,
    /// Open connections.
    pub connections_max: usize,
    /// New connections a second from one address.
    pub connects_per_address_per_second: u32,
    /// Largest packet in bytes.
    pub packet_bytes_max: u32,
    /// How long a session outlives its connection, in days.
    pub session_expiry_days: u32,
    /// Longest keepalive of an MQTT 5 client, in seconds.
    pub keep_alive_seconds_max: u16,
    /// What clients without credentials may do.
    pub anonymous: TopicRules,
}

/// Certificates.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate chain, PEM; empty to make one.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// Who signs the certificates of things, PEM; empty for nobody.
    pub client_authority: PathBuf,
    /// What a certificate that is made is for.
    pub names: Vec<String>,
}

/// Sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessConfig {
    /// How long a session lasts, in days.
    pub session_days: u32,
}

/// Bounds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Things in all.
    pub things: usize,
    /// Things in the inbox.
    pub inbox: usize,
    /// Commands a minute to one thing.
    pub commands_per_minute: u32,
}

/// What browsers are told.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushConfig {
    /// Whether they may subscribe.
    pub enabled: bool,
    /// Whom a push service may write to.
    pub contact: String,
    /// Whether services in private networks are meant.
    pub private_services: bool,
}

impl PushConfig {
    /// As the server takes it.
    pub(crate) fn options(&self) -> server::push::PushOptions {
        let Self { enabled, contact, private_services } = self.clone();
        server::push::PushOptions { enabled, contact, private_services }
    }
}

/// How much is kept.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionConfig {
    /// Days of the log.
    pub log_days: u32,
    /// Gigabytes of the log.
    pub log_gigabytes: f64,
    /// Days of raw points.
    pub raw_days: u32,
    /// Days of minutes.
    pub minute_days: u32,
    /// Days of hours.
    pub hour_days: u32,
    /// Gigabytes of the history.
    pub history_gigabytes: f64,
}

impl RetentionConfig {
    /// As the site wants it.
    pub fn settings(&self) -> site::RetentionSettings {
        let bytes = |gigabytes: f64| (gigabytes * GIGABYTE) as u64;
        site::RetentionSettings {
            log_days: self.log_days,
            log_bytes: bytes(self.log_gigabytes),
            raw_days: self.raw_days,
            minute_days: self.minute_days,
            hour_days: self.hour_days,
            history_bytes: bytes(self.history_gigabytes),
        }
    }
}

/// The demo home.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// What its chances come from.
    pub seed: u64,
    /// How long a past it gets.
    pub history_days: u32,
    /// How many virtual robots drive in the demo warehouse; none, and there is no warehouse.
    pub robots: u32,
}

impl DemoConfig {
    /// How long a past it gets.
    pub fn past(&self) -> Duration {
        Duration::from_secs(u64::from(self.history_days) * 24 * 3600)
    }
}

/// An address to listen at; `None` for off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(pub Option<SocketAddr>);

impl TryFrom<String> for Address {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse().map(|address| Self(Some(address))).map_err(|_| {
            format!("{text:?} is no address to listen at, like \"0.0.0.0:7700\", \"[::]:7700\", or \"\" for off")
        })
    }
}

/// Why a configuration is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}{}", hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default())]
pub struct ConfigError {
    /// The file and line, or the variable.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        toml::from_str(DEFAULT).expect("the default configuration is right, a test says so")
    }
}

impl Config {
    /// Reads the file (or, when none is named, [`FILE`] if it is there) and the environment over the defaults.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let file = match file {
            Some(file) => Some(file.to_owned()),
            None => Some(PathBuf::from(FILE)).filter(|file| files::exists(file)),
        };
        let text = match &file {
            Some(file) => files::read_text(file).map_err(|error| ConfigError {
                place: file.display().to_string(),
                problem: error.to_string(),
                hint: Some("`manmul config print` writes a configuration to begin with".to_owned()),
            })?,
            None => String::new(),
        };
        let place = file.map(|file| file.display().to_string()).unwrap_or_default();
        Self::from_parts(&place, &text, environment)
    }

    /// The defaults, under the text of the file at `place`, under the environment.
    pub fn from_parts(
        place: &str,
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let defaults: Table = DEFAULT.parse().expect("the default configuration is right, a test says so");
        let given: Table = text.parse().map_err(|error| in_file(place, text, &error))?;
        // Checked on its own first, because only then is it known in which line a key stands.
        let with_defaults = merged(defaults.clone(), given);
        check_keys(place, text, &defaults, &with_defaults, &mut Vec::new())?;
        let mut config: Self = with_defaults.clone().try_into().map_err(|error: toml::de::Error| {
            let key = key_of_error(&defaults, &with_defaults);
            let line = key.as_deref().and_then(|key| line_of(text, key));
            ConfigError { place: place_of(place, line), problem: with_key(key.as_deref(), &error), hint: None }
        })?;
        let mut table = with_defaults;
        for (name, value) in environment.filter(|(name, _)| name.starts_with(PREFIX)) {
            if NO_KEYS.contains(&name.as_str()) {
                continue;
            }
            table = set_by_variable(table, &defaults, &name, &value)?;
            config = table.clone().try_into().map_err(|error: toml::de::Error| ConfigError {
                place: name.clone(),
                problem: error.message().trim().to_owned(),
                hint: None,
            })?;
        }
        config.check(place)?;
        Ok(config)
    }

    fn check(&self, place: &str) -> Result<(), ConfigError> {
        let wrong = |problem: &str| {
            let place = if place.is_empty() { "configuration" } else { place }.to_owned();
            Err(ConfigError { place, problem: problem.to_owned(), hint: None })
        };
        if self.tls.certificate.as_os_str().is_empty() != self.tls.key.as_os_str().is_empty() {
            return wrong("tls.certificate and tls.key belong together: give both or none");
        }
        if self.http.listen.0.is_none() && self.http.tls_listen.0.is_none() {
            return wrong("http.listen and http.tls_listen are both off: nobody could sign in");
        }
        if let Some(place) = self.site.place()
            && let Err(error) = place.place()
        {
            return wrong(&format!("site.time_zone: {error}"));
        }
        let retention = &self.retention;
        let is_size = |gigabytes: f64| gigabytes.is_finite() && gigabytes > 0.0;
        if !is_size(retention.log_gigabytes) || !is_size(retention.history_gigabytes) {
            return wrong("retention.log_gigabytes and retention.history_gigabytes must be greater than 0");
        }
        if self.access.session_days == 0 {
            return wrong("access.session_days must be at least 1");
        }
        let anonymous = &self.mqtt.anonymous;
        let granted = anonymous.grants.iter().map(|grant| &grant.filter);
        for filter in granted.chain(&anonymous.deny_publish).chain(&anonymous.deny_subscribe) {
            if !model::topic::is_filter(filter) {
                return wrong(&format!("mqtt.anonymous: {filter:?} is no MQTT filter"));
            }
        }
        Ok(())
    }
}

/// `given` over `defaults`, table by table.
fn merged(mut defaults: Table, given: Table) -> Table {
    for (key, value) in given {
        match (defaults.remove(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => {
                defaults.insert(key, Value::Table(merged(below, above)));
            }
            (_, value) => drop(defaults.insert(key, value)),
        }
    }
    defaults
}

/// Refuses keys that there are no defaults for.
fn check_keys(
    place: &str,
    text: &str,
    defaults: &Table,
    given: &Table,
    path: &mut Vec<String>,
) -> Result<(), ConfigError> {
    for (key, value) in given {
        path.push(key.clone());
        match (defaults.get(key), value) {
            (None, _) => {
                let full = path.join(".");
                let known: Vec<&str> = defaults.keys().map(String::as_str).collect();
                return Err(ConfigError {
                    place: place_of(place, line_of(text, &full)),
                    problem: format!("there is no key {full}"),
                    hint: did_you_mean(key, &known),
                });
            }
            (Some(Value::Table(below)), Value::Table(above)) => check_keys(place, text, below, above, path)?,
            _ => {}
        }
        path.pop();
    }
    Ok(())
}

/// The key whose value does not fit, found by trying each alone over the defaults.
fn key_of_error(defaults: &Table, given: &Table) -> Option<String> {
    fn search(defaults: &Table, below: &Table, given: &Table, path: &mut Vec<String>) -> Option<String> {
        for (key, value) in given {
            path.push(key.clone());
            let found = match (below.get(key), value) {
                (Some(Value::Table(below)), Value::Table(above)) => search(defaults, below, above, path),
                _ => {
                    let alone = path
                        .iter()
                        .rev()
                        .fold(value.clone(), |value, key| Value::Table(Table::from_iter([(key.clone(), value)])));
                    let Value::Table(alone) = alone else { return None };
                    let fits = merged(defaults.clone(), alone).try_into::<Config>().is_ok();
                    (!fits).then(|| path.join("."))
                }
            };
            path.pop();
            if found.is_some() {
                return found;
            }
        }
        None
    }
    search(defaults, defaults, given, &mut Vec::new())
}

fn with_key(key: Option<&str>, error: &toml::de::Error) -> String {
    let message = error.message().trim();
    match key {
        Some(key) => format!("{key}: {message}"),
        None => message.to_owned(),
    }
}

fn in_file(place: &str, text: &str, error: &toml::de::Error) -> ConfigError {
    let line = error.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
    ConfigError { place: place_of(place, line), problem: error.message().trim().to_owned(), hint: None }
}

fn place_of(place: &str, line: Option<usize>) -> String {
    match line {
        Some(line) => format!("{place} line {line}"),
        None => place.to_owned(),
    }
}

/// The line in which a key like `http.listen` is set.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let mut section = String::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            name.trim().clone_into(&mut section);
            if section == key {
                return Some(number + 1);
            }
        } else if let Some((name, _)) = line.split_once('=') {
            let name = name.trim().trim_matches('"');
            let full = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            if full == key || key.starts_with(&format!("{full}.")) {
                return Some(number + 1);
            }
        }
    }
    None
}

/// Sets the key that a variable like `MANMUL_HTTP_LISTEN` names.
fn set_by_variable(mut table: Table, defaults: &Table, name: &str, text: &str) -> Result<Table, ConfigError> {
    let mut keys = Vec::new();
    leaves(defaults, &mut Vec::new(), &mut keys);
    let variable = |path: &[String]| format!("{PREFIX}{}", path.join("_").to_uppercase());
    let Some(path) = keys.iter().find(|path| variable(path) == name) else {
        let known: Vec<String> = keys.iter().map(|path| variable(path)).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let problem = "this variable sets no key".to_owned();
        return Err(ConfigError { place: name.to_owned(), problem, hint: did_you_mean(name, &known) });
    };
    let (last, above) = path.split_last().expect("a path has at least one key");
    let mut at = &mut table;
    for key in above {
        at = match at.get_mut(key) {
            Some(Value::Table(below)) => below,
            _ => unreachable!("the path was found in the defaults"),
        };
    }
    let is_text = matches!(at.get(last), Some(Value::String(_)));
    let parsed = if is_text { None } else { format!("value = {text}").parse::<Table>().ok() };
    let value = parsed.and_then(|mut parsed| parsed.remove("value")).unwrap_or_else(|| Value::String(text.to_owned()));
    at.insert(last.clone(), value);
    Ok(table)
}

fn leaves(table: &Table, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    for (key, value) in table {
        path.push(key.clone());
        match value {
            Value::Table(below) => leaves(below, path, out),
            _ => out.push(path.clone()),
        }
        path.pop();
    }
}

/// A known word that is nearly this one.
fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    const EDITS_MAX: usize = 3;
    let nearest = known.iter().map(|other| (distance(word, other), *other)).min()?;
    let (edits, other) = nearest;
    (edits <= EDITS_MAX.min(word.chars().count() / 2)).then(|| format!("did you mean {other}?"))
}

/// How many letters have to be changed, added or left out (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        Config::from_parts("manmul.toml", text, std::iter::empty())
    }

    fn with(name: &str, value: &str) -> Result<Config, ConfigError> {
        Config::from_parts("", "", std::iter::once((name.to_owned(), value.to_owned())))
    }

    #[test]
    fn the_defaults_are_right_and_keep_anonymous_clients_out() {
        let config = read("").unwrap();
        assert_eq!(config, Config::default());
        assert!(config.mqtt.anonymous.grants.is_empty() && !config.demo.enabled);
        assert_eq!(config.retention.settings(), site::RetentionSettings::default());
    }

    #[test]
    fn a_file_and_the_environment_lie_over_the_defaults() {
        let config = read("[http]\nlisten = \"127.0.0.1:80\"\ntls_listen = \"\"").unwrap();
        assert_eq!(config.http.listen.0, Some("127.0.0.1:80".parse().unwrap()));
        assert_eq!(config.http.tls_listen.0, None);
        assert_eq!(with("MANMUL_MQTT_LISTEN", "[::1]:1").unwrap().mqtt.listen.0, Some("[::1]:1".parse().unwrap()));
        assert!(with("MANMUL_DEMO_ENABLED", "true").unwrap().demo.enabled);
        assert_eq!(with("MANMUL_SITE_TITLE", "12").unwrap().site.title, "12");
        let place = with("MANMUL_SITE_COORDINATES", "52.5, 13.4").unwrap().site.place().unwrap();
        assert_eq!((place.latitude, place.longitude), (Some(52.5), Some(13.4)));
        assert!(with("MANMUL_SITE_COORDINATES", "52.5").is_err() && with("MANMUL_SITE_COORDINATES", "95, 0").is_err());
        assert!(with("MANMUL_SITE_TIME_ZONE", "Europe/Berlinn").unwrap_err().to_string().contains("Europe/Berlin?"));
        assert_eq!(with("MANMUL_SITE_TITLE", "x").unwrap().site.place(), None);
        assert_eq!(
            with("MANMUL_MQTT_ANONYMOUS_GRANTS", "[{filter = \"a/#\", publish = true}]")
                .unwrap()
                .mqtt
                .anonymous
                .grants
                .len(),
            1
        );
        assert!(with("MANMUL_TOKEN", "x").is_ok());
    }

    #[test]
    fn errors_say_where_and_what_to_do() {
        let says = |text: &str| read(text).unwrap_err().to_string();
        insta::assert_snapshot!(says("[http]\nlisen = \"127.0.0.1:80\""), @r"
        manmul.toml line 2: there is no key http.lisen
        hint: did you mean listen?
        ");
        insta::assert_snapshot!(says("\n[htp]\n"), @r"
        manmul.toml line 2: there is no key htp
        hint: did you mean http?
        ");
        insta::assert_snapshot!(says("[http]\n\nlisten = \"7700\""), @r#"manmul.toml line 3: http.listen: "7700" is no address to listen at, like "0.0.0.0:7700", "[::]:7700", or "" for off"#);
        insta::assert_snapshot!(says("[demo]\nseed = -1"), @"manmul.toml line 2: demo.seed: invalid value: integer `-1`, expected u64");
        insta::assert_snapshot!(says("[demo\n"), @r"
        manmul.toml line 1: unclosed table, expected `]`
        ");
        insta::assert_snapshot!(says("[tls]\nkey = \"k.pem\""), @"manmul.toml: tls.certificate and tls.key belong together: give both or none");
        insta::assert_snapshot!(says("[mqtt.anonymous]\ngrants = [{ filter = \"a/#/b\" }]"), @r#"manmul.toml: mqtt.anonymous: "a/#/b" is no MQTT filter"#);
        insta::assert_snapshot!(with("MANMUL_HTTP_LISTN", "x").unwrap_err(), @r"
        MANMUL_HTTP_LISTN: this variable sets no key
        hint: did you mean MANMUL_HTTP_LISTEN?
        ");
        insta::assert_snapshot!(with("MANMUL_DEMO_SEED", "many").unwrap_err().problem, @r#"invalid type: string "many", expected u64"#);
    }
}
