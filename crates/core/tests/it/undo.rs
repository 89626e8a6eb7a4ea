//! What is taken back is decided from the log and from what stands there, and from nothing else.

use std::collections::{BTreeSet, HashMap};

use calt_core::decide::{CreateSession, HomeFacts};
use calt_core::event::{FileChange, Mode, Profile, WorkspaceIdentity};
use calt_core::principal::{Caller, Claim, PrincipalId, PrincipalKind, Role};
use calt_core::undo::{Scope, Standing, Undo, Wanted, Written};
use calt_core::{Action, Command, Digest, Refusal, RunId, SessionId, StepId, decide};

use crate::world::World;

fn session(name: &str) -> SessionId {
    SessionId::parse(&format!("session_{name}")).expect("a well-formed id")
}

/// A workspace in memory, with what runs wrote to it.
#[derive(Default)]
struct Disk {
    files: HashMap<String, (String, String)>,
    writes: Vec<Written>,
}

impl Disk {
    fn put(&mut self, path: &str, text: &str, mode: &str) -> &mut Self {
        self.files.insert(path.to_owned(), (text.to_owned(), mode.to_owned()));
        self
    }

    /// One run: each file with its name before, when that was another, and its text afterwards, if it stays.
    fn run(&mut self, by: &str, files: &[(&str, Option<&str>, Option<&str>)]) -> RunId {
        let run = RunId(self.writes.len() as i64 + 1);
        let files = files.iter().map(|(path, from, text)| self.change(path, *from, *text)).collect();
        self.writes.push(Written { run, session: session(by), files });
        run
    }

    fn change(&mut self, path: &str, from: Option<&str>, text: Option<&str>) -> FileChange {
        let old = self.files.remove(from.unwrap_or(path));
        let digest = |text: Option<&str>| Digest::of_bytes(text.unwrap_or_default().as_bytes());
        let mode = old.as_ref().map_or("0644", |(_, mode)| mode).to_owned();
        if let Some(text) = text {
            self.put(path, text, &mode);
        }
        FileChange {
            path: path.to_owned(),
            from: from.map(str::to_owned),
            old_sha256: digest(old.as_ref().map(|(text, _)| text.as_str())),
            new_sha256: digest(text),
            old_exists: old.is_some(),
            new_exists: text.is_some(),
            old_mode: old.map(|(_, mode)| mode),
            mode,
        }
    }

    fn undo(&self, scope: &Scope) -> Undo {
        let wanted = Wanted::of(&self.writes, scope);
        let standing = |path: &str| match self.files.get(path) {
            Some((text, mode)) => Standing::File { sha256: Digest::of_bytes(text.as_bytes()), mode: mode.clone() },
            None => Standing::Absent,
        };
        let now = wanted.paths().map(|path| (path.to_owned(), standing(path))).collect();
        wanted.settle(&now, &HashMap::new())
    }

    fn of(&self, by: &str) -> Undo {
        self.undo(&Scope::Session(session(by)))
    }
}

fn taken(undo: &Undo) -> Vec<String> {
    let words = |file: &calt_core::undo::TakenBack| match (&file.from, &file.becomes) {
        (Some(from), _) => format!("{from} -> {}", file.path),
        (None, Some(_)) => file.path.clone(),
        (None, None) => format!("-{}", file.path),
    };
    undo.taken.iter().map(words).collect()
}

#[test]
fn a_file_renamed_twice_gets_its_first_name_back_in_one_move() {
    let mut disk = Disk::default();
    disk.put("a", "x", "0600");
    disk.run("s", &[("b", Some("a"), Some("x"))]);
    disk.run("s", &[("c", Some("b"), Some("y"))]);
    let undo = disk.of("s");
    assert_eq!(taken(&undo), ["c -> a"]);
    let file = &undo.taken[0];
    assert_eq!((file.run, file.is), (RunId(1), Some(Digest::of_bytes(b"y"))));
    assert_eq!(file.becomes.as_ref().unwrap().mode.as_deref(), Some("0600"));
}

#[test]
fn a_name_that_two_renames_share_keeps_them_together() {
    let mut disk = Disk::default();
    disk.put("a", "x", "0644").put("q", "z", "0644");
    disk.run("s", &[("b", Some("a"), Some("x"))]);
    disk.run("s", &[("a", Some("q"), Some("z"))]);
    assert_eq!(taken(&disk.of("s")), ["a", "-b", "q"]);
    disk.put("b", "somebody's", "0644");
    let undo = disk.of("s");
    assert!(undo.taken.is_empty(), "{undo:?}");
    assert_eq!(undo.left_alone.len(), 3);
}

#[test]
fn a_later_session_on_the_same_files_goes_back_with_the_first_and_alone() {
    let mut disk = Disk::default();
    disk.put("a", "0", "0644");
    disk.run("first", &[("a", None, Some("1")), ("n", None, Some("n"))]);
    disk.run("later", &[("a", None, Some("2")), ("m", Some("n"), Some("n"))]);
    disk.run("later", &[("own", None, Some("o"))]);
    let undo = disk.of("first");
    assert_eq!(taken(&undo), ["a", "-m"]);
    assert_eq!(undo.taken[0].becomes.as_ref().unwrap().sha256, Digest::of_bytes(b"0"));
    let undo = disk.of("later");
    assert_eq!(taken(&undo), ["a", "m -> n", "-own"]);
    assert_eq!(undo.taken[0].becomes.as_ref().unwrap().sha256, Digest::of_bytes(b"1"));
}

#[test]
fn what_came_to_be_as_it_was_is_not_taken_back() {
    let mut disk = Disk::default();
    disk.put("a", "0", "0644");
    disk.run("s", &[("a", None, Some("1"))]);
    disk.run("s", &[("a", None, Some("0"))]);
    disk.put("a", "somebody's", "0644");
    assert_eq!(disk.of("s"), Undo::default());
}

#[test]
fn a_pre_image_that_cannot_be_had_keeps_its_rename_back() {
    let mut disk = Disk::default();
    disk.put("a", "x", "0644");
    let run = disk.run("s", &[("b", Some("a"), Some("y"))]);
    let wanted = Wanted::of(&disk.writes, &Scope::Run(run));
    let needed = (run, Digest::of_bytes(b"x"));
    assert_eq!(wanted.pre_images(), BTreeSet::from([needed]));
    let now = HashMap::from([
        ("a".to_owned(), Standing::Absent),
        ("b".to_owned(), Standing::File { sha256: Digest::of_bytes(b"y"), mode: "0644".to_owned() }),
    ]);
    let undo = wanted.settle(&now, &HashMap::from([(needed, "it is gone".to_owned())]));
    assert!(undo.taken.is_empty());
    let reasons: Vec<_> = undo.left_alone.iter().map(|file| (file.path.as_str(), file.reason.as_str())).collect();
    assert_eq!(
        reasons,
        [
            ("a", "what it was before run 1 cannot be had: it is gone"),
            ("b", "a rename ties it to `a`, which is left alone")
        ]
    );
}

#[test]
fn a_session_opens_on_anothers_workspace_only_when_it_is_alone_there() {
    let caller = Caller { principal: PrincipalId::owner(), kind: PrincipalKind::Person, role: Role::Owner };
    let create = CreateSession {
        id: session("new"),
        goal: None,
        mode: Mode::Normal,
        profile: Profile::Strict,
        workspace: WorkspaceIdentity::Of { session: session("home") },
        ticket: None,
        origin: None,
        copied: None,
    };
    let command = Command { caller, claim: Claim::default(), action: Action::CreateSession(create) };
    let with = |home: Option<HomeFacts>| {
        let mut facts = World::new(Profile::Strict, Mode::Normal).facts(&[]);
        facts.home = home;
        decide(None, &command, &facts).outcome().clone().map(|_| ())
    };
    let (run, step) = (RunId(3), StepId::parse("w").unwrap());
    let open = HomeFacts { open: Some(session("home")), running: None };
    let running = HomeFacts { open: None, running: Some((session("home"), step.clone(), run)) };
    assert_eq!(with(None), Err(Refusal::SessionNotFound { session: "session_home".to_owned() }));
    let in_use = Refusal::WorkspaceInUse { session: session("home"), open: session("home") };
    assert_eq!(calt_core::Refusal::code(&in_use), "workspace_in_use");
    assert_eq!(with(Some(open)), Err(in_use));
    assert_eq!(with(Some(running)), Err(Refusal::RunInProgress { session: session("home"), step, run }));
    assert_eq!(with(Some(HomeFacts { open: None, running: None })), Ok(()));
}
