//! The desk while somebody thinks.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use model::SteppedClock;
use site::run::PolicyChoice;
use store::seal::KEY_BYTES;
use store::state::MemoryState;

use super::*;
use crate::floor::Fulfilment;

/// Says when it begins to think, and thinks once it may.
#[derive(Debug)]
struct Slow {
    begins: SyncSender<()>,
    may: Receiver<()>,
    thinker: Thinker,
}

impl Think for Slow {
    fn think(&mut self, question: Question) -> Thought {
        self.begins.send(()).unwrap();
        self.may.recv().unwrap();
        self.thinker.think(question)
    }
}

fn shape(stations: usize) -> FloorSource {
    let (block_columns, block_rows, block_length) = (2, 2, 4);
    FloorSource::Fulfilment(Fulfilment {
        block_columns,
        block_rows,
        block_length,
        stations,
        chargers: 2,
        robots: 1,
        seed: 1,
        ..Fulfilment::default()
    })
}

fn wanted(desk: &Desk) -> Wanted {
    let place = |what: &str| desk.floor().unwrap().drawing[what][0]["id"].as_str().unwrap().to_owned();
    Wanted { from: place("storages"), to: place("stations"), priority: 0, due: None, not_before: None }
}

/// A desk where a policy operates, somebody who begins to think, and leave to think.
fn opened() -> (Arc<Desk>, Receiver<()>, SyncSender<()>) {
    let state: Arc<dyn State> = Arc::new(MemoryState::new());
    let clock: Arc<dyn Clock> = Arc::new(SteppedClock::new(Timestamp::from_seconds(1_800_000_000)));
    let runs = RunBook::open(Arc::clone(&state), Arc::clone(&clock), vec![Arc::new(Fleet)], 1).unwrap();
    let policy = PolicyChoice { name: Policy::NAME.to_owned(), parameters: serde_json::Value::Null };
    runs.force(Fleet::NAME, policy, Mode::Operate, "test").unwrap();
    let ((begins, begun), (leave, may)) = (sync_channel(4), sync_channel(4));
    let slow = Slow { begins, may, thinker: Thinker::new(1) };
    let desk = Desk::open_with(state, clock, runs, Seal::of([1; KEY_BYTES]), Box::new(slow)).unwrap();
    desk.set_floor(shape(4), None).unwrap();
    (desk, begun, leave)
}

#[test]
fn nobody_waits_for_a_thought() {
    let (desk, begun, leave) = opened();
    std::thread::scope(|scope| {
        let turning = scope.spawn(|| desk.turn(drop).unwrap());
        begun.recv().unwrap();
        // Whoever thinks waits for leave, which comes last.
        let order = desk.create(None, wanted(&desk), "test").unwrap().order;
        assert_eq!(desk.summary().unwrap().figures.orders_waiting, 1);
        assert_eq!(desk.changes(Some(0), 9).orders.len(), 1);
        let address = Address::new("uagv", Version::V2_1, "maker", "1");
        let (robot, is_new) = desk.add_robot(address, Version::V2_1, None).unwrap();
        assert!(is_new && desk.robots().unwrap().len() == 1 && desk.frame().is_some());
        assert_eq!(desk.cancel(&order.id, None, "test").unwrap().state, OrderState::Cancelled);
        desk.remove_robot(robot.number).unwrap();
        assert!(!turning.is_finished());
        leave.send(()).unwrap();
        leave.send(()).unwrap();
    });
}

#[test]
fn closed_places_stay_closed_over_a_restart_and_unknown_ones_change_nothing() {
    let (desk, ..) = opened();
    let id = desk.with(|operation| operation.network().id(5).to_owned()).unwrap();
    desk.close_places(std::slice::from_ref(&id)).unwrap();
    let unknown = desk.close_places(&["nowhere".to_owned()]).unwrap_err();
    assert_eq!(unknown.to_string(), "there is no node, station or charger nowhere on the floor");
    let again = read(&*desk.state, desk.clock.now()).unwrap().unwrap().operation;
    assert_eq!(again.closed_nodes().collect::<Vec<_>>(), [id]);
    desk.close_places(&["station-1".to_owned()]).unwrap();
    let nodes = desk.closed_nodes().unwrap();
    assert!(!nodes.is_empty() && !nodes.contains(&"station-1".to_owned()), "{nodes:?}");
    desk.close_places(&[]).unwrap();
    assert_eq!(desk.closed_nodes().unwrap(), Vec::<String>::new());
}

#[test]
fn a_thought_about_another_floor_is_left_out() {
    let (desk, begun, leave) = opened();
    let order = desk.create(None, wanted(&desk), "test").unwrap().order;
    std::thread::scope(|scope| {
        let turning = scope.spawn(|| {
            let mut steps = 0;
            desk.turn(|_| steps += 1).unwrap();
            steps
        });
        begun.recv().unwrap();
        let revision = desk.set_floor(shape(2), None).unwrap().revision;
        assert_eq!(desk.floor().unwrap().revision, revision);
        leave.send(()).unwrap();
        // The question, and the thought that no longer fits.
        assert_eq!(turning.join().unwrap(), 2);
    });
    assert_eq!(desk.order(&order.id).unwrap().state, OrderState::Waiting);
}
