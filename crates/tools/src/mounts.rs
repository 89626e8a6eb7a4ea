//! Where directories lie on their file systems, by whichever mount they are reached: a path does not tell.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

/// The mounts this process sees.
pub(crate) struct Mounts(Vec<Mount>);

struct Mount {
    id: u64,
    /// Major and minor number, as the kernel writes them: of a file system with several devices all have these.
    device: String,
    /// The directory of the file system that is mounted.
    root: PathBuf,
    point: PathBuf,
}

/// A place on a file system.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Location {
    device: String,
    path: PathBuf,
}

impl Location {
    /// Whether one of the two holds the other.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.device == other.device && (self.path.starts_with(&other.path) || other.path.starts_with(&self.path))
    }
}

impl Mounts {
    /// The mounts as they are now.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn read() -> io::Result<Self> {
        std::fs::read("/proc/self/mountinfo").map(|text| Self::parse(&text))
    }

    fn parse(text: &[u8]) -> Self {
        Self(text.split(|byte| *byte == b'\n').filter_map(mount).collect())
    }

    /// Where a path without links lies. Of what is not there yet, where it would be. `None` for a mount that the kernel
    /// does not list, as in a changed root.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn locate(&self, path: &Path) -> io::Result<Option<Location>> {
        let there = path.ancestors().find(|above| above.symlink_metadata().is_ok()).unwrap_or(Path::new("/"));
        let found = statx(CWD, there, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::MNT_ID)?;
        if !StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::MNT_ID) {
            return Err(io::Error::other("this kernel does not say by which mount a directory is reached"));
        }
        Ok(self.0.iter().find(|mount| mount.id == found.stx_mnt_id).and_then(|mount| mount.location(path)))
    }

    /// What is mounted below a path: the place it is seen at, and where that lies.
    pub(crate) fn below<'s>(&'s self, path: &'s Path) -> impl Iterator<Item = (&'s Path, Location)> {
        let below = self.0.iter().filter(move |mount| mount.point != path && mount.point.starts_with(path));
        below.filter_map(|mount| Some((mount.point.as_path(), mount.location(&mount.point)?)))
    }
}

impl Mount {
    fn location(&self, path: &Path) -> Option<Location> {
        let below = path.strip_prefix(&self.point).ok()?;
        // Joined with nothing a path would end with a slash, which is no difference to `starts_with`.
        Some(Location { device: self.device.clone(), path: self.root.join(below) })
    }
}

/// One line: number, number of the mount above, device, root, point, and more that tells nothing here.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ');
    let id = std::str::from_utf8(words.next()?).ok()?.parse().ok()?;
    let device = String::from_utf8(words.nth(1)?.to_vec()).ok()?;
    let (root, point) = (unescaped(words.next()?), unescaped(words.next()?));
    Some(Mount { id, device, root, point })
}

/// The kernel writes blanks, line ends and backslashes as `\` and three octal digits.
fn unescaped(word: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, after @ ..] = rest {
        let code = after.first_chunk::<3>().filter(|_| *first == b'\\');
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        path.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    OsString::from_vec(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "27 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
40 27 8:1 /home/ann/data /mnt/a\\040copy rw - ext4 /dev/sda1 rw
41 27 8:1 /home/ann/data/keys /home/ann/project/k rw shared:3 - ext4 /dev/sda1 rw
42 27 0:35 / /home/ann/project/cache rw - tmpfs tmpfs rw
43 27 0:31 /@home /srv rw - btrfs /dev/sdb rw
";

    fn at(device: &str, path: &str) -> Location {
        Location { device: device.to_owned(), path: path.into() }
    }

    #[test]
    fn a_place_is_the_same_by_every_mount() {
        let mounts = Mounts::parse(MOUNTS.as_bytes());
        assert_eq!(mounts.0.len(), 5);
        let copy = mounts.0[1].location(Path::new("/mnt/a copy/sessions")).unwrap();
        assert_eq!(copy, at("8:1", "/home/ann/data/sessions"));
        assert!(copy.overlaps(&at("8:1", "/home/ann/data")));
        assert!(copy.overlaps(&at("8:1", "/home/ann/data/sessions/x")));
        assert!(!copy.overlaps(&at("8:2", "/home/ann/data")) && !copy.overlaps(&at("8:1", "/home/ann/database")));
        assert_eq!(mounts.0[4].location(Path::new("/srv/site")), Some(at("0:31", "/@home/site")));
        assert_eq!(mounts.0[4].location(Path::new("/srvx")), None);
    }

    #[test]
    fn what_is_mounted_below_a_directory_is_found() {
        let mounts = Mounts::parse(MOUNTS.as_bytes());
        let below: Vec<_> = mounts.below(Path::new("/home/ann/project")).collect();
        let found = [
            (Path::new("/home/ann/project/k"), at("8:1", "/home/ann/data/keys")),
            (Path::new("/home/ann/project/cache"), at("0:35", "/")),
        ];
        assert_eq!(below, found);
        assert_eq!(mounts.below(Path::new("/home/ann/project/k")).count(), 0);
    }

    #[test]
    fn this_machine_says_where_a_directory_lies() {
        let place = tempfile::tempdir().unwrap();
        let mounts = Mounts::read().unwrap();
        let real = place.path().canonicalize().unwrap();
        let found = mounts.locate(&real).unwrap().unwrap();
        let missing = mounts.locate(&real.join("not/there")).unwrap().unwrap();
        assert!(missing != found && missing.overlaps(&found));
    }
}
