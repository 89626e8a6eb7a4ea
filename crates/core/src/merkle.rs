//! The Merkle tree of RFC 6962 over the log, kept as its frontier.
//!
//! The frontier holds the roots of the perfect subtrees of the events so far, largest first: one
//! digest for each 1 in the binary form of their number. That is all an append needs to know.

mod proof;

use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

pub use proof::{InclusionProof, prove};

/// The perfect subtrees of a growing log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Digest>,
}

impl Frontier {
    /// Takes up a stored frontier; `None` when size and peaks do not belong together.
    pub fn restore(size: u64, peaks: Vec<Digest>) -> Option<Self> {
        (size.count_ones() as usize == peaks.len()).then_some(Self { size, peaks })
    }

    /// How many leaves there are.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, largest first.
    pub fn peaks(&self) -> &[Digest] {
        &self.peaks
    }

    /// Adds a leaf that is hashed already.
    pub fn append(&mut self, leaf: Digest) {
        let mut node = leaf;
        let mut size = self.size;
        while size & 1 == 1 {
            let left = self.peaks.pop().expect("a frontier has a peak for each 1 of its size");
            node = node_hash(&left, &node);
            size >>= 1;
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The root over all leaves; of an empty log, the digest of no bytes (RFC 6962, 2.1).
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Digest::of_bytes(b"") };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Hashes a leaf: `SHA-256(0x00 ‖ bytes)`.
pub fn leaf_hash(bytes: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(bytes);
    Digest::from_bytes(hasher.finalize().into())
}

/// Hashes an inner node: `SHA-256(0x01 ‖ left ‖ right)`.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left.as_bytes());
    hasher.update(right.as_bytes());
    Digest::from_bytes(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition of RFC 6962, 2.1, written down as it stands there.
    fn root_by_definition(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of_bytes(b""),
            [one] => *one,
            many => {
                let split = many.len().next_power_of_two() / 2;
                node_hash(&root_by_definition(&many[..split]), &root_by_definition(&many[split..]))
            }
        }
    }

    proptest! {
        #[test]
        fn the_frontier_has_the_root_of_the_definition(count in 0_usize..200) {
            let leaves: Vec<_> = (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            let mut frontier = Frontier::default();
            for leaf in &leaves {
                frontier.append(*leaf);
            }
            prop_assert_eq!(frontier.root(), root_by_definition(&leaves));
            prop_assert_eq!(Frontier::restore(frontier.size(), frontier.peaks().to_vec()), Some(frontier));
        }
    }

    #[test]
    fn known_roots() {
        // The first two test vectors of the certificate-transparency reference tree.
        let mut frontier = Frontier::default();
        frontier.append(leaf_hash(b""));
        assert_eq!(frontier.root().to_string(), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        frontier.append(leaf_hash(&[0]));
        assert_eq!(frontier.root().to_string(), "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    }
}
