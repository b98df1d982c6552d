//! What a persona never speaks about, found by rule.

/// The first banned topic that the text speaks of, if any.
///
/// A topic is spoken of when its words stand in the text in order, side by side, whatever their case and common English
/// endings: `fur coat` is found in "Fur coats", not in "further" or "coat of fur".
#[must_use]
pub fn banned_topic<'a>(banned: &'a [String], text: &str) -> Option<&'a str> {
    let words = stems(text);
    banned.iter().map(String::as_str).find(|topic| {
        let wanted = stems(topic);
        !wanted.is_empty() && words.windows(wanted.len()).any(|w| w == wanted)
    })
}

/// The words of a text, lower-case, without common English endings.
pub(super) fn stems(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(stem).collect()
}

/// The S-stemmer of D. Harman ("How Effective Is Suffixing?", 1991) with -ing and -ed added for longer words:
/// enough to match a rule's words, and it never joins unrelated words that matter here.
fn stem(word: &str) -> String {
    let keeps = |stem: &str| stem.chars().count() >= 3;
    if let Some(base) = word.strip_suffix("ies").filter(|b| keeps(b)) {
        return format!("{base}y");
    }
    for ending in ["ing", "ed"] {
        if let Some(base) = word.strip_suffix(ending).filter(|b| b.chars().count() >= 4) {
            return base.to_owned();
        }
    }
    for ending in ["es", "s"] {
        let base = word.strip_suffix(ending).filter(|b| keeps(b) && !b.ends_with('s'));
        if let Some(base) = base.filter(|b| ending == "s" || b.ends_with(['x', 'z', 'h'])) {
            return base.to_owned();
        }
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_matched_whole_and_inflected() {
        let banned = ["fur".to_owned(), "diet pill".to_owned(), "body shaming".to_owned()];
        assert_eq!(banned_topic(&banned, "Real FUR, again"), Some("fur"));
        assert_eq!(banned_topic(&banned, "New furs for winter"), Some("fur"));
        assert_eq!(banned_topic(&banned, "These diet pills work"), Some("diet pill"));
        assert_eq!(banned_topic(&banned, "Stop body-shaming!"), Some("body shaming"));
        assert_eq!(banned_topic(&banned, "Further down, furniture and a pill"), None);
        assert_eq!(banned_topic(&[" ".to_owned()], "anything"), None);
    }
}
