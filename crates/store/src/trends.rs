//! Trends: kept by whoever spots them, read by whoever asks.

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use chimera_domain::{Alert, SignalOutcome, Trend, TrendSignal, TrendState};

use crate::{
    Result, Store,
    alerts::raise,
    batch,
    codec::{Mapped, time},
    entity::{
        signals,
        trends::{self, Column as C},
    },
};

impl Store {
    /// Trends, those that last first, then the newest first; only those that last, if asked so.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn trends(&self, only_hot: bool, limit: u64) -> Result<Vec<Trend>> {
        let states: &[TrendState] = if only_hot { &[TrendState::Hot] } else { TrendState::ALL };
        let mut found = Vec::new();
        for state in states {
            let rows = trends::Entity::find()
                .filter(batch::of_tenant::<trends::Entity>(self.tenant))
                .filter(C::State.eq(state.as_str()))
                .order_by_desc(C::BeganAt)
                .order_by_desc(C::Id)
                .limit(limit.saturating_sub(u64::try_from(found.len()).unwrap_or(u64::MAX)))
                .all(&self.db)
                .await?;
            found.extend(batch::read_all::<trends::Entity>(rows)?);
        }
        Ok(found)
    }

    /// Writes these trends, whatever stood there before, and raises what is to be told of them; one transaction.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails; then nothing was written.
    pub async fn trends_save(&self, trends: &[Trend], alerts: &[Alert]) -> Result<()> {
        let written =
            [C::Label, C::State, C::Items, C::Sources, C::Expected, C::Z, C::ZPeak, C::Members, C::BeganAt, C::EndedAt];
        let replace = OnConflict::column(C::Id)
            .update_columns(written)
            .value(C::StateVersion, Expr::col((trends::Entity, C::StateVersion)).add(1_i64))
            .to_owned();
        let mut rows: Vec<_> =
            trends.iter().map(|trend| trends::Entity::write(trend, self.tenant)).collect::<Result<_>>()?;
        // In one order everywhere, so that two writers never wait for each other.
        rows.sort_by_key(|row| row.id);
        self.retrying(|| async {
            let tx = self.begin().await?;
            batch::insert_rows::<trends::Entity>(&*tx, rows.clone(), Some(replace.clone())).await?;
            raise(&*tx, self.tenant, alerts).await?;
            tx.commit().await
        })
        .await
    }

    /// News read at `since` or later, whatever became of it, the oldest first; of more than `limit` the newest.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn signals_since(&self, since: DateTime<Utc>, limit: u64) -> Result<Vec<TrendSignal>> {
        use signals::Column as S;
        let newest = signals::Entity::find()
            .filter(batch::of_tenant::<signals::Entity>(self.tenant))
            .filter(S::IngestedAt.gte(time(since)))
            .filter(S::Outcome.ne(SignalOutcome::Answered.as_str()))
            .order_by_desc(S::IngestedAt)
            .order_by_desc(S::Id)
            .limit(limit);
        let mut signals = batch::read_all::<signals::Entity>(newest.all(&self.db).await?)?;
        signals.reverse();
        Ok(signals)
    }
}
