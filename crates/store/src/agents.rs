//! Agents: saved from their SOUL.md, never written anywhere else.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr};
use uuid::Uuid;

use chimera_domain::{Agent, AgentId, StateVersion};

use crate::{
    Result, RowKind, Store,
    audit::records,
    batch,
    codec::{Mapped, text},
    dialect::LISTED_MAX,
    entity::agents::{Column, Entity, Model},
    versioned,
};

impl Store {
    /// Inserts the agent, or brings the stored one of its slug up to date when its name, SOUL.md or limits differ.
    /// A SOUL.md of another hash counts as a new version of it. The stored id, presence and birth are kept. Returns the
    /// row as it stands.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails, or others keep saving the same agent.
    pub async fn agent_save(&self, agent: &Agent) -> Result<Agent> {
        let wanted = Entity::write(agent, self.tenant)?;
        let find = self.agents_of_slug(&wanted.persona_slug);
        versioned::save::<Entity>(
            self,
            RowKind::Agent,
            agent,
            find,
            |stored| {
                let seen = (stored.id, StateVersion::new(stored.state_version));
                if is_same(stored, &wanted) { (seen, vec![]) } else { (seen, changes(stored, &wanted)) }
            },
            |row, changed| records::agent_saved(row, self.actor.clone(), changed, row.updated_at),
        )
        .await
    }

    /// Every agent, by slug.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn agents(&self) -> Result<Vec<Agent>> {
        let rows = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .order_by_asc(Column::PersonaSlug)
            .all(&self.db)
            .await?;
        batch::read_all::<Entity>(rows)
    }

    /// Agents by slug, those after this one: a page of them.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn agents_page(&self, after: Option<&str>, limit: u64) -> Result<Vec<Agent>> {
        let mut select = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .order_by_asc(Column::PersonaSlug)
            .limit(limit);
        if let Some(after) = after {
            select = select.filter(Column::PersonaSlug.gt(text(after)));
        }
        batch::read_all::<Entity>(select.all(&self.db).await?)
    }

    /// Every agent's id, in no particular order.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn agent_ids(&self) -> Result<Vec<AgentId>> {
        let ids = Entity::find().select_only().column(Column::Id).filter(batch::of_tenant::<Entity>(self.tenant));
        let ids: Vec<Uuid> = ids.into_tuple().all(&self.db).await?;
        Ok(ids.into_iter().map(AgentId::from_uuid).collect())
    }

    /// The versions of the agents with these ids, in no particular order; unknown ids are left out. For whoever keeps what
    /// they have read.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn agent_versions(&self, ids: &[AgentId]) -> Result<Vec<(AgentId, StateVersion)>> {
        let mut versions = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(LISTED_MAX) {
            let select = Entity::find()
                .select_only()
                .columns([Column::Id, Column::StateVersion])
                .filter(batch::of_tenant::<Entity>(self.tenant))
                .filter(Column::Id.is_in(batch::padded(chunk.iter().map(|id| id.as_uuid()))));
            let rows = select.into_tuple::<(Uuid, i64)>().all(&self.db).await?;
            versions.extend(rows.into_iter().map(|(id, version)| (AgentId::from_uuid(id), StateVersion::new(version))));
        }
        Ok(versions)
    }

    /// The agents with these ids, in no particular order; unknown ids are left out.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn agents_by_ids(&self, ids: &[AgentId]) -> Result<Vec<Agent>> {
        let ids = ids.iter().map(|id| id.as_uuid());
        batch::read_all::<Entity>(batch::find::<Entity>(&self.db, self.tenant, Column::Id, ids).await?)
    }

    /// The agent of this slug, if there is one.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn agent_by_slug(&self, slug: &str) -> Result<Option<Agent>> {
        self.agents_of_slug(slug).one(&self.db).await?.map(Entity::read).transpose()
    }

    fn agents_of_slug(&self, slug: &str) -> Select<Entity> {
        Entity::find().filter(batch::of_tenant::<Entity>(self.tenant)).filter(Column::PersonaSlug.eq(slug))
    }
}

fn is_same(stored: &Model, wanted: &Model) -> bool {
    stored.display_name == wanted.display_name
        && stored.soul_hash == wanted.soul_hash
        && stored.soul == wanted.soul
        && stored.max_daily_spend_micros == wanted.max_daily_spend_micros
        && stored.max_tasks_per_hour == wanted.max_tasks_per_hour
        && stored.max_hourly_spend_micros == wanted.max_hourly_spend_micros
        && stored.max_tasks_per_day == wanted.max_tasks_per_day
}

fn changes(stored: &Model, wanted: &Model) -> Vec<(Column, Expr)> {
    let soul_version = stored.soul_version + i64::from(stored.soul_hash != wanted.soul_hash);
    vec![
        (Column::DisplayName, Expr::val(wanted.display_name.clone())),
        (Column::Soul, Expr::val(wanted.soul.clone())),
        (Column::SoulHash, Expr::val(wanted.soul_hash.clone())),
        (Column::SoulVersion, Expr::val(soul_version)),
        (Column::MaxDailySpendMicros, Expr::val(wanted.max_daily_spend_micros)),
        (Column::MaxTasksPerHour, Expr::val(wanted.max_tasks_per_hour)),
        (Column::MaxHourlySpendMicros, Expr::val(wanted.max_hourly_spend_micros)),
        (Column::MaxTasksPerDay, Expr::val(wanted.max_tasks_per_day)),
        (Column::UpdatedAt, Expr::val(wanted.updated_at)),
    ]
}
