//! Signals and resource cursors: what was read, and how far.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict, Query, SubQueryStatement},
};

use uuid::Uuid;

use chimera_domain::{CampaignId, SignalId, SignalOutcome, TrendSignal, policy::FeedRhythm};

use crate::{
    Result, RowKind, Store, batch,
    codec::{Mapped, Reader, time},
    dialect::{BINDS_MAX, LISTED_MAX, literal},
    entity::{cursors, signals},
};

/// How far a resource was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceCursor {
    /// The resource.
    pub resource_uri: String,
    /// The hash of what was last read; `None` before the first success.
    pub content_hash: Option<String>,
    /// When it was last read.
    pub read_at: Option<DateTime<Utc>>,
    /// When it brings something new.
    pub rhythm: FeedRhythm,
    /// Failures in a row.
    pub failures: u32,
    /// What went wrong last, in one line.
    pub last_error: Option<String>,
}

/// Which items and stories a campaign has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownSignals {
    /// Known event keys.
    pub events: HashSet<String>,
    /// Known content hashes, with the stories they tell.
    pub stories: HashMap<String, SignalId>,
}

/// Which signals to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalFilter {
    /// Only this campaign's.
    pub campaign: Option<CampaignId>,
    /// Only those with this outcome.
    pub outcome: Option<SignalOutcome>,
    /// At most so many.
    pub limit: u64,
}

impl Store {
    /// The cursors of these resources; a resource never read has none.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn cursors(&self, resource_uris: &[String]) -> Result<Vec<ResourceCursor>> {
        let rows = batch::find::<cursors::Entity>(
            &self.db,
            self.tenant,
            cursors::Column::ResourceUri,
            resource_uris.iter().map(String::as_str),
        );
        batch::read_all::<cursors::Entity>(rows.await?)
    }

    /// Writes these cursors, whatever stood there before. Of two cursors for one resource the later in the list counts.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn cursors_save(&self, cursors: &[ResourceCursor]) -> Result<()> {
        use cursors::Column as C;
        // One statement may not write a row twice.
        let last: HashMap<&str, &ResourceCursor> = cursors.iter().map(|c| (c.resource_uri.as_str(), c)).collect();
        let mut rows: Vec<_> = last.values().map(|c| cursors::Entity::write(c, self.tenant)).collect::<Result<_>>()?;
        // In one order everywhere, so that two writers never wait for each other.
        rows.sort_by(|a, b| a.resource_uri.cmp(&b.resource_uri));
        let replace = OnConflict::columns([C::TenantId, C::ResourceUri])
            .update_columns([C::ContentHash, C::ReadAt, C::Failures, C::LastError, C::ChangedAt, C::GapMs])
            .value(C::StateVersion, Expr::col((cursors::Entity, C::StateVersion)).add(1_i64))
            .to_owned();
        let _turn = self.turn().await;
        batch::insert_rows::<cursors::Entity>(&self.db, rows, Some(replace)).await?;
        Ok(())
    }

    /// Which of these event keys and content hashes the campaign has recorded, whatever became of them.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn signals_known(
        &self,
        campaign_id: CampaignId,
        event_keys: &[String],
        content_hashes: &[String],
    ) -> Result<KnownSignals> {
        use signals::Column as C;
        Ok(KnownSignals {
            events: self.signals_having(campaign_id, C::EventKey, event_keys, None).await?.into_iter().collect(),
            stories: self.stories_worded(campaign_id, content_hashes).await?,
        })
    }

    /// Which of these event keys a resource brought at `since` or later that were answered, for whichever campaign.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn answered_since(
        &self,
        resource_uri: &str,
        since: DateTime<Utc>,
        event_keys: &[String],
    ) -> Result<HashSet<String>> {
        use signals::Column as C;
        let answered = SignalOutcome::Answered.as_str();
        let mut known = HashSet::new();
        for chunk in event_keys.chunks(LISTED_MAX) {
            let select = signals::Entity::find()
                .select_only()
                .column(C::EventKey)
                .filter(batch::of_tenant::<signals::Entity>(self.tenant))
                .filter(Expr::col((signals::Entity, C::Outcome)).eq(literal(answered)))
                .filter(C::IngestedAt.gte(time(since)))
                .filter(C::ResourceUri.eq(resource_uri))
                .filter(C::EventKey.is_in(batch::padded(chunk.iter().map(String::as_str))));
            known.extend(select.into_tuple::<String>().all(&self.db).await?);
        }
        Ok(known)
    }

    /// The stories that these content hashes tell the campaign; those that it does not know are left out.
    async fn stories_worded(&self, campaign_id: CampaignId, hashes: &[String]) -> Result<HashMap<String, SignalId>> {
        use signals::Column as C;
        let mut worded = HashMap::new();
        for chunk in hashes.chunks(BINDS_MAX - 2) {
            let select = signals::Entity::find()
                .select_only()
                .columns([C::ContentHash, C::StoryId])
                .distinct()
                .filter(batch::of_tenant::<signals::Entity>(self.tenant))
                .filter(C::CampaignId.eq(campaign_id.as_uuid()))
                .filter(C::ContentHash.is_in(chunk.iter().map(String::as_str)));
            for (hash, story) in select.into_tuple::<(String, Uuid)>().all(&self.db).await? {
                worded.insert(hash, SignalId::from_uuid(story));
            }
        }
        Ok(worded)
    }

    /// Those of `values` that some signal of the campaign has in `column`.
    pub(crate) async fn signals_having(
        &self,
        campaign_id: CampaignId,
        column: signals::Column,
        values: &[String],
        outcome: Option<SignalOutcome>,
    ) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for chunk in values.chunks(BINDS_MAX - 3) {
            let mut select = signals::Entity::find()
                .select_only()
                .column(column)
                .distinct()
                .filter(batch::of_tenant::<signals::Entity>(self.tenant))
                .filter(signals::Column::CampaignId.eq(campaign_id.as_uuid()))
                .filter(column.is_in(chunk.iter().map(String::as_str)));
            if let Some(outcome) = outcome {
                select = select.filter(signals::Column::Outcome.eq(outcome.as_str()));
            }
            found.extend(select.into_tuple::<String>().all(&self.db).await?);
        }
        Ok(found)
    }

    /// Signals, newest first.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn signals(&self, filter: &SignalFilter) -> Result<Vec<TrendSignal>> {
        self.signals_after(filter, None).await
    }

    /// Signals, newest first; only those that come after this one: where the page before ended.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn signals_after(&self, filter: &SignalFilter, after: Option<SignalId>) -> Result<Vec<TrendSignal>> {
        use signals::Column as C;
        let mut select = signals::Entity::find()
            .filter(batch::of_tenant::<signals::Entity>(self.tenant))
            .order_by_desc(C::IngestedAt)
            .order_by_desc(C::Id)
            .limit(filter.limit);
        if let Some(campaign) = filter.campaign {
            select = select.filter(C::CampaignId.eq(campaign.as_uuid()));
        }
        if let Some(outcome) = filter.outcome {
            select = select.filter(C::Outcome.eq(outcome.as_str()));
        }
        if let Some(after) = after {
            let order = [C::IngestedAt, C::Id];
            let place = Query::select()
                .columns(order)
                .from(signals::Entity)
                .and_where(batch::of_tenant::<signals::Entity>(self.tenant))
                .and_where(C::Id.eq(after.as_uuid()))
                .take();
            let here = Expr::tuple(order.map(|column| Expr::col((signals::Entity, column))));
            select = select.filter(here.lt(Expr::from(SubQueryStatement::from(place))));
        }
        batch::read_all::<signals::Entity>(select.all(&self.db).await?)
    }

    /// How many signals came to which end; outcomes without signals are absent.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn signal_counts(&self, campaign_id: Option<CampaignId>) -> Result<HashMap<SignalOutcome, u64>> {
        use signals::Column as C;
        let mut select = signals::Entity::find()
            .select_only()
            .column(C::Outcome)
            .expr(Expr::cust("COUNT(*)"))
            .filter(batch::of_tenant::<signals::Entity>(self.tenant))
            .group_by(C::Outcome);
        if let Some(campaign) = campaign_id {
            select = select.filter(C::CampaignId.eq(campaign.as_uuid()));
        }
        let reader = Reader { entity: RowKind::Signal, id: self.tenant.as_uuid() };
        let counts: Vec<(String, i64)> = select.into_tuple().all(&self.db).await?;
        counts.into_iter().map(|(name, n)| Ok((reader.name("outcome", &name)?, n.unsigned_abs()))).collect()
    }
}
