//! Ways for everybody: on grids by the planner of the simulation, looked ahead for a few steps; elsewhere by routes.
//!
//! Plans begin where bases end. What they promise about time does not count: traffic keeps their order, and cuts off what
//! could not be driven.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use plan::assign::OnGrid;
use plan::{Agent, Cell, Grid, Heading, Lifelong, NO_CELL, State, Step};

use crate::effort::Effort;
use crate::floor::{GridView, Network, NodeIndex};
use crate::master::routes::routes;
use crate::master::{Problem, Start};
use crate::traffic::{PlannedStep, Robot};
use crate::warehouse::Policy;

/// How many steps are looked ahead, by the number of robots: those for which it holds, and the steps.
const LOOK_AHEAD: [(usize, u32); 3] = [(200, 8), (1_000, 6), (usize::MAX, 4)];
/// The memory for distance fields.
const FIELD_BYTES_MAX: usize = 256 << 20;
/// After so many plans in a row in which the same robot could not move at all, ways are looked for one robot after the other,
/// which takes longer and finds ways around.
const STUCK_PLANS: u32 = 20;
/// For so many plans, so that who has found a way around can go it.
const ROUTES_PLANS: u32 = 10;
/// The most robots for which ways are looked for like that.
const ROUTES_MAX: usize = 120;
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
    /// In how many plans robots could not move at all.
    stuck: BTreeMap<Robot, u32>,
    /// For how many plans ways are still looked for one robot after the other.
    routes_left: u32,
}

impl Planner {
    pub(super) fn new(network: Arc<Network>, seed: u64) -> Self {
        // Robots that drive backwards or sideways are not what the planner of cells thinks of.
        let is_plain = (0..network.len() as NodeIndex).all(|node| {
            network.theta(node).is_none() && network.ways(node).iter().all(|way| way.orientation.is_none())
        });
        let view = is_plain.then(|| GridView::of(&network).ok()).flatten();
        let (effort, stuck) = (Effort::default(), BTreeMap::new());
        Self { network, view, lifelong: None, effort, seed, plans: 0, stuck, routes_left: 0 }
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
        self.routes_left = self.routes_left.saturating_sub(1);
        if self.stuck.values().any(|plans| *plans >= STUCK_PLANS) && problem.starts.len() <= ROUTES_MAX {
            self.stuck.clear();
            self.routes_left = ROUTES_PLANS;
        }
        let Some(view) = self.view.take() else { return self.by_routes(problem) };
        let around = (self.routes_left > 0).then(|| self.by_routes(problem));
        let paths = around.filter(|paths| !paths.is_empty()).or_else(|| self.on_grid(&view, problem, policy));
        self.view = Some(view);
        paths.unwrap_or_default()
    }

    fn by_routes(&self, problem: &Problem) -> Vec<(Robot, Vec<PlannedStep>)> {
        routes(&self.network, problem, self.plans / PLANS_A_TURN)
    }

    /// Hears who wanted to go somewhere and got no way at all by the plan before.
    pub(super) fn judge(&mut self, stuck: impl Iterator<Item = Robot>) {
        let before = std::mem::take(&mut self.stuck);
        self.stuck = stuck.map(|robot| (robot, before.get(&robot).map_or(1, |plans| plans + 1))).collect();
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

    /// Makes a planner for the grid without the cells that nobody may enter, unless it is there.
    fn prepare(&mut self, view: &GridView, closed: BTreeSet<Cell>, policy: Policy) -> Option<()> {
        if self.lifelong.as_ref().is_some_and(|(known, depth, ..)| *known == closed && *depth == policy.depth) {
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

fn planned(step: u32, state: State, view: &GridView) -> PlannedStep {
    PlannedStep { step, cell: view.node(state.cell), theta: GridView::theta(state.heading) }
}

/// What is left of a robot's task beyond its goal, as a distance.
fn beyond(start: &Start, view: &GridView) -> u32 {
    let (Some(goal), Some(next)) = (start.goal, start.next_goal) else { return 0 };
    view.grid.steps_between(view.cell(goal), view.cell(next))
}
