//! What remains of the last plan, as far as everybody is where it was meant to be.

use crate::choices::Choices;
use crate::grid::Cell;
use crate::window::NOBODY;

/// A plan to start from: free of collisions, but not good for everybody.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// The choice of each agent.
    pub(crate) chosen: Vec<u32>,
    /// Those who lost their way, or never had one, and wait for a new one.
    pub(crate) lost: Vec<u16>,
}

/// Goes on with the courses of the last plan, one agent after the other in `courses`. Who is elsewhere, cannot go on or
/// would run into somebody who does not, waits.
pub(crate) fn resume<const D: usize>(choices: &Choices<D>, starts: &[Cell], courses: &[Cell], cells: usize) -> Resumed {
    let mut chosen: Vec<u32> = Vec::with_capacity(starts.len());
    let mut lost = Vec::new();
    let mut used = vec![[NOBODY; D]; cells];
    let mut courses = courses.chunks_exact(D);
    for (agent, start) in starts.iter().enumerate() {
        let rest = courses.next().filter(|course| course[0] == *start).and_then(|course| {
            let rest: [Cell; D] = std::array::from_fn(|step| course[(step + 1).min(D - 1)]);
            find(choices, agent, &rest)
        });
        if let Some(rest) = rest {
            for (step, cell) in choices.list[rest as usize].cells.iter().enumerate() {
                used[*cell as usize][step] = agent as u16;
            }
        } else {
            lost.push(agent as u16);
        }
        chosen.push(rest.unwrap_or_else(|| find(choices, agent, &[*start; D]).expect("waiting is always possible")));
    }
    let mut is_lost = vec![false; starts.len()];
    lost.iter().for_each(|agent| is_lost[usize::from(*agent)] = true);
    let mut next = 0;
    while let Some(start) = lost.get(next).map(|agent| starts[usize::from(*agent)]) {
        for other in used[start as usize] {
            if other != NOBODY && !std::mem::replace(&mut is_lost[usize::from(other)], true) {
                chosen[usize::from(other)] = find(choices, usize::from(other), &[starts[usize::from(other)]; D])
                    .expect("waiting is always possible");
                lost.push(other);
            }
        }
        next += 1;
    }
    Resumed { chosen, lost }
}

fn find<const D: usize>(choices: &Choices<D>, agent: usize, cells: &[Cell; D]) -> Option<u32> {
    choices.of_agent(agent).find(|index| choices.list[*index].cells == *cells).map(|index| index as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::Wish;
    use crate::fields::Way;
    use crate::grid::{Grid, Heading, State};
    use crate::operations::OperationTable;

    #[test]
    fn who_is_elsewhere_stops_only_those_who_would_run_into_it() {
        let grid = Grid::new(1, 12, |_, _| true).unwrap();
        let starts = [1, 4, 9];
        let wishes = starts.map(|cell| Wish {
            state: State { cell, heading: Heading::East },
            goal: Some(Way::unknown(11)),
            next: None,
            weight: 1,
            is_fixed: false,
        });
        let choices = Choices::work_out(&grid, &OperationTable::<4>::new(), &wishes, 1);
        // The second was meant to be on cell 5 by now, and the first to pass cell 4.
        let courses = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 11];
        let resumed = resume(&choices, &starts, &courses, grid.len());
        let cells: Vec<[Cell; 4]> = resumed.chosen.iter().map(|index| choices.list[*index as usize].cells).collect();
        assert_eq!(cells, [[1; 4], [4; 4], [10, 11, 11, 11]]);
        assert_eq!(resumed.lost, [1, 0]);
        assert_eq!(resume(&choices, &starts, &[], grid.len()).lost, [0, 1, 2], "without a plan everybody is lost");
    }
}
