//! Titles that calt itself writes into plans: recorded in English, shown in the language of the person.

use super::Language;
use super::codes::retold;

impl Language {
    /// A title of a plan or a step, or a goal, where it is exactly one of calt's own; what a person wrote stays.
    pub fn title(self, recorded: &str) -> Option<String> {
        match self {
            Self::English => None,
            Self::Japanese => whole(recorded).or_else(|| step(recorded)),
        }
    }

    /// The same, where nothing has to be known.
    pub fn titled(self, recorded: &str) -> String {
        self.title(recorded).unwrap_or_else(|| recorded.to_owned())
    }
}

/// Titles of plans.
const PLANS: &[(&str, &str)] = &[
    ("Take back run {run} of {session}", "{session} の実行 {run} を元へ戻す"),
    ("Take back what {session} wrote", "{session} が書き込んだものを元へ戻す"),
    ("A probe of calt doctor", "calt doctor の診断"),
];
/// Titles of steps, before what says which part of the work a step is.
const STEPS: &[(&str, &str)] = &[
    ("Put back what run {run} wrote", "実行 {run} が書き込んだものを元へ戻す"),
    ("Put back what was written", "書き込んだものを元へ戻す"),
];
/// The two halves that a change of files is made into.
const HALVES: [(&str, &str); 2] = [(" (preview)", "（プレビュー）"), (" (apply)", "（適用）")];

fn whole(recorded: &str) -> Option<String> {
    found(PLANS, recorded)
}

fn step(recorded: &str) -> Option<String> {
    let half = HALVES.iter().find_map(|(english, japanese)| Some((recorded.strip_suffix(english)?, *japanese)));
    let (words, half) = half.unwrap_or((recorded, ""));
    if let Some(told) = found(STEPS, words) {
        return Some(format!("{told}{half}"));
    }
    let (each, part) = words.rsplit_once(", part ")?;
    let (number, count) = part.split_once(" of ").filter(|(number, count)| is_number(number) && is_number(count))?;
    Some(format!("{}（{number}/{count}）{half}", found(STEPS, each)?))
}

/// A template's values are numbers and ids of sessions: a title with other words in their place is somebody's own.
fn found(table: &[(&str, &str)], recorded: &str) -> Option<String> {
    let is_ours = std::cell::Cell::new(true);
    let value = |value: &str| {
        let is_id =
            value.starts_with("session_") && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_ours.set(is_ours.get() && (is_id || is_number(value)));
        value.to_owned()
    };
    table.iter().find_map(|(english, japanese)| retold(english, japanese, recorded, &value)).filter(|_| is_ours.get())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_titles_of_calt_are_told_anew() {
        let told = |recorded: &str| Language::Japanese.title(recorded);
        assert_eq!(told("Take back what session_1a wrote").unwrap(), "session_1a が書き込んだものを元へ戻す");
        assert_eq!(told("Take back run 3 of session_1a").unwrap(), "session_1a の実行 3 を元へ戻す");
        assert_eq!(told("Put back what was written (preview)").unwrap(), "書き込んだものを元へ戻す（プレビュー）");
        let part = told("Put back what run 7 wrote, part 2 of 3 (apply)").unwrap();
        assert_eq!(part, "実行 7 が書き込んだものを元へ戻す（2/3）（適用）");
        for own in ["Take back what Bob wrote", "Put back what was written, part of it", "Put back", ""] {
            assert_eq!(told(own), None, "{own}");
        }
        assert_eq!(Language::English.title("A probe of calt doctor"), None);
    }
}
