//! One pass over a text: where its secrets are.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::Anchored;
use aho_corasick::automaton::Automaton as _;
use aho_corasick::dfa::DFA;

use super::MASK;
use super::assigned::Assigned;
use super::keys;
use super::logins;
use super::records::Records;
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
    Netrc(&'static str),
    UserOption(&'static str),
    Curl,
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
    ("machine", Shape::Netrc("machine")),
    ("default", Shape::Netrc("default")),
    ("-u", Shape::UserOption("-u")),
    ("curl", Shape::Curl),
    ("--user", Shape::UserOption("--user")),
    ("--proxy-user", Shape::UserOption("--proxy-user")),
];

/// All keywords in one automaton, and what each leads to.
struct Keywords {
    automaton: DFA,
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
    let automaton = DFA::builder()
        .ascii_case_insensitive(true)
        .build(&words)
        .expect("a few hundred short keywords fit an automaton");
    Keywords { automaton, leads }
});

/// The places of all secrets in a text, in any order; they may overlap.
pub(super) fn secrets(text: &str) -> Vec<Range<usize>> {
    let Keywords { automaton, leads } = &*KEYWORDS;
    let mut scan = Scan {
        text,
        assigned: Assigned::new(text),
        shapes: Shapes::new(text),
        records: Records::default(),
        format_end: 0,
        found: Vec::new(),
    };
    // The automaton is walked by hand: its own iterator takes twice as long over harmless text.
    let Ok(mut state) = automaton.start_state(Anchored::No) else {
        return Vec::new();
    };
    for (at, byte) in text.bytes().enumerate() {
        state = automaton.next_state(Anchored::No, state, byte);
        if automaton.is_special(state) && automaton.is_match(state) {
            for index in 0..automaton.match_len(state) {
                let keyword = automaton.match_pattern(state, index);
                let start = at + 1 - automaton.pattern_len(keyword);
                scan.follow(leads[keyword.as_usize()], start..at + 1);
            }
        }
    }
    scan.found.append(&mut scan.assigned.found);
    scan.found
}

/// What one pass has found so far.
struct Scan<'t> {
    text: &'t str,
    assigned: Assigned<'t>,
    shapes: Shapes<'t>,
    records: Records,
    /// Where the last format ends: keywords inside it were read with it.
    format_end: usize,
    found: Vec<Range<usize>>,
}

impl Scan<'_> {
    fn follow(&mut self, lead: Lead, keyword: Range<usize>) {
        let at = keyword.start;
        let secret = match lead {
            Lead::Name => return self.assigned.at_keyword(keyword),
            Lead::Rule(_) | Lead::Shape(_) if at < self.format_end => return,
            Lead::Rule(index) => RULES[index].find(self.text, at).map(|(start, end)| start..end),
            Lead::Shape(shape) => self.shape(shape, at),
        };
        if let Some(secret) = secret {
            self.format_end = self.format_end.max(secret.end);
            self.found.push(secret);
        }
    }

    fn shape(&mut self, shape: Shape, at: usize) -> Option<Range<usize>> {
        let shapes = &mut self.shapes;
        match shape {
            Shape::PrivateKey => {
                let key = shapes.private_key(at)?;
                self.found.append(&mut self.records.after(self.text, at));
                Some(key)
            }
            Shape::PrivateKeyEnd => {
                let key = shapes.private_key_end(at)?;
                self.found.append(&mut self.records.before(self.text, at));
                Some(key)
            }
            Shape::PuttyKey => Some(shapes.putty_key(at)),
            Shape::Jwt => shapes.jwt(at),
            Shape::Address => shapes.address(at),
            Shape::Discord => shapes.discord(at),
            Shape::Telegram => shapes.telegram(at),
            Shape::Azure => shapes.azure(at),
            Shape::Mailchimp => shapes.mailchimp(at),
            Shape::Terraform => shapes.terraform(at),
            Shape::Sk => shapes.sk(at),
            Shape::Netrc(word) => {
                self.found.append(&mut logins::netrc(self.text, at, word, shapes.line_before(at)));
                None
            }
            Shape::Curl => {
                self.found.append(&mut logins::curl(self.text, at));
                None
            }
            Shape::UserOption(option) => logins::user_option(self.text, at, option),
        }
    }
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
