//! Blobs in a bucket that speaks S3, each an object with the file's name.
//!
//! A bucket writes objects as a whole and shows every write at once. What it can't do is rename, or delete only what was
//! not written again meanwhile. So whatever is collected is copied into a wastebasket first, and lies there for as long
//! again; whoever asks for it gets it, and if a row names it after all, it is put back.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use http::Method;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, ObjectStore as _, ObjectStoreExt as _, PutOptions,
    RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
    signer::Signer as _,
};
use url::Url;

use super::{
    BLOB_BYTES_MAX, BlobError, OldFiles, Place, bucket_config::BucketConfig, bucket_error::BucketTrouble, is_file_name,
    name::mime_of,
};

/// What the wastebasket is called, within the prefix.
const BASKET: &str = "going";
/// Written once, to see that objects can be written, and looked for from then on.
const PROBE: &str = "probe";

/// How long a connection, and a whole answer, may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);
const ANSWER_MAX: Duration = Duration::from_secs(300);
/// How often, and how long, what had no answer is tried again.
const RETRIES_MAX: usize = 3;
const RETRY_MAX: Duration = Duration::from_secs(20);
/// How long the bucket may take to say that it is there.
const REACH_MAX: Duration = Duration::from_millis(1_500);

/// A bucket, or the objects of one below a prefix.
pub(super) struct Bucket {
    store: AmazonS3,
    name: String,
    prefix: Path,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The store's own words may hold the id of a key.
        f.debug_struct("Bucket")
            .field("name", &self.name)
            .field("prefix", &self.prefix.as_ref())
            .finish_non_exhaustive()
    }
}

impl Bucket {
    pub(super) fn new(config: &BucketConfig) -> Result<Self, BlobError> {
        // The binary installs a provider first thing; whoever uses this as a library may not know that it is needed.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        config.place.check().map_err(|(_, problem)| BlobError::Config(problem))?;
        let options = ClientOptions::new()
            .with_allow_http(config.place.is_plain())
            .with_connect_timeout(CONNECT_MAX)
            .with_timeout(ANSWER_MAX);
        let retry =
            RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES_MAX, retry_timeout: RETRY_MAX };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&config.place.name)
            .with_region(&config.place.region)
            .with_access_key_id(&config.access_key)
            .with_secret_access_key(&config.secret_key)
            // Deletes one object at a time, which every server knows.
            .with_disable_bulk_delete(true)
            .with_client_options(options)
            .with_retry(retry);
        if let Some(endpoint) = &config.place.endpoint {
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
        }
        if let Some(token) = &config.session_token {
            builder = builder.with_token(token);
        }
        // What the builder would say names the keys that it was given.
        let store = builder.build().map_err(|_| BlobError::Config("`media.bucket` can't be used as it is"))?;
        let prefix = Path::from(config.place.prefix.as_str());
        Ok(Self { store, name: config.place.name.clone(), prefix })
    }

    fn object(&self, file: &str) -> Path {
        self.prefix.clone().join(file)
    }

    fn in_basket(&self, file: &str) -> Path {
        self.prefix.clone().join(BASKET).join(file)
    }

    fn refuse(&self, object: &Path) -> impl FnOnce(object_store::Error) -> BlobError {
        let place = format!("s3://{}/{object}", self.name);
        move |error| BlobError::Bucket { place, source: BucketTrouble::of(&error) }
    }

    async fn write_object(&self, object: &Path, bytes: Bytes, mime: &'static str) -> Result<(), BlobError> {
        let attributes = Attributes::from_iter([(Attribute::ContentType, mime)]);
        let written = self.store.put_opts(object, bytes.into(), PutOptions::from(attributes)).await;
        written.map(drop).map_err(self.refuse(object))
    }

    async fn read_object(&self, object: &Path) -> Result<Vec<u8>, BlobError> {
        let found = self.store.get(object).await.map_err(self.refuse(object))?;
        if found.meta.size > BLOB_BYTES_MAX {
            return Err(BlobError::TooLong { place: format!("s3://{}/{object}", self.name) });
        }
        Ok(found.bytes().await.map_err(self.refuse(object))?.into())
    }

    /// When an object was last written; `None` when there is none.
    async fn written_at(&self, object: &Path) -> Result<Option<DateTime<Utc>>, BlobError> {
        match self.store.head(object).await {
            Ok(meta) => Ok(Some(meta.last_modified)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.refuse(object)(error)),
        }
    }

    /// Copies an object. False when there is none.
    async fn copy(&self, from: &Path, to: &Path) -> Result<bool, BlobError> {
        match self.store.copy(from, to).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.refuse(from)(error)),
        }
    }

    async fn delete(&self, object: &Path) -> Result<(), BlobError> {
        match self.store.delete(object).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.refuse(object)(error)),
        }
    }

    async fn probe(&self) -> Result<(), BlobError> {
        let probe = self.object(PROBE);
        if self.written_at(&probe).await?.is_none() {
            self.write_object(&probe, Bytes::new(), "text/plain").await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Place for Bucket {
    fn uri(&self, file: &str) -> String {
        format!("s3://{}/{}", self.name, self.object(file))
    }

    async fn link(&self, file: &str, life: Duration) -> Result<Option<Url>, BlobError> {
        let object = self.object(file);
        self.store.signed_url(Method::GET, &object, life).await.map(Some).map_err(self.refuse(&object))
    }

    async fn write(&self, file: &str, bytes: &[u8]) -> Result<(), BlobError> {
        self.write_object(&self.object(file), Bytes::copy_from_slice(bytes), mime_of(file)).await
    }

    async fn read(&self, file: &str) -> Result<Vec<u8>, BlobError> {
        match self.read_object(&self.object(file)).await {
            Err(missing) if missing.is_missing() => self
                .read_object(&self.in_basket(file))
                .await
                .map_err(|error| if error.is_missing() { missing } else { error }),
            read => read,
        }
    }

    /// A bucket does that with each write.
    async fn sync(&self) -> Result<(), BlobError> {
        Ok(())
    }

    async fn reach(&self) -> Result<(), BlobError> {
        tokio::time::timeout(REACH_MAX, self.probe()).await.unwrap_or_else(|_| {
            Err(BlobError::Bucket { place: format!("s3://{}", self.name), source: BucketTrouble::Silent })
        })
    }

    async fn old_files(&self, before: DateTime<Utc>) -> Result<OldFiles, BlobError> {
        let mut old = OldFiles::default();
        let mut objects = self.store.list(Some(&self.prefix));
        while let Some(object) = objects.try_next().await.map_err(self.refuse(&self.prefix))? {
            let Some(parts) = object.location.prefix_match(&self.prefix) else { continue };
            let parts: Vec<_> = parts.collect();
            let names: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
            match names[..] {
                [file] if is_file_name(file) && object.last_modified < before => {
                    old.blobs.insert(file.to_owned(), object.size);
                }
                [BASKET, file] if is_file_name(file) => {
                    old.aside.insert(file.to_owned());
                }
                _ => {}
            }
        }
        Ok(old)
    }

    async fn remove_old(&self, file: &str, before: DateTime<Utc>) -> Result<bool, BlobError> {
        let object = self.object(file);
        let is_old = self.written_at(&object).await?.is_some_and(|at| at < before);
        if !is_old || !self.copy(&object, &self.in_basket(file)).await? {
            return Ok(false);
        }
        self.delete(&object).await?;
        Ok(true)
    }

    async fn put_back(&self, file: &str) -> Result<(), BlobError> {
        let basket = self.in_basket(file);
        if self.copy(&basket, &self.object(file)).await? {
            self.delete(&basket).await?;
        }
        Ok(())
    }

    async fn forget(&self, file: &str, before: DateTime<Utc>) -> Result<(), BlobError> {
        let basket = self.in_basket(file);
        if self.written_at(&basket).await?.is_some_and(|at| at < before) {
            self.delete(&basket).await?;
        }
        Ok(())
    }
}
