//! Checks a step's `verify` rule: its form, and whether it can ever be used.

use regex::RegexBuilder;
use serde_json_path::JsonPath;

use super::problems::Problems;
use super::read::{Node, NodeKind, shown};
use super::{Verify, VerifyKind};
use crate::toolbox::Effect;

/// Longest expression of a `verify` rule, in characters.
pub const VERIFY_EXPR_CHARS_MAX: usize = 4_000;
/// Deepest nesting of brackets in a `jsonpath` rule: the time it takes to parse filters within filters doubles with each.
const JSONPATH_BRACKETS_MAX: usize = 10;
/// Most commas between the selectors of a `jsonpath` rule: what each pair of brackets finds multiplies with the next.
const JSONPATH_COMMAS_MAX: usize = 8;
/// Longest `jsonpath` rule with `match` or `search` in it, in bytes.
const JSONPATH_PATTERN_BYTES_MAX: usize = 200;
/// Largest compiled regular expression of a `verify` rule, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn verify(node: &Node, effect: Effect, pointer: &str, problems: &mut Problems) -> Option<Verify> {
    let entry = node.get("verify")?;
    let pointer = format!("{pointer}/verify");
    if entry.value.value().is_null() {
        return None;
    }
    // What is wrong with one of its fields is shown there; what is missing, at the rule.
    let mut wrong = |field: Option<&str>, message: String, fix: &str| {
        let below = field.and_then(|name| Some((format!("{pointer}/{name}"), entry.value.get(name)?.value.place)));
        let (pointer, place) = below.unwrap_or_else(|| (pointer.clone(), entry.value.place));
        problems.add("verify", &pointer, place, message, fix);
        None
    };
    let NodeKind::Mapping(fields) = &entry.value.kind else {
        return wrong(None, "`verify` is not a mapping".to_owned(), "write `verify: {type: …, expr: \"…\"}`");
    };
    if let Some(unknown) = fields.iter().find(|field| field.key != "type" && field.key != "expr") {
        let message = format!("`{}` is not known in `verify`", shown(&unknown.key));
        problems.add("verify", &pointer, unknown.key_place, message, "keep `type` and `expr`");
        return None;
    }
    let text = |name: &str| entry.value.get(name).and_then(|entry| entry.value.value().as_str().map(str::to_owned));
    let kind = match text("type").as_deref() {
        Some("exit_code") => VerifyKind::ExitCode,
        Some("regex") => VerifyKind::Regex,
        Some("jsonpath") => VerifyKind::Jsonpath,
        Some("artifact_exists") => VerifyKind::ArtifactExists,
        Some(_) | None => {
            return wrong(
                Some("type"),
                "`type` of `verify` is none of its kinds".to_owned(),
                "use exit_code, regex, jsonpath or artifact_exists",
            );
        }
    };
    if kind == VerifyKind::ExitCode && effect != Effect::Spawns {
        let message = "`exit_code` on a tool that starts no command".to_owned();
        return wrong(Some("type"), message, "use it with run_shell_readonly");
    }
    let Some(expr) = text("expr").filter(|expr| !expr.trim().is_empty()) else {
        return wrong(Some("expr"), "`expr` of `verify` is not a text".to_owned(), "write it in quotes");
    };
    if expr.chars().count() > VERIFY_EXPR_CHARS_MAX {
        let message = format!("`expr` of `verify` has {} characters", expr.chars().count());
        return wrong(Some("expr"), message, "at most 4,000 are allowed; check less, or in two steps");
    }
    match usable(kind, &expr) {
        Ok(()) => Some(Verify { kind, expr }),
        Err((message, fix)) => wrong(Some("expr"), message, fix),
    }
}

fn usable(kind: VerifyKind, expr: &str) -> Result<(), (String, &'static str)> {
    match kind {
        VerifyKind::ExitCode => {
            let fits = |word: &str| word.trim().parse::<u16>().is_ok_and(|code| code <= 255);
            if expr.split(',').all(fits) {
                Ok(())
            } else {
                Err((format!("`{}` is not a list of exit codes", shown(expr)), "write for instance \"0\" or \"0,1\""))
            }
        }
        VerifyKind::Regex => match RegexBuilder::new(expr).size_limit(REGEX_BYTES_MAX).build() {
            Ok(_) => Ok(()),
            Err(error) => {
                let cause = error.to_string();
                let cause = cause.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Err((
                    format!("the regular expression does not compile: {cause}"),
                    "mend it; the syntax has no look-around and no back-references",
                ))
            }
        },
        VerifyKind::Jsonpath if brackets(expr) > JSONPATH_BRACKETS_MAX => {
            Err((format!("`{}` nests too many brackets", shown(expr)), "at most 10 levels are allowed"))
        }
        VerifyKind::Jsonpath => match JsonPath::parse(expr) {
            Ok(_) => bearable(expr),
            Err(error) => {
                let cause = error.message();
                Err((
                    format!("`{}` is not a JSONPath: {cause}", shown(expr)),
                    "write for instance \"$.entries[0]\" (RFC 9535)",
                ))
            }
        },
        VerifyKind::ArtifactExists => {
            let outside = expr.starts_with('/') || expr.split('/').any(|part| part == "..");
            if outside {
                Err((format!("`{}` leaves the workspace", shown(expr)), "write a path or glob below the workspace"))
            } else {
                Ok(())
            }
        }
    }
}

/// Refuses what takes longer the more there is to look at, beyond any time limit: nothing stops a query in progress.
fn bearable(expr: &str) -> Result<(), (String, &'static str)> {
    let (mut quote, mut escaped, mut open, mut roots, mut commas, mut costly) = (None, false, Vec::new(), 0, 0, false);
    for sign in expr.bytes() {
        match (quote, sign) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => (escaped, costly) = (true, true),
            (Some(_), b'{') => costly = true,
            (Some(opened), _) if opened == sign => quote = None,
            (None, b'\'' | b'"') => quote = Some(sign),
            (None, b'[' | b'(') => open.push(sign),
            (None, b']' | b')') => drop(open.pop()),
            (None, b',') if open.last() == Some(&b'[') => commas += 1,
            (None, b'$') => roots += 1,
            (Some(_) | None, _) => {}
        }
    }
    // A filter is asked of every entry: one that reads all of the output again takes the square of its size.
    if roots > 1 {
        return Err((format!("a filter of `{}` goes back to `$`", shown(expr)), "look at `@` alone in a filter"));
    }
    if commas > JSONPATH_COMMAS_MAX {
        return Err((
            format!("`{}` lists {commas} commas between selectors", shown(expr)),
            "at most 8 are allowed; use `*` or a filter",
        ));
    }
    // The pattern is compiled anew for every entry; repetitions and classes make that long.
    let has_pattern = expr.contains("match(") || expr.contains("search(");
    if has_pattern && (costly || expr.len() > JSONPATH_PATTERN_BYTES_MAX) {
        return Err((
            format!("the pattern in `{}` is too much for every entry", shown(expr)),
            "leave out `{`, `\\` and what is long, or write `type: regex`",
        ));
    }
    Ok(())
}

/// The most brackets that are open at once.
fn brackets(expr: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for sign in expr.bytes() {
        match sign {
            b'[' | b'(' => open += 1,
            b']' | b')' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}
