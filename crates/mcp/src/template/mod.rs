//! Argument templates: how a role's variables become the arguments that one server's tool wants.
//!
//! A template is JSON whose strings may hold placeholders.
//! - `"{{text}}"` alone keeps the variable's JSON type (a list stays a list).
//! - `"Hello {{name}}"` puts the variable into a text: strings as they are, anything else as compact JSON.
//! - `{{name?}}` is optional: a whole-string one drops its key (or list item) when the variable is absent or null;
//!   one inside a text becomes nothing.
//! - `{{persona.tone}}` reaches into an object; `\{{` is a literal `{{`.

mod parse;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use parse::parse_text;

/// A compiled template. Made once, at load.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    fields: Vec<(String, Node)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Constant(Value),
    Whole(Placeholder),
    Text(Vec<Piece>),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Placeholder {
    name: String,
    optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Variable(Placeholder),
}

/// What is wrong with a template or with the variables given to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A tool's arguments are an object.
    #[error("`arguments` must be an object, such as {{\"text\": \"{{{{text}}}}\"}}")]
    NotAnObject,
    /// A `{{` without a well-formed end.
    #[error(
        "`arguments` at {at}: {text:?} holds a malformed placeholder (want {{{{name}}}} or {{{{name?}}}}; \\{{{{ for a literal)"
    )]
    Malformed {
        /// JSON pointer into the template.
        at: String,
        /// The text there.
        text: String,
    },
    /// The caller gave no such variable.
    #[error("the argument template wants {{{{{name}}}}}, which the caller doesn't give; {}", offer(.given))]
    Missing {
        /// The wanted variable.
        name: String,
        /// The variables that were given.
        given: Vec<String>,
    },
}

fn offer(given: &[String]) -> String {
    if given.is_empty() { "it gives none".to_owned() } else { format!("it gives {}", given.join(", ")) }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError::NotAnObject`] and [`TemplateError::Malformed`].
    pub fn compile(template: &Value) -> Result<Self, TemplateError> {
        match template {
            Value::Null => Ok(Self { fields: vec![] }),
            Value::Object(fields) => Ok(Self { fields: compile_fields(fields, "")? }),
            _ => Err(TemplateError::NotAnObject),
        }
    }

    /// The arguments for these variables.
    ///
    /// # Errors
    /// [`TemplateError::Missing`] for a variable that is neither given nor optional.
    pub fn render(&self, variables: &Map<String, Value>) -> Result<Map<String, Value>, TemplateError> {
        render_fields(&self.fields, variables)
    }

    /// Whether a variable is used anywhere in it.
    #[must_use]
    pub fn uses(&self, variable: &str) -> bool {
        self.fields.iter().any(|(_, node)| node.uses(variable))
    }

    /// The top-level keys that the template always gives, those it may give, and the values that never change.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key<'_>> {
        self.fields.iter().map(|(name, node)| Key {
            name,
            always: !matches!(node, Node::Whole(Placeholder { optional: true, .. })),
            constant: node.constant(),
        })
    }
}

/// One top-level key of a template.
#[derive(Debug)]
pub(crate) struct Key<'a> {
    pub(crate) name: &'a str,
    pub(crate) always: bool,
    pub(crate) constant: Option<Value>,
}

impl Node {
    fn uses(&self, variable: &str) -> bool {
        let is_it = |placeholder: &Placeholder| placeholder.name.split('.').next() == Some(variable);
        match self {
            Self::Constant(_) => false,
            Self::Whole(placeholder) => is_it(placeholder),
            Self::Text(pieces) => pieces.iter().any(|piece| match piece {
                Piece::Literal(_) => false,
                Piece::Variable(placeholder) => is_it(placeholder),
            }),
            Self::List(items) => items.iter().any(|item| item.uses(variable)),
            Self::Object(fields) => fields.iter().any(|(_, node)| node.uses(variable)),
        }
    }

    /// The value, if no variable is in it.
    fn constant(&self) -> Option<Value> {
        match self {
            Self::Constant(value) => Some(value.clone()),
            Self::Whole(_) | Self::Text(_) => None,
            Self::List(items) => items.iter().map(Self::constant).collect::<Option<Vec<_>>>().map(Value::Array),
            Self::Object(fields) => fields
                .iter()
                .map(|(key, node)| Some((key.clone(), node.constant()?)))
                .collect::<Option<Map<_, _>>>()
                .map(Value::Object),
        }
    }
}

fn compile_fields(fields: &Map<String, Value>, at: &str) -> Result<Vec<(String, Node)>, TemplateError> {
    fields.iter().map(|(key, value)| Ok((key.clone(), compile(value, &format!("{at}/{key}"))?))).collect()
}

fn compile(value: &Value, at: &str) -> Result<Node, TemplateError> {
    Ok(match value {
        Value::String(text) => parse_text(text, at)?,
        Value::Array(items) => Node::List(
            items.iter().enumerate().map(|(i, item)| compile(item, &format!("{at}/{i}"))).collect::<Result<_, _>>()?,
        ),
        Value::Object(fields) => Node::Object(compile_fields(fields, at)?),
        constant => Node::Constant(constant.clone()),
    })
}

fn render_fields(
    fields: &[(String, Node)],
    variables: &Map<String, Value>,
) -> Result<Map<String, Value>, TemplateError> {
    let mut rendered = Map::new();
    for (key, node) in fields {
        if let Some(value) = render(node, variables)? {
            rendered.insert(key.clone(), value);
        }
    }
    Ok(rendered)
}

/// `None` when the node is an optional placeholder without a value.
fn render(node: &Node, variables: &Map<String, Value>) -> Result<Option<Value>, TemplateError> {
    Ok(Some(match node {
        Node::Constant(value) => value.clone(),
        Node::Whole(placeholder) => return Ok(look_up(placeholder, variables)?.cloned()),
        Node::Text(pieces) => {
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Literal(literal) => text.push_str(literal),
                    Piece::Variable(placeholder) => match look_up(placeholder, variables)? {
                        None => {}
                        Some(Value::String(value)) => text.push_str(value),
                        Some(value) => text.push_str(&value.to_string()),
                    },
                }
            }
            Value::String(text)
        }
        Node::List(items) => {
            let mut rendered = Vec::with_capacity(items.len());
            for item in items {
                rendered.extend(render(item, variables)?);
            }
            Value::Array(rendered)
        }
        Node::Object(fields) => Value::Object(render_fields(fields, variables)?),
    }))
}

fn look_up<'a>(
    placeholder: &Placeholder,
    variables: &'a Map<String, Value>,
) -> Result<Option<&'a Value>, TemplateError> {
    let mut path = placeholder.name.split('.');
    let first = path.next().and_then(|name| variables.get(name));
    let found = path.fold(first, |value, name| value?.get(name));
    match found {
        None if !placeholder.optional => {
            Err(TemplateError::Missing { name: placeholder.name.clone(), given: variables.keys().cloned().collect() })
        }
        Some(Value::Null) if placeholder.optional => Ok(None),
        found => Ok(found),
    }
}
