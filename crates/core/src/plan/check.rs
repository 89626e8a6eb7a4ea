//! Checks a document against every rule of the format, and returns all its problems at once.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{HashMap, HashSet};

use regex::RegexBuilder;
use serde_json::{Map, Value};
use serde_json_path::JsonPath;

use super::expand::{CHANGE_ID_CHARS_MAX, CHANGE_TITLE_CHARS_MAX, Written, expand, plain_path};
use super::read::{Document, Entry, Node, NodeKind, Place, shown};
use super::{
    Draft, PlanProblem, PlannedStep, STEP_TIMEOUT_SECONDS, STEP_TIMEOUT_SECONDS_DEFAULT, STEPS_MAX, VERSION_MAX,
    Verify, VerifyKind,
};
use crate::id::{STEP_ID_CHARS_MAX, StepId};
use crate::reference::{self, Reference};
use crate::toolbox::{Effect, Remark, Risk, ToolRules, Toolbox};

use super::inputs::{check as check_inputs, kind_words};

/// Most problems that are told at once.
pub const PROBLEMS_MAX: usize = 100;
/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 300;
/// Most pre- or postconditions of a step.
pub const CONDITIONS_MAX: usize = 50;
/// Longest expression of a `verify` rule, in characters.
pub const VERIFY_EXPR_CHARS_MAX: usize = 4_000;
/// Deepest nesting of brackets in a `jsonpath` rule: the time it takes to parse filters within filters doubles with each.
const JSONPATH_BRACKETS_MAX: usize = 10;
/// Largest compiled regular expression of a `verify` rule, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

const PLAN_KEYS: &[&str] = &["version", "title", "plan_title", "session_goal", "ref", "steps"];
const STEP_KEYS: &[&str] = &[
    "id",
    "title",
    "tool",
    "risk",
    "inputs",
    "change",
    "preconditions",
    "postconditions",
    "expected_observation",
    "verify",
    "timeout_sec",
];

/// The code of every problem, with what it means.
pub const CODES: &[(&str, &str)] = &[
    ("document_too_large", "The document is larger than 1 MiB."),
    ("syntax", "The document is neither YAML nor JSON at this place."),
    ("nul_character", "A text holds a NUL character."),
    ("several_documents", "More than one document."),
    ("empty_document", "Nothing is there."),
    ("not_a_mapping", "The document is a list or a single value."),
    ("duplicate_key", "A key stands twice in one mapping."),
    ("merge_key", "A merge key; fields must be written out."),
    ("key_not_text", "A key is not text."),
    ("tag", "A tag; values are read by the core schema alone."),
    ("unknown_alias", "An alias names nothing."),
    ("too_many_aliases", "Aliases would make the document much larger than it looks."),
    ("too_many_values", "Too many values."),
    ("nested_too_deep", "Nested deeper than 32 levels."),
    ("string_too_long", "A text longer than 512 KiB."),
    ("integer_out_of_range", "An integer that JSON readers do not keep exactly."),
    ("number_not_finite", "A number that is infinite or none."),
    ("unknown_key", "A key the format does not have."),
    ("workspace_root", "A plan never names the workspace."),
    ("missing_key", "A field that must be there."),
    ("wrong_type", "A field has another type."),
    ("empty_text", "A text that must say something."),
    ("text_too_long", "A text over its limit."),
    ("title_twice", "Both `title` and `plan_title`."),
    ("version_range", "A version outside 1 to 1,000,000."),
    ("no_steps", "A plan has at least one step."),
    ("too_many_steps", "More than 1,000 steps."),
    ("step_id", "A step id of another form."),
    ("duplicate_step", "Two steps with one id."),
    ("unknown_tool", "A tool that does not exist."),
    ("unknown_risk", "A risk other than low, medium, high."),
    ("unknown_input", "An input the tool does not have."),
    ("missing_input", "An input the tool needs."),
    ("input_type", "An input of another type."),
    ("input_value", "An input that is none of the allowed values."),
    ("input_range", "A number outside its range."),
    ("input_empty", "An input that must hold something."),
    ("input_length", "An input over its limit."),
    ("input_misfit", "Inputs that fit the schema and can never be used."),
    ("change_and_tool", "Both `change` and `tool` or `inputs`."),
    ("timeout_range", "A timeout outside 1 to 120 seconds, or not literal."),
    ("conditions", "Pre- or postconditions that are not a list of texts."),
    ("verify", "A verify rule that cannot be used."),
    ("reference_form", "A text with `${steps.` that is no whole-string reference."),
    ("reference_unknown", "A reference to a step that is not in the plan."),
    ("reference_later", "A reference to the step itself or to a later one."),
    ("preview_before_apply", "A second write to a path was previewed before the first was applied."),
    ("more_problems", "There are more problems than are listed."),
];

/// Problems so far.
#[derive(Default)]
pub(super) struct Problems {
    found: Vec<PlanProblem>,
    more: usize,
}

impl Problems {
    pub(super) fn add(&mut self, code: &str, pointer: &str, place: Place, message: String, fix: impl Into<String>) {
        if self.found.len() >= PROBLEMS_MAX {
            self.more += 1;
            return;
        }
        self.found.push(PlanProblem {
            code: code.to_owned(),
            pointer: pointer.to_owned(),
            line: place.line,
            column: place.column,
            message,
            fix: fix.into(),
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    pub(super) fn append(&mut self, other: Self) {
        for problem in other.found {
            let place = Place { line: problem.line, column: problem.column };
            self.add(&problem.code, &problem.pointer, place, problem.message, problem.fix);
        }
        self.more += other.more;
    }

    fn finish(mut self) -> Vec<PlanProblem> {
        self.found.sort_by_key(|problem| (problem.line, problem.column));
        // A `change` step is checked as preview and as apply: what is wrong with both is told once.
        let mut told: HashSet<(String, String, String)> = HashSet::new();
        self.found
            .retain(|problem| told.insert((problem.code.clone(), problem.pointer.clone(), problem.message.clone())));
        if self.more > 0
            && let Some(last) = self.found.last().cloned()
        {
            self.found.push(PlanProblem {
                code: "more_problems".to_owned(),
                pointer: String::new(),
                message: format!("{} more problems are not listed", self.more),
                fix: "mend these first, then check again".to_owned(),
                ..last
            });
        }
        self.found
    }
}

/// Checks a document.
///
/// # Errors
/// Every problem, in the order of the document.
pub fn check(document: &Document, toolbox: &dyn Toolbox) -> Result<Draft, Vec<PlanProblem>> {
    let mut problems = Problems::default();
    let root = &document.root;
    known_keys(root, PLAN_KEYS, "", "a plan", &mut problems);
    let version = version(root, &mut problems);
    let title = title(root, &mut problems);
    let session_goal = optional_text(root, "session_goal", "", 4_000, &mut problems);
    let ticket = optional_text(root, "ref", "", 200, &mut problems);
    let steps = steps(root, toolbox, &mut problems);
    if problems.is_empty()
        && let Some(title) = title
    {
        return Ok(Draft { version, title, session_goal, ticket, steps });
    }
    Err(problems.finish())
}

fn version(root: &Node, problems: &mut Problems) -> Option<u32> {
    let entry = root.get("version")?;
    let number = match &entry.value.kind {
        NodeKind::Scalar(Value::Null) => return None,
        NodeKind::Scalar(Value::Number(number)) => number.as_u64(),
        NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Mapping(_) => {
            wrong_type(entry, "/version", "an integer", problems);
            return None;
        }
    };
    let version =
        number.and_then(|number| u32::try_from(number).ok()).filter(|number| (1..=VERSION_MAX).contains(number));
    if version.is_none() {
        let message = format!("`version` is {}", entry.value.value());
        problems.add(
            "version_range",
            "/version",
            entry.value.place,
            message,
            format!("write an integer from 1 to {VERSION_MAX}, or leave it out for the next number"),
        );
    }
    version
}

fn title(root: &Node, problems: &mut Problems) -> Option<String> {
    match (root.get("title"), root.get("plan_title")) {
        (Some(_), Some(second)) => {
            problems.add(
                "title_twice",
                "/plan_title",
                second.key_place,
                "both `title` and `plan_title`".to_owned(),
                "keep `title`",
            );
            None
        }
        (None, Some(_)) => required_text(root, "plan_title", "", TITLE_CHARS_MAX, problems),
        (Some(_) | None, None) => required_text(root, "title", "", TITLE_CHARS_MAX, problems),
    }
}

fn steps(root: &Node, toolbox: &dyn Toolbox, problems: &mut Problems) -> Vec<PlannedStep> {
    let Some(entry) = root.get("steps") else {
        problems.add(
            "missing_key",
            "",
            root.place,
            "`steps` is missing".to_owned(),
            "add `steps:` with at least one step",
        );
        return Vec::new();
    };
    let NodeKind::List(written) = &entry.value.kind else {
        wrong_type(entry, "/steps", "a list", problems);
        return Vec::new();
    };
    if written.is_empty() {
        problems.add("no_steps", "/steps", entry.value.place, "the plan has no step".to_owned(), "add one");
        return Vec::new();
    }
    for (place, step) in written.iter().enumerate() {
        change_form(step, &format!("/steps/{place}"), problems);
    }
    let expanded = expand(written);
    if expanded.len() > STEPS_MAX {
        let message = format!("the plan has {} steps; the limit is {STEPS_MAX}", expanded.len());
        problems.add("too_many_steps", "/steps", entry.value.place, message, "split the work into several plans");
        return Vec::new();
    }
    let ids = step_ids(&expanded, problems);
    let mut steps = Vec::new();
    for (place, step) in expanded.iter().enumerate() {
        steps.extend(self::step(step, place, &ids, toolbox, problems));
    }
    if problems.is_empty() {
        previews_in_order(&steps, &expanded, problems);
    }
    steps
}

/// A `change` stands alone, is a mapping with files, and leaves room in its id.
fn change_form(step: &Node, pointer: &str, problems: &mut Problems) {
    let Some(change) = step.get("change") else { return };
    for name in ["tool", "inputs"] {
        if let Some(other) = step.get(name) {
            let message = format!("both `change` and `{name}`");
            problems.add("change_and_tool", &format!("{pointer}/{name}"), other.key_place, message, "keep one of them");
        }
    }
    if change.value.get("files").is_none() {
        let message = "`files` is missing in `change`".to_owned();
        let fix = "write `change: {files: [{path: …, content: …}]}`";
        problems.add("missing_key", &format!("{pointer}/change"), change.value.place, message, fix);
    }
    known_keys(&change.value, &["files"], &format!("{pointer}/change"), "`change`", problems);
    let limits = [("id", "step_id", CHANGE_ID_CHARS_MAX), ("title", "text_too_long", CHANGE_TITLE_CHARS_MAX)];
    for (name, code, chars_max) in limits {
        let text = step.get(name).and_then(|entry| entry.value.value().as_str().map(str::to_owned));
        let chars = text.map_or(0, |text| text.chars().count());
        if chars > chars_max {
            let message = format!("the {name} of a `change` has {chars} characters; the limit is {chars_max}");
            let fix = "shorten it: ` (preview)` or `_preview` must fit behind it";
            problems.add(code, &format!("{pointer}/{name}"), step.place_of(&format!("/{name}")), message, fix);
        }
    }
}

/// Ids in order, each with its place among the steps; duplicates are told at the second.
fn step_ids(steps: &[Written], problems: &mut Problems) -> HashMap<StepId, usize> {
    let mut ids: HashMap<StepId, usize> = HashMap::new();
    for (place, Written { node, pointer, .. }) in steps.iter().enumerate() {
        let Some(id) = node.get("id").and_then(|entry| entry.value.value().as_str().and_then(StepId::parse)) else {
            continue;
        };
        match ids.entry(id) {
            MapEntry::Vacant(free) => {
                free.insert(place);
            }
            MapEntry::Occupied(taken) => {
                let message = format!("step `{}` stands twice", taken.key());
                let at = node.place_of("/id");
                problems.add(
                    "duplicate_step",
                    &format!("{pointer}/id"),
                    at,
                    message,
                    "give each step an id of its own",
                );
            }
        }
    }
    ids
}

fn step(
    written: &Written,
    place: usize,
    ids: &HashMap<StepId, usize>,
    toolbox: &dyn Toolbox,
    problems: &mut Problems,
) -> Option<PlannedStep> {
    let Written { node, pointer, .. } = written;
    if !matches!(node.kind, NodeKind::Mapping(_)) {
        let message = format!("step {} is {}, not a mapping", place + 1, kind_words(node));
        problems.add("wrong_type", pointer, node.place, message, "write `- id: …`");
        return None;
    }
    known_keys(node, STEP_KEYS, pointer, "a step", problems);
    let id = id(node, pointer, problems);
    let title = required_text(node, "title", pointer, TITLE_CHARS_MAX, problems);
    let rules = tool(node, pointer, toolbox, problems);
    let declared = risk(node, pointer, problems);
    let timeout_sec = timeout(node, pointer, problems);
    let preconditions = conditions(node, "preconditions", pointer, problems);
    let postconditions = conditions(node, "postconditions", pointer, problems);
    let expected_observation = optional_text(node, "expected_observation", pointer, 4_000, problems);
    let inputs_pointer = written.inputs_pointer();
    // A `change` without files was named already.
    let checked = rules.filter(|_| written.inputs_key != "change" || written.has_files());
    let (inputs, meta) = inputs(node, checked, &inputs_pointer, problems);
    let references = references(&inputs, node, place, ids, &inputs_pointer, problems);
    let rules = rules?;
    let effect = rules.effect(&inputs);
    let verify = verify(node, effect, pointer, problems);
    let floor = rules.risk_floor(&inputs);
    let mut remarks = rules.remarks(&inputs);
    if declared.is_some_and(|declared| declared < floor) {
        let message = format!("the risk is {floor}, whatever the plan says: the tool implies it");
        remarks.push(Remark { code: "risk_raised".to_owned(), message });
    }
    Some(PlannedStep {
        id: id?,
        title: title?,
        tool: rules.spec().name.to_owned(),
        effect,
        risk: declared.unwrap_or(Risk::Low).max(floor),
        box_spec: rules.box_spec(&inputs),
        inputs,
        meta,
        preconditions,
        postconditions,
        expected_observation,
        verify,
        timeout_sec,
        references,
        remarks,
    })
}

fn id(node: &Node, pointer: &str, problems: &mut Problems) -> Option<StepId> {
    let text = required_text(node, "id", pointer, STEP_ID_CHARS_MAX, problems)?;
    let id = StepId::parse(&text);
    if id.is_none() {
        let message = format!("`{}` is not a step id", shown(&text));
        problems.add(
            "step_id",
            &format!("{pointer}/id"),
            node.place_of("/id"),
            message,
            format!("use 1 to {STEP_ID_CHARS_MAX} of A-Z a-z 0-9 _ -"),
        );
    }
    id
}

fn tool<'t>(
    node: &Node,
    pointer: &str,
    toolbox: &'t dyn Toolbox,
    problems: &mut Problems,
) -> Option<&'t dyn ToolRules> {
    let name = required_text(node, "tool", pointer, TITLE_CHARS_MAX, problems)?;
    let rules = toolbox.tool(&name);
    if rules.is_none() {
        let message = format!("tool `{}` does not exist", shown(&name));
        problems.add(
            "unknown_tool",
            &format!("{pointer}/tool"),
            node.place_of("/tool"),
            message,
            suggestion(&name, toolbox.names()),
        );
    }
    rules
}

fn risk(node: &Node, pointer: &str, problems: &mut Problems) -> Option<Risk> {
    let entry = node.get("risk")?;
    let value = entry.value.value();
    match value.as_str() {
        Some("low") => Some(Risk::Low),
        Some("medium") => Some(Risk::Medium),
        Some("high") => Some(Risk::High),
        Some(_) | None => {
            problems.add(
                "unknown_risk",
                &format!("{pointer}/risk"),
                entry.value.place,
                format!("`risk` is {value}"),
                "write low, medium or high",
            );
            None
        }
    }
}

fn timeout(node: &Node, pointer: &str, problems: &mut Problems) -> u32 {
    let Some(entry) = node.get("timeout_sec") else { return STEP_TIMEOUT_SECONDS_DEFAULT };
    let value = entry.value.value();
    let seconds = value
        .as_u64()
        .and_then(|seconds| u32::try_from(seconds).ok())
        .filter(|seconds| STEP_TIMEOUT_SECONDS.contains(seconds));
    seconds.unwrap_or_else(|| {
        let message = format!("`timeout_sec` is {}", shown(&value.to_string()));
        problems.add(
            "timeout_range",
            &format!("{pointer}/timeout_sec"),
            entry.value.place,
            message,
            "write an integer from 1 to 120",
        );
        STEP_TIMEOUT_SECONDS_DEFAULT
    })
}

fn conditions(node: &Node, name: &str, pointer: &str, problems: &mut Problems) -> Vec<String> {
    let Some(entry) = node.get(name) else { return Vec::new() };
    let texts = match &entry.value.kind {
        NodeKind::List(items) if items.len() <= CONDITIONS_MAX => {
            items.iter().map(|item| item.value().as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        }
        NodeKind::List(_) | NodeKind::Scalar(_) | NodeKind::Mapping(_) => None,
    };
    texts.unwrap_or_else(|| {
        let message = format!("`{name}` is not a list of at most {CONDITIONS_MAX} texts");
        problems.add(
            "conditions",
            &format!("{pointer}/{name}"),
            entry.value.place,
            message,
            format!("write `{name}: [\"…\"]`"),
        );
        Vec::new()
    })
}

/// Inputs apart from `meta`, checked against the tool's schema.
fn inputs(
    node: &Node,
    rules: Option<&dyn ToolRules>,
    pointer: &str,
    problems: &mut Problems,
) -> (Value, Option<Value>) {
    let empty = Node { kind: NodeKind::Mapping(Vec::new()), place: node.place };
    let given = node.get("inputs").map_or(&empty, |entry| &entry.value);
    let NodeKind::Mapping(entries) = &given.kind else {
        problems.add(
            "wrong_type",
            pointer,
            given.place,
            format!("`inputs` is {}, not a mapping", kind_words(given)),
            "write `inputs: {…}`",
        );
        return (Value::Object(Map::new()), None);
    };
    let (meta, own): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| entry.key == "meta");
    let own = Node { kind: NodeKind::Mapping(own.into_iter().cloned().collect()), place: given.place };
    if let Some(rules) = rules {
        let known = problems.len();
        check_inputs(
            &own,
            &rules.spec().input_schema,
            pointer,
            &format!("`inputs` of `{}`", rules.spec().name),
            problems,
        );
        if problems.len() == known {
            for misfit in rules.misfits(&own.value()) {
                let at = node.place_of(&format!("/inputs{}", misfit.pointer));
                problems.add("input_misfit", &format!("{pointer}{}", misfit.pointer), at, misfit.message, misfit.fix);
            }
        }
    }
    (own.value(), meta.first().map(|entry| entry.value.value()))
}

fn references(
    inputs: &Value,
    node: &Node,
    place: usize,
    ids: &HashMap<StepId, usize>,
    pointer: &str,
    problems: &mut Problems,
) -> Vec<Reference> {
    let (references, malformed) = reference::collect(inputs);
    let at = |below: &str| node.place_of(&format!("/inputs{below}"));
    for below in malformed {
        problems.add(
            "reference_form",
            &format!("{pointer}{below}"),
            at(&below),
            "a text with `${steps.` that is no reference".to_owned(),
            "a reference is the whole text: ${steps.<id>.output} or ${steps.<id>.output.<field>}",
        );
    }
    for reference in &references {
        let below = reference.pointer.as_str();
        let full = format!("{pointer}{below}");
        if below == "/timeout_sec" {
            problems.add(
                "timeout_range",
                &full,
                at(below),
                "`timeout_sec` is a reference".to_owned(),
                "write it as a number",
            );
        }
        match ids.get(&reference.step) {
            None => {
                let message = format!("`{reference}` refers to step `{}`, which is not in this plan", reference.step);
                problems.add(
                    "reference_unknown",
                    &full,
                    at(below),
                    message,
                    suggestion(reference.step.as_str(), ids.keys().map(StepId::as_str)),
                );
            }
            Some(target) if *target >= place => {
                let message = format!("`{reference}` refers to step `{}`, which does not come earlier", reference.step);
                problems.add(
                    "reference_later",
                    &full,
                    at(below),
                    message,
                    "refer to an earlier step, or move this one behind it",
                );
            }
            Some(_) => {}
        }
    }
    references
}

fn verify(node: &Node, effect: Effect, pointer: &str, problems: &mut Problems) -> Option<Verify> {
    let entry = node.get("verify")?;
    let pointer = format!("{pointer}/verify");
    if entry.value.value().is_null() {
        return None;
    }
    let mut wrong = |message: String, fix: &str| {
        problems.add("verify", &pointer, entry.value.place, message, fix);
        None
    };
    let NodeKind::Mapping(fields) = &entry.value.kind else {
        return wrong("`verify` is not a mapping".to_owned(), "write `verify: {type: …, expr: \"…\"}`");
    };
    if let Some(unknown) = fields.iter().find(|field| field.key != "type" && field.key != "expr") {
        return wrong(format!("`{}` is not known in `verify`", shown(&unknown.key)), "keep `type` and `expr`");
    }
    let text = |name: &str| entry.value.get(name).and_then(|entry| entry.value.value().as_str().map(str::to_owned));
    let kind = match text("type").as_deref() {
        Some("exit_code") => VerifyKind::ExitCode,
        Some("regex") => VerifyKind::Regex,
        Some("jsonpath") => VerifyKind::Jsonpath,
        Some("artifact_exists") => VerifyKind::ArtifactExists,
        Some(_) | None => {
            return wrong(
                "`type` of `verify` is none of its kinds".to_owned(),
                "use exit_code, regex, jsonpath or artifact_exists",
            );
        }
    };
    let Some(expr) = text("expr").filter(|expr| !expr.trim().is_empty()) else {
        return wrong("`expr` of `verify` is not a text".to_owned(), "write it in quotes");
    };
    if expr.chars().count() > VERIFY_EXPR_CHARS_MAX {
        let message = format!("`expr` of `verify` has {} characters", expr.chars().count());
        return wrong(message, "at most 4,000 are allowed; check less, or in two steps");
    }
    match usable(kind, &expr, effect) {
        Ok(()) => Some(Verify { kind, expr }),
        Err((message, fix)) => wrong(message, fix),
    }
}

fn usable(kind: VerifyKind, expr: &str, effect: Effect) -> Result<(), (String, &'static str)> {
    match kind {
        VerifyKind::ExitCode if effect != Effect::Spawns => {
            Err(("`exit_code` on a tool that starts no command".to_owned(), "use it with run_shell_readonly"))
        }
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
            Ok(_) => Ok(()),
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

/// Two applies to one path need the second preview after the first apply.
fn previews_in_order(steps: &[PlannedStep], written: &[Written], problems: &mut Problems) {
    let mut previewed: HashMap<String, Vec<usize>> = HashMap::new();
    let mut applied: HashMap<String, usize> = HashMap::new();
    for (place, step) in steps.iter().enumerate() {
        let paths = written_paths(&step.inputs);
        match step.effect {
            Effect::Previews => {
                for path in paths {
                    previewed.entry(path).or_default().push(place);
                }
            }
            Effect::Writes => {
                for path in paths {
                    let earlier = applied.insert(path.clone(), place);
                    let fresh =
                        |first: usize| previewed.get(&path).is_some_and(|places| places.iter().any(|at| *at > first));
                    if let Some(first) = earlier.filter(|first| !fresh(*first)) {
                        let Written { node, pointer, .. } = &written[place];
                        let message = format!(
                            "`{}` is written a second time by step `{}`, and no preview stands after step `{}`",
                            shown(&path),
                            step.id,
                            steps[first].id
                        );
                        problems.add(
                            "preview_before_apply",
                            pointer,
                            node.place,
                            message,
                            "put a preview of the second write between the two applies",
                        );
                    }
                }
            }
            Effect::Reads | Effect::Spawns => {}
        }
    }
}

fn written_paths(inputs: &Value) -> HashSet<String> {
    let mut paths = HashSet::new();
    let mut add = |value: &Value| {
        if let Some(path) = value.as_str().filter(|path| !path.contains("${steps.")) {
            paths.insert(plain_path(path));
        }
    };
    add(&inputs["path"]);
    for file in inputs["files"].as_array().map(Vec::as_slice).unwrap_or_default() {
        add(&file["path"]);
        add(&file["rename_to"]);
    }
    for line in inputs["patch"].as_str().unwrap_or_default().lines() {
        if let Some(path) = line.strip_prefix("+++ b/") {
            add(&Value::from(path));
        }
    }
    paths
}

fn known_keys(node: &Node, known: &[&str], pointer: &str, what: &str, problems: &mut Problems) {
    let NodeKind::Mapping(entries) = &node.kind else { return };
    for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        let (code, fix) = if entry.key == "workspace_root" {
            ("workspace_root", "remove it; a plan never names the workspace, its session does".to_owned())
        } else {
            ("unknown_key", suggestion(&entry.key, known.iter().copied()))
        };
        let message = format!("`{}` is not a field of {what}", shown(&entry.key));
        problems.add(
            code,
            &format!("{pointer}/{}", entry.key.replace('~', "~0").replace('/', "~1")),
            entry.key_place,
            message,
            fix,
        );
    }
}

fn required_text(node: &Node, name: &str, pointer: &str, chars_max: usize, problems: &mut Problems) -> Option<String> {
    if node.get(name).is_none() {
        problems.add("missing_key", pointer, node.place, format!("`{name}` is missing"), format!("add `{name}:`"));
        return None;
    }
    let text = optional_text(node, name, pointer, chars_max, problems)?;
    if text.trim().is_empty() {
        problems.add(
            "empty_text",
            &format!("{pointer}/{name}"),
            node.place_of(&format!("/{name}")),
            format!("`{name}` is empty"),
            "say something",
        );
        return None;
    }
    Some(text)
}

fn optional_text(node: &Node, name: &str, pointer: &str, chars_max: usize, problems: &mut Problems) -> Option<String> {
    let entry = node.get(name)?;
    let pointer = format!("{pointer}/{name}");
    match &entry.value.kind {
        NodeKind::Scalar(Value::String(text)) if text.chars().count() <= chars_max => Some(text.clone()),
        NodeKind::Scalar(Value::String(text)) => {
            let message = format!("`{name}` has {} characters; the limit is {chars_max}", text.chars().count());
            problems.add("text_too_long", &pointer, entry.value.place, message, "shorten it");
            None
        }
        NodeKind::Scalar(Value::Null) if ["session_goal", "ref", "expected_observation"].contains(&name) => None,
        NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Mapping(_) => {
            wrong_type(entry, &pointer, "a text", problems);
            None
        }
    }
}

fn wrong_type(entry: &Entry, pointer: &str, wanted: &str, problems: &mut Problems) {
    let message = format!("`{}` is {}, not {wanted}", entry.key, kind_words(&entry.value));
    let fix = if wanted == "a text" { "put it in quotes".to_owned() } else { format!("write {wanted}") };
    problems.add("wrong_type", pointer, entry.value.place, message, fix);
}

/// "use one of …", and the nearest one first when something was merely misspelt.
pub(super) fn suggestion<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    const NAMES_SHOWN_MAX: usize = 12;
    const DISTANCE_MAX: usize = 3;
    let mut known: Vec<&str> = known.into_iter().collect();
    let nearest =
        known.iter().map(|name| (distance(given, name), *name)).min().filter(|(distance, _)| *distance <= DISTANCE_MAX);
    if let Some((_, name)) = nearest {
        return format!("did you mean `{name}`?");
    }
    known.sort_unstable();
    let names: Vec<_> = known.iter().take(NAMES_SHOWN_MAX).map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "remove it".to_owned() } else { format!("use one of {}", names.join(", ")) }
}

/// Edits between two short words; long ones are simply far apart.
fn distance(left: &str, right: &str) -> usize {
    const WORD_CHARS_MAX: usize = 64;
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    if left.len() > WORD_CHARS_MAX || right.len() > WORD_CHARS_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
