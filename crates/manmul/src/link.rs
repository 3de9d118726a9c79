//! An MQTT client inside this process: what a virtual thing speaks through. An ordinary client on an in-memory link,
//! so that nothing above can tell it from a real one.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use model::{Principal, ThingId};
use mqtt::codec::{self, Ack, Connect, Packet, Properties, Publish, Subscribe, Will};
use mqtt::{Broker, ReasonCode, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;
use world::native::Message;

/// Messages of one thing that wait for its link; further ones are dropped and counted by the sender.
pub(crate) const OUTBOX_MAX: usize = 256;

/// How long to wait before connecting again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The largest packet that a virtual thing takes.
const PACKET_BYTES_MAX: u32 = 4 * 1024 * 1024;

/// Something that was said to a thing.
#[derive(Debug)]
pub(crate) struct Heard {
    /// To whom.
    pub(crate) thing: ThingId,
    /// Where.
    pub(crate) topic: String,
    /// What.
    pub(crate) payload: Vec<u8>,
}

/// What happened on a thing's link.
#[derive(Debug)]
pub(crate) enum Happened {
    /// It is connected, anew: what the thing is has to be said again.
    Connected(ThingId),
    /// Something was said to it.
    Heard(Heard),
}

/// Connects a thing, says what comes from `outbox`, and tells `inbox` what is heard; connects again when the link
/// ends, until the outbox is closed.
pub(crate) async fn run(
    broker: Broker,
    thing: ThingId,
    mut outbox: mpsc::Receiver<Message>,
    inbox: mpsc::Sender<Happened>,
) {
    loop {
        match speak(&broker, &thing, &mut outbox, &inbox).await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%thing, %error, "the link of a virtual thing ended"),
        }
        tokio::time::sleep(AGAIN_AFTER).await;
        if outbox.is_closed() {
            return;
        }
    }
}

fn ended(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, problem)
}

/// One connection: `Ok` when the outbox was closed and the thing has said goodbye.
async fn speak(
    broker: &Broker,
    thing: &ThingId,
    outbox: &mut mpsc::Receiver<Message>,
    inbox: &mpsc::Sender<Happened>,
) -> io::Result<()> {
    let mut link = Link::open(broker, thing).await?;
    let gone = || ended("nobody listens");
    inbox.send(Happened::Connected(thing.clone())).await.map_err(|_| gone())?;
    loop {
        tokio::select! {
            message = outbox.recv() => match message {
                Some(message) => link.publish(&message).await?,
                None => return link.leave().await,
            },
            read = link.fill() => {
                read?;
                for heard in link.hear(thing)? {
                    inbox.send(Happened::Heard(heard)).await.map_err(|_| gone())?;
                }
                link.flush().await?;
            }
        }
    }
}

struct Link {
    stream: DuplexStream,
    received: BytesMut,
    sending: Vec<u8>,
    next_id: u16,
}

impl Link {
    async fn open(broker: &Broker, thing: &ThingId) -> io::Result<Self> {
        let stream = broker.connect_local(Principal::thing(thing.clone()));
        let mut link = Self { stream, received: BytesMut::new(), sending: Vec::new(), next_id: 0 };
        let will = world::native::will(thing);
        link.put(&Packet::Connect(Connect {
            version: Version::V311,
            clean_start: true,
            keep_alive_seconds: 0,
            client_id: &format!("virtual-{thing}"),
            will: Some(Will {
                qos: will.qos,
                retain: will.retain,
                topic: &will.topic,
                payload: &will.payload,
                properties: Properties::default(),
            }),
            username: None,
            password: None,
            properties: Properties::default(),
        }));
        let mut body = Vec::new();
        for filter in world::native::filters(thing) {
            body.extend_from_slice(&(filter.len() as u16).to_be_bytes());
            body.extend_from_slice(filter.as_bytes());
            body.push(1);
        }
        let packet_id = link.id();
        link.put(&Packet::Subscribe(Subscribe { packet_id, properties: Properties::default(), body: &body }));
        link.flush().await?;
        Ok(link)
    }

    fn put(&mut self, packet: &Packet<'_>) {
        codec::encode(packet, Version::V311, &mut self.sending);
    }

    fn id(&mut self) -> u16 {
        self.next_id = self.next_id.checked_add(1).unwrap_or(1);
        self.next_id
    }

    async fn flush(&mut self) -> io::Result<()> {
        if !self.sending.is_empty() {
            self.stream.write_all(&self.sending).await?;
            self.sending.clear();
        }
        Ok(())
    }

    async fn publish(&mut self, message: &Message) -> io::Result<()> {
        let packet_id = if message.qos == 0 { 0 } else { self.id() };
        self.put(&Packet::Publish(Publish {
            duplicate: false,
            qos: message.qos,
            retain: message.retain,
            topic: &message.topic,
            packet_id,
            properties: Properties::default(),
            payload: &message.payload,
        }));
        self.flush().await
    }

    /// Reads what there is. Cancel safe.
    async fn fill(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(ended("the broker closed the link")),
            _ => Ok(()),
        }
    }

    /// What was heard in whole packets; answers are put up to be flushed.
    fn hear(&mut self, thing: &ThingId) -> io::Result<Vec<Heard>> {
        let broken = |error: codec::DecodeError| io::Error::new(io::ErrorKind::InvalidData, error.to_string());
        let mut heard = Vec::new();
        loop {
            let length = match codec::frame(&self.received, PACKET_BYTES_MAX).map_err(broken)? {
                None => return Ok(heard),
                Some(frame) => {
                    let length = frame.length;
                    match codec::decode(frame, Version::V311).map_err(broken)? {
                        Packet::ConnectAck(ack) if ack.code != 0 => return Err(ended("the broker refused")),
                        Packet::Publish(publish) => {
                            if publish.qos > 0 {
                                let ack = Ack {
                                    packet_id: publish.packet_id,
                                    reason: ReasonCode::Success,
                                    properties: Properties::default(),
                                };
                                codec::encode(&Packet::PublishAck(ack), Version::V311, &mut self.sending);
                            }
                            let (topic, payload) = (publish.topic.to_owned(), publish.payload.to_vec());
                            heard.push(Heard { thing: thing.clone(), topic, payload });
                        }
                        _ => {}
                    }
                    length
                }
            };
            drop(self.received.split_to(length));
        }
    }

    /// Says goodbye. That the thing is gone shows from the link.
    async fn leave(&mut self) -> io::Result<()> {
        self.put(&Packet::Disconnect(codec::Disconnect { code: 0, properties: Properties::default() }));
        self.flush().await
    }
}
