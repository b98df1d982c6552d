//! Reliability, for people to read.

use chimera_domain::policy::calibration::{Fit, ReliabilityBin};

use crate::output;

/// A table of what was said beside how it was.
pub(super) fn show(title: &str, bins: &[ReliabilityBin]) {
    output::line(title);
    let rows = bins.iter().map(|bin| {
        [format!("{} to {}", bin.from, bin.to), bin.count.to_string(), bin.said.to_string(), bin.was.to_string()]
    });
    output::table(["score", "examples", "said", "was"], rows);
}

/// What a map is worth, in a line.
pub(super) fn summary(fit: &Fit) -> String {
    format!(
        "{} examples, {} positive; {}: expected calibration error {:.3} -> {:.3}, Brier score {:.3} -> {:.3}",
        fit.examples,
        fit.positives,
        fit.method,
        fit.error_before.get(),
        fit.error_after.get(),
        fit.brier_before.get(),
        fit.brier_after.get()
    )
}
