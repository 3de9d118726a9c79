//! What is expected of the hours to come: load and sun forecast from the past, prices and carbon as they are told.

use std::time::Duration;

use learn::forecast::{Forecaster, Settings as ForecastSettings};
use model::{ThingId, Timestamp};
use rule::Place;
use site::Site;

use super::devices::Setting;
use super::heat::Weather;
use super::past::{Powers, QUARTER, means};
use super::seen::Seen;
use super::shown::Note;
use super::told::{Feeds, carbon_over};
use crate::find::{Purpose, Role};
use crate::horizon::Horizon;
use crate::outlook::{Aims, Outlook};
use crate::prices::Priced;
use crate::tariff::Tariff;

/// How much of the past forecasters are fed.
const PAST: Duration = Duration::from_hours(28 * 24);
/// A connection that nobody limited.
const CONNECTION_WATTS: f64 = 100_000.0;
/// Where of the prices of the horizon the worth of what is left in stores at its end lies: they can be filled again at the
/// cheaper hours.
const END_QUANTILE: f64 = 0.25;
/// Outside air that nobody tells.
pub(super) const OUTDOOR_CELSIUS: f64 = 10.0;
/// What a house takes that nobody has seen yet.
const UNSEEN_WATTS: f64 = 300.0;

/// Forecasters of what nobody can shift, and up to when they were fed.
#[derive(Default)]
pub(super) struct Expectations {
    load: Option<Forecaster>,
    solar: Option<Forecaster>,
    fed_to: Option<Timestamp>,
    outdoor: Option<Forecaster>,
    irradiance: Option<Forecaster>,
    weather_to: Option<Timestamp>,
    /// What a plan decided about when they were fed: the load is without it.
    planned: Vec<ThingId>,
    last_load: Option<f64>,
}

/// What a plan is made for.
pub(super) struct Expected {
    pub(super) outlook: Outlook,
    pub(super) aims: Aims,
    pub(super) import: Priced,
    pub(super) notes: Vec<Note>,
}

impl Expectations {
    /// Learns what the history has told since.
    pub(super) fn feed(&mut self, setting: &Setting<'_>, planned: &[ThingId]) {
        let until = quarter(setting.seen.now);
        let is_same = self.planned == planned;
        let from = match self.fed_to.filter(|_| is_same) {
            Some(fed) if fed <= until => fed,
            _ => {
                (self.load, self.solar, self.last_load) = (None, None, None);
                self.planned = planned.to_vec();
                until - PAST
            }
        };
        let offset = setting.place.utc_offset_seconds(setting.seen.now);
        let new = || Forecaster::new(ForecastSettings { covariates: 0, utc_offset_s: offset });
        let powers = Powers::read(setting.site, &setting.seen.home, planned, from, until);
        let (load, solar) = (self.load.get_or_insert_with(new), self.solar.get_or_insert_with(new));
        for column in 0..powers.grid.len() {
            let Some(watts) = powers.load(column) else { continue };
            load.observe(powers.begin(column), watts, &[]);
            solar.observe(powers.begin(column), powers.solar[column], &[]);
            self.last_load = Some(watts);
        }
        load.advance(until);
        solar.advance(until);
        self.fed_to = Some(until);
    }

    /// What the weather will be, by what the home's own station told; as it is now when too little was.
    pub(super) fn weather(&mut self, site: &Site, seen: &Seen, place: &Place, horizon: &Horizon) -> Weather {
        let station = seen.home.with(Role::Weather, Purpose::Temperature).map(|(found, _)| found);
        let until = quarter(seen.now);
        let from = self.weather_to.filter(|fed| *fed <= until).unwrap_or(until - PAST);
        let offset = place.utc_offset_seconds(seen.now);
        let new = || Forecaster::new(ForecastSettings { covariates: 0, utc_offset_s: offset });
        let both = [(Purpose::Temperature, &mut self.outdoor), (Purpose::Irradiance, &mut self.irradiance)];
        let [celsius, irradiance] = both.map(|(purpose, forecaster)| {
            let (found, port) = station.and_then(|found| Some((found, found.port(purpose)?)))?;
            let forecaster = forecaster.get_or_insert_with(new);
            for (column, mean) in means(site, &found.thing, port, from, until).into_iter().enumerate() {
                if let Some(mean) = mean {
                    forecaster.observe(from + QUARTER * column as u32, mean, &[]);
                }
            }
            forecaster.advance(until);
            Self::of(Some(forecaster), horizon)
        });
        self.weather_to = Some(until);
        let now = station.and_then(|found| seen.number(found, Purpose::Temperature).ok());
        Weather {
            outdoor_celsius: celsius.unwrap_or_else(|| vec![now.unwrap_or(OUTDOOR_CELSIUS); horizon.steps]),
            irradiance: irradiance.map_or_else(|| vec![0.0; horizon.steps], floored),
        }
    }

    fn of(forecaster: Option<&Forecaster>, horizon: &Horizon) -> Option<Vec<f64>> {
        let forecaster = forecaster?;
        let step = forecaster.forecast(1, &[])?.step;
        let end = horizon.begin(horizon.steps);
        let start = forecaster.forecast(1, &[])?.start;
        let slots = end.since(start).as_micros().div_ceil(step.as_micros().max(1)).max(1);
        let forecast = forecaster.forecast(slots as usize, &[])?;
        let at = |step: usize| {
            let since = horizon.begin(step).since(forecast.start).as_micros();
            let slot = (since / forecast.step.as_micros().max(1)) as usize;
            let value = forecast.median.get(slot).or(forecast.median.last()).copied();
            value.filter(|value| value.is_finite()).unwrap_or(0.0)
        };
        Some((0..horizon.steps).map(at).collect())
    }
}

/// What is never below nothing.
fn floored(values: Vec<f64>) -> Vec<f64> {
    values.into_iter().map(|value| value.max(0.0)).collect()
}

/// The begin of the quarter of an hour in which a moment lies.
pub(super) fn quarter(moment: Timestamp) -> Timestamp {
    let quarter = QUARTER.as_micros() as i64;
    Timestamp(moment.micros().div_euclid(quarter) * quarter)
}

/// What is to be expected of a horizon.
pub(super) fn expect(setting: &Setting<'_>, tariff: &Tariff, feeds: &Feeds, expectations: &Expectations) -> Expected {
    let horizon = setting.horizon;
    let mut notes = feeds.notes.clone();
    let import = tariff.import.over(&horizon, setting.place, &feeds.import);
    let export = tariff.export.over(&horizon, setting.place, &feeds.export);
    let carbon = carbon_over(setting.settings, &horizon, &feeds.carbon);
    let load = if let Some(load) = Expectations::of(expectations.load.as_ref(), &horizon) {
        floored(load)
    } else {
        let words = "too little was seen of what the home takes: what it took last is expected to go on".to_owned();
        notes.push(Note { about: "load", thing: None, words });
        vec![expectations.last_load.unwrap_or(UNSEEN_WATTS); horizon.steps]
    };
    let has_sun = setting.seen.home.of(Role::Solar).next().is_some();
    let solar = Expectations::of(expectations.solar.as_ref(), &horizon).map(floored);
    let solar = solar.filter(|_| has_sun).unwrap_or_else(|| {
        if has_sun {
            let words = "too little was seen of the sun: none is expected".to_owned();
            notes.push(Note { about: "weather", thing: None, words });
        }
        vec![0.0; horizon.steps]
    });
    let weather = setting.seen.home.with(Role::Weather, Purpose::Temperature);
    let silent = weather.filter(|(found, _)| setting.seen.number(found, Purpose::Temperature).is_err());
    if let Some((found, _)) = silent {
        let words = format!("{} is silent: sun and load are expected as on the days before", found.title);
        notes.push(Note { about: "weather", thing: Some(found.thing.clone()), words });
    }
    let aims = aims(setting, tariff, &import);
    let outlook = Outlook {
        horizon,
        load_watts: load,
        solar_watts: solar,
        import_price: import.values.clone(),
        export_price: export.values,
        carbon_grams: carbon.values,
        outdoor_celsius: setting.weather.outdoor_celsius.clone(),
        scenarios: Vec::new(),
    };
    Expected { outlook, aims, import, notes }
}

fn aims(setting: &Setting<'_>, tariff: &Tariff, import: &Priced) -> Aims {
    let wishes = &setting.settings.aims;
    let mut sorted = import.values.clone();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * END_QUANTILE) as usize;
    let peak_price = tariff.capacity_price_per_kilowatt_month;
    Aims {
        carbon_price_per_kilogram: wishes.carbon_price_per_kilogram,
        peak_price_per_kilowatt: peak_price,
        peak_watts_so_far: if peak_price > 0.0 { peak_so_far(setting) } else { 0.0 },
        ramp_price_per_kilowatt: 0.0,
        end_price_per_kilowatt_hour: sorted.get(at).copied().unwrap_or(0.0).max(0.0),
        import_watts_max: wishes.import_watts_max.unwrap_or(CONNECTION_WATTS),
        export_watts_max: wishes.export_watts_max.unwrap_or(CONNECTION_WATTS),
    }
}

/// The highest quarter of an hour of the month so far.
fn peak_so_far(setting: &Setting<'_>) -> f64 {
    const DAYS: u32 = 31;
    let now = setting.seen.now;
    let month = |moment| crate::calendar::WallClock::at(moment, setting.place).month;
    let from = quarter(now - Duration::from_hours(24) * DAYS);
    let powers = Powers::read(setting.site, &setting.seen.home, &[], from, quarter(now));
    let of_month = (0..powers.grid.len()).filter(|column| month(powers.begin(*column)) == month(now));
    of_month.filter_map(|column| powers.grid[column]).fold(0.0, f64::max)
}
