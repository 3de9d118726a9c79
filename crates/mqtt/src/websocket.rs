//! MQTT over WebSocket: the payloads of binary messages are one stream of bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Subprotocols that are MQTT, the one of MQTT 3.1 last.
const SUBPROTOCOLS: [&str; 2] = ["mqtt", "mqttv3.1"];

/// Bytes of a WebSocket's own buffers while it is idle.
const BUFFER_BYTES: usize = 4 * 1024;

/// A WebSocket as a stream of bytes.
#[derive(Debug)]
pub(crate) struct WebSocket<S> {
    socket: WebSocketStream<S>,
    /// What is left of the last message.
    unread: Bytes,
}

fn config(limit: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit))
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * limit)
}

/// Answers the opening handshake and agrees on the subprotocol.
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S, limit: usize) -> Result<WebSocket<S>, Error> {
    let agree = |request: &Request, mut response: Response| {
        let offered = request.headers().get_all("Sec-WebSocket-Protocol");
        let offered: Vec<_> =
            offered.iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(',')).collect();
        let agreed = SUBPROTOCOLS.into_iter().find(|name| offered.iter().any(|offer| offer.trim() == *name));
        if let Some(agreed) = agreed {
            response.headers_mut().insert("Sec-WebSocket-Protocol", HeaderValue::from_static(agreed));
        }
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async_with_config(stream, agree, Some(config(limit))).await?;
    Ok(WebSocket { socket, unread: Bytes::new() })
}

/// A stream on which the opening handshake is over.
pub(crate) async fn upgraded<S: AsyncRead + AsyncWrite + Unpin>(stream: S, limit: usize) -> WebSocket<S> {
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config(limit))).await;
    WebSocket { socket, unread: Bytes::new() }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_next(context)) {
                None | Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed)) => {
                    return Poll::Ready(Ok(()));
                }
                Some(Ok(Message::Binary(bytes))) => self.unread = bytes,
                Some(Ok(Message::Text(_))) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Err(problem)) => return Poll::Ready(Err(io::Error::other(problem))),
            }
        }
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread[..count]);
        self.unread.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = bytes.len().min(64 * 1024);
        ready!(Pin::new(&mut self.socket).poll_ready(context)).map_err(io::Error::other)?;
        let message = Message::Binary(Bytes::copy_from_slice(&bytes[..count]));
        Pin::new(&mut self.socket).start_send(message).map_err(io::Error::other)?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context).map_err(io::Error::other)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(context).map_err(io::Error::other)
    }
}
