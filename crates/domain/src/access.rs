//! Who may use the console: one-time links, sessions and API tokens. Each is known by the hash of its secret alone.

use std::fmt;

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use crate::{Ambient, CredentialId, StateVersion, TenantId, hash::hex, sha256_hex, sha256_parts, wire::wire_enum};

wire_enum! {
    /// How much somebody may do. Each may do what the ones before it may.
    pub enum AccessRole ("role") {
        /// Looks, and changes nothing.
        Viewer = "viewer",
        /// Answers what waits for a person.
        Reviewer = "reviewer",
        /// Does everything.
        Operator = "operator",
    }
}

impl AccessRole {
    /// Whether somebody of this role may do what `needed` is needed for.
    #[must_use]
    pub fn may(self, needed: Self) -> bool {
        self >= needed
    }
}

wire_enum! {
    /// A kind of credential.
    pub enum CredentialKind ("kind of credential") {
        /// A link that signs a person in, once.
        Link = "link",
        /// A browser that somebody signed in with.
        Session = "session",
        /// A key for programs.
        Token = "token",
    }
}

impl CredentialKind {
    /// How long a link waits to be used.
    pub const LINK_LIFE: Duration = Duration::minutes(15);
    /// How long a browser stays signed in.
    pub const SESSION_LIFE: Duration = Duration::hours(12);

    /// What its secrets begin with, so that one that leaked can be told from other texts.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Link => "chimera_link_",
            Self::Session => "chimera_session_",
            Self::Token => "chimera_token_",
        }
    }
}

/// What a credential is proved by. Only its hash is kept, and it is shown only once, on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A fresh secret of 256 random bits.
    #[must_use]
    pub fn generate(kind: CredentialKind, ambient: &dyn Ambient) -> Self {
        Self(format!("{}{}{}", kind.prefix(), hex(&ambient.random()), hex(&ambient.random())))
    }

    /// A secret that somebody brings, if it looks like one of this kind.
    #[must_use]
    pub fn brought(kind: CredentialKind, text: &str) -> Option<Self> {
        let random = text.strip_prefix(kind.prefix())?;
        let whole = random.len() == 64 && random.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        whole.then(|| Self(text.to_owned()))
    }

    /// What is kept of it. The secret is random, so a plain hash gives nothing away.
    #[must_use]
    pub fn hash(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }

    /// What forms of this session must carry: whoever can only make a browser send its cookie doesn't know it.
    #[must_use]
    pub fn form_token(&self) -> String {
        sha256_parts(&[b"chimera form token", self.0.as_bytes()])
    }

    /// The secret itself, for the one it is for.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A link, a session or a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// This credential.
    pub id: CredentialId,
    /// Whose row this is.
    pub tenant_id: TenantId,
    /// What it is.
    pub kind: CredentialKind,
    /// How much its holder may do.
    pub role: AccessRole,
    /// The person who is signed in; for a token, its name.
    pub name: String,
    /// SHA-256 of the secret, hex.
    #[serde(skip_serializing)]
    pub secret_hash: String,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// When it was used up, signed out or revoked.
    pub ended_at: Option<DateTime<Utc>>,
    /// How often the row was written.
    pub state_version: StateVersion,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl Credential {
    /// A new credential that lives for `life`, and its secret.
    #[must_use]
    pub fn grant(
        kind: CredentialKind,
        role: AccessRole,
        name: impl Into<String>,
        life: Duration,
        tenant_id: TenantId,
        ambient: &dyn Ambient,
    ) -> (Self, Secret) {
        let (now, secret) = (ambient.now(), Secret::generate(kind, ambient));
        let credential = Self {
            id: CredentialId::generate(ambient),
            tenant_id,
            kind,
            role,
            name: name.into(),
            secret_hash: secret.hash(),
            expires_at: now + life,
            ended_at: None,
            state_version: StateVersion::FIRST,
            created_at: now,
        };
        (credential, secret)
    }

    /// Whether it lets anybody in at this moment.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }

    /// Who acts by it, as the audit log names them.
    #[must_use]
    pub fn who(&self) -> String {
        match self.kind {
            CredentialKind::Token => format!("token:{}", self.name),
            CredentialKind::Link | CredentialKind::Session => self.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed;

    impl Ambient for Fixed {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp_millis(1_700_000_000_123).unwrap()
        }
        fn random(&self) -> [u8; 16] {
            [0xa7; 16]
        }
    }

    #[test]
    fn each_role_may_what_the_ones_before_it_may() {
        use AccessRole::{Operator, Reviewer, Viewer};
        for (at, role) in [Viewer, Reviewer, Operator].into_iter().enumerate() {
            for (needed_at, needed) in [Viewer, Reviewer, Operator].into_iter().enumerate() {
                assert_eq!(role.may(needed), at >= needed_at, "{role} {needed}");
            }
        }
    }

    #[test]
    fn a_secret_shows_itself_only_when_asked() {
        let (credential, secret) = Credential::grant(
            CredentialKind::Token,
            AccessRole::Viewer,
            "ci",
            Duration::days(1),
            TenantId::DEFAULT,
            &Fixed,
        );
        let shown = secret.reveal().to_owned();
        assert_eq!(shown, format!("chimera_token_{}", "a7".repeat(32)));
        assert_eq!(Secret::brought(CredentialKind::Token, &shown), Some(secret.clone()));
        assert_eq!(Secret::brought(CredentialKind::Session, &shown), None, "each kind is its own");
        for bad in ["", "chimera_token_", &shown[..shown.len() - 1], &shown.to_uppercase(), &format!("{shown}0")] {
            assert_eq!(Secret::brought(CredentialKind::Token, bad), None, "{bad}");
        }
        for told in [
            format!("{secret:?} {credential:?}"),
            serde_json::to_string(&credential).unwrap(),
            secret.hash(),
            secret.form_token(),
        ] {
            assert!(!told.contains(&"a7".repeat(8)), "{told}");
        }
        assert!(!serde_json::to_string(&credential).unwrap().contains(&credential.secret_hash));
        assert_ne!(secret.hash(), secret.form_token());
        assert_eq!(credential.who(), "token:ci");
    }

    #[test]
    fn a_credential_ends_at_its_time_or_before() {
        let (mut credential, _) = Credential::grant(
            CredentialKind::Link,
            AccessRole::Operator,
            "mara",
            CredentialKind::LINK_LIFE,
            TenantId::DEFAULT,
            &Fixed,
        );
        assert!(credential.is_live(Fixed.now()));
        assert!(!credential.is_live(Fixed.now() + Duration::minutes(15)));
        credential.ended_at = Some(Fixed.now());
        assert!(!credential.is_live(Fixed.now()));
        assert_eq!(credential.who(), "mara");
    }
}
