//! Patches as `git apply` takes them: every byte, names as git quotes them, modes, renames, binary files whole.
//!
//! The format is the one of git's own documentation (`Documentation/diff-generate-patch.txt`; binary parts as
//! `base85.c` and `apply.c` of git read them).

use std::io::Write as _;
use std::ops::Range;
use std::time::Duration;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha1::{Digest as _, Sha1};
use similar::{DiffTag, TextDiff};

use crate::diff::quoted;

/// How long one file's diff may be looked for before a longer one is good enough.
const DIFF_TIME_MAX: Duration = Duration::from_secs(2);
/// Lines that stand around a change.
const CONTEXT_LINES: usize = 3;
/// Bytes in one line of a binary part.
const BINARY_LINE_BYTES: usize = 52;
/// The blob that is no file.
const NO_BLOB: &str = "0000000000000000000000000000000000000000";

/// What is written of files that are not text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    /// All of both sides.
    Whole,
    /// Nothing: nobody could look into packed bytes for what must not be shown.
    LeftOut,
}

/// One side of a file: its name, its bytes, its permission bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Side<'f> {
    pub(crate) path: &'f str,
    pub(crate) bytes: &'f [u8],
    pub(crate) mode: u32,
}

/// A regular file's mode: git knows only whether its owner may execute it.
pub(crate) const fn git_mode(mode: u32) -> &'static str {
    if mode & 0o100 == 0 { "100644" } else { "100755" }
}

impl<'f> Side<'f> {
    fn git_mode(&self) -> &'static str {
        git_mode(self.mode)
    }

    fn text(&self) -> Option<&'f str> {
        std::str::from_utf8(self.bytes).ok().filter(|text| !text.contains('\0'))
    }
}

/// Appends what leads from one side to the other; nothing when git would see no difference. `true` when bytes were
/// left out.
pub(crate) fn append(patch: &mut String, old: Option<Side<'_>>, new: Option<Side<'_>>, binary: Binary) -> bool {
    let (Some(from), Some(to)) = (old.or(new), new.or(old)) else { return false };
    let same_bytes = old.map(|side| side.bytes) == new.map(|side| side.bytes);
    let same_mode = from.git_mode() == to.git_mode();
    if old.is_some() && new.is_some() && same_bytes && same_mode && from.path == to.path {
        return false;
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
        return false;
    }
    let (old_text, new_text) = (old.map_or(Some(""), |side| side.text()), new.map_or(Some(""), |side| side.text()));
    let texts = old_text.zip(new_text);
    if texts.is_none() && binary == Binary::LeftOut {
        // Not even their names: those are digests of what must not be shown.
        patch.push_str("# not text, and left out here\n");
        return true;
    }
    let blob_of = |side: Option<Side<'_>>| side.map_or_else(|| NO_BLOB.to_owned(), |side| blob(side.bytes));
    let mode = if old.is_some() && new.is_some() && same_mode { format!(" {}", to.git_mode()) } else { String::new() };
    patch.push_str(&format!("index {}..{}{mode}\n", blob_of(old), blob_of(new)));
    let empty = |side: Option<Side<'_>>| side.is_none_or(|side| side.bytes.is_empty());
    if empty(old) && empty(new) {
        return false;
    }
    if let Some((was, is)) = texts {
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
    false
}

/// Writes both names and the hunks. Only a newline ends a line for git; a carriage return is a byte like any other.
fn append_hunks(patch: &mut String, (old_name, old): (&str, &str), (new_name, new): (&str, &str)) {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let diff = TextDiff::configure().timeout(DIFF_TIME_MAX).diff_slices(&old, &new);
    patch.push_str(&format!("--- {old_name}\n+++ {new_name}\n"));
    for group in diff.grouped_ops(CONTEXT_LINES) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let place = |range: Range<usize>| {
            // A range without lines stands after the line it names.
            let start = if range.is_empty() { range.start } else { range.start + 1 };
            format!("{start},{}", range.len())
        };
        let was = place(first.old_range().start..last.old_range().end);
        let is = place(first.new_range().start..last.new_range().end);
        patch.push_str(&format!("@@ -{was} +{is} @@\n"));
        for op in &group {
            if op.tag() == DiffTag::Equal {
                append_lines(patch, ' ', &old[op.old_range()]);
            } else {
                append_lines(patch, '-', &old[op.old_range()]);
                append_lines(patch, '+', &new[op.new_range()]);
            }
        }
    }
}

fn append_lines(patch: &mut String, sign: char, lines: &[&str]) {
    for line in lines {
        patch.push(sign);
        patch.push_str(line);
        if !line.ends_with('\n') {
            patch.push_str("\n\\ No newline at end of file\n");
        }
    }
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
        append(&mut text, owned(old).map(side), owned(new).map(side), Binary::Whole);
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
    fn a_carriage_return_ends_no_line() {
        let text = patch(Some(("a", b"one\rtwo\r\nthree\r", 0o644)), Some(("a", b"one\rtwo\r\n3\r", 0o644)));
        let none = "\\ No newline at end of file\n";
        let hunk = format!("@@ -1,2 +1,2 @@\n one\rtwo\r\n-three\r\n{none}+3\r\n{none}");
        assert!(text.ends_with(&hunk), "{text:?}");
    }

    #[test]
    fn packed_bytes_are_left_out_where_nobody_could_look_into_them() {
        let side = |bytes| Some(Side { path: "a", bytes, mode: 0o644 });
        for (old, new) in [(side(b"text"), side(b"\0secret")), (side(b"\xff"), None)] {
            let mut text = String::new();
            assert!(append(&mut text, old, new, Binary::LeftOut), "{text}");
            assert!(!text.contains("literal") && !text.contains("index"), "{text}");
        }
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
