//! What Chimera leans on, as `docker-compose.yml` describes it and as `scripts/infra` starts it.

use std::{
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::chimera::{Chimera, Ended};

/// Stands in for a Docker with an engine, and writes down what it is asked.
const DOCKER: &str = r#"#!/bin/sh
echo "$*" >>"$DOCKER_LOG"
case "$1 $2" in
  "compose port") echo "127.0.0.1:1$4" ;;
esac
"#;

/// What a user may have set for every cargo.
const KEPT: [&str; 2] = ["CARGO_HOME", "CARGO_TARGET_DIR"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn compose() -> Value {
    let text = std::fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect()
}

#[test]
fn every_service_is_pinned_watched_kept_and_out_of_reach_of_others() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    assert_eq!(services.keys().collect::<Vec<_>>(), ["postgres", "redis", "weaviate", "localstack"]);
    for (name, service) in services {
        let (_, tag) = service["image"].as_str().unwrap().rsplit_once(':').unwrap();
        assert!(tag.split('.').count() >= 3, "{name} is not pinned: {tag}");
        let check = strings(&service["healthcheck"]["test"]);
        assert!(check[0] == "CMD" && check.len() > 1, "{name} has no health check");
        let ports = strings(&service["ports"]);
        assert!(!ports.is_empty() && ports.iter().all(|p| p.starts_with("127.0.0.1:")), "{name} listens on {ports:?}");
        for volume in strings(&service["volumes"]) {
            let (volume, _) = volume.split_once(':').unwrap();
            assert!(
                compose["volumes"].as_object().unwrap().contains_key(volume),
                "{name}: {volume} is no named volume"
            );
        }
    }
}

#[test]
fn the_services_are_set_as_chimera_needs_them() {
    let compose = compose();
    let services = &compose["services"];
    assert!(services["postgres"]["image"].as_str().unwrap().ends_with("-pg16"));
    let redis = strings(&services["redis"]["command"]).join(" ");
    assert!(redis.contains("--appendonly yes") && redis.contains("--maxmemory-policy noeviction"), "{redis}");
    assert!(services["redis"]["image"].as_str().unwrap().starts_with("redis:7."));
    assert_eq!(services["weaviate"]["environment"]["AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED"], "true");
    assert_eq!(services["weaviate"]["environment"]["DEFAULT_VECTORIZER_MODULE"], "none");
    assert_eq!(services["localstack"]["environment"]["SERVICES"], "secretsmanager,s3");
}

fn infra(folder: &Path, args: &[&str], path: Option<&Path>) -> Ended {
    let own = std::env::var("PATH").unwrap();
    let path = path.map_or_else(|| own.clone(), |first| format!("{}:{own}", first.display()));
    let mut command = Command::new(root().join("scripts/infra"));
    // What cargo tells a test about its package would make the script's own cargo build `ring`, and so nearly all, anew.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_") && !KEPT.contains(&&**name)) {
        command.env_remove(name);
    }
    command.args(args).env("PATH", path).env("CHIMERA_INFRA_DIR", folder.join("infra"));
    Ended::of(command.env("DOCKER_LOG", folder.join("docker.log")).stdin(Stdio::null()).output().unwrap())
}

/// `export NAME=value`.
fn exported<'a>(ended: &'a Ended, name: &str) -> &'a str {
    let line = ended.stdout.lines().find_map(|l| l.strip_prefix("export ")?.strip_prefix(name)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {name} in {}", ended.stdout))
}

fn answers(url: &str) -> bool {
    let address = url.rsplit_once("//").unwrap().1.rsplit('@').next().unwrap().split('/').next().unwrap();
    let address: SocketAddr = address.parse().unwrap();
    TcpStream::connect_timeout(&address, Duration::from_secs(2)).is_ok()
}

#[test]
fn without_docker_throwaway_servers_come_up_carry_chimera_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let up = infra(folder.path(), &["up", "--local"], None);
    assert!(up.ok, "{}", up.stderr);
    assert!(up.stderr.contains("throwaway") && up.stderr.contains("Weaviate and LocalStack are only"), "{}", up.stderr);
    let (database, queue) = (exported(&up, "CHIMERA_DATABASE__URL"), exported(&up, "CHIMERA_QUEUE__URL"));
    let chimera = Chimera::new().on(database, queue);
    let migrated = chimera.run(&["db", "migrate"]);
    assert!(migrated.ok, "{}", migrated.stderr);
    assert!(answers(queue));

    let again = infra(folder.path(), &["up", "--local"], None);
    assert!(again.ok && again.stderr.contains("up already"), "{}", again.stderr);
    assert_eq!(again.stdout, up.stdout);

    let down = infra(folder.path(), &["down"], None);
    assert!(down.ok && down.stderr.contains("are down"), "{}", down.stderr);
    assert!(!answers(database) && !answers(queue));
}

#[test]
fn with_docker_its_services_are_used_and_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let docker = folder.path().join("docker");
    std::fs::write(&docker, DOCKER).unwrap();
    std::fs::set_permissions(&docker, PermissionsExt::from_mode(0o755)).unwrap();
    let up = infra(folder.path(), &["up"], Some(folder.path()));
    assert!(up.ok && up.stderr.contains("docker-compose.yml"), "{}", up.stderr);
    assert_eq!(exported(&up, "CHIMERA_DATABASE__URL"), "postgres://chimera:chimera@127.0.0.1:15432/chimera");
    assert_eq!(exported(&up, "CHIMERA_QUEUE__URL"), "redis://127.0.0.1:16379/");
    assert!(up.stderr.contains("Weaviate (http://127.0.0.1:18080)"), "{}", up.stderr);
    let down = infra(folder.path(), &["down"], Some(folder.path()));
    assert!(down.ok && down.stderr.contains("volumes"), "{}", down.stderr);
    let asked = std::fs::read_to_string(folder.path().join("docker.log")).unwrap();
    assert!(asked.contains("compose up --detach --wait\n") && asked.ends_with("compose down\n"), "{asked}");
}

#[test]
fn a_number_that_is_another_process_by_now_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut stranger = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
    let state = folder.path().join("infra");
    std::fs::create_dir(&state).unwrap();
    for name in ["server", "holder"] {
        std::fs::write(state.join(name), stranger.id().to_string()).unwrap();
        // Born at another time than the stranger.
        std::fs::write(state.join(format!("{name}.born")), "1\n").unwrap();
    }
    let down = infra(folder.path(), &["down"], None);
    let lives = stranger.try_wait().unwrap().is_none();
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    assert!(down.ok && lives, "{}", down.stderr);
    assert!(!state.exists(), "what was stale is cleared away");
}
