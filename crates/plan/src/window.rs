//! One plan for the next `D` steps of everybody: who is where when, without collisions at any time.
//!
//! A plan is changed by putting one agent onto another choice and pushing whoever is in the way onto another one in turn,
//! until nobody is in anybody's way (priority inheritance over multi-action operations). A chain that would make the plan
//! worse than a limit is given up early: nobody can gain more than what it has lost now.

use crate::choices::{Choice, Choices};
use crate::grid::Cell;
use crate::random::Random;

/// Nobody is here.
pub(crate) const NOBODY: u16 = u16::MAX;

/// The most agents of one plan: their numbers are kept in 16 bits, and one more stands for walls.
pub const AGENTS_MAX: usize = NOBODY as usize - 1;

/// The longest chain of pushes.
const CHAIN_MAX: u32 = 400;

/// How many pushes one attempt at improvement may try: dense floors need many, and those of open ones end early.
const PUSHES: u32 = 300;

/// From how many random agents the next one to be improved is taken.
const DRAWN: usize = 2;

/// The share of pushes that an attempt passes over, of 65,536, so that attempts differ.
const PUSHES_SKIPPED: u16 = 20_000;

/// The work between two looks at the time, in choices that are examined; every attempt counts for some of them.
const WORK_BETWEEN_LOOKS: u32 = 1_024;

/// What an attempt counts for at least.
const WORK_OF_TRY: u32 = 32;

/// Who is in the way of a choice.
enum Conflict {
    Nobody,
    One(u16),
    Several,
}

/// How a chain of pushes is searched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chain {
    /// The largest loss of the plan that will do.
    pub(crate) limit: i64,
    /// How many pushes may be tried.
    pub(crate) pushes: u32,
    /// The share of pushes that is passed over, of 65,536.
    pub(crate) skip: u16,
}

/// A plan and the tables that show its collisions.
#[derive(Debug, Clone)]
pub(crate) struct Window<'a, const D: usize> {
    choices: &'a Choices<D>,
    at_start: &'a [u16],
    starts: &'a [Cell],
    /// The choice that each agent takes, as its place in the list.
    pub(crate) chosen: Vec<u32>,
    used: Vec<[u16; D]>,
    /// The loss of the whole plan.
    pub(crate) loss: i64,
    /// The mark of the last search that touched an agent, the highest for agents that must not be touched; and one more,
    /// for walls.
    marks: Vec<u32>,
    mark: u32,
    /// More than any one agent loses in this plan.
    loss_bound: i64,
    /// The choices examined since somebody asked.
    examined: u32,
    random: Random,
}

impl<'a, const D: usize> Window<'a, D> {
    /// A plan in which everybody takes the choice given, which must be free of collisions.
    pub(crate) fn new(
        choices: &'a Choices<D>,
        starts: &'a [Cell],
        at_start: &'a [u16],
        chosen: Vec<u32>,
        seed: u64,
    ) -> Self {
        let mut window = Self {
            choices,
            at_start,
            starts,
            used: vec![[NOBODY; D]; at_start.len()],
            marks: vec![0; chosen.len() + 1],
            mark: 0,
            loss: 0,
            loss_bound: 0,
            examined: 0,
            random: Random::new(seed),
            chosen,
        };
        for agent in 0..window.chosen.len() {
            window.put(agent as u16, window.chosen[agent]);
        }
        window.bound_losses();
        window
    }

    fn choice(&self, index: u32) -> &'a Choice<D> {
        &self.choices.list[index as usize]
    }

    /// The choice that an agent takes.
    pub(crate) fn taken(&self, agent: usize) -> &'a Choice<D> {
        self.choice(self.chosen[agent])
    }

    fn put(&mut self, agent: u16, index: u32) {
        let choice = self.choice(index);
        for (step, cell) in choice.cells.iter().enumerate() {
            self.used[*cell as usize][step] = agent;
        }
        self.chosen[usize::from(agent)] = index;
        self.loss += i64::from(choice.loss);
    }

    fn take(&mut self, agent: u16) {
        let choice = self.taken(usize::from(agent));
        for (step, cell) in choice.cells.iter().enumerate() {
            self.used[*cell as usize][step] = NOBODY;
        }
        self.loss -= i64::from(choice.loss);
    }

    fn bound_losses(&mut self) {
        self.loss_bound = (0..self.chosen.len()).map(|agent| i64::from(self.taken(agent).loss)).max().unwrap_or(0);
    }

    /// Who is in the way when an agent that is in nobody's way now takes this choice.
    fn conflict(&self, agent: u16, choice: &Choice<D>) -> Conflict {
        let mut found = NOBODY;
        let mut before = self.starts[usize::from(agent)];
        for step in 0..D {
            let cell = choice.cells[step];
            let there = &self.used[cell as usize];
            let meets = there[step];
            if meets != NOBODY && meets != found {
                if found != NOBODY {
                    return Conflict::Several;
                }
                found = meets;
            }
            if cell != before {
                let was_there = if step == 0 { self.at_start[cell as usize] } else { there[step - 1] };
                if was_there != NOBODY && was_there != found && self.used[before as usize][step] == was_there {
                    if found != NOBODY {
                        return Conflict::Several;
                    }
                    found = was_there;
                }
            }
            before = cell;
        }
        if found == NOBODY { Conflict::Nobody } else { Conflict::One(found) }
    }

    /// Finds a choice for an agent that is out of the plan, pushing others.
    fn push(&mut self, agent: u16, chain: &mut Chain, depth: u32) -> bool {
        self.marks[usize::from(agent)] = self.mark;
        for index in self.choices.of_agent(usize::from(agent)) {
            let choice = &self.choices.list[index];
            let loss = self.loss + i64::from(choice.loss);
            if loss - self.loss_bound > chain.limit {
                break;
            }
            self.examined += 1;
            match self.conflict(agent, choice) {
                Conflict::Nobody if loss <= chain.limit => {
                    self.put(agent, index as u32);
                    return true;
                }
                Conflict::One(other)
                    if self.marks[usize::from(other)] < self.mark
                        && chain.pushes > 0
                        && depth < CHAIN_MAX
                        && loss - i64::from(self.taken(usize::from(other)).loss) <= chain.limit
                        && (chain.skip == 0 || self.random.bits() as u16 >= chain.skip) =>
                {
                    chain.pushes -= 1;
                    let old = self.chosen[usize::from(other)];
                    self.take(other);
                    self.put(agent, index as u32);
                    if self.push(other, chain, depth + 1) {
                        return true;
                    }
                    self.take(agent);
                    self.put(other, old);
                }
                _ => {}
            }
        }
        self.marks[usize::from(agent)] = 0;
        false
    }

    /// Gives an agent the best choice that can be had; leaves the plan as it is when there is none within the limit.
    fn improve(&mut self, agent: u16, mut chain: Chain) -> bool {
        let old = self.chosen[usize::from(agent)];
        self.take(agent);
        let done = self.push(agent, &mut chain, 0);
        if !done {
            self.put(agent, old);
        }
        done
    }

    /// Lets everybody choose in this order, whatever it costs those who come later; who has chosen is not pushed again.
    pub(crate) fn choose_in_order(&mut self, order: &[u16], pushes: u32, is_over: impl Fn() -> bool) {
        self.mark += 1;
        for (number, agent) in order.iter().enumerate() {
            if number % 16 == 0 && is_over() {
                break;
            }
            if self.marks[usize::from(*agent)] < self.mark {
                self.loss_bound = i64::MAX / 4;
                self.improve(*agent, Chain { limit: i64::MAX / 4, pushes, skip: 0 });
                self.marks[usize::from(*agent)] = self.mark;
            }
        }
        self.bound_losses();
    }

    /// Improves the plan by the agents of `first` in their order and then by random ones of `own`, until the time is out.
    /// Returns how many were tried.
    pub(crate) fn search(&mut self, first: &[u16], own: &[u16], temperature: f64, is_over: impl Fn() -> bool) -> u64 {
        let mut tried = 0;
        if own.is_empty() {
            return tried;
        }
        let mut first = first.iter().copied();
        let mut work = 0;
        loop {
            work += WORK_OF_TRY + std::mem::take(&mut self.examined);
            if work >= WORK_BETWEEN_LOOKS {
                work = 0;
                if is_over() {
                    return tried;
                }
            }
            tried += 1;
            if tried % 4_096 == 0 {
                self.bound_losses();
            }
            let agent = first.next().unwrap_or_else(|| self.draw(own));
            if self.taken(usize::from(agent)).loss == 0 {
                continue;
            }
            self.mark += 1;
            let allowed = if temperature > 0.0 { -self.random.unit().max(1e-12).ln() * temperature } else { 0.0 };
            let limit = self.loss + allowed as i64;
            self.improve(agent, Chain { limit, pushes: PUSHES, skip: PUSHES_SKIPPED });
        }
    }

    /// Of some random agents the one that loses most: there is most to gain.
    fn draw(&mut self, own: &[u16]) -> u16 {
        let mut drawn = own[self.random.index(own.len())];
        for _ in 1..DRAWN {
            let other = own[self.random.index(own.len())];
            if self.taken(usize::from(other)).loss > self.taken(usize::from(drawn)).loss {
                drawn = other;
            }
        }
        drawn
    }

    /// Goes on with other random numbers.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.random = Random::new(seed);
    }

    /// Leaves only the cells inside to be moved on, by those whose course lies there. Returns who they are.
    pub(crate) fn confine(&mut self, is_inside: impl Fn(Cell) -> bool) -> Vec<u16> {
        let agents = self.chosen.len();
        let wall = agents as u16;
        for (_, used) in self.used.iter_mut().enumerate().filter(|(cell, _)| !is_inside(*cell as Cell)) {
            *used = [wall; D];
        }
        (self.mark, self.marks[agents]) = (0, u32::MAX);
        let mut own = Vec::new();
        for agent in 0..agents {
            let is_own = is_inside(self.starts[agent]) && self.taken(agent).cells.iter().all(|cell| is_inside(*cell));
            self.marks[agent] = if is_own { 0 } else { u32::MAX };
            own.extend(is_own.then_some(agent as u16));
        }
        own
    }

    /// Takes over what others have chosen, all at once.
    pub(crate) fn adopt(&mut self, changed: impl Iterator<Item = (u16, u32)> + Clone) {
        for (agent, _) in changed.clone() {
            self.take(agent);
        }
        for (agent, index) in changed {
            self.put(agent, index);
        }
        self.bound_losses();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::Wish;
    use crate::fields::Way;
    use crate::grid::{Grid, Heading, State};
    use crate::operations::OperationTable;

    #[test]
    fn nobody_goes_through_walls() {
        let grid = Grid::new(1, 10, |_, _| true).unwrap();
        let starts = [3, 7];
        let wishes = [(3, Heading::East), (7, Heading::East)].map(|(cell, heading)| Wish {
            state: State { cell, heading },
            goal: Some(Way::unknown(9)),
            next: None,
            weight: 1,
            is_fixed: false,
        });
        let choices = Choices::work_out(&grid, &OperationTable::<3>::new(), &wishes, 1);
        let mut at_start = vec![NOBODY; grid.len()];
        (at_start[3], at_start[7]) = (0, 1);
        let waiting: Vec<u32> = (0..2)
            .map(|agent| {
                let stays = |index: &usize| choices.list[*index].cells == [starts[agent]; 3];
                choices.of_agent(agent).find(stays).unwrap() as u32
            })
            .collect();
        let mut window = Window::new(&choices, &starts, &at_start, waiting, 1);
        let own = window.confine(|cell| cell < 5);
        assert_eq!(own, [0]);
        let looks = std::cell::Cell::new(0);
        let is_over = || looks.replace(looks.get() + 1) > 8;
        window.search(&own, &own, 0.0, is_over);
        assert_eq!(window.taken(0).cells, [4; 3], "as far as the wall");
        assert_eq!(window.taken(1).cells, [7; 3], "who is beyond is not touched");
    }
}
