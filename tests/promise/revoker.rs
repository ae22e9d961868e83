//! Revokes keys and knows exactly when.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{secrets, verification::parse};

use crate::{
    driver::{Target, locked},
    postgres::{Commit, watch},
};

/// Within which a revocation must succeed, also where PostgreSQL has to be started first.
const LIMIT: Duration = Duration::from_mins(1);
/// Between two tries where the service said that it could not.
const RETRY: Duration = Duration::from_millis(20);

/// The feed's first event of the key with this digest, or with what stands there while it is disabled.
const OF_KEY: &str = "key_id = (SELECT id FROM api_keys \
     WHERE digest IN ($1, set_byte($1, 0, 255 - get_byte($1, 0))))";

/// How a key is made worthless for whoever needs the scope `jobs:read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Means {
    Delete,
    Disable,
    /// It keeps other scopes.
    Narrow,
    /// By the call that revokes many.
    Many,
}

impl Means {
    /// The code of the verdict from then on.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Delete | Self::Many => "revoked",
            Self::Disable => "disabled",
            Self::Narrow => "insufficient_scope",
        }
    }

    /// The method, what follows the path of the keys, and the body.
    fn request(self, id: &str) -> (&'static str, String, String) {
        match self {
            Self::Delete => ("DELETE", id.to_owned(), String::new()),
            Self::Disable => ("POST", format!("{id}/disable"), r#"{"reason":"promised"}"#.to_owned()),
            Self::Narrow => ("PATCH", id.to_owned(), r#"{"scopes":["schema:read"]}"#.to_owned()),
            Self::Many => ("POST", "revoke".to_owned(), format!(r#"{{"ids":["{id}"]}}"#)),
        }
    }
}

/// A key that was revoked, or made worthless by other means.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Revocation {
    /// When the request that succeeded was sent.
    pub(crate) sent: Instant,
    /// When its 200 came.
    pub(crate) answered: Instant,
    /// When the revocation was committed, be it by an earlier request that was not answered.
    pub(crate) commit: Commit,
}

/// Revokes an organization's keys through one replica.
#[derive(Clone)]
pub(crate) struct Revoker {
    /// Where the replica listens.
    pub(crate) replica: Target,
    /// The path of the organization's keys.
    pub(crate) path: String,
    /// The credential.
    pub(crate) admin: String,
    /// The database, past everything.
    pub(crate) database: String,
    pub(crate) means: Means,
}

impl Revoker {
    /// Revokes a key, trying again until that is acknowledged.
    pub(crate) fn revoke(&self, id: &str, plaintext: &str) -> Revocation {
        let digest = bytes(&secrets::digest(plaintext));
        thread::scope(|scope| {
            let commit = scope.spawn(|| watch(&self.database, OF_KEY, &digest, LIMIT));
            let (sent, answered) = self.delete_patiently(id);
            Revocation { sent, answered, commit: commit.join().expect("the commit is seen") }
        })
    }

    /// Revokes a key, trying again until that is acknowledged; when the DELETE that succeeded was sent
    /// and when it was answered.
    pub(crate) fn delete_patiently(&self, id: &str) -> (Instant, Instant) {
        let start = Instant::now();
        loop {
            let sent = Instant::now();
            match self.delete(id) {
                Ok((200, answered)) => return (sent, answered),
                Ok((503, _)) | Err(_) => thread::sleep(RETRY),
                Ok((status, _)) => panic!("{:?} answers {status}", self.means),
            }
            assert!(start.elapsed() < LIMIT, "not revoked within {LIMIT:?}");
        }
    }

    fn delete(&self, id: &str) -> io::Result<(u16, Instant)> {
        let mut stream = TcpStream::connect(*locked(&self.replica))?;
        stream.set_read_timeout(Some(LIMIT))?;
        let (path, admin, (method, rest, body)) = (&self.path, &self.admin, self.means.request(id));
        let length = body.len();
        let request = format!(
            "{method} {path}/{rest} HTTP/1.1\r\nHost: replica\r\nAuthorization: Bearer {admin}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes())?;
        let mut received = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer)?;
            let answered = Instant::now();
            received.extend_from_slice(&buffer[..length]);
            match parse(&received)? {
                Some((status, _)) => return Ok((status, answered)),
                None if length == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => {}
            }
        }
    }
}

/// What is written in hexadecimal.
pub(crate) fn bytes(hexadecimal: &str) -> Vec<u8> {
    (0..hexadecimal.len() / 2)
        .map(|index| {
            u8::from_str_radix(&hexadecimal[2 * index..2 * index + 2], 16).expect("hexadecimal digits")
        })
        .collect()
}
