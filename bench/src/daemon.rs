//! A daemon of the release binary, in a directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const START_SECONDS_MAX: u64 = 30;

pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: String,
    pub(crate) token: String,
    /// From spawn to the first answer, in milliseconds.
    pub(crate) start_ms: f64,
}

pub(crate) fn binary() -> PathBuf {
    let binary = std::env::current_exe().unwrap().parent().unwrap().join("calt");
    assert!(binary.exists(), "build it first: cargo build --release");
    binary
}

pub(crate) fn fresh_directory() -> TempDir {
    tempfile::Builder::new().prefix("calt-bench-").tempdir().unwrap()
}

impl Daemon {
    pub(crate) fn start(root: &Path) -> Self {
        let data = root.join("data");
        let found = data.join("daemon.json");
        let _ = std::fs::remove_file(&found);
        let started = Instant::now();
        let child = Command::new(binary())
            .args(["daemon", "--port", "0", "--data-root"])
            .arg(&data)
            .env("HOME", root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let json: Value = loop {
            if let Some(json) = std::fs::read(&found).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                break json;
            }
            assert!(started.elapsed() < Duration::from_secs(START_SECONDS_MAX), "the daemon does not listen");
            std::thread::sleep(Duration::from_micros(200));
        };
        let address = json["address"].as_str().unwrap().to_owned();
        let token = json["token"].as_str().unwrap().to_owned();
        crate::client::Client::new(&address, &token).send("GET", "/healthz", None);
        Self { child, address, token, start_ms: started.elapsed().as_secs_f64() * 1e3 }
    }

    /// Ends it as a crash would.
    pub(crate) fn kill_now(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        self.memory_mib("VmRSS:")
    }

    /// The most memory that was ever resident, in MiB.
    pub(crate) fn most_resident_mib(&self) -> f64 {
        self.memory_mib("VmHWM:")
    }

    fn memory_mib(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The id of a process that was waited for may be another's by now.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
