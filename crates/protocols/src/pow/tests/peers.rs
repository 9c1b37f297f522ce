//! Who is asked for what: orphans, catching up, answers that do not come.

use std::collections::BTreeSet;

use super::*;
use crate::pow::{gossip::ORPHANS_MAX, tree::WINDOW};

fn to(id: u16) -> To {
    To::One(ReplicaId(id))
}

/// The heads asked for, and of whom.
fn asked_blocks(sent: &[(To, Say)]) -> Vec<(To, Vec<Head>)> {
    let asked = |(to, say): &(To, Say)| match say {
        Say::GetBlocks(heads) => Some((*to, heads.clone())),
        _ => None,
    };
    sent.iter().filter_map(asked).collect()
}

fn asked_headers(sent: &[(To, Say)]) -> Vec<To> {
    sent.iter().filter(|(_, say)| matches!(say, Say::GetHeaders(_))).map(|(to, _)| *to).collect()
}

#[test]
fn an_announced_block_is_asked_for_once_and_passed_on() {
    let mut miner = Drill::new(params(1));
    miner.take_sent();
    let block = mined(genesis(), 1);
    miner.hear(1, &Say::Announce(head(&block)));
    miner.hear(2, &Say::Announce(head(&block)));
    assert_eq!(asked_blocks(&miner.take_sent()), [(to(1), vec![head(&block)])]);
    miner.block(1, &block);
    let sent = miner.take_sent();
    let except = To::Neighbours { except: Some(ReplicaId(1)) };
    assert!(matches!(&sent[..], [(to, Say::Announce(h))] if *to == except && *h == head(&block)));
    miner.hear(3, &Say::Announce(head(&block)));
    assert!(miner.take_sent().is_empty());
}

#[test]
fn who_does_not_answer_is_given_up_on() {
    let mut miner = Drill::new(params(1));
    let block = mined(genesis(), 1);
    miner.hear(1, &Say::Announce(head(&block)));
    miner.hear(2, &Say::Announce(head(&block)));
    miner.take_sent();
    miner.wait(Span::seconds(2));
    assert_eq!(asked_blocks(&miner.take_sent()), [(to(2), vec![head(&block)])]);
    miner.wait(Span::seconds(2));
    assert_eq!(asked_headers(&miner.take_sent()), [To::Neighbours { except: None }]);
    miner.hear(3, &Say::Announce(head(&block)));
    assert_eq!(asked_blocks(&miner.take_sent()), [(to(3), vec![head(&block)])]);
}

#[test]
fn orphans_wait_for_their_parents() {
    let mut miner = Drill::new(params(1));
    miner.take_sent();
    let blocks = chain(genesis(), 1, 3);
    miner.block(1, &blocks[2]);
    assert_eq!(asked_headers(&miner.take_sent()), [to(1)]);
    miner.block(2, &blocks[1]);
    assert!(miner.ledger.is_empty());
    miner.block(3, &blocks[0]);
    assert_eq!(miner.head(), head(&blocks[2]), "{:?}", miner.dropped());
    assert_eq!(miner.ledger.len(), 3);
}

#[test]
fn orphans_are_bounded() {
    let mut miner = Drill::new(params(1));
    let blocks = chain(genesis(), 1, ORPHANS_MAX as u64 + 2);
    miner.blocks(&blocks[1..]);
    assert_eq!(miner.dropped(), ["too many blocks wait for their parents"]);
    miner.block(1, &blocks[0]);
    assert_eq!(miner.ledger.len(), ORPHANS_MAX + 1);
}

/// Lets `new` and `old` talk until they fall silent; returns how many messages that took.
fn talk(new: &mut Drill, old: &mut Drill) -> usize {
    let mut count = 0;
    loop {
        let (asked, told) = (new.take_sent(), old.take_sent());
        if asked.is_empty() && told.is_empty() {
            return count;
        }
        count += asked.len() + told.len();
        asked.iter().for_each(|(_, say)| old.hear(1, say));
        told.iter().for_each(|(_, say)| new.hear(1, say));
    }
}

#[test]
fn a_newcomer_fetches_the_whole_chain_though_memory_holds_a_part_of_it() {
    let blocks = chain(genesis(), 1, WINDOW + 300);
    let mut old = Drill::restarted(params(6), Time::seconds(2_000), Vec::new());
    old.blocks(&blocks);
    old.take_sent();
    let mut new = Drill::restarted(params(6), Time::seconds(2_000), Vec::new());
    let messages = talk(&mut new, &mut old);
    assert_eq!(new.head(), old.head(), "{:?}", new.dropped());
    assert_eq!(new.mines_on(), head(blocks.last().unwrap()).digest);
    assert!(messages < 2 * blocks.len(), "{messages} messages");

    // Ten more blocks: one announcement suffices.
    let more = chain(head(blocks.last().unwrap()), 1_500, 10);
    old.blocks(&more);
    let last = old.take_sent().pop().unwrap();
    new.hear(1, &last.1);
    talk(&mut new, &mut old);
    assert_eq!(new.head(), old.head());
}

#[test]
fn a_split_heals_by_more_headers_than_fit_one_message() {
    let (ours, theirs) = (chain(genesis(), 1, 700), chain(genesis(), 1_001, 701));
    let mut a = Drill::restarted(params(3), Time::seconds(2_000), Vec::new());
    let mut b = Drill::restarted(params(3), Time::seconds(2_000), Vec::new());
    a.blocks(&ours);
    b.blocks(&theirs);
    a.take_sent();
    let told = b.take_sent().pop().unwrap();
    a.hear(1, &told.1);
    talk(&mut a, &mut b);
    assert_eq!(a.head(), b.head(), "{:?}", a.dropped());
    assert_eq!(a.reverted, [Height::GENESIS]);
}

#[test]
fn what_forks_off_below_the_window_is_refused() {
    let blocks = chain(genesis(), 1, WINDOW + 100);
    let mut miner = Drill::restarted(params(1), Time::seconds(2_000), Vec::new());
    miner.blocks(&blocks);
    let low = mined(head(&blocks[100]), 1_500);
    miner.block(1, &low);
    assert_eq!(miner.dropped(), ["it forks off below the window"]);
}

#[test]
fn a_restart_goes_on_from_the_ledger() {
    // A miner that finds a block every 500 to 1500 ms, with a retarget every 16.
    let rules = Params { difficulty: 16, retarget_interval: 16, ..params(1) };
    let mut miner = Drill::restarted(rules.clone(), Time::ZERO, Vec::new());
    while miner.ledger.len() as u64 <= WINDOW + 60 {
        miner.wait(Span::ms(500 + 37 * miner.ledger.len() as u64 % 1000));
        let seal = miner.solution();
        miner.event(Event::Sealed(seal));
    }
    let targets: BTreeSet<_> = miner.ledger.iter().map(|b| b.proof.0.slice(72..76)).collect();
    assert!(targets.len() > 10, "the difficulty did change");
    let blocks: Vec<_> = miner.ledger.iter().map(|block| Sealed::of(block).unwrap()).collect();
    for cut in [0, 5, 15, 16, 40, WINDOW as usize + 20] {
        let ledger = miner.ledger[..cut].to_vec();
        let mut again = Drill::restarted(rules.clone(), miner.now, ledger);
        again.blocks(&blocks[cut..]);
        assert_eq!(again.head(), miner.head(), "{:?}", again.dropped());
        assert_eq!(again.puzzle.unwrap().target, miner.puzzle.as_ref().unwrap().target);
    }
}

#[test]
fn a_chain_under_other_rules_is_not_fetched_for_ever() {
    let mut miner = Drill::new(params(1));
    miner.take_sent();
    let alien = forge(genesis(), 1, batch(&[1]), |s| s.header.bits = Bits::expecting(4));
    miner.hear(1, &Say::Headers(vec![alien.header]));
    assert_eq!(asked_blocks(&miner.take_sent()).len(), 1);
    miner.block(1, &alien);
    assert!(miner.take_sent().is_empty(), "nothing to go on with");
}
