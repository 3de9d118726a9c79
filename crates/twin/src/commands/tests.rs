//! The lives of commands.

use super::*;
use model::{Cause, CauseKind};
use proptest::prelude::*;

fn thing() -> ThingId {
    ThingId::new("lamp").unwrap()
}

fn command(number: u64, action: &str, write: bool, created: i64) -> Command {
    Command {
        id: CommandId::new(format!("c{number:04}")).unwrap(),
        thing: thing(),
        action: Name::new(action).unwrap(),
        write,
        input: Value::Integer(number as i64),
        state: CommandState::Sent,
        output: Value::Null,
        error: None,
        created: Timestamp(created),
        deadline: Timestamp(created + 100),
        updated: Timestamp(created),
        cause: Cause::new(CauseKind::User, "kim"),
    }
}

fn step(state: CommandState) -> (Name, CommandState) {
    (Name::new("fade").unwrap(), state)
}

fn say(book: &mut CommandBook, id: Option<&CommandId>, (action, state): (Name, CommandState)) -> Option<Command> {
    let thing = thing();
    let step = Step { command: id, thing: &thing, action: &action, state, output: &Value::Null, error: None };
    book.step(&step, Timestamp(50))
}

#[test]
fn an_answer_without_an_id_belongs_to_the_oldest_open_one() {
    let mut book = CommandBook::default();
    book.add(command(1, "fade", false, 0)).unwrap();
    book.add(command(2, "fade", false, 1)).unwrap();
    assert_eq!(say(&mut book, None, step(CommandState::Finished)).unwrap().id.as_str(), "c0001");
    assert_eq!(say(&mut book, None, step(CommandState::Running)).unwrap().id.as_str(), "c0002");
    let first = CommandId::new("c0001").unwrap();
    assert_eq!(say(&mut book, Some(&first), step(CommandState::Failed)), None);
}

#[test]
fn a_thing_cannot_answer_for_another() {
    let mut book = CommandBook::default();
    book.add(command(1, "fade", false, 0)).unwrap();
    let (other, id) = (ThingId::new("other").unwrap(), CommandId::new("c0001").unwrap());
    let action = Name::new("fade").unwrap();
    let state = CommandState::Finished;
    let step = Step { command: Some(&id), thing: &other, action: &action, state, output: &Value::Null, error: None };
    assert_eq!(book.step(&step, Timestamp(1)), None);
}

#[test]
fn a_write_finishes_when_the_report_matches_and_is_linked() {
    let mut book = CommandBook::default();
    book.add(command(1, "level", true, 0)).unwrap();
    let (id, level) = (CommandId::new("c0001").unwrap(), Name::new("level").unwrap());
    book.published(&id, Position(7));
    assert!(book.watches(&thing(), Timestamp(5)));
    let unchanged = book.reported(&thing(), &level, false, Position(8), Timestamp(5), &|_| false);
    assert_eq!(unchanged, (None, None));
    let (led, moved) = book.reported(&thing(), &level, true, Position(9), Timestamp(6), &|_| true);
    assert_eq!((led, moved.unwrap().state), (Some(Position(7)), CommandState::Finished));
    assert_eq!(book.led_to(Position(9)), Some(Position(7)));
    assert!(!book.watches(&thing(), Timestamp(7)));
}

#[test]
fn a_newer_write_supersedes_and_actions_have_an_aftermath() {
    let mut book = CommandBook::default();
    book.add(command(1, "level", true, 0)).unwrap();
    let superseded = book.add(command(2, "level", true, 1)).unwrap();
    assert_eq!((superseded[0].id.as_str(), superseded[0].state), ("c0001", CommandState::Failed));
    book.add(command(3, "fade", false, 2)).unwrap();
    book.published(&CommandId::new("c0003").unwrap(), Position(4));
    let power = Name::new("power").unwrap();
    assert_eq!(book.reported(&thing(), &power, true, Position(5), Timestamp(9), &|_| false).0, Some(Position(4)));
    let later = Timestamp(2) + EFFECT_WINDOW + Duration::from_micros(1);
    assert_eq!(book.reported(&thing(), &power, true, Position(6), later, &|_| false).0, None);
}

#[test]
fn what_is_open_and_what_is_kept_is_bounded() {
    let mut book = CommandBook::default();
    for number in 0..OPEN_PER_THING_MAX as u64 {
        book.add(command(number, "fade", false, 0)).unwrap();
    }
    assert_eq!(book.add(command(999, "fade", false, 0)), Err(CommandsFull(thing())));
    assert_eq!(book.expire(Timestamp(99)).len(), 0);
    assert_eq!(book.expire(Timestamp(100)).len(), OPEN_PER_THING_MAX);
    assert_eq!((book.len(), book.open()), (OVER_PER_THING_MAX, 0));
    assert_eq!(book.take_changes().1.len(), OPEN_PER_THING_MAX - OVER_PER_THING_MAX);
}

#[test]
fn a_restart_keeps_deadlines_and_links() {
    let mut book = CommandBook::default();
    book.add(command(1, "level", true, 0)).unwrap();
    book.add(command(2, "fade", false, 0)).unwrap();
    book.published(&CommandId::new("c0001").unwrap(), Position(7));
    book.reported(&thing(), &Name::new("level").unwrap(), true, Position(9), Timestamp(6), &|_| true);
    let mut again = CommandBook::restore(book.take_changes().0);
    assert_eq!(again.led_to(Position(9)), Some(Position(7)));
    let expired = again.expire(Timestamp(1_000));
    assert_eq!((expired.len(), expired[0].id.as_str(), expired[0].state), (1, "c0002", CommandState::TimedOut));
}

#[derive(Debug, Clone)]
enum Move {
    Add(bool),
    Step(Option<u8>, u8),
    Report(bool),
    Tick(u8),
    Restart,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        any::<bool>().prop_map(Move::Add),
        (proptest::option::of(0u8..20), 0u8..6).prop_map(|(id, state)| Move::Step(id, state)),
        any::<bool>().prop_map(Move::Report),
        (0u8..60).prop_map(Move::Tick),
        Just(Move::Restart),
    ];
    proptest::collection::vec(one, 1..60)
}

proptest! {
    /// Whatever happens in whatever order: states only move forwards, what is over stays as it was, nothing open is
    /// past its deadline after a tick, and a restart changes nothing.
    #[test]
    fn commands_keep_their_promises(moves in moves()) {
        use CommandState::*;
        let (mut book, mut now, mut added) = (CommandBook::default(), 0i64, 0u64);
        let mut kept: HashMap<CommandId, CommandRow> = HashMap::new();
        for one in moves {
            let before: HashMap<CommandId, Command> =
                book.of(&thing()).map(|row| (row.command.id.clone(), row.command.clone())).collect();
            match one {
                Move::Add(write) => {
                    added += 1;
                    let _full = book.add(command(added, if write { "level" } else { "fade" }, write, now));
                }
                Move::Step(id, state) => {
                    let state = [Sent, Accepted, Running, Finished, Failed, TimedOut][usize::from(state)];
                    let id = id.map(|id| CommandId::new(format!("c{id:04}")).unwrap());
                    say(&mut book, id.as_ref(), step(state));
                }
                Move::Report(matches) => {
                    let name = Name::new("level").unwrap();
                    book.reported(&thing(), &name, true, Position(added + 1), Timestamp(now), &|_| matches);
                }
                Move::Tick(by) => {
                    now += i64::from(by);
                    book.expire(Timestamp(now));
                    let late = book.of(&thing()).find(|row| {
                        !row.command.state.is_final() && row.command.deadline <= Timestamp(now)
                    });
                    prop_assert_eq!(late, None);
                }
                Move::Restart => {
                    let (changed, removed) = book.take_changes();
                    kept.extend(changed.into_iter().map(|row| (row.command.id.clone(), row)));
                    kept.retain(|id, _| !removed.contains(id));
                    let (open, len) = (book.open(), book.len());
                    book = CommandBook::restore(kept.values().cloned());
                    prop_assert_eq!((book.open(), book.len()), (open, len));
                }
            }
            for row in book.of(&thing()) {
                if let Some(was) = before.get(&row.command.id) {
                    let same = *was == row.command;
                    prop_assert!(same || was.state.may_become(row.command.state));
                }
            }
        }
    }
}
