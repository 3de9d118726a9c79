//! kill -9 while the state is being written: what was answered is there.

use std::path::PathBuf;

use crate::crash::{self, Child, FOLDER};
use model::Timestamp;
use store::state::{Change, SqliteState, State, Table};

const WRITERS: u64 = 3;

/// The child: commits from several threads, two rows each time, and announces what was answered.
#[test]
#[ignore = "started by the test below"]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let state = SqliteState::open(&folder.join("state.sqlite")).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let state = &state;
            scope.spawn(move || {
                let id = format!("writer-{writer}");
                let start: u64 =
                    state.get(Table::Setting, &id).unwrap().map_or(0, |row| row.parse(Table::Setting).unwrap());
                for number in start + 1.. {
                    let rows = [Table::Setting, Table::Twin].map(|table| Change::put(table, id.clone(), None, &number));
                    state.commit(rows.into(), Timestamp(0)).unwrap();
                    crash::announce(&format!("{writer} {number}"));
                }
            });
        }
    });
}

#[test]
fn nothing_answered_is_lost_and_nothing_is_there_by_half() {
    let folder = tempfile::tempdir().unwrap();
    let mut answered = [0_u64; WRITERS as usize];
    for round in 0..12 {
        for line in Child::start("state_crash::child", folder.path()).kill_after_lines(10 + round * 17) {
            let (writer, number) = line.split_once(' ').unwrap();
            let answered = &mut answered[writer.parse::<usize>().unwrap()];
            *answered = number.parse().unwrap();
        }
        let state = SqliteState::open(&folder.path().join("state.sqlite")).unwrap();
        for (writer, answered) in answered.iter().enumerate() {
            let id = format!("writer-{writer}");
            let read = |table| state.get(table, &id).unwrap().map_or(0, |row| row.parse::<u64>(table).unwrap());
            let kept = read(Table::Setting);
            assert!(kept >= *answered, "round {round}, writer {writer}: {answered} was answered, {kept} is there");
            assert_eq!(kept, read(Table::Twin), "round {round}, writer {writer}");
        }
    }
    assert!(answered.iter().sum::<u64>() > 500, "{answered:?}");
}
