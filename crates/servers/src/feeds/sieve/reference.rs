//! Character and entity references.

use quick_xml::events::BytesRef;

use crate::feeds::plain;

/// What stands for a character that XML or Unicode does not allow.
const NOT_A_CHARACTER: &str = "\u{FFFD}";

/// The text of one reference: of a number its character; of a name that XML or HTML knows, its text; of any other name,
/// which a DTD may have declared, the reference as written.
pub(super) fn resolve(reference: &BytesRef<'_>) -> String {
    match reference.resolve_char_ref() {
        Ok(Some(c)) => c.to_string(),
        Err(_) => NOT_A_CHARACTER.to_owned(),
        Ok(None) => named(reference),
    }
}

fn named(name: &str) -> String {
    if let Some(text) = quick_xml::escape::resolve_predefined_entity(name) {
        return text.to_owned();
    }
    plain::entity(name).unwrap_or_else(|| format!("&{name};"))
}

/// A text with all its references resolved; an ampersand that begins none stays.
pub(super) fn resolve_all(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        match after.split_once(';') {
            Some((name, tail)) if is_name(name) => {
                out.push_str(&resolve(&BytesRef::new(name)));
                rest = tail;
            }
            _ => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn is_name(name: &str) -> bool {
    const LONGEST: usize = 32;
    !name.is_empty() && name.len() <= LONGEST && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_text() {
        assert_eq!(resolve_all("a=1&amp;b=&#50;&#x33;&eacute;"), "a=1&b=23é");
        assert_eq!(resolve_all("AT&T; &lol9; &#xD800; R&D &"), "AT&T; &lol9; \u{FFFD} R&D &");
    }
}
