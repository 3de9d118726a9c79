//! The independent judge of plans: it knows the rules of moving and nothing of how plans are made.
//!
//! Two agents may not be on one cell, nor change places; nobody may leave the floor or go a closed way. Following is
//! allowed: a cell may be entered in the step in which it is left.

use crate::PlanError;
use crate::grid::{Action, Cell, Grid, NO_CELL, State};

/// What is wrong with a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is not one action for each agent.
    #[error("{actions} actions for {agents} agents")]
    Count {
        /// How many agents there are.
        agents: usize,
        /// How many actions were given.
        actions: usize,
    },
    /// An agent goes where it cannot.
    #[error("agent {agent} goes off the floor or through something")]
    Blocked {
        /// Who.
        agent: usize,
    },
    /// Two agents are on one cell.
    #[error("agents {first} and {second} are on one cell")]
    Vertex {
        /// One of them.
        first: usize,
        /// The other.
        second: usize,
    },
    /// Two agents change places.
    #[error("agents {first} and {second} change places")]
    Swap {
        /// One of them.
        first: usize,
        /// The other.
        second: usize,
    },
}

/// All faults of one step.
pub fn faults(grid: &Grid, states: &[State], actions: &[Action]) -> Vec<Fault> {
    if states.len() != actions.len() {
        return vec![Fault::Count { agents: states.len(), actions: actions.len() }];
    }
    let mut found = Vec::new();
    let mut was_on = vec![usize::MAX; grid.len()];
    let mut is_on = vec![usize::MAX; grid.len()];
    let mut after = Vec::with_capacity(states.len());
    for (agent, (state, action)) in states.iter().zip(actions).enumerate() {
        was_on[state.cell as usize] = agent;
        let mut to: Cell = state.cell;
        if *action == Action::Forward {
            to = grid.ahead(state.cell, state.heading);
            if to == NO_CELL {
                found.push(Fault::Blocked { agent });
                to = state.cell;
            }
        }
        after.push(to);
    }
    for (agent, to) in after.iter().enumerate() {
        let there = &mut is_on[*to as usize];
        if *there != usize::MAX {
            found.push(Fault::Vertex { first: *there, second: agent });
        }
        *there = agent;
    }
    for (agent, to) in after.iter().enumerate() {
        let other = was_on[*to as usize];
        if other != usize::MAX && other < agent && after[other] == states[agent].cell && *to != states[agent].cell {
            found.push(Fault::Swap { first: other, second: agent });
        }
    }
    found
}

/// The first fault of a step as an error.
pub fn check_step(grid: &Grid, states: &[State], actions: &[Action]) -> Result<(), PlanError> {
    faults(grid, states, actions).into_iter().next().map_or(Ok(()), |fault| Err(PlanError::Invalid(fault)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Heading;

    fn state(grid: &Grid, row: usize, column: usize, heading: Heading) -> State {
        State { cell: grid.cell(row, column).unwrap(), heading }
    }

    #[test]
    fn every_kind_of_fault_is_found() {
        let grid = Grid::new(2, 2, |row, column| (row, column) != (1, 1)).unwrap();
        let west = state(&grid, 0, 0, Heading::East);
        let east = state(&grid, 0, 1, Heading::West);
        assert_eq!(faults(&grid, &[west], &[]), [Fault::Count { agents: 1, actions: 0 }]);
        assert_eq!(
            faults(&grid, &[west, east], &[Action::Forward, Action::Wait]),
            [Fault::Vertex { first: 0, second: 1 }]
        );
        assert_eq!(faults(&grid, &[west, east], &[Action::Forward; 2]), [Fault::Swap { first: 0, second: 1 }]);
        let down = state(&grid, 0, 1, Heading::South);
        assert_eq!(faults(&grid, &[west, down], &[Action::Wait, Action::Forward]), [Fault::Blocked { agent: 1 }]);
    }

    #[test]
    fn following_and_turning_in_a_ring_are_legal() {
        let grid = Grid::new(2, 2, |_, _| true).unwrap();
        let ring = [
            state(&grid, 0, 0, Heading::East),
            state(&grid, 0, 1, Heading::South),
            state(&grid, 1, 1, Heading::West),
            state(&grid, 1, 0, Heading::North),
        ];
        assert_eq!(faults(&grid, &ring, &[Action::Forward; 4]), []);
    }
}
