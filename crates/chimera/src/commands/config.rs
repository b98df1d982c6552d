//! `chimera config`

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::{cli::Global, compose, config::Config, output, seed};

/// The configuration in force.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the configuration, and the personas that it names, as the roles would; print what is in force, without secrets
    Check {
        /// As JSON instead of YAML
        #[arg(long)]
        json: bool,
    },
    /// Print the configuration's JSON Schema, for editors
    Schema,
}

impl Options {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Check { json } => {
                let config = global.load(true, None)?;
                compose::scanner(&config)?;
                seed::souls(&config)?;
                output::note(&compose::mind_in_words(&config).await?);
                let mut config = config.redacted();
                config.mcp = compose::built_in(&config);
                if json {
                    output::json(&config)?;
                } else {
                    output::line(serde_saphyr::to_string(&config)?.trim_end());
                }
            }
            Command::Schema => output::json(&schemars::schema_for!(Config))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
