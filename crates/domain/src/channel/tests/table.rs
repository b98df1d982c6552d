//! `docs/channels.md` is what the rules say; `UPDATE_DOCS=1` writes it anew.

use std::{fmt::Write as _, path::Path};

use serde_json::Value;

use crate::{Channel, ChannelRules, Links, Modality, Ratio};

const HEAD: &str = "# Channels

What each channel takes, as the program checks it before a post is judged and again before it is sent. This file is
generated: `UPDATE_DOCS=1 cargo test -p chimera-domain channels_table`. Sources, and which of these numbers are unverified,
stand beside them in `crates/domain/src/channel/rules.rs`.

Alternative text for every picture and video, captions for every video, and words that say that an AI made the post are
demanded on every channel, whatever the platform would take.
";

type Cell = fn(Channel, &ChannelRules) -> String;

const ROWS: [(&str, Cell); 20] = [
    ("characters of text and hashtags", |_, r| r.text_chars_max.to_string()),
    ("counted so", |_, r| r.counting.in_words().to_owned()),
    ("not in a text", |_, r| r.forbidden.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(" ")),
    ("hashtags that read well", |_, r| r.hashtags_max.to_string()),
    ("hashtags at most", |_, r| r.hashtags_limit.map_or_else(String::new, |n| n.to_string())),
    ("links", |_, r| match r.links {
        Links::Followed(None) => "yes".to_owned(),
        Links::Followed(Some(max)) => format!("at most {max}"),
        Links::Dead => "can't be followed".to_owned(),
    }),
    ("made of, unless told otherwise", |_, r| kinds(r.modalities, ", ")),
    ("can't do without", |_, r| kinds(r.needs, " or ")),
    ("pictures at most", |_, r| r.pictures_max.to_string()),
    ("videos at most", |_, r| r.videos_max.to_string()),
    ("both in one post", |_, r| r.mixed_max.map_or_else(|| "no".to_owned(), |n| format!("{n} in all"))),
    ("pictures: formats", |_, r| formats(r.pictures_max, r.picture.mimes)),
    ("pictures: size", |_, r| if r.pictures_max == 0 { String::new() } else { size(r.picture.bytes_max) }),
    ("pictures: shape", |_, r| aspect(r.picture.aspect)),
    ("pictures: made", |_, r| if r.pictures_max == 0 { String::new() } else { r.aspect.to_owned() }),
    ("videos: formats", |_, r| formats(r.videos_max, r.video.mimes)),
    ("videos: size", |_, r| size(r.video.bytes_max)),
    ("videos: seconds", |_, r| format!("{} to {}", r.video.duration_ms.0 / 1_000, r.video.duration_ms.1 / 1_000)),
    ("alternative text", |_, r| format!("{} characters", r.alt_max)),
    ("told in its own field", |channel, _| {
        channel.ai_field().map_or_else(
            || "none: words, and content credentials".to_owned(),
            |field| match field.value {
                Value::Object(_) => format!("`{}`: self-label `bot`", field.name),
                value => format!("`{}`: {value}", field.name),
            },
        )
    }),
];

fn kinds(kinds: &[Modality], between: &str) -> String {
    kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(between)
}

fn formats(count: usize, mimes: &[&str]) -> String {
    let names = mimes.iter().map(|mime| mime.rsplit('/').next().unwrap().to_uppercase());
    if count == 0 { String::new() } else { names.collect::<Vec<_>>().join(", ").replace("QUICKTIME", "MOV") }
}

fn size(bytes: u64) -> String {
    let (unit, name) = [(1_000_000_000, "GB"), (1 << 20, "MiB"), (1_000_000, "MB")]
        .into_iter()
        .find(|(unit, _)| bytes.is_multiple_of(*unit))
        .unwrap();
    format!("{} {name}", bytes / unit)
}

fn aspect(aspect: Option<(Ratio, Ratio)>) -> String {
    let shape = |ratio: Ratio| format!("{}:{}", ratio.0, ratio.1);
    aspect.map_or_else(String::new, |(from, to)| format!("{} to {}", shape(from), shape(to)))
}

fn table() -> String {
    let mut out = HEAD.to_owned();
    let names: Vec<&str> = Channel::ALL.iter().map(|channel| channel.as_str()).collect();
    let _ = writeln!(out, "\n| | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for (name, cell) in ROWS {
        let cells: Vec<String> = Channel::ALL.iter().map(|channel| cell(*channel, &channel.rules())).collect();
        let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
    }
    out
}

#[test]
fn channels_table_is_kept() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/channels.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, table()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, table(), "run: UPDATE_DOCS=1 cargo test -p chimera-domain channels_table");
}
