//! SOUL.md: what is accepted, and what each mistake is told.

use super::*;

const GOOD: &str = "---
name: Fae
slug: fae
voice_traits: [warm, wry]
core_beliefs:
  - Clothes should outlive trends.
directives:
  - Never shame a body.
banned_topics: [fur]
character_reference_id: chr-fae-001
disclosure: I'm an AI.
---
# Fae

Grew up in a tailor's shop.
";

#[test]
fn a_whole_file_is_read() {
    let soul = Soul::parse(GOOD).unwrap();
    assert_eq!(soul.slug, "fae");
    assert_eq!(soul.voice_traits, ["warm", "wry"]);
    assert_eq!(soul.directives, ["Never shame a body."]);
    assert_eq!(soul.backstory, "# Fae\n\nGrew up in a tailor's shop.");
}

#[test]
fn windows_lines_byte_order_mark_and_id_alias_are_read() {
    let text = format!("\u{feff}{}", GOOD.replace("slug:", "id:").replace('\n', "\r\n"));
    assert_eq!(Soul::parse(&text).unwrap().slug, "fae");
}

fn refused(text: &str) -> String {
    Soul::parse(text).unwrap_err().to_string()
}

#[test]
fn each_mistake_names_its_line_and_key() {
    assert_eq!(
        refused("# Fae\n"),
        "line 1: the file must begin with a front matter: a line `---`, YAML, and a line `---`"
    );
    assert!(refused("---\nname: Fae\n").starts_with("line 1: the front matter opened here is never closed"));
    assert!(refused(&GOOD.replace("name: Fae\n", "")).starts_with("line 1, key `name`: this key is missing"));
    assert_eq!(
        refused(&GOOD.replace("slug: fae", "slug: Fae!")),
        "line 3, key `slug`: a slug is made of a-z, 0-9 and `-`, found 'F'"
    );
    assert_eq!(refused(&GOOD.replace("slug: fae", "slug: f")), "line 3, key `slug`: want 3 to 100 characters, found 1");
    assert_eq!(
        refused(&GOOD.replace("chr-fae-001", "''")),
        "line 10, key `character_reference_id`: this may not be empty"
    );
    let human = refused(&GOOD.replace("I'm an AI.", "I'm a human woman."));
    assert!(human.starts_with("line 11, key `disclosure`: this must say that an AI"), "{human}");
    let unknown = refused(&GOOD.replace("core_beliefs", "core_belief"));
    assert!(unknown.starts_with("line 5, key `core_belief`:") && unknown.contains("core_beliefs"), "{unknown}");
    let wrong_type = refused(&GOOD.replace("[warm, wry]", "7"));
    assert!(wrong_type.starts_with("line 4, key `voice_traits`:"), "{wrong_type}");
    let broken = refused(&GOOD.replace("[warm, wry]", "[warm, wry"));
    assert!(broken.starts_with("line "), "{broken}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(---\n)?[ -~\n]{0,200}(\n---\n)?") {
        let _ = Soul::parse(&text);
    }
}
