//! As much of GraphQL's syntax as questions to Weaviate have.

use serde_json::{Map, Value};

/// A field: its name, its arguments and the fields below it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) below: Vec<Field>,
}

/// The fields of a question; what is wrong where it can't be read.
pub(super) fn parse(text: &str) -> Result<Vec<Field>, String> {
    let mut reader = Reader { rest: text };
    let fields = reader.fields()?;
    if reader.peek().is_none() { Ok(fields) } else { Err(format!("more than a question: {}", reader.rest)) }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches([' ', '\n', ',']);
        self.rest.chars().next()
    }

    fn takes(&mut self, sign: char) -> bool {
        let there = self.peek() == Some(sign);
        if there {
            self.rest = &self.rest[sign.len_utf8()..];
        }
        there
    }

    fn expect(&mut self, sign: char) -> Result<(), String> {
        if self.takes(sign) { Ok(()) } else { Err(format!("expected {sign} at {}", self.rest)) }
    }

    fn name(&mut self) -> Result<String, String> {
        self.peek();
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        if name.is_empty() { Err(format!("expected a name at {}", self.rest)) } else { Ok(name.to_owned()) }
    }

    fn fields(&mut self) -> Result<Vec<Field>, String> {
        self.expect('{')?;
        let mut fields = Vec::new();
        while !self.takes('}') {
            let mut field = Field { name: self.name()?, ..Field::default() };
            if self.takes('(') {
                field.arguments = self.pairs(')')?;
            }
            if self.peek() == Some('{') {
                field.below = self.fields()?;
            }
            fields.push(field);
        }
        Ok(fields)
    }

    fn pairs(&mut self, end: char) -> Result<Map<String, Value>, String> {
        let mut pairs = Map::new();
        while !self.takes(end) {
            let name = self.name()?;
            self.expect(':')?;
            pairs.insert(name, self.value()?);
        }
        Ok(pairs)
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.peek() {
            Some('{') => {
                self.expect('{')?;
                Ok(Value::Object(self.pairs('}')?))
            }
            Some('[') => {
                self.expect('[')?;
                let mut items = Vec::new();
                while !self.takes(']') {
                    items.push(self.value()?);
                }
                Ok(Value::Array(items))
            }
            Some(c) if c == '"' || c == '-' || c.is_ascii_digit() => {
                let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
                let value = values.next().ok_or("expected a value")?.map_err(|error| error.to_string())?;
                self.rest = &self.rest[values.byte_offset()..];
                Ok(value)
            }
            _ => self.name().map(Value::String),
        }
    }
}

#[test]
fn questions_are_read() {
    let read =
        parse("{Get{C(tenant:\"a\\\"}\",limit:5,where:{operator:And,valueText:[\"x\",\"y\"]}){id _additional{id}}}}");
    let class = &read.unwrap()[0].below[0];
    assert_eq!(class.name, "C");
    let wanted =
        serde_json::json!({"tenant": "a\"}", "limit": 5, "where": {"operator": "And", "valueText": ["x", "y"]}});
    assert_eq!(Value::Object(class.arguments.clone()), wanted);
    assert_eq!(class.below[1].below[0].name, "id");
    for bad in ["", "{Get", "{Get{C(limit:)}}", "{a} b", "{Get{C(tenant:\"x)}}"] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}
