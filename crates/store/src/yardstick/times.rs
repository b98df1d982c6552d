//! When each post passed each stage, from the rows that it left.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

use chimera_domain::{PublicationState, TaskType, contracts::FeedItem};

use crate::{
    Result, RowKind, Store, batch,
    codec::Reader,
    entity::{artifacts, decisions, publications, signals, tasks},
};

type Moment = DateTime<Utc>;

/// When a post passed each stage. All moments are of the role's own clock, just before it commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostTimes {
    /// Its source was published, by the feed's word.
    pub published: Moment,
    /// Scored and planned.
    pub planned: Moment,
    /// The last of words, picture and video was made.
    pub made: Moment,
    /// Put together.
    pub assembled: Moment,
    /// Judged for the last time.
    pub judged: Moment,
    /// Its publication was confirmed.
    pub confirmed: Moment,
}

impl Store {
    /// When each published post passed each stage, in no particular order. A post of which a stage can't be told is left
    /// out.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn post_times(&self) -> Result<Vec<PostTimes>> {
        let db = &self.db;
        let planned = signals::Entity::find()
            .select_only()
            .columns([signals::Column::Id, signals::Column::TraceId])
            .column(signals::Column::Item)
            .column(signals::Column::IngestedAt)
            .filter(batch::of_tenant::<signals::Entity>(self.tenant));
        let mut sources: HashMap<String, (Option<Moment>, Moment)> = HashMap::new();
        for (id, trace, item, at) in
            planned.into_tuple::<(uuid::Uuid, String, sea_orm::JsonValue, Moment)>().all(db).await?
        {
            let item: FeedItem = Reader { entity: RowKind::Signal, id }.document("item", item)?;
            sources.insert(trace, (item.published_at, at));
        }
        let assembles = Expr::col((tasks::Entity, tasks::Column::TaskType)).eq(TaskType::AssemblePost.as_str());
        let finished = artifacts::Entity::find()
            .select_only()
            .columns([artifacts::Column::TraceId, artifacts::Column::CreatedAt])
            .expr_as(assembles, "assembles")
            .join(
                sea_orm::JoinType::InnerJoin,
                artifacts::Entity::belongs_to(tasks::Entity)
                    .from(artifacts::Column::TaskId)
                    .to(tasks::Column::Id)
                    .into(),
            )
            .filter(batch::of_tenant::<artifacts::Entity>(self.tenant));
        let (mut made, mut assembled) = (HashMap::new(), HashMap::new());
        for (trace, at, assembles) in finished.into_tuple::<(String, Moment, bool)>().all(db).await? {
            later(if assembles { &mut assembled } else { &mut made }, trace, at);
        }
        let verdicts = decisions::Entity::find()
            .select_only()
            .columns([decisions::Column::TraceId, decisions::Column::LoggedAt])
            .filter(batch::of_tenant::<decisions::Entity>(self.tenant));
        let mut judged = HashMap::new();
        for (trace, at) in verdicts.into_tuple::<(String, Moment)>().all(db).await? {
            later(&mut judged, trace, at);
        }
        let out = publications::Entity::find()
            .select_only()
            .columns([publications::Column::TraceId, publications::Column::UpdatedAt])
            .filter(batch::of_tenant::<publications::Entity>(self.tenant))
            .filter(publications::Column::State.eq(PublicationState::Confirmed.as_str()));
        let out = out.into_tuple::<(String, Moment)>().all(db).await?;
        let times = out.into_iter().filter_map(|(trace, confirmed)| {
            let (published, planned) = *sources.get(&trace)?;
            Some(PostTimes {
                published: published?,
                planned,
                made: *made.get(&trace)?,
                assembled: *assembled.get(&trace)?,
                judged: *judged.get(&trace)?,
                confirmed,
            })
        });
        Ok(times.collect())
    }
}

/// Keeps the latest moment of a trace.
fn later(moments: &mut HashMap<String, Moment>, trace: String, at: Moment) {
    let kept = moments.entry(trace).or_insert(at);
    *kept = Ord::max(*kept, at);
}
