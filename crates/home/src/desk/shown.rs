//! What is shown of the energy of a home.

use model::{SpaceId, ThingId, Timestamp};
use serde::{Deserialize, Serialize};
use site::run::{Mode, Promotion};

use crate::find::{Home, Role};
use crate::settings::Settings;

/// What people said, and what was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeSettingsView))]
pub struct SettingsView {
    /// What people said.
    pub settings: Settings,
    /// Grows with every change.
    pub rev: i64,
    /// What was found, and what could not be decided.
    pub home: Home,
}

/// Who decides for the devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum HomeMode {
    /// Nobody: devices do what they do by themselves.
    Off,
    /// The plan is made and what it would do is recorded.
    Shadow,
    /// The plan is made and carried out.
    Operate,
}

impl HomeMode {
    /// Of what is live.
    pub fn of(live: Option<&Promotion>) -> Self {
        match live.map(|live| live.mode) {
            Some(Mode::Operate) => Self::Operate,
            Some(Mode::Shadow) => Self::Shadow,
            _ => Self::Off,
        }
    }
}

/// Where energy comes from or goes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeNode))]
pub struct Node {
    /// Unique among them: the thing, or `home`, `rest`.
    pub id: String,
    /// The thing; none for the home as a whole and what is not measured.
    #[cfg_attr(feature = "schema", schema(required))]
    pub thing: Option<ThingId>,
    /// What people call it; empty where there is no thing.
    pub title: String,
    /// What it is.
    #[cfg_attr(feature = "schema", schema(required))]
    pub role: Option<Role>,
    /// What it takes from the home, negative while it gives; none when that is not known now.
    #[cfg_attr(feature = "schema", schema(required))]
    pub watts: Option<f64>,
    /// How full it is, in percent.
    #[cfg_attr(feature = "schema", schema(required))]
    pub percent: Option<f64>,
}

/// Energy on its way.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeFlow))]
pub struct Flow {
    /// From which node.
    pub from: String,
    /// To which node.
    pub to: String,
    /// How much, never negative.
    pub watts: f64,
}

/// The energy of a home now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeNow))]
pub struct Now {
    /// When.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub time: Timestamp,
    /// Who decides.
    pub mode: HomeMode,
    /// Where energy comes from and goes to.
    pub nodes: Vec<Node>,
    /// On its way.
    pub flows: Vec<Flow>,
    /// Three letters; none before there is a tariff.
    #[cfg_attr(feature = "schema", schema(required))]
    pub currency: Option<String>,
    /// What a kilowatt hour from the grid costs.
    #[cfg_attr(feature = "schema", schema(required))]
    pub import_price: Option<f64>,
    /// What the grid pays for one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub export_price: Option<f64>,
    /// What one emits, in grams.
    #[cfg_attr(feature = "schema", schema(required))]
    pub carbon_grams: Option<f64>,
}

/// What the devices go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeStanding))]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The plan of now.
    Plan,
    /// The last plan, because there is no new one.
    LastPlan,
    /// What they do by themselves.
    Rule,
    /// Nothing is told to them.
    HandsOff,
}

/// Something that is not as it should be, and what is done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeNote))]
pub struct Note {
    /// One word: `prices`, `carbon`, `weather`, `meter`, `device`, `held`, `plan`, `settings`.
    pub about: &'static str,
    /// The thing.
    #[cfg_attr(feature = "schema", schema(required))]
    pub thing: Option<ThingId>,
    /// In a sentence.
    pub words: String,
}

/// A stretch of steps with one reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlannedReason {
    /// From this step on.
    pub from: usize,
    /// Up to the step before this.
    pub to: usize,
    /// In one sentence.
    pub words: String,
}

/// What a plan has a device do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlannedDevice {
    /// The thing.
    pub thing: ThingId,
    /// What people call it.
    pub title: String,
    /// What it is.
    pub role: Role,
    /// Where it stands.
    #[cfg_attr(feature = "schema", schema(required))]
    pub space: Option<SpaceId>,
    /// What it takes in each step, negative while it gives.
    pub watts: Vec<f64>,
    /// Its state at the begin of each step and at the end: percent of a battery or car, degrees of a tank or room.
    pub states: Vec<f64>,
    /// `%` or `°C`; empty when it has no state.
    pub unit: &'static str,
    /// The least that its state shall have in each step; empty when nothing is asked.
    pub low: Vec<f64>,
    /// The most.
    pub high: Vec<f64>,
    /// Why.
    pub reasons: Vec<PlannedReason>,
}

/// Something that was asked for and cannot be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlannedShortfall {
    /// Whose; none when it is of the home as a whole.
    #[cfg_attr(feature = "schema", schema(required))]
    pub thing: Option<ThingId>,
    /// What is impossible and what is missing.
    pub words: String,
    /// The smallest change that helps.
    pub relaxation: String,
}

/// The steps of a plan, and what was expected of them.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeCourse))]
pub struct Course {
    /// When it was made.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub made: Timestamp,
    /// When its first step begins.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub start: Timestamp,
    /// How long each step is.
    pub step_seconds: u32,
    /// What a kilowatt hour from the grid costs.
    pub import_price: Vec<f64>,
    /// What the grid pays for one.
    pub export_price: Vec<f64>,
    /// Whether the price is known, or stands in for one that is not.
    pub price_known: Vec<bool>,
    /// What one emits, in grams.
    pub carbon_grams: Vec<f64>,
    /// What nobody can shift, as it is expected.
    pub load_watts: Vec<f64>,
    /// What the sun gives, as it is expected.
    pub solar_watts: Vec<f64>,
    /// What is taken from the grid; negative while it is fed in.
    pub grid_watts: Vec<f64>,
    /// What the devices do.
    pub devices: Vec<PlannedDevice>,
    /// What cannot be kept.
    pub shortfalls: Vec<PlannedShortfall>,
    /// What it is expected to cost.
    pub cost: f64,
    /// What it is expected to emit.
    pub carbon_kilograms: f64,
    /// What it would cost if every device did what it does by itself, by the same expectations; none when that is not known.
    #[cfg_attr(feature = "schema", schema(required))]
    pub cost_unplanned: Option<f64>,
}

/// What was decided about a device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeDecided))]
pub struct Decided {
    /// When.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub time: Timestamp,
    /// Which thing.
    pub thing: ThingId,
    /// Which of its properties.
    pub name: String,
    /// What it is to be.
    pub value: serde_json::Value,
    /// Why, in a sentence.
    pub words: String,
    /// Whether it was sent; otherwise it is what would have been done.
    pub sent: bool,
    /// Why it was not taken, if it was not.
    #[cfg_attr(feature = "schema", schema(required))]
    pub problem: Option<String>,
}

/// The plan of a home and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DayPlan {
    /// Who decides.
    pub mode: HomeMode,
    /// What is live, with the run that shows for it.
    #[cfg_attr(feature = "schema", schema(required))]
    pub live: Option<Promotion>,
    /// What the devices go by.
    pub standing: Standing,
    /// Three letters; none before there is a tariff.
    #[cfg_attr(feature = "schema", schema(required))]
    pub currency: Option<String>,
    /// The plan; none before there was one.
    #[cfg_attr(feature = "schema", schema(required))]
    pub course: Option<Course>,
    /// What is not as it should be.
    pub notes: Vec<Note>,
    /// What was decided last, the newest first.
    pub decided: Vec<Decided>,
}

/// A day of a home.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeDay))]
pub struct Day {
    /// The date by the home's calendar.
    pub date: String,
    /// When it began.
    #[cfg_attr(feature = "schema", schema(value_type = i64))]
    pub start: Timestamp,
    /// Whether it is over.
    pub over: bool,
    /// From the grid.
    pub imported_kilowatt_hours: f64,
    /// Fed in.
    pub exported_kilowatt_hours: f64,
    /// From the sun.
    pub solar_kilowatt_hours: f64,
    /// What the home took.
    pub consumed_kilowatt_hours: f64,
    /// What it came to by the tariff of now, without what peaks cost.
    #[cfg_attr(feature = "schema", schema(required))]
    pub cost: Option<f64>,
    /// What it emitted.
    #[cfg_attr(feature = "schema", schema(required))]
    pub carbon_kilograms: Option<f64>,
    /// The part of what it took that did not come from the grid, 0 to 1.
    #[cfg_attr(feature = "schema", schema(required))]
    pub self_sufficiency: Option<f64>,
    /// The part of the time in which rooms were comfortable, 0 to 1; none when nobody said what is.
    #[cfg_attr(feature = "schema", schema(required))]
    pub comfort: Option<f64>,
    /// The part of the day of which the meter told something, 0 to 1.
    pub known: f64,
}

/// The days of a home.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = HomeDays))]
pub struct Days {
    /// Three letters.
    #[cfg_attr(feature = "schema", schema(required))]
    pub currency: Option<String>,
    /// The oldest first.
    pub days: Vec<Day>,
}
