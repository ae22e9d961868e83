//! Giving a key another secret.

use alloc::{boxed::Box, format};
use core::time::Duration;

use super::{
    CreatedKey, KeyError, Management,
    change_key::{ATTEMPTS, Asked, contended},
};
use crate::{
    model::{ApiKey, Creator, Invalid, RequestContext, Rotation, Timestamp},
    policy::{Denial, Permit, RotateKey},
    ports::NewSecret,
};

/// How keys are rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationSettings {
    /// How long the secret before is good where a request does not say.
    pub grace: Duration,
    /// How long it may be at most.
    pub longest_grace: Duration,
    /// Whether a key may rotate itself that could not create one like it.
    pub by_itself: bool,
}

impl Default for RotationSettings {
    fn default() -> Self {
        let day = Duration::from_hours(24);
        Self { grace: day, longest_grace: day * 30, by_itself: true }
    }
}

/// What is asked of a rotation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RotateKeyRequest {
    /// How long the present secret is to be good yet.
    pub grace: Option<Duration>,
    /// After how long without a use it is to end before that.
    pub finish_when_idle: Option<Duration>,
    /// Whether, where two secrets are good already, the newer one is to be replaced: nobody has got it. Without a grace,
    /// both are.
    pub discard_newest: bool,
}

impl Management {
    /// Gives the permit's key another secret, which is told this once, and leaves the one before it good for a while. Comes
    /// back when every replica knows for how long.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn rotate_key(
        &self,
        permit: &Permit<RotateKey>,
        request: RotateKeyRequest,
        context: &RequestContext,
    ) -> Result<CreatedKey, KeyError> {
        let grace = self.grace(request.grace)?;
        let RotateKey { key, itself, .. } = permit.action();
        let (id, organization) = (key.ok_or(KeyError::NoSuchKey)?, permit.organization_id());
        let plaintext = self.environment.mint()?;
        for _ in 0..ATTEMPTS {
            let (before, now) = self.changeable(organization, id).await?;
            // Meanwhile somebody has rotated it, so that this is not its secret any more or will not be, or has disabled it:
            // whoever enables it does not enable a secret that was handed out since.
            if itself.is_some_and(|since| since != before.rotated_at() || before.disabled.is_some()) {
                return Err(KeyError::CallerInactive);
            }
            // Nothing uses a disabled key, so there is nothing to bridge, and either secret may be why it was disabled.
            let (grace, is_to_end) = match &before.disabled {
                Some(_) => (Duration::ZERO, true),
                None => (grace, request.grace.is_some_and(|grace| grace.is_zero())),
            };
            let by = match self.judge_rotation(permit.action(), &before) {
                Ok(by) => by,
                Err(denial) => return self.deny(permit, id, denial, context).await,
            };
            let keeps_previous = before.has_two_secrets(now) && !is_to_end;
            if keeps_previous && !request.discard_newest {
                return Err(KeyError::Rotating);
            }
            let rotation = match before.rotation.as_deref() {
                Some(rotation) if keeps_previous => Rotation { at: now, ..rotation.clone() },
                _ => rotation(&before, now, grace),
            };
            let finish_when_idle = request.finish_when_idle.or(rotation.finish_when_idle);
            let rotation = Rotation { finish_when_idle, ..rotation };
            let key_prefix = self.environment.format().shown(&plaintext);
            let after = ApiKey { key_prefix, rotation: Some(Box::new(rotation)), ..before.clone() };
            let secret = NewSecret { digest: self.environment.digest(&plaintext)?, keeps_previous };
            let asked = Asked { before, now, by: Some(by), secret: Some(secret), because: None };
            if let Some(key) = self.store(permit, asked, after, context).await? {
                return Ok(CreatedKey { key, plaintext });
            }
        }
        Err(contended())
    }

    fn grace(&self, asked: Option<Duration>) -> Result<Duration, Invalid> {
        let longest = self.rotations.longest_grace;
        match asked {
            None => Ok(self.rotations.grace.min(longest)),
            Some(asked) if asked <= longest => Ok(asked),
            Some(_) => Err(Invalid::new("grace_seconds", format!("must be at most {}", longest.as_secs()))),
        }
    }

    /// By whose right it is done, which the store judges once more.
    fn judge_rotation(&self, action: &RotateKey, key: &ApiKey) -> Result<Creator, Denial> {
        if action.itself.is_some() && self.rotations.by_itself {
            // It needs no right of its own, but an organization that is not suspended, as an operator does.
            return Ok(Creator::Operator);
        }
        let creating = action.creating.as_ref().map_err(Clone::clone)?;
        creating.ceiling.admit(&key.scopes, key.expires_at)?;
        Ok(creating.creator.clone())
    }
}

/// Of a key that is rotated at `now`: the grace ends with the key.
fn rotation(before: &ApiKey, now: Timestamp, grace: Duration) -> Rotation {
    let end = now.saturating_add(grace);
    Rotation {
        at: now,
        previous_key_prefix: before.key_prefix.clone(),
        previous_expires_at: before.expires_at.map_or(end, |expiry| expiry.min(end)),
        previous_last_used_at: before.last_used_at,
        finish_when_idle: None,
    }
}
