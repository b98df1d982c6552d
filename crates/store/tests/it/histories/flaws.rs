//! The promises can be seen to break: with one mistake made on purpose, by whoever acts or behind the store's back, a
//! history fails, and says what is wrong; without it, the same history does not.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chimera_domain::{CampaignStatus, StateVersion};
use chimera_store::PublishCase;
use sea_orm::{ConnectionTrait as _, Database};
use tokio::{runtime::Handle, task::block_in_place};

use super::{Act, Step, play, story::Story};
use crate::world::World;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// A worker hands in at the version that the row has by now, as if nobody checked whose claim it is.
    ForgedResult,
    /// A publisher settles what another has taken over.
    ForgedSettlement,
    /// A post is approved that nobody has judged.
    Unjudged,
    /// Publishers don't see a pause.
    UnseenPause,
    /// A call whose end nobody heard is made again at once, where repeats double.
    BlindRetry,
    /// A call whose end nobody heard is written down as one without effect.
    FalseAbsence,
    /// A lease that never lapses: nobody brings the task back.
    EndlessLease,
    /// A row is written at the same version.
    SilentWrite,
    /// Claims don't see the day's cap.
    UnseenCap,
    /// The ledger forgets a micro-dollar.
    LostCents,
}

impl Flaw {
    const ALL: [Self; 10] = [
        Self::ForgedResult,
        Self::ForgedSettlement,
        Self::Unjudged,
        Self::UnseenPause,
        Self::BlindRetry,
        Self::FalseAbsence,
        Self::EndlessLease,
        Self::SilentWrite,
        Self::UnseenCap,
        Self::LostCents,
    ];

    /// A history in which it does harm, and what is said then.
    fn harm(self) -> (Vec<Act>, &'static str) {
        let plan = Act::Plan { reply: false };
        let claim = Act::Claim { worker: false, briefly: false };
        let claim_briefly = Act::Claim { worker: true, briefly: true };
        let sweep = Act::Sweep { later: true };
        let submit = Act::Submit(0);
        let approve = Act::Rule { pick: 0, verdict: 0 };
        let submitted = vec![plan, claim, submit, submit, Act::Review, approve, approve, claim, submit];
        let and_then = |acts: &[Act]| [&submitted[..], acts].concat();
        let approved = |acts: &[Act]| [&submitted[..], &[Act::Review, approve], acts].concat();
        let begin = |briefly, lands| Act::Begin { briefly, lands };
        let settle = |how| Act::Settle { pick: 0, how };
        match self {
            Self::ForgedResult => {
                (vec![plan, claim_briefly, sweep, claim, submit], "was taken from one who had lost it")
            }
            Self::ForgedSettlement => {
                (approved(&[begin(true, false), Act::TakeOver, settle(0)]), "was taken from one who had lost it")
            }
            Self::Unjudged => (and_then(&[sweep, begin(false, false)]), "what nobody approved went out"),
            Self::UnseenPause => (approved(&[Act::Set(CampaignStatus::Paused), begin(false, false)]), "begun at rest"),
            Self::BlindRetry => (approved(&[begin(false, true), settle(3)]), "a story is out twice"),
            Self::FalseAbsence => (approved(&[begin(false, true), settle(3)]), "is out after"),
            Self::EndlessLease => (vec![plan, claim_briefly], "lost: "),
            Self::SilentWrite => (vec![plan, sweep], "written without a version"),
            Self::UnseenCap => (vec![plan, plan, claim_briefly, sweep, claim], "is overdrawn after"),
            Self::LostCents => (vec![plan, claim, submit, sweep], "assertion `left == right` failed"),
        }
    }
}

pub(crate) async fn no_seeded_flaw_goes_unseen(world: World) {
    for flaw in Flaw::ALL {
        let (acts, says) = flaw.harm();
        let history = (false, acts.into_iter().map(Step::One).collect());
        // Without the mistake, the same history does no harm.
        Box::pin(play(&world, &history, None)).await;
        let flawed = AssertUnwindSafe(|| Handle::current().block_on(play(&world, &history, Some(flaw))));
        let Err(panic) = block_in_place(|| catch_unwind(flawed)) else { panic!("{flaw:?} went unseen") };
        let said = panic.downcast::<String>().unwrap();
        assert!(said.contains(says), "{flaw:?} is not what was seen: {said}");
    }
}

impl Story<'_> {
    /// What the sweeper finds was changed behind everyone's back.
    pub(super) async fn tamper(&self) {
        if self.has(Flaw::SilentWrite) {
            self.sql_on_traces("UPDATE agent_tasks SET attempts = attempts + 1 WHERE").await;
        }
        if self.has(Flaw::LostCents) {
            self.sql_on_traces("UPDATE spend_ledger SET cost_micros = cost_micros - 1 WHERE cost_micros > 1 AND").await;
        }
        if self.has(Flaw::Unjudged) {
            let approve = "UPDATE agent_tasks SET state = 'APPROVED', state_version = state_version + 1 \
                           WHERE task_type = 'assemble_post' AND state = 'JUDGE_REVIEW' AND";
            self.sql_on_traces(approve).await;
        }
    }

    pub(super) async fn before_claim(&self) {
        if self.has(Flaw::UnseenCap) {
            self.cap(900_000_000).await;
        }
    }

    pub(super) async fn after_claim(&self) {
        if self.has(Flaw::UnseenCap) {
            self.cap(super::story::DAILY.micros()).await;
        }
        if self.has(Flaw::EndlessLease) {
            let for_ever = "UPDATE agent_tasks SET lease_expires_ms = 9000000000000000 WHERE state = 'EXECUTING' AND";
            self.sql_on_traces(for_ever).await;
        }
    }

    async fn cap(&self, micros: i64) {
        let slug = self.agent().await.persona_slug;
        self.sql(&format!("UPDATE agents SET max_daily_spend_micros = {micros} WHERE persona_slug = '{slug}'")).await;
    }

    pub(super) async fn before_begin(&self) {
        self.hide_pause("PAUSED", "ACTIVE").await;
    }

    pub(super) async fn after_begin(&self) {
        self.hide_pause("HIDDEN", "PAUSED").await;
    }

    /// The row says that it is ACTIVE for as long as the gate looks at it. That it does not is noted among the resources,
    /// which are of no account here.
    async fn hide_pause(&self, from: &str, to: &str) {
        if !self.has(Flaw::UnseenPause) {
            return;
        }
        let slug = self.campaign().await.slug;
        let (set, is) = match from {
            "PAUSED" => ("resources = '[\"HIDDEN\"]', status", "status = 'PAUSED'"),
            _ => ("resources = '[]', status", "CAST(resources AS TEXT) LIKE '%HIDDEN%'"),
        };
        self.sql(&format!("UPDATE campaigns SET {set} = '{to}' WHERE slug = '{slug}' AND {is}")).await;
    }

    /// The versions that a publisher settles at.
    pub(super) async fn versions(&self, case: &PublishCase) -> (StateVersion, StateVersion) {
        if !self.has(Flaw::ForgedSettlement) {
            return (case.task.state_version, case.publication.state_version);
        }
        let view = self.world.store.trace(case.task.trace_id).await.unwrap().unwrap();
        let entry = view.publications.iter().find(|entry| entry.id == case.publication.id).unwrap();
        (self.world.stored(case.task.id).await.state_version, entry.state_version)
    }

    async fn sql_on_traces(&self, statement: &str) {
        for trace in self.book(|book| book.traces.clone()) {
            self.sql(&format!("{statement} trace_id = '{trace}'")).await;
        }
    }

    /// Runs a statement that no method of the store would.
    async fn sql(&self, statement: &str) {
        let db = Database::connect(self.world.config.url.as_str()).await.unwrap();
        db.execute_unprepared(statement).await.unwrap();
        db.close().await.unwrap();
    }
}
