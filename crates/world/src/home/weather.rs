//! The weather: seasons, days and clouds. It is a function of seed and time alone, so that neither steps nor people
//! change it.

use crate::home::place::Moment;
use crate::plant::Plant;
use crate::random::{Random, mix, smooth};
use serde::{Deserialize, Serialize};

/// The sky over a seed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Weather {
    seed: u64,
}

/// The weather of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Conditions {
    /// Air temperature.
    pub temperature_celsius: f64,
    /// Relative humidity.
    pub humidity_percent: f64,
    /// Pressure at sea level.
    pub pressure_hectopascal: f64,
    /// Wind speed, a mean over minutes.
    pub wind_metres_per_second: f64,
    /// Where the wind comes from.
    pub wind_direction_degrees: f64,
    /// Rain, or what the snow would melt to.
    pub rain_millimetres_per_hour: f64,
    /// Fine dust in the air.
    pub dust_micrograms_per_cubic_metre: f64,
    /// The part of the sky that is covered, from 0 to 1.
    pub clouds: f64,
    /// Sun and sky on a level surface.
    pub irradiance_watts_per_square_metre: f64,
    /// The direct sun on a surface that faces it.
    pub beam_watts_per_square_metre: f64,
    /// The light of the sky alone, on a level surface.
    pub diffuse_watts_per_square_metre: f64,
}

impl Weather {
    /// The weather of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed: mix(seed, 0x5EA5) }
    }

    fn noise(&self, stream: i64, hours: f64, period_hours: f64) -> f64 {
        smooth(mix(self.seed, stream), hours / period_hours)
    }

    /// The weather at a moment.
    pub fn at(&self, moment: &Moment) -> Conditions {
        let hours = moment.time.seconds() / 3_600.0;
        let front = 0.8 * self.noise(1, hours, 31.0) + 0.45 * self.noise(2, hours, 7.0);
        let broken = (1.0 - front.abs()).max(0.0) * 0.45 * self.noise(3, hours, 0.3);
        let clouds = (0.5 + 0.75 * front + broken).clamp(0.0, 1.0);

        let tau = std::f64::consts::TAU;
        let season = -libm::cos(tau * (moment.year_part - 0.055));
        let daily_mean = 11.5 + 11.5 * season + 4.0 * self.noise(4, hours, 90.0) + 1.5 * self.noise(5, hours, 26.0);
        let swing = (4.5 + 1.5 * season) * (1.0 - 0.65 * clouds);
        let temperature = daily_mean + swing * libm::cos(tau * (moment.hour() - 15.0) / 24.0);
        let dew_point = daily_mean - 4.5 + 3.0 * (clouds - 0.5) + 1.5 * self.noise(6, hours, 19.0);

        let up = libm::sin(moment.sun_elevation_degrees.to_radians());
        let clear = if up > 0.01 { 1_098.0 * up * libm::exp(-0.057 / up) } else { 0.0 };
        let irradiance = clear * (1.0 - 0.78 * libm::pow(clouds, 3.2));
        let beam_part = 0.86 * libm::pow(1.0 - clouds, 1.3);
        let beam_level = irradiance * beam_part;
        Conditions {
            temperature_celsius: temperature,
            humidity_percent: (100.0 * vapour_pressure(dew_point) / vapour_pressure(temperature)).clamp(15.0, 100.0),
            pressure_hectopascal: 1_015.0 - 13.0 * front + 4.0 * self.noise(7, hours, 110.0),
            wind_metres_per_second: (2.6
                + 2.2 * self.noise(8, hours, 11.0)
                + 1.6 * front
                + 0.8 * self.noise(9, hours, 0.2))
            .max(0.0),
            wind_direction_degrees: (240.0 + 110.0 * self.noise(10, hours, 17.0) + 15.0 * self.noise(11, hours, 0.3))
                .rem_euclid(360.0),
            rain_millimetres_per_hour: if front > 0.62 {
                ((front - 0.62) * 9.0 * (1.0 + self.noise(12, hours, 0.4))).max(0.0)
            } else {
                0.0
            },
            // Calm winter days hold it down.
            dust_micrograms_per_cubic_metre: (8.0 - 3.0 * season + 5.0 * self.noise(13, hours, 20.0) - 3.0 * front)
                .max(1.5),
            clouds,
            irradiance_watts_per_square_metre: irradiance,
            // Near the horizon the quotient would run away.
            beam_watts_per_square_metre: (beam_level / up.max(0.06)).min(950.0),
            diffuse_watts_per_square_metre: irradiance - beam_level,
        }
    }
}

/// Saturation vapour pressure in hectopascal (Magnus).
pub fn vapour_pressure(temperature_celsius: f64) -> f64 {
    6.112 * libm::exp(17.62 * temperature_celsius / (243.12 + temperature_celsius))
}

impl Plant for Weather {
    type Inputs = Moment;
    type Outputs = Conditions;

    fn step(&mut self, _dt_seconds: f64, moment: &Moment, _random: &mut Random) -> Conditions {
        self.at(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::place::Place;
    use model::Timestamp;

    #[test]
    fn a_year_is_temperate() {
        let weather = Weather::new(7);
        let place = Place::in_zone(0);
        let start = Timestamp::parse("2026-01-01T00:00:00Z").unwrap().seconds() as i64;
        let year: Vec<(i64, Conditions)> = (0..365 * 24)
            .map(|hour| (hour, weather.at(&Moment::new(Timestamp::from_seconds(start + hour * 3_600), &place))))
            .collect();
        let mean = |from: i64, until: i64, of: fn(&Conditions) -> f64| {
            let part: Vec<f64> =
                year.iter().filter(|(hour, _)| (from * 24..until * 24).contains(hour)).map(|(_, c)| of(c)).collect();
            part.iter().sum::<f64>() / part.len() as f64
        };
        let (january, july) = (mean(0, 31, |c| c.temperature_celsius), mean(181, 212, |c| c.temperature_celsius));
        assert!((-5.0..5.0).contains(&january) && (18.0..28.0).contains(&july), "{january} {july}");
        let clouds = mean(0, 365, |c| c.clouds);
        assert!((0.35..0.65).contains(&clouds), "{clouds}");
        let rain_millimetres: f64 = year.iter().map(|(_, c)| c.rain_millimetres_per_hour).sum();
        assert!((200.0..1_500.0).contains(&rain_millimetres), "{rain_millimetres}");
        let sun_kilowatt_hours: f64 = year.iter().map(|(_, c)| c.irradiance_watts_per_square_metre / 1e3).sum();
        assert!((1_000.0..1_700.0).contains(&sun_kilowatt_hours), "{sun_kilowatt_hours}");
        for (_, now) in &year {
            assert!((-25.0..42.0).contains(&now.temperature_celsius), "{now:?}");
            assert!((950.0..1_050.0).contains(&now.pressure_hectopascal), "{now:?}");
        }
    }
}
