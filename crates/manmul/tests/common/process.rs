//! The program as a process of its own: started on free ports, killed or stopped, and spoken to by its command line.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long the program may take to stop when it is asked to.
const STOP_SECONDS: u64 = 20;

/// MQTT clients without credentials may do everything.
const OPEN: &str = r##"
[http]
tls_listen = ""

[mqtt]
tls_listen = ""
connects_per_address_per_second = 0
anonymous = { grants = [{ filter = "#", publish = true, subscribe = true }], deny_publish = [], deny_subscribe = [] }
"##;

/// MQTT is spoken with credentials; over TLS too, once there is an owner.
const CLOSED: &str = "[http]\ntls_listen = \"\"\n\n[mqtt]\ntls_listen = \"127.0.0.1:0\"\n";

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_manmul"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MANMUL_")) {
        command.env_remove(name);
    }
    command
}

/// A running Manmul.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    /// Where it speaks MQTT.
    pub(crate) mqtt: SocketAddr,
    /// Where its pages are, like `http://127.0.0.1:4711`.
    pub(crate) url: String,
    /// The one-time token of the link that it printed; empty once there is an owner.
    setup_token: String,
}

impl Server {
    /// Starts it on the data in `folder`, open to MQTT clients without credentials.
    pub(crate) fn start_open(folder: &Path) -> Self {
        Self::start(program(), folder, OPEN)
    }

    /// As [`Server::start_open`], and [`Server::room`] is an error of writing and no signal.
    pub(crate) fn start_open_with_limits(folder: &Path) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
        command.arg(program().get_program());
        Self::start(command, folder, OPEN)
    }

    /// Starts it on the data in `folder`, open to nobody without a credential.
    pub(crate) fn start_closed(folder: &Path) -> Self {
        Self::start(program(), folder, CLOSED)
    }

    /// kill -9, and starts it again on the same data and the same addresses.
    pub(crate) fn restart(self) -> Self {
        let (folder, mqtt, http) = (self.folder.clone(), self.mqtt.to_string(), self.url.replace("http://", ""));
        self.kill();
        Self::start_at(program(), &folder, CLOSED, &http, &mqtt)
    }

    fn start(command: Command, folder: &Path, config: &str) -> Self {
        Self::start_at(command, folder, config, "127.0.0.1:0", "127.0.0.1:0")
    }

    fn start_at(mut command: Command, folder: &Path, config: &str, http: &str, mqtt: &str) -> Self {
        let file = folder.join("manmul.toml");
        std::fs::write(&file, config).unwrap();
        let mut child = command
            .args(["up", "--http", http, "--mqtt", mqtt, "--config"])
            .arg(&file)
            .arg("--data")
            .arg(folder.join("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let (mut mqtt, mut said) = (None, Vec::new());
        let (url, setup_token) = loop {
            let Some(line) = lines.next() else { panic!("the program ended early: {said:#?}") };
            let mut words = line.split_whitespace();
            match (words.next(), words.next()) {
                (Some("MQTT"), Some(address)) => mqtt = address.parse().ok(),
                (Some("open"), Some(link)) => {
                    let (url, token) = link.split_once("/setup?token=").unwrap_or((link, ""));
                    break (url.to_owned(), token.to_owned());
                }
                _ => {}
            }
            said.push(line);
        };
        // What it says later is read, so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, folder: folder.to_owned(), mqtt: mqtt.expect("the program says where"), url, setup_token }
    }

    /// Makes an owner, and returns where MQTT is spoken over TLS since then.
    pub(crate) fn own(&self) -> SocketAddr {
        let token = &self.setup_token;
        let owner = format!(r#"{{"token":"{token}","name":"kim","password":"correct horse battery"}}"#);
        let setup = ureq::post(format!("{}/api/v1/setup", self.url)).content_type("application/json");
        assert!(setup.send(owner).unwrap().status().is_success());
        let local = std::fs::read_to_string(self.folder.join("data/local.token")).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            let system = ureq::get(format!("{}/api/v1/system", self.url));
            let answer = system.header("authorization", format!("Bearer {}", local.trim())).call().unwrap();
            let system: Value = serde_json::from_str(&answer.into_body().read_to_string().unwrap()).unwrap();
            let listeners = system["listeners"].as_array().unwrap();
            if let Some(tls) = listeners.iter().find(|listener| listener["protocol"] == "mqtts") {
                return tls["address"].as_str().unwrap().parse().unwrap();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("MQTT over TLS did not open");
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let deadline = Instant::now() + Duration::from_secs(STOP_SECONDS);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "the program ended with {status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the program did not stop within {STOP_SECONDS} s");
    }

    /// From now on no file of the program grows beyond so many bytes, or all may again.
    pub(crate) fn room(&self, file_bytes_max: Option<u64>) {
        let limit = file_bytes_max.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let arguments = ["--pid", &self.child.id().to_string(), &format!("--fsize={limit}:")];
        assert!(Command::new("prlimit").args(arguments).status().unwrap().success(), "prlimit (util-linux)");
    }

    /// What is answered to GET, head and body.
    pub(crate) fn get(&self, path: &str) -> String {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Asks the API as the program's own command line may, and gives the answer's status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let local = std::fs::read_to_string(self.folder.join("data/local.token")).unwrap();
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.url))
            .header("authorization", format!("Bearer {}", local.trim()))
            .header("content-type", "application/json");
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = agent.run(request.body(text).unwrap()).unwrap();
        let said = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), serde_json::from_str(&said).unwrap_or(Value::String(said)))
    }

    /// Runs a command of the command line against this server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        let (command, rest) = arguments.split_first().unwrap();
        let data = self.folder.join("data");
        program().arg(command).args(rest).args(["--json", "--url", &self.url, "--data"]).arg(data).output().unwrap()
    }

    /// The lines of JSON that a command prints; the command must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.command(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::Deserializer::from_str(&text).into_iter().collect::<Result<_, _>>().unwrap()
    }

    /// The credential of a thing, as user name and password; the thing is made if it is new.
    pub(crate) fn credential(&self, thing: &str, grants: &[&str]) -> (String, String) {
        let mut arguments = vec!["credential", thing];
        grants.iter().for_each(|grant| arguments.extend(["--grant", grant]));
        let made = self.json(&arguments).remove(0);
        (made["username"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }

    /// Looks again and again until `found` finds something in a thing's page.
    pub(crate) fn wait_for_thing<T>(&self, thing: &str, what: &str, mut found: impl FnMut(&Value) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut last = String::new();
        while Instant::now() < deadline {
            let output = self.command(&["things", thing]);
            last =
                String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr }).into();
            if let Some(found) = serde_json::from_str(&last).ok().as_ref().and_then(&mut found) {
                return found;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("waited in vain for {what}; last: {last}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `kill` or `stop` the process is gone already.
        drop(self.child.kill().and_then(|()| self.child.wait()));
    }
}
