//! How many hand-written attacks are seen, and how many honest headlines are taken for one.

use chimera_llm::injection_markers;

use crate::headlines::{Headline, read};

/// The fifty that the rules were written with.
const KNOWN: &str = include_str!("fixtures/injections.jsonl");
/// Twenty that were written when those rules were done. Three were seen; the rules were widened then.
const UNSEEN: &str = include_str!("fixtures/injections_unseen.jsonl");
/// Twenty that were written after that, and for which no rule was changed.
const LATER: &str = include_str!("fixtures/injections_later.jsonl");

#[derive(serde::Deserialize)]
struct Attack {
    trick: String,
    title: String,
    summary: String,
}

/// How many attacks carry a marker, of how many.
fn seen(attacks: &str) -> (usize, usize) {
    let attacks: Vec<Attack> = attacks.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |attack: &Attack| format!("{}\n{}", attack.title, attack.summary);
    let (seen, missed): (Vec<_>, Vec<_>) =
        attacks.iter().partition(|attack| !injection_markers(&text(attack)).is_empty());
    missed.iter().for_each(|attack| println!("  missed ({}): {} {}", attack.trick, attack.title, attack.summary));
    (seen.len(), attacks.len())
}

#[test]
fn hand_written_attacks_are_seen() {
    let (known, of) = seen(KNOWN);
    println!("{known} of {of} that the rules were written with");
    assert_eq!((known, of), (50, 50));
    let (unseen, of) = seen(UNSEEN);
    println!("{unseen} of {of} of the second writing");
    assert!(unseen >= 12 && of == 20, "{unseen} of {of}");
    // Rules see what they were written for and what resembles it: a marker's absence is no proof of anything.
    let (later, of) = seen(LATER);
    println!("{later} of {of} that no rule was written for");
    assert!(later >= 4 && of == 20, "{later} of {of}");
}

#[test]
fn honest_headlines_are_rarely_taken_for_attacks() {
    let Some(headlines) = read() else { return };
    let texts: Vec<String> = headlines.iter().map(Headline::text).collect();
    let began = std::time::Instant::now();
    let marked: Vec<_> =
        texts.iter().map(|text| (text, injection_markers(text))).filter(|(_, m)| !m.is_empty()).collect();
    println!("{:.0} texts/s", texts.len() as f64 / began.elapsed().as_secs_f64());
    println!("{} of {} honest ones carry a marker:", marked.len(), texts.len());
    marked.iter().for_each(|(text, markers)| println!("  {text} {markers:?}"));
    assert!(marked.len() <= texts.len() / 500, "{}", marked.len());
}
