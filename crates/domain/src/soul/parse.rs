//! Reading SOUL.md, with errors that name the line and the key.

use serde::Deserialize;
use serde_saphyr::{Options, Spanned};

use super::Soul;
use crate::says_ai;

const FENCE: &str = "---";
const BYTES_MAX: usize = 256 * 1024;
const SLUG_CHARS: std::ops::RangeInclusive<usize> = 3..=100;
const NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=80;
const KEYS: &str =
    "name, slug (or id), voice_traits, core_beliefs, directives, banned_topics, character_reference_id, disclosure";

/// What is wrong with a SOUL.md, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {problem}", .key.as_ref().map(|k| format!(", key `{k}`")).unwrap_or_default())]
pub struct SoulError {
    /// The line in the file, from 1.
    pub line: usize,
    /// The key in the front matter, if the trouble is with one.
    pub key: Option<String>,
    /// What is wrong.
    pub problem: SoulProblem,
}

/// What can be wrong with a SOUL.md.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SoulProblem {
    /// Larger than any persona needs to be.
    #[error("the file is larger than {BYTES_MAX} bytes; move background material out of SOUL.md")]
    TooLarge,
    /// No front matter.
    #[error("the file must begin with a front matter: a line `---`, YAML, and a line `---`")]
    NoFrontMatter,
    /// The front matter doesn't end.
    #[error("the front matter opened here is never closed; add a line `---` after the last key")]
    Unclosed,
    /// The YAML can't be read.
    #[error("{0}")]
    Yaml(String),
    /// A key is absent.
    #[error("this key is missing; the front matter needs: {KEYS}")]
    Missing,
    /// A value is empty.
    #[error("this may not be empty")]
    Empty,
    /// A value is too short or too long.
    #[error("want {min} to {max} characters, found {found}")]
    Length {
        /// The least.
        min: usize,
        /// The most.
        max: usize,
        /// What was there.
        found: usize,
    },
    /// A disclosure that does not disclose.
    #[error("this must say that an AI is speaking, such as \"I'm Fae, an AI.\"")]
    HidesAi,
    /// A slug with other characters.
    #[error("a slug is made of a-z, 0-9 and `-`, found {0:?}")]
    SlugCharacter(char),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    name: Option<Spanned<String>>,
    #[serde(alias = "id")]
    slug: Option<Spanned<String>>,
    voice_traits: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    core_beliefs: Vec<String>,
    #[serde(default)]
    directives: Vec<String>,
    #[serde(default)]
    banned_topics: Vec<String>,
    character_reference_id: Option<Spanned<String>>,
    disclosure: Option<Spanned<String>>,
}

/// A value with the line it stands on in the file.
struct At<T> {
    line: usize,
    key: &'static str,
    value: T,
}

impl<T> At<T> {
    fn refuse(&self, problem: SoulProblem) -> SoulError {
        SoulError { line: self.line, key: Some(self.key.to_owned()), problem }
    }
}

pub(super) fn parse(text: &str) -> Result<Soul, SoulError> {
    let at_line = |line, problem| SoulError { line, key: None, problem };
    if text.len() > BYTES_MAX {
        return Err(at_line(1, SoulProblem::TooLarge));
    }
    let (front, body) = split(text).map_err(|problem| at_line(1, problem))?;
    let mut options = Options::default();
    options.with_snippet = false;
    let matter: FrontMatter =
        serde_saphyr::from_str_with_options(front, options).map_err(|error| yaml_error(front, &error))?;

    let name = required("name", matter.name)?;
    within(&name, NAME_CHARS)?;
    let slug = required("slug", matter.slug)?;
    within(&slug, SLUG_CHARS)?;
    if let Some(c) = slug.value.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
        return Err(slug.refuse(SoulProblem::SlugCharacter(c)));
    }
    let voice = required("voice_traits", matter.voice_traits)?;
    if voice.value.iter().all(|t| t.trim().is_empty()) {
        return Err(voice.refuse(SoulProblem::Empty));
    }
    let character = required("character_reference_id", matter.character_reference_id)?;
    not_blank(&character)?;
    let disclosure = required("disclosure", matter.disclosure)?;
    not_blank(&disclosure)?;
    if !says_ai(&disclosure.value) {
        return Err(disclosure.refuse(SoulProblem::HidesAi));
    }
    Ok(Soul {
        name: name.value,
        slug: slug.value,
        voice_traits: voice.value,
        core_beliefs: matter.core_beliefs,
        directives: matter.directives,
        banned_topics: matter.banned_topics,
        character_reference_id: character.value,
        disclosure: disclosure.value,
        backstory: body.trim().to_owned(),
    })
}

/// The YAML between the fences, and what follows.
fn split(text: &str) -> Result<(&str, &str), SoulProblem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let is_fence = |line: &str| line.trim_end() == FENCE;
    let mut lines = text.split_inclusive('\n');
    let opening = lines.next().filter(|line| is_fence(line)).ok_or(SoulProblem::NoFrontMatter)?;
    let mut end = opening.len();
    for line in lines {
        if is_fence(line) {
            let front = text.get(opening.len()..end).unwrap_or_default();
            return Ok((front, text.get(end + line.len()..).unwrap_or_default()));
        }
        end += line.len();
    }
    Err(SoulProblem::Unclosed)
}

/// Lines in the file are one more than in the front matter: the opening fence stands above it.
fn file_line(location: Option<serde_saphyr::Location>) -> usize {
    location.and_then(|l| usize::try_from(l.line()).ok()).unwrap_or(0) + 1
}

fn yaml_error(front: &str, error: &serde_saphyr::Error) -> SoulError {
    let line = file_line(error.location());
    let key = line
        .checked_sub(2)
        .and_then(|n| front.lines().take(n + 1).filter(|l| !l.starts_with([' ', '-', '#'])).last())
        .and_then(|l| l.split_once(':'))
        .map(|(key, _)| key.trim().to_owned());
    let said = error.without_snippet().to_string();
    let message = said.lines().next().unwrap_or("not readable as YAML").to_owned();
    SoulError { line, key, problem: SoulProblem::Yaml(message) }
}

fn required<T>(key: &'static str, value: Option<Spanned<T>>) -> Result<At<T>, SoulError> {
    let Some(spanned) = value else {
        return Err(SoulError { line: 1, key: Some(key.to_owned()), problem: SoulProblem::Missing });
    };
    Ok(At { line: file_line(Some(spanned.defined)), key, value: spanned.value })
}

fn not_blank(text: &At<String>) -> Result<(), SoulError> {
    if text.value.trim().is_empty() { Err(text.refuse(SoulProblem::Empty)) } else { Ok(()) }
}

fn within(text: &At<String>, range: std::ops::RangeInclusive<usize>) -> Result<(), SoulError> {
    let found = text.value.trim().chars().count();
    if range.contains(&found) {
        return Ok(());
    }
    Err(text.refuse(SoulProblem::Length { min: *range.start(), max: *range.end(), found }))
}
