//! How much: `21 degrees`, `by 10 %`, `half`, `as high as it goes`.

use model::{DataType, Name, PropertyModel, PropertyRole, ThingModel, Value};

use crate::intent::Change;
use crate::vocabulary::{Quantity, UnitWord};
use crate::words::name_words;

/// A number of a sentence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Much {
    /// A number as it was said.
    Number(f64),
    /// As much as the property takes.
    Maximum,
    /// As little.
    Minimum,
}

/// How much, and of what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Amount {
    pub(crate) much: Much,
    pub(crate) unit: Option<UnitWord>,
    /// `Some(true)` for a value, `Some(false)` for a difference, `None` when it was not said.
    pub(crate) is_value: Option<bool>,
}

/// Which property is meant, as far as it was said.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Wanted {
    pub(crate) quantity: Option<Quantity>,
    /// The name or title of a property, word by word.
    pub(crate) property: Option<String>,
    pub(crate) unit: Option<UnitWord>,
}

fn is_number(model: &PropertyModel) -> bool {
    matches!(model.data_type, DataType::Number | DataType::Integer)
}

fn unit_of(model: &PropertyModel) -> &str {
    model.unit.as_ref().map_or("", |unit| unit.as_str())
}

/// Whether a property is called so.
pub(crate) fn is_called(name: &Name, model: &PropertyModel, called: &str) -> bool {
    [name.as_str(), &model.title].iter().any(|own| name_words(own).join(" ") == called)
}

fn has_name_of(name: &Name, model: &PropertyModel, quantity: Quantity) -> bool {
    let own: Vec<String> = name_words(name.as_str()).into_iter().chain(name_words(&model.title)).collect();
    let whole = [name_words(name.as_str()).join("_"), name_words(&model.title).join("_")];
    quantity
        .names()
        .iter()
        .any(|known| own.iter().any(|word| word == known) || whole.iter().any(|whole| whole == known))
}

/// Whether a property measures something: its unit fits, and its name where the unit could be of many things.
pub(crate) fn measures(name: &Name, model: &PropertyModel, quantity: Quantity) -> bool {
    if quantity == Quantity::Presence {
        return matches!(model.data_type, DataType::Boolean) && has_name_of(name, model, quantity);
    }
    let units = quantity.units();
    let fits = units.contains(&unit_of(model));
    let told_by_unit = !units.contains(&"%") && quantity != Quantity::Rain;
    is_number(model)
        && if told_by_unit { fits } else { (fits || unit_of(model).is_empty()) && has_name_of(name, model, quantity) }
}

/// The properties of a model that are meant, those that matter most when there are several. `writable` for those that can
/// be set, otherwise those that can be read.
pub(crate) fn properties<'a>(
    model: &'a ThingModel,
    wanted: &Wanted,
    writable: bool,
) -> Vec<(&'a Name, &'a PropertyModel)> {
    let all =
        model.properties.iter().filter(|(_, property)| if writable { property.writable } else { property.readable });
    let mut found: Vec<(&Name, &PropertyModel)> = all
        .filter(|(name, property)| match (&wanted.property, wanted.quantity) {
            (Some(called), _) => is_called(name, property, called),
            (None, Some(quantity)) => measures(name, property, quantity),
            (None, None) => is_number(property) && unit_fits(property, wanted.unit),
        })
        .collect();
    if let (None, Some(quantity)) = (&wanted.property, wanted.quantity) {
        // `temperature` of a boiler with a supply temperature: the one that is called just so.
        let plain = |(name, property): &(&Name, &PropertyModel)| {
            quantity.names().iter().any(|known| is_called(name, property, &known.replace('_', " ")))
        };
        if found.iter().any(plain) {
            found.retain(plain);
        }
    }
    if found.len() > 1 && found.iter().any(|(_, property)| property.role == PropertyRole::Primary) {
        found.retain(|(_, property)| property.role == PropertyRole::Primary);
    }
    found
}

fn unit_fits(model: &PropertyModel, unit: Option<UnitWord>) -> bool {
    match unit {
        None => true,
        Some(UnitWord::Percent) => unit_of(model) == "%",
        Some(UnitWord::Degrees) => matches!(unit_of(model), "°C" | "°F"),
        Some(UnitWord::Celsius | UnitWord::Fahrenheit) => matches!(unit_of(model), "°C" | "°F"),
        Some(UnitWord::Kelvin) => unit_of(model) == "K",
    }
}

/// The number in the unit of the property; `None` when it cannot be brought there.
fn converted(number: f64, unit: Option<UnitWord>, model: &PropertyModel, is_difference: bool) -> Option<f64> {
    let (scale, offset) = match (unit, unit_of(model)) {
        (Some(UnitWord::Fahrenheit), "°C") => (5.0 / 9.0, -32.0 * 5.0 / 9.0),
        (Some(UnitWord::Celsius), "°F") => (9.0 / 5.0, 32.0),
        (unit, _) if unit_fits(model, unit) => return Some(number),
        _ => return None,
    };
    let converted = number * scale + if is_difference { 0.0 } else { offset };
    Some((converted * 10.0).round() / 10.0)
}

/// What an amount makes of a property. `sign` says which way a difference goes.
pub(crate) fn change(amount: Amount, model: &PropertyModel, is_difference: bool, sign: f64) -> Result<Change, String> {
    let to = |number: f64| Value::float(number).ok_or_else(|| "the number is too large".to_owned());
    match amount.much {
        Much::Maximum => Ok(Change::To(to(model.maximum.ok_or("it has no greatest value")?)?)),
        Much::Minimum => Ok(Change::To(to(model.minimum.ok_or("it has no least value")?)?)),
        Much::Number(number) => {
            let said = converted(number, amount.unit, model, is_difference);
            let number = said.ok_or_else(|| format!("it is not told in that unit but in {}", shown_unit(model)))?;
            if is_difference { Ok(Change::By(number * sign)) } else { Ok(Change::To(to(number)?)) }
        }
    }
}

fn shown_unit(model: &PropertyModel) -> &str {
    if unit_of(model).is_empty() { "no unit" } else { unit_of(model) }
}
