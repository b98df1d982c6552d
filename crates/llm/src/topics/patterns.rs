//! Personal data that is recognised by its shape: addresses, numbers, cards.

/// Names what looks like personal data in a text, or `None`.
pub(super) fn personal_data(text: &str) -> Option<&'static str> {
    if text.split_whitespace().any(is_email) {
        return Some("an e-mail address");
    }
    for run in number_runs(text) {
        let digits: String = run.chars().filter(char::is_ascii_digit).collect();
        if is_social_security_number(run) {
            return Some("a social security number");
        }
        if (13..=19).contains(&digits.len()) && passes_luhn(&digits) {
            return Some("a payment card number");
        }
        if is_phone(run, digits.len()) {
            return Some("a phone number");
        }
    }
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    (0..words.len()).any(|at| begins_iban(words.get(at..).unwrap_or_default())).then_some("a bank account number")
}

fn is_email(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let Some((user, host)) = word.split_once('@') else { return false };
    let known = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    let end = host.rsplit('.').next().unwrap_or_default();
    !user.is_empty()
        && user.chars().all(known)
        && host.chars().all(known)
        && host.contains('.')
        && end.len() >= 2
        && end.chars().all(char::is_alphabetic)
}

/// Runs of digits with the signs that group them.
fn number_runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_digit() || matches!(c, ' ' | '-' | '.' | '(' | ')' | '+' | '/')))
        .map(str::trim)
        .filter(|run| run.chars().filter(char::is_ascii_digit).count() >= 7)
}

/// `123-45-6789`, and nothing around it.
fn is_social_security_number(run: &str) -> bool {
    let parts: Vec<&str> = run.split('-').collect();
    let sizes: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    sizes == [3, 2, 4] && parts.iter().all(|part| part.chars().all(|c| c.is_ascii_digit()))
}

/// Grouped like a phone number: a leading `+`, or ten to thirteen digits in three or more groups that are not years.
fn is_phone(run: &str, digits: usize) -> bool {
    let groups: Vec<&str> = run.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let grouped = groups.len() >= 3 && groups.iter().all(|group| (2..=4).contains(&group.len()) || *group == "1");
    let international = run.starts_with('+') && (8..=15).contains(&digits);
    international || (grouped && (10..=13).contains(&digits) && !run.contains('/'))
}

/// The check digit of payment cards (ISO/IEC 7812-1, annex B).
fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .chars()
        .rev()
        .filter_map(|c| c.to_digit(10))
        .enumerate()
        .map(|(at, digit)| if at % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    sum.is_multiple_of(10) && digits.chars().any(|c| c != '0')
}

/// Whether an IBAN begins with the first word, written in one piece or in groups.
fn begins_iban(words: &[&str]) -> bool {
    // Most words begin with no country: those are told apart without building anything.
    if words.iter().flat_map(|word| word.chars()).take(2).any(|c| !c.is_ascii_uppercase()) {
        return false;
    }
    let mut packed = String::new();
    words.iter().take(9).any(|word| {
        packed.push_str(word);
        is_iban(&packed)
    })
}

/// Two letters, two check digits and at least eleven more characters whose remainder by 97 is 1 (ISO 13616).
fn is_iban(packed: &str) -> bool {
    let (Some(country), Some(check), Some(account)) = (packed.get(..2), packed.get(2..4), packed.get(4..)) else {
        return false;
    };
    let shaped = (15..=34).contains(&packed.len())
        && country.chars().all(|c| c.is_ascii_uppercase())
        && check.chars().all(|c| c.is_ascii_digit());
    let digits = account.chars().chain(country.chars()).chain(check.chars()).filter_map(|c| c.to_digit(36));
    let remainder = digits.fold(0, |rest, digit| if digit < 10 { rest * 10 + digit } else { rest * 100 + digit } % 97);
    shaped && remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_data_is_named() {
        for (text, name) in [
            ("write to jane.doe+bags@example.co.uk!", "an e-mail address"),
            ("her number is 123-45-6789", "a social security number"),
            ("card 4111 1111 1111 1111 exp 10/28", "a payment card number"),
            ("call (212) 555-0147 now", "a phone number"),
            ("ring +49 30 901820", "a phone number"),
            ("pay to DE89 3704 0044 0532 0130 00", "a bank account number"),
        ] {
            assert_eq!(personal_data(text), Some(name), "{text}");
        }
    }

    #[test]
    fn ordinary_numbers_are_not() {
        for text in [
            "In 2018, 2019, 2020 and 2021 we sold 1,250,000 coats",
            "From 1990-2000 and 2001-2010",
            "@maisonfae posted; price $1200.00, size 38/40",
            "On 11/22/2026 at 10.30 - 12.45",
            "Order 1234567890123456",
            "",
        ] {
            assert_eq!(personal_data(text), None, "{text}");
        }
    }
}
