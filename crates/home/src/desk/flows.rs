//! Where energy comes from and goes to now.

use rule::Place;

use super::seen::Seen;
use super::shown::{Flow, HomeMode, Node, Now};
use super::told;
use crate::find::{Found, Purpose, Role};
use crate::settings::Settings;

/// Below this nothing is shown to flow.
const FLOWING_WATTS: f64 = 1.0;
/// What everything flows through.
const HOME: &str = "home";
/// What nothing measures.
const REST: &str = "rest";

/// What takes from the home, beside its stores and chargers.
const LOADS: [Role; 4] = [Role::HeatPump, Role::Tank, Role::Appliance, Role::Switched];

pub(super) fn now(seen: &Seen, settings: &Settings, place: &Place, mode: HomeMode) -> Now {
    let mut nodes: Vec<Node> = Vec::new();
    let home = &seen.home;
    // Of several meters the first holds.
    nodes.extend(home.of(Role::Grid).next().map(|found| node(seen, found, 1.0)));
    nodes.extend(home.of(Role::Solar).map(|found| node(seen, found, -1.0)));
    nodes.extend(home.of(Role::Battery).map(|found| node(seen, found, 1.0)));
    nodes.extend(home.of(Role::Charger).map(|found| node(seen, found, 1.0)));
    for role in LOADS {
        let measured = home.of(role).filter(|found| found.port(Purpose::Power).is_some());
        nodes.extend(measured.map(|found| node(seen, found, 1.0)));
    }
    let mut flows = Vec::new();
    let (mut given, mut taken) = (0.0, 0.0);
    for node in &nodes {
        let Some(watts) = node.watts else { continue };
        // What the grid meter measures as taken comes into the home.
        let into_home = if node.role == Some(Role::Grid) { watts } else { -watts };
        if into_home >= FLOWING_WATTS {
            given += into_home;
            flows.push(Flow { from: node.id.clone(), to: HOME.to_owned(), watts: into_home });
        } else if into_home <= -FLOWING_WATTS {
            taken -= into_home;
            flows.push(Flow { from: HOME.to_owned(), to: node.id.clone(), watts: -into_home });
        }
    }
    let rest = given - taken;
    let is_measured = nodes.iter().any(|node| node.role == Some(Role::Grid) && node.watts.is_some());
    if is_measured && rest >= FLOWING_WATTS {
        flows.push(Flow { from: HOME.to_owned(), to: REST.to_owned(), watts: rest });
    }
    let plain = |id: &str, watts| Node {
        id: id.to_owned(),
        thing: None,
        title: String::new(),
        role: None,
        watts,
        percent: None,
    };
    nodes.push(plain(HOME, is_measured.then_some(given)));
    nodes.push(plain(REST, is_measured.then_some(rest.max(0.0))));
    let feeds = told::ahead(seen, settings);
    let tariff = settings.tariff.as_ref();
    Now {
        time: seen.now,
        mode,
        nodes,
        flows,
        currency: tariff.map(|tariff| tariff.currency.clone()),
        import_price: tariff.map(|tariff| tariff.import.at(seen.now, place, &feeds.import).0),
        export_price: tariff.map(|tariff| tariff.export.at(seen.now, place, &feeds.export).0),
        carbon_grams: settings.carbon.as_ref().map(|_| told::carbon_at(settings, seen.now, &feeds.carbon).0),
    }
}

/// A thing; `sign` turns what its power says into what it takes.
fn node(seen: &Seen, found: &Found, sign: f64) -> Node {
    let of_car = || seen.number(seen.home.thing(found.car.as_ref()?)?, Purpose::Charge).ok();
    Node {
        id: found.thing.to_string(),
        thing: Some(found.thing.clone()),
        title: found.title.clone(),
        role: Some(found.role),
        watts: seen.number(found, Purpose::Power).ok().map(|watts| watts * sign),
        percent: seen.number(found, Purpose::Charge).ok().or_else(of_car),
    }
}
