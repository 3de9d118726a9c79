//! What electricity costs.

use serde::{Deserialize, Serialize};

/// What a contract says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Tariff {
    /// Three letters (ISO 4217).
    pub currency: String,
    /// What a kilowatt hour from the grid costs.
    pub import: Price,
    /// What the grid pays for one.
    pub export: Price,
    /// What a kilowatt of the month's highest quarter of an hour costs; 0 when peaks cost nothing.
    pub capacity_price_per_kilowatt_month: f64,
}

/// What a kilowatt hour costs when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Price {
    /// Always the same.
    Flat {
        /// For a kilowatt hour.
        price: f64,
    },
    /// By the wall clock of the home.
    TimeOfUse {
        /// What holds when no window does; without one, the windows must leave no hole.
        otherwise: Option<f64>,
        /// The first that fits holds.
        windows: Vec<PriceWindow>,
    },
    /// As a thing tells it: its property says the price now and, as a forecast of its own, what comes.
    Dynamic {
        /// The thing and its property, as in `tariff/price`.
        property: String,
        /// Multiplies what the property says, for example 1.19 for taxes.
        factor: f64,
        /// Is added to it, for example the grid's fee.
        plus: f64,
        /// What holds while nothing is told.
        otherwise: f64,
    },
}

/// A time of the day at which a price holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PriceWindow {
    /// Days of the week that it holds on, Monday is 1; empty means every day.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub days: Vec<u8>,
    /// Months that it holds in, January is 1; empty means all.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schema(required))]
    pub months: Vec<u8>,
    /// From this minute of the day.
    pub from_minute: u16,
    /// Up to this minute of the day; not after `from_minute` means over midnight.
    pub to_minute: u16,
    /// For a kilowatt hour.
    pub price: f64,
}
