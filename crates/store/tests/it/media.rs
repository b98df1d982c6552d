//! Media in a folder and in a bucket: the same promises.

#![expect(
    clippy::disallowed_methods,
    reason = "a bucket goes by the system's clock, and a stand-in ends with its test"
)]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
};

use chimera_domain::{Ambient as _, TaskType, sha256_hex};
use chimera_store::{
    BLOB_BYTES_MAX, Backend, BlobError, Blobs, BucketConfig, BucketPlace, BucketTrouble, Collected,
    backup::check_backup,
};
use chimera_testkit::{TestBucket, TestS3, fixtures};
use chrono::{DateTime, Duration, Utc};
use tempfile::TempDir;

use crate::{
    backup::{AS_IT_WAS, Bed, keep_media, order},
    world::World,
};

const SECRET: &str = "hunter2-is-the-key";

/// A place for blobs, and a way to reach what lies there past it.
enum Shelf {
    Folder(TempDir),
    Bucket(TestBucket),
}

/// A folder, and a bucket where one can be had.
fn shelves() -> Vec<(Shelf, Blobs)> {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::new(folder.path().join("media"));
    let mut shelves = vec![(Shelf::Folder(folder), blobs)];
    if let Some(server) = TestS3::shared() {
        let bucket = server.bucket().unwrap();
        let blobs = in_bucket(&bucket.name, &bucket.endpoint());
        shelves.push((Shelf::Bucket(bucket), blobs));
    }
    shelves
}

fn in_bucket(name: &str, endpoint: &str) -> Blobs {
    let (prefix, region) = ("fleet/media".to_owned(), "us-east-1".to_owned());
    let endpoint = Some(endpoint.parse().unwrap());
    let place = BucketPlace { name: name.to_owned(), prefix, region, endpoint, plain_http: false };
    let (access_key, secret_key) = ("AKIAHUNTER".to_owned(), SECRET.to_owned());
    Blobs::in_bucket(&BucketConfig { place, access_key, secret_key, session_token: None }).unwrap()
}

impl Shelf {
    fn overwrite(&self, file: &str, bytes: &[u8]) {
        match self {
            Self::Folder(folder) => std::fs::write(folder.path().join("media").join(file), bytes).unwrap(),
            Self::Bucket(bucket) => bucket.put(&format!("fleet/media/{file}"), bytes).unwrap(),
        }
    }

    /// The names of all files but the one that shows that the bucket can be written.
    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Folder(folder) => {
                let entries = std::fs::read_dir(folder.path().join("media")).unwrap();
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
            }
            Self::Bucket(bucket) => {
                let keys = bucket.keys().unwrap().into_iter();
                keys.map(|key| key.strip_prefix("fleet/media/").unwrap().to_owned()).collect()
            }
        };
        names.retain(|name| name != "probe");
        names.sort();
        names
    }
}

pub(crate) async fn what_is_kept_comes_back_and_a_change_is_noticed(_: World) {
    for (shelf, blobs) in shelves() {
        blobs.reach().await.unwrap();
        blobs.reach().await.unwrap();
        let name = blobs.put(b"picture", "image/png").await.unwrap();
        assert_eq!(blobs.put(b"picture", "image/png").await.unwrap(), name);
        assert_eq!(blobs.get(&name, "image/png").await.unwrap(), b"picture");
        assert_eq!(shelf.files(), [format!("{name}.png")], "written once");
        assert!(blobs.uri(&name, "image/png").unwrap().ends_with(&format!("{name}.png")));

        shelf.overwrite(&format!("{name}.png"), b"other");
        assert!(matches!(blobs.get(&name, "image/png").await, Err(BlobError::Changed { .. })));
        blobs.put(b"picture", "image/png").await.unwrap();
        assert_eq!(blobs.get(&name, "image/png").await.unwrap(), b"picture", "mended");

        let absent = blobs.get(&sha256_hex(b"absent"), "image/png").await.unwrap_err();
        assert!(absent.is_missing(), "{absent:?}");
        for bad in ["../../etc/passwd", "", &name.to_uppercase()] {
            assert!(matches!(blobs.get(bad, "image/png").await, Err(BlobError::BadName(_))), "{bad}");
        }
        if let Shelf::Bucket(bucket) = &shelf {
            let (head, _) = bucket.get(&format!("fleet/media/{name}.png")).unwrap();
            assert!(head.to_lowercase().contains("content-type: image/png"), "{head}");
        }
    }
}

pub(crate) async fn media_that_no_post_names_go_and_others_stay(world: World) {
    for (shelf, blobs) in shelves() {
        let (_, artifact) = world.in_review(world.ready(TaskType::GenerateImage).await.id).await;
        let named = keep_media(&blobs, &artifact).await;
        let stray = blobs.put(b"stray", "video/mp4").await.unwrap();
        shelf.overwrite("notes.txt", b"mine");
        let collect =
            async |before: DateTime<Utc>, delete| world.store.blobs_collect(&blobs, before, delete).await.unwrap();

        let (past, future) = (Utc::now() - Duration::hours(1), Utc::now() + Duration::hours(1));
        assert_eq!(collect(past, true).await, Collected::default(), "all of it is young");
        let look = collect(future, false).await;
        assert_eq!(look, Collected { files: 1, bytes: 5 });
        assert_eq!(blobs.get(&stray, "video/mp4").await.unwrap(), b"stray", "only a look");
        assert_eq!(collect(future, true).await, look);
        assert_eq!(collect(future, true).await, Collected::default());
        assert!(blobs.get(&stray, "video/mp4").await.unwrap_err().is_missing());
        let mut left = vec![named, "notes.txt".to_owned()];
        left.sort();
        assert_eq!(shelf.files(), left);
    }
}

/// A bucket can't delete only what was not written meanwhile. So what goes can still be had, and comes back if need be.
pub(crate) async fn what_is_named_while_it_goes_comes_back(world: World) {
    for (shelf, blobs) in shelves().into_iter().filter(|(shelf, _)| matches!(shelf, Shelf::Bucket(_))) {
        let future = Utc::now() + Duration::hours(1);
        // Its row is not there yet.
        let task = world.claimed(world.ready(TaskType::GenerateImage).await.id, "worker").await;
        let artifact = fixtures::artifact(&world.ambient, &task);
        let file = keep_media(&blobs, &artifact).await;
        let gone = world.store.blobs_collect(&blobs, future, true).await.unwrap();
        assert_eq!((gone.files, shelf.files()), (1, vec![format!("going/{file}")]));
        let medium = &artifact.media[0];
        assert!(blobs.get(&medium.sha256, &medium.mime).await.is_ok(), "whoever asks gets it");
        let submission = world.submission(&task, &artifact);
        let submitted = world.store.task_submit(vec![submission], world.ambient.now()).await.unwrap();
        assert_eq!(submitted.accepted, [task.id]);
        // Young as it is in the wastebasket, it is looked after.
        let past = Utc::now() - Duration::hours(1);
        assert_eq!(world.store.blobs_collect(&blobs, past, true).await.unwrap(), Collected::default());
        assert_eq!(shelf.files(), [file]);
    }
}

pub(crate) async fn a_blob_written_again_is_young_again(world: World) {
    for (shelf, blobs) in shelves() {
        let Shelf::Bucket(bucket) = &shelf else { continue };
        let name = blobs.put(b"made again", "image/png").await.unwrap();
        let written = || {
            let (head, _) = bucket.get(&format!("fleet/media/{name}.png")).unwrap();
            let mut headers = head.lines().filter_map(|line| line.split_once(": "));
            let (_, at) = headers.find(|(name, _)| name.eq_ignore_ascii_case("last-modified")).unwrap();
            DateTime::parse_from_rfc2822(at).unwrap().to_utc()
        };
        let first = written();
        // Buckets tell the time in whole seconds.
        while written() == first {
            blobs.put(b"made again", "image/png").await.unwrap();
        }
        let before = first + Duration::seconds(1);
        assert_eq!(world.store.blobs_collect(&blobs, before, true).await.unwrap(), Collected::default());
    }
}

pub(crate) async fn a_backup_carries_media_from_any_place_to_any_other(world: World) {
    let (_, artifact) = world.in_review(world.ready(TaskType::GenerateImage).await.id).await;
    let medium = &artifact.media[0];
    let bed = Bed::new();
    for (from, (_, blobs)) in shelves().into_iter().enumerate() {
        keep_media(&blobs, &artifact).await;
        let output = bed.path(&format!("{from}.tar.gz"));
        let made = world.store.backup(&blobs, &order(&output), &|_| {}).await.unwrap();
        assert_eq!((made.manifest.media.files, made.lost), (1, vec![]));
        for (to, (_, other)) in shelves().into_iter().enumerate() {
            let archive = check_backup(output.clone()).await.unwrap();
            let store = bed.empty(Backend::Sqlite, &format!("{from}-{to}.db")).await;
            store.restore(&archive, &other, AS_IT_WAS, &|_| {}).await.unwrap();
            let bytes = other.get(&medium.sha256, &medium.mime).await.unwrap();
            assert_eq!(bytes, blobs.get(&medium.sha256, &medium.mime).await.unwrap());
        }
    }
    // What is not there is told of, wherever it should be.
    for (at, (_, blobs)) in shelves().into_iter().enumerate() {
        let output = bed.path(&format!("lost-{at}.tar.gz"));
        let made = world.store.backup(&blobs, &order(&output), &|_| {}).await.unwrap();
        assert_eq!(made.manifest.media.lost(), 1);
    }
}

/// What a link leads to, without any keys.
pub(crate) async fn a_link_is_had_where_somebody_answers_it(world: World) {
    for (shelf, blobs) in shelves() {
        let name = blobs.put(b"picture", "image/png").await.unwrap();
        let link = blobs.link(&name, "image/png", world.ambient.now()).await.unwrap();
        assert!(blobs.link("../x", "image/png", world.ambient.now()).await.is_err());
        if let Shelf::Folder(_) = shelf {
            assert_eq!(link, None, "without a key");
            continue;
        }
        let link: reqwest::Url = link.unwrap().parse().unwrap();
        assert!(!link.as_str().contains(SECRET), "{link}");
        assert!(link.path().ends_with(&format!("/fleet/media/{name}.png")), "{link}");
        let of = |key: &str| link.query_pairs().find(|(k, _)| k == key).unwrap().1.into_owned();
        assert_eq!((of("X-Amz-Expires"), of("X-Amz-SignedHeaders")), ("3600".to_owned(), "host".to_owned()));
        assert_eq!(of("X-Amz-Signature").len(), 64);
        let mut bare = link.clone();
        bare.set_query(None);
        assert_eq!(reqwest::get(bare).await.unwrap().status(), 403, "not without a signature");
        let answer = reqwest::get(link).await.unwrap().error_for_status().unwrap();
        assert_eq!(answer.headers()["content-type"], "image/png");
        assert_eq!(answer.bytes().await.unwrap(), b"picture".as_slice());
    }
}

#[tokio::test]
async fn a_bucket_that_fails_says_what_to_do_and_names_no_key() {
    if let Some(server) = TestS3::shared() {
        let endpoint = server.bucket().unwrap().endpoint();
        for error in failures(&in_bucket("nobody-made-this", &endpoint)).await {
            assert!(matches!(error, BlobError::Bucket { source: BucketTrouble::NoBucket, .. }), "{error:?}");
        }
    }
    // Nobody listens there.
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let reached = in_bucket("media", &format!("http://{closed}")).reach().await.unwrap_err();
    assert!(matches!(reached, BlobError::Bucket { source: BucketTrouble::Silent, .. }), "{reached:?}");

    let body = "<Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>AKIAHUNTER</AWSAccessKeyId></Error>";
    let refusing = axum::Router::new().fallback(async move || (axum::http::StatusCode::FORBIDDEN, body));
    for error in failures(&in_bucket("media", &serve(refusing).await)).await {
        let told = format!("{} {error:?}", chimera_domain::error_chain(&error));
        assert!(told.contains("media.bucket.access_key"), "{told}");
        assert!(!told.contains("HUNTER") && !told.contains("hunter"), "{told}");
    }
}

/// What goes wrong with writing and reading.
async fn failures(blobs: &Blobs) -> Vec<BlobError> {
    vec![
        blobs.put(b"picture", "image/png").await.unwrap_err(),
        blobs.get(&sha256_hex(b"picture"), "image/png").await.unwrap_err(),
        blobs.reach().await.unwrap_err(),
    ]
}

async fn serve(router: axum::Router) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test]
async fn what_is_too_long_is_not_read() {
    let (folder, name) = (tempfile::tempdir().unwrap(), sha256_hex(b"x"));
    let file = std::fs::File::create(folder.path().join(format!("{name}.png"))).unwrap();
    file.set_len(BLOB_BYTES_MAX + 1).unwrap();
    let read = Blobs::new(folder.path().to_owned()).get(&name, "image/png").await;
    assert!(matches!(read, Err(BlobError::TooLong { .. })), "{read:?}");

    // A server that promises more than anybody would take, and sends none of it.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut stream = BufReader::new(stream);
        // A client takes no answer before it has asked.
        let mut asked = String::new();
        while stream.read_line(&mut asked).unwrap() > 2 {}
        let length = BLOB_BYTES_MAX + 1;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nETag: \"x\"\r\nLast-Modified: Mon, 23 Nov 2026 00:00:00 GMT\r\n\r\n"
        );
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        stream
    });
    let read = in_bucket("media", &endpoint).get(&name, "image/png").await;
    assert!(matches!(read, Err(BlobError::TooLong { .. })), "{read:?}");
    drop(server.join().unwrap());
}
