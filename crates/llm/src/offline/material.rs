//! What a post can be made of: every part's candidates, filled in and cleared against the persona's rules.

use super::{
    dice::Dice,
    nearness::Nearness,
    phrases::{Bank, Phrases, Words},
    rules::{Questions, Rules},
    salience::{telling, within_sentence},
    source::{Source, inner_quotes},
    voice::Voice,
};
use crate::WriteAsk;
use crate::text::{capitalised, cut, length, sentences, uncapitalised};

const SHORT_HEADLINE_CHARS_MAX: usize = 80;
const BELIEFS_MAX: usize = 4;
const ASIDES_MAX: usize = 4;
const DETAILS_MAX: usize = 2;
const ASIDE_CHARS: std::ops::RangeInclusive<usize> = 25..=150;

/// A part of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The headline, quoted.
    Quote,
    /// The subject, unquoted.
    Lead,
    /// A sentence of the description.
    Detail,
    /// An image or an opinion.
    Take,
    /// A core belief.
    Belief,
    /// A belief that leads to the headline.
    Turn,
    /// A line of the backstory.
    Aside,
    /// A question to the reader.
    Ask,
    /// A gentle push.
    Call,
}

/// Everything a post about one source by one persona can draw on.
#[derive(Debug)]
pub(super) struct Material<'a> {
    pub(super) headline: String,
    short_headline: Option<String>,
    pub(super) topic: Option<String>,
    /// The topic, if it reads well within a sentence of any kind.
    spoken_topic: Option<String>,
    details: Vec<String>,
    beliefs: Vec<String>,
    asides: Vec<String>,
    theme: &'a str,
    pub(super) voice: Voice,
    rules: &'a Rules,
    phrases: &'a Phrases,
    dice: &'a Dice,
}

impl<'a> Material<'a> {
    pub(super) fn gather(
        ask: &WriteAsk,
        source: &Source,
        rules: &'a Rules,
        dice: &'a Dice,
        (phrases, lists, near): (&'a Phrases, &Words, &Nearness),
    ) -> Self {
        let clear = |text: &&str| rules.banned_in(text).is_none();
        let theme = phrases.theme(&ask.goal, &source.headline);
        // Words that are common nouns of the theme lose the capitals that a headline gave them.
        let common = phrases.themes.get(theme).map(|words| words.join(" ")).unwrap_or_default();
        let context = format!("{} {} {common}", source.details.join(" "), ask.goal);
        let subjects = telling(&source.headline, &ask.goal, lists, near);
        let mut subjects = subjects.iter().filter(|phrase| rules.banned_in(&phrase.text()).is_none());
        let subject = subjects.next();
        let topic = subject.map(|phrase| within_sentence(phrase, &source.headline, &context));
        let spoken_topic = topic.clone().filter(|_| subject.is_some_and(|phrase| phrase.needs_no_article()));
        let about = format!("{} {}", source.headline, source.details.join(" "));
        let beliefs = near.ranked(&about, ask.persona.core_beliefs.iter().map(|belief| belief.trim()).filter(clear));
        let own_words = sentences(&ask.persona.backstory).filter(|line| is_aside(line)).filter(clear);
        Self {
            short_headline: short_form(&source.headline),
            headline: source.headline.clone(),
            topic,
            spoken_topic,
            details: source
                .details
                .iter()
                .map(String::as_str)
                .filter(clear)
                .take(DETAILS_MAX)
                .map(str::to_owned)
                .collect(),
            beliefs: beliefs.into_iter().take(BELIEFS_MAX).map(|(_, belief)| ended(belief)).collect(),
            asides: near.ranked(&about, own_words).into_iter().take(ASIDES_MAX).map(|(_, line)| ended(line)).collect(),
            theme,
            voice: Voice::of(&ask.persona.voice_traits, phrases, rules, source.is_grave(phrases)),
            rules,
            phrases,
            dice,
        }
    }

    /// The candidates for a part, the one to try first in front. `brief` asks for the shortest frames.
    pub(super) fn candidates(&self, part: Part, brief: bool) -> Vec<String> {
        let found = match part {
            Part::Quote => self.quotes(brief),
            Part::Lead => self.filled("lead", &self.voice.lines(&self.phrases.topic_leads)),
            Part::Detail => self.with_each("detail", &self.voice.lines(&self.phrases.details), &self.details),
            Part::Take => self.takes(),
            Part::Belief => self.with_each("belief", &self.bridges(), &self.beliefs),
            Part::Turn => self.turns(),
            Part::Aside => self.dice.shuffled("aside", self.asides.clone()),
            Part::Ask => self.by_theme("ask", &self.phrases.asks),
            Part::Call => self.by_theme("call", &self.phrases.calls),
        };
        found.into_iter().filter(|text| self.allows(text)).collect()
    }

    /// The persona's beliefs, the nearest to the subject first.
    pub(super) fn beliefs(&self) -> &[String] {
        &self.beliefs
    }

    pub(super) fn theme(&self) -> &str {
        self.theme
    }

    fn allows(&self, text: &str) -> bool {
        let asks = self.rules.questions == Questions::Never && text.contains('?');
        !asks && self.rules.banned_in(text).is_none()
    }

    fn bridges(&self) -> Vec<&'a str> {
        self.voice.lines(&self.phrases.bridges)
    }

    fn quotes(&self, brief: bool) -> Vec<String> {
        let quote = |frames: &[&str], headline: &str| -> Vec<String> {
            let frames = self.dice.shuffled("quote", frames.iter().copied());
            frames.iter().map(|frame| tidy(&frame.replace("{headline}", &inner_quotes(headline)))).collect()
        };
        let full = self.voice.lines(&self.phrases.frames);
        let short = self.voice.lines(&self.phrases.frames_short);
        let mut out = if brief { quote(&short, &self.headline) } else { quote(&full, &self.headline) };
        if !brief {
            out.extend(quote(&short, &self.headline));
        }
        if let Some(headline) = &self.short_headline {
            out.extend(quote(&short, headline));
        }
        out
    }

    fn takes(&self) -> Vec<String> {
        let own = |theme: &str| -> Vec<&str> {
            self.phrases.takes.get(theme).map(|bank| self.voice.own_lines(bank)).unwrap_or_default()
        };
        let mut lines = self.dice.shuffled("take", own(self.theme));
        lines.extend(self.dice.shuffled("take-any", own("any")));
        lines.into_iter().map(str::to_owned).collect()
    }

    fn turns(&self) -> Vec<String> {
        let headline = inner_quotes(&self.headline);
        let turns = self.dice.shuffled("turn", self.voice.lines(&self.phrases.turns));
        let beliefs = self.dice.shuffled("turn-belief", self.beliefs.iter());
        beliefs
            .iter()
            .flat_map(|belief| turns.iter().map(move |turn| (belief, turn)))
            .map(|(belief, turn)| tidy(&format!("{belief} {turn} “{headline}”.")))
            .collect()
    }

    /// Theme lines before those for all, but now and then the other way round.
    fn by_theme(&self, label: &str, bank: &Bank) -> Vec<String> {
        let lines = |key: &str| bank.get(key).into_iter().flatten().map(String::as_str).collect::<Vec<_>>();
        if self.voice.sober {
            return self.filled(label, &lines("sober"));
        }
        let (own, any) = (self.filled(label, &lines(self.theme)), self.filled(label, &lines("any")));
        let general_first = self.theme == "any" || self.dice.chance(&format!("{label}-general"), 20);
        let (first, second) = if general_first { (any, own) } else { (own, any) };
        first.into_iter().chain(second).collect()
    }

    /// Lines with the topic filled in; those that need one fall away when there is none.
    fn filled(&self, label: &str, lines: &[&str]) -> Vec<String> {
        self.dice
            .shuffled(label, lines.iter().copied())
            .into_iter()
            .filter_map(|line| match &self.spoken_topic {
                Some(topic) => Some(line.replace("{topic}", topic)),
                None => (!line.contains("{topic}")).then(|| line.to_owned()),
            })
            .map(|line| capitalised(&line))
            .collect()
    }

    /// Each line with each sentence, in an order of chance.
    fn with_each(&self, label: &str, lines: &[&str], sentences: &[String]) -> Vec<String> {
        let lines = self.dice.shuffled(label, lines.iter().copied());
        let sentences = self.dice.shuffled(&format!("{label}-of"), sentences.iter());
        sentences
            .iter()
            .flat_map(|sentence| lines.iter().map(move |line| (sentence, line)))
            .map(|(sentence, line)| {
                let quoted = format!("“{}”", inner_quotes(sentence));
                tidy(
                    &line
                        .replace("{belief_lc}", &uncapitalised(sentence))
                        .replace("{belief}", sentence)
                        .replace("{detail}", &quoted),
                )
            })
            .collect()
    }
}

/// The part of a long headline that says most, for places with little room.
fn short_form(headline: &str) -> Option<String> {
    let pieces = [": ", "; ", " — ", " – ", " - ", ", "].iter().filter_map(|separator| {
        headline
            .split(separator)
            .map(str::trim)
            .filter(|piece| piece.split_whitespace().count() >= 3 && length(piece) < length(headline))
            .max_by_key(|piece| length(piece))
    });
    pieces
        .filter(|piece| length(piece) <= SHORT_HEADLINE_CHARS_MAX)
        .max_by_key(|piece| length(piece))
        .map(capitalised)
        .or_else(|| (length(headline) > SHORT_HEADLINE_CHARS_MAX).then(|| cut(headline, SHORT_HEADLINE_CHARS_MAX)))
}

/// A sentence of the backstory that can be said to a reader: in the first person and of handy length.
fn is_aside(line: &str) -> bool {
    let first_person =
        ["I ", "I'm ", "I’m ", "I've ", "I’ve ", "I'd ", "My "].iter().any(|opening| line.starts_with(opening));
    // What points back to a sentence before it can't stand alone.
    let points_back = crate::text::words(line).any(|word| {
        ["that's", "that", "those", "them", "it", "this", "they", "there", "too", "also"].contains(&word.as_str())
    });
    first_person
        && !points_back
        && ASIDE_CHARS.contains(&length(line))
        && line.ends_with('.')
        && !line.contains(['\n', '*', '_', '[', ':'])
}

fn ended(sentence: &str) -> String {
    let sentence = sentence.trim();
    let joined = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    if joined.ends_with(['.', '!', '?', '…', '”']) { joined } else { format!("{joined}.") }
}

/// Drops the full stop or comma that a quoted text already ended with a mark of its own makes superfluous.
fn tidy(text: &str) -> String {
    const DOUBLED: [(&str, &str); 13] = [
        ("?”.", "?”"),
        ("!”.", "!”"),
        ("…”.", "…”"),
        ("?.”", "?”"),
        ("!.”", "!”"),
        ("….”", "…”"),
        ("?”,", "?”"),
        ("!”,", "!”"),
        (".”.", ".”"),
        ("..”", ".”"),
        ("’.”", ".’”"),
        (".’.", ".’"),
        ("?’.", "?’"),
    ];
    DOUBLED.iter().fold(text.to_owned(), |text, (doubled, single)| text.replace(doubled, single))
}
