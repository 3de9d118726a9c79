//! A small blocking MQTT 3.1.1 client that knows nothing of our codec: what it sends and expects is the standard's.
//! It keeps its session over reconnects, so that what the server must keep can be judged from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long one read may take before the client looks whether it is time to stop.
const READ_TIMEOUT: Duration = Duration::from_millis(20);

/// A message that was sent and is not yet acknowledged to the end.
#[derive(Debug, Clone)]
enum Outgoing {
    Published { qos: u8, topic: String, payload: Vec<u8> },
    Released,
}

/// One client with its session.
#[derive(Debug)]
pub(crate) struct Client {
    id: String,
    link: Option<TcpStream>,
    buffer: Vec<u8>,
    next_packet: u16,
    outgoing: BTreeMap<u16, (Outgoing, Vec<u8>)>,
    /// Payloads that the server has acknowledged: PUBACK for QoS 1, PUBREC for QoS 2 (from then on the server owns it).
    pub(crate) acknowledged: Vec<Vec<u8>>,
    half_received: BTreeSet<u16>,
    /// Payloads received, with their QoS; a QoS 2 packet that is repeated under its packet id counts once.
    pub(crate) received: Vec<(u8, Vec<u8>)>,
    /// Whether the server knew the session at the last connect.
    pub(crate) session_present: bool,
}

impl Client {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            link: None,
            buffer: Vec::new(),
            next_packet: 0,
            outgoing: BTreeMap::new(),
            acknowledged: Vec::new(),
            half_received: BTreeSet::new(),
            received: Vec::new(),
            session_present: false,
        }
    }

    /// Connects without clean session, and sends again what was not acknowledged, in its order.
    pub(crate) fn connect(&mut self, address: SocketAddr) -> io::Result<()> {
        let link = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        link.set_nodelay(true)?;
        link.set_read_timeout(Some(READ_TIMEOUT))?;
        self.buffer.clear();
        self.link = Some(link);
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0, 0, 60];
        text(&mut body, &self.id);
        self.send(0x10, &body)?;
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            if let Some((0x20, connack)) = self.packet()? {
                if connack[1] != 0 {
                    return Err(io::Error::other(format!("connect refused with {}", connack[1])));
                }
                self.session_present = connack[0] == 1;
                break;
            }
            if Instant::now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "no CONNACK"));
            }
        }
        for (packet, (outgoing, _)) in self.outgoing.clone() {
            match outgoing {
                Outgoing::Published { qos, topic, payload } => {
                    self.send_publish(packet, true, qos, &topic, &payload)?;
                }
                Outgoing::Released => self.send(0x62, &packet.to_be_bytes())?,
            }
        }
        Ok(())
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: u8) -> io::Result<()> {
        let mut body = vec![0xFF, 0xFE];
        text(&mut body, filter);
        body.push(qos);
        self.send(0x82, &body)?;
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if let Some((kind, body)) = self.packet()? {
                if kind == 0x90 {
                    return if body[2] <= 2 { Ok(()) } else { Err(io::Error::other("subscription refused")) };
                }
                self.take(kind, &body)?;
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "no SUBACK"))
    }

    pub(crate) fn publish(&mut self, qos: u8, topic: &str, payload: &[u8]) -> io::Result<()> {
        loop {
            self.next_packet = self.next_packet % 60_000 + 1;
            if !self.outgoing.contains_key(&self.next_packet) {
                break;
            }
        }
        let outgoing = Outgoing::Published { qos, topic: topic.to_owned(), payload: payload.to_vec() };
        self.outgoing.insert(self.next_packet, (outgoing, payload.to_vec()));
        self.send_publish(self.next_packet, false, qos, topic, payload)
    }

    /// Messages that wait for an acknowledgement.
    pub(crate) fn in_flight(&self) -> usize {
        self.outgoing.len()
    }

    /// Reads and answers packets for a while; an error means that the connection is gone.
    pub(crate) fn run(&mut self, duration: Duration) -> io::Result<()> {
        let deadline = Instant::now() + duration;
        while Instant::now() < deadline {
            if let Some((kind, body)) = self.packet()? {
                self.take(kind, &body)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        let packet = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
        match kind >> 4 {
            3 => {
                let qos = kind >> 1 & 3;
                let topic_end = 2 + usize::from(packet(body));
                let (id, payload) = if qos == 0 {
                    (0, &body[topic_end..])
                } else {
                    (packet(&body[topic_end..]), &body[topic_end + 2..])
                };
                if qos < 2 || self.half_received.insert(id) {
                    self.received.push((qos, payload.to_vec()));
                }
                match qos {
                    1 => self.send(0x40, &id.to_be_bytes())?,
                    2 => self.send(0x50, &id.to_be_bytes())?,
                    _ => {}
                }
            }
            4 => {
                if let Some((_, payload)) = self.outgoing.remove(&packet(body)) {
                    self.acknowledged.push(payload);
                }
            }
            5 => {
                let id = packet(body);
                if let Some((outgoing, payload)) = self.outgoing.get_mut(&id) {
                    if matches!(outgoing, Outgoing::Published { .. }) {
                        self.acknowledged.push(payload.clone());
                    }
                    *outgoing = Outgoing::Released;
                }
                self.send(0x62, &id.to_be_bytes())?;
            }
            6 => {
                self.half_received.remove(&packet(body));
                self.send(0x70, &packet(body).to_be_bytes())?;
            }
            7 => {
                self.outgoing.remove(&packet(body));
            }
            _ => {}
        }
        Ok(())
    }

    fn send_publish(&mut self, packet: u16, again: bool, qos: u8, topic: &str, payload: &[u8]) -> io::Result<()> {
        let mut body = Vec::new();
        text(&mut body, topic);
        body.extend(packet.to_be_bytes());
        body.extend(payload);
        self.send(0x30 | u8::from(again) << 3 | qos << 1, &body)
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> io::Result<()> {
        let mut bytes = vec![kind];
        let mut length = body.len();
        loop {
            let more = length >= 128;
            bytes.push((length % 128) as u8 | u8::from(more) << 7);
            length /= 128;
            if !more {
                break;
            }
        }
        bytes.extend(body);
        self.link.as_mut().ok_or(io::ErrorKind::NotConnected)?.write_all(&bytes)
    }

    /// The next whole packet, or nothing when none came in time.
    fn packet(&mut self) -> io::Result<Option<(u8, Vec<u8>)>> {
        if let Some(packet) = self.cut() {
            return Ok(Some(packet));
        }
        let mut chunk = [0; 16 * 1024];
        match self.link.as_mut().ok_or(io::ErrorKind::NotConnected)?.read(&mut chunk) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.buffer.extend(&chunk[..count]);
                Ok(self.cut())
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn cut(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut length = 0;
        for index in 0..4 {
            let byte = *self.buffer.get(1 + index)?;
            length |= usize::from(byte & 127) << (7 * index);
            if byte < 128 {
                let start = 2 + index;
                if self.buffer.len() < start + length {
                    return None;
                }
                let kind = self.buffer[0];
                let body = self.buffer[start..start + length].to_vec();
                self.buffer.drain(..start + length);
                return Some((kind, body));
            }
        }
        None
    }
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend((text.len() as u16).to_be_bytes());
    body.extend(text.as_bytes());
}
