//! A campaign's own words, beside whatever mind scores for it: what it denies, what it always takes, what speaks for a text.

use chimera_domain::{CampaignTerms, Score, one_line};

use super::terms::{TermSet, text_words};
use crate::{ItemText, Relevance};

/// The least score of a text with an allowed term.
const ALLOWED: f64 = 0.9;
/// By what one keyword found multiplies the odds that a text is relevant, and for how many of them.
const KEYWORD_ODDS: f64 = 3.0;
const KEYWORDS_MAX: usize = 2;
/// Scores nearer to 0 or 1 than this are taken for this near: certainty has no odds.
const CERTAIN: f64 = 1e-6;
/// Letters of a stranger's word that are quoted.
const QUOTE_CHARS_MAX: usize = 40;

/// A campaign's words, ready to be looked for. Costs microseconds a text.
#[derive(Debug, Clone, Default)]
pub struct OwnWords {
    keywords: TermSet,
    allow: TermSet,
    deny: TermSet,
}

impl OwnWords {
    /// Takes the words of a campaign up.
    #[must_use]
    pub fn new(terms: &CampaignTerms) -> Self {
        let set = |list: &[String]| {
            let mut set = TermSet::default();
            list.iter().for_each(|term| set.insert(term, 0));
            set
        };
        Self { keywords: set(&terms.keywords), allow: set(&terms.allow), deny: set(&terms.deny) }
    }

    /// What is to be said of a text that the campaign denies. No mind needs to be asked about it.
    #[must_use]
    pub fn denied(&self, item: &ItemText) -> Option<Relevance> {
        if self.deny.is_empty() {
            return None;
        }
        let text = text_of(item);
        let hit = self.deny.find(&text_words(&text)).into_iter().next()?;
        let why = format!("contains `{}`, which the campaign denies", quote(&text, hit.span));
        Some(Relevance { score: Score::ZERO, why })
    }

    /// What a mind says of a text, with the campaign's own words. Each keyword found, two at the most, triples the odds,
    /// as one piece of independent evidence does by Bayes' rule; a term that is always taken lifts the score to 0.9.
    #[must_use]
    pub fn weighed(&self, item: &ItemText, said: Relevance) -> Relevance {
        if self.keywords.is_empty() && self.allow.is_empty() {
            return said;
        }
        let text = text_of(item);
        let words = text_words(&text);
        let Relevance { mut score, mut why } = said;
        let keywords = self.keywords.find(&words);
        if let Some(first) = keywords.first() {
            let factor: f64 = keywords.iter().take(KEYWORDS_MAX).map(|_| KEYWORD_ODDS).product();
            let chance = score.get().clamp(CERTAIN, 1.0 - CERTAIN);
            let odds = chance / (1.0 - chance) * factor;
            why = format!("{why}; keyword `{}` lifts {score}", quote(&text, first.span.clone()));
            score = score.max(Score::clamped(odds / (1.0 + odds)));
        }
        if let Some(hit) = self.allow.find(&words).into_iter().next() {
            why = format!("contains `{}`, which the campaign always takes; {why}", quote(&text, hit.span));
            score = score.max(Score::clamped(ALLOWED));
        }
        Relevance { score, why }
    }
}

fn text_of(item: &ItemText) -> String {
    format!("{}. {}", item.title, item.summary)
}

/// A piece of untrusted text, fit for one line.
fn quote(text: &str, span: std::ops::Range<usize>) -> String {
    one_line(text.get(span).unwrap_or_default(), QUOTE_CHARS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(title: &str) -> ItemText {
        ItemText { title: title.to_owned(), summary: String::new() }
    }

    fn said(percent: u8) -> Relevance {
        Relevance { score: Score::clamped(f64::from(percent) / 100.0), why: "so".to_owned() }
    }

    #[test]
    fn own_words_deny_take_and_lift() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let terms = CampaignTerms {
            keywords: list(&["silk", "mend*", "loom"]),
            allow: list(&["mending circle"]),
            deny: list(&["fur"]),
            ..CampaignTerms::default()
        };
        let words = OwnWords::new(&terms);
        assert_eq!(words.denied(&item("Silk and furs")).unwrap().score, Score::ZERO);
        assert!(words.denied(&item("Furniture")).is_none());
        // Odds of 1 become 3, and 9 with two; a third changes nothing.
        let score = |title: &str, percent| words.weighed(&item(title), said(percent)).score.get();
        assert!((score("Silk", 50) - 0.75).abs() < 1e-12);
        assert!((score("Silk, mended", 50) - 0.9).abs() < 1e-12);
        assert!((score("Silk, mended on a loom", 50) - 0.9).abs() < 1e-12);
        assert!(score("Silk", 0) < 0.001 && score("Silk", 100) >= 1.0);
        assert_eq!(words.weighed(&item("Steel"), said(40)), said(40));
        let taken = words.weighed(&item("A mending circle meets"), said(10));
        assert!((taken.score.get() - 0.9).abs() < 1e-12 && taken.why.contains("always takes"), "{taken:?}");
    }
}
