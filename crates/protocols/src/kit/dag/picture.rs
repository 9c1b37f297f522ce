//! DAGs drawn in text, for tests.
//!
//! One line a round, one word a vertex: its author's letter, and what it builds on if that is not the
//! first vertex of everyone in the round before. `A-BC` leaves out B and C, `A+B'` builds on B's second
//! vertex in place of its first, and `B'` is that second one. Each builds on its author's last first.

use std::{collections::BTreeMap, sync::Arc};

use byzlab_core::{Batch, Committee, Effects, Protocol, PublicKey, ReplicaId, Scheme, Signer};

use super::{Round, Vertex, VertexRef, vertex::Draft};

/// Four replicas, A to D.
pub struct Picture {
    /// They.
    pub committee: Committee,
    /// Their vertices, in the order of the text.
    pub vertices: Vec<Arc<Vertex>>,
    names: BTreeMap<(u64, String), VertexRef>,
}

/// The signer of replica `i`.
pub fn signer(i: u16) -> Signer {
    Signer::seeded(Scheme::Ed25519, 3, &format!("replica/{i}"))
}

fn letter(author: ReplicaId) -> char {
    char::from(b'A' + author.0 as u8)
}

impl Picture {
    /// Reads a picture.
    pub fn of<P: Protocol>(text: &str) -> Self {
        let keys: Vec<PublicKey> = (0..4).map(|i| signer(i).public()).collect();
        let mut picture = Self {
            committee: Committee::new("test", keys, false),
            vertices: Vec::new(),
            names: BTreeMap::new(),
        };
        for (round, line) in (1..).zip(text.lines().filter(|line| !line.trim().is_empty())) {
            line.split_whitespace().for_each(|word| picture.add::<P>(round, word));
        }
        picture
    }
    fn add<P: Protocol>(&mut self, round: u64, word: &str) {
        let at = word.find(['-', '+']).unwrap_or(word.len());
        let (name, rest) = word.split_at(at);
        let author = ReplicaId(u16::from(name.as_bytes()[0] - b'A'));
        let (mut without, mut with) = (String::new(), Vec::new());
        for part in rest.split_inclusive(['-', '+']).collect::<Vec<_>>().windows(2) {
            let what = part[1].trim_end_matches(['-', '+']);
            match part[0].ends_with('-') {
                true => without.push_str(what),
                false => with.push(what.to_owned()),
            }
        }
        let replaced = |c: char| with.iter().any(|name| name.starts_with(c));
        let before = self.names.range((round - 1, String::new())..(round, String::new()));
        let others: Vec<_> = before
            .filter(|((_, name), of)| {
                let c = letter(of.author);
                let first = name.len() == 1 && !replaced(c) && !without.contains(c);
                of.author != author && (first || with.contains(name))
            })
            .map(|(_, of)| *of)
            .collect();
        let own = self.vertices.iter().rev().find(|v| v.author == author && v.round.0 < round);
        let parents = own.map(|own| own.name()).into_iter().chain(others).collect();
        // The second vertex of a round differs from the first in the height that it tells.
        let height = byzlab_core::Height(name.len() as u64 - 1);
        let (round_, batch) = (Round(round), Batch::empty());
        let (claim, toss) = (None, None);
        let draft = Draft { round: round_, author, parents, height, claim, toss, batch };
        let mut out = Effects::<P>::new(signer(author.0));
        let vertex = Arc::new(Vertex::sign(draft, &self.committee, "test/vertex", &mut out));
        self.names.insert((round, name.to_owned()), vertex.name());
        self.vertices.push(vertex);
    }
    /// The vertex of this name, like `B'`, in a round.
    pub fn vertex(&self, round: u64, name: &str) -> &Arc<Vertex> {
        let named = self.names[&(round, name.to_owned())];
        self.vertices.iter().find(|vertex| vertex.name() == named).expect("it was drawn")
    }
    /// How a vertex is called in the picture, like `3B'`.
    pub fn call(&self, vertex: &VertexRef) -> String {
        let found = self.names.iter().find(|(_, name)| *name == vertex);
        found.map_or("?".to_owned(), |((round, name), _)| format!("{round}{name}"))
    }
}
