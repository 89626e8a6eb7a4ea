//! Why an offline command did not do what was asked, in the command line's form.

use std::path::PathBuf;

use calt_api::Code;
use calt_api::visible::visible_line;
use calt_engine::store::{OpenError, StoreError};
use serde_json::{Value, json};

use crate::ground::GroundFault;
use crate::settings::SettingsFault;

/// Why nothing, or not all, was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum OfflineFault {
    #[error(transparent)]
    Settings(#[from] SettingsFault),
    #[error("there is no database `{}`", path.display())]
    NoDatabase { path: PathBuf },
    #[error(transparent)]
    Ground(#[from] GroundFault),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{what} `{name}` cannot be used: {why}")]
    Given { what: &'static str, name: String, why: String },
}

impl OfflineFault {
    pub(super) const fn exit(&self) -> u8 {
        self.code().family().exit()
    }

    const fn code(&self) -> Code {
        match self {
            Self::Settings(_) | Self::NoDatabase { .. } | Self::Given { .. } => Code::InputInvalid,
            Self::Open(OpenError::Corrupt { .. }) | Self::Store(StoreError::Corrupt(_)) => Code::LogCorrupt,
            Self::Store(StoreError::Full) => Code::StorageFull,
            Self::Store(StoreError::Behind { .. }) => Code::LogBehind,
            Self::Ground(_)
            | Self::Open(
                OpenError::EarlierCalt { .. }
                | OpenError::Foreign { .. }
                | OpenError::Newer { .. }
                | OpenError::Files { .. }
                | OpenError::Database { .. },
            )
            | Self::Store(StoreError::Unavailable(_) | StoreError::Busy) => Code::StorageUnavailable,
        }
    }

    /// The next command.
    fn hint(&self) -> &'static str {
        match self {
            Self::Ground(GroundFault::Taken { .. }) => "calt daemon stop",
            Self::Open(OpenError::Corrupt { .. }) | Self::Store(StoreError::Corrupt(_)) => {
                "calt record restore FILE --data-root DIR"
            }
            Self::Store(StoreError::Behind { .. }) => "calt record accept-loss",
            Self::Given { .. } => "calt record verify --help",
            Self::Settings(_)
            | Self::NoDatabase { .. }
            | Self::Ground(GroundFault::Disk { .. })
            | Self::Open(
                OpenError::EarlierCalt { .. }
                | OpenError::Foreign { .. }
                | OpenError::Newer { .. }
                | OpenError::Files { .. }
                | OpenError::Database { .. },
            )
            | Self::Store(StoreError::Unavailable(_) | StoreError::Full | StoreError::Busy) => "calt doctor",
        }
    }

    /// The one line: what stands in the way.
    fn detail(&self) -> String {
        if let Self::Ground(GroundFault::Taken { what, path, holder }) = self {
            return format!("a daemon works on {what} `{path}`, and this changes it: {holder}");
        }
        self.to_string()
    }

    /// `error: …` and `hint: …`.
    pub(super) fn render(&self) -> String {
        format!("error: {}\nhint: {}\n", visible_line(&self.detail()), visible_line(self.hint()))
    }

    /// What standard output says of it under `--json`.
    pub(super) fn json(&self) -> Value {
        json!({
            "code": self.code().as_str(), "args": null, "next": null,
            "detail": self.detail(), "hint": self.hint(), "exit": self.exit(),
        })
    }
}
