//! Saying that keys end.

use core::time::Duration;

use super::{Management, done};
use crate::{
    model::{Actor, AuditAction, AuditEvent, EventDetails, ExpiryNotices, KeyId, RequestContext, Timestamp},
    ports::{EndingKey, EndingKeys, ExpiryNotice, Limit, Unavailable},
};

const DAY: Duration = Duration::from_hours(24);

/// How far it was looked which keys end, and what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiryRound {
    /// Where to go on; `None` at the end.
    pub next: Option<(Timestamp, KeyId)>,
    /// Of how many keys it was said that they end soon.
    pub soon: u64,
    /// Of how many that they have ended.
    pub expired: u64,
}

impl Management {
    /// Looks at up to `at_most` keys in the order of their ends, from `after` on or from the beginning, and says of each
    /// that it ends soon, or has ended, where `notices` have it. Of several times that have passed since it was last
    /// said, it is said once, for the last. Of a key that has ended for longer than the longest notice, nothing is
    /// said. Any number of servers may do this at once: one of them says each.
    ///
    /// # Errors
    /// [`Unavailable`] of the first for which it fails; what was not said is said the next time.
    pub async fn notice_expiry(
        &self,
        notices: &ExpiryNotices,
        after: Option<(Timestamp, KeyId)>,
        at_most: Limit,
        context: &RequestContext,
    ) -> Result<ExpiryRound, Unavailable> {
        let mut round = ExpiryRound { next: None, soon: 0, expired: 0 };
        let Some(longest) = notices.longest() else { return Ok(round) };
        let now = self.environment.now();
        let start = (now.saturating_sub(longest), KeyId::new(Timestamp::MIN, [0; 8]));
        let query =
            EndingKeys { after: after.unwrap_or(start), until: now.saturating_add(longest), limit: at_most };
        let keys = self.keys.find_ending_keys(query).await?;
        if keys.len() == usize::from(at_most.get()) {
            round.next = keys.last().map(|last| (last.expires_at, last.id));
        }
        for key in keys {
            let Some(noticed_until) = notices.due(key.expires_at, key.noticed_until, now) else { continue };
            let is_over = key.expires_at <= now;
            let notice = notice(EndingKey { noticed_until, ..key }, is_over, now, context);
            if self.keys.notice_expiry(notice).await? {
                *(if is_over { &mut round.expired } else { &mut round.soon }) += 1;
            }
        }
        Ok(round)
    }
}

fn notice(key: EndingKey, is_over: bool, now: Timestamp, context: &RequestContext) -> ExpiryNotice {
    let (action, days_left) = if is_over {
        (AuditAction::ExpireKey, None)
    } else {
        let left = key.expires_at.since(now).as_micros();
        (AuditAction::ExpiresSoon, Some(left.div_ceil(DAY.as_micros())))
    };
    let event = done(action, now, &Actor::Operator, key.organization_id, Some(key.id), context);
    let details = EventDetails::of_expiry(key.expires_at, days_left);
    ExpiryNotice { key, event: AuditEvent { details, ..event } }
}
