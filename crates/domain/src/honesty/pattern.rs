//! Patterns over words: small enough to be read at a glance, and never slow.
//!
//! A pattern is a line of steps: `bot|robot` is one of these, `a|an?` may be left out, `<f>*` may come up to six times. `a_b` is two words
//! in a row, `<name>` the language's list of that name. `^` is the beginning of a part of a sentence; `$` its end, or a word
//! after which nothing to the matter follows (the list `end`). A line that begins with `?` counts only in a text with a question mark.

use super::tongues::Words;

/// How often a step with `*` may come.
const REPEATS_MAX: usize = 6;
/// More of a text than this is not looked at, in characters; nobody asks so late.
const CHARS_MAX: usize = 4_000;
/// A list within a list is read as deep as this.
const DEPTH_MAX: usize = 3;

/// A text as patterns look at it: sentences of words, and the same as single signs, for scripts without gaps.
#[derive(Debug)]
pub(super) struct Spoken {
    words: Vec<Vec<String>>,
    signs: Vec<Vec<String>>,
    asks: bool,
}

impl Spoken {
    pub(super) fn hear(text: &str) -> Self {
        let bounded: String = text.chars().take(CHARS_MAX).collect();
        let plain = folded(&without_accounts(&bounded));
        let sentences: Vec<&str> = plain.split(['.', '!', '?', ';', ':', '\n']).collect();
        let words = sentences.iter().map(|sentence| words(sentence)).filter(|words| !words.is_empty());
        let signs = sentences.iter().map(|sentence| signs(sentence)).filter(|signs| !signs.is_empty());
        Self { words: words.collect(), signs: signs.collect(), asks: plain.contains('?') }
    }
}

/// One step of a pattern: one of several runs of words or signs, so often.
#[derive(Debug)]
struct Step {
    runs: Vec<Vec<String>>,
    at_least: usize,
    at_most: usize,
}

/// What a pattern is made of.
#[derive(Debug)]
enum Part {
    Begin,
    Step(Step),
    End(Step),
}

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
    spaced: bool,
    wants_question: bool,
}

impl Pattern {
    /// Reads a line of steps with a language's lists.
    pub(super) fn read(line: &str, words: &Words) -> Self {
        let (wants_question, line) = line.strip_prefix("? ").map_or((false, line), |rest| (true, rest));
        let part = |step: &str| match step {
            "^" => Part::Begin,
            "$" => Part::End(Step { runs: runs("<end>", words, 0), at_least: 1, at_most: 1 }),
            step => {
                let (names, at_least, at_most) = match (step.strip_suffix('?'), step.strip_suffix('*')) {
                    (Some(names), _) => (names, 0, 1),
                    (_, Some(names)) => (names, 0, REPEATS_MAX),
                    _ => (step, 1, 1),
                };
                Part::Step(Step { runs: runs(names, words, 0), at_least, at_most })
            }
        };
        Self { parts: line.split(' ').map(part).collect(), spaced: words.spaced, wants_question }
    }

    /// Whether it lies anywhere in a text.
    pub(super) fn is_in(&self, spoken: &Spoken) -> bool {
        let sentences = if self.spaced { &spoken.words } else { &spoken.signs };
        let lies = |sentence: &Vec<String>| (0..sentence.len()).any(|at| fits(&self.parts, sentence, at));
        (spoken.asks || !self.wants_question) && sentences.iter().any(lies)
    }
}

/// Whether the parts fit the sentence from here on.
fn fits(parts: &[Part], sentence: &[String], at: usize) -> bool {
    let Some((part, rest)) = parts.split_first() else { return true };
    match part {
        Part::Begin => (at == 0 || is_comma(sentence, at - 1)) && fits(rest, sentence, at),
        Part::End(closing) => {
            let ends = at >= sentence.len() || is_comma(sentence, at);
            (ends || closing.runs.iter().any(|run| begins(sentence, at, run))) && fits(rest, sentence, at)
        }
        Part::Step(step) => repeated(step, 0, rest, sentence, at),
    }
}

/// Whether a step that came `times` times already, and what follows it, fit from here on.
fn repeated(step: &Step, times: usize, rest: &[Part], sentence: &[String], at: usize) -> bool {
    // The longest first; a pattern is short, so trying all is cheap.
    let again = times < step.at_most
        && step
            .runs
            .iter()
            .any(|run| begins(sentence, at, run) && repeated(step, times + 1, rest, sentence, at + run.len()));
    again || (times >= step.at_least && fits(rest, sentence, at))
}

fn begins(sentence: &[String], at: usize, run: &[String]) -> bool {
    !run.is_empty() && sentence.get(at..).is_some_and(|said| said.starts_with(run))
}

fn is_comma(sentence: &[String], at: usize) -> bool {
    sentence.get(at).is_some_and(|token| token == ",")
}

/// The runs that `a|b_c|<list>` names.
fn runs(names: &str, words: &Words, depth: usize) -> Vec<Vec<String>> {
    let run = |name: &str| -> Vec<Vec<String>> {
        let Some(list) = name.strip_prefix('<').and_then(|name| name.strip_suffix('>')) else {
            let plain = folded(&name.replace('_', " "));
            let tokens = if name == "," {
                vec![",".to_owned()]
            } else if words.spaced {
                self::words(&plain)
            } else {
                signs(&plain)
            };
            return vec![tokens];
        };
        let known = words.lists.iter().filter(|(known, _)| *known == list && depth < DEPTH_MAX);
        known.flat_map(|(_, all)| runs(all, words, depth + 1)).collect()
    };
    names.split('|').flat_map(run).collect()
}

/// Words, and commas between them.
fn words(sentence: &str) -> Vec<String> {
    let spaced = sentence.replace(',', " , ");
    let words = spaced.split(|c: char| c != ',' && !is_of_word(c)).filter(|word| !word.is_empty());
    words.map(calm).collect()
}

/// Every sign by itself, without what stands between them.
fn signs(sentence: &str) -> Vec<String> {
    sentence.chars().filter(|c| *c == ',' || is_of_word(*c)).map(String::from).collect()
}

/// Letters, digits, and the marks that letters of India carry.
fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '\u{900}'..='\u{963}')
}

/// The text with a comma in the place of each `@account`, for whom one speaks to is no part of what one says.
fn without_accounts(text: &str) -> String {
    let mut parts = text.split('@');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push(',');
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "._-".contains(c)));
    }
    out
}

/// A word without letters drawn out for emphasis, and with letters where digits stand for them: `b0t` and `boooot` are `bot`.
fn calm(word: &str) -> String {
    let with_letters = word.chars().any(char::is_alphabetic);
    let mut out = String::with_capacity(word.len());
    let letters: Vec<char> = word.chars().map(|c| if c == '0' && with_letters { 'o' } else { c }).collect();
    for run in letters.chunk_by(|a, b| a == b) {
        let kept = if run.len() > 2 { 1 } else { run.len() };
        out.extend(run.iter().take(kept));
    }
    out
}

/// Lower case, without accents and apostrophes; signs that look or mean the same are the same.
fn folded(text: &str) -> String {
    let lower = text.to_lowercase().replace("a.i.", "ai ").replace("a.i", "ai");
    let mut out = String::with_capacity(lower.len());
    for c in lower.chars() {
        // Fullwidth letters are their ordinary selves.
        let c = match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c).to_ascii_lowercase(),
            _ => c,
        };
        match c {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            // Accents that stand alone, apostrophes, what Arabic leaves out as often as not, and what can't be seen.
            '\u{300}'..='\u{36f}'
            | '\''
            | '’'
            | '‘'
            | 'ʼ'
            | '`'
            | '´'
            | '\u{640}'
            | '\u{64b}'..='\u{65f}'
            | '\u{670}'
            | '\u{93c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{feff}'
            | '\u{ad}' => {}
            c => out.push(bare(c)),
        }
    }
    out
}

/// A letter without its accent, a sign of punctuation as its plainest sister.
const fn bare(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì'..='ï' | 'ī' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ś' | 'š' | 'ş' | 'ș' => 's',
        'ù'..='ü' | 'ū' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        'ё' => 'е',
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ى' => 'ي',
        'ة' => 'ه',
        '機' => '机',
        '嗎' => '吗',
        '還' => '还',
        '這' => '这',
        '帳' | '賬' => '账',
        '號' => '号',
        '個' => '个',
        '類' => '类',
        '實' => '实',
        '妳' | '您' => '你',
        '。' | '…' | '।' | '॥' => '.',
        '؟' | '¿' | '‽' => '?',
        '¡' => '!',
        '、' | '،' | '—' | '–' | '(' | ')' | '"' | '“' | '”' | '„' | '«' | '»' | '「' | '」' | '/' => {
            ','
        }
        '؛' => ';',
        c => c,
    }
}
