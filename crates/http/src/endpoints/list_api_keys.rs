//! `GET /v1/organizations/{orgID}/api-keys`.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::header::{self, ContentType},
};
use capykeys_domain::{
    model::{ApiKey, KeyId},
    ports::{Limit, Unavailable},
};
use futures_util::{Stream, stream};

use crate::{
    answer::{self, ApiKeyList, errors::OrganizationErrors},
    error::ApiError,
    exchange::Exchange,
    request::{call::Call, page::Page},
};

pub(crate) struct Operation;

/// List the API keys of an organization
///
/// All of them, newest first, revoked and expired ones too. With `limit`, one page; the next one is
/// named in the `Link` header where there is one.
#[utoipa::path(
    get, path = "/v1/organizations/{orgID}/api-keys", impl_for = Operation, operation_id = "listApiKeys", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("limit" = Option<u32>, Query, description = "How many keys at most; all where it is left out or empty.", minimum = 1, maximum = 1000, nullable = false),
        ("cursor" = Option<String>, Query, description = "The id of the last key of the page before. Empty, it counts as left out.", pattern = "^(key_[0-7][0-9a-hjkmnp-tv-z]{25})?$", nullable = false),
    ),
    responses(
        (status = 200, description = "The keys.", body = ApiKeyList<'_>, headers(
            ("Link" = String, description = "The next page, with `rel=\"next\"`: a query, to be resolved against the address that was asked. Only where `limit` was given and there is a next page."),
        )),
        OrganizationErrors,
    ),
    security(("bearerAuth" = []), ("apiKeyHeader" = [])),
)]
pub(crate) async fn list_api_keys(call: Call) -> Result<HttpResponse, ApiError> {
    let (permit, management) = (call.permit().await?, call.management()?);
    let Page { limit, cursor } = Page::parse(call.request.query_string())?;
    let Some(limit) = limit else {
        let pages = management.list_keys(&permit, cursor).await?;
        return Ok(listing(&call.exchange, pages, None));
    };
    let page = management.list_key_page(&permit, cursor, limit).await?;
    let next = page.next.map(|next| next_page(limit, next));
    Ok(listing(&call.exchange, stream::iter([Ok(page.keys)]), next))
}

fn listing(
    exchange: &Exchange,
    pages: impl Stream<Item = Result<Vec<ApiKey>, Unavailable>> + 'static,
    next: Option<String>,
) -> HttpResponse {
    let verdicts = Arc::clone(&exchange.shared.verdicts);
    let mut answer = HttpResponse::Ok();
    answer.insert_header(ContentType::json());
    if let Some(next) = next {
        answer.insert_header((header::LINK, next));
    }
    answer.streaming(answer::key_list(pages, move || verdicts.environment().now()))
}

/// RFC 8288. A query alone, which is resolved against the address that was asked: a proxy may serve the
/// API below a path that is not known here.
fn next_page(limit: Limit, cursor: KeyId) -> String {
    format!(r#"<?limit={limit}&cursor={cursor}>; rel="next""#)
}
