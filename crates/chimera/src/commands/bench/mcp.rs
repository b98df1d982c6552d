//! `chimera bench mcp`: what a call of a tool costs that does nothing, on each way that the host has.

mod bare;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use chimera_domain::TraceId;
use chimera_mcp::{CallContext, Host, HostConfig, RoleConfig, ServerConfig, Traced, TransportConfig};
use clap::Args;
use rmcp::{
    ServiceExt as _,
    transport::{
        StreamableHttpServerConfig, StreamableHttpService, stdio,
        streamable_http_server::session::local::LocalSessionManager,
    },
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    common::{Say, in_a_place},
    ground::Place,
    idle::{Headlines, IdleServer, SERVER},
    machine::Machine,
    quantiles::{Quantiles, rounded},
};
use crate::{cli::Global, system::SystemAmbient};

/// The tool that is called, which answers with a kilobyte of words.
const TOOL: &str = "generate_text";
/// Calls that are made before the clock starts: connections, the first look at the tools.
const WARM_UP: u32 = 16;

/// Calls of a tool that does nothing.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Calls on each way, one after the other, and as many again at the same time
    #[arg(long, default_value_t = 4_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    calls: u32,
    /// Calls at the same time
    #[arg(long, default_value_t = 64, value_name = "C", value_parser = clap::value_parser!(u32).range(2..=1_000))]
    in_flight: u32,
    #[command(flatten)]
    say: Say,
}

/// The server at the other end of the pipe.
#[derive(Debug, Args)]
pub(super) struct Idle {
    /// Speak no MCP: answer each line with a line of so many bytes
    #[arg(long, value_name = "BYTES")]
    echo: Option<usize>,
}

/// A way to reach a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    InProcess,
    Stdio,
    Http,
}

#[derive(Debug, Serialize)]
struct Report {
    bench: &'static str,
    calls: u32,
    request_bytes: usize,
    answer_bytes: usize,
    ways: Vec<OnWay>,
    /// The lowest of all.
    ratio_to_raw: f64,
    machine: Machine,
}

#[derive(Debug, Serialize)]
struct OnWay {
    way: Way,
    in_flight: u32,
    calls_per_second: f64,
    latency_ms: Quantiles,
    /// The same bytes there and back, with nothing around them.
    raw_calls_per_second: f64,
    ratio_to_raw: f64,
}

impl Options {
    pub(super) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        in_a_place(global, None, self.say, async |_, place| Box::pin(self.measure(place)).await).await
    }

    async fn measure(&self, place: &Place) -> anyhow::Result<Report> {
        let bytes = bare::Bytes::of_a_call()?;
        let mut ways = Vec::new();
        for way in [Way::InProcess, Way::Stdio, Way::Http] {
            let stop = CancellationToken::new();
            let _serving = stop.clone().drop_guard();
            let host = Arc::new(self.host(way, &stop).await?);
            self.call(&host, WARM_UP, self.in_flight).await?;
            for in_flight in [1, self.in_flight] {
                let began = Instant::now();
                let times = self.call(&host, self.calls, in_flight).await?;
                let seconds = began.elapsed().as_secs_f64();
                let raw = bare::rate(way, place, &bytes, self.calls, in_flight).await?;
                let rate = f64::from(self.calls) / seconds;
                ways.push(OnWay {
                    way,
                    in_flight,
                    calls_per_second: rounded(rate),
                    latency_ms: Quantiles::of(times),
                    raw_calls_per_second: rounded(raw),
                    ratio_to_raw: rounded(rate / raw),
                });
            }
            host.shutdown().await;
        }
        Ok(Report {
            bench: "mcp",
            calls: self.calls,
            request_bytes: bytes.request.len(),
            answer_bytes: bytes.answer.len(),
            ratio_to_raw: ways.iter().map(|way| way.ratio_to_raw).fold(f64::INFINITY, f64::min),
            ways,
            machine: Machine::here(),
        })
    }

    /// A host that reaches the idle server this way.
    async fn host(&self, way: Way, stop: &CancellationToken) -> anyhow::Result<Host> {
        let transport = match way {
            Way::InProcess => TransportConfig::InProcess,
            Way::Stdio => TransportConfig::Stdio {
                command: std::env::current_exe().context("where this program lies")?.display().to_string(),
                args: ["bench", "idle"].map(str::to_owned).to_vec(),
                env: Default::default(),
                cwd: None,
            },
            Way::Http => {
                let url = serve_http(stop.clone()).await?;
                TransportConfig::Http { url: url.parse()?, headers: Default::default() }
            }
        };
        let concurrency = usize::try_from(self.in_flight)?;
        let server = ServerConfig { concurrency, ..ServerConfig::new(transport) };
        let role = RoleConfig::new(SERVER, TOOL, json!({"headline": "{{headline}}"}));
        let config = HostConfig {
            servers: [(SERVER.to_owned(), server)].into(),
            roles: [(TOOL.to_owned(), role)].into(),
            ..HostConfig::default()
        };
        let builder = Host::builder(config, Arc::new(SystemAmbient));
        let builder = if way == Way::InProcess { builder.in_process(SERVER, idle) } else { builder };
        Ok(builder.build()?)
    }

    /// Calls the tool so often, so many at the same time. Gives how long each took, in milliseconds.
    async fn call(&self, host: &Arc<Host>, calls: u32, in_flight: u32) -> anyhow::Result<Vec<f64>> {
        let variables: Map<String, Value> = serde_json::from_value(json!({"headline": bare::HEADLINE}))?;
        let variables = Arc::new(variables);
        let tracker = TaskTracker::new();
        let callers = bare::share(calls, in_flight).map(|calls| {
            let (host, variables) = (host.clone(), variables.clone());
            tracker.spawn(async move {
                let mut times = Vec::new();
                for _ in 0..calls {
                    let began = Instant::now();
                    let context = CallContext::new(TraceId::generate(&SystemAmbient));
                    host.call(&context, TOOL, &variables).await.result?;
                    times.push(began.elapsed().as_secs_f64() * 1_000.0);
                }
                anyhow::Ok(times)
            })
        });
        // All of them begin before the first is waited for.
        let callers: Vec<_> = callers.collect();
        let mut times = Vec::new();
        for caller in callers {
            times.extend(caller.await??);
        }
        Ok(times)
    }
}

impl Idle {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.echo {
            Some(bytes) => tokio::task::spawn_blocking(move || bare::echo(bytes)).await??,
            None => {
                Traced(idle()).serve(stdio()).await?.waiting().await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn idle() -> IdleServer {
    IdleServer::new(Headlines::default(), Arc::new(SystemAmbient))
}

/// Serves the idle server on a free port of loopback until it is told to stop; its address.
async fn serve_http(stop: CancellationToken) -> anyhow::Result<String> {
    let options = StreamableHttpServerConfig::default().with_cancellation_token(stop.child_token());
    let service: StreamableHttpService<_, LocalSessionManager> =
        StreamableHttpService::new(|| Ok(idle()), Arc::default(), options);
    let address = bare::serve(axum::Router::new().nest_service("/mcp", service), stop).await?;
    Ok(format!("http://{address}/mcp"))
}
