//! Which bucket, and who we are there.

use std::fmt;

use url::{Host, Url};

/// A bucket, and the server that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketPlace {
    /// The bucket's name.
    pub name: String,
    /// What every object's name begins with, such as `fleet/media`; empty for the whole bucket.
    pub prefix: String,
    /// The region, such as `eu-central-1`; other servers than Amazon's mostly take any.
    pub region: String,
    /// The server's address; Amazon's of that region where nothing is said.
    pub endpoint: Option<Url>,
    /// Whether a server elsewhere than on loopback may be spoken to without TLS.
    pub plain_http: bool,
}

impl BucketPlace {
    /// Whether it can be one.
    ///
    /// # Errors
    /// The key that can't be right, and what is wanted there.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let is_name =
            |name: &str| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
        if !(3..=63).contains(&self.name.len()) || !is_name(&self.name) {
            return Err(("media.bucket.name", "want the name of a bucket: 3 to 63 of a-z, 0-9, `-` and `.`"));
        }
        let is_part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
                && !part.bytes().all(|b| b == b'.')
        };
        if !self.prefix.is_empty() && !self.prefix.split('/').all(is_part) {
            return Err((
                "media.bucket.prefix",
                "want words of letters, digits, `-`, `_` and `.` with `/` between them",
            ));
        }
        if self.region.is_empty() || !self.region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(("media.bucket.region", "want the bucket's region, such as us-east-1"));
        }
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        let bare = endpoint.username().is_empty()
            && endpoint.password().is_none()
            && endpoint.query().is_none()
            && endpoint.fragment().is_none();
        if !matches!(endpoint.scheme(), "http" | "https") || !endpoint.has_host() || !bare {
            return Err((
                "media.bucket.endpoint",
                "want an address such as https://s3.example.org, without a password",
            ));
        }
        if self.is_plain() && !self.plain_http && !is_loopback(endpoint) {
            return Err((
                "media.bucket.endpoint",
                "http is for loopback only: use https, or set `media.bucket.plain_http: true` if the network between is yours",
            ));
        }
        Ok(())
    }

    /// Whether it is spoken to without TLS.
    pub(super) fn is_plain(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|endpoint| endpoint.scheme() == "http")
    }
}

fn is_loopback(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// A bucket, with the keys to it.
#[derive(Clone)]
pub struct BucketConfig {
    /// Which it is.
    pub place: BucketPlace,
    /// The id of our key.
    pub access_key: String,
    /// The key itself.
    pub secret_key: String,
    /// What comes with a key that is lent for a while.
    pub session_token: Option<String>,
}

impl fmt::Debug for BucketConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketConfig").field("place", &self.place).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> BucketPlace {
        let (name, prefix, region) = ("chimera-media".to_owned(), "fleet/a".to_owned(), "eu-central-1".to_owned());
        BucketPlace { name, prefix, region, endpoint: None, plain_http: false }
    }

    #[test]
    fn what_can_be_no_bucket_is_refused_by_its_key() {
        assert_eq!(place().check(), Ok(()));
        assert_eq!(BucketPlace { prefix: String::new(), ..place() }.check(), Ok(()));
        for name in ["", "ab", "Media", "a/b", "a b", &"x".repeat(64)] {
            assert_eq!(BucketPlace { name: name.to_owned(), ..place() }.check().unwrap_err().0, "media.bucket.name");
        }
        for prefix in ["/a", "a/", "a//b", "../a", ".", "a b", "ä"] {
            let refused = BucketPlace { prefix: prefix.to_owned(), ..place() }.check().unwrap_err();
            assert_eq!(refused.0, "media.bucket.prefix", "{prefix}");
        }
        let refused = BucketPlace { region: "eu central".to_owned(), ..place() }.check().unwrap_err();
        assert_eq!(refused.0, "media.bucket.region");
    }

    #[test]
    fn a_server_elsewhere_wants_tls_unless_that_is_said() {
        let at = |endpoint: &str| BucketPlace { endpoint: Some(endpoint.parse().unwrap()), ..place() };
        for fine in ["https://s3.example.org", "http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000/"] {
            assert_eq!(at(fine).check(), Ok(()), "{fine}");
        }
        for bad in [
            "http://s3.example.org",
            "http://10.0.0.1:9000",
            "ftp://127.0.0.1",
            "https://u:p@s3.example.org",
            "https://x.org/?a=b",
        ] {
            assert_eq!(at(bad).check().unwrap_err().0, "media.bucket.endpoint", "{bad}");
        }
        assert_eq!(BucketPlace { plain_http: true, ..at("http://10.0.0.1:9000") }.check(), Ok(()));
    }

    #[test]
    fn keys_are_never_shown() {
        let (access_key, secret_key) = ("AKIAHUNTER".to_owned(), "hunter2".to_owned());
        let config = BucketConfig { place: place(), access_key, secret_key, session_token: Some("hunter3".to_owned()) };
        let bucket = super::super::bucket::Bucket::new(&config).unwrap();
        let shown = format!("{config:?} {bucket:?}");
        assert!(shown.contains("chimera-media") && !shown.to_lowercase().contains("hunter"), "{shown}");
    }
}
