//! What can be wrong with content credentials.

/// Why a file could not be signed, or is not what its credentials say.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The operator's certificate or key can't be used.
    #[error(
        "the certificate and key of `media.c2pa` can't sign content credentials; they must be PEM, belong together, fit `media.c2pa.algorithm`, and follow the certificate profile of C2PA"
    )]
    Certificate(#[source] Box<c2pa::Error>),
    /// The test certificate could not be made.
    #[error("no test certificate could be made")]
    TestCertificate(#[source] Box<c2pa::Error>),
    /// The file could not be signed.
    #[error("content credentials can't be signed into this {mime} file; let its tool make PNG, JPEG or MP4")]
    Sign {
        /// What the file is said to be.
        mime: String,
        /// Why.
        #[source]
        source: Box<c2pa::Error>,
    },
    /// The file has no credentials that can be read.
    #[error("the {mime} file has no content credentials that can be read")]
    Unreadable {
        /// What the file is said to be.
        mime: String,
        /// Why.
        #[source]
        source: Box<c2pa::Error>,
    },
    /// The file is not what was signed.
    #[error("the {mime} file is not what was signed: {findings}")]
    Broken {
        /// What the file is said to be.
        mime: String,
        /// C2PA's codes for what is wrong.
        findings: String,
    },
    /// The credentials are somebody else's, or of another post.
    #[error("the content credentials are of another origin than the post: {0}")]
    OtherOrigin(&'static str),
    /// The thread died.
    #[error("the thread that works on content credentials died")]
    Thread(#[source] tokio::task::JoinError),
}
