//! What the platform refuses before it remembers anything.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chimera_domain::{Channel, is_sha256_hex, sha256_hex};

use super::{
    error::Refusal,
    state::Blob,
    wire::{MediaInput, PublishPostInput},
};

/// Longest account name, in characters.
const ACCOUNT_CHARS_MAX: usize = 64;
/// Longest idempotency key, in characters.
const KEY_CHARS_MAX: usize = 128;
/// The most hashtags that any platform takes (Instagram); what reads well is the author's business.
const HASHTAGS_MAX: usize = 30;
/// The most pictures and videos of one post.
const MEDIA_MAX: usize = 10;
/// The most bytes of one picture or video; in base64 it still fits one line of an MCP connection (16 MiB).
const MEDIA_BYTES_MAX: usize = 10 * 1024 * 1024;
/// What is taken, for error messages.
const MIMES: &str = "image/png, image/jpeg, image/gif, image/webp, video/mp4, video/webm";

/// Checks a post and hands back the bytes that came with it.
pub(super) fn check(input: &PublishPostInput, require_ai_label: bool) -> Result<Vec<Blob>, Refusal> {
    check_account(&input.account)?;
    check_key(&input.idempotency_key)?;
    if input.text.trim().is_empty() && input.media.is_empty() {
        return Err(Refusal::Empty);
    }
    let chars = Channel::post_chars(&input.text, &input.hashtags);
    let max = input.channel.rules().text_chars_max;
    if chars > max {
        return Err(Refusal::TextTooLong { channel: input.channel, chars, max });
    }
    check_hashtags(&input.hashtags)?;
    if require_ai_label && input.ai_generated && input.ai_label.trim().is_empty() {
        return Err(Refusal::MissingAiLabel);
    }
    let count = input.media.len();
    if count > MEDIA_MAX {
        return Err(Refusal::TooManyMedia { count, max: MEDIA_MAX });
    }
    let blobs = input.media.iter().enumerate().map(|(index, media)| check_media(index, media));
    Ok(blobs.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Account names go into resource URIs, so they are plain.
pub(super) fn check_account(account: &str) -> Result<(), Refusal> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._@:-".contains(c);
    if (1..=ACCOUNT_CHARS_MAX).contains(&account.len()) && account.chars().all(plain) {
        Ok(())
    } else {
        Err(Refusal::Account { account: account.chars().take(ACCOUNT_CHARS_MAX).collect() })
    }
}

/// The key must survive headers and logs unchanged.
pub(super) fn check_key(key: &str) -> Result<(), Refusal> {
    if (1..=KEY_CHARS_MAX).contains(&key.len()) && key.chars().all(|c| c.is_ascii_graphic()) {
        Ok(())
    } else {
        Err(Refusal::Key { chars: key.chars().count() })
    }
}

fn check_hashtags(tags: &[String]) -> Result<(), Refusal> {
    let count = tags.len();
    if count > HASHTAGS_MAX {
        return Err(Refusal::TooManyHashtags { count, max: HASHTAGS_MAX });
    }
    let plain = |tag: &str| !tag.is_empty() && tag.chars().all(|c| c.is_alphanumeric() || c == '_');
    tags.iter().find(|tag| !plain(tag)).map_or(Ok(()), |tag| Err(Refusal::Hashtag { tag: tag.clone() }))
}

fn check_media(index: usize, media: &MediaInput) -> Result<Option<Blob>, Refusal> {
    let mime = media.mime.as_str();
    if !MIMES.split(", ").any(|taken| taken == mime) {
        return Err(Refusal::Mime { index, mime: mime.to_owned(), taken: MIMES });
    }
    if !is_sha256_hex(&media.sha256) {
        return Err(Refusal::Sha256 { index });
    }
    if media.alt_text.trim().is_empty() {
        return Err(Refusal::MissingAltText { index });
    }
    let Some(text) = &media.bytes_base64 else { return Ok(None) };
    if media.uri.is_some() {
        return Err(Refusal::TwoSources { index });
    }
    let bytes = BASE64_STANDARD.decode(text).map_err(|source| Refusal::Base64 { index, source })?;
    if !(1..=MEDIA_BYTES_MAX).contains(&bytes.len()) {
        return Err(Refusal::MediaSize { index, bytes: bytes.len(), max: MEDIA_BYTES_MAX });
    }
    let actual = sha256_hex(&bytes);
    if actual != media.sha256 {
        return Err(Refusal::HashMismatch { index, actual });
    }
    if !looks_like(mime, &bytes) {
        return Err(Refusal::NotThatMime { index, mime: mime.to_owned() });
    }
    Ok(Some(Blob { sha256: actual, mime: mime.to_owned(), bytes }))
}

/// Whether the bytes begin as files of this kind do.
fn looks_like(mime: &str, bytes: &[u8]) -> bool {
    let at = |from: usize, magic: &[u8]| bytes.get(from..).is_some_and(|rest| rest.starts_with(magic));
    match mime {
        "image/png" => at(0, b"\x89PNG\r\n\x1a\n"),
        "image/jpeg" => at(0, b"\xff\xd8\xff"),
        "image/gif" => at(0, b"GIF8"),
        "image/webp" => at(0, b"RIFF") && at(8, b"WEBP"),
        "video/mp4" => at(4, b"ftyp"),
        "video/webm" => at(0, b"\x1a\x45\xdf\xa3"),
        _ => false,
    }
}
