//! What the daemon is told at start, and who told it: flags > environment > file > defaults.

mod webhook;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use calt_engine::core::isolation::Tier;
use calt_engine::core::policy::{AssuranceByRisk, Demands};
use calt_engine::core::principal::Assurance;
use calt_engine::core::quota::{OPEN_SESSIONS_MAX, PLAN_VERSIONS_MAX, Quota, SNAPSHOTS_MAX};
use config::{Config, ConfigError, Environment, File, FileFormat, Map, Value, ValueKind};

use crate::Options;
use crate::limits::IDLE_SECONDS_DEFAULT;
use crate::notify::Webhook;

/// The names of every setting. A key that is not here is refused by name.
pub(crate) const KEYS: [&str; 27] = [
    "auth.token",
    "isolation.run_as",
    "isolation.tests_without_namespaces",
    "isolation.tier_max",
    "limits.agent_open_sessions",
    "limits.agent_plan_versions",
    "limits.agent_snapshots",
    "log.level",
    "notify.ca_file",
    NOTIFY_SECRET,
    "notify.secret_file",
    NOTIFY_URL,
    "policy.assurance.high",
    "policy.assurance.low",
    "policy.assurance.medium",
    "policy.self_approval",
    "policy.unattended",
    "record.checkpoint_file",
    "server.allow_remote",
    "server.allowed_hosts",
    "server.host",
    "server.idle_seconds",
    "server.port",
    "storage.data_root",
    "storage.db_path",
    "toolchain.python.interpreter",
    PYTHON_ROOTS,
];
/// What begins the names of the clients' settings: each client reads its own section of the same file.
const CLIENTS_SECTIONS: [&str; 2] = ["cli.", "discord."];
const PYTHON_ROOTS: &str = "toolchain.python.roots";
const TOKEN: &str = "auth.token";
const NOTIFY_SECRET: &str = "notify.secret";
const NOTIFY_URL: &str = "notify.url";
/// Settings whose values are never shown: an address may hold what only its receiver should know.
const HIDDEN: [&str; 3] = [TOKEN, NOTIFY_SECRET, NOTIFY_URL];

/// Fixed names in the environment beside `CALT__SECTION__KEY`.
const ALIASES: [(&str, &str); 5] = [
    ("CALT_DAEMON_TOKEN", TOKEN),
    ("CALT_DATA_ROOT", "storage.data_root"),
    ("CALT_DB_PATH", "storage.db_path"),
    ("CALT_LOG", "log.level"),
    ("CALT_NOTIFY_SECRET", NOTIFY_SECRET),
];

/// The address the daemon listens on when nobody says otherwise.
const HOST_DEFAULT: &str = "127.0.0.1";
const PORT_DEFAULT: u16 = 8000;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFault {
    /// A key nobody knows.
    #[error("unknown setting `{key}` in {origin}")]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        origin: String,
    },
    /// A value that does not fit.
    #[error("setting `{key}` is not valid: {reason}")]
    Invalid {
        /// The key.
        key: String,
        /// Why.
        reason: String,
    },
    /// A file that cannot be read.
    #[error("configuration file `{path}` cannot be read: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Neither a data root nor a home to put it below.
    #[error("no data directory: neither `--data-root` nor `XDG_DATA_HOME` nor `HOME` is set")]
    NoDataRoot,
}

/// One setting in force, and where its value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `section.key`.
    pub key: String,
    /// The value in force; a secret is `(set)`.
    pub value: String,
    /// `flag`, `environment`, the file's path, or `default`.
    pub origin: String,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) allow_remote: bool,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) idle_seconds: u64,
    pub(crate) data_root: PathBuf,
    pub(crate) db_path: PathBuf,
    pub(crate) token: Option<String>,
    pub(crate) log_level: String,
    pub(crate) checkpoint_file: Option<PathBuf>,
    pub(crate) webhook: Option<Webhook>,
    /// What signs the webhook, for whoever keeps secrets out of texts.
    pub(crate) webhook_secret: Option<String>,
    pub(crate) python: Option<Python>,
    pub(crate) tier_max: Tier,
    pub(crate) run_as: Option<(u32, u32)>,
    pub(crate) tests_without_namespaces: bool,
    pub(crate) demands: Demands,
    /// How much somebody may hold who may not approve.
    pub(crate) quota: Quota,
    /// Where the configuration lies: the directory of the usual file, and the file that was named.
    pub(crate) configuration: Vec<PathBuf>,
    report: Vec<Setting>,
}

/// Where the owner says python lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Python {
    pub(crate) interpreter: PathBuf,
    pub(crate) roots: Vec<PathBuf>,
}

type Layer = BTreeMap<String, Value>;

impl Settings {
    /// Reads all sources.
    pub(crate) fn load(options: &Options, environment: Map<String, String>) -> Result<Self, SettingsFault> {
        let home = |variable: &str, below: &str| {
            let set = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
            set(variable).or_else(|| set("HOME").map(|home| home.join(below)))
        };
        let default_root = home("XDG_DATA_HOME", ".local/share").map(|base| base.join("calt"));
        let default_file = home("XDG_CONFIG_HOME", ".config").map(|base| base.join("calt/config.toml"));
        let (file_name, from_file) = file_layer(options.config.as_deref(), default_file.as_deref())?;
        let layers = [
            ("flag".to_owned(), flag_layer(options)),
            ("environment".to_owned(), environment_layer(environment)?),
            (file_name, from_file),
        ];
        for (origin, layer) in &layers {
            let is_ours = |key: &&String| !CLIENTS_SECTIONS.iter().any(|section| key.starts_with(section));
            if let Some(key) = layer.keys().filter(is_ours).find(|key| !KEYS.contains(&key.as_str())) {
                return Err(SettingsFault::UnknownKey { key: key.clone(), origin: origin.clone() });
            }
        }
        let settings = Self::from_layers(&layers, default_root, options.background)?;
        let usual = default_file.as_deref().and_then(Path::parent).map(Path::to_owned);
        let named = options.config.as_ref().and_then(|file| std::path::absolute(file).ok());
        Ok(Self { configuration: usual.into_iter().chain(named).collect(), ..settings })
    }

    fn from_layers(layers: &[(String, Layer)], root: Option<PathBuf>, background: bool) -> Result<Self, SettingsFault> {
        let mut pick = Pick { layers, report: Vec::new() };
        let host = pick.value("server.host", HOST_DEFAULT.to_owned(), Value::into_string)?;
        let port_default = if background { 0 } else { PORT_DEFAULT };
        let port = pick.value("server.port", u64::from(port_default), Value::into_uint)?;
        let port = u16::try_from(port).map_err(|_| invalid("server.port", "a port is 0 to 65535"))?;
        let allow_remote = pick.value("server.allow_remote", false, Value::into_bool)?;
        let allowed_hosts = pick.list("server.allowed_hosts")?;
        let idle_seconds = pick.value("server.idle_seconds", IDLE_SECONDS_DEFAULT, Value::into_uint)?;
        let data_root =
            pick.optional("storage.data_root")?.map(PathBuf::from).or(root).ok_or(SettingsFault::NoDataRoot)?;
        let data_root =
            std::path::absolute(&data_root).map_err(|fault| invalid("storage.data_root", &fault.to_string()))?;
        let db_path = pick.optional("storage.db_path")?.map_or_else(|| data_root.join("calt.sqlite3"), PathBuf::from);
        let db_path = std::path::absolute(&db_path).map_err(|fault| invalid("storage.db_path", &fault.to_string()))?;
        pick.fill("storage.data_root", &data_root);
        pick.fill("storage.db_path", &db_path);
        let token = pick.optional(TOKEN)?.filter(|token| !token.is_empty());
        let log_level = pick.value("log.level", "info".to_owned(), Value::into_string)?;
        let checkpoint_file = pick.optional("record.checkpoint_file")?.map(PathBuf::from);
        if checkpoint_file.as_ref().is_some_and(|path| !path.is_absolute()) {
            return Err(invalid("record.checkpoint_file", "it is an absolute path"));
        }
        let (webhook, webhook_secret) = webhook::of(&mut pick)?;
        let interpreter = pick.optional("toolchain.python.interpreter")?.map(PathBuf::from);
        let roots: Vec<_> = pick.list(PYTHON_ROOTS)?.into_iter().map(PathBuf::from).collect();
        if interpreter.is_none() && !roots.is_empty() {
            return Err(invalid(PYTHON_ROOTS, "`toolchain.python.interpreter` is missing"));
        }
        let python = interpreter.map(|interpreter| Python { interpreter, roots });
        let tier_max = pick.value("isolation.tier_max", Tier::Full.to_string(), Value::into_string)?;
        let tier_max =
            [Tier::Full, Tier::KernelFilter, Tier::None].into_iter().find(|tier| tier.to_string() == tier_max);
        let tier_max = tier_max.ok_or_else(|| invalid("isolation.tier_max", "it is full, kernel-filter or none"))?;
        let run_as = pick.optional("isolation.run_as")?.map(|text| user("isolation.run_as", &text)).transpose()?;
        let tests_without_namespaces = pick.value("isolation.tests_without_namespaces", false, Value::into_bool)?;
        let demands = demands(&mut pick)?;
        let quota = pick.quota()?;
        let report = pick.report;
        Ok(Self {
            host,
            port,
            allow_remote,
            allowed_hosts,
            idle_seconds,
            data_root,
            db_path,
            token,
            log_level,
            checkpoint_file,
            webhook,
            webhook_secret,
            python,
            tier_max,
            run_as,
            tests_without_namespaces,
            demands,
            quota,
            configuration: Vec::new(),
            report,
        })
    }

    /// Every setting in force with its origin, by key.
    pub(crate) fn report(&self) -> &[Setting] {
        &self.report
    }

    /// The settings as lines, without secrets: what the configuration's digest is taken over.
    pub(crate) fn canonical(&self) -> String {
        let lines: Vec<_> = self.report.iter().map(|setting| format!("{}={}", setting.key, setting.value)).collect();
        lines.join("\n")
    }
}

/// Takes each value from the first layer that has it, and writes down which one that was.
struct Pick<'l> {
    layers: &'l [(String, Layer)],
    report: Vec<Setting>,
}

impl Pick<'_> {
    fn find(&self, key: &str) -> Option<(String, Value)> {
        self.layers.iter().find_map(|(origin, layer)| Some((origin.clone(), layer.get(key)?.clone())))
    }

    fn note(&mut self, key: &str, value: String, origin: &str) {
        self.report.push(Setting { key: key.to_owned(), value, origin: origin.to_owned() });
    }

    fn value<T: ToString>(
        &mut self,
        key: &str,
        default: T,
        read: fn(Value) -> Result<T, ConfigError>,
    ) -> Result<T, SettingsFault> {
        let Some((origin, value)) = self.find(key) else {
            self.note(key, default.to_string(), "default");
            return Ok(default);
        };
        let value = read(value).map_err(|fault| unfit(key, &fault, &origin))?;
        self.note(key, value.to_string(), &origin);
        Ok(value)
    }

    fn optional(&mut self, key: &str) -> Result<Option<String>, SettingsFault> {
        let Some((origin, value)) = self.find(key) else {
            self.note(key, "(not set)".to_owned(), "default");
            return Ok(None);
        };
        let value = value.into_string().map_err(|fault| unfit(key, &fault, &origin))?;
        let shown = if HIDDEN.contains(&key) { "(set)".to_owned() } else { value.clone() };
        self.note(key, shown, &origin);
        Ok(Some(value))
    }

    fn quota(&mut self) -> Result<Quota, SettingsFault> {
        Ok(Quota {
            open_sessions: self.value("limits.agent_open_sessions", OPEN_SESSIONS_MAX, Value::into_uint)?,
            snapshots: self.value("limits.agent_snapshots", SNAPSHOTS_MAX, Value::into_uint)?,
            plan_versions: self.value("limits.agent_plan_versions", PLAN_VERSIONS_MAX, Value::into_uint)?,
        })
    }

    fn assurance(&mut self, key: &str) -> Result<Assurance, SettingsFault> {
        match self.value(key, "token".to_owned(), Value::into_string)?.as_str() {
            "token" => Ok(Assurance::Token),
            "pin" => Ok(Assurance::Pin),
            _ => Err(invalid(key, "it is token or pin")),
        }
    }

    fn list(&mut self, key: &str) -> Result<Vec<String>, SettingsFault> {
        let Some((origin, value)) = self.find(key) else {
            self.note(key, String::new(), "default");
            return Ok(Vec::new());
        };
        let items: Result<Vec<String>, _> = if let ValueKind::String(text) = value.kind {
            Ok(text.split(',').map(|item| item.trim().to_owned()).collect())
        } else {
            value.into_array().and_then(|items| items.into_iter().map(Value::into_string).collect())
        };
        let items = items.map_err(|fault| invalid(key, &fault.to_string()))?;
        self.note(key, items.join(","), &origin);
        Ok(items)
    }

    /// Shows the path that a default became.
    fn fill(&mut self, key: &str, path: &Path) {
        if let Some(setting) = self.report.iter_mut().find(|setting| setting.key == key) {
            setting.value = path.display().to_string();
        }
    }
}

/// What the owner demands of who decides.
fn demands(pick: &mut Pick<'_>) -> Result<Demands, SettingsFault> {
    Ok(Demands {
        self_approval: pick.value("policy.self_approval", true, Value::into_bool)?,
        unattended: pick.value("policy.unattended", true, Value::into_bool)?,
        assurance: AssuranceByRisk {
            low: pick.assurance("policy.assurance.low")?,
            medium: pick.assurance("policy.assurance.medium")?,
            high: pick.assurance("policy.assurance.high")?,
        },
    })
}

/// `UID:GID`, both numbers and neither root's.
fn user(key: &str, text: &str) -> Result<(u32, u32), SettingsFault> {
    let ids = text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    match ids {
        Some((uid @ 1.., gid @ 1..)) => Ok((uid, gid)),
        Some(_) => Err(invalid(key, "commands never run as root")),
        None => Err(invalid(key, "write it as numbers, UID:GID")),
    }
}

fn invalid(key: &str, reason: &str) -> SettingsFault {
    SettingsFault::Invalid { key: key.to_owned(), reason: reason.to_owned() }
}

/// A value of another type. The reader names the file from where it stands, which leads nobody there.
fn unfit(key: &str, fault: &ConfigError, origin: &str) -> SettingsFault {
    if let ConfigError::Type { unexpected, expected, .. } = fault {
        return invalid(key, &format!("{unexpected}, expected {expected}, in {origin}"));
    }
    invalid(key, &fault.to_string())
}

fn flag_layer(options: &Options) -> Layer {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
    let flags = [
        ("storage.db_path", path(&options.db_path)),
        ("storage.data_root", path(&options.data_root)),
        ("server.host", options.host.clone()),
        ("server.port", options.port.map(|port| port.to_string())),
    ];
    let set = flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?))));
    set.collect()
}

fn environment_layer(mut variables: Map<String, String>) -> Result<Layer, SettingsFault> {
    for (alias, key) in ALIASES {
        if let Some(value) = variables.remove(alias).filter(|value| !value.is_empty()) {
            variables.insert(format!("CALT__{}", key.to_uppercase().replace('.', "__")), value);
        }
    }
    // Values stay text here (a token `007` is not a number); each setting reads its own kind.
    let source = Environment::with_prefix("CALT").prefix_separator("__").separator("__");
    let built = Config::builder().add_source(source.source(Some(variables))).build();
    let built = built.map_err(|fault| invalid("environment", &fault.to_string()))?;
    Ok(flatten(built))
}

fn file_layer(asked: Option<&Path>, default: Option<&Path>) -> Result<(String, Layer), SettingsFault> {
    let Some(path) = asked.or_else(|| default.filter(|path| path.is_file())) else {
        return Ok(("file".to_owned(), Layer::new()));
    };
    let source = File::new(&path.to_string_lossy(), FileFormat::Toml);
    let built = Config::builder().add_source(source).build();
    let name = path.display().to_string();
    let built = built.map_err(|fault| SettingsFault::File { path: name.clone(), reason: fault.to_string() })?;
    let layer = flatten(built);
    if layer.contains_key(TOKEN) {
        return Err(invalid(TOKEN, "a token never stands in a file; use `CALT_DAEMON_TOKEN`"));
    }
    if layer.contains_key(NOTIFY_SECRET) {
        return Err(invalid(
            NOTIFY_SECRET,
            "it never stands in this file; name one of its own in `notify.secret_file`",
        ));
    }
    Ok((name, layer))
}

fn flatten(config: Config) -> Layer {
    let mut layer = Layer::new();
    flatten_into(&mut layer, "", config.cache);
    layer
}

fn flatten_into(layer: &mut Layer, prefix: &str, value: Value) {
    // `kind` is a foreign enum: everything that is not a table is a leaf.
    if let ValueKind::Table(table) = value.kind {
        for (key, value) in table {
            let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            flatten_into(layer, &key, value);
        }
    } else {
        layer.insert(prefix.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Map<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn origin(settings: &Settings, key: &str) -> String {
        settings.report().iter().find(|setting| setting.key == key).expect("the key is listed").origin.clone()
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "[server]\nhost = \"::1\"\nport = 1\nidle_seconds = 5\n").unwrap();
        let options = Options { config: Some(file.clone()), port: Some(3), ..Options::default() };
        let variables =
            environment(&[("HOME", "/h"), ("CALT__SERVER__PORT", "2"), ("CALT__SERVER__HOST", "localhost")]);
        let settings = Settings::load(&options, variables).unwrap();
        assert_eq!((settings.port, settings.host.as_str(), settings.idle_seconds), (3, "localhost", 5));
        assert_eq!(origin(&settings, "server.port"), "flag");
        assert_eq!(origin(&settings, "server.host"), "environment");
        assert_eq!(origin(&settings, "server.idle_seconds"), file.display().to_string());
        assert_eq!(origin(&settings, "storage.data_root"), "default");
        assert_eq!(settings.data_root, PathBuf::from("/h/.local/share/calt"));
    }

    #[test]
    fn an_unknown_key_is_refused_by_name_in_file_and_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "[server]\nprot = 1\n").unwrap();
        let options = Options { config: Some(file), ..Options::default() };
        let fault = Settings::load(&options, environment(&[("HOME", "/h")])).unwrap_err();
        assert!(fault.to_string().starts_with("unknown setting `server.prot` in /"), "{fault}");
        let variables = environment(&[("HOME", "/h"), ("CALT__SERVER__PROT", "1")]);
        let fault = Settings::load(&Options::default(), variables).unwrap_err();
        assert_eq!(fault.to_string(), "unknown setting `server.prot` in environment");
    }

    #[test]
    fn aliases_and_lists_are_read_and_a_token_is_never_shown() {
        let variables = environment(&[
            ("CALT_DATA_ROOT", "/d"),
            ("CALT_DAEMON_TOKEN", "007"),
            ("CALT__SERVER__ALLOWED_HOSTS", "a.example,b.example:81"),
        ]);
        let settings = Settings::load(&Options::default(), variables).unwrap();
        assert_eq!(settings.token.as_deref(), Some("007"));
        assert_eq!(settings.allowed_hosts, ["a.example", "b.example:81"]);
        assert!(!settings.canonical().contains("007"));
        let variables = environment(&[("CALT_DATA_ROOT", "/d"), ("CALT__SERVER__ALLOWED_HOSTS", "a.example")]);
        assert_eq!(Settings::load(&Options::default(), variables).unwrap().allowed_hosts, ["a.example"]);
    }

    #[test]
    fn a_background_daemon_takes_a_free_port() {
        let options = Options { background: true, ..Options::default() };
        assert_eq!(Settings::load(&options, environment(&[("HOME", "/h")])).unwrap().port, 0);
    }

    #[test]
    fn a_token_in_a_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, "[auth]\ntoken = \"x\"\n").unwrap();
        let options = Options { config: Some(file), ..Options::default() };
        let fault = Settings::load(&options, environment(&[("HOME", "/h")])).unwrap_err();
        assert!(fault.to_string().contains("never stands in a file"), "{fault}");
    }
}
