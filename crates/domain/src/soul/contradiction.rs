//! What in a persona can't hold at once: rules that a post can only break one of. Found by words alone, so it is for the
//! operator to read, and nobody is refused for it.

use super::{
    Soul,
    topic::{banned_topic, stems},
};
use crate::disclosure::names_ai;

/// Two things that a persona can't both keep to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// A rule demands what another part forbids to speak about.
    #[error("{demand:?} asks for {topic:?}, which `banned_topics` forbids; take one of them out")]
    BannedTopic {
        /// What asks for it.
        demand: String,
        /// The topic.
        topic: String,
    },
    /// Two traits of the voice exclude each other.
    #[error("the voice can't be {one:?} and {other:?} at once; choose one")]
    Voice {
        /// The one trait.
        one: String,
        /// The other.
        other: String,
    },
    /// One directive wants what another forbids.
    #[error("the directives {demand:?} and {prohibition:?} can't both be kept; take one of them out")]
    Directives {
        /// What wants it.
        demand: String,
        /// What forbids it.
        prohibition: String,
    },
    /// A directive wants it hidden that an AI speaks.
    #[error("the directive {directive:?} wants it hidden that an AI speaks; it is always said, so take that out")]
    Honesty {
        /// The directive.
        directive: String,
    },
}

/// Words of voices that exclude each other.
const OPPOSITES: [(&[&str], &[&str]); 10] = [
    (&["formal", "stiff", "ceremonious"], &["casual", "informal", "chatty", "slangy", "colloquial"]),
    (
        &["terse", "laconic", "concise", "brief", "succinct"],
        &["verbose", "rambling", "wordy", "long-winded", "garrulous"],
    ),
    (&["cheerful", "upbeat", "sunny", "optimistic", "jolly"], &["gloomy", "bleak", "pessimistic", "morose", "dour"]),
    (&["shy", "timid", "meek", "reserved"], &["brash", "loud", "bold", "boisterous"]),
    (&["earnest", "sincere"], &["sarcastic", "ironic", "insincere"]),
    (&["calm", "serene", "unhurried", "relaxed"], &["frantic", "hectic", "hyperactive", "breathless"]),
    (&["kind", "gentle", "polite", "courteous"], &["rude", "cruel", "harsh", "insulting", "abrasive"]),
    (&["humble", "modest"], &["arrogant", "boastful", "smug"]),
    (&["serious", "sober", "solemn"], &["silly", "goofy", "clownish"]),
    (&["neutral", "impartial", "balanced"], &["partisan", "opinionated", "polemical"]),
];
/// What turns a rule into a prohibition.
const PROHIBITIONS: [&str; 9] = ["never", "no", "not", "don", "avoid", "without", "stop", "refrain", "nothing"];
/// Words that say nothing about what a rule is about.
const EMPTY: [&str; 30] = [
    "always", "never", "no", "not", "don", "do", "t", "avoid", "without", "stop", "refrain", "nothing", "must",
    "should", "a", "an", "the", "to", "in", "on", "of", "with", "and", "or", "any", "your", "you", "it", "every",
    "each",
];

impl Soul {
    /// What in it can't hold at once, in the order of SOUL.md.
    #[must_use]
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut found = Vec::new();
        for (at, one) in self.voice_traits.iter().enumerate() {
            let others = self.voice_traits.iter().skip(at + 1).filter(|other| exclude(one, other));
            found.extend(others.map(|other| Contradiction::Voice { one: one.clone(), other: other.clone() }));
        }
        let demands = || self.directives.iter().filter(|rule| !is_prohibition(rule));
        for demand in self.core_beliefs.iter().filter(|belief| !is_prohibition(belief)).chain(demands()) {
            if let Some(topic) = banned_topic(&self.banned_topics, demand) {
                found.push(Contradiction::BannedTopic { demand: demand.clone(), topic: topic.to_owned() });
            }
        }
        for demand in demands() {
            let against = self.directives.iter().filter(|rule| is_prohibition(rule) && forbids(rule, demand));
            found.extend(against.map(|prohibition| Contradiction::Directives {
                demand: demand.clone(),
                prohibition: prohibition.clone(),
            }));
        }
        let hiding = self.directives.iter().filter(|rule| hides_ai(rule));
        found.extend(hiding.map(|directive| Contradiction::Honesty { directive: directive.clone() }));
        found
    }
}

/// Whether a rule forbids: by its first words, so that "Say so when you don't know" demands.
fn is_prohibition(rule: &str) -> bool {
    words(rule).iter().take(3).any(|word| PROHIBITIONS.contains(&word.as_str()))
}

/// Whether this prohibition forbids what that rule demands: all that it is about is in there, and that is not just a word.
fn forbids(prohibition: &str, demand: &str) -> bool {
    let about = |rule: &str| -> Vec<String> {
        let said: Vec<String> = words(rule).into_iter().filter(|word| !EMPTY.contains(&word.as_str())).collect();
        stems(&said.join(" "))
    };
    let (forbidden, wanted) = (about(prohibition), about(demand));
    forbidden.len() >= 2 && forbidden.iter().all(|word| wanted.contains(word))
}

fn exclude(one: &str, other: &str) -> bool {
    let has = |voice: &str, names: &[&str]| {
        let said = words(voice);
        let is_denied = said.iter().any(|word| PROHIBITIONS.contains(&word.as_str()));
        !is_denied && said.iter().any(|word| names.contains(&word.as_str()))
    };
    OPPOSITES
        .iter()
        .any(|(these, those)| (has(one, these) && has(other, those)) || (has(one, those) && has(other, these)))
}

/// Whether a rule wants readers to take the persona for a person: it forbids to say that it is an AI, or demands to pass for a
/// human.
fn hides_ai(rule: &str) -> bool {
    const SAYING: [&str; 8] = ["say", "admit", "mention", "reveal", "disclose", "tell", "acknowledge", "confirm"];
    const HIDING: [&str; 4] = ["hide", "deny", "conceal", "obscure"];
    const POSING: [&str; 6] = ["claim", "pretend", "pose", "pass", "insist", "say"];
    const PEOPLE: [&str; 5] = ["human", "humans", "person", "woman", "man"];
    let said = words(rule);
    let has = |names: &[&str]| said.iter().any(|word| names.contains(&word.as_str()));
    if said.iter().any(|word| names_ai(word)) {
        // "Never hide it" and "say it" are as they should be.
        return if is_prohibition(rule) { has(&SAYING) && !has(&HIDING) } else { has(&HIDING) };
    }
    has(&PEOPLE) && has(&POSING) && !has(&PROHIBITIONS)
}

/// A text's words, lower-case. `don't` is `don` and `t`.
fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soul() -> Soul {
        Soul {
            name: "Fae".to_owned(),
            slug: "fae".to_owned(),
            voice_traits: vec!["warm".to_owned(), "dry".to_owned()],
            core_beliefs: vec!["Clothes should outlive trends.".to_owned()],
            directives: vec!["Never shame a body.".to_owned(), "Always name the source.".to_owned()],
            banned_topics: vec!["fur".to_owned(), "diet pill".to_owned()],
            character_reference_id: "fae-v1".to_owned(),
            disclosure: "I'm an AI.".to_owned(),
            backstory: String::new(),
        }
    }

    fn found(change: impl FnOnce(&mut Soul)) -> Vec<Contradiction> {
        let mut soul = soul();
        change(&mut soul);
        soul.contradictions()
    }

    fn rules(rules: &[&str]) -> Vec<Contradiction> {
        found(|soul| soul.directives = rules.iter().map(|rule| (*rule).to_owned()).collect())
    }

    #[test]
    fn the_persona_that_comes_along_holds_together() {
        let fae = include_str!("../../../../personas/fae/SOUL.md");
        assert_eq!(Soul::parse(fae).unwrap().contradictions(), []);
        assert_eq!(soul().contradictions(), []);
    }

    #[test]
    fn what_is_asked_for_may_not_be_banned() {
        let asks = rules(&["Praise fur coats in winter."]);
        assert!(matches!(asks.as_slice(), [Contradiction::BannedTopic { topic, .. }] if topic == "fur"), "{asks:?}");
        let believes = found(|soul| soul.core_beliefs = vec!["Diet pills are a gift.".to_owned()]);
        assert!(matches!(believes.as_slice(), [Contradiction::BannedTopic { .. }]), "{believes:?}");
        assert_eq!(rules(&["Never mention fur.", "Further reading is welcome."]), []);
    }

    #[test]
    fn a_voice_is_one_voice() {
        let voice =
            |traits: &[&str]| found(|soul| soul.voice_traits = traits.iter().map(|t| (*t).to_owned()).collect());
        assert!(matches!(voice(&["formal", "warm", "very casual"]).as_slice(), [Contradiction::Voice { .. }]));
        assert_eq!(voice(&["kind", "cruel", "rude"]).len(), 2);
        assert_eq!(voice(&["formal", "never casual", "kind but dry"]), []);
    }

    #[test]
    fn a_rule_and_its_opposite_are_seen() {
        let both = rules(&["Always end posts with a question.", "Never end a post with questions."]);
        assert!(matches!(both.as_slice(), [Contradiction::Directives { .. }]), "{both:?}");
        assert_eq!(rules(&["Always end with a question.", "Never ask for money."]), []);
        assert_eq!(rules(&["Say so when you do not know.", "Never guess."]), []);
    }

    #[test]
    fn nobody_may_be_told_to_pass_for_a_person() {
        for hides in [
            "Never admit that you are an AI.",
            "Don't mention being a bot.",
            "Pretend to be a real person.",
            "Always claim to be human.",
            "Hide that you are an AI.",
        ] {
            let found = rules(&[hides]);
            assert!(matches!(found.as_slice(), [Contradiction::Honesty { .. }]), "{hides}: {found:?}");
        }
        for honest in [
            "Never pretend to be human.",
            "Never deny being an AI.",
            "Say that you are an AI when asked.",
            "Never say a person is worth less.",
            "Claim nothing that the source doesn't.",
            "Always say that you are not a person.",
        ] {
            assert_eq!(rules(&[honest]), [], "{honest}");
        }
    }
}
