//! What the commands that run one role have in common.

use std::{net::SocketAddr, process::ExitCode};

use chimera_telemetry::Identity;
use clap::Args;

use crate::{cli::Global, compose, role::Role, system};

/// Where the process listens.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where /health, /ready and /metrics are told; port 0 takes any free one [default: see `serve` in the configuration]
    #[arg(long, value_name = "ADDRESS:PORT")]
    bind: Option<SocketAddr>,
}

impl Options {
    /// Runs a role until it is told to end.
    pub(crate) async fn run(self, role: Role, global: &Global, concurrency: Option<usize>) -> anyhow::Result<ExitCode> {
        let who = Identity { role: role.name(), instance: system::instance() };
        let bind = self.bind.map(|address| (role.bind_key(), address));
        let config = global.load_role(&who, bind, concurrency)?;
        Box::pin(compose::serve(role, config, who)).await?;
        Ok(ExitCode::SUCCESS)
    }
}
