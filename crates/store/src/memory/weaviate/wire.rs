//! Requests to Weaviate's REST interface, below `/v1`.

use std::{fmt, time::Duration};

use reqwest::{Method, RequestBuilder, StatusCode, header, redirect};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::MemoryError;

/// How to reach Weaviate.
#[derive(Clone, PartialEq, Eq)]
pub struct WeaviateConfig {
    /// Such as `http://127.0.0.1:8080`.
    pub url: Url,
    /// An API key, if it wants one.
    pub api_key: Option<String>,
    /// What the names of classes start with: a capital letter, then letters and digits.
    pub prefix: String,
    /// How long one request may take.
    pub timeout: Duration,
}

impl WeaviateConfig {
    /// The server at `url`, everything else as it is good for most.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self { url, api_key: None, prefix: "Chimera".to_owned(), timeout: Duration::from_secs(30) }
    }
}

impl fmt::Debug for WeaviateConfig {
    /// Without the key, and without what the address may hide before its host.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        f.debug_struct("WeaviateConfig").field("host", &host).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Why Weaviate did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum WeaviateError {
    /// Its address or key can't be used.
    #[error(
        "Weaviate can't be asked at this address with this key: the address looks like http://127.0.0.1:8080, the key is \
         one line of visible characters, and class names start with a capital letter"
    )]
    Config,
    /// It gave no answer.
    #[error("Weaviate gives no answer: see that it runs, and that its address is right")]
    Silent {
        /// What the client says.
        #[source]
        source: reqwest::Error,
    },
    /// It refused a request.
    #[error("Weaviate refused a request ({status}): {message}")]
    Refused {
        /// The status; 200 for an error in GraphQL, or of one object.
        status: StatusCode,
        /// What it says.
        message: String,
    },
    /// It answered something unheard of.
    #[error("Weaviate's answer has no {what} where it should be: its version may not fit (1.25 or newer)")]
    Answer {
        /// What is missing.
        what: &'static str,
    },
}

/// The longest message of Weaviate's that is repeated, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// What came of a deletion.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Deleted {
    /// Objects that the filter names.
    #[serde(default)]
    pub(super) matches: u64,
    /// Objects that are gone.
    #[serde(default)]
    pub(super) successful: u64,
}

/// A client.
#[derive(Debug)]
pub(super) struct Wire {
    client: reqwest::Client,
    base: Url,
}

impl Wire {
    pub(super) fn new(config: &WeaviateConfig) -> Result<Self, WeaviateError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // The binary installs a provider first; a program that forgot gets the same one. Losing a race is harmless.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let mut letters = config.prefix.chars();
        let named = letters.next().is_some_and(|first| first.is_ascii_uppercase())
            && letters.all(|letter| letter.is_ascii_alphanumeric());
        if !named || config.url.cannot_be_a_base() {
            return Err(WeaviateError::Config);
        }
        let mut headers = header::HeaderMap::new();
        if let Some(key) = &config.api_key {
            let value = header::HeaderValue::from_str(&format!("Bearer {}", key.trim()));
            let mut value = value.map_err(|_| WeaviateError::Config)?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let client = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(redirect::Policy::none())
            .timeout(config.timeout)
            .build()
            .map_err(|_| WeaviateError::Config)?;
        Ok(Self { client, base: config.url.clone() })
    }

    fn url(&self, path: &[&str]) -> Result<Url, WeaviateError> {
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| WeaviateError::Config)?.pop_if_empty().push("v1").extend(path);
        Ok(url)
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, WeaviateError> {
        Ok(self.client.request(method, self.url(path)?))
    }

    /// The status and the body, which is null where there is none.
    async fn send(request: RequestBuilder) -> Result<(StatusCode, Value), WeaviateError> {
        // The address may hold a password.
        let silent = |source: reqwest::Error| WeaviateError::Silent { source: source.without_url() };
        let response = request.send().await.map_err(silent)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(silent)?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    async fn done(request: RequestBuilder) -> Result<Value, WeaviateError> {
        let (status, body) = Self::send(request).await?;
        if status.is_success() { Ok(body) } else { Err(WeaviateError::refused(status, &body)) }
    }

    /// The names of all classes.
    pub(super) async fn classes(&self) -> Result<Vec<String>, WeaviateError> {
        let body = Self::done(self.request(Method::GET, &["schema"])?).await?;
        let classes = body.get("classes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Ok(classes.iter().filter_map(|class| Some(class.get("class")?.as_str()?.to_owned())).collect())
    }

    /// Makes a class where there is none.
    pub(super) async fn ensure_class(&self, class: &str, schema: Value) -> Result<(), WeaviateError> {
        if self.has(&["schema", class], Method::GET).await? {
            return Ok(());
        }
        let (status, body) = Self::send(self.request(Method::POST, &["schema"])?.json(&schema)).await?;
        // Another process may have made it at the same moment.
        if status.is_success() || self.has(&["schema", class], Method::GET).await? {
            return Ok(());
        }
        Err(WeaviateError::refused(status, &body))
    }

    pub(super) async fn has_tenant(&self, class: &str, shard: &str) -> Result<bool, WeaviateError> {
        self.has(&["schema", class, "tenants", shard], Method::HEAD).await
    }

    /// Whether something is there. Of a tenant in a class that is not there, some versions say 422.
    async fn has(&self, path: &[&str], method: Method) -> Result<bool, WeaviateError> {
        let (status, body) = Self::send(self.request(method, path)?).await?;
        match status {
            StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Ok(false),
            _ if status.is_success() => Ok(true),
            _ => Err(WeaviateError::refused(status, &body)),
        }
    }

    /// Makes a tenant where there is none.
    pub(super) async fn ensure_tenant(&self, class: &str, shard: &str) -> Result<(), WeaviateError> {
        let tenants = json!([{"name": shard, "activityStatus": "ACTIVE"}]);
        let request = self.request(Method::POST, &["schema", class, "tenants"])?.json(&tenants);
        let (status, body) = Self::send(request).await?;
        if status.is_success() || self.has_tenant(class, shard).await? {
            return Ok(());
        }
        Err(WeaviateError::refused(status, &body))
    }

    /// Inserts objects. Each has a status of its own, whatever the request's is.
    pub(super) async fn insert(&self, objects: &[Value]) -> Result<(), WeaviateError> {
        let request = self.request(Method::POST, &["batch", "objects"])?.json(&json!({"objects": objects}));
        let body = Self::done(request).await?;
        let answers = body.as_array().ok_or(WeaviateError::Answer { what: "list of objects" })?;
        if answers.len() != objects.len() {
            return Err(WeaviateError::Answer { what: "answer for each object" });
        }
        let failed =
            answers.iter().find(|one| one.pointer("/result/status").and_then(Value::as_str) != Some("SUCCESS"));
        match failed {
            None => Ok(()),
            Some(one) => {
                Err(WeaviateError::refused(StatusCode::OK, one.pointer("/result/errors").unwrap_or(&Value::Null)))
            }
        }
    }

    /// Deletes what a filter names, as much as it does at once.
    pub(super) async fn delete(&self, class: &str, shard: &str, filter: &Value) -> Result<Deleted, WeaviateError> {
        let body = json!({"match": {"class": class, "where": filter}, "output": "minimal"});
        let mut url = self.url(&["batch", "objects"])?;
        url.query_pairs_mut().append_pair("tenant", shard);
        let mut body = Self::done(self.client.delete(url).json(&body)).await?;
        let results = body.get_mut("results").map(Value::take).unwrap_or_default();
        serde_json::from_value(results).map_err(|_| WeaviateError::Answer { what: "results" })
    }

    /// The `data` of an answer. Errors come with status 200.
    pub(super) async fn graphql(&self, query: &str) -> Result<Value, WeaviateError> {
        let mut body = Self::done(self.request(Method::POST, &["graphql"])?.json(&json!({"query": query}))).await?;
        match body.get("errors") {
            Some(errors) if errors.as_array().is_none_or(|errors| !errors.is_empty()) => {
                Err(WeaviateError::refused(StatusCode::OK, errors))
            }
            _ => Ok(body.get_mut("data").map(Value::take).unwrap_or_default()),
        }
    }
}

impl WeaviateError {
    fn refused(status: StatusCode, body: &Value) -> Self {
        // {"error":[{"message":..}]}, or a list of messages.
        let message = body.pointer("/error/0/message").or_else(|| body.pointer("/0/message"));
        let message = message.and_then(Value::as_str).map_or_else(|| body.to_string(), str::to_owned);
        Self::Refused { status, message: chimera_domain::one_line(&message, MESSAGE_CHARS_MAX) }
    }
}

impl From<WeaviateError> for MemoryError {
    fn from(source: WeaviateError) -> Self {
        Self::Weaviate(source)
    }
}
