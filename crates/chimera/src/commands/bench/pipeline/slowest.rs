//! Which statements took how long, all of a kind together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chimera_store::Observer;

/// So much of a statement tells it from others.
const SHOWN: usize = 220;

/// Statements by their text, without what tells batches of different sizes apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Slowest(Arc<Mutex<HashMap<String, Sum>>>);

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    times: u32,
    took: Duration,
}

impl Slowest {
    pub(super) fn observer(&self) -> Observer {
        let sums = self.0.clone();
        Arc::new(move |answered| {
            let kind = kind(&answered.statement().sql);
            let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
            let sum = sums.entry(kind).or_default();
            sum.times += 1;
            sum.took += answered.elapsed();
        })
    }

    /// The `count` kinds that took longest together, a line each: milliseconds in all, times, milliseconds each.
    pub(super) fn lines(&self, count: usize) -> Vec<String> {
        let mut sums: Vec<(String, Sum)> = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(kind, sum)| (kind.clone(), *sum))
            .collect();
        sums.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.took));
        let line = |(kind, Sum { times, took }): &(String, Sum)| {
            let (all, each) = (took.as_secs_f64() * 1_000.0, took.as_secs_f64() * 1_000.0 / f64::from(*times));
            format!("{all:>9.1} ms  {times:>6} x {each:>8.3} ms  {kind}")
        };
        sums.iter().take(count).map(line).collect()
    }
}

/// The statement with each list of values as one.
fn kind(sql: &str) -> String {
    let mut kind = String::with_capacity(SHOWN);
    let mut quiet = false;
    for part in sql.split_inclusive([',', ' ']) {
        let bare = part.trim_matches(|c: char| " ,()$?".contains(c) || c.is_ascii_digit());
        if bare.is_empty() {
            if !quiet {
                kind.push_str("? ");
            }
            quiet = true;
        } else {
            kind.push_str(part);
            quiet = false;
        }
        if kind.len() > SHOWN {
            break;
        }
    }
    kind.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_different_sizes_are_one_kind() {
        let two = "SELECT \"a\" FROM \"t\" WHERE \"id\" IN ($2, $3)";
        assert_eq!(kind(two), kind("SELECT \"a\" FROM \"t\" WHERE \"id\" IN ($2, $3, $4, $5)"));
        assert_ne!(kind(two), kind("SELECT \"b\" FROM \"t\" WHERE \"id\" IN ($2, $3)"));
    }
}
