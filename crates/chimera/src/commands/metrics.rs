//! `chimera metrics`

use std::process::ExitCode;

use chimera_telemetry::{CATALOGUE, Metric};
use clap::Args;

use crate::output;

/// Every metric that `/metrics` tells.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// As the document that is kept in docs/metrics.md
    #[arg(long)]
    markdown: bool,
}

impl Options {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        if self.markdown {
            output::line(chimera_telemetry::markdown().trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        let row = |metric: &Metric| {
            let labels: Vec<&str> = metric.labels().map(|label| label.name).collect();
            [metric.name.to_owned(), metric.kind.as_str().to_owned(), labels.join(", "), metric.help.to_owned()]
        };
        output::table(["METRIC", "TYPE", "LABELS", "WHAT IT SAYS"], CATALOGUE.iter().map(row));
        Ok(ExitCode::SUCCESS)
    }
}
