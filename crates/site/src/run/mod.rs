//! The loop: a policy executed for a site over an interval, in one of four modes; stored, compared, searched over and
//! promoted.
//!
//! One kernel for every domain. A [`Domain`] knows what its policies and worlds are and simulates one seed of a
//! [`Scenario`]; everything else is here: seeds and confidence intervals, the queue of runs and its workers, what is
//! stored of them, the search over candidates, and which policy is live.
//!
//! **Invariant:** no policy goes live without a finished run to show for it, unless an owner forces it, and then the
//! record of what is live says so.

mod book;
mod domain;
mod kpi;
mod mode;
mod promotion;
mod scenario;
mod search;
mod worker;

pub use book::{
    Comparison, Frame, KEPT_MAX, PlanRun, RECORDING_BYTES_MAX, Repeats, Run, RunBook, RunError, RunState, SeedOutcome,
    WAITING_MAX,
};
pub use domain::{
    Complaint, Domain, DomainDescription, Failed, OperationDescription, Outcome, PolicyDescription, Quiet, Watch,
};
pub use kpi::{Better, KpiDescription, Kpis, Summary};
pub use mode::Mode;
pub use promotion::{Live, Promotion};
pub use scenario::{DURATION_SECONDS_MAX, PolicyChoice, SCENARIO_BYTES_MAX, SEEDS_MAX, Scenario};
pub use search::{CANDIDATES_MAX, Candidate, Fall, Found, Plan, PlanRequest, Ranked, Turn, Variation, Watched};
