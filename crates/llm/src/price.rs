//! What tokens cost, from a dated table.

use std::{collections::BTreeMap, path::Path};

use chimera_domain::Usd;
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::{ConfigProblem, MindError, TokenUsage};

const BUILT_IN: &str = include_str!("prices.yaml");
const MILLION: u64 = 1_000_000;
/// Dearer than any text model sold; a higher figure is a slip of the pen.
const PRICE_MAX: u64 = 10_000;

/// Prices by model and date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceTable {
    models: BTreeMap<String, Vec<Entry>>,
}

/// What a model costs from a day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    from: NaiveDate,
    price: Price,
}

/// Dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// For tokens read.
    pub input: Decimal,
    /// For tokens written or thought.
    pub output: Decimal,
}

/// A price, and whether the table knows the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// What it costs.
    pub price: Price,
    /// `false` when the dearest price in force stands in for an unknown model.
    pub listed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "checked_on")]
    _checked_on: Option<NaiveDate>,
    models: BTreeMap<String, Vec<FileEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEntry {
    from: NaiveDate,
    input: String,
    output: String,
}

impl PriceTable {
    /// The table inside the program.
    ///
    /// # Errors
    /// [`MindError::Config`] when it can't be read, which is a defect of the program.
    pub fn built_in() -> Result<Self, MindError> {
        Self::parse(BUILT_IN).map_err(|problem| refused(None, problem))
    }

    /// A table from a file, instead of the one inside the program.
    ///
    /// # Errors
    /// [`MindError::Config`] with the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, MindError> {
        let text = std::fs::read_to_string(path).map_err(|error| refused(Some(path), error.to_string()))?;
        Self::parse(&text).map_err(|problem| refused(Some(path), problem))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut options = serde_saphyr::Options::default();
        options.with_snippet = false;
        let file: File = serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())?;
        let mut models = BTreeMap::new();
        for (model, entries) in file.models {
            let mut dated = Vec::with_capacity(entries.len());
            for entry in entries {
                let price = Price {
                    input: amount(&model, "input", &entry.input)?,
                    output: amount(&model, "output", &entry.output)?,
                };
                dated.push(Entry { from: entry.from, price });
            }
            if dated.is_empty() {
                return Err(format!("model `{model}` has no entry; give it at least one, or remove it"));
            }
            dated.sort_by_key(|entry| entry.from);
            models.insert(model, dated);
        }
        if models.is_empty() {
            return Err("it lists no model; an unknown model is priced at the dearest listed one".to_owned());
        }
        Ok(Self { models })
    }

    /// What a model costs on a day. A version number at a listed name's end (`-001`) is the same model.
    #[must_use]
    pub fn quote(&self, model: &str, day: NaiveDate) -> Quote {
        let name = model.strip_prefix("models/").unwrap_or(model);
        let listed = self.models.get(name).or_else(|| {
            let (stem, version) = name.rsplit_once('-')?;
            version.bytes().all(|byte| byte.is_ascii_digit()).then(|| self.models.get(stem)).flatten()
        });
        if let Some(price) = listed.and_then(|entries| in_force(entries, day)) {
            return Quote { price, listed: true };
        }
        let dearest = self.models.values().filter_map(|entries| in_force(entries, day)).fold(
            Price { input: Decimal::ZERO, output: Decimal::ZERO },
            |dearest, price| Price { input: dearest.input.max(price.input), output: dearest.output.max(price.output) },
        );
        Quote { price: dearest, listed: false }
    }
}

impl Price {
    /// What tokens cost at this price, rounded up to the micro-dollar.
    #[must_use]
    pub fn of(&self, usage: TokenUsage) -> Usd {
        let part = |price: Decimal, tokens: u64| price.checked_mul(Decimal::from(tokens));
        part(self.input, usage.input)
            .zip(part(self.output, usage.output))
            .and_then(|(input, output)| input.checked_add(output))
            .and_then(|sum| Usd::rounded_up(sum / Decimal::from(MILLION)).ok())
            // Beyond all bounds: no budget covers it.
            .unwrap_or(Usd::from_micros(i64::MAX))
    }
}

fn in_force(entries: &[Entry], day: NaiveDate) -> Option<Price> {
    entries.iter().rev().find(|entry| entry.from <= day).or_else(|| entries.first()).map(|entry| entry.price)
}

fn amount(model: &str, side: &str, text: &str) -> Result<Decimal, String> {
    Decimal::from_str_exact(text)
        .ok()
        .filter(|amount| !amount.is_sign_negative() && *amount <= Decimal::from(PRICE_MAX))
        .ok_or_else(|| {
            format!("model `{model}`, `{side}`: want dollars per million tokens such as \"0.75\", found \"{text}\"")
        })
}

fn refused(path: Option<&Path>, problem: String) -> MindError {
    MindError::Config { problem: ConfigProblem::Prices { path: path.map(Path::to_owned), problem }, source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn million_each() -> TokenUsage {
        TokenUsage { input: MILLION, output: MILLION }
    }

    #[test]
    fn the_day_decides_the_price() {
        let table = PriceTable::built_in().unwrap();
        let cost = |model: &str, on: &str| table.quote(model, day(on)).price.of(million_each());
        assert_eq!(cost("gemini-3.8-flash", "2026-12-31"), Usd::cents(450));
        assert_eq!(cost("gemini-3.8-flash", "2027-01-01"), Usd::cents(900));
        assert_eq!(cost("gemini-3.8-flash", "2020-01-01"), Usd::cents(450));
        assert_eq!(cost("models/gemini-3.5-flash-lite", "2026-11-22"), Usd::cents(280));
        assert_eq!(cost("gemini-3.8-flash-001", "2026-11-22"), Usd::cents(450));
    }

    #[test]
    fn an_unknown_model_costs_the_most() {
        let table = PriceTable::built_in().unwrap();
        for model in ["gemini-9-ultra", "gemini-3.8-flash-lite", ""] {
            let quote = table.quote(model, day("2026-11-22"));
            assert!(!quote.listed, "{model}");
            assert_eq!(quote.price.of(million_each()), Usd::cents(1050), "{model}");
        }
    }

    #[test]
    fn costs_round_up_and_never_overflow() {
        let price = PriceTable::built_in().unwrap().quote("gemini-3.8-flash", day("2026-11-22")).price;
        assert_eq!(price.of(TokenUsage { input: 1, output: 0 }).micros(), 1);
        assert_eq!(price.of(TokenUsage::default()), Usd::ZERO);
        assert!(price.of(TokenUsage { input: u64::MAX, output: u64::MAX }) > Usd::dollars(1_000_000));
    }

    #[test]
    fn a_bad_table_says_what_is_wrong() {
        for (text, part) in [
            ("models: {}", "lists no model"),
            ("models: {a: []}", "has no entry"),
            ("models: {a: [{from: 2026-01-01, input: '-1', output: '1'}]}", "found \"-1\""),
            ("models: {a: [{from: 2026-01-01, inputs: '1', output: '1'}]}", "inputs"),
            ("models: {a: [{from: soon, input: '1', output: '1'}]}", "line 1"),
        ] {
            let error = PriceTable::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let missing = PriceTable::read(Path::new("/nowhere/prices.yaml")).unwrap_err().to_string();
        assert!(missing.contains("set up wrongly"), "{missing}");
    }
}
