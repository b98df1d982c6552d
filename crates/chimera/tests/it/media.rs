//! Media in a bucket, through the binary.

use std::process::Output;

use chimera_testkit::{TestBucket, TestS3};

use crate::chimera::Chimera;

const SECRET: &str = "hunter2-is-the-key";

fn run(chimera: &Chimera, bucket: &TestBucket, args: &[&str]) -> Output {
    let set = |key: &str, value: &str| (format!("CHIMERA_MEDIA__BUCKET__{key}"), value.to_owned());
    let mut command = chimera.command(args);
    command.env("BUCKET_ID", "AKIAHUNTER").env("BUCKET_KEY", SECRET).envs([
        set("NAME", &bucket.name),
        set("PREFIX", "fleet/a"),
        set("ENDPOINT", &bucket.endpoint()),
        set("ACCESS_KEY", "secret://env/BUCKET_ID"),
        set("SECRET_KEY", "secret://env/BUCKET_KEY"),
    ]);
    let ended = command.output().unwrap();
    let said = [ended.stdout.as_slice(), &ended.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(!said.contains(SECRET) && !said.contains("AKIAHUNTER"), "{said}");
    assert!(ended.status.success(), "{said}");
    ended
}

#[test]
fn a_run_keeps_its_media_in_a_bucket_and_a_backup_carries_them_into_a_folder() {
    let Some(server) = TestS3::shared() else { return };
    let (chimera, bucket) = (Chimera::new(), server.bucket().unwrap());
    run(&chimera, &bucket, &["config", "check"]);
    run(&chimera, &bucket, &["demo", "--once", "--seed", "7"]);
    assert!(!chimera.data().join("media").exists(), "nothing of it is on this machine");
    let status = chimera.json(&["status", "--json"]);
    assert!(status["posts"]["published"].as_u64().unwrap() > 0, "{status:#}");
    let there = bucket.keys().unwrap();
    assert!(there.iter().any(|key| key.starts_with("fleet/a/") && key.ends_with(".mp4")), "{there:?}");

    let archive = chimera.folder().join("backup.tar.gz");
    run(&chimera, &bucket, &["db", "backup", "--output", archive.to_str().unwrap()]);
    let other = Chimera::new();
    assert!(other.run(&["db", "restore", archive.to_str().unwrap()]).ok);
    let media = std::fs::read_dir(other.data().join("media")).unwrap();
    let media: Vec<_> = media.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!media.is_empty());
    for file in media {
        let (_, bytes) = bucket.get(&format!("fleet/a/{file}")).unwrap();
        assert_eq!(std::fs::read(other.data().join("media").join(&file)).unwrap(), bytes, "{file}");
    }
}
