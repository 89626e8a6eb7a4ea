//! Filters of a repository are programs that git runs when it looks at a file. Each is named in the configuration, and
//! is turned off by its name.

use super::schema::git_without_programs;

/// What git is asked for the names of filters; it gives 1 where there is none.
pub(crate) const QUESTION: [&str; 5] = ["config", "-z", "--name-only", "--get-regexp", "^filter\\."];

/// Most filters that are turned off: each takes a part of the longest command line.
const FILTERS_MAX: usize = 100;

/// The arguments of the git that tells which filters a repository names.
pub(crate) fn question() -> Vec<String> {
    git_without_programs().into_iter().chain(QUESTION.map(str::to_owned)).collect()
}

/// Filters that are turned off.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct FiltersOff {
    /// Their names, as in `filter=NAME` of an attribute.
    pub(crate) names: Vec<String>,
    /// What comes before the command of a git that runs none of them.
    pub(crate) settings: Vec<String>,
}

/// Reads the answer: names of settings, each with a NUL behind it.
///
/// # Errors
/// Why a filter cannot be turned off, as the end of a sentence.
pub(crate) fn turned_off(answer: &[u8]) -> Result<FiltersOff, String> {
    let mut off = FiltersOff::default();
    for name in answer.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        // A setting is given as `name=value`, and none can hold the end of a line.
        let name = std::str::from_utf8(name).ok().filter(|name| !name.contains(['=', '\n']));
        let filter = name.and_then(|name| name.strip_prefix("filter.")?.rsplit_once('.'));
        let Some((filter, _)) = filter else {
            return Err(
                "its configuration names a filter in a way that cannot be turned off; rename it there (`git config \
                 --rename-section`)"
                    .to_owned(),
            );
        };
        if off.names.iter().any(|known| known == filter) {
            continue;
        }
        if off.names.len() == FILTERS_MAX {
            return Err(format!("its configuration names more than {FILTERS_MAX} filters"));
        }
        for setting in ["clean=", "smudge=", "process=", "required=false"] {
            off.settings.extend(["-c".to_owned(), format!("filter.{filter}.{setting}")]);
        }
        off.names.push(filter.to_owned());
    }
    Ok(off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_is_turned_off_once_by_its_name() {
        let off = turned_off(b"filter.lfs.clean\0filter.lfs.process\0filter.a.b c.smudge\0").unwrap();
        assert_eq!(off.names, ["lfs", "a.b c"]);
        assert_eq!(off.settings.len(), 16);
        assert!(off.settings.contains(&"filter.a.b c.process=".to_owned()));
        assert_eq!(turned_off(b"").unwrap(), FiltersOff::default());
    }

    #[test]
    fn a_name_that_no_setting_can_say_is_an_error() {
        for answer in [b"filter.a=b.clean\0".as_slice(), b"filter.a\nb.clean\0", b"filter.\xff.clean\0", b"filter.x\0"]
        {
            assert!(turned_off(answer).unwrap_err().contains("cannot be turned off"));
        }
        let many =
            |count: usize| (0..count).map(|number| format!("filter.f{number}.clean\0")).collect::<Vec<_>>().concat();
        assert_eq!(turned_off(many(FILTERS_MAX).as_bytes()).unwrap().names.len(), FILTERS_MAX);
        assert!(turned_off(many(FILTERS_MAX + 1).as_bytes()).unwrap_err().contains("more than 100"));
    }
}
