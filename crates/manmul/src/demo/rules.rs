//! The rules and scenes of the demo home: each in another place of its life, with something to show for it.

use model::{Name, ThingId, Value};
use site::rules::{BacktestAsked, PlaceSettings, Promotion, RuleGuard, SceneSet};
use site::{RuleError, Site};

/// Who has written them.
const BY: &str = "demo";

/// How far a rule of the demo home has come.
enum Stage {
    /// Live, with the card of its past to show for it.
    Live,
    /// In shadow, beside nothing.
    Shadow,
    /// Written, and no more.
    Draft,
}

/// Id, text and how far it has come.
const RULES: [(&str, &str, Stage); 7] = [
    ("evening-in-the-living-room", include_str!("rules/living-room-evening.yaml"), Stage::Live),
    ("batteries-run-low", include_str!("rules/batteries.yaml"), Stage::Live),
    ("smoke-in-the-hall", include_str!("rules/smoke.yaml"), Stage::Live),
    ("front-door-left-open", include_str!("rules/door-left-open.yaml"), Stage::Live),
    ("damp-bathroom", include_str!("rules/damp-bathroom.yaml"), Stage::Live),
    ("sun-into-hot-water", include_str!("rules/sun-to-tank.yaml"), Stage::Shadow),
    ("good-night", include_str!("rules/good-night.yaml"), Stage::Draft),
];

/// A rule that was bettered: its first text, and the one of today.
const BETTERED: (&str, &str, &str) =
    ("light-in-the-hall", include_str!("rules/hall-light-first.yaml"), include_str!("rules/hall-light.yaml"));

/// A property of a thing, and what it is set to.
type Set = (&'static str, &'static str, f64);

/// Id, title, and what is set to what.
const SCENES: [(&str, &str, &[Set]); 3] = [
    (
        "evening",
        "Evening",
        &[
            ("light-living-room", "on", 1.0),
            ("light-living-room", "brightness", 45.0),
            ("light-living-room", "colour_temperature", 2700.0),
            ("blind-living-room", "position", 20.0),
        ],
    ),
    (
        "good-night",
        "Good night",
        &[
            ("light-living-room", "on", 0.0),
            ("light-kitchen", "on", 0.0),
            ("light-hall", "on", 0.0),
            ("blind-bedroom", "position", 0.0),
            ("thermostat-living-room", "target", 18.0),
        ],
    ),
    (
        "way-out",
        "Way out",
        &[
            ("light-hall", "on", 1.0),
            ("light-hall", "brightness", 100.0),
            ("light-living-room", "on", 1.0),
            ("light-bedroom", "on", 1.0),
            ("light-childrens-room", "on", 1.0),
        ],
    ),
];

/// Says where the demo home stands, unless somebody said where the site is: its people live by the clock and the sun of
/// their own place.
pub(super) fn stand(site: &Site) -> Result<(), RuleError> {
    if site.place_settings().1 {
        return Ok(());
    }
    let place = world::Place::in_zone(0);
    site.set_place(&PlaceSettings {
        time_zone: "UTC".to_owned(),
        latitude: Some(place.latitude_degrees),
        longitude: Some(place.longitude_degrees),
    })
}

/// Adds the scenes and rules. What somebody has made meanwhile under the same id is left alone.
pub(super) fn write(site: &Site, stopping: &dyn Fn() -> bool) -> Result<(), RuleError> {
    for (id, title, sets) in SCENES {
        let set = |(thing, name, value): &Set| SceneSet {
            thing: ThingId::new(thing).expect("things of the demo home have valid ids"),
            name: Name::new(name).expect("properties of the demo home have valid names"),
            value: if *name == "on" { Value::Boolean(*value > 0.0) } else { Value::Float(*value) },
        };
        unless_taken(site.add_scene(Some(id), title, sets.iter().map(set).collect()))?;
    }
    for (id, text, stage) in RULES {
        if stopping() {
            return Ok(());
        }
        if unless_taken(site.add_rule(text, Some(id), BY))?.is_none() {
            continue;
        }
        match stage {
            Stage::Live => show_and_promote(site, id, None)?,
            Stage::Shadow => {
                site.backtest_rule(id, &BacktestAsked::default())?;
                site.shadow_rule(id)?;
            }
            Stage::Draft => {}
        }
    }
    let (id, first, today) = BETTERED;
    if unless_taken(site.add_rule(first, Some(id), BY))?.is_some() {
        site.backtest_rule(id, &BacktestAsked::default())?;
        site.change_rule(id, today, 1, BY, Some("goes out when nobody moves any more"))?;
        let guard = RuleGuard {
            property: "light-hall/power".to_owned(),
            above: Some(60.0),
            below: None,
            hold: Some("1 h".to_owned()),
        };
        show_and_promote(site, id, Some(guard))?;
    }
    Ok(())
}

fn show_and_promote(site: &Site, id: &str, guard: Option<RuleGuard>) -> Result<(), RuleError> {
    let run = site.backtest_rule(id, &BacktestAsked::default())?.run;
    site.promote_rule(id, Promotion { run: Some(run), guard, ..Promotion::default() }, BY)
}

/// `None` when somebody has this id already.
fn unless_taken<T>(added: Result<T, RuleError>) -> Result<Option<T>, RuleError> {
    match added {
        Ok(added) => Ok(Some(added)),
        Err(RuleError::Taken(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
