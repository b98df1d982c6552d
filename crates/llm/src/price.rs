//! What tokens cost, from a dated table.

use std::collections::BTreeMap;

use chimera_domain::Usd;
use chrono::NaiveDate;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ConfigProblem, MindError, TokenUsage};

const BUILT_IN: &str = include_str!("prices.yaml");
const MILLION: u64 = 1_000_000;
/// Dearer than any text model sold; a higher figure is a slip of the pen.
const PRICE_MAX: u64 = 10_000;
/// A version at a model's name's end has at least this many digits; fewer are part of the name (`claude-opus-5`).
const VERSION_DIGITS_MIN: usize = 3;

/// What a model costs from a day on, as it is written down. Amounts are dollars per million tokens, such as `"0.75"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceEntry {
    /// The first day, in UTC; left out, it holds always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub from: Option<NaiveDate>,
    /// For tokens read.
    pub input: String,
    /// For tokens read that came from the vendor's cache; left out, as much as for any other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<String>,
    /// For tokens written or thought.
    pub output: String,
}

/// Prices by model and date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PriceTable(BTreeMap<String, Tariff>);

/// What one model costs, by date: the earliest first, and never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tariff {
    first: Price,
    later: Vec<(NaiveDate, Price)>,
}

/// Dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Price {
    input: Decimal,
    cached: Decimal,
    output: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "checked_on")]
    _checked_on: NaiveDate,
    models: BTreeMap<String, Vec<PriceEntry>>,
}

impl PriceTable {
    /// The table inside the program, with these in the place of its own.
    ///
    /// # Errors
    /// [`MindError::Config`] with the model and what is wrong with its price.
    pub(crate) fn with(own: &BTreeMap<String, Vec<PriceEntry>>) -> Result<Self, MindError> {
        let wrong = |problem| MindError::Config { problem, source: None };
        let built_in: File = serde_saphyr::from_str(BUILT_IN).map_err(|error| MindError::Config {
            problem: ConfigProblem::BuiltIn("the price table"),
            source: Some(Box::new(error)),
        })?;
        let mut table = BTreeMap::new();
        for (model, entries) in built_in.models.iter().chain(own) {
            let tariff = Tariff::read(model, entries).map_err(|problem| wrong(ConfigProblem::Price(problem)))?;
            table.insert(model.clone(), tariff);
        }
        Ok(Self(table))
    }

    /// What a model costs. A version at a listed name's end (`-001`, `-20251001`, `-2026-03-17`) is the same model.
    pub(crate) fn of(&self, model: &str) -> Option<&Tariff> {
        let name = model.strip_prefix("models/").unwrap_or(model);
        self.0.get(name).or_else(|| self.0.get(without_version(name)?))
    }
}

fn without_version(name: &str) -> Option<&str> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (stem, last) = name.rsplit_once('-')?;
    if !digits(last) {
        return None;
    }
    if last.len() >= VERSION_DIGITS_MIN {
        return Some(stem);
    }
    let (stem, month) = stem.rsplit_once('-')?;
    let (stem, year) = stem.rsplit_once('-')?;
    (last.len() == 2 && month.len() == 2 && year.len() == 4 && digits(month) && digits(year)).then_some(stem)
}

impl Tariff {
    /// Nothing, for ever.
    pub(crate) const FREE: Self =
        Self { first: Price { input: Decimal::ZERO, cached: Decimal::ZERO, output: Decimal::ZERO }, later: Vec::new() };

    fn read(model: &str, entries: &[PriceEntry]) -> Result<Self, String> {
        let mut dated = Vec::with_capacity(entries.len());
        for entry in entries {
            let input = amount(model, "input", &entry.input)?;
            let cached = entry.cached.as_deref().map_or(Ok(input), |text| amount(model, "cached", text))?;
            let price = Price { input, cached, output: amount(model, "output", &entry.output)? };
            dated.push((entry.from.unwrap_or(NaiveDate::MIN), price));
        }
        dated.sort_by_key(|(from, _)| *from);
        let mut dated = dated.into_iter();
        let (_, first) =
            dated.next().ok_or_else(|| format!("model `{model}` has no price; give it one, or remove it"))?;
        Ok(Self { first, later: dated.collect() })
    }

    /// The price on a day.
    pub(crate) fn on(&self, day: NaiveDate) -> Price {
        self.later.iter().rev().find(|(from, _)| *from <= day).map_or(self.first, |(_, price)| *price)
    }
}

impl Price {
    /// What tokens cost at this price, rounded up to the micro-dollar.
    #[must_use]
    pub(crate) fn of(&self, usage: TokenUsage) -> Usd {
        let part = |price: Decimal, tokens: u64| price.checked_mul(Decimal::from(tokens));
        let cached = usage.cached.min(usage.input);
        let parts = [(self.input, usage.input - cached), (self.cached, cached), (self.output, usage.output)];
        parts
            .into_iter()
            .try_fold(Decimal::ZERO, |sum, (price, tokens)| sum.checked_add(part(price, tokens)?))
            .and_then(|sum| Usd::rounded_up(sum / Decimal::from(MILLION)).ok())
            // Beyond all bounds: no budget covers it.
            .unwrap_or(Usd::from_micros(i64::MAX))
    }
}

fn amount(model: &str, side: &str, text: &str) -> Result<Decimal, String> {
    Decimal::from_str_exact(text)
        .ok()
        .filter(|amount| !amount.is_sign_negative() && *amount <= Decimal::from(PRICE_MAX))
        .ok_or_else(|| {
            format!("price of `{model}`, `{side}`: want dollars per million tokens such as \"0.75\", found \"{text}\"")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    const fn million_each() -> TokenUsage {
        TokenUsage { input: MILLION, cached: 0, output: MILLION }
    }

    fn table(own: &str) -> Result<PriceTable, String> {
        PriceTable::with(&serde_json::from_str(own).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_day_decides_the_price() {
        let table = table("{}").unwrap();
        let cost = |model: &str, on: &str| table.of(model).unwrap().on(day(on)).of(million_each());
        assert_eq!(cost("gemini-3.8-flash", "2026-12-31"), Usd::cents(450));
        assert_eq!(cost("gemini-3.8-flash", "2027-01-01"), Usd::cents(900));
        assert_eq!(cost("gemini-3.8-flash", "2020-01-01"), Usd::cents(450));
        assert_eq!(cost("models/gemini-3.5-flash-lite", "2026-11-22"), Usd::cents(280));
    }

    #[test]
    fn a_version_is_the_same_model_and_another_generation_is_not() {
        let table = table("{}").unwrap();
        for same in ["gemini-3.8-flash-001", "claude-haiku-4-5-20251001", "gpt-6-luna-2026-09-22"] {
            assert!(table.of(same).is_some(), "{same}");
        }
        for other in ["claude-opus-5-7", "gemini-3.8-flash-lite", "gpt-6-luna-22", "claude-opus-5-03-17", "", "-", "7"]
        {
            assert!(table.of(other).is_none(), "{other}");
        }
    }

    #[test]
    fn cached_input_costs_less_where_it_does() {
        let table = table("{}").unwrap();
        let usage = TokenUsage { input: MILLION, cached: MILLION / 2, output: 0 };
        let cost = |model: &str, on: &str| table.of(model).unwrap().on(day(on)).of(usage);
        assert_eq!(cost("claude-sonnet-5-5", "2026-10-06"), Usd::cents(110));
        assert_eq!(cost("claude-sonnet-5-5", "2026-10-07"), Usd::cents(105));
        assert_eq!(cost("gemini-3.8-flash", "2026-10-07"), Usd::cents(75));
        let odd = TokenUsage { input: 1, cached: MILLION, output: 0 };
        assert_eq!(table.of("claude-sonnet-5-5").unwrap().on(day("2026-10-07")).of(odd).micros(), 1);
    }

    #[test]
    fn own_prices_take_the_place_of_ours() {
        let table =
            table(r#"{"gemini-3.8-flash": [{"input": "1", "output": "1"}], "mine": [{"input": "0", "output": "0"}]}"#)
                .unwrap();
        let cost = |model: &str| table.of(model).unwrap().on(day("2027-06-01")).of(million_each());
        assert_eq!((cost("gemini-3.8-flash"), cost("mine")), (Usd::cents(200), Usd::ZERO));
    }

    #[test]
    fn costs_round_up_and_never_overflow() {
        let price = table("{}").unwrap().of("gemini-3.8-flash").unwrap().on(day("2026-11-22"));
        assert_eq!(price.of(TokenUsage { input: 1, ..TokenUsage::default() }).micros(), 1);
        assert_eq!(price.of(TokenUsage::default()), Usd::ZERO);
        assert!(price.of(TokenUsage { input: u64::MAX, cached: 0, output: u64::MAX }) > Usd::dollars(1_000_000));
        assert_eq!(Tariff::FREE.on(day("2026-11-22")).of(million_each()), Usd::ZERO);
    }

    #[test]
    fn a_bad_price_says_what_is_wrong() {
        for (own, part) in [
            (r#"{"a": []}"#, "`a` has no price"),
            (r#"{"a": [{"input": "-1", "output": "1"}]}"#, "found \"-1\""),
            (r#"{"a": [{"input": "1", "cached": "x", "output": "1"}]}"#, "`cached`"),
        ] {
            let error = table(own).unwrap_err();
            assert!(error.contains(part), "{own}: {error}");
        }
    }
}
