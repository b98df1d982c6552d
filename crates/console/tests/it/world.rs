//! A migrated database behind a served console, and short ways to fill it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chimera_console::{Check, Console, Figures, Missing, Probes, bind, serve, sign_in_link};
use chimera_domain::{
    AccessRole, Agent, AgentTask, Ambient, Artifact, Campaign, CampaignId, Credential, CredentialKind, Modality,
    NextAction, PublicationId, TaskEvent, TaskId, TaskType, TenantId, TrendSignal, Verdict,
};
use chimera_store::{Blobs, Links, Plan, PublishOutcome, Ruling, Settlement, Store, StoreConfig, Submission};
use chimera_testkit::{Backends, SeededAmbient, fixtures};
use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    browser::Browser,
    client::{Answer, ask},
};

/// See the file's opening.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) ambient: Arc<SeededAmbient>,
    pub(crate) agent: Agent,
    pub(crate) campaign: Campaign,
    pub(crate) blobs: Blobs,
    pub(crate) address: SocketAddr,
    pub(crate) cancel: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) backends: Backends,
    /// A token that may do everything.
    pub(crate) token: String,
}

async fn token(store: &Store, ambient: &dyn Ambient, role: AccessRole) -> String {
    let (kind, life) = (CredentialKind::Token, chrono::Duration::days(1));
    let (token, secret) = Credential::grant(kind, role, role.as_str(), life, store.tenant(), ambient);
    store.credential_grant(&token).await.unwrap();
    secret.reveal().to_owned()
}

#[derive(Debug)]
struct Database(Store);

#[async_trait::async_trait]
impl Check for Database {
    fn name(&self) -> &str {
        "database"
    }

    async fn missing(&self) -> Vec<Missing> {
        let gone = self.0.ping().await.is_err();
        gone.then(|| Missing::new("database", "it is gone")).into_iter().collect()
    }
}

#[derive(Debug)]
struct NoFigures;

#[async_trait::async_trait]
impl Figures for NoFigures {
    async fn prometheus(&self) -> String {
        "# TYPE nothing gauge\nnothing 0\n".to_owned()
    }
}

impl World {
    pub(crate) async fn over(backends: Backends) -> Self {
        let store = backends.store().await;
        let ambient = Arc::new(SeededAmbient::new(42));
        let agent = store.agent_save(&fixtures::agent(&*ambient)).await.unwrap();
        let campaign = store.campaign_save(&fixtures::campaign(&*ambient, &agent)).await.unwrap();
        let links = Links::new(&"https://media.example.org".parse().unwrap(), &"k".repeat(32)).unwrap();
        let blobs = Blobs::new(backends.folder().join("media")).with_links(Some(links), Duration::from_secs(3_600));
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let probes = Probes::new("up", "test-1", Arc::new(NoFigures));
        probes.runs(vec![Arc::new(Database(store.clone()))]);
        let (bus, cancel) = (backends.bus().await, CancellationToken::new());
        let console = Console::new(store.clone(), blobs.clone(), bus, ambient.clone(), cancel.clone());
        let console = console.with_webhook(true);
        let routes = console.router(&probes);
        let stop = cancel.clone();
        let serving = TaskTracker::new().spawn(async move { serve(listener, routes, stop).await.unwrap() });
        let token = token(&store, &*ambient, AccessRole::Operator).await;
        Self { store, ambient, agent, campaign, blobs, address, cancel, serving, backends, token }
    }

    /// A token of this role.
    pub(crate) async fn token(&self, role: AccessRole) -> String {
        token(&self.store, &*self.ambient, role).await
    }

    /// Somebody of this role, signed in with a browser.
    pub(crate) async fn browser(&self, name: &str, role: AccessRole) -> Browser {
        let host = format!("127.0.0.1:{}", self.address.port());
        let link = sign_in_link(&self.store, name, role, &format!("http://{host}"), &*self.ambient).await.unwrap();
        let browser = Browser { address: self.address, host, cookie: String::new(), csrf: String::new() };
        browser.follow(&link).await
    }

    /// A console of another tenant, who has nothing yet, over the same database; and a token for it.
    pub(crate) async fn elsewhere(&self) -> (SocketAddr, String, Store) {
        let tenant = TenantId::from_uuid(CampaignId::generate(&*self.ambient).as_uuid());
        let config = StoreConfig { tenant, ..self.backends.store_config() };
        let store = Store::connect(&config).await.unwrap();
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let bus = self.backends.bus().await;
        let console = Console::new(store.clone(), self.blobs.clone(), bus, self.ambient.clone(), self.cancel.clone());
        let probes = Probes::new("up", "test-2", Arc::new(NoFigures));
        let (routes, stop) = (console.router(&probes), self.cancel.clone());
        drop(TaskTracker::new().spawn(async move { serve(listener, routes, stop).await.unwrap() }));
        (address, token(&store, &*self.ambient, AccessRole::Operator).await, store)
    }

    /// Has a post go out.
    pub(crate) async fn published(&self, headline: &str, url: &str) -> (AgentTask, Artifact) {
        let (_, task) = self.planned(headline).await;
        let artifact = self.made(&task, |_| {}).await;
        self.decided(task.id, &artifact, TaskEvent::Approve, NextAction::Publish).await;
        self.goes_out(&task, url).await;
        (task, artifact)
    }

    /// Has an approved post go out.
    pub(crate) async fn goes_out(&self, task: &AgentTask, url: &str) {
        let new_id = PublicationId::generate(&*self.ambient);
        let lease = Duration::from_secs(600);
        let begun = self.store.publish_begin(&[task.id], "publisher", lease, self.ambient.now(), &[new_id]).await;
        let case = begun.unwrap().remove(0);
        let settlement = Settlement {
            task_id: task.id,
            task_version: case.task.state_version,
            publication_id: case.publication.id,
            publication_version: case.publication.state_version,
            outcome: PublishOutcome::Confirmed { external_id: "p-1".to_owned(), url: Some(url.to_owned()) },
            tool_calls: vec![],
            ticket: None,
            alert: None,
        };
        self.store.publish_settle(vec![settlement], self.ambient.now()).await.unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.as_token(&self.token, "GET", path, "").await
    }

    /// A request of a program that brings this token; the body is JSON.
    pub(crate) async fn as_token(&self, token: &str, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("Host", "localhost"), ("Authorization", &bearer), ("Content-Type", "application/json")];
        ask(self.address, method, path, &headers, body).await
    }

    /// Stores a signal with this headline and a post for it, READY.
    pub(crate) async fn planned(&self, headline: &str) -> (TrendSignal, AgentTask) {
        let signal = self.signal(headline);
        let kind = TaskType::AssemblePost;
        let task = fixtures::task(&*self.ambient, &self.campaign, &self.agent, &signal, kind, vec![]);
        self.plan(&signal, vec![task.clone()]).await;
        (signal, task)
    }

    /// Stores a signal with this headline, and words, a picture and a post for it.
    pub(crate) async fn planned_whole(&self, headline: &str) -> (TrendSignal, Vec<AgentTask>) {
        let signal = self.signal(headline);
        let tasks = fixtures::dag(&*self.ambient, &self.campaign, &self.agent, &signal);
        self.plan(&signal, tasks.clone()).await;
        (signal, tasks)
    }

    /// A signal with this headline, not stored.
    pub(crate) fn signal(&self, headline: &str) -> TrendSignal {
        let mut signal = fixtures::signal(&*self.ambient, &self.campaign, &self.agent);
        signal.item.title = headline.to_owned();
        signal
    }

    /// Stores a signal with what is planned for it.
    pub(crate) async fn plan(&self, signal: &TrendSignal, tasks: Vec<AgentTask>) {
        let campaign = self.store.campaign_by_id(self.campaign.id).await.unwrap().unwrap();
        let plan = Plan {
            campaign_id: campaign.id,
            campaign_version: campaign.state_version,
            signals: vec![signal.clone()],
            tasks,
            alerts: vec![],
            calls: vec![],
        };
        self.store.plan_commit(&plan).await.unwrap();
    }

    /// Has a worker hand in a post, changed as wanted.
    pub(crate) async fn made(&self, task: &AgentTask, change: impl Fn(&mut Artifact)) -> Artifact {
        let claim = chimera_store::Claim::new("worker", Duration::from_secs(600), self.ambient.now());
        let claimed = self.store.task_claim(&[task.id], claim).await.unwrap().tasks.remove(0);
        let mut artifact = fixtures::artifact(&*self.ambient, &claimed);
        change(&mut artifact);
        let submission = Submission {
            task_id: claimed.id,
            version: claimed.state_version,
            artifact: artifact.clone(),
            tool_calls: vec![],
        };
        self.store.task_submit(vec![submission], self.ambient.now()).await.unwrap();
        artifact
    }

    /// Has a judge decide, with this as what follows.
    pub(crate) async fn decided(&self, id: TaskId, artifact: &Artifact, event: TaskEvent, next: NextAction) {
        let task = self.store.tasks_by_ids(&[id]).await.unwrap().remove(0);
        let verdict = match event {
            TaskEvent::Approve => Verdict::Approve,
            TaskEvent::AskHuman => Verdict::HitlQueue,
            _ => Verdict::Reject,
        };
        let mut decision = fixtures::decision(&*self.ambient, &task, artifact, verdict);
        decision.next_action = next;
        let ticket = (event == TaskEvent::AskHuman).then(|| fixtures::ticket(&*self.ambient, &task, artifact));
        let ruling = Ruling { decision, task_version: task.state_version, event, ticket, replan: vec![] };
        let decided = self.store.task_decide(vec![ruling], self.ambient.now()).await.unwrap();
        assert_eq!(decided.applied, [id]);
    }

    /// Bytes kept as a picture of a post.
    pub(crate) async fn picture(&self, artifact: &mut Artifact, bytes: &[u8]) {
        let medium = &mut artifact.media[0];
        medium.sha256 = self.blobs.put(bytes, "image/png").await.unwrap();
        (medium.modality, medium.mime) = (Modality::Image, "image/png".to_owned());
    }
}
