//! Proofs that a leaf stands in a tree (RFC 6962, 2.1.1): made in one walk over the leaves, checked without them.

use super::node_hash;
use crate::digest::Digest;

/// The way from one leaf up to the root: the root of each neighbouring subtree, from the leaf upwards.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InclusionProof {
    /// The leaf's place, from 0.
    pub index: u64,
    /// The neighbours, at most 64.
    pub path: Vec<Digest>,
}

impl InclusionProof {
    /// The root a tree of `size` leaves must have if `leaf` stands at this place; `None` for a proof of another shape.
    pub fn root_of(&self, leaf: Digest, size: u64) -> Option<Digest> {
        if self.index >= size {
            return None;
        }
        // RFC 9162, 2.1.3.2: `last` is the place of the last node on the level the walk has reached.
        let (mut place, mut last, mut node) = (self.index, size - 1, leaf);
        for neighbour in &self.path {
            if last == 0 {
                return None;
            }
            if place & 1 == 1 || place == last {
                node = node_hash(neighbour, &node);
                while place & 1 == 0 && place != 0 {
                    place >>= 1;
                    last >>= 1;
                }
            } else {
                node = node_hash(&node, neighbour);
            }
            place >>= 1;
            last >>= 1;
        }
        (last == 0).then_some(node)
    }
}

/// Makes the proofs of some leaves in one walk over all of them, holding a logarithm of their number at a time.
///
/// `wanted` are places from 0, ascending, each below `size`. Gives the root and one proof a place.
///
/// # Errors
/// What `next_leaf` says, which is asked for each leaf once, in order.
pub fn prove<E>(
    size: u64,
    wanted: &[u64],
    mut next_leaf: impl FnMut() -> Result<Digest, E>,
) -> Result<(Digest, Vec<InclusionProof>), E> {
    let mut proofs: Vec<InclusionProof> =
        wanted.iter().map(|index| InclusionProof { index: *index, path: Vec::new() }).collect();
    let root = if size == 0 { Digest::of_bytes(b"") } else { subtree(0, size, &mut proofs, &mut next_leaf)? };
    Ok((root, proofs))
}

/// The root of `count` leaves from `start` on. Each proof in it learns of the half it does not stand in.
fn subtree<E>(
    start: u64,
    count: u64,
    proofs: &mut [InclusionProof],
    next_leaf: &mut impl FnMut() -> Result<Digest, E>,
) -> Result<Digest, E> {
    if count == 1 {
        return next_leaf();
    }
    let left_count = count.next_power_of_two() / 2;
    let middle = start + left_count;
    let (in_left, in_right) = proofs.split_at_mut(proofs.partition_point(|proof| proof.index < middle));
    let left = subtree(start, left_count, in_left, next_leaf)?;
    let right = subtree(middle, count - left_count, in_right, next_leaf)?;
    for (half, other) in [(in_left, right), (in_right, left)] {
        for proof in half {
            proof.path.push(other);
        }
    }
    Ok(node_hash(&left, &right))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::super::{Frontier, leaf_hash};
    use super::*;
    use proptest::prelude::*;

    fn leaves(count: u64) -> Vec<Digest> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn proven(leaves: &[Digest], wanted: &[u64]) -> (Digest, Vec<InclusionProof>) {
        let mut leaves_left = leaves.iter();
        let next = || Ok::<_, Infallible>(*leaves_left.next().unwrap());
        match prove(leaves.len() as u64, wanted, next) {
            Ok(proven) => proven,
            Err(never) => match never {},
        }
    }

    proptest! {
        #[test]
        fn every_leaf_is_proven_and_no_other(count in 1_u64..200, other in any::<u64>()) {
            let leaves = leaves(count);
            let places: Vec<u64> = (0..count).collect();
            let (root, proofs) = proven(&leaves, &places);
            let mut frontier = Frontier::default();
            for leaf in &leaves {
                frontier.append(*leaf);
            }
            prop_assert_eq!(root, frontier.root());
            for (leaf, proof) in leaves.iter().zip(&proofs) {
                prop_assert_eq!(proof.root_of(*leaf, count), Some(root));
                prop_assert_ne!(proof.root_of(leaf_hash(b"another"), count), Some(root));
                let moved = InclusionProof { index: (proof.index + 1) % count, ..proof.clone() };
                prop_assert!(count == 1 || moved.root_of(*leaf, count) != Some(root));
                if let Some(cut) = proof.path.len().checked_sub(1) {
                    let short = InclusionProof { index: proof.index, path: proof.path[..cut].to_vec() };
                    prop_assert_ne!(short.root_of(*leaf, count), Some(root));
                }
                let mut long = proof.clone();
                long.path.push(*leaf);
                prop_assert_eq!(long.root_of(*leaf, count), None);
            }
            let some = [other % count];
            prop_assert_eq!(&proven(&leaves, &some).1[0], &proofs[some[0] as usize]);
        }
    }
}
