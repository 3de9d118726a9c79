//! Reasons in English.

use model::Timestamp;

use super::{Missing, Relaxation, Speaker, Why};

/// English, with times of day of an offset from universal time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct English {
    /// Seconds that the clock of the home is ahead of universal time.
    pub offset_seconds: i32,
}

impl English {
    fn clock(self, time: Timestamp) -> String {
        let minutes = (time.micros() / 1_000_000 + i64::from(self.offset_seconds)).div_euclid(60).rem_euclid(24 * 60);
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }

    fn at(self, time: Option<Timestamp>) -> String {
        time.map_or_else(|| "later".to_owned(), |time| format!("at {}", self.clock(time)))
    }
}

impl Speaker for English {
    fn why(&self, why: &Why, to: Timestamp) -> String {
        let (until, at) = (self.clock(to), |time| self.at(time));
        match *why {
            Why::StoresSun { worth, at: then } => {
                format!(
                    "charges until {until} because the sun gives more than the house takes, and a kilowatt hour is worth {worth:.2} {}",
                    at(then)
                )
            }
            Why::StoresCheap { price, worth, at: then } => {
                format!(
                    "charges until {until} because a kilowatt hour costs {price:.2} now and is worth {worth:.2} {}",
                    at(then)
                )
            }
            Why::StoresPaid { price } => {
                format!("charges until {until} because taking a kilowatt hour pays {:.2}", -price)
            }
            Why::ChargesFor { price, kilowatt_hours, at } => {
                format!(
                    "charges until {until}, at {price:.2} a kilowatt hour, to have {kilowatt_hours:.1} kWh by {}",
                    self.clock(at)
                )
            }
            Why::FillsReserve { kilowatt_hours } => {
                format!("charges until {until} because it is below its reserve of {kilowatt_hours:.1} kWh")
            }
            Why::GivesDear { price, worth } => {
                format!(
                    "gives until {until} because a kilowatt hour from the grid costs {price:.2} now, and keeping it is worth {worth:.2}"
                )
            }
            Why::GivesGrid { price, worth } => {
                format!(
                    "gives to the grid until {until} because that pays {price:.2} a kilowatt hour, and keeping it is worth {worth:.2}"
                )
            }
            Why::GivesPeak { kilowatts } => {
                format!("gives until {until} so that no more than {kilowatts:.1} kW is taken from the grid")
            }
            Why::Full => format!("is full until {until}"),
            Why::Empty => format!("has nothing to give until {until}"),
            Why::Keeps { price, worth, at: then } => {
                format!(
                    "keeps what it has until {until} because a kilowatt hour costs {price:.2} now and is worth {worth:.2} {}",
                    at(then)
                )
            }
            Why::Rests { price } => {
                format!("rests until {until}: at {price:.2} a kilowatt hour neither charging nor giving pays")
            }
            Why::Away => format!("is away until {until}"),
            Why::Waits { price, then, at } => {
                format!("waits because a kilowatt hour costs {price:.2} now and {then:.2} at {}", self.clock(at))
            }
            Why::Ready { kilowatt_hours } => format!("has the {kilowatt_hours:.1} kWh that are asked for"),
            Why::Ahead { price, then, at, celsius } => {
                format!(
                    "runs until {until}, to {celsius:.1}°, because a kilowatt hour costs {price:.2} now and {then:.2} at {}",
                    self.clock(at)
                )
            }
            Why::WithSun { celsius } => {
                format!("runs until {until}, to {celsius:.1}°, with what the sun gives more than the house takes")
            }
            Why::KeepsTo { celsius } => format!("runs until {until} to keep {celsius:.1}°"),
            Why::ReadyFor { celsius, at } => format!("runs until {until} to have {celsius:.1}° at {}", self.clock(at)),
            Why::Enough { celsius } => format!("is off until {until}: {celsius:.1}° is enough"),
            Why::RunsCheap { price, other, at } => {
                format!(
                    "runs until {until} because a kilowatt hour costs {price:.2} then and {other:.2} at {}",
                    self.clock(at)
                )
            }
            Why::RunsOnly => format!("runs until {until}, the only time that it can"),
            Why::RunsAny { price } => {
                format!("runs until {until}; other times cost the same, {price:.2} a kilowatt hour")
            }
            Why::Off => format!("is off until {until}"),
        }
    }

    fn missing(&self, missing: &Missing) -> String {
        match *missing {
            Missing::Departure { asked, capacity, at, kilowatts, hours, by_connection, .. } => {
                let asked = percent(asked, capacity);
                let by = self.clock(at);
                let why = if by_connection { ", because the connection carries no more" } else { "" };
                if hours.is_finite() {
                    format!("{asked} by {by} is impossible: {} at {kilowatts:.1} kW are missing{why}", duration(hours))
                } else {
                    format!("{asked} by {by} is impossible: it cannot be charged")
                }
            }
            Missing::Reserve { reserve, until: Some(until) } => {
                format!("it is below its reserve of {reserve:.1} kWh until {}", self.clock(until))
            }
            Missing::Reserve { reserve, until: None } => format!("it stays below its reserve of {reserve:.1} kWh"),
            Missing::Celsius { asked, reached, at, hottest, by_power } => {
                let (off, at) = ((asked - reached).abs(), self.clock(at));
                let beside = if hottest { "too many" } else { "missing" };
                if by_power {
                    format!(
                        "{asked:.1}° at {at} is not kept: {off:.1} degrees are {beside}, which power is too dear or too little for"
                    )
                } else {
                    format!("{asked:.1}° at {at} is impossible: {off:.1} degrees are {beside}")
                }
            }
            Missing::Band { least, most, at } => {
                format!("at least {least:.1}° and at most {most:.1}° from {} on contradict each other", self.clock(at))
            }
            Missing::Programme { hours, room } => {
                format!("it needs {} and may take only {}", duration(hours), duration(room))
            }
            Missing::Stretches { asked, possible } => {
                format!("{} are asked for and only {} are possible", duration(asked), duration(possible))
            }
            Missing::Connection { import, kilowatts, limit, at } => {
                let (what, verb) = if import { ("taken from the grid", "gives") } else { ("fed in", "takes") };
                format!(
                    "{kilowatts:.1} kW must be {what} at {}, and the connection {verb} {limit:.1} kW",
                    self.clock(at)
                )
            }
        }
    }

    fn relaxation(&self, relaxation: &Relaxation) -> String {
        match *relaxation {
            Relaxation::Later { at } => format!("leave at {}", self.clock(at)),
            Relaxation::LessEnergy { kilowatt_hours, capacity } => {
                format!("ask for {}", percent(kilowatt_hours, capacity))
            }
            Relaxation::MorePower { kilowatts } => format!("let it take {kilowatts:.1} kW"),
            Relaxation::Celsius { celsius } => format!("ask for {celsius:.1}°"),
            Relaxation::EndsLater { hours } => format!("let it end {} later", duration(hours)),
            Relaxation::ShorterOn { hours } => format!("ask for {}", duration(hours)),
            Relaxation::Connection { kilowatts } => format!("have {kilowatts:.1} kW carried"),
            Relaxation::ComfortWorth { price } => format!("let comfort be worth {price:.2} for a degree and hour"),
            Relaxation::Patience => "it comes by itself".to_owned(),
        }
    }
}

fn percent(kilowatt_hours: f64, capacity: f64) -> String {
    if capacity > 0.0 {
        format!("{:.0} %", (kilowatt_hours / capacity * 100.0 + 0.05).floor())
    } else {
        format!("{kilowatt_hours:.1} kWh")
    }
}

/// A length of time in hours and minutes.
fn duration(hours: f64) -> String {
    let minutes = (hours * 60.0).round() as i64;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
