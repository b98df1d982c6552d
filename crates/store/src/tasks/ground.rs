//! What tasks rest on, as it stands in the database: the campaign's brief and the persona.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockType, Query, SelectStatement},
};
use uuid::Uuid;

use chimera_domain::{Agent, Campaign, CampaignStatus, Ground, Outdated, StateVersion, TaskState, TaskType, TenantId};

use crate::{
    Backend, BadValue, Result, RowKind, batch,
    codec::Reader,
    dialect::LISTED_MAX,
    entity::{
        agents, campaigns, dependencies,
        tasks::{Column, Entity, Model},
    },
};

/// The campaigns and agents of some tasks.
#[derive(Debug, Default)]
pub(crate) struct Grounds {
    campaigns: HashMap<Uuid, campaigns::Model>,
    agents: HashMap<Uuid, agents::Model>,
}

impl Grounds {
    /// Reads what these tasks rest on and locks it against edits until the transaction ends. Campaigns, then agents, and
    /// tasks after them, as everywhere.
    pub(crate) async fn hold(db: &impl ConnectionTrait, tenant: TenantId, tasks: &[Uuid]) -> Result<Self> {
        let (mut grounds, backend) = (Self::default(), Backend::of(db));
        for chunk in tasks.chunks(LISTED_MAX) {
            // A task never changes its campaign or its agent, so it needs no lock yet.
            let of = |column: Column| -> SelectStatement {
                Query::select()
                    .column((Entity, column))
                    .from(Entity)
                    .and_where(batch::of_tenant::<Entity>(tenant))
                    .and_where(Column::Id.is_in(batch::padded(chunk.iter().copied())))
                    .take()
            };
            let campaigns = campaigns::Entity::find()
                .filter(batch::of_tenant::<campaigns::Entity>(tenant))
                .filter(
                    backend.is_one_of(Expr::col((campaigns::Entity, campaigns::Column::Id)), of(Column::CampaignId)),
                )
                .order_by_asc(campaigns::Column::Id)
                .lock(LockType::Share);
            let agents = agents::Entity::find()
                .filter(batch::of_tenant::<agents::Entity>(tenant))
                .filter(backend.is_one_of(Expr::col((agents::Entity, agents::Column::Id)), of(Column::AgentId)))
                .order_by_asc(agents::Column::Id)
                .lock(LockType::Share);
            grounds.take(campaigns.all(db).await?, agents.all(db).await?);
        }
        Ok(grounds)
    }

    /// Reads these pairs of campaigns and agents without a lock: they may move at any time.
    pub(crate) async fn glimpse(
        db: &impl ConnectionTrait,
        tenant: TenantId,
        pairs: impl Iterator<Item = (Uuid, Uuid)>,
    ) -> Result<Self> {
        let (of, by): (HashSet<Uuid>, HashSet<Uuid>) = pairs.unzip();
        let mut grounds = Self::default();
        grounds.take(
            batch::find::<campaigns::Entity>(db, tenant, campaigns::Column::Id, of).await?,
            batch::find::<agents::Entity>(db, tenant, agents::Column::Id, by).await?,
        );
        Ok(grounds)
    }

    fn take(&mut self, campaigns: Vec<campaigns::Model>, agents: Vec<agents::Model>) {
        self.campaigns.extend(campaigns.into_iter().map(|row| (row.id, row)));
        self.agents.extend(agents.into_iter().map(|row| (row.id, row)));
    }

    /// The campaigns and the agents.
    pub(crate) fn into_entities(self) -> Result<(Vec<Campaign>, Vec<Agent>)> {
        let campaigns = batch::read_all::<campaigns::Entity>(self.campaigns.into_values().collect())?;
        Ok((campaigns, batch::read_all::<agents::Entity>(self.agents.into_values().collect())?))
    }

    /// Whether the task's campaign plans and publishes.
    pub(crate) fn is_active(&self, row: &Model) -> bool {
        self.campaigns.get(&row.campaign_id).is_some_and(is_active)
    }

    /// Whether the task's campaign is quiet at this moment.
    pub(crate) fn is_quiet(&self, row: &Model, now: DateTime<Utc>) -> Result<bool> {
        let hours = self.campaigns.get(&row.campaign_id).map(campaigns::Model::quiet_hours).transpose()?.flatten();
        Ok(hours.is_some_and(|hours| hours.is_quiet(now)))
    }

    /// Whether one of the campaigns plans and publishes.
    pub(crate) fn any_active(&self) -> bool {
        self.campaigns.values().any(is_active)
    }

    /// Why the task is void, if it is.
    pub(crate) fn voids(&self, row: &Model) -> Result<Option<Outdated>> {
        let reader = Reader { entity: RowKind::Task, id: row.id };
        let dangling = |column| reader.corrupt(column, BadValue::Dangling);
        let campaign = self.campaigns.get(&row.campaign_id).ok_or_else(|| dangling("campaign_id"))?;
        let agent = self.agents.get(&row.agent_id).ok_or_else(|| dangling("agent_id"))?;
        let ground = Ground {
            status: Reader { entity: RowKind::Campaign, id: campaign.id }.name("status", &campaign.status)?,
            brief_version: StateVersion::new(campaign.brief_version),
            soul_hash: agent.soul_hash.clone(),
            soul_version: Reader { entity: RowKind::Agent, id: agent.id }.count("soul_version", agent.soul_version)?,
        };
        Ok(ground.voids(StateVersion::new(row.campaign_version), &row.soul_hash))
    }
}

fn is_active(campaign: &campaigns::Model) -> bool {
    campaign.status == CampaignStatus::Active.as_str()
}

/// Tasks that may be worked on and published: their campaign is ACTIVE, and neither its brief nor their persona has moved.
pub(crate) fn standing(tenant: TenantId) -> Condition {
    use campaigns::Column as C;
    let campaign = of_task(tenant)
        .and_where(Expr::col((campaigns::Entity, C::Status)).eq(CampaignStatus::Active.as_str()))
        .and_where(edited().not())
        .take();
    Condition::all().add(Expr::exists(campaign)).add(persona().in_subquery(personas(tenant)))
}

/// Tasks of other campaigns than these few.
pub(crate) fn not_of(campaigns: &[Uuid]) -> Condition {
    let others = Expr::col((Entity, Column::CampaignId)).is_not_in(campaigns.iter().copied());
    Condition::all().add_option((!campaigns.is_empty()).then_some(others))
}

/// Tasks of campaigns that are over, or whose brief was edited after the task was planned.
pub(crate) fn of_moved_campaign(tenant: TenantId) -> Expr {
    let over = Expr::col((campaigns::Entity, campaigns::Column::Status)).eq(CampaignStatus::Ended.as_str());
    Expr::exists(of_task(tenant).and_where(over.or(edited())).take())
}

/// Tasks planned under a SOUL.md that is no longer in force.
pub(crate) fn of_moved_persona(tenant: TenantId) -> Expr {
    persona().in_subquery(personas(tenant)).not()
}

/// Tasks whose result goes out to the public.
pub(crate) fn is_publishable() -> Expr {
    let kinds = TaskType::ALL.iter().filter(|kind| kind.is_publishable()).map(|kind| kind.as_str());
    Expr::col((Entity, Column::TaskType)).is_in(kinds)
}

/// Tasks for which another one waits that may yet start.
pub(crate) fn is_awaited(tenant: TenantId) -> Expr {
    use dependencies::Column as D;
    let live = TaskState::ALL.iter().filter(|state| !state.is_terminal()).map(|state| state.as_str());
    let awaiting = Query::select()
        .expr(Expr::val(1_i64))
        .from(dependencies::Entity)
        .join_as(
            sea_orm::JoinType::InnerJoin,
            Entity,
            "waiting",
            Expr::col(("waiting", Column::Id)).equals((dependencies::Entity, D::TaskId)),
        )
        .and_where(batch::of_tenant::<dependencies::Entity>(tenant))
        .and_where(Expr::col((dependencies::Entity, D::DependsOnId)).equals((Entity, Column::Id)))
        .and_where(Expr::col(("waiting", Column::State)).is_in(live))
        .take();
    Expr::exists(awaiting)
}

/// The campaign of the task in the statement around this one.
fn of_task(tenant: TenantId) -> SelectStatement {
    Query::select()
        .expr(Expr::val(1_i64))
        .from(campaigns::Entity)
        .and_where(batch::of_tenant::<campaigns::Entity>(tenant))
        .and_where(Expr::col((campaigns::Entity, campaigns::Column::Id)).equals((Entity, Column::CampaignId)))
        .take()
}

fn edited() -> Expr {
    Expr::col((campaigns::Entity, campaigns::Column::BriefVersion)).gt(Expr::col((Entity, Column::CampaignVersion)))
}

fn persona() -> Expr {
    Expr::tuple([Expr::col((Entity, Column::AgentId)), Expr::col((Entity, Column::SoulHash))])
}

fn personas(tenant: TenantId) -> SelectStatement {
    Query::select()
        .columns([agents::Column::Id, agents::Column::SoulHash])
        .from(agents::Entity)
        .and_where(batch::of_tenant::<agents::Entity>(tenant))
        .take()
}
