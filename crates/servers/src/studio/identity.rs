//! What makes an agent's posts recognisable: a pure function of its character reference.

use super::mark::Mark;
use super::palette::{self, Palette};
use super::pattern::Pattern;
use super::typeface::Pairing;
use crate::dice::Dice;

/// The fixed look of one agent. Two posts of one agent share it entirely; two agents hardly ever do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Identity {
    /// The six colours all posts are made of.
    pub palette: Palette,
    pub(super) pairing: Pairing,
    pub(super) mark: Mark,
    pub(super) pattern: Pattern,
    pub(super) layouts: [Layout; 3],
    pub(super) kicker: Kicker,
    pub(super) mark_first: bool,
    /// Margin as a share of the picture's width.
    pub(super) margin: f32,
    /// Corner radius of cards and frames, in 1080ths of the width.
    pub(super) radius: f32,
}

/// How a post is divided. An agent uses three of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Layout {
    /// A band of artwork above or below the text.
    #[default]
    Poster,
    /// A card with the text on full-bleed artwork.
    Card,
    /// Centred text in a thin frame, artwork as a strip.
    Editorial,
    /// The headline as large as it goes, one big quiet shape behind it.
    Type,
    /// A tall strip of artwork beside the text.
    Column,
}

impl Layout {
    const ALL: [Self; 5] = [Self::Poster, Self::Card, Self::Editorial, Self::Type, Self::Column];
}

/// What stands before the kicker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kicker {
    /// A short thick rule.
    #[default]
    Rule,
    /// A filled circle.
    Dot,
    /// A filled pill around the words.
    Pill,
}

impl Identity {
    /// Derives the look from `character_reference_id`; surrounding white space does not matter.
    #[must_use]
    pub fn derive(character_reference_id: &str) -> Self {
        let id = character_reference_id.trim();
        // One set of dice per aspect, so that adding a choice to one aspect leaves an agent's others as they were.
        let dice = |aspect: &str| Dice::from_parts(&[b"chimera studio identity 1", aspect.as_bytes(), id.as_bytes()]);
        let mut layouts = Layout::ALL;
        dice("layouts").shuffle(&mut layouts);
        let [first, second, third, ..] = layouts;
        let mut details = dice("details");
        Self {
            palette: palette::palette(&mut dice("palette")),
            pairing: Pairing::choose(&mut dice("type")),
            mark: Mark::choose(&mut dice("mark")),
            pattern: Pattern::choose(&mut dice("pattern")),
            layouts: [first, second, third],
            kicker: details.pick_or_default(&[Kicker::Rule, Kicker::Dot, Kicker::Pill]),
            mark_first: details.chance(0.5),
            margin: details.pick_or_default(&[0.066, 0.074, 0.082]),
            radius: details.pick_or_default(&[0.0, 0.0, 18.0, 44.0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn one_reference_gives_one_identity_and_white_space_does_not_matter() {
        assert_eq!(Identity::derive("fae-v1"), Identity::derive("  fae-v1\n"));
    }

    #[test]
    fn agents_differ() {
        let looks: Vec<_> = (0..300).map(|n| Identity::derive(&format!("agent-{n}"))).collect();
        let palettes: HashSet<_> =
            looks.iter().map(|look| look.palette.colors().map(super::super::color::Rgb::hex)).collect();
        assert!(palettes.len() > 290, "only {} palettes among 300 agents", palettes.len());
        let marks: HashSet<_> = looks.iter().map(|look| format!("{:?}", look.mark)).collect();
        assert!(marks.len() > 250, "only {} marks among 300 agents", marks.len());
        let twins = looks.iter().enumerate().flat_map(|(at, a)| looks.iter().skip(at + 1).map(move |b| (a, b)));
        assert_eq!(twins.filter(|(a, b)| a == b).count(), 0);
    }
}
