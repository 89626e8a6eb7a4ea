//! The programs a command may name, resolved once at start on a fixed path.

use std::path::{Path, PathBuf};

/// Where programs are looked for; never a workspace, never the daemon's own `PATH`.
pub(crate) const FIXED_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program a command may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Ls,
    Cat,
    Rg,
    Find,
    Git,
    Python,
}

impl Program {
    pub(crate) const ALL: [Self; 6] = [Self::Ls, Self::Cat, Self::Rg, Self::Find, Self::Git, Self::Python];

    /// The word a command uses.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ls => "ls",
            Self::Cat => "cat",
            Self::Rg => "rg",
            Self::Find => "find",
            Self::Git => "git",
            Self::Python => "python",
        }
    }

    /// The file to look for.
    const fn file(self) -> &'static str {
        match self {
            Self::Python => "python3",
            Self::Ls | Self::Cat | Self::Rg | Self::Find | Self::Git => self.word(),
        }
    }

    /// The Debian package that has it.
    pub(crate) const fn package(self) -> &'static str {
        match self {
            Self::Ls | Self::Cat => "coreutils",
            Self::Rg => "ripgrep",
            Self::Find => "findutils",
            Self::Git => "git",
            Self::Python => "python3-pytest",
        }
    }

    /// Finds the program on the fixed path.
    pub(crate) fn find(self) -> Option<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let is_program = |path: &Path| {
            std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        };
        FIXED_PATH.split(':').map(|directory| Path::new(directory).join(self.file())).find(|path| is_program(path))
    }
}
