//! A browser reduced to its bytes: it sends exactly what a case wants, odd paths and headers included.

use std::{collections::HashMap, net::SocketAddr, sync::LazyLock, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Sends one request and reads the answer to its end.
pub(crate) async fn send(address: SocketAddr, method: &str, path: &str, host: &str) -> Answer {
    ask(address, method, path, &[("Host", host)], "").await
}

/// The same, with these headers and this body.
pub(crate) async fn ask(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    let request =
        format!("{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, stream.read_to_end(&mut bytes)).await.expect("no answer").unwrap();
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer without an end of its head");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_lowercase(), v.to_owned())).collect();
    let answer = Answer { status, headers, body: bytes[end + 4..].to_vec() };
    is_described(method, path, &answer);
    answer
}

/// That the API's own document knows such an answer: in whatever case, of every operation.
fn is_described(method: &str, path: &str, answer: &Answer) {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(chimera_console::openapi);
    let path = path.split('?').next().unwrap();
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let fits = |known: &&String| {
        let (known, asked): (Vec<_>, Vec<_>) = (known.split('/').collect(), path.split('/').collect());
        known.len() == asked.len() && known.iter().zip(&asked).all(|(known, asked)| known == asked || *known == "{id}")
    };
    let known = paths.get_key_value(path).map(|(known, _)| known).or_else(|| paths.keys().find(fits));
    let operation = known.map_or(&Value::Null, |known| &paths[known][method.to_lowercase()]);
    if operation.is_null() {
        return;
    }
    let told = &operation["responses"][answer.status.to_string()];
    assert!(!told.is_null(), "{method} {path}: {} is not described", answer.status);
    let content = told["content"].as_object().unwrap();
    assert!(
        content.contains_key(answer.header("content-type")) || answer.header("content-type").starts_with("text/html"),
        "{method} {path}"
    );
    for (name, header) in told["headers"].as_object().unwrap() {
        assert!(
            header["required"] != true || !answer.header(&name.to_lowercase()).is_empty(),
            "{method} {path}: no {name}"
        );
    }
}
