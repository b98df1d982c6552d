//! Turns what a feed wrote into plain text: markup goes, entities become characters, white space collapses.
//!
//! Nothing is hidden from whoever scans the text later: zero-width and bidirectional characters stay as they are, and a
//! control character, which a terminal might obey, becomes U+FFFD, so that it is seen and does nothing.

use super::markup::{Piece, Pieces};

/// What a control character becomes.
const VISIBLE: char = '\u{FFFD}';
/// Marks a text that was cut.
const CUT: char = '…';

/// How a text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Everything on one line, as a headline.
    Line,
    /// Paragraphs on lines of their own.
    Paragraphs,
}

/// The text of an HTML fragment, at most `limit` characters; scripts, styles, frames and comments are left out.
pub(super) fn from_html(html: &str, layout: Layout, limit: usize) -> String {
    let mut flow = Flow::new(layout, limit);
    let mut pieces = Pieces::new(html);
    while let Some(piece) = pieces.next() {
        match piece {
            Piece::Text(text) => flow.push(&htmlize::unescape(text)),
            Piece::Start(tag) => {
                flow.gap(gap_of(tag.name));
                if is_code(tag.name) && !tag.closed {
                    pieces.skip_to_end(tag.name);
                }
            }
            Piece::End(name) => flow.gap(gap_of(name)),
            Piece::Declaration(_) | Piece::Aside => {}
        }
        if flow.full() {
            break;
        }
    }
    flow.finish()
}

/// A text that has no markup, at most `limit` characters.
pub(super) fn from_text(text: &str, layout: Layout, limit: usize) -> String {
    let mut flow = Flow::new(layout, limit);
    for (nth, paragraph) in text.split("\n\n").enumerate() {
        if nth > 0 {
            flow.gap(Gap::Line);
        }
        flow.push(paragraph);
        if flow.full() {
            break;
        }
    }
    flow.finish()
}

/// What stands between two pieces of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
}

/// Elements whose text is code or a stand-in, not prose.
const CODE: [&str; 8] = ["script", "style", "iframe", "noframes", "noembed", "noscript", "template", "object"];
/// Elements that begin and end a line.
const BLOCKS: [&str; 33] = [
    "p",
    "div",
    "br",
    "li",
    "ul",
    "ol",
    "dl",
    "dt",
    "dd",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "tr",
    "table",
    "blockquote",
    "pre",
    "section",
    "article",
    "header",
    "footer",
    "hr",
    "figure",
    "figcaption",
    "aside",
    "main",
    "nav",
    "address",
    "form",
    "fieldset",
    "title",
];
/// Elements that only keep words apart.
const SPACERS: [&str; 4] = ["td", "th", "img", "option"];

fn is_among(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn is_code(name: &str) -> bool {
    is_among(name, &CODE)
}

fn gap_of(name: &str) -> Gap {
    if is_among(name, &BLOCKS) {
        Gap::Line
    } else if is_among(name, &SPACERS) {
        Gap::Space
    } else {
        Gap::None
    }
}

/// Collects text up to a limit, with at most one gap between two words.
struct Flow {
    out: String,
    count: usize,
    limit: usize,
    layout: Layout,
    pending: Gap,
    cut: bool,
}

impl Flow {
    fn new(layout: Layout, limit: usize) -> Self {
        Self { out: String::new(), count: 0, limit, layout, pending: Gap::None, cut: false }
    }

    fn full(&self) -> bool {
        self.cut
    }

    fn gap(&mut self, gap: Gap) {
        self.pending = self.pending.max(gap);
    }

    fn push(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() {
                self.gap(Gap::Space);
                continue;
            }
            if self.count > 0 {
                match (self.pending, self.layout) {
                    (Gap::None, _) => {}
                    (Gap::Line, Layout::Paragraphs) => self.put('\n'),
                    _ => self.put(' '),
                }
            }
            self.pending = Gap::None;
            self.put(if c.is_control() { VISIBLE } else { c });
            if self.cut {
                return;
            }
        }
    }

    fn put(&mut self, c: char) {
        if self.count < self.limit {
            self.out.push(c);
            self.count += 1;
        } else {
            self.cut = true;
        }
    }

    fn finish(mut self) -> String {
        if self.cut {
            self.out.pop();
            let kept = self.out.trim_end().len();
            self.out.truncate(kept);
            self.out.push(CUT);
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        from_html(text, Layout::Paragraphs, 1_000)
    }

    #[test]
    fn markup_goes_and_words_stay_apart() {
        assert_eq!(html("<p>One <b>bold</b>\n move</p><p>Two</p>"), "One bold move\nTwo");
        assert_eq!(html("a<br>b<td>c</td>d"), "a\nb c d");
        assert_eq!(html("5 < 6 & 7 > 3"), "5 < 6 & 7 > 3");
    }

    #[test]
    fn entities_become_characters_once() {
        assert_eq!(
            html("caf&eacute;&nbsp;&amp;&nbsp;bar &#8212; &#x1F600; &amp;lt;b&amp;gt;"),
            "café & bar — 😀 &lt;b&gt;"
        );
    }

    #[test]
    fn code_and_comments_are_left_out() {
        assert_eq!(
            html("a<SCRIPT>if (x<y) alert('<p>x</p>')</script><style>p{}</style><!-- hidden -->b<iframe>c</iframe>"),
            "ab"
        );
    }

    #[test]
    fn what_could_hide_stays_and_what_could_act_is_shown() {
        assert_eq!(
            html("zero\u{200B}width \u{202E}bidi \u{1b}[31mred &#7;"),
            "zero\u{200B}width \u{202E}bidi \u{FFFD}[31mred \u{FFFD}"
        );
    }

    #[test]
    fn a_long_text_is_cut_at_the_limit() {
        let cut = from_html(&"wörd ".repeat(50), Layout::Line, 12);
        assert_eq!(cut, "wörd wörd w…");
        assert_eq!(cut.chars().count(), 12);
        assert_eq!(from_text("exactly ten", Layout::Line, 11), "exactly ten");
    }

    #[test]
    fn plain_text_keeps_its_angle_brackets_and_paragraphs() {
        assert_eq!(from_text("Use <b>\nhere\n\n\nThen &amp;", Layout::Paragraphs, 100), "Use <b> here\nThen &amp;");
        assert_eq!(from_text("a\n\nb", Layout::Line, 100), "a b");
    }
}
