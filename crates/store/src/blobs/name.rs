//! What blobs are called: `SHA256.EXTENSION`.

use chimera_domain::{is_sha256_hex, sha256_hex};

use super::BlobError;

/// Types of media that have an extension of their own.
const EXTENSIONS: [(&str, &str); 4] =
    [("image/png", "png"), ("image/jpeg", "jpg"), ("image/webp", "webp"), ("video/mp4", "mp4")];
/// The extension of all others.
const OTHER: &str = "bin";

/// The name of the file that holds a blob.
///
/// # Errors
/// [`BlobError::BadName`] when `sha256` is not 64 lower-case hex digits.
pub(crate) fn file_name(sha256: &str, mime: &str) -> Result<String, BlobError> {
    if !is_sha256_hex(sha256) {
        return Err(BlobError::BadName(sha256.to_owned()));
    }
    let extension = EXTENSIONS.iter().find(|(of, _)| *of == mime).map_or(OTHER, |(_, extension)| *extension);
    Ok(format!("{sha256}.{extension}"))
}

/// Whether [`file_name`] gives such names.
pub(crate) fn is_file_name(file: &str) -> bool {
    file.split_once('.').is_some_and(|(sha256, extension)| {
        is_sha256_hex(sha256) && (extension == OTHER || EXTENSIONS.iter().any(|(_, known)| *known == extension))
    })
}

/// The media type of what lies under this name.
pub(super) fn mime_of(file: &str) -> &'static str {
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    EXTENSIONS.iter().find(|(_, of)| *of == extension).map_or("application/octet-stream", |(mime, _)| *mime)
}

/// Whether these are the bytes that the file's name promises.
pub(crate) fn is_content_of(file: &str, bytes: &[u8]) -> bool {
    file.split_once('.').is_some_and(|(sha256, _)| sha256_hex(bytes) == sha256)
}
