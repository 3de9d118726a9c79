//! The energy of the demo home: its contract, what is comfortable, when the car leaves, and who decides.

use std::time::Duration;

use home::desk::{DOMAIN, DeskError, HomeMode, POLICY};
use home::settings::Settings;
use model::Timestamp;
use serde_json::{Value, json};
use site::run::{PolicyChoice, RunState, Scenario};

use super::Needs;

/// Who has said so.
const BY: &str = "demo";
/// How long the run is that shows what the plan is worth, in virtual seconds.
const FIRST_RUN_SECONDS: u64 = 2 * 24 * 3_600;
/// What stands on the roof, which its power does not say in winter.
const SOLAR_WATTS: f64 = 8_400.0;
/// How often it is looked at.
const FIRST_RUN_LOOK: Duration = Duration::from_millis(200);

/// Says what the family would say, where nobody has said anything yet, and takes the plan live with a run to show for it.
/// Blocks for as long as that run takes.
pub(super) fn set_up(needs: &Needs, stopping: &dyn Fn() -> bool) -> Result<(), DeskError> {
    let (desk, runs) = (&*needs.home, &*needs.runs);
    if desk.is_set_up() {
        return Ok(());
    }
    desk.set(settings(), None)?;
    desk.learn();
    let ours = match desk.scenario() {
        Ok(ours) => ours,
        // A past of less than whole days says nothing of this home: a sample stands in, and the run says so.
        Err(DeskError::NotKnown) => sample(needs.clock.now()),
        Err(error) => return Err(error),
    };
    let scenario = Scenario {
        title: "The demo home".to_owned(),
        duration_seconds: FIRST_RUN_SECONDS,
        seeds: vec![needs.config.seed],
        ..ours
    };
    let run = runs.simulate(scenario, BY)?.id;
    while !runs.run(&run)?.state.is_over() {
        if stopping() {
            return Ok(());
        }
        std::thread::sleep(FIRST_RUN_LOOK);
    }
    // Somebody may have cancelled it, or decided otherwise meanwhile.
    let live = runs.live(DOMAIN)?;
    if live.now.is_none() && live.earlier.is_empty() && runs.run(&run)?.state == RunState::Finished {
        desk.set_mode(HomeMode::Operate, Some(&run), false, BY)?;
    }
    Ok(())
}

fn sample(start: Timestamp) -> Scenario {
    Scenario {
        title: String::new(),
        domain: DOMAIN.to_owned(),
        policy: PolicyChoice { name: POLICY.to_owned(), parameters: Value::Null },
        world: Value::Null,
        start,
        duration_seconds: FIRST_RUN_SECONDS,
        seeds: Vec::new(),
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
        "things": {"car": {"capacity_kilowatt_hours": 58.0}, "solar-inverter": {"watts_max": SOLAR_WATTS}}
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
