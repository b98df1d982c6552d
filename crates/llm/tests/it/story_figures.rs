//! Which real headlines are taken for one story: almost none, for these are one paper's and few stories come twice.

use std::{collections::HashMap, time::Instant};

use chimera_domain::{SignalId, StoryLimits, StoryWindow, Wording};
use chrono::{DateTime, NaiveTime, TimeDelta, Utc};

use crate::headlines::{Headline, read};

fn at(item: &Headline) -> DateTime<Utc> {
    item.date.and_time(NaiveTime::MIN).and_utc()
}

/// Pairs of headlines that one window took for one story.
fn merged(headlines: &[Headline], age: TimeDelta) -> Vec<(&str, &str)> {
    let mut window = StoryWindow::new(StoryLimits { stories: headlines.len(), age });
    let (mut pairs, mut firsts) = (Vec::new(), HashMap::<SignalId, &str>::new());
    for (item, n) in headlines.iter().zip(0_u128..) {
        let wording = Wording::of(&item.headline);
        match window.find(&wording, at(item)) {
            Some(story) => pairs.push((firsts[&story], item.headline.as_str())),
            None => {
                let story: SignalId = format!("{n:032x}").parse().unwrap();
                firsts.insert(story, &item.headline);
                window.tell(story, wording, at(item));
            }
        }
        window.trim(at(item));
    }
    pairs
}

#[test]
fn few_real_headlines_are_taken_for_one_story() {
    let Some(mut headlines) = read() else { return };
    headlines.sort_by_key(|item| item.date);
    let began = Instant::now();
    let within = merged(&headlines, TimeDelta::hours(72));
    println!("{:.0} headlines/s, each looked up and added", headlines.len() as f64 / began.elapsed().as_secs_f64());
    println!("within three days {} of {}:", within.len(), headlines.len());
    within.iter().for_each(|(first, second)| println!("  {first}\n    {second}"));
    // Over four years a paper's patterns come again and again, with other contents.
    let ever = merged(&headlines, TimeDelta::days(10_000));
    println!("at any distance {}:", ever.len());
    ever.iter().for_each(|(first, second)| println!("  {first}\n    {second}"));
    assert!(within.len() <= 15, "{}", within.len());
    assert!(ever.len() <= headlines.len() / 50, "{}", ever.len());
}
