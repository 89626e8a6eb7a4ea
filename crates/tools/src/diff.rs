//! Standard unified diffs of whole files, as a person reads them and as `git apply` takes them.

use similar::TextDiff;

use crate::change::{NEW_FILE_MODE, PlannedFile};

/// Largest diff that is kept, in bytes; what is cut is said.
pub(crate) const DIFF_BYTES_MAX: usize = 1024 * 1024;

/// One diff over several files, and whether anything of it was cut or is not the true bytes.
pub(crate) fn unified(files: &[PlannedFile]) -> (String, bool) {
    let (mut text, mut whole) = (String::new(), true);
    for file in files {
        whole &= one(file, &mut text);
    }
    if text.len() > DIFF_BYTES_MAX {
        let end = (0..=DIFF_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let cut = text.len() - end;
        text.truncate(end);
        text.push_str(&format!("\n(calt: {cut} bytes of this diff are cut)\n"));
        whole = false;
    }
    (text, whole)
}

fn one(file: &PlannedFile, text: &mut String) -> bool {
    let change = &file.change;
    let from = change.from.as_deref().unwrap_or(&change.path);
    let old_exists = change.old_exists || change.from.is_some();
    let (old_quoted, new_quoted) = (quoted(&format!("a/{from}")), quoted(&format!("b/{}", change.path)));
    let old_name = if old_exists { old_quoted.clone() } else { "/dev/null".to_owned() };
    let new_name = if change.new_exists { new_quoted.clone() } else { "/dev/null".to_owned() };
    let renamed = change.from.is_some();
    let mode_changed = file.old_mode.is_some_and(|old| change.new_exists && old & 0o777 != file.new_mode);
    if renamed || mode_changed || (!change.old_exists && file.new_mode != NEW_FILE_MODE) {
        text.push_str(&format!("diff --git {old_quoted} {new_quoted}\n"));
        match file.old_mode {
            Some(old) if mode_changed => {
                text.push_str(&format!("old mode {}\nnew mode {}\n", git_mode(old), git_mode(file.new_mode)));
            }
            None if !renamed => text.push_str(&format!("new file mode {}\n", git_mode(file.new_mode))),
            Some(_) | None => {}
        }
        if renamed {
            text.push_str(&format!("rename from {}\nrename to {}\n", quoted(from), quoted(&change.path)));
        }
    }
    if file.old_bytes == file.new_bytes {
        return true;
    }
    let (Ok(old), Ok(new)) = (std::str::from_utf8(&file.old_bytes), std::str::from_utf8(&file.new_bytes)) else {
        text.push_str(&format!(
            "--- {old_name}\n+++ {new_name}\n(calt: not text; {} bytes with SHA-256 {} become {} bytes with SHA-256 {})\n",
            file.old_bytes.len(),
            change.old_sha256,
            file.new_bytes.len(),
            change.new_sha256
        ));
        return false;
    };
    let diff = TextDiff::from_lines(old, new);
    text.push_str(&diff.unified_diff().header(&old_name, &new_name).to_string());
    true
}

/// A name as git writes it: in quotes when it holds what would end or confuse a line.
pub(crate) fn quoted(name: &str) -> String {
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    if name.chars().all(plain) {
        return name.to_owned();
    }
    let mut text = String::from("\"");
    for character in name.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other if other.is_control() => {
                for byte in other.encode_utf8(&mut [0; 4]).bytes() {
                    text.push_str(&format!("\\{byte:03o}"));
                }
            }
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

/// A regular file's mode as git writes it, with its true permission bits.
fn git_mode(mode: u32) -> String {
    format!("100{:03o}", mode & 0o777)
}
