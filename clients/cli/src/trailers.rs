//! The lines at the end of a commit's message that lead back to the record.

/// The session.
pub(crate) const SESSION: &str = "Calt-Session";
/// The plan that landed: `v<version> <digest>`.
pub(crate) const PLAN: &str = "Calt-Plan";
/// One line a person whose yes was in it.
pub(crate) const APPROVED_BY: &str = "Calt-Approved-by";
/// `<root> <size> <event>`: a signed tree over `size` events, and the session's last event in it.
pub(crate) const RECORD: &str = "Calt-Record";

/// What the trailers of a commit say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trailers {
    pub(crate) session: String,
    pub(crate) version: u64,
    pub(crate) digest: String,
    pub(crate) approved_by: Vec<String>,
    pub(crate) root: String,
    pub(crate) size: u64,
    pub(crate) event: u64,
}

impl Trailers {
    /// The block at the end of a message. A value is one line, whatever it holds.
    pub(crate) fn block(&self) -> String {
        let line = |name: &str, value: &str| format!("{name}: {}\n", calt_api::visible::visible_line(value));
        let mut block = line(SESSION, &self.session) + &line(PLAN, &format!("v{} {}", self.version, self.digest));
        for person in &self.approved_by {
            block.push_str(&line(APPROVED_BY, person));
        }
        block + &line(RECORD, &format!("{} {} {}", self.root, self.size, self.event))
    }

    /// Reads the last paragraph of a message; `None` when it does not lead to a record.
    pub(crate) fn read(message: &str) -> Option<Self> {
        let last = message.trim_end().rsplit("\n\n").next()?;
        let all = |name: &str| -> Vec<&str> {
            last.lines().filter_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim())).collect()
        };
        // A name that stands twice leads to two places, and that is to none.
        let one = |name: &str| match all(name).as_slice() {
            [only] => Some((*only).to_owned()),
            _ => None,
        };
        let (plan, record) = (one(PLAN)?, one(RECORD)?);
        let (version, digest) = plan.strip_prefix('v')?.split_once(' ')?;
        let mut record = record.split(' ');
        let (root, size, event) = (record.next()?, record.next()?, record.next()?);
        Some(Self {
            session: one(SESSION)?,
            version: version.parse().ok()?,
            digest: digest.to_owned(),
            approved_by: all(APPROVED_BY).into_iter().map(str::to_owned).collect(),
            root: root.to_owned(),
            size: size.parse().ok()?,
            event: event.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trailers() -> Trailers {
        Trailers {
            session: "session_1".to_owned(),
            version: 2,
            digest: "d".repeat(64),
            approved_by: vec!["ada".to_owned(), "bob\nCalt-Session: other".to_owned()],
            root: "r".repeat(64),
            size: 9,
            event: 8,
        }
    }

    #[test]
    fn a_block_reads_back_and_no_value_makes_a_line_of_its_own() {
        let block = trailers().block();
        assert_eq!(block.lines().count(), 5, "{block}");
        let read = Trailers::read(&format!("Subject\n\nCalt-Session: from_the_body\n\n{block}")).unwrap();
        assert_eq!((read.session.as_str(), read.version, read.event), ("session_1", 2, 8));
        assert_eq!(read.approved_by.len(), 2);
    }

    #[test]
    fn what_stands_twice_or_not_at_all_leads_nowhere() {
        let block = trailers().block();
        assert_eq!(Trailers::read(&format!("S\n\n{block}Calt-Session: other\n")), None);
        assert_eq!(Trailers::read("S\n\nnothing\n"), None);
        assert_eq!(Trailers::read(&block.replace(" 9 8", " nine 8")), None);
    }
}
