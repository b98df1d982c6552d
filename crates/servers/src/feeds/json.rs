//! JSON Feed, read loosely and written strictly before the feed parser sees it.
//!
//! The parser refuses a whole feed for one number where it wants a string. Here every wanted value may be a string, a
//! number or missing, an item that is no object is left out with a warning, and nothing else of the document is kept in
//! memory, whatever its shape.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::date;
use super::error::Found;
use super::sieve::ITEMS_READ_MAX;
use super::source::clip;

/// Most tags read of one item.
const TAGS_MAX: usize = 100;

/// Reads a JSON Feed of version 1 or 1.1; gives it back with the known fields only, and the warnings.
pub(super) fn normalise(text: &str) -> Result<(String, Vec<String>), Found> {
    let document: Document = serde_json::from_str(text).map_err(|error| {
        if error.is_eof() || error.is_syntax() {
            let why = if error.is_eof() { "it ends in the middle".to_owned() } else { clip(&error.to_string()) };
            Found::Damaged { line: error.line(), why }
        } else {
            Found::Json { why: clip(&error.to_string()) }
        }
    })?;
    let version = document.version.unwrap_or_default();
    if !version.contains("jsonfeed.org/version/1") {
        let why = if version.is_empty() {
            "it has no `version`".to_owned()
        } else {
            format!("its version is {:?}, wanted is https://jsonfeed.org/version/1.1", clip(&version))
        };
        return Err(Found::Json { why });
    }
    let Some(items) = document.items else {
        return Err(Found::Json { why: "it has no `items` array".to_owned() });
    };
    let mut warnings = Vec::new();
    if items.unreadable > 0 {
        warnings.push(format!("{} items are not objects and were left out", items.unreadable));
    }
    if items.beyond > 0 {
        warnings.push(format!("only the first {ITEMS_READ_MAX} of {} items were read", ITEMS_READ_MAX + items.beyond));
    }
    let mut list = items.list;
    for date in list.iter_mut().flat_map(|item| [&mut item.date_published, &mut item.date_modified]).flatten() {
        *date = date::complete(date).into_owned();
    }
    let strict = Strict {
        version: "https://jsonfeed.org/version/1.1",
        title: document.title.unwrap_or_default(),
        language: document.language,
        items: list,
    };
    // Strings and lists of strings always serialise.
    let json = serde_json::to_string(&strict).map_err(|error| Found::Json { why: clip(&error.to_string()) })?;
    Ok((json, warnings))
}

#[derive(Deserialize)]
struct Document {
    #[serde(default, deserialize_with = "text")]
    version: Option<String>,
    #[serde(default, deserialize_with = "text")]
    title: Option<String>,
    #[serde(default, deserialize_with = "text")]
    language: Option<String>,
    #[serde(default, deserialize_with = "items")]
    items: Option<Items>,
}

#[derive(Serialize)]
struct Strict {
    version: &'static str,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    items: Vec<Item>,
}

#[derive(Serialize, Deserialize)]
struct Item {
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    external_url: Option<String>,
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    content_html: Option<String>,
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    content_text: Option<String>,
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    date_published: Option<String>,
    #[serde(default, deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    date_modified: Option<String>,
    #[serde(default, deserialize_with = "texts", skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
}

#[derive(Default)]
struct Items {
    list: Vec<Item>,
    unreadable: usize,
    beyond: usize,
}

/// Any JSON value, of which only the wanted shape is kept.
enum Loose {
    Text(String),
    Texts(Vec<String>),
    Item(Box<Item>),
    Other,
}

/// What is wanted of a value; the rest is read past without keeping it.
#[derive(Clone, Copy)]
enum Want {
    Text,
    Texts,
    Item,
}

impl<'de> Visitor<'de> for Want {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(match self {
            Self::Text => Loose::Text(text.to_owned()),
            // Some feeds give one tag instead of a list.
            Self::Texts => Loose::Texts(vec![text.to_owned()]),
            Self::Item => Loose::Other,
        })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Loose, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Loose, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Loose, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose, A::Error> {
        let mut texts = Vec::new();
        if matches!(self, Self::Texts) {
            while texts.len() < TAGS_MAX {
                match seq.next_element_seed(Seed(Self::Text))? {
                    Some(Loose::Text(text)) => texts.push(text),
                    Some(_) => {}
                    None => return Ok(Loose::Texts(texts)),
                }
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(if texts.is_empty() { Loose::Other } else { Loose::Texts(texts) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
        if matches!(self, Self::Item) {
            return Item::deserialize(MapAccessDeserializer::new(map)).map(|item| Loose::Item(Box::new(item)));
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Other)
    }
}

struct Seed(Want);

impl<'de> serde::de::DeserializeSeed<'de> for Seed {
    type Value = Loose;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Loose, D::Error> {
        deserializer.deserialize_any(self.0)
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match deserializer.deserialize_any(Want::Text)? {
        Loose::Text(text) => Some(text),
        _ => None,
    })
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match deserializer.deserialize_any(Want::Texts)? {
        Loose::Texts(texts) => texts,
        _ => Vec::new(),
    })
}

fn items<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Items>, D::Error> {
    struct List;
    impl<'de> Visitor<'de> for List {
        type Value = Items;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("`items` as an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items, A::Error> {
            let mut items = Items::default();
            while items.list.len() + items.unreadable < ITEMS_READ_MAX {
                match seq.next_element_seed(Seed(Want::Item))? {
                    Some(Loose::Item(item)) => items.list.push(*item),
                    Some(_) => items.unreadable += 1,
                    None => return Ok(items),
                }
            }
            while seq.next_element::<IgnoredAny>()?.is_some() {
                items.beyond += 1;
            }
            Ok(items)
        }
    }
    deserializer.deserialize_seq(List).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_junk_do_not_spoil_a_feed() {
        let (json, warnings) = normalise(
            r#"{"version":"https://jsonfeed.org/version/1","title":7,"author":{"name":"、a@b.co"},"items":[
                {"id":12,"title":null,"content_text":"hi","tags":["a",3,{"b":1}],"attachments":[[[]]]},
                "junk", [1,2], {"id":"x","summary":{"no":"text"},"tags":"one"}]}"#,
        )
        .unwrap();
        assert_eq!(
            json,
            r#"{"version":"https://jsonfeed.org/version/1.1","title":"7","items":[{"id":"12","content_text":"hi","tags":["a","3"]},{"id":"x","tags":["one"]}]}"#
        );
        assert_eq!(warnings, ["2 items are not objects and were left out"]);
    }

    #[test]
    fn other_json_says_what_it_lacks() {
        for (text, why) in [
            (r#"{"error":"not found"}"#, "no `version`"),
            (r#"{"version":"2.0","items":[]}"#, "its version is \"2.0\""),
            (r#"{"version":"https://jsonfeed.org/version/1"}"#, "no `items` array"),
            (r#"{"version":"https://jsonfeed.org/version/1","items":{}}"#, "`items` as an array"),
            (r#"{"version":"https://jsonfeed.org/version/1","items":[{"#, "ends in the middle"),
            (&format!("{{\"x\":{}", "[".repeat(100_000)), "ends in the middle"),
        ] {
            let found = normalise(text).unwrap_err().to_string();
            assert!(found.contains(why), "{found}");
        }
    }

    #[test]
    fn a_million_empty_items_are_counted_not_kept() {
        let text = format!(r#"{{"version":"https://jsonfeed.org/version/1","items":[{}{{}}]}}"#, "{},".repeat(25_000));
        let (json, warnings) = normalise(&text).unwrap();
        assert!(json.len() < 100_000);
        assert_eq!(warnings, ["only the first 20000 of 25001 items were read"]);
    }
}
