//! A headless Chromium, driven over the pipe of its DevTools protocol: JSON messages that end with a NUL, in at its third
//! file descriptor, out at its fourth. A shell puts these in place of standard input and output.

use std::{
    cell::{Cell, RefCell},
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::PATIENCE;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A running browser; gone when dropped.
pub(super) struct Chromium {
    child: Child,
    stdin: RefCell<ChildStdin>,
    heard: Receiver<Value>,
    /// What the pages reported, by session.
    events: RefCell<Vec<Value>>,
    last_id: Cell<u64>,
    _profile: TempDir,
}

impl Chromium {
    pub(super) fn start() -> Self {
        let program = std::env::var("CHROMIUM").unwrap_or_else(|_| installed().to_owned());
        let profile = tempfile::tempdir().unwrap();
        let script = r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null"#;
        let mut child = Command::new("sh")
            .args([
                "-c",
                script,
                &program,
                "--headless=new",
                "--no-sandbox",
                "--remote-debugging-pipe",
                "--disable-gpu",
            ])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--hide-scrollbars", "--mute-audio"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = RefCell::new(child.stdin.take().unwrap());
        let (told, heard) = channel();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while stdout.read_until(0, &mut message).is_ok_and(|read| read > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { break };
                if told.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let (events, last_id) = (RefCell::default(), Cell::new(0));
        let chromium = Self { child, stdin, heard, events, last_id, _profile: profile };
        chromium.call(None, "Browser.getVersion", json!({}));
        chromium
    }

    /// Sends a command and gives its result.
    #[expect(clippy::needless_pass_by_value, reason = "parameters are written where they are used")]
    fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        self.last_id.set(self.last_id.get() + 1);
        let id = self.last_id.get();
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        if let Err(error) = self.stdin.borrow_mut().write_all(&bytes) {
            panic!("no Chromium listens ({error}); scripts/setup-tests installs it, or CHROMIUM names one");
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(heard) = self.heard.recv_timeout(left) else {
                panic!("Chromium does not answer {method}; scripts/setup-tests installs it, or CHROMIUM names one");
            };
            if heard["id"] == id {
                assert!(heard.get("error").is_none(), "{method}: {heard}");
                return heard["result"].clone();
            }
            self.events.borrow_mut().push(heard);
        }
    }

    /// A window of somebody who shares nothing with the others.
    pub(super) fn window(&self) -> Page<'_> {
        let context = self.call(None, "Target.createBrowserContext", json!({}))["browserContextId"].clone();
        let wanted = json!({"url": "about:blank", "browserContextId": context, "width": 1280, "height": 900});
        let target = self.call(None, "Target.createTarget", wanted)["targetId"].clone();
        let attached = self.call(None, "Target.attachToTarget", json!({"targetId": target, "flatten": true}));
        let session = attached["sessionId"].as_str().unwrap().to_owned();
        let page = Page { chromium: self, session };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({}));
        }
        // Windows that are behind others get keys too.
        page.call("Emulation.setFocusEmulationEnabled", json!({"enabled": true}));
        page
    }
}

/// The browser that is there: Chromium, or Chrome.
fn installed() -> &'static str {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |name: &&str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    ["chromium", "google-chrome"].into_iter().find(there).unwrap_or("chromium")
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One window.
pub(super) struct Page<'a> {
    chromium: &'a Chromium,
    session: String,
}

impl Page<'_> {
    fn call(&self, method: &str, params: Value) -> Value {
        self.chromium.call(Some(&self.session), method, params)
    }

    pub(super) fn open(&self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// The value of an expression, awaited if it is a promise.
    pub(super) fn value(&self, expression: &str) -> Value {
        let wanted = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", wanted);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    pub(super) fn text(&self, selector: &str) -> String {
        let found = self.value(&format!("document.querySelector({selector:?})?.innerText ?? ''"));
        found.as_str().unwrap().to_owned()
    }

    /// Waits until an expression is true. While a page changes, nothing is.
    pub(super) fn until(&self, expression: &str) {
        let until = Instant::now() + PATIENCE;
        let wanted = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        while self.call("Runtime.evaluate", wanted.clone())["result"]["value"] != true {
            assert!(Instant::now() < until, "not {expression}\n{}", self.text("body"));
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Presses keys, one after the other; `Enter` and `Escape` by these names.
    pub(super) fn press(&self, keys: &[&str]) {
        for key in keys {
            let (code, text) = match *key {
                "Enter" => (13, "\r"),
                "Escape" => (27, ""),
                letter => (u32::from(letter.to_uppercase().as_bytes()[0]), letter),
            };
            let kind = if text.is_empty() { "rawKeyDown" } else { "keyDown" };
            let down = json!({"type": kind, "key": key, "text": text, "windowsVirtualKeyCode": code});
            self.call("Input.dispatchKeyEvent", down);
            self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}));
        }
    }

    /// Presses Enter while Ctrl is down.
    pub(super) fn press_ctrl_enter(&self) {
        for kind in ["rawKeyDown", "keyUp"] {
            let key = json!({"type": kind, "key": "Enter", "modifiers": 2, "windowsVirtualKeyCode": 13});
            self.call("Input.dispatchKeyEvent", key);
        }
    }

    /// Types where the cursor is.
    pub(super) fn write(&self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    pub(super) fn resize(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    pub(super) fn dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", features);
    }

    /// What went wrong so far: exceptions, errors in the console, and requests to anywhere but `origin`.
    pub(super) fn troubles(&self, origin: &str) -> Vec<String> {
        self.value("1");
        let events = self.chromium.events.borrow();
        let own = events.iter().filter(|event| event["sessionId"] == self.session.as_str());
        own.filter_map(|event| {
            let params = &event["params"];
            match event["method"].as_str()? {
                "Runtime.exceptionThrown" => Some(params["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled" if params["type"] == "error" => Some(params["args"].to_string()),
                "Log.entryAdded" if params["entry"]["level"] == "error" => Some(params["entry"].to_string()),
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str()?;
                    // The signs on a video's controls come with the browser, as data.
                    let own =
                        url.starts_with(&format!("{origin}/")) || url.starts_with("data:") || url == "about:blank";
                    (!own).then(|| format!("asked {url}"))
                }
                _ => None,
            }
        })
        .collect()
    }
}
