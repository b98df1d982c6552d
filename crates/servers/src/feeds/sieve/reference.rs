//! Character and entity references.

/// Longest reference looked at, bytes; HTML knows none that is longer.
const NAME_BYTES_MAX: usize = 33;

/// The text of one reference, without its `&` and `;`: of a number its character; of a name that XML or HTML knows, its
/// text; of any other name, which a DTD may have declared, the reference as written.
pub(super) fn resolve(name: &str) -> String {
    let raw = format!("&{name};");
    if !is_name(name) {
        return raw;
    }
    // Numbers are read as HTML reads them: what publishers write as `&#146;` is a quotation mark, not a control.
    let text = htmlize::unescape(&raw).into_owned();
    // HTML would take `&ltlol;` for `&lt` and more; in XML that is another name.
    if text.ends_with(';') && name != "semi" { raw } else { text }
}

/// A text with all its references resolved; an ampersand that begins none stays.
pub(super) fn resolve_all(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let front = after.get(..after.floor_char_boundary(NAME_BYTES_MAX + 1)).unwrap_or(after);
        match front.find(';').and_then(|end| after.split_at_checked(end)) {
            Some((name, tail)) if is_name(name) => {
                out.push_str(&resolve(name));
                rest = tail.get(1..).unwrap_or_default();
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
    let digits = name.strip_prefix('#').unwrap_or(name);
    !digits.is_empty() && name.len() <= NAME_BYTES_MAX && digits.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_become_text() {
        assert_eq!(resolve_all("a=1&amp;b=&#50;&#x33;&eacute;&#146;"), "a=1&b=23é’");
        assert_eq!(resolve_all("AT&T; &lol9; &#xD800; R&D &"), "AT&T; &lol9; \u{FFFD} R&D &");
        assert_eq!(resolve("ltlol"), "&ltlol;");
    }
}
