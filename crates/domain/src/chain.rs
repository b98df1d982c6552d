//! Errors in one line, with their causes. An error's `Display` never prints its source; this does, in one place.

use std::error::Error;

/// The error and its causes, outermost first, separated by colons. Some libraries repeat a cause in their own message;
/// what the line already says is not said again.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = next.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        #[source]
        source: Option<Box<Link>>,
    }

    fn chain(texts: &[&'static str]) -> String {
        let link = texts.iter().rev().fold(None, |source, text| Some(Box::new(Link { text, source })));
        error_chain(&*link.unwrap())
    }

    #[test]
    fn causes_follow_in_order_and_are_said_once() {
        assert_eq!(chain(&["no feed", "no connection", "refused"]), "no feed: no connection: refused");
        assert_eq!(
            chain(&["no feed", "no connection: refused", "refused", "by 10.0.0.1"]),
            "no feed: no connection: refused: by 10.0.0.1"
        );
    }
}
