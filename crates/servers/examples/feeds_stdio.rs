//! The feeds server alone, on standard input and output, for any MCP client:
//!
//! ```text
//! cargo run -p chimera-servers --example feeds_stdio -- "Vogue=https://www.vogue.com/feed/rss" "Own=/home/me/own.xml"
//! ```
//!
//! Each argument is NAME=SOURCE; `--dynamic` lets clients add feeds, `--private-host HOST` allows one private host. The
//! `chimera mcp feeds` command does the same from the configuration file.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use chimera_domain::Ambient;
use chimera_servers::feeds::{FeedSource, FeedsConfig, FeedsServer};
use chrono::{DateTime, Utc};
use rmcp::ServiceExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The machine's clock and randomness.
#[derive(Debug)]
struct Machine;

impl Ambient for Machine {
    #[expect(clippy::disallowed_methods, reason = "a program's own rim, where the real clock is")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn random(&self) -> [u8; 16] {
        // Each state is keyed anew by the standard library; it only spreads polls here.
        let half = || RandomState::new().build_hasher().finish();
        (u128::from(half()) << 64 | u128::from(half())).to_le_bytes()
    }
}

fn configuration(mut arguments: impl Iterator<Item = String>) -> Result<FeedsConfig, String> {
    let mut config = FeedsConfig::default();
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), argument.split_once('=')) {
            ("--dynamic", _) => config.dynamic = true,
            ("--private-host", _) => {
                config.private_hosts.push(arguments.next().ok_or("--private-host needs a host after it")?);
            }
            (_, Some((name, source))) => config.feeds.push(FeedSource::new(name, source)),
            _ => return Err(format!("{argument:?} is not NAME=SOURCE, --dynamic or --private-host HOST")),
        }
    }
    Ok(config)
}

async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    let config = configuration(std::env::args().skip(1))?;
    let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
    let server = FeedsServer::start(&config, Arc::new(Machine), &tracker, cancel.clone())?;
    let running = server.serve_with_ct(rmcp::transport::stdio(), cancel.child_token()).await?;
    running.waiting().await?;
    cancel.cancel();
    tracker.close();
    tracker.wait().await;
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard output belongs to the protocol.
            let _ = writeln!(std::io::stderr(), "feeds_stdio: {error}");
            ExitCode::FAILURE
        }
    }
}
