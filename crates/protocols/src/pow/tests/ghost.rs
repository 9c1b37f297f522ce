//! The longest chain and the heaviest subtree.

use byzlab_core::random::Stream;

use super::*;
use crate::pow::ForkChoice;

fn by(choice: ForkChoice) -> Drill {
    Drill::new(Params { fork_choice: choice, ..params(6) })
}

/// A block of two hashes on `parent`, told from others by its number.
fn block(parent: Head, number: u64) -> Sealed {
    forge(parent, 1_000 * parent.height.0 + 1_000 + number, batch(&[number]), |_| {})
}

#[test]
fn the_heaviest_subtree_is_not_the_longest_chain() {
    // Sompolinsky & Zohar, Figure 3: a chain mined in secret is longer, an honest tree heavier.
    let secret = chain(genesis(), 1, 4);
    let first = block(genesis(), 100);
    let second: Vec<_> = (1..=3).map(|i| block(head(&first), 100 + i)).collect();
    let third: Vec<_> = (1..=2).map(|i| block(head(&second[1]), 200 + i)).collect();
    let honest = || [&first].into_iter().chain(&second).chain(&third);

    let mut longest = by(ForkChoice::Longest);
    let mut ghost = by(ForkChoice::Ghost);
    for miner in [&mut longest, &mut ghost] {
        honest().chain(&secret).for_each(|sealed| miner.block(1, sealed));
        assert_eq!(miner.dropped(), Vec::<&str>::new());
    }
    assert_eq!(longest.mines_on(), head(&secret[3]).digest, "4 blocks in a row");
    assert_eq!(ghost.mines_on(), head(&third[0]).digest, "6 blocks, 3 of them above the second");

    // It takes as much work again to turn it round, wherever that stands; a tie is not enough.
    let more: Vec<_> = (1..=3).map(|i| block(head(&secret[0]), 300 + i)).collect();
    more[..2].iter().for_each(|sealed| ghost.block(1, sealed));
    assert_eq!(ghost.mines_on(), head(&third[0]).digest, "6 against 6");
    ghost.block(1, &more[2]);
    assert_eq!(ghost.mines_on(), head(&secret[3]).digest, "7 against 6, 3 of them in a row");
    assert!(ghost.notes.contains(&Note::Reorganised { depth: 3 }));
}

#[test]
fn a_shorter_chain_may_be_the_heavier_and_takes_commits_back() {
    let mut miner = Drill::new(Params { fork_choice: ForkChoice::Ghost, ..params(1) });
    let ours = chain(genesis(), 1, 3);
    miner.blocks(&ours);
    assert_eq!(miner.head(), head(&ours[2]));
    let theirs = block(genesis(), 100);
    miner.block(1, &theirs);
    for i in 1..=3 {
        miner.block(1, &block(head(&theirs), 100 + i));
    }
    assert_eq!(miner.reverted, [Height(0)]);
    assert_eq!((miner.head().height, miner.ledger.len()), (Height(2), 2));
}

#[test]
fn blocks_beside_the_chain_are_passed_on_where_they_count() {
    for (choice, told) in [(ForkChoice::Longest, false), (ForkChoice::Ghost, true)] {
        let mut miner = by(choice);
        miner.blocks(&chain(genesis(), 1, 2));
        miner.take_sent();
        let beside = block(genesis(), 100);
        miner.block(1, &beside);
        let announced = miner.take_sent().into_iter().any(|(to, say)| {
            let all_but = To::Neighbours { except: Some(ReplicaId(1)) };
            to == all_but && matches!(say, Say::Announce(at) if at == head(&beside))
        });
        assert_eq!(announced, told, "{choice:?}");
    }
}

/// The work of the subtree of each of these, by the definition.
fn weights(blocks: &[(Head, Sealed)]) -> Vec<u128> {
    let mut weights = vec![1u128; blocks.len()];
    for child in (0..blocks.len()).rev() {
        let below = blocks[child].1.header.parent;
        if let Some(parent) = blocks.iter().position(|(head, _)| head.digest == below) {
            weights[parent] += weights[child];
        }
    }
    weights
}

#[test]
fn in_random_trees_every_step_of_the_chain_goes_into_a_heaviest_subtree() {
    for seed in 0..12 {
        let mut draw = Stream::new(seed, "ghost");
        let mut miner = by(ForkChoice::Ghost);
        let mut blocks: Vec<(Head, Sealed)> = Vec::new();
        for number in 0..60u64 {
            // Near the end as a rule: bushy and deep.
            let back = draw.below(6).min(number);
            let parent = match number.checked_sub(back + 1) {
                Some(place) => blocks[place as usize].0,
                None => genesis(),
            };
            let sealed = block(parent, number);
            miner.block(1, &sealed);
            blocks.push((head(&sealed), sealed));
            check(&blocks, miner.mines_on());
        }
        assert_eq!(miner.dropped(), Vec::<&str>::new());
        assert!(miner.notes.iter().any(|note| matches!(note, Note::Reorganised { .. })));
    }
}

fn check(blocks: &[(Head, Sealed)], tip: Digest) {
    let weights = weights(blocks);
    let parent = |place: usize| blocks[place].1.header.parent;
    let mut at = tip;
    assert!((0..blocks.len()).all(|place| parent(place) != tip), "the chain goes to a leaf");
    while let Some(place) = blocks.iter().position(|(head, _)| head.digest == at) {
        let siblings = (0..blocks.len()).filter(|&other| parent(other) == parent(place));
        let most = siblings.map(|other| weights[other]).max();
        assert_eq!(Some(weights[place]), most, "a heavier subtree beside {:?}", blocks[place].0);
        at = parent(place);
    }
    assert_eq!(at, genesis().digest);
}
