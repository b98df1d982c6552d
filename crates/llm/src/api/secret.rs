//! The API key, which must never be seen.

use std::fmt;

use reqwest::header::{HeaderValue, InvalidHeaderValue};

/// A secret that can be sent, and neither printed nor compared.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The secret behind a word such as `Bearer `, as a header that logs leave out.
    pub(super) fn header(&self, before: &str) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{before}{}", self.0))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// A text without the secret, should a server echo it.
    pub(super) fn scrub(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "[key]") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sent_and_never_shown() {
        let secret = Secret::new(" AIza-very-secret\n");
        assert_eq!(format!("{secret:?} {:?}", secret.header("").unwrap()), "Secret(..) Sensitive");
        assert_eq!(secret.header("Bearer ").unwrap().to_str().unwrap(), "Bearer AIza-very-secret");
        assert_eq!(secret.scrub("key AIza-very-secret is bad"), "key [key] is bad");
        assert!(Secret::new("a\nb").header("").is_err());
    }
}
