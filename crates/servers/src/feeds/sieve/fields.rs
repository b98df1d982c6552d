//! Which elements are let through, and as what.

use quick_xml::escape::escape;
use quick_xml::name::{Namespace, ResolveResult};

use super::writer::Writer;
use super::{FIELD_BYTES_MAX, Family};

/// The vocabulary that an element's name belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// That of the feed itself.
    Core,
    /// Atom's, inside of RSS.
    Atom,
    /// `content:encoded`.
    Content,
    /// Dublin Core.
    DublinCore,
    /// Media RSS.
    Media,
    /// One we do not read.
    Foreign,
}

impl Vocabulary {
    /// By namespace, or by the customary prefix when the document forgot to declare it.
    pub(super) fn of(namespace: &ResolveResult<'_>, prefixed: bool, in_atom: bool) -> Self {
        let atom = if in_atom { Self::Core } else { Self::Atom };
        match namespace {
            ResolveResult::Unbound => Self::Core,
            ResolveResult::Bound(Namespace(uri)) => match *uri {
                "http://www.w3.org/2005/Atom" | "http://purl.org/atom/ns#" => atom,
                "http://purl.org/rss/1.0/" => Self::Core,
                "http://purl.org/rss/1.0/modules/content/" => Self::Content,
                "http://purl.org/dc/elements/1.1/" | "http://purl.org/dc/terms/" => Self::DublinCore,
                "http://search.yahoo.com/mrss/" | "http://search.yahoo.com/mrss" => Self::Media,
                // Without a prefix it is the feed's own vocabulary, under one of the many addresses that RSS has had.
                _ if !prefixed && is_feed_like(uri) => Self::Core,
                _ => Self::Foreign,
            },
            ResolveResult::Unknown(prefix) => match prefix.as_str() {
                "atom" => atom,
                "content" => Self::Content,
                "dc" | "dcterms" => Self::DublinCore,
                "media" => Self::Media,
                _ => Self::Foreign,
            },
        }
    }
}

fn is_feed_like(uri: &str) -> bool {
    let uri = uri.to_ascii_lowercase();
    ["rss", "atom", "netscape", "userland"].iter().any(|word| uri.contains(word))
}

/// Whether a field describes the feed or one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Feed,
    Item,
}

/// How the text of a field is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value such as a link.
    Value,
    /// A time.
    Date,
    /// Prose, which may be HTML.
    Prose,
    /// Atom prose that is plain text.
    Plain,
    /// Atom prose whose markup is XML.
    Xhtml,
}

/// An element being let through.
#[derive(Debug)]
pub(super) struct Field {
    /// The name it is written under.
    pub(super) name: &'static str,
    /// The attributes it is written with.
    pub(super) attributes: Vec<(&'static str, String)>,
    /// Its text so far.
    pub(super) content: String,
    /// How to understand it.
    pub(super) kind: Kind,
    /// Whether it stands only until something better comes, and not after.
    pub(super) fallback: bool,
    names: Vec<String>,
}

impl Field {
    fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, attributes: Vec::new(), content: String::new(), kind, fallback: false, names: Vec::new() }
    }

    fn with(mut self, key: &'static str, value: Option<String>) -> Self {
        self.attributes.extend(value.map(|value| (key, value)));
        self
    }

    fn fallback(mut self) -> Self {
        self.fallback = true;
        self
    }

    /// Adds text; inside of XML markup it is escaped again, because the whole will be read as HTML.
    pub(super) fn text(&mut self, text: &str, in_markup: bool) {
        if self.content.len() + text.len() > FIELD_BYTES_MAX {
            let room = FIELD_BYTES_MAX.saturating_sub(self.content.len());
            self.content.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
        } else if in_markup || self.kind == Kind::Xhtml {
            self.content.push_str(&escape(text));
        } else {
            self.content.push_str(text);
        }
    }

    /// Adds a start or end tag found inside of the field. A plain text that has one is not plain.
    pub(super) fn markup(&mut self, name: &str, end: bool) {
        if self.kind == Kind::Plain {
            self.content = escape(&self.content).into_owned();
            self.kind = Kind::Xhtml;
        }
        let (slash, name) = if end {
            ("/", self.names.pop().unwrap_or_default())
        } else {
            self.names.push(name.to_owned());
            ("", name.to_owned())
        };
        if !matches!(self.kind, Kind::Value | Kind::Date) && self.content.len() + name.len() < FIELD_BYTES_MAX {
            self.content.extend(["<", slash, &name, ">"]);
        }
    }
}

/// The field that an element is, if it is one we read; `get` gives its attributes.
pub(super) fn field(
    family: Family,
    level: Level,
    words: Vocabulary,
    name: &str,
    get: &dyn Fn(&str) -> Option<String>,
    writer: &Writer,
) -> Option<Field> {
    let field = match (family, level) {
        (_, Level::Item) if words == Vocabulary::Media => media(family, name),
        (Family::Rss, Level::Feed) => rss_feed(words, name),
        (Family::Rss, Level::Item) => rss_item(words, name, get),
        (Family::Atom, Level::Feed) if words == Vocabulary::Core => atom_feed(name, get),
        (Family::Atom, Level::Item) if words == Vocabulary::Core => atom_item(name, get),
        (Family::Atom, Level::Item) if words == Vocabulary::DublinCore => match name {
            "date" => Some(Field::new("published", Kind::Date).fallback()),
            _ => None,
        },
        (Family::Atom, _) => None,
    }?;
    (!field.fallback || !writer.has(field.name)).then_some(field)
}

fn rss_feed(words: Vocabulary, name: &str) -> Option<Field> {
    match (words, name) {
        (Vocabulary::Core, "title") => Some(Field::new("title", Kind::Prose)),
        (Vocabulary::Core, "link") => Some(Field::new("link", Kind::Value)),
        (Vocabulary::Core | Vocabulary::DublinCore, "language") => Some(Field::new("language", Kind::Value)),
        _ => None,
    }
}

fn rss_item(words: Vocabulary, name: &str, get: &dyn Fn(&str) -> Option<String>) -> Option<Field> {
    match (words, name) {
        (Vocabulary::Core, "title") => Some(Field::new("title", Kind::Prose)),
        (Vocabulary::DublinCore, "title") => Some(Field::new("title", Kind::Prose).fallback()),
        (Vocabulary::Core, "link") => Some(Field::new("link", Kind::Value)),
        (Vocabulary::Atom, "link") => link(get).map(|href| {
            let mut field = Field::new("link", Kind::Value).fallback();
            field.content = href;
            field
        }),
        (Vocabulary::Core, "guid") | (Vocabulary::Atom, "id") => Some(Field::new("guid", Kind::Value)),
        (Vocabulary::Core, "description") => Some(Field::new("description", Kind::Prose)),
        (Vocabulary::DublinCore, "description") | (Vocabulary::Atom, "summary") => {
            Some(Field::new("description", Kind::Prose).fallback())
        }
        (Vocabulary::Content, "encoded") => Some(Field::new("content:encoded", Kind::Prose)),
        (Vocabulary::Atom, "content") => Some(Field::new("content:encoded", Kind::Prose).fallback()),
        (Vocabulary::Core, "pubDate") => Some(Field::new("pubDate", Kind::Date)),
        // As `updated`, these are read when there is no `pubDate` or it cannot be understood.
        (Vocabulary::DublinCore, "date" | "created" | "issued") | (Vocabulary::Atom, "published") => {
            Some(Field::new("updated", Kind::Date).fallback())
        }
        (Vocabulary::Core | Vocabulary::Atom, "updated") => Some(Field::new("updated", Kind::Date)),
        (Vocabulary::Core, "category") | (Vocabulary::DublinCore, "subject") => {
            Some(Field::new("category", Kind::Value))
        }
        _ => None,
    }
}

fn atom_feed(name: &str, get: &dyn Fn(&str) -> Option<String>) -> Option<Field> {
    match name {
        "title" => Some(prose("title", get)),
        "link" => Some(Field::new("link", Kind::Value).with("href", get("href")).with("rel", get("rel"))),
        _ => None,
    }
}

fn atom_item(name: &str, get: &dyn Fn(&str) -> Option<String>) -> Option<Field> {
    match name {
        "id" => Some(Field::new("id", Kind::Value)),
        "title" => Some(prose("title", get)),
        "summary" => Some(prose("summary", get)),
        // With `src` the content is elsewhere; of other types it is a picture or a program.
        "content" if get("src").is_none() && is_text(get("type").as_deref()) => {
            Some(prose("content", get).with("xml:lang", get("xml:lang")))
        }
        "link" => Some(Field::new("link", Kind::Value).with("href", get("href")).with("rel", get("rel"))),
        "published" | "pubDate" => Some(Field::new("published", Kind::Date)),
        // The words of Atom 0.3.
        "issued" | "created" => Some(Field::new("published", Kind::Date).fallback()),
        "updated" => Some(Field::new("updated", Kind::Date)),
        "modified" => Some(Field::new("updated", Kind::Date).fallback()),
        "category" => Some(
            Field::new("category", Kind::Value).with("term", get("term").or(get("label"))).with("label", get("label")),
        ),
        _ => None,
    }
}

/// What a video site has to say about an item, where nobody else says it.
fn media(family: Family, name: &str) -> Option<Field> {
    let field = match (name, family) {
        ("title", _) => Field::new("title", Kind::Prose),
        ("description", Family::Rss) => Field::new("description", Kind::Prose),
        ("description", Family::Atom) => Field::new("summary", Kind::Prose),
        _ => return None,
    };
    Some(field.fallback())
}

/// The address in an Atom link inside of RSS, when it is that of the item itself.
fn link(get: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    matches!(get("rel").as_deref(), None | Some("alternate")).then(|| get("href")).flatten()
}

fn prose(name: &'static str, get: &dyn Fn(&str) -> Option<String>) -> Field {
    let kind = match get("type").as_deref().map(str::trim) {
        None | Some("text" | "text/plain" | "") => Kind::Plain,
        Some("xhtml" | "application/xhtml+xml") => Kind::Xhtml,
        Some(_) => Kind::Prose,
    };
    Field::new(name, kind)
}

fn is_text(kind: Option<&str>) -> bool {
    let Some(kind) = kind.map(str::trim) else { return true };
    matches!(kind, "" | "text" | "html" | "xhtml") || kind.starts_with("text/") || kind.ends_with("xhtml+xml")
}
