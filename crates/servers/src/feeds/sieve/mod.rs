//! The sieve: lets through of an XML feed only what we read, in one plain shape, before the feed parser sees it.
//!
//! Real feeds are wild (versions that nobody registered, wrong namespaces, markup inside of titles, cut transfers) and
//! some are hostile (entity bombs, a million attributes, endless nesting). The sieve reads the text once, in constant
//! stack space, and writes RSS 2.0 or Atom with the known elements only. So the parser behind it meets no author lines,
//! media durations or other corners that it might stumble over, and never a DTD.
//!
//! Entities that a DTD declares are not expanded: the reference stays in the text as written. External entities and
//! style sheets are never fetched, for nothing here can fetch.

mod fields;
mod reference;
mod writer;

use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

use self::fields::{Field, Level, Vocabulary, field};
use self::writer::Writer;
use super::error::Found;
use super::source::clip;

/// Deepest nesting followed. Real feeds stay under 30, even with XHTML inside.
const DEPTH_MAX: usize = 256;
/// Most items read of one feed; the newest of them are given.
pub(super) const ITEMS_READ_MAX: usize = 20_000;
/// Most text kept of one field, bytes.
const FIELD_BYTES_MAX: usize = 262_144;
/// Most attributes looked at on one element.
const ATTRIBUTES_MAX: usize = 64;

/// What came through.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sifted {
    /// RSS 2.0 or Atom.
    pub(super) xml: String,
    /// What was left out, one line each.
    pub(super) warnings: Vec<String>,
}

/// Which family of feeds a document belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Rss,
    Atom,
}

/// Where an open element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `<rss>` or `<rdf:RDF>`.
    Root,
    /// `<channel>` or Atom's `<feed>`.
    Feed,
    /// `<item>` or `<entry>`.
    Item,
    /// `<media:group>`, which is looked through.
    Group,
    /// An element whose text is wanted.
    Field,
    /// Markup inside of a field.
    Markup,
    /// Anything else, with all that is in it.
    Other,
}

/// Sifts a decoded document.
pub(super) fn sift(text: &str) -> Result<Sifted, Found> {
    let mut reader = NsReader::from_str(text);
    let config = reader.config_mut();
    config.expand_empty_elements = true;
    config.trim_markup_names_in_closing_tags = true;
    config.allow_dangling_amp = true;
    let mut sieve = Sieve::default();
    let trouble = loop {
        let event = match reader.read_resolved_event() {
            Ok((namespace, event)) => sieve.take(&namespace, event),
            Err(error) => break Some(clip(&error.to_string())),
        };
        match event {
            Ok(true) => {}
            Ok(false) => break sieve.unclosed(),
            Err(refused) => return Err(refused),
        }
    };
    let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX).min(text.len());
    let line = 1 + text.as_bytes().get(..at).unwrap_or_default().iter().filter(|b| **b == b'\n').count();
    sieve.finish(trouble.map(|why| (line, why)))
}

#[derive(Default)]
struct Sieve {
    family: Option<Family>,
    stack: Vec<Place>,
    open: Option<Field>,
    writer: Writer,
    items: usize,
    dtd_entities: bool,
}

impl Sieve {
    /// Takes one event; `false` at the end.
    fn take(&mut self, namespace: &ResolveResult<'_>, event: Event<'_>) -> Result<bool, Found> {
        match event {
            Event::Start(tag) => self.start(namespace, &tag)?,
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text),
            Event::CData(text) => self.text(&text),
            Event::GeneralRef(name) if self.open.is_some() => self.text(&reference::resolve(&name)),
            Event::DocType(doctype) => self.dtd_entities |= doctype.to_ascii_uppercase().contains("<!ENTITY"),
            Event::Eof => return Ok(false),
            _ => {}
        }
        Ok(true)
    }

    fn start(&mut self, namespace: &ResolveResult<'_>, tag: &BytesStart<'_>) -> Result<(), Found> {
        if self.stack.len() >= DEPTH_MAX {
            return Err(Found::Hostile { why: "nests its elements more than 256 deep" });
        }
        let name = tag.local_name();
        let name = name.as_ref();
        let words = Vocabulary::of(namespace, tag.name().prefix().is_some(), self.family == Some(Family::Atom));
        let core = words == Vocabulary::Core;
        let place = match (self.stack.last(), self.family) {
            (None, _) => self.root(name, tag)?,
            (Some(Place::Root), _) if name == "channel" && core => Place::Feed,
            (Some(Place::Root | Place::Feed), Some(Family::Rss)) if name == "item" && core => self.item(tag),
            (Some(Place::Feed), Some(Family::Atom)) if name == "entry" && core => self.item(tag),
            (Some(Place::Feed), Some(family)) => self.field(family, Level::Feed, words, name, tag),
            (Some(Place::Item), Some(_)) if words == Vocabulary::Media && name == "group" => Place::Group,
            (Some(Place::Item | Place::Group), Some(family)) => self.field(family, Level::Item, words, name, tag),
            (Some(Place::Field | Place::Markup), _) => {
                if let Some(field) = &mut self.open {
                    field.markup(name, false);
                }
                Place::Markup
            }
            _ => Place::Other,
        };
        self.stack.push(place);
        Ok(())
    }

    fn root(&mut self, name: &str, tag: &BytesStart<'_>) -> Result<Place, Found> {
        // A second root can only come after a whole first one; whatever it is, it is not read.
        if self.family.is_some() {
            return Ok(Place::Other);
        }
        let (family, place) = match name.to_ascii_lowercase().as_str() {
            "rss" | "rdf" => (Family::Rss, Place::Root),
            "feed" => (Family::Atom, Place::Feed),
            "entry" => (Family::Atom, Place::Item),
            _ => return Err(Found::Xml { root: clip(name) }),
        };
        self.family = Some(family);
        self.writer.begin(family, attribute(tag, "xml:base"), attribute(tag, "xml:lang"));
        if place == Place::Item {
            return Ok(self.item(tag));
        }
        Ok(place)
    }

    fn item(&mut self, tag: &BytesStart<'_>) -> Place {
        self.items += 1;
        if self.items > ITEMS_READ_MAX {
            return Place::Other;
        }
        self.writer.item_begin(attribute(tag, "xml:base"), attribute(tag, "rdf:about"));
        Place::Item
    }

    fn field(&mut self, family: Family, level: Level, words: Vocabulary, name: &str, tag: &BytesStart<'_>) -> Place {
        let get = |key: &str| attribute(tag, key);
        match field(family, level, words, name, &get, &self.writer) {
            Some(field) => {
                self.open = Some(field);
                Place::Field
            }
            None => Place::Other,
        }
    }

    fn text(&mut self, text: &str) {
        let Some(field) = &mut self.open else { return };
        let markup = self.stack.last() == Some(&Place::Markup);
        field.text(text, markup);
    }

    fn end(&mut self) {
        match self.stack.pop() {
            Some(Place::Field) => {
                if let Some(field) = self.open.take() {
                    let in_item = self.stack.contains(&Place::Item);
                    self.writer.field(&field, in_item);
                }
            }
            Some(Place::Markup) => {
                if let Some(field) = &mut self.open {
                    field.markup("", true);
                }
            }
            Some(Place::Item) => self.writer.item_end(),
            _ => {}
        }
    }

    fn unclosed(&self) -> Option<String> {
        match (self.family, self.stack.is_empty()) {
            (Some(_), false) => Some("it ends in the middle".to_owned()),
            _ => None,
        }
    }

    fn finish(self, trouble: Option<(usize, String)>) -> Result<Sifted, Found> {
        let mut warnings = Vec::new();
        if self.dtd_entities {
            warnings.push("the document declares its own entities; they were not expanded".to_owned());
        }
        if self.items > ITEMS_READ_MAX {
            warnings.push(format!("only the first {ITEMS_READ_MAX} of {} items were read", self.items));
        }
        if self.family.is_none() {
            let (line, why) = trouble.unwrap_or((1, "it has no element".to_owned()));
            return Err(Found::Damaged { line, why });
        }
        if let Some((line, why)) = trouble {
            if !self.writer.has_items() {
                return Err(Found::Damaged { line, why });
            }
            warnings.push(format!("the feed is damaged at line {line} ({why}); items after that were not read"));
        }
        Ok(Sifted { xml: self.writer.finish(), warnings })
    }
}

/// The value of an attribute, its references resolved, if the element has it among its first few.
fn attribute(tag: &BytesStart<'_>, key: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    // Looking for duplicates takes quadratic time, which a hostile element would use.
    attributes.with_checks(false);
    let found = attributes.take(ATTRIBUTES_MAX).filter_map(Result::ok).find(|a| a.key.as_ref() == key)?;
    Some(reference::resolve_all(&found.value))
}

#[cfg(test)]
mod tests;
