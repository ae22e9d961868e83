//! Who is let through, and how the others are answered.

use std::{borrow::Cow, sync::Arc};

use crate::{Caller, Trace, Verifier, VerifyError};

const INVALID: &str = r#"Bearer error="invalid_token""#;

type Project<R> = dyn Fn(&R) -> Option<String> + Send + Sync;

/// Lets requests through whose key grants all scopes, with the [`Caller`] in their extensions, and answers the
/// others. `R` is what the framework knows of a request: `http::request::Parts`, or actix-web's `ServiceRequest`.
pub struct RequireKey<R> {
    verifier: Verifier,
    scopes: Arc<[String]>,
    project: Option<Arc<Project<R>>>,
}

impl<R> Clone for RequireKey<R> {
    fn clone(&self) -> Self {
        let Self { verifier, scopes, project } = self;
        Self { verifier: verifier.clone(), scopes: Arc::clone(scopes), project: project.clone() }
    }
}

impl<R> RequireKey<R> {
    /// Asks for all of these scopes.
    #[must_use]
    pub fn new<S: Into<String>>(verifier: &Verifier, scopes: impl IntoIterator<Item = S>) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        Self { verifier: verifier.clone(), scopes, project: None }
    }

    /// Refuses a key that is for another project than that which the request is about. Without it no project is
    /// checked, and the handler has to look at the caller's `project_id`.
    #[must_use]
    pub fn project(self, project: impl Fn(&R) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { project: Some(Arc::new(project)), ..self }
    }

    /// What there is to judge of a request, with all values of a header.
    pub(crate) fn read<'a, V>(&self, request: &'a R, values: impl Fn(&'static str) -> V) -> Presented
    where
        V: Iterator<Item = &'a [u8]>,
    {
        let trace = ["traceparent", "tracestate"]
            .into_iter()
            .filter_map(|name| Some((name, values(name).next()?.to_vec())));
        Presented {
            trace: Trace(trace.collect()),
            key: credential(values("authorization"), values("x-api-key")),
            project: self.project.as_ref().map(|project| project(request)),
        }
    }

    pub(crate) async fn judge(&self, presented: Presented) -> Result<Caller, Refusal> {
        let key = presented.key?;
        let caller = self.verifier.verify(&key, &presented.trace).await?;
        if presented
            .project
            .is_some_and(|project| caller.project_id.is_some() && caller.project_id != project)
        {
            return Err(Refusal::forbidden("The API key is for another project."));
        }
        if let Some(missing) = self.scopes.iter().find(|scope| !caller.grants(scope)) {
            return Err(Refusal::forbidden(format!("The API key lacks the scope {missing}.")));
        }
        Ok(Caller::clone(&caller))
    }
}

/// What a request shows.
#[expect(clippy::option_option, reason = "no rule and a request about no project are two things")]
pub(crate) struct Presented {
    key: Result<String, Refusal>,
    trace: Trace,
    /// The project that it is about, where that is asked.
    project: Option<Option<String>>,
}

/// How a request is answered that is not let through.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) sentence: Cow<'static, str>,
    /// Headers that go along.
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

impl Refusal {
    fn new(status: u16, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { status, sentence: sentence.into(), headers: vec![("cache-control", "no-store")] }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn unauthorized(challenge: &'static str) -> Self {
        Self::new(401, "A valid API key is required.").with("www-authenticate", challenge)
    }

    fn forbidden(sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::new(403, sentence)
    }

    pub(crate) fn body(&self) -> String {
        serde_json::json!({ "error": self.sentence }).to_string()
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Unavailable => {
                Self::new(503, "API keys cannot be verified right now.").with("retry-after", "1")
            }
            VerifyError::Refused(code) if code == "organization_suspended" => {
                Self::forbidden("The organization is suspended.")
            }
            VerifyError::Refused(_) => Self::unauthorized(INVALID),
        }
    }
}

/// The key in `Authorization` or `X-API-Key`, read as the service itself reads them.
fn credential<'a>(
    authorization: impl Iterator<Item = &'a [u8]>,
    api_key: impl Iterator<Item = &'a [u8]>,
) -> Result<String, Refusal> {
    let authorization = only(authorization, "`Authorization` must be given only once.")?;
    let key = only(api_key, "`X-API-Key` must be given only once.")?;
    let end = authorization.iter().position(|&byte| byte == b' ').unwrap_or(authorization.len());
    let (scheme, token) = authorization.split_at(end);
    let (is_bearer, token) = (scheme.eq_ignore_ascii_case(b"bearer"), token.trim_ascii());
    let is_given = !(authorization.is_empty() || (is_bearer && token.is_empty()));
    let presented = match (is_given, key.is_empty()) {
        (false, true) => return Err(Refusal::unauthorized("Bearer")),
        (false, false) => key,
        (true, false) if !is_bearer || token != key => {
            let sentence = "`Authorization` and `X-API-Key` must not hold different credentials.";
            return Err(Refusal::new(400, sentence));
        }
        (true, _) if !is_bearer => return Err(Refusal::unauthorized(INVALID)),
        (true, _) => token,
    };
    str::from_utf8(presented).map(str::to_owned).map_err(|_| Refusal::unauthorized(INVALID))
}

/// The only value of a header; empty where there is none.
fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>, repeated: &'static str) -> Result<&'a [u8], Refusal> {
    let first = values.next().unwrap_or_default();
    if values.next().is_some() { Err(Refusal::new(400, repeated)) } else { Ok(first.trim_ascii()) }
}
