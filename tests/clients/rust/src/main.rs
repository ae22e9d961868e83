//! progenitor: a method for each operation, whose error holds the typed refusal.

use std::{env, error::Error as StdError, future::Future, num::NonZeroU32, process::exit};

use chrono::{Duration, DurationRound, Utc};
use progenitor::progenitor_client::{Error, ResponseValue};
use reqwest::header::{AUTHORIZATION, HeaderMap};

mod capykeys {
    progenitor::generate_api!("../../../openapi/3.0/capykeys.json");
}

mod cluster {
    progenitor::generate_api!("../../../openapi/3.0/internal.json");
}

use capykeys::{
    Client,
    types::{ApiKey, CreateApiKeyRequest, ErrorResponse, Scope},
};

/// The id of a key that nobody has.
const UNKNOWN: &str = "key_01h455vb4pex5vsknk084sn02q";

type Outcome<T = String> = Result<T, Box<dyn StdError>>;

struct Scenario {
    url: String,
    organization: String,
    /// How many keys there are before the scenario begins.
    keys: usize,
    admin: Client,
    cluster: cluster::Client,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let url = env::var("CAPYKEYS_URL")?;
    let scenario = Scenario {
        admin: signed_in(&url, &env::var("CAPYKEYS_KEY")?)?,
        cluster: cluster::Client::new(&env::var("CAPYKEYS_INTERNAL_URL")?),
        organization: env::var("CAPYKEYS_ORGANIZATION")?,
        keys: env::var("CAPYKEYS_KEYS")?.parse()?,
        url,
    };
    scenario.play().await
}

fn signed_in(url: &str, key: &str) -> Outcome<Client> {
    let headers = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {key}").parse()?)]);
    Ok(Client::new_with_client(url, reqwest::Client::builder().default_headers(headers).build()?))
}

/// Says what was done, or ends with a sentence that says what was not.
async fn step<T>(what: &str, work: impl Future<Output = Outcome<(String, T)>>) -> T {
    match work.await {
        Ok((done, value)) => {
            println!("{what}: {done}");
            value
        }
        Err(error) => {
            eprintln!("{what} failed: {error}");
            exit(1)
        }
    }
}

fn check(holds: bool, reason: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(reason.into()) }
}

/// The sentence of a refusal, which has a type of its own.
fn refused<T>(status: u16, answer: Result<ResponseValue<T>, Error<ErrorResponse>>) -> Outcome {
    match answer {
        Err(Error::ErrorResponse(refusal)) if refusal.status() == status => {
            Ok(format!("{status} {}", refusal.error))
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err("it is not refused".into()),
    }
}

impl Scenario {
    async fn play(&self) -> Outcome<()> {
        let organization = &self.organization;
        step("who am I", async {
            let me = self.admin.get_viewer().await?.into_inner();
            let own = me.organization.ok_or("no organization")?;
            check(own.id == *organization && me.principal.user_id.is_none(), "somebody else")?;
            Ok((format!("{} of {}, since {}", me.principal.auth_source, own.name, own.created_at), ()))
        })
        .await;

        let (key, secret) = step("create a project's key", async {
            let expiry = (Utc::now() + Duration::hours(1)).duration_trunc(Duration::microseconds(1))?;
            let body = CreateApiKeyRequest {
                name: "Schlüssel".parse()?,
                scopes: vec![Scope::ProjectsRead],
                project_id: Some("prj_1".parse()?),
                expires_at: Some(expiry),
                device_name: None,
                key_digest: None,
                key_prefix: None,
            };
            let created = self.admin.create_api_key(organization, None, &body).await?.into_inner();
            let key = created.api_key;
            check(key.name == "Schlüssel" && key.expires_at == Some(expiry), "not what was asked for")?;
            check(key.revoked_at.is_none() && key.last_used_at.is_none(), "it was neither revoked nor used")?;
            let done = format!("{} for {:?} until {:?}", key.id, key.project_id, key.expires_at);
            Ok((done, (key, created.plaintext_api_key.ok_or("a key without its secret")?)))
        })
        .await;

        step("list and find it", async {
            // The types have no equality: all of it is compared as it is printed.
            let found = self.find(&key.id).await?;
            check(format!("{found:?}") == format!("{key:?}"), "it is listed as another")?;
            Ok((found.key_prefix, ()))
        })
        .await;

        step("names that came later", async {
            let keys = self.list().await?;
            let source = keys.iter().find(|key| key.source == "teleport").ok_or("no new source")?;
            let has_scope = |key: &&ApiKey| key.scopes.iter().any(|scope| scope == "models:read");
            let scope = keys.iter().find(has_scope).ok_or("no new scope")?;
            Ok((format!("source {}, scope {:?}", source.source, scope.scopes), ()))
        })
        .await;

        let holder = signed_in(&self.url, &secret)?;
        step("use it", async {
            let me = holder.get_viewer().await?.into_inner();
            check(me.principal.scopes == ["projects:read"], "other scopes")?;
            Ok((format!("may {:?}", me.principal.scopes), ()))
        })
        .await;

        step("be refused", async {
            let impossible = CreateApiKeyRequest {
                name: "no".parse()?,
                scopes: vec![Scope::X],
                project_id: Some("prj_1".parse()?),
                expires_at: None,
                device_name: None,
                key_digest: None,
                key_prefix: None,
            };
            let stranger = signed_in(&self.url, "capy_live_none")?;
            let refusals = [
                refused(400, self.admin.create_api_key(organization, None, &impossible).await)?,
                refused(401, stranger.get_viewer().await)?,
                refused(
                    403,
                    holder
                        .list_api_keys(
                            organization,
                            None,
                            None,
                            None,
                            None,
                            None,
                            None,
                            None,
                            None,
                            None,
                            None,
                        )
                        .await,
                )?,
                refused(404, self.admin.revoke_api_key(organization, UNKNOWN, None).await)?,
            ];
            Ok((refusals.join(" | "), ()))
        })
        .await;

        step("page", async { Ok((self.page().await?, ())) }).await;

        step("verify", async {
            let (good, bad) = (self.verify(&secret, "prj_1").await?, self.verify(&secret, "prj_2").await?);
            check(good.valid && good.code.is_none(), "refused")?;
            check(good.api_key.is_some_and(|verified| verified.id == key.id), "another key")?;
            check(!bad.valid && bad.api_key.is_none(), "accepted")?;
            check(bad.code.as_deref() == Some("wrong_country"), "another code")?;
            Ok((format!("{}, then {:?}", good.valid, bad.code), ()))
        })
        .await;

        step("revoke", async {
            check(
                self.admin.revoke_api_key(organization, &key.id, None).await?.revoked,
                "it is not revoked",
            )?;
            let once = self.find(&key.id).await?;
            check(!once.is_active && once.revoked_at.is_some(), "it is listed as active")?;
            check(
                self.admin.revoke_api_key(organization, &key.id, None).await?.revoked,
                "it is not revoked",
            )?;
            check(self.find(&key.id).await?.revoked_at == once.revoked_at, "it was revoked again")?;
            Ok((format!("twice, at {:?}", once.revoked_at), ()))
        })
        .await;

        step("be refused with it", async {
            let code = self.verify(&secret, "prj_1").await?.code;
            check(code.as_deref() == Some("revoked"), "another code")?;
            Ok((format!("{} | {code:?}", refused(401, holder.get_viewer().await)?), ()))
        })
        .await;
        Ok(())
    }

    async fn list(&self) -> Outcome<Vec<ApiKey>> {
        Ok(self
            .admin
            .list_api_keys(&self.organization, None, None, None, None, None, None, None, None, None, None)
            .await?
            .into_inner()
            .api_keys)
    }

    async fn find(&self, id: &str) -> Outcome<ApiKey> {
        self.list().await?.into_iter().find(|key| key.id == id).ok_or_else(|| "it is not listed".into())
    }

    async fn page(&self) -> Outcome {
        let mut ids: Vec<String> = Vec::new();
        let (mut pages, mut cursor) = (0, None);
        loop {
            let limit = NonZeroU32::new(100);
            let answer = self
                .admin
                .list_api_keys(
                    &self.organization,
                    None,
                    cursor.as_ref(),
                    None,
                    limit,
                    None,
                    None,
                    None,
                    None,
                    None,
                    None,
                )
                .await?;
            let link =
                answer.headers().get("link").map(|link| link.to_str().map(str::to_owned)).transpose()?;
            ids.extend(answer.into_inner().api_keys.into_iter().map(|key| key.id));
            pages += 1;
            let Some(link) = link else { break };
            let last = ids.last().ok_or("an empty page")?;
            check(link.contains(&format!("cursor={last}>; rel=\"next\"")), "not the last key's id")?;
            cursor = Some(last.parse()?);
        }
        check(self.list().await?.iter().map(|key| &key.id).eq(&ids), "other keys")?;
        check(ids.len() == self.keys + 1, "too few, or too many")?;
        Ok(format!("{} keys on {pages} pages", ids.len()))
    }

    async fn verify(&self, secret: &str, project: &str) -> Outcome<cluster::types::Verdict> {
        let question = cluster::types::VerifyApiKeyRequest {
            api_key: secret.to_owned(),
            max_age_ms: 0,
            project_id: Some(project.parse()?),
            scopes: vec![cluster::types::Scope::ProjectsRead],
        };
        Ok(self.cluster.verify_api_key(&question).await?.into_inner())
    }
}
