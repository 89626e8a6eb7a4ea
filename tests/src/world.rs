//! A world: a data root of its own, the real binary, and whoever speaks to it.

use std::cell::{Cell, RefCell};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{self, Reply};
use crate::ordinary::OrdinaryUser;
use crate::person::Person;

/// How often a test looks whether something outside of it has happened.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The signal that ends a process wherever it is.
const SIGKILL: i32 = 9;
/// Longest a daemon may take to listen or to end, in seconds.
const DAEMON_SECONDS_MAX: u64 = 20;

/// A daemon that runs.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    address: String,
    token: String,
}

/// What a command line printed.
#[derive(Debug)]
pub struct Ran {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code.
    pub code: i32,
}

/// A world.
pub struct World {
    home: TempDir,
    environment: Vec<(String, String)>,
    /// What starts the daemon, when something else than the test does.
    launcher: Vec<String>,
    /// Whom everything runs as, when that is not the tests' own user.
    user: Option<OrdinaryUser>,
    daemon: RefCell<Option<Daemon>>,
    people: Cell<u32>,
}

impl World {
    /// A world with a daemon in it.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// The same, with these variables set for everything that runs in it.
    pub fn with(environment: &[(&str, &str)]) -> Self {
        let world = Self::asleep(environment);
        world.wake();
        world
    }

    /// The same, with everything in it run by a user who is not root.
    pub fn as_ordinary_user(environment: &[(&str, &str)]) -> Self {
        Self::launched_as_ordinary_user(environment, &[])
    }

    /// The same, with the daemon started by another program, which executes what its last arguments say.
    pub fn launched_as_ordinary_user(environment: &[(&str, &str)], launcher: &[&str]) -> Self {
        let mut world = Self::asleep(environment);
        let user = OrdinaryUser::new();
        user.receives(world.home());
        world.user = Some(user);
        world.launcher = launcher.iter().map(|&word| word.to_owned()).collect();
        world.wake();
        world
    }

    /// A world whose daemon is started by another program, which executes what its last arguments say.
    pub fn launched(environment: &[(&str, &str)], launcher: &[&str]) -> Self {
        let mut world = Self::asleep(environment);
        world.launcher = launcher.iter().map(|&word| word.to_owned()).collect();
        world.wake();
        world
    }

    /// A world in which nothing runs yet.
    pub fn asleep(environment: &[(&str, &str)]) -> Self {
        let home = tempfile::Builder::new().prefix("calt-story-").tempdir().unwrap();
        let environment = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (launcher, daemon, people) = (Vec::new(), RefCell::new(None), Cell::new(0));
        Self { home, environment, launcher, user: None, daemon, people }
    }

    /// The binary under test.
    pub fn binary() -> PathBuf {
        let own = std::env::current_exe().unwrap();
        let binary = own.ancestors().nth(2).unwrap().join("calt");
        assert!(binary.exists(), "build the binary first: cargo build ({} is missing)", binary.display());
        binary
    }

    /// The home directory of everything that runs in this world.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The data root.
    pub fn data_root(&self) -> PathBuf {
        self.home().join("data")
    }

    /// The workspace of a session.
    pub fn workspace(&self, session: &str) -> PathBuf {
        self.data_root().join("sessions").join(session).join("workspace")
    }

    /// A command of the binary, with this world's environment and nothing else.
    pub fn command(&self) -> Command {
        self.command_of(self.reachable_binary())
    }

    /// The binary where whoever lives in this world can execute it.
    fn reachable_binary(&self) -> PathBuf {
        let (binary, copy) = (Self::binary(), self.home().join("calt"));
        match self.user {
            Some(_) if copy.exists() => copy,
            Some(user) if !user.reaches(&binary) => {
                std::fs::copy(&binary, &copy).unwrap();
                user.receives(&copy);
                copy
            }
            Some(_) | None => binary,
        }
    }

    /// A command of another program, with the same environment.
    pub fn command_of(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command =
            self.user.map_or_else(|| Command::new(program.as_ref()), |user| user.command(program.as_ref()));
        command
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("CALT_DATA_ROOT", self.data_root())
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .current_dir(self.home());
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Runs a command line to its end, with no terminal and an empty standard input.
    pub fn calt(&self, arguments: &[&str]) -> Ran {
        let output = self.command().args(arguments).stdin(Stdio::null()).output().unwrap();
        Ran {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// Starts the daemon and waits until it listens.
    pub fn wake(&self) {
        assert!(self.wakes_with(&[]), "the daemon ended at its start: {}", self.daemon_log());
    }

    /// Starts the daemon with more variables, and says whether it listens: SIGKILL may have ended it before it did.
    pub fn wakes_with(&self, environment: &[(&str, &str)]) -> bool {
        let mut child = self.spawn_daemon(environment);
        let found = self.data_root().join("daemon.json");
        let deadline = Instant::now() + Duration::from_secs(DAEMON_SECONDS_MAX);
        let discovered: Value = loop {
            if let Some(json) = std::fs::read(&found).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                break json;
            }
            if let Some(status) = child.try_wait().unwrap() {
                assert_eq!(status.signal(), Some(SIGKILL), "the daemon ended at its start: {}", self.daemon_log());
                return false;
            }
            assert!(Instant::now() < deadline, "the daemon does not listen: {}", self.daemon_log());
            std::thread::park_timeout(LOOK_EVERY);
        };
        let text =
            |name: &str| discovered[name].as_str().unwrap_or_else(|| panic!("no {name}: {discovered}")).to_owned();
        *self.daemon.borrow_mut() = Some(Daemon { child, address: text("address"), token: text("token") });
        true
    }

    /// Starts the daemon and ends it with SIGKILL after this time, wherever it has come to.
    pub fn wake_and_kill_after(&self, time: Duration) {
        let mut child = self.spawn_daemon(&[]);
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            std::thread::park_timeout(left);
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn spawn_daemon(&self, environment: &[(&str, &str)]) -> Child {
        let root = self.data_root();
        let found = root.join("daemon.json");
        let _ = std::fs::remove_file(&found);
        std::fs::create_dir_all(self.home()).unwrap();
        let log = std::fs::File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut command = match self.launcher.split_first() {
            Some((program, words)) => {
                let mut command = self.command_of(program);
                command.args(words).arg(self.reachable_binary());
                command
            }
            None => self.command(),
        };
        // Its standard input stays open and gives nothing: a command that inherited it would wait for ever.
        command
            .envs(environment.iter().copied())
            .args(["daemon", "--host", "127.0.0.1", "--port", "0"])
            .arg("--data-root")
            .arg(&root)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Ends the daemon with SIGKILL.
    pub fn kill(&self) {
        let mut daemon = self.daemon.borrow_mut().take().unwrap();
        daemon.child.kill().unwrap();
        daemon.child.wait().unwrap();
    }

    /// Whether the daemon has ended by itself, or a signal has ended it.
    pub fn has_ended(&self) -> bool {
        self.daemon.borrow_mut().as_mut().is_none_or(|daemon| daemon.child.try_wait().unwrap().is_some())
    }

    /// Asks the daemon to end, waits, and gives its exit code; −1 when a signal ended it.
    pub fn end(&self) -> i32 {
        let mut daemon = self.daemon.borrow_mut().take().unwrap();
        let pid = daemon.child.id().to_string();
        // The number of one that has ended may be another's by now.
        if daemon.child.try_wait().unwrap().is_none() {
            Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        }
        let deadline = Instant::now() + Duration::from_secs(DAEMON_SECONDS_MAX);
        loop {
            if let Some(status) = daemon.child.try_wait().unwrap() {
                return status.code().unwrap_or(-1);
            }
            assert!(Instant::now() < deadline, "the daemon does not end: {}", self.daemon_log());
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    /// Whom everything in this world runs as, when that is not the tests' own user.
    pub fn user(&self) -> Option<OrdinaryUser> {
        self.user
    }

    /// The daemon's process id.
    pub fn pid(&self) -> u32 {
        self.daemon.borrow().as_ref().unwrap().child.id()
    }

    /// Where the daemon listens.
    pub fn address(&self) -> String {
        self.daemon.borrow().as_ref().unwrap().address.clone()
    }

    /// The owner's token.
    pub fn owner_token(&self) -> String {
        self.daemon.borrow().as_ref().unwrap().token.clone()
    }

    /// What the daemon wrote to its own log.
    pub fn daemon_log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.home().join("daemon-output.log")
    }

    /// The owner: may do everything.
    pub fn owner(&self) -> Person<'_> {
        Person::new(self, self.owner_token())
    }

    /// A person who decides.
    pub fn person(&self, name: &str) -> Person<'_> {
        self.someone(name, "approver")
    }

    /// A program that proposes and runs.
    pub fn agent(&self) -> Person<'_> {
        self.people.set(self.people.get() + 1);
        self.someone(&format!("agent-{}", self.people.get()), "agent")
    }

    /// Anyone, with a token of this role.
    pub fn someone(&self, name: &str, role: &str) -> Person<'_> {
        let made = self.owner().post("/api/v1/tokens", &json!({"name": name, "role": role})).expect(200);
        Person::new(self, made.json()["token"].as_str().unwrap().to_owned())
    }

    /// A request with headers of its own.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Reply {
        http::send(&self.address(), method, path, headers, body)
    }

    /// The database, opened for reading.
    pub fn database(&self) -> rusqlite::Connection {
        let path = self.data_root().join("calt.sqlite3");
        rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }

    /// Waits until something is true, for things that happen outside the daemon.
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(DAEMON_SECONDS_MAX);
        while !holds() {
            assert!(Instant::now() < deadline, "never came true: {what}\n{}", self.daemon_log());
            std::thread::park_timeout(LOOK_EVERY);
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.borrow_mut().as_mut() {
            let _ = daemon.child.kill();
            let _ = daemon.child.wait();
        }
        // A daemon that a command line started in the background.
        if let Some(pid) = std::fs::read(self.data_root().join("daemon.json"))
            .ok()
            .and_then(|text| serde_json::from_slice::<Value>(&text).ok())
            .and_then(|json| json["pid"].as_u64())
        {
            let is_ours = std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                let root = self.data_root();
                let root = root.to_string_lossy();
                String::from_utf8_lossy(&environment).contains(root.as_ref())
            });
            if is_ours {
                let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
            }
        }
    }
}
