//! What may have gone out after the backup was taken, of which the restored rows know nothing.
//!
//! A post that was made by then would go out again under the same key: the publish ledger says UNKNOWN of it, so whoever
//! publishes it looks first. A post that was not made would be made anew under another key, by which no platform can
//! tell; it carries [`TaskPayload::RESTORED`], so a person looks.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{BinOper, Expr, ExprTrait},
};
use serde_json::Value;
use uuid::Uuid;

use chimera_domain::{
    ArtifactId, CancelReason, Publication, PublicationState, Question, StateVersion, TaskPayload, TaskState, TenantId,
    sha256_parts,
};

use crate::{
    Result, batch,
    codec::time,
    entity::{artifacts, publications, tasks, tickets},
    tasks::ground,
    versioned::{self, Seen},
};

/// Tasks looked at together.
const PAGE: u64 = 500;

/// Posts that may have gone out since the backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Doubts {
    /// Made by then: looked up by their key before they are published.
    pub(super) made: u64,
    /// Not made by then, or to be made again: put before a person.
    pub(super) unmade: u64,
}

/// Marks every unfinished post of the tenant as one that may have gone out since `taken_at`.
pub(super) async fn mark(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    taken_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Doubts> {
    let why = format!(
        "it may have gone out after {}, when the backup was taken that is restored here",
        taken_at.format("%F %H:%M UTC")
    );
    let (mut doubts, mut last) = (Doubts::default(), None);
    loop {
        let page = unfinished(db, tenant, last).await?;
        let Some(end) = page.last() else { return Ok(doubts) };
        last = Some(end.id);
        mark_tasks(db, tenant, &page).await?;
        let made: Vec<&tasks::Model> = page.iter().filter(|task| is_made(task)).collect();
        doubts.made += made.len() as u64;
        doubts.unmade += (page.len() - made.len()) as u64;
        mark_ledger(db, tenant, &made, &why, now).await?;
        mark_tickets(db, tenant, &made, &why).await?;
    }
}

/// Posts that have not come to an end, and those that an operator could bring back.
async fn unfinished(db: &impl ConnectionTrait, tenant: TenantId, after: Option<Uuid>) -> Result<Vec<tasks::Model>> {
    use tasks::Column as C;
    let live = TaskState::ALL.iter().filter(|state| !state.is_terminal() || **state == TaskState::Failed);
    let revivable = Condition::all()
        .add(C::State.eq(TaskState::Cancelled.as_str()))
        .add(C::CancelReason.eq(CancelReason::Dependency.as_str()));
    let mut select = tasks::Entity::find()
        .filter(batch::of_tenant::<tasks::Entity>(tenant))
        .filter(ground::is_publishable())
        .filter(Condition::any().add(C::State.is_in(live.map(|state| state.as_str()))).add(revivable));
    if let Some(after) = after {
        select = select.filter(C::Id.gt(after));
    }
    Ok(select.order_by_asc(C::Id).limit(PAGE).all(db).await?)
}

/// Whether what would be published is there already.
fn is_made(task: &tasks::Model) -> bool {
    use TaskState as S;
    let reviewed = [S::JudgeReview, S::HitlQueue, S::Approved, S::Publishing];
    task.result_artifact.is_some() && reviewed.iter().any(|state| state.as_str() == task.state)
}

/// Whatever else becomes of these posts, such as being planned anew: it goes out by a person's word only.
async fn mark_tasks(db: &impl ConnectionTrait, tenant: TenantId, rows: &[tasks::Model]) -> Result<()> {
    let mut payloads: HashMap<Uuid, Value> = HashMap::new();
    for row in rows {
        let mut payload = row.payload.clone();
        let taint = payload.get_mut("taint").and_then(Value::as_array_mut);
        // A payload without the list is damaged; nobody could work with it.
        if let Some(taint) = taint.filter(|taint| taint.iter().all(|name| name != TaskPayload::RESTORED)) {
            taint.push(TaskPayload::RESTORED.into());
            payloads.insert(row.id, payload);
        }
    }
    let seen: Vec<Seen> = rows.iter().filter(|row| payloads.contains_key(&row.id)).map(of).collect();
    versioned::update::<tasks::Entity>(db, tenant, &seen, |chunk| {
        let values = chunk.iter().filter_map(|(id, _)| Some((*id, payloads.get(id)?.clone().into())));
        vec![batch::per_row::<tasks::Entity>(tasks::Column::Payload, chunk.len(), values)]
    })
    .await?;
    Ok(())
}

fn of(row: &tasks::Model) -> Seen {
    (row.id, row.version())
}

/// Says UNKNOWN of these posts, unless the ledger says more already. ABSENT was so at the time of the backup.
async fn mark_ledger(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    made: &[&tasks::Model],
    why: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    use publications::Column as C;
    let ids = made.iter().filter_map(|task| task.result_artifact);
    let artifacts = batch::find::<artifacts::Entity>(db, tenant, artifacts::Column::Id, ids).await?;
    let keys: HashMap<Uuid, String> = artifacts
        .iter()
        .map(|row| (row.id, Publication::idempotency_key(ArtifactId::from_uuid(row.id), &row.content_hash)))
        .collect();
    let entries = batch::find::<publications::Entity>(db, tenant, C::IdempotencyKey, keys.values().cloned()).await?;
    let known: HashSet<&str> = entries.iter().map(|entry| entry.idempotency_key.as_str()).collect();
    let absent = entries.iter().filter(|entry| entry.state == PublicationState::Absent.as_str());
    let seen: Vec<Seen> = absent.map(|entry| (entry.id, StateVersion::new(entry.state_version))).collect();
    versioned::update::<publications::Entity>(db, tenant, &seen, |_| {
        vec![
            (C::State, Expr::val(PublicationState::Unknown.as_str())),
            (C::LastError, Expr::val(why)),
            (C::UpdatedAt, Expr::val(time(now))),
        ]
    })
    .await?;
    let new = artifacts.iter().filter_map(|artifact| {
        let key = keys.get(&artifact.id).filter(|key| !known.contains(key.as_str()))?;
        Some(entry(artifact, key, why, now))
    });
    batch::insert_rows::<publications::Entity>(db, new.collect(), None).await?;
    Ok(())
}

/// An entry of a post that this database has never tried to publish.
fn entry(artifact: &artifacts::Model, key: &str, why: &str, now: DateTime<Utc>) -> publications::Model {
    // The store draws no ids by chance; one key has one entry.
    let hash = sha256_parts(&[b"restored", key.as_bytes()]);
    let id = hash.get(..32).and_then(|hex| Uuid::try_parse(hex).ok()).unwrap_or(artifact.id);
    publications::Model {
        id,
        tenant_id: artifact.tenant_id,
        trace_id: artifact.trace_id.clone(),
        task_id: artifact.task_id,
        artifact_id: artifact.id,
        channel: artifact.channel.clone(),
        idempotency_key: key.to_owned(),
        state: PublicationState::Unknown.as_str().to_owned(),
        attempts: 0,
        external_id: None,
        url: None,
        not_before_ms: None,
        last_error: Some(why.to_owned()),
        state_version: StateVersion::FIRST.get(),
        created_at: time(now),
        updated_at: time(now),
    }
}

/// Tells whoever is asked about one of these posts.
async fn mark_tickets(db: &impl ConnectionTrait, tenant: TenantId, made: &[&tasks::Model], why: &str) -> Result<()> {
    use tickets::Column as C;
    let note = format!(
        "\nRestored: {why}. Look at the account. If it is out, approve it all the same: it is looked up by its key first, \
         and not published twice."
    );
    let asked: Vec<Uuid> = made.iter().filter_map(|task| task.hitl_ticket_id).collect();
    let rows = batch::find::<tickets::Entity>(db, tenant, C::Id, asked).await?;
    let open = rows.iter().filter(|row| row.resolution.is_none() && row.question == Question::MayPublish.as_str());
    let seen: Vec<Seen> = open.map(|row| (row.id, StateVersion::new(row.state_version))).collect();
    versioned::update::<tickets::Entity>(db, tenant, &seen, |_| {
        vec![(C::ReasoningTrace, Expr::col(C::ReasoningTrace).binary(BinOper::Custom("||"), Expr::val(note.clone())))]
    })
    .await?;
    Ok(())
}
