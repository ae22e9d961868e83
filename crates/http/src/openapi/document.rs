//! Putting the document together.

use capykeys_domain::model::ScopeCatalogue;
use serde_json::Value;
use utoipa::{
    OpenApi,
    openapi::{
        OpenApi as Document, RefOr, Response,
        path::{Operation, PathItem},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::{older, refine};
use crate::{
    answer::{
        ErrorResponse,
        errors::{self, header},
    },
    base_path::BasePath,
    endpoints,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "capykeys",
        description = "Creates, lists, revokes and verifies the API keys of organizations.",
        contact(name = "capykeys"),
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/", description = "Where this document was served from.")),
    tags(
        (name = "viewer", description = "The caller."),
        (name = "organizations", description = "Organizations, which own API keys."),
        (name = "api-keys", description = "The API keys of an organization."),
        (name = "verification", description = "Verdicts on keys."),
        (name = "health", description = "For load balancers and orchestrators."),
        (name = "meta", description = "About this API."),
    ),
    components(schemas(ErrorResponse)),
)]
struct ApiDocument;

/// What the document of the internal listener is described as.
const INTERNAL: &str = "Verifies API keys, for the cluster: on the internal listener alone.";

/// Whom a document is for: each listener has one. In one document for both, clients sent a user's key where the
/// cluster's token belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Who manages keys.
    Public,
    /// The cluster, which asks for verdicts.
    Internal,
}

/// Which version of OpenAPI a document is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// 3.1, which the service serves.
    #[default]
    V3_1,
    /// 3.0, for generators that read no newer one.
    V3_0,
}

/// The OpenAPI document, pretty-printed, with a final newline: what is committed and what
/// `/v1/openapi.json` serves, where neither scopes nor a path are configured.
#[must_use]
pub fn openapi_json(audience: Audience, dialect: Dialect) -> String {
    let document = document(audience, &BasePath::default(), &ScopeCatalogue::default());
    let document = match dialect {
        Dialect::V3_1 => document,
        Dialect::V3_0 => older::rendition(document),
    };
    format!("{document:#}\n")
}

/// The same of an API that is served below a path, with the scopes that there are.
pub(crate) fn openapi_json_of(audience: Audience, base: &BasePath, catalogue: &ScopeCatalogue) -> String {
    format!("{:#}\n", document(audience, base, catalogue))
}

pub(super) fn document(audience: Audience, base: &BasePath, catalogue: &ScopeCatalogue) -> Value {
    let mut document = ApiDocument::openapi();
    let endpoints = match audience {
        Audience::Public => endpoints::api(),
        Audience::Internal => {
            document.info.title.push_str(", internal");
            document.info.description = Some(INTERNAL.to_owned());
            endpoints::cluster()
        }
    };
    for endpoint in endpoints.into_iter().chain(endpoints::health()) {
        (endpoint.describe)(&mut document);
    }
    share_parts(&mut document, audience);
    drop_unused_tags(&mut document);
    let mut document = serde_json::to_value(document).unwrap_or_default();
    refine::refine(&mut document, catalogue);
    if !base.as_str().is_empty() {
        document["servers"][0]["url"] = base.as_str().into();
    }
    document
}

/// A tag stands for the operations that have it.
fn drop_unused_tags(document: &mut Document) {
    let operations = document.paths.paths.values_mut().flat_map(operations);
    let used: Vec<String> =
        operations.flat_map(|operation| operation.tags.clone().unwrap_or_default()).collect();
    if let Some(tags) = &mut document.tags {
        tags.retain(|tag| used.contains(&tag.name));
    }
}

/// Adds what all operations share.
fn share_parts(document: &mut Document, audience: Audience) {
    let components = document.components.get_or_insert_default();
    match audience {
        Audience::Public => {
            components.add_security_scheme("bearerAuth", SecurityScheme::Http(bearer()));
            components.add_security_scheme("apiKeyHeader", SecurityScheme::ApiKey(ApiKey::Header(api_key())));
        }
        Audience::Internal => {
            components.add_security_scheme("clusterToken", SecurityScheme::Http(cluster_token()));
        }
    }
    components.responses.extend(errors::all());
    let operations = document.paths.paths.values_mut().flat_map(operations);
    let inline = operations.flat_map(|operation| {
        operation.security.get_or_insert_default();
        operation.responses.responses.values_mut()
    });
    for response in inline.chain(components.responses.values_mut()) {
        if let RefOr::T(response) = response {
            add_headers(response);
        }
    }
}

fn bearer() -> utoipa::openapi::security::Http {
    HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An API key, or the session token of a user signed in with Clerk or another OpenID provider.",
        ))
        .build()
}

fn cluster_token() -> utoipa::openapi::security::Http {
    HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token of the cluster's workloads, where the internal listener asks for one."))
        .build()
}

fn api_key() -> ApiKeyValue {
    ApiKeyValue::with_description("X-API-Key", "An API key.")
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn add_headers(response: &mut Response) {
    for (name, description) in [
        ("X-Request-Id", "The caller's own id for the request, or a new one."),
        ("Cache-Control", "Always `no-store`."),
    ] {
        response.headers.insert(name.to_owned(), RefOr::T(header(description)));
    }
}
