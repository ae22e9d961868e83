//! Listing keys.

use capykeys_conformance::{fixtures, service::Service};
use capykeys_domain::{
    model::{ApiKey, KeyFilter},
    policy::Permit,
    ports::{KeyStore, Limit},
    usecases::PAGE_SIZE,
};
use futures_util::TryStreamExt;

#[tokio::test]
async fn the_stream_is_complete_at_and_around_the_page_size() {
    let page = i64::from(PAGE_SIZE.get());
    for count in [0, 1, page - 1, page, page + 1, 2 * page, 2 * page + 7] {
        let service = Service::default();
        let organization = service.organization().await;
        for micros in 0..count {
            let new = fixtures::key(organization.id, fixtures::at(micros));
            let _ = service.store.insert_key(new.clone(), fixtures::created(&new)).await.unwrap();
        }
        let permit = Permit::operator_lists_keys(&organization);
        let pages = service.management.list_keys(&permit, KeyFilter::default(), None).await.unwrap();
        let pages: Vec<Vec<ApiKey>> = pages.try_collect().await.unwrap();
        assert!(pages.iter().all(|one| one.len() <= usize::from(PAGE_SIZE.get())));
        let keys = pages.concat();
        assert_eq!(i64::try_from(keys.len()).unwrap(), count);
        assert!(keys.is_sorted_by(|a, b| a.id > b.id));
    }
}

#[tokio::test]
async fn a_page_names_the_next_one_only_where_there_is_one() {
    let service = Service::default();
    let organization = service.organization().await;
    for micros in 0..4 {
        let new = fixtures::key(organization.id, fixtures::at(micros));
        let _ = service.store.insert_key(new.clone(), fixtures::created(&new)).await.unwrap();
    }
    let permit = Permit::operator_lists_keys(&organization);
    let two = Limit::new(2).unwrap();
    let first = service.management.list_key_page(&permit, KeyFilter::default(), None, two).await.unwrap();
    assert_eq!(first.next, first.keys.last().map(|key| key.id));
    let second =
        service.management.list_key_page(&permit, KeyFilter::default(), first.next, two).await.unwrap();
    assert_eq!((second.keys.len(), second.next), (2, None));
    let all = service
        .management
        .list_key_page(&permit, KeyFilter::default(), None, Limit::new(4).unwrap())
        .await
        .unwrap();
    assert_eq!((all.keys.len(), all.next), (4, None));
}
