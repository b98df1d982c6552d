//! Every tool over HTTP under every fault that lasts: where its task ends, and what that costs. The table is
//! `docs/faults.md`; `UPDATE_DOCS=1` writes it anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{StatusCode, header::CONTENT_TYPE},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use chimera_bus::Queue;
use chimera_domain::{
    AgentTask, EntryState, LedgerEntry, Modality, TaskState, TaskType, Usd, VideoTier, policy::RetryPolicy,
};
use chimera_mcp::{Cost, Host, HostConfig, ServerConfig, TransportConfig};
use chimera_worker::PublisherConfig;
use futures::{StreamExt as _, stream};
use rmcp::transport::{
    StreamableHttpServerConfig, StreamableHttpService, streamable_http_server::session::local::LocalSessionManager,
};
use serde_json::{Value, json};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    fake::{Fake, Fate},
    world::{LEASE, World, host_config},
};

/// What a call meets, each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    Timeout,
    Throttled,
    ServerError,
    Garbage,
    WrongSchema,
    Huge,
    SlowDrip,
    Disconnect,
}

const FAULTS: [(Fault, &str); 8] = [
    (Fault::Timeout, "no answer"),
    (Fault::Throttled, "HTTP 429"),
    (Fault::ServerError, "HTTP 500"),
    (Fault::Garbage, "no JSON"),
    (Fault::WrongSchema, "an answer without what was asked for"),
    (Fault::Huge, "an answer beyond `output_bytes_max`"),
    (Fault::SlowDrip, "a byte now and then, without end"),
    (Fault::Disconnect, "cut off within the answer"),
];
const MAKERS: [(&str, TaskType); 3] = [
    ("generate_text", TaskType::GenerateText),
    ("generate_image", TaskType::GenerateImage),
    ("generate_video", TaskType::GenerateVideo),
];
/// What makes videos from words, and from a picture.
const FILMS: [&str; 2] = ["generate_video", "animate_image"];
const PUBLISH: &str = "publish_post";
const FIND: &str = "find_post";
/// Calls of a task and of a post, here; what is configured may differ.
const ATTEMPTS_MAX: u32 = 3;
const COST: Usd = Usd::cents(5);
const OUTPUT_BYTES_MAX: usize = 100_000;
/// For faults that end by it, and for all others: those must not end by it on a slow machine.
const SHORT: u64 = 250;
const LONG: u64 = 60_000;
/// Rounds after which whatever is not at an end is stuck.
const ROUNDS_MAX: u32 = 12;

/// What stands between the host and the server: it answers calls in its place as it is told.
#[derive(Debug, Clone, Default)]
struct Front {
    faults: Arc<Mutex<BTreeMap<String, Fault>>>,
    calls: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Front {
    fn set(&self, faults: &[(&str, Fault)]) {
        *self.faults.lock().unwrap() = faults.iter().map(|(tool, fault)| ((*tool).to_owned(), *fault)).collect();
        self.calls.lock().unwrap().clear();
    }

    fn calls(&self, tool: &str) -> u32 {
        self.calls.lock().unwrap().get(tool).copied().unwrap_or_default()
    }

    fn met(&self, tool: &str) -> Option<Fault> {
        *self.calls.lock().unwrap().entry(tool.to_owned()).or_default() += 1;
        self.faults.lock().unwrap().get(tool).copied()
    }
}

async fn pass(State(front): State<Front>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    let tool = asked["params"]["name"].as_str().filter(|_| asked["method"] == "tools/call");
    let answer = match tool.and_then(|tool| front.met(tool)) {
        // The server itself answers so.
        None | Some(Fault::WrongSchema) => {
            return next.run(Request::from_parts(parts, Body::from(body))).await;
        }
        Some(Fault::Timeout) => std::future::pending().await,
        Some(Fault::Throttled) => return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response(),
        Some(Fault::ServerError) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Fault::Garbage) => Body::from("<html>It works!</html>"),
        Some(Fault::Huge) => {
            let text = "all work and no play ".repeat(OUTPUT_BYTES_MAX / 10);
            let result = json!({"content": [{"type": "text", "text": text}]});
            Body::from(json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string())
        }
        Some(Fault::SlowDrip) => Body::from_stream(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Ok::<_, io::Error>(Bytes::from_static(b" ")), ()))
        })),
        Some(Fault::Disconnect) => {
            let begun = stream::iter([Ok(Bytes::from_static(b"{\"jsonrpc\": \"2.0\", "))]);
            Body::from_stream(begun.chain(stream::once(async { Err(io::Error::other("the plug is out")) })))
        }
    };
    ([(CONTENT_TYPE, "application/json")], answer).into_response()
}

/// The fake server behind a front, over HTTP, until the token is cancelled.
async fn serve(fake: Fake, front: Front, stop: CancellationToken) -> String {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = StreamableHttpServerConfig::default().with_cancellation_token(stop.child_token());
    let service: StreamableHttpService<Fake, LocalSessionManager> =
        StreamableHttpService::new(move || Ok(fake.clone()), Arc::default(), options);
    let app = Router::new().nest_service("/mcp", service).layer(middleware::from_fn_with_state(front, pass));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    TaskTracker::new().spawn(async move {
        tokio::select! {
            served = axum::serve(listener, app).into_future() => served.unwrap(),
            () = stop.cancelled() => {}
        }
    });
    url
}

fn host(world: &World, url: &str, fault: Fault) -> Host {
    let transport = TransportConfig::Http { url: url.parse().unwrap(), headers: BTreeMap::new() };
    let server = ServerConfig { output_bytes_max: OUTPUT_BYTES_MAX, timeout_ms: LONG, ..ServerConfig::new(transport) };
    let mut config: HostConfig = host_config(&[FIND], &Cost::Fixed(COST));
    config.servers.insert("fake".to_owned(), server);
    config.retry = RetryPolicy { attempts_max: 1, base_ms: 1, max_ms: 1 };
    config.roles.get_mut(PUBLISH).unwrap().cost = Cost::Fixed(COST);
    if matches!(fault, Fault::Timeout | Fault::SlowDrip) {
        config.roles.values_mut().for_each(|role| role.timeout_ms = Some(SHORT));
    }
    Host::builder(config, world.ambient.clone()).build().unwrap()
}

/// Where a task ended under a fault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    /// What the host calls the last call.
    call: String,
    calls: u32,
    state: TaskState,
    /// The alert's reason, or the question to a person.
    why: String,
    charged: Usd,
}

async fn end(world: &World, task: &AgentTask, tool: &str, calls: u32) -> End {
    let view = world.trace(task).await;
    // What was called before is made up.
    let is_ours = |name: &str| [tool, PUBLISH].contains(&name);
    let calls_of_task = view.tool_calls.iter().filter(|call| call.task_id == Some(task.id) && is_ours(&call.tool));
    let charged: Usd = calls_of_task.map(|call| call.cost_usd).sum();
    let ledger = world.ledger().await;
    let of_task = |entry: &&LedgerEntry| entry.task_id == Some(task.id) && is_ours(&entry.purpose);
    let entries: Vec<_> = ledger.iter().filter(of_task).collect();
    let settled: Usd = entries.iter().map(|entry| entry.counted).sum();
    assert_eq!(settled, charged, "{tool}: the ledger has what the calls on record have cost");
    assert!(
        entries.iter().all(|entry| matches!(entry.state, EntryState::Settled | EntryState::Released)),
        "{entries:?}"
    );
    let last = view.tool_calls.iter().rfind(|call| call.tool == tool).map(|call| call.status.as_str().to_lowercase());
    let asked =
        view.tickets.iter().find(|t| t.task_id == task.id).map(|ticket| ticket.question.as_str().to_lowercase());
    let alerts = world.alerts().await;
    let told = alerts.iter().find(|alert| alert.subject == task.id.to_string()).map(|alert| alert.reason_code.clone());
    End {
        call: last.unwrap_or_default(),
        calls,
        state: world.stored(task.id).await.state,
        why: asked.or(told).unwrap_or_default(),
        charged,
    }
}

async fn made(world: &World, front: &Front, (tool, task_type): (&str, TaskType), fault: Fault) -> End {
    front.set(&[(tool, fault)]);
    if fault == Fault::WrongSchema {
        world.fake.script(tool, &[Fate::Garble; ATTEMPTS_MAX as usize]);
    }
    let task = world.planned(&[task_type]).await.remove(0);
    let pool = world.pool("pool", 1, LEASE);
    world.push(Queue::Task, std::slice::from_ref(&task)).await;
    world.until(task.id, TaskState::Failed).await;
    pool.stop().await;
    end(world, &task, tool, front.calls(tool)).await
}

/// A post whose publishing meets this, round by round until nothing moves any more.
async fn published(world: &World, front: &Front, tool: &str, faults: &[(&str, Fault)]) -> End {
    front.set(faults);
    let (_, task) = world.approved().await;
    if let Some((_, Fault::WrongSchema)) = faults.last() {
        world.fake.script(tool, &[Fate::Garble; ROUNDS_MAX as usize]);
    }
    let config = PublisherConfig { attempts_max: ATTEMPTS_MAX, ..PublisherConfig::default() };
    let publisher = world.publisher("publisher", config);
    for _ in 0..ROUNDS_MAX {
        world.end_rests().await;
        publisher.round(&[task.id]).await.unwrap();
    }
    end(world, &task, tool, front.calls(tool)).await
}

/// What becomes of a hero video both of whose tools meet this.
#[derive(Debug)]
struct Fallen {
    hero_calls: u32,
    daily_calls: u32,
    state: TaskState,
    has: Vec<Modality>,
    charged: Usd,
}

async fn fallen(world: &World, front: &Front, fault: Fault) -> Fallen {
    front.set(&FILMS.map(|tool| (tool, fault)));
    if fault == Fault::WrongSchema {
        FILMS.iter().for_each(|tool| world.fake.script(tool, &[Fate::Garble; ATTEMPTS_MAX as usize]));
    }
    let [picture, video, _] = world.filmed(VideoTier::Hero, None).await;
    let claimed = world.claim(picture.id, "worker", LEASE).await;
    world.submit(&claimed).await;
    let pool = world.pool("pool", 1, LEASE);
    world.accept(picture.id).await;
    let done = world.until(video.id, TaskState::JudgeReview).await;
    pool.stop().await;
    let view = world.trace(&video).await;
    let made = view.artifacts.iter().find(|made| Some(made.id) == done.result_artifact).unwrap();
    let charged: Usd = view.tool_calls.iter().filter(|c| c.task_id == Some(video.id)).map(|c| c.cost_usd).sum();
    let entries: Vec<_> = world.ledger().await.into_iter().filter(|e| e.task_id == Some(video.id)).collect();
    assert_eq!(entries.iter().map(|entry| entry.counted).sum::<Usd>(), charged, "{fault:?}");
    assert!(entries.iter().all(|e| matches!(e.state, EntryState::Settled | EntryState::Released)), "{entries:?}");
    let [hero_calls, daily_calls] = FILMS.map(|tool| front.calls(tool));
    let has = made.media.iter().map(|medium| medium.modality).collect();
    Fallen { hero_calls, daily_calls, state: done.state, has, charged }
}

pub(crate) async fn every_tool_under_every_fault_ends_as_the_table_says(mut world: World) {
    let mut ends: Vec<(&str, Vec<(End, &str)>)> = Vec::new();
    let mut films: Vec<(&str, Fallen)> = Vec::new();
    for (fault, name) in FAULTS {
        let (front, stop) = (Front::default(), CancellationToken::new());
        let _guard = stop.clone().drop_guard();
        world.fake = Fake::new();
        let url = serve(world.fake.clone(), front.clone(), stop).await;
        world.host = Arc::new(host(&world, &url, fault));
        let mut of_tools = Vec::new();
        for maker in MAKERS {
            of_tools.push((made(&world, &front, maker, fault).await, maker.0));
        }
        of_tools.push((published(&world, &front, PUBLISH, &[(PUBLISH, fault)]).await, PUBLISH));
        let unclear = [(PUBLISH, Fault::Disconnect), (FIND, fault)];
        of_tools.push((published(&world, &front, FIND, &unclear).await, FIND));
        let at_an_end: BTreeSet<TaskState> = [TaskState::Failed, TaskState::HitlQueue].into();
        assert!(of_tools.iter().all(|(end, _)| at_an_end.contains(&end.state)), "{name}: {of_tools:#?}");
        ends.push((name, of_tools));
        let film = fallen(&world, &front, fault).await;
        assert_eq!((film.state, film.has.as_slice()), (TaskState::JudgeReview, [Modality::Image].as_slice()));
        films.push((name, film));
    }
    let ledger: Usd = world.ledger().await.iter().map(|entry| entry.counted).sum();
    assert_eq!(ledger, world.spent().await, "to the cent");
    check(&(table(&ends) + &of_films(&films)));
}

fn table(ends: &[(&str, Vec<(End, &str)>)]) -> String {
    let mut text = format!(
        "# Faults\n\nWhat becomes of a task whose tool meets a fault again and again, over HTTP: seen, not planned \
         (`crates/worker/tests/it/faults.rs`,\non both databases; `UPDATE_DOCS=1` writes it anew). Here a task, and a post, has \
         {ATTEMPTS_MAX} attempts, and a call costs ${COST} where it may have had its effect;\n`find_post` is free, and is asked \
         because `publish_post` is cut off each time. In each row the ledger has to the cent what the calls on\nrecord have \
         cost, nothing stays set aside, and nothing waits for ever: a task is made, FAILED with an alert, or a question to a \
         person.\n\nA call is *failed* where it certainly had no effect, *unknown* where it may have had one, *refused* where \
         the tool said no.\n\n| the tool | meets | the call is | calls | the task | because | charged |\n|---|---|---|---|---|---|---|\n"
    );
    for (fault, of_tools) in ends {
        let mut rest = of_tools.as_slice();
        while let Some((end, _)) = rest.first() {
            let alike = rest.iter().take_while(|(other, _)| other == end).count();
            let (same, others) = rest.split_at(alike);
            let tools: Vec<String> = same.iter().map(|(_, tool)| format!("`{tool}`")).collect();
            let End { call, calls, state, why, charged } = end;
            let _ =
                writeln!(text, "| {} | {fault} | {call} | {calls} | {state} | {why} | ${charged} |", tools.join(", "));
            rest = others;
        }
    }
    text
}

fn of_films(films: &[(&str, Fallen)]) -> String {
    let mut text = "\nA planned video is not given up while there is another way: hero, daily, picture (`domain/src/task/video.rs`). \
                    Here both of\nits tools meet the fault, one after the other; the task then brings the post's picture in the \
                    video's place, as its channel takes one.\n\n| its tools meet | calls of `generate_video` | of \
                    `animate_image` | the task | it brings | charged |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for (fault, Fallen { hero_calls, daily_calls, state, has, charged }) in films {
        let has: Vec<&str> = has.iter().map(|modality| modality.as_str()).collect();
        let has = has.join(", ");
        let _ = writeln!(text, "| {fault} | {hero_calls} | {daily_calls} | {state} | {has} | ${charged} |");
    }
    text
}

fn check(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, table, "run: UPDATE_DOCS=1 cargo test -p chimera-worker every_tool_under_every_fault");
}
