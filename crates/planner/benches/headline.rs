//! What is done to every headline, and reads and writes nothing, over the headlines of the demo: `cargo bench --locked -p
//! chimera-planner`. See docs/benchmarks.md.

#![expect(clippy::expect_used, reason = "what is in the binary is sound, or the benchmark ends")]

use std::hint::black_box;

use chimera_domain::{Ambient as _, SignalId, StoryLimits, StoryWindow, Wording, sha256_parts};
use chimera_llm::{Embedder, Goal, RelevanceScorer, TopicScanner, injection_markers};
use chimera_testkit::SeededAmbient;
use chrono::TimeDelta;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Stories that a headline is compared with, as many as `planner.stories_max` has room for.
const STORIES: usize = 20_000;

fn headlines() -> Vec<&'static str> {
    let feed = include_str!("../../chimera/assets/fashion_drop.xml");
    let titles = feed.split("<title>").skip(2).filter_map(|rest| rest.split("</title>").next());
    titles.collect()
}

/// Does one thing to each headline in turn.
fn each<T>(criterion: &mut Criterion, name: &str, what: impl Fn(&str) -> T) {
    let headlines = headlines();
    let mut group = criterion.benchmark_group("headline");
    group.throughput(Throughput::Elements(headlines.len() as u64));
    group.bench_with_input(BenchmarkId::from_parameter(name), &headlines, |bencher, headlines| {
        bencher.iter(|| headlines.iter().for_each(|headline| drop(black_box(what(black_box(headline))))));
    });
    group.finish();
}

/// A window full of stories that differ in every word.
fn full_window(ambient: &SeededAmbient) -> StoryWindow {
    let mut window = StoryWindow::new(StoryLimits { stories: STORIES, age: TimeDelta::days(3) });
    for number in 0..STORIES {
        let digits = sha256_parts(&[&number.to_be_bytes()]);
        let words: Vec<String> =
            digits.as_bytes().chunks(7).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        window.tell(SignalId::generate(ambient), Wording::of(&words.join(" ")), ambient.now());
    }
    window
}

fn headline(criterion: &mut Criterion) {
    let embedder = Embedder::shared().expect("the table is in the binary");
    let scorer = RelevanceScorer::new(&Goal::new("Sustainable fashion, mending and small labels")).expect("a goal");
    let topics = TopicScanner::built_in().expect("the rules are in the binary");
    let ambient = SeededAmbient::new(1);
    let (window, now) = (full_window(&ambient), ambient.now());
    each(criterion, "embed", |text| embedder.embed(text));
    each(criterion, "score", |text| scorer.score(text, ""));
    each(criterion, "injection_markers", injection_markers);
    each(criterion, "topics", |text| topics.scan(text));
    each(criterion, "find_story", |text| window.find(&Wording::of(text), now));
}

criterion_group!(benches, headline);
criterion_main!(benches);
