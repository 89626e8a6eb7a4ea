//! What is wrong with Docker is said with the way to mend it. A script stands for Docker; none is needed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use super::{root, said, script, text};

/// A directory with the few programs the script uses, and whatever a test adds.
fn path() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for program in ["bash", "env", "grep", "head"] {
        let found = ["/usr/bin", "/bin"].map(|place| Path::new(place).join(program));
        let found = found.iter().find(|file| file.exists()).unwrap();
        std::os::unix::fs::symlink(found, directory.path().join(program)).unwrap();
    }
    directory
}

fn program(path: &TempDir, name: &str, lines: &str) {
    let file = path.path().join(name);
    std::fs::write(&file, format!("#!/usr/bin/env bash\n{lines}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A Docker that answers `docker version` and `docker compose version` with these lines of shell.
fn docker(engine: &str, compose: &str) -> TempDir {
    let path = path();
    let lines = format!("case \"$1\" in version) {engine} ;; compose) {compose} ;; *) exit 64 ;; esac");
    program(&path, "docker", &lines);
    path
}

fn diagnosed(path: &TempDir) -> (i32, String) {
    said(&script("check_docker_compose.sh", path.path()).env("PATH", path.path()).output().unwrap())
}

const NO_COMPOSE: &str = "echo \"docker: 'compose' is not a docker command.\" >&2; exit 1";

#[test]
fn a_docker_that_is_fine_is_said_to_be() {
    for (engine, compose) in
        [("28.2.2", "2.36.1"), ("24.0.0", "v2.24.0"), ("24.0.7-ce", "2.29.1-desktop.1"), ("100.0", "5.1")]
    {
        let (code, told) = diagnosed(&docker(&format!("echo {engine}"), &format!("echo {compose}")));
        assert_eq!(code, 0, "{engine} {compose}: {told}");
        assert!(told.ends_with("are fine\n"), "{told}");
    }
}

#[test]
fn each_fault_has_its_sentence_and_its_fix() {
    let old_compose = docker("echo 28.2.2", NO_COMPOSE);
    program(&old_compose, "docker-compose", "echo docker-compose version 1.29.2");
    let cases = [
        (path(), "Docker is not installed", "https://docs.docker.com/engine/install/"),
        (docker("echo 20.10.24", "echo 2.36.1"), "Docker Engine 20.10.24 is too old; 24.0 or later", "upgrade it"),
        (docker("echo 23.9", "echo 2.36.1"), "Docker Engine 23.9 is too old", "upgrade it"),
        (docker("echo 28.2.2", "echo 2.23.3"), "Compose 2.23.3 is too old; 2.24 or later", "upgrade it"),
        (docker("echo 28.2.2", "echo 1.29.2"), "Compose 1.29.2 is too old", "upgrade it"),
        (docker("echo 28.2.2", NO_COMPOSE), "the Compose plugin is missing", "docker-compose-plugin"),
        (old_compose, "only the old docker-compose is here", "docker-compose-plugin"),
        (
            docker("echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.' >&2; exit 1", "exit 0"),
            "the Docker daemon does not run or cannot be reached",
            "systemctl start docker",
        ),
        (
            docker(
                "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1",
                "exit 0",
            ),
            "you may not speak to the Docker daemon",
            "usermod -aG docker",
        ),
        (
            docker("echo segfault >&2; exit 139", "exit 0"),
            "Docker does not say its version: segfault",
            "docker version",
        ),
        (docker("echo dev", "echo 2.36.1"), "Docker's version cannot be read: dev", "docker version"),
        (docker("echo 28.2.2", "echo dev"), "the version of Compose cannot be read: dev", "docker compose version"),
    ];
    for (path, fault, fix) in &cases {
        let (code, told) = diagnosed(path);
        assert_eq!(code, 1, "{fault}: {told}");
        assert!(told.starts_with(&format!("docker: {fault}")), "{fault}: {told}");
        assert!(told.contains("  fix: ") && told.contains(fix), "{fix}: {told}");
    }
}

#[test]
fn the_tests_in_a_container_have_no_network_no_rights_and_no_root_to_write() {
    let tests = text("docker-compose.test.yml");
    for line in
        ["network_mode: none", "read_only: true", "cap_drop: [ALL]", "- no-new-privileges:true", "target: tests"]
    {
        assert!(tests.contains(line), "{line}");
    }
    let product = text("docker-compose.yml");
    assert_eq!(product.matches("read_only: true").count(), 2, "the daemon and the bot");
    assert_eq!(product.matches("cap_drop: [ALL]").count(), 2);
    assert!(product.contains("- 127.0.0.1:8000:8000"), "no other machine reaches the daemon");
    let image = text("Dockerfile");
    let last = image.rsplit("\nFROM ").next().unwrap();
    assert!(last.contains("\nUSER 10001:10001\n"), "the image runs as an ordinary user");
    for copied in image.lines().filter_map(|line| line.strip_prefix("COPY --chmod=0755 ")) {
        assert!(root().join(copied.split(' ').next().unwrap()).is_file(), "{copied}");
    }
}
