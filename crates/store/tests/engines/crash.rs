//! Runs the test binary once more as a child that is killed at some moment.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// The environment variable that tells the child its folder.
pub(crate) const FOLDER: &str = "STORE_CRASH_FOLDER";

const MARK: &str = "announced: ";

/// Announces something to the parent in one write, so that a kill cannot cut it into two lines.
pub(crate) fn announce(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{MARK}{text}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// A child that runs one ignored test of this binary.
pub(crate) struct Child(std::process::Child);

impl Child {
    pub(crate) fn start(test: &str, folder: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Kills the child with SIGKILL when it has announced this many things. Returns all that it ever announced.
    pub(crate) fn kill_after_lines(mut self, count: usize) -> Vec<String> {
        let mut announced = Vec::new();
        let mut killed = false;
        for line in BufReader::new(self.0.stdout.take().unwrap()).split(b'\n') {
            let line = String::from_utf8(line.unwrap()).unwrap();
            // The first announcement may share its line with what the test harness says.
            let Some((_, text)) = line.split_once(MARK) else { continue };
            announced.push(text.to_owned());
            if announced.len() >= count && !killed {
                self.0.kill().unwrap();
                killed = true;
            }
        }
        self.0.wait().unwrap();
        assert!(killed, "the child ended by itself after {announced:?}");
        announced
    }
}
