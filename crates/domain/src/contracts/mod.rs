//! Messages between the roles, and the documents that cross the edge; their JSON Schemas are checked in under `schemas/`.

mod feed;
mod mention;
mod messages;

pub use feed::{FeedDocument, FeedItem};
pub use mention::{Mention, MentionDocument};
pub use messages::{
    ConfidenceMetrics, DecisionMessage, HandoffContext, HandoffEnvelope, MediaRequirements, ResultArtifact,
    ResultMessage, TaskContext, TaskMessage, TaskMessagePayload, ToolExecution,
};

use schemars::{JsonSchema, Schema, schema_for};

/// Every published contract with its file name.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Schema)> {
    fn one<T: JsonSchema>() -> Schema {
        schema_for!(T)
    }
    vec![
        ("task.json", one::<TaskMessage>()),
        ("result.json", one::<ResultMessage>()),
        ("decision.json", one::<DecisionMessage>()),
        ("handoff-envelope.json", one::<HandoffEnvelope>()),
        ("feed-document.json", one::<FeedDocument>()),
        ("mention-document.json", one::<MentionDocument>()),
        ("soul.json", one::<crate::Soul>()),
    ]
}

#[cfg(test)]
mod tests;
