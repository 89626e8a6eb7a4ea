//! Ways to break a record that was taken away.

use serde_json::Value;

type Lines = Vec<String>;

/// Every way, with its name.
pub(super) fn all(lines: &Lines) -> Vec<(String, Lines)> {
    let at = |text: &str| lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("no `{text}`"));
    let (event, file) = (at("\"event_type\":\"step_executed\""), at("{\"file\""));
    let last = lines.len() - 1;
    let mut broken: Vec<(String, Lines)> = Vec::new();
    let mut push = |what: &str, lines: Lines| broken.push((what.to_owned(), lines));
    let replaced = |line: usize, one: &str, other: &str| {
        assert!(lines[line].contains(one), "line {line} holds no `{one}`");
        let mut changed = lines.clone();
        changed[line] = lines[line].replacen(one, other, 1);
        changed
    };
    push("payload", replaced(event, "合計", "会計"));
    push("summary", replaced(event, "\"summary\":\"", "\"summary\":\"x"));
    push("facts", replaced(event, "\"duration_ms\":", "\"duration_ms\":1"));
    push("salt", flipped(lines, event, "\"salt\":\""));
    push("text hash", flipped(lines, event, "\"text_hash\":\""));
    push("proof", flipped(lines, event, "\"proof\":[\""));
    push("a proof in capitals", in_capitals(lines, event));
    push("who", replaced(event, "\"principal\":\"", "\"principal\":\"x"));
    push("when", replaced(event, "\"created_at\":\"20", "\"created_at\":\"19"));
    push("an added field", replaced(event, "{\"event\":{", "{\"event\":{\"added\":1,"));
    push("white space", replaced(event, "{\"event\":{", "{\"event\": {"));
    push("another spelling", replaced(event, "\"read", "\"\\u0072ead"));
    push("plan in its file", flipped(lines, file, "\"base64\":\""));
    push("artifact", flipped(lines, last - 1, "\"base64\":\""));
    push("a file's name", replaced(file, "\"name\":\"plan v1\"", "\"name\":\"plan v2\""));
    push("root in the note", flipped(lines, 0, &format!("{}\\n", size(lines))));
    push("size in the note", replaced(0, &format!("\\n{}\\n", size(lines)), &format!("\\n{}\\n", size(lines) + 1)));
    push("signature in the note", flipped(lines, 0, " calt/"));
    push("origin", flipped(lines, 0, "\"origin\":\"calt/"));
    push("session", replaced(0, "\"session\":\"", "\"session\":\"x"));
    push("counts", replaced(last, "\"files\":3", "\"files\":2"));
    for (what, line) in [("header", 0), ("first event", 1), ("event", event), ("file", file), ("end", last)] {
        let mut without = lines.clone();
        without.remove(line);
        push(&format!("{what} removed"), without);
        let mut twice = lines.clone();
        twice.insert(line, lines[line].clone());
        push(&format!("{what} twice"), twice);
    }
    for (one, other) in [(event, event + 1), (file, file + 1), (file - 1, file), (0, 1)] {
        let mut swapped = lines.clone();
        swapped.swap(one, other);
        push(&format!("lines {one} and {other} swapped"), swapped);
    }
    for kept in [0, 1, 2, event, file, last] {
        push(&format!("cut after {kept} lines"), lines[..kept].to_vec());
    }
    push("the newest events cut off", shortened(lines));
    let mut cut = lines.clone();
    cut[last].pop();
    push("the last byte cut", cut);
    broken
}

/// Another letter of the same alphabet after a text.
fn flipped(lines: &Lines, line: usize, after: &str) -> Lines {
    let at = lines[line].find(after).unwrap_or_else(|| panic!("line {line} holds no `{after}`")) + after.len() + 3;
    let mut bytes = lines[line].clone().into_bytes();
    bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
    let mut changed = lines.clone();
    changed[line] = String::from_utf8(bytes).unwrap();
    changed
}

fn in_capitals(lines: &Lines, line: usize) -> Lines {
    let at = lines[line].find("\"proof\":[\"").unwrap() + 10;
    let mut changed = lines.clone();
    changed[line] =
        format!("{}{}{}", &lines[line][..at], lines[line][at..at + 64].to_uppercase(), &lines[line][at + 64..]);
    changed
}

fn size(lines: &Lines) -> u64 {
    let header: Value = serde_json::from_str(&lines[0]).unwrap();
    header["checkpoint"].as_str().unwrap().lines().nth(1).unwrap().parse().unwrap()
}

/// The session's last event gone, and the end counts what is left: only `record_exported` knows better.
fn shortened(lines: &Lines) -> Lines {
    let closing = lines.iter().position(|line| line.contains("\"event_type\":\"record_exported\"")).unwrap();
    let mut shorter = lines.clone();
    shorter.remove(closing - 1);
    let last = shorter.len() - 1;
    shorter[last] = lines[last + 1].replace(&format!("\"events\":{closing}"), &format!("\"events\":{}", closing - 1));
    assert_ne!(shorter[last], lines[last + 1]);
    shorter
}
