//! The settings of the webhook, two of which are files.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{NOTIFY_SECRET, NOTIFY_URL, Pick, SettingsFault, invalid};
use crate::notify::Webhook;

/// Longest file of certificates that is read, in bytes.
const CA_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Longest secret in a file, in bytes.
const SECRET_FILE_BYTES_MAX: u64 = 4 * 1024;

/// The webhook with the secret that signs it, when an address is set.
pub(super) fn of(pick: &mut Pick<'_>) -> Result<(Option<Webhook>, Option<String>), SettingsFault> {
    let url = pick.optional(NOTIFY_URL)?;
    let given = pick.optional(NOTIFY_SECRET)?.filter(|secret| !secret.is_empty());
    let kept = pick.optional("notify.secret_file")?.map(|path| secret_in(Path::new(&path))).transpose()?;
    let secret = given.or(kept);
    let authorities = pick.optional("notify.ca_file")?.map(|path| authorities_in(Path::new(&path))).transpose()?;
    let Some(url) = url else { return Ok((None, secret)) };
    let webhook =
        Webhook::new(&url, authorities.as_deref(), secret.as_deref()).map_err(|(key, reason)| invalid(key, &reason))?;
    Ok((Some(webhook), secret))
}

/// The certificates of whoever vouches for the receiver.
fn authorities_in(path: &Path) -> Result<Vec<u8>, SettingsFault> {
    let refused = |fault: std::io::Error| invalid("notify.ca_file", &format!("`{}`: {fault}", path.display()));
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(refused)?;
    file.take(CA_FILE_BYTES_MAX).read_to_end(&mut text).map_err(refused)?;
    Ok(text)
}

/// A secret in a file that only its owner reads.
fn secret_in(path: &Path) -> Result<String, SettingsFault> {
    let refused = |reason: &str| invalid("notify.secret_file", reason);
    let file = std::fs::File::open(path).map_err(|fault| refused(&format!("`{}`: {fault}", path.display())))?;
    let mode = file.metadata().map_err(|fault| refused(&fault.to_string()))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(refused(&format!("others may read it; `chmod 600 {}`", path.display())));
    }
    let mut text = String::new();
    file.take(SECRET_FILE_BYTES_MAX).read_to_string(&mut text).map_err(|fault| refused(&fault.to_string()))?;
    Ok(text.trim().to_owned())
}
