//! One instance of the League: a floor, a team, tasks and how they are handed out.

use plan::{Cell, Grid};
use serde::Deserialize;

use super::files::{FileError, read_agents, read_map, read_tasks};

/// The year whose rules hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// 2023: the system hands one errand after the other to each agent.
    Y2023,
    /// 2024: a scheduler assigns tasks of several errands from a pool.
    Y2024,
}

/// An instance, ready to be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The rules.
    pub edition: Edition,
    /// The floor.
    pub grid: Grid,
    /// Where each agent starts, looking east.
    pub starts: Vec<Cell>,
    /// The tasks, each with its errands in order; after the last comes the first again.
    pub tasks: Vec<Vec<Cell>>,
    /// How many tasks are open at a time, for each agent.
    pub reveal: f64,
}

/// Why there is no instance.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// The description is not what it should be.
    #[error("the instance: {0}")]
    Description(#[from] serde_json::Error),
    /// The description says something that cannot be.
    #[error("the instance: {0}")]
    Value(String),
    /// A file that it names cannot be opened.
    #[error("{name}: {problem}")]
    Open {
        /// The file as the description names it.
        name: String,
        /// What the system says.
        problem: String,
    },
    /// A file that it names has a fault.
    #[error("{name}: {fault}")]
    File {
        /// The file as the description names it.
        name: String,
        /// Its fault.
        fault: FileError,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    map_file: String,
    agent_file: String,
    task_file: String,
    team_size: usize,
    #[serde(default = "one")]
    num_tasks_reveal: f64,
    task_assignment_strategy: Option<String>,
    version: Option<String>,
}

const fn one() -> f64 {
    1.0
}

impl Instance {
    /// Reads an instance. `open` gives the text of the files that it names, as they are named.
    pub fn read(description: &str, open: &dyn Fn(&str) -> Result<String, String>) -> Result<Self, InstanceError> {
        let said: Description = serde_json::from_str(description)?;
        let edition = said.edition()?;
        if said.team_size == 0 || said.team_size > plan::AGENTS_MAX {
            let most = plan::AGENTS_MAX;
            return Err(InstanceError::Value(format!("teamSize is {}, not from 1 to {most}", said.team_size)));
        }
        if !(said.num_tasks_reveal >= 1.0 && said.num_tasks_reveal <= 1_000.0) {
            return Err(InstanceError::Value(format!(
                "numTasksReveal is {}, not from 1 to 1000",
                said.num_tasks_reveal
            )));
        }
        let text = |name: &String| open(name).map_err(|problem| InstanceError::Open { name: name.clone(), problem });
        let in_file = |name: &String| {
            let name = name.clone();
            move |fault| InstanceError::File { name, fault }
        };
        let grid = read_map(&text(&said.map_file)?).map_err(in_file(&said.map_file))?;
        let agents = text(&said.agent_file)?;
        let starts = read_agents(&agents, &grid, said.team_size).map_err(in_file(&said.agent_file))?;
        let tasks = read_tasks(&text(&said.task_file)?, &grid).map_err(in_file(&said.task_file))?;
        if edition == Edition::Y2023
            && let Some(task) = tasks.iter().position(|errands| errands.len() != 1)
        {
            return Err(InstanceError::Value(format!("task {task} has several errands, which 2023 did not know")));
        }
        Ok(Self { edition, grid, starts, tasks, reveal: said.num_tasks_reveal })
    }
}

impl Description {
    fn edition(&self) -> Result<Edition, InstanceError> {
        match (self.version.as_deref(), self.task_assignment_strategy.as_deref()) {
            (Some(version), _) if version.contains("2024") => Ok(Edition::Y2024),
            (Some(version), _) => Err(InstanceError::Value(format!("version `{version}` is none of 2023 and 2024"))),
            (None, None | Some("roundrobin")) => Ok(Edition::Y2023),
            (None, Some(other)) => {
                Err(InstanceError::Value(format!("taskAssignmentStrategy `{other}` is not roundrobin")))
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const MAP: &str = "type octile\nheight 3\nwidth 4\nmap\n....\n.@@.\n....\n";

    /// An instance of two agents on a ring around two obstacles.
    pub(in super::super) fn ring(description: &str, tasks: &str) -> Result<Instance, InstanceError> {
        Instance::read(description, &|name| match name {
            "ring.map" => Ok(MAP.to_owned()),
            "two.agents" => Ok("2\n0\n11\n".to_owned()),
            "some.tasks" => Ok(tasks.to_owned()),
            other => Err(format!("there is no {other}")),
        })
    }

    pub(in super::super) const OF_2023: &str = r#"{"mapFile": "ring.map", "agentFile": "two.agents",
        "taskFile": "some.tasks", "teamSize": 2, "numTasksReveal": 1, "taskAssignmentStrategy": "roundrobin"}"#;

    pub(in super::super) const OF_2024: &str = r#"{"mapFile": "ring.map", "agentFile": "two.agents",
        "taskFile": "some.tasks", "teamSize": 2, "numTasksReveal": 1.5, "version": "2024 LoRR"}"#;

    #[test]
    fn both_editions_are_told_apart() {
        assert_eq!(ring(OF_2023, "2\n3\n8\n").unwrap().edition, Edition::Y2023);
        let instance = ring(OF_2024, "2\n3,8\n8\n").unwrap();
        assert_eq!((instance.edition, instance.tasks[0].len()), (Edition::Y2024, 2));
    }

    #[test]
    fn faults_name_the_file_and_the_line() {
        let said = |description: &str, tasks: &str| ring(description, tasks).unwrap_err().to_string();
        assert_eq!(said(OF_2024, "1\n5\n"), "some.tasks: line 2: cell 5 (row 1, column 1) is an obstacle");
        assert_eq!(said(OF_2023, "1\n3,8\n"), "the instance: task 0 has several errands, which 2023 did not know");
        assert_eq!(said(&OF_2024.replace("2024 LoRR", "1"), ""), "the instance: version `1` is none of 2023 and 2024");
        assert_eq!(said(&OF_2024.replace("ring.map", "no.map"), ""), "no.map: there is no no.map");
        assert_eq!(said(&OF_2024.replace(": 2,", ": 0,"), ""), "the instance: teamSize is 0, not from 1 to 65534");
    }
}
