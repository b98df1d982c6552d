//! Digests of rows that are never changed after they were written.

use super::canonical::Canonical;
use crate::{HitlTicket, JudgeDecision, Resolution, SensitiveTopic, hash::hex};

impl JudgeDecision {
    /// SHA-256 over everything that the decision says, as 64 hex digits; the same before it is stored and after. One that
    /// was not weighed keeps to the layout from before there was calibration.
    #[must_use]
    pub fn digest(&self) -> String {
        let is_weighed = self.raw_confidence.is_some() || self.opinion_of.is_some();
        let all = Canonical::new(if is_weighed { "chimera.decision.v2" } else { "chimera.decision.v1" })
            .id(self.id.as_uuid())
            .id(self.tenant_id.as_uuid())
            .text(&self.trace_id.to_string())
            .id(self.task_id.as_uuid())
            .optional(self.artifact_id, |c, id| c.id(id.as_uuid()))
            .text(self.verdict.as_str())
            .real(self.confidence.get())
            .list(&self.breakdown, |c, part| {
                c.text(&part.name).real(part.score.get()).real(part.weight).text(&part.reason)
            })
            .real(self.persona_score.get())
            .list(&self.safety_flags, |c, flag| c.text(flag))
            .list(&self.sensitive_topics, topic)
            .text(&self.reasoning_trace)
            .text(&self.decided_by)
            .text(self.next_action.as_str())
            .int(self.state_version_seen.get())
            .time(self.logged_at);
        let all = if is_weighed {
            all.optional(self.raw_confidence, |c, raw| c.real(raw.get()))
                .optional(self.opinion_of.as_deref(), Canonical::text)
        } else {
            all
        };
        hex(&all.finish())
    }
}

impl HitlTicket {
    /// SHA-256 over the question and its answer, as 64 hex digits; `None` while it waits for one. Who has it in hand and
    /// when it was due is not part of it.
    #[must_use]
    pub fn answer_digest(&self) -> Option<String> {
        let all = Canonical::new("chimera.ticket.v1")
            .id(self.id.as_uuid())
            .id(self.tenant_id.as_uuid())
            .text(&self.trace_id.to_string())
            .id(self.task_id.as_uuid())
            .id(self.artifact_id.as_uuid())
            .text(&self.artifact_hash)
            .text(self.question.as_str())
            .real(self.confidence.get())
            .list(&self.sensitive_topics, topic)
            .text(&self.reasoning_trace)
            .time(self.created_at)
            .text(self.resolution.map(Resolution::as_str)?)
            .optional(self.resolved_by.as_deref(), Canonical::text)
            .optional(self.resolution_note.as_deref(), Canonical::text)
            .optional(self.resolved_at, Canonical::time);
        Some(hex(&all.finish()))
    }
}

fn topic(canonical: Canonical, topic: &SensitiveTopic) -> Canonical {
    canonical.text(&topic.topic).real(topic.score.get()).text(&topic.evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const A: &str = "0199e1c2-7a3b-7c4d-8e5f-001122334455";
    const B: &str = "0199e1c2-7a3b-7c4d-8e5f-001122334466";

    /// Every field with two values.
    fn decision() -> Value {
        json!({
            "id": [A, B], "tenant_id": [A, B], "trace_id": ["1".repeat(32), "2".repeat(32)], "task_id": [A, B],
            "artifact_id": [A, null], "verdict": ["APPROVE", "REJECT"], "confidence": [0.9, 0.8],
            "raw_confidence": [0.7, null], "opinion_of": ["offline-1", null],
            "breakdown": [[], [{"name": "safety", "score": 0.5, "weight": 0.5, "reason": "fine"}]],
            "persona_score": [0.1, 0.3], "safety_flags": [["a", "b"], ["ab"]],
            "sensitive_topics": [[], [{"topic": "politics", "score": 1.0, "evidence": "minister"}]],
            "reasoning_trace": ["so", "thus"], "decided_by": ["judge", "human:mara"],
            "next_action": ["publish", "stop"], "state_version_seen": [1, 2],
            "logged_at": ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z"],
        })
    }

    fn ticket() -> Value {
        json!({
            "id": [A, B], "tenant_id": [A, B], "trace_id": ["1".repeat(32), "2".repeat(32)], "task_id": [A, B],
            "artifact_id": [A, B], "artifact_hash": ["x", "y"], "question": ["may_publish", "is_it_out"],
            "confidence": [0.9, 0.8],
            "sensitive_topics": [[], [{"topic": "politics", "score": 1.0, "evidence": "minister"}]],
            "reasoning_trace": ["so", "thus"], "resolution": ["APPROVED", "REJECTED"],
            "resolved_by": ["mara", null], "resolution_note": ["fine", null],
            "resolved_at": ["2026-01-01T00:00:00Z", null], "created_at": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"],
            "assigned_to": ["mara", "mara"], "sla_expires_at": ["2026-01-01T02:00:00Z", "2026-01-01T02:00:00Z"],
            "state_version": [2, 2],
        })
    }

    /// Takes the first value of each field, but the second one of `changed`.
    fn variant(fields: &Value, changed: Option<&str>) -> Value {
        let fields = fields.as_object().unwrap().iter();
        fields.map(|(name, two)| (name.clone(), two[usize::from(changed == Some(name))].clone())).collect()
    }

    fn check(fields: &Value, not_covered: &[&str], digest: impl Fn(Value) -> String) {
        let plain = digest(variant(fields, None));
        assert_eq!(plain, digest(variant(fields, None)));
        for name in fields.as_object().unwrap().keys() {
            let same = digest(variant(fields, Some(name))) == plain;
            assert_eq!(same, not_covered.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn every_field_of_a_decision_counts() {
        check(&decision(), &[], |v| serde_json::from_value::<JudgeDecision>(v).unwrap().digest());
    }

    #[test]
    fn everything_about_a_question_and_its_answer_counts() {
        let digest = |v| serde_json::from_value::<HitlTicket>(v).unwrap().answer_digest().unwrap();
        check(&ticket(), &["assigned_to", "sla_expires_at", "state_version"], digest);
        let mut open = variant(&ticket(), None);
        open["resolution"] = Value::Null;
        assert_eq!(serde_json::from_value::<HitlTicket>(open).unwrap().answer_digest(), None);
    }
}
