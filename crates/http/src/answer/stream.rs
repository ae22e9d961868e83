//! A listing, written as it is read.

use actix_web::web::Bytes;
use capykeys_domain::{
    model::{ApiKey, Timestamp},
    ports::Unavailable,
};
use futures_util::{Stream, StreamExt, stream};

use super::api_key::ApiKeyView;

/// The document of a listing, a chunk for each page. An error ends it in the middle, so that the
/// connection is cut and nobody takes what was sent for the whole.
pub(crate) fn key_list(
    pages: impl Stream<Item = Result<Vec<ApiKey>, Unavailable>>,
    now: impl Fn() -> Timestamp,
) -> impl Stream<Item = Result<Bytes, Unavailable>> {
    let mut first = true;
    let pages = pages.map(move |page| {
        let mut chunk = Vec::new();
        for key in page? {
            chunk.extend_from_slice(if first { b"" } else { b"," });
            first = false;
            serde_json::to_writer(&mut chunk, &ApiKeyView::new(&key, now()))
                .map_err(|_| Unavailable::new("serializer", "refused a key"))?;
        }
        Ok(Bytes::from(chunk))
    });
    literal(br#"{"api_keys":["#).chain(pages).chain(literal(b"]}"))
}

fn literal(text: &'static [u8]) -> impl Stream<Item = Result<Bytes, Unavailable>> {
    stream::iter([Ok(Bytes::from_static(text))])
}
