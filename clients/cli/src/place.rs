//! Where calt keeps its data: flag > environment > file > default, the same order as the daemon's.

use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::words::t;

/// Largest configuration file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// The setting's own name in the environment; `CALT_DATA_ROOT` is its fixed alias.
const VARIABLE: &str = "CALT__STORAGE__DATA_ROOT";
/// The language's name in the environment.
const LANGUAGE_VARIABLE: &str = "CALT__CLI__LANGUAGE";

/// A value, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) from: String,
}

/// The data root: as named, or as the configuration says, or `$XDG_DATA_HOME/calt`.
pub(crate) fn data_root(named: Option<Sourced<PathBuf>>) -> Result<Sourced<PathBuf>, Fault> {
    let named = named.or_else(|| variable(VARIABLE).map(|value| Sourced { value, from: "environment".to_owned() }));
    let found = match named {
        Some(named) => named,
        None => match in_file()? {
            Some(found) => found,
            None => default()?,
        },
    };
    let value = std::path::absolute(&found.value).map_err(|error| {
        Fault::usage(t!("the data root `{root}` cannot be used: {error}", root = found.value.display(), error = error))
    })?;
    Ok(Sourced { value, from: found.from })
}

fn default() -> Result<Sourced<PathBuf>, Fault> {
    let base = below_home("XDG_DATA_HOME", ".local/share").ok_or_else(|| Fault::Usage {
        message: t!("there is no place for data: neither `HOME` nor `XDG_DATA_HOME` is set"),
        hint: Some("export CALT_DATA_ROOT=DIR".to_owned()),
    })?;
    Ok(Sourced { value: base.join("calt"), from: "default".to_owned() })
}

/// `storage.data_root` of the configuration file, if there is one.
fn in_file() -> Result<Option<Sourced<PathBuf>>, Fault> {
    let Some(path) = configuration_file().filter(|path| path.is_file()) else { return Ok(None) };
    let fault = |reason: &str| {
        Fault::usage(t!("configuration file `{path}` cannot be read: {reason}", path = path.display(), reason = reason))
    };
    let text = read_bounded(&path).map_err(|error| fault(&error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| fault(error.message()))?;
    let root = table.get("storage").and_then(|storage| storage.get("data_root")?.as_str());
    Ok(root.map(|root| Sourced { value: PathBuf::from(root), from: path.display().to_string() }))
}

/// `cli.language` of the environment or the configuration. A file that cannot be read is reported where it is needed.
pub(crate) fn language() -> Option<Sourced<String>> {
    let in_environment = std::env::var(LANGUAGE_VARIABLE).ok().filter(|value| !value.is_empty());
    if let Some(value) = in_environment {
        return Some(Sourced { value, from: "environment".to_owned() });
    }
    let path = configuration_file().filter(|path| path.is_file())?;
    let table: toml::Table = read_bounded(&path).ok()?.parse().ok()?;
    let value = table.get("cli")?.get("language")?.as_str()?.to_owned();
    Some(Sourced { value, from: path.display().to_string() })
}

/// Where the configuration file is, whether it exists or not.
pub(crate) fn configuration_file() -> Option<PathBuf> {
    below_home("XDG_CONFIG_HOME", ".config").map(|base| base.join("calt/config.toml"))
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn below_home(name: &str, below: &str) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    absolute(name).or_else(|| absolute("HOME").map(|home| home.join(below)))
}

/// Where this program is, when cargo ran it and hints that begin with `calt` would not find it.
pub(crate) fn when_not_installed() -> Option<String> {
    variable("CARGO")?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|directory| directory.join("calt").is_file()) {
        return None;
    }
    let program = std::env::current_exe().ok()?;
    let here = std::env::current_dir().ok()?;
    let shown = program.strip_prefix(here).unwrap_or(&program);
    Some(calt_api::visible::visible_line(&crate::hint::quoted(&shown.display().to_string())).into_owned())
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
