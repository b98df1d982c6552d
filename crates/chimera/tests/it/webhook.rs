//! The webhook, told by the binary: a feed goes down, the process that tells of it is killed, and the next one tells again.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    chimera::Chimera,
    kill::{start, stop},
};

/// Generous, for the machine may be busy, and the killed process's duty has to lapse.
const WITHIN: Duration = Duration::from_secs(120);

/// Somebody who takes what is sent, but does not answer before it is told to.
#[derive(Debug)]
struct Receiver {
    address: SocketAddr,
    /// Ids and bodies.
    heard: Arc<Mutex<Vec<(String, Value)>>>,
    answers: Arc<AtomicBool>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, answers) = (Arc::default(), Arc::<AtomicBool>::default());
        let receiver = Self { address, heard: Arc::clone(&heard), answers: Arc::clone(&answers) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (heard, answers) = (Arc::clone(&heard), Arc::clone(&answers));
                std::thread::spawn(move || take(stream.unwrap(), &heard, &answers));
            }
        });
        receiver
    }

    fn heard(&self) -> Vec<(String, Value)> {
        self.heard.lock().unwrap().clone()
    }

    fn until(&self, chimera: &Chimera, what: &str, holds: impl Fn(&[(String, Value)]) -> bool) {
        let until = Instant::now() + WITHIN;
        while !holds(&self.heard()) {
            assert!(Instant::now() < until, "not: {what}\n{:?}\n{}", self.heard(), chimera.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Takes one request. Whoever sent it may be killed meanwhile, so nothing is made of an answer that can't be given.
fn take(stream: TcpStream, heard: &Mutex<Vec<(String, Value)>>, answers: &AtomicBool) {
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match name.to_lowercase().as_str() {
            "webhook-id" => value.clone_into(&mut id),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    heard.lock().unwrap().push((id, serde_json::from_slice(&body).unwrap()));
    // Whoever is not answered closes the line, or is closed.
    let until = Instant::now() + WITHIN;
    while !answers.load(Ordering::Relaxed) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(50));
    }
    let _ = reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

pub(crate) fn an_alert_is_told_again_by_whoever_comes_after_a_kill(chimera: &Chimera) {
    let receiver = Receiver::start();
    let key = chimera.file("webhook.key", "a key of thirty-two bytes or so!\n");
    let settings = |url: &str| {
        format!(
            "planner: {{poll_interval_ms: 200, feed_down_after: 1}}\n\
             alerts: {{webhook: {{url: '{url}', secret: 'secret://file{}', timeout_ms: 2000, rest_base_ms: 100}}}}\n",
            key.display()
        )
    };
    chimera.file("configs/chimera.yaml", &settings("http://hooks.example/x"));
    let refused = chimera.run(&["config", "check"]);
    assert!(!refused.ok && refused.stderr.contains("alerts.webhook.url"), "{}", refused.stderr);
    chimera.file("configs/chimera.yaml", &settings(&format!("http://{}/s3cret", receiver.address)));
    let shown = chimera.run(&["config", "check"]);
    assert!(shown.ok && !shown.stdout.contains("s3cret"), "{}{}", shown.stdout, shown.stderr);
    assert!(chimera.run(&["seed", "trends"]).ok);
    let feed = chimera.data().join("feeds/fashion-drop.xml");
    let text = std::fs::read_to_string(&feed).unwrap();
    std::fs::remove_file(&feed).unwrap();

    let mut up = start(chimera);
    let is_down = |(_, body): &(String, Value)| body["type"] == "alert.raised" && body["data"]["kind"] == "feed_down";
    receiver.until(chimera, "it is told that the feed is down", |heard| heard.iter().any(is_down));
    up.kill().unwrap();
    up.wait().unwrap();
    let first = receiver.heard().iter().find(|one| is_down(one)).unwrap().0.clone();
    let before = receiver.heard().iter().filter(|one| one.0 == first).count();
    receiver.answers.store(true, Ordering::Relaxed);
    let mut up = start(chimera);
    let again = |heard: &[(String, Value)]| heard.iter().filter(|one| one.0 == first).count() > before;
    receiver.until(chimera, "it is told again", again);
    std::fs::write(&feed, text).unwrap();
    let closed = first.replace("_raised", "_closed");
    receiver.until(chimera, "it is told that it is over", |heard| heard.iter().any(|one| one.0 == closed));
    stop(&mut up);
    assert!(!chimera.log().contains("s3cret"), "{}", chimera.log());
}
