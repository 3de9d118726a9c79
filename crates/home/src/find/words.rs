//! Words in the names of things and properties, and what units mean.

use model::ThingModel;

/// Whether a text has one of these words. Words of other scripts than Latin are found within words too, since those are
/// written without spaces.
pub(super) fn has(text: &str, words: &[&str]) -> bool {
    let text = text.to_lowercase();
    let parts: Vec<&str> = text.split(|sign: char| !sign.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    words.iter().any(|word| {
        if !word.is_ascii() {
            return text.contains(word);
        }
        let wanted: Vec<&str> = word.split(' ').collect();
        parts.windows(wanted.len()).any(|window| window == wanted)
    })
}

/// How many watts one of a unit is.
pub(super) fn watts(unit: &str) -> Option<f64> {
    match unit {
        "W" => Some(1.0),
        "kW" => Some(1_000.0),
        "MW" => Some(1e6),
        _ => None,
    }
}

/// How many kilowatt hours one of a unit is.
pub(super) fn kilowatt_hours(unit: &str) -> Option<f64> {
    match unit {
        "Wh" => Some(0.001),
        "kWh" => Some(1.0),
        "MWh" => Some(1_000.0),
        "MJ" => Some(1.0 / 3.6),
        _ => None,
    }
}

/// How many of the currency for a kilowatt hour one of a unit is: `€/kWh`, `ct/kWh`, `EUR/MWh`.
pub(super) fn price(unit: &str) -> Option<f64> {
    let (money, energy) = unit.split_once('/')?;
    let energy = kilowatt_hours(energy.trim())?;
    let money = money.trim();
    let hundredth = matches!(money, "ct" | "c" | "ct€" | "cent" | "¢" | "p" | "øre" | "öre");
    let is_money = hundredth
        || matches!(money, "€" | "$" | "£" | "₩" | "¥" | "kr" | "원")
        || (money.len() == 3 && money.bytes().all(|byte| byte.is_ascii_uppercase()));
    is_money.then(|| if hundredth { 0.01 / energy } else { 1.0 / energy })
}

/// How many grams of carbon dioxide for a kilowatt hour one of a unit is.
pub(super) fn carbon(unit: &str) -> Option<f64> {
    let (mass, energy) = unit.split_once('/')?;
    let energy = kilowatt_hours(energy.trim())?;
    let mass = mass.replace(' ', "").to_lowercase();
    let mass = mass.trim_end_matches("eq").trim_end_matches('e');
    match mass {
        "g" | "gco2" | "gco₂" => Some(1.0 / energy),
        "kg" | "kgco2" | "kgco₂" => Some(1_000.0 / energy),
        _ => None,
    }
}

/// Whether a model says which way its power is positive: true while it takes energy from what it measures for the home
/// (charges a battery, feeds in at a meter is false).
pub(super) fn positive_takes(model: &ThingModel) -> Option<bool> {
    let properties = model.properties.values().map(|property| property.description.as_str());
    for text in std::iter::once(model.description.as_str()).chain(properties) {
        let text = text.to_lowercase();
        for clause in text.split([';', '.', ',']) {
            let flips = clause.contains("negative");
            if !flips && !clause.contains("positive") {
                continue;
            }
            let takes = has(clause, &["takes", "charges", "charging", "imports", "import", "consumes", "draws"]);
            let gives = has(clause, &["gives", "discharges", "discharging", "feeds", "exports", "export", "returns"]);
            if takes != gives {
                return Some(takes != flips);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_become_ours() {
        assert_eq!(
            [price("€/kWh"), price("ct/kWh"), price("EUR/MWh"), price("€")],
            [Some(1.0), Some(0.01), Some(0.001), None]
        );
        assert_eq!(
            [carbon("gCO2eq/kWh"), carbon("g/kWh"), carbon("kg/MWh"), carbon("g")],
            [Some(1.0), Some(1.0), Some(1.0), None]
        );
        assert_eq!([watts("kW"), watts("VA"), kilowatt_hours("Wh")], [Some(1_000.0), None, Some(0.001)]);
    }

    #[test]
    fn which_way_power_is_positive_is_read_from_the_description() {
        let says = |text: &str| positive_takes(&ThingModel { description: text.to_owned(), ..ThingModel::default() });
        assert_eq!(says("Stores; positive power is what it gives"), Some(false));
        assert_eq!(says("Power, negative while it discharges"), Some(true));
        assert_eq!(says("What the home takes from the grid; negative while it feeds in"), Some(true));
        assert_eq!(says("A battery"), None);
    }

    #[test]
    fn words_are_whole_in_latin_and_parts_elsewhere() {
        assert!(has("home-battery", &["battery"]) && has("가정용배터리", &["배터리"]));
        assert!(!has("scar", &["car"]) && has("EV charger (garage)", &["ev charger"]));
    }
}
