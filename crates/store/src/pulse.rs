//! Whether anything has changed since somebody looked last, for pages that lie open: one statement, whatever there is.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait as _,
    sea_query::{Expr, ExprTrait as _, Order, Query, SelectStatement, UnionType},
};

use chimera_domain::TaskState;

use crate::{
    Result, Store, batch, dialect,
    entity::{alerts, tasks},
};

/// Tasks of plans that wait, and alerts, that are counted. Both lists show the first of theirs, so what changes behind so
/// many is not seen.
const COUNTED_MAX: u64 = 10_000;

/// What somebody may be looking at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watched {
    /// What tasks are doing.
    Fleet,
    /// Plans that wait for their operator.
    Plans,
    /// Alerts that nobody has acknowledged.
    Alerts,
    /// What is out.
    Published,
}

impl Watched {
    /// Everything that is watched.
    pub const ALL: [Self; 4] = [Self::Fleet, Self::Plans, Self::Alerts, Self::Published];

    /// The name of its event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Plans => "plans",
            Self::Alerts => "alerts",
            Self::Published => "published",
        }
    }

    /// Whether it shows what a mark of this name stands for.
    fn shows(self, mark: &str) -> bool {
        match self {
            Self::Fleet => mark != ALERTS,
            Self::Plans => mark == DRAFTS,
            Self::Alerts => mark == ALERTS,
            Self::Published => mark == TaskState::Published.as_str(),
        }
    }
}

const ALERTS: &str = "alerts";
const DRAFTS: &str = "drafts";

/// Marks of where things stand. They say nothing but whether they are the same as others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pulse {
    /// By name: how many, and when the last one was written.
    marks: BTreeMap<String, (i64, Option<DateTime<Utc>>)>,
}

impl Pulse {
    /// What has changed since `before`.
    #[must_use]
    pub fn changed_since(&self, before: &Self) -> Vec<Watched> {
        let differs = |watched: &Watched| {
            let names = self.marks.keys().chain(before.marks.keys());
            names.filter(|name| watched.shows(name)).any(|name| self.marks.get(name) != before.marks.get(name))
        };
        Watched::ALL.into_iter().filter(differs).collect()
    }
}

impl Store {
    /// Where things stand. Whatever becomes of a task, it is the last that was written in its state.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn pulse(&self) -> Result<Pulse> {
        let states = TaskState::ALL.iter().filter(|state| **state != TaskState::Draft);
        let mut all = self.drafts_and_alerts();
        for state in states {
            all.union(UnionType::All, self.last_in(*state));
        }
        let rows = self.db.query_all(&all).await?;
        let mark = |row: &sea_orm::QueryResult| {
            Ok((row.try_get_by_index(0)?, (row.try_get_by_index(1)?, row.try_get_by_index(2)?)))
        };
        Ok(Pulse { marks: rows.iter().map(mark).collect::<Result<_>>()? })
    }

    fn last_in(&self, state: TaskState) -> SelectStatement {
        use tasks::{Column as C, Entity as E};
        Query::select()
            .expr(dialect::literal(state.as_str()))
            .expr(Expr::cust("0"))
            .expr(Expr::col((E, C::UpdatedAt)).max())
            .from(E)
            .and_where(batch::of_tenant::<E>(self.tenant))
            .and_where(Expr::col((E, C::State)).eq(state.as_str()))
            .take()
    }

    /// Of these some may go that are not the last.
    fn drafts_and_alerts(&self) -> SelectStatement {
        let counted = |name: &'static str, first: SelectStatement| {
            Query::select()
                .expr(dialect::literal(name))
                .expr(Expr::cust("COUNT(*)"))
                .expr(Expr::cust("MAX(at)"))
                .from_subquery(first, "first")
                .take()
        };
        let drafts = Query::select()
            .expr_as(Expr::col((tasks::Entity, tasks::Column::UpdatedAt)), "at")
            .from(tasks::Entity)
            .and_where(batch::of_tenant::<tasks::Entity>(self.tenant))
            .and_where(Expr::col((tasks::Entity, tasks::Column::State)).eq(TaskState::Draft.as_str()))
            .order_by((tasks::Entity, tasks::Column::UpdatedAt), Order::Desc)
            .limit(COUNTED_MAX)
            .take();
        let alerts = Query::select()
            .expr_as(Expr::col((alerts::Entity, alerts::Column::CreatedAt)), "at")
            .from(alerts::Entity)
            .and_where(batch::of_tenant::<alerts::Entity>(self.tenant))
            .and_where(Expr::col((alerts::Entity, alerts::Column::AcknowledgedBy)).is_null())
            .order_by((alerts::Entity, alerts::Column::CreatedAt), Order::Desc)
            .limit(COUNTED_MAX)
            .take();
        counted(DRAFTS, drafts).union(UnionType::All, counted(ALERTS, alerts)).take()
    }
}
