//! An MCP client over stdio, in the 2025-11-25 revision, without any MCP library: the bytes on the wire count.

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use serde_json::{Value, json};

use crate::chimera::Chimera;

/// A conversation with one server.
pub(crate) struct Wire {
    child: Child,
    /// None once the conversation is over.
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    asked: u64,
}

impl Wire {
    /// Starts a server, such as `mcp sandbox`, and greets it.
    pub(crate) fn start(chimera: &Chimera, server: &[&str]) -> Self {
        let mut command = chimera.command(server);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut wire = Self { stdin: child.stdin.take(), child, lines, asked: 0 };
        let client = json!({"name": "test", "version": "1"});
        wire.ask("initialize", &json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}));
        wire.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        wire
    }

    /// Reads a resource whose content is JSON.
    pub(crate) fn resource(&mut self, uri: &str) -> Value {
        let read = self.ask("resources/read", &json!({"uri": uri}));
        serde_json::from_str(read["contents"][0]["text"].as_str().unwrap()).unwrap()
    }

    /// Calls a tool; its structured answer.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        assert!(answer["isError"] != true, "{tool}: {answer}");
        answer["structuredContent"].clone()
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = json!(self.asked);
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let answer: Value = serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap();
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{message}").unwrap();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // It ends because its input did; there is nobody to tell if not.
        let _ = self.child.wait();
    }
}
