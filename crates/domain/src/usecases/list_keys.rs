//! Listing keys.

use alloc::{sync::Arc, vec::Vec};

use futures_core::Stream;
use futures_util::stream;

use super::Management;
use crate::{
    model::{ApiKey, KeyFilter, KeyId},
    policy::{ListKeys, Permit},
    ports::{KeyQuery, KeyStore, Limit, Unavailable},
};

/// How many keys are read at once where the caller sets no limit.
pub const PAGE_SIZE: Limit = Limit::of::<500>();

/// A part of a listing, newest first.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<ApiKey>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<KeyId>,
}

impl Management {
    /// One page: up to `limit` keys that `filter` admits and that are older than `before`, and fewer than
    /// [`Limit::MAX`].
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer.
    pub async fn list_key_page(
        &self,
        permit: &Permit<ListKeys>,
        filter: KeyFilter,
        before: Option<KeyId>,
        limit: Limit,
    ) -> Result<KeyPage, Unavailable> {
        // One more than asked for tells whether there is a next page.
        let limit = limit.one_more();
        let query = KeyQuery { organization: permit.organization_id(), filter, before, limit };
        let mut keys = self.keys.list_keys(query).await?;
        let more = keys.len() == usize::from(limit.get());
        keys.truncate(usize::from(limit.get()) - 1);
        let next = keys.last().filter(|_| more).map(|key| key.id);
        Ok(KeyPage { keys, next })
    }

    /// All keys that `filter` admits and that are older than `before`, in pages, of which one at a time is held in
    /// memory. The first is read before this returns, so that a store that is down is noticed before anything is
    /// said.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer; later pages give it as the stream's item.
    pub async fn list_keys(
        &self,
        permit: &Permit<ListKeys>,
        filter: KeyFilter,
        before: Option<KeyId>,
    ) -> Result<impl Stream<Item = Result<Vec<ApiKey>, Unavailable>> + use<>, Unavailable> {
        let organization = permit.organization_id();
        let store = Arc::clone(&self.keys);
        let query = KeyQuery { organization, filter, before, limit: PAGE_SIZE };
        let first = store.list_keys(query.clone()).await?;
        Ok(stream::try_unfold(Some(Next::Page(first)), move |next| {
            let (store, query): (Arc<dyn KeyStore>, _) = (Arc::clone(&store), query.clone());
            async move {
                let page = match next {
                    None => return Ok(None),
                    Some(Next::Page(page)) => page,
                    Some(Next::After(id)) => store.list_keys(KeyQuery { before: Some(id), ..query }).await?,
                };
                let full = page.len() == usize::from(PAGE_SIZE.get());
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
