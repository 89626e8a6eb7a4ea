//! What can be wrong with a plan, and the list a check fills.

use std::collections::HashSet;

use super::PlanProblem;
use super::read::Place;

/// Most problems that are told at once.
pub const PROBLEMS_MAX: usize = 100;

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

    pub(super) fn finish(mut self) -> Vec<PlanProblem> {
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
