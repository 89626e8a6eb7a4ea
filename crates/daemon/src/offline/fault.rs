//! Why an offline command did not do what was asked, in the command line's form.

use std::path::PathBuf;

use calt_api::lines;
use calt_api::visible::visible_line;
use calt_api::{Code, Language, Next, Problem};
use calt_engine::core::Refusal;
use calt_engine::store::{BackupError, OpenError, StoreError};
use serde_json::{Value, json};

use crate::ground::GroundFault;
use crate::settings::SettingsFault;

/// Exit code: something in the record, or in a backup of it, is not as it was written.
pub(super) const EXIT_FOUND: u8 = 6;
/// The same in one word, for programs.
const FOUND: &str = "record_differs";

/// Why nothing, or not all, was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum OfflineFault {
    #[error(transparent)]
    Settings(#[from] SettingsFault),
    #[error("there is no database `{}`", path.display())]
    NoDatabase { path: PathBuf },
    #[error("`{}` is not empty: {what}; nothing is ever restored over something else", path.display())]
    NotEmpty { path: PathBuf, what: String },
    #[error(transparent)]
    Ground(#[from] GroundFault),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{refusal}")]
    NotOpened { refusal: Box<Refusal>, again: String },
    #[error("{what}")]
    Pin { what: String, hint: String },
    #[error("{what} `{name}` cannot be used: {why}")]
    Given { what: &'static str, name: String, why: String },
}

/// What follows from a fault: the exit code, its word, and the next command.
struct Consequence {
    exit: u8,
    code: &'static str,
    hint: &'static str,
}

impl Consequence {
    const fn of(code: Code, hint: &'static str) -> Self {
        Self { exit: code.family().exit(), code: code.as_str(), hint }
    }

    const fn found(hint: &'static str) -> Self {
        Self { exit: EXIT_FOUND, code: FOUND, hint }
    }
}

const DOCTOR: &str = "calt doctor";
const FROM_A_BACKUP: &str = "calt record restore BACKUP --data-root NEW_DIRECTORY";

impl OfflineFault {
    pub(super) fn exit(&self) -> u8 {
        if let Some(refusal) = self.refusal() {
            return Problem::from(refusal).exit();
        }
        self.consequence().exit
    }

    /// The gate's own refusal, where it is one.
    fn refusal(&self) -> Option<&Refusal> {
        if let Self::NotOpened { refusal, .. } = self {
            return Some(refusal);
        }
        if let Self::Refused(refusal) = self { Some(refusal) } else { None }
    }

    fn hint(&self) -> String {
        if let Self::Pin { hint, .. } | Self::NotOpened { again: hint, .. } = self {
            return hint.clone();
        }
        if let Self::Refused(refusal) = self {
            return match Problem::from(refusal).next {
                Some(Next::ListPersons) => "calt person list".to_owned(),
                Some(Next::VerifyRecord) => "calt record verify".to_owned(),
                Some(Next::SetPin { principal: Some(principal) }) => format!("calt pin set --for {principal}"),
                Some(_) | None => "calt pin --help".to_owned(),
            };
        }
        self.consequence().hint.to_owned()
    }

    const fn consequence(&self) -> Consequence {
        match self {
            Self::Settings(_) | Self::NoDatabase { .. } => Consequence::of(Code::InputInvalid, DOCTOR),
            Self::Given { .. } => Consequence::of(Code::InputInvalid, "calt record verify --help"),
            Self::NotEmpty { .. } => Consequence::of(Code::InputInvalid, FROM_A_BACKUP),
            Self::Ground(GroundFault::Taken { .. }) => Consequence::of(Code::StorageUnavailable, "calt daemon stop"),
            Self::Ground(GroundFault::Disk { .. }) => Consequence::of(Code::StorageUnavailable, DOCTOR),
            Self::Backup(error) => of_backup(error),
            Self::Open(error) => of_open(error),
            Self::Store(error) => of_store(error),
            Self::Refused(_) | Self::NotOpened { .. } | Self::Pin { .. } => {
                Consequence::of(Code::InputInvalid, "calt pin --help")
            }
        }
    }

    /// The one line: what stands in the way.
    fn detail(&self) -> String {
        if let Self::Ground(GroundFault::Taken { what, path, holder }) = self {
            return format!("a daemon works on {what} `{path}`, and this changes it: {holder}");
        }
        self.to_string()
    }

    /// `error: …` and `hint: …`, in the person's language.
    pub(super) fn render(&self, language: Language) -> String {
        let (error, hint) = match language {
            Language::English => ("error", "hint"),
            Language::Japanese => ("エラー", "ヒント"),
        };
        let detail = match self.refusal() {
            Some(Refusal::PinLocked { until }) => language.locked_until(&until.to_string()),
            Some(refusal) => Problem::from(refusal).said_in(language),
            None => language.told(&self.detail()),
        };
        let said = format!("{error}: {}\n", visible_line(&detail));
        let command = visible_line(&language.told(&self.hint())).into_owned();
        let width = super::progress::columns_of(std::io::stderr()).unwrap_or(usize::MAX);
        lines::broken(&said, width) + &lines::with_command(&format!("{hint}: {command}\n"), &command, width)
    }

    /// What standard output says of it under `--json`.
    pub(super) fn json(&self) -> Value {
        let code = self.refusal().map_or_else(|| self.consequence().code, Refusal::code);
        json!({
            "code": code, "args": null, "next": null, "detail": self.detail(), "hint": self.hint(), "exit": self.exit(),
        })
    }
}

const fn of_backup(error: &BackupError) -> Consequence {
    match error {
        BackupError::Exists { .. } => Consequence::of(Code::InputInvalid, "calt record backup ANOTHER_FILE"),
        BackupError::NotABackup { .. } => Consequence::of(Code::InputInvalid, "calt record restore BACKUP"),
        BackupError::Damaged { .. } => Consequence::found("calt record restore AN_OLDER_BACKUP"),
        BackupError::Newer { .. } | BackupError::Files { .. } => Consequence::of(Code::StorageUnavailable, DOCTOR),
        BackupError::Open(error) => of_open(error),
        BackupError::Store(error) => of_store(error),
    }
}

const fn of_open(error: &OpenError) -> Consequence {
    match error {
        OpenError::Corrupt { .. } => Consequence::found(FROM_A_BACKUP),
        OpenError::Backup { .. } | OpenError::Unfinished { .. } => {
            Consequence::of(Code::InputInvalid, "calt record restore BACKUP")
        }
        OpenError::EarlierCalt { .. }
        | OpenError::Foreign { .. }
        | OpenError::Newer { .. }
        | OpenError::Files { .. }
        | OpenError::Database { .. } => Consequence::of(Code::StorageUnavailable, DOCTOR),
    }
}

const fn of_store(error: &StoreError) -> Consequence {
    match error {
        StoreError::Corrupt(_) => Consequence::found(FROM_A_BACKUP),
        StoreError::Full => Consequence::of(Code::StorageFull, DOCTOR),
        StoreError::Behind { .. } => Consequence::of(Code::LogBehind, "calt record accept-loss"),
        StoreError::Unavailable(_) | StoreError::Busy => Consequence::of(Code::StorageUnavailable, DOCTOR),
    }
}
