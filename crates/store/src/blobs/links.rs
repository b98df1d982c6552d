//! Addresses by which whoever has them may read one file of the folder, for a while.
//!
//! What is signed is the file's name and the moment from which on the address is worth nothing, with HMAC-SHA256. The
//! console opens them; nothing is written down, so only another key takes one back before its time.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use url::Url;

use super::BlobError;

/// The path below which the console answers them.
pub const LINK_PATH: &str = "signed";
/// The longest that one may last, in minutes: as long as S3 allows, a week.
pub const LINK_MINUTES_MAX: u32 = 7 * 24 * 60;
/// The fewest bytes of a key: as long as the hash.
const KEY_BYTES_MIN: usize = 32;

/// Makes and checks them.
#[derive(Clone)]
pub struct Links {
    address: Url,
    key: Hmac<Sha256>,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("address", &self.address.as_str()).finish_non_exhaustive()
    }
}

impl Links {
    /// Links below this address, from which `/signed/...` must lead to the console.
    ///
    /// # Errors
    /// [`BlobError::Config`] when the address is none, or the key is shorter than 32 bytes.
    pub fn new(address: &Url, key: &str) -> Result<Self, BlobError> {
        Self::check(address)?;
        if key.len() < KEY_BYTES_MIN {
            return Err(BlobError::Config("`media.links.key` names no key: want a text of 32 bytes at the least"));
        }
        let key = Hmac::new_from_slice(key.as_bytes()).map_err(|_| BlobError::Config("`media.links.key` is no key"))?;
        Ok(Self { address: address.clone(), key })
    }

    /// Whether links can lie below this address.
    ///
    /// # Errors
    /// [`BlobError::Config`] when not.
    pub fn check(address: &Url) -> Result<(), BlobError> {
        let bare = address.username().is_empty()
            && address.password().is_none()
            && address.query().is_none()
            && address.fragment().is_none();
        if matches!(address.scheme(), "http" | "https") && address.has_host() && bare {
            return Ok(());
        }
        Err(BlobError::Config("`media.links.address`: want an address such as https://media.example.org"))
    }

    /// The address of a file that is good until then.
    pub(super) fn of(&self, file: &str, until: DateTime<Utc>) -> Url {
        let until = until.timestamp();
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.signed(file, until).finalize().into_bytes());
        let mut url = self.address.clone();
        // An address with a host can have a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend([LINK_PATH, file]);
        }
        url.query_pairs_mut().append_pair("until", &until.to_string()).append_pair("signature", &signature);
        url
    }

    /// Whether this signature lets somebody read this file now. Takes the same time whatever is wrong with it.
    pub(super) fn open(&self, file: &str, until: i64, signature: &str, now: DateTime<Utc>) -> bool {
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        let is_ours = self.signed(file, until).verify_slice(&signature).is_ok();
        is_ours && now.timestamp() < until
    }

    fn signed(&self, file: &str, until: i64) -> Hmac<Sha256> {
        self.key.clone().chain_update(format!("GET\n/{LINK_PATH}/{file}\n{until}"))
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::*;

    const KEY: &str = "hunter2-hunter2-hunter2-hunter2-";

    fn links(key: &str) -> Links {
        Links::new(&"https://media.example.org/below/".parse().unwrap(), key).unwrap()
    }

    fn parts(url: &Url) -> (i64, String) {
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        (pairs[0].1.parse().unwrap(), pairs[1].1.clone())
    }

    #[test]
    fn a_link_opens_its_file_until_its_end_and_nothing_else() {
        let (links, now) = (links(KEY), DateTime::from_timestamp(1_800_000_000, 0).unwrap());
        let url = links.of("a.png", now + Duration::minutes(5));
        assert!(url.as_str().starts_with("https://media.example.org/below/signed/a.png?until=1800000300&signature="));
        let (until, signature) = parts(&url);
        assert!(links.open("a.png", until, &signature, now));
        assert!(links.open("a.png", until, &signature, now + Duration::seconds(299)));
        assert!(!links.open("a.png", until, &signature, now + Duration::seconds(300)), "at its end");
        assert!(!links.open("b.png", until, &signature, now));
        assert!(!links.open("a.png", until + 1, &signature, now));
        assert!(!self::links("another key, as long as the first").open("a.png", until, &signature, now));
        for at in 0..signature.len() {
            let mut forged = signature.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            // The last character has two bits that mean nothing; decoding refuses those that are set.
            assert!(!links.open("a.png", until, &forged, now), "{at}");
        }
        for bad in ["", "x", &signature[1..], &format!("{signature}A"), &"A".repeat(10_000)] {
            assert!(!links.open("a.png", until, bad, now), "{bad}");
        }
    }

    #[test]
    fn keys_are_long_and_never_shown() {
        let address = "https://media.example.org".parse().unwrap();
        assert!(matches!(Links::new(&address, "short"), Err(BlobError::Config(_))));
        assert!(!format!("{:?}", links(KEY)).contains("hunter"));
        for bad in ["ftp://x.org", "https://u:p@x.org", "https://x.org/?a=b", "file:///x"] {
            assert!(matches!(Links::new(&bad.parse().unwrap(), KEY), Err(BlobError::Config(_))), "{bad}");
        }
    }
}
