//! What people say of the planner's scores, and the maps that are fitted to it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use uuid::Uuid;

use chimera_domain::{
    Calibration, Campaign, CampaignId, MarkedSignal, SignalId, SignalMark, SignalOutcome, StateVersion, TrendSignal,
};

use crate::{
    Result, RowKind, Store, StoreError,
    audit::{self, records},
    batch,
    codec::{Mapped, text, time},
    entity::{
        campaigns, signal_marks,
        signals::{self, Column as C},
    },
    versioned,
};

impl Store {
    /// Says whether a signal is relevant. Saying it again, or otherwise, replaces what was said before. Nothing that is
    /// planned changes; the next calibration takes it into account.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], or another [`StoreError`]; then nothing was written.
    pub async fn signal_mark(
        &self,
        id: SignalId,
        mark: SignalMark,
        note: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<MarkedSignal> {
        self.retrying(|| self.mark_once(id, mark, note, now)).await
    }

    async fn mark_once(
        &self,
        id: SignalId,
        mark: SignalMark,
        note: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<MarkedSignal> {
        use signal_marks::Column as M;
        let tx = self.begin().await?;
        let missing = || StoreError::NotFound { entity: RowKind::Signal, id: id.as_uuid() };
        let row = batch::find::<signals::Entity>(&*tx, self.tenant, C::Id, [id.as_uuid()]).await?.pop();
        let signal = signals::Entity::read(row.ok_or_else(missing)?)?;
        let before = batch::find::<signal_marks::Entity>(&*tx, self.tenant, M::Id, [id.as_uuid()]).await?.pop();
        let wanted = signal_marks::Model {
            id: id.as_uuid(),
            tenant_id: self.tenant.as_uuid(),
            campaign_id: signal.campaign_id.as_uuid(),
            mark: mark.to_string(),
            note: note.map(text),
            marked_by: self.actor.to_string(),
            state_version: StateVersion::FIRST.get(),
            created_at: time(now),
            updated_at: time(now),
        };
        let after = match before {
            None => {
                batch::insert_rows::<signal_marks::Entity>(&*tx, vec![wanted.clone()], None).await?;
                wanted
            }
            Some(row) => {
                let set = vec![
                    (M::Mark, Expr::val(wanted.mark)),
                    (M::Note, Expr::val(wanted.note)),
                    (M::MarkedBy, Expr::val(wanted.marked_by)),
                    (M::UpdatedAt, Expr::val(wanted.updated_at)),
                ];
                let seen = (row.id, StateVersion::new(row.state_version));
                versioned::update_one::<signal_marks::Entity>(&*tx, self.tenant, RowKind::Signal, seen, set).await?
            }
        };
        let logged = records::signal_marked(&signal, &after, self.actor.clone(), now);
        audit::append(&*tx, self.tenant, &[logged]).await?;
        tx.commit().await?;
        marked(signal, after)
    }

    /// The campaign's signals that somebody marked, the latest word first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn signals_marked(&self, campaign_id: CampaignId, limit: u64) -> Result<Vec<MarkedSignal>> {
        use signal_marks::Column as M;
        let marks = signal_marks::Entity::find()
            .filter(batch::of_tenant::<signal_marks::Entity>(self.tenant))
            .filter(M::CampaignId.eq(campaign_id.as_uuid()))
            .order_by_desc(M::UpdatedAt)
            .order_by_desc(M::Id)
            .limit(limit)
            .all(&self.db)
            .await?;
        let rows =
            batch::find::<signals::Entity>(&self.db, self.tenant, C::Id, marks.iter().map(|mark| mark.id)).await?;
        let mut signals: HashMap<Uuid, signals::Model> = rows.into_iter().map(|row| (row.id, row)).collect();
        let both = marks.into_iter().filter_map(|mark| Some((signals.remove(&mark.id)?, mark)));
        both.map(|(signal, mark)| marked(signals::Entity::read(signal)?, mark)).collect()
    }

    /// Those of these signals that somebody marked, in no particular order.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn marks_of(&self, signals: &[TrendSignal]) -> Result<Vec<MarkedSignal>> {
        use signal_marks::Column as M;
        let ids = signals.iter().map(|signal| signal.id.as_uuid());
        let marks = batch::find::<signal_marks::Entity>(&self.db, self.tenant, M::Id, ids).await?;
        let mut marks: HashMap<Uuid, signal_marks::Model> = marks.into_iter().map(|mark| (mark.id, mark)).collect();
        let both = signals.iter().filter_map(|signal| Some((signal.clone(), marks.remove(&signal.id.as_uuid())?)));
        both.map(|(signal, mark)| marked(signal, mark)).collect()
    }

    /// The campaign's signals that were scored and read at `since` or later, the oldest first, at most `limit`; `after`
    /// names the last one of the page before.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn signals_scored(
        &self,
        campaign_id: CampaignId,
        since: DateTime<Utc>,
        after: Option<&TrendSignal>,
        limit: u64,
    ) -> Result<Vec<TrendSignal>> {
        use sea_orm::sea_query::ExprTrait as _;
        let mut select = signals::Entity::find()
            .filter(batch::of_tenant::<signals::Entity>(self.tenant))
            .filter(C::CampaignId.eq(campaign_id.as_uuid()))
            .filter(C::IngestedAt.gte(time(after.map_or(since, |last| last.ingested_at))))
            .filter(
                C::Outcome.is_not_in([SignalOutcome::Duplicate, SignalOutcome::Answered].map(SignalOutcome::as_str)),
            )
            .order_by_asc(C::IngestedAt)
            .order_by_asc(C::Id)
            .limit(limit);
        if let Some(last) = after {
            let place = Expr::tuple([Expr::col(C::IngestedAt), Expr::col(C::Id)]);
            let from = Expr::tuple([Expr::val(time(last.ingested_at)), Expr::val(last.id.as_uuid())]);
            select = select.filter(place.gt(from));
        }
        batch::read_all::<signals::Entity>(select.all(&self.db).await?)
    }

    /// From now on a campaign's scores mean what this map says; without one, what the mind says. Plans on the version
    /// before are not committed.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the campaign was changed since `version`, [`StoreError::NotFound`].
    pub async fn campaign_calibrate(
        &self,
        id: CampaignId,
        version: StateVersion,
        calibration: Option<&Calibration>,
        now: DateTime<Utc>,
    ) -> Result<Campaign> {
        use campaigns::Column as K;
        let map = campaigns::calibration(id, calibration)?;
        let set = vec![(K::Calibration, Expr::val(map)), (K::UpdatedAt, Expr::val(time(now)))];
        let tx = self.begin().await?;
        let seen = (id.as_uuid(), version);
        let row = versioned::update_one::<campaigns::Entity>(&*tx, self.tenant, RowKind::Campaign, seen, set).await?;
        let logged = records::campaign_calibrated(&row, calibration, self.actor.clone(), now);
        audit::append(&*tx, self.tenant, &[logged]).await?;
        tx.commit().await?;
        campaigns::Entity::read(row)
    }
}

fn marked(signal: TrendSignal, row: signal_marks::Model) -> Result<MarkedSignal> {
    let reader = crate::codec::Reader { entity: RowKind::Signal, id: row.id };
    Ok(MarkedSignal {
        signal,
        mark: reader.name("mark", &row.mark)?,
        note: row.note,
        marked_by: row.marked_by,
        marked_at: row.updated_at,
    })
}
