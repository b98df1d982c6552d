//! The persona's hard rules, as far as a program without a language model can read them.

use crate::text::words;

/// How far apart the words of a banned phrase may stand, beyond its own length.
const GAP_WORDS_MAX: usize = 2;
const PHRASE_WORDS_MAX: usize = 6;

/// What directives and banned topics allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rules {
    banned: Vec<Banned>,
    /// Whether emoji may appear; `None` leaves it to the voice.
    pub(super) emoji: Option<bool>,
    /// The most exclamation marks, if limited.
    pub(super) exclamations_max: Option<usize>,
    /// Whether hashtags may appear.
    pub(super) hashtags: bool,
    /// Whether questions may, or must, appear.
    pub(super) questions: Questions,
}

/// What the directives say about questions to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Questions {
    Free,
    Never,
    Always,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Banned {
    phrase: String,
    stems: Vec<Stem>,
}

/// A word of a banned phrase, in the forms that count as it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stem(String);

impl Stem {
    fn of(word: &str) -> Self {
        let word = word.strip_suffix("'s").unwrap_or(word);
        Self(singular(word).to_owned())
    }

    fn covers(&self, word: &str) -> bool {
        const ENDINGS: [&str; 9] = ["s", "es", "ed", "ing", "er", "ers", "d", "r", "rs"];
        let word = word.strip_suffix("'s").unwrap_or(word);
        if word == self.0 || singular(word) == self.0 {
            return true;
        }
        let core = self.0.strip_suffix("ing").filter(|core| core.len() >= 4).unwrap_or(&self.0);
        // Short words grow into unrelated ones too easily: "fur" is not "furs" only, but it is not "furred velvet" either.
        core.len() >= 4 && word.strip_prefix(core).is_some_and(|rest| ENDINGS.contains(&rest))
    }
}

fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(stem) if stem.len() >= 3 && !stem.ends_with(['s', 'u', 'i']) => stem,
        _ => word,
    }
}

impl Rules {
    pub(super) fn read(directives: &[String], banned_topics: &[String]) -> Self {
        let mut rules = Self {
            banned: banned_topics.iter().flat_map(|topic| Banned::list(topic)).collect(),
            emoji: None,
            exclamations_max: None,
            hashtags: true,
            questions: Questions::Free,
        };
        for directive in directives {
            rules.add(directive);
        }
        rules
    }

    fn add(&mut self, directive: &str) {
        let said: Vec<String> = words(directive).collect();
        let has = |options: &[&str]| said.iter().any(|word| options.contains(&word.as_str()));
        let forbids = has(&["never", "no", "don't", "avoid", "without", "refrain", "not"]);
        let demands = has(&["always", "every", "each", "must"]);
        if has(&["emoji", "emojis", "emoticons"]) && (forbids || demands) {
            self.emoji = Some(!forbids);
        }
        if has(&["exclamation", "exclamations"]) && forbids {
            let one = has(&["one", "1"]) && has(&["more"]);
            self.exclamations_max = Some(usize::from(one));
        }
        if has(&["hashtag", "hashtags"]) && forbids && !has(&["more", "than"]) {
            self.hashtags = false;
        }
        if has(&["question", "questions"]) && !has(&["asked", "asks"]) {
            if forbids {
                self.questions = Questions::Never;
            } else if demands {
                self.questions = Questions::Always;
            }
        }
        if forbids {
            self.ban_what_follows(directive);
        }
    }

    /// "Never mention X" bans X.
    fn ban_what_follows(&mut self, directive: &str) {
        const OPENINGS: [&str; 9] = [
            "talk about ",
            "speak about ",
            "write about ",
            "post about ",
            "joke about ",
            "mention ",
            "discuss ",
            "promote ",
            "advertise ",
        ];
        let lower = directive.to_lowercase();
        for opening in OPENINGS {
            if let Some((_, after)) = lower.split_once(opening) {
                let clause = after.split(['.', ';', '(', ':']).next().unwrap_or_default();
                self.banned.extend(Banned::list(clause));
            }
        }
    }

    /// The first banned topic that a text touches.
    pub(super) fn banned_in(&self, text: &str) -> Option<&str> {
        let said: Vec<String> = words(text).collect();
        self.banned.iter().find(|banned| banned.is_in(&said)).map(|banned| banned.phrase.as_str())
    }
}

impl Banned {
    /// The phrases of a list such as "diets, slimming teas or weight loss".
    fn list(text: &str) -> Vec<Self> {
        text.split([',', '/', ';'])
            .flat_map(|part| part.split(" or "))
            .flat_map(|part| part.split(" and "))
            .filter_map(Self::new)
            .collect()
    }

    fn new(phrase: &str) -> Option<Self> {
        const FILLING: [&str; 8] = ["the", "a", "an", "any", "of", "or", "and", "your"];
        let stems: Vec<Stem> =
            words(phrase).filter(|word| !FILLING.contains(&word.as_str())).map(|word| Stem::of(&word)).collect();
        (1..=PHRASE_WORDS_MAX)
            .contains(&stems.len())
            .then(|| Self { phrase: phrase.trim_matches(|c: char| !c.is_alphanumeric()).to_owned(), stems })
    }

    /// Whether all its words stand close together, in any order ("loss of weight").
    fn is_in(&self, said: &[String]) -> bool {
        let reach = self.stems.len() + if self.stems.len() > 1 { GAP_WORDS_MAX } else { 0 };
        let close = |window: &[String]| self.stems.iter().all(|stem| window.iter().any(|word| stem.covers(word)));
        if said.len() <= reach { close(said) } else { said.windows(reach).any(close) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(directives: &[&str], banned: &[&str]) -> Rules {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Rules::read(&own(directives), &own(banned))
    }

    #[test]
    fn banned_topics_are_found_in_their_forms_and_nowhere_else() {
        let rules = rules(&[], &["fur", "weight loss", "body shaming", "diets", "slimming"]);
        for text in [
            "Faux FUR is back",
            "furs",
            "weight-loss tea",
            "the loss of weight",
            "shaming her body",
            "dieting tips",
            "A diet",
        ] {
            assert!(rules.banned_in(text).is_some(), "{text}");
        }
        for text in ["furniture", "further", "slim jeans", "the weight of wool", "body language", "No shame", "edited"]
        {
            assert_eq!(rules.banned_in(text), None, "{text}");
        }
    }

    #[test]
    fn directives_are_read() {
        let rules = rules(
            &[
                "Never use emojis.",
                "No more than one exclamation mark in a post.",
                "Always end with a question.",
                "Never mention celebrity gossip or rival brands.",
                "Use no hashtags",
            ],
            &[],
        );
        assert_eq!(rules.emoji, Some(false));
        assert_eq!(rules.exclamations_max, Some(1));
        assert_eq!(rules.questions, Questions::Always);
        assert!(!rules.hashtags);
        assert_eq!(rules.banned_in("Better than a rival brand"), Some("rival brands"));
        assert_eq!(rules.banned_in("All the gossip about a celebrity"), Some("celebrity gossip"));
    }
}
