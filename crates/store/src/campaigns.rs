//! Campaigns.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, ModelTrait as _, QueryFilter, QueryOrder, QuerySelect as _, Select, Value,
    sea_query::Expr,
};
use uuid::Uuid;

use chimera_domain::{Campaign, CampaignId, CampaignOrigin, CampaignProblem, CampaignStatus, StateVersion};

use crate::{
    Result, RowKind, Store, StoreError,
    audit::{self, records},
    batch,
    codec::{Mapped, text, time},
    entity::campaigns::{Column, Entity, Model},
    versioned,
};

/// Why a campaign was not created or edited. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum CampaignError {
    /// It can't run.
    #[error(transparent)]
    Problem(#[from] CampaignProblem),
    /// There is another one of its name.
    #[error("there is a campaign {slug} already, and it is over or says something else: edit it, or take another slug")]
    Taken {
        /// The name.
        slug: String,
    },
    /// It is over.
    #[error("campaign {slug} is over: create another one")]
    Over {
        /// Its name.
        slug: String,
    },
    /// The configuration says what it is.
    #[error(
        "campaign {slug} comes from the configuration, and the next start would undo this: edit it there, or take it over"
    )]
    Configured {
        /// Its name.
        slug: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Inserts the campaign, or brings the stored one of its slug up to date when it differs. The stored id, status
    /// and birth are kept: only [`Self::campaign_set_status`] pauses or resumes. An edit of the brief voids what was
    /// planned before ([`Campaign::brief_version`]). A campaign of the configuration changes none that is an operator's.
    /// Returns the row as it stands.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails, or others keep saving the same campaign.
    pub async fn campaign_save(&self, campaign: &Campaign) -> Result<Campaign> {
        let wanted = Entity::write(campaign, self.tenant)?;
        let find = self.campaigns_of_slug(&wanted.slug);
        versioned::save::<Entity>(
            self,
            RowKind::Campaign,
            campaign,
            find,
            |stored| {
                let seen = (stored.id, StateVersion::new(stored.state_version));
                let theirs = campaign.origin == CampaignOrigin::Configuration
                    && stored.origin == CampaignOrigin::Operator.as_str();
                if theirs || is_same(stored, &wanted) { (seen, vec![]) } else { (seen, changes(stored, &wanted)) }
            },
            |row, changed| records::campaign_saved(row, self.actor.clone(), changed, row.updated_at),
        )
        .await
    }

    /// Brings in a campaign, unless there is one of its slug. When that one says the same it is returned, so that asking
    /// twice creates once.
    ///
    /// # Errors
    /// [`CampaignError`]; then nothing was written.
    pub async fn campaign_create(&self, campaign: &Campaign) -> Result<Campaign, CampaignError> {
        campaign.sketch().check()?;
        let row = Entity::write(campaign, self.tenant)?;
        let tx = self.begin().await?;
        if batch::insert_new::<Entity>(&*tx, self.tenant, [campaign]).await? == 0 {
            tx.abandon().await?;
            let stored = self.campaigns_of_slug(&row.slug).one(&self.db).await.map_err(StoreError::from)?;
            let stored = stored.ok_or(StoreError::NotFound { entity: RowKind::Campaign, id: row.id })?;
            let over = stored.status == CampaignStatus::Ended.as_str();
            if over || !is_same(&stored, &row) {
                return Err(CampaignError::Taken { slug: row.slug });
            }
            return Ok(Entity::read(stored)?);
        }
        let logged = records::campaign_saved(&row, self.actor.clone(), "", row.updated_at);
        audit::append(&*tx, self.tenant, &[logged]).await?;
        tx.commit().await?;
        Ok(Entity::read(row)?)
    }

    /// Makes a campaign what `wanted` says of it; its slug, status, birth and id stay. An edit of the brief voids what was
    /// planned before ([`Campaign::brief_version`]). One that comes from the configuration must be taken over first or by
    /// the same edit, by `wanted.origin`. Returns the row as it stands; nothing is written when it says all that already.
    ///
    /// # Errors
    /// [`CampaignError`], such as [`StoreError::Conflict`] when it was changed since `version`; then nothing was written.
    pub async fn campaign_edit(
        &self,
        id: CampaignId,
        version: StateVersion,
        wanted: &Campaign,
    ) -> Result<Campaign, CampaignError> {
        let stored = batch::find::<Entity>(&self.db, self.tenant, Column::Id, [id.as_uuid()]).await?.pop();
        let stored = stored.ok_or(StoreError::NotFound { entity: RowKind::Campaign, id: id.as_uuid() })?;
        let before = Entity::read(stored.clone())?;
        let kept = Campaign { id, slug: before.slug.clone(), tenant_id: self.tenant, ..wanted.clone() };
        kept.sketch().check()?;
        if before.status == CampaignStatus::Ended {
            return Err(CampaignError::Over { slug: before.slug });
        }
        if before.origin == CampaignOrigin::Configuration && wanted.origin == CampaignOrigin::Configuration {
            return Err(CampaignError::Configured { slug: before.slug });
        }
        let row = Entity::write(&kept, self.tenant)?;
        if before.state_version == version && is_same(&stored, &row) {
            return Ok(before);
        }
        let tx = self.begin().await?;
        // Written only if nobody wrote it since it was read above, so what differs is known.
        let set = changes(&stored, &row);
        let after =
            versioned::update_one::<Entity>(&*tx, self.tenant, RowKind::Campaign, (id.as_uuid(), version), set).await?;
        let changed = versioned::changed::<Entity>(&stored, &after);
        let logged = records::campaign_saved(&after, self.actor.clone(), &changed, wanted.updated_at);
        audit::append(&*tx, self.tenant, &[logged]).await?;
        tx.commit().await?;
        Ok(Entity::read(after)?)
    }

    /// Every campaign, by slug.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn campaigns(&self) -> Result<Vec<Campaign>> {
        let rows = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .order_by_asc(Column::Slug)
            .all(&self.db)
            .await?;
        batch::read_all::<Entity>(rows)
    }

    /// Campaigns by slug, those after this one: a page of them.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn campaigns_page(&self, after: Option<&str>, limit: u64) -> Result<Vec<Campaign>> {
        let mut select =
            Entity::find().filter(batch::of_tenant::<Entity>(self.tenant)).order_by_asc(Column::Slug).limit(limit);
        if let Some(after) = after {
            select = select.filter(Column::Slug.gt(text(after)));
        }
        batch::read_all::<Entity>(select.all(&self.db).await?)
    }

    /// The campaigns that plan and publish, by slug.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn campaigns_active(&self) -> Result<Vec<Campaign>> {
        let rows = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::Status.eq(CampaignStatus::Active.as_str()))
            .order_by_asc(Column::Slug)
            .all(&self.db)
            .await?;
        batch::read_all::<Entity>(rows)
    }

    /// The ids of [`Self::campaigns_active`] with their versions, in the same order: for whoever keeps what they have read.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn campaigns_running(&self) -> Result<Vec<(CampaignId, StateVersion)>> {
        let select = Entity::find()
            .select_only()
            .columns([Column::Id, Column::StateVersion])
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::Status.eq(CampaignStatus::Active.as_str()))
            .order_by_asc(Column::Slug);
        let rows = select.into_tuple::<(Uuid, i64)>().all(&self.db).await?;
        Ok(rows.into_iter().map(|(id, version)| (CampaignId::from_uuid(id), StateVersion::new(version))).collect())
    }

    /// The campaigns with these ids, in no particular order; unknown ids are left out.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn campaigns_by_ids(&self, ids: &[CampaignId]) -> Result<Vec<Campaign>> {
        let ids = ids.iter().map(|id| id.as_uuid());
        batch::read_all::<Entity>(batch::find::<Entity>(&self.db, self.tenant, Column::Id, ids).await?)
    }

    /// The campaign of this slug, if there is one.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn campaign_by_slug(&self, slug: &str) -> Result<Option<Campaign>> {
        self.campaigns_of_slug(slug).one(&self.db).await?.map(Entity::read).transpose()
    }

    /// The campaign with this id, if there is one.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn campaign_by_id(&self, id: CampaignId) -> Result<Option<Campaign>> {
        let rows = batch::find::<Entity>(&self.db, self.tenant, Column::Id, [id.as_uuid()]).await?;
        rows.into_iter().next().map(Entity::read).transpose()
    }

    /// Pauses, resumes or ends the campaign. Its version moves on, so no plan made before is committed after. A pause
    /// voids nothing that is planned already: it holds still, and goes on when the campaign is resumed. A publish call
    /// that began before goes on, none begins after.
    ///
    /// # Errors
    /// [`crate::StoreError::Conflict`] when it was changed since `version`, [`crate::StoreError::NotFound`].
    pub async fn campaign_set_status(
        &self,
        id: CampaignId,
        version: StateVersion,
        status: CampaignStatus,
        now: DateTime<Utc>,
    ) -> Result<Campaign> {
        let set = to_status(status, now);
        let seen = (id.as_uuid(), version);
        let tx = self.begin().await?;
        let before = batch::find::<Entity>(&*tx, self.tenant, Column::Id, [id.as_uuid()]).await?;
        let row = versioned::update_one::<Entity>(&*tx, self.tenant, RowKind::Campaign, seen, set).await?;
        let from = before.first().map_or("", |row| &row.status);
        let logged = records::campaign_status_set(&row, from, self.actor.clone(), now);
        audit::append(&*tx, self.tenant, &[logged]).await?;
        tx.commit().await?;
        Entity::read(row)
    }

    /// The campaigns that are quiet at this moment.
    pub(crate) async fn campaigns_quiet(&self, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
        let rows = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::QuietHours.is_not_null())
            .all(&self.db)
            .await?;
        let mut quiet = Vec::new();
        for row in rows {
            if row.quiet_hours()?.is_some_and(|hours| hours.is_quiet(now)) {
                quiet.push(row.id);
            }
        }
        Ok(quiet)
    }

    fn campaigns_of_slug(&self, slug: &str) -> Select<Entity> {
        Entity::find().filter(batch::of_tenant::<Entity>(self.tenant)).filter(Column::Slug.eq(slug))
    }
}

/// What is written to a campaign that is paused, resumed or ended.
pub(crate) fn to_status(status: CampaignStatus, now: DateTime<Utc>) -> Vec<(Column, Expr)> {
    vec![(Column::Status, Expr::val(status.as_str())), (Column::UpdatedAt, Expr::val(time(now)))]
}

/// What is planned already rests on; see also [`is_same_brief`].
const BRIEF: [Column; 5] =
    [Column::Goal, Column::Agents, Column::Channels, Column::PostBudgetMicros, Column::VideoSeconds];

/// What an operator sets beside the brief.
const SETTINGS: [Column; 8] = [
    Column::Resources,
    Column::RelevanceThreshold,
    Column::Terms,
    Column::DailyTaskCap,
    Column::DailyBudgetMicros,
    Column::QuietHours,
    Column::PlanReview,
    Column::Origin,
];

fn is_same(stored: &Model, wanted: &Model) -> bool {
    BRIEF.iter().chain(&SETTINGS).all(|column| is_equal(stored, wanted, *column))
}

/// Whether what is planned already still is what the campaign wants. A story that it denies by now must not go out.
fn is_same_brief(stored: &Model, wanted: &Model) -> bool {
    BRIEF.iter().all(|column| is_equal(stored, wanted, *column)) && denied(stored) == denied(wanted)
}

/// PostgreSQL gives the fields of a document back in an order of its own, which makes no difference.
fn is_equal(stored: &Model, wanted: &Model, column: Column) -> bool {
    match (stored.get(column), wanted.get(column)) {
        (Value::Json(stored), Value::Json(wanted)) => stored == wanted,
        (stored, wanted) => stored == wanted,
    }
}

/// The terms that rule a story out.
fn denied(row: &Model) -> &[serde_json::Value] {
    row.terms.get("deny").and_then(serde_json::Value::as_array).map_or(&[], Vec::as_slice)
}

fn changes(stored: &Model, wanted: &Model) -> Vec<(Column, Expr)> {
    let value = |column: &Column| (*column, Expr::val(wanted.get(*column)));
    let mut set: Vec<(Column, Expr)> = BRIEF.iter().chain(&SETTINGS).map(value).collect();
    set.push((Column::UpdatedAt, Expr::val(wanted.updated_at)));
    if stored.goal != wanted.goal {
        // Scores for another goal mean something else.
        set.push((Column::Calibration, Expr::val(None::<serde_json::Value>)));
    }
    if !is_same_brief(stored, wanted) {
        // The version that this very write makes.
        set.push((Column::BriefVersion, Expr::val(stored.state_version + 1)));
    }
    set
}
