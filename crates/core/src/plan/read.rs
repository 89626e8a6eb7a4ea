//! Reads YAML and JSON, by one reader, into a tree in which every value and every key knows its place.
//!
//! JSON is YAML 1.2, so JSON plans get the same refusals at the same places; in particular a key that
//! stands twice is refused at the second, where JSON readers keep the last without a word.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span};
use serde_json::{Map, Value};

use super::scalar::scalar;
use super::{DOCUMENT_BYTES_MAX, NESTING_MAX, PlanProblem};

/// Most values a document may hold, aliases resolved.
const NODES_MAX: usize = 200_000;
/// Most values that aliases may add, so that a small document cannot become a large plan unseen.
const ALIASED_NODES_MAX: usize = 2_000;
/// Most bytes of text that aliases may add, for the same reason.
const ALIASED_BYTES_MAX: usize = 64 * 1024;

/// A place in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where it begins.
    pub place: Place,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// `null`, `true`, a number or a text.
    Scalar(Value),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in order.
    Mapping(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key begins.
    pub key_place: Place,
    /// The value.
    pub value: Node,
}

/// A document that was read: a mapping at its root.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The root.
    pub root: Node,
}

impl Node {
    /// The plain value, without places.
    pub fn value(&self) -> Value {
        match &self.kind {
            NodeKind::Scalar(value) => value.clone(),
            NodeKind::List(items) => items.iter().map(Self::value).collect(),
            NodeKind::Mapping(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.value())).collect::<Map<_, _>>(),
            ),
        }
    }

    /// The value of a key, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            NodeKind::Mapping(entries) => entries.iter().find(|entry| entry.key == key),
            NodeKind::Scalar(_) | NodeKind::List(_) => None,
        }
    }

    /// Finds the place of a JSON pointer: of the value, or of the nearest value above it.
    pub fn place_of(&self, pointer: &str) -> Place {
        let mut node = self;
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let below = match &node.kind {
                NodeKind::Scalar(_) => None,
                NodeKind::List(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
                NodeKind::Mapping(entries) => entries.iter().find(|entry| entry.key == part).map(|entry| &entry.value),
            };
            let Some(below) = below else { break };
            node = below;
        }
        node.place
    }

    /// How much an alias to this value adds.
    fn extent(&self) -> Extent {
        let mut whole = Extent { values: 1, bytes: 0, levels: 0 };
        match &self.kind {
            NodeKind::Scalar(value) => whole.bytes = value.as_str().map_or(0, str::len),
            NodeKind::List(items) => items.iter().for_each(|item| whole.take_in(&item.extent())),
            NodeKind::Mapping(entries) => {
                for entry in entries {
                    whole.bytes += entry.key.len();
                    whole.take_in(&entry.value.extent());
                }
            }
        }
        whole.levels += usize::from(!matches!(self.kind, NodeKind::Scalar(_)));
        whole
    }
}

/// Values, bytes of text, and levels of nesting.
struct Extent {
    values: usize,
    bytes: usize,
    levels: usize,
}

impl Extent {
    fn take_in(&mut self, below: &Self) {
        self.values += below.values;
        self.bytes += below.bytes;
        self.levels = self.levels.max(below.levels);
    }
}

/// Reads a document.
///
/// # Errors
/// The first thing that cannot be read, with its place and the fix.
pub fn read(text: &str) -> Result<Document, Vec<PlanProblem>> {
    if text.len() > DOCUMENT_BYTES_MAX {
        let message = format!("the document has {} bytes; the limit is {DOCUMENT_BYTES_MAX}", text.len());
        return Err(vec![refuse("document_too_large", START, message, "split the work into several plans")]);
    }
    if let Some(at) = text.find('\0') {
        let place = place_of_byte(text, at);
        return Err(vec![refuse("nul_character", place, "a NUL character".to_owned(), "remove it")]);
    }
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
        aliased: Extent { values: 0, bytes: 0, levels: 0 },
    };
    reader.document().map(|root| Document { root }).map_err(|problem| vec![problem])
}

const START: Place = Place { line: 1, column: 1 };

struct Reader<'t> {
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    aliased: Extent,
}

pub(super) type Read<T> = Result<T, PlanProblem>;

impl<'t> Reader<'t> {
    fn document(&mut self) -> Read<Node> {
        let mut root = None;
        loop {
            let (event, place) = self.next()?;
            if event == Event::StreamEnd {
                break;
            }
            if matches!(event, Event::StreamStart | Event::DocumentEnd) {
                continue;
            }
            if !matches!(event, Event::DocumentStart(..)) {
                root = Some(self.node(event, place, 0)?);
            } else if root.is_some() {
                return Err(refuse(
                    "several_documents",
                    place,
                    "a second document begins here".to_owned(),
                    "a plan is one document; remove the `---` and what follows",
                ));
            }
        }
        let Some(root) = root.filter(|root| root.kind != NodeKind::Scalar(Value::Null)) else {
            return Err(refuse(
                "empty_document",
                START,
                "the document is empty".to_owned(),
                "a plan has at least `title` and `steps`",
            ));
        };
        match root.kind {
            NodeKind::Mapping(_) => Ok(root),
            NodeKind::Scalar(_) | NodeKind::List(_) => Err(refuse(
                "not_a_mapping",
                root.place,
                "the document is not a mapping".to_owned(),
                "begin with `title:` and `steps:`",
            )),
        }
    }

    fn next(&mut self) -> Read<(Event<'t>, Place)> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, place(&span))),
            Some(Err(error)) => {
                let at = Place { line: line(error.marker().line()), column: column(error.marker().col()) };
                let message = error.info();
                let message = message.lines().next().unwrap_or_default().to_owned();
                Err(if matches!(error.kind(), ErrorKind::UnknownAnchor) {
                    refuse("unknown_alias", at, message, "write the value out")
                } else {
                    refuse("syntax", at, message, "mend the YAML or JSON at this place")
                })
            }
            None => Ok((Event::StreamEnd, START)),
        }
    }

    fn node(&mut self, event: Event<'t>, at: Place, depth: usize) -> Read<Node> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let message = format!("more than {NODES_MAX} values");
            return Err(refuse("too_many_values", at, message, "split the work into several plans"));
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's events may grow; none of them is a value")]
        let (kind, anchor) = match event {
            Event::Alias(target) => return self.alias(target, at, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| tag.to_string());
                (NodeKind::Scalar(scalar(&text, style, tag.as_deref(), at)?), anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                no_tag(tag.map(|tag| tag.to_string()).as_deref(), at)?;
                not_deeper(depth + 1, at)?;
                (self.list(depth)?, anchor)
            }
            Event::MappingStart(_, anchor, tag) => {
                no_tag(tag.map(|tag| tag.to_string()).as_deref(), at)?;
                not_deeper(depth + 1, at)?;
                (self.mapping(depth)?, anchor)
            }
            _ => return Err(refuse("syntax", at, "a value is missing here".to_owned(), "write the value")),
        };
        let node = Node { kind, place: at };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, target: usize, at: Place, depth: usize) -> Read<Node> {
        let Some(node) = self.anchors.get(&target) else {
            let message = "the alias names nothing that is complete".to_owned();
            return Err(refuse("unknown_alias", at, message, "write the value out"));
        };
        let extent = node.extent();
        not_deeper(depth + extent.levels, at)?;
        self.aliased.take_in(&extent);
        if self.aliased.values > ALIASED_NODES_MAX || self.aliased.bytes > ALIASED_BYTES_MAX {
            let message =
                format!("aliases add more than {ALIASED_NODES_MAX} values or {ALIASED_BYTES_MAX} bytes of text");
            return Err(refuse("too_many_aliases", at, message, "write the values out"));
        }
        Ok(Node { kind: node.kind.clone(), place: at })
    }

    fn list(&mut self, depth: usize) -> Read<NodeKind> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok(NodeKind::List(items));
            }
            items.push(self.node(event, at, depth + 1)?);
        }
    }

    fn mapping(&mut self, depth: usize) -> Read<NodeKind> {
        let (mut entries, mut seen) = (Vec::new(), HashMap::new());
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(NodeKind::Mapping(entries));
            }
            let key = self.key(event, at, depth)?;
            if let Some(first) = seen.insert(key.clone(), at) {
                let Place { line, column } = first;
                let message = format!("`{}` stands twice; first at line {line}, column {column}", shown(&key));
                return Err(refuse("duplicate_key", at, message, "keep one of them"));
            }
            let (event, value_at) = self.next()?;
            let value = self.node(event, value_at, depth + 1)?;
            entries.push(Entry { key, key_place: at, value });
        }
    }

    fn key(&mut self, event: Event<'t>, at: Place, depth: usize) -> Read<String> {
        if let Event::Scalar(text, ScalarStyle::Plain, _, _) = &event
            && text == "<<"
        {
            return Err(refuse(
                "merge_key",
                at,
                "a merge key `<<`".to_owned(),
                "write the fields out, so that an approver sees them",
            ));
        }
        match self.node(event, at, depth + 1)?.kind {
            NodeKind::Scalar(Value::String(key)) => Ok(key),
            NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Mapping(_) => {
                Err(refuse("key_not_text", at, "a key that is not text".to_owned(), "put the key in quotes"))
            }
        }
    }
}

pub(super) fn no_tag(tag: Option<&str>, at: Place) -> Read<()> {
    match tag {
        None => Ok(()),
        Some(tag) => Err(refuse(
            "tag",
            at,
            format!("a tag `{}`", shown(tag)),
            "remove it; values are read by the core schema alone",
        )),
    }
}

/// Levels count lists and mappings; what they hold does not add one.
fn not_deeper(levels: usize, at: Place) -> Read<()> {
    if levels > NESTING_MAX {
        let message = format!("nested deeper than {NESTING_MAX} levels");
        return Err(refuse("nested_too_deep", at, message, "make it flatter"));
    }
    Ok(())
}

fn place(span: &Span) -> Place {
    Place { line: line(span.start.line()), column: column(span.start.col()) }
}

fn line(line: usize) -> u32 {
    u32::try_from(line.max(1)).unwrap_or(u32::MAX)
}

fn column(from_zero: usize) -> u32 {
    u32::try_from(from_zero + 1).unwrap_or(u32::MAX)
}

fn place_of_byte(text: &str, at: usize) -> Place {
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place { line: line(before.matches('\n').count() + 1), column: column(before[start..].chars().count()) }
}

/// Text of the document inside a message: at most this many characters of it.
pub(super) fn shown(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 60;
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text.to_owned();
    }
    let head: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    format!("{head}… ({} characters)", text.chars().count())
}

pub(super) fn refuse(code: &str, place: Place, message: String, fix: &str) -> PlanProblem {
    PlanProblem {
        code: code.to_owned(),
        pointer: String::new(),
        line: place.line,
        column: place.column,
        message,
        fix: fix.to_owned(),
    }
}
