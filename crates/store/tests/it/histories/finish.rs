//! The mishaps stop: everyone hands in what they hold, and then goes by the sweeper alone, for the queues are empty.

use chimera_domain::{Ambient as _, CampaignStatus, EntryState, TaskEvent, TaskId, TaskState};

use super::{check::Reached, story::Story};
use crate::world::eventually;

/// Rounds that a story may take to its end. One takes about four; each retry or replacement, as many more.
const ROUNDS_MAX: usize = 40;

impl Story<'_> {
    /// Brings everything to an end, and counts the ends.
    pub(super) async fn finish(&mut self) -> Reached {
        self.set(CampaignStatus::Active).await;
        // Whoever has a lease that lapses is never heard of again; the others hand back what they hold.
        self.book(|book| {
            book.claims.retain(|(_, briefly)| !briefly);
            book.begun.retain(|begun| !begun.briefly);
        });
        while self.book(|book| !book.claims.is_empty()) {
            self.give_back(0, false).await;
        }
        while let Some(begun) = self.book(|book| book.begun.pop()) {
            self.settle(begun, 0).await;
        }
        for _ in 0..ROUNDS_MAX {
            if self.tasks().await.iter().all(|task| task.state.is_terminal()) {
                return self.end().await;
            }
            self.round().await;
        }
        let stuck: Vec<_> = self.tasks().await.into_iter().filter(|task| !task.state.is_terminal()).collect();
        panic!("lost: {stuck:#?}");
    }

    /// One round of everyone, with nothing in the queues but what the sweeper puts there.
    async fn round(&self) {
        let swept = self.sweep(true).await;
        let mine = self.ids().await;
        let of = |ids: &[TaskId]| -> Vec<TaskId> { ids.iter().copied().filter(|id| mine.contains(id)).collect() };
        self.claim(&of(&swept.ready), "last", false).await;
        while self.book(|book| !book.claims.is_empty()) {
            self.submit(0).await;
        }
        self.judge(&of(&swept.review)).await;
        self.answer_open().await;
        if swept.stale_publishing > 0 {
            let taken = eventually("the takeover", || async {
                let taken = self.world.store.publish_stale("last", crate::world::LEASE, 9).await.unwrap();
                (!taken.is_empty()).then_some(taken)
            })
            .await;
            self.took_over(taken);
        }
        self.begin_publishing(&of(&swept.approved), false, true).await;
        while let Some(begun) = self.book(|book| book.begun.pop()) {
            self.settle(begun, 0).await;
        }
    }

    /// What is in review is approved, or withdrawn where it is void; posts of another persona are withdrawn for good.
    async fn judge(&self, ids: &[TaskId]) {
        for case in self.world.store.review_cases(ids).await.unwrap() {
            if case.task.outdated(&case.campaign, &case.agent).is_some() {
                let cancel = self.world.ruling(&case.task, &case.artifact, TaskEvent::Cancel);
                self.world.store.task_decide(vec![cancel], self.world.ambient.now()).await.unwrap();
            } else {
                self.rule(case, 0).await;
            }
        }
        self.renew(ids, 0).await;
    }

    async fn answer_open(&self) {
        for task in self.tasks().await {
            if task.state != TaskState::HitlQueue {
                continue;
            }
            let questions = self.book(|book| book.questions.clone());
            let question = questions.into_iter().find(|(.., ticket)| Some(ticket.id) == task.hitl_ticket_id);
            let question = question.unwrap_or_else(|| panic!("nobody was asked: {task:?}"));
            self.answer(question, false).await;
        }
    }

    /// The accounts are closed, and say what was paid.
    async fn end(&self) -> Reached {
        let store = &self.world.store;
        let entries = store.spend_entries(&[self.agent], chrono::DateTime::UNIX_EPOCH, None, None).await.unwrap();
        let open: Vec<_> = entries.iter().filter(|entry| entry.state == EntryState::Open).collect();
        assert!(open.is_empty(), "money is still set aside: {open:#?}");
        let (paid, retried, outside) = self.book(|book| (book.paid, book.retried.len(), book.outside.len()));
        assert_eq!(store.spend_total(Some(self.campaign)).await.unwrap(), paid);
        assert_eq!(entries.iter().map(|entry| entry.cost).sum::<chimera_domain::Usd>(), paid);
        self.nothing_was_begun_at_rest().await;
        // Later stories are not to meet this one's rows.
        self.set(CampaignStatus::Ended).await;
        let mut reached = Reached {
            retried: u32::try_from(retried).unwrap(),
            posts: u32::try_from(outside).unwrap(),
            histories: 1,
            ..Reached::default()
        };
        for task in self.tasks().await {
            *reached.ends.entry(task.state).or_default() += 1;
            let poor = task.state == TaskState::Failed && task.last_error.is_some_and(|why| why.contains("today"));
            reached.penniless += u32::from(poor);
        }
        reached
    }
}
