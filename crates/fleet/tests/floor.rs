//! Floors: what is wrong with them, how they are exchanged, and how the planner sees them.

use fleet::floor::{
    Door, Edge, Floor, FloorError, Fulfilment, GraphGround, GridGround, GridView, Ground, Lane, LineSide, Node, Point,
    RobotStart, Severity, Sortation, Station, Wall, Zone, ZoneRule, export_lif, export_map, import_lif, import_map,
};
use plan::Heading;
use proptest::prelude::*;

fn grid(rows: &[&str]) -> Floor {
    let ground = GridGround {
        cell_metres: 1.0,
        lower_left: Point::default(),
        rows: rows.iter().map(|row| (*row).to_owned()).collect(),
        speed_limit: None,
        lanes: Vec::new(),
        walls: Vec::new(),
    };
    Floor::new("test", Ground::Grid(ground))
}

fn graph() -> Floor {
    let node = |id: &str, x, y| Node { id: id.to_owned(), x, y, theta: None };
    let edge = |from: &str, to: &str| Edge {
        id: format!("{from}{to}"),
        from: from.to_owned(),
        to: to.to_owned(),
        speed_limit: Some(1.2),
        width: None,
        orientation: None,
    };
    let nodes = vec![node("a", 0.0, 0.0), node("b", 2.0, 0.0), node("c", 2.0, 2.0)];
    let edges = vec![edge("a", "b"), edge("b", "c"), edge("c", "b"), edge("b", "a")];
    let mut floor = Floor::new("graph", Ground::Graph(GraphGround { nodes, edges }));
    floor.stations = vec![Station { id: "s".to_owned(), nodes: vec!["c".to_owned()], ..Station::default() }];
    floor
}

fn told(floor: &Floor) -> Vec<String> {
    floor.check().iter().map(|fault| format!("{}: {}", fault.place, fault.problem)).collect()
}

#[test]
fn faults_say_what_and_where() {
    let mut floor = graph();
    assert_eq!(told(&floor), [] as [String; 0]);
    floor.robots = ["r1", "r2"].map(|id| RobotStart { id: id.to_owned(), node: "a".to_owned(), theta: 0.0 }).into();
    floor.stations[0].nodes.push("nowhere".to_owned());
    assert_eq!(told(&floor), ["robot r2: robot r1 stands on a already"]);
    floor.robots.pop();
    assert_eq!(told(&floor), ["station s: nowhere is no place to stand on"]);
    floor.stations[0].nodes.pop();
    let Ground::Graph(ground) = &mut floor.ground else { panic!() };
    ground.edges.retain(|edge| edge.id != "cb");
    let faults = floor.check();
    assert_eq!(faults[0].problem, "c cannot be reached from the rest of the floor, or cannot be left");
    assert_eq!(faults[0].severity, Severity::Error);
    assert!(!faults[0].hint.is_empty());
    let Ground::Graph(ground) = &mut floor.ground else { panic!() };
    ground.edges[0].to = "z".to_owned();
    ground.nodes[2].id = "a".to_owned();
    ground.nodes[1].x = f64::NAN;
    let found = told(&floor).join("\n");
    for expected in
        ["node a: there are two with this id", "node b: its position is not finite", "edge ab: there is no node \"z\""]
    {
        assert!(found.contains(expected), "{found}");
    }
    assert!(matches!(floor.network(), Err(FloorError::Faults(faults)) if faults.len() >= 3));
}

#[test]
fn grids_are_checked_too() {
    let mut floor = grid(&["..@", "..", ".x."]);
    let Ground::Grid(ground) = &mut floor.ground else { panic!() };
    ground.walls.push(Wall { a: (0, 0), b: (1, 1) });
    ground.lanes.push(Lane { from: (0, 0), to: (9, 0), direction: fleet::floor::Direction::East });
    assert_eq!(
        told(&floor),
        [
            "row 1: it has 2 cells, the first has 3",
            "row 2: 'x' is no kind of cell",
            "lane 0: it lies outside the grid",
            "wall 0: it does not stand between two neighbours",
        ]
    );
    assert_eq!(told(&grid(&["...", "@@@", "..."])), ["floor: 3 of 6 nodes cannot be reached and left again"]);
}

#[test]
fn walls_lanes_zones_and_doors_shape_the_network() {
    let mut floor = grid(&["...", "..."]);
    let Ground::Grid(ground) = &mut floor.ground else { panic!() };
    ground.walls.push(Wall { a: (0, 0), b: (0, 1) });
    ground.lanes.push(Lane { from: (1, 0), to: (1, 2), direction: fleet::floor::Direction::East });
    floor.zones.push(Zone {
        id: "slow".to_owned(),
        from: Point { x: 2.0, y: 0.0 },
        to: Point { x: 3.0, y: 1.0 },
        rule: ZoneRule::SpeedLimit(0.3),
    });
    floor.doors.push(Door { id: "d".to_owned(), a: "r0c1".to_owned(), b: "r0c2".to_owned(), opening_seconds: 3.0 });
    let network = floor.network().unwrap_or_else(|error| panic!("{error}"));
    let way = |from: &str, to: &str| network.way(network.node(from).unwrap(), network.node(to).unwrap());
    assert!(way("r0c0", "r0c1").is_none() && way("r0c1", "r0c0").is_none());
    assert!(way("r1c0", "r1c1").is_some() && way("r1c1", "r1c0").is_none());
    assert_eq!(way("r1c1", "r1c2").unwrap().speed_limit, Some(0.3));
    assert_eq!(way("r0c1", "r0c2").unwrap().door, Some(0));
    // Around the wall there is no way on a one-way floor.
    let node = |id: &str| network.node(id).unwrap();
    let route = network.route(node("r0c0"), node("r0c2"), 1.0, |_| false).unwrap();
    let ids: Vec<&str> = route.iter().map(|node| network.id(*node)).collect();
    assert_eq!(ids, ["r0c0", "r1c0", "r1c1", "r0c1", "r0c2"]);
    assert_eq!(network.route(node("r0c1"), node("r0c0"), 1.0, |_| false), None);
    let view = GridView::of(&network).unwrap();
    let cell = |id: &str| view.cell(node(id));
    assert_eq!(view.grid.ahead(cell("r0c1"), Heading::West), plan::NO_CELL);
    assert_eq!(view.grid.ahead(cell("r0c1"), Heading::East), cell("r0c2"));
    assert_eq!(view.node(cell("r1c1")), node("r1c1"));
    // North on the grid is up on the map.
    let (low, high) = (network.point(node("r1c1")), network.point(node("r0c1")));
    assert!(high.y > low.y && view.grid.ahead(cell("r1c1"), Heading::North) == cell("r0c1"));
    for heading in Heading::ALL {
        assert_eq!(GridView::heading(GridView::theta(heading)), heading);
    }
    assert_eq!(view.step_seconds(2.0, 1.0), std::f64::consts::FRAC_PI_2);
}

#[test]
fn graphs_off_the_grid_have_no_view() {
    let mut floor = graph();
    assert_eq!(GridView::of(&floor.network().unwrap()).unwrap().step_metres, 2.0);
    let Ground::Graph(ground) = &mut floor.ground else { panic!() };
    ground.nodes[2].x = 2.9;
    assert!(GridView::of(&floor.network().unwrap()).unwrap_err().to_string().contains("it lies between the cells"));
}

#[test]
fn json_is_versioned_and_survives() {
    let floor = Fulfilment::default().floor();
    assert_eq!(Floor::from_json(&floor.to_json()).unwrap(), floor);
    assert!(matches!(Floor::from_json(r#"{"version": 99}"#), Err(FloorError::Version(99))));
    let error = Floor::from_json(r#"{"version": 1, "name": "x", "ground": {"grid": {"rows": 3}}}"#).unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
}

#[test]
fn lif_goes_there_and_back() {
    let floor = graph();
    let network = floor.network().unwrap();
    let text = export_lif(&floor, &network, "carrier", model::Timestamp::from_seconds(1_700_000_000));
    let back = import_lif(&text, Some("carrier")).unwrap().remove(0);
    assert_eq!(told(&back), [] as [String; 0]);
    assert_eq!(
        back.network().unwrap().way(0, 1),
        network.way(0, 1).cloned().map(|way| fleet::floor::Way { orientation: Some(0.0), ..way }).as_ref()
    );
    assert_eq!(back.stations[0].nodes, ["c"]);
    let error = import_lif(&text, Some("forklift")).unwrap_err();
    assert!(error.to_string().contains("the types are carrier"), "{error}");
    assert!(import_lif("{}", None).is_err() && import_lif(r#"{"metaInformation":{},"layouts":[]}"#, None).is_err());
}

#[test]
fn lif_of_others_is_read() {
    // As the 1.0 guideline lays it out: degrees on edges, properties per vehicle type, several interaction nodes.
    let text = r#"{"metaInformation":{"projectIdentification":"p","creator":"c","exportTimestamp":"2024-03-01T00:00:00Z","lifVersion":"1.0.0"},
      "layouts":[{"layoutId":"l","layoutName":"Hall","layoutVersion":"3","layoutLevelId":"0","nodes":[
        {"nodeId":"1","mapId":"hall","nodePosition":{"x":0,"y":0},"vehicleTypeNodeProperties":[{"vehicleTypeId":"t","theta":1.5,"actions":[{"actionType":"startCharging","required":false,"blockingType":"HARD"}]}]},
        {"nodeId":"2","mapId":"hall","nodePosition":{"x":5,"y":0},"vehicleTypeNodeProperties":[{"vehicleTypeId":"t"},{"vehicleTypeId":"u"}]}],
       "edges":[{"edgeId":"e","startNodeId":"1","endNodeId":"2","vehicleTypeEdgeProperties":[{"vehicleTypeId":"t","vehicleOrientation":180.0,"orientationType":"TANGENTIAL","rotationAllowed":true,"maxSpeed":1.5,"loadRestriction":{"unloaded":true,"loaded":false}}]},
                {"edgeId":"f","startNodeId":"2","endNodeId":"1","vehicleTypeEdgeProperties":[{"vehicleTypeId":"t","vehicleOrientation":0.0}]}],
       "stations":[{"stationId":"s","interactionNodeIds":["1","2"],"stationPosition":{"x":1,"y":1}}]}]}"#;
    let floor = import_lif(text, Some("t")).unwrap().remove(0);
    assert_eq!((floor.map.as_str(), floor.layout_version.as_str(), floor.chargers.len()), ("hall", "3", 1));
    // The version of a layout is not that of the map on board of robots.
    assert_eq!(floor.map_version, "");
    let network = floor.network().unwrap();
    let way = network.way(0, 1).unwrap();
    assert_eq!((way.length, way.speed_limit), (5.0, Some(1.5)));
    assert!((way.orientation.unwrap() - std::f64::consts::PI).abs() < 1e-9);
    // For the other type there is a node without a way.
    assert_eq!(import_lif(text, Some("u")).unwrap()[0].network().unwrap().len(), 1);
}

#[test]
fn maps_go_there_and_back() {
    let text = "type octile\nheight 2\nwidth 3\nmap\n.E@\nS.T\n";
    let floor = import_map("m", text, 1.0).unwrap();
    assert_eq!(export_map(&floor).unwrap(), text);
    assert_eq!(floor.network().unwrap().len(), 4);
    let problem = |text: &str| import_map("m", text, 1.0).unwrap_err().to_string();
    assert!(problem("").contains("line 1: expected type octile"));
    assert!(problem("type octile\nheight 2\nwidth 3\nmap\n...\n").contains("1 rows, the height is 2"));
    assert!(problem("type octile\nheight 1\nwidth 3\nmap\n..\n").contains("line 5: 2 cells, the width is 3"));
    assert!(problem("type octile\nheight 1\nwidth 1\nmap\n?\n").contains("line 5: '?' is no kind of cell"));
    assert!(problem("type octile\nheight 99999999\nwidth 99999999\nmap\n").contains("at most"));
    assert!(export_map(&graph()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn generated_floors_have_no_fault(
        across in 1..7usize, down in 1..6usize, length in 1..9usize, stations in 0..9usize, robots in 0..20usize, seed in any::<u64>(),
    ) {
        let floors = [
            Fulfilment { block_columns: across, block_rows: down, block_length: length, stations, chargers: stations, robots, seed, ..Fulfilment::default() }.floor(),
            Sortation { chute_columns: across, chute_rows: down, inductions: stations, chargers: stations, robots, seed }.floor(),
            LineSide { cells: across * 2, storages: length * 2, chargers: down, robots, seed, ..LineSide::default() }.floor(),
        ];
        for floor in floors {
            let errors: Vec<String> = floor.check().iter().map(ToString::to_string).collect();
            prop_assert!(errors.is_empty(), "{}: {:?}", floor.name, errors);
            let network = floor.network().unwrap();
            let view = GridView::of(&network).unwrap();
            prop_assert_eq!(view.grid.len(), network.len());
            let text = export_lif(&floor, &network, "t", model::Timestamp::from_seconds(0));
            prop_assert_eq!(import_lif(&text, None).unwrap()[0].network().unwrap().len(), network.len());
        }
    }

    #[test]
    fn documents_never_make_it_panic(text in ".{0,60}", cut in 0..2_000usize) {
        let _unused = (Floor::from_json(&text).is_ok(), import_lif(&text, None).is_ok(), import_map("m", &text, 1.0).is_ok());
        let json = graph().to_json();
        let _unused = Floor::from_json(&json[..cut.min(json.len())]).is_ok();
    }
}
