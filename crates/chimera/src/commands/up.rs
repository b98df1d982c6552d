//! `chimera up`

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;

use crate::{
    cli::{By, Global},
    commands::console::sign_in_hint,
    compose::{House, patience},
    lifecycle::Lifecycle,
    output, seed,
};

/// Run every role in one process, with the console.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the console listens, and /health, /ready and /metrics are told [default: 127.0.0.1:7417]
    #[arg(long, value_name = "ADDRESS:PORT")]
    bind: Option<SocketAddr>,
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let config = global.load(false, self.bind)?;
        let lifecycle = Lifecycle::listen(patience(&config))?;
        let house = House::build(config, "up", &lifecycle).await?;
        let ground = &house.ground;
        let operator = By::whoever_runs_this().operator();
        seed::configured(&ground.store.acting_as(operator), &ground.config, &*ground.ambient).await?;
        let address = house.start_console(&lifecycle).await?;
        output::note(&house.mind_choice);
        output::note(&format!("console   {address}"));
        output::note(&sign_in_hint(ground, &address).await?);
        output::note(&format!("data      {}", ground.config.data_dir.0.display()));
        if ground.store.campaigns_active().await?.is_empty() {
            output::note("no campaign is active; `chimera seed trends --scenario fashion_drop` brings one in to try");
        }
        house.start_workers(&lifecycle).await?;
        house.start_planner(&lifecycle);
        lifecycle.cancel.cancelled().await;
        house.stop(&lifecycle).await?;
        output::note("stopped in order; nothing is lost");
        Ok(ExitCode::SUCCESS)
    }
}
