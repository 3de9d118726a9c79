//! What people of a home say about its energy: the contract, what is comfortable, when the car leaves, what matters, and what
//! the things are.

use std::collections::BTreeMap;

use model::{SpaceId, ThingId, Timestamp};
use rule::Place;
use serde::{Deserialize, Serialize};
use site::run::Complaint;

use crate::calendar::{WallClock, Window, complaint, minutes, occurrences};
use crate::find::Correction;
use crate::tariff::Tariff;

/// The most bands of comfort.
pub const BANDS_MAX: usize = 200;
/// The most departures.
pub const DEPARTURES_MAX: usize = 50;
/// The most corrections.
pub const CORRECTIONS_MAX: usize = 1_000;
/// The temperatures between which a band can lie.
const CELSIUS: (f64, f64) = (5.0, 35.0);
/// What a battery or car may hold.
const CAPACITY_KILOWATT_HOURS: (f64, f64) = (0.1, 10_000.0);

/// What people of a home say about its energy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeSettings))]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What electricity costs; nothing is planned before that is said.
    #[cfg_attr(feature = "schema", schema(required))]
    pub tariff: Option<Tariff>,
    /// What electricity emits; null when nobody cares.
    #[cfg_attr(feature = "schema", schema(required))]
    pub carbon: Option<CarbonSource>,
    /// What is comfortable where and when; of several that fit, the first holds.
    #[cfg_attr(feature = "schema", schema(required))]
    pub comfort: Vec<ComfortBand>,
    /// When cars leave.
    #[cfg_attr(feature = "schema", schema(required))]
    pub departures: Vec<Leaves>,
    /// What matters beside the cost.
    #[cfg_attr(feature = "schema", schema(required))]
    pub aims: Wishes,
    /// What things are, above what is found.
    #[cfg_attr(feature = "schema", schema(required))]
    pub things: BTreeMap<ThingId, Correction>,
}

/// Where it is known what electricity emits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CarbonSource {
    /// Always the same.
    Flat {
        /// Grams of carbon dioxide for a kilowatt hour.
        grams: f64,
    },
    /// As a thing tells it.
    Told {
        /// The thing and its property, as in `grid-carbon/intensity`.
        property: String,
        /// Grams that hold while nothing is told.
        otherwise: f64,
    },
}

/// The temperatures that are comfortable in a room at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ComfortBand {
    /// The room; null for all that have no band of their own.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub space: Option<SpaceId>,
    /// Days of the week, Monday is 1; empty means every day.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub days: Vec<u8>,
    /// From this minute of the day.
    pub from_minute: u16,
    /// Up to this minute of the day; not after `from_minute` means over midnight.
    pub to_minute: u16,
    /// The least.
    pub celsius_min: f64,
    /// The most.
    pub celsius_max: f64,
}

/// When a car leaves, and how full it is to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeLeaves))]
#[serde(deny_unknown_fields)]
pub struct Leaves {
    /// Which car.
    pub car: ThingId,
    /// Days of the week, Monday is 1; empty means every day.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub days: Vec<u8>,
    /// At this minute of the day.
    pub minute: u16,
    /// How full it is to be, in percent.
    pub percent: f64,
}

/// What matters beside the cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeWishes))]
#[serde(deny_unknown_fields, default)]
pub struct Wishes {
    /// What a kilogram of carbon dioxide is worth avoiding, in the tariff's currency.
    #[cfg_attr(feature = "schema", schema(required))]
    pub carbon_price_per_kilogram: f64,
    /// What a degree out of a band of comfort for an hour is worth avoiding.
    #[cfg_attr(feature = "schema", schema(required))]
    pub discomfort_per_kelvin_hour: f64,
    /// The most that may be taken from the grid, in watts; null for what the connection gives.
    #[cfg_attr(feature = "schema", schema(required))]
    pub import_watts_max: Option<f64>,
    /// The most that may be fed in.
    #[cfg_attr(feature = "schema", schema(required))]
    pub export_watts_max: Option<f64>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            carbon_price_per_kilogram: 0.0,
            discomfort_per_kelvin_hour: 1.0,
            import_watts_max: None,
            export_watts_max: None,
        }
    }
}

impl Settings {
    /// Everything that is wrong with them; places are JSON pointers.
    pub fn check(&self) -> Vec<Complaint> {
        let mut complaints = self.tariff.iter().flat_map(|tariff| tariff.check("/tariff")).collect::<Vec<Complaint>>();
        if let Some(source) = &self.carbon {
            complaints.extend(source.check());
        }
        complaints.extend(check_bands(&self.comfort));
        complaints.extend(check_departures(&self.departures));
        complaints.extend(self.aims.check());
        complaints.extend(check_corrections(&self.things));
        complaints
    }

    /// What is comfortable in a room at a moment; none when nobody said.
    pub fn band(&self, space: Option<&SpaceId>, moment: Timestamp, place: &Place) -> Option<(f64, f64)> {
        let clock = WallClock::at(moment, place);
        let holds = |band: &&ComfortBand| clock.is_in(&band.when());
        let own = self.comfort.iter().filter(|band| band.space.is_some() && band.space.as_ref() == space).find(holds);
        let band = own.or_else(|| self.comfort.iter().filter(|band| band.space.is_none()).find(holds))?;
        Some((band.celsius_min, band.celsius_max))
    }

    /// When a car leaves between two moments and how full it is to be, in order of time.
    pub fn leaves(&self, car: &ThingId, after: Timestamp, until: Timestamp, place: &Place) -> Vec<(Timestamp, f64)> {
        let of_car = self.departures.iter().filter(|leaves| leaves.car == *car);
        let mut all: Vec<(Timestamp, f64)> = of_car
            .flat_map(|leaves| {
                let times = occurrences((&leaves.days, leaves.minute), after, until, place);
                times.into_iter().map(|time| (time, leaves.percent))
            })
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
        all.dedup_by_key(|(time, _)| *time);
        all
    }
}

impl CarbonSource {
    fn check(&self) -> Vec<Complaint> {
        let (at, grams) = match self {
            Self::Flat { grams } => ("/carbon/grams", *grams),
            Self::Told { otherwise, .. } => ("/carbon/otherwise", *otherwise),
        };
        let mut complaints = Vec::new();
        if !grams.is_finite() || !(0.0..=5_000.0).contains(&grams) {
            let problem = format!("{grams} g of carbon dioxide for a kilowatt hour cannot be");
            complaints.push(complaint(at, problem, "coal is at about 1000, wind at about 10"));
        }
        if let Self::Told { property, .. } = self
            && split_property(property).is_none()
        {
            let hint = "name the thing and its property, as in grid-carbon/intensity";
            complaints.push(complaint("/carbon/property", format!("{property:?} is no property"), hint));
        }
        complaints
    }
}

/// A thing and its property, as in `tariff/price`.
pub(crate) fn split_property(text: &str) -> Option<(ThingId, model::Name)> {
    let (thing, name) = text.split_once('/')?;
    Some((ThingId::new(thing).ok()?, model::Name::new(name).ok()?))
}

impl ComfortBand {
    fn when(&self) -> Window<'_> {
        Window { days: &self.days, months: &[], from_minute: self.from_minute, to_minute: self.to_minute }
    }
}

fn check_bands(bands: &[ComfortBand]) -> Vec<Complaint> {
    if bands.len() > BANDS_MAX {
        let problem = format!("{} bands are more than {BANDS_MAX}", bands.len());
        return vec![complaint("/comfort", problem, "a band without days holds every day")];
    }
    let mut complaints = Vec::new();
    for (index, band) in bands.iter().enumerate() {
        let at = |name: &str| format!("/comfort/{index}/{name}");
        complaints.extend(band.when().check(&at));
        for (name, celsius) in [("celsius_min", band.celsius_min), ("celsius_max", band.celsius_max)] {
            if !celsius.is_finite() || !(CELSIUS.0..=CELSIUS.1).contains(&celsius) {
                let problem = format!("{celsius} °C is no temperature to live in");
                complaints.push(complaint(at(name), problem, format!("{} to {}", CELSIUS.0, CELSIUS.1)));
            }
        }
        if band.celsius_min > band.celsius_max {
            let problem = format!("{} °C at least and {} °C at most contradict", band.celsius_min, band.celsius_max);
            complaints.push(complaint(at("celsius_min"), problem, "the least comes first"));
        }
    }
    if complaints.is_empty() {
        complaints.extend(contradictions(bands));
    }
    complaints
}

/// Two bands of one room that hold at the same time and have no temperature in common.
fn contradictions(bands: &[ComfortBand]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (index, band) in bands.iter().enumerate() {
        let apart = |other: &&ComfortBand| {
            other.space == band.space && (other.celsius_min > band.celsius_max || other.celsius_max < band.celsius_min)
        };
        for other in bands[..index].iter().filter(apart) {
            let begins = [band.from_minute, other.from_minute]
                .into_iter()
                .flat_map(|minute| (1..=7).map(move |weekday| WallClock { month: 1, weekday, minute: minute % 1_440 }));
            let mut both = begins.filter(|clock| clock.is_in(&band.when()) && clock.is_in(&other.when()));
            if let Some(clock) = both.next() {
                let problem = format!(
                    "at {} it shall have {} to {} °C, and {} to {} °C by another band",
                    minutes(clock.minute),
                    band.celsius_min,
                    band.celsius_max,
                    other.celsius_min,
                    other.celsius_max
                );
                complaints.push(complaint(
                    format!("/comfort/{index}"),
                    problem,
                    "let one of them end where the other begins",
                ));
            }
        }
    }
    complaints
}

fn check_departures(departures: &[Leaves]) -> Vec<Complaint> {
    if departures.len() > DEPARTURES_MAX {
        let problem = format!("{} departures are more than {DEPARTURES_MAX}", departures.len());
        return vec![complaint("/departures", problem, "one without days is on every day")];
    }
    let mut complaints = Vec::new();
    for (index, leaves) in departures.iter().enumerate() {
        let at = |name: &str| format!("/departures/{index}/{name}");
        if leaves.minute >= 1_440 {
            let problem = format!("minute {} is not within a day", leaves.minute);
            complaints.push(complaint(at("minute"), problem, "0 to 1439; 07:30 is 450"));
        }
        if leaves.days.iter().any(|day| !(1..=7).contains(day)) {
            complaints.push(complaint(at("days"), "a week has the days 1 to 7", "Monday is 1, Sunday is 7"));
        }
        if !leaves.percent.is_finite() || !(0.0..=100.0).contains(&leaves.percent) {
            let problem = format!("a car cannot be {} % full", leaves.percent);
            complaints.push(complaint(at("percent"), problem, "0 to 100"));
        }
    }
    complaints
}

impl Wishes {
    fn check(&self) -> Vec<Complaint> {
        let limits = [
            ("carbon_price_per_kilogram", Some(self.carbon_price_per_kilogram), 0.0),
            ("discomfort_per_kelvin_hour", Some(self.discomfort_per_kelvin_hour), 0.0),
            ("import_watts_max", self.import_watts_max, 100.0),
            ("export_watts_max", self.export_watts_max, 0.0),
        ];
        let wrong = limits.into_iter().filter_map(|(name, value, least)| {
            let value = value.filter(|value| !value.is_finite() || *value < least || *value > 1e9)?;
            Some(complaint(format!("/aims/{name}"), format!("{value} cannot be"), format!("at least {least}")))
        });
        wrong.collect()
    }
}

fn check_corrections(things: &BTreeMap<ThingId, Correction>) -> Vec<Complaint> {
    if things.len() > CORRECTIONS_MAX {
        let problem = format!("{} corrections are more than {CORRECTIONS_MAX}", things.len());
        return vec![complaint("/things", problem, "what is found rightly needs no correction")];
    }
    let mut complaints = Vec::new();
    for (thing, correction) in things {
        let (least, most) = CAPACITY_KILOWATT_HOURS;
        for (name, value, least, most) in [
            ("capacity_kilowatt_hours", correction.capacity_kilowatt_hours, least, most),
            ("watts_max", correction.watts_max, 1.0, 1e7),
        ] {
            if let Some(value) = value.filter(|value| !value.is_finite() || *value < least || *value > most) {
                let at = format!("/things/{thing}/{name}");
                complaints.push(complaint(at, format!("{value} cannot be"), format!("{least} to {most}")));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(document: serde_json::Value) -> Settings {
        serde_json::from_value(document).unwrap()
    }

    fn says(document: serde_json::Value) -> Vec<String> {
        settings(document).check().into_iter().map(|one| format!("{}: {}", one.place, one.problem)).collect()
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        assert_eq!(says(json!({})), [""; 0]);
        let wrong = json!({
            "tariff": {"currency": "euro", "import": {"kind": "flat", "price": 1e9}, "export": {"kind": "flat", "price": 0.08},
                "capacity_price_per_kilowatt_month": -1},
            "carbon": {"kind": "told", "property": "carbon", "otherwise": 300},
            "comfort": [{"from_minute": 0, "to_minute": 1440, "celsius_min": 23, "celsius_max": 20},
                {"from_minute": 0, "to_minute": 0, "celsius_min": 18, "celsius_max": 60}],
            "departures": [{"car": "car", "days": [8], "minute": 1500, "percent": 120}],
            "aims": {"import_watts_max": 3},
            "things": {"car": {"capacity_kilowatt_hours": 0}}
        });
        let places: Vec<String> = settings(wrong).check().into_iter().map(|one| one.place).collect();
        assert_eq!(
            places,
            [
                "/tariff/import/price",
                "/tariff/currency",
                "/tariff/capacity_price_per_kilowatt_month",
                "/carbon/property",
                "/comfort/0/celsius_min",
                "/comfort/1/to_minute",
                "/comfort/1/celsius_max",
                "/departures/0/minute",
                "/departures/0/days",
                "/departures/0/percent",
                "/aims/import_watts_max",
                "/things/car/capacity_kilowatt_hours",
            ]
        );
        assert!(serde_json::from_value::<Settings>(json!({"tarif": null})).is_err());
    }

    #[test]
    fn bands_that_contradict_are_found() {
        let band = |from: u16, to: u16, least: f64, most: f64| json!({"space": "study", "from_minute": from, "to_minute": to, "celsius_min": least, "celsius_max": most});
        let night = band(1_320, 360, 16.0, 18.0);
        assert_eq!(
            says(json!({"comfort": [night, band(300, 600, 20.0, 22.0)]})),
            ["/comfort/1: at 05:00 it shall have 20 to 22 °C, and 16 to 18 °C by another band"]
        );
        assert_eq!(says(json!({"comfort": [night, band(360, 1_320, 20.0, 22.0)]})), [""; 0]);
        assert_eq!(says(json!({"comfort": [night, band(300, 600, 17.0, 22.0)]})), [""; 0]);
    }

    #[test]
    fn the_band_of_a_room_stands_above_that_of_all() {
        let settings = settings(json!({"comfort": [
            {"from_minute": 0, "to_minute": 1440, "celsius_min": 19, "celsius_max": 24},
            {"space": "bath", "from_minute": 360, "to_minute": 540, "celsius_min": 22, "celsius_max": 25}]}));
        let bath = SpaceId::new("bath").unwrap();
        let band = |time: &str| settings.band(Some(&bath), Timestamp::parse(time).unwrap(), &Place::utc());
        assert_eq!(band("2026-06-01T07:00:00Z"), Some((22.0, 25.0)));
        assert_eq!(band("2026-06-01T10:00:00Z"), Some((19.0, 24.0)));
    }

    #[test]
    fn departures_come_in_order() {
        let settings = settings(json!({"departures": [
            {"car": "car", "minute": 1080, "percent": 50}, {"car": "car", "days": [1], "minute": 450, "percent": 80},
            {"car": "other", "minute": 1, "percent": 90}]}));
        let at = |text: &str| Timestamp::parse(text).unwrap();
        // A Monday.
        let leaves = settings.leaves(
            &ThingId::new("car").unwrap(),
            at("2026-06-01T00:00:00Z"),
            at("2026-06-02T00:00:00Z"),
            &Place::utc(),
        );
        assert_eq!(leaves, [(at("2026-06-01T07:30:00Z"), 80.0), (at("2026-06-01T18:00:00Z"), 50.0)]);
    }
}
