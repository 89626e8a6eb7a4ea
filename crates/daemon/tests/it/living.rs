//! A daemon as a whole: alone on its data directory, and gone when nobody needs it.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use calt_daemon::Options;

/// Longest a daemon may take to be there or gone.
const PATIENCE: Duration = Duration::from_mins(1);

fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn options(root: &Path, config: &Path) -> Options {
    Options {
        data_root: Some(root.to_owned()),
        config: Some(config.to_owned()),
        background: true,
        ..Options::default()
    }
}

#[test]
fn a_second_daemon_is_refused_and_an_idle_one_ends_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "[server]\nidle_seconds = 3\n").unwrap();
    let root = folder.path().join("data");
    let first = options(&root, &config);
    let living = std::thread::spawn(move || calt_daemon::run(&first));
    let discovery = root.join("daemon.json");
    until("the daemon listens", || discovery.exists());
    let second = calt_daemon::run(&options(&root, &config));
    assert_eq!(format!("{second:?}"), format!("{:?}", ExitCode::from(69)));
    assert!(root.join("owner.token").exists());
    until("the daemon has ended", || living.is_finished());
    assert_eq!(format!("{:?}", living.join().unwrap()), format!("{:?}", ExitCode::SUCCESS));
    assert!(!discovery.exists());
}

#[test]
fn another_machine_is_served_only_when_the_configuration_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.toml");
    std::fs::write(&config, "").unwrap();
    let remote = Options { host: Some("0.0.0.0".to_owned()), ..options(&folder.path().join("data"), &config) };
    assert_eq!(format!("{:?}", calt_daemon::run(&remote)), format!("{:?}", ExitCode::from(2)));
}
