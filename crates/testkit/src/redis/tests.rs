//! What tests rely on: the server ends with its process, keeps its address, and forgets on demand.

use super::*;
use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Instant,
};

fn answers(port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_millis(200)).is_ok()
}

fn folder(redis: &TestRedis) -> PathBuf {
    redis.server.lock().unwrap().as_ref().unwrap().folder().to_owned()
}

fn wait_until_gone(port: u16, folder: &Path) {
    let patience = Instant::now() + Duration::from_secs(20);
    while (answers(port) || folder.exists()) && Instant::now() < patience {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(!answers(port) && !folder.exists(), "{} is left behind", folder.display());
}

#[test]
fn it_forgets_stops_and_comes_back_at_the_same_address() {
    let redis = TestRedis::start().unwrap();
    let (url, first) = (redis.url(), folder(&redis));
    redis.ask("SET a b").unwrap();
    redis.ask("SET a c NX").expect_err("it is there");
    redis.flush().unwrap();
    redis.ask("SET a c NX").unwrap();
    redis.stop();
    redis.stop();
    wait_until_gone(redis.port, &first);
    redis.flush().expect_err("it is stopped");
    redis.start_again().unwrap();
    redis.start_again().unwrap();
    assert_eq!(redis.url(), url);
    redis.ask("SET a d NX").expect("a restart forgets");
    assert_ne!(redis.prefix(), redis.prefix());
}

#[test]
fn a_hash_is_read_and_written() {
    let redis = TestRedis::shared();
    let key = format!("{}:{{a}}", redis.prefix());
    assert!(redis.hash(&key).unwrap().is_empty());
    for (field, value) in [("window", "20779"), ("micros", "1"), ("micros", "2500003")] {
        redis.set_field(&key, field, value).unwrap();
    }
    let fields: Vec<_> = redis.hash(&key).unwrap().into_iter().collect();
    let wanted = [("micros", "2500003"), ("window", "20779")];
    assert_eq!(fields, wanted.map(|(field, value)| (field.to_owned(), value.to_owned())));
}

#[test]
fn a_missing_program_is_reported_with_the_way_out() {
    let error = find_error(None, Some("/nowhere".into()));
    assert!(error.contains("apt-get install redis-server"), "{error}");
    let error = find_error(Some("/nowhere/redis".into()), None);
    assert!(error.contains("CHIMERA_REDIS_SERVER is /nowhere/redis"), "{error}");
}

fn find_error(named: Option<std::ffi::OsString>, path: Option<std::ffi::OsString>) -> String {
    server::find(named, path).unwrap_err().to_string()
}

#[test]
fn a_program_that_is_not_redis_is_reported_with_what_it_said() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("redis-server");
    std::fs::write(&program, "#!/bin/sh\necho 'Fatal: no such option'\nexit 1\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let error = Server::start(&program).unwrap_err().to_string();
    assert!(error.contains("no such option"), "{error}");
}

#[test]
#[ignore = "run by the next test in a process of its own, and killed there"]
fn holds_a_server() {
    let redis = TestRedis::shared();
    println!("\nholding {} {}", redis.port, folder(redis).display());
    thread::park();
}

#[test]
fn a_killed_process_leaves_no_server_behind() {
    let mut holder = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "redis::tests::holds_a_server", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines().map(Result::unwrap);
    let held = lines.into_iter().find_map(|line| Some(line.strip_prefix("holding ")?.to_owned())).unwrap();
    let (port, folder) = held.split_once(' ').unwrap();
    let (port, folder) = (port.parse().unwrap(), PathBuf::from(folder));
    assert!(answers(port) && folder.exists());
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_until_gone(port, &folder);
}
