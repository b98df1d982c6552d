//! Scanning a text for every topic at once.

use std::{collections::BTreeMap, ops::Range};

use chimera_domain::Score;

use crate::{
    Atlas, Embedder, Embedding, TEXT_BYTES_MAX,
    relevance::{TermSet, curve, pulls, text_words},
};

use super::{
    classifier::{Chance, Classifier, Traces, features},
    hit::{Evidence, TopicHit},
    meaning::Meaning,
    patterns::personal_data,
    rules::{Benign, RuleFile, Together, TopicError, TopicRules},
};

/// The topic that patterns speak for.
const PERSONAL_DATA: &str = "personal_data";
/// The score of one word found; each further word halves what is missing to 1.
const ONE_WORD: f64 = 0.8;
/// The score of a pattern of personal data.
const PATTERN: f64 = 0.95;

/// What a found term is to its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Term,
    Likely,
    Hint,
    Unless,
    /// A word of a list of a `together` rule: which rule, which list.
    Part {
        rule: usize,
        list: usize,
    },
}

#[derive(Debug, Clone)]
struct Topic {
    id: String,
    together: Vec<Together>,
    meaning: Option<Meaning>,
}

/// The words found of one topic, as they stand in the text, each once.
#[derive(Debug, Clone, Default)]
struct Found {
    /// Enough by themselves.
    plain: Vec<String>,
    likely: Vec<String>,
    hints: Vec<String>,
    standing: f32,
}

/// A text as the detectors see it.
struct Reading {
    /// Of each topic, in the scanner's order.
    found: Vec<Found>,
    /// Of each topic that the classifier knows; `None` when the text holds no known word to embed.
    features: Option<Vec<f32>>,
    embedding: Embedding,
}

/// Finds sensitive topics in texts. Make one and keep it; scanning has no state.
#[derive(Debug, Clone)]
pub struct TopicScanner {
    topics: Vec<Topic>,
    terms: TermSet,
    /// What each term is: its topic and its role.
    roles: Vec<(usize, Role)>,
    atlas: &'static Atlas,
    embedder: &'static Embedder,
    classifier: &'static Classifier,
}

impl TopicScanner {
    /// The built-in topics.
    ///
    /// # Errors
    /// [`TopicError`] when the binary was built with broken rules, which a test rules out.
    pub fn built_in() -> Result<Self, TopicError> {
        Self::compile(RuleFile::built_in()?)
    }

    /// The built-in topics and an operator's own: a name, and the words and phrases that belong to it. The name of a
    /// built-in topic adds to it. `*` at a word's end stands for any ending.
    ///
    /// # Errors
    /// [`TopicError`] with the topic at fault.
    pub fn with_topics(own: &BTreeMap<String, Vec<String>>) -> Result<Self, TopicError> {
        let mut rules = RuleFile::built_in()?;
        rules.add_terms(own);
        Self::compile(rules)
    }

    /// The built-in topics extended by a file of the form of `assets/topics.yaml`.
    ///
    /// # Errors
    /// [`TopicError`] with the topic at fault.
    pub fn with_yaml(yaml: &str) -> Result<Self, TopicError> {
        let mut rules = RuleFile::built_in()?;
        rules.extend(RuleFile::read(yaml)?);
        Self::compile(rules)
    }

    /// Ids of all topics.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().map(|topic| topic.id.as_str())
    }

    /// Every topic that the text touches, the surest first; empty for a benign one. A text without words has none.
    #[must_use]
    pub fn scan(&self, text: &str) -> Vec<TopicHit> {
        let Reading { found, features, embedding } = self.read(text);
        let chances = features.map(|features| self.classifier.chances(&features)).unwrap_or_default();
        let meant = !embedding.is_empty();
        // Of what lies beyond the part that is embedded, the classifier can't say that it is harmless.
        let judged = meant && text.len() <= TEXT_BYTES_MAX;
        let mut hits: Vec<TopicHit> = Vec::new();
        for (topic, found) in self.topics.iter().zip(found) {
            let chance = self.classifier.ids().zip(&chances).find(|(id, _)| *id == topic.id).map(|(_, chance)| *chance);
            let hit = match (&topic.meaning, chance) {
                (Some(meaning), Some(chance)) => found.weighed(meaning, chance, judged, &embedding),
                (Some(meaning), None) if meant => found.by_standing(meaning, &embedding),
                _ => found.by_words(0.0),
            };
            hits.extend(hit.map(|(score, evidence)| TopicHit {
                topic: topic.id.clone(),
                score: Score::clamped(score),
                evidence,
            }));
        }
        if let Some(name) = personal_data(text) {
            hits.retain(|hit| hit.topic != PERSONAL_DATA);
            let evidence = Evidence::Pattern(name);
            hits.push(TopicHit { topic: PERSONAL_DATA.to_owned(), score: Score::clamped(PATTERN), evidence });
        }
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.score));
        hits
    }

    /// The numbers by which the classifier tells a text's topics, for `scripts/train-topics.py`; `None` when the text holds
    /// no known word.
    #[must_use]
    pub fn features(&self, text: &str) -> Option<Vec<f32>> {
        self.read(text).features
    }

    /// Ids of the topics that have plain words in a text, whatever the classifier says.
    #[must_use]
    pub fn plain(&self, text: &str) -> Vec<&str> {
        let found = self.read(text).found;
        let plain = self.topics.iter().zip(found).filter(|(_, found)| !found.plain.is_empty());
        plain.map(|(topic, _)| topic.id.as_str()).collect()
    }

    fn read(&self, text: &str) -> Reading {
        let words = text_words(text);
        let terms: Vec<(usize, Role, Range<usize>)> = self
            .terms
            .find(&words)
            .into_iter()
            .filter_map(|hit| self.roles.get(hit.tag).map(|(topic, role)| (*topic, *role, hit.span)))
            .collect();
        let embedding = self.embedder.embed(text);
        let pulls = if embedding.is_empty() { Vec::new() } else { pulls(&embedding, self.atlas) };
        let found: Vec<Found> = self
            .topics
            .iter()
            .enumerate()
            .map(|(at, topic)| {
                let own: Vec<_> =
                    terms.iter().filter(|(owner, _, _)| *owner == at).map(|(_, role, span)| (*role, span)).collect();
                let standing = topic.meaning.as_ref().filter(|_| !pulls.is_empty());
                let standing = standing.map_or(f32::MIN, |meaning| meaning.contest.standing(&embedding, &pulls));
                topic.found(text, &own, standing)
            })
            .collect();
        let features = (!embedding.is_empty()).then(|| {
            let of = |id: &str| self.topics.iter().zip(&found).find(|(topic, _)| topic.id == id);
            let traces: Vec<Traces> = self
                .classifier
                .ids()
                .map(|id| of(id).map_or_else(Traces::default, |(_, found)| found.traces()))
                .collect();
            features(&embedding, &traces)
        });
        Reading { found, features, embedding }
    }

    fn compile(rules: RuleFile) -> Result<Self, TopicError> {
        let (atlas, embedder) = (Atlas::shared()?, Embedder::shared()?);
        let classifier = Classifier::shared().map_err(|reason| TopicError::Weights { reason })?;
        let (topics, terms, roles) = (Vec::new(), TermSet::default(), Vec::new());
        let mut scanner = Self { topics, terms, roles, atlas, embedder, classifier };
        for topic in rules.topics {
            if topic.terms.is_empty() && topic.prototypes.is_empty() && topic.together.is_empty() {
                return Err(TopicError::NothingToFind { id: topic.id });
            }
            scanner.add(topic, &rules.benign)?;
        }
        Ok(scanner)
    }

    fn add(&mut self, rules: TopicRules, benign: &Benign) -> Result<(), TopicError> {
        let meaning = Meaning::new(&rules, benign, self.atlas, self.embedder)?;
        let TopicRules { id, terms, likely, hints, unless, together, .. } = rules;
        let mut all: Vec<(&String, Role)> = Vec::new();
        all.extend(terms.iter().map(|term| (term, Role::Term)));
        all.extend(likely.iter().map(|term| (term, Role::Likely)));
        all.extend(hints.iter().map(|term| (term, Role::Hint)));
        all.extend(unless.iter().map(|term| (term, Role::Unless)));
        for (rule, part) in together.iter().enumerate() {
            for (list, words) in part.all.iter().enumerate() {
                all.extend(words.iter().map(|word| (word, Role::Part { rule, list })));
            }
        }
        for (term, role) in all {
            if !term.chars().any(char::is_alphanumeric) {
                return Err(TopicError::EmptyTerm { id, term: term.clone() });
            }
            self.terms.insert(term, self.roles.len());
            self.roles.push((self.topics.len(), role));
        }
        self.topics.push(Topic { id, together, meaning });
        Ok(())
    }
}

impl Topic {
    fn found(&self, text: &str, terms: &[(Role, &Range<usize>)], standing: f32) -> Found {
        let excused = |span: &Range<usize>| {
            terms
                .iter()
                .any(|(role, outer)| *role == Role::Unless && outer.start <= span.start && span.end <= outer.end)
        };
        let of = |wanted: Role| {
            terms.iter().filter(move |(role, span)| *role == wanted && !excused(span)).map(|(_, span)| (*span).clone())
        };
        Found {
            plain: words(text, of(Role::Term).chain(self.near_each_other(text, terms))),
            likely: words(text, of(Role::Likely)),
            hints: words(text, of(Role::Hint)),
            standing,
        }
    }

    /// The stretches of text in which all lists of a `together` rule meet.
    fn near_each_other(&self, text: &str, found: &[(Role, &Range<usize>)]) -> Vec<Range<usize>> {
        let mut stretches = Vec::new();
        for (at, rule) in self.together.iter().enumerate() {
            let of_list = |wanted: usize| {
                found.iter().filter_map(move |(role, span)| match role {
                    Role::Part { rule, list } if *rule == at && *list == wanted => Some((*span).clone()),
                    _ => None,
                })
            };
            for first in of_list(0) {
                let near: Option<Vec<Range<usize>>> = (1..rule.all.len())
                    .map(|list| {
                        of_list(list).find(|other| *other != first && words_between(text, &first, other) <= rule.within)
                    })
                    .collect();
                if let Some(others) = near {
                    let start = others.iter().map(|span| span.start).fold(first.start, usize::min);
                    let end = others.iter().map(|span| span.end).fold(first.end, usize::max);
                    stretches.push(start..end);
                }
            }
        }
        stretches
    }
}

impl Found {
    fn traces(&self) -> Traces {
        let words = self.plain.len() + self.likely.len();
        Traces { words, hints: self.hints.len(), standing: self.standing }
    }

    /// A topic that the classifier knows: plain words always count, all else by how likely the topic is.
    fn weighed(self, meaning: &Meaning, chance: Chance, judged: bool, text: &Embedding) -> Option<(f64, Evidence)> {
        let worded = !(self.likely.is_empty() && self.hints.is_empty());
        let leans = chance.counts() && (worded || self.standing >= meaning.hint_standing);
        let sure = if leans { chance.score() } else { 0.0 };
        if !self.plain.is_empty() || (!judged && !self.likely.is_empty()) {
            let mut words = self.plain;
            words.extend(self.likely);
            words.extend(if leans { self.hints } else { Vec::new() });
            return Some((words_score(words.len()).max(sure), Evidence::Words(words)));
        }
        if leans {
            let words: Vec<String> = self.likely.into_iter().chain(self.hints).collect();
            let resembles = meaning.nearest(text);
            return Some((sure, Evidence::Likely { words, resembles, chance: chance.chance }));
        }
        self.standing_alone(meaning, text)
    }

    /// Any other topic that has a meaning: words, hints where the text leans that way, or meaning alone.
    fn by_standing(mut self, meaning: &Meaning, text: &Embedding) -> Option<(f64, Evidence)> {
        let z = self.standing;
        let sure = if z >= meaning.standing { curve(z, meaning.standing, 0.5) } else { 0.0 };
        if z >= meaning.hint_standing {
            self.plain.append(&mut self.likely);
            self.plain.append(&mut self.hints);
        }
        if self.plain.is_empty() { self.standing_alone(meaning, text) } else { self.by_words(sure) }
    }

    /// By meaning alone, far enough above the benign background.
    fn standing_alone(self, meaning: &Meaning, text: &Embedding) -> Option<(f64, Evidence)> {
        (self.standing >= meaning.standing).then(|| {
            let evidence = Evidence::Meaning { resembles: meaning.nearest(text), standing: self.standing };
            (curve(self.standing, meaning.standing, 0.5), evidence)
        })
    }

    /// By plain words; `at_least` is the least score.
    fn by_words(self, at_least: f64) -> Option<(f64, Evidence)> {
        (!self.plain.is_empty()).then(|| (words_score(self.plain.len()).max(at_least), Evidence::Words(self.plain)))
    }
}

/// What stands in these places of a text, each once whatever its case.
fn words(text: &str, spans: impl Iterator<Item = Range<usize>>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for span in spans {
        let word = text.get(span).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        if !word.is_empty() && !words.iter().any(|known| known.eq_ignore_ascii_case(&word)) {
            words.push(word);
        }
    }
    words
}

fn words_score(words: usize) -> f64 {
    let further = i32::try_from(words.saturating_sub(1)).unwrap_or(i32::MAX);
    1.0 - (1.0 - ONE_WORD) * 0.5_f64.powi(further)
}

fn words_between(text: &str, a: &Range<usize>, b: &Range<usize>) -> usize {
    let (first, second) = if a.start <= b.start { (a, b) } else { (b, a) };
    text.get(first.end..second.start).map_or(0, |gap| gap.split_whitespace().count())
}

#[cfg(test)]
mod tests;
