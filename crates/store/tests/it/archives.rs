//! Archives that were cut off, changed, or made by someone else: each is refused in words, and nothing is written.

use std::{
    io::{Read as _, Write as _},
    path::Path,
};

use chimera_domain::{error_chain, sha256_hex};
use chimera_store::backup::{ArchiveError, Flaw, RestoreError, check_backup};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::{Value, json};
use tar::EntryType;

use crate::{
    backup::{AS_IT_WAS, Bed, keep_media},
    world::World,
};

/// A member as it lies in the file.
#[derive(Debug, Clone)]
struct Member {
    name: String,
    kind: EntryType,
    bytes: Vec<u8>,
}

fn members(path: &Path) -> Vec<Member> {
    let mut tar = tar::Archive::new(GzDecoder::new(std::fs::File::open(path).unwrap()));
    let read = |mut entry: tar::Entry<'_, _>| {
        let name = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut bytes = vec![];
        entry.read_to_end(&mut bytes).unwrap();
        Member { name, kind: entry.header().entry_type(), bytes }
    };
    tar.entries().unwrap().map(|entry| read(entry.unwrap())).collect()
}

/// Writes members as they are, whatever their names: `tar::Builder` would refuse some of them.
fn write(path: &Path, members: &[Member]) {
    let mut gzip = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
    for member in members {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..member.name.len()].copy_from_slice(member.name.as_bytes());
        header.set_entry_type(member.kind);
        header.set_size(member.bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        gzip.write_all(header.as_bytes()).unwrap();
        gzip.write_all(&member.bytes).unwrap();
        gzip.write_all(&vec![0; member.bytes.len().next_multiple_of(512) - member.bytes.len()]).unwrap();
    }
    gzip.write_all(&[0; 1024]).unwrap();
    gzip.finish().unwrap();
}

fn member(members: &mut [Member], name: &str) -> usize {
    members.iter().position(|member| member.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// Changes a JSON member, and what the manifest says of it is left as it was.
fn edit(members: &mut [Member], name: &str, change: impl FnOnce(&mut Value)) {
    let index = member(members, name);
    let mut json: Value = serde_json::from_slice(&members[index].bytes).unwrap();
    change(&mut json);
    members[index].bytes = serde_json::to_vec(&json).unwrap();
}

/// A small backup with a picture in it; its members.
async fn made(world: &World, bed: &Bed) -> Vec<Member> {
    let (_, artifact) = world.approved().await;
    keep_media(&bed.blobs("media"), &artifact).await;
    bed.backup(&world.store, "good.tar.gz").await;
    members(&bed.path("good.tar.gz"))
}

async fn flaw(path: &Path) -> Flaw {
    let error: ArchiveError = check_backup(path.to_owned()).await.unwrap_err();
    let told = error_chain(&error);
    assert!(told.contains("can't be used") && told.contains(path.to_str().unwrap()), "{told}");
    error.flaw
}

pub(crate) async fn members_lie_in_order_and_are_what_they_are_called(world: World) {
    let bed = Bed::new();
    let members = made(&world, &bed).await;
    let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(names[..2], ["chimera-backup.json", "tables/agents.jsonl"]);
    assert_eq!(names[names.len() - 2..], ["media.jsonl", "manifest.json"]);
    let media: Vec<_> = members.iter().filter(|member| member.name.starts_with("media/")).collect();
    assert_eq!(media.len(), 1);
    assert_eq!(media[0].name, format!("media/{}.png", sha256_hex(&media[0].bytes)));
    let agents = String::from_utf8(members[1].bytes.clone()).unwrap();
    let row: Value = serde_json::from_str(agents.lines().next().unwrap()).unwrap();
    assert_eq!(row["id"], json!(world.agent.id));
    assert_eq!(row["persona_slug"], json!(world.agent.persona_slug));
    assert_eq!(row["created_at"], json!(world.agent.created_at));
    write(&bed.path("again.tar.gz"), &members);
    let good = check_backup(bed.path("good.tar.gz")).await.unwrap().manifest;
    assert_eq!(check_backup(bed.path("again.tar.gz")).await.unwrap().manifest, good, "the tests' own writer is right");
}

pub(crate) async fn a_cut_off_archive_is_refused(world: World) {
    let bed = Bed::new();
    made(&world, &bed).await;
    let whole = std::fs::read(bed.path("good.tar.gz")).unwrap();
    let path = bed.path("cut.tar.gz");
    let mut lengths: Vec<usize> = (0..40).map(|part| whole.len() * part / 40).collect();
    lengths.extend([1, 2, 9, 10, 11, whole.len() - 9, whole.len() - 8, whole.len() - 1]);
    for length in lengths {
        std::fs::write(&path, &whole[..length]).unwrap();
        let flaw = flaw(&path).await;
        assert!(matches!(flaw, Flaw::CutOff | Flaw::NoBackup), "{length} bytes: {flaw:?}");
    }
    std::fs::write(&path, [whole.as_slice(), b"more"].concat()).unwrap();
    assert!(matches!(flaw(&path).await, Flaw::Stranger(_)));
}

pub(crate) async fn a_changed_byte_is_noticed_or_changes_nothing(world: World) {
    let bed = Bed::new();
    made(&world, &bed).await;
    let whole = std::fs::read(bed.path("good.tar.gz")).unwrap();
    let good = check_backup(bed.path("good.tar.gz")).await.unwrap().manifest;
    let path = bed.path("flipped.tar.gz");
    let (mut noticed, mut harmless) = (0, 0);
    let step = (whole.len() / 150).max(1);
    let places = (0..20).chain((20..whole.len()).step_by(step)).chain(whole.len() - 8..whole.len());
    for place in places {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        std::fs::write(&path, &bytes).unwrap();
        match check_backup(path.clone()).await {
            Err(_) => noticed += 1,
            // The time and the system in gzip's own header mean nothing to us.
            Ok(archive) => {
                assert_eq!(archive.manifest, good, "byte {place}");
                harmless += 1;
            }
        }
    }
    assert!(noticed > 150 && harmless <= 8, "{noticed} noticed, {harmless} harmless");
}

pub(crate) async fn what_is_no_archive_is_said_to_be_none(world: World) {
    let bed = Bed::new();
    let good = made(&world, &bed).await;
    let path = bed.path("none.tar.gz");
    for bytes in [b"".as_slice(), b"PK\x03\x04 something else entirely", &[0; 4096]] {
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(flaw(&path).await, Flaw::NoBackup | Flaw::CutOff), "{bytes:?}");
    }
    // Any other gzipped tar.
    let note = Member { name: "notes.txt".to_owned(), kind: EntryType::Regular, bytes: b"hello".to_vec() };
    for members in [vec![], vec![note.clone()], good[1..].to_vec()] {
        write(&path, &members);
        let flaw = flaw(&path).await;
        assert!(matches!(flaw, Flaw::NoBackup), "{flaw:?}");
    }
    assert!(matches!(flaw(&bed.path("nowhere.tar.gz")).await, Flaw::Unreadable(_)));
    std::fs::create_dir(bed.path("folder.tar.gz")).unwrap();
    assert!(matches!(flaw(&bed.path("folder.tar.gz")).await, Flaw::Unreadable(_)));
}

pub(crate) async fn a_missing_repeated_or_moved_member_is_named(world: World) {
    let bed = Bed::new();
    let good = made(&world, &bed).await;
    let path = bed.path("edited.tar.gz");
    for (index, gone) in good.iter().enumerate().skip(1) {
        let mut members = good.clone();
        members.remove(index);
        write(&path, &members);
        let flaw = flaw(&path).await;
        assert!(matches!(&flaw, Flaw::Missing(name) if *name == gone.name), "without {}: {flaw:?}", gone.name);

        let mut members = good.clone();
        members.insert(index, gone.clone());
        write(&path, &members);
        let twice = self::flaw(&path).await;
        assert!(matches!(&twice, Flaw::Stranger(name) if *name == gone.name), "twice {}: {twice:?}", gone.name);
    }
    let mut members = good.clone();
    members.swap(1, 2);
    write(&path, &members);
    assert!(matches!(flaw(&path).await, Flaw::Missing(_)), "parents come before children");
    let mut members = good.clone();
    let last = members.pop().unwrap();
    members.insert(1, last);
    write(&path, &members);
    assert!(matches!(flaw(&path).await, Flaw::Missing(_)), "the manifest comes last");
}

pub(crate) async fn names_that_lead_elsewhere_are_refused(world: World) {
    let bed = Bed::new();
    let good = made(&world, &bed).await;
    let path = bed.path("hostile.tar.gz");
    let evil = sha256_hex(b"evil");
    let names = [
        "../evil.png".to_owned(),
        "/etc/cron.d/evil".to_owned(),
        "media/../../evil.png".to_owned(),
        format!("media/../{evil}.png"),
        format!("media//{evil}.png"),
        format!("media/{evil}.png/x"),
        format!("media/{evil}.sh"),
        format!("media/{}.png", evil.to_uppercase()),
        "tables/../agents.jsonl".to_owned(),
        "tables/agents;drop.jsonl".to_owned(),
        "tables/.jsonl".to_owned(),
        "manifest.json\u{202e}".to_owned(),
    ];
    for name in names {
        let mut members = good.clone();
        let place = member(&mut members, "media.jsonl");
        members.insert(place, Member { name: name.clone(), kind: EntryType::Regular, bytes: b"evil".to_vec() });
        write(&path, &members);
        let flaw = flaw(&path).await;
        assert!(matches!(flaw, Flaw::Stranger(_)), "{name}: {flaw:?}");
    }
    let kinds = [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Fifo,
        EntryType::Char,
        EntryType::GNULongName,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::GNUSparse,
    ];
    for kind in kinds {
        let mut members = good.clone();
        let place = member(&mut members, "media.jsonl");
        members.insert(place, Member { name: format!("media/{evil}.png"), kind, bytes: vec![] });
        write(&path, &members);
        let flaw = flaw(&path).await;
        assert!(matches!(flaw, Flaw::Stranger(_)), "{kind:?}: {flaw:?}");
    }
    let here: Vec<_> = bed.listing().into_iter().filter(|name| name.contains("evil")).collect();
    assert_eq!(here, Vec::<String>::new());
}

pub(crate) async fn changed_rows_and_blobs_are_named(world: World) {
    let bed = Bed::new();
    let good = made(&world, &bed).await;
    let path = bed.path("changed.tar.gz");
    let blob = good.iter().find(|member| member.name.starts_with("media/")).unwrap().name.clone();
    type Change = fn(&mut Vec<u8>);
    let changes: [(&str, Change); 4] = [
        ("tables/agents.jsonl", |bytes| bytes[10] ^= 1),
        ("tables/campaigns.jsonl", |bytes| bytes.extend_from_within(..)),
        ("tables/agent_tasks.jsonl", Vec::clear),
        (&blob, |bytes| bytes[0] ^= 1),
    ];
    for (name, change) in changes {
        let mut members = good.clone();
        let place = member(&mut members, name);
        change(&mut members[place].bytes);
        write(&path, &members);
        let flaw = flaw(&path).await;
        assert!(matches!(&flaw, Flaw::Changed(found) if found == name), "{name}: {flaw:?}");
    }
    let mut members = good.clone();
    let place = member(&mut members, "tables/agents.jsonl");
    members[place].bytes.pop();
    write(&path, &members);
    assert!(
        matches!(flaw(&path).await, Flaw::Changed(name) if name == "tables/agents.jsonl"),
        "its last line has no end"
    );
    let mut members = good;
    edit(&mut members, "manifest.json", |manifest| manifest["media"]["files"] = json!(7));
    write(&path, &members);
    assert!(matches!(flaw(&path).await, Flaw::Changed(name) if name == "media.jsonl"));
}

pub(crate) async fn newer_formats_and_schemas_are_told_from_damage(world: World) {
    let bed = Bed::new();
    let good = made(&world, &bed).await;
    let path = bed.path("newer.tar.gz");
    let mut members = good.clone();
    edit(&mut members, "chimera-backup.json", |header| {
        *header = json!({"format": 9, "program": "7.0.0", "nothing": "else is known"});
    });
    write(&path, &members);
    let flaw = flaw(&path).await;
    assert!(matches!(&flaw, Flaw::NewerFormat { found: 9, program, .. } if program == "7.0.0"), "{flaw:?}");

    // The same in both, as a newer program would write it.
    let rename = |schema: Value| {
        let mut members = good.clone();
        for name in ["chimera-backup.json", "manifest.json"] {
            edit(&mut members, name, |note| note["schema"] = schema.clone());
        }
        write(&path, &members);
    };
    let store = bed.empty(world.store.backend(), "newer.db").await;
    let mut schema: Vec<String> = world.store.migrations().await.unwrap().into_iter().map(|state| state.name).collect();
    schema.push("m9999_wonders".to_owned());
    rename(json!(schema));
    let archive = check_backup(path.clone()).await.unwrap();
    let refused = store.restore(&archive, &bed.blobs("m"), AS_IT_WAS, &|_| {}).await.unwrap_err();
    assert!(
        matches!(&refused, RestoreError::NewerSchema { unknown, .. } if *unknown == ["m9999_wonders"]),
        "{refused:?}"
    );

    schema.remove(schema.len() - 1);
    let gone = schema.remove(1);
    rename(json!(schema));
    let archive = check_backup(path.clone()).await.unwrap();
    let refused = store.restore(&archive, &bed.blobs("m"), AS_IT_WAS, &|_| {}).await.unwrap_err();
    assert!(matches!(&refused, RestoreError::OtherSchema { missing } if *missing == gone), "{refused:?}");
    assert!(store.migrations().await.unwrap().iter().all(|migration| !migration.applied), "nothing was written");
}

/// Rewrites what the manifest says of one table, so that its hash fits again.
fn forge(members: &mut [Member], table: &str, lines: &[Value], columns: Option<Value>) {
    let name = format!("tables/{table}.jsonl");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let place = member(members, &name);
    members[place].bytes = text.clone().into_bytes();
    edit(members, "manifest.json", |manifest| {
        let entries = manifest["tables"].as_array_mut().unwrap();
        let entry = entries.iter_mut().find(|entry| entry["name"] == table).unwrap();
        entry["rows"] = json!(lines.len());
        entry["bytes"] = json!(text.len());
        entry["sha256"] = json!(sha256_hex(text.as_bytes()));
        if let Some(columns) = columns {
            entry["columns"] = columns;
        }
    });
}

pub(crate) async fn a_forged_row_leaves_the_database_as_it_was(world: World) {
    let bed = Bed::new();
    let good = made(&world, &bed).await;
    let path = bed.path("forged.tar.gz");
    let rows = |table: &str| -> Vec<Value> {
        let name = format!("tables/{table}.jsonl");
        let bytes = &good.iter().find(|member| member.name == name).unwrap().bytes;
        bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect()
    };
    let with = |table: &str, column: &str, value: Value| {
        let mut lines = rows(table);
        lines[0][column] = value;
        let mut members = good.clone();
        forge(&mut members, table, &lines, None);
        members
    };
    let mut without_a_column = good.clone();
    forge(&mut without_a_column, "agents", &rows("agents"), Some(json!([{"name": "id", "kind": "uuid"}])));
    let mut another_table = good.clone();
    for member in &mut another_table {
        member.name = member.name.replace("tables/alerts", "tables/seaql_migrations");
    }
    edit(&mut another_table, "manifest.json", |manifest| {
        let entries = manifest["tables"].as_array_mut().unwrap();
        entries.iter_mut().find(|entry| entry["name"] == "alerts").unwrap()["name"] = json!("seaql_migrations");
    });
    let cases = [
        with("agents", "created_at", json!("yesterday")),
        with("agent_tasks", "campaign_id", json!(uuid::Uuid::from_u128(1))),
        with("judge_decisions", "wonder", json!(1)),
        with("agents", "tenant_id", json!(uuid::Uuid::from_u128(7))),
        with("agent_tasks", "state", json!("ASLEEP")),
        with("agents", "presence", json!("ASLEEP")),
        without_a_column,
        another_table,
    ];
    for (number, members) in cases.iter().enumerate() {
        write(&path, members);
        let archive = check_backup(path.clone()).await.unwrap();
        let store = bed.empty(world.store.backend(), &format!("{number}.db")).await;
        let media = bed.blobs("forged-media");
        let refused = store.restore(&archive, &media, AS_IT_WAS, &|_| {}).await.unwrap_err();
        match number {
            4 | 5 => {
                let RestoreError::Damaged(damaged) = &refused else { panic!("{refused:?}") };
                assert!(damaged.count == 1 && refused.to_string().contains("ASLEEP"), "{refused}");
            }
            0 | 2 | 3 => assert!(matches!(refused, RestoreError::Row { .. }), "{refused:?}"),
            1 => assert!(matches!(refused, RestoreError::Store(_)), "{refused:?}"),
            _ => assert!(matches!(refused, RestoreError::Table { .. }), "{refused:?}"),
        }
        assert!(store.migrations().await.unwrap().iter().all(|m| !m.applied), "{number}: something was written");
        // The same database takes the good one.
        bed.restore(&store, "good.tar.gz").await.unwrap();
        assert_eq!(store.agents().await.unwrap(), [world.agent.clone()]);
    }
}

pub(crate) async fn an_archive_damaged_after_its_check_is_not_restored(world: World) {
    let bed = Bed::new();
    made(&world, &bed).await;
    let archive = check_backup(bed.path("good.tar.gz")).await.unwrap();
    world.ready(chimera_domain::TaskType::GenerateText).await;
    let other = bed.backup(&world.store, "other.tar.gz").await;
    assert_ne!(other.manifest, archive.manifest);
    let whole = std::fs::read(bed.path("good.tar.gz")).unwrap();
    let store = bed.empty(world.store.backend(), "late.db").await;
    let replacements: [(&str, Vec<u8>); 2] =
        [("cut", whole[..whole.len() / 2].to_vec()), ("replaced", std::fs::read(bed.path("other.tar.gz")).unwrap())];
    for (what, bytes) in replacements {
        std::fs::write(bed.path("good.tar.gz"), bytes).unwrap();
        let refused = store.restore(&archive, &bed.blobs("m"), AS_IT_WAS, &|_| {}).await.unwrap_err();
        let RestoreError::Archive(ArchiveError { flaw, .. }) = &refused else { panic!("{what}: {refused:?}") };
        assert!(matches!(flaw, Flaw::CutOff | Flaw::Replaced), "{what}: {flaw:?}");
        assert!(store.migrations().await.unwrap().iter().all(|m| !m.applied), "{what}: something was written");
    }
}
