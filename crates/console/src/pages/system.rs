//! How the process and what it depends on are doing.

use askama::Template;
use axum::{Extension, extract::State, response::Response};
use chimera_bus::Queue;
use chimera_domain::{TaskState, error_chain};
use chimera_store::Backend;

use super::{
    Frame, drawn,
    show::{self, When, span},
};
use crate::{
    access::Visitor,
    probes::{Probes, Report},
    problem::Problem,
    routes::Shared,
};

/// One thing that the process depends on.
#[derive(Debug)]
struct Part {
    name: String,
    /// What is wrong, if something is.
    trouble: Option<String>,
}

/// One queue.
#[derive(Debug)]
struct Line {
    name: &'static str,
    waiting: usize,
    taken: usize,
    delayed: usize,
    dead: usize,
    lag: Option<usize>,
    /// Why it can't be told.
    trouble: Option<&'static str>,
}

/// Tasks in one state.
#[derive(Debug)]
struct Row {
    words: &'static str,
    class: &'static str,
    count: u64,
    since: When,
}

#[derive(Debug, Template)]
#[template(path = "system.html")]
struct SystemPage {
    frame: Frame,
    role: &'static str,
    instance: String,
    ready: bool,
    broken: Option<String>,
    parts: Vec<Part>,
    database: &'static str,
    migrations: usize,
    answered_in: String,
    statements: u64,
    failed: u64,
    queues: Vec<Line>,
    rows: Vec<Row>,
}

pub(crate) async fn page(
    State(shared): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Extension(probes): Extension<Probes>,
) -> Result<Response, Problem> {
    let (store, now) = (&shared.access.store, shared.access.ambient.now());
    let report = probes.report().await;
    let begun = tokio::time::Instant::now();
    store.ping().await?;
    let answered_in = chrono::Duration::from_std(begun.elapsed()).unwrap_or_default();
    let mut queues = Vec::new();
    for queue in Queue::ALL {
        queues.push(line(&shared, queue).await);
    }
    let standing = store.tasks_standing().await?;
    let in_order = TaskState::ALL.iter().filter_map(|state| Some((*state, standing.get(state)?)));
    let rows = in_order.map(|(state, standing)| {
        let (words, class) = show::state(state);
        Row { words, class, count: standing.count, since: When::of(standing.since, now) }
    });
    let statistics = store.statistics();
    let page = SystemPage {
        frame: Frame::of(&shared, &visitor, "/system").await?,
        role: report.role,
        instance: report.instance.clone(),
        ready: report.ready,
        broken: probes.broken(),
        parts: parts(&probes.checked(), &report),
        database: match store.backend() {
            Backend::Sqlite => "SQLite",
            Backend::Postgres => "PostgreSQL",
        },
        migrations: store.migrations().await?.iter().filter(|migration| migration.applied).count(),
        answered_in: span(answered_in),
        statements: statistics.statements,
        failed: statistics.failed,
        queues,
        rows: rows.collect(),
    };
    drawn(&page)
}

/// What was asked for, and what was found missing: a check may speak of parts of its own.
fn parts(checked: &[String], report: &Report) -> Vec<Part> {
    let trouble = |name: &str| report.reasons.get(name).and_then(|reason| reason.as_str()).map(str::to_owned);
    let own = checked.iter().map(|name| Part { name: name.clone(), trouble: trouble(name) });
    let others = report.missing.iter().filter(|name| !checked.contains(name));
    own.chain(others.map(|name| Part { name: name.clone(), trouble: trouble(name) })).collect()
}

async fn line(shared: &Shared, queue: Queue) -> Line {
    let name = match queue {
        Queue::Task => "to workers",
        Queue::Review => "to judges",
        Queue::Publish => "to publishers",
    };
    let empty = Line { name, waiting: 0, taken: 0, delayed: 0, dead: 0, lag: None, trouble: None };
    match shared.bus.state(queue).await {
        Ok(state) => Line {
            waiting: state.waiting,
            taken: state.taken,
            delayed: state.delayed,
            dead: state.dead,
            lag: state.lag,
            ..empty
        },
        Err(error) => {
            tracing::warn!(error = %error_chain(&error), "a queue can't be looked at");
            Line { trouble: Some("it can't be reached; the log says why"), ..empty }
        }
    }
}
