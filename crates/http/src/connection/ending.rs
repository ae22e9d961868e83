//! Ending a connection so that the client gets to read why.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use capykeys_listener::Transport;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long the client may take to read the last answer and to close its side.
const LINGER: Duration = Duration::from_secs(1);

/// Writes a last answer, closes our side, and takes what the client still sends until it closes
/// its own. A socket that is closed with unread input resets the connection, and the client loses
/// the answer (RFC 9112, section 9.6).
pub(super) struct Ending {
    answer: Bytes,
    closed: bool,
    deadline: Pin<Box<Sleep>>,
}

impl Ending {
    /// Ends with this answer, which may be empty.
    pub(super) fn new(answer: impl Into<Bytes>) -> Self {
        Self { answer: answer.into(), closed: false, deadline: Box::pin(sleep(LINGER)) }
    }

    /// Goes on; ready when nothing is left to be done.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, stream: &mut Transport) -> Poll<io::Result<()>> {
        if self.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        while self.answer.has_remaining() {
            let written = ready!(Pin::new(&mut *stream).poll_write(cx, &self.answer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.answer.advance(written);
        }
        if !self.closed {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
            self.closed = true;
        }
        let mut unread = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut unread);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
