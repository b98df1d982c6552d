//! "Did you mean": the known name that looks most like a misspelt one.

/// How alike two names must be to be mentioned (Jaro-Winkler, 0..=1).
const LIKENESS_MIN: f64 = 0.8;

/// The candidate that looks most like the name, if any looks like it at all.
pub fn nearest_of<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_owned())
}

/// The way out of a misspelt name, for the end of an error.
pub(crate) fn hint(nearest: Option<&str>) -> String {
    nearest.map(|n| format!(" (did you mean {n:?}?)")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["poll_interval_seconds", "feeds", "studio"];
        assert_eq!(nearest_of("pol_interval", known).as_deref(), Some("poll_interval_seconds"));
        assert_eq!(nearest_of("feds", known).as_deref(), Some("feeds"));
        assert_eq!(nearest_of("database", known), None);
    }
}
