//! `chimera db verify`

use std::process::ExitCode;

use chimera_domain::{AuditFinding, FindingKind, NotedHead};
use chimera_store::AuditReport;
use clap::Args;
use serde_json::{Value, json};

use crate::{compose, config::Config, output};

/// Check that the audit log was not tampered with.
#[derive(Debug, Args)]
#[command(after_help = "Note the head that is printed in another place: whoever owns the database can make the whole \
    log anew, and only a noted head, given with --expect, tells then. The command fails when it finds anything.")]
pub(super) struct Verify {
    /// A head that was noted earlier, as 17:HASH or only HASH; may be given several times
    #[arg(long, value_name = "[SEQ:]HASH")]
    expect: Vec<NotedHead>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let store = compose::open_store(config).await?;
        let report = store.audit_verify(&self.expect).await?;
        if self.json {
            output::json(&as_json(&report))?;
        } else {
            tell(&report);
        }
        Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn as_json(report: &AuditReport) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let mut value = json!(finding);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("advice".to_owned(), finding.kind.advice().into());
            }
            value
        })
        .collect();
    json!({
        "sound": report.is_sound(),
        "head": report.head,
        "entries": report.entries,
        "compared": report.compared,
        "findings": findings,
        "further_findings": report.more,
    })
}

fn tell(report: &AuditReport) {
    for finding in &report.findings {
        output::line(&chimera_domain::one_line(&finding.to_string(), 400));
    }
    if report.more > 0 {
        output::line(&format!("and {} findings more", report.more));
    }
    for kind in FindingKind::ALL {
        let of_kind = |finding: &&AuditFinding| finding.kind == *kind;
        let count = report.findings.iter().filter(of_kind).count();
        if count > 0 {
            output::note(&format!("{kind} ({count}): {}", kind.advice()));
        }
    }
    output::line(&format!("head      {}", report.head));
    output::line(&format!("entries   {}, {} compared with the rows they speak of", report.entries, report.compared));
    if report.is_sound() {
        output::note("the audit log holds; note its head in another place");
    }
}
