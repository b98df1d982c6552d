//! What people answered beside what the judge said, and the maps that are fitted to it.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Value, sea_query::Expr};
use uuid::Uuid;

use chimera_domain::{Calibration, CampaignId, JudgeDecision, Question, Resolution, StateVersion, Verdict};

use crate::{
    Result, RowKind, Store, StoreError,
    audit::{self, records},
    batch,
    codec::{Mapped as _, Reader, time},
    dialect::LISTED_MAX,
    entity::{calibrations, decisions, tasks, tickets},
    versioned,
};

/// A person's answer beside what the judge had said.
#[derive(Debug, Clone, PartialEq)]
pub struct Reviewed {
    /// For which campaign the post was.
    pub campaign_id: CampaignId,
    /// The judge's decision that put it before a person.
    pub judged: JudgeDecision,
    /// Whether the person let it go out.
    pub approved: bool,
    /// Whether they let it go out in other words.
    pub edited: bool,
}

impl Store {
    /// The newest answers of people to the question whether a post may go out, at most `limit`, the newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn reviews(&self, limit: u64) -> Result<Vec<Reviewed>> {
        use tickets::Column as T;
        let answered = tickets::Entity::find()
            .filter(batch::of_tenant::<tickets::Entity>(self.tenant))
            // An index has those that are answered.
            .filter(T::ResolvedAt.is_not_null())
            .filter(T::Question.eq(Question::MayPublish.as_str()))
            .filter(T::Resolution.is_in([Resolution::Approved.as_str(), Resolution::Rejected.as_str()]))
            .order_by_desc(T::ResolvedAt)
            .order_by_desc(T::Id)
            .limit(limit)
            .all(&self.db)
            .await?;
        let ids: Vec<Uuid> = answered.iter().map(|ticket| ticket.task_id).collect();
        let campaigns = self.campaigns_of(&ids).await?;
        let rows =
            batch::find::<decisions::Entity>(&self.db, self.tenant, decisions::Column::TaskId, ids.iter().copied());
        let mut rows = rows.await?;
        rows.sort_by_key(|row| (row.logged_at, row.id));
        let mut decided: HashMap<Uuid, Vec<decisions::Model>> = HashMap::new();
        for row in rows {
            decided.entry(row.task_id).or_default().push(row);
        }
        let mut reviews = Vec::with_capacity(answered.len());
        for ticket in answered {
            let rows = decided.remove(&ticket.task_id).unwrap_or_default();
            let edited = rows.iter().any(|row| is_of_a_person(row) && row.artifact_id != Some(ticket.artifact_id));
            // A ticket that no judge opened says nothing of one.
            let asked = Verdict::HitlQueue.as_str();
            let judged = rows.into_iter().rev().find(|row| !is_of_a_person(row) && row.verdict == asked);
            if let (Some(judged), Some(campaign)) = (judged, campaigns.get(&ticket.task_id)) {
                let approved = ticket.resolution.as_deref() == Some(Resolution::Approved.as_str());
                let judged = decisions::Entity::read(judged)?;
                reviews.push(Reviewed { campaign_id: CampaignId::from_uuid(*campaign), judged, approved, edited });
            }
        }
        Ok(reviews)
    }

    async fn campaigns_of(&self, task_ids: &[Uuid]) -> Result<HashMap<Uuid, Uuid>> {
        let mut found = HashMap::with_capacity(task_ids.len());
        for chunk in task_ids.chunks(LISTED_MAX) {
            let select = tasks::Entity::find()
                .select_only()
                .columns([tasks::Column::Id, tasks::Column::CampaignId])
                .filter(batch::of_tenant::<tasks::Entity>(self.tenant))
                .filter(tasks::Column::Id.is_in(batch::padded(chunk.iter().copied())));
            found.extend(select.into_tuple::<(Uuid, Uuid)>().all(&self.db).await?);
        }
        Ok(found)
    }

    /// The maps that the judge uses for these campaigns: their own, and everybody's under `None`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn judge_maps(&self, campaigns: &[CampaignId]) -> Result<BTreeMap<Option<CampaignId>, Calibration>> {
        let ids = campaigns.iter().map(|id| id.as_uuid()).chain([self.tenant.as_uuid()]);
        let rows = batch::find::<calibrations::Entity>(&self.db, self.tenant, calibrations::Column::Id, ids).await?;
        let read = |row: calibrations::Model| {
            let reader = Reader { entity: RowKind::Calibration, id: row.id };
            let map = row.calibration.map(|map| reader.document("calibration", map)).transpose()?;
            Ok(map.map(|map| (row.campaign_id.map(CampaignId::from_uuid), map)))
        };
        rows.into_iter().filter_map(|row| read(row).transpose()).collect()
    }

    /// From now on the judge uses these maps and no others, everybody's under `None`. What is the same already is left alone.
    /// Returns how many changed.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else did the same meanwhile, or another [`StoreError`]; then nothing was
    /// written.
    pub async fn judge_calibrate(
        &self,
        maps: &BTreeMap<Option<CampaignId>, Calibration>,
        now: DateTime<Utc>,
    ) -> Result<usize> {
        self.retrying(|| self.judge_calibrate_once(maps, now)).await
    }

    async fn judge_calibrate_once(
        &self,
        maps: &BTreeMap<Option<CampaignId>, Calibration>,
        now: DateTime<Utc>,
    ) -> Result<usize> {
        use calibrations::Column as K;
        let mut wanted: HashMap<Uuid, calibrations::Model> = HashMap::new();
        for (campaign, map) in maps {
            let row = calibrations::row(self.tenant, *campaign, map, time(now))?;
            wanted.insert(row.id, row);
        }
        let tx = self.begin().await?;
        let stored = calibrations::Entity::find().filter(batch::of_tenant::<calibrations::Entity>(self.tenant));
        let (mut changed, mut values) = (Vec::new(), HashMap::new());
        for row in stored.all(&*tx).await? {
            let map = wanted.remove(&row.id).and_then(|row| row.calibration);
            if row.calibration != map {
                changed.push((row.id, StateVersion::new(row.state_version)));
                values.insert(row.id, map);
            }
        }
        let set = |chunk: &[versioned::Seen]| {
            let map = |(id, _): &versioned::Seen| (*id, Value::from(values.get(id).cloned().flatten()));
            let maps = batch::per_row::<calibrations::Entity>(K::Calibration, chunk.len(), chunk.iter().map(map));
            vec![maps, (K::UpdatedAt, Expr::val(time(now)))]
        };
        let mut rows = versioned::update::<calibrations::Entity>(&*tx, self.tenant, &changed, set).await?;
        if let Some((id, expected)) = changed.iter().find(|(id, _)| !rows.iter().any(|row| row.id == *id)) {
            let (id, expected) = (*id, *expected);
            return Err(StoreError::Conflict { entity: RowKind::Calibration, id, expected, found: expected.next() });
        }
        let new: Vec<calibrations::Model> = wanted.into_values().collect();
        batch::insert_rows::<calibrations::Entity>(&*tx, new.clone(), None).await?;
        rows.extend(new);
        let mut logged = Vec::with_capacity(rows.len());
        for row in &rows {
            let map = maps.get(&row.campaign_id.map(CampaignId::from_uuid));
            logged.push(records::judge_calibrated(row, map, self.actor.clone(), now));
        }
        audit::append(&*tx, self.tenant, &logged).await?;
        tx.commit().await?;
        Ok(rows.len())
    }
}

fn is_of_a_person(row: &decisions::Model) -> bool {
    row.decided_by.starts_with("human:")
}
