//! Asks the servers whether the configured roles fit their tools.

use std::{collections::BTreeMap, time::Duration};

use rmcp::model::{ClientRequest, ListToolsRequest, PaginatedRequestParams, ServerResult, Tool};
use serde_json::{Map, Value};

use crate::{
    connection::Connection,
    context::CallContext,
    error::{CallError, ConnectError},
    host::{Host, Role},
    likeness::{hint, nearest_of},
    record::bounded,
    request::Ask,
};

const LIST: &str = "tools/list";

/// Pages of a list that are followed.
const PAGES_MAX: usize = 100;

/// Something that will keep a role from working.
#[derive(Debug, thiserror::Error)]
pub enum CheckProblem {
    /// The server doesn't answer.
    #[error("MCP server {server} doesn't say what tools it has")]
    Server {
        /// The server.
        server: String,
        /// Why.
        #[source]
        source: CallError,
    },
    /// The server has no such tool.
    #[error("mcp.roles.{role}: {server} has no tool {tool:?}{}", hint(.nearest.as_deref()))]
    NoSuchTool {
        /// The role.
        role: String,
        /// The server.
        server: String,
        /// The tool the role names.
        tool: String,
        /// A tool that looks like it.
        nearest: Option<String>,
    },
    /// The tool takes no such argument.
    #[error("mcp.roles.{role}.arguments: {tool} takes no {argument:?}{}", hint(.nearest.as_deref()))]
    UnknownArgument {
        /// The role.
        role: String,
        /// The tool.
        tool: String,
        /// The argument that the template gives.
        argument: String,
        /// One that looks like it.
        nearest: Option<String>,
    },
    /// The tool wants an argument that the template doesn't give, or may drop.
    #[error("mcp.roles.{role}.arguments: {tool} requires {argument:?}, which the template {}",
        if *.optional { "may drop (it is {{...?}} there)" } else { "doesn't give" })]
    MissingArgument {
        /// The role.
        role: String,
        /// The tool.
        tool: String,
        /// The argument.
        argument: String,
        /// Whether the template gives it sometimes.
        optional: bool,
    },
    /// A constant that the tool won't accept.
    #[error("mcp.roles.{role}.arguments.{argument}: {tool} won't accept it: {reason}")]
    BadConstant {
        /// The role.
        role: String,
        /// The tool.
        tool: String,
        /// The argument.
        argument: String,
        /// What its schema says.
        reason: String,
    },
}

impl Host {
    /// Connects to every server that has a role and compares the roles with its tools. Empty when all is well.
    pub async fn check(&self, context: &CallContext) -> Vec<CheckProblem> {
        let mut problems = Vec::new();
        for connection in self.connections() {
            // Gathered first, so that the future holds no closure and can be spawned.
            let mut roles = Vec::new();
            roles.extend(self.roles().filter(|(_, role)| role.config.server == connection.name));
            if roles.is_empty() {
                continue;
            }
            match connection.tools(context).await {
                Ok(tools) => {
                    roles.into_iter().for_each(|(name, role)| check_role(name, role, &tools, &mut problems));
                }
                Err(source) => problems.push(CheckProblem::Server { server: connection.name.clone(), source }),
            }
        }
        problems
    }
}

impl Connection {
    /// The server's tools, asked for once per connection.
    async fn tools(&self, context: &CallContext) -> Result<BTreeMap<String, Tool>, CallError> {
        let link = self.link().await.map_err(|source: ConnectError| CallError::Connect {
            server: self.name.clone(),
            source: Box::new(source),
        })?;
        let tools = link.tools().get_or_try_init(|| self.list_tools(context)).await?;
        Ok(tools.iter().map(|tool| (tool.name.to_string(), tool.clone())).collect())
    }

    async fn list_tools(&self, context: &CallContext) -> Result<Vec<Tool>, CallError> {
        let ask = Ask { context, label: LIST, silence: Duration::from_millis(self.config.timeout_ms) };
        let mut tools = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = PaginatedRequestParams::default().with_cursor(cursor.take());
            let request = ListToolsRequest { params: Some(page), ..ListToolsRequest::default() };
            let ServerResult::ListToolsResult(page) = self.ask(ask, ClientRequest::ListToolsRequest(request)).await?
            else {
                return Err(self.malformed(LIST, "something that is no list of tools"));
            };
            tools.extend(page.tools);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(tools)
    }

    pub(crate) fn malformed(&self, tool: &str, what: &'static str) -> CallError {
        CallError::Malformed { server: self.name.clone(), tool: tool.to_owned(), what }
    }
}

fn check_role(name: &str, role: &Role, tools: &BTreeMap<String, Tool>, problems: &mut Vec<CheckProblem>) {
    let wanted = &role.config.tool;
    let Some(tool) = tools.get(wanted) else {
        problems.push(CheckProblem::NoSuchTool {
            role: name.to_owned(),
            server: role.config.server.clone(),
            tool: wanted.clone(),
            nearest: nearest_of(wanted, tools.keys().map(String::as_str)),
        });
        return;
    };
    let schema = &*tool.input_schema;
    let nothing = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
    let open = schema.get("additionalProperties").is_some_and(|more| more != &Value::Bool(false))
        || (!schema.contains_key("properties") && !schema.contains_key("additionalProperties"))
        || ["patternProperties", "$ref", "allOf", "anyOf", "oneOf"].iter().any(|key| schema.contains_key(*key));
    for key in role.template.keys() {
        match (properties.get(key.name), key.constant) {
            (None, _) if !open => problems.push(CheckProblem::UnknownArgument {
                role: name.to_owned(),
                tool: wanted.clone(),
                argument: key.name.to_owned(),
                nearest: nearest_of(key.name, properties.keys().map(String::as_str)),
            }),
            (Some(property), Some(constant)) => {
                if let Some(reason) = violation(schema, property, &constant) {
                    let argument = key.name.to_owned();
                    problems.push(CheckProblem::BadConstant {
                        role: name.to_owned(),
                        tool: wanted.clone(),
                        argument,
                        reason,
                    });
                }
            }
            _ => {}
        }
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    for argument in required {
        let given = role.template.keys().find(|key| key.name == argument).map(|key| key.always);
        if given != Some(true) {
            problems.push(CheckProblem::MissingArgument {
                role: name.to_owned(),
                tool: wanted.clone(),
                argument: argument.to_owned(),
                optional: given.is_some(),
            });
        }
    }
}

/// Why the property's schema refuses the value, if it does. A schema that can't be read refuses nothing: the server
/// has the last word anyway.
fn violation(schema: &Map<String, Value>, property: &Value, value: &Value) -> Option<String> {
    let mut alone = Map::new();
    for definitions in ["$defs", "definitions", "$schema"] {
        if let Some(found) = schema.get(definitions) {
            alone.insert(definitions.to_owned(), found.clone());
        }
    }
    alone.insert("allOf".to_owned(), Value::Array(vec![property.clone()]));
    let validator = jsonschema::validator_for(&Value::Object(alone)).ok()?;
    validator.validate(value).err().map(|error| bounded(&error.to_string()))
}
