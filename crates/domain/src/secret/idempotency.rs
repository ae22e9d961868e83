//! Requests that are done once, however often they are sent, and the secrets that can be told again.
//!
//! The secret of such a request's key is derived ([BLAKE3](https://github.com/BLAKE3-team/BLAKE3-specs), the modes "derive
//! key" and "keyed hash") of a pepper, of a random nonce that is stored, and of what the client calls the request, which is
//! not. So neither the store nor the peppers tell it, nor both: it takes the client as well.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::{convert::Infallible, fmt};

use blake3::Hasher;
use zeroize::Zeroizing;

use super::{KeyFormat, PepperId, Peppers, PlaintextKey};
use crate::model::{Actor, Invalid, OrganizationId};

/// The longest that a client may call a request.
const MAX_LENGTH: usize = 255;

// What is derived for one purpose is never the same as for another. The texts may never change.
const ID: &str = "capykeys 2026-11-26 which request it is";
const ASKED: &str = "capykeys 2026-11-26 what a request asks for";
const SECRET: &str = "capykeys 2026-11-26 the secret of a key that is made once";

/// What a client calls a request, so that it is done once. Wiped when dropped, and not shown under `{:?}`: secrets are derived
/// of it.
pub struct IdempotencyKey(Zeroizing<String>);

impl IdempotencyKey {
    /// 1 to 255 printable characters of ASCII, blanks among them.
    ///
    /// # Errors
    /// [`Invalid`] for any other text.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if !(1..=MAX_LENGTH).contains(&text.len()) || !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(Invalid::new("Idempotency-Key", "must be 1 to 255 printable characters of ASCII"));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(…)")
    }
}

/// A request that is to be done once. It is the same one where the same caller sends it to the same organization, for the
/// same operation, and calls it the same.
#[derive(Debug)]
pub struct IdempotentRequest<'r> {
    /// What the client calls it.
    pub key: &'r IdempotencyKey,
    /// What is to be done.
    pub operation: &'static str,
    /// Where.
    pub organization: OrganizationId,
    /// Who sends it.
    pub actor: &'r Actor,
    /// What it asks for, member by member as it was understood: two spellings of one request are the same.
    pub members: Vec<Option<String>>,
}

impl IdempotentRequest<'_> {
    /// Where its record is found. Without a pepper: whoever takes one away must not make the request a new one, and two
    /// servers must not come to two ids of one request while a pepper is about to take its turn.
    #[must_use]
    pub fn id(&self) -> [u8; blake3::OUT_LEN] {
        let mut hasher = Hasher::new_derive_key(ID);
        self.name(&mut hasher);
        *hasher.finalize().as_bytes()
    }

    fn name(&self, hasher: &mut Hasher) {
        add(hasher, Some(self.operation.as_bytes()));
        add(hasher, Some(self.organization.uuid().as_bytes()));
        add(hasher, Some(self.actor.kind().as_bytes()));
        add(hasher, self.actor.id().as_deref().map(str::as_bytes));
        add(hasher, Some(self.key.0.as_bytes()));
    }

    fn asked(&self, pepper: &[u8]) -> [u8; blake3::OUT_LEN] {
        let mut hasher = keyed(ASKED, pepper);
        self.name(&mut hasher);
        for member in &self.members {
            add(&mut hasher, member.as_deref().map(str::as_bytes));
        }
        *hasher.finalize().as_bytes()
    }

    fn secret(&self, pepper: &[u8], nonce: &[u8; 32], format: &KeyFormat) -> PlaintextKey {
        let mut hasher = keyed(SECRET, pepper);
        add(&mut hasher, Some(nonce));
        self.name(&mut hasher);
        let mut stream = hasher.finalize_xof();
        let Ok(secret) = format.mint(|buffer| {
            stream.fill(buffer);
            Ok::<_, Infallible>(())
        });
        secret
    }
}

fn keyed(purpose: &str, pepper: &[u8]) -> Hasher {
    Hasher::new_keyed(&Zeroizing::new(blake3::derive_key(purpose, pepper)))
}

/// With its length before it: no two lists of parts are hashed as the same bytes.
fn add(hasher: &mut Hasher, part: Option<&[u8]>) {
    let length = part.map_or(u64::MAX, |part| u64::try_from(part.len()).unwrap_or(u64::MAX - 1));
    hasher.update(&length.to_le_bytes()).update(part.unwrap_or_default());
}

/// What is stored of a request that was done.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyRecord {
    /// [`IdempotentRequest::id`].
    pub id: [u8; 32],
    /// What was asked for, as a digest that is keyed with the pepper.
    pub asked: [u8; 32],
    /// Random.
    pub nonce: [u8; 32],
    /// The pepper that its secret was derived of.
    pub pepper_id: PepperId,
}

impl fmt::Debug for IdempotencyRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyRecord(…)")
    }
}

/// Why no secret is derived of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Underivable {
    /// It is of a request that asked for something else.
    AnotherRequest,
    /// Its pepper is none of the active ones.
    NoPepper,
}

impl Peppers {
    /// The record of a request that is done now; `None` where it is not known which pepper is to be used.
    #[must_use]
    pub fn record(&self, request: &IdempotentRequest<'_>, nonce: [u8; 32]) -> Option<IdempotencyRecord> {
        let (_, pepper) = self.in_use()?;
        let asked = request.asked(pepper.secret());
        Some(IdempotencyRecord { id: request.id(), asked, nonce, pepper_id: pepper.id().clone() })
    }

    /// The secret of the key that was or is made for the request.
    ///
    /// # Errors
    /// [`Underivable`].
    pub fn derive(
        &self,
        request: &IdempotentRequest<'_>,
        record: &IdempotencyRecord,
        format: &KeyFormat,
    ) -> Result<PlaintextKey, Underivable> {
        let pepper = self.of_id(&record.pepper_id).ok_or(Underivable::NoPepper)?;
        if request.asked(pepper.secret()) != record.asked {
            return Err(Underivable::AnotherRequest);
        }
        Ok(request.secret(pepper.secret(), &record.nonce, format))
    }
}

#[cfg(test)]
mod tests;
