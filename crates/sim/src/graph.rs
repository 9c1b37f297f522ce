//! Peer graphs.

use std::sync::Arc;

use byzlab_core::{BuildError, ReplicaId, random::Stream};

use crate::scenario::Peers;

/// How often a graph is drawn anew because it came out unconnected or could not be finished.
const TRIES_MAX: usize = 1000;

/// Each replica's neighbours, in order of id.
pub(crate) fn neighbours(
    peers: Peers,
    size: u16,
    seed: u64,
) -> Result<Vec<Arc<[ReplicaId]>>, BuildError> {
    let Peers::Regular { degree } = peers else {
        // One list a replica is quadratic, but a committee that talks to all of itself is that
        // anyway.
        let others = |me| (0..size).filter(|&id| id != me).map(ReplicaId).collect();
        return Ok((0..size).map(others).collect());
    };
    let impossible = degree >= size || degree == 0 || u32::from(degree) * u32::from(size) % 2 == 1;
    if impossible && (size, degree) != (1, 0) {
        return Err(BuildError(format!(
            "{size} replicas cannot have {degree} neighbours each: want 1 to {}, an even product",
            size.saturating_sub(1)
        )));
    }
    let mut stream = Stream::new(seed, "peers");
    for _ in 0..TRIES_MAX {
        let Some(mut graph) = regular(usize::from(size), usize::from(degree), &mut stream) else {
            continue;
        };
        if connected(&graph) {
            graph.iter_mut().for_each(|list| list.sort_unstable());
            return Ok(graph
                .into_iter()
                .map(|list| list.into_iter().map(ReplicaId).collect())
                .collect());
        }
    }
    Err(BuildError(format!(
        "found no connected graph of {size} replicas with {degree} neighbours each"
    )))
}

/// Pairs loose ends by lot; ends that would make a loop or a double link are shuffled again
/// (Steger & Wormald 1999). `None` if that gets stuck.
fn regular(size: usize, degree: usize, stream: &mut Stream) -> Option<Vec<Vec<u16>>> {
    let mut graph: Vec<Vec<u16>> = vec![Vec::with_capacity(degree); size];
    let mut ends: Vec<u16> =
        (0..size as u16).flat_map(|id| std::iter::repeat_n(id, degree)).collect();
    while !ends.is_empty() {
        stream.shuffle(&mut ends);
        let mut left = Vec::new();
        for pair in ends.chunks_exact(2) {
            let (a, b) = (pair[0], pair[1]);
            if a == b || graph[usize::from(a)].contains(&b) {
                left.extend([a, b]);
            } else {
                graph[usize::from(a)].push(b);
                graph[usize::from(b)].push(a);
            }
        }
        if left.len() == ends.len() {
            return None;
        }
        ends = left;
    }
    Some(graph)
}

fn connected(graph: &[Vec<u16>]) -> bool {
    let mut seen = vec![false; graph.len()];
    let mut edge = vec![0u16];
    seen[0] = true;
    while let Some(at) = edge.pop() {
        for &next in &graph[usize::from(at)] {
            if !std::mem::replace(&mut seen[usize::from(next)], true) {
                edge.push(next);
            }
        }
    }
    seen.into_iter().all(|seen| seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_graphs_are_regular_simple_symmetric_and_seeded() {
        for (size, degree) in [(4, 3), (9, 2), (10, 3), (50, 8), (1000, 8), (2, 1)] {
            let draw = |seed| neighbours(Peers::Regular { degree }, size, seed).expect("possible");
            let graph = draw(1);
            for (me, list) in graph.iter().enumerate() {
                assert_eq!(list.len(), usize::from(degree));
                assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "no double links");
                let back = |id: &ReplicaId| graph[id.index()].contains(&ReplicaId(me as u16));
                assert!(list.iter().all(|id| id.index() != me && back(id)));
            }
            assert_eq!(graph, draw(1));
            assert!(size < 9 || graph != draw(2));
        }
    }

    #[test]
    fn impossible_graphs_are_refused() {
        for (size, degree) in [(4, 4), (5, 3), (4, 0)] {
            assert!(neighbours(Peers::Regular { degree }, size, 1).is_err(), "{size}, {degree}");
        }
        assert!(
            neighbours(Peers::Regular { degree: 1 }, 4, 1).is_err(),
            "two pairs are no network"
        );
    }
}
