//! Ways for everybody: on grids by the planner of the simulation, looked ahead for a few steps; elsewhere by routes.
//!
//! Plans begin where bases end. What they promise about time does not count: traffic keeps their order, and cuts off what
//! could not be driven.

use std::collections::BTreeSet;
use std::sync::Arc;

use plan::assign::OnGrid;
use plan::{Agent, Cell, Grid, Heading, Lifelong, NO_CELL, State, Step};

use crate::effort::Effort;
use crate::floor::{GridView, Network, NodeIndex};
use crate::master::jams::Jams;
use crate::master::routes::routes;
use crate::master::{Problem, Start};
use crate::traffic::{PlannedStep, Robot};
use crate::warehouse::Policy;

/// How many steps are looked ahead, by the number of robots: those for which it holds, and the steps.
const LOOK_AHEAD: [(usize, u32); 3] = [(200, 8), (1_000, 6), (usize::MAX, 4)];
/// The memory for distance fields.
const FIELD_BYTES_MAX: usize = 256 << 20;
/// So many robots around a jam are led out of it at least.
const JAM_ROBOTS: usize = 24;
/// After so many plans another robot is looked after first.
const PLANS_A_TURN: usize = 12;

/// Plans for one floor.
#[derive(Debug)]
pub(super) struct Planner {
    network: Arc<Network>,
    view: Option<GridView>,
    /// What the grid was planned with: the cells that are closed, and the policy.
    lifelong: Option<(BTreeSet<Cell>, usize, Grid, Lifelong)>,
    effort: Effort,
    seed: u64,
    plans: usize,
    jams: Jams,
}

impl Planner {
    pub(super) fn new(network: Arc<Network>, seed: u64) -> Self {
        // Robots that drive backwards or sideways are not what the planner of cells thinks of.
        let is_plain = (0..network.len() as NodeIndex).all(|node| {
            network.theta(node).is_none() && network.ways(node).iter().all(|way| way.orientation.is_none())
        });
        let view = is_plain.then(|| GridView::of(&network).ok()).flatten();
        let (effort, jams) = (Effort::default(), Jams::new(JAM_ROBOTS));
        Self { network, view, lifelong: None, effort, seed, plans: 0, jams }
    }

    /// The nodes that it plans for.
    pub(super) fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// What is known of distances, if the floor is a grid and was planned on.
    pub(super) fn distances(&self) -> Option<(&GridView, OnGrid<'_>)> {
        let (view, (_, _, grid, lifelong)) = (self.view.as_ref()?, self.lifelong.as_ref()?);
        Some((view, OnGrid { grid, fields: lifelong.known_fields() }))
    }

    /// Ways for everybody who can be sent, from where their bases end.
    pub(super) fn paths(&mut self, problem: &Problem, policy: Policy) -> Vec<(Robot, Vec<PlannedStep>)> {
        self.plans += 1;
        let Some(view) = self.view.take() else { return routes(&self.network, problem, self.plans / PLANS_A_TURN) };
        let out = self.jams.ways_out(&self.network, problem);
        let paths = if out.len() < problem.starts.iter().filter(|start| start.is_movable).count() {
            self.on_grid(&view, problem, policy).map(|paths| beside(out, paths))
        } else {
            Some(out)
        };
        self.view = Some(view);
        paths.unwrap_or_default()
    }

    /// Hears who wanted to go somewhere and got no way at all by the plan before.
    pub(super) fn judge(&mut self, stuck: impl Iterator<Item = Robot>) {
        self.jams.judge(stuck);
    }

    fn on_grid(
        &mut self,
        view: &GridView,
        problem: &Problem,
        policy: Policy,
    ) -> Option<Vec<(Robot, Vec<PlannedStep>)>> {
        let starts = &problem.starts;
        let held = starts.iter().filter(|start| !start.is_movable).flat_map(|start| &start.holds);
        let closed: BTreeSet<Cell> = problem.closed.iter().chain(held).map(|node| view.cell(*node)).collect();
        self.prepare(view, closed, policy)?;
        let (_, _, grid, lifelong) = self.lifelong.as_mut()?;
        let cell = |node: NodeIndex| view.cell(node);
        let mut agents: Vec<Agent> = starts
            .iter()
            .map(|start| {
                let state = State { cell: cell(start.node), heading: GridView::heading(start.theta) };
                let is_fixed = !start.is_movable || start.is_busy;
                let goal = if is_fixed { Some(state.cell) } else { start.goal.map(cell) };
                Agent { state, goal, next: start.next_goal.map(cell), beyond: beyond(start, view), is_fixed }
            })
            .collect();
        let mut paths: Vec<Vec<PlannedStep>> = agents.iter().map(|agent| vec![planned(0, agent.state, view)]).collect();
        let steps = LOOK_AHEAD.iter().find(|(most, _)| agents.len() <= *most).map_or(1, |(_, steps)| *steps);
        for step in 1..=steps {
            let step_now = Step { grid, agents: &agents };
            let Ok(plan) = self.effort.plan(lifelong, step_now, policy.improvement) else { break };
            for (number, action) in plan.actions.into_iter().enumerate() {
                let agent = &mut agents[number];
                agent.state = grid.after(agent.state, action).unwrap_or(agent.state);
                paths[number].push(planned(step, agent.state, view));
                // What is to be done there takes its time.
                agent.is_fixed |= agent.goal == Some(agent.state.cell);
            }
        }
        let movable = starts.iter().zip(paths).filter(|(start, _)| start.is_movable);
        Some(movable.map(|(start, path)| (start.robot, path)).collect())
    }

    /// Makes a planner, or takes the one that is there, for the grid without the cells that nobody may enter.
    fn prepare(&mut self, view: &GridView, closed: BTreeSet<Cell>, policy: Policy) -> Option<()> {
        let known = self.lifelong.take().filter(|(_, depth, ..)| *depth == policy.depth);
        if known.as_ref().is_some_and(|(known, ..)| *known == closed) {
            self.lifelong = known;
            return Some(());
        }
        let mut grid = view.grid.clone();
        for cell in &closed {
            // Who is on a closed cell may leave it; nobody enters.
            for heading in Heading::ALL {
                let beside = view.grid.beside(*cell, heading.right().right());
                if beside != NO_CELL {
                    grid.close(beside, heading);
                }
            }
        }
        if let Some((_, depth, _, mut lifelong)) = known {
            lifelong.follow(&grid);
            self.lifelong = Some((closed, depth, grid, lifelong));
            return Some(());
        }
        let settings = plan::Settings {
            depth: Some(policy.depth),
            threads: 1,
            seed: self.seed,
            field_bytes_max: FIELD_BYTES_MAX,
            ..plan::Settings::default()
        };
        let lifelong = Lifelong::new(&grid, settings).ok()?;
        self.lifelong = Some((closed, policy.depth, grid, lifelong));
        Some(())
    }
}

/// Ways out of a jam, and the ways of all others that do not touch them.
fn beside(
    around: Vec<(Robot, Vec<PlannedStep>)>,
    others: Vec<(Robot, Vec<PlannedStep>)>,
) -> Vec<(Robot, Vec<PlannedStep>)> {
    let taken: BTreeSet<NodeIndex> = around.iter().flat_map(|(_, path)| path.iter().map(|step| step.cell)).collect();
    let led: BTreeSet<Robot> = around.iter().map(|(robot, _)| *robot).collect();
    let is_beside = |(robot, path): &(Robot, Vec<PlannedStep>)| {
        !led.contains(robot) && !path.iter().any(|step| taken.contains(&step.cell))
    };
    let others = others.into_iter().filter(is_beside);
    around.into_iter().chain(others).collect()
}

fn planned(step: u32, state: State, view: &GridView) -> PlannedStep {
    PlannedStep { step, cell: view.node(state.cell), theta: GridView::theta(state.heading) }
}

/// What is left of a robot's task beyond its goal, as a distance.
fn beyond(start: &Start, view: &GridView) -> u32 {
    let (Some(goal), Some(next)) = (start.goal, start.next_goal) else { return 0 };
    view.grid.steps_between(view.cell(goal), view.cell(next))
}
