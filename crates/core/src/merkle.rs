//! Merkle trees over SHA-256, with inclusion proofs.
//!
//! A leaf is `SHA-256(0x00 ‖ item)`, an inner node `SHA-256(left ‖ right)`; an odd node at the end of a
//! level is carried up. The root binds the number of leaves, `SHA-256(0x02 ‖ count ‖ top)`, which fixes
//! the shape of the tree: no inner node can pass for a leaf.

use serde::{Deserialize, Serialize};

use crate::crypto::{Digest, sha256_of};

/// The digest of one item.
pub fn leaf(item: &[u8]) -> Digest {
    sha256_of(&[&[0], item])
}

/// The root over `leaves` (already hashed by [`leaf`]), in order. Hashes one node at a time.
pub fn root(leaves: &[Digest]) -> Digest {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => sha256_of(&[&left.0, &right.0]),
                odd => odd[0],
            })
            .collect();
    }
    bind(leaves.len(), level.first().copied().unwrap_or_default())
}

/// Binds the top of a tree to its number of leaves.
pub fn bind(count: usize, top: Digest) -> Digest {
    sha256_of(&[&[2], &(count as u64).to_le_bytes(), &top.0])
}

/// Shows that a leaf stands at an index under a root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    /// Which leaf.
    pub index: u32,
    /// Of how many.
    pub count: u32,
    /// The siblings from the leaf up; levels where the node is carried up have none.
    pub siblings: Vec<Digest>,
}

/// The proof for leaf `index`; `None` if there is no such leaf.
pub fn prove(leaves: &[Digest], index: usize) -> Option<Inclusion> {
    if index >= leaves.len() {
        return None;
    }
    let (mut level, mut at, mut siblings) = (leaves.to_vec(), index, Vec::new());
    while level.len() > 1 {
        siblings.extend(level.get(at ^ 1));
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => sha256_of(&[&left.0, &right.0]),
                odd => odd[0],
            })
            .collect();
        at /= 2;
    }
    Some(Inclusion { index: index as u32, count: leaves.len() as u32, siblings })
}

impl Inclusion {
    /// Whether `leaf` stands under `root` as this proof says.
    pub fn holds(&self, leaf: Digest, root: Digest) -> bool {
        if self.index >= self.count {
            return false;
        }
        let (mut node, mut at, mut width) = (leaf, self.index, self.count);
        let mut siblings = self.siblings.iter();
        while width > 1 {
            if at ^ 1 < width {
                let Some(sibling) = siblings.next() else { return false };
                node = match at % 2 {
                    0 => sha256_of(&[&node.0, &sibling.0]),
                    _ => sha256_of(&[&sibling.0, &node.0]),
                };
            }
            at /= 2;
            width = width.div_ceil(2);
        }
        siblings.next().is_none() && bind(self.count as usize, node) == root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_is_proven_and_nothing_else() {
        for count in 1..40usize {
            let leaves: Vec<_> = (0..count).map(|i| leaf(&[i as u8])).collect();
            let root = root(&leaves);
            for (i, &leaf) in leaves.iter().enumerate() {
                let proof = prove(&leaves, i).expect("in range");
                assert!(proof.holds(leaf, root));
                assert!(!proof.holds(leaves[(i + 1) % count], root) || count == 1);
                let wrong = Inclusion { count: proof.count + 1, ..proof.clone() };
                assert!(!wrong.holds(leaf, root));
            }
            assert_eq!(prove(&leaves, count), None);
        }
    }

    #[test]
    fn an_inner_node_is_no_leaf() {
        let leaves: Vec<_> = (0..4u8).map(|i| leaf(&[i])).collect();
        let inner =
            [sha256_of(&[&leaves[0].0, &leaves[1].0]), sha256_of(&[&leaves[2].0, &leaves[3].0])];
        assert_ne!(root(&leaves), root(&inner));
    }
}
