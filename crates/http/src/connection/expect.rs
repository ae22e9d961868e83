//! `100 Continue` (RFC 9110, section 10.1.1).

use std::{future::ready, rc::Rc};

use actix_http::{Error, HttpMessage, Request};
use actix_service::{IntoServiceFactory, ServiceFactory, fn_service};

use super::Connection;
use crate::request::body::has_body;

/// What the dispatcher writes to whoever expects it, with a body or without.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Is asked before each of them is written.
pub(crate) fn expectations()
-> impl ServiceFactory<Request, Config = (), Response = Request, Error = Error, InitError = ()> {
    let note = |request: Request| {
        if let Some(connection) = request.conn_data::<Rc<Connection>>() {
            connection.continues.borrow_mut().push_back(has_body(request.headers()));
        }
        ready(Ok(request))
    };
    fn_service(note).into_factory()
}

/// What is to be done with the first bytes of what the dispatcher writes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Interim {
    /// They are anything else, up to here.
    Other(usize),
    /// So many are an answer for which a client waits with its body.
    Wanted(usize),
    /// So many are one for which nobody waits: some gateways take it for the last.
    Unwanted(usize),
}

/// Looks for an interim answer.
pub(super) fn find(connection: &Connection, written: &[u8]) -> Interim {
    let mut continues = connection.continues.borrow_mut();
    let Some(&wanted) = continues.front() else { return Interim::Other(written.len()) };
    match written.windows(CONTINUE.len()).position(|part| part == CONTINUE) {
        None => Interim::Other(written.len()),
        Some(place @ 1..) => Interim::Other(place),
        Some(0) => {
            continues.pop_front();
            if wanted { Interim::Wanted(CONTINUE.len()) } else { Interim::Unwanted(CONTINUE.len()) }
        }
    }
}
