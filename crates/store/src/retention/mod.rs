//! Retention: old rows that nobody needs any more, and blobs that no row names.
//!
//! What goes is only what no decision, no money and no later act rests on:
//! - **signals** that came to nothing because they were not relevant, or told a story that was known. A signal that was
//!   planned, or would have been but for the governor (and went stale, perhaps), stays for ever: it is what keeps its story from being planned again
//!   as long as a feed may bring it. One that is forgotten is scored anew if its feed brings it again.
//! - **trends** that are over, with the signals.
//! - **tool calls** that cost nothing, of posts that are at an end and certainly known to be out or not. Those that cost
//!   something are the money's record.
//! - **alerts** that someone has acknowledged.
//!
//! Posts (tasks, artifacts, decisions, questions, publications), the spend ledger and the audit log stay; ARCHITECTURE.md
//! says why.

mod media;

pub use media::{CollectError, Collected};

use chrono::{DateTime, Utc};
use sea_orm::{
    ConnectionTrait, Order,
    sea_query::{ColumnRef, DynIden, Expr, ExprTrait, IntoColumnRef as _, IntoIden as _, Query, SelectStatement},
};

use chimera_domain::{SignalOutcome, TaskState, TrendState};

use crate::{
    Result, Store,
    audit::{self, records},
    batch,
    codec::time,
    entity::{alerts, publications, signal_marks, signals, tasks, tool_calls, trends},
    publish,
};

/// What can be pruned from the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Prunable {
    /// Signals that came to nothing, and trends that are over.
    Signals,
    /// Tool calls that cost nothing, of posts at an end.
    ToolCalls,
    /// Acknowledged alerts.
    Alerts,
}

impl Prunable {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Signals, Self::ToolCalls, Self::Alerts];

    /// Its name in the audit log, in metrics and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signals => "signals",
            Self::ToolCalls => "tool_calls",
            Self::Alerts => "alerts",
        }
    }
}

/// Rows that may go: their ids, and the column that says how old they are.
struct Old {
    table: DynIden,
    ids: SelectStatement,
    time: ColumnRef,
}

/// Outcomes of signals that may be forgotten.
const FORGETTABLE: [SignalOutcome; 3] =
    [SignalOutcome::BelowThreshold, SignalOutcome::Duplicate, SignalOutcome::Refused];

impl Store {
    /// How many rows older than `before` would be pruned. Reads all that are old.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn prunable(&self, what: Prunable, before: DateTime<Utc>) -> Result<u64> {
        let mut count = 0;
        for Old { ids, .. } in self.old(what, before) {
            let select = Query::select().expr(Expr::cust("COUNT(*)")).from_subquery(ids, "old").take();
            let row = self.db.query_one(&select).await?;
            let rows = row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?;
            count += rows.unwrap_or_default().unsigned_abs();
        }
        Ok(count)
    }

    /// Deletes at most `limit` rows older than `before`, and logs that in the same transaction: one bounded statement, or
    /// two for signals, so its locks are short. Returns how many; fewer than `limit` means that there are no more.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails; then nothing was deleted.
    pub async fn prune(&self, what: Prunable, before: DateTime<Utc>, limit: u64, now: DateTime<Utc>) -> Result<u64> {
        self.retrying(|| self.prune_once(what, before, limit, now)).await
    }

    async fn prune_once(&self, what: Prunable, before: DateTime<Utc>, limit: u64, now: DateTime<Utc>) -> Result<u64> {
        let tx = self.begin().await?;
        let mut gone = 0;
        for Old { table, mut ids, time } in self.old(what, before) {
            // The oldest first, in the order of an index: the rest is not looked at.
            ids.order_by(time, Order::Asc).limit(limit.saturating_sub(gone));
            let mut delete = Query::delete();
            delete.from_table(table);
            delete.and_where(self.backend.is_one_of(Expr::col("id"), ids));
            gone += tx.execute(&delete).await?.rows_affected();
            if gone >= limit {
                break;
            }
        }
        if gone > 0 {
            let record = records::rows_pruned(self.tenant, what, before, gone, self.actor.clone(), now);
            audit::append(&*tx, self.tenant, &[record]).await?;
        }
        tx.commit().await?;
        Ok(gone)
    }

    /// Rows that may go.
    fn old(&self, what: Prunable, before: DateTime<Utc>) -> Vec<Old> {
        match what {
            Prunable::Signals => {
                let signals = FORGETTABLE.iter().map(|outcome| self.old_signals(*outcome, before));
                signals.chain([self.old_trends(before)]).collect()
            }
            Prunable::ToolCalls => vec![self.old_calls(before)],
            Prunable::Alerts => vec![self.old_alerts(before)],
        }
    }

    fn old_signals(&self, outcome: SignalOutcome, before: DateTime<Utc>) -> Old {
        use signals::{Column as C, Entity as E};
        // No task points to one of these; a row that somebody changed by hand must not bring the others to a stand.
        let of_a_task = Query::select()
            .expr(Expr::val(1))
            .from(tasks::Entity)
            .and_where(Expr::col((tasks::Entity, tasks::Column::SignalId)).equals((E, C::Id)))
            .take();
        // What a person said of one is an example for the next calibration.
        let marked = Query::select()
            .expr(Expr::val(1))
            .from(signal_marks::Entity)
            .and_where(Expr::col((signal_marks::Entity, signal_marks::Column::Id)).equals((E, C::Id)))
            .take();
        let ids = Query::select()
            .column((E, C::Id))
            .from(E)
            .and_where(Expr::col((E, C::Outcome)).eq(outcome.as_str()))
            .and_where(batch::of_tenant::<E>(self.tenant))
            .and_where(Expr::col((E, C::IngestedAt)).lt(time(before)))
            .and_where(Expr::exists(of_a_task).not())
            .and_where(Expr::exists(marked).not())
            .take();
        Old { table: E.into_iden(), ids, time: (E, C::IngestedAt).into_column_ref() }
    }

    fn old_trends(&self, before: DateTime<Utc>) -> Old {
        use trends::{Column as C, Entity as E};
        let ids = Query::select()
            .column((E, C::Id))
            .from(E)
            .and_where(Expr::col((E, C::State)).eq(TrendState::Over.as_str()))
            .and_where(batch::of_tenant::<E>(self.tenant))
            .and_where(Expr::col((E, C::BeganAt)).lt(time(before)))
            .take();
        Old { table: E.into_iden(), ids, time: (E, C::BeganAt).into_column_ref() }
    }

    fn old_calls(&self, before: DateTime<Utc>) -> Old {
        use tool_calls::{Column as C, Entity as E};
        // Dead letters are at an end, too: what is made anew leaves calls of its own.
        let live = TaskState::ALL.iter().filter(|state| !state.is_terminal()).map(|state| state.as_str());
        let of_a_live_post = Query::select()
            .expr(Expr::val(1))
            .from(tasks::Entity)
            .and_where(Expr::col((tasks::Entity, tasks::Column::TraceId)).equals((E, C::TraceId)))
            .and_where(batch::of_tenant::<tasks::Entity>(self.tenant))
            .and_where(Expr::col((tasks::Entity, tasks::Column::State)).is_in(live))
            .take();
        let of_a_post_in_doubt = publish::perhaps_out(self.tenant)
            .and_where(Expr::col((publications::Entity, publications::Column::TraceId)).equals((E, C::TraceId)))
            .take();
        let ids = Query::select()
            .column((E, C::Id))
            .from(E)
            .and_where(Expr::col((E, C::CostMicros)).eq(Expr::Constant(0_i64.into())))
            .and_where(batch::of_tenant::<E>(self.tenant))
            .and_where(Expr::col((E, C::CalledAt)).lt(time(before)))
            .and_where(Expr::exists(of_a_live_post).not())
            .and_where(Expr::exists(of_a_post_in_doubt).not())
            .take();
        Old { table: E.into_iden(), ids, time: (E, C::CalledAt).into_column_ref() }
    }

    fn old_alerts(&self, before: DateTime<Utc>) -> Old {
        use alerts::{Column as C, Entity as E};
        let ids = Query::select()
            .column((E, C::Id))
            .from(E)
            .and_where(Expr::col((E, C::AcknowledgedBy)).is_not_null())
            .and_where(batch::of_tenant::<E>(self.tenant))
            .and_where(Expr::col((E, C::CreatedAt)).lt(time(before)))
            .take();
        Old { table: E.into_iden(), ids, time: (E, C::CreatedAt).into_column_ref() }
    }
}
