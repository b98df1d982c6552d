//! Questions put before people, and their answers: the first one counts.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, LockType},
};

use chimera_domain::{
    Actor, AgentTask, Artifact, HitlTicket, JudgeDecision, Outdated, PublicationState, Question, Resolution,
    StateVersion, TaskEvent, TaskId, TaskState, TicketId,
};

use crate::{
    Decided, Result, RowKind, Store, StoreError,
    audit::{self, records},
    batch,
    codec::{Mapped, text, text_opt, time},
    entity::{
        artifacts, decisions, publications,
        tickets::{Column, Entity, Model},
    },
    tasks::{
        aftermath, check_verdict,
        ground::Grounds,
        moves::{self, Move},
    },
    versioned,
};

/// A person's answer to a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketAnswer {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Its version when it was read.
    pub version: StateVersion,
    /// The hash of what the person looked at.
    pub artifact_hash: String,
    /// The answer.
    pub resolution: Resolution,
    /// Who answers.
    pub by: String,
    /// What they say.
    pub note: Option<String>,
    /// The record of it.
    pub decision: JudgeDecision,
    /// What is to go out instead of what the ticket shows: an approval's edited version. Costs nothing.
    pub instead: Option<Artifact>,
    /// New tasks in place of a rejected one, as in [`crate::Ruling::replan`].
    pub replan: Vec<AgentTask>,
}

/// Why an answer to a ticket did not count. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// Someone else was first.
    #[error("ticket {id} was already resolved as {resolution} by {by} at {at}")]
    AlreadyResolved {
        /// The ticket.
        id: TicketId,
        /// Who.
        by: String,
        /// When.
        at: DateTime<Utc>,
        /// How.
        resolution: Resolution,
    },
    /// The ticket was changed since it was read.
    #[error("ticket {id} was changed since you read it (expected {expected}, found {found}): look again")]
    Stale {
        /// The ticket.
        id: TicketId,
        /// The version that the answer was given on.
        expected: StateVersion,
        /// The version it has now.
        found: StateVersion,
    },
    /// The answer is about something other than what the ticket asks about.
    #[error("the answer to ticket {id} is about artifact hash {found}, but the ticket asks about {expected}")]
    WrongArtifact {
        /// The ticket.
        id: TicketId,
        /// The hash that the ticket asks about.
        expected: String,
        /// The hash that the answer is about.
        found: String,
    },
    /// The answer is none to what the ticket asks.
    #[error("ticket {id} asks {question}, which can't be answered with {resolution}")]
    WrongAnswer {
        /// The ticket.
        id: TicketId,
        /// What it asks.
        question: Question,
        /// The answer.
        resolution: Resolution,
    },
    /// What the post was planned on has moved since; the judges withdraw it, or plan it anew.
    #[error("ticket {id} lapses, its post can't be approved or written anew any more: {why}")]
    Outdated {
        /// The ticket.
        id: TicketId,
        /// What has moved.
        why: Outdated,
    },
    /// The task no longer waits for this ticket.
    #[error("ticket {id} lapsed: its task is {state}")]
    TaskMoved {
        /// The ticket.
        id: TicketId,
        /// Where the task stands.
        state: TaskState,
    },
    /// Somebody else has it in hand.
    #[error("{by} has ticket {id} in hand; ask them, or have it assigned to you")]
    Taken {
        /// The ticket.
        id: TicketId,
        /// Who.
        by: String,
    },
    /// There is no such ticket.
    #[error("there is no ticket {id}")]
    NotFound {
        /// The ticket.
        id: TicketId,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DbErr> for TicketError {
    fn from(source: DbErr) -> Self {
        Self::Store(source.into())
    }
}

impl Store {
    /// The ticket with this id, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn ticket_by_id(&self, id: TicketId) -> Result<Option<HitlTicket>> {
        let rows = batch::find::<Entity>(&self.db, self.tenant, Column::Id, [id.as_uuid()]).await?;
        rows.into_iter().next().map(Entity::read).transpose()
    }

    /// Puts an open ticket into somebody's hands, or into nobody's. A claim takes only what nobody else has. It is told so that
    /// two don't read the same post; whoever answers first still counts. What is so already is left alone.
    ///
    /// # Errors
    /// [`TicketError`] when it is answered, somebody else has it, it is written meanwhile, or the store fails.
    pub async fn ticket_assign(
        &self,
        id: TicketId,
        to: Option<&str>,
        is_claim: bool,
        now: DateTime<Utc>,
    ) -> Result<HitlTicket, TicketError> {
        self.retrying(|| self.assign_once(id, to, is_claim, now)).await
    }

    async fn assign_once(
        &self,
        id: TicketId,
        to: Option<&str>,
        is_claim: bool,
        now: DateTime<Utc>,
    ) -> Result<HitlTicket, TicketError> {
        let tx = self.begin().await?;
        let row = self.ticket_row(&*tx, id, Some(LockType::NoKeyUpdate)).await?;
        let ticket = Entity::read(row.clone())?;
        if let (Some(resolution), Some(at)) = (ticket.resolution, ticket.resolved_at) {
            return Err(TicketError::AlreadyResolved {
                id,
                by: ticket.resolved_by.unwrap_or_default(),
                at,
                resolution,
            });
        }
        if ticket.assigned_to.as_deref() == to {
            return Ok(ticket);
        }
        if let Some(by) = ticket.assigned_to.filter(|_| is_claim) {
            return Err(TicketError::Taken { id, by });
        }
        let set = vec![(Column::AssignedTo, Expr::val(to.map(text)))];
        let seen = (row.id, ticket.state_version);
        let after = versioned::update_one::<Entity>(&*tx, self.tenant, RowKind::Ticket, seen, set).await?;
        let logged = records::assigned(&row, &after, self.actor.clone(), now);
        audit::append(&*tx, self.tenant, &[logged]).await?;
        tx.commit().await?;
        Ok(Entity::read(after)?)
    }

    /// Takes a person's answer: the ticket is closed, the task moves and the decision is appended, all or nothing.
    ///
    /// Where the question is whether a post is out, the answer goes into the ledger too. Approval means "it is not out,
    /// publish it again", rejection "it is not out, and shall not be": ABSENT both times, by the person's word. Such a
    /// ticket can't be withdrawn, for then nobody would ever tell; and no other ticket can be answered with "it is out".
    ///
    /// A post that is void by now, because its campaign or its persona has moved, can't be approved; the other answers
    /// are taken, and nothing is planned in its place.
    ///
    /// An approval may bring an edited version ([`TicketAnswer::instead`]): it is stored as another artifact, the task's
    /// result from now on, in the same transaction; the ticket goes on naming what was asked about.
    ///
    /// # Errors
    /// [`TicketError`], which tells the loser of a race who was first and when; then nothing was written.
    pub async fn ticket_resolve(&self, answer: &TicketAnswer, now: DateTime<Utc>) -> Result<Decided, TicketError> {
        self.retrying(|| self.resolve_once(answer, now)).await
    }

    async fn resolve_once(&self, answer: &TicketAnswer, now: DateTime<Utc>) -> Result<Decided, TicketError> {
        let event = match answer.resolution {
            Resolution::Approved => TaskEvent::Approve,
            Resolution::Rejected => TaskEvent::Reject,
            Resolution::ConfirmedPublished => TaskEvent::ConfirmPublish,
            Resolution::Withdrawn => TaskEvent::Cancel,
        };
        check_verdict(&answer.decision, event)?;
        let tx = self.begin().await?;
        // The task is locked before the ticket, as everywhere; so the ticket is read once without a lock.
        let task_id = self.ticket_row(&*tx, answer.ticket_id, None).await?.task_id;
        let grounds = Grounds::hold(&*tx, self.tenant, &[task_id]).await?;
        let tasks = moves::lock(&*tx, self.tenant, [task_id]).await?;
        let ticket = self.ticket_row(&*tx, answer.ticket_id, Some(LockType::NoKeyUpdate)).await?;
        let (seen, found) = fits(&ticket, answer)?;
        let task = tasks.get(&task_id).ok_or(StoreError::NotFound { entity: RowKind::Task, id: task_id })?;
        if task.hitl_ticket_id != Some(ticket.id) || answer.decision.task_id != TaskId::from_uuid(task_id) {
            return Err(TicketError::TaskMoved { id: answer.ticket_id, state: task.standing()? });
        }
        let Ok(step) = Move::of(task, event) else {
            return Err(TicketError::TaskMoved { id: answer.ticket_id, state: task.standing()? });
        };
        // Whether a post is out is worth knowing, whatever became of its campaign.
        if found.is_none()
            && (event == TaskEvent::Approve || !answer.replan.is_empty())
            && let Some(why) = grounds.voids(task)?
        {
            return Err(TicketError::Outdated { id: answer.ticket_id, why });
        }
        let step = match &answer.instead {
            Some(artifact) => step.yielding(artifact.id.as_uuid()),
            None => step,
        };
        batch::insert::<artifacts::Entity>(&*tx, self.tenant, &answer.instead).await?;
        let set = vec![
            (Column::Resolution, Expr::val(answer.resolution.as_str())),
            (Column::ResolvedBy, Expr::val(text(&answer.by))),
            (Column::ResolutionNote, Expr::val(text_opt(answer.note.as_ref()))),
            (Column::ResolvedAt, Expr::val(time(now))),
        ];
        let closed = versioned::update_one::<Entity>(&*tx, self.tenant, RowKind::Ticket, seen, set).await?;
        // What a person decides on is the task as it stands, which nobody can have moved since the ticket was opened.
        let decision = JudgeDecision { state_version_seen: task.version(), ..answer.decision.clone() };
        batch::insert::<decisions::Entity>(&*tx, self.tenant, [&decision]).await?;
        if let Some(found) = found {
            self.write_found(&*tx, task_id, found, now).await?;
        }
        let mut decided = Decided { applied: vec![step.id()], ..Decided::default() };
        let replan: Vec<&AgentTask> = answer.replan.iter().collect();
        aftermath(&*tx, self.tenant, &[&step], &replan, now, &mut decided).await?;
        let logged = [
            records::decided(task, step.to, event, &decision, now),
            records::closed(&closed, Actor::human(&answer.by), now)
                .with_some("edited_hash", answer.instead.as_ref().map(|artifact| &artifact.content_hash)),
        ];
        audit::append(&*tx, self.tenant, &logged).await?;
        tx.commit().await?;
        Ok(decided)
    }

    async fn ticket_row(
        &self,
        db: &impl ConnectionTrait,
        id: TicketId,
        lock: Option<LockType>,
    ) -> Result<Model, TicketError> {
        let mut select =
            Entity::find().filter(batch::of_tenant::<Entity>(self.tenant)).filter(Column::Id.eq(id.as_uuid()));
        if let Some(lock) = lock {
            select = select.lock(lock);
        }
        select.one(db).await?.ok_or(TicketError::NotFound { id })
    }

    /// Writes into the ledger what the person found where nobody could tell.
    async fn write_found(
        &self,
        db: &impl ConnectionTrait,
        task_id: uuid::Uuid,
        found: PublicationState,
        now: DateTime<Utc>,
    ) -> Result<()> {
        use publications::Column as C;
        let rows = publications::Entity::find()
            .filter(batch::of_tenant::<publications::Entity>(self.tenant))
            .filter(C::TaskId.eq(task_id))
            .filter(C::State.eq(PublicationState::Unknown.as_str()))
            .all(db)
            .await?;
        let seen: Vec<_> = rows.iter().map(|row| (row.id, StateVersion::new(row.state_version))).collect();
        versioned::update::<publications::Entity>(db, self.tenant, &seen, |_| {
            vec![(C::State, Expr::val(found.as_str())), (C::UpdatedAt, Expr::val(time(now)))]
        })
        .await?;
        Ok(())
    }
}

/// Whether the answer is about this ticket as it stands: if so, the ticket's id and version, and what the answer tells
/// about the post's whereabouts.
fn fits(ticket: &Model, answer: &TicketAnswer) -> Result<(versioned::Seen, Option<PublicationState>), TicketError> {
    let id = answer.ticket_id;
    let stored = Entity::read(ticket.clone())?;
    if let (Some(resolution), Some(at)) = (stored.resolution, stored.resolved_at) {
        return Err(TicketError::AlreadyResolved { id, by: stored.resolved_by.unwrap_or_default(), at, resolution });
    }
    if stored.artifact_hash != answer.artifact_hash {
        return Err(TicketError::WrongArtifact {
            id,
            expected: stored.artifact_hash,
            found: answer.artifact_hash.clone(),
        });
    }
    check_extras(&stored, answer)?;
    if stored.state_version != answer.version {
        return Err(TicketError::Stale { id, expected: answer.version, found: stored.state_version });
    }
    let found = match (stored.question, answer.resolution) {
        (Question::IsItOut, Resolution::ConfirmedPublished) => Some(PublicationState::Confirmed),
        (Question::IsItOut, Resolution::Approved | Resolution::Rejected) => Some(PublicationState::Absent),
        (Question::MayPublish, Resolution::Approved | Resolution::Rejected | Resolution::Withdrawn) => None,
        (question @ Question::MayPublish, resolution @ Resolution::ConfirmedPublished)
        | (question @ Question::IsItOut, resolution @ Resolution::Withdrawn) => {
            return Err(TicketError::WrongAnswer { id, question, resolution });
        }
    };
    Ok(((ticket.id, stored.state_version), found))
}

/// Refuses an edited version that is no approval of this very post, and replacements for what isn't rejected.
fn check_extras(ticket: &HitlTicket, answer: &TicketAnswer) -> Result<(), TicketError> {
    let of_this_post = |artifact: &Artifact| {
        artifact.task_id == ticket.task_id && artifact.trace_id == ticket.trace_id && artifact.is_intact()
    };
    let edit_fits = match &answer.instead {
        None => true,
        Some(artifact) => {
            answer.resolution == Resolution::Approved
                && of_this_post(artifact)
                && answer.decision.artifact_id == Some(artifact.id)
        }
    };
    let replan_fits = answer.replan.is_empty() || answer.resolution == Resolution::Rejected;
    let plain = answer.instead.is_none() && answer.replan.is_empty();
    if edit_fits && replan_fits && (plain || ticket.question == Question::MayPublish) {
        return Ok(());
    }
    Err(TicketError::WrongAnswer { id: ticket.id, question: ticket.question, resolution: answer.resolution })
}
