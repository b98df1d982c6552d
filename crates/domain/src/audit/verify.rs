//! Going over a chain, entry by entry in constant memory, and naming what does not fit.

use std::{fmt, str::FromStr};

use serde::Serialize;
use uuid::Uuid;

use super::{AuditEntry, AuditHead, AuditSubject};
use crate::{hash::hex, is_sha256_hex, wire::wire_enum};

/// How many places are tried in all to find out where entries belong that are not in theirs; some seconds' work.
const PLACES_TRIED_MAX: u64 = 4_000_000;

wire_enum! {
    /// What is wrong.
    pub enum FindingKind ("finding") {
        /// An entry does not say what it said.
        Changed = "changed",
        /// Entries are gone.
        Missing = "missing",
        /// An entry stands in another's place.
        Reordered = "reordered",
        /// The head does not go with the last entry.
        HeadMismatch = "head_mismatch",
        /// A head that was noted elsewhere is no longer part of the chain.
        NotedHeadGone = "noted_head_gone",
        /// A row is not what its entry speaks of.
        SubjectChanged = "subject_changed",
        /// A row is gone that an entry speaks of.
        SubjectMissing = "subject_missing",
        /// A row that no entry speaks of.
        Unlogged = "unlogged",
        /// What keeps the tables from being changed is not in force.
        Unguarded = "unguarded",
    }
}

impl FindingKind {
    /// What to do about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Changed | Self::Reordered | Self::SubjectChanged => {
                "compare it with a backup; find out who can write to the database, and shut them out"
            }
            Self::Missing | Self::SubjectMissing => {
                "get it back from a backup taken before; find out who can write to the database, and shut them out"
            }
            Self::HeadMismatch => {
                "compare the last entries and the head with a backup; a head noted earlier, given with --expect, tells \
                 how far the log still holds"
            }
            Self::NotedHeadGone => {
                "take a backup from the time of the noted head: everything logged since the last head that still holds \
                 is in doubt"
            }
            Self::Unlogged => "nobody is on record for it: do not trust it; find out who wrote it to the database",
            Self::Unguarded => "`chimera db migrate` puts it back; find out who took it away",
        }
    }
}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditFinding {
    /// What is wrong.
    pub kind: FindingKind,
    /// The entry's number, if it is about an entry; of several, the first.
    pub seq: Option<i64>,
    /// Of several entries, the last.
    pub last_seq: Option<i64>,
    /// The kind of row that the entry, or the finding, is about.
    pub subject_kind: Option<String>,
    /// That row.
    pub subject_id: Option<Uuid>,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl AuditFinding {
    /// A finding about no entry and no row.
    #[must_use]
    pub fn new(kind: FindingKind, message: impl Into<String>) -> Self {
        Self { kind, seq: None, last_seq: None, subject_kind: None, subject_id: None, message: message.into() }
    }

    /// At this number.
    #[must_use]
    pub fn at(self, seq: i64) -> Self {
        Self { seq: Some(seq), ..self }
    }

    /// About this row.
    #[must_use]
    pub fn about(self, subject: AuditSubject, id: Uuid) -> Self {
        Self { subject_kind: Some(subject.to_string()), subject_id: Some(id), ..self }
    }

    /// About this entry and the row it speaks of.
    #[must_use]
    pub fn of(self, entry: &AuditEntry) -> Self {
        let subject_kind = Some(entry.subject_kind.clone());
        Self { seq: Some(entry.seq), subject_kind, subject_id: Some(entry.subject_id), ..self }
    }
}

impl fmt::Display for AuditFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        match (self.seq, self.last_seq) {
            (Some(first), Some(last)) if last > first => write!(f, " entries {first} to {last}")?,
            (Some(seq), _) => write!(f, " entry {seq}")?,
            (None, _) => {}
        }
        if let (Some(kind), Some(id)) = (&self.subject_kind, self.subject_id) {
            write!(f, " ({kind} {id})")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A head that someone noted down: `SEQ:HASH`, or only the hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedHead {
    /// The number of the entry, if it was noted too.
    pub seq: Option<i64>,
    /// Its hash.
    pub hash: String,
}

/// A text that is not a noted head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not the head of an audit log: {text:?} (want 17:HASH, or only HASH, of 64 hex digits, as `chimera db verify` prints it)"
)]
pub struct NotedHeadParseError {
    text: String,
}

impl From<AuditHead> for NotedHead {
    fn from(head: AuditHead) -> Self {
        Self { seq: Some(head.seq), hash: head.hash }
    }
}

impl FromStr for NotedHead {
    type Err = NotedHeadParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || NotedHeadParseError { text: text.to_owned() };
        let (seq, hash) = match text.trim().split_once(':') {
            Some((seq, hash)) => (Some(seq.parse().ok().filter(|seq| *seq >= 0).ok_or_else(refuse)?), hash),
            None => (None, text.trim()),
        };
        let hash = hash.to_lowercase();
        if is_sha256_hex(&hash) { Ok(Self { seq, hash }) } else { Err(refuse()) }
    }
}

impl fmt::Display for NotedHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "{seq}:{}", self.hash),
            None => f.write_str(&self.hash),
        }
    }
}

/// Goes over a tenant's chain. Give it every entry in the order of their numbers, then ask it to [`Self::finish`].
#[derive(Debug)]
pub struct ChainVerifier {
    head: Option<AuditHead>,
    /// Each with whether it was met.
    noted: Vec<(NotedHead, bool)>,
    entries: u64,
    last: AuditHead,
    /// Whether the last entry was found bad, so that a link to it which does not hold tells nothing new.
    last_is_bad: bool,
    tries_left: u64,
    /// How far off its place the last moved entry was.
    shift: i64,
}

impl ChainVerifier {
    /// A chain that should end at `head`, and have had the heads that were noted.
    #[must_use]
    pub fn new(head: Option<AuditHead>, noted: &[NotedHead]) -> Self {
        let start = AuditHead::start();
        let met = |noted: &NotedHead| noted.hash == start.hash && noted.seq.is_none_or(|seq| seq == start.seq);
        Self {
            head,
            noted: noted.iter().map(|noted| (noted.clone(), met(noted))).collect(),
            entries: 0,
            last: start,
            last_is_bad: false,
            tries_left: PLACES_TRIED_MAX,
            shift: 0,
        }
    }

    /// How many entries there were so far.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Looks at the next entry.
    pub fn check(&mut self, entry: &AuditEntry, findings: &mut Vec<AuditFinding>) {
        let adjacent = self.arrive(entry.seq, findings);
        let content = entry.content();
        let sound = hex(&entry.hash_at(entry.seq, &content)) == entry.hash;
        if entry.seq < 1 || !sound {
            findings.push(self.misfit(entry, &content));
        } else if adjacent && !self.last_is_bad && entry.prev_hash != self.last.hash {
            findings.push(broken_link(entry));
        }
        if sound {
            for (noted, met) in &mut self.noted {
                *met |= noted.hash == entry.hash && noted.seq.is_none_or(|seq| seq == entry.seq);
            }
        }
        if entry.seq > self.last.seq {
            self.last = entry.head();
            self.last_is_bad = !sound;
        }
    }

    /// Takes note of an entry of which something can't even be read.
    pub fn unreadable(&mut self, seq: Option<i64>, why: &str, findings: &mut Vec<AuditFinding>) {
        let finding = AuditFinding::new(FindingKind::Changed, format!("it can't be read: {why}"));
        let Some(seq) = seq else {
            self.entries += 1;
            findings.push(finding);
            return;
        };
        self.arrive(seq, findings);
        findings.push(finding.at(seq));
        if seq > self.last.seq {
            self.last = AuditHead { seq, hash: String::new() };
            self.last_is_bad = true;
        }
    }

    /// Compares the end of the chain with the head, and tells which noted heads were not met.
    pub fn finish(self, findings: &mut Vec<AuditFinding>) {
        findings.extend(self.at_the_end());
        let held = self.noted.iter().filter(|(_, met)| *met).filter_map(|(noted, _)| noted.seq).max();
        for (noted, _) in self.noted.iter().filter(|(_, met)| !met) {
            let since = held.map(|seq| format!("; it held at {seq}")).unwrap_or_default();
            let message = format!("{noted} was noted as a head, but the log has no such entry{since}");
            let finding = AuditFinding::new(FindingKind::NotedHeadGone, message);
            findings.push(AuditFinding { seq: noted.seq, ..finding });
        }
    }

    /// Counts an entry, and names those that are missing before it. Whether it follows right on the last one.
    fn arrive(&mut self, seq: i64, findings: &mut Vec<AuditFinding>) -> bool {
        self.entries += 1;
        let expected = self.last.seq.saturating_add(1);
        if seq > expected {
            // A number out of all bounds says nothing about how many there were.
            let top = self.head.as_ref().map_or(i64::MAX, |head| head.seq.max(expected));
            findings.push(missing(expected, (seq - 1).min(top)));
        }
        seq == expected
    }

    /// An entry whose hash is not that of what it says, here.
    fn misfit(&mut self, entry: &AuditEntry, content: &[u8; 32]) -> AuditFinding {
        match self.place_of(entry, content) {
            Some(place) => {
                let message = format!("it is in the wrong place: it was number {place}");
                AuditFinding::new(FindingKind::Reordered, message).of(entry)
            }
            None => {
                let message = "what it says does not go with its hash";
                AuditFinding::new(FindingKind::Changed, message).of(entry)
            }
        }
    }

    /// The number with which the entry would be sound: looked for near by first, and where the last one was found.
    fn place_of(&mut self, entry: &AuditEntry, content: &[u8; 32]) -> Option<i64> {
        let top = self.head.as_ref().map_or(0, |head| head.seq).max(self.last.seq.saturating_add(1));
        let here = entry.seq.clamp(1, top);
        let around = (0..=top).flat_map(|far| [here - far, here.saturating_add(far)]);
        let candidates = std::iter::once(entry.seq.saturating_add(self.shift)).chain(around);
        for place in candidates.filter(|place| *place != entry.seq && (1..=top).contains(place)) {
            self.tries_left = self.tries_left.checked_sub(1)?;
            if hex_is(&entry.hash, &entry.hash_at(place, content)) {
                self.shift = place.saturating_sub(entry.seq);
                return Some(place);
            }
        }
        None
    }

    fn at_the_end(&self) -> Option<AuditFinding> {
        let mismatch = |message: String| Some(AuditFinding::new(FindingKind::HeadMismatch, message).at(self.last.seq));
        let Some(head) = &self.head else {
            let gone = self.entries > 0;
            return if gone { mismatch("there are entries, but the head is gone".to_owned()) } else { None };
        };
        if self.last.seq < head.seq {
            return Some(missing(self.last.seq.saturating_add(1), head.seq));
        }
        if self.last.seq > head.seq {
            return mismatch(format!("the head says that {} was the last entry", head.seq));
        }
        if head.hash == self.last.hash || self.last_is_bad {
            return None;
        }
        mismatch(format!(
            "its hash is {}, but the head says {}: it was rewritten with its hash, perhaps with others before it, or the \
             head was changed",
            self.last.hash, head.hash
        ))
    }
}

fn missing(first: i64, last: i64) -> AuditFinding {
    let message = if first == last { "it is gone" } else { "they are gone" };
    AuditFinding { last_seq: Some(last), ..AuditFinding::new(FindingKind::Missing, message).at(first) }
}

/// Both are sound, but the later one follows on another.
fn broken_link(entry: &AuditEntry) -> AuditFinding {
    let before = entry.seq - 1;
    if before == 0 {
        let message = "it is not the first entry that was written";
        return AuditFinding::new(FindingKind::Changed, message).of(entry);
    }
    let message = format!(
        "it was rewritten with its hash, perhaps with others before it: entry {} follows on another one",
        entry.seq
    );
    AuditFinding::new(FindingKind::Changed, message).at(before)
}

/// Whether the text is these bytes in hex, without making a text of them: this is asked millions of times.
fn hex_is(text: &str, bytes: &[u8; 32]) -> bool {
    let digit = |c: u8| char::from(c).to_digit(16);
    text.len() == 64
        && text.as_bytes().chunks_exact(2).zip(bytes).all(|(pair, byte)| match pair {
            [high, low] => digit(*high).zip(digit(*low)).is_some_and(|(high, low)| high * 16 + low == u32::from(*byte)),
            _ => false,
        })
}
