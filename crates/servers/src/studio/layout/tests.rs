//! Where things end up, over many agents, headlines and formats.

use super::super::text::clean;
use super::*;

/// Letters from scripts at hand and not at hand, digits, marks, emoji.
const ALPHABET: &str = "abcdefghiklmnoprstuvwyzABCDEGMSTW0123456789,.!?&-éßñøαβγжщя’“”👗✨💃🏽漢字شक";

fn headline(dice: &mut Dice) -> String {
    let letters: Vec<char> = ALPHABET.chars().collect();
    let (words, longest) = (1 + dice.below(26), 2 + dice.below(16));
    let word = |dice: &mut Dice| (0..=dice.below(longest)).map(|_| dice.pick_or_default(&letters)).collect::<String>();
    let words: Vec<_> = (0..words).map(|_| word(dice)).collect();
    format!("So {}", words.join(" "))
}

fn outside(inner: Area, outer: Area) -> bool {
    inner.x < outer.x - 3.0
        || inner.y < outer.y - 3.0
        || inner.right() > outer.right() + 3.0
        || inner.bottom() > outer.bottom() + 3.0
}

fn overlap(a: Area, b: Area) -> bool {
    a.x < b.right() && b.x < a.right() && a.y < b.bottom() && b.y < a.bottom()
}

#[test]
fn text_stays_clear_of_the_edges_the_mark_and_the_strips_that_apps_cover() {
    let library = Library::load(&[]).unwrap();
    let caption = "A small diary of restraint: swipe for the list, or save it for the next sale season.";
    for case in 0..110_u64 {
        let mut dice = Dice::from_seed(case);
        let format = [Format::SQUARE, Format::PORTRAIT, Format::STORY][dice.below(3)];
        let text = clean(&headline(&mut dice));
        let text = super::super::text::shorten(&text, 220).unwrap_or(text);
        let words = Words {
            headline: text.clone(),
            kicker: dice.chance(0.7).then(|| "Wardrobe notes from the road".to_owned()),
            caption: dice.chance(0.7).then(|| caption.to_owned()),
        };
        let identity = Identity::derive(&format!("agent-{case}"));
        let scene = compose(&library, &identity, &Post { words, mood: None, seed: case }, format).unwrap();
        let (above, below) = (f32::from(format.covered.0), f32::from(format.covered.1));
        let safe = Area::new(0.0, above, WIDTH, scene.height - above - below).inset(30.0, 30.0);
        let mark = scene.layers.iter().find(|layer| matches!(layer.drawing, Drawing::Mark { .. })).unwrap().bounds();
        assert!(!outside(mark, safe), "case {case}: mark at {mark:?}");
        for layer in scene.layers.iter().filter(|layer| matches!(layer.drawing, Drawing::Shape { .. })) {
            let bounds = layer.bounds();
            assert!(!outside(bounds, safe), "case {case} {text:?}: text at {bounds:?} of {safe:?}");
            assert!(!overlap(bounds, mark), "case {case} {text:?}: text at {bounds:?} on the mark at {mark:?}");
        }
    }
}
