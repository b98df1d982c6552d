//! After the call: what came of it.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait as _, LockType},
};
use uuid::Uuid;

use chimera_domain::{
    Alert, HitlTicket, PublicationId, PublicationState, StateVersion, TaskEvent, TaskId, TaskState, ToolCall,
};

use crate::{
    Result, Store, StoreError,
    alerts::{raise, record_calls},
    audit::{self, records},
    batch,
    codec::{text, time},
    entity::{publications, tasks, tickets},
    tasks::{
        graph,
        moves::{self, Move},
    },
    versioned::{self, Seen},
};

/// How a publish call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishOutcome {
    /// The platform has the post.
    Confirmed {
        /// The platform's name for it.
        external_id: String,
        /// Where it can be seen.
        url: Option<String>,
    },
    /// The platform does not have it; it may be tried again.
    Absent {
        /// What went wrong, in one line.
        error: String,
        /// Whether no call can still arrive. Otherwise the ledger keeps saying UNKNOWN, so that nobody gives the post up
        /// while it may yet appear.
        sure: bool,
        /// How long it rests before it may be tried again, on the database's clock.
        rest: Duration,
    },
    /// The platform was not called: while the post waited its turn its campaign was paused, or it became void. As if it
    /// had not begun; no attempt is counted.
    Withheld {
        /// Why, in one line.
        why: String,
        /// Whether no earlier call can still arrive.
        sure: bool,
    },
    /// Nobody can tell; a person must look. Needs a ticket.
    Unknown {
        /// What went wrong, in one line.
        error: String,
    },
    /// The platform refused it for good.
    Refused {
        /// What went wrong, in one line.
        error: String,
    },
}

/// The end of one publish call.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// The task.
    pub task_id: TaskId,
    /// Its version when publishing began: the fencing token.
    pub task_version: StateVersion,
    /// The ledger's entry.
    pub publication_id: PublicationId,
    /// Its version when publishing began.
    pub publication_version: StateVersion,
    /// How it ended.
    pub outcome: PublishOutcome,
    /// What was called. Recorded even when the settlement comes too late.
    pub tool_calls: Vec<ToolCall>,
    /// The question, when the outcome is unknown.
    pub ticket: Option<HitlTicket>,
    /// What an operator should know.
    pub alert: Option<Alert>,
}

/// What became of settlements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// Out in the world.
    pub published: Vec<TaskId>,
    /// To be tried again, or not called at all.
    pub approved_again: Vec<TaskId>,
    /// Refused for good.
    pub failed: Vec<TaskId>,
    /// Waiting for a person.
    pub waiting: Vec<TaskId>,
    /// Came too late: the task is someone else's.
    pub fenced: Vec<TaskId>,
}

impl Store {
    /// Settles publish calls: PUBLISHING at the version it was begun at moves to PUBLISHED, back to APPROVED (certainly
    /// absent), to HITL_QUEUE (unknown) or to FAILED (refused), and the ledger with it. A stale one is fenced: another
    /// publisher is looking that post up. Tool calls are recorded either way.
    ///
    /// # Errors
    /// [`StoreError::TicketMissing`] for an unknown outcome without a question; when the database fails, nothing was
    /// written.
    pub async fn publish_settle(&self, settlements: Vec<Settlement>, now: DateTime<Utc>) -> Result<Settled> {
        for settlement in &settlements {
            let id = settlement.task_id;
            let unknown = matches!(settlement.outcome, PublishOutcome::Unknown { .. });
            if unknown && settlement.ticket.as_ref().is_none_or(|ticket| ticket.task_id != id) {
                return Err(StoreError::TicketMissing { id });
            }
        }
        self.retrying(|| self.settle_once(&settlements, now)).await
    }

    async fn settle_once(&self, settlements: &[Settlement], now: DateTime<Utc>) -> Result<Settled> {
        let tx = self.begin().await?;
        let rows = moves::lock(&*tx, self.tenant, settlements.iter().map(|s| s.task_id.as_uuid())).await?;
        let ledger = self.lock_ledger(&*tx, settlements).await?;
        let mut settled = Settled::default();
        let mut moved: Vec<(Move, &Settlement)> = Vec::new();
        let (mut taken, mut logged) = (HashSet::new(), Vec::with_capacity(settlements.len()));
        for settlement in settlements {
            match held(&rows, &ledger, settlement).filter(|row| taken.insert(row.id)) {
                Some(row) => {
                    let step = step(row, settlement)?;
                    logged.push(records::settled(row, step.to, settlement, now));
                    moved.push((step, settlement));
                }
                None => settled.fenced.push(settlement.task_id),
            }
        }
        for (step, _) in &moved {
            match step.to {
                TaskState::Published => settled.published.push(step.id()),
                TaskState::Approved => settled.approved_again.push(step.id()),
                TaskState::HitlQueue => settled.waiting.push(step.id()),
                _ => settled.failed.push(step.id()),
            }
        }
        let asked = moved.iter().filter_map(|(step, s)| s.ticket.as_ref().filter(|_| step.to == TaskState::HitlQueue));
        batch::insert::<tickets::Entity>(&*tx, self.tenant, asked).await?;
        moves::apply(&*tx, self.tenant, moved.iter().map(|(step, _)| step), now).await?;
        self.write_outcomes(&*tx, &moved, now).await?;
        graph::cancel_dependents(&*tx, self.tenant, &settled.failed, now).await?;
        graph::unlock(&*tx, self.tenant, &settled.published, now).await?;
        tx.entered(record_calls(&*tx, self.tenant, settlements.iter().flat_map(|s| &s.tool_calls)).await?);
        raise(&*tx, self.tenant, moved.iter().filter_map(|(_, s)| s.alert.as_ref())).await?;
        audit::append(&*tx, self.tenant, &logged).await?;
        tx.commit().await?;
        Ok(settled)
    }

    async fn lock_ledger(
        &self,
        db: &impl ConnectionTrait,
        settlements: &[Settlement],
    ) -> Result<HashMap<Uuid, StateVersion>> {
        use publications::Column as C;
        let mut versions = HashMap::new();
        for chunk in settlements.chunks(crate::dialect::LISTED_MAX) {
            let rows = publications::Entity::find()
                .filter(batch::of_tenant::<publications::Entity>(self.tenant))
                .filter(C::Id.is_in(batch::padded(chunk.iter().map(|s| s.publication_id.as_uuid()))))
                .order_by_asc(C::Id)
                .lock(LockType::NoKeyUpdate)
                .all(db)
                .await?;
            versions.extend(rows.into_iter().map(|row| (row.id, StateVersion::new(row.state_version))));
        }
        Ok(versions)
    }

    async fn write_outcomes(
        &self,
        db: &impl ConnectionTrait,
        settled: &[(Move, &Settlement)],
        now: DateTime<Utc>,
    ) -> Result<()> {
        use publications::{Column as C, Entity as E};
        let seen: Vec<Seen> =
            settled.iter().map(|(_, s)| (s.publication_id.as_uuid(), s.publication_version)).collect();
        let by_id: HashMap<Uuid, Outcome> =
            settled.iter().map(|(_, s)| (s.publication_id.as_uuid(), Outcome::of(&s.outcome))).collect();
        let uncalled = |chunk: &[Seen]| {
            let ids = chunk.iter().map(|(id, _)| *id).filter(|id| by_id.get(id).is_some_and(|o| o.uncalled));
            ids.map(|id| (id, Expr::col(C::Attempts).sub(1_i64))).collect::<Vec<_>>()
        };
        let resting = |chunk: &[Seen]| {
            let rests = chunk.iter().filter_map(|(id, _)| Some((*id, by_id.get(id)?.rest?)));
            rests.map(|(id, rest)| (id, self.lease_end(rest))).collect::<Vec<_>>()
        };
        versioned::update::<E>(db, self.tenant, &seen, |chunk| {
            let each = |column: C, value: fn(&Outcome) -> Option<sea_orm::Value>| {
                let values = chunk.iter().filter_map(|(id, _)| Some((*id, value(by_id.get(id)?)?)));
                batch::per_row::<E>(column, chunk.len(), values)
            };
            vec![
                each(C::State, |o| Some(o.state.as_str().into())),
                each(C::ExternalId, |o| o.external_id.clone().map(Into::into)),
                each(C::Url, |o| o.url.clone().map(Into::into)),
                each(C::LastError, |o| o.error.clone().map(Into::into)),
                (C::NotBeforeMs, batch::by_id::<E>(chunk.len(), resting(chunk), Expr::val(None::<i64>))),
                (C::Attempts, batch::by_id::<E>(chunk.len(), uncalled(chunk), Expr::col(C::Attempts))),
                (C::UpdatedAt, Expr::val(time(now))),
            ]
        })
        .await?;
        Ok(())
    }
}

/// What the ledger keeps of an outcome; what it says nothing about stays as it is.
struct Outcome {
    state: PublicationState,
    external_id: Option<String>,
    url: Option<String>,
    error: Option<String>,
    /// Whether the platform was not even called.
    uncalled: bool,
    rest: Option<Duration>,
}

impl Outcome {
    fn of(outcome: &PublishOutcome) -> Self {
        let failed = |state, error: &str| Self {
            state,
            external_id: None,
            url: None,
            error: Some(text(error)),
            uncalled: false,
            rest: None,
        };
        match outcome {
            PublishOutcome::Confirmed { external_id, url } => Self {
                state: PublicationState::Confirmed,
                external_id: Some(text(external_id)),
                url: url.as_deref().map(text),
                error: None,
                uncalled: false,
                rest: None,
            },
            PublishOutcome::Withheld { why, sure } => Self {
                uncalled: true,
                ..failed(if *sure { PublicationState::Absent } else { PublicationState::Unknown }, why)
            },
            PublishOutcome::Absent { error, sure, rest } => Self {
                rest: Some(*rest).filter(|rest| !rest.is_zero()),
                ..failed(if *sure { PublicationState::Absent } else { PublicationState::Unknown }, error)
            },
            PublishOutcome::Unknown { error } => failed(PublicationState::Unknown, error),
            PublishOutcome::Refused { error } => failed(PublicationState::Refused, error),
        }
    }
}

/// The task's row, if this settlement still speaks for it.
fn held<'a>(
    rows: &'a HashMap<Uuid, tasks::Model>,
    ledger: &HashMap<Uuid, StateVersion>,
    settlement: &Settlement,
) -> Option<&'a tasks::Model> {
    let entry = ledger.get(&settlement.publication_id.as_uuid());
    rows.get(&settlement.task_id.as_uuid()).filter(|row| {
        row.version() == settlement.task_version
            && row.state == TaskState::Publishing.as_str()
            && entry == Some(&settlement.publication_version)
    })
}

fn step(row: &tasks::Model, settlement: &Settlement) -> Result<Move> {
    Ok(match &settlement.outcome {
        PublishOutcome::Confirmed { .. } => Move::of(row, TaskEvent::ConfirmPublish)?,
        PublishOutcome::Absent { error, .. } | PublishOutcome::Withheld { why: error, .. } => {
            Move::of(row, TaskEvent::PublishAbsent)?.because(error)
        }
        PublishOutcome::Refused { error } => Move::of(row, TaskEvent::PublishRefused)?.because(error),
        PublishOutcome::Unknown { error } => {
            let step = Move::of(row, TaskEvent::PublishUnknown)?.because(error);
            match &settlement.ticket {
                Some(ticket) => step.asking(ticket.id.as_uuid()),
                None => step,
            }
        }
    })
}
