//! What is left out with a step: whatever could not run, or would be for nothing, without it.

use std::collections::HashSet;

use crate::id::StepId;
use crate::session::{Progress, Session, Step};
use crate::toolbox::Effect;

/// How the two halves of a `change` are named.
const HALVES: (&str, &str) = ("_preview", "_apply");

/// The steps that are left out when `step` is, in the order of the plan, each with the step that it goes with.
/// Steps that have run, run now or were decided against are not among them.
pub(super) fn left_out_with(session: &Session, step: &StepId) -> Vec<(StepId, StepId)> {
    let (Some(plan), Some(first)) = (session.current(), session.entry(step)) else { return Vec::new() };
    let mut going = Going { steps: &plan.steps, list: vec![(first, step)], ids: HashSet::from([step]) };
    // Whatever is added may take others along, before and behind it.
    while going.take_along() {}
    let mut with: Vec<_> = going.list.split_off(1);
    with.sort_by_key(|(entry, _)| plan.place(&entry.planned.id));
    with.into_iter().map(|(entry, because)| (entry.planned.id.clone(), because.clone())).collect()
}

struct Going<'s> {
    steps: &'s [Step],
    /// Each step that goes, with the one it goes with.
    list: Vec<(&'s Step, &'s StepId)>,
    ids: HashSet<&'s StepId>,
}

impl<'s> Going<'s> {
    /// Adds what goes with the steps so far; whether anything was added.
    fn take_along(&mut self) -> bool {
        let before = self.list.len();
        for entry in self.steps {
            if let Some(because) = self.reason(entry) {
                self.list.push((entry, because));
                self.ids.insert(&entry.planned.id);
            }
        }
        self.list.len() > before
    }

    fn has(&self, step: &StepId) -> bool {
        self.ids.contains(step)
    }

    /// The step without which this one cannot run, or is for nothing.
    fn reason(&self, entry: &Step) -> Option<&'s StepId> {
        let is_open = matches!(entry.progress, Progress::Pending | Progress::Approved(_));
        if !is_open || self.has(&entry.planned.id) {
            return None;
        }
        self.referred_to(entry).or_else(|| self.last_preview(entry)).or_else(|| self.own_apply(entry))
    }

    fn referred_to(&self, entry: &Step) -> Option<&'s StepId> {
        entry.planned.refers_to.iter().find_map(|step| self.ids.get(step).copied())
    }

    /// An apply needs a preview of the same change before it, and goes with the last one there is.
    fn last_preview(&self, entry: &Step) -> Option<&'s StepId> {
        let change = entry.planned.change.filter(|_| entry.planned.effect == Effect::Writes)?;
        let shows = |other: &Step| other.planned.effect == Effect::Previews && other.planned.change == Some(change);
        let (gone, _) = self.list.iter().find(|(other, _)| shows(other))?;
        let mut before = self.steps.iter().take_while(|other| other.planned.id != entry.planned.id);
        let stays = |other: &Step| !matches!(other.progress, Progress::Skipped(_)) && !self.has(&other.planned.id);
        (!before.any(|other| shows(other) && stays(other))).then_some(&gone.planned.id)
    }

    /// The preview of a `change` goes with its apply, unless somebody else looks at it.
    fn own_apply(&self, entry: &Step) -> Option<&'s StepId> {
        let preview = &entry.planned.id;
        let stem = preview.as_str().strip_suffix(HALVES.0).filter(|_| entry.planned.effect == Effect::Previews)?;
        let is_its_apply = |other: &Step| {
            other.planned.id.as_str().strip_suffix(HALVES.1) == Some(stem) && other.planned.refers_to.contains(preview)
        };
        let (apply, _) = self.list.iter().find(|(other, _)| is_its_apply(other))?;
        let mut users = self.steps.iter().filter(|other| other.planned.refers_to.contains(preview));
        users.all(|user| self.has(&user.planned.id)).then_some(&apply.planned.id)
    }
}
