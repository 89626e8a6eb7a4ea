//! Programs that a workspace brings along: its tests, their configuration, and filters of its repository.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use calt_tests::World;
use serde_json::{Value, json};

use super::ground::Answer::Refuses;
use super::ground::Shows::Appears;
use super::ground::{Attack, Outside, Round, Scene, in_every_round, says, try_all};
use crate::stop::alive;

/// Ways that must work without a box: all but the few an ordinary machine may forbid its own users.
const WAYS_MIN: usize = 33;

/// Things outside that a program in a box may try to reach, and what it is told of them.
struct Reachable {
    outside: Outside,
    facts: Value,
    number: u32,
    listeners: (TcpListener, UdpSocket, UnixListener, UnixListener),
}

impl Reachable {
    fn new(world: &World, other_session: &str) -> Self {
        use std::os::linux::net::SocketAddrExt as _;
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = std::process::id() * 100 + MADE.fetch_add(1, Ordering::Relaxed);
        let outside = Outside::new();
        let abstract_name = format!("calt-attack-{number}");
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let socket = outside.path("socket");
        let listeners = (
            TcpListener::bind("127.0.0.1:0").unwrap(),
            UdpSocket::bind("127.0.0.1:0").unwrap(),
            UnixListener::bind(&socket).unwrap(),
            UnixListener::bind_addr(&address).unwrap(),
        );
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o777)).unwrap();
        let shared = number & 0x7fff_ffff;
        assert!(python(&format!("libc.shmget({shared}, 64, 0o1666) >= 0")));
        let facts = json!({
            "secret": outside.path("secret.txt"),
            "outside": outside.path("out"),
            "data": world.data_root(),
            "other": other_session,
            "daemon": world.pid(),
            "address": world.address(),
            "port": listeners.0.local_addr().unwrap().port(),
            "datagram": listeners.1.local_addr().unwrap().port(),
            "socket": socket,
            "abstract": abstract_name,
            "shared": shared,
            "left": format!("calt-left-{number}"),
            "left_shared": (number ^ 0x4000_0000) & 0x7fff_ffff,
            "sleeps": format!("8{number}"),
        });
        Self { outside, facts, number, listeners }
    }

    /// Answers whoever sends a datagram, so that the way can be seen to work.
    fn answer_datagrams(&self) {
        let socket = self.listeners.1.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 10];
            while let Ok((_, sender)) = socket.recv_from(&mut bytes) {
                let _ = socket.send_to(b"!", sender);
            }
        });
    }

    fn lay_out(&self, scene: &Scene) {
        scene.put("ways.py", include_str!("ways.py"));
        scene.put("facts.json", self.facts.to_string());
        scene.put(
            "test_ways.py",
            "import json, ways\ndef test_ways():\n    print('WAYS ' + json.dumps(ways.what_works()))\n    \
             ways.leave_something_behind()\n",
        );
    }

    /// What a run left behind, in places that everybody shares.
    fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for directory in ["/tmp", "/dev/shm", "/var/tmp"] {
            let path = format!("{directory}/calt-left-{}", self.number);
            if std::fs::remove_file(&path).is_ok() {
                left.push(path);
            }
        }
        let id = &self.facts["left_shared"];
        if python(&format!("libc.shmctl(libc.shmget({id}, 0, 0), 0, 0) == 0")) {
            left.push("shared memory".to_owned());
        }
        if alive(&format!("8{}", self.number)) {
            left.push("a process".to_owned());
        }
        left
    }
}

impl Drop for Reachable {
    fn drop(&mut self) {
        python(&format!("libc.shmctl(libc.shmget({}, 0, 0), 0, 0)", self.facts["shared"]));
    }
}

/// Whether an expression about the C library is true.
fn python(expression: &str) -> bool {
    let script = format!("import ctypes, sys; libc = ctypes.CDLL(None); sys.exit(0 if {expression} else 1)");
    Command::new("/usr/bin/python3").args(["-c", &script]).status().unwrap().success()
}

/// The ways that a program found, from what it printed.
fn ways(printed: &str) -> Option<Vec<String>> {
    let from = printed.find("WAYS ")? + "WAYS ".len();
    let list = printed[from..].split(']').next()?;
    serde_json::from_str(&format!("{list}]")).ok()
}

/// A session whose workspace a program in another one would like to see.
fn other_session(world: &World) -> String {
    let session = world.owner().session();
    let theirs = world.workspace(&session.id).join("theirs.txt");
    std::fs::write(&theirs, "theirs\n").unwrap();
    if let Some(user) = world.user() {
        user.receives(&theirs);
    }
    session.id
}

#[test]
fn the_ways_out_work_for_a_program_without_a_box() {
    let world = World::as_ordinary_user(&[]);
    let reachable = Reachable::new(&world, &other_session(&world));
    reachable.answer_datagrams();
    // As the very user whose daemon it is: nothing but the box stands between the two.
    let (_, scene) = Round::place_in(&world);
    reachable.lay_out(&scene);
    let done = scene.command("/usr/bin/python3").arg("ways.py").output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    let works = ways(&stdout).unwrap_or_else(|| panic!("{stdout}{stderr}"));
    let all = include_str!("ways.py").matches("\n@way\n").count();
    says(&format!("{} of {all} ways work without a box", works.len()));
    assert!(works.len() >= WAYS_MIN, "the control proves too little: only {works:?} work");
    assert!(reachable.outside.path("out/written").exists() && !reachable.outside.path("out/dir/kept").exists());
    assert!(scene.path(&format!("calt-left-{}", reachable.number)).exists());
    world.until("what it started runs", || alive(&format!("8{}", reachable.number)));
    let sleeps = format!("8{}", reachable.number);
    let left = reachable.left();
    assert!(left.len() >= 4, "the control leaves too little behind: {left:?}");
    end_those_named(&sleeps);
}

/// Ends the processes with this word in their command line; the word is a number that only one test uses.
pub(super) fn end_those_named(word: &str) {
    for entry in std::fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
        let named = std::fs::read(entry.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).split('\0').any(|part| part == word));
        if named {
            let _ = Command::new("kill").args(["-KILL", entry.file_name().to_str().unwrap()]).status();
        }
    }
}

#[test]
fn no_way_out_works_for_a_test_run_and_a_filter_of_git_does_not_run() {
    in_every_round(|round| {
        let other = other_session(&round.world);
        for line in ["python -m pytest -q -s", "git diff"] {
            let reachable = Reachable::new(&round.world, &other);
            reachable.answer_datagrams();
            let (session, scene) = round.place();
            scene.repository();
            reachable.lay_out(&scene);
            if line == "git diff" {
                scene.put(".gitattributes", "*.txt filter=x\n");
                scene.configure("[filter \"x\"]\n\tclean = /usr/bin/python3 ways.py\n");
            }
            let attempt = round.runs(&session, line);
            let told = format!("`{line}` in {}: {}", round.name, attempt.json());
            // The test ran: it says so itself, and that it found nothing. The filter did not.
            let found = (line != "git diff").then(Vec::new);
            assert_eq!(ways(&attempt.stdout()), found, "{told}");
            assert_eq!(attempt.json()["output"]["filters_off"][0] == "x", line == "git diff", "{told}");
            assert_eq!(attempt.status(), "succeeded", "{told}");
            assert_eq!(reachable.left(), Vec::<String>::new(), "{told}");
            assert!(!scene.path(&format!("calt-left-{}", reachable.number)).exists(), "{told}");
            assert!(reachable.outside.path("out/dir/kept").exists(), "{told}");
            assert_eq!(std::fs::read_dir(reachable.outside.path("out")).unwrap().count(), 1, "{told}");
            let theirs = round.world.workspace(&other);
            assert_eq!(std::fs::read_dir(theirs).unwrap().count(), 1, "{told}");
        }
    });
}

const fn attack(id: &'static str, line: &'static str, control: &'static str, answer: super::ground::Answer) -> Attack {
    Attack { id, line, control, shows: Appears("ran"), answer }
}

#[test]
fn options_of_pytest_that_write_or_load_are_refused() {
    let attacks = [
        attack(
            "",
            "python -m pytest -q --junitxml={OUT}/ran",
            "python3 -m pytest -q --junitxml={OUT}/ran",
            Refuses("option `--junitxml="),
        ),
        attack(
            "",
            "python -m pytest -q --basetemp={OUT}/ran",
            "python3 -m pytest -q --basetemp={OUT}/ran",
            Refuses("option `--basetemp="),
        ),
        attack("", "python -m pytest -q -p evil", "python3 -m pytest -q -p evil", Refuses("option `-p`")),
        attack("", "python -m pytest -q -pevil", "python3 -m pytest -q -pevil", Refuses("option `-pevil`")),
        attack("", "python -m pytest -q -c evil.ini", "python3 -m pytest -q -c evil.ini", Refuses("option `-c`")),
        attack(
            "",
            "python -m pytest -q -o addopts=-pevil",
            "python3 -m pytest -q -o addopts=-pevil",
            Refuses("option `-o`"),
        ),
        attack(
            "",
            "python -m pytest -q --override-ini=log_file={OUT}/ran",
            "python3 -m pytest -q --override-ini=log_file={OUT}/ran",
            Refuses("option `--override-ini="),
        ),
        attack(
            "",
            "python -m pytest -q --log-file={OUT}/ran",
            "python3 -m pytest -q --log-file={OUT}/ran",
            Refuses("option `--log-file="),
        ),
        attack(
            "",
            "python -m pytest -q --debug={OUT}/ran",
            "python3 -m pytest -q --debug={OUT}/ran",
            Refuses("option `--debug="),
        ),
        attack("", "python -m pytest -q @options", "python3 -m pytest -q --junitxml={OUT}/ran", Refuses("`@options`")),
        attack("", "python -m pytest -q {OUT}", "touch {OUT}/ran; python3 -m pytest -q {OUT}", Refuses("is absolute")),
        attack(
            "",
            "python -m pytest -q --pyargs evil",
            "python3 -m pytest -q --pyargs evil",
            Refuses("option `--pyargs`"),
        ),
        attack("", "python -m pytest.evil", "python3 -m evil", Refuses("python -m pytest")),
        attack("", "python evil.py", "python3 evil.py", Refuses("`python`")),
    ];
    try_all(&attacks, |scene, outside| {
        scene.put("test_a.py", "def test_a(tmp_path): pass\n");
        scene.put("evil.py", outside.filled_in("open('{OUT}/ran', 'w')\n"));
        scene.put("evil.ini", "[pytest]\naddopts = -p evil\n");
        scene.put("options", outside.filled_in("--junitxml={OUT}/ran\n"));
    });
}

/// A way for a workspace to have something run or written when its tests are run.
struct Trap {
    id: &'static str,
    name: &'static str,
    text: &'static str,
}

const RUNS: &str = "open('{OUT}/ran', 'w').write('x')\n";
const TRIES: &str = "try:\n open('{OUT}/ran', 'w').write('x')\nexcept OSError: print('HELD')\n";

const TRAPS: &[Trap] = &[
    Trap { id: "C30", name: "conftest.py", text: RUNS },
    Trap { id: "", name: "conftest.py", text: TRIES },
    Trap { id: "", name: "pytest.ini", text: "[pytest]\naddopts = -p evil\n" },
    Trap { id: "", name: "pytest.ini", text: "[pytest]\naddopts = --junitxml={OUT}/ran\n" },
    Trap { id: "", name: "pytest.ini", text: "[pytest]\naddopts = --basetemp={OUT}/ran\n" },
    Trap { id: "", name: "pytest.ini", text: "[pytest]\nlog_file = {OUT}/ran\n" },
    Trap { id: "", name: "pyproject.toml", text: "[tool.pytest.ini_options]\naddopts = \"--junitxml={OUT}/ran\"\n" },
    Trap { id: "", name: "test_b.py", text: RUNS },
    Trap { id: "", name: "pytest.py", text: RUNS },
    Trap { id: "", name: "json.py", text: RUNS },
];

fn spring(trap: &Trap, scene: &Scene, outside: &Outside) {
    scene.put("test_a.py", "def test_a(tmp_path): print('PROPERLY RUN')\n");
    scene.put("evil.py", outside.filled_in(RUNS));
    scene.put("plugins/evil_too.py", outside.filled_in(RUNS));
    scene.put(trap.name, outside.filled_in(trap.text));
    if trap.name == "json.py" {
        scene.put("test_b.py", "import importlib.util\nspec = importlib.util.spec_from_file_location('j', 'json.py')\nspec.loader.exec_module(importlib.util.module_from_spec(spec))\n");
    }
}

#[test]
fn what_a_workspace_has_pytest_load_reaches_nothing_outside() {
    for trap in TRAPS {
        let outside = Outside::new();
        let scene = outside.plain_scene();
        spring(trap, &scene, &outside);
        let done =
            scene.without_calt("python3 -m pytest -q -s -p no:cacheprovider test_a.py $(ls test_b.py 2>/dev/null)");
        assert!(outside.path("out/ran").exists(), "the control of `{}` proves nothing: {done:?}", trap.text);
    }
    in_every_round(|round| {
        for trap in TRAPS {
            let outside = Outside::new();
            let (session, scene) = round.place();
            spring(trap, &scene, &outside);
            let attempt = round.runs(&session, "python -m pytest -q -s");
            let told = format!("{} {} `{}` in {}: {}", trap.id, trap.name, trap.text, round.name, attempt.json());
            assert!(!outside.path("out/ran").exists(), "it worked: {told}");
            assert!(!attempt.error().contains("box_failed"), "nothing ran: {told}");
            // Either it had no effect, or pytest gave up since what it was told to write is not there.
            let ends = ["PROPERLY RUN", "No such file", "Permission denied", "Read-only", "No module"];
            assert!(ends.iter().any(|end| attempt.everything().contains(end)), "{told}");
        }
    });
}
