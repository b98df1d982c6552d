//! Scanning a text for every topic at once.

use std::{collections::BTreeMap, ops::Range};

use chimera_domain::Score;

use crate::{
    Atlas, Embedder, Embedding,
    relevance::{Contest, TermSet, curve, mean, pulls, text_words},
};

use super::{
    hit::{Evidence, TopicHit},
    patterns::personal_data,
    rules::{Benign, RuleFile, Together, TopicError, TopicRules},
};

/// The topic that patterns speak for.
const PERSONAL_DATA: &str = "personal_data";
/// How far above the background a text must stand when a topic with prototypes does not say so itself.
const STANDING_DEFAULT: f32 = 3.0;
/// What a topic's prototypes weigh beside one topic of the atlas, and when there is no such topic.
const PROTOTYPES_WEIGHT: f32 = 0.5;
const PROTOTYPES_ALONE_WEIGHT: f32 = 1.0;
/// The score of one word found; each further word halves what is missing to 1.
const ONE_WORD: f64 = 0.8;
/// The score of a pattern of personal data.
const PATTERN: f64 = 0.95;

/// What a found term is to its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Term,
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

#[derive(Debug, Clone)]
struct Meaning {
    contest: Contest,
    standing: f32,
    hint_standing: f32,
    prototypes: Vec<(String, Embedding)>,
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
        let words = text_words(text);
        let found: Vec<(usize, Role, Range<usize>)> = self
            .terms
            .find(&words)
            .into_iter()
            .filter_map(|hit| self.roles.get(hit.tag).map(|(topic, role)| (*topic, *role, hit.span)))
            .collect();
        let embedding = self.embedder.embed(text);
        let pulls = if embedding.is_empty() { Vec::new() } else { pulls(&embedding, self.atlas) };
        let mut hits: Vec<TopicHit> = Vec::new();
        for (at, topic) in self.topics.iter().enumerate() {
            let own: Vec<_> =
                found.iter().filter(|(owner, _, _)| *owner == at).map(|(_, role, span)| (*role, span)).collect();
            let standing = topic
                .meaning
                .as_ref()
                .filter(|_| !pulls.is_empty())
                .map(|meaning| (meaning, meaning.contest.standing(&embedding, &pulls)));
            let words = topic.words(text, &own, standing.is_some_and(|(meaning, z)| z >= meaning.hint_standing));
            let meant = standing.filter(|(meaning, z)| *z >= meaning.standing);
            if !words.is_empty() {
                let score =
                    words_score(words.len()).max(meant.map_or(0.0, |(meaning, z)| curve(z, meaning.standing, 0.5)));
                let evidence = Evidence::Words(words);
                hits.push(TopicHit { topic: topic.id.clone(), score: Score::clamped(score), evidence });
            } else if let Some((meaning, z)) = meant {
                let score = Score::clamped(curve(z, meaning.standing, 0.5));
                let evidence = Evidence::Meaning { resembles: meaning.nearest(&embedding), standing: z };
                hits.push(TopicHit { topic: topic.id.clone(), score, evidence });
            }
        }
        if let Some(name) = personal_data(text) {
            hits.retain(|hit| hit.topic != PERSONAL_DATA);
            let evidence = Evidence::Pattern(name);
            hits.push(TopicHit { topic: PERSONAL_DATA.to_owned(), score: Score::clamped(PATTERN), evidence });
        }
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.score));
        hits
    }

    fn compile(rules: RuleFile) -> Result<Self, TopicError> {
        let (atlas, embedder) = (Atlas::shared()?, Embedder::shared()?);
        let mut scanner = Self { topics: Vec::new(), terms: TermSet::default(), roles: Vec::new(), atlas, embedder };
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
        let TopicRules { id, terms, hints, unless, together, .. } = rules;
        let mut all: Vec<(&String, Role)> = Vec::new();
        all.extend(terms.iter().map(|term| (term, Role::Term)));
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
    /// The words that speak for the topic, as they stand in the text, each once.
    fn words(&self, text: &str, found: &[(Role, &Range<usize>)], leaning: bool) -> Vec<String> {
        let excused = |span: &Range<usize>| {
            found
                .iter()
                .any(|(role, outer)| *role == Role::Unless && outer.start <= span.start && span.end <= outer.end)
        };
        let mut words: Vec<String> = Vec::new();
        let counted = found
            .iter()
            .filter(|(role, span)| (*role == Role::Term || (leaning && *role == Role::Hint)) && !excused(span))
            .map(|(_, span)| (*span).clone());
        for span in counted.chain(self.near_each_other(text, found)) {
            let word = text.get(span).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            if !word.is_empty() && !words.iter().any(|known| known.eq_ignore_ascii_case(&word)) {
                words.push(word);
            }
        }
        words
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

impl Meaning {
    fn new(
        rules: &TopicRules,
        benign: &Benign,
        atlas: &Atlas,
        embedder: &Embedder,
    ) -> Result<Option<Self>, TopicError> {
        for name in rules.atlas.iter().chain(&benign.atlas) {
            if !atlas.topics().any(|(id, _)| id == name) {
                return Err(TopicError::UnknownAtlasTopic { id: rules.id.clone(), atlas: name.clone() });
            }
        }
        let prototypes: Vec<(String, Embedding)> = rules
            .prototypes
            .iter()
            .map(|line| (line.clone(), embedder.embed(line)))
            .filter(|(_, embedding)| !embedding.is_empty())
            .collect();
        if prototypes.is_empty() {
            return Ok(None);
        }
        let wanted: Vec<f32> =
            atlas.topics().map(|(id, _)| if rules.atlas.iter().any(|name| name == id) { 1.0 } else { 0.0 }).collect();
        let against = atlas
            .topics()
            .zip(&wanted)
            .map(|((id, _), wanted)| {
                let weight = if benign.atlas.iter().any(|name| name == id) { benign.weight } else { 1.0 };
                weight * (1.0 - wanted)
            })
            .collect();
        let lines: Vec<Embedding> = prototypes.iter().map(|(_, embedding)| embedding.clone()).collect();
        let centroid = Embedding::from_sum(mean(&lines)).values().map(|value| value * atlas.mean_length());
        let weight = if rules.atlas.is_empty() { PROTOTYPES_ALONE_WEIGHT } else { PROTOTYPES_WEIGHT };
        let standing = rules.standing.unwrap_or(STANDING_DEFAULT);
        Ok(Some(Self {
            contest: Contest::new(wanted, against, vec![centroid], weight, 0.5, atlas),
            standing,
            hint_standing: rules.hint_standing.unwrap_or(standing),
            prototypes,
        }))
    }

    fn nearest(&self, text: &Embedding) -> String {
        let nearest = self.prototypes.iter().max_by(|a, b| text.cosine(&a.1).total_cmp(&text.cosine(&b.1)));
        nearest.map(|(line, _)| line.clone()).unwrap_or_default()
    }
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
