//! The load generator: raw MQTT 3.1.1 frames over plain sockets, so that it costs as little as possible beside the
//! broker that is measured.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Bytes of every payload.
const PAYLOAD_BYTES: usize = 64;

/// PUBLISH packets in one write of a batched publisher.
const BATCH: usize = 16;

/// Unacknowledged QoS 1 messages of one publisher.
const WINDOW: usize = 20;

/// Time between two messages of a paced publisher.
const PACE: Duration = Duration::from_millis(50);

/// How long a subscriber waits for its next message before it gives up.
const PATIENCE: Duration = Duration::from_secs(8);

fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    while length > 0x7F {
        bytes.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(body);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// One PUBLISH.
pub(super) fn publish(topic: &str, qos: u8, packet_id: u16) -> Vec<u8> {
    let mut body = text(topic);
    if qos > 0 {
        body.extend_from_slice(&packet_id.to_be_bytes());
    }
    body.extend_from_slice(&[b'x'; PAYLOAD_BYTES]);
    frame(0x30 | qos << 1, &body)
}

/// Bytes to a broker and back, plain or over TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// An open socket.
pub(super) async fn dial(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connected client.
pub(super) async fn connect(address: SocketAddr, id: &str) -> anyhow::Result<TcpStream> {
    open(dial(address).await?, id).await
}

/// A client that says who it is on an open stream.
pub(super) async fn open<S: Stream>(mut stream: S, id: &str) -> anyhow::Result<S> {
    let mut body = text("MQTT");
    body.extend_from_slice(&[4, 2, 0, 0]);
    body.extend(text(id));
    stream.write_all(&frame(0x10, &body)).await?;
    let mut answer = [0; 4];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await??;
    ensure!(answer == [0x20, 2, 0, 0], "the broker refused a client: {answer:?}");
    Ok(stream)
}

/// Subscribes to filters, many in one packet, and waits for SUBACK.
pub(super) async fn subscribe(stream: &mut impl Stream, filters: &[String], qos: u8) -> anyhow::Result<()> {
    for filters in filters.chunks(500) {
        let mut body = vec![0, 1];
        for filter in filters {
            body.extend(text(filter));
            body.push(qos);
        }
        stream.write_all(&frame(0x82, &body)).await?;
        let header = 2 + usize::from(filters.len() + 2 > 127);
        let mut answer = vec![0; header + 2 + filters.len()];
        timeout(PATIENCE, stream.read_exact(&mut answer)).await??;
        ensure!(answer[0] == 0x90 && answer.iter().skip(header + 2).all(|code| *code == qos), "SUBSCRIBE was refused");
    }
    Ok(())
}

/// Takes whole packets off the front of a buffer.
#[derive(Default)]
struct Packets {
    buffer: Vec<u8>,
}

impl Packets {
    /// Reads once and calls `visit` with first byte and body of every packet; false at the end.
    async fn read(&mut self, stream: &mut TcpStream, visit: &mut impl FnMut(u8, &[u8])) -> anyhow::Result<bool> {
        self.buffer.reserve(64 * 1024);
        if stream.read_buf(&mut self.buffer).await? == 0 {
            return Ok(false);
        }
        let mut used = 0;
        loop {
            let rest = &self.buffer[used..];
            let mut length = 0;
            let mut header = 1;
            let complete = loop {
                let Some(byte) = rest.get(header) else { break false };
                length |= usize::from(byte & 0x7F) << (7 * (header - 1));
                header += 1;
                if byte & 0x80 == 0 {
                    break true;
                }
            };
            if !complete || rest.len() < header + length {
                break;
            }
            visit(rest[0], &rest[header..header + length]);
            used += header + length;
        }
        self.buffer.drain(..used);
        Ok(true)
    }
}

/// Receives until `expected` messages came or nothing comes any more, acknowledging as it goes.
async fn receive(mut stream: TcpStream, expected: usize) -> anyhow::Result<usize> {
    let mut packets = Packets::default();
    let mut received = 0;
    let mut acks = Vec::new();
    while received < expected {
        acks.clear();
        let mut visit = |first: u8, body: &[u8]| {
            if first & 0xF0 == 0x30 {
                received += 1;
                if first & 0b110 != 0 {
                    let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                    acks.extend_from_slice(&[0x40, 2, body[2 + topic], body[3 + topic]]);
                }
            }
        };
        match timeout(PATIENCE, packets.read(&mut stream, &mut visit)).await {
            Ok(more) => {
                if !more? {
                    break;
                }
            }
            Err(_) => break,
        }
        if !acks.is_empty() {
            stream.write_all(&acks).await?;
        }
    }
    Ok(received)
}

/// Publishes `count` messages in batches as fast as they are taken.
async fn flood(mut stream: TcpStream, topic: String, qos: u8, count: usize) -> anyhow::Result<()> {
    if qos == 0 {
        let batch = publish(&topic, 0, 0).repeat(BATCH);
        for _ in 0..count / BATCH {
            stream.write_all(&batch).await?;
        }
        return finish(stream).await;
    }
    let mut packets = Packets::default();
    let (mut sent, mut acknowledged) = (0, 0);
    while acknowledged < count {
        let room = (WINDOW - (sent - acknowledged)).min(count - sent).min(BATCH);
        if room > 0 {
            let batch: Vec<u8> = (0..room).flat_map(|n| publish(&topic, 1, ((sent + n) % 60_000) as u16 + 1)).collect();
            stream.write_all(&batch).await?;
            sent += room;
        }
        let mut visit = |first: u8, _: &[u8]| acknowledged += usize::from(first == 0x40);
        ensure!(timeout(PATIENCE, packets.read(&mut stream, &mut visit)).await??, "the broker hung up");
    }
    finish(stream).await
}

/// Publishes `count` messages, one at a time.
async fn pace(mut stream: TcpStream, topic: String, qos: u8, count: usize, offset: Duration) -> anyhow::Result<()> {
    tokio::time::sleep(offset).await;
    let mut scratch = [0; 1024];
    for number in 0..count {
        stream.write_all(&publish(&topic, qos, number as u16 + 1)).await?;
        tokio::time::sleep(PACE).await;
        while stream.try_read(&mut scratch).is_ok_and(|read| read > 0) {}
    }
    finish(stream).await
}

/// Says DISCONNECT and waits until the other side hangs up, so that nothing is cut off.
async fn finish(mut stream: TcpStream) -> anyhow::Result<()> {
    stream.write_all(&[0xE0, 0]).await?;
    let mut scratch = [0; 4096];
    while timeout(PATIENCE, stream.read(&mut scratch)).await.is_ok_and(|read| read.is_ok_and(|count| count > 0)) {}
    Ok(())
}

/// What a load came to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    /// Messages that arrived.
    pub(super) received: usize,
    /// Messages that were sent.
    pub(super) sent: usize,
    /// How long it took.
    pub(super) elapsed: Duration,
}

async fn join(mut tasks: JoinSet<anyhow::Result<usize>>) -> anyhow::Result<usize> {
    let mut sum = 0;
    while let Some(result) = tasks.join_next().await {
        sum += result??;
    }
    Ok(sum)
}

/// `pairs` publishers, each with a subscriber of its own, batched.
pub(super) async fn pairs(address: SocketAddr, pairs: usize, qos: u8, each: usize) -> anyhow::Result<Outcome> {
    let (mut sinks, mut sources) = (JoinSet::new(), Vec::new());
    for number in 0..pairs {
        let topic = format!("pair/{number}");
        let mut sink = connect(address, &format!("sink-{number}")).await?;
        subscribe(&mut sink, std::slice::from_ref(&topic), qos).await?;
        sinks.spawn(receive(sink, each));
        sources.push((connect(address, &format!("source-{number}")).await?, topic));
    }
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for (source, topic) in sources {
        tasks.spawn(async move { flood(source, topic, qos, each).await.map(|()| 0) });
    }
    join(tasks).await?;
    let received = join(sinks).await?;
    Ok(Outcome { received, sent: pairs * each, elapsed: start.elapsed() })
}

/// `sources` publishers at a steady pace, one subscriber.
pub(super) async fn fan_in(address: SocketAddr, sources: usize, qos: u8, each: usize) -> anyhow::Result<Outcome> {
    let mut sink = connect(address, "sink").await?;
    subscribe(&mut sink, &["fan/#".to_owned()], qos).await?;
    let mut clients = Vec::new();
    for number in 0..sources {
        clients.push((connect(address, &format!("source-{number}")).await?, format!("fan/{number}")));
    }
    let start = Instant::now();
    let sink = tokio::spawn(receive(sink, sources * each));
    let mut tasks = JoinSet::new();
    for (number, (source, topic)) in clients.into_iter().enumerate() {
        let offset = PACE * number as u32 / sources as u32;
        tasks.spawn(async move { pace(source, topic, qos, each, offset).await.map(|()| 0) });
    }
    join(tasks).await?;
    Ok(Outcome { received: sink.await??, sent: sources * each, elapsed: start.elapsed() })
}

/// Idle connections with one QoS 1 subscription each, on streams that `dial` opens; they stay as long as the result
/// lives.
pub(super) async fn idle<S: Stream>(
    dial: impl AsyncFn() -> anyhow::Result<S>,
    first: usize,
    count: usize,
) -> anyhow::Result<Vec<S>> {
    let mut clients = Vec::with_capacity(count);
    for number in first..first + count {
        let mut client = open(dial().await?, &format!("idle-{number}")).await?;
        subscribe(&mut client, &[format!("things/idle-{number}/desired")], 1).await?;
        clients.push(client);
    }
    Ok(clients)
}

/// Clients that hold `count` wildcard filters `dev/{number}/#`, a thousand each.
pub(super) async fn wildcards(address: SocketAddr, count: usize) -> anyhow::Result<Vec<TcpStream>> {
    let mut clients = Vec::new();
    for first in (0..count).step_by(1000) {
        let mut client = connect(address, &format!("wild-{first}")).await?;
        let filters: Vec<_> = (first..count.min(first + 1000)).map(|number| format!("dev/{number}/#")).collect();
        subscribe(&mut client, &filters, 0).await?;
        clients.push(client);
    }
    Ok(clients)
}

/// Publishes `count` QoS 0 messages that one subscriber gets.
pub(super) async fn one_topic(address: SocketAddr, topic: &str, count: usize) -> anyhow::Result<Outcome> {
    let mut sink = connect(address, "one-sink").await?;
    subscribe(&mut sink, &[topic.to_owned()], 0).await?;
    let source = connect(address, "one-source").await?;
    let start = Instant::now();
    let sink = tokio::spawn(receive(sink, count));
    flood(source, topic.to_owned(), 0, count).await?;
    Ok(Outcome { received: sink.await??, sent: count, elapsed: start.elapsed() })
}
