//! Networks are taken whole or not at all.

use super::*;

/// Two roads that cross: from west to east and from south to north.
const CROSSING: &str = r#"<net>
    <edge id=":j_0" function="internal"><lane id=":j_0_0" index="0" speed="13.9" length="7" shape="0,0 7,0"/></edge>
    <edge id="west" from="a" to="j"><lane id="west_0" index="0" speed="13.9" length="100" shape="-100,0 0,0"/></edge>
    <edge id="east" from="j" to="b"><lane id="east_0" index="0" speed="13.9" length="100" shape="7,0 107,0"/></edge>
    <edge id="south" from="c" to="j"><lane id="south_0" index="0" speed="8.3" length="50" shape="3,-50 3,0"/></edge>
    <edge id="north" from="j" to="d"><lane id="north_0" index="0" speed="8.3" length="50" shape="3,7 3,57"/></edge>
    <tlLogic id="j" type="static" programID="0" offset="10">
        <phase duration="30" state="Gr"/><phase duration="4" state="yr"/>
        <phase duration="20" state="rG"/><phase duration="6" state="ry"/>
    </tlLogic>
    <junction id="j" type="traffic_light" x="0" y="0" incLanes="west_0 south_0" intLanes=":j_0_0 :j_1_0" shape="">
        <request index="0" response="10" foes="10" cont="0"/>
        <request index="1" response="01" foes="01" cont="0"/>
    </junction>
    <connection from="west" to="east" fromLane="0" toLane="0" via=":j_0_0" tl="j" linkIndex="0" dir="s" state="o"/>
    <connection from="south" to="north" fromLane="0" toLane="0" via=":j_1_0" tl="j" linkIndex="1" dir="s" state="o"/>
    <connection from=":j_0" to="east" fromLane="0" toLane="0" dir="s" state="M"/>
</net>"#;

fn faults(text: &str) -> Vec<String> {
    Network::from_sumo(text).expect_err("it has faults").iter().map(ToString::to_string).collect()
}

#[test]
fn a_crossing_is_read() {
    let network = Network::from_sumo(CROSSING).unwrap();
    assert_eq!((network.edges.len(), network.lanes.len(), network.links.len(), network.signals.len()), (4, 4, 2, 1));
    assert!(network.conflict(0, 1) && network.links[0].yields_to == [1]);
    let programme = &network.signals[0].programme;
    assert_eq!((programme.cycle_seconds(), programme.interval_at(10.0), programme.interval_at(9.9)), (60.0, 0, 3));
    let layout = crate::signal::Layout::new(&network, 0, crate::signal::Limits::default());
    assert_eq!(layout.phases.len(), 2);
    // While yellow is shown the next phase is wanted.
    assert_eq!([10.0, 41.0, 64.5, 65.0].map(|second| layout.fixed_phase_at(second)), [0, 1, 0, 0]);
}

#[test]
fn what_is_wrong_is_told_with_its_name() {
    assert_eq!(
        faults(&CROSSING.replace(r#"state="rG""#, r#"state="GG""#)),
        ["signal j: phase 2 gives green to places 0 and 1, which conflict"]
    );
    assert_eq!(
        faults(
            &CROSSING.replace(r#"to="east" fromLane="0" toLane="0" via"#, r#"to="east" fromLane="0" toLane="3" via"#)
        ),
        ["connection from west to east: there is no lane east_3"]
    );
    assert_eq!(
        faults(&CROSSING.replace(r#"linkIndex="1""#, r#"linkIndex="9""#)),
        ["connection from south to north: signal j has no place 9"]
    );
    assert_eq!(
        faults(&CROSSING.replace(r#"speed="8.3""#, r#"speed="fast""#))[0],
        "lane south_0: speed is missing or makes no sense"
    );
    assert_eq!(
        faults(&CROSSING.replace(r#"state="yr""#, r#"state="y""#)),
        ["signal j: the programme has phases of different lengths"]
    );
    assert_eq!(faults(&CROSSING.replace("south_0", "west_0"))[0], "lane west_0 is there twice");
    assert!(faults("<net></net>")[0].starts_with("there is no edge in it"));
    assert!(faults(&CROSSING[..900])[0].starts_with("byte "));
    assert_eq!(faults("<net><edge id='a'>"), ["byte 18: the text ends within an element"]);
}

#[test]
fn a_district_is_sound_and_as_large_as_asked_for() {
    let network = District { columns: 3, rows: 2, ..District::default() }.network();
    // Each junction has four roads in; each side of the district has roads out.
    assert_eq!((network.signals.len(), network.edges.len(), network.links.len()), (6, 6 * 4 + 10, 6 * 12));
    assert!(network.lanes.iter().all(|lane| lane.incoming.len() <= 3));
    for signal in &network.signals {
        assert_eq!(network.programme_faults(signal), []);
        assert!(signal.links.iter().all(|links| links.len() == 1));
    }
}
