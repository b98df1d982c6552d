//! A server whose connections go wrong.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Duration, sleep},
};

/// What it does once it has read a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing, for ever.
    Silence,
    /// A byte now and then.
    Drip,
    /// It ends the connection.
    HangUp,
    /// It ends the connection within the body.
    CutBody,
    /// It never ends the body.
    Flood,
}

/// The server.
pub(crate) struct Faulty {
    port: u16,
    calls: Arc<AtomicUsize>,
    /// Ends when it is dropped.
    _server: JoinSet<()>,
}

impl Faulty {
    pub(crate) async fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, calls) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counted = calls.clone();
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut serving = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                serving.spawn(serve(stream, fault, counted.clone()));
            }
        });
        Self { port, calls, _server: server }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, fault: Fault, calls: Arc<AtomicUsize>) {
    if read(&mut stream).await.is_none() {
        return;
    }
    calls.fetch_add(1, Ordering::Relaxed);
    // An error below is the client, who had enough.
    let _ = answer(&mut stream, fault).await;
}

/// A whole request.
async fn read(stream: &mut TcpStream) -> Option<()> {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 8_192];
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse::<usize>().ok()?;
        if request.len() >= head.len() + 4 + length {
            return Some(());
        }
    }
}

async fn answer(stream: &mut TcpStream, fault: Fault) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000000\r\n\r\n{";
    match fault {
        Fault::Silence => std::future::pending().await,
        Fault::HangUp => Ok(()),
        Fault::CutBody => stream.write_all(head.as_bytes()).await,
        Fault::Drip => {
            stream.write_all(head.as_bytes()).await?;
            loop {
                sleep(Duration::from_millis(20)).await;
                stream.write_all(b" ").await?;
            }
        }
        Fault::Flood => {
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(&[b' '; 65_536]).await?;
            }
        }
    }
}
