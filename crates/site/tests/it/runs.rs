//! Runs over a domain of a toy: customers at counters, each served in turn.

use std::sync::Arc;

use bytes::Bytes;
use model::{SteppedClock, Timestamp};
use serde_json::{Value as Json, json};
use site::run::{
    Better, Complaint, Domain, DomainDescription, Failed, KpiDescription, Mode, OperationDescription, Outcome,
    PlanRequest, PolicyChoice, PolicyDescription, Repeats, RunBook, RunError, RunState, Scenario, Variation, Watch,
    Watched,
};
use store::state::MemoryState;

use crate::common::START;

/// Customers come by chance; counters serve them.
#[derive(Debug)]
struct Counters;

impl Domain for Counters {
    fn description(&self) -> DomainDescription {
        let kpi = |name, better| KpiDescription { name, title: name, unit: "", better, decimals: 1 };
        DomainDescription {
            name: "counters",
            title: "Counters",
            policies: vec![PolicyDescription {
                name: "in_turn",
                title: "In turn",
                summary: "serves whoever came first",
                parameters: json!({}),
            }],
            kpis: vec![kpi("cost", Better::Lower), kpi("served", Better::Higher)],
            world: json!({}),
        }
    }

    fn check(&self, scenario: &Scenario) -> Vec<Complaint> {
        if scenario.world["counters"].as_u64().is_some_and(|counters| counters > 0) {
            return Vec::new();
        }
        vec![Complaint { place: "/world/counters".into(), problem: "no counter is open".into(), hint: String::new() }]
    }

    fn simulate(&self, scenario: &Scenario, seed: u64, watch: &mut dyn Watch) -> Result<Outcome, Failed> {
        let counters = scenario.world["counters"].as_u64().unwrap();
        if counters == 13 {
            return Err(Failed::Broken("nobody serves at counter 13".into()));
        }
        // Staff of five and more who are talkative keep each other from work.
        let idle = if scenario.world["talkative"] == true { counters.saturating_sub(4) * 2 } else { 0 };
        let (mut random, mut waiting, mut served, mut waited, mut trace) = (seed.wrapping_mul(2) + 1, 0, 0, 0, 0_u64);
        for second in 0..scenario.duration_seconds {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            waiting += (random >> 60) % 8;
            let now = waiting.min(counters - idle);
            (waiting, served, waited) = (waiting - now, served + now, waited + waiting - now);
            trace = trace.rotate_left(5) ^ waiting;
            if !watch.goes_on(second as f64 / scenario.duration_seconds as f64) {
                return Err(Failed::Cancelled);
            }
            if watch.wants_frames() {
                watch.frame(second as f64, Bytes::copy_from_slice(&waiting.to_le_bytes()));
            }
        }
        let cost = waited as f64 + (counters * scenario.duration_seconds) as f64 * 2.0;
        let kpis = [("cost".to_owned(), cost), ("served".to_owned(), served as f64)].into();
        let spots = [("the back room".to_owned(), idle as f64), ("the door".to_owned(), 1.0)].into();
        Ok(Outcome { kpis, trace, findings: vec![format!("{counters} counters")], spots })
    }

    fn watched(&self) -> Vec<Watched> {
        vec![Watched { place: "/world/counters", kpi: "served", better: Better::Higher }]
    }

    fn operations(&self) -> Vec<OperationDescription> {
        vec![OperationDescription { name: "twice", summary: "doubles", input: json!({}), output: json!({}) }]
    }

    fn operate(&self, _name: &str, input: Json) -> Result<Json, Vec<Complaint>> {
        let complaint = || Complaint { place: String::new(), problem: "no number".into(), hint: String::new() };
        input.as_u64().map(|number| json!(number * 2)).ok_or_else(|| vec![complaint()])
    }
}

fn book_on(state: Arc<MemoryState>) -> Arc<RunBook> {
    RunBook::open(state, Arc::new(SteppedClock::new(START)), vec![Arc::new(Counters)], 2).unwrap()
}

fn book() -> Arc<RunBook> {
    book_on(Arc::default())
}

fn scenario(counters: u64) -> Scenario {
    Scenario {
        title: String::new(),
        domain: "counters".into(),
        policy: PolicyChoice { name: "in_turn".into(), parameters: json!({}) },
        world: json!({ "counters": counters }),
        start: Timestamp(0),
        duration_seconds: 200,
        seeds: vec![1, 2, 3, 4, 5],
    }
}

#[test]
fn a_run_waits_works_and_is_kept_with_its_figures_and_frames() {
    let book = book();
    let run = book.simulate(scenario(4), "kim").unwrap();
    assert_eq!((run.state, book.run(&run.id).unwrap().state), (RunState::Waiting, RunState::Waiting));
    assert_eq!(book.turn(), 1);
    let done = book.run(&run.id).unwrap();
    assert_eq!((done.state, done.progress, done.outcomes.len()), (RunState::Finished, 1.0, 5));
    assert_eq!(done.findings, ["4 counters"]);
    let served = done.kpis["served"];
    assert!(served.seeds == 5 && served.half_width.unwrap() > 0.0 && served.minimum <= served.mean);
    let frames = book.frames(&run.id).unwrap();
    assert_eq!((frames.len(), done.frames, frames[199].second), (200, 200, 199.0));
    book.remove(&run.id).unwrap();
    assert!(matches!(book.run(&run.id), Err(RunError::Unknown(_))) && book.runs().unwrap().is_empty());
}

#[test]
fn the_same_again_leaves_the_same_traces() {
    let book = book();
    let run = book.simulate(scenario(4), "kim").unwrap();
    assert!(matches!(book.repeat(&run.id, "kim"), Err(RunError::NothingToShow(_))));
    book.turn();
    let again = book.repeat(&run.id, "kim").unwrap();
    book.turn();
    assert_eq!(book.run(&again.id).unwrap().repeats, Some(Repeats { run: run.id, same: Some(true) }));
}

#[test]
fn two_runs_are_compared_pair_by_pair() {
    let book = book();
    let few = book.simulate(scenario(2), "kim").unwrap();
    let enough = book.simulate(scenario(4), "kim").unwrap();
    book.turn();
    let compared = book.compare(&few.id, &enough.id).unwrap();
    let cost = &compared[0];
    assert_eq!((cost.name.as_str(), cost.second_is_better), ("cost", Some(true)));
    assert!(cost.difference.unwrap().mean < 0.0);
    let same = book.compare(&few.id, &few.id).unwrap();
    assert_eq!((same[0].difference.unwrap().mean, same[0].second_is_better), (0.0, None));
}

#[test]
fn what_cannot_be_simulated_is_said_at_once_and_what_breaks_says_why() {
    let book = book();
    let Err(RunError::Complaints(complaints)) = book.simulate(scenario(0), "kim") else { panic!("no counter is open") };
    assert_eq!(complaints[0].place, "/world/counters");
    let twice = Scenario { seeds: vec![1, 1], ..scenario(1) };
    assert!(matches!(book.simulate(twice, "kim"), Err(RunError::Complaints(_))));
    let elsewhere = Scenario { domain: "moon".into(), ..scenario(1) };
    assert!(matches!(book.simulate(elsewhere, "kim"), Err(RunError::UnknownDomain(_))));
    let broken = book.simulate(scenario(13), "kim").unwrap();
    book.turn();
    let broken = book.run(&broken.id).unwrap();
    assert_eq!((broken.state, broken.problem.as_deref()), (RunState::Failed, Some("nobody serves at counter 13")));
}

#[test]
fn a_full_queue_refuses_and_a_cancelled_run_ends() {
    let book = book();
    let ids: Vec<String> = (0..64).map(|_| book.simulate(scenario(3), "kim").unwrap().id).collect();
    assert!(matches!(book.simulate(scenario(3), "kim"), Err(RunError::Busy)));
    book.cancel(&ids[0]).unwrap();
    book.turn();
    assert_eq!(book.run(&ids[0]).unwrap().state, RunState::Cancelled);
    assert_eq!(book.run(&ids[1]).unwrap().state, RunState::Finished);
    assert!(matches!(book.cancel(&ids[0]), Err(RunError::Unknown(_))), "it is over");
}

#[test]
fn what_was_cut_off_has_failed() {
    let state: Arc<MemoryState> = Arc::default();
    let run = book_on(Arc::clone(&state)).simulate(scenario(3), "kim").unwrap();
    let book = book_on(state);
    assert_eq!(book.run(&run.id).unwrap().state, RunState::Failed);
    assert_eq!(book.turn(), 0);
}

#[test]
fn a_plan_names_the_best_with_few_simulations_and_says_what_failed() {
    let book = book();
    let values = [1, 2, 3, 4, 5, 6, 8, 13, 20, 40].map(|counters| json!(counters)).to_vec();
    let vary = vec![Variation { place: "/world/counters".into(), values }];
    let base = Scenario { seeds: (0..8).collect(), ..scenario(1) };
    let request = PlanRequest { base: base.clone(), vary, objective: String::new() };
    let plan = book.plan(request.clone(), "kim").unwrap();
    assert_eq!(plan.request.objective, "cost");
    book.turn();
    assert!(matches!(book.remove_plan("plan-none"), Err(RunError::Unknown(_))));
    let found = book.plan_run(&plan.id).unwrap().found.unwrap();
    book.remove_plan(&plan.id).unwrap();
    assert!(matches!(book.plan_run(&plan.id), Err(RunError::Unknown(_))));
    assert!(found.simulations < 10 * 8, "{} simulations", found.simulations);
    let costs: Vec<(u64, f64)> = (1..=6)
        .map(|counters| {
            let run = book.simulate(Scenario { seeds: (0..8).collect(), ..scenario(counters) }, "kim").unwrap();
            book.turn();
            (counters, book.run(&run.id).unwrap().kpis["cost"].mean)
        })
        .collect();
    let best = costs.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert_eq!(found.ranked[0].candidate.values, [json!(best.0)]);
    assert_eq!((found.ranked[0].kpis["cost"].seeds, found.ranked[0].kpis["cost"].mean), (8, best.1));
    assert!(found.ranked[0].behind.is_none() && found.ranked[1].behind.unwrap().mean > 0.0);
    let last = found.ranked.last().unwrap();
    assert_eq!((&last.candidate.values[0], last.failed.is_some()), (&json!(13), true));

    let nowhere = vec![Variation { place: "/world/moons".into(), values: vec![json!(1)] }];
    let wrong = PlanRequest { vary: nowhere, ..request.clone() };
    let Err(RunError::Complaints(complaints)) = book.plan(wrong, "kim") else { panic!("there is no such place") };
    insta::assert_snapshot!(complaints[0].problem, @"the scenario has nothing at /world/moons");
    let wrong = PlanRequest { objective: "beauty".into(), ..request };
    assert!(matches!(book.plan(wrong, "kim"), Err(RunError::Complaints(_))));
}

#[test]
fn only_what_has_a_run_to_show_goes_live() {
    let book = book();
    let run = book.simulate(scenario(4), "kim").unwrap();
    assert!(matches!(book.promote(&run.id, Mode::Shadow, "kim"), Err(RunError::NothingToShow(_))));
    book.turn();
    book.promote(&run.id, Mode::Shadow, "kim").unwrap();
    let live = book.promote(&run.id, Mode::Operate, "kim").unwrap();
    let now = live.now.unwrap();
    assert_eq!((now.mode, now.run.as_deref(), live.earlier.len()), (Mode::Operate, Some(run.id.as_str()), 1));
    let forced = book.force("counters", now.policy, Mode::Operate, "owner").unwrap();
    assert_eq!(forced.now.unwrap().run, None, "the record says that nothing was shown");
    assert_eq!(book.roll_back("counters").unwrap().now.unwrap().run, Some(run.id));
    assert_eq!(book.withdraw("counters").unwrap().now, None);
}

#[test]
fn a_domain_answers_the_questions_that_it_names() {
    let book = book();
    assert_eq!(book.operate("counters", "twice", json!(21)).unwrap(), json!(42));
    assert!(matches!(book.operate("counters", "twice", json!("x")), Err(RunError::Complaints(_))));
    assert!(matches!(book.operate("counters", "thrice", json!(1)), Err(RunError::UnknownOperation(..))));
    assert!(matches!(book.operate("tills", "twice", json!(1)), Err(RunError::UnknownDomain(_))));
}

#[test]
fn a_plan_tells_where_more_is_less() {
    let book = book();
    let base = Scenario { world: json!({"counters": 2, "talkative": true}), seeds: (1..=8).collect(), ..scenario(2) };
    let values = (1..=6).map(|counters| json!(counters)).collect();
    let vary = vec![Variation { place: "/world/counters".into(), values }];
    let asked = book.plan(PlanRequest { base, vary, objective: "cost".into() }, "tester").unwrap();
    book.turn();
    let found = book.plan_run(&asked.id).unwrap().found.unwrap();
    let [turn] = found.turns.as_slice() else { panic!("{:?}", found.turns) };
    assert_eq!((turn.best, turn.falls.iter().map(|fall| fall.value).collect()), (4.0, vec![5.0, 6.0]));
    assert!(turn.falls.iter().all(|fall| fall.difference.seeds == 8 && fall.difference.mean < 0.0), "{turn:?}");
    assert_eq!(turn.words, "served is best with 4 at /world/counters; worse with 5, 6");
    assert_eq!(turn.spots, ["the back room"]);
}
