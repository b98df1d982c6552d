//! Posts that have to wait because others went out just now.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use chimera_domain::{
    AgentId, AgentTask, Channel, PublicationState, TaskType,
    policy::{Pacer, PacingRule},
};

use crate::{
    Result, Store, batch,
    codec::time,
    dialect::{Purpose, literal},
    entity::{publications, tasks},
};

/// What is out, or may be.
const OUT: [PublicationState; 3] =
    [PublicationState::Attempting, PublicationState::Confirmed, PublicationState::Unknown];

impl Store {
    /// The same store, through which posts go out at this pace.
    #[must_use]
    pub fn paced(mut self, pacing: PacingRule) -> Self {
        self.pacing = pacing.into();
        self
    }

    /// Those of these APPROVED posts that have to wait, what was approved first going first. Until the transaction ends
    /// nobody else begins to publish, so that two publishers can't both take the last place.
    pub(super) async fn out_of_pace<'a>(
        &self,
        db: &impl ConnectionTrait,
        posts: impl Iterator<Item = &'a AgentTask>,
        now: DateTime<Utc>,
    ) -> Result<HashSet<Uuid>> {
        // Replies have their own share of what may be planned; they keep no distance, and no post keeps one from them.
        let mut posts: Vec<&AgentTask> = posts.filter(|task| task.task_type != TaskType::ReplyComment).collect();
        if posts.is_empty() || !self.pacing.is_on() {
            return Ok(HashSet::new());
        }
        if let Some(alone) = self.backend.alone(self.tenant, Purpose::Pacing) {
            db.query_all(&alone).await?;
        }
        // A statement of its own, after the lock: it sees what the last holder wrote.
        let mut pacer = self.pacer(db, now).await?;
        posts.sort_by_key(|post| (post.updated_at, post.id));
        let waiting = posts.into_iter().filter(|post| !pacer.admit(post.agent_id, post.channel));
        Ok(waiting.map(|post| post.id.as_uuid()).collect())
    }

    /// What went out lately.
    async fn pacer(&self, db: &impl ConnectionTrait, now: DateTime<Utc>) -> Result<Pacer<'_>> {
        use publications::{Column as C, Entity as E};
        let mut select = E::find()
            .select_only()
            .column_as(Expr::col((tasks::Entity, tasks::Column::AgentId)), "agent_id")
            .column(C::Channel)
            .column(C::UpdatedAt)
            .filter(batch::of_tenant::<E>(self.tenant))
            .filter(C::Channel.is_in(self.pacing.channels().map(Channel::as_str)))
            .filter(C::UpdatedAt.gt(time(now - self.pacing.looks_back())))
            .filter(Expr::col((E, C::State)).is_in(OUT.map(|state| literal(state.as_str()))))
            .filter(is_reply().not());
        let task = Expr::col((tasks::Entity, tasks::Column::Id)).equals((E, C::TaskId));
        QueryTrait::query(&mut select).join(JoinType::InnerJoin, tasks::Entity, task);
        let rows: Vec<(Uuid, String, DateTime<Utc>)> = select.into_tuple().all(db).await?;
        let posts = rows.into_iter().filter_map(|(agent, channel, at)| {
            // One that can't be read is on no channel that posts go to.
            Some((AgentId::from_uuid(agent), channel.parse().ok()?, at))
        });
        Ok(Pacer::new(&self.pacing, now, posts))
    }

    /// Tasks that need not wait for others that went out just now; `None` where none does.
    pub(crate) async fn in_pace(&self, now: DateTime<Utc>) -> Result<Option<Condition>> {
        use tasks::{Column as C, Entity as E};
        if !self.pacing.is_on() {
            return Ok(None);
        }
        let pacer = self.pacer(&self.db, now).await?;
        let on = |channel: Channel| Expr::col((E, C::Channel)).eq(channel.as_str()).and(is_reply().not());
        let waits = |channel: Channel| {
            if pacer.is_full(channel) {
                return Some(on(channel));
            }
            let resting: HashSet<Uuid> = pacer.resting(channel).map(AgentId::as_uuid).collect();
            (!resting.is_empty()).then(|| on(channel).and(Expr::col((E, C::AgentId)).is_in(resting)))
        };
        let waiting: Vec<Expr> = self.pacing.channels().filter_map(waits).collect();
        let goes = |all: Condition, waits: Expr| all.add(waits.not());
        Ok((!waiting.is_empty()).then(|| waiting.into_iter().fold(Condition::all(), goes)))
    }
}

fn is_reply() -> Expr {
    Expr::col((tasks::Entity, tasks::Column::TaskType)).eq(literal(TaskType::ReplyComment.as_str()))
}
