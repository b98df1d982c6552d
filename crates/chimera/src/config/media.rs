//! Pictures and videos: where they lie, and what signs them.

use chimera_mcp::Setting;
use chimera_media::C2paConfig;
use chimera_store::{BucketPlace, LINK_MINUTES_MAX, Links};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pictures and videos.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MediaConfig {
    /// The certificate that their content credentials are signed with.
    pub(crate) c2pa: C2paConfig,
    /// Keep them in a bucket that speaks S3 instead of the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bucket: Option<BucketConfig>,
    /// Addresses by which tools and platforms fetch them that want one.
    pub(crate) links: LinksConfig,
}

/// Addresses that let whoever has them read one file for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LinksConfig {
    /// Where the console's `/signed/` is reached from elsewhere, such as `https://media.example.org`. Not needed with a bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(url)]
    pub(crate) address: Option<String>,
    /// Where the key is that signs them, a text of 32 bytes or more: `secret://env/NAME` or `secret://file/PATH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Setting>,
    /// How long one is good, in minutes: 1 to 10080, a week.
    pub(crate) minutes: u32,
}

impl Default for LinksConfig {
    fn default() -> Self {
        Self { address: None, key: None, minutes: 60 }
    }
}

impl LinksConfig {
    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        if !(1..=LINK_MINUTES_MAX).contains(&self.minutes) {
            return Err(("media.links.minutes", "want 1 to 10080"));
        }
        if self.address.is_some() != self.key.is_some() {
            return Err(("media.links", "want `address` and `key`, or neither"));
        }
        if self.address.as_deref().is_some_and(|address| !address.parse().is_ok_and(|url| Links::check(&url).is_ok())) {
            return Err(("media.links.address", "want an address such as https://media.example.org"));
        }
        if self.key.as_ref().is_some_and(|key| !key.is_secret()) {
            return Err(("media.links.key", "want a reference such as secret://env/NAME, not the key itself"));
        }
        Ok(())
    }
}

/// A bucket, on Amazon's S3 or any server that speaks as it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BucketConfig {
    /// The bucket's name. It must be there.
    pub(crate) name: String,
    /// What every object's name begins with, such as `fleet/media`. What lies below it must be this fleet's alone.
    #[serde(default)]
    pub(crate) prefix: String,
    /// Its region, such as `eu-central-1`. Other servers than Amazon's mostly take any.
    #[serde(default = "default_region")]
    pub(crate) region: String,
    /// The server's address, such as `https://s3.example.org`; Amazon's where nothing is said. HTTPS only, but on loopback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(url)]
    pub(crate) endpoint: Option<String>,
    /// Where the id of the key is: `secret://env/NAME` or `secret://file/PATH`.
    pub(crate) access_key: Setting,
    /// Where the key is.
    pub(crate) secret_key: Setting,
    /// Where the token is that comes with a key lent for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session_token: Option<Setting>,
    /// Speak to a server elsewhere without TLS. Whoever sits between sees and can change all media.
    #[serde(default)]
    pub(crate) plain_http: bool,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

impl MediaConfig {
    /// Whether it goes together.
    ///
    /// # Errors
    /// The key that can't be right, and what is wanted there.
    pub(crate) fn check(&self) -> Result<(), (&'static str, &'static str)> {
        self.c2pa.validate().map_err(|problem| ("media.c2pa", problem))?;
        self.links.check()?;
        let Some(bucket) = &self.bucket else { return Ok(()) };
        bucket.place()?.check()?;
        let keys = [&bucket.access_key, &bucket.secret_key].into_iter().chain(&bucket.session_token);
        if keys.into_iter().any(|key| !key.is_secret()) {
            return Err((
                "media.bucket.access_key, .secret_key, .session_token",
                "want references such as secret://env/NAME, not the keys themselves",
            ));
        }
        Ok(())
    }
}

impl BucketConfig {
    /// Which bucket it is.
    ///
    /// # Errors
    /// When its address is none.
    pub(crate) fn place(&self) -> Result<BucketPlace, (&'static str, &'static str)> {
        let endpoint = self.endpoint.as_deref().map(str::parse).transpose();
        let endpoint =
            endpoint.map_err(|_| ("media.bucket.endpoint", "want an address such as https://s3.example.org"))?;
        let (name, prefix, region) = (self.name.clone(), self.prefix.clone(), self.region.clone());
        Ok(BucketPlace { name, prefix, region, endpoint, plain_http: self.plain_http })
    }
}
