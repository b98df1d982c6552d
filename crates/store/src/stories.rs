//! Stories: which are known, which a campaign has told, and where each was seen.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, JsonValue, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use chimera_domain::{CampaignId, SignalId, SignalOutcome, TrendSignal, contracts::FeedItem};

use crate::{
    Result, RowKind, Store, batch,
    codec::{Reader, time},
    dialect::BINDS_MAX,
    entity::signals::{self, Column as C},
};

/// A story, as it was told first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldStory {
    /// The signal that told it first, to whichever campaign.
    pub story_id: SignalId,
    /// Its headline. Untrusted text.
    pub headline: String,
    /// When it was read.
    pub told_at: DateTime<Utc>,
}

/// Where a campaign saw a story.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct StorySource {
    /// The signal that came from there.
    pub signal_id: SignalId,
    /// The story.
    pub story_id: SignalId,
    /// The campaign that saw it.
    pub campaign_id: CampaignId,
    /// The resource.
    pub resource_uri: String,
    /// The headline there. Untrusted text.
    pub headline: String,
    /// Where it can be read, if the feed says so. Untrusted text.
    pub url: Option<String>,
    /// What became of it.
    pub outcome: SignalOutcome,
    /// When it was read.
    pub read_at: DateTime<Utc>,
}

/// Outcomes of what was relevant: a story with one of these needs no second telling.
const RELEVANT: [SignalOutcome; 4] =
    [SignalOutcome::Planned, SignalOutcome::Deferred, SignalOutcome::Stale, SignalOutcome::Refused];

impl Store {
    /// Stories that were first told at `since` or later, the oldest first; of more than `limit` the newest. What carries a
    /// taint tells no story: an attacker's wording must not keep honest ones out.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn stories_since(&self, since: DateTime<Utc>, limit: u64) -> Result<Vec<ToldStory>> {
        let first = signals::Entity::find()
            .select_only()
            .columns([C::Id, C::Item, C::Taint, C::IngestedAt])
            .filter(batch::of_tenant::<signals::Entity>(self.tenant))
            .filter(C::IngestedAt.gte(time(since)))
            .filter(C::Outcome.ne(SignalOutcome::Answered.as_str()))
            .filter(Expr::col((signals::Entity, C::StoryId)).equals((signals::Entity, C::Id)))
            .order_by_desc(C::IngestedAt)
            .order_by_desc(C::Id)
            .limit(limit);
        let rows: Vec<(Uuid, JsonValue, JsonValue, DateTime<Utc>)> = first.into_tuple().all(&self.db).await?;
        let honest = rows.into_iter().rev().filter(|(_, _, taint, _)| taint.as_array().is_some_and(Vec::is_empty));
        let told = |(id, item, _, told_at): (Uuid, JsonValue, JsonValue, DateTime<Utc>)| {
            let item: FeedItem = Reader { entity: RowKind::Signal, id }.document("item", item)?;
            Ok(ToldStory { story_id: SignalId::from_uuid(id), headline: item.title, told_at })
        };
        honest.map(told).collect()
    }

    /// Which of these stories the campaign has planned, holds back, dropped as stale, or left to others of the fleet.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn stories_told(&self, campaign_id: CampaignId, stories: &[SignalId]) -> Result<HashSet<SignalId>> {
        self.stories_with(campaign_id, stories, &RELEVANT).await
    }

    /// Which of these stories the campaign has with one of these outcomes.
    pub(crate) async fn stories_with(
        &self,
        campaign_id: CampaignId,
        stories: &[SignalId],
        outcomes: &[SignalOutcome],
    ) -> Result<HashSet<SignalId>> {
        let mut found = HashSet::new();
        for chunk in stories.chunks(BINDS_MAX / 2) {
            let select = signals::Entity::find()
                .select_only()
                .column(C::StoryId)
                .distinct()
                .filter(batch::of_tenant::<signals::Entity>(self.tenant))
                .filter(C::CampaignId.eq(campaign_id.as_uuid()))
                .filter(C::StoryId.is_in(batch::padded(chunk.iter().map(|id| id.as_uuid()))))
                .filter(C::Outcome.is_in(outcomes.iter().map(|outcome| outcome.as_str())));
            found.extend(select.into_tuple::<Uuid>().all(&self.db).await?.into_iter().map(SignalId::from_uuid));
        }
        Ok(found)
    }

    /// Where the stories of these signals were seen by the campaigns that saw them, the oldest first: one entry for each
    /// signal.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn story_sources(&self, of: &[TrendSignal]) -> Result<Vec<StorySource>> {
        let wanted: HashSet<(CampaignId, SignalId)> = of.iter().map(|s| (s.campaign_id, s.story_id)).collect();
        let campaigns: HashSet<Uuid> = wanted.iter().map(|(campaign, _)| campaign.as_uuid()).collect();
        let stories: Vec<SignalId> =
            wanted.iter().map(|(_, story)| *story).collect::<HashSet<_>>().into_iter().collect();
        let mut sources = Vec::new();
        for chunk in stories.chunks(BINDS_MAX / 2) {
            let select = signals::Entity::find()
                .filter(batch::of_tenant::<signals::Entity>(self.tenant))
                .filter(C::CampaignId.is_in(batch::padded(campaigns.iter().copied())))
                .filter(C::StoryId.is_in(batch::padded(chunk.iter().map(|id| id.as_uuid()))));
            let found = batch::read_all::<signals::Entity>(select.all(&self.db).await?)?;
            sources.extend(found.into_iter().filter(|s| wanted.contains(&(s.campaign_id, s.story_id))).map(source));
        }
        sources.sort_by_key(|source| (source.read_at, source.signal_id));
        Ok(sources)
    }
}

fn source(signal: TrendSignal) -> StorySource {
    StorySource {
        signal_id: signal.id,
        story_id: signal.story_id,
        campaign_id: signal.campaign_id,
        resource_uri: signal.resource_uri,
        headline: signal.item.title,
        url: signal.item.url,
        outcome: signal.outcome,
        read_at: signal.ingested_at,
    }
}
