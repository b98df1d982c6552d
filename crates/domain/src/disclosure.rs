//! Whether words say that an AI is speaking: what must stand below every post may not say the opposite.

/// Words that name an AI, in the languages of the personas we have met.
const NAMES: &[&str] = &["ai", "ki", "ia", "artificial", "bot", "chatbot", "robot", "gpt", "llm"];
/// Words that turn it round when they stand up to three words before.
const DENIALS: &[&str] = &["not", "no", "never", "isn", "without", "kein", "keine", "pas", "non"];
/// How far before the name a denial reaches, in words.
const REACH: usize = 3;

/// Whether a disclosure says that it comes from an AI, as whole words and not denied: "I'm Fae, an AI." does, "a totally
/// human woman" and "I am not an AI" don't.
#[must_use]
pub fn says_ai(text: &str) -> bool {
    let lower = text.to_lowercase().replace("a.i", "ai");
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let mut named = words.iter().enumerate().filter(|(_, word)| NAMES.contains(word)).peekable();
    named.peek().is_some()
        && named.all(|(at, _)| !words.iter().take(at).rev().take(REACH).any(|before| DENIALS.contains(before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_so_says_so() {
        for yes in [
            "I'm Fae, an AI. A small team looks over my shoulder.",
            "AI-generated",
            "made by A.I.",
            "Ich bin eine KI",
            "I am a bot",
        ] {
            assert!(says_ai(yes), "{yes}");
        }
        for no in
            ["I am a totally human woman from Leeds.", "", "I am not an AI", "said in Maine", "No bot here, promise"]
        {
            assert!(!says_ai(no), "{no}");
        }
    }
}
