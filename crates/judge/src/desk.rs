//! The review desk: a person's answers.

use std::sync::Arc;

use chimera_bus::{Bus, Queue};
use chimera_domain::{
    Ambient, DecisionId, HitlTicket, JudgeDecision, NextAction, Question, Resolution, TaskId, TicketId, Verdict,
    error_chain,
};
use chimera_store::{Store, StoreError, TicketAnswer, TicketError};

use crate::HitlQueue;

/// What a person says to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Yes, no, or "it is out already".
    pub resolution: Resolution,
    /// Who says so.
    pub by: String,
    /// Why.
    pub note: Option<String>,
    /// The hash of what they saw; without it, of what the ticket shows.
    pub seen_hash: Option<String>,
}

/// Why an answer was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// No such ticket.
    #[error("there is no ticket {0}; `chimera judge view-queue` lists those that wait")]
    NotFound(TicketId),
    /// The answer doesn't fit the question.
    #[error("the ticket asks {question}, which can't be answered with {resolution}")]
    WrongAnswer {
        /// What was asked.
        question: Question,
        /// What was answered.
        resolution: Resolution,
    },
    /// Someone was first, or what they saw is not what the ticket shows.
    #[error("the answer was not taken")]
    Refused(#[source] TicketError),
    /// The database.
    #[error("the answer could not be stored")]
    Store(#[from] StoreError),
}

/// Takes people's answers.
#[derive(Debug, Clone)]
pub struct Desk {
    store: Store,
    bus: Arc<dyn Bus>,
    waiting: HitlQueue,
    ambient: Arc<dyn Ambient>,
}

impl Desk {
    /// A desk over its dependencies.
    #[must_use]
    pub fn new(store: Store, bus: Arc<dyn Bus>, ambient: Arc<dyn Ambient>) -> Self {
        let waiting = HitlQueue::new(store.clone(), bus.clone());
        Self { store, bus, waiting, ambient }
    }

    /// Takes an answer. Of two answers to one ticket, the first is taken and the second is told whose it was.
    ///
    /// # Errors
    /// [`DeskError`] when there is no such ticket, the answer doesn't fit, someone was first, or the store fails.
    pub async fn answer(&self, answer: Answer) -> Result<TaskId, DeskError> {
        let ticket = self.store.ticket_by_id(answer.ticket_id).await?.ok_or(DeskError::NotFound(answer.ticket_id))?;
        if !ticket.question.takes(answer.resolution) {
            return Err(DeskError::WrongAnswer { question: ticket.question, resolution: answer.resolution });
        }
        let task_id = ticket.task_id;
        let answer = TicketAnswer {
            ticket_id: ticket.id,
            version: ticket.state_version,
            artifact_hash: answer.seen_hash.clone().unwrap_or_else(|| ticket.artifact_hash.clone()),
            resolution: answer.resolution,
            by: answer.by.clone(),
            note: answer.note.clone(),
            decision: self.decision(&ticket, &answer),
        };
        let decided = self.store.ticket_resolve(&answer, self.ambient.now()).await.map_err(DeskError::Refused)?;
        if let Err(error) = self.bus.push(Queue::Publish, &decided.approved).await {
            tracing::warn!(error = %error_chain(&error), "the approved post waits for the sweeper");
        }
        self.waiting.announce().await;
        Ok(task_id)
    }

    fn decision(&self, ticket: &HitlTicket, answer: &Answer) -> JudgeDecision {
        let (verdict, next_action, says) = match answer.resolution {
            Resolution::Approved => (Verdict::Approve, NextAction::Publish, "approved"),
            Resolution::ConfirmedPublished => (Verdict::Approve, NextAction::Stop, "says it is out already"),
            Resolution::Rejected | Resolution::Withdrawn => (Verdict::Reject, NextAction::Stop, "rejected"),
        };
        let note = answer.note.as_deref().map(|n| format!(": {n}")).unwrap_or_default();
        JudgeDecision {
            id: DecisionId::generate(&*self.ambient),
            tenant_id: ticket.tenant_id,
            trace_id: ticket.trace_id,
            task_id: ticket.task_id,
            artifact_id: Some(ticket.artifact_id),
            verdict,
            confidence: ticket.confidence,
            breakdown: vec![],
            persona_score: chimera_domain::Score::ONE,
            safety_flags: vec![],
            sensitive_topics: ticket.sensitive_topics.clone(),
            reasoning_trace: format!("{} {says}{note}", answer.by),
            decided_by: format!("human:{}", answer.by),
            next_action,
            state_version_seen: ticket.state_version,
            logged_at: self.ambient.now(),
        }
    }
}
