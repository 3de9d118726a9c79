//! The peers: SQLite in this process, DuckDB in Python, PostgreSQL and VictoriaMetrics as servers of our own that listen
//! on loopback or a socket and end with the benchmark.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::data::{COMMIT_POINTS, Data, START, TICK};
use super::measure::{Cost, cpu, cpu_each, of_process, wall_median};

const HOUR: i64 = 3_600_000_000;
const POSTGRES: &str = "/usr/lib/postgresql/15/bin";

/// What was measured of a peer; `None` where it was not asked.
#[derive(Debug, Default)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) points: f64,
    pub(super) ingest: Cost,
    pub(super) bytes: f64,
    pub(super) last_ms: Option<f64>,
    pub(super) hour_ms: Option<f64>,
    pub(super) by_hour_ms: Option<f64>,
}

/// A server that is stopped, by its process id, when it is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT ends PostgreSQL quickly and cleanly, and VictoriaMetrics too; a failure shows in the wait.
        drop(Command::new("kill").args(["-INT", &self.0.id().to_string()]).status());
        drop(self.0.wait());
    }
}

fn bytes_below(folder: &Path) -> anyhow::Result<f64> {
    let mut bytes = 0.0;
    for item in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let item = item?;
        let data = item.metadata()?;
        bytes += if data.is_dir() { bytes_below(&item.path())? } else { data.len() as f64 };
    }
    Ok(bytes)
}

/// A row a point, keyed by series and time, one transaction a commit, durable.
pub(super) fn sqlite(folder: &Path, data: &Data, points: usize) -> anyhow::Result<Peer> {
    let path = folder.join("points.sqlite");
    let mut connection = rusqlite::Connection::open(&path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE p (series INTEGER, time INTEGER, value REAL, PRIMARY KEY (series, time)) WITHOUT ROWID;",
    )?;
    let mut ingest = Cost::default();
    let mut commits = data.commits(points);
    loop {
        let some: Vec<_> = commits.by_ref().take(10).collect();
        if some.is_empty() {
            break;
        }
        ingest += cpu(|| {
            for commit in &some {
                let transaction = connection.transaction()?;
                {
                    let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO p VALUES (?, ?, ?)")?;
                    for point in commit {
                        insert.execute(*point)?;
                    }
                }
                transaction.commit()?;
            }
            Ok(())
        })?;
    }
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    let end = START + (points / data.series) as i64 * TICK;
    let series = |run: usize| (run * 7919 % data.series) as i64;
    let mut last = connection.prepare("SELECT value FROM p WHERE series = ? ORDER BY time DESC LIMIT 1")?;
    let last_ms = cpu_each(50_000, |run| Ok(last.query_row([series(run)], |row| row.get::<_, f64>(0)).map(drop)?))?;
    let mut hour =
        connection.prepare("SELECT time, value FROM p WHERE series = ? AND time >= ? AND time < ? ORDER BY time")?;
    let hour_ms = cpu_each(3_000, |run| {
        let rows =
            hour.query_map([series(run), end - HOUR, end], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)))?;
        ensure!(rows.collect::<Result<Vec<_>, _>>()?.len() == 360);
        Ok(())
    })?;
    Ok(Peer {
        name: format!("SQLite {}, {} points", rusqlite::version(), millions(points)),
        points: points as f64,
        ingest,
        bytes: std::fs::metadata(&path)?.len() as f64,
        last_ms: Some(last_ms),
        hour_ms: Some(hour_ms),
        by_hour_ms: None,
    })
}

pub(super) fn millions(points: usize) -> String {
    format!("{:.1} M", points as f64 / 1e6)
}

/// Columns from Python, one thread.
pub(super) fn duckdb(folder: &Path, data: &Data, points: usize) -> anyhow::Result<Peer> {
    #[derive(Deserialize)]
    struct Answer {
        version: String,
        ingest_cpu: f64,
        ingest_wall: f64,
        bytes: f64,
        by_hour_ms: f64,
        one_hour_ms: f64,
    }
    let python = std::env::var_os("BENCH_PYTHON").unwrap_or_else(|| "python3".into());
    let (values, script) = (folder.join("values.f64"), folder.join("duckdb_peer.py"));
    std::fs::write(&values, data.bytes())?;
    std::fs::write(&script, include_str!("duckdb.py"))?;
    let output = Command::new(&python)
        .arg(&script)
        .arg(&values)
        .arg(folder.join("points.duckdb"))
        .args([data.series, points, COMMIT_POINTS].map(|number| number.to_string()))
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{}\nhint: run `cargo xtask bench store`, which installs it", python.display()))?;
    ensure!(
        output.status.success(),
        "DuckDB under {} failed\nhint: run `cargo xtask bench store`, which installs duckdb and numpy, or set BENCH_PYTHON",
        python.display()
    );
    let answer: Answer = serde_json::from_slice(&output.stdout).context("what the DuckDB script printed")?;
    Ok(Peer {
        name: format!("DuckDB {}, {} points", answer.version, millions(points)),
        points: points as f64,
        ingest: Cost {
            cpu: Duration::from_secs_f64(answer.ingest_cpu),
            wall: Duration::from_secs_f64(answer.ingest_wall),
        },
        bytes: answer.bytes,
        last_ms: None,
        hour_ms: Some(answer.one_hour_ms),
        by_hour_ms: Some(answer.by_hour_ms),
    })
}

/// A command as the user of PostgreSQL, which does not run as root.
fn as_postgres(program: impl AsRef<std::ffi::OsStr>) -> anyhow::Result<Command> {
    let id = Command::new("id").arg("-u").output()?;
    if id.stdout != b"0\n" {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program.as_ref());
    Ok(command)
}

fn check(mut command: Command, hint: &str) -> anyhow::Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("{command:?}\nhint: {hint}"))?;
    ensure!(output.status.success(), "{command:?}: {}\nhint: {hint}", String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}

const POSTGRES_HINT: &str = "apt-get install postgresql-15";

fn psql(folder: &Path) -> Command {
    let mut command = Command::new("psql");
    command.arg("-h").arg(folder).args(["-U", "postgres", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
    command
}

fn psql_script(folder: &Path, script: &[u8]) -> anyhow::Result<()> {
    let mut child = psql(folder).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().context("psql")?;
    child.stdin.take().context("psql has no input")?.write_all(script)?;
    ensure!(child.wait()?.success(), "psql failed");
    Ok(())
}

/// COPY, one a commit, into a table with a primary key; the CPU time is that of the server.
pub(super) fn postgres(folder: &Path, data: &Data, points: usize) -> anyhow::Result<Peer> {
    let home = folder.join("postgres");
    std::fs::create_dir_all(&home)?;
    let mut open_way = Command::new("chmod");
    open_way.arg("711").arg(folder);
    check(open_way, "the temporary folder must be ours")?;
    if Command::new("id").arg("-u").output()?.stdout == b"0\n" {
        let mut chown = Command::new("chown");
        chown.arg("postgres:postgres").arg(&home);
        check(chown, POSTGRES_HINT)?;
    }
    let cluster = home.join("data");
    let mut initdb = as_postgres(PathBuf::from(POSTGRES).join("initdb"))?;
    initdb.args(["-A", "trust", "-U", "postgres", "-D"]).arg(&cluster).current_dir(&home);
    check(initdb, POSTGRES_HINT)?;
    let child = as_postgres(PathBuf::from(POSTGRES).join("postgres"))?
        .arg("-D")
        .arg(&cluster)
        .arg("-k")
        .arg(&home)
        .args(["-c", "listen_addresses=", "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB"])
        .current_dir(&home)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("postgres\nhint: {POSTGRES_HINT}"))?;
    let server = Server(child);
    wait_for("PostgreSQL", || {
        psql(&home).args(["-c", "SELECT 1"]).output().is_ok_and(|output| output.status.success())
    })?;
    let version = check(
        {
            let mut command = psql(&home);
            command.args(["-c", "SHOW server_version"]);
            command
        },
        POSTGRES_HINT,
    )?;
    let version = String::from_utf8_lossy(&version).split_whitespace().next().unwrap_or_default().to_owned();
    psql_script(&home, b"CREATE TABLE p (series int, time bigint, value float8, PRIMARY KEY (series, time));")?;
    let mut script = String::new();
    for commit in data.commits(points) {
        script.push_str("COPY p FROM STDIN;\n");
        for (series, time, value) in commit {
            writeln!(script, "{series}\t{time}\t{value}")?;
        }
        script.push_str("\\.\n");
    }
    let ingest = of_process(server.0.id(), || psql_script(&home, script.as_bytes()))?;
    let bytes = check(
        {
            let mut command = psql(&home);
            command.args(["-c", "SELECT pg_total_relation_size('p')"]);
            command
        },
        POSTGRES_HINT,
    )?;
    let end = START + (points / data.series) as i64 * TICK;
    let queries = |runs: usize, query: &dyn Fn(usize) -> String| -> anyhow::Result<f64> {
        let script: String = (0..runs).map(query).collect();
        psql_script(&home, script.as_bytes())?;
        let empty = wall_median(3, |_| psql_script(&home, b"SELECT 1;"))?;
        let all = wall_median(1, |_| psql_script(&home, script.as_bytes()))?;
        Ok((all - empty) / runs as f64)
    };
    let series = |run: usize| run * 7919 % data.series;
    let last_ms = queries(1_000, &|run| {
        format!("SELECT value FROM p WHERE series = {} ORDER BY time DESC LIMIT 1;\n", series(run))
    })?;
    let hour_ms = queries(500, &|run| {
        format!(
            "SELECT time, value FROM p WHERE series = {} AND time >= {} AND time < {end} ORDER BY time;\n",
            series(run),
            end - HOUR
        )
    })?;
    Ok(Peer {
        name: format!("PostgreSQL {version} COPY, {} points", millions(points)),
        points: points as f64,
        ingest,
        bytes: String::from_utf8_lossy(&bytes).trim().parse()?,
        last_ms: Some(last_ms),
        hour_ms: Some(hour_ms),
        by_hour_ms: None,
    })
}

fn wait_for(what: &str, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
    for _ in 0..300 {
        if ready() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("{what} did not start within 30 s")
}

/// One request on a connection of its own; the body of the answer.
fn http(port: u16, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_mins(2)))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").context("an answer without a head")?;
    let status = String::from_utf8_lossy(&answer[..end]).lines().next().unwrap_or_default().to_owned();
    ensure!(status.contains(" 200") || status.contains(" 204"), "{method} {path}: {status}");
    Ok(answer.split_off(end + 4))
}

/// Influx lines over HTTP, one request a commit; the CPU time is that of the server and includes parsing.
pub(super) fn victoria_metrics(folder: &Path, data: &Data, points: usize) -> anyhow::Result<Peer> {
    const HINT: &str = "apt-get install victoria-metrics";
    // Debian's build does not know its own version.
    let version = Command::new("dpkg-query").args(["-W", "-f", "${Version}", "victoria-metrics"]).output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let version = version.split('+').next().unwrap_or_default().to_owned();
    // A port that was free a moment ago; nobody else on this machine's loopback is expected to take it.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let home = folder.join("victoria");
    let child = Command::new("victoria-metrics")
        .arg(format!("-storageDataPath={}", home.display()))
        .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
        .args(["-retentionPeriod=100y", "-search.latencyOffset=0s", "-loggerLevel=ERROR"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("victoria-metrics\nhint: {HINT}"))?;
    let server = Server(child);
    wait_for("VictoriaMetrics", || http(port, "GET", "/health", b"").is_ok())?;
    let mut ingest = Cost::default();
    let mut commits = data.commits(points);
    loop {
        let some: Vec<String> = commits
            .by_ref()
            .take(20)
            .map(|commit| {
                let mut lines = String::with_capacity(commit.len() * 48);
                for (series, time, value) in commit {
                    writeln!(lines, "v,thing=thing{series:04} value={value} {time}000")
                        .expect("a string takes all text");
                }
                lines
            })
            .collect();
        if some.is_empty() {
            break;
        }
        ingest += of_process(server.0.id(), || {
            some.iter().try_for_each(|lines| http(port, "POST", "/write", lines.as_bytes()).map(drop))
        })?;
    }
    ingest += of_process(server.0.id(), || http(port, "GET", "/internal/force_flush", b"").map(drop))?;
    http(port, "GET", "/internal/force_merge", b"")?;
    wait_for("the merge of VictoriaMetrics", || {
        http(port, "GET", "/metrics", b"").is_ok_and(|body| {
            let text = String::from_utf8_lossy(&body).into_owned();
            text.lines().filter(|line| line.starts_with("vm_active_force_merges ")).all(|line| line.ends_with(" 0"))
        })
    })?;
    let end = (START + (points / data.series) as i64 * TICK) / 1_000_000;
    let expect = |body: &[u8]| ensure_success(body);
    let last_ms = wall_median(100, |run| {
        let path =
            format!("/api/v1/query?query=v_value%7Bthing%3D%22thing{:04}%22%7D&time={end}", run * 7919 % data.series);
        expect(&http(port, "GET", &path, b"")?)
    })?;
    let hour_ms = wall_median(100, |run| {
        let series = run * 7919 % data.series;
        let path =
            format!("/api/v1/export?match=v_value%7Bthing%3D%22thing{series:04}%22%7D&start={}&end={end}", end - 3_600);
        http(port, "GET", &path, b"").map(drop)
    })?;
    let by_hour = of_process(server.0.id(), || {
        for _ in 0..3 {
            let hours = (points / data.series / 360).min(24) as i64;
            let path = format!(
                "/api/v1/query_range?query=avg_over_time(v_value%5B1h%5D)&start={}&end={end}&step=1h&nocache=1",
                end - (hours - 1) * 3_600
            );
            expect(&http(port, "GET", &path, b"")?)?;
        }
        Ok(())
    })?;
    drop(server);
    Ok(Peer {
        name: format!("VictoriaMetrics {version}, {} points", millions(points)),
        points: points as f64,
        ingest,
        bytes: bytes_below(&home.join("data"))? + bytes_below(&home.join("indexdb"))?,
        last_ms: Some(last_ms),
        hour_ms: Some(hour_ms),
        by_hour_ms: Some(by_hour.cpu.as_secs_f64() * 1e3 / 3.0),
    })
}

fn ensure_success(body: &[u8]) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(body);
    ensure!(
        text.contains("\"status\":\"success\"") && text.contains("v_value") || text.contains("thing"),
        "an answer without data"
    );
    Ok(())
}
