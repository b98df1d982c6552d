//! The words of a video as WebVTT captions.

use std::fmt::Write as _;

use super::scene::Words;

/// WebVTT (W3C) for a video of `seconds` in which the words have come in after `entered` seconds.
///
/// The headline is spoken of from the start, as it comes in; the caption from when it stands until the end.
pub(super) fn captions(words: &Words, entered: f64, seconds: f64) -> String {
    let mut text = String::from("WEBVTT\n");
    let headline = match &words.kicker {
        Some(kicker) => format!("{}\n{}", escape(kicker), escape(&words.headline)),
        None => escape(&words.headline),
    };
    let turn = if words.caption.is_some() { entered.max(seconds * 0.5).min(seconds) } else { seconds };
    cue(&mut text, 0.0, turn, &headline);
    if let Some(caption) = &words.caption {
        cue(&mut text, turn, seconds, &escape(caption));
    }
    text
}

fn cue(text: &mut String, from: f64, to: f64, words: &str) {
    if to > from {
        // Writing to a string does not fail.
        let _ = write!(text, "\n{} --> {}\n{words}\n", stamp(from), stamp(to));
    }
}

fn stamp(seconds: f64) -> String {
    format!("{:02}:{:06.3}", (seconds / 60.0).floor(), seconds % 60.0)
}

/// Cue text may not hold `-->` nor bare markup; escaping `>` does away with both.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_follow_each_other_and_hostile_words_stay_words() {
        let words = Words {
            headline: "Silk & <b>--> now</b>".into(),
            kicker: Some("New".into()),
            caption: Some("Save it.".into()),
        };
        assert_eq!(
            captions(&words, 1.2, 4.0),
            "WEBVTT\n\n00:00.000 --> 00:02.000\nNew\nSilk &amp; &lt;b&gt;--&gt; now&lt;/b&gt;\n\n\
             00:02.000 --> 00:04.000\nSave it.\n"
        );
    }
}
