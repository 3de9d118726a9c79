//! The energy of the demo home: its contract, what is comfortable, when the car leaves, and who decides.

use home::desk::{Desk, DeskError, HomeMode};
use home::settings::Settings;
use serde_json::json;

/// Who has said so.
const BY: &str = "demo";

/// Says what the family would say, where nobody has said anything yet.
pub(super) fn set_up(desk: &Desk) -> Result<(), DeskError> {
    if desk.is_set_up() {
        return Ok(());
    }
    desk.set(settings(), None)?;
    // Nobody simulated this home before it was there, so it is forced, and says so.
    match desk.set_mode(HomeMode::Operate, None, true, BY) {
        Ok(_) => Ok(()),
        Err(DeskError::Run(error)) => {
            tracing::warn!(%error, "nobody decides in the demo home");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn settings() -> Settings {
    let dynamic = |factor: f64, otherwise: f64| {
        json!({"kind": "dynamic", "property": "electricity-prices/price", "factor": factor, "plus": 0.0,
            "otherwise": otherwise})
    };
    let settings = json!({
        "tariff": {"currency": "EUR", "import": dynamic(1.0, 0.32), "export": {"kind": "flat", "price": 0.08},
            "capacity_price_per_kilowatt_month": 0.0},
        "carbon": {"kind": "told", "property": "grid-carbon/intensity", "otherwise": 380.0},
        "comfort": [
            {"space": "bedroom", "from_minute": 0, "to_minute": 1440, "celsius_min": 16.5, "celsius_max": 23.0},
            {"from_minute": 360, "to_minute": 1320, "celsius_min": 19.5, "celsius_max": 25.0},
            {"from_minute": 1320, "to_minute": 360, "celsius_min": 17.0, "celsius_max": 24.0}
        ],
        "departures": [
            {"car": "car", "days": [1, 2, 3, 4, 5], "minute": 450, "percent": 65.0},
            {"car": "car", "days": [6, 7], "minute": 600, "percent": 60.0}
        ],
        "aims": {"carbon_price_per_kilogram": 0.05, "import_watts_max": 17_000.0},
        "things": {"car": {"capacity_kilowatt_hours": 58.0}}
    });
    serde_json::from_value(settings).expect("the settings of the demo home have the shape of settings")
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_is_wrong_with_the_settings_of_the_demo() {
        assert_eq!(super::settings().check(), []);
    }
}
