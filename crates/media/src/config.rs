//! With what pictures and videos are signed.

use c2pa::SigningAlg;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The certificate that content credentials are signed with, and its key. Without them everything is signed with a certificate
/// that each process makes for itself and that says that it is for tests: the files say what they are, but no list of
/// trusted signers knows who said so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct C2paConfig {
    /// Where the certificate lies with those that it was issued under, in PEM, its own first: `secret://file/PATH` or
    /// `secret://env/NAME`.
    pub certificate: Option<String>,
    /// Where its private key lies, PKCS#8 in PEM: `secret://file/PATH` or `secret://env/NAME`.
    pub key: Option<String>,
    /// What the key signs with.
    pub algorithm: Algorithm,
}

impl C2paConfig {
    /// What is wrong with it, if anything.
    ///
    /// # Errors
    /// Says what to change.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.certificate.is_some() == self.key.is_some() {
            Ok(())
        } else {
            Err("`media.c2pa` has a certificate without a key, or a key without a certificate; give both or neither")
        }
    }
}

/// What a key signs with: the algorithms that C2PA allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    #[default]
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// ECDSA over P-521 with SHA-512.
    Es512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// Ed25519.
    Ed25519,
}

impl From<Algorithm> for SigningAlg {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::Es256,
            Algorithm::Es384 => Self::Es384,
            Algorithm::Es512 => Self::Es512,
            Algorithm::Ps256 => Self::Ps256,
            Algorithm::Ps384 => Self::Ps384,
            Algorithm::Ps512 => Self::Ps512,
            Algorithm::Ed25519 => Self::Ed25519,
        }
    }
}
