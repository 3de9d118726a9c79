//! The command line: what it understands, and how it says that something went wrong.

mod ask;
mod client;
mod configure;
mod energy;
mod fleet;
mod history;
mod learn;
mod mcp;
mod mind;
mod model;
mod rules;
mod runs;
mod suggestions;
mod things;
mod up;
mod watch;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// An operating system for things.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start Manmul and run until it is told to stop
    Up(up::Up),
    /// List things, or show one
    Things(things::Things),
    /// Accept things from the inbox
    Accept(things::Accept),
    /// Show what happens, as it happens
    Watch(watch::Watch),
    /// Write a property or invoke an action
    Send(things::Send),
    /// Say what you want, or ask what is so
    Ask(ask::Ask),
    /// Let a language model look and plan, over standard input and output
    Mcp(mcp::Mcp),
    /// Show the past of a property
    History(history::History),
    /// Write history to a file
    Export(history::Export),
    /// List what was found to be unusual, or say what it is
    Insights(mind::Insights),
    /// List what people do again and again, as rules to take or not
    Suggestions(suggestions::Suggestions),
    /// Show what is to be expected of a property
    Forecast(mind::Forecast),
    /// Write rules, see what they would have done, let them act, ask why
    Rules(rules::Rules),
    /// List alarms, or say what is to become of one
    Alarms(rules::Alarms),
    /// Bring models, try them, bind them to streams
    Model(model::Model),
    /// Play with the virtual things of the demo
    Demo(mind::Demo),
    /// Simulate a policy in a world
    Simulate(runs::Simulate),
    /// Search over candidates: how many robots, which policy
    Plan(runs::Plan),
    /// List runs, show one, or compare two
    Runs(runs::Runs),
    /// Take the policy of a run live, or hand off
    Operate(runs::Operate),
    /// See where energy flows, what is planned and why; say who decides
    Energy(energy::Energy),
    /// Plan for fleets of robots
    Fleet(fleet::Fleet),
    /// See what the detectors make of files
    Learn(learn::Learn),
    /// Manage the tokens of programs
    Token(configure::Token),
    /// Manage the credentials of things
    Credential(configure::Credential),
    /// Print or check a configuration
    Config(configure::Config),
    /// Print the document of the API (OpenAPI 3.1)
    Openapi,
}

/// How to reach a running Manmul.
#[derive(Debug, Clone, Args)]
pub(crate) struct Remote {
    /// Where it is
    #[arg(long, env = "MANMUL_URL", default_value = "http://127.0.0.1:7700")]
    url: String,
    /// A token; on the machine it runs on, the one in its data directory is found
    #[arg(long, env = "MANMUL_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Its data directory, to find the local token in
    #[arg(long, env = "MANMUL_DATA_DIRECTORY", default_value = "data")]
    data: PathBuf,
    /// A certificate (PEM) to trust, for an https:// address with a certificate signed by itself
    #[arg(long)]
    certificate: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The whole program.
pub fn main() -> ExitCode {
    let done = match Line::parse().command {
        Command::Up(up) => return report_code(up.run()),
        Command::Things(things) => things.run(),
        Command::Accept(accept) => accept.run(),
        Command::Watch(watch) => watch.run(),
        Command::Send(send) => send.run(),
        Command::Ask(ask) => ask.run(),
        Command::Mcp(mcp) => mcp.run(),
        Command::History(history) => history.run(),
        Command::Export(export) => export.run(),
        Command::Insights(insights) => insights.run(),
        Command::Suggestions(suggestions) => suggestions.run(),
        Command::Forecast(forecast) => forecast.run(),
        Command::Rules(rules) => rules.run(),
        Command::Alarms(alarms) => alarms.run(),
        Command::Model(model) => model.run(),
        Command::Demo(demo) => demo.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Plan(plan) => plan.run(),
        Command::Runs(runs) => runs.run(),
        Command::Operate(operate) => operate.run(),
        Command::Energy(energy) => energy.run(),
        Command::Fleet(fleet) => fleet.run(),
        Command::Learn(learn) => learn.run(),
        Command::Token(token) => token.run(),
        Command::Credential(credential) => credential.run(),
        Command::Config(config) => config.run(),
        Command::Openapi => openapi(),
    };
    report_code(done.map(|()| ExitCode::SUCCESS))
}

fn openapi() -> anyhow::Result<()> {
    say(&server::api::openapi().to_pretty_json()?)
}

/// Prints a line for the caller. A reader that has gone away is no error.
pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Prints a line for the person at the terminal.
pub(crate) fn tell(line: &str) {
    // Without a terminal there is nobody to tell.
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

/// Prints an error with its causes, and its hints on lines of their own at the end.
fn report_code(done: anyhow::Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) => {
            let whole = format!("{error:#}");
            let (hints, problem): (Vec<&str>, Vec<&str>) =
                whole.split('\n').partition(|line| line.starts_with("hint: "));
            tell(&format!("error: {}", problem.join("\n")));
            if !hints.is_empty() {
                tell("");
            }
            hints.iter().for_each(|hint| tell(hint));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        <Line as clap::CommandFactory>::command().debug_assert();
    }
}
