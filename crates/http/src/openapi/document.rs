//! Putting the document together.

use capykeys_domain::model::ScopeCatalogue;
use utoipa::{
    OpenApi,
    openapi::{
        OpenApi as Document, RefOr, Response, Server,
        path::{Operation, PathItem},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use super::refine;
use crate::{
    answer::{
        ErrorResponse,
        errors::{self, header},
    },
    base_path::BasePath,
    endpoints,
    routing::Endpoint,
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
        (name = "verification", description = "Verdicts on keys, for the cluster: on the internal listener alone."),
        (name = "health", description = "For load balancers and orchestrators."),
        (name = "meta", description = "About this API."),
    ),
    components(schemas(ErrorResponse)),
)]
struct ApiDocument;

/// The OpenAPI 3.1 document, pretty-printed, with a final newline: what is committed and what
/// `/v1/openapi.json` serves, where neither scopes nor a path are configured.
#[must_use]
pub fn openapi_json() -> String {
    openapi_json_of(&BasePath::default(), &ScopeCatalogue::default())
}

/// The same of an API that is served below a path, with the scopes that there are.
pub(crate) fn openapi_json_of(base: &BasePath, catalogue: &ScopeCatalogue) -> String {
    let mut document = ApiDocument::openapi();
    describe(endpoints::api().into_iter().chain(endpoints::health()), &mut document);
    let mut cluster = Document::default();
    describe(endpoints::cluster(), &mut cluster);
    for operation in cluster.paths.paths.values_mut().flat_map(operations) {
        operation.servers = Some(vec![internal_listener()]);
    }
    document.merge(cluster);
    share_parts(&mut document);
    let mut document = serde_json::to_value(document).unwrap_or_default();
    refine::refine(&mut document, catalogue);
    if !base.as_str().is_empty() {
        document["servers"][0]["url"] = base.as_str().into();
    }
    format!("{document:#}\n")
}

fn describe(endpoints: impl IntoIterator<Item = Endpoint>, document: &mut Document) {
    endpoints.into_iter().for_each(|endpoint| (endpoint.describe)(document));
}

/// A relative address would be that of the listener for everybody.
fn internal_listener() -> Server {
    let mut server = Server::new("http://127.0.0.1:8081");
    server.description = Some("The internal listener, for the cluster alone.".to_owned());
    server
}

/// Adds what all operations share.
fn share_parts(document: &mut Document) {
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearerAuth", SecurityScheme::Http(bearer()));
    components.add_security_scheme("apiKeyHeader", SecurityScheme::ApiKey(ApiKey::Header(api_key())));
    components.add_security_scheme("clusterToken", SecurityScheme::Http(cluster_token()));
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
