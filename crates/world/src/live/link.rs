//! The link of one virtual thing: a byte stream and the client that speaks on it, polled together with all others.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use model::ThingId;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::live::client::{Client, Heard};

/// How much is read at once.
const READ_BYTES: usize = 4 * 1_024;

/// How a connection is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Ending {
    /// Not at all.
    #[default]
    None,
    /// Once everything was said, with a DISCONNECT.
    Orderly,
    /// As before, and the DISCONNECT is on its way.
    Goodbye,
    /// Now, without a word.
    Cut,
}

/// What the runner and the polled end of a link share.
#[derive(Debug, Default)]
struct Inner {
    client: Client,
    /// Wakes the polled end when there is something to write, or when the link is to end.
    waker: Option<Waker>,
    ending: Ending,
    /// Counts connections, so that the polled end of an older one knows that it is over.
    connection: u64,
}

/// The runner's end of a link; lives as long as the thing does.
#[derive(Debug, Default)]
pub struct Handle(Arc<Mutex<Inner>>);

impl Handle {
    /// Does something with the client and lets the link take what it wants to say.
    pub fn with<T>(&self, act: impl FnOnce(&mut Client) -> T) -> T {
        let mut inner = self.0.lock();
        let outcome = act(&mut inner.client);
        inner.wake();
        outcome
    }

    /// Cuts the connection without a word.
    pub fn cut(&self) {
        let mut inner = self.0.lock();
        inner.ending = Ending::Cut;
        inner.client.close();
        inner.wake();
    }

    /// Ends the connection in good order once everything was said.
    pub fn finish(&self) {
        let mut inner = self.0.lock();
        inner.ending = Ending::Orderly;
        inner.wake();
    }

    /// The polled end of a new connection.
    pub fn attach<S>(&self, thing: ThingId, stream: S) -> Link<S> {
        let mut inner = self.0.lock();
        inner.wake();
        inner.ending = Ending::None;
        inner.connection += 1;
        let connection = inner.connection;
        Link { thing, stream, shared: Arc::clone(&self.0), connection, heard: VecDeque::new(), ended: false }
    }
}

impl Inner {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The polled end of one connection. Yields what the thing hears; an unexpected end is the last item, [`Heard::Lost`].
#[derive(Debug)]
pub struct Link<S> {
    thing: ThingId,
    stream: S,
    shared: Arc<Mutex<Inner>>,
    connection: u64,
    heard: VecDeque<Heard>,
    ended: bool,
}

/// Why bytes do not go on.
enum Stop {
    /// Nothing more to do for now.
    Wait,
    /// The connection was to end, and has.
    Ended,
    /// The connection broke.
    Lost,
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Lost
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Moves bytes both ways until neither side can go on, or something was heard.
    fn exchange(&mut self, context: &mut Context<'_>) -> Result<(), Stop> {
        let mut inner = self.shared.lock();
        if inner.connection != self.connection || inner.ending == Ending::Cut {
            return Err(Stop::Ended);
        }
        inner.waker = Some(context.waker().clone());
        let mut buffer = [0; READ_BYTES];
        while self.heard.is_empty() {
            let mut moved = false;
            while !inner.client.outgoing.is_empty() {
                match Pin::new(&mut self.stream).poll_write(context, &inner.client.outgoing) {
                    Poll::Pending => break,
                    Poll::Ready(written) => match written? {
                        0 => return Err(Stop::Lost),
                        written => inner.client.outgoing.drain(..written),
                    },
                };
                inner.client.pump();
                moved = true;
            }
            match inner.ending {
                Ending::Orderly if inner.client.is_idle() || !inner.client.is_up() => {
                    inner.client.say_goodbye();
                    inner.ending = Ending::Goodbye;
                    continue;
                }
                Ending::Goodbye if inner.client.outgoing.is_empty() => return Err(Stop::Ended),
                _ => {}
            }
            let mut read = ReadBuf::new(&mut buffer);
            if let Poll::Ready(outcome) = Pin::new(&mut self.stream).poll_read(context, &mut read) {
                outcome?;
                if read.filled().is_empty() {
                    return Err(Stop::Lost);
                }
                inner.client.receive(read.filled(), &mut self.heard);
                moved = true;
            }
            if !moved {
                return Err(Stop::Wait);
            }
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Link<S> {
    type Item = (ThingId, Heard);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.heard.is_empty() {
            match self.exchange(context) {
                Ok(()) => {}
                Err(Stop::Wait) => return Poll::Pending,
                Err(Stop::Lost) => self.heard.push_back(Heard::Lost),
                Err(Stop::Ended) => {
                    self.ended = true;
                    return Poll::Ready(None);
                }
            }
        }
        let heard = self.heard.pop_front();
        if heard == Some(Heard::Lost) {
            self.ended = true;
            let mut inner = self.shared.lock();
            if inner.connection == self.connection {
                inner.client.close();
            }
        }
        Poll::Ready(heard.map(|heard| (self.thing.clone(), heard)))
    }
}
