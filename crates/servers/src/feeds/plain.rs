//! Turns what a feed wrote into plain text: markup goes, entities become characters, white space collapses.
//!
//! Nothing is hidden from whoever scans the text later: zero-width and bidirectional characters stay as they are, and a
//! control character, which a terminal might obey, becomes U+FFFD, so that it is seen and does nothing.

use html5gum::{DefaultEmitter, Token, Tokenizer};

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
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut flow = Flow::new(layout, limit);
    // The element whose text is code, not prose, while inside one.
    let mut code: Option<Vec<u8>> = None;
    for token in Tokenizer::new_with_emitter(html, emitter) {
        let Ok(token) = token;
        match token {
            Token::String(text) if code.is_none() => flow.push(&String::from_utf8_lossy(&text)),
            Token::StartTag(tag) => {
                if code.is_none() && !tag.self_closing && is_code(&tag.name) {
                    code = Some(tag.name.to_vec());
                }
                flow.gap(gap_of(&tag.name));
            }
            Token::EndTag(tag) => {
                if code.as_deref() == Some(&**tag.name) {
                    code = None;
                }
                flow.gap(gap_of(&tag.name));
            }
            _ => {}
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

/// The character that a named HTML entity stands for, without `&` and `;`.
pub(super) fn entity(name: &str) -> Option<String> {
    // No entity of HTML has a longer name; a longer one need not be looked up.
    const LONGEST: usize = 32;
    if name.len() > LONGEST || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let raw = format!("&{name};");
    let text: String = Tokenizer::new(raw.as_str())
        .filter_map(|token| match token {
            Ok(Token::String(text)) => Some(String::from_utf8_lossy(&text).into_owned()),
            _ => None,
        })
        .collect();
    (text != raw).then_some(text)
}

/// What stands between two pieces of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
}

fn is_code(name: &[u8]) -> bool {
    matches!(name, b"script" | b"style" | b"iframe" | b"noframes" | b"noembed" | b"noscript" | b"template" | b"object")
}

fn gap_of(name: &[u8]) -> Gap {
    match name {
        b"p" | b"div" | b"br" | b"li" | b"ul" | b"ol" | b"dl" | b"dt" | b"dd" | b"h1" | b"h2" | b"h3" | b"h4"
        | b"h5" | b"h6" | b"tr" | b"table" | b"blockquote" | b"pre" | b"section" | b"article" | b"header"
        | b"footer" | b"hr" | b"figure" | b"figcaption" | b"aside" | b"main" | b"nav" => Gap::Line,
        b"td" | b"th" | b"img" | b"option" => Gap::Space,
        _ => Gap::None,
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
        assert_eq!(html("caf&eacute;&nbsp;&amp;&nbsp;bar &#8212; &#x1F600; &amp;lt;b&amp;gt;"), "café & bar — 😀 &lt;b&gt;");
    }

    #[test]
    fn code_and_comments_are_left_out() {
        assert_eq!(html("a<script>alert('<p>x</p>')</script><style>p{}</style><!-- hidden -->b<iframe>c</iframe>"), "ab");
    }

    #[test]
    fn what_could_hide_stays_and_what_could_act_is_shown() {
        assert_eq!(html("zero\u{200B}width \u{202E}bidi \u{1b}[31mred &#7;"), "zero\u{200B}width \u{202E}bidi \u{FFFD}[31mred \u{FFFD}");
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

    #[test]
    fn an_entity_is_known_by_its_name() {
        assert_eq!(entity("nbsp").as_deref(), Some("\u{a0}"));
        assert_eq!(entity("lol9"), None);
        assert_eq!(entity("amp;lt"), None);
    }
}
