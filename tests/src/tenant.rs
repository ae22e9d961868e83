//! Organizations of the tests' own.

use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Answer, Call, Server};

/// An organization that nobody else uses, with a key that may do everything.
#[derive(Clone)]
pub struct Tenant<'a> {
    /// Its server.
    pub server: &'a Server,
    /// Its id.
    pub id: String,
    /// The plaintext of a key with the scope `*`.
    pub admin: String,
    /// The id of that key.
    pub admin_id: String,
}

/// A key that was created.
#[derive(Clone)]
pub struct Created {
    /// As it is shown.
    pub key: Value,
    /// Its secret.
    pub plaintext: String,
}

impl Created {
    /// From the body of the answer.
    ///
    /// # Panics
    /// Where it is not what the contract says.
    #[track_caller]
    pub fn from_body(body: &Value) -> Self {
        let plaintext = body["plaintext_api_key"].as_str().expect("a plaintext key").to_owned();
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "more than the two fields");
        Self { key: body["api_key"].clone(), plaintext }
    }

    /// Its id.
    ///
    /// # Panics
    /// Where it has none.
    #[track_caller]
    pub fn id(&self) -> &str {
        self.key["id"].as_str().expect("an id")
    }
}

impl<'a> Tenant<'a> {
    /// Creates the organization and its first key, as an operator does.
    ///
    /// # Panics
    /// Where a command fails.
    #[track_caller]
    pub fn new(server: &'a Server) -> Self {
        Self::create_with(server, &[])
    }

    /// The same with the organization's counterpart at Clerk.
    ///
    /// # Panics
    /// Where a command fails.
    #[track_caller]
    pub fn with_clerk(server: &'a Server, clerk_organization_id: &str) -> Self {
        Self::create_with(server, &["--clerk-organization-id", clerk_organization_id])
    }

    #[track_caller]
    fn create_with(server: &'a Server, more: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("Tenant {}", COUNT.fetch_add(1, Ordering::Relaxed));
        let commands = server.installation();
        let organization = commands.json(&[&["organizations", "create", "--name", &name], more].concat());
        let id = organization["id"].as_str().expect("an id").to_owned();
        let arguments = ["keys", "create", "--organization", &id, "--name", "admin", "--scope", "*"];
        let admin = Created::from_body(&commands.json(&arguments));
        Self { server, id, admin_id: admin.id().to_owned(), admin: admin.plaintext }
    }

    /// The path of its keys.
    pub fn keys_path(&self) -> String {
        format!("/v1/organizations/{}/api-keys", self.id)
    }

    /// The path of one of its keys.
    pub fn key_path(&self, id: &str) -> String {
        format!("{}/{id}", self.keys_path())
    }

    /// A request for its list of keys.
    pub fn listing(&self, credential: &str) -> Call<'a> {
        self.server.get(&self.keys_path()).bearer(credential)
    }

    /// A request to create a key.
    pub fn creation(&self, credential: &str, body: &Value) -> Call<'a> {
        self.server.post(&self.keys_path()).bearer(credential).json(body)
    }

    /// A request for one key.
    pub fn reading(&self, credential: &str, id: &str) -> Call<'a> {
        self.server.get(&self.key_path(id)).bearer(credential)
    }

    /// A request to change a key.
    pub fn update(&self, credential: &str, id: &str, body: &Value) -> Call<'a> {
        self.server.call(Method::PATCH, &self.key_path(id)).bearer(credential).json(body)
    }

    /// A request to disable a key.
    pub fn disabling(&self, credential: &str, id: &str) -> Call<'a> {
        self.server.post(&format!("{}/disable", self.key_path(id))).bearer(credential)
    }

    /// A request to enable a key.
    pub fn enabling(&self, credential: &str, id: &str) -> Call<'a> {
        self.server.post(&format!("{}/enable", self.key_path(id))).bearer(credential)
    }

    /// A request to give a key another secret.
    pub fn rotation(&self, credential: &str, id: &str) -> Call<'a> {
        self.server.post(&format!("{}/rotate", self.key_path(id))).bearer(credential)
    }

    /// A request to end the secret before.
    pub fn finishing(&self, credential: &str, id: &str) -> Call<'a> {
        self.server.post(&format!("{}/rotate/finish", self.key_path(id))).bearer(credential)
    }

    /// A request to revoke a key.
    pub fn revocation(&self, credential: &str, id: &str) -> Call<'a> {
        self.server.delete(&self.key_path(id)).bearer(credential)
    }

    /// A request to revoke many keys.
    pub fn revoking(&self, credential: &str, body: &Value) -> Call<'a> {
        self.server.post(&format!("{}/revoke", self.keys_path())).bearer(credential).json(body)
    }

    /// Creates a key.
    ///
    /// # Panics
    /// Where the answer is not 201.
    #[track_caller]
    pub fn create(&self, body: &Value) -> Created {
        Created::from_body(&self.creation(&self.admin, body).send().expect(201))
    }

    /// Creates a key with these scopes.
    #[track_caller]
    pub fn key_with(&self, scopes: &[&str]) -> Created {
        self.create(&json!({"name": "key", "scopes": scopes}))
    }

    /// Creates a key with these scopes, whose secret was made elsewhere.
    ///
    /// # Panics
    /// Where the answer is not 201, or holds a secret.
    #[track_caller]
    pub fn bring(&self, secret: &str, scopes: &[&str]) -> Created {
        let digest = crate::secrets::brought_digest(secret);
        let body = json!({"name": "key", "scopes": scopes, "key_digest": digest});
        let mut created = self.creation(&self.admin, &body).send().expect(201);
        assert!(created.get("plaintext_api_key").is_none(), "a secret of the service's own");
        Created { key: created["api_key"].take(), plaintext: secret.to_owned() }
    }

    /// Its keys.
    ///
    /// # Panics
    /// Where the answer is not a list of keys.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        keys_in(&self.listing(&self.admin).send())
    }

    /// The same without when they were last used, which changes by itself: what requests have stored.
    #[track_caller]
    pub fn stored(&self) -> Vec<Value> {
        let mut keys = self.list();
        for key in keys.iter_mut().filter_map(Value::as_object_mut) {
            key.remove("last_used_at");
            key.remove("previous_last_used_at");
        }
        keys
    }

    /// Revokes a key.
    ///
    /// # Panics
    /// Where the answer is not the contract's.
    #[track_caller]
    pub fn revoke(&self, id: &str) {
        assert_eq!(self.revocation(&self.admin, id).send().expect(200), json!({"revoked": true}));
    }

    /// Whether the service takes the key for one of this organization's.
    #[track_caller]
    pub fn accepts(&self, plaintext: &str) -> bool {
        let answer = self.server.get("/v1/me").bearer(plaintext).send();
        match answer.status {
            200 => answer.json()["organization"]["id"] == self.id.as_str(),
            401 => false,
            _ => panic!("neither accepted nor refused: {answer:?}"),
        }
    }
}

/// The keys of a listing.
///
/// # Panics
/// Where it is not what the contract says.
#[track_caller]
pub fn keys_in(answer: &Answer) -> Vec<Value> {
    let body = answer.expect(200);
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1), "{body}");
    body["api_keys"].as_array().expect("a list of keys").clone()
}
