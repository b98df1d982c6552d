//! What the platform refuses before it remembers anything.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chimera_domain::{Disclosure, MediaRef, Modality, Part, Post, is_sha256_hex, sha256_hex};

use super::{
    error::Refusal,
    state::Blob,
    wire::{MediaInput, PublishPostInput},
};

/// Longest account name, in characters.
const ACCOUNT_CHARS_MAX: usize = 64;
/// Longest idempotency key, in characters.
const KEY_CHARS_MAX: usize = 128;
/// The most bytes of one picture or video; in base64 it still fits one line of an MCP connection (16 MiB).
const MEDIA_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Checks a post and hands back the bytes that came with it.
pub(super) fn check(input: &PublishPostInput, require_ai_label: bool) -> Result<Vec<Blob>, Refusal> {
    check_account(&input.account)?;
    check_key(&input.idempotency_key)?;
    check_channel(input)?;
    if require_ai_label && input.ai_generated {
        check_marking(input)?;
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

/// The rules of the channel that the sandbox stands for. How a post is marked is looked at apart, for people post, too.
fn check_channel(input: &PublishPostInput) -> Result<(), Refusal> {
    let media: Vec<MediaRef> = input.media.iter().map(reference).collect();
    let disclosure = Disclosure { ai_generated: input.ai_generated, label: input.ai_label.clone(), models: Vec::new() };
    let post = Post {
        channel: input.channel,
        text: &input.text,
        hashtags: &input.hashtags,
        media: &media,
        disclosure: &disclosure,
        is_reply: input.in_reply_to.is_some(),
    };
    let broken = post.violations().into_iter().find(|v| !v.is_advice() && v.part() != Part::Marking);
    broken.map_or(Ok(()), |violation| Err(Refusal::Rule(violation)))
}

/// A medium as the rules look at it; what was not told counts as not known.
fn reference(media: &MediaInput) -> MediaRef {
    MediaRef {
        sha256: media.sha256.clone(),
        modality: if media.mime.starts_with("video/") { Modality::Video } else { Modality::Image },
        mime: media.mime.clone(),
        bytes: media.bytes.unwrap_or_default(),
        width: media.width.unwrap_or_default(),
        height: media.height.unwrap_or_default(),
        duration_ms: media.duration_ms.unwrap_or_default(),
        alt_text: media.alt_text.clone(),
        captions_vtt: media.captions_vtt.clone(),
    }
}

/// Whether a machine's post says so: in words, and in the platform's own field if it was set at all.
fn check_marking(input: &PublishPostInput) -> Result<(), Refusal> {
    if input.ai_label.trim().is_empty() {
        return Err(Refusal::MissingAiLabel);
    }
    let wanted = input.channel.ai_fields();
    match &input.ai_fields {
        Some(given) if *given != wanted => Err(Refusal::WrongAiFields { wanted }),
        _ => Ok(()),
    }
}

fn check_media(index: usize, media: &MediaInput) -> Result<Option<Blob>, Refusal> {
    let mime = media.mime.as_str();
    if !is_sha256_hex(&media.sha256) {
        return Err(Refusal::Sha256 { index });
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
        "video/mp4" | "video/quicktime" => at(4, b"ftyp"),
        "video/webm" => at(0, b"\x1a\x45\xdf\xa3"),
        _ => false,
    }
}
