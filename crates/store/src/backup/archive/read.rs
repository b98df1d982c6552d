//! Reading an archive from end to end, and believing none of it.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
    path::Path,
};

use flate2::bufread::GzDecoder;
use serde::de::DeserializeOwned;

use chimera_domain::ContentHasher;

use crate::{
    backup::{
        FORMAT, Flaw, HEADER, Header, MANIFEST, MEDIA, MEDIA_LIST, Manifest, MediaEntry, MediaLine, MediaState,
        NOTE_BYTES_MAX, ROW_BYTES_MAX, TABLES,
    },
    blobs::{self, BLOB_BYTES_MAX},
};

/// Takes what an archive holds, in its order, each piece before the whole is known to be sound.
pub(in crate::backup) trait Sink {
    /// A row of a table.
    fn row(&mut self, table: &str, line: Vec<u8>) -> Result<(), Stopped>;
    /// A table has ended.
    fn table_end(&mut self, table: &str) -> Result<(), Stopped>;
    /// A blob; its bytes are those that its name promises.
    fn blob(&mut self, file: &str, bytes: Vec<u8>) -> Result<(), Stopped>;
    /// A blob that was lost when the archive was made.
    fn lost(&mut self, line: MediaLine) -> Result<(), Stopped>;
}

/// The taker wants no more.
#[derive(Debug)]
pub(in crate::backup) struct Stopped;

/// Why reading ended early.
#[derive(Debug)]
pub(in crate::backup) enum Halt {
    Flaw(Flaw),
    Stopped,
}

impl From<Flaw> for Halt {
    fn from(flaw: Flaw) -> Self {
        Self::Flaw(flaw)
    }
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Reads the whole archive into `sink`, checking every name, order, count and hash.
pub(in crate::backup) fn walk(path: &Path, sink: &mut impl Sink) -> Result<Manifest, Halt> {
    let file = File::open(path).map_err(Flaw::Unreadable)?;
    let mut tar = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    let mut walk = Walk { sink, header: None, tables: vec![], blobs: vec![], media: None, manifest: None };
    // Raw, so that extension headers come as members of their own, which are refused.
    for entry in tar.entries().map_err(broken)?.raw(true) {
        let entry = entry.map_err(|error| walk.broken(error))?;
        walk.member(entry)?;
    }
    let manifest = match (walk.header, walk.manifest) {
        (_, Some(manifest)) => manifest,
        (Some(_), None) => return Err(Flaw::Missing(MANIFEST.to_owned()).into()),
        (None, None) => return Err(Flaw::NoBackup.into()),
    };
    // To the end of the compression, which has a checksum of its own.
    let mut gzip = tar.into_inner();
    io::copy(&mut gzip, &mut io::sink()).map_err(broken)?;
    let mut file = gzip.into_inner();
    let is_end = file.fill_buf().map_err(Flaw::Unreadable)?.is_empty();
    if is_end { Ok(manifest) } else { Err(Flaw::Stranger("more bytes after its end".to_owned()).into()) }
}

/// What was found so far.
struct Walk<'s, S> {
    sink: &'s mut S,
    header: Option<Header>,
    tables: Vec<Found>,
    /// Names of blobs, in order.
    blobs: Vec<String>,
    media: Option<MediaEntry>,
    manifest: Option<Manifest>,
}

/// A table that was read.
struct Found {
    name: String,
    rows: u64,
    bytes: u64,
    sha256: String,
}

impl<S: Sink> Walk<'_, S> {
    fn member(&mut self, mut entry: tar::Entry<'_, impl Read>) -> Result<(), Halt> {
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let stranger = || Halt::Flaw(Flaw::Stranger(name.clone()));
        let is_file = entry.header().entry_type().is_file();
        if self.header.is_none() {
            if !is_file || name != HEADER {
                return Err(Flaw::NoBackup.into());
            }
            self.header = Some(header(&mut entry)?);
            return Ok(());
        }
        if !is_file || self.manifest.is_some() {
            return Err(stranger());
        }
        let table = name.strip_prefix(TABLES).and_then(|rest| rest.strip_suffix(".jsonl"));
        match (table, name.strip_prefix(MEDIA)) {
            (Some(table), _) if is_identifier(table) => {
                let known = self.tables.iter().any(|found| found.name == table);
                if known || !self.blobs.is_empty() || self.media.is_some() {
                    return Err(stranger());
                }
                self.table(table, &name, entry)
            }
            (_, Some(file)) if blobs::is_file_name(file) => {
                if self.media.is_some() || self.blobs.last().is_some_and(|last| last.as_str() >= file) {
                    return Err(stranger());
                }
                self.blob(file, &name, &mut entry)
            }
            _ if name == MEDIA_LIST && self.media.is_none() => self.media_list(entry),
            _ if name == MANIFEST => self.manifest(&mut entry),
            _ => Err(stranger()),
        }
    }

    fn table(&mut self, table: &str, member: &str, entry: impl Read) -> Result<(), Halt> {
        let (mut rows, mut bytes, mut hasher) = (0, 0, ContentHasher::default());
        let mut lines = BufReader::new(entry);
        while let Some(line) = line(&mut lines, member)? {
            rows += 1;
            bytes += line.len() as u64;
            hasher.update(&line);
            self.sink.row(table, line)?;
        }
        self.tables.push(Found { name: table.to_owned(), rows, bytes, sha256: hasher.finish() });
        Ok(self.sink.table_end(table)?)
    }

    fn blob(&mut self, file: &str, member: &str, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), Halt> {
        let bytes = whole(entry, member, BLOB_BYTES_MAX)?;
        if !blobs::is_content_of(file, &bytes) {
            return Err(Flaw::Changed(member.to_owned()).into());
        }
        self.blobs.push(file.to_owned());
        Ok(self.sink.blob(file, bytes)?)
    }

    /// The list must name the blobs that came before it, and no others.
    fn media_list(&mut self, entry: impl Read) -> Result<(), Halt> {
        let (mut media, mut hasher) = (MediaEntry::default(), ContentHasher::default());
        let (mut lines, mut last) = (BufReader::new(entry), String::new());
        let mut blobs = std::mem::take(&mut self.blobs).into_iter().peekable();
        while let Some(line) = line(&mut lines, MEDIA_LIST)? {
            hasher.update(&line);
            let line: MediaLine = parse(MEDIA_LIST, &line)?;
            if line.file <= last {
                return Err(Flaw::Changed(MEDIA_LIST.to_owned()).into());
            }
            last.clone_from(&line.file);
            match line.state {
                MediaState::Kept => {
                    media.files += 1;
                    media.bytes += line.bytes;
                    if blobs.peek().is_none_or(|blob| *blob > line.file) {
                        return Err(Flaw::Missing(format!("{MEDIA}{}", line.file)).into());
                    }
                    if let Some(other) = blobs.next().filter(|blob| *blob != line.file) {
                        return Err(Flaw::Stranger(format!("{MEDIA}{other}")).into());
                    }
                    continue;
                }
                MediaState::Missing => media.missing += 1,
                MediaState::Damaged => media.damaged += 1,
            }
            self.sink.lost(line)?;
        }
        if let Some(other) = blobs.next() {
            return Err(Flaw::Stranger(format!("{MEDIA}{other}")).into());
        }
        media.list_sha256 = hasher.finish();
        self.media = Some(media);
        Ok(())
    }

    fn manifest(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), Halt> {
        let manifest: Manifest = parse(MANIFEST, &whole(entry, MANIFEST, NOTE_BYTES_MAX)?)?;
        if self.header.as_ref() != Some(&manifest.header) {
            return Err(Flaw::Changed(HEADER.to_owned()).into());
        }
        let mut tables = std::mem::take(&mut self.tables).into_iter().peekable();
        for wanted in &manifest.tables {
            let member = format!("{TABLES}{}.jsonl", wanted.name);
            let Some(found) = tables.next_if(|found| found.name == wanted.name) else {
                return Err(Flaw::Missing(member).into());
            };
            if (found.rows, found.bytes, &found.sha256) != (wanted.rows, wanted.bytes, &wanted.sha256) {
                return Err(Flaw::Changed(member).into());
            }
        }
        if let Some(found) = tables.next() {
            return Err(Flaw::Stranger(format!("{TABLES}{}.jsonl", found.name)).into());
        }
        match &self.media {
            Some(media) if *media == manifest.media => {}
            Some(_) => return Err(Flaw::Changed(MEDIA_LIST.to_owned()).into()),
            None => return Err(Flaw::Missing(MEDIA_LIST.to_owned()).into()),
        }
        self.manifest = Some(manifest);
        Ok(())
    }

    /// A file that does not even begin like an archive is none.
    fn broken(&self, error: io::Error) -> Flaw {
        match broken(error) {
            Flaw::Broken(_) if self.header.is_none() => Flaw::NoBackup,
            flaw => flaw,
        }
    }
}

fn header(entry: &mut tar::Entry<'_, impl Read>) -> Result<Header, Halt> {
    let text = whole(entry, HEADER, NOTE_BYTES_MAX)?;
    // Only these two are sure to be there in formats to come.
    let known: serde_json::Value = parse(HEADER, &text)?;
    let format = known.get("format").and_then(serde_json::Value::as_u64).ok_or(Flaw::NoBackup)?;
    if format > u64::from(FORMAT) {
        let program = known.get("program").and_then(serde_json::Value::as_str).unwrap_or("a newer one");
        let program = program.chars().filter(|c| !c.is_control()).take(40).collect();
        return Err(Flaw::NewerFormat { found: format, known: FORMAT, program }.into());
    }
    Ok(parse(HEADER, &text)?)
}

/// All of a member's bytes.
fn whole(entry: &mut tar::Entry<'_, impl Read>, member: &str, bytes_max: u64) -> Result<Vec<u8>, Flaw> {
    let size = entry.size();
    if size > bytes_max {
        return Err(Flaw::TooLarge(member.to_owned()));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() as u64 == size { Ok(bytes) } else { Err(Flaw::CutOff) }
}

/// The next line of a member, with its end.
fn line(lines: &mut BufReader<impl Read>, member: &str) -> Result<Option<Vec<u8>>, Flaw> {
    let mut line = Vec::new();
    lines.take(ROW_BYTES_MAX as u64).read_until(b'\n', &mut line).map_err(broken)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) if line.len() == ROW_BYTES_MAX => Err(Flaw::TooLarge(member.to_owned())),
        Some(_) => Err(Flaw::Changed(member.to_owned())),
    }
}

fn parse<T: DeserializeOwned>(member: &str, text: &[u8]) -> Result<T, Flaw> {
    serde_json::from_slice(text).map_err(|source| Flaw::Malformed { member: member.to_owned(), source })
}

fn is_identifier(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

fn broken(error: io::Error) -> Flaw {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Flaw::CutOff,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => Flaw::Broken(error),
        _ => Flaw::Unreadable(error),
    }
}
