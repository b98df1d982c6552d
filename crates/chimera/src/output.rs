//! What people and programs see: data on standard output, everything else on standard error.

use std::{
    io::{IsTerminal as _, Write as _},
    sync::OnceLock,
};

use chimera_domain::{error_chain, shown};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// Prints one line of data.
pub(crate) fn line(text: &str) {
    if let Err(error) = writeln!(std::io::stdout().lock(), "{text}") {
        // A reader that has seen enough (`| head`) closes the pipe; that is no error of ours.
        if error.kind() != std::io::ErrorKind::BrokenPipe {
            note(&format!("error: the answer can't be written to standard output: {error}"));
            std::process::exit(1);
        }
    }
}

/// Prints a value as indented JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints a value as one line of JSON.
pub(crate) fn json_line(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string(value)?);
    Ok(())
}

/// Tells the person at the terminal something that is not data.
pub(crate) fn note(text: &str) {
    // Nobody listening is no reason to stop working.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// The same, where a person is there to read it: in a file it would stand between JSON lines.
pub(crate) fn note_on_terminal(text: &str) {
    if std::io::stderr().is_terminal() {
        note(text);
    }
}

/// Prints rows under headings, fitted to the terminal.
pub(crate) fn table<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_width(160);
    }
    table.set_header(headings);
    for row in rows {
        table.add_row(row.map(|cell| shown(&cell)));
    }
    line(&table.to_string());
}

/// Whether the log is made of JSON lines, so that whoever reads standard error expects nothing else there.
static LOG_IS_JSON: OnceLock<()> = OnceLock::new();

/// From now on standard error holds JSON lines.
pub(crate) fn log_is_json() {
    // Said twice it is as true.
    let _ = LOG_IS_JSON.set(());
}

/// Tells why the program ends with this code: in the form that the log has.
pub(crate) fn last_words(error: &anyhow::Error, exit_code: u8) {
    if LOG_IS_JSON.get().is_some() && tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(error = %error_chain(error.as_ref()), exit_code, "{error}");
    } else {
        self::error(error);
    }
}

/// Prints an error with its causes, for people.
fn error(error: &anyhow::Error) {
    note(&format!("error: {error}"));
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some libraries print their cause in their own line too.
        if !told.contains(&cause) {
            note(&format!("  because: {cause}"));
            told = cause;
        }
    }
}

/// The wire name of a value that is a plain name, such as a unit variant.
pub(crate) fn name(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(|s| s.replace('_', " "))).unwrap_or_default()
}
