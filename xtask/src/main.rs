//! All automation of the project: `cargo xtask COMMAND`. Each command does its own set-up.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program talks to the developer")]
#![expect(clippy::disallowed_methods, reason = "automation reads and writes files and takes the time of its steps")]

mod install;
mod models;
mod steps;
mod tidy;
mod verify;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  run [ARGS]       build everything, start with the demo and print the link to open
  test             everything that must hold: check, all tests, real peers, a real browser
  check            format, lints, tidy, user interface checks; no tests
  tidy             floors, file lengths, module docs, licences, links
  build            the user interface and the release binary
  openapi          write openapi.json and the interface's types anew
  models           get the small models of packages, make them ready to be installed, train our own
  bench NAME       measure beside the peers: mqtt, store, pipeline, fleet, learn, habits, rules, inference, nets, home, map
                   [--quick] [--soak HOURS]
  interop DIR      run a checkout of Eclipse Paho's interoperability suites (paho.mqtt.testing)
  interop vehicles DIR
                   run the simulator of a checkout of NVIDIA's isaac_mission_dispatch under master control
";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let done = match command.as_str() {
        "run" => steps::run_demo(&rest),
        "test" => verify::test(),
        "check" => steps::check(),
        "tidy" => tidy::run(),
        "build" => steps::build_release(),
        "openapi" => steps::openapi(),
        "models" => models::all(),
        "bench" => steps::bench(&rest),
        "interop" => verify::interop(&rest),
        "" | "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(anyhow::anyhow!("there is no command {other:?}\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
