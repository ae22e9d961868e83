//! The stream that the dispatcher reads and writes.

use std::{
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_http::Extensions;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use capykeys_listener::{Transport, certified_name};

use super::{
    Connection, Limits,
    ending::Ending,
    expect::{self, Interim},
    inbound::{Fault, Inbound},
    limit::TimeLimit,
    refusal,
};
use crate::{error::ApiError, exchange::Shared};

/// What the client is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing: no request has begun.
    Idle,
    /// It is sending the head of a request.
    Head,
    /// Its request is being answered.
    Busy,
}

/// A stream with an eye on the clock and on the dispatcher.
pub(crate) struct Guarded {
    stream: Transport,
    connection: Rc<Connection>,
    shared: Shared,
    limits: Limits,
    phase: Phase,
    /// How many requests had begun when the phase was last looked at.
    begun: u64,
    /// How far the client's requests have come.
    inbound: Inbound,
    /// Set once nothing more is read: what is said then, behind the answers to what was read.
    refused: Option<String>,
    /// When the phase ends, unless it is [`Phase::Busy`].
    deadline: TimeLimit,
    /// When a client that takes nothing of its answer is given up.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Set once nothing more is read.
    ending: Option<Ending>,
}

impl Guarded {
    /// Guards a connection that was just accepted.
    pub(crate) fn new(stream: Transport, shared: Shared, limits: Limits) -> Self {
        Self {
            connection: Rc::new(Connection::new(certified_name(&stream), limits.request)),
            stream,
            shared,
            limits,
            phase: Phase::Idle,
            begun: 0,
            inbound: Inbound::default(),
            refused: None,
            deadline: TimeLimit::new(limits.request),
            stalled: None,
            ending: None,
        }
    }

    /// Lets the requests on this connection know it.
    pub(crate) fn introduce(&self, extensions: &mut Extensions) {
        extensions.insert(Rc::clone(&self.connection));
    }

    /// Moves on to the phase that the client is in, after an attempt to read or at the end of an answer.
    fn enter_phase(&mut self, bytes_arrived: bool) {
        let begun = self.connection.begun.get();
        // A request may have come and gone since.
        let last = if begun == self.begun { self.phase } else { Phase::Busy };
        self.begun = begun;
        self.phase = match (self.connection.is_busy(), bytes_arrived, last) {
            (true, _, _) => Phase::Busy,
            (false, true, Phase::Idle | Phase::Busy) => self.until(Phase::Head),
            (false, false, Phase::Busy) => self.until(Phase::Idle),
            (false, _, unchanged) => unchanged,
        };
    }

    fn until(&mut self, phase: Phase) -> Phase {
        let limit = if phase == Phase::Head { self.limits.request } else { self.limits.idle };
        self.deadline.restart(limit);
        phase
    }

    /// Ends the connection where the client took too long: with an answer if it had begun to ask.
    fn end_if_overdue(&mut self, cx: &mut Context<'_>) -> bool {
        if self.phase == Phase::Busy || self.deadline.poll(cx).is_pending() {
            return false;
        }
        self.ending = Some(match self.phase {
            Phase::Head => Ending::new(self.answer(ApiError::TooSlow)),
            Phase::Idle | Phase::Busy => Ending::new(""),
        });
        true
    }

    /// How much of what has arrived the dispatcher gets, where that is not all of it. It is the last.
    fn cut_off(&mut self, arrived: &[u8]) -> Option<usize> {
        let Fault { sound, error } = self.inbound.take_in(arrived).err()?;
        self.refused = Some(error.map(|error| self.answer(error)).unwrap_or_default());
        Some(sound)
    }

    /// The whole answer to what never became a request.
    fn answer(&self, error: ApiError) -> String {
        let of_gateway = self.shared.internal && self.inbound.is_of_gateway();
        refusal::answer(&self.shared, &if of_gateway { error.for_gateway() } else { error })
    }

    /// Writes, and gives up on a client that takes nothing.
    fn poll_write_through(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.unless_stalled(cx, written)
    }

    /// What became of an attempt to send, or an error where the client has taken nothing for too
    /// long.
    fn unless_stalled<T>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if attempt.is_ready() {
            self.stalled = None;
            return attempt;
        }
        let limit = self.limits.request;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ending.is_some() || this.refused.is_some() {
            // To the dispatcher, this is a client that has closed its side.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        this.enter_phase(buffer.filled().len() > before);
        if let Some(sound) = this.cut_off(&buffer.filled()[before..]) {
            buffer.set_filled(before + sound);
        } else if this.end_if_overdue(cx) {
            buffer.set_filled(before);
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let ending = match (&mut this.ending, refusal::find(bytes)) {
            (Some(ending), _) => ending,
            (None, None) => match expect::find(&this.connection, bytes) {
                Interim::Other(length) | Interim::Wanted(length) => {
                    return this.poll_write_through(cx, &bytes[..length]);
                }
                Interim::Unwanted(length) => return Poll::Ready(Ok(length)),
            },
            // First what stands before it, which is the answer to an earlier request.
            (None, Some((place @ 1.., _))) => return this.poll_write_through(cx, &bytes[..place]),
            (None, Some((0, error))) => {
                // What it refuses then is the rest of a request that was answered already.
                let answered = this.connection.is_closing();
                let answer = if answered { String::new() } else { this.answer(error) };
                this.ending.insert(Ending::new(answer))
            }
        };
        ready!(ending.poll(cx, &mut this.stream))?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // TLS keeps up to 64 KiB that were written before the client takes them.
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        ready!(this.unless_stalled(cx, flushed))?;
        if this.connection.is_busy() || this.ending.is_some() {
            return Poll::Ready(Ok(()));
        }
        if this.connection.is_closing() {
            // All of the last answer was written. Left to itself, the dispatcher would first wait
            // for the rest of the request's body, with no limit where it comes in chunks.
            this.ending = Some(Ending::new(""));
            cx.waker().wake_by_ref();
        } else if this.phase == Phase::Busy {
            // The dispatcher has read before it answered, and does not again until something wakes it. The timer may
            // have rung meanwhile, and nothing would.
            this.enter_phase(false);
            if this.end_if_overdue(cx) {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(answer) = this.refused.take() {
            this.ending.get_or_insert_with(|| Ending::new(answer));
        }
        match &mut this.ending {
            Some(ending) => ending.poll(cx, &mut this.stream),
            None => Pin::new(&mut this.stream).poll_shutdown(cx),
        }
    }
}
