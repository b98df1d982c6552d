//! Logs to standard error.

use std::{fmt, io::IsTerminal as _};

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{self, Writer},
    },
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::Identity;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One readable line each.
    #[default]
    Text,
    /// One JSON object each.
    Json,
}

/// Logging was set up before.
#[derive(Debug, thiserror::Error)]
#[error("logging is already set up in this process")]
pub struct AlreadySetUp(#[source] tracing_subscriber::util::TryInitError);

/// A filter that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter's syntax.
    #[error("log filter {filter:?} can't be read (want something like `info` or `warn,chimera_mcp=debug`)")]
    Filter {
        /// As given.
        filter: String,
        /// Why.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Set up twice.
    #[error(transparent)]
    AlreadySetUp(#[from] AlreadySetUp),
}

/// Sets up logging for the whole process. Call once, first thing in `main`. Each JSON line says who speaks, where
/// somebody is named.
///
/// # Errors
/// [`TelemetryError`] when the filter can't be read or logging is already set up.
pub fn init(filter: &str, format: LogFormat, who: Option<&Identity>) -> Result<(), TelemetryError> {
    let parsed =
        EnvFilter::try_new(filter).map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let registry = tracing_subscriber::registry().with(parsed);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let done = match format {
        LogFormat::Text => {
            let color = std::io::stderr().is_terminal();
            registry.with(layer.with_ansi(color).with_target(false)).try_init()
        }
        LogFormat::Json => {
            registry.with(layer.json().map_event_format(|_| Signed::by(who)).with_ansi(false)).try_init()
        }
    };
    Ok(done.map_err(AlreadySetUp)?)
}

/// JSON lines that begin with who speaks.
struct Signed {
    lines: format::Format<format::Json>,
    /// `"role":"...","instance":"...","pid":1,`
    signature: String,
}

impl Signed {
    fn by(who: Option<&Identity>) -> Self {
        let signature = who.map(|who| {
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            let (role, instance) = (quoted(who.role), quoted(&who.instance));
            format!("\"role\":{role},\"instance\":{instance},\"pid\":{},", std::process::id())
        });
        Self { lines: format::format().json().flatten_event(true), signature: signature.unwrap_or_default() }
    }
}

impl<S, N> FormatEvent<S, N> for Signed
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::new();
        self.lines.format_event(ctx, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(rest) => write!(writer, "{{{}{rest}", self.signature),
            None => writer.write_str(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(who: Option<&Identity>) -> serde_json::Value {
        let page = Page::default();
        let to = page.clone();
        let layer = tracing_subscriber::fmt::layer().json().map_event_format(|_| Signed::by(who));
        let registry = tracing_subscriber::registry().with(layer.with_writer(move || to.clone()));
        tracing::subscriber::with_default(registry, || tracing::info!(task_id = 7, "a \"line\""));
        let line = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{line:?}");
        serde_json::from_str(&line).unwrap()
    }

    #[test]
    fn a_line_says_who_speaks() {
        let who = Identity { role: "worker", instance: "a\"b-1".to_owned() };
        let line = written(Some(&who));
        assert_eq!((&line["role"], &line["instance"]), (&"worker".into(), &"a\"b-1".into()));
        assert_eq!(line["pid"], std::process::id());
        assert_eq!((&line["task_id"], &line["message"]), (&7.into(), &"a \"line\"".into()));
        assert!(line["timestamp"].is_string() && line["level"] == "INFO");
    }

    #[test]
    fn nobody_is_named_where_nobody_is() {
        let line = written(None);
        assert!(line.get("role").is_none() && line["message"] == "a \"line\"");
    }
}
