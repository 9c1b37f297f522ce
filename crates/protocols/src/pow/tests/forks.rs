//! Which chain is best, what is committed, what is refused.

use byzlab_core::{Invalid, Message, Protocol};

use super::*;

#[test]
fn a_block_is_committed_when_it_is_deep_enough() {
    let mut miner = Drill::new(params(3));
    let blocks = chain(genesis(), 1, 4);
    for (i, sealed) in blocks.iter().enumerate() {
        miner.block(1, sealed);
        assert_eq!(miner.ledger.len(), (i + 1).saturating_sub(2));
        assert_eq!(miner.mines_on(), head(sealed).digest);
    }
    assert_eq!(miner.ledger[1].head(), head(&blocks[1]));
    assert!(miner.reverted.is_empty());
}

#[test]
fn the_first_seen_of_two_equal_chains_stays_until_one_has_more_work() {
    let mut miner = Drill::new(params(6));
    let (ours, theirs) = (chain(genesis(), 1, 2), chain(genesis(), 11, 3));
    miner.blocks(&ours);
    miner.blocks(&theirs[..2]);
    assert_eq!(miner.mines_on(), head(&ours[1]).digest, "a tie");
    miner.block(1, &theirs[2]);
    assert_eq!(miner.mines_on(), head(&theirs[2]).digest);
    assert!(miner.notes.contains(&Note::Reorganised { depth: 2 }));
    assert!(miner.ledger.is_empty() && miner.reverted.is_empty(), "below any commit");
}

#[test]
fn work_counts_and_not_length() {
    // The difficulty period of 4 blocks ends at height 4: whoever was fast must do more work now.
    let rules = Params { retarget_interval: 4, spacing: Span::ms(700), ..params(6) };
    let slow = chain(genesis(), 1, 5);
    let mut fast = Vec::new();
    let mut parent = genesis();
    for height in 1..=5u64 {
        let bits = if height < 4 { Bits::EASIEST } else { Bits::EASIEST.retarget(3, 2_800) };
        fast.push(forge(parent, height, batch(&[]), |sealed| sealed.header.bits = bits));
        parent = head(&fast[height as usize - 1]);
    }
    let mut miner = Drill::new(rules);
    miner.blocks(&slow);
    assert_eq!(miner.mines_on(), head(&slow[4]).digest);
    miner.blocks(&fast[..4]);
    assert_eq!(miner.mines_on(), head(&fast[3]).digest, "3 · 2 + 8 hashes beat 5 · 2");
    assert_eq!(miner.dropped(), Vec::<&str>::new());
}

#[test]
fn a_reorganisation_frees_the_transactions_of_the_blocks_it_leaves() {
    let mut miner = Drill::new(params(6));
    miner.event(Event::Waiting(true));
    let (ours, theirs) = (chain(genesis(), 1, 2), chain(genesis(), 11, 3));
    miner.blocks(&ours);
    assert_eq!(miner.branch, Some(vec![batch(&[1]), batch(&[2])]));
    miner.blocks(&theirs);
    let branch = miner.branch.take();
    assert_eq!(branch, Some(vec![batch(&[11]), batch(&[12]), batch(&[13])]));
    miner.event(Event::Batch(batch(&[1, 2])));
    assert_eq!(miner.mines_on(), head(&theirs[2]).digest);
}

#[test]
fn a_deep_reorganisation_reverts_and_commits_the_new_chain() {
    let mut miner = Drill::new(params(2));
    let common = chain(genesis(), 1, 2);
    let (ours, theirs) = (chain(head(&common[1]), 3, 3), chain(head(&common[1]), 13, 4));
    miner.blocks(&common);
    miner.blocks(&ours);
    assert_eq!(miner.head(), head(&ours[1]));
    miner.blocks(&theirs);
    assert_eq!(miner.reverted, [Height(2)]);
    assert!(miner.notes.contains(&Note::Reorganised { depth: 3 }));
    assert_eq!(miner.head(), head(&theirs[2]));
    assert_eq!(miner.ledger.len(), 5);
}

#[test]
fn what_breaks_the_chains_rules_is_dropped_and_noted() {
    let refused = |why, alter: fn(&mut Sealed)| {
        let mut miner = Drill::new(params(1));
        let below = mined(genesis(), 1);
        miner.block(1, &below);
        miner.block(1, &forge(head(&below), 2_000, batch(&[2]), alter));
        assert_eq!(miner.dropped(), [why]);
        assert_eq!(miner.head(), head(&below));
    };
    fn commit(sealed: &mut Sealed) {
        let Sealed { header, height, batch } = sealed;
        header.commitment = Header::commitment(*height, batch.root(), header.producer);
    }
    refused("its time is too far ahead", |s| s.header.time = 1_010_001);
    refused("its time is not above the median of the eleven before", |s| s.header.time = 1_000);
    refused("its target is not the one that the chain asks for", |s| {
        s.header.bits = Bits::expecting(4)
    });
    refused("a target that is not canonical", |s| s.header.bits = Bits(0x2100_ffff));
    refused("its height is not its parent's plus one", |s| {
        s.height = Height(3);
        commit(s);
    });
    refused("the header is not about this height, batch and producer", |s| s.height = Height(3));
    refused("the header is not about this height, batch and producer", |s| s.batch = batch(&[9]));
    refused("a header of unknown version", |s| s.header.version = 2);
    refused("a header by nobody in the committee", |s| {
        s.header.producer = ReplicaId(REPLICAS);
        commit(s);
    });
    refused("a block in genesis' place", |s| {
        s.height = Height(0);
        commit(s);
    });
}

#[test]
fn a_block_without_its_work_does_not_get_in() {
    let mut miner = Drill::new(params(1));
    let mut sealed = mined(genesis(), 1);
    while sealed.header.seal().holds() {
        sealed.header.nonce += 1;
    }
    miner.block(1, &sealed);
    assert_eq!(miner.dropped(), ["a claim does not hold"]);
    assert!(miner.ledger.is_empty());
}

#[test]
fn a_block_too_early_gets_in_when_its_time_has_come() {
    let mut miner = Drill::new(params(1));
    let early = mined(genesis(), 1_011);
    miner.block(1, &early);
    miner.wait(Span::seconds(1));
    miner.block(1, &early);
    assert_eq!(miner.dropped(), ["its time is too far ahead"]);
    assert_eq!(miner.head(), head(&early));
}

#[test]
fn the_difficulty_follows_the_clock_and_the_window_slides() {
    // Blocks at half the wished pace: every period of 8, 7 gaps of 2 s are held against 8 s.
    let rules = Params { difficulty: 1 << 10, retarget_interval: 8, ..params(1) };
    let mut miner = Drill::new(rules);
    let (mut parent, mut bits) = (genesis(), Bits::expecting(1 << 10));
    for height in 1..=24u64 {
        if height % 8 == 0 {
            // The first period has genesis, at 0, for its first block.
            bits = bits.retarget(14_000, 8_000);
        }
        let sealed = forge(parent, 2_000 * height, Batch::empty(), |s| s.header.bits = bits);
        miner.block(1, &sealed);
        parent = head(&sealed);
        assert_eq!(miner.head(), parent, "{:?}", miner.dropped());
    }
}

#[test]
fn the_miners_own_block_is_announced_and_committed() {
    let mut miner = Drill::new(params(1));
    miner.event(Event::Waiting(true));
    miner.event(Event::Batch(batch(&[5])));
    miner.take_sent();
    let seal = miner.solution();
    miner.event(Event::Sealed(seal.clone()));
    assert_eq!(miner.ledger[0].batch, batch(&[5]));
    assert_eq!(miner.ledger[0].producer, ReplicaId(0));
    let want = (To::Neighbours { except: None }, miner.head());
    assert!(matches!(&miner.sent[..], [(to, Say::Announce(head))] if (*to, *head) == want));
    miner.event(Event::Sealed(seal));
    assert!(matches!(miner.notes.last(), Some(Note::Waits { .. })), "solved twice");
    assert_eq!(miner.ledger.len(), 1);
}

#[test]
fn an_audit_finds_every_change() {
    let committee = committee();
    let mut miner = Drill::new(params(1));
    miner.block(1, &mined(genesis(), 1));
    let block = miner.ledger[0].clone();
    let holds = |block: &Block| {
        let claims = Pow::audit(block, &committee)?;
        Ok::<_, Invalid>(Reference.check(&claims).iter().all(|holds| *holds))
    };
    assert_eq!(holds(&block), Ok(true));
    let changes: [fn(&mut Block); 6] = [
        |b| b.height = Height(2),
        |b| b.parent = b.digest,
        |b| b.digest = b.parent,
        |b| b.producer = ReplicaId(2),
        |b| b.batch = batch(&[2]),
        |b| b.proof = Default::default(),
    ];
    for change in changes {
        let mut changed = block.clone();
        change(&mut changed);
        assert!(holds(&changed).is_err());
    }
    for byte in 0..Header::LEN {
        let mut bytes = block.proof.0.to_vec();
        bytes[byte] ^= 1;
        let changed = Block { proof: byzlab_core::Proof(bytes.into()), ..block.clone() };
        assert_ne!(holds(&changed), Ok(true), "byte {byte}");
    }
}

#[test]
fn messages_beyond_their_bounds_are_invalid() {
    let committee = committee();
    let invalid = |say: Say| say.claims(ReplicaId(1), &committee).is_err();
    let headers = |count| vec![mined(genesis(), 1).header; count];
    assert!(invalid(Say::GetHeaders(vec![genesis(); 81])));
    assert!(invalid(Say::GetBlocks(vec![genesis(); 17])));
    assert!(invalid(Say::GetBlocks(Vec::new())));
    assert!(invalid(Say::Headers(headers(513))));
    assert!(invalid(Say::Headers(headers(2))), "no chain");
    assert!(!invalid(Say::Headers(headers(1))));
}

#[test]
fn the_median_is_of_the_blocks_own_branch() {
    // Eleven blocks, a second apart, then two branches: one in haste, one as before.
    let common = chain(genesis(), 1, 11);
    let fork = head(&common[8]);
    let mut parent = fork;
    let mut branch = Vec::new();
    for step in 0..4 {
        branch.push(forge(parent, 9_001 + step, batch(&[]), |_| {}));
        parent = head(&branch[step as usize]);
    }
    let mut miner = Drill::new(params(6));
    miner.blocks(&common);
    miner.blocks(&branch);
    assert_eq!(miner.mines_on(), parent.digest, "{:?}", miner.dropped());
    // The last eleven of this branch: 3 s to 9 s, and four from 9.001 s on. The sixth is 8 s.
    let at = |time| forge(parent, time, batch(&[]), |_| {});
    miner.block(1, &at(8_000));
    assert_eq!(miner.dropped(), ["its time is not above the median of the eleven before"]);
    miner.block(1, &at(8_001));
    assert_eq!(miner.mines_on(), head(&at(8_001)).digest);
}
