//! Bounds the size of one incoming JSON-RPC line before anything buffers it.
//!
//! A longer line is cut off and answered, towards our own side, with an error response for the request it answered:
//! its `id` is picked out of the bytes as they pass, wherever in the object it stands. A long line without an id, say a
//! notification, is dropped.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use serde_json::json;
use tokio::io::{AsyncRead, ReadBuf};

/// JSON-RPC code of the answer put in place of an oversized one; from the range left to implementations.
pub(crate) const TOO_LARGE: i32 = -32_068;

const CHUNK_BYTES: usize = 16 * 1024;

/// Longest id that is remembered, in bytes. Ours are small numbers.
const ID_BYTES_MAX: usize = 64;

/// A reader that passes whole lines of at most so many bytes.
#[derive(Debug)]
pub(crate) struct LineGuard<R> {
    inner: R,
    line_bytes_max: usize,
    line_bytes: usize,
    scanner: IdScanner,
    ready: Vec<u8>,
    taken: usize,
}

impl<R> LineGuard<R> {
    pub(crate) fn new(inner: R, line_bytes_max: usize) -> Self {
        Self { inner, line_bytes_max, line_bytes: 0, scanner: IdScanner::default(), ready: Vec::new(), taken: 0 }
    }

    fn accept(&mut self, chunk: &[u8]) {
        for &byte in chunk {
            if byte == b'\n' {
                self.end_line();
                continue;
            }
            self.scanner.feed(byte);
            self.line_bytes += 1;
            if self.line_bytes <= self.line_bytes_max {
                self.ready.push(byte);
            } else if self.line_bytes == self.line_bytes_max + 1 {
                // What was passed on so far is no complete JSON value: the reader behind drops it.
                self.ready.push(b'\n');
            }
        }
    }

    fn end_line(&mut self) {
        let scanner = std::mem::take(&mut self.scanner);
        let oversized = std::mem::take(&mut self.line_bytes) > self.line_bytes_max;
        if !oversized {
            self.ready.push(b'\n');
        } else if let Some(id) = scanner.id() {
            let answer =
                json!({"jsonrpc": "2.0", "id": id, "error": {"code": TOO_LARGE, "message": "answer too large"}});
            self.ready.extend_from_slice(answer.to_string().as_bytes());
            self.ready.push(b'\n');
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for LineGuard<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.taken == this.ready.len() {
            this.ready.clear();
            this.taken = 0;
            let mut storage = [0_u8; CHUNK_BYTES];
            let mut chunk = ReadBuf::new(&mut storage);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut chunk))?;
            if chunk.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.accept(chunk.filled());
        }
        let waiting = this.ready.get(this.taken..).unwrap_or_default();
        let passed = waiting.get(..out.remaining()).unwrap_or(waiting);
        out.put_slice(passed);
        this.taken += passed.len();
        Poll::Ready(Ok(()))
    }
}

/// Finds the value of the top-level key `id` in a JSON object, byte by byte, in constant memory.
#[derive(Debug, Default)]
struct IdScanner {
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// The last top-level string, if it is as short as an id; a key, when a colon follows.
    word: Vec<u8>,
    /// Whether the bytes now are the value of `id`.
    in_id: bool,
    id: Vec<u8>,
}

impl IdScanner {
    fn feed(&mut self, byte: u8) {
        if self.in_string {
            self.feed_string(byte);
            return;
        }
        match byte {
            b'"' => {
                self.in_string = true;
                self.word.clear();
                self.keep(byte);
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.in_id &= self.depth > 0;
            }
            b':' if self.depth == 1 => {
                self.in_id = self.word == b"id";
                if self.in_id {
                    self.id.clear();
                }
            }
            b',' if self.depth == 1 => self.in_id = false,
            other => self.keep(other),
        }
    }

    fn feed_string(&mut self, byte: u8) {
        self.keep(byte);
        if self.escaped {
            self.escaped = false;
        } else if byte == b'\\' {
            self.escaped = true;
        } else if byte == b'"' {
            self.in_string = false;
            return;
        }
        if self.depth == 1 && self.word.len() <= ID_BYTES_MAX {
            self.word.push(byte);
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.in_id && self.depth == 1 && self.id.len() <= ID_BYTES_MAX {
            self.id.push(byte);
        }
    }

    fn id(self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.id).ok().filter(|id: &serde_json::Value| id.is_number() || id.is_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt as _;

    async fn pass(input: &str, line_bytes_max: usize) -> String {
        let mut passed = String::new();
        LineGuard::new(input.as_bytes(), line_bytes_max).read_to_string(&mut passed).await.unwrap();
        passed
    }

    fn found(line: &str) -> Option<serde_json::Value> {
        let mut scanner = IdScanner::default();
        line.bytes().for_each(|b| scanner.feed(b));
        scanner.id()
    }

    #[test]
    fn the_id_is_found_wherever_it_stands() {
        assert_eq!(found(r#"{"jsonrpc":"2.0","id":7,"result":{"id":9}}"#), Some(json!(7)));
        assert_eq!(found(r#"{"result":{"id":9,"x":"\"id\":8"},"jsonrpc":"2.0", "id" : 7 }"#), Some(json!(7)));
        assert_eq!(found(r#"{"result":["}","id",{"id":[1]}],"id":"a\"b"}"#), Some(json!("a\"b")));
        assert_eq!(found(r#"{"method":"id","params":{"id":3}}"#), None);
        assert_eq!(found(r#"{"x":"id","y":1}"#), None);
        assert_eq!(found(r#"{"id":{"a":1}}"#), None);
    }

    #[tokio::test]
    async fn short_lines_pass_unchanged_and_long_ones_become_errors() {
        let short = "{\"id\":1}\n{\"id\":2}\n";
        assert_eq!(pass(short, 100).await, short);
        let long = format!("{{\"result\":\"{}\",\"id\":7}}\n{{\"id\":8}}\n", "x".repeat(50_000));
        let passed = pass(&long, 40).await;
        let lines: Vec<&str> = passed.lines().collect();
        assert_eq!(lines.len(), 3, "{passed}");
        assert_eq!(lines[0].len(), 40);
        let answer: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
        assert_eq!((answer["id"].clone(), answer["error"]["code"].clone()), (json!(7), json!(TOO_LARGE)));
        assert_eq!(lines[2], "{\"id\":8}");
    }

    #[tokio::test]
    async fn a_long_notification_is_dropped() {
        let long = format!("{{\"method\":\"{}\"}}\n", "x".repeat(5_000));
        assert_eq!(pass(&long, 20).await.lines().count(), 1);
    }
}
