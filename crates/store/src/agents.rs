//! Agents: saved from their SOUL.md, never written anywhere else.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, sea_query::Expr};

use chimera_domain::{Agent, AgentId};

use crate::{
    Entity as Kind, Result, Store, StoreError, batch,
    codec::{Mapped, time},
    entity::agents::{Column, Entity, Model},
    versioned,
};

/// How often a save that met another one is tried in all.
const SAVE_ATTEMPTS_MAX: u32 = 5;

impl Store {
    /// Inserts the agent, or brings the stored one of its slug up to date when its name, SOUL.md or limits differ.
    /// A SOUL.md of another hash counts as a new version of it. The stored id, presence and birth are kept. Returns the
    /// row as it stands.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails, or others keep saving the same agent.
    pub async fn agent_save(&self, agent: &Agent) -> Result<Agent> {
        let wanted = Entity::write(agent, self.tenant)?;
        let mut attempt = 1;
        loop {
            let Some(stored) = self.agent_row(&wanted.persona_slug).await? else {
                // Whether this insert or another one made the row, the next reading finds it. If it never does, the
                // id is taken by another slug, and the last insert says so.
                let _turn = self.turn().await;
                if attempt < SAVE_ATTEMPTS_MAX {
                    batch::insert_new::<Entity>(&self.db, self.tenant, [agent]).await?;
                } else {
                    batch::insert::<Entity>(&self.db, self.tenant, [agent]).await?;
                }
                attempt += 1;
                continue;
            };
            if is_same(&stored, &wanted) {
                return Entity::read(stored);
            }
            match self.agent_update(&stored, &wanted, agent).await {
                Err(StoreError::Conflict { .. }) if attempt < SAVE_ATTEMPTS_MAX => attempt += 1,
                done => return done.and_then(Entity::read),
            }
        }
    }

    /// Every agent, by slug.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn agents(&self) -> Result<Vec<Agent>> {
        let rows = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .order_by_asc(Column::PersonaSlug)
            .all(&self.db)
            .await?;
        batch::read_all::<Entity>(rows)
    }

    /// The agents with these ids, in no particular order; unknown ids are left out.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn agents_by_ids(&self, ids: &[AgentId]) -> Result<Vec<Agent>> {
        let ids = ids.iter().map(|id| id.as_uuid());
        batch::read_all::<Entity>(batch::find::<Entity>(&self.db, self.tenant, Column::Id, ids).await?)
    }

    /// The agent of this slug, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn agent_by_slug(&self, slug: &str) -> Result<Option<Agent>> {
        self.agent_row(slug).await?.map(Entity::read).transpose()
    }

    async fn agent_row(&self, slug: &str) -> Result<Option<Model>> {
        let select =
            Entity::find().filter(batch::of_tenant::<Entity>(self.tenant)).filter(Column::PersonaSlug.eq(slug));
        Ok(select.one(&self.db).await?)
    }

    async fn agent_update(&self, stored: &Model, wanted: &Model, agent: &Agent) -> Result<Model> {
        let soul_version = stored.soul_version + i64::from(stored.soul_hash != wanted.soul_hash);
        let set = vec![
            (Column::DisplayName, Expr::val(wanted.display_name.clone())),
            (Column::Soul, Expr::val(wanted.soul.clone())),
            (Column::SoulHash, Expr::val(wanted.soul_hash.clone())),
            (Column::SoulVersion, Expr::val(soul_version)),
            (Column::MaxDailySpendMicros, Expr::val(wanted.max_daily_spend_micros)),
            (Column::MaxTasksPerHour, Expr::val(wanted.max_tasks_per_hour)),
            (Column::UpdatedAt, Expr::val(time(agent.updated_at))),
        ];
        let _turn = self.turn().await;
        let seen = (stored.id, chimera_domain::StateVersion::new(stored.state_version));
        versioned::update_one::<Entity>(&self.db, self.tenant, Kind::Agent, seen, set).await
    }
}

fn is_same(stored: &Model, wanted: &Model) -> bool {
    stored.display_name == wanted.display_name
        && stored.soul_hash == wanted.soul_hash
        && stored.soul == wanted.soul
        && stored.max_daily_spend_micros == wanted.max_daily_spend_micros
        && stored.max_tasks_per_hour == wanted.max_tasks_per_hour
}
