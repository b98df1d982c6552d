//! Before the call: who publishes what, on record.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType},
};
use uuid::Uuid;

use chimera_domain::{
    Agent, AgentTask, Artifact, Campaign, Publication, PublicationId, PublicationState, StateVersion, TaskEvent,
    TaskId, TaskState,
};

use crate::{
    BadValue, Result, RowKind, Store, StoreError,
    audit::{self, records},
    batch,
    codec::{Mapped as _, Reader, text, time},
    dialect::unindexed,
    entity::{publications, tasks},
    tasks::{
        Surroundings,
        ground::{self, Grounds},
        moves::{self, Lease, Move},
        with_dependencies,
    },
    versioned::{self, Seen},
};

/// Everything a publisher needs for one post.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishCase {
    /// The task, in PUBLISHING; its version is the fencing token.
    pub task: AgentTask,
    /// What goes out.
    pub artifact: Artifact,
    /// The ledger's entry, ATTEMPTING.
    pub publication: Publication,
    /// Who speaks.
    pub agent: Agent,
    /// For what.
    pub campaign: Campaign,
    /// Whether an earlier attempt may have reached the platform: look the post up before calling. Not when it is known,
    /// from the platform or a person, that the post is not there.
    pub previously_attempted: bool,
    /// When it was approved, by the judge or a person; or put back among the approved after a call that certainly had no
    /// effect. Not known of one that was taken over.
    pub approved_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Begins to publish those of these tasks that are APPROVED and not void, and whose campaign is ACTIVE: PUBLISHING
    /// under a lease,
    /// with a ledger entry for each, committed before this returns. A pause that was committed before holds them all
    /// back; a pause that comes later waits for this commit. `new_ids` gives each task an id for its ledger entry; it is
    /// used unless the same content has an entry already.
    ///
    /// Posts that rest after a failed call ([`super::PublishOutcome::Absent`]) stay as they are until the rest is over,
    /// and so do those that would follow others too closely ([`Self::paced`]). So does one of which something can't be
    /// read; an alert tells of it, once.
    ///
    /// # Errors
    /// [`StoreError::TooFewIds`]; or another [`StoreError`], then nothing was written.
    pub async fn publish_begin(
        &self,
        ids: &[TaskId],
        publisher: &str,
        lease: Duration,
        now: DateTime<Utc>,
        new_ids: &[PublicationId],
    ) -> Result<Vec<PublishCase>> {
        if new_ids.len() < ids.len() {
            return Err(StoreError::TooFewIds { given: new_ids.len(), wanted: ids.len() });
        }
        match self.retrying(|| self.begin_once(ids, publisher, lease, now, new_ids)).await {
            Err(StoreError::Corrupt { .. }) => {}
            begun => return begun,
        }
        // Something is damaged, which is rare: only now does each cost a transaction of its own.
        let (mut cases, mut unreadable) = (Vec::with_capacity(ids.len()), Vec::new());
        for (id, new_id) in ids.iter().zip(new_ids) {
            let (one, new_id) = (std::slice::from_ref(id), std::slice::from_ref(new_id));
            match self.retrying(|| self.begin_once(one, publisher, lease, now, new_id)).await {
                Ok(begun) => cases.extend(begun),
                Err(error @ StoreError::Corrupt { .. }) => unreadable.push((*id, error)),
                Err(error) => return Err(error),
            }
        }
        self.tell_unreadable(&unreadable, "the approved post can't be published").await?;
        Ok(cases)
    }

    async fn begin_once(
        &self,
        ids: &[TaskId],
        publisher: &str,
        lease: Duration,
        now: DateTime<Utc>,
        new_ids: &[PublicationId],
    ) -> Result<Vec<PublishCase>> {
        let lease = Lease { owner: publisher.to_owned(), end: self.lease_end(lease) };
        let tx = self.begin().await?;
        let (rows, grounds) = self.publishable(&*tx, ids, now).await?;
        let approved = with_dependencies(&*tx, self.tenant, rows.clone()).await?;
        let around = self.around(&*tx, &approved, grounds).await?;
        let known = self.ledger(&*tx, &approved, &around).await?;
        let mut resting = self.resting(&*tx, &known).await?;
        let rested = approved.iter().filter(|task| !resting.contains(&task.id.as_uuid()));
        let waiting = self.out_of_pace(&*tx, rested, now).await?;
        resting.extend(waiting);
        let known = read_ledger(known)?;
        let mut steps = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(|row| !resting.contains(&row.id)) {
            steps.push(Move::of(row, TaskEvent::StartPublish)?.leased(&lease));
        }
        let since: HashMap<TaskId, DateTime<Utc>> = approved.iter().map(|task| (task.id, task.updated_at)).collect();
        let moved = moves::apply(&*tx, self.tenant, &steps, now).await?;
        let tasks = moved_on(approved, moved)?;
        let known = known.into_iter().filter(|(_, entry)| !resting.contains(&entry.task_id.as_uuid())).collect();
        let previously = perhaps_out(&known);
        let fresh: HashMap<TaskId, PublicationId> = ids.iter().copied().zip(new_ids.iter().copied()).collect();
        let entries = self.write_ledger(&*tx, &tasks, &around, known, &fresh, now).await?;
        let mut cases = cases(tasks, &around, &entries, &previously)?;
        for case in &mut cases {
            case.approved_at = since.get(&case.task.id).copied();
        }
        let logged: Vec<_> = cases.iter().map(|case| records::publish_begun(case, publisher, now)).collect();
        audit::append(&*tx, self.tenant, &logged).await?;
        tx.commit().await?;
        Ok(cases)
    }

    /// Whether a publication that was begun at this version may be called for at this very moment: nobody took it over,
    /// and its campaign is ACTIVE, not quiet, and wants what it wanted. For a caller who had to wait after
    /// [`Self::publish_begin`].
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn publish_stands(&self, id: TaskId, version: StateVersion, now: DateTime<Utc>) -> Result<bool> {
        let standing = tasks::Entity::find()
            .select_only()
            .column(tasks::Column::Id)
            .filter(batch::of_tenant::<tasks::Entity>(self.tenant))
            .filter(tasks::Column::Id.eq(id.as_uuid()))
            .filter(tasks::Column::StateVersion.eq(version.get()))
            .filter(unindexed(Expr::col((tasks::Entity, tasks::Column::State))).eq(TaskState::Publishing.as_str()))
            .filter(ground::standing(self.tenant))
            .filter(ground::not_of(&self.campaigns_quiet(now).await?));
        Ok(standing.into_tuple::<Uuid>().one(&self.db).await?.is_some())
    }

    /// Takes over up to `limit` publications whose publisher let its lease lapse: it may have died before, during or
    /// after the call, so each must be looked up on the platform first. Paused campaigns too: a look-up harms nobody.
    /// One of which something can't be read is left as it is, for its post may be out; an alert tells of it, once.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; then nothing was written, unless something can't be read: then the
    /// publications taken over before stay so until their new lease lapses.
    pub async fn publish_stale(&self, publisher: &str, lease: Duration, limit: u64) -> Result<Vec<PublishCase>> {
        let stale = self.lapsed(TaskState::Publishing).order_by_asc(tasks::Column::LeaseExpiresMs);
        match self.retrying(|| self.stale_once(stale.clone().limit(limit), publisher, lease)).await {
            Err(StoreError::Corrupt { .. }) => {}
            taken => return taken,
        }
        // Something is damaged, which is rare: only now does each cost a transaction of its own.
        let ids: Vec<Uuid> = stale.clone().select_only().column(tasks::Column::Id).into_tuple().all(&self.db).await?;
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut cases, mut unreadable) = (Vec::new(), Vec::new());
        for id in ids {
            if cases.len() >= wanted {
                break;
            }
            let one = stale.clone().filter(tasks::Column::Id.eq(id));
            match self.retrying(|| self.stale_once(one.clone(), publisher, lease)).await {
                Ok(case) => cases.extend(case),
                Err(error @ StoreError::Corrupt { .. }) => unreadable.push((TaskId::from_uuid(id), error)),
                Err(error) => return Err(error),
            }
        }
        self.tell_unreadable(&unreadable, "a post that may be out can't be looked up").await?;
        Ok(cases)
    }

    async fn stale_once(
        &self,
        stale: Select<tasks::Entity>,
        publisher: &str,
        lease: Duration,
    ) -> Result<Vec<PublishCase>> {
        // Mostly there are none; a reading is cheaper than a writing transaction.
        if stale.clone().one(&self.db).await?.is_none() {
            return Ok(vec![]);
        }
        let tx = self.begin().await?;
        let rows = stale.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked).all(&*tx).await?;
        // A new version fences the old publisher off.
        let seen: Vec<Seen> = rows.iter().map(|row| (row.id, row.version())).collect();
        let (owner, end) = (text(publisher), self.lease_end(lease));
        let left_by: HashMap<TaskId, String> =
            rows.into_iter().map(|row| (TaskId::from_uuid(row.id), row.lease_owner.unwrap_or_default())).collect();
        let rows = versioned::update::<tasks::Entity>(&*tx, self.tenant, &seen, |_| {
            vec![
                (tasks::Column::LeaseOwner, Expr::val(owner.clone())),
                (tasks::Column::LeaseExpiresMs, end.clone()),
                (tasks::Column::UpdatedAt, self.backend.clock()),
            ]
        })
        .await?;
        let tasks = with_dependencies(&*tx, self.tenant, rows).await?;
        let rests_on = tasks.iter().map(|task| (task.campaign_id.as_uuid(), task.agent_id.as_uuid()));
        let grounds = Grounds::glimpse(&*tx, self.tenant, rests_on).await?;
        let around = self.around(&*tx, &tasks, grounds).await?;
        let known = read_ledger(self.ledger(&*tx, &tasks, &around).await?)?;
        let previously: HashSet<String> = known.keys().cloned().collect();
        let cases = cases(tasks, &around, &known, &previously)?;
        let now = self.database_now(&*tx).await?;
        let logged: Vec<_> = cases
            .iter()
            .map(|case| {
                records::publish_taken_over(case, publisher, left_by.get(&case.task.id).map_or("", |by| by), now)
            })
            .collect();
        audit::append(&*tx, self.tenant, &logged).await?;
        tx.commit().await?;
        Ok(cases)
    }

    /// Locks the APPROVED ones that hold, after their campaigns, which must be ACTIVE and not quiet, and their agents: these
    /// stay as they are until the commit.
    async fn publishable(
        &self,
        db: &impl ConnectionTrait,
        ids: &[TaskId],
        now: DateTime<Utc>,
    ) -> Result<(Vec<tasks::Model>, Grounds)> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.as_uuid()).collect();
        let grounds = Grounds::hold(db, self.tenant, &ids).await?;
        let mut rows = Vec::with_capacity(ids.len());
        if grounds.any_active() {
            for row in moves::lock(db, self.tenant, ids).await?.into_values() {
                let approved = row.state == TaskState::Approved.as_str();
                let awake = grounds.is_active(&row) && !grounds.is_quiet(&row, now)?;
                if approved && awake && grounds.voids(&row)?.is_none() {
                    rows.push(row);
                }
            }
        }
        Ok((rows, grounds))
    }

    /// Who speaks for what, and what goes out.
    async fn around(&self, db: &impl ConnectionTrait, tasks: &[AgentTask], grounds: Grounds) -> Result<Surroundings> {
        Surroundings::on(db, self.tenant, grounds, tasks.iter().map(|task| task.id)).await
    }

    /// Ledger entries for what these tasks made.
    async fn ledger(
        &self,
        db: &impl ConnectionTrait,
        tasks: &[AgentTask],
        around: &Surroundings,
    ) -> Result<Vec<publications::Model>> {
        let mut keys = Vec::with_capacity(tasks.len());
        for task in tasks {
            keys.push(key(around.artifact(task)?));
        }
        batch::find::<publications::Entity>(db, self.tenant, publications::Column::IdempotencyKey, keys).await
    }

    /// Those tasks whose post rests. Their rows are locked, so what they were told last is known here.
    async fn resting(&self, db: &impl ConnectionTrait, known: &[publications::Model]) -> Result<HashSet<Uuid>> {
        let mut resting: Vec<_> =
            known.iter().filter_map(|entry| Some((entry.task_id, entry.not_before_ms?))).collect();
        if !resting.is_empty() {
            let now = self.database_now(db).await?.timestamp_millis();
            resting.retain(|(_, not_before)| *not_before > now);
        }
        Ok(resting.into_iter().map(|(task, _)| task).collect())
    }

    /// Arms the entries that exist and makes those that don't.
    async fn write_ledger(
        &self,
        db: &impl ConnectionTrait,
        tasks: &[AgentTask],
        around: &Surroundings,
        known: HashMap<String, Publication>,
        fresh: &HashMap<TaskId, PublicationId>,
        now: DateTime<Utc>,
    ) -> Result<HashMap<String, Publication>> {
        use publications::Column as C;
        let seen: Vec<Seen> = known.values().map(|p| (p.id.as_uuid(), p.state_version)).collect();
        let armed = versioned::update::<publications::Entity>(db, self.tenant, &seen, |_| {
            vec![
                (C::State, Expr::val(PublicationState::Attempting.as_str())),
                (C::Attempts, Expr::col(C::Attempts).add(1_i64)),
                (C::UpdatedAt, Expr::val(time(now))),
            ]
        })
        .await?;
        let mut entries: HashMap<String, Publication> = batch::read_all::<publications::Entity>(armed)?
            .into_iter()
            .map(|entry| (entry.idempotency_key.clone(), entry))
            .collect();
        let mut made = Vec::new();
        for task in tasks {
            let artifact = around.artifact(task)?;
            let (key, id) = (key(artifact), fresh.get(&task.id).copied());
            if let (Some(id), false) = (id, entries.contains_key(&key)) {
                let entry = entry(id, task, artifact, key, now);
                made.push(entry.clone());
                entries.insert(entry.idempotency_key.clone(), entry);
            }
        }
        batch::insert::<publications::Entity>(db, self.tenant, &made).await?;
        Ok(entries)
    }
}

/// Entries by their idempotency key.
fn read_ledger(rows: Vec<publications::Model>) -> Result<HashMap<String, Publication>> {
    let entries = batch::read_all::<publications::Entity>(rows)?;
    Ok(entries.into_iter().map(|entry| (entry.idempotency_key.clone(), entry)).collect())
}

/// Those of these tasks whose rows were written, as they are now.
fn moved_on(before: Vec<AgentTask>, rows: Vec<tasks::Model>) -> Result<Vec<AgentTask>> {
    let mut rows: HashMap<Uuid, tasks::Model> = rows.into_iter().map(|row| (row.id, row)).collect();
    let moved = before.into_iter().filter_map(|task| Some((task.depends_on, rows.remove(&task.id.as_uuid())?)));
    moved.map(|(depends_on, row)| Ok(AgentTask { depends_on, ..tasks::Entity::read(row)? })).collect()
}

/// The tasks, each with its entry and everything around it.
fn cases(
    tasks: Vec<AgentTask>,
    around: &Surroundings,
    entries: &HashMap<String, Publication>,
    previously: &HashSet<String>,
) -> Result<Vec<PublishCase>> {
    let case = |task: AgentTask| {
        let artifact = around.artifact(&task)?.clone();
        let publication = entries.get(&key(&artifact)).cloned().ok_or_else(|| dangling(&task))?;
        Ok(PublishCase {
            previously_attempted: previously.contains(&publication.idempotency_key),
            agent: around.agent(&task)?,
            campaign: around.campaign(&task)?,
            approved_at: None,
            publication,
            artifact,
            task,
        })
    };
    tasks.into_iter().map(case).collect()
}

/// Keys of entries whose last call may have reached the platform. ABSENT says that it certainly did not, by the
/// platform's word or a person's.
fn perhaps_out(known: &HashMap<String, Publication>) -> HashSet<String> {
    let perhaps = known.iter().filter(|(_, entry)| entry.state != PublicationState::Absent);
    perhaps.map(|(key, _)| key.clone()).collect()
}

fn key(artifact: &Artifact) -> String {
    Publication::idempotency_key(artifact.id, &artifact.content_hash)
}

fn entry(id: PublicationId, task: &AgentTask, artifact: &Artifact, key: String, now: DateTime<Utc>) -> Publication {
    Publication {
        id,
        tenant_id: task.tenant_id,
        trace_id: task.trace_id,
        task_id: task.id,
        artifact_id: artifact.id,
        channel: artifact.channel,
        idempotency_key: key,
        state: PublicationState::Attempting,
        attempts: 1,
        external_id: None,
        url: None,
        last_error: None,
        state_version: StateVersion::FIRST,
        created_at: time(now),
        updated_at: time(now),
    }
}

fn dangling(task: &AgentTask) -> StoreError {
    Reader { entity: RowKind::Task, id: task.id.as_uuid() }.corrupt("result_artifact", BadValue::Dangling)
}
