//! The review desk in a terminal, used by a person whose hands are a script.

use std::process::{Command, Stdio};

use crate::chimera::Chimera;

/// Runs a program in a terminal of its own: waits until each text is on the screen, then presses the keys beside it.
const HANDS: &str = r#"
import os, pty, select, sys, time, struct, fcntl, termios
steps, program = eval(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm-256color"
    os.execvp(program[0], program)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
screen, until = b"", time.monotonic() + 120
def read():
    global screen
    if not select.select([terminal], [], [], 1)[0]:
        return True
    try:
        more = os.read(terminal, 65536)
    except OSError:
        return False
    screen += more
    return bool(more)
for wanted, keys in steps:
    while wanted.encode() not in screen:
        if time.monotonic() > until or not read():
            sys.exit("never saw %r; the screen had %r" % (wanted, screen[-2000:]))
    screen = b""
    os.write(terminal, keys.encode())
while read():
    if time.monotonic() > until:
        sys.exit("it does not end")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[test]
fn a_person_answers_in_a_terminal() {
    let chimera = Chimera::new();
    assert!(chimera.run(&["demo", "--once", "--json", "--seed", "7"]).ok);
    let tickets = chimera.json(&["judge", "view-queue", "--json"]);
    let tickets = tickets.as_array().unwrap();
    assert!(tickets.len() >= 2, "the demo asks a person about more than one post");

    // The first is approved, and that is taken back; it is rejected with a reason. The second is approved, and leaving
    // gives the answer at once.
    let steps = r#"[("review desk", "a"), ("held, given", "u"), ("taken back", "r"), ("why reject", "not ours\r"),
        ("rejected", "a"), ("approved", "q")]"#;
    let review = chimera.command(&["review", "--by", "ada"]);
    let mut hands = Command::new("python3");
    hands.args(["-c", HANDS, steps]).arg(review.get_program()).args(review.get_args());
    hands.current_dir(chimera.folder()).env_clear().stdin(Stdio::null());
    hands.envs(review.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = hands.output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));

    let left = chimera.json(&["judge", "view-queue", "--json"]);
    assert_eq!(left.as_array().unwrap().len(), tickets.len() - 2);
    let answered = |at: usize| {
        let trace = chimera.json(&["trace", tickets[at]["trace_id"].as_str().unwrap(), "--json"]);
        let ticket = trace["tickets"].as_array().unwrap().last().unwrap().clone();
        (ticket["resolution"].clone(), ticket["resolved_by"].clone(), ticket["resolution_note"].clone())
    };
    assert_eq!(answered(0), ("REJECTED".into(), "ada".into(), "not ours".into()));
    assert_eq!(answered(1), ("APPROVED".into(), "ada".into(), serde_json::Value::Null));
}

#[test]
fn without_a_terminal_it_says_what_to_use() {
    let ended = Chimera::new().run(&["review"]);
    assert!(!ended.ok && ended.stderr.contains("judge approve-ticket"), "{}", ended.stderr);
}
