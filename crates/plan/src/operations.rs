//! All ways to spend the next few steps: which cells an agent can pass in a window of `D` steps.
//!
//! What others notice of an agent is only where it is, so ways that pass the same cells are one [`Course`]; how it looks at
//! the end is chosen among the course's [`Operation`]s by what suits the agent best.

use std::collections::BTreeMap;

use crate::grid::{Action, Heading};

/// The move of a step that stays on its cell; 0 to 3 are the headings.
pub(crate) const STAY: u8 = 4;

/// One way through a window: what is done in each step, and how the agent looks after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation<const D: usize> {
    pub(crate) actions: [Action; D],
    pub(crate) heading: Heading,
}

/// The ways that pass the same cells.
#[derive(Debug, Clone)]
pub(crate) struct Course<const D: usize> {
    /// Where each step goes, [`STAY`] or a heading.
    pub(crate) moves: [u8; D],
    /// How many leading moves are those of the course before it in the table.
    pub(crate) shared: usize,
    /// Its operations in the table's list: first and one past the last.
    pub(crate) operations: (u16, u16),
}

/// All courses from each heading.
#[derive(Debug)]
pub(crate) struct OperationTable<const D: usize> {
    pub(crate) courses: [Vec<Course<D>>; 4],
    pub(crate) operations: Vec<Operation<D>>,
}

impl<const D: usize> OperationTable<D> {
    pub(crate) fn new() -> Self {
        let mut operations = Vec::new();
        let courses = Heading::ALL.map(|heading| Self::courses_from(heading, &mut operations));
        Self { courses, operations }
    }

    fn courses_from(start: Heading, operations: &mut Vec<Operation<D>>) -> Vec<Course<D>> {
        let mut found: BTreeMap<[u8; D], Vec<Operation<D>>> = BTreeMap::new();
        for number in 0..4_usize.pow(D as u32) {
            let actions: [Action; D] = std::array::from_fn(|step| Action::ALL[(number >> (2 * step)) & 3]);
            let mut heading = start;
            let moves = actions.map(|action| {
                heading = action.turn(heading);
                if action == Action::Forward { heading.index() as u8 } else { STAY }
            });
            let same = found.entry(moves).or_default();
            match same.iter_mut().find(|operation| operation.heading == heading) {
                Some(known) if effort(&known.actions) <= effort(&actions) => {}
                Some(known) => known.actions = actions,
                None => same.push(Operation { actions, heading }),
            }
        }
        let mut before: Option<[u8; D]> = None;
        found
            .into_iter()
            .map(|(moves, ways)| {
                let shared = before.map_or(0, |before| before.iter().zip(&moves).take_while(|(a, b)| a == b).count());
                before = Some(moves);
                let first = operations.len() as u16;
                operations.extend(ways);
                Course { moves, shared, operations: (first, operations.len() as u16) }
            })
            .collect()
    }
}

/// Few turns first, then early ones: whoever has turned can still change its mind.
fn effort(actions: &[Action]) -> (usize, usize) {
    let turns = actions.iter().enumerate().filter(|(_, action)| matches!(action, Action::TurnLeft | Action::TurnRight));
    let (count, late) = turns.fold((0, 0), |(count, late), (step, _)| (count + 1, late + step));
    (count, late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_course_is_there_once() {
        let counts = |table: [usize; 4]| table;
        assert_eq!(counts(OperationTable::<3>::new().courses.map(|courses| courses.len())), [17; 4]);
        assert_eq!(counts(OperationTable::<4>::new().courses.map(|courses| courses.len())), [48; 4]);
        assert_eq!(counts(OperationTable::<5>::new().courses.map(|courses| courses.len())), [136; 4]);
        let deepest = OperationTable::<8>::new();
        assert!(deepest.operations.len() < usize::from(u16::MAX), "operations are numbered with 16 bits");
    }

    #[test]
    fn waiting_ends_with_any_look() {
        let table = OperationTable::<3>::new();
        let waiting = table.courses[0].iter().find(|course| course.moves == [STAY; 3]).unwrap();
        assert_eq!(waiting.operations.1 - waiting.operations.0, 4);
    }
}
