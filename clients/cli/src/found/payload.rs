//! Where in a payload, which is one JSON text, something stands: the field, and the line of its text.

use serde_json::Value;

use crate::render::word;
use crate::words::t;

/// Where a hit stands.
#[derive(Debug)]
pub(super) struct Place {
    /// The field, and of which step it is.
    pub(super) name: String,
    /// The line of the field's text.
    pub(super) line: Vec<char>,
    /// The hits in this line.
    pub(super) hits: Vec<(usize, usize)>,
}

/// What is open around a place: a mapping with the key that was read last, or a list with how many items are over.
enum Open {
    Mapping(String),
    List(usize),
}

/// Whether a payload reads as JSON.
pub(super) fn is_whole(payload: &str) -> bool {
    serde_json::from_str::<Value>(payload).is_ok_and(|payload| payload.is_object())
}

/// The first of these hits that stands in a value, and not in the name of a field.
pub(super) fn place_of(payload: &str, hits: &[(usize, usize)]) -> Option<Place> {
    let whole: Value = serde_json::from_str(payload).ok()?;
    let characters: Vec<char> = payload.chars().collect();
    let mut open = Vec::new();
    let mut place = 0;
    while place < characters.len() {
        let begin = place;
        match characters[place] {
            '{' => open.push(Open::Mapping(String::new())),
            '[' => open.push(Open::List(0)),
            '}' | ']' => drop(open.pop()),
            ',' => {
                if let Some(Open::List(over)) = open.last_mut() {
                    *over += 1;
                }
            }
            ':' | ' ' => {}
            '"' => {
                let end = end_of_text(&characters, place + 1);
                place = end;
                if let Some(Open::Mapping(key)) = open.last_mut().filter(|_| characters.get(end + 1) == Some(&':')) {
                    *key = characters[begin + 1..end].iter().collect();
                } else if let Some(found) = found(&read(&characters, begin + 1, end), hits) {
                    return Some(Place { name: name(&whole, &open), ..found });
                }
            }
            _ => {
                let is_of_it = |c: &char| !",}]".contains(*c);
                let end = begin + characters[begin..].iter().take_while(|c| is_of_it(c)).count();
                let text: Vec<_> = (begin..end).map(|place| (characters[place], place)).collect();
                if let Some(found) = found(&text, hits) {
                    return Some(Place { name: name(&whole, &open), ..found });
                }
                place = end - 1;
            }
        }
        place += 1;
    }
    None
}

/// Where the text that begins here ends: at its closing quote.
fn end_of_text(characters: &[char], from: usize) -> usize {
    let mut place = from;
    while place < characters.len() && characters[place] != '"' {
        place += if characters[place] == '\\' { 2 } else { 1 };
    }
    place.min(characters.len())
}

/// The characters of a text, each with the place where it is written.
fn read(characters: &[char], from: usize, end: usize) -> Vec<(char, usize)> {
    let (mut text, mut place) = (Vec::new(), from);
    while place < end {
        let begin = place;
        place += 1;
        if characters[begin] != '\\' {
            text.push((characters[begin], begin));
            continue;
        }
        // An escape is one character of JSON, or two of them beyond the first 65,536.
        place += if characters.get(place) == Some(&'u') { 5 } else { 1 };
        let is_pair = characters.get(begin + 2).is_some_and(|c| "dD".contains(*c))
            && characters.get(begin + 3).is_some_and(|c| "89abAB".contains(*c))
            && characters.get(place) == Some(&'\\');
        if place == begin + 6 && is_pair {
            place += 6;
        }
        let escape: String = characters[begin..place.min(end)].iter().collect();
        let read: String = serde_json::from_str(&format!("\"{escape}\"")).unwrap_or(escape);
        text.extend(read.chars().map(|c| (c, begin)));
    }
    text
}

/// The line of a text in which the first hit stands, with the hits in it.
fn found(text: &[(char, usize)], hits: &[(usize, usize)]) -> Option<Place> {
    let is_hit = |written: usize| hits.iter().any(|(start, end)| (*start..*end).contains(&written));
    let line = text.split(|(c, _)| *c == '\n').find(|line| line.iter().any(|(_, written)| is_hit(*written)))?;
    let line: Vec<_> = line.iter().skip_while(|(c, _)| c.is_whitespace()).collect();
    let mut marked: Vec<(usize, usize)> = Vec::new();
    for place in (0..line.len()).filter(|place| is_hit(line[*place].1)) {
        match marked.last_mut().filter(|(_, end)| *end == place) {
            Some((_, end)) => *end += 1,
            None => marked.push((place, place + 1)),
        }
    }
    Some(Place { name: String::new(), line: line.iter().map(|(c, _)| *c).collect(), hits: marked })
}

/// What a value is called: the key it is under, behind the step it belongs to.
fn name(whole: &Value, open: &[Open]) -> String {
    let keys = || open.iter().filter_map(|open| if let Open::Mapping(key) = open { Some(key.as_str()) } else { None });
    let key = keys().next_back().unwrap_or_default();
    let step = match open {
        [Open::Mapping(plan), Open::Mapping(steps), Open::List(place), ..] if plan == "plan" && steps == "steps" => {
            Some(&whole["plan"]["steps"][*place]["id"]).filter(|id| id.is_string())
        }
        _ => None,
    };
    step.map_or_else(|| key.to_owned(), |step| t!("step {step}: {what}", step = word(step), what = key))
}
