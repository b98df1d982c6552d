//! What waits for people, as they see it on the command line.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use serde_json::Value;

use crate::chimera::Chimera;

pub(crate) fn the_queue_is_counted_paged_filtered_and_watched(chimera: &Chimera) {
    assert!(chimera.run(&["demo", "--once", "--json", "--seed", "7"]).ok);
    let tickets = chimera.json(&["judge", "view-queue", "--json"]);
    let tickets = tickets.as_array().unwrap();
    assert!(!tickets.is_empty());
    let shown = chimera.run(&["judge", "view-queue"]);
    let counted = format!("{} post", tickets.len());
    assert!(shown.ok && shown.stdout.starts_with(&counted) && shown.stdout.contains("0 overdue"), "{}", shown.stdout);

    // Page by page, it is the same list.
    let (mut paged, mut last): (Vec<Value>, Option<String>) = (vec![], None);
    loop {
        let mut args = vec!["judge", "view-queue", "--json", "--limit", "1"];
        if let Some(last) = &last {
            args.extend(["--after", last]);
        }
        let page = chimera.json(&args);
        let Some(ticket) = page.as_array().unwrap().first() else { break };
        last = Some(ticket["id"].as_str().unwrap().to_owned());
        paged.push(ticket.clone());
    }
    assert_eq!(&paged, tickets);

    let with_topic = |topic: &str| tickets.iter().filter(|t| t["sensitive_topics"].to_string().contains(topic)).count();
    let of_topic = chimera.json(&["judge", "view-queue", "--topic", "politics", "--json"]);
    assert_eq!(of_topic.as_array().unwrap().len(), with_topic("\"politics\""));
    assert_eq!(
        &chimera.json(&["judge", "view-queue", "--campaign", "fashion_drop", "--json"]),
        &Value::from(tickets.clone())
    );
    let unknown = chimera.run(&["judge", "view-queue", "--campaign", "no-such"]);
    assert!(!unknown.ok && unknown.stderr.contains("no campaign no-such"), "{}", unknown.stderr);

    let within = chimera.json(&["judge", "check-sla", "--json"]);
    assert_eq!((&within["open"], &within["overdue"]), (&tickets.len().into(), &0.into()), "{within:#}");
    assert_eq!(within["next_due"], tickets[0]["sla_expires_at"]);
    watched(chimera, tickets);
}

/// An answer given by one process shows in another.
fn watched(chimera: &Chimera, tickets: &[Value]) {
    let mut watching = chimera.command(&["judge", "view-queue", "--watch", "--json"]);
    let mut watching = watching.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next = || -> Vec<Value> { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next(), tickets);
    let answered = tickets[0]["id"].as_str().unwrap();
    assert!(chimera.run(&["judge", "reject-ticket", answered, "--by", "ada"]).ok);
    assert_eq!(next(), tickets[1..]);
    watching.kill().unwrap();
    watching.wait().unwrap();
}
