//! What a process depends on.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use chimera_bus::{RedisLink, RedisLinkError};
use chimera_console::{CHECK_MAX, Check, Missing};
use chimera_domain::{TraceId, error_chain};
use chimera_mcp::{CallContext, CheckProblem, Host};
use chimera_store::{Blobs, Store, StoreError};

use tokio::sync::watch;

use super::Ground;
use crate::lifecycle::Lifecycle;

/// How long the database may take to say what schema it has; the rest of [`CHECK_MAX`] is for asking why it did not.
const SCHEMA_MAX: Duration = Duration::from_millis(900);
/// How often the servers are asked while all is well, and while something is missing.
const EDGE_EVERY: Duration = Duration::from_secs(30);
const EDGE_AGAIN: Duration = Duration::from_secs(3);
/// How long who asks waits for the first look at the servers; the rest of [`CHECK_MAX`] is for saying that it is not over.
const FIRST_LOOK_MAX: Duration = Duration::from_millis(1_500);

/// What is missing of the database: an answer, or migrations.
pub(crate) async fn missing_of_database(store: &Store) -> Option<Missing> {
    let error = match tokio::time::timeout(SCHEMA_MAX, store.migrations()).await {
        Ok(Ok(states)) => {
            let pending = states.iter().filter(|state| !state.applied).count();
            let reason = format!("the database lacks {pending} migrations; run `chimera db migrate`");
            return (pending > 0).then(|| Missing::new("schema", reason));
        }
        Ok(Err(StoreError::NewerSchema { .. })) => {
            let reason = "the database was made by a newer program; bring this one up to date";
            return Some(Missing::new("schema", reason));
        }
        Ok(Err(error)) => error,
        // It waits for a connection, or for an answer over one: is the server there at all?
        Err(_) => match tokio::time::timeout(CHECK_MAX.saturating_sub(SCHEMA_MAX) / 2, store.reach_again()).await {
            Ok(Err(error)) => error,
            Ok(Ok(())) => {
                let reason = "the database is there, but too slow, or all of this process's connections are in use; \
                              `database.connections_max` may be too low";
                return Some(Missing::new(DATABASE, reason));
            }
            Err(_) => return Some(Missing::new(DATABASE, "the database does not answer; is it running?")),
        },
    };
    tracing::warn!(error = %error_chain(&error), "the database can't be read");
    Some(database_missing(&error))
}

const DATABASE: &str = "database";

/// What to say when the database can't be used: the error's own words hold no secrets, its causes might.
pub(crate) fn database_missing(error: &StoreError) -> Missing {
    Missing::new(DATABASE, error.to_string())
}

/// The database and its schema.
#[derive(Debug)]
struct Database(Store);

#[async_trait]
impl Check for Database {
    fn name(&self) -> &str {
        DATABASE
    }

    async fn missing(&self) -> Vec<Missing> {
        missing_of_database(&self.0).await.into_iter().collect()
    }
}

/// What to say when Redis can't be used: the error's own words hold no secrets.
pub(crate) fn queue_missing(error: &RedisLinkError) -> Missing {
    Missing::new("queue", error.to_string())
}

/// The queues' Redis.
#[derive(Debug)]
struct Redis(RedisLink);

#[async_trait]
impl Check for Redis {
    fn name(&self) -> &str {
        "queue"
    }

    async fn missing(&self) -> Vec<Missing> {
        let Err(error) = self.0.ping().await else { return vec![] };
        tracing::warn!(error = %error_chain(&error), "the queues can't be reached");
        vec![queue_missing(&error)]
    }
}

/// A folder that is written to.
#[derive(Debug)]
struct Folder {
    name: &'static str,
    path: PathBuf,
}

#[async_trait]
impl Check for Folder {
    fn name(&self) -> &str {
        self.name
    }

    async fn missing(&self) -> Vec<Missing> {
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || super::make_folder(&path)).await;
        if matches!(written, Ok(Ok(()))) {
            return vec![];
        }
        vec![Missing::new(
            self.name,
            format!("the folder {} can't be written; see its rights and room", self.path.display()),
        )]
    }
}

/// Where pictures and videos are kept.
#[derive(Debug)]
struct Media(Blobs);

#[async_trait]
impl Check for Media {
    fn name(&self) -> &str {
        "media"
    }

    async fn missing(&self) -> Vec<Missing> {
        let Err(error) = self.0.reach().await else { return vec![] };
        // Neither names a secret.
        let reason = error_chain(&error);
        tracing::warn!(error = reason, "media can't be kept");
        vec![Missing::new(self.name(), reason)]
    }
}

/// The MCP servers that fill the tool roles. They are asked in the background: a server may take its time to start.
#[derive(Debug, Clone, Default)]
struct Edge(Arc<watch::Sender<Option<Vec<Missing>>>>);

impl Edge {
    async fn watch(self, host: Arc<Host>, ground: Ground, lifecycle: Lifecycle) {
        let mut told = None;
        loop {
            let context = CallContext::new(TraceId::generate(&*ground.ambient));
            let problems = tokio::select! {
                biased;
                () = lifecycle.cancel.cancelled() => return,
                problems = host.check(&context) => problems,
            };
            let lines: Vec<String> = problems.iter().map(|problem| error_chain(problem)).collect();
            if told.as_ref() != Some(&lines) {
                lines.iter().for_each(|problem| tracing::warn!(problem, "the configuration of MCP servers and roles"));
            }
            let rest = if lines.is_empty() { EDGE_EVERY } else { EDGE_AGAIN };
            told = Some(lines);
            self.0.send_replace(Some(problems.iter().filter_map(missing).collect()));
            tokio::select! {
                () = lifecycle.cancel.cancelled() => return,
                () = tokio::time::sleep(rest) => {}
            }
        }
    }
}

#[async_trait]
impl Check for Edge {
    fn name(&self) -> &str {
        "mcp"
    }

    async fn missing(&self) -> Vec<Missing> {
        // Right after the start the first look is under way: whoever asks meanwhile is told as soon as it is over, rather than
        // a no that holds for a second.
        let mut looks = self.0.subscribe();
        let looked = tokio::time::timeout(FIRST_LOOK_MAX, looks.wait_for(Option::is_some)).await;
        let known = looked.ok().and_then(Result::ok).and_then(|known| known.clone());
        known.unwrap_or_else(|| vec![Missing::new("mcp", "the MCP servers have not answered yet")])
    }
}

/// What a problem keeps from working. Details stay in the log: a server's words may hold anything.
fn missing(problem: &CheckProblem) -> Option<Missing> {
    match problem {
        CheckProblem::Server { server, .. } => {
            Some(Missing::new(format!("mcp.servers.{server}"), "the MCP server does not answer; the log says why"))
        }
        CheckProblem::MissingArgument { optional: true, .. } => None,
        CheckProblem::NoSuchTool { role, .. }
        | CheckProblem::UnknownArgument { role, .. }
        | CheckProblem::MissingArgument { role, .. }
        | CheckProblem::BadConstant { role, .. } => Some(Missing::new(
            format!("mcp.roles.{role}"),
            "the tool role does not fit its server's tools; the log says how",
        )),
    }
}

/// The checks of a process with these parts. Watches the servers from now on.
pub(crate) fn checks(
    ground: &Ground,
    host: Option<&Arc<Host>>,
    folders: Vec<(&'static str, PathBuf)>,
    needs_media: bool,
    lifecycle: &Lifecycle,
) -> Vec<Arc<dyn Check>> {
    let mut checks: Vec<Arc<dyn Check>> = vec![Arc::new(Database(ground.store.clone()))];
    if let Some(link) = &ground.queues.link {
        checks.push(Arc::new(Redis(link.clone())));
    }
    for (name, path) in folders {
        checks.push(Arc::new(Folder { name, path }));
    }
    if needs_media {
        checks.push(Arc::new(Media(ground.blobs.clone())));
    }
    if let Some(host) = host {
        let edge = Edge::default();
        lifecycle.tracker.spawn(edge.clone().watch(host.clone(), ground.clone(), lifecycle.clone()));
        checks.push(Arc::new(edge));
    }
    checks
}

#[cfg(test)]
mod tests {
    use chimera_store::{BucketConfig, BucketPlace};

    use super::*;

    #[tokio::test]
    async fn a_bucket_that_does_not_answer_is_missing_with_what_to_do() {
        let closed = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        let (name, region) = ("media".to_owned(), "us-east-1".to_owned());
        let endpoint = Some(format!("http://{closed}").parse().unwrap());
        let place = BucketPlace { name, prefix: String::new(), region, endpoint, plain_http: false };
        let (access_key, secret_key) = ("hunter1".to_owned(), "hunter2".to_owned());
        let config = BucketConfig { place, access_key, secret_key, session_token: None };
        let began = std::time::Instant::now();
        let missing = Media(Blobs::in_bucket(&config).unwrap()).missing().await;
        assert!(began.elapsed() < CHECK_MAX, "{:?}", began.elapsed());
        let [missing] = &missing[..] else { panic!("{missing:?}") };
        assert_eq!(missing.name, "media");
        assert!(missing.reason.contains("media.bucket.endpoint") && !missing.reason.contains("hunter"), "{missing:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_early_is_told_as_soon_as_the_servers_were_looked_at() {
        let edge = Edge::default();
        let looking = async {
            tokio::time::sleep(FIRST_LOOK_MAX / 2).await;
            edge.0.send_replace(Some(vec![]));
        };
        let began = tokio::time::Instant::now();
        let (missing, ()) = tokio::join!(edge.missing(), looking);
        assert!(missing.is_empty() && began.elapsed() < FIRST_LOOK_MAX, "{missing:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_look_that_takes_too_long_is_missing() {
        let began = tokio::time::Instant::now();
        let missing = Edge::default().missing().await;
        assert!(missing.iter().any(|missing| missing.name == "mcp") && began.elapsed() < CHECK_MAX, "{missing:?}");
    }
}
