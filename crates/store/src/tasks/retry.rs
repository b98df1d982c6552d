//! Dead letters that an operator puts back to work, and what was cancelled because it waited for them.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType},
};
use serde::Serialize;
use uuid::Uuid;

use chimera_domain::{
    CampaignId, CancelReason, Outdated, PublicationState, StateVersion, TaskEvent, TaskId, TaskState, policy::WayBack,
};

use super::{
    graph,
    ground::Grounds,
    moves::{self, Move},
};
use crate::{
    Result, RowKind, Store, alerts,
    audit::{self, records},
    batch,
    codec::{Reader, time},
    dialect::BINDS_MAX,
    entity::{
        dependencies, publications,
        tasks::{Column, Entity, Model},
    },
    versioned::{self, Seen},
};

/// Why a task was not put back to work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRetried {
    /// There is no such task.
    #[error("there is no such task")]
    Unknown,
    /// It is no dead letter.
    #[error("it is {0}, not FAILED")]
    NotDead(TaskState),
    /// Its campaign is paused.
    #[error("its campaign is not ACTIVE; resume it first")]
    CampaignAtRest,
    /// Its campaign has ended, or its brief was edited since.
    #[error("{0}; what the campaign wants now is planned from new signals")]
    Outdated(Outdated),
    /// It may be out; a new attempt might double it.
    #[error("its post may be out; look at the account, and leave it or post it by hand")]
    PerhapsOut,
    /// It waits for a task that came to nothing, too.
    #[error("it waits for {0}, which came to nothing, too")]
    WaitsForDead(TaskId),
}

/// What became of dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Retried {
    /// To be made again: may be claimed now.
    pub ready: Vec<TaskId>,
    /// To be published again, the same under the same key.
    pub approved: Vec<TaskId>,
    /// Were cancelled because they waited for one of these, and wait again.
    pub revived: Vec<TaskId>,
    /// Left as they were, and why.
    #[serde(serialize_with = "reasons")]
    pub refused: Vec<(TaskId, NotRetried)>,
}

fn reasons<S: serde::Serializer>(refused: &[(TaskId, NotRetried)], to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Refused {
        task_id: TaskId,
        reason: String,
    }
    to.collect_seq(refused.iter().map(|(id, why)| Refused { task_id: *id, reason: why.to_string() }))
}

impl Store {
    /// Every dead letter, or every one of a campaign, oldest first.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn dead_letters(&self, campaign: Option<CampaignId>) -> Result<Vec<TaskId>> {
        let mut select = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::State.eq(TaskState::Failed.as_str()))
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id);
        if let Some(campaign) = campaign {
            select = select.filter(Column::CampaignId.eq(campaign.as_uuid()));
        }
        let ids: Vec<Uuid> = select.into_tuple().all(&self.db).await?;
        Ok(ids.into_iter().map(TaskId::from_uuid).collect())
    }

    /// Puts dead letters back to work at the word of whoever holds this store ([`Self::acting_as`]), with all their
    /// attempts, and revives whatever was cancelled only because it waited for one of them, unless something else it waits
    /// for came to nothing, too. Such a cancelled task may also be named itself, when what it waited for lives again.
    ///
    /// A post that the ledger calls refused or absent is certainly not out: it is published again, the same under the same
    /// key. One that may be out is refused. The campaign must be ACTIVE and want what it wanted when the task was planned;
    /// a persona that has changed is no obstacle, for the judges plan such posts anew. The governor's cap on posts an hour
    /// is not asked, for an operator's word counts more. Money is: with their next claim, like any other's, their whole cap
    /// is set aside, and a task that the day's money does not cover is a dead letter again.
    ///
    /// The alerts that told of these dead letters count as acknowledged.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails; then nothing was written.
    pub async fn task_retry_failed(&self, ids: &[TaskId], now: DateTime<Utc>) -> Result<Retried> {
        self.retrying(|| self.retry_once(ids, now)).await
    }

    async fn retry_once(&self, ids: &[TaskId], now: DateTime<Utc>) -> Result<Retried> {
        let tx = self.begin().await?;
        let mut seen = HashSet::new();
        let wanted: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).filter(|id| seen.insert(*id)).collect();
        let grounds = Grounds::hold(&*tx, self.tenant, &wanted).await?;
        let rows = moves::lock(&*tx, self.tenant, wanted.iter().copied()).await?;
        let ledger = self.ways_back(&*tx, &rows).await?;
        let mut retried = Retried::default();
        let (mut steps, mut logged, mut again) = (Vec::new(), Vec::new(), Vec::new());
        let mut cancelled: HashMap<Uuid, Model> = HashMap::new();
        for id in wanted {
            let task_id = TaskId::from_uuid(id);
            let event = match rows.get(&id) {
                None => Err(NotRetried::Unknown),
                Some(row) if is_dependent(row) => match hindrance(row, &grounds)? {
                    Some(why) => Err(why),
                    None => {
                        cancelled.insert(id, row.clone());
                        continue;
                    }
                },
                Some(row) => retryable(row, &grounds, ledger.get(&id).copied())?,
            };
            match (event, rows.get(&id)) {
                (Ok(event), Some(row)) => {
                    let step = Move::of(row, event)?.with_fresh_attempts();
                    logged.push(records::retried(row, step.to, self.actor.clone(), now));
                    if step.to == TaskState::Approved { &mut retried.approved } else { &mut retried.ready }
                        .push(task_id);
                    again.push(task_id);
                    steps.push(step);
                }
                (Err(why), _) => retried.refused.push((task_id, why)),
                (Ok(_), None) => {}
            }
        }
        let named: HashSet<Uuid> = cancelled.keys().copied().collect();
        self.lock_dependents(&*tx, &again, &mut cancelled).await?;
        let (revived, dead) = self.revivable(&*tx, cancelled, &again).await?;
        for row in &revived {
            let step = Move::of(row, TaskEvent::Revive)?.because("it waits again: what it depends on was retried");
            logged.push(records::revived(row, self.actor.clone(), now));
            retried.revived.push(step.id());
            steps.push(step);
        }
        let refused = dead.into_iter().filter(|(id, _)| named.contains(&id.as_uuid()));
        retried.refused.extend(refused.map(|(id, by)| (id, NotRetried::WaitsForDead(by))));
        let written = moves::apply(&*tx, self.tenant, &steps, now).await?;
        // One that was named itself may wait for nothing any more.
        let pending = written.iter().filter(|row| row.state == TaskState::Pending.as_str());
        retried.ready.extend(graph::start_unblocked(&*tx, self.tenant, pending, now).await?);
        self.arm_again(&*tx, &retried.approved, now).await?;
        alerts::acknowledge(&*tx, self.tenant, &again, &self.actor).await?;
        audit::append(&*tx, self.tenant, &logged).await?;
        tx.commit().await?;
        Ok(retried)
    }

    /// How the posts among these dead letters may come back, by what the ledger says. Those that it says nothing about are
    /// absent.
    async fn ways_back(
        &self,
        db: &impl ConnectionTrait,
        rows: &HashMap<Uuid, Model>,
    ) -> Result<HashMap<Uuid, WayBack>> {
        let dead: Vec<Uuid> = rows.values().filter(|row| is_dead(row)).map(|row| row.id).collect();
        let mut entries: HashMap<Uuid, Vec<(bool, PublicationState)>> = HashMap::new();
        for entry in batch::find::<publications::Entity>(db, self.tenant, publications::Column::TaskId, dead).await? {
            let state = Reader { entity: RowKind::Publication, id: entry.id }.name("state", &entry.state)?;
            let result = rows.get(&entry.task_id).and_then(|row| row.result_artifact);
            entries.entry(entry.task_id).or_default().push((result == Some(entry.artifact_id), state));
        }
        Ok(entries.into_iter().map(|(task, entries)| (task, WayBack::of(entries))).collect())
    }

    /// Locks everything that was cancelled because it waited, directly or not, for one of these or for what is in
    /// `cancelled` already. Level by level, as [`graph::cancel_dependents`] went.
    async fn lock_dependents(
        &self,
        db: &impl ConnectionTrait,
        roots: &[TaskId],
        cancelled: &mut HashMap<Uuid, Model>,
    ) -> Result<()> {
        let mut level: Vec<TaskId> =
            roots.iter().copied().chain(cancelled.keys().copied().map(TaskId::from_uuid)).collect();
        while !level.is_empty() {
            let mut next = Vec::new();
            for chunk in level.chunks(graph::CHILDREN_OF_MAX) {
                for row in graph::lock_children(db, self.tenant, chunk).await? {
                    let id = row.id;
                    if is_dependent(&row) && cancelled.insert(id, row).is_none() {
                        next.push(TaskId::from_uuid(id));
                    }
                }
            }
            level = next;
        }
        Ok(())
    }

    /// Those of these cancelled tasks that may wait again, and for each of the others a dead task that it waits for.
    ///
    /// What they wait for is locked with them: whoever ends it has done so before this reading, or does so after the commit
    /// and finds the one that waits PENDING.
    async fn revivable(
        &self,
        db: &impl ConnectionTrait,
        mut cancelled: HashMap<Uuid, Model>,
        again: &[TaskId],
    ) -> Result<(Vec<Model>, Vec<(TaskId, TaskId)>)> {
        let waiting = cancelled.keys().copied();
        let edges = batch::find::<dependencies::Entity>(db, self.tenant, dependencies::Column::TaskId, waiting).await?;
        let needed = edges.iter().map(|edge| edge.depends_on_id);
        let again: HashSet<Uuid> = again.iter().map(|id| id.as_uuid()).collect();
        let mut dead: HashSet<Uuid> = HashSet::new();
        for row in moves::lock(db, self.tenant, needed).await?.values() {
            if row.standing()?.is_dead_end() && !again.contains(&row.id) {
                dead.insert(row.id);
            }
        }
        let mut hopeless = Vec::new();
        // What waits for something hopeless is hopeless too; each round finds more of it, or is the last.
        loop {
            let stuck = |edge: &&dependencies::Model| {
                let by = edge.depends_on_id;
                cancelled.contains_key(&edge.task_id) && dead.contains(&by) && !cancelled.contains_key(&by)
            };
            let found: HashMap<Uuid, Uuid> =
                edges.iter().filter(stuck).map(|edge| (edge.task_id, edge.depends_on_id)).collect();
            if found.is_empty() {
                return Ok((cancelled.into_values().collect(), hopeless));
            }
            for (task, by) in found {
                cancelled.remove(&task);
                hopeless.push((TaskId::from_uuid(task), TaskId::from_uuid(by)));
            }
        }
    }

    /// Gives the ledger's entries of these posts all their attempts again. They are known not to be out.
    async fn arm_again(&self, db: &impl ConnectionTrait, posts: &[TaskId], now: DateTime<Utc>) -> Result<()> {
        use publications::Column as C;
        for chunk in posts.chunks(BINDS_MAX - 1) {
            let entries = publications::Entity::find()
                .filter(batch::of_tenant::<publications::Entity>(self.tenant))
                .filter(C::TaskId.is_in(chunk.iter().map(|id| id.as_uuid())))
                .order_by_asc(C::Id)
                .lock(LockType::NoKeyUpdate)
                .all(db)
                .await?;
            let seen: Vec<Seen> = entries.iter().map(|row| (row.id, StateVersion::new(row.state_version))).collect();
            versioned::update::<publications::Entity>(db, self.tenant, &seen, |_| {
                vec![
                    (C::State, Expr::val(PublicationState::Absent.as_str())),
                    (C::Attempts, Expr::val(0_i64)),
                    (C::NotBeforeMs, Expr::val(None::<i64>)),
                    (C::UpdatedAt, Expr::val(time(now))),
                ]
            })
            .await?;
        }
        Ok(())
    }
}

/// The event that puts a task back to work, or why none does.
fn retryable(row: &Model, grounds: &Grounds, way: Option<WayBack>) -> Result<Result<TaskEvent, NotRetried>> {
    if !is_dead(row) {
        return Ok(Err(NotRetried::NotDead(row.standing()?)));
    }
    if let Some(why) = hindrance(row, grounds)? {
        return Ok(Err(why));
    }
    Ok(match way.unwrap_or(WayBack::MakeAgain) {
        WayBack::MakeAgain => Ok(TaskEvent::Retry),
        WayBack::PublishAgain => Ok(TaskEvent::Republish),
        WayBack::AskPerson => Err(NotRetried::PerhapsOut),
    })
}

/// What the campaign has against it.
fn hindrance(row: &Model, grounds: &Grounds) -> Result<Option<NotRetried>> {
    Ok(match grounds.voids(row)? {
        Some(why @ (Outdated::CampaignEnded | Outdated::CampaignEdited { .. })) => Some(NotRetried::Outdated(why)),
        None | Some(Outdated::PersonaChanged { .. }) => (!grounds.is_active(row)).then_some(NotRetried::CampaignAtRest),
    })
}

fn is_dead(row: &Model) -> bool {
    row.state == TaskState::Failed.as_str()
}

/// Whether it was cancelled only because it waited for something.
fn is_dependent(row: &Model) -> bool {
    row.state == TaskState::Cancelled.as_str()
        && row.cancel_reason.as_deref() == Some(CancelReason::Dependency.as_str())
}
