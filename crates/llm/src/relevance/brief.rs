//! Reading a goal: from a sentence to the subjects it names and those it rules out.

/// Words of a briefing that name no subject. Sorted, as they are searched by bisection.
const BRIEFING_WORDS: &[&str] = &[
    "a",
    "about",
    "account",
    "across",
    "all",
    "also",
    "am",
    "an",
    "and",
    "any",
    "are",
    "around",
    "article",
    "articles",
    "as",
    "at",
    "audience",
    "audiences",
    "awareness",
    "be",
    "because",
    "become",
    "been",
    "before",
    "best",
    "big",
    "brand",
    "brands",
    "bring",
    "build",
    "but",
    "by",
    "campaign",
    "can",
    "channel",
    "chat",
    "company",
    "content",
    "could",
    "cover",
    "covering",
    "covers",
    "create",
    "creating",
    "daily",
    "date",
    "day",
    "did",
    "discover",
    "does",
    "engage",
    "engaging",
    "especially",
    "etc",
    "ever",
    "every",
    "everyone",
    "everything",
    "exciting",
    "explore",
    "fan",
    "fans",
    "feature",
    "featuring",
    "feed",
    "find",
    "finding",
    "finds",
    "focus",
    "follow",
    "followers",
    "following",
    "for",
    "fresh",
    "from",
    "get",
    "give",
    "goal",
    "goals",
    "good",
    "great",
    "grow",
    "had",
    "has",
    "have",
    "headline",
    "headlines",
    "help",
    "helping",
    "helps",
    "her",
    "highlight",
    "highlights",
    "him",
    "his",
    "hot",
    "how",
    "i",
    "idea",
    "ideas",
    "in",
    "include",
    "includes",
    "including",
    "influencer",
    "inform",
    "informed",
    "insight",
    "insights",
    "inspiration",
    "inspire",
    "inspiring",
    "interested",
    "interesting",
    "into",
    "is",
    "it",
    "its",
    "keep",
    "keeping",
    "kind",
    "know",
    "latest",
    "launch",
    "launching",
    "like",
    "look",
    "looking",
    "love",
    "lover",
    "lovers",
    "make",
    "making",
    "many",
    "may",
    "me",
    "might",
    "more",
    "most",
    "much",
    "must",
    "my",
    "need",
    "new",
    "news",
    "not",
    "of",
    "on",
    "or",
    "other",
    "our",
    "out",
    "page",
    "people",
    "piece",
    "pieces",
    "popular",
    "post",
    "posting",
    "posts",
    "promote",
    "promoting",
    "publish",
    "reader",
    "readers",
    "related",
    "relevant",
    "report",
    "reports",
    "say",
    "share",
    "sharing",
    "she",
    "should",
    "show",
    "some",
    "stories",
    "story",
    "subject",
    "subjects",
    "such",
    "support",
    "talk",
    "talking",
    "tell",
    "telling",
    "than",
    "that",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "thing",
    "things",
    "this",
    "those",
    "tip",
    "tips",
    "to",
    "today",
    "too",
    "top",
    "topic",
    "topics",
    "trend",
    "trending",
    "trends",
    "up",
    "update",
    "updates",
    "us",
    "very",
    "viral",
    "want",
    "was",
    "we",
    "week",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "whose",
    "why",
    "will",
    "with",
    "world's",
    "would",
    "write",
    "writing",
    "you",
    "young",
    "your",
];
/// After one of these, what follows is ruled out until the sentence ends.
const NEGATIONS: &[&str] =
    &["avoid", "avoiding", "except", "exclude", "excluding", "never", "no", "not", "nothing", "without"];
/// These end what a negation rules out.
const TURNS: &[&str] = &["but", "instead", "just", "only"];
/// Words at which one subject ends and another begins.
const JOINTS: &[&str] = &["about", "and", "for", "on", "or", "plus", "versus", "vs", "with"];

/// The subjects that a goal names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Aspects {
    pub(super) wanted: Vec<String>,
    pub(super) unwanted: Vec<String>,
}

/// Splits a goal into its subjects: at punctuation and joining words, without briefing words, minding negations.
pub(super) fn aspects(goal: &str) -> Aspects {
    let mut found = Aspects::default();
    let mut subject = String::new();
    let mut negated = false;
    let lower = goal.to_lowercase();
    for piece in lower.split_inclusive(|c: char| c.is_whitespace() || is_stop(c)) {
        let word = piece.trim_matches(|c: char| !c.is_alphanumeric());
        let ends = piece.ends_with(is_stop);
        if NEGATIONS.contains(&word) || word.ends_with("n't") {
            flush(&mut subject, negated, &mut found);
            negated = true;
        } else if TURNS.contains(&word) {
            flush(&mut subject, negated, &mut found);
            negated = false;
        } else if JOINTS.contains(&word) {
            flush(&mut subject, negated, &mut found);
        } else if !word.is_empty() && BRIEFING_WORDS.binary_search(&word).is_err() {
            if !subject.is_empty() {
                subject.push(' ');
            }
            subject.push_str(word);
        }
        if ends {
            flush(&mut subject, negated, &mut found);
            if piece.ends_with(['.', ';', '!', '?', '\n']) {
                negated = false;
            }
        }
    }
    flush(&mut subject, negated, &mut found);
    found
}

/// Whether a word could be a subject: neither a briefing word nor too short to tell.
pub(super) fn names_something(word: &str) -> bool {
    let lower = word.to_lowercase();
    lower.chars().count() > 2 && BRIEFING_WORDS.binary_search(&lower.as_str()).is_err()
}

fn is_stop(c: char) -> bool {
    matches!(c, ',' | ';' | ':' | '.' | '!' | '?' | '/' | '(' | ')' | '|' | '\n')
}

fn flush(subject: &mut String, negated: bool, found: &mut Aspects) {
    if !subject.is_empty() {
        let side = if negated { &mut found.unwanted } else { &mut found.wanted };
        side.push(std::mem::take(subject));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_list_is_sorted() {
        assert!(BRIEFING_WORDS.is_sorted());
    }

    #[test]
    fn a_sentence_becomes_subjects() {
        let found = aspects("Find fresh fashion and beauty stories: street style, makeup and sustainable clothing");
        assert_eq!(found.wanted, ["fashion", "beauty", "street style", "makeup", "sustainable clothing"]);
        assert!(found.unwanted.is_empty());
    }

    #[test]
    fn negations_rule_out_until_the_sentence_ends() {
        let found = aspects("Slow food, but no diets or politics, crime. Also wine; don't cover beer, only cider");
        assert_eq!(found.wanted, ["slow food", "wine", "cider"]);
        assert_eq!(found.unwanted, ["diets", "politics", "crime", "beer"]);
    }

    #[test]
    fn nothing_said_gives_nothing() {
        for text in ["", "  ", "Write about the latest news and stories for our fans!", "?!,;"] {
            assert_eq!(aspects(text), Aspects::default(), "{text}");
        }
    }
}
