//! Writes the plain feed that comes out of the sieve.

use std::borrow::Cow;

use quick_xml::escape::escape;
use url::Url;

use super::Family;
use super::fields::{Field, Kind};
use crate::feeds::date;

/// The feed as written so far.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: String,
    family: Option<Family>,
    /// The fields of the present item, for those that stand only when nothing better does.
    written: Vec<&'static str>,
    items: usize,
    /// Up to where the output is whole.
    whole: usize,
}

impl Writer {
    pub(super) fn begin(&mut self, family: Family, base: Option<String>, language: Option<String>) {
        self.family = Some(family);
        self.out.push_str(match family {
            Family::Rss => r#"<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/""#,
            Family::Atom => r#"<feed xmlns="http://www.w3.org/2005/Atom""#,
        });
        self.base(base);
        if let Some(language) = language {
            self.attribute("xml:lang", &language);
        }
        self.out.push('>');
        if family == Family::Rss {
            self.out.push_str("<channel>");
        }
        self.whole = self.out.len();
    }

    pub(super) fn item_begin(&mut self, base: Option<String>, about: Option<String>) {
        self.written.clear();
        self.out.push('<');
        self.out.push_str(self.item_name());
        self.base(base);
        self.out.push('>');
        // RSS 1.0 names its items this way; a <guid> in the item comes later and wins.
        if let (Some(Family::Rss), Some(about)) = (self.family, about) {
            self.out.extend(["<guid>", &escape(&about), "</guid>"]);
        }
    }

    pub(super) fn item_end(&mut self) {
        let name = self.item_name();
        self.out.extend(["</", name, ">"]);
        self.items += 1;
        self.written.clear();
        self.whole = self.out.len();
    }

    pub(super) fn field(&mut self, field: &Field, in_item: bool) {
        let empty = field.content.trim().is_empty() && field.attributes.is_empty();
        if empty || (field.fallback && self.has(field.name)) {
            return;
        }
        self.written.push(field.name);
        self.out.extend(["<", field.name]);
        for (key, value) in &field.attributes {
            self.attribute(key, value);
        }
        if self.family == Some(Family::Atom) && matches!(field.kind, Kind::Prose | Kind::Xhtml) {
            self.attribute("type", "html");
        }
        let content = match field.kind {
            Kind::Date => date::complete(&field.content),
            _ => Cow::Borrowed(&*field.content),
        };
        self.out.extend([">", &escape(content), "</", field.name, ">"]);
        if !in_item {
            self.whole = self.out.len();
        }
    }

    /// Whether the present item has a field of this name already.
    pub(super) fn has(&self, name: &str) -> bool {
        self.written.contains(&name)
    }

    pub(super) fn has_items(&self) -> bool {
        self.items > 0
    }

    /// Closes the feed after its last whole item.
    pub(super) fn finish(mut self) -> String {
        self.out.truncate(self.whole);
        self.out.push_str(match self.family {
            Some(Family::Atom) => "</feed>",
            _ => "</channel></rss>",
        });
        self.out
    }

    fn item_name(&self) -> &'static str {
        if self.family == Some(Family::Atom) { "entry" } else { "item" }
    }

    /// Passes a base address on, unless it is one that the parser would refuse the whole feed for.
    fn base(&mut self, base: Option<String>) {
        let Some(base) = base else { return };
        if matches!(Url::parse(&base), Ok(_) | Err(url::ParseError::RelativeUrlWithoutBase)) {
            self.attribute("xml:base", &base);
        }
    }

    fn attribute(&mut self, key: &str, value: &str) {
        self.out.extend([" ", key, "=\"", &escape(value), "\""]);
    }
}
