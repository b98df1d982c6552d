//! A browser that keeps its cookie and fills in forms, and says what browsers say of where a request comes from.

use std::net::SocketAddr;

use crate::client::{Answer, ask};

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    pub(crate) address: SocketAddr,
    pub(crate) host: String,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

/// What stands between two texts.
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0
}

impl Browser {
    /// Opens a sign-in link and presses its button.
    pub(crate) async fn follow(mut self, link: &str) -> Self {
        let (_, token) = link.split_once("token=").unwrap();
        let answer = self.submit("/sign-in", &format!("token={token}")).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{}", answer.text());
        self.cookie = between(&format!("{};", answer.header("set-cookie")), "", ";").to_owned();
        let page = self.get("/").await;
        assert_eq!(page.status, 200);
        self.csrf = between(page.text(), "name=\"csrf\" value=\"", "\"").to_owned();
        self
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let headers =
            [("Host", &*self.host), ("Cookie", &self.cookie), ("Accept", "text/html"), ("Sec-Fetch-Site", "none")];
        ask(self.address, "GET", path, &headers, "").await
    }

    /// Sends a form as a page of the console does, with the session's proof in it.
    pub(crate) async fn post(&self, path: &str, fields: &str) -> Answer {
        self.submit(path, &format!("csrf={}&{fields}", self.csrf)).await
    }

    /// Sends these fields and nothing else.
    pub(crate) async fn submit(&self, path: &str, fields: &str) -> Answer {
        let origin = format!("http://{}", self.host);
        self.submit_from(path, fields, &[("Origin", &origin), ("Sec-Fetch-Site", "same-origin")]).await
    }

    /// The same, from wherever `from` says.
    pub(crate) async fn submit_from(&self, path: &str, fields: &str, from: &[(&str, &str)]) -> Answer {
        let mut headers = vec![
            ("Host", &*self.host),
            ("Cookie", &*self.cookie),
            ("Accept", "text/html"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        headers.extend(from);
        ask(self.address, "POST", path, &headers, fields).await
    }
}
