//! What was posted before, for whoever must not say it again.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use chimera_domain::{AgentId, Channel, TaskState, TaskType, policy::EarlierPost};

use crate::{
    Result, RowKind, Store, batch,
    codec::{Reader, time},
    dialect::{LISTED_MAX, literal},
    entity::{artifacts, tasks},
};

/// Where a post stands that went out, or will.
const GOOD: [TaskState; 3] = [TaskState::Approved, TaskState::Publishing, TaskState::Published];

type Row = (Uuid, Uuid, String, String, String, DateTime<Utc>);

impl Store {
    /// The fleet's newest posts on these channels that went out or will, planned at `since` or later, in no order.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn posted_since(
        &self,
        channels: &[Channel],
        since: DateTime<Utc>,
        limit: u64,
    ) -> Result<Vec<EarlierPost>> {
        use artifacts::Column as A;
        use tasks::Column as T;
        let types = TaskType::ALL.iter().filter(|kind| kind.is_publishable()).map(|kind| literal(kind.as_str()));
        let reply = literal(TaskType::ReplyComment.as_str());
        let newest = tasks::Entity::find()
            .select_only()
            .column(T::ResultArtifact)
            .filter(batch::of_tenant::<tasks::Entity>(self.tenant))
            .filter(Expr::col((tasks::Entity, T::TaskType)).is_in(types))
            // What is said to one person is said again to another.
            .filter(Expr::col((tasks::Entity, T::TaskType)).ne(reply))
            .filter(T::CreatedAt.gte(time(since)))
            .filter(T::Channel.is_in(batch::padded(channels.iter().map(|channel| channel.as_str()))))
            .filter(T::State.is_in(GOOD.map(|state| state.as_str())))
            .order_by_desc(T::CreatedAt)
            .order_by_desc(T::Id)
            .limit(limit);
        let results: Vec<Option<Uuid>> = newest.into_tuple().all(&self.db).await?;
        let results: Vec<Uuid> = results.into_iter().flatten().collect();
        let mut posts = Vec::with_capacity(results.len());
        for chunk in results.chunks(LISTED_MAX) {
            let words = artifacts::Entity::find()
                .select_only()
                .columns([A::Id, A::AgentId, A::TraceId, A::Channel, A::Text, A::CreatedAt])
                .filter(batch::of_tenant::<artifacts::Entity>(self.tenant))
                .filter(A::Id.is_in(batch::padded(chunk.iter().copied())));
            let rows: Vec<Row> = words.into_tuple().all(&self.db).await?;
            for row in rows {
                posts.push(read(row)?);
            }
        }
        Ok(posts)
    }
}

fn read((id, agent_id, trace_id, channel, text, at): Row) -> Result<EarlierPost> {
    let reader = Reader { entity: RowKind::Artifact, id };
    let (trace_id, channel) = (reader.trace(&trace_id)?, reader.name("channel", &channel)?);
    Ok(EarlierPost { agent_id: AgentId::from_uuid(agent_id), trace_id, channel, text, at })
}
