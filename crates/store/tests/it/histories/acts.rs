//! What everyone does, with what they hold.

use chimera_domain::{
    Agent, ArtifactId, Campaign, CampaignStatus, HitlTicket, PublicationId, Question, Resolution, StateVersion,
    TaskEvent, TaskId, TaskState, TaskType,
};
use chimera_store::{
    Claim, Plan, PlanError, PublishOutcome, Release, ReviewCase, Ruling, Settlement, StoreError, Swept, TicketError,
};
use chimera_testkit::fixtures;

use super::{
    Act, Flaw, Pick,
    story::{Begun, Story},
};
use crate::{
    sweeping::LIMITS,
    tickets::answer,
    world::{LEASE, MOMENT},
};

/// Stories planned for one campaign at the most.
const STORIES_MAX: usize = 3;
/// How often a post is planned anew.
const REPLANS_MAX: u32 = 2;

/// Takes out the one that is meant.
fn take<T>(items: &mut Vec<T>, pick: Pick) -> Option<T> {
    if items.is_empty() { None } else { Some(items.swap_remove(usize::from(pick) % items.len())) }
}

fn nth<T: Clone>(items: &[T], pick: Pick) -> Option<T> {
    if items.is_empty() { None } else { items.get(usize::from(pick) % items.len()).cloned() }
}

impl Story<'_> {
    pub(super) async fn act(&self, act: Act) {
        match act {
            Act::Plan { reply } => self.plan(reply).await,
            Act::Claim { worker, briefly } => {
                let ids = self.ids().await;
                self.claim(&ids, if worker { "ada" } else { "bob" }, briefly).await;
            }
            Act::Beat(pick) => self.beat(pick).await,
            Act::Submit(pick) => self.submit(pick).await,
            Act::GiveBack { pick, exhausted } => self.give_back(pick, exhausted).await,
            Act::Review => {
                let cases = self.world.store.review_cases(&self.ids().await).await.unwrap();
                self.book(|book| book.cases.extend(cases));
            }
            Act::Rule { pick, verdict } => {
                if let Some(case) = self.book(|book| take(&mut book.cases, pick)) {
                    self.rule(case, verdict).await;
                }
            }
            Act::Renew => {
                let ids = self.ids().await;
                self.renew(&ids, REPLANS_MAX).await;
            }
            Act::Answer { pick, yes } => {
                if let Some(question) = self.book(|book| nth(&book.questions, pick)) {
                    self.answer(question, yes).await;
                }
            }
            Act::Begin { briefly, lands } => {
                let ids = self.ids().await;
                self.begin_publishing(&ids, briefly, lands).await;
            }
            Act::TakeOver => {
                let taken = self.world.store.publish_stale("next", LEASE, 9).await.unwrap();
                self.took_over(taken);
            }
            Act::Settle { pick, how } => {
                if let Some(begun) = self.book(|book| take(&mut book.begun, pick)) {
                    self.settle(begun, how).await;
                }
            }
            Act::Sweep { later } => {
                self.sweep(later).await;
            }
            Act::Set(status) => self.set(status).await,
            Act::EditBrief => {
                let campaign = self.campaign().await;
                let goal = format!("{}!", campaign.goal);
                self.world.store.campaign_save(&Campaign { goal, ..campaign }).await.unwrap();
            }
            Act::EditPersona { back } => {
                let soul_hash = if back { self.soul.clone() } else { "b".repeat(64) };
                let agent = Agent { soul_hash, ..self.agent().await };
                self.world.store.agent_save(&agent).await.unwrap();
            }
            Act::Retry(pick) => self.retry(pick).await,
        }
    }

    async fn plan(&self, reply: bool) {
        if self.book(|book| book.traces.len()) >= STORIES_MAX {
            return;
        }
        let (campaign, agent, ambient) = (self.campaign().await, self.agent().await, &self.world.ambient);
        let signal = fixtures::signal(ambient, &campaign, &agent);
        let mut tasks = fixtures::dag(ambient, &campaign, &agent, &signal);
        if reply {
            let post = tasks[2].id;
            tasks.push(fixtures::task(ambient, &campaign, &agent, &signal, TaskType::ReplyComment, vec![post]));
        }
        for task in &mut tasks {
            task.payload.replans = 0;
        }
        let trace = signal.trace_id;
        let plan = Plan {
            campaign_id: campaign.id,
            campaign_version: campaign.state_version,
            signals: vec![signal],
            tasks,
            alerts: vec![],
            calls: vec![],
        };
        match self.world.store.plan_commit(&plan).await {
            Ok(ready) => {
                assert_eq!(ready.len(), 2, "words and picture");
                self.book(|book| book.traces.push(trace));
            }
            Err(PlanError::CampaignMoved { .. } | PlanError::PersonaMoved { .. } | PlanError::OverCap { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    pub(super) async fn claim(&self, ids: &[TaskId], worker: &str, briefly: bool) {
        let lease = if briefly { MOMENT } else { LEASE };
        let claim = Claim::new(worker, lease, self.now());
        self.before_claim().await;
        let claimed = self.world.store.task_claim(ids, claim).await.unwrap().tasks;
        self.after_claim().await;
        for task in &claimed {
            assert_eq!((task.state, task.lease_owner.as_deref()), (TaskState::Executing, Some(worker)));
        }
        self.book(|book| {
            book.holder.extend(claimed.iter().map(|task| (task.id, task.state_version)));
            book.claims.extend(claimed.into_iter().map(|task| (task, briefly)));
        });
    }

    async fn beat(&self, pick: Pick) {
        let Some((task, _)) = self.book(|book| nth(&book.claims, pick)) else { return };
        let owner = task.lease_owner.clone().unwrap_or_default();
        let still = self.world.store.task_heartbeat(&[(task.id, task.state_version)], &owner, LEASE).await.unwrap();
        assert!(still.len() <= 1);
    }

    pub(super) async fn submit(&self, pick: Pick) {
        let Some((task, _)) = self.book(|book| take(&mut book.claims, pick)) else { return };
        let artifact = fixtures::artifact(&self.world.ambient, &task);
        let mut submission = self.world.submission(&task, &artifact);
        if self.has(Flaw::ForgedResult) {
            submission.version = self.world.stored(task.id).await.state_version;
        }
        let called = submission.tool_calls.iter().map(|call| call.cost_usd).sum();
        let done = self.world.store.task_submit(vec![submission], self.now()).await.unwrap();
        assert_eq!(done.accepted.len() + done.fenced.len(), 1);
        self.book(|book| {
            book.paid = book.paid.saturating_add(called);
            if !done.accepted.is_empty() {
                self.holds(book, task.id, task.state_version);
                book.paid = book.paid.saturating_add(artifact.costs.total());
            }
        });
    }

    pub(super) async fn give_back(&self, pick: Pick, exhausted: bool) {
        let Some((task, _)) = self.book(|book| take(&mut book.claims, pick)) else { return };
        let release = Release {
            task_id: task.id,
            version: task.state_version,
            error: "given back".to_owned(),
            exhausted,
            uncounted: false,
            tool_calls: vec![],
        };
        self.world.store.task_release(vec![release], vec![], self.now()).await.unwrap();
    }

    /// A judge's ruling on what was read; what proves to be void meanwhile is withdrawn.
    pub(super) async fn rule(&self, case: ReviewCase, verdict: Pick) {
        let publishable = case.task.task_type.is_publishable();
        let event = match verdict % 6 {
            0..=2 => TaskEvent::Approve,
            3 | 4 if publishable => TaskEvent::AskHuman,
            3 | 4 => TaskEvent::Approve,
            _ => TaskEvent::Reject,
        };
        let mut ruling = self.world.ruling(&case.task, &case.artifact, event);
        if event == TaskEvent::AskHuman {
            ruling.ticket = Some(fixtures::ticket(&self.world.ambient, &case.task, &case.artifact));
        }
        let again = event == TaskEvent::Reject && case.task.task_type == TaskType::AssemblePost;
        if again && case.task.payload.replans < REPLANS_MAX {
            ruling.replan = self.again(&case.task, &case.campaign, &case.agent);
        }
        let ticket = ruling.ticket.clone();
        let decided = self.world.store.task_decide(vec![ruling], self.now()).await.unwrap();
        assert_eq!(decided.applied.len() + decided.conflicts.len() + decided.outdated.len(), 1);
        if event == TaskEvent::Approve && !decided.applied.is_empty() {
            self.book(|book| book.approved.insert(case.artifact.id));
        }
        if !decided.outdated.is_empty() {
            let cancel = self.world.ruling(&case.task, &case.artifact, TaskEvent::Cancel);
            self.world.store.task_decide(vec![cancel], self.now()).await.unwrap();
        } else if let (Some(ticket), false) = (ticket, decided.applied.is_empty()) {
            self.book(|book| book.questions.push((case.task, case.artifact, ticket)));
        }
    }

    /// Posts of another persona are planned anew.
    pub(super) async fn renew(&self, ids: &[TaskId], replans_max: u32) {
        for post in self.world.store.outdated_posts(ids).await.unwrap() {
            let artifact = fixtures::artifact(&self.world.ambient, &post.task);
            let mut ruling: Ruling = self.world.ruling(&post.task, &artifact, TaskEvent::Cancel);
            ruling.decision.artifact_id = None::<ArtifactId>;
            if post.task.payload.replans < replans_max && post.task.task_type == TaskType::AssemblePost {
                ruling.replan = self.again(&post.task, &post.campaign, &post.agent);
            }
            self.world.store.task_decide(vec![ruling], self.now()).await.unwrap();
        }
    }

    /// An honest answer: whether a post is out, the person looks before saying so.
    pub(super) async fn answer(
        &self,
        (task, artifact, ticket): (chimera_domain::AgentTask, chimera_domain::Artifact, HitlTicket),
        yes: bool,
    ) {
        let resolution = match (ticket.question, yes) {
            (Question::IsItOut, _) if self.is_out(&artifact) => Resolution::ConfirmedPublished,
            (_, true) => Resolution::Approved,
            (_, false) => Resolution::Rejected,
        };
        let says = answer(self.world, (&task, &artifact, &ticket), resolution, "mara");
        match self.world.store.ticket_resolve(&says, self.now()).await {
            Ok(decided) => {
                assert_eq!(decided.applied, [task.id]);
                if resolution == Resolution::Approved {
                    self.book(|book| book.approved.insert(artifact.id));
                }
            }
            Err(TicketError::Store(error)) => panic!("{error:?}"),
            Err(_) => {}
        }
    }

    /// Begins, and calls: a call that lands puts the post out, whatever the publisher hears of it.
    pub(super) async fn begin_publishing(&self, ids: &[TaskId], briefly: bool, lands: bool) {
        let new_ids: Vec<_> = ids.iter().map(|_| PublicationId::generate(&self.world.ambient)).collect();
        let lease = if briefly { MOMENT } else { LEASE };
        self.before_begin().await;
        let begun = self.world.store.publish_begin(ids, "publisher", lease, self.now(), &new_ids).await.unwrap();
        self.after_begin().await;
        for case in begun {
            assert_eq!(case.campaign.status, CampaignStatus::Active, "begun while at rest");
            assert_eq!(case.task.outdated(&case.campaign, &case.agent), None, "begun though void");
            // Where a repeat would double, one looks first.
            let knows_better = case.previously_attempted && !self.keys && self.is_out(&case.artifact);
            if lands && !knows_better {
                self.put_out(&case);
            }
            self.book(|book| {
                book.holder.insert(case.task.id, case.task.state_version);
                book.sent.insert(case.artifact.id);
                book.begun.push(Begun { case, taken_over: false, briefly });
            });
        }
    }

    pub(super) fn took_over(&self, taken: Vec<chimera_store::PublishCase>) {
        self.book(|book| {
            book.holder.extend(taken.iter().map(|case| (case.task.id, case.task.state_version)));
            let begun = |case| Begun { case, taken_over: true, briefly: false };
            book.begun.extend(taken.into_iter().map(begun));
        });
    }

    /// Whoever was heard held the task last.
    fn holds(&self, book: &super::story::Book, task: TaskId, version: StateVersion) {
        assert_eq!(book.holder.get(&task), Some(&version), "{task} was taken from one who had lost it");
    }

    /// An honest account of the call.
    pub(super) async fn settle(&self, Begun { case, taken_over, .. }: Begun, how: Pick) {
        let out = self.is_out(&case.artifact);
        let doubt = case.previously_attempted || taken_over;
        let error = "it went wrong".to_owned();
        if self.has(Flaw::BlindRetry) && how % 4 == 3 {
            self.put_out(&case);
        }
        let outcome = match (out, how % 4) {
            (true, 3) if self.has(Flaw::FalseAbsence) => {
                PublishOutcome::Absent { error, sure: true, rest: std::time::Duration::ZERO }
            }
            (true, 0..=2) => PublishOutcome::Confirmed { external_id: "post-1".to_owned(), url: None },
            (_, 3) => PublishOutcome::Unknown { error },
            (false, 2) if !doubt => PublishOutcome::Refused { error },
            _ => PublishOutcome::Absent { error, sure: !doubt, rest: std::time::Duration::ZERO },
        };
        let unknown = matches!(outcome, PublishOutcome::Unknown { .. });
        let ticket = unknown.then(|| HitlTicket {
            question: Question::IsItOut,
            ..fixtures::ticket(&self.world.ambient, &case.task, &case.artifact)
        });
        let (task_version, publication_version) = self.versions(&case).await;
        let settlement = Settlement {
            task_id: case.task.id,
            task_version,
            publication_id: case.publication.id,
            publication_version,
            outcome,
            tool_calls: vec![],
            ticket: ticket.clone(),
            alert: None,
        };
        let settled = self.world.store.publish_settle(vec![settlement], self.now()).await.unwrap();
        if settled.fenced.is_empty() {
            self.book(|book| self.holds(book, case.task.id, case.task.state_version));
        }
        if let (Some(ticket), false) = (ticket, settled.waiting.is_empty()) {
            self.book(|book| book.questions.push((case.task, case.artifact, ticket)));
        }
    }

    pub(super) async fn sweep(&self, later: bool) -> Swept {
        if later {
            self.world.ambient.advance(chrono::Duration::seconds(130));
        }
        self.tamper().await;
        self.world.store.sweep(LIMITS, self.now()).await.unwrap()
    }

    pub(super) async fn set(&self, status: CampaignStatus) {
        let campaign = self.campaign().await;
        if campaign.status == CampaignStatus::Ended || campaign.status == status {
            return;
        }
        let set = self.world.store.campaign_set_status(campaign.id, campaign.state_version, status, self.now()).await;
        assert!(matches!(set, Ok(_) | Err(StoreError::Conflict { .. })), "{set:?}");
    }

    async fn retry(&self, pick: Pick) {
        let lost = |state: TaskState| matches!(state, TaskState::Failed | TaskState::Cancelled);
        let candidates: Vec<TaskId> =
            self.tasks().await.into_iter().filter(|task| lost(task.state)).map(|task| task.id).collect();
        let Some(id) = nth(&candidates, pick) else { return };
        let retried = self.world.store.task_retry_failed(&[id], self.now()).await.unwrap();
        self.book(|book| {
            book.retried.extend(retried.ready.iter().chain(&retried.approved).chain(&retried.revived));
        });
    }
}
