//! Bytes to text, when what a feed declares and what it is differ.
//!
//! The order of belief: a byte order mark; UTF-16 seen in the first bytes; valid UTF-8 (nothing else looks like it by
//! accident); the XML declaration; the server's `charset`; and windows-1252, which is what "no idea" means on the web.

use std::fmt::Write as _;

use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How many bytes at the front may hold the XML declaration.
const DECLARATION_BYTES: usize = 512;

/// A text and what had to be mended to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoded {
    /// The text, without byte order mark.
    pub(super) text: String,
    /// What was wrong, for the document's warnings.
    pub(super) warning: Option<String>,
}

/// Decodes `bytes`; `charset` is what the server said in `Content-Type`. Never fails: what cannot be read becomes U+FFFD.
pub(super) fn decode(bytes: &[u8], charset: Option<&str>) -> Decoded {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return with(encoding, bytes.get(mark..).unwrap_or_default());
    }
    match bytes {
        [0, b'<', ..] => return with(UTF_16BE, bytes),
        [b'<', 0, ..] => return with(UTF_16LE, bytes),
        _ => {}
    }
    let declared = declared(bytes).or_else(|| charset.and_then(|label| Encoding::for_label(label.as_bytes())));
    // ISO-2022-JP is the one encoding in use whose every byte is also ASCII.
    if declared == Some(ISO_2022_JP) && bytes.contains(&0x1b) {
        return with(ISO_2022_JP, bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Decoded { text: text.to_owned(), warning: None };
    }
    match declared {
        // It was read as ASCII so far, so it cannot be UTF-16 whatever it says.
        Some(encoding) if encoding == UTF_8 || encoding == UTF_16LE || encoding == UTF_16BE => mixed(bytes),
        Some(encoding) => with(encoding, bytes),
        None => with(WINDOWS_1252, bytes),
    }
}

fn with(encoding: &'static Encoding, bytes: &[u8]) -> Decoded {
    let (text, broken) = encoding.decode_without_bom_handling(bytes);
    let warning = broken.then(|| format!("some bytes are not {}; they are shown as U+FFFD", encoding.name()));
    Decoded { text: text.into_owned(), warning }
}

/// UTF-8 with foreign bytes in it: those are read as windows-1252, as feeds joined from several sources need.
fn mixed(bytes: &[u8]) -> Decoded {
    let mut text = String::with_capacity(bytes.len());
    let mut foreign = 0usize;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        foreign += chunk.invalid().len();
        text.push_str(&WINDOWS_1252.decode_without_bom_handling(chunk.invalid()).0);
    }
    let mut warning = String::new();
    let _ = write!(warning, "{foreign} bytes are not UTF-8 although declared so; they were read as windows-1252");
    Decoded { text, warning: Some(warning) }
}

/// The encoding that the XML declaration names.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let front = bytes.get(..bytes.len().min(DECLARATION_BYTES))?;
    let front = String::from_utf8_lossy(front);
    let declaration = front.trim_start().strip_prefix("<?xml")?;
    let declaration = declaration.get(..declaration.find("?>")?)?;
    let rest = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let label = rest.get(1..)?.split(quote).next()?;
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use encoding_rs::{SHIFT_JIS, WINDOWS_1251};

    use super::*;

    fn utf16(text: &str, little: bool, mark: bool) -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|u| if little { u.to_le_bytes() } else { u.to_be_bytes() }).collect()
    }

    #[test]
    fn a_mark_wins_over_every_word() {
        let text = "<?xml version='1.0' encoding='utf-8'?><a>é漢</a>";
        for little in [true, false] {
            for mark in [true, false] {
                let decoded = decode(&utf16(text, little, mark), Some("iso-8859-1"));
                assert_eq!(decoded, Decoded { text: text.to_owned(), warning: None }, "little {little} mark {mark}");
            }
        }
        let marked = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
        assert_eq!(decode(&marked, None).text, text);
    }

    #[test]
    fn valid_utf8_wins_over_a_wrong_declaration() {
        let text = "<?xml version=\"1.0\" encoding=\"windows-1252\"?><a>naïve — ok</a>";
        assert_eq!(decode(text.as_bytes(), Some("latin1")), Decoded { text: text.to_owned(), warning: None });
    }

    #[test]
    fn declared_encodings_are_read() {
        let russian = "<?xml version='1.0' encoding = 'windows-1251'?><a>Мода</a>";
        assert_eq!(decode(&WINDOWS_1251.encode(russian).0, None).text, russian);
        let japanese = "<a>東京コレクション</a>";
        assert_eq!(decode(&SHIFT_JIS.encode(japanese).0, Some("Shift_JIS")).text, japanese);
        let mail = b"<?xml version='1.0' encoding='iso-2022-jp'?><a>\x1b$B%b!<%I\x1b(B</a>";
        assert!(decode(mail, None).text.contains("モード"));
    }

    #[test]
    fn undeclared_bytes_are_windows_1252() {
        assert_eq!(decode(b"<a>caf\xe9 \x93quoted\x94</a>", None).text, "<a>café “quoted”</a>");
    }

    #[test]
    fn one_foreign_item_does_not_spoil_the_rest() {
        let bytes = [b"<?xml version='1.0' encoding='utf-8'?><a>".as_slice(), "é".as_bytes(), b" caf\xe9</a>"].concat();
        let decoded = decode(&bytes, None);
        assert!(decoded.text.ends_with("<a>é café</a>"), "{decoded:?}");
        assert!(decoded.warning.is_some_and(|w| w.starts_with("1 bytes are not UTF-8")));
    }

    #[test]
    fn what_cannot_be_read_is_shown_and_said() {
        let decoded = decode(b"<?xml version='1.0' encoding='euc-jp'?><a>\xff\xff</a>", None);
        assert!(decoded.text.contains('\u{FFFD}'));
        assert!(decoded.warning.is_some());
    }
}
