//! The League's result file: what everybody did and what came of it. The League's own viewer shows it.

use plan::{Action, Cell, Heading};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::instance::{Edition, Instance};
use super::rules::{Event, Game};

/// A result file as it is read. What other programs leave out is empty.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResultFile {
    /// The model of movement; only `MAPF_T` is known.
    pub action_model: String,
    /// The edition, from 2024 on.
    pub version: Option<String>,
    /// How many agents there are.
    pub team_size: usize,
    /// Where they start: row, column and the first letter of the heading.
    pub start: Vec<(i64, i64, String)>,
    /// The tasks finished, as the file says.
    pub num_task_finished: usize,
    /// What each agent did, as `F,R,C,W`.
    pub actual_paths: Vec<String>,
    /// What was wrong, as the file says.
    pub errors: Vec<Value>,
    /// What happened to tasks: by agent in 2023, all in one list from 2024 on.
    pub events: Vec<Value>,
    /// The tasks: number, then row and column (2023), or the step of its revealing and rows and columns (2024).
    pub tasks: Vec<Value>,
    /// Who was to do what from when on, as `step:task,...` (2024).
    pub actual_schedule: Vec<String>,
    /// The planner's time in each step, in seconds.
    pub planner_times: Vec<f64>,
}

/// The letter of an action.
pub(crate) const fn letter(action: Action) -> char {
    match action {
        Action::Forward => 'F',
        Action::TurnRight => 'R',
        Action::TurnLeft => 'C',
        Action::Wait => 'W',
    }
}

/// The action of a letter; `T`, a step without a plan in time, is a wait.
pub(crate) fn action(letter: &str) -> Option<Action> {
    Some(match letter {
        "F" => Action::Forward,
        "R" => Action::TurnRight,
        "C" => Action::TurnLeft,
        "W" | "T" => Action::Wait,
        _ => return None,
    })
}

/// The heading of a letter.
pub(crate) fn heading(letter: &str) -> Option<Heading> {
    Some(match letter {
        "E" => Heading::East,
        "S" => Heading::South,
        "W" => Heading::West,
        "N" => Heading::North,
        _ => return None,
    })
}

/// What was done in a game, to be written down.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    /// The actions of everybody in each step.
    pub(crate) actions: Vec<Vec<Action>>,
    /// The assignment of each agent whenever it changed: step and task.
    pub(crate) schedule: Vec<Vec<(usize, Option<usize>)>>,
    /// How long each plan took, in seconds.
    pub(crate) seconds: Vec<f64>,
    /// What went wrong: step and what it was.
    pub(crate) planner_errors: Vec<(usize, String)>,
    /// Schedules that broke the rules.
    pub(crate) schedule_errors: Vec<(usize, String)>,
    /// Steps in which there was no plan in time.
    pub(crate) late: usize,
}

/// Writes the result file of a game.
pub(crate) fn write(game: &Game<'_>, record: &Record) -> String {
    let instance = game.instance();
    let team = instance.starts.len();
    let paths: Vec<String> = (0..team).map(|agent| path(record, agent)).collect();
    let mut file = json!({
        "actionModel": "MAPF_T",
        "teamSize": team,
        "start": instance.starts.iter().map(|cell| start(instance, *cell)).collect::<Vec<_>>(),
        "numTaskFinished": game.finished(),
        "makespan": record.actions.len(),
        "actualPaths": paths,
        "plannerPaths": paths,
        "plannerTimes": record.seconds,
        "errors": record.planner_errors.iter().map(|(step, problem)| json!([-1, -1, step, problem])).collect::<Vec<_>>(),
    });
    let more = match instance.edition {
        Edition::Y2023 => of_2023(game, record),
        Edition::Y2024 => of_2024(game, record),
    };
    if let (Value::Object(file), Value::Object(more)) = (&mut file, more) {
        file.extend(more);
    }
    file.to_string()
}

fn path(record: &Record, agent: usize) -> String {
    let mut path = String::with_capacity(record.actions.len() * 2);
    for actions in &record.actions {
        if !path.is_empty() {
            path.push(',');
        }
        path.push(letter(actions[agent]));
    }
    path
}

fn start(instance: &Instance, cell: Cell) -> (usize, usize, &'static str) {
    let (row, column) = instance.grid.place(cell);
    (row, column, "E")
}

fn of_2023(game: &Game<'_>, record: &Record) -> Value {
    let grid = &game.instance().grid;
    let mut events: Vec<Vec<(usize, usize, &str)>> = vec![Vec::new(); game.states().len()];
    for Event { step, agent, task, done } in game.events() {
        events[*agent].push((*task, *step, if *done == 0 { "assigned" } else { "finished" }));
    }
    let tasks = game.tasks().iter().enumerate().map(|(number, task)| {
        let (row, column) = grid.place(task.errands[0]);
        (number, row, column)
    });
    json!({
        "AllValid": if record.planner_errors.is_empty() { "Yes" } else { "No" },
        "sumOfCost": game.states().len() * record.actions.len(),
        "events": events,
        "tasks": tasks.collect::<Vec<_>>(),
    })
}

fn of_2024(game: &Game<'_>, record: &Record) -> Value {
    let grid = &game.instance().grid;
    let schedule = record.schedule.iter().map(|changes| {
        let words = changes.iter().map(|(step, task)| match task {
            Some(task) => format!("{step}:{task}"),
            None => format!("{step}:-1"),
        });
        words.collect::<Vec<_>>().join(",")
    });
    let schedule: Vec<String> = schedule.collect();
    let events = game.events().iter().map(|event| (event.step, event.agent, event.task, event.done));
    let tasks = game.tasks().iter().enumerate().map(|(number, task)| {
        let places = task.errands.iter().flat_map(|errand| {
            let (row, column) = grid.place(*errand);
            [row, column]
        });
        (number, task.revealed, places.collect::<Vec<_>>())
    });
    let problems = record.schedule_errors.iter().map(|(step, problem)| json!([-1, -1, -1, step, problem]));
    json!({
        "version": "2024 LoRR",
        "numPlannerErrors": record.planner_errors.len(),
        "numScheduleErrors": record.schedule_errors.len(),
        "numEntryTimeouts": record.late,
        "actualSchedule": schedule,
        "plannerSchedule": schedule,
        "scheduleErrors": problems.collect::<Vec<_>>(),
        "events": events.collect::<Vec<_>>(),
        "tasks": tasks.collect::<Vec<_>>(),
    })
}
