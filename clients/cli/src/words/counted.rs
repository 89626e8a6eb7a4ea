//! How many of something, in words: one file, two files.

use super::t;

/// So many files.
pub(crate) fn files(count: u64) -> String {
    if count == 1 { t!("1 file") } else { t!("{count} files", count = count) }
}

/// So many events.
pub(crate) fn events(count: u64) -> String {
    if count == 1 { t!("1 event") } else { t!("{count} events", count = count) }
}

/// So many bytes.
pub(crate) fn bytes(count: u64) -> String {
    if count == 1 { t!("1 byte") } else { t!("{count} bytes", count = count) }
}

/// A size in the unit that people say it in.
pub(crate) fn size(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return bytes(count);
    }
    let (mut value, mut unit) = (count as f64 / 1024.0, UNITS[0]);
    for larger in &UNITS[1..] {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, larger);
    }
    let said = format!("{value:.1}");
    format!("{} {unit}", said.strip_suffix(".0").unwrap_or(&said))
}

/// So many calls of the API.
pub(crate) fn calls(count: u64) -> String {
    if count == 1 { t!("1 call") } else { t!("{count} calls", count = count) }
}

/// The length of a list as it is counted.
pub(crate) const fn length<T>(list: &[T]) -> u64 {
    list.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_said_as_many() {
        assert_eq!([files(0), files(1), files(2)], ["0 files", "1 file", "2 files"]);
        assert_eq!([events(1), events(3)], ["1 event", "3 events"]);
        assert_eq!([calls(1), calls(3)], ["1 call", "3 calls"]);
    }

    #[test]
    fn sizes_are_said_as_people_say_them() {
        let said = [1, 512, 1024, 1536, 64 * 1024 * 1024, 5 * 1024_u64.pow(4)].map(size);
        assert_eq!(said, ["1 byte", "512 bytes", "1 KiB", "1.5 KiB", "64 MiB", "5 TiB"]);
    }
}
