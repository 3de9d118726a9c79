//! No policy passes the safety layer, whatever it asks for and whenever it falls silent.

use proptest::prelude::*;

use super::*;
use crate::network::District;
use crate::signal::Limits;

fn controller() -> (crate::network::Network, Controller) {
    let network = District { columns: 1, rows: 1, ..District::default() }.network();
    let layout = Layout::new(&network, 0, Limits::default());
    (network, Controller::new(layout, 0.0))
}

#[test]
fn a_change_shows_yellow_and_then_all_red() {
    let (_, mut controller) = controller();
    let mut shown = String::new();
    for second in 0..20 {
        let request = if second < 6 { 0 } else { 2 };
        assert_eq!(controller.step(f64::from(second), Some(request)), Ok(()));
        // A place that loses green and one that gets it.
        for place in [1, 4] {
            shown.push(match controller.aspects()[place] {
                Aspect::Green | Aspect::Yielding => 'g',
                Aspect::Yellow => 'y',
                Aspect::Red | Aspect::AfterStop => 'r',
            });
        }
        shown.push(' ');
    }
    assert_eq!(shown, "gr gr gr gr gr gr yr yr yr rr rr rg rg rg rg rg rg rg rg rg ");
}

#[test]
fn silence_brings_the_fixed_programme_back() {
    let (_, mut controller) = controller();
    let own: Vec<bool> = (0..200)
        .map(|second| {
            assert_eq!(controller.step(f64::from(second), None), Ok(()));
            controller.is_on_its_own()
        })
        .collect();
    assert!(!own[29] && own[30]);
    let Showing::Green { phase, .. } = controller.showing() else { return };
    assert_eq!(phase, controller.layout().fixed_phase_at(199.0));
    assert_eq!(controller.step(200.0, Some(phase)), Ok(()));
    assert!(!controller.is_on_its_own());
}

/// What a hostile policy does: holds one phase, alternates between two, asks for nonsense, falls silent.
fn requests() -> impl Strategy<Value = Vec<Option<usize>>> {
    let piece = prop_oneof![
        (0_usize..4, 1_usize..200).prop_map(|(phase, times)| vec![Some(phase); times]),
        (0_usize..4, 0_usize..4, 1_usize..100).prop_map(|(one, other, times)| {
            (0..times).map(|time| Some(if time % 2 == 0 { one } else { other })).collect()
        }),
        (1_usize..100).prop_map(|times| vec![None; times]),
        proptest::collection::vec(any::<Option<usize>>(), 1..50),
    ];
    proptest::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn whatever_is_asked_for_the_signals_are_safe(requests in requests()) {
        let (network, mut controller) = controller();
        let limits = controller.layout().limits;
        let places = controller.aspects().len();
        let (mut green, mut lost, mut red) = (vec![100_u32; places], vec![100_u32; places], vec![0_u32; places]);
        let mut before = controller.aspects();
        for (second, request) in requests.into_iter().enumerate() {
            let _verdict = controller.step(second as f64, request);
            let shown = controller.aspects();
            for place in 0..places {
                let (was, is) = (before[place].is_green(), shown[place].is_green());
                if was && !is {
                    prop_assert_eq!(shown[place], Aspect::Yellow, "yellow follows green");
                    prop_assert!(green[place] >= limits.green_seconds_min, "place {} had {} s", place, green[place]);
                    lost[place] = 0;
                }
                if !was && is {
                    green[place] = 0;
                    for (other, lost) in lost.iter().enumerate() {
                        let meets = network.conflict(place, other);
                        prop_assert!(!meets || *lost >= limits.intergreen_seconds(), "{} after {}", place, other);
                    }
                }
                (green[place], lost[place]) = (green[place] + 1, lost[place] + 1);
                red[place] = if is { 0 } else { red[place] + 1 };
                prop_assert!(red[place] <= limits.red_seconds_max, "place {} had red for {} s", place, red[place]);
                for other in 0..place {
                    let both = shown[place] == Aspect::Green && shown[other] == Aspect::Green;
                    prop_assert!(!(both && network.conflict(place, other)), "{} and {}", place, other);
                }
            }
            before = shown;
        }
    }
}
