//! The person's own repository: git's plumbing, told to run nothing of the repository's, on an index of its own.
//!
//! Nothing here touches the working tree, the index, hooks or configuration: objects and one new name are all that
//! is written.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{Read, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::fault::Fault;
use crate::words::t;

/// Longest one git may take: a repository's configuration can name a pipe, which git waits at for ever.
const GIT_TIME_MAX: Duration = Duration::from_mins(1);
/// Settings that make a plumbing command run a program, write beside the objects, or change bytes.
const QUIET: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.splitIndex=false",
    "core.untrackedCache=false",
    "core.logAllRefUpdates=false",
    "user.useConfigOnly=true",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "apply.ignoreWhitespace=no",
    "i18n.commitEncoding=UTF-8",
    "core.quotePath=false",
];
/// Variables that would lead git to another repository than the one that is meant.
const ELSEWHERE: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_EXTERNAL_DIFF",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
];

/// A repository of the person, with an index that is thrown away.
pub(crate) struct Repository {
    git_dir: PathBuf,
    /// Where objects, names and logs lie: for a further working tree, in the repository it belongs to.
    common_dir: PathBuf,
    scratch: Scratch,
}

/// A private directory that goes when nobody needs it any more.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let mut number = 0_u32;
        loop {
            let path = std::env::temp_dir().join(format!("calt-land-{}-{number}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file of a tree, as git has it.
pub(crate) struct TreeFile {
    pub(crate) mode: String,
    pub(crate) blob: String,
}

/// A commit's message and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) id: String,
    pub(crate) tree: String,
    pub(crate) parents: Vec<String>,
    pub(crate) message: String,
}

/// Why a name cannot be given to a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InTheWay {
    /// It stands for something.
    There,
    /// It stands for another name.
    LeadsTo(String),
    /// A working tree has this branch checked out.
    CheckedOut,
    /// A link within the repository, through which git would write elsewhere.
    Link(PathBuf),
    /// A log of this name that is not the repository's alone, to which git would add.
    Log(PathBuf),
}

impl Repository {
    /// The repository that holds a directory. `otherwise` is the command that names another one.
    pub(crate) fn open(directory: &Path, otherwise: &str) -> Result<Self, Fault> {
        let cannot = |error: std::io::Error| Fault::Machine {
            message: t!("there is no place for a temporary index: {error}", error = error),
        };
        let scratch = Scratch::new().map_err(cannot)?;
        let mut git = started(&scratch);
        git.arg("-C").arg(directory).args(["rev-parse", "--absolute-git-dir"]);
        let found = finished(git, b"")?;
        if !found.status.success() {
            return Err(Fault::Usage {
                message: t!("`{directory}` is in no git repository", directory = directory.display()),
                hint: Some(otherwise.to_owned()),
            });
        }
        let git_dir = path_of(&found.stdout);
        let mut repository = Self { common_dir: git_dir.clone(), git_dir, scratch };
        let common = repository.run(&["rev-parse", "--path-format=absolute", "--git-common-dir"], b"")?;
        repository.common_dir = path_of(&succeeded("rev-parse", common)?);
        if !repository.is_of_its_own() {
            return Err(Fault::Usage {
                message: t!(
                    "`{directory}` says that it is part of `{other}`, which knows nothing of it: git would write there",
                    directory = repository.git_dir.display(),
                    other = repository.common_dir.display()
                ),
                hint: Some(otherwise.to_owned()),
            });
        }
        Ok(repository)
    }

    /// The id of a commit; `None` when the repository has none of this name.
    pub(crate) fn commit_id(&self, name: &str) -> Result<Option<String>, Fault> {
        let wanted = format!("{name}^{{commit}}");
        let found = self.run(&["rev-parse", "--quiet", "--verify", "--end-of-options", &wanted], b"")?;
        Ok(found.status.success().then(|| String::from_utf8_lossy(&found.stdout).trim().to_owned()))
    }

    /// Reads a commit.
    pub(crate) fn commit(&self, id: &str) -> Result<Commit, Fault> {
        let text = self.git(&["cat-file", "commit", id], b"")?;
        let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
        let of = |name: &'static str| head.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(Commit {
            id: id.to_owned(),
            tree: of("tree").next().unwrap_or_default().to_owned(),
            parents: of("parent").map(str::to_owned).collect(),
            message: message.to_owned(),
        })
    }

    /// Who the person is for git, as `NAME <MAIL> SECONDS ZONE`.
    pub(crate) fn author(&self) -> Result<String, Fault> {
        let author = self.git(&["var", "GIT_AUTHOR_IDENT"], b"").map_err(|_| Fault::Usage {
            message: t!("git does not know who you are"),
            hint: Some("git config --global user.name NAME; git config --global user.email MAIL".to_owned()),
        })?;
        Ok(author.trim().to_owned())
    }

    /// Whether it is a repository by itself, or the linked working tree of one that made it.
    fn is_of_its_own(&self) -> bool {
        let true_path = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (own, common) = (true_path(&self.git_dir), true_path(&self.common_dir));
        own == common || own.parent() == Some(&common.join("worktrees"))
    }

    /// A link at a place, or above it within the repository. git writes through one, wherever it leads.
    fn link_to(&self, place: &Path) -> Option<PathBuf> {
        let within = place.ancestors().take_while(|part| *part != self.common_dir);
        within.filter(|part| part.is_symlink()).last().map(Path::to_owned)
    }

    /// A link in place of what git writes whatever the name: the objects or a directory of them, the tables of names.
    pub(crate) fn link_in_store(&self) -> Result<Option<PathBuf>, Fault> {
        for store in ["objects", "reftable"].map(|name| self.common_dir.join(name)) {
            let unread = |error: std::io::Error| Fault::Machine {
                message: t!("`{path}` cannot be read: {error}", path = store.display(), error = error),
            };
            if store.is_symlink() {
                return Ok(Some(store));
            }
            let entries = match std::fs::read_dir(&store) {
                // Most repositories keep their names in files.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                entries => entries.map_err(unread)?,
            };
            for entry in entries {
                let entry = entry.map_err(unread)?;
                if entry.file_type().map_err(unread)?.is_symlink() {
                    return Ok(Some(entry.path()));
                }
            }
        }
        Ok(None)
    }

    /// The tree that a patch makes of a commit's.
    pub(crate) fn patched(&self, base: &str, patch: &str) -> Result<String, Fault> {
        self.git(&["read-tree", base], b"")?;
        if !patch.is_empty() {
            let words = ["apply", "--cached", "--binary", "--whitespace=nowarn", "-"];
            self.git(&words, patch.as_bytes()).map_err(|fault| Fault::Usage {
                message: t!("the patch does not fit commit {base}: {why}", base = base, why = fault.message_alone()),
                hint: None,
            })?;
        }
        Ok(self.git(&["write-tree"], b"")?.trim().to_owned())
    }

    /// The files of a tree, by name.
    pub(crate) fn files(&self, tree: &str) -> Result<BTreeMap<String, TreeFile>, Fault> {
        let listed = self.git(&["ls-tree", "-r", "-z", "--full-tree", tree], b"")?;
        let file = |entry: &str| {
            let (about, name) = entry.split_once('\t')?;
            let mut about = about.split(' ');
            let (mode, blob) = (about.next()?.to_owned(), about.nth(1)?.to_owned());
            Some((name.to_owned(), TreeFile { mode, blob }))
        };
        Ok(listed.split_terminator('\0').filter_map(file).collect())
    }

    /// SHA-256 of a blob's bytes.
    pub(crate) fn sha256(&self, blob: &str) -> Result<String, Fault> {
        let output = self.run(&["cat-file", "blob", blob], b"")?;
        succeeded("cat-file", output).map(|bytes| calt_api::sha256(&bytes))
    }

    /// Names of files in which two trees differ.
    pub(crate) fn differing(&self, one: &str, other: &str) -> Result<Vec<String>, Fault> {
        let words = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", one, other];
        Ok(self.git(&words, b"")?.split_terminator('\0').map(str::to_owned).collect())
    }

    /// Makes a commit object; no name leads to it yet.
    pub(crate) fn commit_tree(&self, tree: &str, parent: &str, message: &str) -> Result<String, Fault> {
        let made = self.git(&["commit-tree", tree, "-p", parent, "-F", "-"], message.as_bytes())?;
        Ok(made.trim().to_owned())
    }

    /// Whether a name is spelled as git lets names be, in full (`refs/…`).
    pub(crate) fn is_spelled_well(&self, full: &str) -> Result<bool, Fault> {
        Ok(self.run(&["check-ref-format", full], b"")?.status.success())
    }

    /// Where a name that only stands for another name leads; `None` when it is not one of these.
    fn leads_to(&self, full: &str) -> Result<Option<String>, Fault> {
        let found = self.run(&["symbolic-ref", "--quiet", full], b"")?;
        Ok(found.status.success().then(|| String::from_utf8_lossy(&found.stdout).trim().to_owned()))
    }

    /// Whether a working tree has this branch checked out, also one that has no commit yet.
    fn is_checked_out(&self, full: &str) -> Result<bool, Fault> {
        let listed = self.git(&["worktree", "list", "--porcelain", "-z"], b"")?;
        Ok(listed.split('\0').any(|line| line.strip_prefix("branch ") == Some(full)))
    }

    /// What keeps a name from being made anew; `None` when nothing does.
    pub(crate) fn in_the_way(&self, full: &str) -> Result<Option<InTheWay>, Fault> {
        let log = self.common_dir.join("logs").join(full);
        if let Some(link) = self.link_to(&self.common_dir.join(full)).or_else(|| self.link_to(&log)) {
            return Ok(Some(InTheWay::Link(link)));
        }
        // git adds to a log that is there, also when it is told to keep none.
        if log.symlink_metadata().is_ok_and(|log| !(log.is_dir() || log.is_file() && log.nlink() == 1)) {
            return Ok(Some(InTheWay::Log(log)));
        }
        if let Some(target) = self.leads_to(full)? {
            return Ok(Some(InTheWay::LeadsTo(target)));
        }
        if self.is_checked_out(full)? {
            return Ok(Some(InTheWay::CheckedOut));
        }
        let there = self.run(&["show-ref", "--verify", "--quiet", full], b"")?.status.success();
        Ok(there.then_some(InTheWay::There))
    }

    /// Gives a commit a new name. A name that stands for something is never taken away from it, and one that leads
    /// to another name is not followed.
    pub(crate) fn name_anew(&self, full: &str, commit: &str) -> Result<(), Fault> {
        // The old value of nothing: all zeros, as long as the id.
        let nothing = "0".repeat(commit.len());
        self.git(&["update-ref", "--no-deref", "-m", "calt land", full, commit, &nothing], b"").map(drop)
    }

    fn git(&self, words: &[&str], input: &[u8]) -> Result<String, Fault> {
        let output = self.run(words, input)?;
        let bytes = succeeded(words.first().copied().unwrap_or_default(), output)?;
        String::from_utf8(bytes).map_err(|_| Fault::usage(t!("git names something that is not UTF-8")))
    }

    fn run(&self, words: &[&str], input: &[u8]) -> Result<Output, Fault> {
        let mut git = started(&self.scratch);
        // Not from within the working tree: below a directory of it, git would leave out what lies beside.
        git.arg("--git-dir").arg(&self.git_dir).arg("--work-tree").arg(&self.scratch.0).args(words);
        finished(git, input)
    }
}

/// The path in an answer of one line.
fn path_of(answer: &[u8]) -> PathBuf {
    OsStr::from_bytes(answer.strip_suffix(b"\n").unwrap_or(answer)).into()
}

/// git, told to run nothing and to write nothing but what it is asked for.
#[allow(clippy::disallowed_methods, reason = "landing is what the person's own git does, started here alone")]
fn started(scratch: &Scratch) -> Command {
    let mut git = Command::new("git");
    for variable in ELSEWHERE {
        git.env_remove(variable);
    }
    for setting in QUIET {
        git.args(["-c", setting]);
    }
    git.env("GIT_INDEX_FILE", scratch.0.join("index"))
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_ALLOW_PROTOCOL", "none")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    git
}

fn finished(git: Command, input: &[u8]) -> Result<Output, Fault> {
    finished_within(GIT_TIME_MAX, git, input)
}

fn finished_within(limit: Duration, mut git: Command, input: &[u8]) -> Result<Output, Fault> {
    let cannot = |error: std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            return Fault::Usage { message: t!("git is not installed"), hint: Some("git --version".to_owned()) };
        }
        Fault::Machine { message: t!("git cannot be started: {error}", error = error) }
    };
    let mut child = git.spawn().map_err(cannot)?;
    let (stdin, input) = (child.stdin.take(), input.to_owned());
    // Written beside the reading: a long patch and a long answer must not wait for each other.
    std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
    let (stdout, stderr) = (read_beside(child.stdout.take()), read_beside(child.stderr.take()));
    let ends = Instant::now() + limit;
    let read = |stream: &Receiver<Vec<u8>>| stream.recv_timeout(ends.saturating_duration_since(Instant::now()));
    let (Ok(stdout), Ok(stderr)) = (read(&stdout), read(&stderr)) else {
        // One that has ended meanwhile needs no end.
        let _ = child.kill();
        let _ = child.wait();
        let message =
            t!("git gave no answer in {seconds} s: does `include.path` name a pipe?", seconds = limit.as_secs());
        return Err(Fault::Machine { message });
    };
    // A git that ended early says itself why.
    Ok(Output { status: child.wait().map_err(cannot)?, stdout, stderr })
}

/// Reads a stream to its end on a thread of its own, which a stream that never ends holds up alone.
fn read_beside(stream: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (whole, read) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        // Nobody waits any more where the time was over.
        let _ = whole.send(bytes);
    });
    read
}

/// What git says where it has no name or address to commit with.
const WHO_ARE_YOU: &str = "tell me who you are";

fn succeeded(word: impl AsRef<OsStr>, output: Output) -> Result<Vec<u8>, Fault> {
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains(WHO_ARE_YOU) {
        return Err(Fault::Usage {
            message: t!("git does not know who commits: your name or your address is not set"),
            hint: Some("git config --global user.name NAME && git config --global user.email ADDRESS".to_owned()),
        });
    }
    let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    Err(Fault::usage(t!("git {word}: {said}", word = word.as_ref().display(), said = said)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    #[test]
    fn who_commits_is_asked_for_in_one_line_with_the_commands_that_tell_it() {
        let said = |stderr: &str| {
            let status = std::process::ExitStatus::from_raw(128 << 8);
            succeeded("commit-tree", Output { status, stdout: Vec::new(), stderr: stderr.into() }).unwrap_err()
        };
        let nobody = said("Author identity unknown\n\n*** Please tell me who you are.\n\nRun\n\n  git config …\n");
        assert!(nobody.hint().unwrap().starts_with("git config --global user.name NAME && "), "{nobody:?}");
        assert!(!nobody.said().contains("***"), "{nobody:?}");
        let other = said("fatal: bad object\n");
        assert_eq!((other.said().as_str(), other.hint()), ("git commit-tree: fatal: bad object", None));
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a pipe with a name is made by a program")]
    fn a_git_that_waits_for_ever_is_ended() {
        let scratch = Scratch::new().unwrap();
        let pipe = scratch.0.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut git = started(&scratch);
        git.arg("-c").arg(format!("include.path={}", pipe.display())).args(["var", "GIT_PAGER"]);
        let said = finished_within(Duration::from_millis(300), git, b"").unwrap_err().message_alone();
        assert!(said.contains("gave no answer") && said.contains("`include.path`"), "{said}");
        let mut git = started(&scratch);
        git.args(["hash-object", "--stdin"]);
        let output = finished(git, b"what is sent arrives").unwrap();
        assert!(output.status.success() && output.stdout.len() > 40, "{output:?}");
    }
}
