//! The judge of result files: replays what everybody did and believes nothing that the file says of itself.

use std::collections::HashMap;
use std::io::Read;

use plan::{Action, Heading};
use serde_json::Value;

use super::instance::{Edition, Instance};
use super::result::{ResultFile, action, heading};
use super::rules::{Event, Game};

/// Where the number of finished tasks comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// The whole game was played again with the instance's tasks.
    Played(usize),
    /// Every finished errand that the file names was found on the agent's path.
    Confirmed(usize),
    /// The file names no tasks, so this is only what it says.
    Stated(usize),
}

impl Count {
    /// The number.
    pub const fn finished(self) -> usize {
        match self {
            Self::Played(finished) | Self::Confirmed(finished) | Self::Stated(finished) => finished,
        }
    }
}

/// What a replay has shown.
#[derive(Debug, Clone)]
pub struct Report {
    /// The tasks finished.
    pub count: Count,
    /// The tasks finished as the file says.
    pub stated: usize,
    /// The step after which each finished task was finished, in order; empty when the file names no tasks.
    pub finished_at: Vec<usize>,
    /// The agents.
    pub agents: usize,
    /// The steps.
    pub steps: usize,
    /// Illegal moves and what does not fit, the first of them; see [`Report::faults_total`].
    pub faults: Vec<String>,
    /// How many faults there are in all.
    pub faults_total: usize,
    /// Whether the floor was known, without which walls cannot be judged.
    pub knows_floor: bool,
}

/// How many faults are told in words.
const FAULTS_TOLD: usize = 1_000;

/// Replays a result file. With the instance walls are judged and the tasks are played again.
///
/// The text is read piece by piece. What is kept of it, a byte for each action and some dozen for each word of the tasks and
/// events, is a small multiple of its length.
pub fn check(text: impl Read, instance: Option<&Instance>) -> Result<Report, String> {
    let mut file: ResultFile = serde_json::from_reader(text).map_err(|error| format!("the result: {error}"))?;
    let mut judge = Judge { faults: Vec::new(), total: 0 };
    let paths = judge.read(&mut file)?;
    let steps = paths.iter().map(Vec::len).max().unwrap_or(0);
    let mut claims = claims(&file.events);
    judge.moves(&file, &paths, steps, instance, &mut claims);
    let (count, finished_at) = judge.count(&file, &paths, &claims, instance, steps);
    if count.finished() != file.num_task_finished {
        judge.fault(format!("the file says {} tasks, {} were finished", file.num_task_finished, count.finished()));
    }
    Ok(Report {
        count,
        stated: file.num_task_finished,
        finished_at,
        agents: paths.len(),
        steps,
        faults: judge.faults,
        faults_total: judge.total,
        knows_floor: instance.is_some(),
    })
}

/// Where an agent is: row and column.
type Place = (i64, i64);

/// An errand that the file says was done.
#[derive(Debug)]
struct Claim {
    step: usize,
    agent: usize,
    task: usize,
    /// Which of the task's errands, counted from 1.
    number: usize,
    /// Where the agent was then, once that is known.
    place: Option<Place>,
}

struct Judge {
    faults: Vec<String>,
    total: usize,
}

impl Judge {
    fn fault(&mut self, fault: String) {
        self.total += 1;
        if self.faults.len() < FAULTS_TOLD {
            self.faults.push(fault);
        }
    }

    /// The paths as actions, taken out of the file.
    fn read(&mut self, file: &mut ResultFile) -> Result<Vec<Vec<Action>>, String> {
        if file.action_model != "MAPF_T" {
            return Err(format!("the action model is `{}`, only MAPF_T is known", file.action_model));
        }
        if file.start.len() != file.actual_paths.len() {
            return Err(format!("{} agents start and {} have a path", file.start.len(), file.actual_paths.len()));
        }
        if file.team_size != file.start.len() {
            self.fault(format!("a team of {} with {} agents", file.team_size, file.start.len()));
        }
        let read = |(agent, path): (usize, String)| {
            let letters = path.split(',').map(str::trim).filter(|letter| !letter.is_empty()).enumerate();
            let actions = letters.map(|(step, letter)| {
                action(letter).ok_or_else(|| format!("agent {agent}, step {}: `{letter}` is no action", step + 1))
            });
            actions.collect()
        };
        std::mem::take(&mut file.actual_paths).into_iter().enumerate().map(read).collect()
    }

    /// Judges all moves, and says of each claim, which are in the order of steps, where its agent was.
    fn moves(
        &mut self,
        file: &ResultFile,
        paths: &[Vec<Action>],
        steps: usize,
        instance: Option<&Instance>,
        claims: &mut [Claim],
    ) {
        let mut now: Vec<(Place, Heading)> = Vec::with_capacity(paths.len());
        for (agent, (row, column, letter)) in file.start.iter().enumerate() {
            let looks = heading(letter).unwrap_or_default();
            if heading(letter).is_none() {
                self.fault(format!("agent {agent} starts looking `{letter}`"));
            }
            now.push(((*row, *column), looks));
        }
        let mut places: Vec<Place> = now.iter().map(|(place, _)| *place).collect();
        self.one_each(&places, 0);
        self.starts(&places, instance);
        let mut claims = claims.iter_mut().peekable();
        let mut place_claims = |step: usize, places: &[Place]| {
            while let Some(claim) = claims.next_if(|claim| claim.step <= step) {
                claim.place = places.get(claim.agent).copied();
            }
        };
        place_claims(0, &places);
        for step in 0..steps {
            for (agent, (place, looks)) in now.iter_mut().enumerate() {
                let Some(action) = paths[agent].get(step) else {
                    if step == paths[agent].len() {
                        self.fault(format!("agent {agent} has {step} actions of {steps}"));
                    }
                    continue;
                };
                if *action == Action::Forward {
                    let ahead = ahead(*place, *looks);
                    if is_blocked(ahead, instance) {
                        self.fault(format!("step {}: agent {agent} goes off the floor at {ahead:?}", step + 1));
                    }
                    *place = ahead;
                }
                *looks = action.turn(*looks);
            }
            let after: Vec<Place> = now.iter().map(|(place, _)| *place).collect();
            self.one_each(&after, step + 1);
            self.no_swap(&places, &after, step + 1);
            place_claims(step + 1, &after);
            places = after;
        }
    }

    fn starts(&mut self, places: &[Place], instance: Option<&Instance>) {
        let Some(instance) = instance else { return };
        if places.len() != instance.starts.len() {
            self.fault(format!("{} agents, but the instance has {}", places.len(), instance.starts.len()));
        }
        for (agent, (place, start)) in places.iter().zip(&instance.starts).enumerate() {
            let (row, column) = instance.grid.place(*start);
            if (row as i64, column as i64) != *place {
                self.fault(format!("agent {agent} starts at {place:?}, not at ({row}, {column})"));
            }
        }
    }

    fn one_each(&mut self, places: &[Place], step: usize) {
        let mut on: HashMap<Place, usize> = HashMap::with_capacity(places.len());
        for (agent, place) in places.iter().enumerate() {
            if let Some(other) = on.insert(*place, agent) {
                self.fault(format!("step {step}: agents {other} and {agent} are both at {place:?}"));
            }
        }
    }

    fn no_swap(&mut self, before: &[Place], after: &[Place], step: usize) {
        let was_on: HashMap<Place, usize> = before.iter().enumerate().map(|(agent, place)| (*place, agent)).collect();
        for (agent, place) in after.iter().enumerate() {
            if let Some(other) = was_on.get(place).filter(|other| **other < agent)
                && after[*other] == before[agent]
                && *place != before[agent]
            {
                self.fault(format!("step {step}: agents {other} and {agent} change places at {place:?}"));
            }
        }
    }

    /// Counts the finished tasks in the strictest way that file and instance allow, and says when they were finished.
    fn count(
        &mut self,
        file: &ResultFile,
        paths: &[Vec<Action>],
        claims: &[Claim],
        instance: Option<&Instance>,
        steps: usize,
    ) -> (Count, Vec<usize>) {
        let has_schedule = !file.actual_schedule.is_empty();
        match instance {
            Some(instance) if self.total == 0 && (instance.edition == Edition::Y2023 || has_schedule) => {
                let finished = self.play(file, paths, instance, steps);
                (Count::Played(finished.len()), finished)
            }
            _ if !file.tasks.is_empty() && !file.events.is_empty() => {
                let finished = self.confirm(file, claims);
                (Count::Confirmed(finished.len()), finished)
            }
            _ => (Count::Stated(file.num_task_finished), Vec::new()),
        }
    }

    /// Plays the game again by the rules. Returns when tasks were finished.
    fn play(&mut self, file: &ResultFile, paths: &[Vec<Action>], instance: &Instance, steps: usize) -> Vec<usize> {
        let mut game = Game::new(instance);
        let changes: Vec<HashMap<usize, Option<usize>>> =
            file.actual_schedule.iter().map(|text| self.schedule(text)).collect();
        let mut wanted: Vec<Option<usize>> = vec![None; paths.len()];
        for step in 0..steps {
            let actions: Vec<Action> = paths.iter().map(|path| path.get(step).copied().unwrap_or_default()).collect();
            let mut schedule: Vec<Option<usize>> = Vec::with_capacity(paths.len());
            for (agent, wanted) in wanted.iter_mut().enumerate() {
                if let Some(change) = changes.get(agent).and_then(|changes| changes.get(&(step + 1))) {
                    *wanted = *change;
                } else if wanted.is_some_and(|task| game.tasks().get(task).is_some_and(|task| task.errand().is_none()))
                {
                    *wanted = None;
                }
                schedule.push(*wanted);
            }
            if let Err(problem) = game.advance(&actions, Some(&schedule)) {
                self.fault(format!("step {}: {problem}", step + 1));
            }
        }
        let is_last = |event: &&Event| game.tasks()[event.task].errands.len() == event.done;
        game.events().iter().filter(is_last).map(|event| event.step).collect()
    }

    /// Reads `step:task,step:task`, where -1 is no task.
    fn schedule(&mut self, text: &str) -> HashMap<usize, Option<usize>> {
        let mut changes = HashMap::new();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            let parts = word.split_once(':');
            match parts.and_then(|(step, task)| Some((step.parse().ok()?, task.parse::<i64>().ok()?))) {
                Some((step, task)) => {
                    changes.insert(step, usize::try_from(task).ok());
                }
                None => self.fault(format!("the schedule has `{word}`")),
            }
        }
        changes
    }

    /// Confirms every errand that the file says was done, in order, by the paths. Returns when tasks
    /// were finished.
    fn confirm(&mut self, file: &ResultFile, claims: &[Claim]) -> Vec<usize> {
        let errands = errands(&file.tasks);
        let mut done: HashMap<usize, usize> = HashMap::new();
        let mut finished = Vec::new();
        for Claim { step, agent, task, number, place } in claims {
            let errand = errands.get(task).and_then(|errands| errands.get(number.wrapping_sub(1)));
            let before = done.insert(*task, *number).unwrap_or(0);
            if place.is_none() || place.as_ref() != errand || before + 1 != *number {
                self.fault(format!("step {step}: agent {agent} has not done errand {number} of task {task}"));
            } else if errands[task].len() == *number {
                finished.push(*step);
            }
        }
        finished
    }
}

fn ahead((row, column): Place, looks: Heading) -> Place {
    match looks {
        Heading::East => (row, column + 1),
        Heading::South => (row + 1, column),
        Heading::West => (row, column - 1),
        Heading::North => (row - 1, column),
    }
}

fn is_blocked((row, column): Place, instance: Option<&Instance>) -> bool {
    let (Ok(row), Ok(column)) = (usize::try_from(row), usize::try_from(column)) else { return true };
    instance.is_some_and(|instance| instance.grid.cell(row, column).is_none())
}

/// The places of each task's errands.
fn errands(tasks: &[Value]) -> HashMap<usize, Vec<Place>> {
    let read = |task: &Value| {
        let parts = task.as_array()?;
        let number = usize::try_from(parts.first()?.as_u64()?).ok()?;
        let places: Vec<i64> = match parts.get(2)?.as_array() {
            Some(places) => places.iter().filter_map(Value::as_i64).collect(),
            None => vec![parts.get(1)?.as_i64()?, parts.get(2)?.as_i64()?],
        };
        Some((number, places.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()))
    };
    tasks.iter().filter_map(read).collect()
}

/// What was done when, in the order of steps, by whom not yet known where.
fn claims(events: &[Value]) -> Vec<Claim> {
    let number = |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|value| usize::try_from(value).ok());
    let mut found = Vec::new();
    for (agent, event) in events.iter().enumerate() {
        let Some(parts) = event.as_array() else { continue };
        if parts.first().is_some_and(Value::is_array) {
            for part in parts.iter().filter_map(Value::as_array) {
                let is_finished = part.get(2).and_then(Value::as_str) == Some("finished");
                if let (true, Some(task), Some(step)) = (is_finished, number(part.first()), number(part.get(1))) {
                    found.push(Claim { step, agent, task, number: 1, place: None });
                }
            }
        } else if let (Some(step), Some(agent), Some(task), Some(number)) =
            (number(parts.first()), number(parts.get(1)), number(parts.get(2)), number(parts.get(3)))
            && number > 0
        {
            found.push(Claim { step, agent, task, number, place: None });
        }
    }
    found.sort_by_key(|claim| claim.step);
    found
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use model::{Clock, Timestamp};

    use super::super::instance::tests::{OF_2023, OF_2024, ring};
    use super::super::run::{RunSettings, run};
    use super::*;

    /// A clock that goes on by so many microseconds whenever somebody looks.
    #[derive(Debug)]
    struct CountingClock(AtomicI64, i64);

    impl Clock for CountingClock {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.fetch_add(self.1, Ordering::Relaxed))
        }
    }

    /// Plays a small instance and checks what was written, with the instance and without.
    fn play(description: &str, tasks: &str, tick_micros: i64) -> (usize, usize, String) {
        let instance = ring(description, tasks).unwrap();
        let planner = plan::Settings { threads: 1, depth: Some(3), ..plan::Settings::default() };
        let settings = RunSettings {
            steps: 40,
            preparation: Duration::from_millis(1),
            step_time: Duration::from_millis(5),
            planner,
        };
        let clock = CountingClock(AtomicI64::new(0), tick_micros);
        let mut steps = 0;
        let outcome = run(&instance, settings, &clock, &mut |progress| steps = progress.step).unwrap();
        assert_eq!((outcome.errors.len(), outcome.steps), (0, 40));
        assert!(steps <= 40);
        let played = check(outcome.file.as_bytes(), Some(&instance)).unwrap();
        assert_eq!((played.faults, played.count), (Vec::new(), Count::Played(outcome.finished)));
        assert!(played.finished_at.is_sorted() && played.finished_at.last().is_none_or(|step| *step <= 40));
        let confirmed = check(outcome.file.as_bytes(), None).unwrap();
        assert_eq!((confirmed.faults, confirmed.count), (Vec::new(), Count::Confirmed(outcome.finished)));
        assert_eq!(confirmed.finished_at, played.finished_at);
        (outcome.finished, outcome.late, outcome.file)
    }

    #[test]
    fn what_is_played_passes_the_judge() {
        for (description, tasks) in [(OF_2023, "4\n3\n8\n0\n11\n"), (OF_2024, "4\n3,8\n8\n0,11\n11\n")] {
            let (_, late, _) = play(description, tasks, 5);
            assert_eq!(late, 0);
        }
    }

    #[test]
    fn late_plans_cost_steps_of_waiting() {
        let (_, late, file) = play(OF_2024, "4\n3,8\n8\n0,11\n11\n", 2_000);
        assert!(late > 0);
        let file: ResultFile = serde_json::from_str(&file).unwrap();
        assert!(file.actual_paths[0].starts_with("W,"));
    }

    #[test]
    fn every_illegal_move_is_told() {
        let file = |paths: &str, finished: usize| {
            format!(
                r#"{{"actionModel": "MAPF_T", "teamSize": 2, "start": [[0, 0, "E"], [0, 1, "W"]],
                "numTaskFinished": {finished}, "actualPaths": [{paths}]}}"#
            )
        };
        let told = |paths: &str| check(file(paths, 0).as_bytes(), None).unwrap().faults.join("; ");
        assert_eq!(
            told(r#""F,W", "W,W""#),
            "step 1: agents 0 and 1 are both at (0, 1); step 2: agents 0 and 1 are both at (0, 1)"
        );
        assert_eq!(told(r#""F", "F""#), "step 1: agents 0 and 1 change places at (0, 0)");
        assert_eq!(told(r#""C,F", "W,W""#), "step 2: agent 0 goes off the floor at (-1, 0)");
        assert_eq!(told(r#""W,W", "W""#), "agent 1 has 1 actions of 2");
        assert_eq!(check(file(r#""W", "X""#, 0).as_bytes(), None).unwrap_err(), "agent 1, step 1: `X` is no action");
        assert_eq!(check(file(r#""W", "W""#, 3).as_bytes(), None).unwrap().count, Count::Stated(3));
    }

    #[test]
    fn a_count_that_is_not_true_is_told() {
        let (finished, _, text) = play(OF_2023, "4\n3\n8\n0\n11\n", 5);
        let lie = text.replace(&format!("\"numTaskFinished\":{finished}"), "\"numTaskFinished\":99");
        let report = check(lie.as_bytes(), None).unwrap();
        assert_eq!(report.faults, [format!("the file says 99 tasks, {finished} were finished")]);
    }
}
