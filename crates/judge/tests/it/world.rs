//! A migrated database, a campaign, a scripted mind and a judge, and short ways to bring posts before it.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use chimera_bus::{Bus, Queue};
use chimera_domain::{
    Agent, AgentTask, Ambient as _, Artifact, Campaign, GovernorLimits, HitlTicket, JudgeDecision, TaskEvent, TaskId,
    TaskType, ToolStatus, TrendSignal, Verdict,
};
use chimera_judge::{Desk, Judge, JudgeConfig, RepeatsConfig};
use chimera_llm::TopicScanner;
use chimera_store::{Plan, ReviewCase, Ruling, Store, Submission, TraceView};
use chimera_testkit::{Backends, SeededAmbient, fixtures};
use sea_orm::{ConnectionTrait as _, Database, Statement};

use crate::fake::ScriptedMind;

/// See the file's opening.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) ambient: Arc<SeededAmbient>,
    pub(crate) agent: Agent,
    pub(crate) campaign: Campaign,
    pub(crate) mind: Arc<ScriptedMind>,
    pub(crate) judge: Judge,
    pub(crate) desk: Desk,
    backends: Backends,
}

/// The usual, but that posts of the same words are no matter: most of those here are.
pub(crate) fn config() -> JudgeConfig {
    JudgeConfig { repeats: RepeatsConfig { hours: 0, ..RepeatsConfig::default() }, ..JudgeConfig::default() }
}

/// The built-in topics and one of the operator's own: a product that may not be spoken of without a person.
fn scanner() -> Arc<TopicScanner> {
    static SCANNER: OnceLock<Arc<TopicScanner>> = OnceLock::new();
    let own = || BTreeMap::from([("recall".to_owned(), vec!["acme gown".to_owned()])]);
    SCANNER.get_or_init(|| Arc::new(TopicScanner::with_topics(&own()).unwrap())).clone()
}

type Parts<'a> = (&'a Store, &'a Arc<dyn Bus>, &'a Arc<ScriptedMind>, &'a Arc<SeededAmbient>);

fn judge(name: &str, (store, bus, mind, ambient): Parts<'_>, config: JudgeConfig) -> Judge {
    Judge::new(name.to_owned(), store.clone(), bus.clone(), mind.clone(), scanner(), ambient.clone(), config)
}

impl World {
    pub(crate) async fn over(backends: Backends) -> Self {
        let (store, bus) = (backends.store().await, backends.bus().await);
        let ambient = Arc::new(SeededAmbient::new(42));
        let agent = store.agent_save(&fixtures::agent(&*ambient)).await.unwrap();
        let campaign = store.campaign_save(&fixtures::campaign(&*ambient, &agent)).await.unwrap();
        let mind = Arc::new(ScriptedMind::new());
        let judge = judge("judge", (&store, &bus, &mind, &ambient), config());
        let desk = Desk::new(store.clone(), bus.clone(), ambient.clone());
        Self { store, bus, ambient, agent, campaign, mind, judge, desk, backends }
    }

    /// The queues as another process has them.
    pub(crate) async fn another_bus(&self) -> Arc<dyn Bus> {
        self.backends.bus().await
    }

    /// A desk as another process has it, whose clock is a second ahead.
    pub(crate) async fn another_desk(&self) -> Desk {
        let ambient = SeededAmbient::new(43);
        ambient.advance(chrono::Duration::seconds(1));
        Desk::new(self.backends.store().await, self.another_bus().await, Arc::new(ambient))
    }

    /// So many posts that wait for a person.
    pub(crate) async fn waiting_for_people(&self, count: usize) -> Vec<HitlTicket> {
        let limits = GovernorLimits { max_tasks_per_hour: u32::MAX, ..self.agent.governor_limits };
        self.store.agent_save(&Agent { governor_limits: limits, ..self.agent.clone() }).await.unwrap();
        let (signals, tasks): (Vec<_>, Vec<AgentTask>) =
            (0..count).map(|_| self.bare("Silk", TaskType::AssemblePost, vec![])).unzip();
        let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
        self.plan(signals, tasks).await;
        let now = self.ambient.now();
        let claim = chimera_store::Claim::new("worker", Duration::from_secs(600), now);
        let claimed = self.store.task_claim(&ids, claim).await.unwrap().tasks;
        let submission = |task: &AgentTask| Submission {
            task_id: task.id,
            version: task.state_version,
            artifact: fixtures::artifact(&*self.ambient, task),
            tool_calls: vec![],
        };
        self.store.task_submit(claimed.iter().map(submission).collect(), now).await.unwrap();
        let asking = |case: ReviewCase| Ruling {
            decision: fixtures::decision(&*self.ambient, &case.task, &case.artifact, Verdict::HitlQueue),
            task_version: case.task.state_version,
            event: TaskEvent::AskHuman,
            ticket: Some(fixtures::ticket(&*self.ambient, &case.task, &case.artifact)),
            replan: vec![],
        };
        let cases = self.store.review_cases(&ids).await.unwrap();
        let rulings: Vec<Ruling> = cases.into_iter().map(asking).collect();
        let tickets = rulings.iter().filter_map(|ruling| ruling.ticket.clone()).collect();
        assert_eq!(self.store.task_decide(rulings, now).await.unwrap().applied.len(), count);
        tickets
    }

    /// Another judge over the same things.
    pub(crate) fn another_judge(&self) -> Judge {
        self.judge_named("another", config())
    }

    pub(crate) fn judge_named(&self, name: &str, config: JudgeConfig) -> Judge {
        judge(name, (&self.store, &self.bus, &self.mind, &self.ambient), config)
    }

    /// A spotless post with this headline, in JUDGE_REVIEW.
    pub(crate) async fn post(&self, headline: &str) -> AgentTask {
        self.post_with(headline, |_| {}, |_| {}).await.1
    }

    /// The same with changes to its task and to what it made, and its signal.
    pub(crate) async fn post_with(
        &self,
        headline: &str,
        change_task: impl Fn(&mut AgentTask),
        change_artifact: impl Fn(&mut Artifact),
    ) -> (TrendSignal, AgentTask) {
        let (signal, mut task) = self.bare(headline, TaskType::AssemblePost, vec![]);
        change_task(&mut task);
        self.plan(vec![signal.clone()], vec![task.clone()]).await;
        self.hand_in(&task, change_artifact).await;
        (signal, self.stored(task.id).await)
    }

    /// A signal with a task of its own, neither stored.
    pub(crate) fn bare(
        &self,
        headline: &str,
        task_type: TaskType,
        depends_on: Vec<TaskId>,
    ) -> (TrendSignal, AgentTask) {
        let mut signal = fixtures::signal(&*self.ambient, &self.campaign, &self.agent);
        signal.taint.clear();
        signal.item.title = headline.to_owned();
        signal.item.summary = "Weavers show their new silk in Como.".to_owned();
        let mut task = fixtures::task(&*self.ambient, &self.campaign, &self.agent, &signal, task_type, depends_on);
        task.payload.correction = None;
        task.payload.replans = 0;
        (signal, task)
    }

    pub(crate) async fn plan(&self, signals: Vec<TrendSignal>, tasks: Vec<AgentTask>) {
        let plan = Plan {
            campaign_id: self.campaign.id,
            campaign_version: self.campaign.state_version,
            signals,
            tasks,
            alerts: vec![],
            calls: vec![],
        };
        self.store.plan_commit(&plan).await.unwrap();
    }

    /// Has a worker hand in something spotless, but for the changes.
    pub(crate) async fn hand_in(&self, task: &AgentTask, change: impl Fn(&mut Artifact)) -> Artifact {
        let claim = chimera_store::Claim::new("worker", Duration::from_secs(600), self.ambient.now());
        let claimed = self.store.task_claim(&[task.id], claim).await.unwrap().tasks.remove(0);
        let mut artifact = fixtures::artifact(&*self.ambient, &claimed);
        artifact.text = "Silk that outlives the season.\n\nMade by an AI.".to_owned();
        artifact.hashtags = vec!["silk".to_owned()];
        for call in &mut artifact.tool_log {
            (call.status, call.attempts, call.error) = (ToolStatus::Success, 1, None);
        }
        artifact.content_hash = String::new();
        change(&mut artifact);
        // Unless a case has written a hash of its own, it is the right one.
        if artifact.content_hash.is_empty() {
            artifact.content_hash = artifact.named_anew();
        }
        let submission = Submission {
            task_id: claimed.id,
            version: claimed.state_version,
            artifact: artifact.clone(),
            tool_calls: vec![],
        };
        let done = self.store.task_submit(vec![submission], self.ambient.now()).await.unwrap();
        assert_eq!(done.accepted, [task.id]);
        artifact
    }

    pub(crate) async fn round(&self, task: &AgentTask) {
        self.judge.round(&[task.id]).await.unwrap();
    }

    pub(crate) async fn stored(&self, id: TaskId) -> AgentTask {
        self.store.tasks_by_ids(&[id]).await.unwrap().remove(0)
    }

    pub(crate) async fn trace(&self, task: &AgentTask) -> TraceView {
        self.store.trace(task.trace_id).await.unwrap().unwrap()
    }

    /// The latest decision on a task.
    pub(crate) async fn decision(&self, task: &AgentTask) -> JudgeDecision {
        let mut decisions = self.trace(task).await.decisions;
        decisions.retain(|d| d.task_id == task.id);
        decisions.pop().unwrap()
    }

    /// What waits in a queue.
    pub(crate) async fn queued(&self, queue: Queue) -> Vec<TaskId> {
        self.bus.take(queue, 99, Duration::ZERO).await.unwrap().into_iter().map(|d| d.task_id).collect()
    }

    /// When the task's lease ends, in milliseconds of the database's clock.
    pub(crate) async fn lease_end(&self, task: &AgentTask) -> Option<i64> {
        let db = Database::connect(self.backends.database_url()).await.unwrap();
        let sql = format!("SELECT lease_expires_ms FROM agent_tasks WHERE trace_id = '{}'", task.trace_id);
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap().unwrap();
        db.close().await.unwrap();
        row.try_get_by_index(0).unwrap()
    }

    /// Damages what the task made, so that nobody can read it.
    pub(crate) async fn damage_result(&self, task: &AgentTask) {
        let db = Database::connect(self.backends.database_url()).await.unwrap();
        let sql = format!("UPDATE artifacts SET channel = 'NOWHERE' WHERE trace_id = '{}'", task.trace_id);
        assert_eq!(db.execute_unprepared(&sql).await.unwrap().rows_affected(), 1);
        db.close().await.unwrap();
    }
}
