//! A migrated database, a campaign, a host with the fake server, and short ways to bring tasks where a case needs them.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use chimera_bus::{Bus, Queue};
use chimera_domain::{
    Agent, AgentTask, Alert, Ambient as _, Artifact, Campaign, CampaignStatus, Channel, Criterion, GovernorLimits,
    LedgerEntry, Modality, Publication, PublicationId, TaskEvent, TaskId, TaskState, TaskType, TraceId, TrendSignal,
    Usd, Verdict, VideoPlan, VideoTier,
    policy::{PlatformAbilities, RetryPolicy},
};
use chimera_mcp::{Cost, Host, HostConfig, RoleConfig, ServerConfig, TransportConfig};
use chimera_media::{Credentials, Origin};
use chimera_store::{Blobs, Claim, Plan, PublishCase, Ruling, Store, Submission, Submitted, TraceView};
use chimera_testkit::{Backends, SeededAmbient, fixtures};
use chimera_worker::{Executor, Pool, Publisher, PublisherConfig, Sweeper, SweeperConfig, WorkerConfig};
use chrono::DateTime;
use sea_orm::{ConnectionTrait as _, Database};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fake::{Fake, PICTURE};

/// Long enough that no lease lapses in a test that is not about that.
pub(crate) const LEASE: Duration = Duration::from_secs(600);
/// Short enough that it lapses at once.
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

/// See the file's opening.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) ambient: Arc<SeededAmbient>,
    pub(crate) agent: Agent,
    pub(crate) campaign: Campaign,
    pub(crate) fake: Fake,
    pub(crate) host: Arc<Host>,
    pub(crate) blobs: Blobs,
    backends: Backends,
}

/// A role at work.
pub(crate) struct Running {
    cancel: CancellationToken,
    abandon: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Has it hand back what it holds.
    pub(crate) fn abandon(&self) {
        self.abandon.cancel();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Ends it in order.
    pub(crate) async fn stop(self) {
        self.cancel.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.task).await.expect("it does not stop").unwrap();
    }
}

fn run(role: impl FnOnce(CancellationToken, CancellationToken) -> futures::future::BoxFuture<'static, ()>) -> Running {
    let (cancel, abandon) = (CancellationToken::new(), CancellationToken::new());
    let task = tokio_util::task::TaskTracker::new().spawn(role(cancel.clone(), abandon.clone()));
    Running { cancel, abandon, task }
}

impl World {
    pub(crate) async fn over(backends: Backends) -> Self {
        let (store, bus) = (backends.store().await, backends.bus().await);
        let ambient = Arc::new(SeededAmbient::new(42));
        let agent = store.agent_save(&fixtures::agent(&*ambient)).await.unwrap();
        let campaign = store.campaign_save(&fixtures::campaign(&*ambient, &agent)).await.unwrap();
        let fake = Fake::new();
        let host = Arc::new(host(&fake, &ambient, &["find_post"], &said()));
        let blobs = Blobs::new(backends.folder().join("media"));
        Self { store, bus, ambient, agent, campaign, fake, host, blobs, backends }
    }

    /// A host whose roles lack the ability to look posts up.
    pub(crate) fn host_without_look_up(&self) -> Arc<Host> {
        Arc::new(host(&self.fake, &self.ambient, &[], &said()))
    }

    /// A host whose tools fetch media by themselves.
    pub(crate) fn host_that_fetches(&self) -> Arc<Host> {
        let mut config = host_config(&["find_post"], &said());
        for (role, key) in [("publish_post", "fetch"), ("animate_image", "fetch")] {
            let role = config.roles.get_mut(role).unwrap();
            role.arguments[key] = serde_json::json!(["{{media_url}}", "{{media_urls}}"]);
        }
        Arc::new(host_of(config, &self.fake, &self.ambient))
    }

    /// A host whose server takes one call at a time.
    pub(crate) fn host_with_one_slot(&self) -> Arc<Host> {
        let mut config = host_config(&["find_post"], &said());
        let server = ServerConfig { concurrency: 1, ..ServerConfig::new(TransportConfig::InProcess) };
        config.servers.insert("fake".to_owned(), server);
        Arc::new(host_of(config, &self.fake, &self.ambient))
    }

    /// Where the database is.
    pub(crate) fn database_url(&self) -> &str {
        self.backends.database_url()
    }

    /// The same world, where making words, a picture or a video costs this.
    pub(crate) fn with_cost(mut self, cost: &Cost) -> Self {
        self.host = Arc::new(host(&self.fake, &self.ambient, &["find_post"], cost));
        self
    }

    /// The agent may spend so much a day.
    pub(crate) async fn limit(&self, max_daily_spend: Usd) {
        let limits = GovernorLimits { max_daily_spend, ..GovernorLimits::default() };
        self.store.agent_save(&Agent { governor_limits: limits, ..self.agent.clone() }).await.unwrap();
    }

    /// Where Redis is, if this column has one.
    pub(crate) fn redis(&self) -> Option<&chimera_bus::RedisConfig> {
        self.backends.redis()
    }

    /// The spend ledger, oldest first.
    pub(crate) async fn ledger(&self) -> Vec<LedgerEntry> {
        let mut entries = self.store.spend_entries(&[self.agent.id], DateTime::UNIX_EPOCH, None, None).await.unwrap();
        entries.reverse();
        entries
    }

    pub(crate) fn executor(&self) -> Executor {
        let credentials = Credentials::test().unwrap();
        Executor::new(self.host.clone(), self.blobs.clone(), credentials, self.ambient.clone())
    }

    /// Starts a pool that tries three times and hardly waits in between.
    pub(crate) fn pool(&self, name: &str, concurrency: usize, lease: Duration) -> Running {
        let config = WorkerConfig {
            concurrency,
            lease_ms: u64::try_from(lease.as_millis()).unwrap(),
            retry: RetryPolicy { attempts_max: 3, base_ms: 1, max_ms: 1 },
        };
        let (bus, executor) = (self.bus.clone(), self.executor());
        let pool = Pool::new(name.to_owned(), self.store.clone(), bus, executor, self.ambient.clone(), config);
        run(move |cancel, abandon| Box::pin(pool.serve(cancel, abandon)))
    }

    /// A publisher; where nothing else is said, of a platform that honours keys and can be asked, as the fake one does.
    pub(crate) fn publisher(&self, name: &str, mut config: PublisherConfig) -> Publisher {
        let able = PlatformAbilities { idempotency_key: true, client_chosen_id: false, look_up: true };
        config.platform.get_or_insert(able);
        self.publisher_over(self.host.clone(), name, config)
    }

    pub(crate) fn publisher_over(&self, host: Arc<Host>, name: &str, config: PublisherConfig) -> Publisher {
        let (store, bus, blobs, ambient) =
            (self.store.clone(), self.bus.clone(), self.blobs.clone(), self.ambient.clone());
        Publisher::new(name.to_owned(), store, bus, host, blobs, ambient, config)
    }

    pub(crate) fn publishing(&self) -> Running {
        let publisher = self.publisher("publisher", PublisherConfig::default());
        run(move |cancel, _| Box::pin(publisher.serve(cancel)))
    }

    /// A sweeper for which everything has waited long enough.
    pub(crate) fn sweeper(&self, bus: Arc<dyn Bus>) -> Sweeper {
        self.sweeper_named("sweeper", bus)
    }

    /// The same at work, looking often.
    pub(crate) fn sweeping(&self, name: &str, bus: Arc<dyn Bus>) -> Running {
        let sweeper = self.sweeper_named(name, bus);
        run(move |cancel, _| Box::pin(sweeper.serve(cancel)))
    }

    /// A sweeper at work that is set so.
    pub(crate) fn sweeping_as(&self, config: SweeperConfig) -> Running {
        let (store, bus) = (self.store.clone(), self.bus.clone());
        let sweeper = Sweeper::new("sweeper".to_owned(), store, bus, self.ambient.clone(), config);
        run(move |cancel, _| Box::pin(sweeper.serve(cancel)))
    }

    fn sweeper_named(&self, name: &str, bus: Arc<dyn Bus>) -> Sweeper {
        let config = SweeperConfig { waiting_ms: 0, interval_ms: 50, ..SweeperConfig::default() };
        Sweeper::new(name.to_owned(), self.store.clone(), bus, self.ambient.clone(), config)
    }

    /// Stores a DAG of these types and the post that needs them, with its parts READY. The post comes last.
    pub(crate) async fn planned(&self, parts: &[TaskType]) -> Vec<AgentTask> {
        self.planned_with(parts, |_| {}).await
    }

    pub(crate) async fn planned_with(&self, parts: &[TaskType], change: impl Fn(&mut AgentTask)) -> Vec<AgentTask> {
        let signal = self.signal();
        let mut tasks: Vec<_> = parts.iter().map(|t| self.task(&signal, *t, vec![])).collect();
        let ids = tasks.iter().map(|t| t.id).collect();
        tasks.push(self.task(&signal, TaskType::AssemblePost, ids));
        for task in &mut tasks {
            task.payload.modalities = chimera_domain::Modality::ALL.to_vec();
            change(task);
        }
        self.commit(vec![signal], tasks.clone()).await;
        tasks
    }

    /// Stores a picture that may cost five cents, READY, the video of this tier that waits for it, and the post of
    /// both.
    pub(crate) async fn filmed(&self, tier: VideoTier, daily_usd: Option<Usd>) -> [AgentTask; 3] {
        self.filmed_for(Channel::Threads, tier, daily_usd).await
    }

    /// The same for this channel.
    pub(crate) async fn filmed_for(&self, channel: Channel, tier: VideoTier, daily_usd: Option<Usd>) -> [AgentTask; 3] {
        let signal = self.signal();
        let mut picture = self.task(&signal, TaskType::GenerateImage, vec![]);
        picture.budget_cap_usd = Usd::cents(5);
        let mut video = self.task(&signal, TaskType::GenerateVideo, vec![picture.id]);
        video.payload.video = Some(VideoPlan::of(tier, daily_usd));
        let mut post = self.task(&signal, TaskType::AssemblePost, vec![picture.id, video.id]);
        post.budget_cap_usd = Usd::ZERO;
        let modalities = [Modality::Image, Modality::Video];
        let tasks = [picture, video, post].map(|mut task| {
            task.channel = channel;
            task.payload.modalities = modalities.to_vec();
            task.payload.acceptance = Criterion::of(task.task_type, channel, &modalities);
            task
        });
        self.commit(vec![signal], tasks.to_vec()).await;
        tasks
    }

    /// Stores a text task of its own signal, READY.
    pub(crate) async fn words(&self) -> (TrendSignal, AgentTask) {
        let signal = self.signal();
        let task = self.task(&signal, TaskType::GenerateText, vec![]);
        self.commit(vec![signal.clone()], vec![task.clone()]).await;
        (signal, task)
    }

    /// A PLANNED signal, not stored.
    pub(crate) fn signal(&self) -> TrendSignal {
        fixtures::signal(&*self.ambient, &self.campaign, &self.agent)
    }

    fn task(&self, signal: &TrendSignal, task_type: TaskType, depends_on: Vec<TaskId>) -> AgentTask {
        fixtures::task(&*self.ambient, &self.campaign, &self.agent, signal, task_type, depends_on)
    }

    async fn commit(&self, signals: Vec<TrendSignal>, tasks: Vec<AgentTask>) {
        self.commit_for(&self.campaign, signals, tasks).await;
    }

    async fn commit_for(&self, campaign: &Campaign, signals: Vec<TrendSignal>, tasks: Vec<AgentTask>) {
        let (campaign_id, campaign_version) = (campaign.id, campaign.state_version);
        let plan = Plan { campaign_id, campaign_version, signals, tasks, alerts: vec![], calls: vec![] };
        self.store.plan_commit(&plan).await.unwrap();
    }

    pub(crate) async fn push(&self, queue: Queue, tasks: &[AgentTask]) {
        let ids: Vec<TaskId> = tasks.iter().map(|t| t.id).collect();
        self.bus.push(queue, &ids).await.unwrap();
    }

    pub(crate) async fn claim(&self, id: TaskId, worker: &str, lease: Duration) -> AgentTask {
        self.store.task_claim(&[id], Claim::new(worker, lease, self.ambient.now())).await.unwrap().tasks.remove(0)
    }

    pub(crate) async fn submit(&self, task: &AgentTask) -> (Artifact, Submitted) {
        self.submit_with(task, |_| {}).await
    }

    /// The same of an artifact that was changed after its picture was signed.
    pub(crate) async fn submit_with(
        &self,
        task: &AgentTask,
        change: impl FnOnce(&mut Artifact),
    ) -> (Artifact, Submitted) {
        let mut artifact = fixtures::artifact(&*self.ambient, task);
        artifact.media[0].sha256 = self.picture_of(task.trace_id, |_| {}).await;
        change(&mut artifact);
        let a = &mut artifact;
        a.content_hash = a.named_anew();
        let submission = Submission {
            task_id: task.id,
            version: task.state_version,
            artifact: artifact.clone(),
            tool_calls: vec![],
        };
        (artifact, self.store.task_submit(vec![submission], self.ambient.now()).await.unwrap())
    }

    /// Has a result accepted.
    pub(crate) async fn accept(&self, id: TaskId) {
        let task = self.stored(id).await;
        let artifacts = self.trace(&task).await.artifacts;
        let artifact = artifacts.iter().find(|a| Some(a.id) == task.result_artifact).unwrap();
        let ruling = Ruling {
            decision: fixtures::decision(&*self.ambient, &task, artifact, Verdict::Approve),
            task_version: task.state_version,
            event: TaskEvent::Approve,
            ticket: None,
            replan: vec![],
        };
        let decided = self.store.task_decide(vec![ruling], self.ambient.now()).await.unwrap();
        self.bus.push(Queue::Task, &decided.ready).await.unwrap();
    }

    /// Brings a post of its own signal to APPROVED.
    pub(crate) async fn approved(&self) -> (TrendSignal, AgentTask) {
        self.approved_for(&self.campaign).await
    }

    /// The same for another campaign.
    pub(crate) async fn approved_for(&self, campaign: &Campaign) -> (TrendSignal, AgentTask) {
        let signal = fixtures::signal(&*self.ambient, campaign, &self.agent);
        let task = fixtures::task(&*self.ambient, campaign, &self.agent, &signal, TaskType::AssemblePost, vec![]);
        self.commit_for(campaign, vec![signal.clone()], vec![task.clone()]).await;
        let claimed = self.claim(task.id, "worker", LEASE).await;
        self.submit(&claimed).await;
        self.accept(task.id).await;
        (signal, self.stored(task.id).await)
    }

    /// An APPROVED post of which something was changed after it was made, past every judge.
    pub(crate) async fn slipped_through(&self, change: impl FnOnce(&mut Artifact)) -> AgentTask {
        let signal = fixtures::signal(&*self.ambient, &self.campaign, &self.agent);
        let task = fixtures::task(&*self.ambient, &self.campaign, &self.agent, &signal, TaskType::AssemblePost, vec![]);
        self.commit_for(&self.campaign, vec![signal], vec![task.clone()]).await;
        let claimed = self.claim(task.id, "worker", LEASE).await;
        self.submit_with(&claimed, change).await;
        self.accept(task.id).await;
        self.stored(task.id).await
    }

    /// A picture that was signed for a post of this trace, its bytes changed, and kept under its new name.
    pub(crate) async fn picture_of(&self, trace_id: TraceId, change: impl FnOnce(&mut Vec<u8>)) -> String {
        let origin = Origin { persona: self.agent.persona_slug.clone(), trace_id, models: vec!["fake".to_owned()] };
        let mut signed = Credentials::test().unwrap().sign(PICTURE.to_vec(), "image/png", origin).await.unwrap();
        change(&mut signed);
        self.blobs.put(&signed, "image/png").await.unwrap()
    }

    /// Stores another campaign of the same agent.
    pub(crate) async fn another_campaign(&self) -> Campaign {
        self.store.campaign_save(&fixtures::campaign(&*self.ambient, &self.agent)).await.unwrap()
    }

    /// Brings an APPROVED post into the hands of a publisher that vanishes.
    pub(crate) async fn abandoned(&self) -> PublishCase {
        let (_, task) = self.approved().await;
        let new_id = PublicationId::generate(&*self.ambient);
        let begun = self.store.publish_begin(&[task.id], "the departed", MOMENT, self.ambient.now(), &[new_id]).await;
        let case = begun.unwrap().remove(0);
        eventually("its lease lapses", || async {
            let swept = self.sweeper(self.bus.clone()).sweep().await.unwrap();
            (swept.stale_publishing == 1).then_some(())
        })
        .await;
        case
    }

    pub(crate) async fn stored(&self, id: TaskId) -> AgentTask {
        self.store.tasks_by_ids(&[id]).await.unwrap().remove(0)
    }

    pub(crate) async fn states(&self, tasks: &[AgentTask]) -> Vec<TaskState> {
        let ids: Vec<TaskId> = tasks.iter().map(|t| t.id).collect();
        let stored: BTreeMap<TaskId, TaskState> =
            self.store.tasks_by_ids(&ids).await.unwrap().into_iter().map(|t| (t.id, t.state)).collect();
        ids.iter().map(|id| stored[id]).collect()
    }

    /// Waits until the task stands there.
    pub(crate) async fn until(&self, id: TaskId, state: TaskState) -> AgentTask {
        eventually(&format!("{state}"), || async { Some(self.stored(id).await).filter(|t| t.state == state) }).await
    }

    pub(crate) async fn trace(&self, task: &AgentTask) -> TraceView {
        self.store.trace(task.trace_id).await.unwrap().unwrap()
    }

    pub(crate) async fn publication(&self, task: &AgentTask) -> Publication {
        self.trace(task).await.publications.remove(0)
    }

    pub(crate) async fn alerts(&self) -> Vec<Alert> {
        self.store.alerts_open(100).await.unwrap()
    }

    pub(crate) async fn set_status(&self, status: CampaignStatus) {
        self.set_status_of(&self.campaign, status).await;
    }

    pub(crate) async fn set_status_of(&self, campaign: &Campaign, status: CampaignStatus) {
        let campaign = self.store.campaign_by_id(campaign.id).await.unwrap().unwrap();
        self.store.campaign_set_status(campaign.id, campaign.state_version, status, self.ambient.now()).await.unwrap();
    }

    pub(crate) async fn spent(&self) -> Usd {
        self.store.spend_total(None).await.unwrap()
    }

    /// Damages what the task made, so that nobody can read it.
    pub(crate) async fn damage_result(&self, task: &AgentTask) {
        self.damage_one(&format!("UPDATE artifacts SET channel = 'NOWHERE' WHERE trace_id = '{}'", task.trace_id))
            .await;
    }

    /// Ends every post's rest.
    pub(crate) async fn end_rests(&self) {
        let db = Database::connect(self.backends.database_url()).await.unwrap();
        db.execute_unprepared("UPDATE publications SET not_before_ms = 1 WHERE not_before_ms IS NOT NULL")
            .await
            .unwrap();
        db.close().await.unwrap();
    }

    pub(crate) async fn damage_one(&self, sql: &str) {
        let db = Database::connect(self.backends.database_url()).await.unwrap();
        assert_eq!(db.execute_unprepared(sql).await.unwrap().rows_affected(), 1);
        db.close().await.unwrap();
    }
}

/// What a tool costs is what it says.
fn said() -> Cost {
    Cost::Field("/cost_usd".to_owned())
}

fn host(fake: &Fake, ambient: &Arc<SeededAmbient>, optional: &[&str], cost: &Cost) -> Host {
    host_of(host_config(optional, cost), fake, ambient)
}

fn host_of(config: HostConfig, fake: &Fake, ambient: &Arc<SeededAmbient>) -> Host {
    let fake = fake.clone();
    Host::builder(config, ambient.clone()).in_process("fake", move || fake.clone()).build().unwrap()
}

pub(crate) fn host_config(optional: &[&str], cost: &Cost) -> HostConfig {
    let generate = |tool: &str| RoleConfig {
        cost: cost.clone(),
        // Which of these a tool answers with is its own affair.
        result: BTreeMap::from([("text".to_owned(), "/output/caption".to_owned())]),
        ..RoleConfig::new(
            "fake",
            tool,
            json!({
                "character": "{{character_reference_id}}", "headline": "{{headline}}", "trace": "{{trace_id}}",
                "budget": "{{budget_usd}}", "seed": "{{seed}}", "context": "{{context?}}", "image": "{{image?}}",
            }),
        )
    };
    let mut config = HostConfig::default();
    for tool in ["generate_text", "generate_image", "generate_video", "animate_image"] {
        config.roles.insert(tool.to_owned(), generate(tool));
    }
    let publish =
        json!({"key": "{{idempotency_key}}", "text": "{{text}}", "label": "{{ai_label}}", "media": "{{media}}"});
    config.roles.insert("publish_post".to_owned(), RoleConfig::new("fake", "publish_post", publish));
    for tool in optional {
        let find = RoleConfig::new("fake", *tool, json!({"key": "{{idempotency_key}}"}));
        config.roles.insert((*tool).to_owned(), find);
    }
    config
}

/// Tries again until something comes, for at most twenty seconds.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, attempt: impl Fn() -> F) -> T {
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    while tokio::time::Instant::now() < patience {
        if let Some(found) = attempt().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what}: never happened");
}
