//! Where attacks are tried: worlds of each tier and user, things outside of them, and the same attack without calt.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use calt_tests::{OrdinaryUser, Reply, Session, World};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{command, plan};

/// What stands in the file outside that nobody in a box may read.
pub(crate) const SECRET: &str = "walrus-umbrella-4711";
/// Programs of the system and nothing else.
pub(crate) const SYSTEM_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A world in which attacks are tried.
pub(crate) struct Round {
    pub(crate) name: &'static str,
    pub(crate) world: World,
    /// Whether the user that commands run as is let into each workspace by hand, which root's own do not allow.
    opened_by_hand: bool,
}

/// The three or four kinds of world: each tier, as an ordinary user and, when the tests are root, as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Full,
    FullAsRoot,
    Filter,
    FilterAsRoot,
}

impl Kind {
    fn all() -> Vec<Self> {
        if OrdinaryUser::is_needed() {
            return vec![Self::Full, Self::Filter, Self::FullAsRoot, Self::FilterAsRoot];
        }
        says("these tests do not run as root, so that nothing is tried as root");
        vec![Self::Full, Self::Filter]
    }
}

/// Says what a test leaves out or found, where its runner shows it.
#[allow(clippy::print_stdout, reason = "nothing is left out silently")]
pub(crate) fn says(text: &str) {
    println!("{text}");
}

/// Starts a world of each kind, all at once, and does the same in each.
pub(crate) fn in_every_round(does: impl Fn(&Round) + Sync) {
    in_every_round_with(&[], does);
}

/// The same, with these variables set for the daemon.
pub(crate) fn in_every_round_with(environment: &[(&str, &str)], does: impl Fn(&Round) + Sync) {
    let does = &does;
    std::thread::scope(|scope| {
        for kind in Kind::all() {
            scope.spawn(move || does(&Round::start(kind, environment)));
        }
    });
}

impl Round {
    fn start(kind: Kind, environment: &[(&str, &str)]) -> Self {
        let mut environment = environment.to_vec();
        if matches!(kind, Kind::Filter | Kind::FilterAsRoot) {
            environment.push(("CALT__ISOLATION__TIER_MAX", "kernel-filter"));
            environment.push(("CALT__ISOLATION__TESTS_WITHOUT_NAMESPACES", "true"));
        }
        // Root's commands run as somebody whose processes the kernel counts for nobody else.
        let run_as = OrdinaryUser::new().number().map(|number| format!("{number}:{number}")).unwrap_or_default();
        if matches!(kind, Kind::FullAsRoot | Kind::FilterAsRoot) {
            environment.push(("CALT__ISOLATION__RUN_AS", &run_as));
        }
        let environment = environment.as_slice();
        let (name, tier, world) = match kind {
            Kind::Full => ("full, as an ordinary user", "full", World::as_ordinary_user(environment)),
            Kind::FullAsRoot => ("full, as root", "full", World::with(environment)),
            Kind::Filter => {
                ("kernel-filter, as an ordinary user", "kernel-filter", World::as_ordinary_user(environment))
            }
            Kind::FilterAsRoot => ("kernel-filter, as root", "kernel-filter", World::with(environment)),
        };
        let sandbox = world.owner().get("/api/v1/sandbox").expect(200).json();
        assert_eq!(sandbox["tier"], tier, "this machine does not hold up `{tier}`: {}", sandbox["layers"]);
        Self { name, world, opened_by_hand: kind == Kind::FilterAsRoot }
    }

    /// Whether commands have namespaces of their own here.
    pub(crate) fn has_namespaces(&self) -> bool {
        self.name.starts_with("full")
    }

    /// Makes a session, and gives its workspace.
    pub(crate) fn place(&self) -> (Session, Scene) {
        self.place_with(&json!({"goal": "an attack"}))
    }

    /// The same for a session of this kind.
    pub(crate) fn place_with(&self, session: &Value) -> (Session, Scene) {
        let session = self.world.owner().session_with(session);
        self.open(&session);
        let directory = self.world.workspace(&session.id);
        (session, Scene { directory, user: self.world.user() })
    }

    /// Lets the user that commands run as into a session's workspace, where nothing else does.
    pub(crate) fn open(&self, session: &Session) {
        let directory = self.world.workspace(&session.id);
        if self.opened_by_hand {
            for above in directory.ancestors().take_while(|above| above.starts_with(self.world.home())) {
                let mode = if above == directory { 0o755 } else { 0o711 };
                std::fs::set_permissions(above, std::fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    }

    /// Makes a session in any world, and gives its workspace.
    pub(crate) fn place_in(world: &World) -> (Session, Scene) {
        let session = world.owner().session();
        let scene = Scene { directory: world.workspace(&session.id), user: world.user() };
        (session, scene)
    }

    /// Runs one command in a session, approved as it must be; the answer is the run's end.
    pub(crate) fn runs(&self, session: &Session, line: &str) -> Attempt {
        self.runs_for(session, line, 30)
    }

    /// The same with a time limit, in seconds.
    pub(crate) fn runs_for(&self, session: &Session, line: &str, seconds: u32) -> Attempt {
        let mut step = command("s", line);
        step["timeout_sec"] = json!(seconds);
        self.tries(session, &step)
    }

    /// Runs one step in a session.
    pub(crate) fn tries(&self, session: &Session, step: &Value) -> Attempt {
        let owner = self.world.owner();
        let id = step["id"].as_str().unwrap();
        owner.import(session, &plan(1, std::slice::from_ref(step))).expect(200);
        owner.approve_plan(session, 1).expect(200);
        owner.approve_shown(session, id).expect(200);
        let reply = owner.run(session, id).expect(200);
        let events = owner.get(&format!("/api/v1/sessions/{}/events?after=0&limit=500", session.id)).expect(200);
        Attempt { reply, events }
    }
}

/// What became of a run.
pub(crate) struct Attempt {
    reply: Reply,
    events: Reply,
}

impl Attempt {
    pub(crate) fn json(&self) -> Value {
        self.reply.json()
    }

    pub(crate) fn status(&self) -> String {
        self.json()["status"].as_str().unwrap().to_owned()
    }

    /// Why the run failed.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn stdout(&self) -> String {
        self.json()["output"]["stdout"].as_str().unwrap_or_default().to_owned()
    }

    /// Everything that was answered and recorded, as it was sent.
    pub(crate) fn everything(&self) -> String {
        format!("{}\n{}", self.reply.text(), self.events.text())
    }
}

/// Things outside of every box, open to everybody on this machine.
pub(crate) struct Outside {
    directory: TempDir,
    user: OrdinaryUser,
}

impl Outside {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("calt-outside-").tempdir().unwrap();
        let outside = Self { directory, user: OrdinaryUser::new() };
        for open_to_all in [outside.path("."), outside.path("out"), outside.path("out/dir")] {
            std::fs::create_dir_all(&open_to_all).unwrap();
            std::fs::set_permissions(&open_to_all, std::fs::Permissions::from_mode(0o777)).unwrap();
        }
        for name in ["secret.txt", "out/dir/kept"] {
            std::fs::write(outside.path(name), format!("{SECRET}\n")).unwrap();
        }
        outside
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        if name == "." { self.directory.path().to_owned() } else { self.directory.path().join(name) }
    }

    /// A text with `{OUT}` for the directory anybody may write, and `{SECRET}` for the file nobody may read.
    pub(crate) fn filled_in(&self, text: &str) -> String {
        text.replace("{OUT}", self.path("out").to_str().unwrap())
            .replace("{SECRET}", self.path("secret.txt").to_str().unwrap())
    }

    /// Somewhere to try the same without calt.
    pub(crate) fn plain_scene(&self) -> Scene {
        self.scene("plain")
    }

    /// Another place outside of every workspace.
    pub(crate) fn elsewhere(&self) -> Scene {
        self.scene("elsewhere")
    }

    /// A command of an ordinary user who owns nothing of calt's.
    pub(crate) fn stranger(&self, program: &str) -> Command {
        self.user.command(program)
    }

    fn scene(&self, name: &str) -> Scene {
        let directory = self.path(name);
        std::fs::create_dir(&directory).unwrap();
        self.user.receives(&directory);
        Scene { directory, user: Some(self.user) }
    }
}

/// A directory in which an attack is laid out: a workspace, or one that calt knows nothing of.
pub(crate) struct Scene {
    pub(crate) directory: PathBuf,
    user: Option<OrdinaryUser>,
}

impl Scene {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn give(&self, path: &Path) {
        if let Some(user) = self.user {
            user.receives_all(path);
        }
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let top = name.split('/').next().unwrap();
        self.give(&self.path(top));
    }

    /// Writes a program.
    pub(crate) fn put_program(&self, name: &str, text: &str) {
        self.put(name, text);
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn link(&self, name: &str, target: &Path) {
        symlink(target, self.path(name)).unwrap();
        self.give(&self.path(name));
    }

    pub(crate) fn pipe(&self, name: &str) {
        assert!(Command::new("mkfifo").arg(self.path(name)).status().unwrap().success());
        self.give(&self.path(name));
    }

    /// A file of this length that takes no room.
    pub(crate) fn sparse(&self, name: &str, bytes: u64) {
        std::fs::File::create(self.path(name)).unwrap().set_len(bytes).unwrap();
        self.give(&self.path(name));
    }

    /// A command here, outside of every box, with an environment of the system's programs and nothing else.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = self.user.map_or_else(|| Command::new(program), |user| user.command(program));
        command.env_clear().env("PATH", SYSTEM_PATH).env("LANG", "C.UTF-8").env("HOME", &self.directory);
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.current_dir(&self.directory).stdin(Stdio::null());
        command
    }

    /// Runs git here, and panics unless it worked.
    pub(crate) fn git(&self, arguments: &[&str]) {
        let mut git = self.command("git");
        git.args(["-c", "user.name=n", "-c", "user.email=e@localhost", "-c", "protocol.file.allow=always"]);
        let done = git.args(arguments).output().unwrap();
        assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    /// A repository in which `f.txt` is changed to one of the same length.
    pub(crate) fn repository(&self) {
        // Made once and copied: most of these tests' time would go into making it.
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("repository-with-one-commit");
        if !kept.exists() {
            let making =
                tempfile::Builder::new().prefix("repository-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            let scene = Self { directory: making.path().to_owned(), user: None };
            scene.put("f.txt", "a\n");
            scene.git(&["init", "-q", "--template="]);
            scene.git(&["add", "."]);
            scene.git(&["commit", "-qm", "first"]);
            std::fs::set_permissions(making.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
            // Another test may have been faster, and then its own does as well.
            let _ = std::fs::rename(making.path(), &kept);
        }
        copy(&kept.join(".git"), &self.path(".git"));
        self.give(&self.path(".git"));
        self.put("f.txt", "b\n");
    }

    /// Adds lines to the repository's configuration.
    pub(crate) fn configure(&self, text: &str) {
        let path = self.path(".git/config");
        let before = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{before}{text}\n")).unwrap();
    }

    /// Runs a line of shell here as an ordinary user.
    pub(crate) fn without_calt(&self, line: &str) -> Output {
        assert!(self.user.is_some() || !OrdinaryUser::is_needed(), "an attack is never tried as root");
        self.command("sh").args(["-c", line]).output().unwrap()
    }
}

/// Copies a directory with all it holds.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A program that waits for ever, until this is let go.
pub(crate) struct Waiting(Child);

impl Waiting {
    /// Starts it without calt.
    pub(crate) fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::null()).spawn().unwrap())
    }

    /// Whether it sleeps: it waits for something that does not come.
    pub(crate) fn sleeps(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap_or_default();
        stat.contains("(cat) S")
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How it is seen that an attack worked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shows {
    /// A file outside appears.
    Appears(&'static str),
    /// A file outside is gone.
    Vanishes(&'static str),
    /// A file in the workspace appears.
    AppearsInWorkspace(&'static str),
    /// A file in the workspace is gone.
    VanishesInWorkspace(&'static str),
    /// A text is printed.
    Prints(&'static str),
}

impl Shows {
    pub(crate) fn is_seen(self, outside: &Outside, scene: &Scene, printed: &str) -> bool {
        match self {
            Self::Appears(name) => outside.path("out").join(name).symlink_metadata().is_ok(),
            Self::Vanishes(name) => outside.path("out").join(name).symlink_metadata().is_err(),
            Self::AppearsInWorkspace(name) => scene.path(name).symlink_metadata().is_ok(),
            Self::VanishesInWorkspace(name) => scene.path(name).symlink_metadata().is_err(),
            Self::Prints(text) => printed.contains(text),
        }
    }
}

/// What calt does about an attack.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// The run fails before anything starts, and says this.
    Refuses(&'static str),
    /// The command runs, and the box holds it.
    Holds,
    /// The command runs and does its proper work, which prints this.
    HoldsAndPrints(&'static str),
}

/// An attack by one command.
pub(crate) struct Attack {
    pub(crate) id: &'static str,
    /// The command in the plan.
    pub(crate) line: &'static str,
    /// The same as a line of shell.
    pub(crate) control: &'static str,
    pub(crate) shows: Shows,
    pub(crate) answer: Answer,
}

/// Tries every attack without calt, where each must work, and with it, where none may.
pub(crate) fn try_all(attacks: &[Attack], lay_out: impl Fn(&Scene, &Outside) + Sync) {
    for attack in attacks {
        let outside = Outside::new();
        let scene = outside.plain_scene();
        lay_out(&scene, &outside);
        let before = attack.shows.is_seen(&outside, &scene, "");
        let done = scene.without_calt(&outside.filled_in(attack.control));
        let printed = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        let after = attack.shows.is_seen(&outside, &scene, &printed);
        assert!(!before && after, "the control of {} `{}` proves nothing: {printed}", attack.id, attack.line);
    }
    in_every_round(|round| {
        for attack in attacks {
            let (session, scene) = round.place();
            let outside = Outside::new();
            lay_out(&scene, &outside);
            let attempt = round.runs(&session, &outside.filled_in(attack.line));
            let told = format!("{} `{}` in {}: {}", attack.id, attack.line, round.name, attempt.json());
            assert!(!attack.shows.is_seen(&outside, &scene, &attempt.everything()), "it worked: {told}");
            match attack.answer {
                Answer::Refuses(reason) => {
                    let error = attempt.error();
                    assert_eq!(attempt.status(), "failed", "{told}");
                    assert!(error.starts_with("command is not allowlisted: ") && error.contains(reason), "{told}");
                }
                Answer::Holds => assert!(!attempt.error().contains("box_failed"), "nothing ran: {told}"),
                Answer::HoldsAndPrints(text) => assert!(attempt.everything().contains(text), "{told}"),
            }
        }
    });
}
