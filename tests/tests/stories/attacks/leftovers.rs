//! Processes that would outlive their run, runs that would happen twice, and output without end.

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use calt_tests::{Session, World};
use serde_json::json;

use super::ground::{Outside, Round, Scene, in_every_round};
use crate::stop::alive;
use crate::{command, look, plan};

/// Most that the daemon's memory may grow while it runs a command, in KiB.
const GROWTH_KIB_MAX: u64 = 64 * 1024;
/// Length of a file whose output is cut, in bytes.
const LONG_FILE_BYTES: u64 = 400 * 1024 * 1024;

/// Seconds that only one test sleeps: a word to find its processes by.
fn marker() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("7{}", std::process::id() * 100 + MADE.fetch_add(1, Ordering::Relaxed))
}

/// A test that starts others, and waits: one that does as it is told, and ones that try to get away.
fn clinging(marker: &str) -> String {
    format!(
        "import os, signal, subprocess\n\
         STUBBORN = 'trap \"\" TERM HUP INT; sleep {marker}; sleep {marker}'\n\
         def test_a():\n    \
             signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    \
             subprocess.Popen(['sleep', '{marker}'])\n    \
             subprocess.Popen(['setsid', 'sh', '-c', STUBBORN])\n    \
             if os.fork() == 0:\n        \
                 os.setsid()\n        \
                 if os.fork() == 0:\n            \
                     os.execvp('sleep', ['sleep', '{marker}'])\n        \
                 os._exit(0)\n    \
             os.wait()\n    \
             subprocess.run(['sleep', '{marker}'])\n"
    )
}

/// How many processes sleep for this long.
fn sleepers(marker: &str) -> usize {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(Result::ok)
        .filter(|entry| {
            std::fs::read(entry.path().join("cmdline"))
                .is_ok_and(|line| line.starts_with(b"sleep\0") && String::from_utf8_lossy(&line).contains(marker))
        })
        .count()
}

/// Starts a run that clings, and waits until all of it runs.
fn started(round: &Round, scene: &Scene, session: &Session, marker: &str, seconds: u32) -> u64 {
    let owner = round.world.owner();
    scene.put("test_a.py", clinging(marker));
    let mut step = command("s", "python -m pytest -q");
    step["timeout_sec"] = json!(seconds);
    owner.import(session, &plan(1, &[step, look("next")])).expect(200);
    owner.approve_plan(session, 1).expect(200);
    owner.approve_shown(session, "s").expect(200);
    let run = owner.start(session, "s");
    round.world.until(&format!("all of it runs in {}", round.name), || sleepers(marker) == 4);
    run
}

fn state(world: &World, run: u64) -> String {
    world.owner().get(&format!("/api/v1/runs/{run}")).expect(200).json()["state"].as_str().unwrap().to_owned()
}

#[test]
fn a_program_without_a_box_leaves_its_processes_behind() {
    let world = World::asleep(&[]);
    let outside = Outside::new();
    let scene = outside.plain_scene();
    let marker = marker();
    scene.put("test_a.py", clinging(&marker));
    let mut pytest = scene.command("/usr/bin/python3");
    let mut running = pytest.args(["-m", "pytest", "-q"]).stdout(Stdio::null()).spawn().unwrap();
    world.until("all of it runs", || sleepers(&marker) == 4);
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(sleepers(&marker), 4, "what it started goes on without it");
    super::programs::end_those_named(&marker);
    world.until("the shell gave up too", || {
        super::programs::end_those_named(&marker);
        !alive(&marker)
    });
}

#[test]
fn the_time_limit_ends_whatever_a_run_started() {
    in_every_round(|round| {
        // T01; and its neighbours: sessions of their own, orphans, and who ignores a polite signal.
        let marker = marker();
        let (session, scene) = round.place();
        let run = started(round, &scene, &session, &marker, 3);
        round.world.until("the run ended", || state(&round.world, run) != "running");
        assert!(!alive(&marker), "{}", round.name);
        let ended = round.world.owner().get(&format!("/api/v1/runs/{run}")).expect(200).json();
        assert_eq!(ended["state"], "failed", "{}: {ended}", round.name);
        assert!(ended["error"].as_str().unwrap().starts_with("tool_timeout: "), "{}: {ended}", round.name);
    });
}

#[test]
fn a_stop_ends_whatever_a_run_started_and_is_final() {
    in_every_round(|round| {
        // A12, with children that ignore a polite signal.
        let marker = marker();
        let owner = round.world.owner();
        let (session, scene) = round.place();
        let run = started(round, &scene, &session, &marker, 30);
        assert_eq!(owner.stop(&session).expect(200).json()["status"], "cancelled");
        assert!(!alive(&marker), "{}", round.name);
        assert_eq!(state(&round.world, run), "cancelled", "{}", round.name);
        assert_eq!(owner.show(&session)["status"], "cancelled");
        assert_eq!(owner.approve_plan(&session, 1).json()["code"], "session_closed");
        assert_eq!(owner.run(&session, "next").json()["code"], "session_closed");
        assert!(!alive(&marker), "{}", round.name);
    });
}

#[test]
fn a_run_that_ends_by_itself_leaves_nothing_running() {
    in_every_round(|round| {
        let marker = marker();
        let (session, scene) = round.place();
        // The same without its last wait: the test passes while what it started goes on.
        let text = clinging(&marker).replace("    subprocess.run(", "    (lambda _: None)(");
        scene.put("test_a.py", text);
        let attempt = round.runs(&session, "python -m pytest -q");
        assert_eq!(attempt.status(), "succeeded", "{}: {}", round.name, attempt.json());
        assert!(!alive(&marker), "{}", round.name);
    });
}

#[test]
fn nothing_outlives_a_daemon_that_is_killed_and_nothing_is_repeated() {
    in_every_round(|round| {
        // T04.
        let marker = marker();
        let (session, scene) = round.place();
        // Another daemon of this number may have left something before.
        let private = format!("calt-box-{}-", round.world.pid());
        let left = || -> Vec<_> {
            let names = std::fs::read_dir("/tmp").unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| name.to_string_lossy().starts_with(&private)).collect()
        };
        let before = left();
        let run = started(round, &scene, &session, &marker, 30);
        round.world.kill();
        round.world.until("what ran is gone", || !alive(&marker));
        round.world.until("what it wrote is gone", || left().iter().all(|name| before.contains(name)));
        round.world.wake();
        let owner = round.world.owner();
        assert_eq!(state(&round.world, run), "interrupted", "{}", round.name);
        assert_eq!(owner.run(&session, "s").json()["code"], "needs_replan");
        assert_eq!(owner.run(&session, "next").json()["code"], "needs_replan");
        let events = owner.events(&session);
        assert_eq!(events.iter().filter(|event| *event == "step_started").count(), 1, "{events:?}");
        assert!(events.contains(&"step_interrupted".to_owned()), "{events:?}");
        assert!(!alive(&marker), "{}", round.name);
    });
}

/// The process that forks boxes for a daemon.
fn helper(world: &World) -> u32 {
    let daemon = world.pid();
    let found = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
        let is_child = status.lines().any(|line| line == format!("PPid:\t{daemon}"));
        (is_child && String::from_utf8_lossy(&line).contains("box-helper")).then_some(pid)
    });
    found.unwrap_or_else(|| panic!("the daemon {daemon} has no helper"))
}

#[test]
fn nothing_outlives_a_helper_that_is_killed_and_the_next_run_has_a_new_one() {
    in_every_round(|round| {
        let marker = marker();
        let (session, scene) = round.place();
        let run = started(round, &scene, &session, &marker, 30);
        let killed = helper(&round.world);
        assert!(std::process::Command::new("kill").args(["-KILL", &killed.to_string()]).status().unwrap().success());
        if round.has_namespaces() {
            round.world.until("what ran is gone", || !alive(&marker));
            round.world.until("the run ended", || state(&round.world, run) != "running");
            assert_eq!(state(&round.world, run), "failed", "{}", round.name);
        } else {
            // Without a namespace that ends with it, the run goes on under the daemon's eyes, and can be stopped.
            let line = format!("/proc/{killed}/cmdline");
            round.world.until("the helper is gone", || std::fs::read(&line).map_or(true, |line| line.is_empty()));
            assert_eq!((state(&round.world, run).as_str(), sleepers(&marker)), ("running", 4), "{}", round.name);
            round.world.owner().stop(&session).expect(200);
            assert!(!alive(&marker), "{}", round.name);
        }
        let (session, scene) = round.place();
        scene.put("a.txt", "still here\n");
        let attempt = round.runs(&session, "cat a.txt");
        assert_eq!(attempt.stdout(), "still here\n", "{}: {}", round.name, attempt.json());
        assert_ne!(helper(&round.world), killed);
    });
}

#[test]
fn of_eight_calls_at_once_one_runs_the_command() {
    let outside = Outside::new();
    let scene = outside.plain_scene();
    let counts = "def test_a():\n    open('n.txt', 'a').write('x')\n";
    scene.put("test_a.py", counts);
    for _ in 0..2 {
        scene.without_calt("python3 -m pytest -q -p no:cacheprovider");
    }
    assert_eq!(std::fs::read(scene.path("n.txt")).unwrap(), b"xx", "without calt each call runs it");
    in_every_round(|round| {
        // A08: the run lasts until somebody looked, since it waits for a reader of a pipe.
        let owner = round.world.owner();
        let marker = marker();
        let (session, scene) = round.place();
        scene
            .put("test_a.py", format!("import subprocess\ndef test_a():\n    subprocess.run(['sleep', '{marker}'])\n"));
        owner.import(&session, &plan(1, &[command("s", "python -m pytest -q"), look("next")])).expect(200);
        owner.approve_plan(&session, 1).expect(200);
        owner.approve_shown(&session, "s").expect(200);
        let (address, bearer) = (round.world.address(), format!("Bearer {}", owner.token()));
        let path = format!("/api/v1/sessions/{}/steps/s/execute", session.id);
        let (address, bearer, path) = (&address, &bearer, &path);
        let mut statuses: Vec<(u16, String)> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(move || {
                        let reply = calt_tests::send(address, "POST", path, &[("Authorization", bearer)], None);
                        (reply.status, reply.json()["code"].as_str().unwrap_or_default().to_owned())
                    })
                })
                .collect();
            round.world.until("seven were refused", || calls.iter().filter(|call| call.is_finished()).count() == 7);
            round.world.until("one runs", || sleepers(&marker) > 0);
            assert_eq!(sleepers(&marker), 1, "{}", round.name);
            owner.stop(&session).expect(200);
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        statuses.sort();
        let refused = (409, "run_in_progress".to_owned());
        assert_eq!(statuses[0].0, 200, "{}: {statuses:?}", round.name);
        assert!(statuses[1..].iter().all(|status| *status == refused), "{}: {statuses:?}", round.name);
        assert_eq!(owner.events(&session).iter().filter(|event| *event == "step_started").count(), 1);
    });
}

/// The most memory the daemon ever had, in KiB.
fn peak_kib(world: &World) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn output_without_end_is_cut_and_costs_the_daemon_little() {
    let outside = Outside::new();
    let scene = outside.plain_scene();
    scene.sparse("big", LONG_FILE_BYTES);
    let counted = scene.without_calt("cat big | wc -c");
    assert_eq!(String::from_utf8_lossy(&counted.stdout).trim(), LONG_FILE_BYTES.to_string());
    in_every_round(|round| {
        // R01; and the same said by a test of the workspace, in one line, and on the other stream.
        let before = peak_kib(&round.world);
        for (line, stream) in [
            ("cat big", "stdout"),
            ("python -m pytest -q -s test_out.py", "stdout"),
            ("python -m pytest -q -s test_err.py", "stderr"),
        ] {
            let (session, scene) = round.place();
            scene.sparse("big", LONG_FILE_BYTES);
            for (name, stream) in [("test_out.py", "stdout"), ("test_err.py", "stderr")] {
                let loud = format!("import sys\nfor _ in range(20): sys.{stream}.write('x' * 1024 * 1024)\n");
                scene.put(name, format!("def test_a():\n    exec({loud:?})\n"));
            }
            let attempt = round.runs(&session, line);
            let output = attempt.json()["output"].clone();
            assert_eq!(output["truncated"], true, "`{line}` in {}: {}", round.name, attempt.error());
            let kept = output[stream].as_str().unwrap().len();
            assert!(kept > 1024 && kept < 1024 * 1024 + 1024, "`{line}` in {}: {kept} bytes", round.name);
        }
        let grown = peak_kib(&round.world) - before;
        assert!(grown < GROWTH_KIB_MAX, "{}: the daemon grew by {grown} KiB", round.name);
    });
}

#[test]
fn a_run_that_takes_all_it_can_get_ends_and_keeps_the_daemon_awake() {
    const GREED: &[(&str, &str)] = &[
        (
            "processes",
            "import os\n    try:\n        while True:\n            if os.fork() == 0: os.execvp('sleep', ['sleep', 'MARKER'])\n    except OSError as error: print('STOPPED', error)",
        ),
        (
            "memory",
            "import mmap\n    try: mmap.mmap(-1, 5 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, prot=0)\n    except (OSError, MemoryError) as error: print('STOPPED', error)",
        ),
        (
            "files",
            "import os\n    try: held = [open('/dev/null') for _ in range(1100)]\n    except OSError as error: print('STOPPED', error)",
        ),
        (
            "room",
            "import os\n    try:\n        for n in range(9):\n            open(os.environ['TMPDIR'] + '/%d' % n, 'wb').truncate(300 << 20)\n    except OSError as error: print('STOPPED', error)",
        ),
    ];
    let outside = Outside::new();
    let scene = outside.plain_scene();
    // Its harmless halves: address space and open files are to be had without a box.
    for (what, text) in GREED.iter().filter(|(what, _)| ["memory", "files"].contains(what)) {
        scene.put("test_a.py", format!("def test_a():\n    {text}\n"));
        let done = scene.without_calt("ulimit -n 4096; python3 -m pytest -q -s -p no:cacheprovider");
        let printed = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success() && !printed.contains("STOPPED"), "{what}: {printed}");
    }
    in_every_round(|round| {
        for (what, text) in GREED {
            let marker = marker();
            let (session, scene) = round.place();
            scene.put("test_a.py", format!("def test_a():\n    {}\n", text.replace("MARKER", &marker)));
            let attempt = round.runs(&session, "python -m pytest -q -s");
            // Where the run has a limit by signal, the signal ends it.
            let stopped = attempt.stdout().contains("STOPPED") || attempt.status() == "failed";
            assert!(stopped, "{what} in {}: {}", round.name, attempt.json());
            assert!(!alive(&marker), "{what} in {}", round.name);
            round.world.owner().get("/api/v1/tools").expect(200);
        }
    });
}
