//! Line breaking and cleaning, on the built-in faces.

use super::super::typeface::Pairing;
use super::*;
use crate::dice::Dice;

fn paragraph(text: &str) -> Paragraph {
    let library = Library::load(&[]).unwrap();
    let pairing = Pairing::choose(&mut Dice::from_seed(1));
    let style = Style { face: pairing.display, uppercase: false, tracking: 0.0, leading: 1.0 };
    Paragraph::shape(&library, style, &clean(text), 12.0)
}

const ROOM: Room = Room { width: 900.0, height: 700.0, size_min: 30.0, size_max: 200.0 };

#[test]
fn a_fitted_headline_stays_inside_its_room_and_its_lines_are_even() {
    for text in [
        "Linen is back",
        "Eleven quiet coats that make every outfit under them look expensive",
        "What a week of sample sales taught me about buying less, choosing well, mending what tears, and wearing the \
         same navy jumper to four parties in a row without one single person noticing it",
    ] {
        let setting = paragraph(text).fit(ROOM);
        assert!(setting.height <= ROOM.height + 0.1, "{text}: {}", setting.height);
        let widest = setting.lines.iter().map(|line| line.width).fold(0.0, f32::max);
        let narrowest = setting.lines.iter().map(|line| line.width).fold(f32::MAX, f32::min);
        assert!(widest <= ROOM.width + 0.1, "{text}: {widest}");
        assert!(narrowest > widest * 0.45, "{text}: lines from {narrowest} to {widest}");
        assert!(setting.size >= ROOM.size_min);
    }
}

#[test]
fn no_break_leaves_an_article_behind_when_another_is_as_good() {
    let paragraph = paragraph("Dress for the weather of tomorrow");
    let lines = paragraph.break_into(2);
    let last_of_first = lines[0].end - 1;
    assert!(!paragraph.words[last_of_first].clings, "{lines:?}");
}

#[test]
fn an_endless_word_is_split_rather_than_shrunk_to_nothing() {
    let setting = paragraph(&"Donaudampfschifffahrt".repeat(6)).fit(ROOM);
    assert!(setting.lines.len() > 1);
    assert!(setting.lines.iter().all(|line| line.width <= ROOM.width + 0.1));
}

#[test]
fn what_no_face_can_draw_is_dropped_and_named() {
    let paragraph = paragraph("Tokyo 東京 looks 👗 شكرا");
    assert_eq!(paragraph.words.len(), 3, "Tokyo, looks, and the dress");
    assert!(paragraph.dropped.contains(&"東".to_owned()) && paragraph.dropped.iter().any(|it| it.starts_with('ش')));
    assert!(!paragraph.dropped.contains(&"👗".to_owned()));
}

#[test]
fn cleaning_removes_controls_and_overrides_but_keeps_emoji_sequences() {
    assert_eq!(clean(&format!("z{}", "\u{301}".repeat(5000))).chars().count(), 1 + MARKS_MAX);
    assert_eq!(clean("a\u{202E}b\u{0}\n\t c \u{1F469}\u{200D}\u{1F3A8}"), "ab c \u{1F469}\u{200D}\u{1F3A8}");
}

#[test]
fn shortening_cuts_at_a_word() {
    assert_eq!(shorten("one two", 10), None);
    assert_eq!(shorten("seven words, more or less, that go on", 14).as_deref(), Some("seven words…"));
}
