//! What takes long: who does what, and which way. A [`Question`] is all that has to be known for it, so that nobody has to
//! wait for the [`Thought`] that answers it.
//!
//! **Invariant:** the operation may have changed by the time a thought comes; what no longer fits is left out then, never
//! forced.

use std::sync::Arc;

use super::planner::Planner;
use super::work::{Choice, Layout};
use crate::dispatch::Dispatcher;
use crate::effort::Effort;
use crate::floor::Network;
use crate::master::{Master, Problem};
use crate::traffic::{PlannedStep, Robot};
use crate::warehouse::Policy;

/// Something to think about, with all that has to be known for it.
#[derive(Debug)]
pub struct Question {
    pub(super) network: Arc<Network>,
    pub(super) asked: Asked,
}

#[derive(Debug)]
pub(super) enum Asked {
    /// Who does what?
    Orders(Layout),
    /// Which way?
    Ways(Ways),
}

#[derive(Debug)]
pub(super) struct Ways {
    pub(super) policy: Policy,
    pub(super) problem: Problem,
    /// Who wanted to go somewhere and got no way at all by the plan before.
    pub(super) stuck: Vec<Robot>,
    /// In shadow: the copy on which it is tried.
    pub(super) copy: Option<Box<Master>>,
}

/// The answer to a question.
#[derive(Debug)]
pub struct Thought {
    pub(super) network: Arc<Network>,
    pub(super) answer: Answer,
}

#[derive(Debug)]
pub(super) enum Answer {
    Orders(Vec<Choice>),
    Ways { asked: Ways, paths: Vec<(Robot, Vec<PlannedStep>)> },
}

/// Whoever answers questions, one after the other.
pub trait Think: std::fmt::Debug + Send {
    /// Answers a question, however long it takes.
    fn think(&mut self, question: Question) -> Thought;
}

/// Thinks with the planner and the dispatcher.
#[derive(Debug)]
pub struct Thinker {
    /// For the floor that was asked about last.
    planner: Option<Planner>,
    dispatcher: Dispatcher,
    effort: Effort,
    seed: u64,
}

impl Thinker {
    /// One that draws from this seed.
    pub fn new(seed: u64) -> Self {
        Self { planner: None, dispatcher: Dispatcher::new(seed), effort: Effort::default(), seed }
    }
}

impl Think for Thinker {
    fn think(&mut self, Question { network, asked }: Question) -> Thought {
        let known = self.planner.take().filter(|planner| Arc::ptr_eq(planner.network(), &network));
        let planner = self.planner.insert(known.unwrap_or_else(|| Planner::new(Arc::clone(&network), self.seed)));
        let answer = match asked {
            Asked::Orders(layout) => {
                Answer::Orders(layout.choices(&network, planner.distances(), &mut self.dispatcher, &self.effort))
            }
            Asked::Ways(asked) => {
                planner.judge(asked.stuck.iter().copied());
                let paths = planner.paths(&asked.problem, asked.policy);
                Answer::Ways { asked, paths }
            }
        };
        Thought { network, answer }
    }
}
