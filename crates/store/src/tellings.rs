//! What the webhook was told of alerts: of each first that it was raised, then that it is closed.
//!
//! An alert's own row is its outbox, so that what happened and what is to be told of it are one commit, whoever raises and
//! closes alerts. A row's version says how much has happened to it, `told` how much of that was told or given up. Whoever
//! tells writes down each success by itself, right after it: what is cut off in between is told again, as the same event.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
    sea_query::{Expr, ExprTrait as _},
};
use uuid::Uuid;

use chimera_domain::{Alert, AlertEvent, AlertId};

use crate::{
    Result, RowKind, Store, batch,
    codec::{Mapped as _, Reader, text, time},
    entity::alerts::{self, Column as C, Entity as E},
};

/// What is to be told of an alert next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The alert.
    pub alert: Alert,
    /// What happened to it.
    pub event: AlertEvent,
    /// Tries that have failed so far.
    pub tries: u32,
}

/// How far the webhook was told of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Telling {
    /// Of all that has happened to it.
    Told,
    /// The next is yet to be told.
    Waits {
        /// Tries that have failed so far.
        tries: u32,
        /// It is tried again not before this.
        again: Option<DateTime<Utc>>,
        /// Why the last try failed.
        error: Option<String>,
    },
    /// It was given up, for this reason.
    GivenUp(String),
}

impl Telling {
    fn of(row: alerts::Model) -> Result<Self> {
        let tries = Reader { entity: RowKind::Alert, id: row.id }.count("tell_tries", row.tell_tries)?;
        Ok(match row.tell_error {
            error if row.told < row.state_version => Self::Waits { tries, again: row.tell_after, error },
            Some(error) => Self::GivenUp(error),
            None => Self::Told,
        })
    }
}

impl Untold {
    /// How much of the alert was told before.
    const fn before(&self) -> i64 {
        match self.event {
            AlertEvent::Raised => 0,
            AlertEvent::Closed => 1,
        }
    }
}

impl Store {
    /// What is to be told of alerts by now: one event of each, those of the alerts that were raised first first.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn alerts_untold(&self, now: DateTime<Utc>, limit: u64) -> Result<Vec<Untold>> {
        let rows = E::find()
            .filter(batch::of_tenant::<E>(self.tenant))
            .filter(is_untold())
            .filter(C::TellAfter.is_null().or(C::TellAfter.lte(time(now))))
            .order_by_asc(C::CreatedAt)
            .order_by_asc(C::Id)
            .limit(limit)
            .all(&self.db)
            .await?;
        let untold = rows.into_iter().map(|row| {
            let event = if row.told == 0 { AlertEvent::Raised } else { AlertEvent::Closed };
            let tries = Reader { entity: RowKind::Alert, id: row.id }.count("tell_tries", row.tell_tries)?;
            Ok(Untold { alert: E::read(row)?, event, tries })
        });
        untold.collect()
    }

    /// How far the webhook was told of these alerts.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn alerts_tellings(&self, of: &[Alert]) -> Result<HashMap<AlertId, Telling>> {
        let ids = of.iter().map(|alert| alert.id.as_uuid());
        let rows = batch::find::<E>(&self.db, self.tenant, C::Id, ids).await?;
        rows.into_iter().map(|row| Ok((AlertId::from_uuid(row.id), Telling::of(row)?))).collect()
    }

    /// Passes over at most `limit` alerts that were raised before `before` and are closed already, where nobody has tried to
    /// tell of them: who was not told that they began need not hear of their end. Returns how many.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn alerts_pass_over(&self, before: DateTime<Utc>, limit: u64) -> Result<u64> {
        let over: Vec<Uuid> = E::find()
            .select_only()
            .column(C::Id)
            .filter(batch::of_tenant::<E>(self.tenant))
            .filter(is_untold())
            .filter(C::Told.eq(0_i64))
            .filter(C::TellTries.eq(0_i64))
            .filter(C::AcknowledgedBy.is_not_null())
            .filter(C::CreatedAt.lt(time(before)))
            // As the index has them, or else the whole table looks as good.
            .order_by_asc(C::CreatedAt)
            .order_by_asc(C::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await?;
        // Mostly there are none; a reading is cheaper than a writing statement.
        if over.is_empty() {
            return Ok(0);
        }
        let _turn = self.turn().await;
        let passed = E::update_many()
            .col_expr(C::Told, Expr::col(C::StateVersion))
            .filter(batch::of_tenant::<E>(self.tenant))
            .filter(C::Id.is_in(batch::padded(over)))
            .filter(C::Told.eq(0_i64))
            .exec(&self.db)
            .await?;
        Ok(passed.rows_affected)
    }

    /// That it was told. False when somebody wrote that down before.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn alert_told(&self, untold: &Untold) -> Result<bool> {
        let _turn = self.turn().await;
        let done = self.done(untold).col_expr(C::TellError, Expr::val(None::<String>)).exec(&self.db).await?;
        Ok(done.rows_affected > 0)
    }

    /// That it was tried in vain, and why; it is tried again not before `again`, or never. False when somebody wrote down
    /// something else before.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn alert_not_told(&self, untold: &Untold, why: &str, again: Option<DateTime<Utc>>) -> Result<bool> {
        let written = match again {
            Some(again) => self
                .still(untold)
                .col_expr(C::TellTries, Expr::val(i64::from(untold.tries) + 1))
                .col_expr(C::TellAfter, Expr::val(time(again))),
            None => self.done(untold),
        };
        let _turn = self.turn().await;
        let written = written.col_expr(C::TellError, Expr::val(text(why))).exec(&self.db).await?;
        Ok(written.rows_affected > 0)
    }

    /// The row, with one event less to tell.
    fn done(&self, untold: &Untold) -> UpdateMany<E> {
        self.still(untold)
            .col_expr(C::Told, Expr::val(untold.before() + 1))
            .col_expr(C::TellTries, Expr::val(0_i64))
            .col_expr(C::TellAfter, Expr::val(None::<DateTime<Utc>>))
    }

    /// The row, if it still is as it was read.
    fn still(&self, untold: &Untold) -> UpdateMany<E> {
        E::update_many()
            .filter(batch::of_tenant::<E>(self.tenant))
            .filter(C::Id.eq(untold.alert.id.as_uuid()))
            .filter(C::Told.eq(untold.before()))
            .filter(C::TellTries.eq(i64::from(untold.tries)))
    }
}

/// As the index over what is to be told has it.
fn is_untold() -> Expr {
    Expr::col((E, C::Told)).lt(Expr::col((E, C::StateVersion)))
}
