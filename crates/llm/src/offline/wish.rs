//! What a judge's or reviewer's correction asks for, as far as key words tell.

use super::material::Part;
use crate::text::words;

/// What is to be different this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Wish {
    /// Nearer to the headline: quote it and its detail, leave the persona's own stories out.
    pub(super) closer: bool,
    /// Shorter.
    pub(super) shorter: bool,
    /// More of the persona.
    pub(super) more_voice: bool,
    /// No question.
    pub(super) no_question: bool,
    /// No emoji.
    pub(super) no_emoji: bool,
    /// Fewer hashtags.
    pub(super) fewer_tags: bool,
}

impl Wish {
    pub(super) fn read(correction: &str) -> Self {
        let said: Vec<String> = words(correction).collect();
        let has = |signs: &[&str]| said.iter().any(|word| signs.contains(&word.as_str()));
        let against = has(&["no", "without", "drop", "fewer", "less", "remove", "avoid", "too"]);
        Self {
            closer: has(&[
                "vague",
                "topic",
                "headline",
                "source",
                "support",
                "unsupported",
                "claim",
                "claims",
                "fact",
                "facts",
                "specific",
                "relevance",
                "relevant",
                "generic",
                "goal",
                "fit",
                "task_fit",
                "unrelated",
            ]),
            shorter: has(&["long", "shorter", "length", "short", "trim", "concise", "wordy", "limit"]),
            more_voice: has(&[
                "voice",
                "tone",
                "character",
                "persona",
                "personality",
                "bland",
                "flat",
                "dull",
                "wittier",
                "warmer",
            ]),
            no_question: against && has(&["question", "questions"]),
            no_emoji: against && has(&["emoji", "emojis"]),
            fewer_tags: against && has(&["hashtag", "hashtags", "tags"]),
        }
    }

    /// The shape with the wishes in it.
    pub(super) fn reshape(self, shape: &[Part], must_ask: bool) -> Vec<Part> {
        let mut shape: Vec<Part> = shape.to_vec();
        if self.closer {
            shape.retain(|part| !matches!(part, Part::Aside | Part::Lead));
            if !shape.contains(&Part::Detail) {
                let after =
                    shape.iter().position(|part| matches!(part, Part::Quote | Part::Turn)).map_or(0, |at| at + 1);
                shape.insert(after, Part::Detail);
            }
        }
        if self.more_voice {
            for part in [Part::Take, Part::Belief] {
                let there = shape.contains(&part) || (part == Part::Belief && shape.contains(&Part::Turn));
                if !there {
                    shape.push(part);
                }
            }
        }
        if self.no_question {
            shape.retain(|part| *part != Part::Ask);
        }
        if must_ask && !shape.contains(&Part::Ask) {
            shape.retain(|part| *part != Part::Call);
            shape.push(Part::Ask);
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_words_become_wishes() {
        assert!(Wish::read("Too vague: name the source").closer);
        assert!(Wish::read("shorter, please").shorter);
        let wish = Wish::read("The persona is hardly audible; drop the question and the emoji");
        assert!(wish.more_voice && wish.no_question && wish.no_emoji && !wish.fewer_tags);
        assert_eq!(Wish::read("Hm."), Wish::default());
    }

    #[test]
    fn a_wish_for_the_source_brings_its_detail() {
        let wish = Wish { closer: true, ..Wish::default() };
        assert_eq!(wish.reshape(&[Part::Quote, Part::Aside, Part::Ask], false), [Part::Quote, Part::Detail, Part::Ask]);
    }
}
