//! The bytes of a call there and back, and nothing else: the least that a call can cost on each way.

use std::{
    io::{BufRead as _, Write as _},
    net::SocketAddr,
    process::Stdio,
    sync::Arc,
};

use anyhow::Context as _;
use axum::{Router, body::Body, routing::post};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{SERVER, TOOL, Way};
use crate::commands::bench::{child::this_program, ground::Place, idle, wire::Wire};

/// What the tool is asked about.
pub(super) const HEADLINE: &str = "Linen is on the line";

/// A call as it goes over a line.
pub(super) struct Bytes {
    pub(super) request: Arc<str>,
    pub(super) answer: Arc<str>,
}

impl Bytes {
    /// A request and an answer as host and server write them, but for digits.
    pub(super) fn of_a_call() -> anyhow::Result<Self> {
        let request = json!({
            "jsonrpc": "2.0", "id": 1_000, "method": "tools/call", "params": {
                "_meta": {
                    "progressToken": 1_000,
                    "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                },
                "name": TOOL, "arguments": {"headline": HEADLINE},
            },
        });
        let said = idle::said_words(&idle::words());
        let content = json!([{"type": "text", "text": serde_json::to_string(&said)?}]);
        let answer = json!({
            "jsonrpc": "2.0", "id": 1_000,
            "result": {"content": content, "structuredContent": said, "isError": false, "resultType": "complete"},
        });
        let line = |value: &serde_json::Value| serde_json::to_string(value).map(|text| text + "\n");
        Ok(Self { request: line(&request)?.into(), answer: line(&answer)?.into() })
    }
}

/// Calls a second.
pub(super) async fn rate(way: Way, place: &Place, bytes: &Bytes, calls: u32, in_flight: u32) -> anyhow::Result<f64> {
    let began = match way {
        Way::InProcess => channels(bytes, calls, in_flight).await?,
        Way::Stdio => pipes(place, bytes, calls, in_flight).await?,
        Way::Http => posts(bytes, calls, in_flight).await?,
    };
    Ok(f64::from(calls) / began.elapsed().as_secs_f64())
}

type Asked = (String, oneshot::Sender<String>);

/// Two tasks and a channel between them.
async fn channels(bytes: &Bytes, calls: u32, in_flight: u32) -> anyhow::Result<Instant> {
    let (ask, mut asked) = mpsc::channel::<Asked>(64);
    let (tracker, answer) = (TaskTracker::new(), bytes.answer.clone());
    tracker.spawn(async move {
        while let Some((_, reply)) = asked.recv().await {
            // Who asked waits for it.
            let _ = reply.send(answer.to_string());
        }
    });
    let began = Instant::now();
    let callers = share(calls, in_flight).map(|calls| {
        let (ask, request) = (ask.clone(), bytes.request.clone());
        tracker.spawn(async move {
            for _ in 0..calls {
                let (reply, answer) = oneshot::channel();
                ask.send((request.to_string(), reply)).await?;
                answer.await?;
            }
            anyhow::Ok(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    Ok(began)
}

/// A child that answers each line with a line.
async fn pipes(place: &Place, bytes: &Bytes, calls: u32, in_flight: u32) -> anyhow::Result<Instant> {
    let mut command = this_program(place)?;
    command.args(["bench", "idle", "--echo", &bytes.answer.len().to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("starting a child that answers lines")?;
    let mut to = child.stdin.take().context("the child has no standard input")?;
    let mut from = BufReader::new(child.stdout.take().context("the child has no standard output")?);
    let mut line = String::new();
    // It runs once it has answered.
    to.write_all(bytes.request.as_bytes()).await?;
    from.read_line(&mut line).await?;
    let began = Instant::now();
    let mut sent = 0;
    for answered in 0..calls {
        while sent < calls && sent < answered + in_flight {
            to.write_all(bytes.request.as_bytes()).await?;
            sent += 1;
        }
        line.clear();
        from.read_line(&mut line).await?;
    }
    anyhow::ensure!(line.len() == bytes.answer.len(), "the child answered {} bytes", line.len());
    drop(to);
    child.wait().await?;
    Ok(began)
}

/// The child's side: a line for each line, until there are no more.
pub(super) fn echo(bytes: usize) -> anyhow::Result<()> {
    let answer = "x".repeat(bytes.saturating_sub(1)) + "\n";
    let (mut asked, mut said) = (String::new(), std::io::stdout().lock());
    let mut requests = std::io::stdin().lock();
    while requests.read_line(&mut asked)? > 0 {
        said.write_all(answer.as_bytes())?;
        said.flush()?;
        asked.clear();
    }
    Ok(())
}

/// A POST for each call, over connections that stay open.
async fn posts(bytes: &Bytes, calls: u32, in_flight: u32) -> anyhow::Result<Instant> {
    let stop = CancellationToken::new();
    let _serving = stop.clone().drop_guard();
    let answer = bytes.answer.clone();
    let app = Router::new().route("/mcp", post(move |_: String| async move { Body::from(answer.to_string()) }));
    let address = serve(app, stop).await?;
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: {SERVER}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        bytes.request.len(),
        bytes.request
    );
    let request: Arc<str> = request.into();
    let mut wires = Vec::new();
    for calls in share(calls, in_flight) {
        wires.push((Wire::connect(address).await?, calls));
    }
    let (tracker, began) = (TaskTracker::new(), Instant::now());
    let callers = wires.into_iter().map(|(mut wire, calls)| {
        let request = request.clone();
        tracker.spawn(async move {
            for _ in 0..calls {
                wire.ask(request.as_bytes()).await?;
            }
            anyhow::Ok(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    Ok(began)
}

/// Serves an application on a free port of loopback until it is told to stop; where.
pub(super) async fn serve(app: Router, stop: CancellationToken) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("a free port")?;
    let address = listener.local_addr()?;
    TaskTracker::new().spawn(async move {
        tokio::select! {
            // Whoever calls sees that it is gone.
            _ = std::future::IntoFuture::into_future(axum::serve(listener, app)) => {}
            () = stop.cancelled() => {}
        }
    });
    Ok(address)
}

/// How many calls each caller makes; the first of them make those that are left over.
pub(super) fn share(calls: u32, callers: u32) -> impl Iterator<Item = u32> {
    (0..callers).map(move |caller| calls / callers + u32::from(caller < calls % callers))
}
