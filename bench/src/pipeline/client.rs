//! A publisher that costs as little as possible: frames are made beforehand and written in large pieces.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::ensure;
use model::Clock;

/// The property that carries when a report was sent, in microseconds.
pub(crate) const SENT: &str = "sent_us";

/// Bytes written at a time in a flood.
const PIECE: usize = 64 << 10;

/// One connected MQTT 3.1.1 client.
pub(crate) struct Publisher {
    stream: TcpStream,
}

impl Publisher {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            let mut connect = b"\x00\x04MQTT\x04\x02\x00\x00\x00\x05bench".to_vec();
            connect.splice(0..0, [0x10, connect.len() as u8]);
            stream.write_all(&connect)?;
            let mut acknowledgement = [0; 4];
            std::io::Read::read_exact(&mut stream, &mut acknowledgement)?;
            ensure!(acknowledgement == [0x20, 2, 0, 0], "the broker refused: {acknowledgement:?}");
            Ok(Self { stream })
        })
        .await?
    }

    /// Some messages, as they are given.
    pub(crate) fn say<'m>(&mut self, messages: impl Iterator<Item = (String, &'m str)>) -> anyhow::Result<()> {
        let mut piece = Vec::with_capacity(PIECE + 1_024);
        for (topic, payload) in messages {
            frame(&mut piece, &topic, payload);
            if piece.len() >= PIECE {
                self.stream.write_all(&piece)?;
                piece.clear();
            }
        }
        Ok(self.stream.write_all(&piece)?)
    }

    /// As fast as the broker takes it.
    pub(crate) fn flood(mut self, things: usize, properties: usize, messages: usize) -> anyhow::Result<Self> {
        let mut piece = Vec::with_capacity(PIECE + 1_024);
        for number in 0..messages {
            report(&mut piece, number % things, properties, number, 0);
            if piece.len() >= PIECE {
                self.stream.write_all(&piece)?;
                piece.clear();
            }
        }
        self.stream.write_all(&piece)?;
        Ok(self)
    }

    /// So many messages a second, evenly.
    pub(crate) fn pace(
        mut self,
        things: usize,
        properties: usize,
        messages: usize,
        per_second: f64,
    ) -> anyhow::Result<Self> {
        let clock = model::WallClock;
        let (began, mut frame) = (Instant::now(), Vec::new());
        for number in 0..messages {
            let due = Duration::from_secs_f64(number as f64 / per_second);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            frame.clear();
            report(&mut frame, number % things, properties, number, clock.now().micros());
            self.stream.write_all(&frame)?;
        }
        Ok(self)
    }

    pub(crate) fn close(mut self) {
        // Saying goodbye is a courtesy; the measurement is over.
        drop(self.stream.write_all(&[0xe0, 0]));
    }
}

/// Appends one QoS 0 PUBLISH with a report of `properties` numbers.
fn report(out: &mut Vec<u8>, thing: usize, properties: usize, number: usize, sent: i64) {
    use std::fmt::Write as _;
    let topic = format!("things/{}/properties", self::thing(thing));
    let mut payload = String::with_capacity(256);
    let _infallible = write!(payload, "{{\"{SENT}\":{sent}");
    for property in 1..properties {
        let value = 20.0 + ((number / 7 + property * 31) % 1_000) as f64 / 100.0;
        let _infallible = write!(payload, ",\"value_{property}\":{value}");
    }
    payload.push('}');
    frame(out, &topic, &payload);
}

/// The id of a thing.
pub(crate) fn thing(number: usize) -> String {
    format!("meter{number:04}")
}

/// Appends one QoS 0 PUBLISH.
fn frame(out: &mut Vec<u8>, topic: &str, payload: &str) {
    out.push(0x30);
    let mut length = 2 + topic.len() + payload.len();
    while length >= 128 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(&(topic.len() as u16).to_be_bytes());
    out.extend_from_slice(topic.as_bytes());
    out.extend_from_slice(payload.as_bytes());
}
