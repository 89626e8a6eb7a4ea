//! Whatever a plan holds: patches, commands and inputs are read without a panic, and what is accepted is what it says.
//!
//! Each target takes a second by default; CONTRIBUTING.md says how it takes longer.

use std::panic::AssertUnwindSafe;

use bolero::check;
use calt_core::plan::draft;
use serde_json::{Map, Value, json};
use similar::TextDiff;

use crate::catalog::CATALOG;
use crate::catalog::testing::{Bench, toolkit};
use crate::command::schema::check as check_command;
use crate::command::words::split;
use crate::failure::FailureCode;
use crate::patch;

/// Bytes as a text of these words.
fn spelled(bytes: &[u8], words: &[&str]) -> String {
    bytes.iter().map(|byte| words[usize::from(*byte) % words.len()]).collect()
}

const PATCH_WORDS: &[&str] = &[
    "diff --git a/f b/f\n",
    "--- a/f\n",
    "+++ b/f\n",
    "--- /dev/null\n",
    "+++ /dev/null\n",
    "--- \"a/\\346\\227\\245\"\n",
    "+++ b/../f\t2026-01-01\n",
    "@@ -1 +1 @@\n",
    "@@ -1,3 +1,2 @@ fn main()\n",
    "@@ -0,0 +1,18446744073709551615 @@\n",
    "@@ -18446744073709551615,0 +1 @@\n",
    "@@ -2,0 +3 @@\n",
    "new file mode 100755\n",
    "deleted file mode 100644\n",
    "old mode 100644\n",
    "new mode 120000\n",
    "similarity index 100%\n",
    "rename from f\n",
    "rename to g\n",
    "copy from f\n",
    "index 0000000..1111111 100644\n",
    "Binary files a/f and b/f differ\n",
    "GIT binary patch\nliteral 0\n",
    "\\ No newline at end of file\n",
    " one\n",
    "-one\n",
    "+one\n",
    " two\n",
    "-two\r\n",
    "+日本\n",
    "\n",
    " ",
    "-",
    "+",
    "\0",
];

#[test]
fn no_patch_breaks_its_reader_and_what_fits_changes_only_what_it_names() {
    let base = b"one\ntwo\nthree\n";
    check!().with_type::<Vec<u8>>().for_each(|bytes| {
        for text in [spelled(bytes, PATCH_WORDS), String::from_utf8_lossy(bytes).into_owned()] {
            let inserted: usize = text.lines().filter(|line| line.starts_with('+')).map(str::len).sum();
            let _ = patch::apply_hunks(&text, base, "f");
            for part in patch::parse(&text).unwrap_or_default() {
                if let Ok(after) = part.apply(base, "f") {
                    assert!(after.len() <= base.len() + inserted + text.len(), "{text:?} made {} bytes", after.len());
                    // The last line is in no hunk that does not name it.
                    assert!(text.contains("three") || after.ends_with(b"three\n"), "{text:?} made {after:?}");
                }
            }
        }
    });
}

const LINES: &[&str] = &[
    "one\n",
    "two\n",
    "two\n",
    "\n",
    "  \n",
    "three\r\n",
    "--- a/f\n",
    "+++ b/f\n",
    "@@ -1 +1 @@\n",
    "diff --git a/f b/f\n",
    "\\ No newline at end of file\n",
    "-- \n",
    "日本\n",
    "\u{0}\n",
    "\r\n",
    "open",
];

#[test]
fn a_diff_of_two_files_makes_the_one_of_the_other() {
    check!().with_type::<(Vec<u8>, Vec<u8>)>().for_each(|(old, new)| {
        let (old, new) = (spelled(old, LINES), spelled(new, LINES));
        if old == new {
            return;
        }
        let diff = TextDiff::from_lines(&old, &new);
        let text = diff.unified_diff().context_radius(3).header("a/f", "b/f").to_string();
        match patch::apply_hunks(&text, old.as_bytes(), "f") {
            Ok(after) => assert_eq!(String::from_utf8_lossy(&after), new, "{text}"),
            Err(failure) => panic!("{failure:?}\n{text}"),
        }
    });
}

const COMMAND_WORDS: &[&str] = &[
    "ls",
    "cat",
    "rg",
    "find",
    "git",
    "status",
    "diff",
    "python",
    "-m",
    "pytest",
    "-la",
    "-A3",
    "-e",
    "--regexp=x",
    "-n",
    "--",
    "-",
    "-name",
    "*.rs",
    "-type",
    "f",
    "!",
    "(",
    ")",
    "-newer",
    "-maxdepth",
    "2",
    "--stat",
    "-U3",
    "-q",
    "-k",
    "a b",
    "sub/dir",
    ".",
    "--sort",
    "time",
    "--color=never",
    "-x",
    "日本",
    "",
];

const BEGINNINGS: &[&[&str]] =
    &[&["ls"], &["cat"], &["rg"], &["find"], &["git", "status"], &["git", "diff"], &["python", "-m", "pytest"]];

/// What runs, writes, or reads elsewhere, in the words of each program.
const DANGEROUS: &[(&str, &[&str])] = &[
    (
        "find",
        &["-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprintf", "-fls", "-files0-from", "-L", "-H"],
    ),
    ("rg", &["--pre", "--pre=sh", "--hostname-bin=sh", "-f", "--file=x", "--search-zip", "-z", "-L", "--follow"]),
    ("git", &["--output=x", "--ext-diff", "--textconv", "--no-index", "-c", "--git-dir=x", "--exec-path=x"]),
    ("python", &["-p", "-c", "--rootdir=x", "-o", "--override-ini=x", "--pdb", "--pyargs", "--basetemp=x", "@x"]),
    ("ls", &["--dereference=x", "-L"]),
];

#[test]
fn where_an_option_may_stand_no_dangerous_one_may() {
    check!().with_type::<Vec<u8>>().for_each(|bytes| {
        // Most words make no command: it begins as one, and goes on with few.
        let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
        let begun = BEGINNINGS[usize::from(*first) % BEGINNINGS.len()].iter();
        let more = rest.iter().take(5).map(|byte| &COMMAND_WORDS[usize::from(*byte) % COMMAND_WORDS.len()]);
        let words: Vec<String> = begun.chain(more).map(|word| (*word).to_owned()).collect();
        let and = |more: &[&str]| {
            let more = more.iter().map(|word| (*word).to_owned());
            check_command(&words.iter().cloned().chain(more).collect::<Vec<_>>())
        };
        let is_an_options_place = check_command(&words).is_ok() && and(&["--of-nobody"]).is_err();
        if !is_an_options_place {
            return;
        }
        for (program, options) in DANGEROUS.iter().filter(|(program, _)| *program == words[0]) {
            for option in *options {
                assert!(and(&[option]).is_err() && and(&[option, "x"]).is_err(), "{program}: {words:?} {option}");
            }
        }
        for path in ["/etc/passwd", "../x", "a/../../x", ".."] {
            assert!(and(&["--", "x", path]).is_err(), "{words:?} -- x {path}");
        }
    });
}

#[test]
fn a_command_is_split_as_it_was_quoted() {
    check!().with_type::<Vec<Vec<u8>>>().for_each(|words| {
        let words: Vec<String> = words.iter().map(|word| String::from_utf8_lossy(word).replace('\0', "")).collect();
        let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.replace('\'', "'\"'\"'"))).collect();
        if let Ok(split) = split(&quoted.join(" ")) {
            assert_eq!(split, words);
        }
        let _ = split(&words.join(" "));
    });
}

/// A value this schema takes, mostly; a byte of chance makes it another one.
fn value(schema: &Value, next: &mut impl FnMut() -> u8, depth: usize) -> Value {
    let chance = next();
    if chance > 230 || depth == 0 {
        return [json!(null), json!(true), json!(-1), json!(1.5), json!(""), json!([]), json!({})]
            [usize::from(chance) % 7]
            .clone();
    }
    if let Some(words) = schema["enum"].as_array().filter(|words| !words.is_empty()) {
        return words[usize::from(chance) % words.len()].clone();
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(ways) = ["anyOf", "oneOf"].iter().find_map(|word| schema[*word].as_array()) {
        return value(&ways[usize::from(chance) % ways.len()], next, depth);
    }
    let kinds = schema["type"].as_array().filter(|kinds| !kinds.is_empty());
    let kind = kinds.map_or(&schema["type"], |kinds| &kinds[usize::from(chance) % kinds.len()]).as_str();
    match kind {
        Some("object") => object(schema, next, depth),
        Some("array") => (0..=chance % 3).map(|_| value(&schema["items"], next, depth - 1)).collect(),
        Some("integer") => json!([0_i64, 1, 20, 4096, i64::MAX][usize::from(chance) % 5]),
        Some("number") => json!(f64::from(chance) / 2.0),
        Some("boolean") => json!(chance > 100),
        Some("null") => Value::Null,
        _ => json!(["a.txt", "sub/b", "../c", "/d", "ls -la", "日本", "x\n", "\u{0}", ""][usize::from(chance) % 9]),
    }
}

fn object(schema: &Value, next: &mut impl FnMut() -> u8, depth: usize) -> Value {
    let mut fields = Map::new();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let chance = next();
        if required.contains(&json!(name)) && chance < 250 || chance < 90 {
            fields.insert(name.clone(), value(property, next, depth - 1));
        }
    }
    if next() > 240 {
        fields.insert("of_nobody".to_owned(), json!(1));
    }
    Value::Object(fields)
}

#[test]
fn what_a_plan_is_accepted_with_its_tool_reads() {
    let bench = Bench::new();
    let (toolkit, workspace) = (AssertUnwindSafe(toolkit()), bench.workspace());
    let sheets: Vec<_> = CATALOG.iter().map(|tool| (tool, tool.sheet())).collect();
    let sheets = AssertUnwindSafe(sheets);
    check!().with_type::<Vec<u8>>().for_each(|bytes| {
        let mut bytes = bytes.iter().copied();
        let mut next = move || bytes.next().unwrap_or(41);
        let (tool, sheet) = &sheets[usize::from(next()) % sheets.len()];
        let inputs = value(&sheet.input_schema, &mut next, 5);
        let steps = json!([{"id": "s", "title": "S", "tool": sheet.name, "inputs": inputs}]);
        match draft(&json!({"title": "T", "steps": steps}).to_string(), &*toolkit) {
            Ok(_) => {
                let unread = tool.plan(&inputs, &workspace).err().filter(|failure| {
                    failure.code() == FailureCode::InputInvalid && failure.message.starts_with("the inputs do not fit")
                });
                assert!(unread.is_none(), "{} was accepted with {inputs}: {unread:?}", sheet.name);
                assert!(inputs.get("of_nobody").is_none(), "{inputs}");
            }
            Err(problems) => assert!(!problems.is_empty(), "{inputs}"),
        }
    });
}
