//! Every page of the console in a real browser: nothing breaks, nothing is fetched from elsewhere, nothing is wider than a
//! phone, and axe-core, an engine that checks pages against the WCAG, finds nothing serious.

use std::process::Command;

use serde_json::Value;

use super::{
    Fleet,
    chromium::{Chromium, Page},
};
use crate::{chimera::Chimera, contract};

/// The version of axe-core that pages are checked with.
const AXE: &str = "axe-core@4.14.1";

/// The pages that are reached by name.
const PAGES: [&str; 10] =
    ["/", "/campaigns", "/signals", "/plans", "/review", "/published", "/money", "/alerts", "/audit", "/system"];

/// axe-core's script, fetched once; `None` where npm is missing, as it may be outside of CI.
fn axe() -> Option<String> {
    if !contract::has("npm") {
        return None;
    }
    let folder = contract::clients().join("axe");
    let script = folder.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let output = Command::new("npm")
            .args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
            .arg(&folder)
            .arg(AXE)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    Some(std::fs::read_to_string(script).unwrap())
}

/// What axe-core finds serious on the page that is open, a line for each.
fn serious(page: &Page<'_>, axe: &str) -> Vec<String> {
    page.value(&format!("{axe};null"));
    let found = page.value(
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then(r => r.violations \
         .filter(v => ['serious', 'critical'].includes(v.impact)) \
         .map(v => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map(n => n.html + ' ' + n.failureSummary).join(' | ')}`))",
    );
    found.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// A plan that waits is changed and started by its forms, and its forms are as sound as the page.
fn plans_by_their_forms(fleet: &Fleet<'_>, page: &Page<'_>, axe: Option<&str>) {
    page.open(&format!("{}/plans", fleet.origin));
    page.until("document.querySelector('.plans li .dag') !== null");
    page.value("document.querySelectorAll('.plans li:first-child summary').forEach(s => s.click())");
    page.until("document.querySelectorAll('.plans li:first-child details[open]').length === 2");
    for (width, dark) in [(390, true), (1280, false)] {
        page.resize(width, 844);
        page.dark(dark);
        let wide = page.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(wide, 0, "open forms at {width}");
        let found = axe.map(|axe| serious(page, axe)).unwrap_or_default();
        assert!(found.is_empty(), "open forms at {width}: {}", found.join("\n"));
    }
    let waiting = "Number(document.querySelector('nav a[href=\"/plans\"] .badge')?.textContent ?? 0)";
    let before = page.value(waiting);
    page.value("document.querySelector('.plans li [name=goal]').value = 'Say what mending saves'");
    page.value("document.querySelector('.plans li [value=edit]').click()");
    page.until("document.querySelector('.notice')?.textContent.includes('Changed.') === true");
    page.until("document.querySelector('.plans li .terms')?.textContent.includes('Say what mending saves') === true");
    page.value("document.querySelector('.plans li [value=start]').click()");
    page.until("document.querySelector('.notice')?.textContent.includes('Started.') === true");
    assert_eq!(page.value(waiting).as_u64().unwrap() + 1, before.as_u64().unwrap());
}

pub(crate) fn every_page_is_sound_in_either_theme_and_on_a_phone(chimera: &Chimera) {
    let fleet = Fleet::with_plans(chimera);
    let chromium = Chromium::start();
    let page = chromium.window();
    fleet.sign_in(&page, "mara");
    let campaign = page.value("fetch('/api/campaigns').then(r => r.json()).then(c => c[0].id)");
    let trace = page.value("fetch('/api/posts').then(r => r.json()).then(p => p[0].trace_id)");
    let name = |id: &Value| id.as_str().unwrap().to_owned();
    let others = [format!("/campaigns/{}", name(&campaign)), format!("/traces/{}", name(&trace))];
    let axe = axe();
    let mut faults = Vec::new();
    for path in PAGES.iter().map(|path| (*path).to_owned()).chain(others) {
        for (width, dark) in [(1280, false), (1280, true), (390, false)] {
            page.resize(width, 844);
            page.dark(dark);
            page.open(&format!("{}{path}", fleet.origin));
            page.until("document.querySelector('main h1') !== null");
            let wide = page.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(wide, 0, "{path} at {width}");
            let found = axe.as_ref().map(|axe| serious(&page, axe)).unwrap_or_default();
            faults.extend(found.into_iter().map(|fault| format!("{path} at {width}, dark {dark}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(page.troubles(&fleet.origin), Vec::<String>::new());

    plans_by_their_forms(&fleet, &page, axe.as_deref());

    // Held still and let go on by its buttons; the page says so.
    page.open(&format!("{}/campaigns/{}", fleet.origin, name(&campaign)));
    for (does, says) in [("pause", "Paused."), ("resume", "Resumed.")] {
        page.value(&format!("document.querySelector('[name=does][value={does}]').click()"));
        page.until(&format!("document.querySelector('.notice')?.textContent.includes('{says}') === true"));
    }
    // A page that lies open follows: what somebody answers elsewhere no longer waits.
    let waiting = page.value("document.querySelector('nav a[href=\"/review\"] .badge').textContent");
    let reject = "fetch('/review').then(r => r.text()).then(t => { const d = new DOMParser().parseFromString(t, 'text/html'); \
                   const f = d.querySelector('form.answer'); return fetch(f.getAttribute('action'), {method: 'POST', \
                   body: new URLSearchParams({csrf: f.csrf.value, seen_hash: f.seen_hash.value, does: 'reject'})}) }) \
                   .then(r => r.ok)";
    assert_eq!(page.value(reject), true);
    page.until(&format!(
        "(document.querySelector('nav a[href=\"/review\"] .badge')?.textContent ?? '0') !== {waiting}"
    ));
    assert_eq!(page.troubles(&fleet.origin), Vec::<String>::new());
}
