//! Where things are: what they tell, where people put them, files of them, and questions about places.

use model::{Bounds, Coordinates, Geometry, SpaceId};
use site::map::Where;
use site::map::import::{ImportOutcome, MapImport};
use site::{NewThing, Site};
use twin::{PresenceState, ThingEdit, TileAddress};

use crate::common::{Bench, id, name};

fn at(longitude: f64, latitude: f64) -> Coordinates {
    Coordinates::new(longitude, latitude).unwrap()
}

/// A district with a street in it, two lamps along the street, one far from it, and one nowhere.
const DISTRICT: &str = r#"{"type":"FeatureCollection","features":[
 {"type":"Feature","id":"street","geometry":{"type":"LineString","coordinates":[[7.001,51.001],[7.009,51.001]]},
  "properties":{"kind":"street","name":"High Street","space":"old-town"}},
 {"type":"Feature","id":"old-town","properties":{"kind":"district","title":"Old town"},
  "geometry":{"type":"Polygon","coordinates":[[[7,51],[7.01,51],[7.01,51.01],[7,51.01],[7,51]]]}},
 {"type":"Feature","properties":{"id":"lamp-1","kind":"street_light","space":"street","tags":["led"]},
  "geometry":{"type":"Point","coordinates":[7.002,51.0011]}},
 {"type":"Feature","properties":{"id":"lamp-2","kind":"street_light","title":"The second","space":"street"},
  "geometry":{"type":"Point","coordinates":[7.004,51.001]}},
 {"type":"Feature","properties":{"id":12,"kind":"air_sensor","space":"old-town"},
  "geometry":{"type":"Point","coordinates":[7.005,51.008]}}]}"#;

fn import(site: &Site, text: &str, dry_run: bool) -> ImportOutcome {
    site.import_map(MapImport::read(text.as_bytes()).unwrap(), dry_run).unwrap()
}

fn found(site: &Site, place: &Where, kind: Option<&str>) -> Vec<String> {
    let page = site.find_on_map(place, kind, 10);
    assert!(page.complete);
    assert_eq!(page.total, page.items.len());
    page.items.into_iter().map(|found| found.summary.thing.id.to_string()).collect()
}

fn shape(site: &Site, space: &str) -> std::sync::Arc<Geometry> {
    let spaces = site.spaces().into_iter().map(|(row, _)| row.space);
    spaces.filter(|one| one.id.as_str() == space).find_map(|space| space.geometry).unwrap()
}

#[test]
fn a_district_comes_from_a_file_and_answers_where_its_things_are() {
    let bench = Bench::new();
    let site = bench.open();
    let would = import(&site, DISTRICT, true);
    assert_eq!((would.spaces_added, would.things_added, would.errors_total, would.done), (2, 3, 0, false));
    assert_eq!(site.map_summary().things, 0);
    assert!(import(&site, DISTRICT, false).done);
    drop(site);

    let site = bench.open();
    let summary = site.map_summary();
    assert_eq!((summary.things, summary.elsewhere), (3, 0));
    assert_eq!(summary.kinds, [("street_light".into(), 2), ("air_sensor".into(), 1)]);
    assert!(summary.bounds.unwrap().contains(at(7.01, 51.01)));

    let street = shape(&site, "street");
    let along = |metres_max| Where::Along { geometry: street.clone(), metres_max };
    assert_eq!(found(&site, &along(5.0), None), ["lamp-2"]);
    assert_eq!(found(&site, &along(20.0), None), ["lamp-2", "lamp-1"]);
    assert_eq!(found(&site, &Where::Inside(shape(&site, "old-town")), Some("air_sensor")), ["12"]);
    let corner = Bounds { south_west: at(7.0, 51.0), north_east: at(7.003, 51.002) };
    assert_eq!(found(&site, &Where::Within(corner), None), ["lamp-1"]);
    let near = Where::Near { point: at(7.005, 51.009), metres_max: 1_000.0 };
    assert_eq!(found(&site, &near, None), ["12", "lamp-2", "lamp-1"]);
    assert_eq!(site.thing(&id("lamp-2")).unwrap().summary.thing.title, "The second");

    let again = DISTRICT.replace("7.004,51.001]", "7.005,51.001]");
    let changed = import(&site, &again, false);
    assert_eq!((changed.spaces_changed, changed.things_changed, changed.things_added), (2, 3, 0));
    assert_eq!(site.thing(&id("lamp-2")).unwrap().summary.location, Some(at(7.005, 51.001)));
}

#[test]
fn a_file_with_wrong_rows_is_told_row_by_row_and_changes_nothing() {
    let site = Bench::new().open();
    let point = |id: &str, coordinates: &str, more: &str| {
        format!(
            r#"{{"type":"Feature","id":"{id}","geometry":{{"type":"Point","coordinates":{coordinates}}},"properties":{{{more}}}}}"#
        )
    };
    let rows = [
        point("good-1", "[7,51]", ""),
        point("good-2", "[7.01,51]", ""),
        point("good-1", "[7,51]", ""),
        point("swapped", "[51,7]", ""),
        point("metres", "[356000,5645000]", ""),
        point("lost", "[7,51]", r#""space":"nowhere""#),
        r#"{"type":"Feature","geometry":{"type":"Point","coordinates":[7,51]},"properties":null}"#.to_owned(),
        r#"{"type":"Feature","id":"curve","geometry":{"type":"Curve","coordinates":[7,51]},"properties":{}}"#
            .to_owned(),
        "17".to_owned(),
        point("+", "[7,51]", ""),
    ];
    let text = format!(r#"{{"type":"FeatureCollection","features":[{}]}}"#, rows.join(","));
    let outcome = import(&site, &text, false);
    assert!(!outcome.done);
    assert_eq!(outcome.errors_total, outcome.errors.len());
    let told: Vec<String> = outcome.errors.iter().map(|error| format!("{}: {}", error.row, error.error)).collect();
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(site.map_summary().things, 0);
    assert!(site.thing(&id("good-1")).is_none());
}

#[test]
fn other_data_and_documents_are_refused() {
    let refused = |text: &str| MapImport::read(text.as_bytes()).err().unwrap().to_string();
    let projected = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::25832"}},"features":[]}"#;
    insta::assert_snapshot!(refused(projected), @r"
    the file is in urn:ogc:def:crs:EPSG::25832
    hint: convert it to WGS 84 (EPSG:4326), longitude first, as RFC 7946 asks
    ");
    insta::assert_snapshot!(refused(r#"{"type":"Feature"}"#), @r#"this is no GeoJSON FeatureCollection: its type is "Feature""#);
}

#[test]
fn a_thing_that_tells_where_it_is_moves_on_the_map() {
    let bench = Bench::new();
    let site = bench.open();
    let model = serde_json::from_str(
        r#"{"id":"bus","kind":"bus","properties":{"longitude":{"data_type":"number"},"latitude":{"data_type":"number"}}}"#,
    )
    .unwrap();
    let parked = Some(at(7.0, 51.0));
    let new = NewThing {
        id: id("bus"),
        title: None,
        model: Some(model),
        space: None,
        location: parked,
        tags: Vec::new(),
        origin: <_>::default(),
    };
    site.create_thing(new).unwrap();
    let place = |site: &Site| site.thing(&id("bus")).unwrap().summary.location;
    assert_eq!(place(&site), parked);
    bench.say("things/bus/properties/longitude", "7.5");
    bench.say("things/bus/properties/latitude", "51.25");
    site.turn().unwrap();
    assert_eq!(place(&site), Some(at(7.5, 51.25)));
    let here = Where::Near { point: at(7.5, 51.25), metres_max: 1.0 };
    assert_eq!(found(&site, &here, Some("bus")), ["bus"]);
    let whole = TileAddress::new(0, 0, 0).unwrap();
    let tile = site.map_tile(whole, None);
    assert_eq!((tile.points.len(), tile.points[0].presence), (1, PresenceState::Online));

    bench.say("things/bus/properties/latitude", "512.5");
    site.turn().unwrap();
    assert_eq!(place(&site), parked, "what is no latitude is not believed");
    site.edit_thing(&id("bus"), None, ThingEdit { location: Some(None), ..ThingEdit::default() }).unwrap();
    assert_eq!(site.map_summary().things, 0);
}

#[test]
fn values_are_summed_up_by_space() {
    let bench = Bench::new();
    let site = bench.open();
    import(&site, DISTRICT, false);
    for (thing, watts) in [("lamp-1", "40"), ("lamp-2", "60"), ("12", "2")] {
        bench.say(&format!("things/{thing}/properties/power"), watts);
    }
    site.turn().unwrap();
    let sums = site.roll_up(&name("power"), None);
    let of = |space: &str| sums[&SpaceId::new(space).unwrap()];
    assert_eq!((of("street").sum, of("street").mean(), of("street").least), (100.0, 50.0, 40.0));
    assert_eq!((of("old-town").sum, of("old-town").things, of("old-town").most), (102.0, 3, 60.0));
    assert_eq!(site.roll_up(&name("power"), Some("air_sensor")).len(), 2);
}
