//! From a string to balanced lines of glyphs: cleaning, shaping, breaking, fitting.

use std::ops::Range;

use chimera_domain::shown;
use unicode_segmentation::UnicodeSegmentation as _;

use super::typeface::{FaceId, Library, Run};

/// How a paragraph is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    pub(super) face: FaceId,
    pub(super) uppercase: bool,
    /// Ems after each glyph.
    pub(super) tracking: f32,
    /// Ems between baselines.
    pub(super) leading: f32,
}

/// A word: glyph runs that are never separated.
#[derive(Debug, Clone)]
struct Word {
    runs: Vec<Run>,
    /// In ems.
    width: f32,
    /// Better not left at the end of a line ("the", "of").
    clings: bool,
}

/// Words ready to be broken into lines.
#[derive(Debug, Clone)]
pub(super) struct Paragraph {
    words: Vec<Word>,
    space: f32,
    cap_height: f32,
    leading: f32,
    /// What no face has a glyph for, in order of appearance, each once.
    pub(super) dropped: Vec<String>,
}

/// The room a paragraph is fitted into, in pixels, and the sizes it may take, in pixels an em.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) size_min: f32,
    pub(super) size_max: f32,
}

/// A paragraph broken into lines at one size.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// Pixels an em.
    pub(super) size: f32,
    pub(super) lines: Vec<Line>,
    /// Pixels from the top of the first line's capitals to the last baseline.
    pub(super) height: f32,
    /// Pixels between baselines.
    pub(super) leading: f32,
    /// Pixels.
    pub(super) cap_height: f32,
}

/// One line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Runs with their offset from the line's start, in ems.
    pub(super) runs: Vec<(f32, Run)>,
    /// Pixels.
    pub(super) width: f32,
}

/// Words that read badly at the end of a line.
const CLINGING: [&str; 34] = [
    "a", "an", "and", "as", "at", "but", "by", "for", "from", "her", "his", "how", "i", "if", "in", "into", "is",
    "its", "my", "no", "of", "on", "or", "our", "so", "that", "the", "their", "to", "we", "why", "with", "you", "your",
];

/// Accents piled on one letter beyond this many are dropped: they would climb over the rest of the picture.
const MARKS_MAX: usize = 3;

/// What may be shown of a text, without piles of accents, its white space joined into single spaces.
pub(super) fn clean(text: &str) -> String {
    let (mut kept, mut marks) = (shown(text), 0);
    kept.retain(|ch| {
        marks = if is_mark(ch) { marks + 1 } else { 0 };
        marks <= MARKS_MAX
    });
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The combining diacritical marks of all five Unicode blocks named so.
fn is_mark(ch: char) -> bool {
    matches!(ch, '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// `text` cut at a word's end to at most `count_max` grapheme clusters, with an ellipsis; `None` if it is short enough.
pub(super) fn shorten(text: &str, count_max: usize) -> Option<String> {
    let (cut, _) = text.grapheme_indices(true).nth(count_max)?;
    let head = text.get(..cut).unwrap_or(text);
    let whole_words = head.rfind(' ').filter(|at| *at > cut / 2).unwrap_or(head.len());
    let head = head.get(..whole_words).unwrap_or(head);
    Some(format!("{}…", head.trim_end_matches([' ', ',', ';', ':', '.', '-', '–', '—'])))
}

impl Paragraph {
    /// Shapes `text`. A word wider than `word_max` ems is split into pieces that fit.
    pub(super) fn shape(library: &Library, style: Style, text: &str, word_max: f32) -> Self {
        let text = if style.uppercase { text.to_uppercase() } else { text.to_owned() };
        let mut dropped = Vec::new();
        let mut words = Vec::new();
        for word in text.split_whitespace() {
            let pieces = drawable(library, style.face, word, &mut dropped);
            if pieces.is_empty() {
                continue;
            }
            let shaped = shape_word(library, style, &pieces);
            let clings = CLINGING.contains(&word.to_lowercase().as_str());
            if shaped.width <= word_max {
                words.push(Word { clings, ..shaped });
            } else {
                words.extend(split_word(library, style, &pieces, word_max));
            }
        }
        let space = library.shape(style.face, " ", style.tracking).width;
        let cap_height = library.cap_height(style.face);
        Self { words, space, cap_height, leading: style.leading, dropped }
    }

    /// Whether nothing is left to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Breaks and sizes the paragraph so that it is as large as `room` allows, its lines balanced.
    pub(super) fn fit(&self, room: Room) -> Setting {
        let mut best: Option<(f32, f32, Vec<Range<usize>>)> = None;
        let count_max = self.words.len().clamp(1, 14);
        for count in 1..=count_max {
            let lines = self.break_into(count);
            let widest = lines.iter().map(|line| self.width(line)).fold(0.01, f32::max);
            let size = (room.width / widest).min(room.height / self.height(lines.len())).min(room.size_max);
            // One line more has to buy a visible gain in size, above all if lines of single words are the price.
            let calm = if self.words.len() > 4 && count * 3 > self.words.len() * 2 { 0.75 } else { 1.0 };
            let merit = size * (1.0 - 0.012 * ems(count)) * calm * self.shape_merit(&lines, widest);
            if best.as_ref().is_none_or(|(top, ..)| merit > *top) {
                best = Some((merit, size, lines));
            }
        }
        match best {
            Some((_, size, lines)) if size >= room.size_min => self.setting(size, &lines),
            // Too much text for the room: keep it legible and inside the width, and let the height show the trouble.
            _ => self.set(room.size_min, room.width, 40).0,
        }
    }

    /// Breaks the paragraph at a fixed size into as few lines as fit `width`, at most `lines_max`, balanced; words that
    /// do not fit are left out and the flag is false.
    pub(super) fn set(&self, size: f32, width: f32, lines_max: usize) -> (Setting, bool) {
        for count in 1..=lines_max {
            let lines = self.break_into(count);
            if lines.iter().all(|line| self.width(line) * size <= width + 0.5) {
                return (self.setting(size, &lines), true);
            }
        }
        let mut lines = self.break_greedily(width / size);
        lines.truncate(lines_max);
        (self.setting(size, &lines), false)
    }

    fn setting(&self, size: f32, ranges: &[Range<usize>]) -> Setting {
        let lines: Vec<_> = ranges.iter().map(|range| self.line(range, size)).collect();
        Setting {
            size,
            height: self.height(lines.len()) * size,
            leading: self.leading * size,
            cap_height: self.cap_height * size,
            lines,
        }
    }

    fn line(&self, range: &Range<usize>, size: f32) -> Line {
        let (mut x, mut runs) = (0.0, Vec::new());
        for word in self.words.get(range.clone()).unwrap_or_default() {
            for run in &word.runs {
                runs.push((x, run.clone()));
                x += run.width;
            }
            x += self.space;
        }
        Line { runs, width: (x - self.space).max(0.0) * size }
    }

    /// From the top of the first capitals to a little under the last baseline, in ems.
    fn height(&self, lines: usize) -> f32 {
        self.cap_height + ems(lines.saturating_sub(1)) * self.leading
    }

    /// Width of a line in ems.
    fn width(&self, line: &Range<usize>) -> f32 {
        let words = self.words.get(line.clone()).unwrap_or_default();
        words.iter().map(|word| word.width).sum::<f32>() + ems(words.len().saturating_sub(1)) * self.space
    }

    /// Below 1 for a setting whose lines differ much in width or that ends with a lone short word.
    fn shape_merit(&self, lines: &[Range<usize>], widest: f32) -> f32 {
        let shortest = lines.iter().map(|line| self.width(line)).fold(widest, f32::min);
        let widow =
            lines.len() > 1 && lines.last().is_some_and(|line| line.len() == 1 && self.width(line) < widest * 0.4);
        (0.82 + 0.18 * shortest / widest) * if widow { 0.75 } else { 1.0 }
    }

    /// The most even break into exactly `count` lines (or as many as there are words): dynamic programming over the
    /// sum of squared widths, which, the total being given, is least when the lines are equal; breaks after clinging
    /// words and lone last words cost extra.
    fn break_into(&self, count: usize) -> Vec<Range<usize>> {
        let total = self.words.len();
        let count = count.min(total).max(1);
        let mean = self.width(&(0..total)) / ems(count);
        // cost[n] is the least cost of setting the first n words in the lines so far; from[line][n] where that line began.
        let mut cost: Vec<f32> = (0..=total).map(|n| if n == 0 { 0.0 } else { f32::INFINITY }).collect();
        let mut from: Vec<Vec<usize>> = Vec::with_capacity(count);
        for line in 1..=count {
            let mut next = vec![f32::INFINITY; total + 1];
            let mut began = vec![0; total + 1];
            let ends = if line == count { total..=total } else { line..=total };
            for end in ends {
                for start in (line - 1)..end {
                    let so_far = cost.get(start).copied().unwrap_or(f32::INFINITY);
                    let sum = so_far + self.line_cost(&(start..end), mean, line == count && line > 1);
                    if let (Some(slot), Some(origin)) = (next.get_mut(end), began.get_mut(end))
                        && sum < *slot
                    {
                        *slot = sum;
                        *origin = start;
                    }
                }
            }
            cost = next;
            from.push(began);
        }
        let mut lines = Vec::with_capacity(count);
        let mut end = total;
        for began in from.iter().rev() {
            let start = began.get(end).copied().unwrap_or(0);
            lines.push(start..end);
            end = start;
        }
        lines.reverse();
        lines
    }

    fn line_cost(&self, line: &Range<usize>, mean: f32, last: bool) -> f32 {
        let width = self.width(line);
        let clings =
            !last && line.end < self.words.len() && self.words.get(line.end - 1).is_some_and(|word| word.clings);
        let lone = line.len() == 1 && width < mean * 0.6;
        let cost =
            if clings { 0.05 } else { 0.0 } + if lone { 0.12 } else { 0.0 } + if lone && last { 0.3 } else { 0.0 };
        (width - mean).powi(2) + mean.powi(2) * cost
    }

    fn break_greedily(&self, width: f32) -> Vec<Range<usize>> {
        let mut lines = Vec::new();
        let mut start = 0;
        for end in 1..=self.words.len() {
            if end - start > 1 && self.width(&(start..end)) > width {
                lines.push(start..end - 1);
                start = end - 1;
            }
        }
        if start < self.words.len() {
            lines.push(start..self.words.len());
        }
        lines
    }
}

/// A small count as a number to calculate with.
fn ems(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}

/// The clusters of `word` that can be drawn, each with its face; the others are noted in `dropped`.
fn drawable<'w>(library: &Library, face: FaceId, word: &'w str, dropped: &mut Vec<String>) -> Vec<(FaceId, &'w str)> {
    let mut pieces = Vec::new();
    for cluster in word.graphemes(true) {
        let face = if cluster.chars().any(is_right_to_left) { None } else { library.face_for(face, cluster) };
        match face {
            Some(face) => pieces.push((face, cluster)),
            None if dropped.iter().any(|known| known == cluster) => {}
            None => dropped.push(cluster.to_owned()),
        }
    }
    pieces
}

/// Hebrew, Arabic and their neighbours: set left to right they would be unreadable, so they are not drawn.
fn is_right_to_left(ch: char) -> bool {
    matches!(ch, '\u{0590}'..='\u{08FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' | '\u{10800}'..='\u{10FFF}'
        | '\u{1E800}'..='\u{1EFFF}')
}

fn shape_word(library: &Library, style: Style, pieces: &[(FaceId, &str)]) -> Word {
    let mut runs = Vec::new();
    for same_face in pieces.chunk_by(|a, b| a.0 == b.0) {
        let text: String = same_face.iter().map(|(_, cluster)| *cluster).collect();
        let face = same_face.first().map_or(style.face, |(face, _)| *face);
        runs.push(library.shape(face, &text, style.tracking));
    }
    let width = runs.iter().map(|run| run.width).sum();
    Word { runs, width, clings: false }
}

/// A word that is too wide (a URL, a name without spaces, a script without them) in pieces of at most `word_max` ems.
fn split_word(library: &Library, style: Style, pieces: &[(FaceId, &str)], word_max: f32) -> Vec<Word> {
    let whole = shape_word(library, style, pieces).width;
    let mut parts = 1;
    while whole / ems(parts) > word_max * 0.92 && parts < pieces.len() {
        parts += 1;
    }
    pieces.chunks(pieces.len().div_ceil(parts)).map(|part| shape_word(library, style, part)).collect()
}

#[cfg(test)]
mod tests;
