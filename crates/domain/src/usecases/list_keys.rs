//! Listing keys.

use alloc::{sync::Arc, vec::Vec};
use core::num::NonZeroU32;

use futures_core::Stream;
use futures_util::stream;

use super::Management;
use crate::{
    model::{ApiKey, KeyId},
    policy::{ListKeys, Permit},
    ports::{KeyStore, Unavailable},
};

/// How many keys are read at once where the caller sets no limit.
pub const PAGE_SIZE: NonZeroU32 = NonZeroU32::new(500).unwrap();

/// A part of a listing, newest first.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<ApiKey>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<KeyId>,
}

impl Management {
    /// One page: up to `limit` keys older than `before`.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer.
    pub async fn list_key_page(
        &self,
        permit: &Permit<ListKeys>,
        before: Option<KeyId>,
        limit: NonZeroU32,
    ) -> Result<KeyPage, Unavailable> {
        let wanted = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        // One more than asked for tells whether there is a next page.
        let mut keys = self.keys.list(permit.organization_id(), before, limit.saturating_add(1)).await?;
        let next = (keys.len() > wanted).then(|| keys.get(wanted - 1).map(|key| key.id)).flatten();
        keys.truncate(wanted);
        Ok(KeyPage { keys, next })
    }

    /// All keys older than `before`, in pages, of which one at a time is held in memory. The first
    /// is read before this returns, so that a store that is down is noticed before anything is
    /// said.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer; later pages give it as the stream's item.
    pub async fn list_keys(
        &self,
        permit: &Permit<ListKeys>,
        before: Option<KeyId>,
    ) -> Result<impl Stream<Item = Result<Vec<ApiKey>, Unavailable>> + use<>, Unavailable> {
        let organization = permit.organization_id();
        let store = Arc::clone(&self.keys);
        let first = store.list(organization, before, PAGE_SIZE).await?;
        Ok(stream::try_unfold(Some(Next::Page(first)), move |next| {
            let store: Arc<dyn KeyStore> = Arc::clone(&store);
            async move {
                let page = match next {
                    None => return Ok(None),
                    Some(Next::Page(page)) => page,
                    Some(Next::After(id)) => store.list(organization, Some(id), PAGE_SIZE).await?,
                };
                let full = page.len() == PAGE_SIZE.get() as usize;
                let rest = page.last().filter(|_| full).map(|key| Next::After(key.id));
                Ok(Some((page, rest)))
            }
        }))
    }
}

/// What the stream gives next.
enum Next {
    /// A page that was read already.
    Page(Vec<ApiKey>),
    /// The page that begins after this key.
    After(KeyId),
}
