//! A client of the broker that says and hears a little at a time (MQTT 3.1.1, QoS 0).

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::ensure;

/// How long nothing may be heard.
const PATIENCE: Duration = Duration::from_mins(3);

pub(crate) struct Link {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Link {
    /// Connects and subscribes.
    pub(crate) fn connect(address: SocketAddr, client: &str, filters: &[&str]) -> anyhow::Result<Self> {
        let writer = TcpStream::connect(address)?;
        writer.set_nodelay(true)?;
        writer.set_read_timeout(Some(PATIENCE))?;
        let mut link = Self { reader: BufReader::new(writer.try_clone()?), writer };
        let mut connect = b"\x00\x04MQTT\x04\x02\x00\x00".to_vec();
        text(&mut connect, client);
        link.write(0x10, &connect)?;
        let (kind, body) = link.packet()?;
        ensure!(kind >> 4 == 2 && body.get(1) == Some(&0), "the broker refused: {body:?}");
        let mut subscribe = vec![0, 1];
        for filter in filters {
            text(&mut subscribe, filter);
            subscribe.push(0);
        }
        link.write(0x82, &subscribe)?;
        let (kind, body) = link.packet()?;
        let granted =
            body.get(2..).is_some_and(|codes| codes.len() == filters.len() && codes.iter().all(|code| *code == 0));
        ensure!(kind >> 4 == 9 && granted, "the broker did not grant {filters:?}: {body:?}");
        Ok(link)
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: &str) -> anyhow::Result<()> {
        let mut body = Vec::new();
        text(&mut body, topic);
        body.extend_from_slice(payload.as_bytes());
        self.write(0x30, &body)
    }

    /// The next message.
    pub(crate) fn next(&mut self) -> anyhow::Result<(String, Vec<u8>)> {
        loop {
            let (kind, body) = self.packet()?;
            if kind >> 4 == 3 {
                let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let topic = String::from_utf8(body[2..2 + length].to_vec())?;
                return Ok((topic, body[2 + length..].to_vec()));
            }
        }
    }

    fn write(&mut self, kind: u8, body: &[u8]) -> anyhow::Result<()> {
        let mut packet = vec![kind];
        let mut length = body.len();
        while length >= 128 {
            packet.push(length as u8 | 0x80);
            length >>= 7;
        }
        packet.push(length as u8);
        packet.extend_from_slice(body);
        Ok(self.writer.write_all(&packet)?)
    }

    fn packet(&mut self) -> anyhow::Result<(u8, Vec<u8>)> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte)?;
        let kind = byte[0];
        let (mut length, mut shift) = (0, 0);
        loop {
            self.reader.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7f) << shift;
            shift += 7;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok((kind, body))
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}
