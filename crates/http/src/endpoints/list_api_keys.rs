//! `GET /v1/organizations/{orgID}/api-keys`.

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::header::{self, ContentType},
};
use capykeys_domain::{model::ApiKey, ports::Unavailable};
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
/// All of them, newest first, revoked and expired ones too, or those that the other parameters choose: all that is given
/// holds. With `limit`, one page; the next one is named in the `Link` header where there is one.
#[utoipa::path(
    get, path = "/v1/organizations/{orgID}/api-keys", impl_for = Operation, operation_id = "listApiKeys", tag = "api-keys",
    params(
        ("orgID" = String, Path, description = "The id of the organization.", example = "org_01h455vb4pex5vsknk084sn02q"),
        ("limit" = Option<u32>, Query, description = "How many keys at most; all where it is left out or empty.", minimum = 1, maximum = 1000, nullable = false),
        ("cursor" = Option<String>, Query, description = "The id of the last key of the page before. Empty, it counts as left out.", pattern = "^(key_[0-7][0-9a-hjkmnp-tv-z]{25})?$", nullable = false),
        ("status" = Option<String>, Query, description = "Keys that are `active` (they can be used), `disabled`, `expired` or `revoked`; each is one of these.", pattern = "^(active|disabled|expired|revoked)?$", nullable = false),
        ("project_id" = Option<String>, Query, description = "Keys for this project.", pattern = "^[A-Za-z0-9_-]{0,64}$", nullable = false),
        ("source" = Option<String>, Query, description = "Keys that came to be so.", pattern = "^(dashboard|api|cli|agent|operator|import)?$", nullable = false),
        ("scope" = Option<String>, Query, description = "Keys that carry this scope by its name; `*` is another one.", pattern = r"^(\*|[a-z][a-z0-9_.:-]{0,63})?$", nullable = false),
        ("created_by" = Option<String>, Query, description = "Keys that this user created, or that were made with this key.", pattern = "^(user_[A-Za-z0-9_]{1,100}|key_[0-7][0-9a-hjkmnp-tv-z]{25})?$", nullable = false),
        ("expires_before" = Option<String>, Query, description = "Keys that have an end, which lies before this time.", format = DateTime, nullable = false),
        ("unused_since" = Option<String>, Query, description = "Keys that were last used before this time, or never and were created before it.", format = DateTime, nullable = false),
        ("name" = Option<String>, Query, description = "Keys whose name begins so, byte for byte.", max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$", nullable = false),
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
    let environment = call.exchange.environment();
    let asked = Page::parse(call.request.query_string(), environment.format(), environment.now())?;
    let Some(limit) = asked.limit else {
        let pages = management.list_keys(&permit, asked.filter, asked.cursor).await?;
        return Ok(listing(&call.exchange, pages, None));
    };
    let page = management.list_key_page(&permit, asked.filter.clone(), asked.cursor, limit).await?;
    // RFC 8288. A query alone, which is resolved against the address that was asked: a proxy may serve the API below
    // a path that is not known here.
    let next = page.next.map(|next| format!(r#"<{}>; rel="next""#, asked.next(limit, next)));
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
