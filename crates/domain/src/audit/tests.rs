//! Chains that hold, and every way to tamper with one.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000 + second, 123_456_789).unwrap()
}

fn record(number: i64) -> AuditRecord {
    let action = AuditAction::ALL[usize::try_from(number).unwrap() % AuditAction::ALL.len()];
    let id = Uuid::from_u128(u128::try_from(number).unwrap() + 1);
    let record = AuditRecord::new(at(number), Actor::recorded("judge"), action, AuditSubject::Decision, id);
    let record = record.with("verdict", "APPROVE").with_some("note", (number % 2 == 0).then_some("“fine”\n"));
    if number % 3 == 0 { record.digest(crate::sha256_hex(id.as_bytes())) } else { record }
        .versions(StateVersion::new(number), StateVersion::new(number).next())
}

/// A chain of this length, with its head.
fn chain(length: i64) -> (Vec<AuditEntry>, AuditHead) {
    let mut head = AuditHead::start();
    let entries = (0..length).map(|number| head.append(TenantId::DEFAULT, &record(number))).collect();
    (entries, head)
}

fn verify_with(entries: &[AuditEntry], head: Option<&AuditHead>, noted: &[NotedHead]) -> Vec<AuditFinding> {
    let mut verifier = ChainVerifier::new(head.cloned(), noted);
    let mut findings = Vec::new();
    for entry in entries {
        verifier.check(entry, &mut findings);
    }
    assert_eq!(verifier.entries(), entries.len() as u64);
    verifier.finish(&mut findings);
    findings
}

fn verify(entries: &[AuditEntry], head: &AuditHead) -> Vec<AuditFinding> {
    verify_with(entries, Some(head), &[])
}

/// Kind and numbers of findings.
fn named(findings: &[AuditFinding]) -> Vec<(FindingKind, i64, i64)> {
    findings.iter().map(|f| (f.kind, f.seq.unwrap(), f.last_seq.unwrap_or(f.seq.unwrap()))).collect()
}

/// As someone would who knows how hashes are made: links every entry from this one on anew.
fn relink(entries: &mut [AuditEntry], from: usize) {
    for at in from..entries.len() {
        if at > 0 {
            entries[at].prev_hash = entries[at - 1].hash.clone();
        }
        entries[at].hash = hex(&entries[at].hash_at(entries[at].seq, &entries[at].content()));
    }
}

use FindingKind::{Changed, HeadMismatch, Missing, NotedHeadGone, Reordered};

#[test]
fn the_layout_of_an_entry_is_pinned() {
    // Made by another program from the description in `canonical.rs`; a change here breaks every log there is.
    let (entries, head) = chain(2);
    let first = &entries[0];
    assert_eq!(first.details, r#"{"verdict":"APPROVE","note":"“fine”"}"#);
    assert_eq!((first.seq, first.prev_hash.as_str()), (1, "0".repeat(64).as_str()));
    assert_eq!(first.hash, PINNED[0]);
    assert_eq!(head, AuditHead { seq: 2, hash: PINNED[1].to_owned() });
}

const PINNED: [&str; 2] = [
    "79954ed12f1fff3cc9e0022008106f4936d31649d9502a7ce17e739508660c8f",
    "8471d969f556c160cb2a44dbaf550cecb267b3decc73c0bb2e18efd6c40efd10",
];

#[test]
fn an_untouched_chain_holds_and_so_does_none_at_all() {
    let (entries, head) = chain(7);
    let noted: Vec<NotedHead> = entries.iter().map(|e| e.head().to_string().parse().unwrap()).collect();
    assert_eq!(verify_with(&entries, Some(&head), &noted), []);
    assert_eq!(verify_with(&[], None, &[AuditHead::start().to_string().parse().unwrap()]), []);
    assert_eq!(verify_with(&[], Some(&AuditHead::start()), &[]), []);
}

#[test]
fn an_entry_rewritten_with_its_hash_is_named_by_the_one_after() {
    let (mut entries, head) = chain(7);
    entries[3].actor = "human:mallory".to_owned();
    relink(&mut entries[..4], 3);
    assert_eq!(named(&verify(&entries, &head)), [(Changed, 4, 4)]);

    let (mut entries, head) = chain(7);
    entries[0].prev_hash = "1".repeat(64);
    relink(&mut entries[..1], 0);
    assert_eq!(named(&verify(&entries, &head)), [(Changed, 1, 1), (Changed, 1, 1)]);
}

#[test]
fn a_chain_rewritten_from_a_point_on_is_found_by_its_head_and_by_noted_heads() {
    let (mut entries, head) = chain(9);
    let noted = |seq: usize| NotedHead::from(entries[seq - 1].head());
    let noted = [noted(3), noted(6), noted(8)];
    entries[4].details = "{}".to_owned();
    relink(&mut entries, 4);
    assert_eq!(named(&verify(&entries, &head)), [(HeadMismatch, 9, 9)]);
    // The head was rewritten too.
    let forged = entries[8].head();
    assert_eq!(verify(&entries, &forged), []);
    let findings = verify_with(&entries, Some(&forged), &noted);
    assert_eq!(named(&findings), [(NotedHeadGone, 6, 6), (NotedHeadGone, 8, 8)]);
    assert!(findings[0].message.contains("it held at 3"), "{}", findings[0]);
    let only_hash = NotedHead { seq: None, ..noted[1].clone() };
    assert_eq!(verify_with(&entries, Some(&forged), &[only_hash])[0].kind, NotedHeadGone);
    let wrong_place = NotedHead { seq: Some(4), ..noted[0].clone() };
    assert_eq!(named(&verify_with(&entries, Some(&forged), &[wrong_place])), [(NotedHeadGone, 4, 4)]);
}

#[test]
fn a_head_that_is_gone_or_behind_or_changed_is_told() {
    let (entries, head) = chain(5);
    assert_eq!(named(&verify_with(&entries, None, &[])), [(HeadMismatch, 5, 5)]);
    assert_eq!(named(&verify(&entries, &entries[2].head())), [(HeadMismatch, 5, 5)]);
    let changed = AuditHead { hash: "f".repeat(64), ..head };
    assert_eq!(named(&verify(&entries, &changed)), [(HeadMismatch, 5, 5)]);
}

#[test]
fn a_deletion_that_was_closed_up_is_seen_as_the_moves_it_is() {
    let (mut entries, head) = chain(6);
    entries.remove(2);
    for (entry, seq) in entries.iter_mut().zip(1..) {
        entry.seq = seq;
    }
    let found = named(&verify(&entries, &head));
    assert_eq!(found, [(Reordered, 3, 3), (Reordered, 4, 4), (Reordered, 5, 5), (Missing, 6, 6)]);
}

#[test]
fn numbers_out_of_all_bounds_do_no_harm() {
    let (mut entries, head) = chain(4);
    entries[3].seq = i64::MAX;
    assert_eq!(
        named(&verify(&entries, &head)),
        [(Missing, 4, 4), (Reordered, i64::MAX, i64::MAX), (HeadMismatch, i64::MAX, i64::MAX)]
    );
    let (mut entries, head) = chain(4);
    entries[3].seq = i64::MIN;
    entries.rotate_right(1);
    assert_eq!(named(&verify(&entries, &head)), [(Reordered, i64::MIN, i64::MIN), (Missing, 4, 4)]);
    // Sound in itself, but there is no such place.
    let mut nowhere = AuditHead { seq: -1, hash: "0".repeat(64) };
    let zeroth = nowhere.append(TenantId::DEFAULT, &record(0));
    let (mut entries, head) = chain(1);
    entries.insert(0, zeroth);
    assert_eq!(named(&verify(&entries, &head)), [(Changed, 0, 0)]);
}

#[test]
fn what_can_not_be_read_is_named_once() {
    let (entries, head) = chain(5);
    let mut verifier = ChainVerifier::new(Some(head), &[]);
    let mut findings = Vec::new();
    for entry in &entries {
        if entry.seq == 3 || entry.seq == 5 {
            verifier.unreadable(Some(entry.seq), "its action is no text", &mut findings);
        } else {
            verifier.check(entry, &mut findings);
        }
    }
    verifier.unreadable(None, "no number", &mut findings);
    assert_eq!(verifier.entries(), 6);
    verifier.finish(&mut findings);
    let seqs: Vec<_> = findings.iter().map(|f| (f.kind, f.seq)).collect();
    assert_eq!(seqs, [(Changed, Some(3)), (Changed, Some(5)), (Changed, None)]);
}

#[test]
fn a_noted_head_is_read_as_it_is_printed_and_nonsense_is_refused() {
    let (_, head) = chain(3);
    let noted: NotedHead = head.to_string().parse().unwrap();
    assert_eq!((noted.seq, &noted.hash), (Some(3), &head.hash));
    assert_eq!(noted.to_string(), head.to_string());
    assert_eq!(head.hash.to_uppercase().parse(), Ok(NotedHead { seq: None, hash: head.hash.clone() }));
    for bad in ["", "3", "3:", &format!("x:{}", head.hash), &format!("-1:{}", head.hash), &head.hash[1..]] {
        let refused = bad.parse::<NotedHead>().unwrap_err();
        assert!(refused.to_string().contains("chimera db verify"), "{refused}");
    }
}

#[test]
fn findings_read_as_sentences() {
    let (mut entries, head) = chain(6);
    entries[1].action = "nothing".to_owned();
    entries.drain(3..5);
    let lines: Vec<String> = verify(&entries, &head).iter().map(ToString::to_string).collect();
    let id = Uuid::from_u128(2);
    assert_eq!(
        lines,
        [
            format!("changed entry 2 (decision {id}): what it says does not go with its hash"),
            "missing entries 4 to 5: they are gone".to_owned(),
        ]
    );
}

#[test]
fn a_name_with_controls_is_shown_without_them() {
    assert_eq!(Actor::operator("ma\nra\u{202e}\0").as_str(), "operator:ma ra");
    assert_eq!(Actor::human(&"x".repeat(500)).as_str().chars().count(), ACTOR_CHARS_MAX);
    assert_eq!(Actor::recorded("human:mara").as_str(), "human:mara");
}

/// One way to change an entry without touching its number.
fn tampered(entry: &AuditEntry, way: usize) -> AuditEntry {
    let mut e = entry.clone();
    let other = "a".repeat(64);
    match way {
        0 => e.at += chrono::Duration::microseconds(1),
        1 => e.actor.push(' '),
        2 => e.action = "approved".to_owned(),
        3 => e.subject_kind = "ticket".to_owned(),
        4 => e.subject_id = Uuid::nil(),
        5 => e.version_before = e.version_before.map_or(Some(1), |v| Some(v + 1)),
        6 => e.version_after = None,
        7 => e.trace_id = Some("0".repeat(32)),
        8 => e.details = e.details.replace('{', "{ "),
        9 => e.subject_digest = e.subject_digest.map_or(Some(other), |_| None),
        10 => e.tenant_id = TenantId::from_uuid(Uuid::nil()),
        11 => e.prev_hash = other,
        _ => e.hash = other,
    }
    e
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_changed_entry_is_named_and_no_other(
        length in 1_i64..40, places in prop::collection::btree_set(0_usize..40, 1..5), way in 0_usize..13,
    ) {
        let (mut entries, head) = chain(length);
        let places: Vec<usize> = places.into_iter().filter(|place| *place < entries.len()).collect();
        for place in &places {
            entries[*place] = tampered(&entries[*place], way);
        }
        let wanted: Vec<_> = places.iter().map(|p| (Changed, entries[*p].seq, entries[*p].seq)).collect();
        prop_assert_eq!(named(&verify(&entries, &head)), wanted);
    }

    #[test]
    fn each_run_of_missing_entries_is_named(length in 1_i64..40, kept in prop::collection::vec(any::<bool>(), 40)) {
        let (all, head) = chain(length);
        let entries: Vec<_> = all.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(e, _)| e.clone()).collect();
        let mut gone: Vec<i64> = Vec::new();
        for finding in verify(&entries, &head) {
            prop_assert_eq!(finding.kind, Missing);
            gone.extend(finding.seq.unwrap()..=finding.last_seq.unwrap());
        }
        let wanted: Vec<i64> = all.iter().zip(&kept).filter(|(_, kept)| !**kept).map(|(e, _)| e.seq).collect();
        prop_assert_eq!(gone, wanted);
    }

    #[test]
    fn each_moved_entry_is_named_with_the_place_it_had(shuffled in Just((1_i64..=24).collect::<Vec<_>>()).prop_shuffle()) {
        let (mut entries, head) = chain(24);
        for (entry, seq) in entries.iter_mut().zip(&shuffled) {
            entry.seq = *seq;
        }
        let mut origin: Vec<(i64, i64)> = shuffled.iter().copied().zip(1..).filter(|(to, from)| to != from).collect();
        origin.sort_unstable();
        entries.sort_by_key(|entry| entry.seq);
        let findings = verify(&entries, &head);
        let moved: Vec<(i64, i64)> = findings.iter().filter(|f| f.kind == Reordered).map(|f| {
            let place = f.message.rsplit(' ').next().unwrap().parse().unwrap();
            (f.seq.unwrap(), place)
        }).collect();
        prop_assert_eq!(&moved, &origin);
        // One in its place after a moved one is not called changed.
        prop_assert_eq!(findings.len(), moved.len());
    }
}
