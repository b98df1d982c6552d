//! What narrows a list: what can be chosen for it, what was, and the address of the list that is narrowed so.

use chimera_domain::{Campaign, CampaignId};

use crate::{api::id, problem::Problem};

/// Campaigns that can be chosen.
pub(super) const CAMPAIGNS: u64 = 200;

/// One thing that can be chosen in a form.
#[derive(Debug)]
pub(super) struct Choice {
    /// As the address has it.
    pub(super) value: String,
    /// For people.
    pub(super) name: String,
    /// Whether it is what was chosen.
    pub(super) is_chosen: bool,
}

/// What was chosen; a form says nothing where it was left open.
pub(super) fn chosen<T>(said: &str, read: impl FnOnce(&str) -> Result<T, Problem>) -> Result<Option<T>, Problem> {
    Some(said.trim()).filter(|said| !said.is_empty()).map(read).transpose()
}

/// The campaign that was chosen, by its id.
pub(super) fn chosen_campaign(said: &str) -> Result<Option<CampaignId>, Problem> {
    chosen(said, id)
}

/// Names, each by what it is called on the wire and for people.
pub(super) fn choices<T: Copy + PartialEq + ToString>(
    all: &[T],
    name: impl Fn(T) -> String,
    chosen: Option<T>,
) -> Vec<Choice> {
    let choice = |one: &T| Choice { value: one.to_string(), name: name(*one), is_chosen: chosen == Some(*one) };
    all.iter().map(choice).collect()
}

/// Campaigns, by their slugs.
pub(super) fn campaigns<'a>(all: impl IntoIterator<Item = &'a Campaign>, chosen: Option<CampaignId>) -> Vec<Choice> {
    let choice = |one: &Campaign| Choice {
        value: one.id.to_string(),
        name: one.slug.clone(),
        is_chosen: chosen == Some(one.id),
    };
    all.into_iter().map(choice).collect()
}

/// The address of a list, with what narrows it; what is empty narrows nothing.
pub(super) fn address(path: &str, narrowed: &[(&str, &str)]) -> String {
    let said = narrowed.iter().filter(|(_, value)| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(said).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_was_chosen_and_nothing_else() {
        assert_eq!(address("/signals", &[("after", ""), ("outcome", "")]), "/signals");
        assert_eq!(
            address("/audit", &[("before", "7"), ("actor", "human:a&b c")]),
            "/audit?before=7&actor=human%3Aa%26b+c"
        );
    }

    #[test]
    fn nothing_said_is_nothing_chosen() {
        assert_eq!(chosen_campaign(" ").unwrap(), None);
        assert!(chosen_campaign("x").is_err());
        let named = choices(&[1, 2], |one| format!("no. {one}"), Some(2));
        let shown: Vec<_> = named.iter().map(|c| (c.value.as_str(), c.name.as_str(), c.is_chosen)).collect();
        assert_eq!(shown, [("1", "no. 1", false), ("2", "no. 2", true)]);
    }
}
