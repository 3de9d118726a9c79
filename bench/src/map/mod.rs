//! A city's worth of things on the map: what a tile and a question about a place cost while values keep coming.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::machine;
use crate::pipeline::client::{Publisher, thing};
use crate::pipeline::program;
use crate::report::{Report, Row, Target};

/// Where the lower left corner of the city lies, in degrees, and how wide and high it is.
const WEST: f64 = 6.8;
const SOUTH: f64 = 50.8;
const SIDE: f64 = 0.4;

/// Districts of the city in each direction.
const DISTRICTS: usize = 20;

/// Values a second that keep coming.
const UPDATES_PER_SECOND: f64 = 20_000.0;

/// How many of the things report.
const REPORTING: usize = 20_000;

/// What the things are: street lights for the most part, as in a city.
const KINDS: [(&str, f64); 4] = [("street_light", 0.6), ("meter", 0.85), ("parking_bay", 0.97), ("air_sensor", 1.0)];

/// How long the last values may take to be counted.
const PATIENCE: Duration = Duration::from_mins(2);

/// Measures a city of a million things; `quick` a hundredth of it.
pub fn run(quick: bool) -> anyhow::Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (things, seconds) = if quick { (10_000, 5) } else { (1_000_000, 60) };
    Ok(Report::new("map", runtime.block_on(measure(things, Duration::from_secs(seconds)))?))
}

async fn measure(things: usize, steady: Duration) -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let (http, mqtt) = (program::free_address()?, program::free_address()?);
    let config = folder.path().join("manmul.toml");
    let grant = "[http]\ntls_listen = \"\"\n[mqtt]\ntls_listen = \"\"\n[mqtt.anonymous]\n\
                 grants = [{ filter = \"things/#\", publish = true }]\n";
    std::fs::write(&config, grant)?;
    let data = folder.path().join("data");
    let (program, _) = program::start(&config, &data, http, mqtt)?;
    let token = std::fs::read_to_string(data.join("local.token")).context("local.token")?.trim().to_owned();
    let mut client = Client::connect(http, token)?;
    let mut rows = Vec::new();
    let mut add = |row: Row| {
        row.tell();
        rows.push(row);
    };

    let before = machine::resident_bytes(program.id())?;
    let file = city(things);
    let began = Instant::now();
    let answer = client.ask("POST", "/api/v1/map/import", file.as_bytes())?;
    ensure!(answer.status == 200, "the import was refused: {}", answer.text());
    let outcome: serde_json::Value = serde_json::from_slice(&answer.body)?;
    ensure!(outcome["things_added"] == things, "the import: {outcome}");
    let took = began.elapsed().as_secs_f64();
    add(Row::absolute(
        format!("{things} things and {} districts from one GeoJSON file", DISTRICTS * DISTRICTS),
        "s",
        took,
        Target::None,
    ));
    let bytes = machine::resident_bytes(program.id())?.saturating_sub(before) as f64 / things as f64;
    add(Row::absolute("resident memory a thing that has told nothing, after the import", "B", bytes, Target::None));

    for (values, label) in [(false, "nothing else to do"), (true, "20,000 values/s")] {
        let publisher = Publisher::connect(mqtt).await?;
        let told = records(&mut client)?;
        let (cpu, began) = (machine::cpu_time(program.id())?, Instant::now());
        let messages = if values { (steady.as_secs_f64() * UPDATES_PER_SECOND) as usize } else { 0 };
        let reporting = REPORTING.min(things);
        let sent = tokio::task::spawn_blocking(move || publisher.pace(reporting, 1, messages, UPDATES_PER_SECOND));
        let times = questions(&mut client, if values { steady } else { steady / 4 })?;
        sent.await??.close();
        let sent_in = began.elapsed();
        for (name, mut times, target) in times {
            times.sort_by(f64::total_cmp);
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
            add(Row::absolute(format!("{name}, {label}, median"), "ms", at(0.5), Target::None));
            add(Row::absolute(format!("{name}, {label}, 99 %"), "ms", at(0.99), Target::AtMost(target)));
        }
        if values {
            let wanted = told + messages as f64;
            while records(&mut client)? < wanted {
                ensure!(began.elapsed() < sent_in + PATIENCE, "values were lost, or take too long");
                std::thread::sleep(Duration::from_millis(20));
            }
            let rate = messages as f64 / began.elapsed().as_secs_f64();
            add(Row::absolute(
                "values taken in, tiles and questions beside",
                "1/s",
                rate,
                Target::AtLeast(UPDATES_PER_SECOND * 0.99),
            ));
            let cores =
                machine::cpu_time(program.id())?.saturating_sub(cpu).as_secs_f64() / began.elapsed().as_secs_f64();
            add(Row::absolute("processors busy at that pace", "cores", cores, Target::None));
        }
    }
    let resident = machine::resident_bytes(program.id())? as f64 / 1e6;
    add(Row::absolute("resident memory at the end", "MB", resident, Target::None));
    Ok(rows)
}

/// Asks for tiles and places anywhere in the city for so long, in turn, and gives the milliseconds of each.
fn questions(client: &mut Client, duration: Duration) -> anyhow::Result<Vec<(&'static str, Vec<f64>, f64)>> {
    let mut chance = ChaCha8Rng::seed_from_u64(7);
    let began = Instant::now();
    let (mut tiles, mut places) = (Vec::new(), Vec::new());
    while began.elapsed() < duration {
        let (longitude, latitude) = (WEST + SIDE * chance.random::<f64>(), SOUTH + SIDE * chance.random::<f64>());
        let level = chance.random_range(8_u32..19);
        let (column, row) = tile_of(longitude, latitude, level);
        let kind = if chance.random_bool(0.3) { "?kind=street_light" } else { "" };
        tiles.push(client.time(&format!("/api/v1/map/tiles/{level}/{column}/{row}{kind}"))?);
        let path = match chance.random_range(0..4) {
            0 => format!("/api/v1/map/things?point={longitude},{latitude}&metres=300&limit=100"),
            1 => format!(
                "/api/v1/map/things?bounds={longitude},{latitude},{},{}&limit=100",
                longitude + 0.01,
                latitude + 0.01
            ),
            2 => format!(
                "/api/v1/map/things?space=district-{}&kind=air_sensor&limit=100",
                chance.random_range(0..DISTRICTS * DISTRICTS)
            ),
            _ => format!("/api/v1/map/things?space=street-{}&metres=25&limit=100", chance.random_range(0..DISTRICTS)),
        };
        places.push(client.time(&path)?);
    }
    Ok(vec![("a tile of levels 8 to 18", tiles, 100.0), ("what is near, within, inside or along", places, 50.0)])
}

/// The tile of a level at a place (OpenStreetMap wiki, "Slippy map tilenames").
fn tile_of(longitude: f64, latitude: f64, level: u32) -> (u32, u32) {
    let side = f64::from(1_u32 << level);
    let north = latitude.to_radians().tan().asinh() / std::f64::consts::PI;
    (((longitude + 180.0) / 360.0 * side) as u32, ((1.0 - north) / 2.0 * side) as u32)
}

/// A square city: districts in a chessboard, a street through each row of them, and things strewn over it.
fn city(things: usize) -> String {
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let mut text = String::with_capacity(things * 200 + 100_000);
    text.push_str(r#"{"type":"FeatureCollection","features":["#);
    let side = SIDE / DISTRICTS as f64;
    for number in 0..DISTRICTS * DISTRICTS {
        let (west, south) = (WEST + side * (number % DISTRICTS) as f64, SOUTH + side * (number / DISTRICTS) as f64);
        let (east, north) = (west + side, south + side);
        let _infallible = write!(
            text,
            r#"{{"type":"Feature","id":"district-{number}","properties":{{"kind":"district"}},"geometry":{{"type":"Polygon","coordinates":[[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],[{west},{south}]]]}}}},"#
        );
    }
    for number in 0..DISTRICTS {
        let south = SOUTH + side * (number as f64 + 0.5);
        let _infallible = write!(
            text,
            r#"{{"type":"Feature","id":"street-{number}","properties":{{"kind":"street"}},"geometry":{{"type":"LineString","coordinates":[[{WEST},{south}],[{},{south}]]}}}},"#,
            WEST + SIDE
        );
    }
    for number in 0..things {
        let (x, y, kind): (f64, f64, f64) = (chance.random(), chance.random(), chance.random());
        let kind = KINDS.iter().find(|(_, share)| kind < *share).map_or("meter", |(kind, _)| kind);
        let district = (y * DISTRICTS as f64) as usize * DISTRICTS + (x * DISTRICTS as f64) as usize;
        let comma = if number == 0 { "" } else { "," };
        let _infallible = write!(
            text,
            r#"{comma}{{"type":"Feature","id":"{}","properties":{{"kind":"{kind}","space":"district-{district}"}},"geometry":{{"type":"Point","coordinates":[{:.7},{:.7}]}}}}"#,
            thing(number),
            WEST + SIDE * x,
            SOUTH + SIDE * y
        );
    }
    text.push_str("]}");
    text
}

/// How many records the program has taken in.
fn records(client: &mut Client) -> anyhow::Result<f64> {
    let figures = client.ask("GET", "/metrics", b"")?.text();
    let line = figures.lines().find(|line| line.starts_with("manmul_site_records_total "));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).context("manmul_site_records_total is not in /metrics")
}

/// An HTTP connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
    token: String,
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    fn connect(host: SocketAddr, token: String) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host, token })
    }

    /// How long an answer takes, in milliseconds.
    fn time(&mut self, path: &str) -> anyhow::Result<f64> {
        let began = Instant::now();
        let answer = self.ask("GET", path, b"")?;
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.text());
        Ok(began.elapsed().as_secs_f64() * 1e3)
    }

    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Answer> {
        let (host, token, length) = (self.host, &self.token, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        self.stream.get_mut().write_all(head.as_bytes())?;
        self.stream.get_mut().write_all(body)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok()).context("no status in the answer")?;
        let mut length = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok();
            }
        }
        let body = match length {
            Some(length) => self.exactly(length)?,
            None => self.chunks()?,
        };
        Ok(Answer { status, body })
    }

    fn exactly(&mut self, length: usize) -> anyhow::Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    /// A body that comes in pieces (RFC 9112, section 7.1).
    fn chunks(&mut self) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16).context("a piece without its length")?;
            body.extend(self.exactly(length + 2)?);
            body.truncate(body.len() - 2);
            if length == 0 {
                return Ok(body);
            }
        }
    }
}
