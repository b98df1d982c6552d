//! The webhook: signed as the Standard Webhooks specification (standardwebhooks.com) has it, over HTTPS, to one address that
//! the operator names, and to nowhere else.

use std::{fmt, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chimera_domain::{AlertEvent, AlertId, AlertKind, Severity, TraceId, one_line};
use chimera_mcp::{
    Secret,
    address::{Guarded, PrivateAddress},
};
use chimera_store::Untold;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, StatusCode, header, redirect::Policy};
use serde::Serialize;
use sha2::Sha256;
use url::Url;

use crate::WebhookConfig;

/// The longest message that is told, in characters.
const MESSAGE_CHARS_MAX: usize = 2_000;
/// The fewest bytes of a key, as the specification has it.
const KEY_BYTES_MIN: usize = 24;
/// What a secret begins with that is a key in base64.
const KEY_PREFIX: &str = "whsec_";

/// Why there can be no webhook.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address is none that may be told.
    #[error("`alerts.webhook.url` is no address that may be told: want https://..., or http:// on loopback")]
    Address,
    /// The address is private, and nobody allowed it.
    #[error("`alerts.webhook.url`: {0}; if you trust it, set `alerts.webhook.private: true`")]
    Private(PrivateAddress),
    /// The secret is no key.
    #[error(
        "`alerts.webhook.secret` names no key: want `whsec_` and base64, or a text, of {KEY_BYTES_MIN} bytes at the least"
    )]
    Key,
    /// No HTTP client.
    #[error("the HTTP client of the webhook can't be made")]
    Client(#[source] reqwest::Error),
}

/// Why something was not told, as far as is known. Says nothing of the address but its host: it may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// It answered that it did not take it.
    #[error("it answered {0}")]
    Refused(StatusCode),
    /// It sent us elsewhere.
    #[error("it answered {0}, and redirects are not followed")]
    Redirected(StatusCode),
    /// No answer in time.
    #[error("it did not answer within {ms} ms")]
    TimedOut {
        /// How long that is.
        ms: u64,
    },
    /// Its name leads to a private address.
    #[error("{0}; if you trust it, set `alerts.webhook.private: true`")]
    Private(PrivateAddress),
    /// No connection, or one that broke.
    #[error("it can't be reached")]
    Unreachable(#[source] reqwest::Error),
}

/// Tells one receiver of alerts.
#[derive(Clone)]
pub struct Webhook {
    url: Url,
    key: Hmac<Sha256>,
    client: Client,
    timeout_ms: u64,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

/// What is told, and nothing else: an alert's own words, and no secret.
#[derive(Debug, Serialize)]
struct Told<'a> {
    /// `alert.raised` or `alert.closed`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// When this was sent.
    timestamp: DateTime<Utc>,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
    alert_id: AlertId,
    kind: AlertKind,
    severity: Severity,
    reason_code: &'a str,
    message: String,
    trace_id: Option<TraceId>,
    raised_at: DateTime<Utc>,
}

impl Webhook {
    /// The webhook of this configuration, with what its secret names.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn new(config: &WebhookConfig, secret: &Secret) -> Result<Self, WebhookError> {
        // The binary installs a provider first thing; whoever uses this as a library may not know that it is needed.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let url = config.address().ok_or(WebhookError::Address)?;
        let allowed = config.allowed(&url);
        allowed.check_literal(&url).map_err(WebhookError::Private)?;
        let timeout = Duration::from_millis(config.timeout_ms);
        let client = Client::builder()
            .user_agent(concat!("chimera/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(timeout)
            .timeout(timeout)
            // A proxy would look the name up by itself, past the guard.
            .no_proxy()
            .dns_resolver(Arc::new(Guarded(allowed)))
            .build()
            .map_err(WebhookError::Client)?;
        Ok(Self { url, key: key(secret)?, client, timeout_ms: config.timeout_ms })
    }

    /// Tells one event, once. Tried again, it has the same `webhook-id`, by which the receiver knows it.
    ///
    /// # Errors
    /// [`TellError`]; then nobody knows whether the receiver took it.
    pub async fn tell(&self, untold: &Untold, now: DateTime<Utc>) -> Result<(), TellError> {
        let alert = &untold.alert;
        let told = Told {
            kind: match untold.event {
                AlertEvent::Raised => "alert.raised",
                AlertEvent::Closed => "alert.closed",
            },
            timestamp: now,
            data: Data {
                alert_id: alert.id,
                kind: alert.kind,
                severity: alert.severity,
                reason_code: &alert.reason_code,
                message: one_line(&alert.message, MESSAGE_CHARS_MAX),
                trace_id: alert.trace_id,
                raised_at: alert.created_at,
            },
        };
        let (id, body) = (event_id(untold), serde_json::json!(told).to_string());
        let signature = self.signature(&id, now.timestamp(), &body);
        let sent = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", now.timestamp())
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await;
        match sent.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Ok(()),
            Ok(status) if status.is_redirection() => Err(TellError::Redirected(status)),
            Ok(status) => Err(TellError::Refused(status)),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn signature(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = self.key.clone();
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }

    fn failed(&self, error: reqwest::Error) -> TellError {
        // Its path may be a secret.
        let error = error.without_url();
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(one) = cause {
            if let Some(private) = one.downcast_ref::<PrivateAddress>() {
                return TellError::Private(private.clone());
            }
            cause = one.source();
        }
        if error.is_timeout() { TellError::TimedOut { ms: self.timeout_ms } } else { TellError::Unreachable(error) }
    }
}

/// One event's own name: the receiver's idempotency key.
fn event_id(untold: &Untold) -> String {
    format!("{}_{}", untold.alert.id, untold.event)
}

fn key(secret: &Secret) -> Result<Hmac<Sha256>, WebhookError> {
    let bytes = match secret.expose().strip_prefix(KEY_PREFIX) {
        Some(encoded) => BASE64_STANDARD.decode(encoded).map_err(|_| WebhookError::Key)?,
        None => secret.expose().as_bytes().to_vec(),
    };
    if bytes.len() < KEY_BYTES_MIN {
        return Err(WebhookError::Key);
    }
    Hmac::new_from_slice(&bytes).map_err(|_| WebhookError::Key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of the specification's own examples.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn config(url: &str, private: bool) -> WebhookConfig {
        let secret = "secret://env/CHIMERA_WEBHOOK_KEY".to_owned();
        WebhookConfig { private, ..WebhookConfig::new(url.to_owned(), secret) }
    }

    #[test]
    fn what_is_sent_is_signed_as_everybody_does() {
        let webhook = Webhook::new(&config("https://example.org/x", false), &Secret::new(SECRET)).unwrap();
        let signature = webhook.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let plain = Webhook::new(&config("https://example.org/x", false), &Secret::new("x".repeat(24))).unwrap();
        assert_ne!(plain.signature("a", 1, ""), webhook.signature("a", 1, ""));
        assert!(!format!("{webhook:?}").contains("/x"), "{webhook:?}");
    }

    #[test]
    fn only_where_it_may_and_with_a_key_that_is_one() {
        let secret = Secret::new(SECRET);
        for url in ["http://127.0.0.1:9/x", "http://[::1]/", "http://localhost:9/", "https://example.org/x?y=z"] {
            Webhook::new(&config(url, false), &secret).unwrap();
        }
        for url in [
            "http://example.org/",
            "http://10.0.0.1/",
            "ftp://127.0.0.1/",
            "https://u:p@example.org/",
            "https://example.org/#x",
            "x",
            "",
        ] {
            assert!(matches!(Webhook::new(&config(url, true), &secret), Err(WebhookError::Address)), "{url}");
        }
        let inside = "https://10.0.0.1/x";
        assert!(matches!(Webhook::new(&config(inside, false), &secret), Err(WebhookError::Private(_))));
        Webhook::new(&config(inside, true), &secret).unwrap();
        for short in ["", "whsec_", "whsec_!", "whsec_AAAA", "23 bytes are too few ..."] {
            let short = short.chars().take(23).collect::<String>();
            let refused = Webhook::new(&config("https://example.org/", false), &Secret::new(short));
            assert!(matches!(refused, Err(WebhookError::Key)));
        }
    }
}
