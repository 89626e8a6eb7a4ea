//! What the bot is told at start: environment > file > defaults.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use calt_api::Language;

/// Largest configuration file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// Longest id of an account, a guild or a channel, in digits: a number of 64 bits.
const ID_DIGITS_MAX: usize = 20;
/// Most accounts, and most guilds.
const IDS_MAX: usize = 100;
/// Discord's own address.
const API_URL: &str = "https://discord.com";
/// The version of Discord's interface that is spoken.
const API_PATH: &str = "/api/v10";

/// The keys of `[discord]`, each with its name in the environment.
pub(crate) const KEYS: [(&str, &str); 11] = [
    ("allowed_users", "CALT_DISCORD_ALLOWED_USERS"),
    ("api_url", "CALT_DISCORD_API_URL"),
    ("channel", "CALT_DISCORD_CHANNEL"),
    ("gateway_url", "CALT_DISCORD_GATEWAY_URL"),
    ("guilds", "CALT_DISCORD_GUILDS"),
    ("high_risk", "CALT_DISCORD_HIGH_RISK"),
    ("language", "CALT_DISCORD_LANGUAGE"),
    ("relay_token_file", "CALT_DISCORD_RELAY_TOKEN_FILE"),
    ("state_file", "CALT_DISCORD_STATE_FILE"),
    ("token", "CALT_DISCORD_TOKEN"),
    ("token_file", "CALT_DISCORD_TOKEN_FILE"),
];

/// Why the bot cannot start as it is set up, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct SettingsFault {
    what: String,
    /// What would put it right.
    pub(crate) fix: String,
}

/// The settings in force.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) token: String,
    pub(crate) allowed_users: Vec<String>,
    pub(crate) guilds: Vec<String>,
    pub(crate) channel: Option<String>,
    pub(crate) high_risk_in_terminal_only: bool,
    /// Of what is posted by itself; left out: the language of the server.
    pub(crate) language: Option<Language>,
    pub(crate) api_url: String,
    pub(crate) gateway_url: Option<String>,
    pub(crate) state_file: PathBuf,
    pub(crate) relay_token: Option<String>,
}

impl Settings {
    /// Whether anything says that there is to be a bot.
    pub(crate) fn is_configured(config: Option<&Path>, environment: &BTreeMap<String, String>) -> bool {
        let in_environment = KEYS.iter().any(|(_, variable)| environment.contains_key(*variable));
        in_environment || table(config, environment).is_ok_and(|table| !table.is_empty())
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// [`SettingsFault`] names the setting.
    pub(crate) fn load(config: Option<&Path>, environment: &BTreeMap<String, String>) -> Result<Self, SettingsFault> {
        let table = table(config, environment)?;
        if let Some(unknown) = table.keys().find(|key| !KEYS.iter().any(|(known, _)| known == key)) {
            return Err(fault(
                format!("unknown setting `discord.{unknown}`"),
                "docs/discord.md lists the settings (a package has it in /usr/share/doc/calt)",
            ));
        }
        let given = Given { table, environment };
        let token = match (given.text("token"), given.text("token_file")) {
            (Some(token), _) => token,
            (None, Some(path)) => secret_in("discord.token_file", Path::new(&path))?,
            (None, None) => {
                return Err(fault(
                    "no bot token is set".to_owned(),
                    "set discord.token_file or CALT_DISCORD_TOKEN; docs/discord.md leads through it (a package has it in /usr/share/doc/calt)",
                ));
            }
        };
        let token = token.trim().trim_start_matches("Bot ").to_owned();
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(fault("the bot token has another form than Discord's".to_owned(), "copy it again, whole"));
        }
        let allowed_users = given.ids("allowed_users")?;
        if allowed_users.is_empty() {
            let fix = "set discord.allowed_users or CALT_DISCORD_ALLOWED_USERS to the ids of those who may use the bot";
            return Err(fault("nobody may use the bot: the list of allowed users is empty".to_owned(), fix));
        }
        let channel = given.ids("channel")?;
        if channel.len() > 1 {
            return Err(fault("`discord.channel` names more than one channel".to_owned(), "name one"));
        }
        Ok(Self {
            token,
            allowed_users,
            guilds: given.ids("guilds")?,
            channel: channel.into_iter().next(),
            high_risk_in_terminal_only: given.word("high_risk", &["buttons", "terminal-only"])? == "terminal-only",
            language: given.language()?,
            api_url: api_url(&given.text("api_url").unwrap_or_else(|| API_URL.to_owned()))?,
            gateway_url: given.text("gateway_url").map(|url| gateway_url(&url)).transpose()?,
            state_file: state_file(given.text("state_file"), environment)?,
            relay_token: given
                .text("relay_token_file")
                .map(|path| secret_in("discord.relay_token_file", Path::new(&path)))
                .transpose()?,
        })
    }
}

fn fault(what: String, fix: &str) -> SettingsFault {
    SettingsFault { what, fix: fix.to_owned() }
}

/// What was given, the environment first.
struct Given<'e> {
    table: toml::Table,
    environment: &'e BTreeMap<String, String>,
}

impl Given<'_> {
    fn in_environment(&self, key: &str) -> Option<String> {
        let alias = KEYS.iter().find(|(known, _)| *known == key).map(|(_, variable)| *variable)?;
        let own = format!("CALT__DISCORD__{}", key.to_uppercase());
        let found = self.environment.get(alias).or_else(|| self.environment.get(&own));
        found.filter(|value| !value.is_empty()).cloned()
    }

    fn text(&self, key: &str) -> Option<String> {
        self.in_environment(key).or_else(|| match self.table.get(key)? {
            toml::Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
            toml::Value::Integer(number) => Some(number.to_string()),
            toml::Value::Float(_)
            | toml::Value::Boolean(_)
            | toml::Value::Datetime(_)
            | toml::Value::Array(_)
            | toml::Value::Table(_) => None,
        })
    }

    fn word(&self, key: &str, known: &[&str]) -> Result<String, SettingsFault> {
        let word = self.text(key).unwrap_or_else(|| known[0].to_owned());
        if known.contains(&word.as_str()) {
            return Ok(word);
        }
        Err(fault(format!("`discord.{key}` is not `{word}`"), &format!("it is one of {}", known.join(", "))))
    }

    fn language(&self) -> Result<Option<Language>, SettingsFault> {
        if self.text("language").is_none() {
            return Ok(None);
        }
        Ok(Some(Language::of_locale(&self.word("language", &["en", "ja"])?)))
    }

    fn ids(&self, key: &str) -> Result<Vec<String>, SettingsFault> {
        let listed: Vec<String> = match (self.in_environment(key), self.table.get(key)) {
            (Some(text), _) => words(&text),
            (None, Some(toml::Value::Array(items))) => {
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
            }
            (None, Some(toml::Value::String(text))) => words(text),
            (None, Some(other)) => vec![other.to_string()],
            (None, None) => Vec::new(),
        };
        let fits =
            |id: &String| !id.is_empty() && id.len() <= ID_DIGITS_MAX && id.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(odd) = listed.iter().find(|id| !fits(id)) {
            let fix = "switch on Developer Mode in Discord, then \"Copy ID\"";
            return Err(fault(format!("`discord.{key}`: `{odd}` is no id; an id is 1 to {ID_DIGITS_MAX} digits"), fix));
        }
        if listed.len() > IDS_MAX {
            return Err(fault(format!("`discord.{key}` holds more than {IDS_MAX} ids"), "list fewer"));
        }
        Ok(listed)
    }
}

fn words(text: &str) -> Vec<String> {
    text.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// `[discord]` of the configuration file; empty when there is none.
fn table(config: Option<&Path>, environment: &BTreeMap<String, String>) -> Result<toml::Table, SettingsFault> {
    let default = home(environment, "XDG_CONFIG_HOME", ".config").map(|base| base.join("calt/config.toml"));
    let named = config.map(Path::to_owned);
    let Some(path) = named.or_else(|| default.filter(|path| path.is_file())) else { return Ok(toml::Table::new()) };
    let unread = |reason: &str| {
        fault(format!("configuration file `{}` cannot be read: {reason}", path.display()), "mend it, or name another")
    };
    let file = std::fs::File::open(&path).map_err(|error| unread(&error.to_string()))?;
    let mode = file.metadata().map_err(|error| unread(&error.to_string()))?.permissions().mode();
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| unread(&error.to_string()))?;
    let all: toml::Table = text.parse().map_err(|error: toml::de::Error| unread(error.message()))?;
    let Some(discord) = all.get("discord") else { return Ok(toml::Table::new()) };
    let discord = discord.as_table().cloned().ok_or_else(|| unread("`discord` is not a table"))?;
    if discord.contains_key("token") && mode & 0o077 != 0 {
        let fix = format!("chmod 600 {}", path.display());
        return Err(fault(format!("`{}` holds the bot token and others may read it", path.display()), &fix));
    }
    Ok(discord)
}

/// A secret in a file that only its owner reads.
fn secret_in(key: &str, path: &Path) -> Result<String, SettingsFault> {
    let refused = |reason: String| fault(format!("`{key}`: {reason}"), &format!("chmod 600 {}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            let fix = format!("(umask 077; cat > {})", path.display());
            return fault(format!("`{key}`: there is no file `{}`", path.display()), &fix);
        }
        refused(format!("`{}`: {error}", path.display()))
    })?;
    let mode = file.metadata().map_err(|error| refused(error.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(refused(format!("others may read `{}`", path.display())));
    }
    let mut text = String::new();
    file.take(TOKEN_BYTES_MAX as u64).read_to_string(&mut text).map_err(|error| refused(error.to_string()))?;
    Ok(text.trim().to_owned())
}

/// A server's address; the path of Discord's interface is added where none stands.
fn api_url(url: &str) -> Result<String, SettingsFault> {
    let url = url.trim_end_matches('/');
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let Some(rest) = rest.filter(|rest| !rest.is_empty()) else {
        return Err(fault(format!("`discord.api_url` is not `{url}`"), "it begins with https:// or http://"));
    };
    Ok(if rest.contains('/') { url.to_owned() } else { format!("{url}{API_PATH}") })
}

fn gateway_url(url: &str) -> Result<String, SettingsFault> {
    let is_socket = url.starts_with("wss://") || url.starts_with("ws://");
    if is_socket {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    Err(fault(format!("`discord.gateway_url` is not `{url}`"), "it begins with wss:// or ws://"))
}

fn state_file(named: Option<String>, environment: &BTreeMap<String, String>) -> Result<PathBuf, SettingsFault> {
    let default = || home(environment, "XDG_STATE_HOME", ".local/state").map(|base| base.join("calt/discord.json"));
    named.map(PathBuf::from).or_else(default).ok_or_else(|| {
        let fix = "set discord.state_file, or HOME";
        fault("there is no place for what the bot keeps: neither `HOME` nor `XDG_STATE_HOME` is set".to_owned(), fix)
    })
}

fn home(environment: &BTreeMap<String, String>, variable: &str, below: &str) -> Option<PathBuf> {
    let set = |name: &str| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(variable).or_else(|| set("HOME").map(|home| home.join(below)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        own.chain([("HOME".to_owned(), "/nowhere".to_owned())]).collect()
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        Settings::load(None, &with(pairs)).err().map(|fault| fault.to_string()).unwrap_or_default()
    }

    #[test]
    fn with_an_empty_list_of_users_nothing_starts() {
        assert!(refused(&[("CALT_DISCORD_TOKEN", "t")]).contains("the list of allowed users is empty"));
        assert!(refused(&[("CALT_DISCORD_ALLOWED_USERS", "1")]).contains("no bot token"));
        let odd = [("CALT_DISCORD_TOKEN", "t"), ("CALT_DISCORD_ALLOWED_USERS", "1, ann")];
        assert!(refused(&odd).contains("`ann` is no id"));
    }

    #[test]
    fn the_environment_says_it_all_and_addresses_get_their_path() {
        let given = with(&[
            ("CALT_DISCORD_TOKEN", "Bot t"),
            ("CALT_DISCORD_ALLOWED_USERS", "1, 2"),
            ("CALT_DISCORD_API_URL", "http://127.0.0.1:1/"),
            ("CALT_DISCORD_HIGH_RISK", "terminal-only"),
            ("CALT__DISCORD__LANGUAGE", "ja"),
        ]);
        let settings = Settings::load(None, &given).unwrap();
        assert_eq!((settings.token.as_str(), settings.allowed_users.len()), ("t", 2));
        assert_eq!(settings.api_url, "http://127.0.0.1:1/api/v10");
        assert!(settings.high_risk_in_terminal_only && settings.language == Some(Language::Japanese));
        assert_eq!(settings.state_file, Path::new("/nowhere/.local/state/calt/discord.json"));
        assert_eq!(api_url("http://h:1/api/v10").unwrap(), "http://h:1/api/v10");
    }
}
