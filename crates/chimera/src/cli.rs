//! The command line: one enum, each command in a module of its own.

use std::{io::IsTerminal as _, net::SocketAddr, path::PathBuf, process::ExitCode};

use chimera_domain::{Actor, Score};
use chimera_telemetry::{Identity, LogFormat};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    commands,
    config::{Config, ConfigError, Flags, LogConfig, LogFormatConfig},
    output,
};

/// One operator, a fleet of autonomous influencer agents, and judges that gate every post.
#[derive(Debug, Parser)]
#[command(name = "chimera", version, about, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// A configuration file, or a folder of them [default: ./configs where it exists]
    #[arg(long, global = true, env = "CHIMERA_CONFIG", value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,
    /// Where the database and the media lie
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// What to log, such as `warn` or `info,chimera_mcp=debug`
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How to log, to standard error
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormatFlag>,
}

/// Who gives the command, for the audit log.
#[derive(Debug, Clone, Args)]
pub(crate) struct By {
    /// Who does this
    #[arg(long, env = "USER", default_value = "operator", value_name = "NAME", value_parser = person)]
    by: String,
}

/// The longest name of a person, in characters.
const NAME_MAX: usize = 100;

/// A name that the audit log can hold for ever: not empty, one line, at most [`NAME_MAX`] characters.
pub(crate) fn person(name: &str) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX || name.contains(char::is_control) {
        return Err(format!("a name has 1 to {NAME_MAX} characters and one line; say with --by who you are"));
    }
    Ok(name.to_owned())
}

impl By {
    /// Whoever runs this program.
    pub(crate) fn whoever_runs_this() -> Self {
        Self { by: std::env::var("USER").unwrap_or_else(|_| "operator".to_owned()) }
    }

    /// Their name.
    pub(crate) fn name(&self) -> &str {
        &self.by
    }

    /// As the audit log names them.
    pub(crate) fn operator(&self) -> Actor {
        Actor::operator(&self.by)
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormatFlag {
    /// Readable lines
    Text,
    /// JSON lines
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch an agent go from headlines to posts, with nothing set up
    Demo(commands::demo::Options),
    /// Run every role in one process, with the console
    #[command(after_help = crate::lifecycle::EXIT_CODES)]
    Up(commands::up::Options),
    /// What the fleet has done so far
    Status(commands::status::Options),
    /// The whole life of one post
    Trace(commands::trace::Options),
    /// Bring in a persona, a campaign and a feed to try things on
    Seed(commands::seed::Options),
    /// Alerts: see and acknowledge them
    Alerts(commands::alerts::Options),
    /// Campaigns: see, pause and resume them
    Campaign(Box<commands::campaign::Options>),
    /// Plans that wait for you: look at them, edit, start or drop them
    Plan(commands::plan::Options),
    /// The planner as a process of its own; signals and their scores
    Planner(commands::planner::Options),
    /// A pool of workers as a process of its own; the work that waits
    Worker(commands::worker::Options),
    /// The judge as a process of its own; posts that wait for a person
    Judge(commands::judge::Options),
    /// The review desk in this terminal: look at the posts that wait, and answer by keyboard
    Review(commands::review::Options),
    /// The publisher as a process of its own: the only role that needs the platforms' credentials
    Publisher(commands::publisher::Options),
    /// Budgets and the spend ledger
    Cfo(commands::cfo::Options),
    /// The console: let people and programs in
    Console(commands::console::Options),
    /// The database: its schema, the audit log, backups, and what is kept
    Db(commands::db::Options),
    /// The configuration in force
    Config(commands::config::Options),
    /// Serve one of Chimera's own MCP servers over standard input and output
    Mcp(commands::mcp::Options),
    /// Measure how fast the fleet works on this machine
    Bench(commands::bench::Options),
    /// Every metric that /metrics tells
    Metrics(commands::metrics::Options),
    /// Completions for a shell
    Completions(commands::completions::Options),
}

impl Cli {
    /// Runs the command.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let Self { global, command } = self;
        match command {
            Command::Demo(options) => Box::pin(options.run(&global)).await,
            Command::Up(options) => Box::pin(options.run(&global)).await,
            Command::Status(options) => options.run(&global).await,
            Command::Trace(options) => options.run(&global).await,
            Command::Seed(options) => options.run(&global).await,
            Command::Alerts(options) => options.run(&global).await,
            Command::Campaign(options) => options.run(&global).await,
            Command::Plan(options) => options.run(&global).await,
            Command::Planner(options) => Box::pin(options.run(&global)).await,
            Command::Worker(options) => options.run(&global).await,
            Command::Judge(options) => Box::pin(options.run(&global)).await,
            Command::Review(options) => options.run(&global).await,
            Command::Publisher(options) => options.run(&global).await,
            Command::Cfo(options) => options.run(&global).await,
            Command::Console(options) => options.run(&global).await,
            Command::Db(options) => options.run(&global).await,
            Command::Config(options) => options.run(&global).await,
            Command::Mcp(options) => options.run(&global).await,
            Command::Bench(options) => Box::pin(options.run(&global)).await,
            Command::Metrics(options) => options.run(),
            Command::Completions(options) => options.run(),
        }
    }
}

impl Global {
    /// The configuration in force, with logging set up by it.
    ///
    /// `quiet` raises the default log filter to warnings, for commands whose output is their answer.
    pub(crate) fn load(&self, quiet: bool, bind: Option<SocketAddr>) -> anyhow::Result<Config> {
        let mut config = self.or_logged(Config::load(self.config.as_deref(), true, &self.flags(bind)), None)?;
        if quiet && self.log.is_none() && config.log.filter == LogConfig::default().filter {
            config.log.filter = "warn".to_owned();
        }
        self.init_logging(&config.log, None)?;
        Ok(config)
    }

    /// The configuration of a role that is a process of its own, with logging set up for many such processes.
    pub(crate) fn load_role(
        &self,
        who: &Identity,
        bind: Option<(&'static str, SocketAddr)>,
        concurrency: Option<usize>,
    ) -> anyhow::Result<Config> {
        let flags = Flags { data_dir: self.data_dir.clone(), bind, concurrency };
        let mut config = self.or_logged(Config::load(self.config.as_deref(), true, &flags), Some(who))?;
        config.log.format = config.log.format.or_else(of_process);
        self.init_logging(&config.log, Some(who))?;
        Ok(config)
    }

    /// The configuration; when there is none, the error finds a log that looks as it would have without one.
    fn or_logged(&self, loaded: Result<Config, ConfigError>, who: Option<&Identity>) -> Result<Config, ConfigError> {
        if loaded.is_err() {
            let wanted = LogConfig { format: who.and_then(|_| of_process()), ..LogConfig::default() };
            // The error itself matters more.
            let _ = self.init_logging(&wanted, who);
        }
        loaded
    }

    /// The configuration of a command that needs none: no files unless they are asked for, and only warnings logged.
    pub(crate) fn load_bare(&self, bind: SocketAddr) -> anyhow::Result<Config> {
        let mut config = self.or_logged(Config::load(self.config.as_deref(), false, &self.flags(Some(bind))), None)?;
        config.log.filter = self.log.clone().unwrap_or_else(|| "error".to_owned());
        self.init_logging(&config.log, None)?;
        Ok(config)
    }

    fn init_logging(&self, wanted: &LogConfig, who: Option<&Identity>) -> anyhow::Result<()> {
        let format = match self.log_format {
            Some(LogFormatFlag::Text) => LogFormat::Text,
            Some(LogFormatFlag::Json) => LogFormat::Json,
            None => wanted.format.map(LogFormat::from).unwrap_or_default(),
        };
        chimera_telemetry::init(self.log.as_deref().unwrap_or(&wanted.filter), format, who)?;
        if format == LogFormat::Json {
            output::log_is_json();
        }
        Ok(())
    }

    fn flags(&self, bind: Option<SocketAddr>) -> Flags {
        let bind = bind.map(|address| ("console.bind", address));
        Flags { data_dir: self.data_dir.clone(), bind, concurrency: None }
    }
}

/// How a role logs that is a process of its own, where nothing is said: for programs, unless a person looks on.
fn of_process() -> Option<LogFormatConfig> {
    (!std::io::stderr().is_terminal()).then_some(LogFormatConfig::Json)
}

/// A score on the command line.
pub(crate) fn score(text: &str) -> Result<Score, String> {
    let value: f64 = text.parse().map_err(|_| "a score is a number from 0 to 1".to_owned())?;
    Score::new(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }
}
