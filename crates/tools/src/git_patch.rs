//! Patches as `git apply` takes them: every byte, names as git quotes them, modes, renames, binary files whole.
//!
//! The format is the one of git's own documentation (`Documentation/diff-generate-patch.txt`; binary parts as
//! `base85.c` and `apply.c` of git read them).

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha1::{Digest as _, Sha1};
use similar::TextDiff;

use crate::diff::quoted;

/// How long one file's diff may be looked for before a longer one is good enough.
const DIFF_TIME_MAX: Duration = Duration::from_secs(2);
/// Bytes in one line of a binary part.
const BINARY_LINE_BYTES: usize = 52;
/// The blob that is no file.
const NO_BLOB: &str = "0000000000000000000000000000000000000000";

/// One side of a file: its name, its bytes, its permission bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side<'f> {
    pub(crate) path: &'f str,
    pub(crate) bytes: &'f [u8],
    pub(crate) mode: u32,
}

impl<'f> Side<'f> {
    fn git_mode(&self) -> &'static str {
        if self.mode & 0o100 == 0 { "100644" } else { "100755" }
    }

    fn text(&self) -> Option<&'f str> {
        std::str::from_utf8(self.bytes).ok().filter(|text| !text.contains('\0'))
    }
}

/// Appends what leads from one side to the other; nothing when git would see no difference.
pub(crate) fn append(patch: &mut String, old: Option<Side<'_>>, new: Option<Side<'_>>) {
    let (Some(from), Some(to)) = (old.or(new), new.or(old)) else { return };
    let same_bytes = old.map(|side| side.bytes) == new.map(|side| side.bytes);
    let same_mode = from.git_mode() == to.git_mode();
    if old.is_some() && new.is_some() && same_bytes && same_mode && from.path == to.path {
        return;
    }
    let (a, b) = (quoted(&format!("a/{}", from.path)), quoted(&format!("b/{}", to.path)));
    patch.push_str(&format!("diff --git {a} {b}\n"));
    match (old, new) {
        (None, _) => patch.push_str(&format!("new file mode {}\n", to.git_mode())),
        (_, None) => patch.push_str(&format!("deleted file mode {}\n", from.git_mode())),
        (Some(_), Some(_)) if !same_mode => {
            patch.push_str(&format!("old mode {}\nnew mode {}\n", from.git_mode(), to.git_mode()));
        }
        (Some(_), Some(_)) => {}
    }
    if from.path != to.path {
        patch.push_str(&format!("rename from {}\nrename to {}\n", quoted(from.path), quoted(to.path)));
    }
    if same_bytes {
        return;
    }
    let blob_of = |side: Option<Side<'_>>| side.map_or_else(|| NO_BLOB.to_owned(), |side| blob(side.bytes));
    let mode = if old.is_some() && new.is_some() && same_mode { format!(" {}", to.git_mode()) } else { String::new() };
    patch.push_str(&format!("index {}..{}{mode}\n", blob_of(old), blob_of(new)));
    let empty = |side: Option<Side<'_>>| side.is_none_or(|side| side.bytes.is_empty());
    if empty(old) && empty(new) {
        return;
    }
    let (old_text, new_text) = (old.map_or(Some(""), |side| side.text()), new.map_or(Some(""), |side| side.text()));
    if let (Some(was), Some(is)) = (old_text, new_text) {
        let name = |side: Option<Side<'_>>, name: &str| {
            // A name with a space ends with a tab, as git writes it: a date could follow.
            let end = if name.contains(' ') && !name.starts_with('"') { "\t" } else { "" };
            side.map_or_else(|| "/dev/null".to_owned(), |_| format!("{name}{end}"))
        };
        append_hunks(patch, (&name(old, &a), was), (&name(new, &b), is));
    } else {
        patch.push_str("GIT binary patch\n");
        for side in [new, old] {
            append_literal(patch, side.map_or(&[][..], |side| side.bytes));
        }
    }
}

fn append_hunks(patch: &mut String, (old_name, old): (&str, &str), (new_name, new): (&str, &str)) {
    // Only a newline ends a line for git; a carriage return is a byte like any other.
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let diff = TextDiff::configure().timeout(DIFF_TIME_MAX).newline_terminated(true).diff_slices(&old, &new);
    patch.push_str(&diff.unified_diff().header(old_name, new_name).to_string());
}

/// The name git gives these bytes (SHA-1 over `blob <length>\0` and them).
fn blob(bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    let digits = |name: String, byte: &u8| name + &format!("{byte:02x}");
    hash.finalize().iter().fold(String::new(), digits)
}

fn append_literal(patch: &mut String, bytes: &[u8]) {
    patch.push_str(&format!("literal {}\n", bytes.len()));
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).expect("memory takes every byte");
    let packed = packed.finish().expect("memory takes every byte");
    for line in packed.chunks(BINARY_LINE_BYTES) {
        let length = line.len() as u8;
        patch.push(char::from(if length <= 26 { b'A' + length - 1 } else { b'a' + length - 27 }));
        append_base85(patch, line);
        patch.push('\n');
    }
    patch.push('\n');
}

/// Git's own base 85: four bytes, the last ones filled up with zeros, as five letters.
fn append_base85(patch: &mut String, bytes: &[u8]) {
    const LETTERS: &[u8; 85] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    for four in bytes.chunks(4) {
        let mut number =
            (0..4).fold(0_u32, |number, place| number << 8 | u32::from(four.get(place).copied().unwrap_or(0)));
        let mut letters = [0; 5];
        for letter in letters.iter_mut().rev() {
            *letter = LETTERS[(number % 85) as usize];
            number /= 85;
        }
        patch.extend(letters.map(char::from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(old: Option<(&str, &[u8], u32)>, new: Option<(&str, &[u8], u32)>) -> String {
        let side = |(path, bytes, mode): (&'static str, &'static [u8], u32)| Side { path, bytes, mode };
        let owned = |side: Option<(&str, &[u8], u32)>| {
            side.map(|(path, bytes, mode)| (&*path.to_owned().leak(), &*bytes.to_owned().leak(), mode))
        };
        let mut text = String::new();
        append(&mut text, owned(old).map(side), owned(new).map(side));
        text
    }

    #[test]
    fn a_change_is_what_git_would_have_written() {
        let text = patch(Some(("a b", b"one\r\ntwo", 0o644)), Some(("a b", b"one\r\nthree\n", 0o755)));
        let names = format!("{}..{}", blob(b"one\r\ntwo"), blob(b"one\r\nthree\n"));
        let head = format!("diff --git a/a b b/a b\nold mode 100644\nnew mode 100755\nindex {names}\n");
        let hunk = "@@ -1,2 +1,2 @@\n one\r\n-two\n\\ No newline at end of file\n+three\n";
        assert_eq!(text, format!("{head}--- a/a b\t\n+++ b/a b\t\n{hunk}"));
    }

    #[test]
    fn blobs_are_named_as_git_names_them() {
        assert_eq!(blob(b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(blob(b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
    }

    #[test]
    fn what_git_does_not_see_is_no_change() {
        assert_eq!(patch(Some(("a", b"x", 0o600)), Some(("a", b"x", 0o644))), "");
        assert_eq!(patch(None, None), "");
    }

    #[test]
    fn an_empty_file_and_a_rename_have_no_hunks() {
        let text = patch(None, Some(("new", b"", 0o644)));
        assert!(text.ends_with(&format!("new file mode 100644\nindex {NO_BLOB}..{}\n", blob(b""))), "{text}");
        let text = patch(Some(("a\tb", b"x", 0o644)), Some(("c", b"x", 0o644)));
        assert_eq!(text, "diff --git \"a/a\\tb\" b/c\nrename from \"a\\tb\"\nrename to c\n");
    }
}
