//! The review desk in a real browser, before a fleet that really publishes.

mod chromium;
mod pages;

use std::{
    process::Child,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{chimera::Chimera, process::PATIENCE};
use chromium::{Chromium, Page};

pub(crate) use pages::every_page_is_sound_in_either_theme_and_on_a_phone;

/// A campaign whose plans wait, for two channels at once.
const LOOKED_AT: [&str; 15] = [
    "campaign",
    "create",
    "looked_at",
    "--goal",
    "New collections, street style, and clothes that are mended or made to last",
    "--agent",
    "fae",
    "--channel",
    "bluesky",
    "--channel",
    "threads",
    "--resource",
    "mcp://feeds/feed://fashion-drop",
    "--plan-review",
    "true",
];

/// `chimera up`; killed when dropped.
pub(crate) struct Fleet<'a> {
    chimera: &'a Chimera,
    child: Child,
    origin: String,
}

impl<'a> Fleet<'a> {
    /// Starts it on what ships with the binary, and waits until posts wait for a person and nothing else moves.
    fn start(chimera: &'a Chimera, waiting: u64) -> Self {
        assert!(chimera.run(&["seed", "trends"]).ok);
        Self::up(chimera, waiting)
    }

    /// The same on what is there already.
    fn up(chimera: &'a Chimera, waiting: u64) -> Self {
        let child = chimera.start(&["up", "--bind", "127.0.0.1:0"]);
        let mut fleet = Self { chimera, child, origin: String::new() };
        fleet.until("it listens", || chimera.log().contains("console   http://"));
        let log = chimera.log();
        let origin = log.lines().find_map(|line| line.strip_prefix("console   ")).unwrap();
        origin.clone_into(&mut fleet.origin);
        fleet.until("posts wait", || fleet.status()["tickets_open"].as_u64() >= Some(waiting));
        let settled = || {
            let tasks = fleet.status()["tasks"].clone();
            ["PENDING", "READY", "EXECUTING", "JUDGE_REVIEW"]
                .iter()
                .all(|state| tasks[state].as_u64().unwrap_or(0) == 0)
        };
        fleet.until("all is judged", settled);
        fleet
    }

    /// Beside the campaign that goes on by itself, one whose plans wait; it is left a part of what the agent may do in an
    /// hour.
    pub(crate) fn with_plans(chimera: &'a Chimera) -> Self {
        for args in
            [&["seed", "trends"][..], &["campaign", "edit", "fashion_drop", "--daily-task-cap", "6"], &LOOKED_AT]
        {
            let made = chimera.run(args);
            assert!(made.ok, "{args:?}: {}", made.stderr);
        }
        let fleet = Self::up(chimera, 1);
        fleet.until("plans wait", || fleet.status()["tasks"]["DRAFT"].as_u64() > Some(0));
        fleet
    }

    /// Where it listens, as a browser names it.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) const fn chimera(&self) -> &'a Chimera {
        self.chimera
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < until, "not: {what}\n{}", self.chimera.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn status(&self) -> Value {
        self.chimera.json(&["status", "--json"])
    }

    /// Signs a person in on this window, by the link and its button, and opens the desk.
    fn sign_in(&self, page: &Page<'_>, name: &str) {
        let at = self.origin.trim_start_matches("http://");
        let link = self.chimera.run(&["console", "sign-in", "--at", at, "--by", name]);
        assert!(link.ok, "{}", link.stderr);
        page.open(link.stdout.trim());
        page.until("document.activeElement?.matches('form button')");
        page.press(&["Enter"]);
        page.until("location.pathname === '/' && document.readyState === 'complete'");
        page.open(&format!("{}/review", self.origin));
        page.until("document.querySelector('form.answer .seconds')?.textContent === '8'");
    }

    /// The life of the post that the window shows.
    fn trace(&self, page: &Page<'_>, ticket: &str) -> Value {
        page.value(&format!(
            "fetch('/api/hitl/{ticket}').then(r => r.json()).then(t => fetch(`/api/traces/${{t.ticket.trace_id}}`)).then(r => r.json())"
        ))
    }
}

impl Drop for Fleet<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shown(page: &Page<'_>) -> String {
    page.value("document.querySelector('.post').dataset.ticket").as_str().unwrap().to_owned()
}

fn gone(page: &Page<'_>, ticket: &str) {
    page.until(&format!("!document.querySelector('.queue li[data-ticket=\"{ticket}\"]')"));
}

fn state_of_post(trace: &Value) -> Vec<&str> {
    let tasks = trace["tasks"].as_array().unwrap().iter();
    tasks.filter(|task| task["task_type"] == "assemble_post").map(|task| task["state"].as_str().unwrap()).collect()
}

pub(crate) fn a_reviewer_decides_by_keyboard_and_posts_go_out(chimera: &Chimera) {
    let fleet = Fleet::start(chimera, 3);
    let chromium = Chromium::start();
    let page = chromium.window();
    fleet.sign_in(&page, "mara");

    // Approve: held, undone, held again, sent, published.
    let first = shown(&page);
    page.press(&["a"]);
    page.until("document.querySelector('#held').innerText.includes('Approving')");
    page.until("document.querySelector('.queue li.held') !== null");
    assert_ne!(shown(&page), first, "the next one is looked at meanwhile");
    page.press(&["u"]);
    page.until("document.querySelector('#held').innerText === ''");
    assert_eq!(state_of_post(&fleet.trace(&page, &first)), ["HITL_QUEUE"], "nothing was sent");
    page.press(&["k"]);
    page.until(&format!("document.querySelector('.post').dataset.ticket === '{first}'"));
    page.press(&["a"]);
    gone(&page, &first);
    fleet.until("published", || state_of_post(&fleet.trace(&page, &first)) == ["PUBLISHED"]);
    let trace = fleet.trace(&page, &first);
    assert_eq!(trace["tickets"][0]["resolved_by"], "mara");

    // Edit: the words that a person wrote go out, under a hash of their own.
    page.until("document.querySelector('form.answer textarea') !== null");
    let second = shown(&page);
    page.press(&["e"]);
    page.until("document.activeElement.matches('textarea')");
    page.value("document.activeElement.setSelectionRange(0, 0)");
    page.write("Looked over by Mara. ");
    page.press_ctrl_enter();
    gone(&page, &second);
    fleet.until("published", || state_of_post(&fleet.trace(&page, &second)) == ["PUBLISHED"]);
    let trace = fleet.trace(&page, &second);
    let texts: Vec<_> = trace["artifacts"].as_array().unwrap().iter().map(|a| a["text"].as_str().unwrap()).collect();
    assert!(texts.last().unwrap().starts_with("Looked over by Mara. "), "{texts:?}");
    let (asked, out) = (&trace["tickets"][0]["artifact_id"], &trace["publications"][0]["artifact_id"]);
    assert_ne!(asked, out, "what was asked about stays as it was");

    // Reject, with a reason, to be written anew.
    page.until("document.querySelector('form.answer textarea') !== null");
    let third = shown(&page);
    page.value("document.querySelector('form.answer [name=again]').checked = true");
    page.press(&["r"]);
    page.until("document.activeElement.name === 'note'");
    page.write("Too stiff.");
    page.press(&["Enter"]);
    gone(&page, &third);
    let planned_anew = || {
        let trace = fleet.trace(&page, &third);
        let anew = trace["tasks"].as_array().unwrap().iter().any(|task| {
            task["payload"]["correction"].as_str().is_some_and(|correction| correction.contains("Too stiff."))
        });
        anew && state_of_post(&trace).contains(&"REJECTED")
    };
    fleet.until("rejected and planned anew", planned_anew);

    // Nothing of it is wider than a phone, in either theme, on any page.
    for path in ["/review", "/", "/sign-in"] {
        page.open(&format!("{}{path}", fleet.origin));
        for (width, dark) in [(390, false), (390, true), (1280, true)] {
            page.resize(width, 844);
            page.dark(dark);
            let wide = page.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(wide, 0, "{path} at {width}");
        }
    }
    assert_eq!(page.troubles(&fleet.origin), Vec::<String>::new());
}

pub(crate) fn of_two_browsers_the_second_is_told_and_whoever_signed_out_is_out(chimera: &Chimera) {
    let fleet = Fleet::start(chimera, 2);
    let chromium = Chromium::start();
    let (mara, ben) = (chromium.window(), chromium.window());
    fleet.sign_in(&mara, "mara");
    fleet.sign_in(&ben, "ben");
    let ticket = shown(&mara);
    assert_eq!(shown(&ben), ticket);
    // Ben holds his answer while Mara's goes out by her form, which is not held.
    ben.press(&["r"]);
    ben.until("document.activeElement.name === 'note'");
    ben.write("No.");
    let form = format!(
        "fetch('/api/hitl/{ticket}/approve', {{method: 'POST', headers: {{'content-type': 'application/json', \
         'x-csrf-token': document.querySelector('#desk').dataset.csrf}}, body: JSON.stringify({{seen_hash: \
         document.querySelector('form.answer [name=seen_hash]').value}})}}).then(r => r.status)"
    );
    assert_eq!(mara.value(&form), 200);
    ben.press(&["Enter"]);
    ben.until("document.querySelector('#held').innerText.includes('mara was first')");
    gone(&ben, &ticket);
    let mut troubles = ben.troubles(&fleet.origin);
    // The refusal is an answer like any other, but browsers log its status.
    troubles.retain(|trouble| !trouble.contains("409"));
    assert_eq!(troubles, Vec::<String>::new());

    // The queue of a desk that lies open follows by itself.
    gone(&mara, &ticket);
    let next = shown(&mara);
    mara.press(&["x", "a"]);
    gone(&ben, &next);

    // Whoever is signed out elsewhere is asked to sign in again.
    let csrf = "document.querySelector('#desk').dataset.csrf";
    let out =
        format!("fetch('/sign-out', {{method: 'POST', body: new URLSearchParams({{csrf: {csrf}}})}}).then(r => r.ok)");
    assert_eq!(ben.value(&out), true);
    ben.open(&format!("{}/review", fleet.origin));
    ben.until("document.body.innerText.includes('not signed in')");
    assert!(ben.text("main").contains("chimera console sign-in"));
}
