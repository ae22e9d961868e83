//! Sessions behind gateways, asked about in every way that there is.

use std::sync::Arc;

use capykeys_tests::{
    Installation, Server, Store, Tenant,
    clerk::{self, Session},
    envoy::Check,
    on_every_store,
};
use reqwest::Method;
use serde_json::json;

on_every_store![
    a_session_passes_in_any_project_and_is_named_with_none,
    no_member_gets_at_credentials,
    a_role_has_what_its_row_says_and_no_more_where_somebody_else_acts,
    a_session_is_told_of_itself_what_the_api_behind_a_gateway_is_told,
    the_table_changes_nothing_of_who_lists_creates_and_revokes_keys,
];

const RULES: &str = "
[[rules]]
path = '/v1/projects/{project}/jobs/**'
scopes = ['jobs:read']

[[rules]]
path = '/v1/projects/{project}/credentials'
scopes = ['credentials:read']

[[rules]]
path = '/v1/projects/{project}/backups'
methods = ['GET']
scopes = ['backups:write']

[[rules]]
path = '/any'
";

/// A server with these rules, and these settings besides.
fn server(store: Store, settings: &[(&str, &str)]) -> Server {
    let installation = Installation::new(store).with_rules(RULES);
    let installation =
        settings.iter().fold(installation, |installation, (name, value)| installation.set(name, value));
    Server::start(&Arc::new(installation))
}

/// What a gateway is told.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    status: u16,
    organization: String,
    project: String,
    user: String,
    scopes: String,
}

impl Told {
    fn new<'a>(status: u16, header: impl Fn(&str) -> Option<&'a str>) -> Self {
        let text = |name: &str| header(&format!("x-capy-{name}")).unwrap_or("-").to_owned();
        Self {
            status,
            organization: text("organization-id"),
            project: text("project-id"),
            user: text("user-id"),
            scopes: text("scopes"),
        }
    }
}

/// What each family of gateways is told of the request, and Envoy over gRPC: all the same.
#[track_caller]
fn told(server: &Server, target: &str, session: &Session) -> Told {
    let token = session.sign();
    let call = |path: &str| server.call_internal(Method::GET, path).bearer(&token);
    let over_http = [
        call("/authorize/forward-auth").header("x-forwarded-method", "GET").header("x-forwarded-uri", target),
        call("/authorize/auth-request").header("x-original-method", "GET").header("x-original-uri", target),
        call(&format!("/authorize/ext-authz{target}")),
    ];
    let mut all: Vec<_> = over_http
        .map(|call| {
            let answer = call.send();
            Told::new(answer.status, |name| answer.header(name))
        })
        .into();
    let verdict = Check::of(target).bearer(&token).ask(server);
    let header = |name: &str| verdict.headers.get(name).map(String::as_str);
    all.push(Told::new(u16::try_from(verdict.status).unwrap(), header));
    assert!(all.iter().all(|one| *one == all[0]), "{target}: {all:?}");
    all.swap_remove(0)
}

fn a_session_passes_in_any_project_and_is_named_with_none(store: Store) {
    let server = server(store, &[]);
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(&server, &at_clerk);
    for session in [Session::admin(&at_clerk), Session::member(&at_clerk)] {
        for project in ["p1", "of-somebody-else"] {
            let told = told(&server, &format!("/v1/projects/{project}/jobs/7"), &session);
            // That the project is the organization's is for the API to see: nobody here knows.
            assert_eq!((told.status, told.project.as_str()), (200, ""), "{project}");
            assert_eq!((told.organization.as_str(), told.user.as_str()), (acme.id.as_str(), session.user()));
        }
        for unclear in ["/v1/projects//jobs/7", "/v1/projects/p%2f1/jobs/7", "/v1/projects/p1;p2/jobs/7"] {
            assert_eq!(told(&server, unclear, &session).status, 403, "{unclear}");
        }
    }
    let elsewhere = told(&server, "/v1/projects/p1/jobs/7", &Session::member(&clerk::organization_id()));
    assert_eq!(elsewhere.status, 403, "an organization that is not known here");
}

fn no_member_gets_at_credentials(store: Store) {
    let server = server(store, &[]);
    let at_clerk = clerk::organization_id();
    let _acme = Tenant::with_clerk(&server, &at_clerk);
    let of_role = |role: &str| Session::new().in_organization(&at_clerk, role);
    for (session, status) in [
        (of_role("member"), 403),
        (of_role("billing"), 403),
        (of_role("Admin"), 403),
        (of_role("org:admin"), 403),
        (of_role("admin").impersonated(), 403),
        (of_role("admin"), 200),
    ] {
        assert_eq!(told(&server, "/v1/projects/p1/credentials", &session).status, status, "{session:?}");
    }
}

fn a_role_has_what_its_row_says_and_no_more_where_somebody_else_acts(store: Store) {
    let settings = [
        ("CLERK__ROLES__BILLING", "credentials:read, jobs:read"),
        ("CLERK__ROLES__OPERATOR", "*"),
        ("CLERK__ROLES__GUEST", ""),
        ("CLERK__OTHER_ROLES", "jobs:read, backups:write"),
    ];
    let server = server(store, &settings);
    let at_clerk = clerk::organization_id();
    let _acme = Tenant::with_clerk(&server, &at_clerk);
    for (role, impersonated, [jobs, credentials, backups]) in [
        ("admin", false, [200, 200, 200]),
        ("operator", false, [200, 200, 200]),
        ("billing", false, [200, 200, 403]),
        ("guest", false, [403, 403, 403]),
        ("member", false, [200, 403, 200]),
        ("any_other", false, [200, 403, 200]),
        ("admin", true, [200, 403, 200]),
        ("operator", true, [200, 403, 200]),
        ("billing", true, [200, 403, 403]),
        ("guest", true, [403, 403, 403]),
        ("member", true, [200, 403, 200]),
    ] {
        let session = Session::new().in_organization(&at_clerk, role);
        let session = if impersonated { session.impersonated() } else { session };
        let status = |what: &str| told(&server, &format!("/v1/projects/p1/{what}"), &session).status;
        let got = [status("jobs/7"), status("credentials"), status("backups")];
        assert_eq!(got, [jobs, credentials, backups], "{role} {impersonated}");
        assert_eq!(told(&server, "/any", &session).status, 200, "{role}: a route that needs no scope");
    }
}

fn a_session_is_told_of_itself_what_the_api_behind_a_gateway_is_told(store: Store) {
    let server = server(store, &[("CLERK__ROLES__BILLING", "schema:read,jobs:read")]);
    let at_clerk = clerk::organization_id();
    let _acme = Tenant::with_clerk(&server, &at_clerk);
    for (role, scopes) in [
        ("admin", &["*"][..]),
        ("billing", &["schema:read", "jobs:read"]),
        (
            "member",
            &[
                "projects:read",
                "backups:read",
                "jobs:read",
                "schema:read",
                "organizations:read",
                "api_keys:read",
            ],
        ),
    ] {
        let session = Session::new().in_organization(&at_clerk, role);
        let me = |session: &Session| server.get("/v1/me").bearer(&session.sign()).send().expect(200);
        assert_eq!(me(&session)["principal"]["scopes"], json!(scopes), "{role}");
        assert_eq!(told(&server, "/any", &session).scopes, scopes.join(" "), "{role}");
        let acting = session.impersonated();
        let (me, told) = (me(&acting), told(&server, "/any", &acting));
        let names: Vec<_> = told.scopes.split(' ').collect();
        assert_eq!(me["principal"]["scopes"], json!(names), "{role}");
        assert!(!names.contains(&"*"), "{role}");
        assert_eq!(me["principal"]["is_admin"], false, "{role}");
    }
}

fn the_table_changes_nothing_of_who_lists_creates_and_revokes_keys(store: Store) {
    let server = server(
        store,
        &[("CLERK__ROLES__ADMIN", ""), ("CLERK__ROLES__BILLING", "*"), ("CLERK__OTHER_ROLES", "")],
    );
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(&server, &at_clerk);
    let body = json!({"name": "n", "scopes": ["*"]});
    let key = acme.create(&body);
    for role in ["billing", "member"] {
        let token = Session::new().in_organization(&at_clerk, role).sign();
        acme.listing(&token).send().expect(200);
        acme.creation(&token, &body).send().error(403);
        acme.revocation(&token, key.id()).send().error(403);
    }
    let token = Session::admin(&at_clerk).sign();
    acme.listing(&token).send().expect(200);
    acme.creation(&token, &body).send().expect(201);
    acme.revocation(&token, key.id()).send().expect(200);
}
