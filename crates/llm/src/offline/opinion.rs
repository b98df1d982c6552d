//! The offline judge: what can be seen of a post without understanding it.
//!
//! Each finding starts near 1 and loses for what is seen to be wrong; the worst sight is the reason given.

use std::collections::BTreeSet;

use chimera_domain::Score;

use super::{
    compose::Writer,
    phrases::Words,
    rules::{Questions, Rules},
    salience::spaced,
    source::is_order,
};
use crate::text::{length, plain, sentences, words};
use crate::{Finding, Opinion, OpinionAsk, RelevanceScorer};

/// No program without a language model should be surer than this.
const SUREST: f64 = 0.97;
/// Fewer characters than this say nothing.
const TEXT_CHARS_MIN: usize = 25;
/// Fewer words than this beyond the headline's are no voice.
const OWN_WORDS_MIN: usize = 4;
/// Goal relevance (of source or text) from which nothing is lost, and at which all is.
const GOAL_FULL: f64 = 0.75;
const GOAL_NONE: f64 = 0.2;
/// Between the threshold and this, a little is lost for being merely relevant.
const GOAL_DEAD_ON: f64 = 0.95;
/// Share of the headline's content words found again from which nothing is lost, and at which all is.
const ECHO_FULL: f64 = 0.5;
const ECHO_NONE: f64 = 0.05;
/// The same for nearness in meaning of text and source.
const NEAR_FULL: f64 = 0.62;
const NEAR_NONE: f64 = 0.25;
/// A post none of whose sentences is this near to anything the persona holds sounds like somebody else.
const KINDRED_FULL: f64 = 0.35;

/// A finding in the making.
struct Sight {
    score: f64,
    worst: f64,
    reason: String,
}

impl Sight {
    fn new(clean: &str) -> Self {
        Self { score: SUREST, worst: 0.0, reason: clean.to_owned() }
    }

    /// Takes points off; the heaviest loss gives the reason.
    fn lose(&mut self, points: f64, reason: impl FnOnce() -> String) {
        if points < 0.005 {
            return;
        }
        self.score -= points;
        if points > self.worst {
            self.worst = points;
            self.reason = reason();
        }
    }

    fn finding(self) -> Finding {
        Finding { score: Score::clamped(self.score.max(0.02)), reason: self.reason }
    }
}

/// The offline judge's view.
pub(super) fn form(ask: &OpinionAsk, writer: &Writer, scorer: Option<&RelevanceScorer>) -> Opinion {
    let rules = Rules::read(&ask.persona.directives, &ask.persona.banned_topics);
    let mut notes = Vec::new();
    if is_order(&format!("{} {}", ask.headline, ask.summary)) {
        notes.push("the source gives orders to whoever reads it with a machine".to_owned());
    }
    Opinion {
        task_fit: if ask.reply.is_some() { reply_fit(ask) } else { task_fit(ask, writer, scorer) },
        persona: persona(ask, writer, &rules, &mut notes),
        support: support(ask, &writer.words),
        notes,
    }
}

fn task_fit(ask: &OpinionAsk, writer: &Writer, scorer: Option<&RelevanceScorer>) -> Finding {
    let mut sight = Sight::new("on the goal, about the headline, and within the channel's limits");
    let text = plain(&ask.text);
    let rules = ask.channel.rules();
    let chars = ask.channel.length(&ask.text);
    if chars > rules.text_chars_max {
        sight.lose(0.5, || format!("{chars} characters, and {} takes {}", ask.channel, rules.text_chars_max));
    }
    if ask.hashtags.len() > rules.hashtags_max {
        sight.lose(0.15, || {
            format!("{} hashtags, and {} reads well with {}", ask.hashtags.len(), ask.channel, rules.hashtags_max)
        });
    }
    if length(&text) < TEXT_CHARS_MIN {
        sight.lose(0.5, || "hardly a post: too short to say anything".to_owned());
    }
    let source = plain(&format!("{}. {}", ask.headline, ask.summary));
    if let Some(scorer) = scorer {
        let of_source = scorer.score(&plain(&ask.headline), &plain(&ask.summary)).score.get();
        let of_text = scorer.score(&text, "").score.get();
        // The subject decides: a persona can dress any story in its own words.
        let goal = 0.7 * of_source + 0.3 * of_text.max(of_source);
        sight.lose(0.45 * missing(goal, GOAL_NONE, GOAL_FULL), || format!("only {goal:.2} relevant to the goal"));
        sight.lose(0.06 * missing(goal, GOAL_FULL, GOAL_DEAD_ON), || {
            format!("relevant to the goal, not dead on ({goal:.2})")
        });
    }
    let echo = echo(&ask.headline, &text, &writer.words);
    let near = writer.near.of(&text, &source);
    // The headline's own words tell a post about it from one about its field; nearness forgives a paraphrase in part.
    let lost = 0.6 * missing(echo, ECHO_NONE, ECHO_FULL)
        + 0.4 * missing(near, NEAR_NONE, NEAR_FULL).min(missing(echo, 0.2, ECHO_FULL));
    sight.lose(0.5 * lost, || {
        format!(
            "{} the headline: {:.0} % of its words come back, nearness {near:.2}",
            if lost > 0.7 { "not about" } else { "vague about" },
            echo * 100.0
        )
    });
    sight.finding()
}

/// Whether a reply answers its remark can't be seen without understanding both, so a person should look.
fn reply_fit(ask: &OpinionAsk) -> Finding {
    let mut sight = Sight::new("a reply within the channel's limits");
    sight.lose(0.45, || "nobody here understands whether it answers the remark".to_owned());
    let (chars, max) = (ask.channel.length(&ask.text), ask.channel.rules().text_chars_max);
    if chars > max {
        sight.lose(0.5, || format!("{chars} characters, and {} takes {max}", ask.channel));
    }
    sight.finding()
}

fn persona(ask: &OpinionAsk, writer: &Writer, rules: &Rules, notes: &mut Vec<String>) -> Finding {
    let mut sight = Sight::new("in keeping with the persona's directives, banned topics and beliefs");
    let everything =
        format!("{} {}", ask.text, ask.hashtags.iter().map(|tag| spaced(tag)).collect::<Vec<_>>().join(" "));
    if let Some(topic) = rules.banned_in(&everything) {
        sight.lose(0.95, || format!("speaks about `{topic}`, which the persona never does"));
    }
    if let Some(topic) = rules.banned_in(&plain(&format!("{}. {}", ask.headline, ask.summary))) {
        sight.lose(0.7, || format!("the story is about `{topic}`, which the persona never speaks about"));
        notes.push(format!("the source speaks about `{topic}`"));
    }
    if is_order(&plain(&ask.text)) {
        sight.lose(0.7, || "carries words that give orders to a machine".to_owned());
        notes.push("the text gives orders to whoever reads it with a machine".to_owned());
    }
    if let Some(denial) = denies_being_ai(&ask.text) {
        sight.lose(0.9, || format!("claims to be human: “{denial}”"));
    }
    if let Some(claim) = claims_a_body(&ask.text) {
        sight.lose(0.3, || format!("claims an experience that no AI has: “{claim}”"));
    }
    let headline: BTreeSet<String> = words(&plain(&ask.headline)).collect();
    let own_words = words(&ask.text).filter(|word| !headline.contains(word)).count();
    if own_words < OWN_WORDS_MIN {
        sight.lose(0.2, || "repeats the headline and adds nothing of its own".to_owned());
    }
    broken_directives(ask, rules, &mut sight);
    let letters = ask.text.chars().filter(|c| c.is_alphabetic()).count();
    let shouted = ask.text.chars().filter(|c| c.is_uppercase()).count();
    if letters > 20 && shouted * 2 > letters {
        sight.lose(0.35, || "shouts in capitals".to_owned());
    }
    let kin: Vec<&str> = ask.persona.core_beliefs.iter().map(String::as_str).chain([ask.goal.as_str()]).collect();
    let text = plain(&ask.text);
    let kindred = sentences(&text)
        .flat_map(|line| writer.near.ranked(line, kin.iter().copied()))
        .map(|(near, _)| near)
        .fold(0.0, f64::max);
    sight.lose(0.3 * missing(kindred, 0.0, KINDRED_FULL), || {
        format!("touches nothing that the persona holds (nearness {kindred:.2})")
    });
    sight.finding()
}

fn broken_directives(ask: &OpinionAsk, rules: &Rules, sight: &mut Sight) {
    let exclamations = ask.text.matches('!').count();
    if rules.exclamations_max.is_some_and(|max| exclamations > max) {
        sight.lose(0.25, || format!("{exclamations} exclamation marks, against a directive"));
    }
    if rules.emoji == Some(false) && ask.text.chars().any(is_emoji) {
        sight.lose(0.3, || "uses emoji, against a directive".to_owned());
    }
    if !rules.hashtags && !ask.hashtags.is_empty() {
        sight.lose(0.3, || "uses hashtags, against a directive".to_owned());
    }
    let questions = ask.text.contains('?');
    if (rules.questions == Questions::Never && questions) || (rules.questions == Questions::Always && !questions) {
        sight.lose(0.3, || "handles questions against a directive".to_owned());
    }
}

fn support(ask: &OpinionAsk, lists: &Words) -> Finding {
    let mut sight = Sight::new("states nothing that the source or the persona doesn't");
    let source = plain(&format!("{}. {}", ask.headline, ask.summary));
    let own = format!("{} {} {}", ask.persona.name, ask.persona.backstory, ask.persona.core_beliefs.join(" "));
    let known: BTreeSet<String> =
        words(&format!("{source} {own} {} {} AI", ask.persona.disclosure, ask.goal)).map(|word| stem(&word)).collect();
    let text = plain(&ask.text);
    let numbers: Vec<String> =
        numbers(&text).filter(|number| !self::numbers(&source).any(|known| known == *number)).collect();
    if let Some(number) = numbers.first() {
        sight.lose((0.35 * count(numbers.len())).min(0.75), || format!("the source doesn't have the number {number}"));
    }
    let names: Vec<String> = names(&text)
        .filter(|name| !known.contains(&stem(&name.to_lowercase())) && !lists.stop.contains(&name.to_lowercase()))
        .collect();
    if let Some(name) = names.first() {
        sight.lose((0.18 * count(names.len())).min(0.6), || format!("the source doesn't name {name}"));
    }
    let source_line = words(&source).collect::<Vec<_>>().join(" ");
    for quote in quotations(&text) {
        let said = words(quote).collect::<Vec<_>>().join(" ");
        let own_quote = words(&own).collect::<Vec<_>>().join(" ").contains(&said);
        if said.split(' ').count() >= 3 && !source_line.contains(&said) && !own_quote {
            sight.lose(0.4, || format!("the source doesn't say “{}”", crate::text::cut(quote, 60)));
        }
    }
    const PROMISES: [&str; 16] = [
        "guaranteed",
        "guarantee",
        "proven",
        "clinically",
        "scientists",
        "experts",
        "studies",
        "study",
        "officially",
        "confirmed",
        "cures",
        "miracle",
        "risk-free",
        "everyone knows",
        "doctors",
        "revealed",
    ];
    let spoken = format!(" {} ", words(&text).collect::<Vec<_>>().join(" "));
    for promise in PROMISES {
        if spoken.contains(&format!(" {promise} ")) && !source.to_lowercase().contains(promise) {
            sight.lose(0.25, || format!("claims “{promise}” without a source"));
        }
    }
    if words(&source).count() < 3 {
        sight.lose(0.25, || "there is hardly a source to check against".to_owned());
    } else if echo(&ask.headline, &text, lists) < ECHO_NONE {
        sight.lose(0.16, || "says nothing that the source could carry".to_owned());
    }
    sight.finding()
}

/// How much of a full mark is missing: 0 from `full` up, 1 from `none` down.
fn missing(value: f64, none: f64, full: f64) -> f64 {
    ((full - value) / (full - none)).clamp(0.0, 1.0)
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

/// The share of a headline's content words that come back in a text.
fn echo(headline: &str, text: &str, lists: &Words) -> f64 {
    let content = |text: &str| -> BTreeSet<String> {
        words(text).filter(|word| word.len() > 2 && !lists.stop.contains(word)).map(|word| stem(&word)).collect()
    };
    let (asked, said) = (content(&plain(headline)), content(text));
    if asked.is_empty() {
        return 0.0;
    }
    count(asked.intersection(&said).count()) / count(asked.len())
}

fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").unwrap_or(word);
    ["ing", "ies", "ed", "es", "s"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.chars().count() >= 3))
        .unwrap_or(word)
        .to_owned()
}

fn numbers(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| c.is_whitespace() || matches!(c, '-' | '–' | '/' | '(' | ')'))
        .map(|token| token.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect::<String>())
        .map(|digits| digits.trim_matches('.').to_owned())
        .filter(|digits| !digits.is_empty())
}

/// Capitalised words that don't begin a sentence.
fn names(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut begins = true;
    text.split_whitespace().filter_map(move |token| {
        let opened = begins || token.starts_with(['“', '‘', '"', '(']);
        begins = token.ends_with(['.', '!', '?', ':', '…', '”', '—', '–']);
        let bare = token.trim_matches(|c: char| !c.is_alphanumeric());
        let bare = bare.split(['\'', '’', '-', '–']).next().unwrap_or(bare);
        let named = bare.chars().count() >= 2 && bare.starts_with(char::is_uppercase);
        (named && !opened).then(|| bare.to_owned())
    })
}

fn quotations(text: &str) -> impl Iterator<Item = &str> {
    text.split('“').skip(1).filter_map(|rest| rest.split('”').next())
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{2b50}' | '\u{2b55}' | '\u{231a}'..='\u{23ff}')
}

fn denies_being_ai(text: &str) -> Option<&'static str> {
    const DENIALS: [&str; 9] = [
        "i am human",
        "i'm human",
        "i am a human",
        "i'm a human",
        "i am a real person",
        "i'm a real person",
        "i'm not an ai",
        "i am not an ai",
        "i'm not a bot",
    ];
    let spoken = format!(" {} ", words(text).collect::<Vec<_>>().join(" "));
    DENIALS.iter().find(|denial| spoken.contains(&format!(" {denial} "))).copied()
}

fn claims_a_body(text: &str) -> Option<String> {
    const DEEDS: [&str; 14] = [
        "wore", "wear", "bought", "tasted", "ate", "touched", "tried", "felt", "smelled", "drank", "visited", "worn",
        "slept", "met",
    ];
    let spoken: Vec<String> = words(text).collect();
    spoken.windows(3).find_map(|window| {
        let [who, deed, third] = window else { return None };
        let claims = match who.as_str() {
            "i" => {
                DEEDS.contains(&deed.as_str()) && deed != "wear" || (deed == "have" && DEEDS.contains(&third.as_str()))
            }
            "i've" => DEEDS.contains(&deed.as_str()),
            _ => false,
        };
        claims.then(|| window.join(" "))
    })
}
