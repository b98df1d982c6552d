//! Hearing a reply: an answer, or the reason why there is none.

use chimera_domain::Usd;

use super::wire::Reply;
use crate::{BlockedStage, MindError};

/// What the model said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) text: String,
}

/// The text of a finished answer; thoughts are left out.
pub(super) fn hear(reply: Reply, model: &str, output_tokens_max: u32) -> Result<Heard, MindError> {
    let blocked = |reason: &str, stage| MindError::Blocked { reason: word(reason), stage, spent: Usd::ZERO };
    let malformed = |problem: String| MindError::Malformed { model: model.to_owned(), problem, spent: Usd::ZERO };
    if let Some(reason) = reply.prompt_feedback.as_ref().and_then(|feedback| feedback.block_reason.as_deref()) {
        return Err(blocked(reason, BlockedStage::Prompt));
    }
    let Some(candidate) = reply.candidates.into_iter().next() else {
        return Err(malformed("the reply holds no answer".to_owned()));
    };
    match candidate.finish_reason.as_deref() {
        None | Some("STOP") => {}
        Some("MAX_TOKENS") => {
            return Err(MindError::Truncated { model: model.to_owned(), output_tokens_max, spent: Usd::ZERO });
        }
        Some(
            reason @ ("SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
            | "MODEL_ARMOR" | "JAILBREAK"),
        ) => return Err(blocked(reason, BlockedStage::Answer)),
        Some(reason) if reason.starts_with("IMAGE_") => return Err(blocked(reason, BlockedStage::Answer)),
        Some(reason) => return Err(malformed(format!("it stopped with {}", word(reason)))),
    }
    let text: String =
        candidate.content.parts.iter().filter(|part| !part.thought).map(|part| part.text.as_str()).collect();
    if text.trim().is_empty() { Err(malformed("the answer is empty".to_owned())) } else { Ok(Heard { text }) }
}

/// A reason as the API's own words have it: capitals and underscores, of modest length.
fn word(reason: &str) -> String {
    reason.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn heard(reply: serde_json::Value) -> Result<Heard, MindError> {
        hear(serde_json::from_value(reply).unwrap(), "m", 100)
    }

    #[test]
    fn thoughts_are_left_out_and_parts_joined() {
        let reply = json!({"candidates": [{"finishReason": "STOP", "content": {"role": "model", "parts": [
            {"text": "let me think", "thought": true}, {"text": "{\"a\":"}, {"text": "1}"}]}}]});
        assert_eq!(heard(reply).unwrap().text, "{\"a\":1}");
    }

    #[test]
    fn every_end_has_its_error() {
        let ended = |reason: &str| heard(json!({"candidates": [{"finishReason": reason}]})).unwrap_err();
        for reason in ["SAFETY", "RECITATION", "PROHIBITED_CONTENT", "SPII", "BLOCKLIST", "IMAGE_SAFETY"] {
            assert!(matches!(ended(reason), MindError::Blocked { stage: BlockedStage::Answer, .. }), "{reason}");
        }
        assert!(matches!(ended("MAX_TOKENS"), MindError::Truncated { output_tokens_max: 100, .. }));
        assert!(matches!(ended("MALFORMED_FUNCTION_CALL"), MindError::Malformed { .. }));
        assert!(matches!(ended("STOP"), MindError::Malformed { .. }));
        let prompt = heard(json!({"promptFeedback": {"blockReason": "JAILBREAK"}})).unwrap_err();
        assert!(
            matches!(&prompt, MindError::Blocked { stage: BlockedStage::Prompt, reason, .. } if reason == "JAILBREAK")
        );
        assert!(matches!(heard(json!({})).unwrap_err(), MindError::Malformed { .. }));
    }
}
