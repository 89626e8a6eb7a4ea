//! One pass over a text: where its secrets are.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::MASK;
use super::assigned::Assigned;
use super::keys;
use super::rules::RULES;
use super::shapes::Shapes;

/// What a keyword leads to.
#[derive(Clone, Copy)]
enum Lead {
    Name,
    Rule(usize),
    Shape(Shape),
}

#[derive(Clone, Copy)]
enum Shape {
    PrivateKey,
    PrivateKeyEnd,
    PuttyKey,
    Jwt,
    Address,
    Discord,
    Telegram,
    Azure,
    Mailchimp,
    Terraform,
    Sk,
}

const SHAPES: &[(&str, Shape)] = &[
    ("-----begin", Shape::PrivateKey),
    ("-----end ", Shape::PrivateKeyEnd),
    ("private-lines:", Shape::PuttyKey),
    ("eyj", Shape::Jwt),
    ("://", Shape::Address),
    (".", Shape::Discord),
    (":aa", Shape::Telegram),
    ("q~", Shape::Azure),
    ("-us", Shape::Mailchimp),
    (".atlasv1.", Shape::Terraform),
    ("sk-", Shape::Sk),
];

/// All keywords in one automaton, and what each leads to.
struct Keywords {
    automaton: AhoCorasick,
    leads: Vec<Lead>,
}

static KEYWORDS: LazyLock<Keywords> = LazyLock::new(|| {
    let mut words: Vec<&str> = Vec::new();
    let mut leads = Vec::new();
    let mut add = |word: &'static str, lead| {
        words.push(word);
        leads.push(lead);
    };
    for root in keys::ROOTS {
        add(root, Lead::Name);
    }
    for (index, rule) in RULES.iter().enumerate() {
        for keyword in rule.keywords {
            add(keyword, Lead::Rule(index));
        }
    }
    for (keyword, shape) in SHAPES {
        add(keyword, Lead::Shape(*shape));
    }
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&words)
        .expect("a few hundred short keywords fit an automaton");
    Keywords { automaton, leads }
});

/// The places of all secrets in a text, in any order; they may overlap.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut assigned = Assigned::new(text);
    let mut shapes = Shapes::new(text);
    let mut found: Vec<Range<usize>> = Vec::new();
    // Where the last format ends: keywords inside it were read with it.
    let mut format_end = 0;
    for hit in KEYWORDS.automaton.find_overlapping_iter(text) {
        let at = hit.start();
        let lead = KEYWORDS.leads[hit.pattern().as_usize()];
        let secret = match lead {
            Lead::Name => {
                assigned.at_keyword(at..hit.end());
                continue;
            }
            _ if at < format_end => continue,
            Lead::Rule(index) => RULES[index].find(text, at).map(|(start, end)| start..end),
            Lead::Shape(Shape::PrivateKey) => shapes.private_key(at),
            Lead::Shape(Shape::PrivateKeyEnd) => shapes.private_key_end(at),
            Lead::Shape(Shape::PuttyKey) => Some(shapes.putty_key(at)),
            Lead::Shape(Shape::Jwt) => shapes.jwt(at),
            Lead::Shape(Shape::Address) => shapes.address(at),
            Lead::Shape(Shape::Discord) => shapes.discord(at),
            Lead::Shape(Shape::Telegram) => shapes.telegram(at),
            Lead::Shape(Shape::Azure) => shapes.azure(at),
            Lead::Shape(Shape::Mailchimp) => shapes.mailchimp(at),
            Lead::Shape(Shape::Terraform) => shapes.terraform(at),
            Lead::Shape(Shape::Sk) => shapes.sk(at),
        };
        if let Some(secret) = secret {
            format_end = format_end.max(secret.end);
            found.push(secret);
        }
    }
    found.append(&mut assigned.found);
    found
}

/// Replaces the places by the mask; `None` when nothing changes. Overlapping places become one.
pub(super) fn replace(text: &str, mut places: Vec<Range<usize>>) -> Option<String> {
    places.retain(|place| !place.is_empty() && &text[place.clone()] != MASK);
    if places.is_empty() {
        return None;
    }
    places.sort_unstable_by_key(|place| place.start);
    let mut out = String::with_capacity(text.len() + MASK.len());
    let mut places = places.into_iter().peekable();
    let mut copied = 0;
    while let Some(mut place) = places.next() {
        while let Some(next) = places.next_if(|next| next.start < place.end) {
            place.end = place.end.max(next.end);
        }
        out.push_str(&text[copied..place.start]);
        out.push_str(MASK);
        copied = place.end;
    }
    out.push_str(&text[copied..]);
    (out != text).then_some(out)
}
