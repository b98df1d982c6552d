//! Runs the binary in a folder of its own, away from the tester's environment.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use chimera_testkit::Backends;
use serde_json::Value;

/// A folder with a data folder in it, a database and queues, and the binary.
pub(crate) struct Chimera {
    backends: Backends,
    environment: Vec<(&'static str, String)>,
}

/// How a command ended.
pub(crate) struct Ended {
    pub(crate) ok: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Chimera {
    /// Embedded: the database lies in the data folder, as it does where nothing is said.
    pub(crate) fn new() -> Self {
        Self::over(Backends::embedded())
    }

    pub(crate) fn over(backends: Backends) -> Self {
        let chimera = Self { backends, environment: vec![] };
        let Some(redis) = chimera.backends.redis() else { return chimera };
        let (database, redis) = (chimera.backends.database_url().to_owned(), redis.clone());
        chimera.on(&database, &redis.url).with("CHIMERA_QUEUE__PREFIX", &redis.prefix)
    }

    /// The same, on these.
    pub(crate) fn on(self, database: &str, queue: &str) -> Self {
        self.with("CHIMERA_DATABASE__URL", database).with("CHIMERA_QUEUE__URL", queue)
    }

    fn with(mut self, variable: &'static str, value: &str) -> Self {
        self.environment.push((variable, value.to_owned()));
        self
    }

    /// What every key in Redis starts with, if there is one.
    pub(crate) fn prefix(&self) -> Option<&str> {
        self.backends.redis().map(|redis| redis.prefix.as_str())
    }

    pub(crate) const fn is_embedded(&self) -> bool {
        !self.backends.is_production()
    }

    /// Where the database and the queues are, when they are servers.
    pub(crate) fn servers(&self) -> Option<(String, String)> {
        let redis = self.backends.redis()?;
        Some((self.backends.database_url().to_owned(), redis.url.clone()))
    }

    /// Another one on backends of the same kind.
    pub(crate) fn another(&self) -> Self {
        Self::over(self.backends.another())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.backends.folder()
    }

    /// Leaves the folder where it is when the test ends, for a look at what went wrong.
    pub(crate) fn keep(self) -> PathBuf {
        self.backends.keep()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// Writes a file into the folder and gives its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary, offline, with nothing of the tester's environment but the path.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chimera"));
        command.current_dir(self.folder()).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("TMPDIR", self.folder()).env("CHIMERA_DATA_DIR", self.data()).args(args);
        command.envs(self.environment.iter().map(|(variable, value)| (variable, value)));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        Ended::of(self.command(args).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs a command that must succeed, and reads its answer.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ended = self.run(args);
        assert!(ended.ok, "{args:?} failed:\n{}", ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}\n{}", ended.stdout))
    }

    /// Starts a command that stays up.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.start_logging(args, &self.folder().join("up.log"))
    }

    /// The same, with a log of its own.
    pub(crate) fn start_logging(&self, args: &[&str], log: &Path) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        self.command(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("up.log")).unwrap_or_default()
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            ok: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
