//! Errors in one line, with their causes. An error's `Display` never prints its source; this does, in one place.

use std::{error::Error, fmt::Write as _};

/// The error and its causes, outermost first, separated by colons.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let _ = write!(line, ": {next}");
        cause = next.source();
    }
    line
}
