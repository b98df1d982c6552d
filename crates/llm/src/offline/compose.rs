//! The offline writer: chooses a shape, fills it with what fits, and sets what the picture needs.

use std::collections::{BTreeMap, BTreeSet};

use chimera_domain::{Channel, ReplyTo, Score};

use super::{
    dice::Dice,
    material::{Material, Part},
    nearness::Nearness,
    phrases::{Phrases, Words},
    rules::{Questions, Rules},
    salience::hashtags,
    source::Source,
    wish::Wish,
};
use crate::text::{capitalised, cut, length, sentences, tags_that_fit, words};
use crate::{COVER_LINE_CHARS_MAX, Draft, KICKER_WORDS_MAX, WriteAsk};

const KICKER_CHARS_MAX: usize = 28;
/// A headline longer than this looks crowded in a picture.
const COVER_HEADLINE_CHARS_MAX: usize = 60;
/// How often another throw is made when a correction would change nothing.
const THROWS_MAX: usize = 8;

/// Orders in which a post can unfold. Parts that don't fit or have nothing to say are left out.
const SHAPES: [&[Part]; 12] = {
    use Part::{Aside, Ask, Belief, Call, Detail, Lead, Quote, Take, Turn};
    [
        &[Quote, Take, Belief, Ask],
        &[Turn, Take, Ask],
        &[Ask, Quote, Detail, Belief],
        &[Quote, Detail, Take, Call],
        &[Lead, Quote, Belief, Ask],
        &[Take, Quote, Detail, Ask],
        &[Quote, Aside, Ask],
        &[Aside, Quote, Take, Ask],
        &[Quote, Detail, Aside, Call],
        &[Lead, Take, Quote, Detail, Belief],
        &[Quote, Take, Detail, Belief, Ask],
        &[Turn, Detail, Call],
    ]
};
/// The same where there is room for two thoughts at most.
const SHORT_SHAPES: [&[Part]; 5] = {
    use Part::{Ask, Belief, Quote, Take};
    [&[Quote, Take], &[Take, Quote], &[Quote, Belief], &[Quote, Ask], &[Belief, Quote]]
};
/// And where there is room for nearly everything.
const LONG_SHAPES: [&[Part]; 3] = {
    use Part::{Aside, Ask, Belief, Call, Detail, Lead, Quote, Take};
    [
        &[Lead, Quote, Detail, Take, Aside, Belief, Ask, Call],
        &[Quote, Aside, Detail, Take, Belief, Ask],
        &[Ask, Quote, Detail, Aside, Take, Belief, Call],
    ]
};
const SHORT_CHARS: usize = 200;

/// The offline writer's tools.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) phrases: Phrases,
    pub(super) words: Words,
    pub(super) near: Nearness,
}

/// A text with what it is made of.
struct Text {
    parts: BTreeMap<usize, (Part, String)>,
    joined: String,
}

impl Writer {
    /// A post in character. The same ask gives the same draft; a correction always gives another one than before it.
    pub(super) fn draft(&self, ask: &WriteAsk) -> Draft {
        if let Some(to) = &ask.reply {
            return reply(ask, to);
        }
        let source = Source::read(&ask.headline, &ask.summary);
        let rules = Rules::read(&ask.persona.directives, &ask.persona.banned_topics);
        let Some(correction) = ask.correction.as_deref().filter(|text| !text.trim().is_empty()) else {
            return self.fresh(ask, &source, &rules);
        };
        let before = self.fresh(ask, &source, &rules);
        let wish = Wish::read(correction);
        let mut draft = self.attempt(ask, &source, &rules, &wish, correction);
        for throw in 1..THROWS_MAX {
            if draft.text != before.text {
                break;
            }
            draft = self.attempt(ask, &source, &rules, &wish, &format!("{correction}#{throw}"));
        }
        draft
    }

    /// The draft that says again the least of what was posted lately, of a few; the first where nothing was.
    fn fresh(&self, ask: &WriteAsk, source: &Source, rules: &Rules) -> Draft {
        let posted: BTreeSet<String> =
            ask.context.recent_posts.iter().flat_map(|post| sentences(&post.text)).map(same).collect();
        let again = |draft: &Draft| sentences(&draft.text).filter(|said| posted.contains(&same(said))).count();
        let mut best = self.attempt(ask, source, rules, &Wish::default(), "");
        for throw in 1..THROWS_MAX {
            if again(&best) == 0 {
                break;
            }
            let other = self.attempt(ask, source, rules, &Wish::default(), &format!("again#{throw}"));
            if again(&other) < again(&best) {
                best = other;
            }
        }
        best
    }

    fn attempt(&self, ask: &WriteAsk, source: &Source, rules: &Rules, wish: &Wish, salt: &str) -> Draft {
        let seed = ask.seed.to_string();
        let dice =
            Dice::new(&[&ask.persona.name, &ask.goal, &ask.headline, &ask.summary, ask.channel.as_str(), &seed, salt]);
        let material = Material::gather(ask, source, rules, &dice, (&self.phrases, &self.words, &self.near));
        let unspeakable = material.headline.is_empty() || rules.banned_in(&material.headline).is_some();
        let (text, worth) = if source.asks_if_bot {
            (self.honest(ask, &material, &dice), 0.8)
        } else if unspeakable {
            (self.sidestep(ask, &material, &dice), 0.3)
        } else {
            let text = unfold(ask, &material, rules, wish, &dice);
            let worth = worth(&text, source);
            (text, worth)
        };
        let about = if source.asks_if_bot || unspeakable { "" } else { material.headline.as_str() };
        let (kicker, cover_line) = self.cover(ask, about, &material, &text, rules, &dice);
        let tags_max = if wish.fewer_tags { ask.hashtags_max / 2 } else { ask.hashtags_max };
        let details = if about.is_empty() { String::new() } else { source.details.join(" ") };
        let text = self.finish(&text.joined, ask, &material, rules, wish, &dice);
        let tags = hashtags(about, &details, &ask.goal, tags_max, rules, &self.words, &self.near);
        Draft {
            hashtags: tags_that_fit(ask.channel, &text, tags, ask.text_chars_max),
            text,
            alt_text: format!(
                "A poster in {}'s colours, headed “{kicker}”, with the words: “{}”",
                ask.persona.name.trim(),
                cover_line.replace(['“', '”'], "")
            ),
            kicker,
            cover_line,
            self_score: Some(Score::clamped(worth)),
        }
    }

    /// The answer to "are you a bot?": the truth first, whatever the persona would rather talk about.
    fn honest(&self, ask: &WriteAsk, material: &Material<'_>, dice: &Dice) -> Text {
        let disclosure = ask.persona.disclosure.trim();
        let opening = line(&self.phrases.honest, "any", dice, "honest").replace("{disclosure}", disclosure);
        let after = line(&self.phrases.honest, "after", dice, "honest-after");
        let mut parts = vec![(Part::Lead, opening), (Part::Take, after.to_owned())];
        parts.extend(material.beliefs().first().map(|belief| (Part::Belief, belief.clone())));
        let text = fit(parts, ask);
        if text.parts.is_empty() {
            let channel = ask.channel;
            let short = if channel.length(disclosure) <= ask.text_chars_max { disclosure } else { "I'm an AI." };
            return Text { parts: BTreeMap::new(), joined: channel.fit(short, ask.text_chars_max) };
        }
        text
    }

    /// What is said when the source can't be spoken about: nothing of the source, something of the persona.
    fn sidestep(&self, ask: &WriteAsk, material: &Material<'_>, dice: &Dice) -> Text {
        let bank = &self.phrases.sidesteps;
        let key = if material.voice.lines(bank).len() > bank.get("any").map_or(0, Vec::len) { "formal" } else { "any" };
        let opening = line(bank, key, dice, "sidestep").to_owned();
        let mut parts = vec![(Part::Lead, opening)];
        let beliefs = dice.shuffled("sidestep-belief", material.beliefs().iter());
        parts.extend(beliefs.first().map(|belief| (Part::Belief, (*belief).clone())));
        fit(parts, ask)
    }

    /// The kicker and the line set in the picture.
    fn cover(
        &self,
        ask: &WriteAsk,
        about: &str,
        material: &Material<'_>,
        text: &Text,
        rules: &Rules,
        dice: &Dice,
    ) -> (String, String) {
        let topic = material.topic.as_deref().filter(|_| !about.is_empty());
        let kicker = topic
            .map(|topic| topic.split_whitespace().take(KICKER_WORDS_MAX).collect::<Vec<_>>().join(" "))
            .filter(|topic| length(topic) <= KICKER_CHARS_MAX)
            .unwrap_or_else(|| {
                if material.theme() == "any" { ask.persona.name.clone() } else { material.theme().to_owned() }
            });
        let said = |part: Part| text.parts.values().find(|(kind, _)| *kind == part).map(|(_, words)| words.as_str());
        let lower = text.joined.to_lowercase();
        let beliefs = dice.shuffled("cover-belief", material.beliefs().iter().take(3));
        // A belief that the text speaks of too ties picture and words together.
        let voiced = beliefs.iter().find(|belief| lower.contains(&belief.to_lowercase()));
        let belief = voiced.or(beliefs.first()).map(|belief| belief.as_str());
        let headline = (!about.is_empty()).then_some(about);
        let order = if material.voice.sober {
            vec![headline, belief]
        } else {
            let short = headline.filter(|line| length(line) <= COVER_HEADLINE_CHARS_MAX);
            let spoken = dice.shuffled("cover", [said(Part::Take), belief, said(Part::Ask), short]);
            spoken.into_iter().chain([headline]).collect()
        };
        let fits = |line: &&str| length(line) <= COVER_LINE_CHARS_MAX && rules.banned_in(line).is_none();
        let chosen =
            order.into_iter().flatten().find(fits).or(headline).or(belief).unwrap_or(ask.persona.name.as_str());
        let kicker = kicker.split_whitespace().take(KICKER_WORDS_MAX).collect::<Vec<_>>().join(" ");
        (capitalised(&kicker), cut(chosen, COVER_LINE_CHARS_MAX))
    }

    /// The last touches: the limit on exclamation marks, and an emoji where it belongs.
    fn finish(
        &self,
        text: &str,
        ask: &WriteAsk,
        material: &Material<'_>,
        rules: &Rules,
        wish: &Wish,
        dice: &Dice,
    ) -> String {
        let mut left = rules.exclamations_max.unwrap_or(usize::MAX);
        let mut text: String = text
            .chars()
            .map(|c| match c {
                '!' if left == 0 => '.',
                '!' => {
                    left -= 1;
                    c
                }
                c => c,
            })
            .collect();
        if material.voice.emoji && !wish.no_emoji && (rules.emoji == Some(true) || dice.chance("emoji", 70)) {
            let bank = &self.phrases.emoji;
            let key = if bank.contains_key(material.theme()) { material.theme() } else { "any" };
            let emoji = line(bank, key, dice, "emoji-of");
            let with_it = format!("{text} {emoji}");
            if !emoji.is_empty() && ask.channel.length(&with_it) <= ask.text_chars_max {
                text = with_it;
            }
        }
        text
    }
}

/// A sentence as its words alone, to be compared.
fn same(sentence: &str) -> String {
    words(sentence).collect::<Vec<_>>().join(" ")
}

/// A line of a bank, by chance.
fn line<'a>(bank: &'a super::phrases::Bank, key: &str, dice: &Dice, label: &str) -> &'a str {
    let lines = bank.get(key).map(Vec::as_slice).unwrap_or_default();
    lines.get(dice.roll(label, lines.len())).map_or("", String::as_str)
}

/// How much text reads well on a channel, whatever it allows.
fn comfortable(channel: Channel) -> usize {
    match channel {
        Channel::X => 280,
        Channel::YoutubeShorts => 100,
        Channel::Bluesky => 290,
        Channel::TikTok => 320,
        Channel::Threads | Channel::Mastodon => 420,
        Channel::Instagram => 700,
        Channel::Blog => 2_400,
    }
}

/// Fills a shape: what matters most is placed first, and what no longer fits is left out.
fn unfold(ask: &WriteAsk, material: &Material<'_>, rules: &Rules, wish: &Wish, dice: &Dice) -> Text {
    let length = |text: &str| ask.channel.length(text);
    let mut room = ask.text_chars_max.min(comfortable(ask.channel));
    if wish.shorter {
        room = room * 3 / 5;
    }
    let shapes: &[&[Part]] = match room {
        0..SHORT_CHARS => &SHORT_SHAPES,
        _ if ask.channel == Channel::Blog && !wish.shorter => &LONG_SHAPES,
        _ => &SHAPES,
    };
    let shape = shapes.get(dice.roll("shape", shapes.len())).copied().unwrap_or(&[Part::Quote, Part::Belief]);
    let shape = wish.reshape(shape, rules.questions == Questions::Always);
    let mut by_weight: Vec<(usize, Part)> = shape.iter().copied().enumerate().collect();
    by_weight.sort_by_key(|(_, part)| weight(*part, wish, rules));
    let mut parts = BTreeMap::new();
    for (at, part) in by_weight {
        // Every part but the first brings a separator of two characters at most.
        let gap = if parts.is_empty() { 0 } else { 2 };
        let fitting = |text: &String| length(text) + gap <= room;
        let mut candidates = material.candidates(part, false).into_iter().filter(fitting);
        let chosen = match part {
            // On a short channel the quote must leave room for a thought of our own.
            Part::Quote if room < SHORT_CHARS => material
                .candidates(part, true)
                .into_iter()
                .filter(fitting)
                .find(|text| length(text) + 42 <= room)
                .or_else(|| candidates.next()),
            _ => candidates.next(),
        };
        if let Some(text) = chosen {
            room = room.saturating_sub(length(&text) + gap);
            parts.insert(at, (part, text));
        }
    }
    if parts.len() == 1 {
        // A bare quotation is no post: any thought of the persona's own that still fits will do.
        let thoughts = [Part::Belief, Part::Take, Part::Ask]
            .into_iter()
            .flat_map(|part| material.candidates(part, true).into_iter().map(move |text| (part, text)));
        if let Some(thought) = thoughts.into_iter().find(|(_, text)| length(text) + 2 <= room) {
            room = room.saturating_sub(length(&thought.1) + 2);
            parts.insert(shape.len(), thought);
        }
    }
    if !parts.values().any(|(part, _)| matches!(part, Part::Quote | Part::Turn)) {
        // Not even the headline fits: its subject must do, or as much of it as there is room for.
        let lead = material.candidates(Part::Lead, true).into_iter().find(|text| length(text) <= room);
        let lead = lead.unwrap_or_else(|| ask.channel.fit(&material.headline, room));
        parts.insert(0, (Part::Lead, lead));
    }
    let joined = join(&parts, ask.channel);
    Text { joined: ask.channel.fit(&joined, ask.text_chars_max), parts }
}

/// What is placed first when room is short; lower is weightier.
fn weight(part: Part, wish: &Wish, rules: &Rules) -> u8 {
    match part {
        Part::Quote | Part::Turn => 0,
        Part::Ask if rules.questions == Questions::Always => 1,
        Part::Detail if wish.closer => 2,
        Part::Belief => 3,
        Part::Take => 4,
        Part::Ask => 5,
        Part::Detail => 6,
        Part::Aside => 7,
        Part::Lead => 8,
        Part::Call => 9,
    }
}

/// As many parts, from the first, as fit the channel.
fn fit(parts: Vec<(Part, String)>, ask: &WriteAsk) -> Text {
    let mut kept = BTreeMap::new();
    for (at, part) in parts.into_iter().enumerate() {
        kept.insert(at, part);
        if ask.channel.length(&join(&kept, ask.channel)) > ask.text_chars_max {
            kept.remove(&at);
            break;
        }
    }
    let joined = join(&kept, ask.channel);
    Text { parts: kept, joined }
}

/// Quote, thoughts and questions stand in paragraphs of their own where a channel shows paragraphs.
fn join(parts: &BTreeMap<usize, (Part, String)>, channel: Channel) -> String {
    let group = |part: Part| match part {
        Part::Quote | Part::Turn | Part::Lead => 0,
        Part::Detail | Part::Take | Part::Belief | Part::Aside => 1,
        Part::Ask | Part::Call => 2,
    };
    let one_line = matches!(channel, Channel::X | Channel::YoutubeShorts);
    let mut out = String::new();
    let mut last = None;
    for (part, text) in parts.values() {
        if let Some(last) = last {
            out.push_str(if one_line || last == group(*part) { " " } else { "\n\n" });
        }
        out.push_str(text);
        last = Some(group(*part));
    }
    out
}

/// The writer's own view of its text.
fn worth(text: &Text, source: &Source) -> f64 {
    let has = |part: Part| text.parts.values().any(|(kind, _)| *kind == part);
    let mut worth: f64 = 0.6;
    for (part, adds) in [
        (Part::Quote, 0.15),
        (Part::Turn, 0.2),
        (Part::Belief, 0.1),
        (Part::Take, 0.07),
        (Part::Ask, 0.05),
        (Part::Detail, 0.05),
    ] {
        if has(part) {
            worth += adds;
        }
    }
    if source.suspicious { worth - 0.2 } else { worth }
}

/// A few plain words to a remark: whoever does not understand it claims nothing. Asked who speaks, the truth.
fn reply(ask: &WriteAsk, to: &ReplyTo) -> Draft {
    const TO_A_QUESTION: [&str; 3] = [
        "Good question. I would have to guess, so I'd rather say that I don't know.",
        "I can't answer that well from here, and I won't make something up. Thank you for asking.",
        "Honest answer: I don't know. Thank you for asking, though.",
    ];
    const TO_A_REMARK: [&str; 3] = [
        "Thank you for reading, and for saying so.",
        "Thank you for taking the time to write.",
        "Noted, and thank you for writing.",
    ];
    let dice = Dice::new(&[&ask.persona.name, &to.id, &to.text, ask.correction.as_deref().unwrap_or_default()]);
    let bank = if to.text.contains(['?', '？', '؟']) { TO_A_QUESTION } else { TO_A_REMARK };
    let text = match to.asked_in() {
        Some(tongue) => tongue.plain_answer(),
        None => dice.shuffled("reply", bank.iter()).first().copied().copied().unwrap_or(TO_A_REMARK[0]),
    };
    Draft { text: ask.channel.fit(text, ask.text_chars_max), self_score: Some(Score::clamped(0.5)), ..Draft::default() }
}
