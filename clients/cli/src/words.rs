//! What the command line says, in the language of the person: English stands in the code, its translation beside it.

pub(crate) mod counted;
pub(crate) mod daemon;
mod japanese;

use std::ffi::OsString;
use std::fmt::Display;
use std::sync::LazyLock;

use calt_api::Language;

use crate::place::{self, Sourced};

/// Says a template of this program in the person's language, with its `{name}`s filled in.
///
/// The English template is the key of its translations: a test reads every call and asks for all of them.
macro_rules! t {
    ($template:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::words::said($template, &[$((stringify!($name), &$value as &dyn ::std::fmt::Display)),*])
    };
}
pub(crate) use t;

/// Marks a heading or the name of a field that stands in a constant: where it is shown, [`said`] says it.
macro_rules! label {
    ($template:literal) => {
        $template
    };
}
pub(crate) use label;

static LANGUAGE: LazyLock<Language> = LazyLock::new(|| {
    if wants_data(&mut std::env::args_os().skip(1)) { Language::English } else { Language::of_locale(&chosen().value) }
});

/// The languages that `cli.language` may name.
pub(crate) const LANGUAGES: [&str; 2] = ["en", "ja"];

/// What says in which language the person reads: the configuration, or else the locale, as POSIX ranks its variables.
pub(crate) fn chosen() -> Sourced<String> {
    let known = place::language().filter(|configured| LANGUAGES.contains(&configured.value.as_str()));
    known.unwrap_or_else(|| {
        let variables = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(|name| std::env::var(name).ok());
        match variables.into_iter().find(|locale| !locale.is_empty()) {
            Some(value) => Sourced { value, from: "environment".to_owned() },
            None => Sourced { value: Language::English.tag().to_owned(), from: "default".to_owned() },
        }
    })
}

/// The language of the person who reads what is said. Programs read English: so does everybody under `--json`.
pub(crate) fn language() -> Language {
    *LANGUAGE
}

/// Whether these words of a command line ask for data, also where they cannot be read otherwise.
pub(crate) fn wants_data(words: &mut dyn Iterator<Item = OsString>) -> bool {
    words.take_while(|word| word != "--").any(|word| word == "--json")
}

/// The sentence of a template.
pub(crate) fn said(template: &str, values: &[(&str, &dyn Display)]) -> String {
    filled(in_language(template, language()), values)
}

fn in_language(template: &str, language: Language) -> &str {
    let translations = match language {
        Language::English => return template,
        Language::Japanese => japanese::sentences(),
    };
    translations.into_iter().find(|(english, _)| *english == template).map_or(template, |(_, translated)| translated)
}

/// A sentence of the help, which stands in the doc comments of the arguments.
pub(crate) fn in_help(sentence: &str) -> String {
    let translations = match language() {
        Language::English => return sentence.to_owned(),
        Language::Japanese => japanese::of_help(),
    };
    translations
        .iter()
        .find(|(english, _)| *english == sentence)
        .map_or(sentence, |(_, translated)| translated)
        .to_owned()
}

/// Puts values into the `{name}`s. What a value holds is never read as a template.
fn filled(template: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { break };
        text.push_str(before);
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            let value = value.to_string();
            text.push_str(&language().system_error(&value).unwrap_or(value));
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use regex::Regex;

    use super::*;

    /// Every template of the program, as its source has it.
    fn templates() -> BTreeSet<String> {
        fn read(folder: &Path, call: &Regex, found: &mut BTreeSet<String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    read(&path, call, found);
                } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("src/words.rs") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let calls = call.captures_iter(&text).map(|found| found[1].to_owned());
                    found.extend(calls.map(|literal| serde_json::from_str(&format!("\"{literal}\"")).unwrap()));
                }
            }
        }
        let call = Regex::new(r#"\b(?:t|label)!\(\s*"((?:[^"\\]|\\.)*)""#).unwrap();
        let mut found = BTreeSet::new();
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &call, &mut found);
        found
    }

    fn names(template: &str) -> BTreeSet<&str> {
        template.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
    }

    #[test]
    fn every_sentence_has_its_japanese_and_nothing_else_is_translated() {
        let known: BTreeSet<String> = japanese::sentences().map(|(english, _)| (*english).to_owned()).collect();
        let said = templates();
        let missing: Vec<_> = said.difference(&known).collect();
        assert!(missing.is_empty(), "not translated: {missing:#?}");
        let unused: Vec<_> = known.difference(&said).collect();
        assert!(unused.is_empty(), "translated, and never said: {unused:#?}");
        assert_eq!(known.len(), japanese::sentences().count(), "a sentence is translated twice");
    }

    /// What the help of a command and of those below it says.
    fn sentences_of_help(command: &clap::Command, found: &mut BTreeSet<String>) {
        found.extend(command.get_about().map(ToString::to_string));
        found.extend(command.get_after_help().map(ToString::to_string));
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            found.extend(argument.get_help().map(ToString::to_string));
            found.extend(argument.get_help_heading().map(str::to_owned));
            let values = argument.get_possible_values();
            found.extend(values.iter().filter_map(|value| value.get_help()).map(ToString::to_string));
        }
        for below in command.get_subcommands() {
            sentences_of_help(below, found);
        }
    }

    #[test]
    fn all_of_the_help_has_its_japanese_and_nothing_else_is_translated() {
        let known: BTreeSet<String> = japanese::of_help().iter().map(|(english, _)| (*english).to_owned()).collect();
        let mut said = BTreeSet::new();
        let mut definition = crate::definition();
        definition.build();
        sentences_of_help(&definition, &mut said);
        let missing: Vec<_> = said.difference(&known).collect();
        assert!(missing.is_empty(), "not translated: {missing:#?}");
        let unused: Vec<_> = known.difference(&said).collect();
        assert!(unused.is_empty(), "translated, and never said: {unused:#?}");
        assert_eq!(known.len(), japanese::of_help().len(), "a sentence is translated twice");
        for (english, translated) in japanese::of_help() {
            let marks = |text: &str| ["`", "--", "["].map(|mark| text.matches(mark).count());
            let is_of_clap = english.starts_with("Print help");
            assert!(marks(english) == marks(translated) || is_of_clap, "{english}");
            assert!(!translated.ends_with('。'), "{translated}");
        }
    }

    #[test]
    fn a_translation_holds_the_same_values() {
        for (english, translated) in japanese::sentences() {
            assert_eq!(names(english), names(translated), "{english}");
            let edge =
                |text: &str| (text.starts_with('\n'), text.ends_with('\n'), text.ends_with(' ') && text.len() > 2);
            assert_eq!(edge(english), edge(translated), "{english}");
        }
    }

    #[test]
    fn a_value_is_never_a_template() {
        assert_eq!(filled("{a} and {b}", &[("a", &"{b}"), ("b", &2)]), "{b} and 2");
        assert_eq!(in_language("error: {message}\n", Language::Japanese), "エラー: {message}\n");
        assert_eq!(in_language("nobody says this", Language::Japanese), "nobody says this");
    }
}
