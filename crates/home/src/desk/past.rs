//! What was: the powers of a home by quarters of an hour, and what its days came to.

use std::time::Duration;

use model::{ThingId, Timestamp};
use rule::Place;
use site::Site;
use store::history::{Bucket, SeriesKey};

use super::shown::{Day, Days};
use super::told;
use crate::calendar::{date, midnight};
use crate::find::{Found, Home, Port, Purpose, Role};
use crate::prices::Told;
use crate::settings::Settings;

/// A quarter of an hour.
pub(super) const QUARTER: Duration = Duration::from_mins(15);
const QUARTER_HOURS: f64 = 0.25;
/// The most days that are asked for.
pub const DAYS_MAX: u32 = 62;
/// A day has at most so many quarters.
const QUARTERS_MAX: usize = 100;

/// Means over quarters of an hour from `from` on; none where nothing was told.
pub(super) fn means(site: &Site, thing: &ThingId, port: &Port, from: Timestamp, to: Timestamp) -> Vec<Option<f64>> {
    let columns = (to.since(from).as_micros() / QUARTER.as_micros()) as usize;
    let mut means = vec![None; columns];
    let history = site.history_engine();
    let key = SeriesKey { thing: thing.clone(), name: port.property.clone() };
    let known = history.list(Some(thing)).into_iter().find(|info| info.key.name == key.name);
    let (Some(info), true) = (known, columns > 0) else { return means };
    let end = from + QUARTER * columns as u32;
    let Ok((_, buckets)) = history.buckets(info.id, from, end, columns) else { return means };
    for bucket in buckets {
        let column = (bucket.time.since(from).as_micros() / QUARTER.as_micros()) as usize;
        if let Some(mean) = means.get_mut(column) {
            *mean = Some(bucket.sum / bucket.count.max(1) as f64 * port.scale);
        }
    }
    hold(&mut means);
    means
}

/// What was told, minute by minute.
pub(super) fn minutes(
    site: &Site,
    thing: &ThingId,
    port: &Port,
    from: Timestamp,
    to: Timestamp,
) -> Vec<(Timestamp, f64)> {
    const MINUTE: Duration = Duration::from_mins(1);
    let columns = (to.since(from).as_micros() / MINUTE.as_micros()) as usize;
    let history = site.history_engine();
    let known = history.list(Some(thing)).into_iter().find(|info| info.key.name == port.property);
    let (Some(info), true) = (known, columns > 0) else { return Vec::new() };
    let Ok((_, buckets)) = history.buckets(info.id, from, from + MINUTE * columns as u32, columns) else {
        return Vec::new();
    };
    let mean = |bucket: &Bucket| (bucket.time, bucket.sum / bucket.count.max(1) as f64 * port.scale);
    buckets.iter().map(mean).collect()
}

/// What feeds told of the quarters of a day, one that is not told as the one before; empty when nothing was told.
pub(super) fn of_feeds(told: &[Told], begin: Timestamp, quarters: usize) -> Vec<f32> {
    let of = |quarter: usize| {
        let moment = begin + QUARTER * quarter as u32;
        let after = told.partition_point(|one| one.from <= moment);
        told[..after].last().filter(|one| moment < one.to).map(|one| one.value as f32)
    };
    let values: Vec<Option<f32>> = (0..quarters).map(of).collect();
    let Some(mut last) = values.iter().copied().flatten().next() else { return Vec::new() };
    let hold = |value: Option<f32>| {
        last = value.unwrap_or(last);
        last
    };
    values.into_iter().map(hold).collect()
}

/// A value that does not change is not always told: what was last told holds for an hour.
fn hold(means: &mut [Option<f64>]) {
    const HELD: usize = 4;
    let mut last: Option<(usize, f64)> = None;
    for (index, mean) in means.iter_mut().enumerate() {
        match (*mean, last) {
            (Some(value), _) => last = Some((index, value)),
            (None, Some((since, value))) if index - since <= HELD => *mean = Some(value),
            _ => {}
        }
    }
}

/// The powers of a home, a quarter of an hour each.
pub(super) struct Powers {
    pub(super) from: Timestamp,
    /// From the grid, negative while fed in.
    pub(super) grid: Vec<Option<f64>>,
    /// What the sun gave; 0 without any.
    pub(super) solar: Vec<f64>,
    /// What stores and chargers took that a plan may tell what to do.
    planned: Vec<f64>,
    /// What stores took, negative while they gave.
    stores: Vec<f64>,
}

impl Powers {
    /// What a home took and gave between two moments. `planned` are the things that a plan decides about.
    pub(super) fn read(site: &Site, home: &Home, planned: &[ThingId], from: Timestamp, to: Timestamp) -> Self {
        let columns = (to.since(from).as_micros() / QUARTER.as_micros()) as usize;
        let sum = |sum: &mut Vec<f64>, found: &Found| {
            if let Some(port) = found.port(Purpose::Power) {
                let means = means(site, &found.thing, port, from, to);
                sum.iter_mut().zip(means).for_each(|(sum, mean)| *sum += mean.unwrap_or(0.0));
            }
        };
        let mut powers = Self {
            from,
            grid: vec![None; columns],
            solar: vec![0.0; columns],
            planned: vec![0.0; columns],
            stores: vec![0.0; columns],
        };
        if let Some((found, port)) = home.with(Role::Grid, Purpose::Power) {
            powers.grid = means(site, &found.thing, port, from, to);
        }
        home.of(Role::Solar).for_each(|found| sum(&mut powers.solar, found));
        home.of(Role::Battery).for_each(|found| sum(&mut powers.stores, found));
        let decided = home.found.iter().filter(|found| planned.contains(&found.thing));
        decided.for_each(|found| sum(&mut powers.planned, found));
        powers
    }

    /// What the home took that nobody can shift.
    pub(super) fn load(&self, column: usize) -> Option<f64> {
        let load = self.grid[column]? + self.solar[column] - self.planned[column];
        Some(load.max(0.0))
    }

    /// When a quarter began.
    pub(super) fn begin(&self, column: usize) -> Timestamp {
        self.from + QUARTER * column as u32
    }
}

/// The days of a home, the last one up to now.
pub(super) fn days(site: &Site, home: &Home, settings: &Settings, place: &Place, now: Timestamp, count: u32) -> Days {
    let mut begins = vec![midnight(now, place)];
    while begins.len() < count.clamp(1, DAYS_MAX) as usize {
        let before = Timestamp(begins[begins.len() - 1].micros() - 3_600_000_000);
        begins.push(midnight(before, place));
    }
    begins.reverse();
    let ends: Vec<Timestamp> = begins[1..].iter().copied().chain([now]).collect();
    let days = begins.iter().zip(&ends).map(|(from, to)| day(site, home, settings, place, (*from, *to), now));
    // Days before anything was told are no days of this home.
    let days: Vec<Day> = days.skip_while(|day| day.known == 0.0).collect();
    Days { currency: settings.tariff.as_ref().map(|tariff| tariff.currency.clone()), days }
}

fn day(
    site: &Site,
    home: &Home,
    settings: &Settings,
    place: &Place,
    (from, to): (Timestamp, Timestamp),
    now: Timestamp,
) -> Day {
    let powers = Powers::read(site, home, &[], from, to);
    let told = told::past(site, settings, from, to);
    let mut day = Day { date: date(from, place), start: from, over: to < now, ..Day::default() };
    let (mut cost, mut grams, mut known) = (0.0, 0.0, 0);
    for column in 0..powers.grid.len().min(QUARTERS_MAX) {
        let Some(grid) = powers.grid[column] else { continue };
        known += 1;
        let moment = powers.begin(column);
        let kilowatt_hours = |watts: f64| watts * QUARTER_HOURS / 1_000.0;
        let (imported, exported) = (kilowatt_hours(grid.max(0.0)), kilowatt_hours((-grid).max(0.0)));
        day.imported_kilowatt_hours += imported;
        day.exported_kilowatt_hours += exported;
        day.solar_kilowatt_hours += kilowatt_hours(powers.solar[column]);
        day.consumed_kilowatt_hours += kilowatt_hours((grid + powers.solar[column] - powers.stores[column]).max(0.0));
        if let Some(tariff) = &settings.tariff {
            cost += imported * tariff.import.at(moment, place, &told.import).0
                - exported * tariff.export.at(moment, place, &told.export).0;
        }
        grams += imported * told::carbon_at(settings, moment, &told.carbon).0;
    }
    let columns = (to.since(from).as_micros() / QUARTER.as_micros()).max(1) as f64;
    day.known = f64::from(known) / columns;
    if known > 0 {
        day.cost = settings.tariff.as_ref().map(|_| cost);
        day.carbon_kilograms = settings.carbon.as_ref().map(|_| grams / 1_000.0);
        let own = 1.0 - day.imported_kilowatt_hours / day.consumed_kilowatt_hours;
        day.self_sufficiency = (day.consumed_kilowatt_hours > 0.0).then(|| own.clamp(0.0, 1.0));
    }
    day.comfort = comfort(site, home, settings, place, (from, to));
    day
}

/// The part of the time in which rooms were within their bands.
fn comfort(
    site: &Site,
    home: &Home,
    settings: &Settings,
    place: &Place,
    (from, to): (Timestamp, Timestamp),
) -> Option<f64> {
    /// Within this of a band nobody notices.
    const TOLERANCE_KELVIN: f64 = 0.5;
    let (mut fine, mut all) = (0_u32, 0_u32);
    if settings.comfort.is_empty() {
        return None;
    }
    for room in home.of(Role::Thermostat) {
        let Some(port) = room.port(Purpose::Temperature) else { continue };
        for (column, celsius) in means(site, &room.thing, port, from, to).into_iter().enumerate() {
            let band = settings.band(room.space.as_ref(), from + QUARTER * column as u32, place);
            let (Some(celsius), Some((least, most))) = (celsius, band) else { continue };
            all += 1;
            fine += u32::from((least - TOLERANCE_KELVIN..=most + TOLERANCE_KELVIN).contains(&celsius));
        }
    }
    (all > 0).then(|| f64::from(fine) / f64::from(all))
}
