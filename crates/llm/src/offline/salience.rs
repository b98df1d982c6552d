//! What a text is about: its telling noun phrases, for topics, kickers and hashtags.

use std::collections::BTreeSet;

use super::{nearness::Nearness, phrases::Words, rules::Rules};
use crate::text::{capitalised, words};

const PHRASE_WORDS_MAX: usize = 3;
/// How near to the goal a phrase of the news must be to make a tag.
const TAG_NEARNESS_MIN: f64 = 0.3;
/// How near to the headline a phrase of the goal must be to make a tag.
const GOAL_TAG_NEARNESS_MIN: f64 = 0.35;
const TAG_CHARS: std::ops::RangeInclusive<usize> = 3..=28;

/// A run of content words in a text, with how telling it is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Phrase {
    /// The words, as they stand in the text.
    pub(super) words: Vec<String>,
    weight: f64,
    nearness: f64,
}

impl Phrase {
    pub(super) fn text(&self) -> String {
        self.words.join(" ")
    }

    /// The phrase in camel case.
    fn tag(&self) -> String {
        self.words
            .iter()
            .flat_map(|word| word.split(|c: char| !c.is_alphanumeric()))
            .map(|part| if part.chars().any(char::is_uppercase) { part.to_owned() } else { capitalised(part) })
            .collect()
    }

    /// Whether it can stand in a sentence without an article: a plural, a material, an activity.
    pub(super) fn needs_no_article(&self) -> bool {
        const UNCOUNTED: [&str; 34] = [
            "fashion",
            "denim",
            "linen",
            "wool",
            "cotton",
            "silk",
            "leather",
            "polyester",
            "hemp",
            "style",
            "food",
            "art",
            "music",
            "tech",
            "technology",
            "software",
            "ai",
            "design",
            "waste",
            "repair",
            "resale",
            "vintage",
            "beauty",
            "skincare",
            "coffee",
            "wine",
            "bread",
            "sleep",
            "yoga",
            "football",
            "tennis",
            "travel",
            "couture",
            "craft",
        ];
        let Some(last) = self.words.last().map(|word| word.to_lowercase()) else { return false };
        UNCOUNTED.contains(&last.as_str())
            || (last.ends_with('s') && !last.ends_with("ss") && !last.ends_with("us"))
            || ["ing", "wear", "ware", "ness"]
                .iter()
                .any(|ending| last.ends_with(ending) && last.len() > ending.len() + 2)
    }
}

/// The telling phrases of a headline, the best first. Close to the goal and two words long is best.
pub(super) fn telling(headline: &str, goal: &str, lists: &Words, near: &Nearness) -> Vec<Phrase> {
    let goal_words: BTreeSet<String> = words(goal).collect();
    let mut found: Vec<Phrase> = Vec::new();
    for run in runs(headline, lists) {
        for (start, size) in (0..run.len()).flat_map(|start| (1..=PHRASE_WORDS_MAX).map(move |size| (start, size))) {
            let Some(part) = run.get(start..start + size) else { continue };
            let text = part.join(" ");
            // A phrase cut out of the middle of a run may lose its noun; whole runs and run ends keep it.
            let keeps_end = start + size == run.len();
            let length_bonus = match size {
                2 => 0.3,
                3 => 0.12,
                _ => 0.0,
            };
            let known = part.iter().filter(|word| goal_words.contains(&word.to_lowercase())).count();
            // Words that stray from the goal must not ride on a neighbour's back.
            let each: Vec<f64> = part.iter().map(|word| near.of(word, goal)).collect();
            let whole = near.of(&text, goal);
            let mean = each.iter().sum::<f64>() / f64::from(u8::try_from(size).unwrap_or(1));
            let nearness = each.iter().copied().fold(whole, f64::max);
            let weight = 0.6 * whole
                + 0.4 * mean
                + length_bonus
                + if keeps_end { 0.1 } else { 0.0 }
                + if known > 0 { 0.08 } else { 0.0 };
            if text.chars().count() >= 3 {
                found.push(Phrase { words: part.to_vec(), weight, nearness });
            }
        }
    }
    found.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.words.cmp(&b.words)));
    found
}

/// Runs of neighbouring content words.
fn runs(text: &str, lists: &Words) -> Vec<Vec<String>> {
    let mut runs = vec![Vec::new()];
    for token in text.split_whitespace() {
        let breaks_before = token.starts_with(|c: char| !c.is_alphanumeric());
        let breaks_after = token.ends_with(|c: char| !c.is_alphanumeric());
        let bare = token.trim_matches(|c: char| !c.is_alphanumeric());
        let bare = bare.strip_suffix("'s").or_else(|| bare.strip_suffix("’s")).unwrap_or(bare);
        let lower = bare.replace('’', "'").to_lowercase();
        let empty = lower.is_empty()
            || lower.chars().any(|c| c.is_numeric())
            || lists.stop.contains(&lower)
            || lists.verbs.contains(&lower)
            || (lower.ends_with("ly") && lower.len() > 4);
        if (breaks_before || empty) && runs.last().is_some_and(|run| !run.is_empty()) {
            runs.push(Vec::new());
        }
        if empty {
            continue;
        }
        if let Some(run) = runs.last_mut() {
            run.push(bare.to_owned());
        }
        if breaks_after || token.ends_with("'s") || token.ends_with("’s") {
            runs.push(Vec::new());
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// Whether most content words of a headline are capitalised, as American papers set them.
pub(super) fn is_title_case(headline: &str) -> bool {
    let long: Vec<&str> = headline.split_whitespace().filter(|word| word.chars().count() > 3).collect();
    let upper = long.iter().filter(|word| word.starts_with(char::is_uppercase)).count();
    long.len() >= 3 && upper * 10 >= long.len() * 7
}

/// A phrase as it stands within a sentence: the sentence's first word loses its capital unless it is a name.
pub(super) fn within_sentence(phrase: &Phrase, headline: &str, context: &str) -> String {
    let context_words: BTreeSet<&str> =
        context.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric())).collect();
    let title = is_title_case(headline);
    let first = headline.split_whitespace().next().unwrap_or_default();
    let lowered: Vec<String> = phrase
        .words
        .iter()
        .map(|word| {
            let lower = word.to_lowercase();
            let acronym = word.chars().skip(1).any(char::is_uppercase);
            let begins = first.trim_matches(|c: char| !c.is_alphanumeric()) == word.as_str();
            if !acronym && (context_words.contains(lower.as_str()) || (begins && !title)) {
                lower
            } else {
                word.clone()
            }
        })
        .collect();
    lowered.join(" ")
}

/// Hashtags without `#`, the most telling first: phrases of headline and goal in camel case.
pub(super) fn hashtags(
    headline: &str,
    details: &str,
    goal: &str,
    count_max: usize,
    rules: &Rules,
    lists: &Words,
    near: &Nearness,
) -> Vec<String> {
    if !rules.hashtags {
        return Vec::new();
    }
    let of = |text: &str, nearness_min: f64| -> Vec<String> {
        telling(text, goal, lists, near)
            .iter()
            .filter(|phrase| phrase.nearness >= nearness_min && phrase.words.len() < PHRASE_WORDS_MAX)
            .filter(|phrase| rules.banned_in(&phrase.text()).is_none())
            .map(Phrase::tag)
            .filter(|tag| TAG_CHARS.contains(&tag.chars().count()))
            .collect()
    };
    // One tag says what the post is about, the next whose conversation it joins; then come the lesser ones.
    // Of a wide goal, only what touches this story is its tag.
    let mut goals = of(goal, 0.0);
    if !headline.is_empty() {
        let kept = goals.first().cloned();
        goals.retain(|tag| Some(tag) == kept.as_ref() || near.of(&spaced(tag), headline) >= GOAL_TAG_NEARNESS_MIN);
    }
    let (mut own, mut goals) = (of(headline, TAG_NEARNESS_MIN).into_iter(), goals.into_iter());
    let order = own.next().into_iter().chain(goals.next()).chain(own).chain(goals).chain(of(details, TAG_NEARNESS_MIN));
    let mut tags: Vec<String> = Vec::new();
    for tag in order {
        if tags.len() >= count_max {
            break;
        }
        let lower = tag.to_lowercase();
        // "Denim" beside "VintageDenim" says nothing new.
        let repeats =
            tags.iter().map(|known| known.to_lowercase()).any(|known| known.contains(&lower) || lower.contains(&known));
        if !repeats {
            tags.push(tag);
        }
    }
    tags
}

/// "VintageDenim" as "Vintage Denim", so that its words can be seen.
pub(super) fn spaced(tag: &str) -> String {
    let mut out = String::new();
    for c in tag.trim_start_matches('#').chars() {
        if c.is_uppercase() && out.ends_with(char::is_lowercase) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOAL: &str = "Sustainable fashion: clothes, outfits and mending";

    fn lists() -> Words {
        Words::load().unwrap()
    }

    #[test]
    fn the_best_phrase_is_the_subject() {
        let near = Nearness::load().unwrap();
        let best =
            |headline: &str| telling(headline, GOAL, &lists(), &near).first().map(Phrase::text).unwrap_or_default();
        assert_eq!(best("Secondhand denim prices climb as stores open repair counters"), "denim prices");
        assert_eq!(best("A tailor in Leeds teaches 400 people to mend wool coats"), "wool coats");
    }

    #[test]
    fn names_keep_their_capitals_and_first_words_lose_them() {
        let phrase = |words: &[&str]| Phrase {
            words: words.iter().map(|w| (*w).to_owned()).collect(),
            weight: 0.0,
            nearness: 0.0,
        };
        let headline = "Vintage denim sells out in Leeds";
        assert_eq!(within_sentence(&phrase(&["Vintage", "denim"]), headline, ""), "vintage denim");
        assert_eq!(within_sentence(&phrase(&["Leeds"]), headline, ""), "Leeds");
        assert!(is_title_case("Vintage Denim Sells Out In Leeds"));
    }

    #[test]
    fn tags_are_few_distinct_and_never_banned() {
        let near = Nearness::load().unwrap();
        let rules = Rules::read(&[], &["fur".to_owned()]);
        let tags = hashtags("Fur coats and recycled wool at fashion week", "", GOAL, 4, &rules, &lists(), &near);
        assert!(!tags.is_empty() && tags.len() <= 4, "{tags:?}");
        assert!(
            tags.iter().all(|tag| tag.chars().all(char::is_alphanumeric) && !tag.to_lowercase().contains("fur")),
            "{tags:?}"
        );
        assert!(hashtags("Anything", "", GOAL, 0, &rules, &lists(), &near).is_empty());
    }
}
