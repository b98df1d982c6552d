//! The review desk: a person's answers.

use std::sync::Arc;

use chimera_bus::{Bus, Queue};
use chimera_domain::{
    Actor, AgentTask, Ambient, Artifact, ArtifactId, DecisionId, HitlTicket, JudgeDecision, NextAction, Question,
    Resolution, TaskId, TicketId, Verdict, error_chain,
};
use chimera_store::{Store, StoreError, TicketAnswer, TicketError};

use crate::{
    HitlQueue, JudgeConfig,
    edit::{Edit, Fault, edited, faults},
    rule::next_attempt,
};

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
    /// What to say instead, of a post that is approved.
    pub edit: Option<Edit>,
    /// Whether a rejected post is to be written anew; the note says what was wrong.
    pub again: bool,
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
    #[error("it was not taken")]
    Refused(#[source] TicketError),
    /// Edited words break rules that no person may wave through.
    #[error("the edited words can't go out: {}", .0.iter().map(|fault| fault.says.as_str()).collect::<Vec<_>>().join(" "))]
    Unfit(Vec<Fault>),
    /// A new attempt needs a reason, and there may be only so many.
    #[error("{0}")]
    NotAgain(&'static str),
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
    replans_max: u32,
}

impl Desk {
    /// A desk over its dependencies.
    #[must_use]
    pub fn new(store: Store, bus: Arc<dyn Bus>, ambient: Arc<dyn Ambient>) -> Self {
        let waiting = HitlQueue::new(store.clone(), bus.clone());
        Self { store, bus, waiting, ambient, replans_max: JudgeConfig::default().replans_max }
    }

    /// The same, where a post may be written anew so often ([`JudgeConfig::replans_max`]).
    #[must_use]
    pub fn with_replans_max(self, replans_max: u32) -> Self {
        Self { replans_max, ..self }
    }

    /// Whether this post may be written anew.
    #[must_use]
    pub fn may_write_anew(&self, task: &AgentTask) -> bool {
        task.task_type.is_publishable() && task.payload.replans < self.replans_max
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
        let instead = match &answer.edit {
            Some(edit) => self.edited(&ticket, edit).await?,
            None => None,
        };
        let replan = if answer.again { self.next_attempt(&ticket, &answer).await? } else { vec![] };
        let decision =
            self.decision(&ticket, &answer, instead.as_ref().map(|artifact| artifact.id), !replan.is_empty());
        let answer = TicketAnswer {
            ticket_id: ticket.id,
            version: ticket.state_version,
            artifact_hash: answer.seen_hash.clone().unwrap_or_else(|| ticket.artifact_hash.clone()),
            resolution: answer.resolution,
            by: answer.by.clone(),
            note: answer.note.clone(),
            decision,
            instead,
            replan,
        };
        let decided = self.store.ticket_resolve(&answer, self.ambient.now()).await.map_err(DeskError::Refused)?;
        for (queue, ids) in [(Queue::Publish, &decided.approved), (Queue::Task, &decided.ready)] {
            if ids.is_empty() {
                continue;
            }
            if let Err(error) = self.bus.push(queue, ids).await {
                tracing::warn!(error = %error_chain(&error), "what follows from an answer waits for the sweeper");
            }
        }
        self.waiting.announce().await;
        Ok(task_id)
    }

    /// Puts a ticket into somebody's hands, or into nobody's; see [`Store::ticket_assign`]. `by` says so.
    ///
    /// # Errors
    /// [`DeskError`] when there is no such ticket, it is answered, somebody else has it, or the store fails.
    pub async fn assign(
        &self,
        ticket: TicketId,
        to: Option<&str>,
        is_claim: bool,
        by: Actor,
    ) -> Result<HitlTicket, DeskError> {
        let store = self.store.acting_as(by);
        let assigned = store.ticket_assign(ticket, to, is_claim, self.ambient.now()).await;
        let assigned = assigned.map_err(|refused| match refused {
            TicketError::NotFound { id } => DeskError::NotFound(id),
            refused => DeskError::Refused(refused),
        })?;
        self.waiting.announce().await;
        Ok(assigned)
    }

    /// The post as the reviewer wants it, once the rules have been asked again; `None` when nothing was changed.
    async fn edited(&self, ticket: &HitlTicket, edit: &Edit) -> Result<Option<Artifact>, DeskError> {
        let case = self.store.ticket_cases(std::slice::from_ref(ticket)).await?.into_iter().next();
        let case = case.ok_or(DeskError::NotFound(ticket.id))?;
        let Some(new) = edited(&case.artifact, edit, &*self.ambient) else { return Ok(None) };
        let faults = faults(&new, &case.agent.soul, &case.task.payload);
        if faults.is_empty() { Ok(Some(new)) } else { Err(DeskError::Unfit(faults)) }
    }

    /// The tasks in place of a rejected post, told what the reviewer said.
    async fn next_attempt(&self, ticket: &HitlTicket, answer: &Answer) -> Result<Vec<AgentTask>, DeskError> {
        let note = answer.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
        let Some(note) = note.filter(|_| answer.resolution == Resolution::Rejected) else {
            return Err(DeskError::NotAgain("say why it is rejected: the next attempt is told so"));
        };
        let post = self.store.tasks_by_ids(&[ticket.task_id]).await?.into_iter().next();
        let post = post.ok_or(DeskError::NotFound(ticket.id))?;
        if ticket.question != Question::MayPublish || !self.may_write_anew(&post) {
            return Err(DeskError::NotAgain("it can't be written anew, or was often enough: reject it without"));
        }
        let mut parts = self.store.tasks_by_ids(&post.depends_on).await?;
        parts.sort_by_key(|part| post.depends_on.iter().position(|id| *id == part.id));
        Ok(next_attempt(&post, &parts, &format!("A reviewer rejected the last attempt: {note}"), &*self.ambient))
    }

    fn decision(
        &self,
        ticket: &HitlTicket,
        answer: &Answer,
        edited: Option<ArtifactId>,
        replanned: bool,
    ) -> JudgeDecision {
        let (verdict, next_action, says) = match answer.resolution {
            Resolution::Approved => (
                Verdict::Approve,
                NextAction::Publish,
                if edited.is_some() { "edited and approved" } else { "approved" },
            ),
            Resolution::ConfirmedPublished => (Verdict::Approve, NextAction::Stop, "says it is out already"),
            Resolution::Rejected if replanned => (Verdict::Reject, NextAction::Replan, "rejected"),
            Resolution::Rejected | Resolution::Withdrawn => (Verdict::Reject, NextAction::Stop, "rejected"),
        };
        let note = answer.note.as_deref().map(|n| format!(": {n}")).unwrap_or_default();
        JudgeDecision {
            id: DecisionId::generate(&*self.ambient),
            tenant_id: ticket.tenant_id,
            trace_id: ticket.trace_id,
            task_id: ticket.task_id,
            artifact_id: Some(edited.unwrap_or(ticket.artifact_id)),
            verdict,
            confidence: ticket.confidence,
            raw_confidence: None,
            opinion_of: None,
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
