//! Campaigns.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, Select, sea_query::Expr};

use chimera_domain::{Campaign, CampaignId, CampaignStatus, StateVersion};

use crate::{
    Result, RowKind, Store,
    audit::{self, records},
    batch,
    codec::{Mapped, time},
    entity::campaigns::{Column, Entity, Model},
    versioned,
};

impl Store {
    /// Inserts the campaign, or brings the stored one of its slug up to date when it differs. The stored id, status
    /// and birth are kept: only [`Self::campaign_set_status`] pauses or resumes. An edit of the brief voids what was
    /// planned before ([`Campaign::brief_version`]). Returns the row as it stands.
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
                if is_same(stored, &wanted) { (seen, vec![]) } else { (seen, changes(stored, &wanted)) }
            },
            |row, changed| records::campaign_saved(row, self.actor.clone(), changed, row.updated_at),
        )
        .await
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

    fn campaigns_of_slug(&self, slug: &str) -> Select<Entity> {
        Entity::find().filter(batch::of_tenant::<Entity>(self.tenant)).filter(Column::Slug.eq(slug))
    }
}

/// What is written to a campaign that is paused, resumed or ended.
pub(crate) fn to_status(status: CampaignStatus, now: DateTime<Utc>) -> Vec<(Column, Expr)> {
    vec![(Column::Status, Expr::val(status.as_str())), (Column::UpdatedAt, Expr::val(time(now)))]
}

fn is_same(stored: &Model, wanted: &Model) -> bool {
    is_same_brief(stored, wanted)
        && stored.resources == wanted.resources
        && stored.relevance_threshold.to_bits() == wanted.relevance_threshold.to_bits()
}

/// Whether what is planned already still is what the campaign wants.
fn is_same_brief(stored: &Model, wanted: &Model) -> bool {
    stored.goal == wanted.goal
        && stored.agents == wanted.agents
        && stored.channels == wanted.channels
        && stored.post_budget_micros == wanted.post_budget_micros
        && stored.video_seconds == wanted.video_seconds
}

fn changes(stored: &Model, wanted: &Model) -> Vec<(Column, Expr)> {
    let mut set = vec![
        (Column::Goal, Expr::val(wanted.goal.clone())),
        (Column::Agents, Expr::val(wanted.agents.clone())),
        (Column::Resources, Expr::val(wanted.resources.clone())),
        (Column::Channels, Expr::val(wanted.channels.clone())),
        (Column::RelevanceThreshold, Expr::val(wanted.relevance_threshold)),
        (Column::PostBudgetMicros, Expr::val(wanted.post_budget_micros)),
        (Column::VideoSeconds, Expr::val(wanted.video_seconds)),
        (Column::UpdatedAt, Expr::val(wanted.updated_at)),
    ];
    if !is_same_brief(stored, wanted) {
        // The version that this very write makes.
        set.push((Column::BriefVersion, Expr::val(stored.state_version + 1)));
    }
    set
}
