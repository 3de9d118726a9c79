//! What the search must hold.

use proptest::prelude::*;

use super::*;

const INTERGREEN: usize = 5;

/// A crossing of lanes that have green one after the other.
fn crossing(queues: &[f32], flows: &[f32]) -> Junction {
    let lanes: Vec<Lane> = queues
        .iter()
        .zip(flows)
        .map(|(queue, flow)| Lane { queue: *queue, arrivals: vec![*flow; 60], weight: 1.0 })
        .collect();
    let count = lanes.len();
    let phase = |own: usize| Phase {
        service: (0..count)
            .map(|lane| Service { rate: if lane == own { 0.5 } else { 0.0 }, ..Service::default() })
            .collect(),
        green_steps_min: 5,
        intergreen_steps: (0..count).map(|other| if other == own { 0 } else { INTERGREEN }).collect(),
    };
    let phases = (0..count).map(phase).collect();
    Junction { lanes, phases, current: 0, age_steps: 10, horizon_steps: 60, stop_seconds: 4.0, beam: 8 }
}

#[test]
fn green_goes_where_vehicles_stand() {
    let plan = solve(&crossing(&[0.0, 6.0], &[0.0, 0.0])).unwrap();
    assert_eq!(plan.change(), Some(1));
    assert!(plan.options[1].unwrap() < plan.options[0].unwrap());
}

#[test]
fn a_queue_is_let_go_before_the_change() {
    let plan = solve(&crossing(&[4.0, 4.0], &[0.0, 0.0])).unwrap();
    assert_eq!((plan.change(), plan.greens[1].phase), (None, 1));
    // Four vehicles at one in two seconds.
    assert!((7..=9).contains(&plan.greens[0].end_step), "{:?}", plan.greens);
}

#[test]
fn a_platoon_that_is_about_to_come_keeps_its_green() {
    let mut junction = crossing(&[0.0, 1.0], &[0.0, 0.0]);
    junction.lanes[0].arrivals[3..15].fill(0.5);
    assert_eq!(solve(&junction).unwrap().change(), None);
    junction.lanes[0].arrivals.fill(0.0);
    assert_eq!(solve(&junction).unwrap().change(), Some(1));
}

#[test]
fn who_yields_waits_for_a_gap() {
    let mut junction = crossing(&[4.0, 4.0], &[0.0, 0.0]);
    junction.phases[0].service[1] = Service { rate: 0.5, yielding: 1.0, yields_to: 1 };
    let plan = solve(&junction).unwrap();
    let left = |lane: usize, to: usize| plan.leaving[lane][..to].iter().sum::<f32>();
    assert!(left(0, 8) > 3.9 && left(1, 7) < 0.5 && left(1, 40) > 3.9, "{:?}", plan.greens);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut junction = crossing(&[1.0, 1.0], &[0.0, 0.0]);
    junction.lanes[1].queue = f32::NAN;
    assert_eq!(solve(&junction), Err(SignalError::Figure { lane: 1 }));
    junction.lanes.clear();
    assert!(matches!(solve(&junction), Err(SignalError::Size { lanes: 0, .. })));
}

#[test]
fn the_judge_sees_a_short_green_and_a_wrong_promise() {
    let junction = crossing(&[4.0, 4.0], &[0.0, 0.0]);
    let plan = solve(&junction).unwrap();
    let mut short = plan.clone();
    short.greens[1].start_step -= 1;
    assert_eq!(check(&junction, &short), Err(Fault::Intergreen { green: 1 }));
    let mut promised = plan;
    promised.leaving[0][30] = 2.0;
    assert_eq!(check(&junction, &promised), Err(Fault::Leaving { lane: 0, step: 30 }));
}

proptest! {
    /// The judge has nothing against any plan, and no plan is worse than holding on.
    #[test]
    fn every_plan_is_valid(
        queues in proptest::collection::vec(0.0_f32..30.0, 2..6),
        flow in 0.0_f32..0.3,
        age in 0_usize..40,
        yields in any::<u64>(),
    ) {
        let mut junction = crossing(&queues, &vec![flow; queues.len()]);
        junction.age_steps = age;
        junction.phases[0].service[1] = Service { rate: 0.4, yielding: 0.7, yields_to: yields & 0b101 };
        let plan = solve(&junction).unwrap();
        prop_assert_eq!(check(&junction, &plan), Ok(()));
        if let Some(hold) = plan.options[0] {
            prop_assert!(plan.cost <= hold);
        }
    }
}
