//! What is wrong with a bucket.

use std::error::Error;

use object_store::client::HttpError;

/// Why a bucket did not do what it was asked to. Of its own words only the code of an error is kept: the rest may name keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BucketTrouble {
    /// No such object.
    #[error("there is no such object")]
    Missing,
    /// No such bucket.
    #[error("there is no such bucket; make it, or mend `media.bucket.name`, `.region` or `.endpoint`")]
    NoBucket,
    /// It does not let us.
    #[error(
        "it refuses us{}; see `media.bucket.access_key` and `.secret_key`, and that they may read, write, list and delete there",
        told(.code)
    )]
    Denied {
        /// S3's word for why.
        code: Option<String>,
    },
    /// No answer.
    #[error(
        "it can't be reached, or does not answer in time; see `media.bucket.endpoint`, the network, and whether it runs"
    )]
    Silent,
    /// Another error, or an answer that is none.
    #[error("it answered with an error{}; see its own log, and `media.bucket`", told(.code))]
    Failed {
        /// S3's word for why.
        code: Option<String>,
    },
}

fn told(code: &Option<String>) -> String {
    code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default()
}

impl BucketTrouble {
    pub(super) fn of(error: &object_store::Error) -> Self {
        let code = code_in(&error.to_string());
        match error {
            _ if code.as_deref() == Some("NoSuchBucket") => Self::NoBucket,
            object_store::Error::NotFound { .. } => Self::Missing,
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                Self::Denied { code }
            }
            error if is_silence(error) => Self::Silent,
            _ => Self::Failed { code },
        }
    }
}

/// Whether no answer came, or none to its end.
fn is_silence(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<HttpError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The code that S3 gives its errors, such as `SlowDown`.
fn code_in(text: &str) -> Option<String> {
    const CODE_CHARS_MAX: usize = 64;
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    let is_code = !code.is_empty() && code.len() <= CODE_CHARS_MAX && code.bytes().all(|b| b.is_ascii_alphanumeric());
    is_code.then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_only_the_code_is_kept() {
        let body = "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIAHUNTER</AWSAccessKeyId></Error>";
        let denied = object_store::Error::PermissionDenied { path: "x".to_owned(), source: body.into() };
        let trouble = BucketTrouble::of(&denied);
        let shown = format!("{trouble} {trouble:?}");
        assert!(shown.contains("SignatureDoesNotMatch") && !shown.contains("HUNTER"), "{shown}");
        assert_eq!(code_in("<Code>a<b</Code>"), None);
        assert_eq!(code_in("<Code></Code>"), None);
        assert_eq!(code_in(&format!("<Code>{}</Code>", "x".repeat(65))), None);
    }

    #[test]
    fn a_bucket_that_is_not_there_is_no_missing_object() {
        let body = "<Error><Code>NoSuchBucket</Code></Error>";
        let missing = object_store::Error::NotFound { path: "x".to_owned(), source: body.into() };
        assert_eq!(BucketTrouble::of(&missing), BucketTrouble::NoBucket);
        let body = "<Error><Code>NoSuchKey</Code></Error>";
        let missing = object_store::Error::NotFound { path: "x".to_owned(), source: body.into() };
        assert_eq!(BucketTrouble::of(&missing), BucketTrouble::Missing);
    }
}
