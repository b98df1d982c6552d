//! What templates accept, give and refuse.

use serde_json::{Map, Value, json};

use super::{Template, TemplateError};

fn variables(value: Value) -> Map<String, Value> {
    serde_json::from_value(value).unwrap()
}

fn render(template: &Value, given: Value) -> Result<Value, TemplateError> {
    Template::compile(template)?.render(&variables(given)).map(Value::Object)
}

#[test]
fn a_whole_placeholder_keeps_its_type_and_an_embedded_one_becomes_text() {
    let rendered = render(
        &json!({"status": "{{text}} ({{count}})", "media_ids": "{{media}}", "nested": {"list": ["a", "{{count}}"]}, "n": 3}),
        json!({"text": "Hello", "count": 2, "media": [{"id": 1}]}),
    );
    assert_eq!(
        rendered.unwrap(),
        json!({"status": "Hello (2)", "media_ids": [{"id": 1}], "nested": {"list": ["a", 2]}, "n": 3})
    );
}

#[test]
fn an_optional_placeholder_drops_its_key() {
    let template = json!({"a": "{{x?}}", "b": ["{{x?}}", 1], "c": "<{{ x? }}>"});
    assert_eq!(render(&template, json!({})).unwrap(), json!({"b": [1], "c": "<>"}));
    assert_eq!(render(&template, json!({"x": null})).unwrap(), json!({"b": [1], "c": "<>"}));
    assert_eq!(render(&template, json!({"x": 7})).unwrap(), json!({"a": 7, "b": [7, 1], "c": "<7>"}));
}

#[test]
fn a_path_reaches_into_objects() {
    let given = json!({"persona": {"tone": ["dry", "warm"]}});
    assert_eq!(render(&json!({"t": "{{persona.tone}}"}), given.clone()).unwrap(), json!({"t": ["dry", "warm"]}));
    assert!(render(&json!({"t": "{{persona.voice}}"}), given).is_err());
}

#[test]
fn a_missing_variable_is_named_with_what_was_given() {
    let error = render(&json!({"text": "{{txt}}"}), json!({"text": "x", "media": []})).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the argument template wants {{txt}}, which the caller doesn't give; it gives text, media"
    );
}

#[test]
fn malformed_templates_are_refused_with_their_place() {
    for text in ["{{", "{{}}", "{{a b}}", "{{1a}}", "{{a", "x {{a..b}} y", "{{?}}"] {
        let error = Template::compile(&json!({"outer": [text]})).unwrap_err();
        assert_eq!(error, TemplateError::Malformed { at: "/outer/0".into(), text: text.into() });
    }
    assert_eq!(Template::compile(&json!("{{a}}")), Err(TemplateError::NotAnObject));
    assert_eq!(Template::compile(&Value::Null).unwrap().render(&Map::new()), Ok(Map::new()));
}

#[test]
fn variables_are_never_expanded_again_and_literals_can_be_escaped() {
    let given = json!({"a": "{{b}}", "b": "secret"});
    assert_eq!(render(&json!({"x": "{{a}}", "y": "<{{a}}>"}), given).unwrap(), json!({"x": "{{b}}", "y": "<{{b}}>"}));
    let odd = "use {{name}} or }} or \\";
    assert_eq!(render(&json!({"x": super::parse::escape(odd)}), json!({})).unwrap(), json!({"x": odd}));
}

#[test]
fn a_template_knows_the_variables_that_it_uses() {
    let template = json!({"a": "x {{ key? }}", "b": [{"c": "{{persona.tone}}"}], "d": "\\{{literal}}", "e": 1});
    let template = Template::compile(&template).unwrap();
    let used = ["key", "persona", "tone", "literal", "a"].map(|name| template.uses(name));
    assert_eq!(used, [true, true, false, false, false]);
}
