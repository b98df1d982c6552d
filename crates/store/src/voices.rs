//! Who posts about a story, or will: no more agents of the fleet than the planner's limit says, whichever planners plan.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{
    ConnectionTrait, JoinType, Statement,
    sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType},
};
use uuid::Uuid;

use chimera_domain::{
    AgentId, AgentTask, Channel, SignalId, SignalOutcome, TaskState, TaskType, TenantId, TrendSignal,
    policy::{StoryVoice, StoryVoices},
};

use crate::{
    Backend, PlanError, Result, RowKind, Store, batch,
    codec::Reader,
    dialect::{LISTED_MAX, Purpose, literal},
    entity::{
        signals::{Column as S, Entity as Signals},
        tasks::{Column as T, Entity as Tasks},
    },
};

/// Posts in these states never go out, unless a person says so.
const SILENT: [TaskState; 3] = [TaskState::Rejected, TaskState::Failed, TaskState::Cancelled];

impl Store {
    /// The same store, in which at most so many agents post about one story on any channel; 0: any number.
    #[must_use]
    pub const fn same_story_at_most(mut self, agents: u32) -> Self {
        self.same_story_max = agents;
        self
    }

    /// Which agents post about these stories, or will, on which channels: of what was planned for any campaign, by the
    /// story's name or in one of these wordings.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn story_voices(&self, stories: &[SignalId], wordings: &[String]) -> Result<Vec<StoryVoice>> {
        voices(&self.db, self.tenant, stories, wordings).await
    }

    /// Checks that each planned signal's posts are among those that may be made of its story. Until the transaction ends
    /// nobody else plans of these stories, so that two planners can't both give away the last place.
    pub(crate) async fn check_voices(
        &self,
        db: &impl ConnectionTrait,
        planned: &[&TrendSignal],
        tasks: &[AgentTask],
    ) -> Result<(), PlanError> {
        if self.same_story_max == 0 || planned.is_empty() {
            return Ok(());
        }
        let stories: BTreeSet<SignalId> = planned.iter().map(|signal| signal.story_id).collect();
        let wordings: BTreeSet<&str> = planned.iter().map(|signal| &*signal.content_hash).collect();
        if self.backend == Backend::Postgres {
            let names = stories.iter().map(ToString::to_string).chain(wordings.iter().map(|name| (*name).to_owned()));
            db.query_all_raw(held(&names.collect::<Vec<_>>().join(" "))).await?;
        }
        // A statement of its own, after the locks: it sees what the last holder wrote.
        let wordings: Vec<String> = wordings.into_iter().map(str::to_owned).collect();
        let known = voices(db, self.tenant, &Vec::from_iter(stories), &wordings).await?;
        let mut voices = StoryVoices::new(self.same_story_max, known);
        let mut channels: HashMap<SignalId, Vec<Channel>> = HashMap::new();
        for post in tasks.iter().filter(|task| task.task_type.is_publishable()) {
            channels.entry(post.signal_id).or_default().push(post.channel);
        }
        for signal in planned {
            let wanted = channels.remove(&signal.id).unwrap_or_default();
            let room = voices.admit(Some(signal.story_id), &signal.content_hash, signal.agent_id, &wanted);
            if room.len() < wanted.len() {
                return Err(PlanError::ToldByOthers { agent_id: signal.agent_id, story_id: signal.story_id });
            }
        }
        Ok(())
    }
}

/// Waits until no other transaction plans of what these names stand for, and holds them until this one ends: in order, so
/// that planners wait for each other, but never in a circle.
fn held(names: &str) -> Statement {
    let sql = format!(
        "SELECT pg_advisory_xact_lock(hashtextextended(name, {})) FROM \
         (SELECT name FROM unnest(string_to_array($1, ' ')) AS name ORDER BY name OFFSET 0) AS names",
        Purpose::Story as u8
    );
    Statement::from_sql_and_values(sea_orm::DbBackend::Postgres, sql, [names.into()])
}

async fn voices(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    stories: &[SignalId],
    wordings: &[String],
) -> Result<Vec<StoryVoice>> {
    let mut found = Vec::new();
    let stories = stories.chunks(LISTED_MAX).map(|chunk| {
        let ids = batch::padded(chunk.iter().map(|id| id.as_uuid()));
        of_planned(tenant, Expr::col((Signals, S::StoryId)).is_in(ids))
    });
    let wordings = wordings.chunks(LISTED_MAX).map(|chunk| {
        let hashes = batch::padded(chunk.iter().cloned());
        of_planned(tenant, Expr::col((Signals, S::ContentHash)).is_in(hashes))
    });
    let mut asked: Vec<SelectStatement> = stories.chain(wordings).collect();
    // Mostly one of each: one statement.
    if let [by_name, by_wording] = &mut *asked {
        let both = by_name.union(UnionType::All, by_wording.clone()).take();
        asked = vec![both];
    }
    for select in asked {
        for row in db.query_all(&select).await? {
            let signal: Uuid = row.try_get_by_index(4)?;
            let channel: String = row.try_get_by_index(2)?;
            found.push(StoryVoice {
                story_id: SignalId::from_uuid(row.try_get_by_index::<Option<Uuid>>(0)?.unwrap_or(signal)),
                content_hash: row.try_get_by_index(1)?,
                channel: Reader { entity: RowKind::Signal, id: signal }.name("channel", &channel)?,
                agent_id: AgentId::from_uuid(row.try_get_by_index(3)?),
            });
        }
    }
    Ok(found)
}

/// The posts of planned signals, for which this holds.
fn of_planned(tenant: TenantId, which: Expr) -> SelectStatement {
    let posts = TaskType::ALL.iter().filter(|kind| kind.is_publishable()).map(|kind| literal(kind.as_str()));
    Query::select()
        .column((Signals, S::StoryId))
        .column((Signals, S::ContentHash))
        .column((Tasks, T::Channel))
        .column((Tasks, T::AgentId))
        .column((Signals, S::Id))
        .from(Signals)
        .join(JoinType::InnerJoin, Tasks, Expr::col((Tasks, T::SignalId)).equals((Signals, S::Id)))
        .and_where(batch::of_tenant::<Signals>(tenant))
        .and_where(Expr::col((Signals, S::Outcome)).eq(literal(SignalOutcome::Planned.as_str())))
        .and_where(which)
        .and_where(Expr::col((Tasks, T::TaskType)).is_in(posts))
        .and_where(Expr::col((Tasks, T::State)).is_not_in(SILENT.map(TaskState::as_str)))
        .take()
}
