//! One suite for every engine of the state.

use std::sync::Arc;

use model::Timestamp;
use store::state::{Change, Expect, MemoryState, Row, SqliteState, State, StateError, Table};

/// A fresh state and what must stay alive as long as it does.
type Made = (Arc<dyn State>, Option<tempfile::TempDir>);

fn engines() -> Vec<(&'static str, Made)> {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteState::open(&folder.path().join("state.sqlite")).unwrap();
    vec![("memory", (Arc::new(MemoryState::new()), None)), ("sqlite", (Arc::new(sqlite), Some(folder)))]
}

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

fn put(table: Table, id: &str, key: Option<&str>, document: &str, expect: Expect) -> Change {
    Change::Put { table, id: id.into(), key: key.map(Into::into), document: document.into(), expect }
}

fn ids(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

#[test]
fn every_table_keeps_rows_of_its_own() {
    for (name, (state, _folder)) in engines() {
        for table in Table::ALL {
            let document = table.name().to_owned();
            assert_eq!(state.commit(vec![put(table, "one", Some("key"), &document, Expect::Any)], NOW).unwrap(), [1]);
        }
        for table in Table::ALL {
            let row = state.get(table, "one").unwrap().unwrap();
            assert_eq!(row.document, table.name().as_bytes(), "{name}");
            assert_eq!((row.rev, row.updated, row.key.as_deref()), (1, NOW, Some("key")), "{name}");
            assert_eq!(state.count(table, None).unwrap(), 1, "{name}");
        }
        assert_eq!(state.get(Table::Thing, "two").unwrap(), None, "{name}");
    }
}

#[test]
fn a_rev_grows_with_every_change_and_begins_anew_after_a_delete() {
    for (name, (state, _folder)) in engines() {
        let write = |expect| state.commit(vec![put(Table::Thing, "lamp", None, "x", expect)], NOW);
        assert_eq!(write(Expect::Absent).unwrap(), [1], "{name}");
        assert_eq!(write(Expect::Rev(1)).unwrap(), [2], "{name}");
        assert_eq!(write(Expect::Any).unwrap(), [3], "{name}");
        let both = vec![put(Table::Thing, "lamp", None, "y", Expect::Rev(3)), Change::delete(Table::Thing, "lamp")];
        assert_eq!(state.commit(both, NOW).unwrap(), [4, 0], "{name}");
        assert_eq!(write(Expect::Absent).unwrap(), [1], "{name}");
    }
}

#[test]
fn a_conflict_says_what_was_found_and_undoes_everything() {
    for (name, (state, _folder)) in engines() {
        state.commit(vec![put(Table::Thing, "lamp", Some("a"), "old", Expect::Any)], NOW).unwrap();
        let cases = [
            (Expect::Absent, "lamp", None, Some(1)),
            (Expect::Rev(2), "lamp", Some(2), Some(1)),
            (Expect::Rev(1), "none", Some(1), None),
        ];
        for (expect, id, wanted, had) in cases {
            for last in [put(Table::Thing, id, None, "new", expect), Change::delete(Table::Thing, id).expecting(expect)]
            {
                let changes = vec![
                    put(Table::Thing, "lamp2", None, "new", Expect::Any),
                    Change::DeleteKey { table: Table::Thing, key: "a".into() },
                    put(Table::Thing, "lamp", None, "newer", Expect::Absent),
                    Change::delete(Table::Thing, "lamp"),
                    put(Table::Thing, "lamp", Some("a"), "old", Expect::Any),
                    last,
                ];
                match state.commit(changes, Timestamp(5)) {
                    Err(StateError::Conflict { table: Table::Thing, id: conflicting, expected, found }) => {
                        assert_eq!((conflicting.as_str(), expected, found), (id, wanted, had), "{name}");
                    }
                    other => panic!("{name}: {other:?}"),
                }
                let rows = state.list(Table::Thing, None, None, 10).unwrap();
                assert_eq!(ids(&rows), ["lamp"], "{name}");
                assert_eq!((rows[0].rev, rows[0].updated, &*rows[0].document), (1, NOW, b"old".as_slice()), "{name}");
                assert_eq!(state.count(Table::Thing, Some("a")).unwrap(), 1, "{name}");
            }
        }
    }
}

#[test]
fn rows_are_listed_in_order_with_a_cursor() {
    for (name, (state, _folder)) in engines() {
        let names = ["", "a", "a/b", "b", "B", "거실", "z\u{1F600}"];
        let changes = names
            .iter()
            .map(|id| put(Table::Retained, id, Some(if id.len() > 1 { "long" } else { "short" }), "", Expect::Any));
        state.commit(changes.collect(), NOW).unwrap();
        let mut sorted = names;
        sorted.sort_unstable();
        assert_eq!(ids(&state.list(Table::Retained, None, None, 100).unwrap()), sorted, "{name}");
        for key in [None, Some("long"), Some("short"), Some("none")] {
            let mut paged: Vec<String> = Vec::new();
            loop {
                let page = state.list(Table::Retained, key, paged.last().map(String::as_str), 2).unwrap();
                if page.is_empty() {
                    break;
                }
                paged.extend(page.into_iter().map(|row| row.id));
            }
            let all: Vec<&&str> = sorted
                .iter()
                .filter(|id| key.is_none_or(|key| key == if id.len() > 1 { "long" } else { "short" }))
                .collect();
            assert_eq!(paged.iter().collect::<Vec<_>>(), all, "{name} {key:?}");
            assert_eq!(state.count(Table::Retained, key).unwrap(), paged.len() as u64, "{name}");
        }
        assert!(state.list(Table::Retained, None, None, 0).unwrap().is_empty(), "{name}");
    }
}

#[test]
fn delete_key_removes_all_of_a_key_and_nothing_else() {
    for (name, (state, _folder)) in engines() {
        let rows = [("1", Some("a")), ("2", Some("b")), ("3", Some("a")), ("4", None)];
        state.commit(rows.map(|(id, key)| put(Table::InFlight, id, key, "", Expect::Any)).into(), NOW).unwrap();
        // A row that changes its key belongs to the new one only.
        state.commit(vec![put(Table::InFlight, "2", Some("a"), "", Expect::Rev(1))], NOW).unwrap();
        state.commit(vec![put(Table::InFlight, "3", Some("b"), "", Expect::Rev(1))], NOW).unwrap();
        let delete = Change::DeleteKey { table: Table::InFlight, key: "a".into() };
        assert_eq!(state.commit(vec![delete.clone()], NOW).unwrap(), [0], "{name}");
        assert_eq!(ids(&state.list(Table::InFlight, None, None, 9).unwrap()), ["3", "4"], "{name}");
        state.commit(vec![delete], NOW).unwrap();
    }
}

#[test]
fn documents_are_kept_byte_by_byte() {
    for (name, (state, _folder)) in engines() {
        let document: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
        let change = Change::Put {
            table: Table::Twin,
            id: "large\u{0}id".into(),
            key: Some(String::new()),
            document: document.clone(),
            expect: Expect::Any,
        };
        state.commit(vec![change, put(Table::Twin, "empty", None, "", Expect::Any)], Timestamp(-1)).unwrap();
        let row = state.get(Table::Twin, "large\u{0}id").unwrap().unwrap();
        assert!(row.document == document && row.key.as_deref() == Some(""), "{name}");
        assert_eq!(row.updated, Timestamp(-1), "{name}");
        assert_eq!(state.get(Table::Twin, "empty").unwrap().unwrap().document, b"", "{name}");
        let error = row.parse::<u8>(Table::Twin).unwrap_err();
        assert!(matches!(error, StateError::Document { .. }), "{name}");
    }
}

#[test]
fn an_empty_commit_is_fine() {
    for (name, (state, _folder)) in engines() {
        assert!(state.commit(Vec::new(), NOW).unwrap().is_empty(), "{name}");
    }
}

#[test]
fn concurrent_counting_loses_no_step_and_no_reader_sees_half_a_commit() {
    const WRITERS: usize = 4;
    const STEPS: usize = 50;
    for (name, (state, _folder)) in engines() {
        let both = |number: usize, expect| {
            let document = number.to_string();
            vec![put(Table::Setting, "a", None, &document, expect), put(Table::Setting, "b", None, &document, expect)]
        };
        state.commit(both(0, Expect::Absent), NOW).unwrap();
        let conflicts = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    for _ in 0..STEPS {
                        loop {
                            let row = state.get(Table::Setting, "a").unwrap().unwrap();
                            let number: usize = row.parse(Table::Setting).unwrap();
                            match state.commit(both(number + 1, Expect::Rev(row.rev)), NOW) {
                                Ok(revs) => {
                                    assert_eq!(revs, [row.rev + 1, row.rev + 1], "{name}");
                                    // Whoever wrote reads what it wrote, or something later.
                                    assert!(state.get(Table::Setting, "a").unwrap().unwrap().rev > row.rev, "{name}");
                                    break;
                                }
                                Err(StateError::Conflict { .. }) => {
                                    conflicts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                                }
                                Err(error) => panic!("{name}: {error}"),
                            }
                        }
                    }
                });
            }
            scope.spawn(|| {
                for _ in 0..200 {
                    let rows = state.list(Table::Setting, None, None, 2).unwrap();
                    assert_eq!(rows[0].document, rows[1].document, "{name}");
                }
            });
        });
        let row = state.get(Table::Setting, "a").unwrap().unwrap();
        assert_eq!(row.parse::<usize>(Table::Setting).unwrap(), WRITERS * STEPS, "{name}, {conflicts:?} conflicts");
    }
}

#[test]
fn one_callers_conflict_leaves_the_others_alone() {
    for (name, (state, _folder)) in engines() {
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let state = &state;
                scope.spawn(move || {
                    for step in 0..25 {
                        let id = format!("{writer}-{step}");
                        let good = vec![put(Table::Audit, &id, None, "", Expect::Absent)];
                        assert_eq!(state.commit(good, NOW).unwrap(), [1], "{name}");
                        let bad = vec![
                            put(Table::Audit, &format!("{id}-bad"), None, "", Expect::Any),
                            put(Table::Audit, &id, None, "", Expect::Absent),
                        ];
                        assert!(matches!(state.commit(bad, NOW), Err(StateError::Conflict { .. })), "{name}");
                    }
                });
            }
        });
        assert_eq!(state.count(Table::Audit, None).unwrap(), 200, "{name}");
    }
}
