//! Two thousand items, no two alike, in feeds that grow while the run goes on.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::dice::Dice;

/// How many of a hundred items the campaigns are for.
const RELEVANT_PERCENT: u64 = 40;
/// How many of a hundred repeat a story of their feed in other capitals.
const REPEATED_PERCENT: u64 = 2;

const GARMENTS: [&str; 24] = [
    "denim jackets",
    "silk slip dresses",
    "linen suits",
    "wool coats",
    "hand-knit sweaters",
    "pleated skirts",
    "trench coats",
    "embroidered blouses",
    "leather loafers",
    "ballet flats",
    "quilted vests",
    "corset tops",
    "tailored trousers",
    "velvet gowns",
    "canvas handbags",
    "wide-leg jeans",
    "cashmere scarves",
    "patchwork shirts",
    "straw hats",
    "chunky sneakers",
    "tulle skirts",
    "workwear overalls",
    "satin blazers",
    "crochet cardigans",
];
const PLACES: [&str; 20] = [
    "London",
    "Paris",
    "Milan",
    "Lagos",
    "Seoul",
    "Tokyo",
    "Copenhagen",
    "Lisbon",
    "Mexico City",
    "Mumbai",
    "Berlin",
    "Dakar",
    "Toronto",
    "Antwerp",
    "Florence",
    "Accra",
    "Sydney",
    "Madrid",
    "Stockholm",
    "Shanghai",
];
const STORIES: [(&str, &str); 10] = [
    (
        "take over the runway as young designers open fashion week in",
        "Three new collections were built around them, and the street style outside the shows followed within the day.",
    ),
    (
        "return to street style, seen outside every fashion show in",
        "Editors and models wore them between the shows, mostly second-hand, and designers took note.",
    ),
    (
        "get a second life at a clothes repair studio in",
        "Seamstresses mend, dye and resell what others throw away, and the waiting list for the workshop grows.",
    ),
    (
        "lead the new collection of an independent designer from",
        "The small label cuts everything from deadstock fabric and shows the seams on purpose.",
    ),
    (
        "are the vintage find of the season at the flea markets of",
        "Dealers say that well-made old clothes sell faster than new ones, above all to young women who sew.",
    ),
    (
        "inspire the backstage makeup look at the fashion shows in",
        "Makeup artists matched lip colour to the fabric; the beauty look was copied on the street by the evening.",
    ),
    (
        "made to last win the sustainable fashion prize in",
        "The jury praised the stitching, the spare buttons and a promise to mend the clothes for ten years.",
    ),
    (
        "are rebuilt from old clothes by fashion students in",
        "The graduate collection was sewn entirely from second-hand garments that a charity shop had given up on.",
    ),
    (
        "meet big scarves and flat shoes in the autumn street style of",
        "Photographers counted more layers than logos; the outfits looked warm, worn and well cut.",
    ),
    (
        "sell out in a day after a designer swap party in",
        "Guests brought clothes that they no longer wore and left with someone else's, mended on the spot.",
    ),
];
const SUBJECTS: [&str; 16] = [
    "The city council",
    "A team of physicists",
    "The central bank",
    "A football club",
    "The port authority",
    "A software company",
    "The weather service",
    "A film festival",
    "An orchestra",
    "The space agency",
    "A chess federation",
    "The railway",
    "A cheese maker",
    "The university",
    "An island village",
    "The zoo",
];
const NEWS: [&str; 20] = [
    "opens a new bridge after years of delay",
    "reports record rainfall for the month",
    "wins the derby in extra time",
    "postpones its annual meeting",
    "finds a new species of beetle",
    "raises ticket prices for commuters",
    "celebrates its hundredth birthday",
    "appoints a new director",
    "tests a battery that charges in minutes",
    "closes the mountain road for repairs",
    "publishes a map of the ocean floor",
    "releases its yearly figures",
    "moves its archive into an old mine",
    "counts more visitors than ever",
    "drops plans for a second runway at the airport",
    "brings the night train back",
    "signs a treaty on fishing rights",
    "loses the final on penalties",
    "maps the galaxy's dust clouds",
    "switches the harbour to shore power",
];

/// A feed, as it will be when all of it is there.
pub(crate) struct Feed {
    /// Its name, as it stands in its URI.
    pub(crate) name: String,
    file: PathBuf,
    items: Vec<Value>,
}

/// The feeds of a run, and how far they have grown.
pub(crate) struct Feeds {
    pub(crate) feeds: Vec<Feed>,
    written: usize,
}

impl Feed {
    /// The resource that campaigns watch.
    pub(crate) fn uri(&self) -> String {
        format!("mcp://feeds/feed://{}", self.name)
    }

    /// The names of its items. No two are alike.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| item["id"].as_str().unwrap())
    }

    /// Writes the oldest items. A reader sees the feed before or after, nothing in between.
    fn write(&self, items: usize) {
        let items: Vec<&Value> = self.items.iter().take(items.max(1)).rev().collect();
        let feed = json!({"version": "https://jsonfeed.org/version/1.1", "title": self.name, "items": items});
        let unfinished = self.file.with_extension("unfinished");
        std::fs::write(&unfinished, feed.to_string()).unwrap();
        std::fs::rename(&unfinished, &self.file).unwrap();
    }
}

impl Feeds {
    /// `signals` items in `count` feeds below a folder, with one item in each to begin with.
    pub(crate) fn make(folder: &Path, signals: usize, count: usize, dice: &mut Dice) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mut stories = stories(signals, dice).into_iter();
        let feeds = (0..count).map(|number| {
            let name = format!("wire-{number}");
            let share = signals / count + usize::from(number < signals % count);
            let items = stories.by_ref().take(share).enumerate();
            let items = items.map(|(n, (title, summary))| {
                let id = format!("{name}-{n}");
                let minute = n % 60;
                let date = format!("2026-11-{:02}T{:02}:{minute:02}:00Z", 1 + n / 1_440, n / 60 % 24);
                json!({"id": id, "title": title, "content_text": summary, "date_published": date,
                    "url": format!("https://wire.example/{id}")})
            });
            Feed { file: folder.join(format!("{name}.json")), items: items.collect(), name }
        });
        let mut feeds = Self { feeds: feeds.collect(), written: 0 };
        feeds.grow_to(0.0);
        feeds
    }

    /// Lets every feed grow to this part of itself.
    pub(crate) fn grow_to(&mut self, part: f64) {
        let share = |feed: &Feed| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to some thousand")]
            let items = (feed.items.len() as f64 * part.clamp(0.0, 1.0)).ceil() as usize;
            items.max(1)
        };
        let written = self.feeds.iter().map(share).sum();
        if written > self.written {
            self.feeds.iter().for_each(|feed| feed.write(share(feed)));
            self.written = written;
        }
    }

    /// How many items there are to be read so far.
    pub(crate) const fn written(&self) -> usize {
        self.written
    }
}

/// Titles and summaries, no two titles alike.
fn stories(count: usize, dice: &mut Dice) -> Vec<(String, String)> {
    let mut relevant: Vec<(String, String)> = Vec::new();
    for garment in GARMENTS {
        for place in PLACES {
            for (story, summary) in STORIES {
                relevant.push((format!("{} {story} {place}", capitalised(garment)), summary.to_owned()));
            }
        }
    }
    let mut other = real_headlines();
    for place in PLACES {
        for subject in SUBJECTS {
            for news in NEWS {
                other.push((format!("{subject} in {place} {news}"), format!("Reported from {place} this morning.")));
            }
        }
    }
    // The real ones, where they are at hand, come first and are all used.
    let made = other.len().min(PLACES.len() * SUBJECTS.len() * NEWS.len());
    let real = other.len() - made;
    dice.shuffle(&mut relevant);
    dice.shuffle(&mut other[real..]);
    dice.shuffle(&mut other[..real]);
    let (mut relevant, mut other) = (relevant.into_iter(), other.into_iter());
    let mut stories: Vec<(String, String)> = Vec::with_capacity(count);
    while stories.len() < count {
        let repeats =
            dice.percent(REPEATED_PERCENT).then(|| stories.last().map(|(t, s)| (t.to_uppercase(), s.clone())));
        let fresh = if dice.percent(RELEVANT_PERCENT) { relevant.next() } else { other.next() };
        let next = repeats.flatten().or(fresh).unwrap();
        if stories.last().is_none_or(|last| last.0 != next.0) {
            stories.push(next);
        }
    }
    stories
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// Real headlines, where they are at hand.
fn real_headlines() -> Vec<(String, String)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/headlines.jsonl");
    let Ok(text) = std::fs::read_to_string(file) else { return vec![] };
    let mut seen = std::collections::BTreeSet::new();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told = lines.map(|v| {
        (v["headline"].as_str().unwrap().trim().to_owned(), v["short_description"].as_str().unwrap_or("").to_owned())
    });
    told.filter(|(title, _)| !title.is_empty() && seen.insert(title.to_lowercase())).collect()
}
