//! Signing and checking.

use std::{fmt, io::Cursor, sync::Arc};

use c2pa::{
    BoxedSigner, Builder, BuilderIntent, Context, DigitalSourceType, EphemeralSigner, Manifest, Reader,
    ValidationState, create_signer,
};
use chimera_domain::TraceId;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Algorithm, CredentialsError};

/// Stands in each certificate that we make ourselves, so that nobody takes it for one that somebody vouches for.
const TEST_CERTIFICATE: &str = "Chimera TEST certificate";
/// The label of our own assertion.
const ORIGIN: &str = "chimera.origin";
/// The manifest's room in a file, beyond the picture itself: for allocating once.
const MANIFEST_BYTES: usize = 32 * 1024;

/// Where a picture or video comes from: what everybody may read in it. Nothing private belongs here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The persona's slug.
    pub persona: String,
    /// The post's trace, by which its operator finds everything about it.
    pub trace_id: TraceId,
    /// The models that made it.
    pub models: Vec<String>,
}

/// Signs files. Clones share the key.
#[derive(Clone)]
pub struct Credentials {
    signer: Arc<BoxedSigner>,
    is_test: bool,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("is_test", &self.is_test).finish_non_exhaustive()
    }
}

impl Credentials {
    /// With a certificate (those that it was issued under follow it) and its private key, both PEM. Signs something to see
    /// that they can.
    ///
    /// # Errors
    /// [`CredentialsError::Certificate`] when they can't.
    pub fn new(certificate: &[u8], key: &[u8], algorithm: Algorithm) -> Result<Self, CredentialsError> {
        let refused = |source| CredentialsError::Certificate(Box::new(source));
        let signer = create_signer::from_keys(certificate, key, algorithm.into(), None).map_err(refused)?;
        let credentials = Self { signer: Arc::new(signer), is_test: false };
        let signed = credentials.signed(ONE_PIXEL, "image/png", "a check", &json!({})).map_err(refused)?;
        let reader = read(&signed, "image/png").map_err(refused)?;
        match reader.validation_state() {
            ValidationState::Invalid => Err(refused(c2pa::Error::OtherError(findings(&reader).into()))),
            _ => Ok(credentials),
        }
    }

    /// With a certificate that is made here and now, is good for a year, and says that it is for tests.
    ///
    /// # Errors
    /// [`CredentialsError::TestCertificate`] when the system has no randomness.
    pub fn test() -> Result<Self, CredentialsError> {
        let signer =
            EphemeralSigner::new(TEST_CERTIFICATE).map_err(|e| CredentialsError::TestCertificate(Box::new(e)))?;
        Ok(Self { signer: Arc::new(Box::new(signer)), is_test: true })
    }

    /// Whether these are signed with a certificate for tests.
    #[must_use]
    pub const fn is_test(&self) -> bool {
        self.is_test
    }

    /// The file with credentials in it: made by a trained model (`c2pa.created`, or, where its maker signed that already,
    /// `c2pa.opened` on top of it), and where it comes from. Signing twice gives different bytes: each manifest has an id of its own.
    ///
    /// # Errors
    /// [`CredentialsError::Sign`] when the bytes are no such file, or of a kind that takes no credentials.
    pub async fn sign(&self, bytes: Vec<u8>, mime: &str, origin: Origin) -> Result<Vec<u8>, CredentialsError> {
        let (credentials, mime) = (self.clone(), mime.to_owned());
        let work = move || {
            credentials
                .signed(&bytes, &mime, &origin.persona, &origin)
                .map_err(|source| CredentialsError::Sign { mime, source: Box::new(source) })
        };
        tokio::task::spawn_blocking(work).await.map_err(CredentialsError::Thread)?
    }

    fn signed(&self, bytes: &[u8], mime: &str, whose: &str, origin: &impl Serialize) -> c2pa::Result<Vec<u8>> {
        let definition = json!({
            "title": format!("Made by AI for {whose}"),
            "format": mime,
            "claim_generator_info": [{"name": "Chimera", "version": env!("CARGO_PKG_VERSION")}],
        });
        let mut builder = Builder::from_context(Context::new()).with_definition(definition)?;
        let has_its_makers = read(bytes, mime).is_ok();
        builder.set_intent(if has_its_makers {
            BuilderIntent::Edit
        } else {
            BuilderIntent::Create(DigitalSourceType::TrainedAlgorithmicMedia)
        });
        builder.add_assertion(ORIGIN, origin)?;
        let mut signed = Cursor::new(Vec::with_capacity(bytes.len() + MANIFEST_BYTES));
        builder.sign(&**self.signer, mime, &mut Cursor::new(bytes), &mut signed)?;
        Ok(signed.into_inner())
    }

    /// Whether the file is to the byte what was signed, for this persona's post of this trace. Who signed it is not asked: the
    /// makers of a fleet's files are its own workers, and each may have a certificate of its own.
    ///
    /// # Errors
    /// [`CredentialsError`] when it is not.
    pub async fn check(bytes: Vec<u8>, mime: &str, persona: &str, trace_id: TraceId) -> Result<(), CredentialsError> {
        let (mime, persona) = (mime.to_owned(), persona.to_owned());
        let work = move || {
            let origin = origin_of(&bytes, &mime)?;
            if origin.persona != persona {
                return Err(CredentialsError::OtherOrigin("they name another persona"));
            }
            if origin.trace_id != trace_id {
                return Err(CredentialsError::OtherOrigin("they name another trace"));
            }
            Ok(())
        };
        tokio::task::spawn_blocking(work).await.map_err(CredentialsError::Thread)?
    }
}

/// Where a file comes from, by credentials that hold.
fn origin_of(bytes: &[u8], mime: &str) -> Result<Origin, CredentialsError> {
    let unreadable = |source| CredentialsError::Unreadable { mime: mime.to_owned(), source: Box::new(source) };
    let reader = read(bytes, mime).map_err(unreadable)?;
    if reader.validation_state() == ValidationState::Invalid {
        return Err(CredentialsError::Broken { mime: mime.to_owned(), findings: findings(&reader) });
    }
    let manifest: &Manifest =
        reader.active_manifest().ok_or_else(|| unreadable(c2pa::Error::ClaimMissing { label: String::new() }))?;
    manifest.find_assertion(ORIGIN).map_err(|_| CredentialsError::OtherOrigin("they are not ours"))
}

fn read(bytes: &[u8], mime: &str) -> c2pa::Result<Reader> {
    Reader::from_context(Context::new()).with_stream(mime, Cursor::new(bytes))
}

/// C2PA's codes of what is wrong with a file, but for the signer whom no list of trusted ones knows.
fn findings(reader: &Reader) -> String {
    let codes = reader.validation_status().unwrap_or_default().iter().map(|status| status.code());
    let mut codes: Vec<&str> = codes.filter(|code| *code != "signingCredential.untrusted").collect();
    codes.sort_unstable();
    codes.dedup();
    codes.join(", ")
}

/// The smallest picture: one grey pixel as PNG.
const ONE_PIXEL: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0x68, 0, 0, 0, 0x82,
    0, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];
