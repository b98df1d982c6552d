//! Checking an archive without restoring it.

use std::path::PathBuf;

use super::{
    ArchiveError, Flaw, Manifest, MediaLine,
    archive::{Halt, Sink, Stopped, walk},
};

/// Lost blobs that are named; more are only counted.
pub(super) const LOST_NAMED_MAX: usize = 1_000;

/// An archive of which every byte was read and is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    pub(super) path: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
    /// The first thousand of the blobs that were lost already when it was made, by name.
    pub lost: Vec<MediaLine>,
}

/// Reads the archive from end to end and checks every hash. Needs no database, and writes nothing.
///
/// # Errors
/// [`ArchiveError`] with the member that is wrong.
pub async fn check_backup(path: PathBuf) -> Result<Archive, ArchiveError> {
    super::blocking(move || {
        let mut lost = Lost::default();
        match walk(&path, &mut lost) {
            Ok(manifest) => Ok(Archive { path, manifest, lost: lost.lines }),
            Err(Halt::Flaw(flaw)) => Err(ArchiveError { path, flaw }),
            Err(Halt::Stopped) => Err(ArchiveError { path, flaw: Flaw::CutOff }),
        }
    })
    .await
}

#[derive(Default)]
struct Lost {
    lines: Vec<MediaLine>,
}

impl Sink for Lost {
    fn row(&mut self, _: &str, _: Vec<u8>) -> Result<(), Stopped> {
        Ok(())
    }

    fn table_end(&mut self, _: &str) -> Result<(), Stopped> {
        Ok(())
    }

    fn blob(&mut self, _: &str, _: Vec<u8>) -> Result<(), Stopped> {
        Ok(())
    }

    fn lost(&mut self, line: MediaLine) -> Result<(), Stopped> {
        if self.lines.len() < LOST_NAMED_MAX {
            self.lines.push(line);
        }
        Ok(())
    }
}
