//! One HTTP/1.1 connection, kept open, with nothing around it: what a bare client needs, and no more.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

/// The largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A connection to a server on this machine.
pub(super) struct Wire {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Wire {
    pub(super) async fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), line: String::new() })
    }

    /// Status and body.
    pub(super) async fn get(&mut self, path: &str) -> anyhow::Result<(u16, Vec<u8>)> {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await
    }

    /// Sends a whole request, and reads the answer.
    pub(super) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<(u16, Vec<u8>)> {
        self.stream.write_all(request).await?;
        let status = self.next_line().await?.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.context("no answer in HTTP/1.1")?;
        let mut length = None;
        loop {
            let line = self.next_line().await?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok();
            }
        }
        let length: usize = length.context("the answer does not say how long it is")?;
        anyhow::ensure!(length <= ANSWER_BYTES_MAX, "the answer has {length} bytes");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok((status, body))
    }

    async fn next_line(&mut self) -> anyhow::Result<&str> {
        self.line.clear();
        anyhow::ensure!(self.stream.read_line(&mut self.line).await? > 0, "the server closed the connection");
        Ok(self.line.trim_end())
    }
}
