//! What the configuration accepts and refuses.

use serde_json::{Value, json};

use super::*;

fn read(config: Value) -> Result<HostConfig, serde_json::Error> {
    serde_json::from_value(config)
}

fn refusal(config: Value) -> String {
    read(config).unwrap().validate().unwrap_err().to_string()
}

#[test]
fn a_full_configuration_is_read_and_written_back() {
    let written = json!({
        "servers": {
            "feeds": {"transport": "in_process"},
            "painter": {
                "transport": {"stdio": {"command": "painter", "args": ["--fast"], "env": {"API_KEY": "secret://env/PAINTER"}}},
                "rate_limit_per_second": 0.5,
                "revision": "2025-11-25"
            },
            "social": {"transport": {"http": {"url": "https://mcp.example/mcp", "headers": {"Authorization": "Bearer secret://file/run/token"}}}}
        },
        "roles": {
            "publish_post": {
                "server": "social", "tool": "statuses.create",
                "arguments": {"status": "{{text}}", "visibility": "public"},
                "cost": {"fixed": "0.02"}, "result": {"post_id": "/id"}
            }
        }
    });
    let config = read(written).unwrap();
    config.validate().unwrap();
    assert_eq!(config.servers["painter"].revision, Revision::V20251125);
    assert_eq!(read(serde_json::to_value(&config).unwrap()).unwrap(), config);
}

#[test]
fn unknown_keys_are_errors() {
    for config in [
        json!({"serverz": {}}),
        json!({"servers": {"a": {"transport": "in_process", "timeout": 3}}}),
        json!({"servers": {"a": {"transport": {"stdio": {"command": "x", "argv": []}}}}}),
        json!({"roles": {"r": {"server": "a", "tool": "t", "args": {}}}}),
    ] {
        assert!(read(config.clone()).is_err(), "{config}");
    }
}

#[test]
fn a_secret_in_the_file_is_refused() {
    let stdio =
        json!({"servers": {"a": {"transport": {"stdio": {"command": "x", "env": {"OPENAI_API_KEY": "sk-1"}}}}}});
    assert_eq!(
        refusal(stdio),
        "mcp.servers.a: the value of OPENAI_API_KEY must be a reference such as secret://env/NAME, not the secret itself"
    );
    let http =
        json!({"servers": {"a": {"transport": {"http": {"url": "http://h/", "headers": {"authorization": "x"}}}}}});
    assert!(refusal(http).contains("authorization"));
    let url = refusal(json!({"servers": {"a": {"transport": {"http": {"url": "http://me:hunter2@h/"}}}}}));
    assert!(url.contains("without a user") && !url.contains("hunter2"), "{url}");
}

#[test]
fn impossible_values_are_refused_by_name() {
    let server = |key: &str, value: Value| {
        let mut config = json!({"servers": {"a": {"transport": "in_process"}}});
        config["servers"]["a"][key] = value;
        refusal(config)
    };
    assert!(server("concurrency", json!(0)).starts_with("mcp.servers.a.concurrency is 0"));
    assert!(server("timeout_ms", json!(0)).contains("timeout_ms"));
    assert!(server("rate_limit_per_second", json!(0.0)).contains("rate_limit_per_second"));
    assert!(server("output_bytes_max", json!(1)).contains("output_bytes_max"));
}

#[test]
fn roles_must_fit_together() {
    let with = |role: Value| json!({"servers": {"social": {"transport": "in_process"}}, "roles": {"publish": role}});
    assert_eq!(
        refusal(with(json!({"server": "socal", "tool": "t"}))),
        "mcp.roles.publish.server is \"socal\": no such server (did you mean \"social\"?)"
    );
    let role = |more: Value| {
        let mut role = json!({"server": "social", "tool": "t"});
        role.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        refusal(with(role))
    };
    assert!(role(json!({"fallback": ["publish"]})).contains("is the role itself"));
    assert!(role(json!({"fallback": ["other"]})).contains("is no configured role"));
    assert!(role(json!({"result": {"id": "post.id"}})).contains("result.id"));
    assert_eq!(role(json!({"arguments": {"a": "{{"}})), "mcp.roles.publish.arguments");
}

#[test]
fn a_schema_can_be_made_for_editors() {
    let schema = serde_json::to_value(schemars::schema_for!(HostConfig)).unwrap();
    assert_eq!(schema["additionalProperties"], json!(false));
    assert!(schema["$defs"]["ServerConfig"]["properties"]["timeout_ms"].is_object());
}
