//! The box from inside: every known way out is tried in each of its forms, and useful work is done beside it.
//!
//! These tests start the helper from the program that was built beside them, as the daemon does.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use calt_core::isolation::{BoxSpec, Tier};
use serde_json::json;
use tempfile::TempDir;

use super::{Boxed, EndedBy, Isolation, Sandbox, Spawned};
use crate::limits::{Cancel, Limits};
use crate::workspace::Workspace;

/// Ways that must work without a box for the comparison to mean anything. A kernel may lack a few features.
const CONTROLS_MIN: usize = 40;
/// Where tests run as root, commands run as one of these users, whom a system gives to nobody.
const FIRST_UID: u32 = 20_000;
const UIDS: u32 = 40_000;
/// System calls are tried up to this number, above the newest of any kernel of today.
const SYSTEM_CALLS_TRIED: u32 = 1024;

/// A place for one test, readable for whoever the command runs as.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("calt-box-test-").tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::create_dir(directory.path().join("workspace")).unwrap();
        std::fs::set_permissions(directory.path().join("workspace"), std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn workspace(&self) -> Workspace {
        Workspace::open(&self.path("workspace")).unwrap()
    }
}

fn sandbox(tier: Tier) -> Sandbox {
    let own = std::env::current_exe().unwrap();
    let helper = own.ancestors().nth(2).unwrap().join("calt");
    assert!(helper.exists(), "build the program first: cargo build ({} is missing)", helper.display());
    // The kernel counts the processes of each user; tests that run at once should not count each other's.
    let user = FIRST_UID + std::process::id() % UIDS;
    let found = Sandbox::find(Isolation { helper, tier_max: tier, run_as: Some((user, user)), ..Isolation::default() });
    assert_eq!(found.tier(), tier, "this machine does not hold up `{tier}`: {:#?}", found.report());
    found
}

fn run_in(
    sandbox: &Sandbox,
    shape: &BoxSpec,
    place: &Place,
    program: &str,
    arguments: &[&str],
    seconds: u64,
) -> Result<Spawned, String> {
    let limits = Limits { deadline: Instant::now() + Duration::from_secs(seconds), cancel: Cancel::new() };
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let boxed = Boxed { shape, program: Path::new(program), arguments: &arguments, input: None };
    sandbox.run(&boxed, &place.workspace(), &limits)
}

fn shell(tier: Tier, script: &str, seconds: u64) -> Spawned {
    run_in(&sandbox(tier), &BoxSpec::read_only(), &Place::new(), "/bin/sh", &["-c", script], seconds).unwrap()
}

/// Whether a process with this word in its command line is alive.
fn alive(marker: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        std::fs::read(entry.path().join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(marker))
    })
}

/// Things outside of the box that a way out would lead to.
struct Outside {
    place: Place,
    victim: Child,
    facts: String,
    _listeners: (std::net::TcpListener, UnixListener, UnixListener),
}

impl Outside {
    fn new(name: &str) -> Self {
        use std::os::linux::net::SocketAddrExt as _;
        let place = Place::new();
        place.put("secret", "secret");
        place.put("victim", "victim");
        for open_to_all in ["secret", "victim"] {
            std::fs::set_permissions(place.path(open_to_all), std::fs::Permissions::from_mode(0o666)).unwrap();
        }
        std::fs::create_dir(place.path("outside")).unwrap();
        for open_to_all in ["outside", "."] {
            std::fs::set_permissions(place.path(open_to_all), std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        std::os::unix::fs::symlink("../secret", place.path("workspace/link-to-secret")).unwrap();
        place.put("workspace/probes.py", include_str!("probes.py"));
        let abstract_name = format!("calt-{name}-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&abstract_name).unwrap();
        let listeners = (
            std::net::TcpListener::bind("127.0.0.1:0").unwrap(),
            UnixListener::bind_addr(&address).unwrap(),
            UnixListener::bind(place.path("socket")).unwrap(),
        );
        std::fs::set_permissions(place.path("socket"), std::fs::Permissions::from_mode(0o777)).unwrap();
        let victim = as_ordinary_user("/bin/sleep", &["300"]).spawn().unwrap();
        let facts = json!({
            "pid": victim.id(),
            "secret": place.path("secret"),
            "outside": place.path("outside"),
            "victim": place.path("victim"),
            "beside": "secret",
            "port": listeners.0.local_addr().unwrap().port(),
            "abstract": abstract_name,
            "socket": place.path("socket"),
            "variable": "CALT_BOX_TEST",
            "shm_key": 0x0ca1_7000,
            "bounded": false,
        });
        Self { place, victim, facts: facts.to_string(), _listeners: listeners }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
    }
}

/// A command outside of every box, and never as root.
fn as_ordinary_user(program: &str, arguments: &[&str]) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
        command
    } else {
        Command::new(program)
    };
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What works without a box.
fn control(outside: &Outside) -> BTreeMap<String, bool> {
    let ran = as_ordinary_user("/usr/bin/python3", &["probes.py", &outside.facts])
        .current_dir(outside.place.path("workspace"))
        .env("TMPDIR", outside.place.path("outside"))
        .env("CALT_BOX_TEST", "1")
        .output()
        .unwrap();
    read(&String::from_utf8_lossy(&ran.stdout), &String::from_utf8_lossy(&ran.stderr))
}

fn read(stdout: &str, stderr: &str) -> BTreeMap<String, bool> {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}\n{stdout}\n{stderr}"))
}

fn nothing_works(tier: Tier, shape: &BoxSpec, name: &str) {
    let outside = Outside::new(name);
    let sandbox = sandbox(tier);
    let ran = run_in(&sandbox, shape, &outside.place, "/usr/bin/python3", &["probes.py", &outside.facts], 60).unwrap();
    let inside = read(&ran.stdout.text().0, &ran.stderr.text().0);
    let works: Vec<_> = inside.iter().filter(|(_, worked)| **worked).map(|(way, _)| way).collect();
    assert!(works.is_empty(), "these work in box `{}` of tier `{tier}` and must not: {works:?}", shape.name);
    assert_eq!(std::fs::read_dir(outside.place.path("outside")).unwrap().count(), 0, "something was written outside");
    assert!(outside.place.path("victim").exists());

    let outside = Outside::new(&format!("{name}-control"));
    let plain = control(&outside);
    assert_eq!(plain.len(), inside.len());
    let controlled: Vec<_> = plain.iter().filter(|(_, worked)| **worked).map(|(way, _)| way).collect();
    assert!(controlled.len() >= CONTROLS_MIN, "the control proves too little: only {controlled:?} work without a box");
}

#[test]
fn nothing_gets_out_of_box_ro_in_full() {
    nothing_works(Tier::Full, &BoxSpec::read_only(), "full-ro");
}

#[test]
fn nothing_gets_out_of_box_test_in_full() {
    nothing_works(Tier::Full, &BoxSpec::test(), "full-test");
}

#[test]
fn nothing_gets_out_of_box_ro_in_kernel_filter() {
    nothing_works(Tier::KernelFilter, &BoxSpec::read_only(), "filter-ro");
}

#[test]
fn every_system_call_of_this_kernel_is_allowed_by_name_denied_by_name_or_unknown() {
    use super::filter::{FilterKind, Verdict, verdicts};
    // The table of Linux 6.18: 337 to 423 were never given out (arch/x86/entry/syscalls/syscall_64.tbl).
    let table: Vec<u32> = (0..=336).chain(424..=469).collect();
    let verdicts = verdicts(FilterKind { sockets: true, inode_changes: true, namespaces: true });
    let mut named: Vec<u32> = super::calls::all().map(|(_, number)| u32::try_from(*number).unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, table);
    assert_eq!(verdicts.keys().copied().collect::<Vec<_>>(), table);
    // The kernel's own answers, in the box. Allowed calls are left out, since some of them end or stop who calls;
    // and those two that the kernel shows to no filter: outside of a probe it has placed they end who calls.
    let shown_to_no_filter = [335, 336];
    let mut expected = String::new();
    for number in (0..SYSTEM_CALLS_TRIED).filter(|number| !shown_to_no_filter.contains(number)) {
        match verdicts.get(&number) {
            Some(Verdict::Allow | Verdict::Asks(_)) => {}
            Some(Verdict::Deny) => writeln!(expected, "{number} EPERM").unwrap(),
            Some(Verdict::Unknown) | None => writeln!(expected, "{number} ENOSYS").unwrap(),
        }
    }
    let place = Place::new();
    place.put("workspace/expected", &expected);
    let script = "import ctypes, errno\n\
                  libc = ctypes.CDLL(None, use_errno=True)\n\
                  for line in open('expected'):\n\
                  \x20   number, answer = line.split()\n\
                  \x20   ctypes.set_errno(0)\n\
                  \x20   worked = libc.syscall(int(number), 0, 0, 0, 0, 0, 0) != -1\n\
                  \x20   given = 'it worked' if worked else errno.errorcode[ctypes.get_errno()]\n\
                  \x20   if given != answer: print(number, given, 'in place of', answer)";
    let ran = run_in(&sandbox(Tier::Full), &BoxSpec::test(), &place, "/usr/bin/python3", &["-c", script], 30).unwrap();
    assert_eq!((ran.exit_code, ran.stdout.text().0.trim()), (Some(0), ""), "{}", ran.stderr.text().0);
}

#[test]
fn a_grandchild_that_holds_the_output_does_not_hold_the_run_and_does_not_outlive_it() {
    for tier in [Tier::Full, Tier::KernelFilter] {
        let (started, marker) = (Instant::now(), format!("3{}{}", std::process::id(), tier as u8));
        let ran = shell(tier, &format!("setsid sleep {marker} & sleep {marker} & echo done"), 20);
        assert_eq!((ran.exit_code, ran.ended_by), (Some(0), EndedBy::Itself));
        assert_eq!(ran.stdout.text().0, "done\n");
        assert!(started.elapsed() < Duration::from_secs(15));
        assert!(!alive(&marker), "{tier}");
    }
}

#[test]
fn the_deadline_ends_a_command_with_everything_it_started() {
    for tier in [Tier::Full, Tier::KernelFilter] {
        let marker = format!("4{}{}", std::process::id(), tier as u8);
        let script =
            format!("trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep {marker}' & sleep {marker}; sleep {marker}");
        let ran = shell(tier, &script, 1);
        assert_eq!(ran.ended_by, EndedBy::Deadline, "{tier}");
        assert!(!alive(&marker), "{tier}");
    }
}

#[test]
fn a_stop_from_outside_ends_a_command() {
    let sandbox = sandbox(Tier::Full);
    let place = Place::new();
    let cancel = Cancel::new();
    let limits = Limits { deadline: Instant::now() + Duration::from_mins(1), cancel: cancel.clone() };
    let started = Instant::now();
    let ran = std::thread::scope(|scope| {
        let running = scope.spawn(|| {
            let arguments = ["60".to_owned()];
            let boxed = Boxed {
                shape: &BoxSpec::read_only(),
                program: Path::new("/bin/sleep"),
                arguments: &arguments,
                input: None,
            };
            sandbox.run(&boxed, &place.workspace(), &limits)
        });
        cancel.trigger();
        running.join().unwrap()
    });
    assert_eq!(ran.unwrap().ended_by, EndedBy::Cancel);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn output_is_bounded_and_says_what_is_missing() {
    for tier in [Tier::Full, Tier::KernelFilter] {
        let ran = shell(tier, "head -c 50000000 /dev/zero | tr '\\0' x", 20);
        let (text, lossy) = ran.stdout.text();
        assert!(!lossy && text.len() < super::STREAM_BYTES_MAX + 100);
        assert!(text.contains("bytes are cut here"));
        assert_eq!(ran.stdout.dropped(), 50_000_000 - super::STREAM_BYTES_MAX as u64);
    }
}

#[test]
fn what_goes_wrong_in_a_box_ends_in_time_and_is_seen() {
    for (script, expected) in [
        ("mkfifo /tmp/pipe; cat /tmp/pipe", "deadline"),
        ("yes", "deadline"),
        ("exec 1>&-; echo hidden; echo seen >&2; exit 3", "3"),
        // It waits without a fork of its own, which would be refused too.
        ("f() { f | f & }; f; i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; exit 4", "4"),
        ("head -c 200000000 /dev/zero > /tmp/full; test $? -ne 0 && exit 5", "5"),
        ("kill -SEGV $$", "139"),
        ("cat", "0"),
    ] {
        let started = Instant::now();
        let ran = shell(Tier::Full, script, 3);
        let ended =
            if ran.ended_by == EndedBy::Deadline { "deadline".to_owned() } else { ran.exit_code.unwrap().to_string() };
        assert_eq!(ended, expected, "{script}: {}", ran.stderr.text().0);
        assert!(started.elapsed() < Duration::from_secs(12), "{script}");
    }
}

#[test]
fn nothing_of_the_daemons_environment_reaches_a_command() {
    for tier in [Tier::Full, Tier::KernelFilter] {
        let ran = shell(tier, "env | cut -d= -f1 | sort | tr '\\n' ' '; cat", 20);
        let names = "GIT_CONFIG_GLOBAL GIT_CONFIG_NOSYSTEM GIT_NO_LAZY_FETCH GIT_OPTIONAL_LOCKS GIT_PAGER \
                     GIT_TERMINAL_PROMPT HOME LANG PATH PWD PYTHONDONTWRITEBYTECODE PYTHONNOUSERSITE TMPDIR TZ ";
        assert_eq!(ran.stdout.text().0.replace("_ ", ""), names.replace("_ ", ""), "{tier}");
    }
}

#[test]
fn a_workspace_that_only_its_owner_may_enter_works_for_git() {
    let place = Place::new();
    std::fs::set_permissions(place.path("workspace"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let git = |arguments: &[&str]| {
        let done = Command::new("git").args(arguments).current_dir(place.path("workspace")).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["init", "-q"]);
    place.put("workspace/a.txt", "one\n");
    git(&["add", "."]);
    git(&["-c", "user.name=n", "-c", "user.email=e@localhost", "commit", "-qm", "m"]);
    place.put("workspace/a.txt", "two\n");
    let arguments = ["-c", "safe.directory=*", "diff", "--stat"];
    let ran = run_in(&sandbox(Tier::Full), &BoxSpec::read_only(), &place, "/usr/bin/git", &arguments, 20).unwrap();
    assert_eq!(ran.exit_code, Some(0), "{}", ran.stderr.text().0);
    assert!(ran.stdout.text().0.contains("a.txt | 2 +-"), "{}", ran.stdout.text().0);
}

#[test]
fn tests_may_write_in_their_box_and_nothing_lands() {
    let place = Place::new();
    place.put("workspace/a.txt", "one\n");
    let script = "echo two > a.txt && echo new > b.txt && mkdir d && mv b.txt d/ && cat a.txt d/b.txt && rm a.txt";
    let ran = run_in(&sandbox(Tier::Full), &BoxSpec::test(), &place, "/bin/sh", &["-c", script], 20).unwrap();
    assert_eq!((ran.exit_code, ran.stdout.text().0.as_str()), (Some(0), "two\nnew\n"), "{}", ran.stderr.text().0);
    assert_eq!(std::fs::read_to_string(place.path("workspace/a.txt")).unwrap(), "one\n");
    assert_eq!(std::fs::read_dir(place.path("workspace")).unwrap().count(), 1);
}

#[test]
fn a_box_that_does_not_come_up_names_its_layer_and_runs_nothing() {
    let place = Place::new();
    let sandbox = sandbox(Tier::Full);
    let missing = run_in(&sandbox, &BoxSpec::read_only(), &place, "/usr/bin/no-such-program", &[], 20).unwrap_err();
    assert!(missing.contains("layer `execute` did not come up"), "{missing}");
    let workspace = place.workspace();
    std::fs::rename(place.path("workspace"), place.path("moved")).unwrap();
    std::fs::create_dir(place.path("workspace")).unwrap();
    let limits = Limits { deadline: Instant::now() + Duration::from_secs(20), cancel: Cancel::new() };
    let boxed = Boxed { shape: &BoxSpec::read_only(), program: Path::new("/bin/pwd"), arguments: &[], input: None };
    let ran = sandbox.run(&boxed, &workspace, &limits).unwrap();
    assert!(
        ran.stdout.text().0.ends_with("moved\n"),
        "a workspace is its directory, not its name: {}",
        ran.stdout.text().0
    );
}

#[test]
fn a_helper_that_was_killed_is_replaced() {
    let sandbox = sandbox(Tier::Full);
    let place = Place::new();
    for _ in 0..2 {
        let ran = run_in(&sandbox, &BoxSpec::read_only(), &place, "/bin/true", &[], 20).unwrap();
        assert_eq!(ran.exit_code, Some(0));
        sandbox.boxes.kill_helper();
    }
}

#[test]
fn nothing_a_command_leaves_in_its_private_directory_stays_or_harms() {
    let sandbox = sandbox(Tier::KernelFilter);
    let script = "import os\nos.chdir(os.environ['TMPDIR'])\nprint(os.getcwd())\nos.mkdir('hidden', 0o300)\n\
                  open('hidden/file', 'w').close()\nfor _ in range(4000):\n os.mkdir('d'); os.chdir('d')\n";
    let ran = run_in(&sandbox, &BoxSpec::read_only(), &Place::new(), "/usr/bin/python3", &["-c", script], 60).unwrap();
    assert_eq!(ran.exit_code, Some(0), "{}", ran.stderr.text().0);
    assert!(!Path::new(ran.stdout.text().0.trim()).exists());
}

#[test]
fn a_command_without_namespaces_changes_no_attribute_of_a_file_it_may_only_read() {
    let place = Place::new();
    let file = place.put("workspace/file", "text");
    if rustix::process::geteuid().is_root() {
        // As the file of whoever the command runs as: only an owner may change attributes.
        std::os::unix::fs::chown(&file, Some(65_534), Some(65_534)).unwrap();
    }
    // FS_IOC_GETFLAGS and FS_IOC_SETFLAGS, with the flag that keeps a file out of dumps.
    let script = "import fcntl, os, struct\nfd = os.open('file', os.O_RDONLY)\n\
                  flags, = struct.unpack('l', fcntl.ioctl(fd, 0x80086601, b'\\0' * 8))\n\
                  fcntl.ioctl(fd, 0x40086602, struct.pack('l', flags ^ 0x40))";
    let arguments = ["-c", script];
    let control =
        as_ordinary_user("/usr/bin/python3", &arguments).current_dir(place.path("workspace")).output().unwrap();
    let refusal = String::from_utf8_lossy(&control.stderr);
    let not_offered = ["Inappropriate ioctl", "not supported"].iter().any(|words| refusal.contains(words));
    assert!(control.status.success() || not_offered, "without a box this works where files have attributes: {refusal}");
    for tier in [Tier::Full, Tier::KernelFilter] {
        let ran = run_in(&sandbox(tier), &BoxSpec::read_only(), &place, "/usr/bin/python3", &arguments, 20).unwrap();
        assert_eq!(ran.exit_code, Some(1), "{tier}");
        assert!(ran.stderr.text().0.contains("PermissionError"), "{tier}: {}", ran.stderr.text().0);
    }
}

#[test]
fn a_python_of_a_virtual_environment_finds_the_environment() {
    // Not below `/tmp`, which a box has for itself.
    let environment = tempfile::Builder::new().prefix("calt-venv-").tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(environment.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(environment.path().join("bin")).unwrap();
    let program = environment.path().join("bin/python");
    std::os::unix::fs::symlink("/usr/bin/python3", &program).unwrap();
    std::fs::write(environment.path().join("pyvenv.cfg"), "home = /usr/bin\n").unwrap();
    let roots = vec![environment.path().display().to_string()];
    let (program, script) = (program.to_str().unwrap(), "import sys; print(sys.prefix)");
    for tier in [Tier::Full, Tier::KernelFilter] {
        let shape = BoxSpec { binds: roots.clone(), ..BoxSpec::read_only() };
        let ran = run_in(&sandbox(tier), &shape, &Place::new(), program, &["-c", script], 20).unwrap();
        assert_eq!(ran.stdout.text().0.trim(), roots[0], "{tier}: {}", ran.stderr.text().0);
    }
}

#[test]
fn a_helper_that_is_killed_leaves_no_command_behind() {
    for tier in [Tier::Full, Tier::KernelFilter] {
        let sandbox = sandbox(tier);
        let place = Place::new();
        let marker = format!("5{}{}", std::process::id(), tier as u8);
        let script = format!("setsid sleep {marker} & sleep {marker}");
        let limits = Limits { deadline: Instant::now() + Duration::from_mins(1), cancel: Cancel::new() };
        std::thread::scope(|scope| {
            let running = scope.spawn(|| {
                let arguments = ["-c".to_owned(), script];
                let boxed = Boxed {
                    shape: &BoxSpec::read_only(),
                    program: Path::new("/bin/sh"),
                    arguments: &arguments,
                    input: None,
                };
                sandbox.run(&boxed, &place.workspace(), &limits)
            });
            let until = Instant::now() + Duration::from_secs(20);
            while !alive(&marker) && Instant::now() < until {
                std::thread::yield_now();
            }
            sandbox.boxes.kill_helper();
            limits.cancel.trigger();
            // What its end is called differs between the tiers; that nothing is left does not.
            let _ = running.join().unwrap();
        });
        assert!(!alive(&marker), "{tier}");
    }
}
