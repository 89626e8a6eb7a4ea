//! The files beside the database: each session's plans and artifacts, below the data root.

mod key;
mod pin;
mod recover;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use calt_core::decide::ArtifactFile;
use calt_core::digest::Digest;
use calt_core::id::{RunId, SessionId, StepId};
use calt_core::manifest::{Head, read_head};
use calt_core::moment::{Moment, pass};
use serde_json::Value;

pub use key::append_note;
pub(crate) use recover::{orphans_set_aside, output_again, outputs_made_again, read_artifact_or_output};

/// Permission bits of directories: the owner alone.
const DIRECTORY_MODE: u32 = 0o700;
/// Permission bits of files: the owner alone.
const FILE_MODE: u32 = 0o600;
/// What an artifact is that holds a run's output.
const OUTPUT_KIND: &str = "output";
/// Where a restore puts things together, below the data root.
pub const RESTORING: &str = "restoring";
/// What the manifest of a copy is called, in its session's directory.
const MANIFEST: &str = "manifest";
/// Longest first line of a manifest, in bytes.
const MANIFEST_HEAD_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How the note ends that a session's workspace is being copied.
const COPY_NOTE: &str = ".copy";
/// Numbers the unfinished files of this process.
static PARTS: AtomicU64 = AtomicU64::new(0);

/// How surely a file must be on disk when the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It repeats an output the log holds: written, not synced, and made again at recovery.
    RepeatsOutput,
    /// The log does not hold it: synced with its directory, before the event that names it.
    Own,
}

/// The data root. Every path below it is made of ids, so none can lead outside.
#[derive(Clone, Debug)]
pub struct Files {
    root: PathBuf,
    name: String,
}

impl Files {
    /// Takes the data root, makes it if need be, and tightens its permissions.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(root: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(root)?;
        let root = root.canonicalize()?;
        tighten(&root)?;
        let name = root.file_name().map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned());
        let files = Self { root, name };
        make_directory(&files.sessions())?;
        tighten(&files.sessions())?;
        Ok(files)
    }

    /// Takes a data root as it is, to look and change nothing.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn at(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let name = root.file_name().map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Self { root, name })
    }

    /// The data root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn sessions(&self) -> PathBuf {
        self.root.join("sessions")
    }

    /// Where files lie while they are written, before they get their names.
    fn unfinished(&self) -> PathBuf {
        self.root.join("unfinished")
    }

    /// A session's directory: `<data-root>/sessions/<id>`.
    pub fn session(&self, session: &SessionId) -> PathBuf {
        self.sessions().join(session.as_str())
    }

    /// Makes a session's `artifacts/` and `plans/`, durably: they stand when its creation is answered.
    ///
    /// # Errors
    /// What the file system says.
    pub fn make_session(&self, session: &SessionId) -> io::Result<()> {
        let directory = self.session(session);
        let mut fresh = make_directory(&directory)?;
        for below in ["artifacts", "plans"] {
            fresh |= make_directory(&directory.join(below))?;
        }
        if fresh {
            tighten(&directory)?;
            sync(&directory)?;
            sync(&self.sessions())?;
        }
        Ok(())
    }

    /// Notes that a session's workspace is being copied, durably: until its event is there, it is nobody's.
    ///
    /// # Errors
    /// What the file system says.
    pub fn begin_copy(&self, session: &SessionId) -> io::Result<()> {
        make_directory(&self.unfinished())?;
        write(&self.copy_note(session), b"").and_then(|file| file.sync_all())?;
        sync(&self.unfinished())
    }

    /// The same, once the event is there.
    ///
    /// # Errors
    /// What the file system says.
    pub fn finish_copy(&self, session: &SessionId) -> io::Result<()> {
        fs::remove_file(self.copy_note(session))
    }

    /// Removes a copy that was not finished, with the session's directory; gives whether there was one.
    ///
    /// # Errors
    /// What the file system says.
    pub fn remove_unfinished_copy(&self, session: &SessionId) -> io::Result<bool> {
        let note = self.copy_note(session);
        if !note.exists() {
            return Ok(false);
        }
        match fs::remove_dir_all(self.session(session)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::remove_file(note)?;
        Ok(true)
    }

    fn copy_note(&self, session: &SessionId) -> PathBuf {
        self.unfinished().join(format!("{session}{COPY_NOTE}"))
    }

    /// Keeps the manifest of a copy, durably, before the event that names it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_manifest(&self, session: &SessionId, bytes: &[u8]) -> io::Result<()> {
        let directory = self.session(session);
        write(&directory.join(MANIFEST), bytes).and_then(|file| file.sync_all())?;
        sync(&directory)
    }

    /// Reads the manifest of a copy, and checks that it is the one of this digest.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` when the bytes are others.
    pub fn read_manifest(&self, session: &SessionId, digest: Digest) -> io::Result<Vec<u8>> {
        read_checked(&self.session(session).join(MANIFEST), digest)
    }

    /// What the manifest of a copy says of the whole; `None` when there is no such thing.
    pub fn read_manifest_head(&self, session: &SessionId) -> Option<Head> {
        let mut line = Vec::new();
        let file = File::open(self.session(session).join(MANIFEST)).ok()?;
        io::BufReader::new(file).take(MANIFEST_HEAD_BYTES_MAX).read_until(b'\n', &mut line).ok()?;
        read_head(&line)
    }

    /// What the artifact of a run's output is called.
    pub fn artifact_name(run: RunId, step: &StepId) -> String {
        format!("{run}-{step}.json")
    }

    /// Writes an artifact of a run. An output's file is written with [`output_bytes`].
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_artifact(
        &self,
        session: &SessionId,
        run: RunId,
        step: &StepId,
        bytes: &[u8],
        durability: Durability,
    ) -> io::Result<ArtifactFile> {
        let directory = self.session(session).join("artifacts");
        let file_name = Self::artifact_name(run, step);
        let path = directory.join(&file_name);
        let written = match durability {
            Durability::RepeatsOutput => write(&path, bytes).map(drop),
            Durability::Own => write(&path, bytes).and_then(|file| file.sync_all()).and_then(|()| sync(&directory)),
        };
        if let Err(error) = written {
            // A part of an artifact must not look like one.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(ArtifactFile {
            kind: OUTPUT_KIND.to_owned(),
            path: format!("{}/sessions/{session}/artifacts/{file_name}", self.name),
            sha256: Digest::of_bytes(bytes),
            bytes: bytes.len() as u64,
        })
    }

    /// Reads an artifact by the path its event names, and checks its digest.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` when the path is not an artifact's or the bytes are others.
    pub fn read_artifact(&self, recorded_path: &str, sha256: Digest) -> io::Result<Vec<u8>> {
        let path = self.artifact_path(recorded_path).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("`{recorded_path}` is not an artifact's path"))
        })?;
        read_checked(&path, sha256)
    }

    /// Where an artifact lies now, whatever the data directory was called when it was written.
    fn artifact_path(&self, recorded: &str) -> Option<PathBuf> {
        Self::below_root(recorded).map(|path| self.root.join(path))
    }

    /// The same, below the data root.
    pub(crate) fn below_root(recorded: &str) -> Option<PathBuf> {
        let (_, below) = recorded.split_once("/sessions/")?;
        let mut parts = below.split('/');
        let (session, directory, file, end) = (parts.next()?, parts.next()?, parts.next()?, parts.next());
        let session = SessionId::parse(session)?;
        let plain = !file.is_empty() && file != "." && file != "..";
        let is_artifact = directory == "artifacts" && plain && end.is_none();
        is_artifact.then(|| ["sessions", session.as_str(), directory, file].iter().collect())
    }

    /// Takes away the artifact of a run whose end the log does not hold, if there is one.
    ///
    /// # Errors
    /// What the file system says.
    pub fn remove_unrecorded_artifact(&self, session: &SessionId, run: RunId, step: &StepId) -> io::Result<()> {
        let path = self.session(session).join("artifacts").join(Self::artifact_name(run, step));
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Keeps a plan document as submitted, durably, before its event. The same bytes again change nothing.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write_plan(&self, session: &SessionId, version: u32, digest: Digest, bytes: &[u8]) -> io::Result<()> {
        self.write_plan_file(session, &format!("{version}-{digest}.plan"), bytes)
    }

    /// Reads a plan document back, and checks that it is the one of this digest.
    ///
    /// # Errors
    /// What the file system says; `InvalidData` when the bytes are others.
    pub fn read_plan(&self, session: &SessionId, version: u32, digest: Digest) -> io::Result<Vec<u8>> {
        read_checked(&self.session(session).join("plans").join(format!("{version}-{digest}.plan")), digest)
    }

    /// Removes an artifact by the path its event names.
    pub(crate) fn remove_artifact(&self, recorded_path: &str) -> io::Result<()> {
        let Some(path) = self.artifact_path(recorded_path) else { return Ok(()) };
        fs::remove_file(&path)?;
        path.parent().map_or(Ok(()), sync)
    }

    /// Removes every document and masked form of a plan version.
    pub(crate) fn remove_plans(&self, session: &SessionId, version: u32) -> io::Result<()> {
        let directory = self.session(session).join("plans");
        let prefix = format!("{version}-");
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
                fs::remove_file(&path)?;
            }
        }
        sync(&directory)
    }

    pub(crate) fn write_masked_plan(
        &self,
        session: &SessionId,
        version: u32,
        digest: Digest,
        bytes: &[u8],
    ) -> io::Result<()> {
        self.write_plan_file(session, &format!("{version}-{digest}.masked.json"), bytes)
    }

    pub(crate) fn read_masked_plan(&self, session: &SessionId, version: u32, digest: Digest) -> io::Result<Vec<u8>> {
        read_checked(&self.session(session).join("plans").join(format!("{version}-{digest}.masked.json")), digest)
    }

    fn write_plan_file(&self, session: &SessionId, file_name: &str, bytes: &[u8]) -> io::Result<()> {
        let directory = self.session(session).join("plans");
        let path = directory.join(file_name);
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            // It may be there from an attempt that crashed before it was synced.
            File::open(&path)?.sync_all()?;
            return sync(&directory);
        }
        // Each of its own: the same plan may come twice at once, and none may write to what the other put in place.
        // Apart from the plans: what a crash leaves is found in one place, however many sessions there are.
        make_directory(&self.unfinished())?;
        let part = self.unfinished().join(format!("{session}.{file_name}.{}", PARTS.fetch_add(1, Ordering::Relaxed)));
        let written = write(&part, bytes).and_then(|file| file.sync_all()).and_then(|()| {
            pass(Moment::PlanWritten);
            fs::rename(&part, &path)
        });
        if let Err(error) = written {
            let _ = fs::remove_file(&part);
            return Err(error);
        }
        sync(&directory)
    }
}

/// The bytes of the artifact that repeats an output. Recovery makes the same again from the log.
pub fn output_bytes(output: &Value) -> Vec<u8> {
    let mut bytes = output.to_string().into_bytes();
    bytes.push(b'\n');
    bytes
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
    file.write_all(bytes)?;
    Ok(file)
}

fn read_checked(path: &Path, digest: Digest) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    if Digest::of_bytes(&bytes) != digest {
        let reason = format!("`{}` is not what was recorded", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(bytes)
}

/// Makes a directory; says whether it was missing.
fn make_directory(path: &Path) -> io::Result<bool> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Takes group and others their rights on a directory that is ours.
fn tighten(path: &Path) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777), "permissions were too wide and are tightened");
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700))?;
    }
    Ok(())
}
