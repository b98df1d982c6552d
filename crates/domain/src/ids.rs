//! Typed identifiers: UUIDv7, so they sort by creation time and can't be mistaken for one another.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::Ambient;

/// A text that is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind} id: {text:?} (want a UUID such as 0199e1c2-7a3b-7c4d-8e5f-001122334455)")]
pub struct IdParseError {
    kind: &'static str,
    text: String,
}

macro_rules! typed_id {
    ($($(#[$doc:meta])* $name:ident($kind:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A fresh id at the ambient time.
            #[must_use]
            pub fn generate(ambient: &dyn Ambient) -> Self {
                Self(uuid_v7(ambient))
            }

            /// Wraps an id read from storage.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The bare UUID, for storage.
            #[must_use]
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}:{}", $kind, self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdParseError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdParseError { kind: $kind, text: text.to_owned() })
            }
        }
    )*};
}

typed_id! {
    /// An organisation whose rows no other organisation may see.
    TenantId("tenant");
    /// One persona that posts.
    AgentId("agent");
    /// One goal, with its resources, channels and limits.
    CampaignId("campaign");
    /// One item that a campaign saw in a resource.
    SignalId("signal");
    /// A [`Trend`](crate::Trend).
    TrendId("trend");
    /// One node of a planned DAG.
    TaskId("task");
    /// What one task made.
    ArtifactId("artifact");
    /// One recorded verdict.
    DecisionId("decision");
    /// One question put before a person.
    TicketId("ticket");
    /// One intent to post one artifact on one platform.
    PublicationId("publication");
    /// One thing that an operator should know.
    AlertId("alert");
    /// One recorded MCP tool call.
    ToolCallId("tool call");
    /// One thing that an agent remembers.
    MemoryId("memory");
    /// A link, a session or a token.
    CredentialId("credential");
}

impl TenantId {
    /// The tenant of a single-operator installation.
    pub const DEFAULT: Self = Self(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001));
}

fn uuid_v7(ambient: &dyn Ambient) -> Uuid {
    let millis = u64::try_from(ambient.now().timestamp_millis()).unwrap_or_default();
    let [a, b, c, d, e, f, g, h, i, j, ..] = ambient.random();
    Builder::from_unix_timestamp_millis(millis, &[a, b, c, d, e, f, g, h, i, j]).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};

    #[derive(Debug)]
    struct Fixed;

    impl Ambient for Fixed {
        fn now(&self) -> DateTime<Utc> {
            DateTime::from_timestamp_millis(1_700_000_000_123).unwrap()
        }
        fn random(&self) -> [u8; 16] {
            [7; 16]
        }
    }

    #[test]
    fn an_id_is_a_version_7_uuid_that_holds_its_time() {
        let id = TaskId::generate(&Fixed).as_uuid();
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().unwrap().to_unix().0, 1_700_000_000);
    }

    #[test]
    fn text_round_trips_and_nonsense_is_refused() {
        let id = TaskId::generate(&Fixed);
        assert_eq!(id.to_string().parse(), Ok(id));
        let refused = "x".parse::<TaskId>().unwrap_err().to_string();
        assert!(refused.starts_with("not a task id: \"x\""), "{refused}");
    }
}
