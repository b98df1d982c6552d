//! Cuts HTML into text and tags, in one pass, in constant stack space and in linear time, whatever the input.
//!
//! It knows where tags begin and end, not what they mean: enough to take text out of a summary or the links out of a
//! page's head. A whole HTML parser would build what nobody asks for, and those tried recurse by attribute or compare each
//! attribute with every other, which a hostile feed turns into a stack overflow or an hour.

use std::borrow::Cow;

/// How far a tag's end is looked for behind its quotes; beyond, the quotes are taken for broken.
const QUOTED_BYTES_MAX: usize = 8_192;
/// Most attributes looked at of one tag.
const ATTRIBUTES_MAX: usize = 64;

/// One piece of HTML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Characters, references still in them.
    Text(&'a str),
    /// `<name attributes>`.
    Start(Tag<'a>),
    /// `</name>`.
    End(&'a str),
    /// `<!...>` without its brackets, comments excepted.
    Declaration(&'a str),
    /// A comment or a processing instruction.
    Aside,
}

/// A start tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// Its name as written.
    pub(super) name: &'a str,
    /// Whether it ends with a slash.
    pub(super) closed: bool,
    attributes: &'a str,
}

impl<'a> Tag<'a> {
    /// The value of an attribute, references resolved.
    pub(super) fn attribute(&self, key: &str) -> Option<Cow<'a, str>> {
        let mut rest = self.attributes;
        for _ in 0..ATTRIBUTES_MAX {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            let name_end = rest.find(|c: char| c.is_ascii_whitespace() || c == '=' || c == '/').unwrap_or(rest.len());
            let (name, tail) = rest.split_at_checked(name_end).filter(|(name, _)| !name.is_empty())?;
            let tail = tail.trim_start();
            let (value, tail) = match tail.strip_prefix('=') {
                Some(tail) => value(tail.trim_start()),
                None => ("", tail),
            };
            if name.eq_ignore_ascii_case(key) {
                return Some(htmlize::unescape_attribute(value));
            }
            rest = tail;
        }
        None
    }
}

fn value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split_once(quote).unwrap_or((inner, ""));
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Cuts a text into pieces.
pub(super) struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(html: &'a str) -> Self {
        Self { rest: html }
    }

    /// Skips everything up to the end tag of this name, which comes next; to the end when there is none.
    pub(super) fn skip_to_end(&mut self, name: &str) {
        let mut from = 0;
        while let Some(found) = self.rest.get(from..).and_then(|rest| rest.find("</")) {
            let at = from + found;
            let tail = self.rest.get(at + 2..).unwrap_or_default();
            if tail.get(..name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name)) {
                self.rest = self.rest.get(at..).unwrap_or_default();
                return;
            }
            from = at + 2;
        }
        self.rest = "";
    }

    /// Takes `length` bytes off the front.
    fn take(&mut self, length: usize) -> &'a str {
        let (piece, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        piece
    }

    /// Takes everything up to and with `end`, or all there is; gives what lies before `end` and behind `skip` bytes.
    fn take_past(&mut self, skip: usize, end: &str) -> &'a str {
        let body = self.rest.get(skip..).unwrap_or_default();
        let (body, rest) = body.split_once(end).unwrap_or((body, ""));
        self.rest = rest;
        body
    }

    fn tag(&mut self) -> Option<Piece<'a>> {
        let tail = self.rest.strip_prefix('<')?;
        if let Some(tail) = tail.strip_prefix('/') {
            tail.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(())?;
            let inside = self.take_past(2, ">");
            return Some(Piece::End(name_of(inside)));
        }
        if tail.starts_with("!--") {
            self.take_past(4, "-->");
            return Some(Piece::Aside);
        }
        if tail.starts_with("![CDATA[") {
            return Some(Piece::Text(self.take_past(9, "]]>")));
        }
        if tail.starts_with('!') {
            return Some(Piece::Declaration(self.take_past(2, ">")));
        }
        if tail.starts_with('?') {
            self.take_past(2, ">");
            return Some(Piece::Aside);
        }
        tail.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(())?;
        let Some(end) = quoted_end(tail).or_else(|| tail.find('>')) else {
            // A tag that never ends takes the rest with it.
            self.rest = "";
            return Some(Piece::Aside);
        };
        let inside = tail.get(..end).unwrap_or_default();
        self.take(end + 2);
        let name = name_of(inside);
        let attributes = inside.get(name.len()..).unwrap_or_default();
        Some(Piece::Start(Tag { name, closed: attributes.ends_with('/'), attributes }))
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        if let Some(piece) = self.tag() {
            return Some(piece);
        }
        // A bracket that begins no tag is text.
        let after = usize::from(self.rest.starts_with('<'));
        let found = self.rest.get(after..).and_then(|rest| rest.find('<'));
        let length = found.map_or(self.rest.len(), |at| at + after);
        Some(Piece::Text(self.take(length)))
    }
}

fn name_of(inside: &str) -> &str {
    let end = inside.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(inside.len());
    inside.get(..end).unwrap_or_default()
}

/// Where the `>` is that ends a tag, those in quoted values not counted.
fn quoted_end(tail: &str) -> Option<usize> {
    let (mut quote, mut after_equals) = (None, false);
    for (at, byte) in tail.bytes().enumerate().take(QUOTED_BYTES_MAX) {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') if after_equals => quote = Some(byte),
            _ => {}
        }
        after_equals = byte == b'=' || (after_equals && byte.is_ascii_whitespace());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(html: &str) -> Vec<String> {
        Pieces::new(html)
            .map(|piece| match piece {
                Piece::Text(text) => text.to_owned(),
                Piece::Start(tag) => format!("+{}", tag.name),
                Piece::End(name) => format!("-{name}"),
                Piece::Declaration(text) => format!("!{text}"),
                Piece::Aside => "#".to_owned(),
            })
            .collect()
    }

    #[test]
    fn text_and_tags_are_told_apart() {
        assert_eq!(shape("a<b>c</b >d<br/>"), ["a", "+b", "c", "-b", "d", "+br"]);
        assert_eq!(shape("1 < 2 <3 </ 4 <"), ["1 ", "< 2 ", "<3 ", "</ 4 ", "<"]);
        assert_eq!(shape("<!doctype html><!-- <p> --><?php ?><![CDATA[x<y]]>"), ["!doctype html", "#", "#", "x<y"]);
        assert_eq!(shape("<a title='x>y' rel=\"a>b\">z"), ["+a", "z"]);
        assert_eq!(shape("<p don't>z<p>"), ["+p", "z", "+p"]);
    }

    #[test]
    fn broken_tags_lose_little() {
        assert_eq!(shape("<a href='x>text</a> more"), ["+a", "text", "-a", " more"]);
        assert_eq!(shape("words <a href"), ["words ", "#"]);
        assert_eq!(shape("words <!-- no end"), ["words ", "#"]);
    }

    #[test]
    fn attributes_are_found() {
        let Some(Piece::Start(tag)) = Pieces::new("<link REL = alternate href='/a?b&amp;c' x title=\"t\"/>").next()
        else {
            panic!("no tag");
        };
        assert_eq!(tag.attribute("rel").as_deref(), Some("alternate"));
        assert_eq!(tag.attribute("href").as_deref(), Some("/a?b&c"));
        assert_eq!(tag.attribute("x").as_deref(), Some(""));
        assert_eq!(tag.attribute("title").as_deref(), Some("t"));
        assert_eq!(tag.attribute("none"), None);
        assert!(tag.closed);
    }

    #[test]
    fn code_is_skipped_to_its_own_end() {
        let mut pieces = Pieces::new("if (a</b>) </p> </SCRIPT>after");
        pieces.skip_to_end("script");
        assert_eq!(pieces.next(), Some(Piece::End("SCRIPT")));
        assert_eq!(pieces.next(), Some(Piece::Text("after")));
    }
}
