//! The search over candidates: vary a scenario, simulate every candidate with the same seeds, rank them.
//!
//! Successive halving (Karnin, Koren, Somekh: Almost Optimal Exploration in Multi-Armed Bandits, 2013): every candidate
//! meets a few seeds, the better half meets as many again, until the best ones have met all. Common random numbers: the
//! n-th repetition of every candidate has the same seed, so that differences are differences of candidates.

mod turn;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::domain::{Complaint, Failed, Outcome};
use super::kpi::{Better, Summary};
use super::scenario::Scenario;
use super::worker;
pub use turn::{Fall, Turn, Watched};

/// The most candidates of one plan.
pub const CANDIDATES_MAX: usize = 1_000;
/// With how many seeds every candidate begins.
const SEEDS_FIRST: usize = 2;
/// How many candidates are always kept, so that a plan ends with alternatives.
const KEPT_MIN: usize = 3;

/// One thing that is varied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Variation {
    /// Which value of the scenario, as a JSON pointer: `/world/robots`.
    pub place: String,
    /// What is tried.
    pub values: Vec<Json>,
}

/// What is asked of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PlanRequest {
    /// Where every candidate starts from.
    pub base: Scenario,
    /// Every combination is a candidate.
    pub vary: Vec<Variation>,
    /// Which figure ranks them; the domain's first when empty.
    #[serde(default)]
    pub objective: String,
}

/// One combination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Candidate {
    /// The values, in the order of the variations.
    pub values: Vec<Json>,
}

/// A candidate with what it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Ranked {
    /// Which.
    pub candidate: Candidate,
    /// Its figures over the seeds that it met.
    pub kpis: BTreeMap<String, Summary>,
    /// The paired difference of the objective to the best candidate, over the seeds that both met; `None` for the best.
    pub behind: Option<Summary>,
    /// What was found, each once.
    pub findings: Vec<String>,
    /// Why it could not be simulated.
    pub failed: Option<String>,
}

/// The end of a plan: the best first, those that could not be simulated last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Found {
    /// All candidates.
    pub ranked: Vec<Ranked>,
    /// Which figure ranked them.
    pub objective: String,
    /// How many simulations it took.
    pub simulations: usize,
    /// Where more of what was varied brings less.
    #[serde(default)]
    pub turns: Vec<Turn>,
}

/// A checked plan, ready to be searched.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    base: Scenario,
    places: Vec<String>,
    candidates: Vec<Candidate>,
    objective: String,
    better: Better,
    watched: Vec<Watched>,
}

/// One simulation of the search.
type Job = (usize, u64);

impl Plan {
    /// Lays out the candidates.
    pub fn new(request: &PlanRequest, objective: &str, better: Better) -> Result<Self, Vec<Complaint>> {
        let mut complaints = request.base.complaints();
        let base = serde_json::to_value(&request.base).expect("a scenario is JSON");
        for (at, variation) in request.vary.iter().enumerate() {
            let mut complain = |problem: String, hint: &str| {
                complaints.push(Complaint { place: format!("/vary/{at}"), problem, hint: hint.into() });
            };
            if variation.values.is_empty() {
                complain("no values".into(), "list what shall be tried");
            }
            if base.pointer(&variation.place).is_none() {
                let hint = "name a value that the base scenario has, like /world/robots";
                complain(format!("the scenario has nothing at {}", variation.place), hint);
            }
        }
        let count = request.vary.iter().map(|variation| variation.values.len()).fold(1_usize, usize::saturating_mul);
        if count > CANDIDATES_MAX {
            let problem = format!("{count} combinations are more than {CANDIDATES_MAX}");
            complaints.push(Complaint { place: "/vary".into(), problem, hint: "try fewer values".into() });
        }
        if !complaints.is_empty() {
            return Err(complaints);
        }
        let mut candidates = vec![Candidate { values: Vec::new() }];
        for variation in &request.vary {
            let grown = candidates.iter().flat_map(|candidate| {
                variation.values.iter().map(|value| {
                    let mut values = candidate.values.clone();
                    values.push(value.clone());
                    Candidate { values }
                })
            });
            candidates = grown.collect();
        }
        let places = request.vary.iter().map(|variation| variation.place.clone()).collect();
        Ok(Self {
            base: request.base.clone(),
            places,
            candidates,
            objective: objective.to_owned(),
            better,
            watched: Vec::new(),
        })
    }

    /// The same, with a look at where these figures turn. That takes some more simulations: who looks too large is given up
    /// early by the search, and too little is known of it.
    pub fn watching(self, watched: &[Watched]) -> Self {
        Self { watched: watched.to_vec(), ..self }
    }

    /// The scenario of a candidate.
    pub fn scenario(&self, candidate: &Candidate) -> Result<Scenario, String> {
        let mut scenario = serde_json::to_value(&self.base).expect("a scenario is JSON");
        for (place, value) in self.places.iter().zip(&candidate.values) {
            *scenario.pointer_mut(place).expect("the place was looked up") = value.clone();
        }
        serde_json::from_value(scenario).map_err(|error| error.to_string())
    }

    /// The candidates.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Searches, on `threads` threads. `simulate` gets a scenario and a seed; `goes_on` is told the part that is done.
    pub fn search(
        &self,
        threads: usize,
        simulate: &(dyn Fn(&Scenario, u64) -> Result<Outcome, Failed> + Sync),
        goes_on: &(dyn Fn(f64) -> bool + Sync),
    ) -> Result<Found, Failed> {
        let mut field: Vec<Entrant> = self.candidates.iter().map(|candidate| self.enter(candidate)).collect();
        let mut racing: Vec<usize> = (0..field.len()).filter(|&at| field[at].failed.is_none()).collect();
        let seeds = &self.base.seeds;
        let (mut met, mut simulations) = (0, 0);
        let rounds = rounds(seeds.len());
        // The look at turns is a round of its own.
        let parts = rounds.len() + usize::from(!self.watched.is_empty());
        let simulate_all = |field: &mut Vec<Entrant>, jobs: &[Job], round: usize| {
            let tell = |part: f64| goes_on((round as f64 + part) / parts as f64);
            let run = |&(at, seed): &Job| {
                let scenario = field[at].scenario.as_ref().expect("only scenarios race");
                simulate(scenario, seed)
            };
            let outcomes = worker::all(threads, jobs, &run, &tell)?;
            for ((at, _), outcome) in jobs.iter().zip(outcomes) {
                field[*at].take(outcome, &self.objective);
            }
            Ok(jobs.len())
        };
        for (round, upto) in rounds.iter().copied().enumerate() {
            let jobs: Vec<Job> =
                racing.iter().flat_map(|&at| seeds[met..upto].iter().map(move |&seed| (at, seed))).collect();
            simulations += simulate_all(&mut field, &jobs, round)?;
            met = upto;
            racing.iter().for_each(|&at| field[at].raced = field[at].figures.len());
            racing.retain(|&at| field[at].failed.is_none());
            racing.sort_by(|&a, &b| self.order(field[a].mean(), field[b].mean()));
            racing.truncate(racing.len().div_ceil(2).max(KEPT_MIN));
        }
        for watched in &self.watched {
            let confirmed = racing.first().map_or(Vec::new(), |&best| self.to_confirm(&field, best, *watched));
            let jobs: Vec<Job> = confirmed
                .iter()
                .flat_map(|&at| seeds[field[at].figures.len()..].iter().map(move |&seed| (at, seed)))
                .collect();
            simulations += simulate_all(&mut field, &jobs, rounds.len())?;
        }
        let turns = self.turns(&field);
        Ok(Found { ranked: self.rank(field), objective: self.objective.clone(), simulations, turns })
    }

    /// The lines along a watched number: the candidates that differ in nothing else, by that number.
    fn lines<'a>(&self, field: &'a [Entrant], watched: Watched) -> Vec<Vec<turn::Point<'a>>> {
        let Some(axis) = self.places.iter().position(|place| place == watched.place) else { return Vec::new() };
        let mut lines: BTreeMap<String, Vec<turn::Point<'_>>> = BTreeMap::new();
        for (number, entrant) in field.iter().enumerate().filter(|(_, entrant)| entrant.failed.is_none()) {
            let mut others = entrant.candidate.values.clone();
            let Some(value) = others.remove(axis).as_f64() else { continue };
            let figures = entrant.outcomes.iter().map_while(|outcome| outcome.kpis.get(watched.kpi).copied()).collect();
            let point = turn::Point { value, figures, entrant: number, outcomes: &entrant.outcomes };
            lines.entry(Json::Array(others).to_string()).or_default().push(point);
        }
        let mut lines: Vec<_> = lines.into_values().collect();
        lines.iter_mut().for_each(|line| line.sort_by(|a, b| a.value.total_cmp(&b.value)));
        lines
    }

    /// Who has to meet all seeds before it is known whether a figure turns beside the best candidate.
    fn to_confirm(&self, field: &[Entrant], best: usize, watched: Watched) -> Vec<usize> {
        let lines = self.lines(field, watched).into_iter();
        let mut beside = lines.filter(|line| line.iter().any(|point| point.entrant == best));
        beside.next().map_or(Vec::new(), |line| turn::to_confirm(&line, watched.better))
    }

    fn turns(&self, field: &[Entrant]) -> Vec<Turn> {
        let all = self.watched.iter().flat_map(|watched| {
            let lines = self.lines(field, *watched).into_iter();
            lines.filter_map(|line| turn::turn(&line, *watched, &self.candidates))
        });
        all.collect()
    }

    fn enter(&self, candidate: &Candidate) -> Entrant {
        let (scenario, failed) = match self.scenario(candidate) {
            Ok(scenario) => (Some(scenario), None),
            Err(problem) => (None, Some(problem)),
        };
        Entrant { candidate: candidate.clone(), scenario, outcomes: Vec::new(), figures: Vec::new(), raced: 0, failed }
    }

    /// The better one first.
    fn order(&self, a: f64, b: f64) -> std::cmp::Ordering {
        match self.better {
            Better::Lower => a.total_cmp(&b),
            Better::Higher | Better::Neither => b.total_cmp(&a),
        }
    }

    /// Who went further stands before who was dropped; among those who went equally far, the better mean.
    fn rank(&self, mut field: Vec<Entrant>) -> Vec<Ranked> {
        field.sort_by(|a, b| {
            let further = (a.failed.is_some(), usize::MAX - a.raced);
            further.cmp(&(b.failed.is_some(), usize::MAX - b.raced)).then_with(|| self.order(a.mean(), b.mean()))
        });
        let best = field.first().filter(|best| best.failed.is_none()).map(|best| best.figures.clone());
        field.into_iter().enumerate().map(|(at, entrant)| entrant.ranked(at, best.as_deref())).collect()
    }
}

/// Up to which seed each round goes: doubling.
fn rounds(seeds: usize) -> Vec<usize> {
    let mut rounds = Vec::new();
    let mut upto = SEEDS_FIRST.min(seeds);
    while upto < seeds {
        rounds.push(upto);
        upto = (upto * 2).min(seeds);
    }
    rounds.push(upto);
    rounds
}

/// A candidate during the search.
struct Entrant {
    candidate: Candidate,
    scenario: Option<Scenario>,
    outcomes: Vec<Outcome>,
    /// The objective, by seed.
    figures: Vec<f64>,
    /// How many of them count for its place: who is looked at again later does not rank higher for it.
    raced: usize,
    failed: Option<String>,
}

impl Entrant {
    fn take(&mut self, outcome: Result<Outcome, String>, objective: &str) {
        match outcome {
            Ok(outcome) => match outcome.kpis.get(objective) {
                Some(figure) if figure.is_finite() => {
                    self.figures.push(*figure);
                    self.outcomes.push(outcome);
                }
                _ => self.failed = Some(format!("the simulation gave no {objective}")),
            },
            Err(problem) => self.failed = Some(problem),
        }
    }

    fn mean(&self) -> f64 {
        self.figures[..self.raced].iter().sum::<f64>() / self.raced.max(1) as f64
    }

    fn ranked(self, place: usize, best: Option<&[f64]>) -> Ranked {
        let mut by_name: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut findings: Vec<String> = Vec::new();
        for outcome in &self.outcomes {
            for (name, figure) in &outcome.kpis {
                by_name.entry(name.clone()).or_default().push(*figure);
            }
            findings.extend(
                outcome.findings.iter().filter(|finding| !findings.contains(finding)).cloned().collect::<Vec<_>>(),
            );
        }
        let kpis = by_name.into_iter().filter_map(|(name, figures)| Some((name, Summary::of(&figures)?))).collect();
        let behind = best.filter(|_| place > 0).and_then(|best| {
            let differences: Vec<f64> = self.figures.iter().zip(best).map(|(ours, best)| ours - best).collect();
            Summary::of(&differences)
        });
        Ranked { candidate: self.candidate, kpis, behind, findings, failed: self.failed }
    }
}
