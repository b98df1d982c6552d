//! Finds the placeholders in one string of a template.

use serde_json::Value;

use super::{Node, Piece, Placeholder, TemplateError};

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// The node for one string; `at` is where it stands, for the error.
pub(super) fn parse_text(text: &str, at: &str) -> Result<Node, TemplateError> {
    let malformed = || TemplateError::Malformed { at: at.to_owned(), text: text.to_owned() };
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(open) = rest.find(OPEN) {
        let (before, from_open) = rest.split_at(open);
        if let Some(before) = before.strip_suffix('\\') {
            literal.push_str(before);
            literal.push_str(OPEN);
            rest = from_open.strip_prefix(OPEN).unwrap_or_default();
            continue;
        }
        literal.push_str(before);
        let inner = from_open.strip_prefix(OPEN).unwrap_or_default();
        let (name, after) = inner.split_once(CLOSE).ok_or_else(malformed)?;
        let placeholder = placeholder(name).ok_or_else(malformed)?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Variable(placeholder));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(match pieces.as_slice() {
        [] => Node::Constant(Value::String(String::new())),
        [Piece::Literal(only)] => Node::Constant(Value::String(only.clone())),
        [Piece::Variable(only)] => Node::Whole(only.clone()),
        _ => Node::Text(pieces),
    })
}

/// `name`, `name?`, `object.field`; blanks around it don't count.
fn placeholder(text: &str) -> Option<Placeholder> {
    let text = text.trim();
    let (name, optional) = text.strip_suffix('?').map_or((text, false), |name| (name.trim_end(), true));
    let good = name.split('.').all(|part| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    good.then(|| Placeholder { name: name.to_owned(), optional })
}

/// The text as a template that yields exactly it.
#[cfg(test)]
pub(super) fn escape(text: &str) -> String {
    text.replace(OPEN, "\\{{")
}
