//! Drives one connection: one task reads, handles and writes. Nothing is allocated for reading while a client is idle.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::channel::{Channel, Progress};
use crate::core::Core;
use crate::counters::add;
use crate::hooks::{Authenticate, Credentials, Ending, Peer};

/// Bytes read at a time, in a buffer that all connections of a thread share.
const READ_BYTES: usize = 64 * 1024;

/// How long a closing connection may take to take what is still to be said to it.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);

/// How long a client that we disconnect has to hang up: closing on unread bytes would take our last words back.
const HANG_UP_PATIENCE: Duration = Duration::from_secs(1);

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// What the task of a connection has to do besides reading and writing.
enum Event {
    Authenticate(Box<Credentials>),
    Close(Ending),
}

struct Connection<L> {
    stream: L,
    channel: Channel,
    /// What is being written, and how much of it was.
    writing: Vec<u8>,
    written: usize,
    /// Reading waits for [`crate::link::Link::resume`].
    waiting: bool,
}

/// Serves one client until its connection ends.
pub(crate) async fn serve<L>(core: Arc<Core>, authenticate: Arc<dyn Authenticate>, stream: L, peer: Peer)
where
    L: AsyncRead + AsyncWrite + Send + Unpin,
{
    let channel = Channel::new(&core, peer, core.clock.now());
    let mut connection = Connection { stream, channel, writing: Vec::new(), written: 0, waiting: false };
    loop {
        match poll_fn(|context| connection.poll(context)).await {
            Event::Authenticate(credentials) => {
                let principal = credentials.peer.principal.clone();
                let verdict = match principal {
                    Some(principal) => Ok(principal),
                    None => authenticate.authenticate(&credentials).await,
                };
                let now = connection.channel.core.clock.now();
                let progress = connection.channel.authenticated(verdict, now);
                connection.waiting = matches!(progress, Progress::Wait);
            }
            Event::Close(ending) => {
                connection.channel.end(ending);
                connection.close(ending).await;
                return;
            }
        }
    }
}

impl<L: AsyncRead + AsyncWrite + Unpin> Connection<L> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        loop {
            let link = Arc::clone(&self.channel.link);
            if self.waiting && link.take_resume() {
                let progress = self.channel.resume(self.channel.core.clock.now());
                if let Some(event) = self.note(progress) {
                    return Poll::Ready(event);
                }
            }
            let flushed = match self.poll_write(context) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(_)) => return Poll::Ready(Event::Close(Ending::Lost)),
                Poll::Pending => {
                    link.register(context.waker());
                    false
                }
            };
            if let Some(ending) = link.ending() {
                return Poll::Ready(Event::Close(ending));
            }
            // Whoever does not take its answers gets no more questions in.
            let stuck = !flushed && link.waiting_bytes() > self.channel.core.config.limits.outgoing_bytes / 4;
            if self.waiting || stuck {
                if self.waiting && link.take_resume() {
                    link.resume();
                    continue;
                }
                return Poll::Pending;
            }
            match ready!(self.poll_read(context)) {
                Ok(Some(progress)) => {
                    if let Some(event) = self.note(progress) {
                        return Poll::Ready(event);
                    }
                }
                Ok(None) | Err(_) => return Poll::Ready(Event::Close(Ending::Lost)),
            }
        }
    }

    fn note(&mut self, progress: Progress) -> Option<Event> {
        self.waiting = matches!(progress, Progress::Wait);
        match progress {
            Progress::Authenticate(credentials) => Some(Event::Authenticate(credentials)),
            Progress::Read | Progress::Wait => None,
        }
    }

    /// Reads once and handles what came; `None` at the end.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Option<Progress>>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(None));
            }
            let now = self.channel.core.clock.now();
            Poll::Ready(Ok(Some(self.channel.feed(buffer.filled(), now))))
        })
    }

    /// Writes everything there is. Ready when all is flushed; then the task is woken as soon as there is more.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.written < self.writing.len() {
                let rest = &self.writing[self.written..];
                let count = ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.written += count;
            }
            if self.written > 0 {
                add(&self.channel.core.counters.bytes_sent, self.written);
                self.written = 0;
                self.writing = Vec::new();
                ready!(Pin::new(&mut self.stream).poll_flush(context))?;
                self.channel.flushed(self.channel.core.clock.now());
            }
            let (buffer, _) = self.channel.link.take_output(Some(context.waker()));
            if buffer.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.writing = buffer;
        }
    }

    /// Says what is still to be said and closes.
    async fn close(mut self, ending: Ending) {
        let (last, _) = self.channel.link.take_output(None);
        let rest = self.writing.split_off(self.written);
        let stream = &mut self.stream;
        let said = tokio::time::timeout(CLOSE_PATIENCE, async {
            stream.write_all(&rest).await?;
            stream.write_all(&last).await?;
            stream.shutdown().await
        });
        if !matches!(said.await, Ok(Ok(()))) || matches!(ending, Ending::Client | Ending::Lost) {
            return;
        }
        let hung_up = tokio::time::timeout(HANG_UP_PATIENCE, poll_fn(|context| poll_hang_up(stream, context)));
        if hung_up.await.is_err() {
            tracing::trace!("a client did not hang up after it was disconnected");
        }
    }
}

/// Throws away what comes until nothing comes any more.
fn poll_hang_up<L: AsyncRead + Unpin>(stream: &mut L, context: &mut Context<'_>) -> Poll<()> {
    SCRATCH.with_borrow_mut(|scratch| {
        loop {
            let mut buffer = ReadBuf::new(scratch);
            match ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    })
}
