//! Runs the test binary once more as a child that is killed at some moment, or that has little room on its disk.

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

/// Runs one ignored test of this binary to its end, in a process that may change with [`room`] how much room it has.
pub(crate) fn run_with_little_room(test: &str, folder: &Path) {
    // The signal would end the process; ignored, a write that finds no room is an error as on a full disk.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// From now on no file of this process grows beyond so many bytes, or all may again.
pub(crate) fn room(file_bytes_max: Option<u64>) {
    let limit = file_bytes_max.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let limited = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), &format!("--fsize={limit}:")])
        .status()
        .unwrap();
    assert!(limited.success(), "prlimit (util-linux): {limited}");
}
