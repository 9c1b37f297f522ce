//! Mempool, execution and clients, together and alone.

use std::sync::Arc;

use byzlab_core::{
    Batch, BatchLimit, Block, Committee, Digest, Height, Proof, Recipients, Reference, ReplicaId,
    Scheme, Signer, Span, Time, Transaction,
    host::{Arrivals, Client, Executor, KvStore, Load, Mempool, Refused, Reply, Sent},
};

fn committee() -> Arc<Committee> {
    let key = |i| Signer::seeded(Scheme::Simulated, 1, &format!("replica/{i}")).public();
    Arc::new(Committee::new("test", (0..4).map(key).collect(), false))
}

fn transaction(client: u8, sequence: u64) -> Transaction {
    let signer = Signer::seeded(Scheme::Simulated, 1, &format!("client/{client}"));
    Transaction::new(&committee(), &signer, sequence, &[7; 16])
}

fn block(height: u64, transactions: &[Transaction]) -> Block {
    let batch = Batch::new(transactions, &Reference);
    Block::chained(Height(height), Digest::default(), ReplicaId(0), batch, Proof::default())
}

const LIMIT: BatchLimit =
    BatchLimit { transactions: 2, bytes: 1 << 20, patience: Span::ZERO, empty: false };

#[test]
fn the_mempool_keeps_order_bounds_and_branches() {
    let mut pool = Mempool::new(3, 1 << 20);
    for sequence in 0..3 {
        assert_eq!(pool.insert(transaction(0, sequence), Sent::ToOne), Ok(()));
    }
    assert_eq!(pool.insert(transaction(0, 3), Sent::ToOne), Err(Refused::Full));
    let (first, full) = pool.pick(&LIMIT, &[]);
    assert_eq!((first.len(), full), (2, true));
    let branch = Batch::new(&first, &Reference);
    let (second, full) = pool.pick(&LIMIT, std::slice::from_ref(&branch));
    assert_eq!((second[0].sequence(), second.len(), full), (2, 1, false));
    pool.remove(&block(1, &first));
    assert_eq!(pool.len(), 1);
    assert_eq!(pool.byte_len(), second[0].bytes().len());
    assert_eq!(pool.insert(transaction(0, 2), Sent::ToOne), Err(Refused::Duplicate));
}

#[test]
fn what_every_replica_got_is_passed_on_by_one_of_them() {
    let replicas = || (0..4).map(ReplicaId);
    let held = |sent: &[Sent]| {
        let mut pool = Mempool::new(100, 1 << 20);
        for (turn, &way) in sent.iter().enumerate() {
            for sequence in 0..40 {
                let answer = pool.insert(transaction(0, sequence), way);
                assert_eq!(answer.is_ok(), turn == 0, "one that waits is not taken twice");
            }
        }
        replicas().map(|me| pool.passed_on(me, 4).count()).collect::<Vec<_>>()
    };
    assert_eq!(held(&[Sent::ByReplica]), [0; 4]);
    assert_eq!(held(&[Sent::ToOne]), [40; 4]);
    assert_eq!(held(&[Sent::ByReplica, Sent::ToOne, Sent::ByReplica]), [40; 4]);
    let shares = held(&[Sent::ToOne, Sent::ToAll, Sent::ToOne]);
    assert_eq!(shares.iter().sum::<usize>(), 40, "each by exactly one: {shares:?}");
    assert!(shares.iter().all(|&share| share > 0), "all take a share: {shares:?}");
}

#[test]
fn a_transaction_is_executed_once() {
    let mut executor = Executor::new(Box::<KvStore>::default());
    let replies = executor.apply(&block(1, &[transaction(0, 0), transaction(0, 1)]), None);
    assert_eq!(replies[0].results, [(0, 1), (1, 2)]);
    let again = block(2, &[transaction(0, 1), transaction(0, 5), transaction(1, 0)]);
    let replies = executor.apply(&again, Some(ReplicaId(2)));
    let results: Vec<_> = replies.iter().flat_map(|r| r.results.clone()).collect();
    assert_eq!(results.len(), 2, "sequence 1 was executed before");
    assert_eq!(executor.executed(), 4);
    let client = transaction(0, 0).client();
    assert!(executor.is_executed(client, 5) && !executor.is_executed(client, 4));
    let reply = executor.reply_again(client, 1, None).expect("kept");
    assert_eq!((reply.height, &reply.results[..]), (Height(1), &[(1, 2)][..]));
    assert_eq!(executor.reply_again(client, 4, None), None);
}

fn client(arrivals: Arrivals) -> Client {
    let load = Load {
        arrivals,
        transaction_bytes: 512,
        keys: 10,
        from: Time::ZERO,
        until: Time::seconds(1),
        retry: Span::ms(300),
    };
    let signer = Signer::seeded(Scheme::Simulated, 1, "client/0");
    Client::new(signer, committee(), load, 2, 1, "client/0")
}

fn reply(client: &Client, results: &[(u64, u64)]) -> Reply {
    let leader = Some(ReplicaId(3));
    Reply { client: client.public(), height: Height(1), results: results.to_vec(), leader }
}

#[test]
fn a_closed_loop_waits_for_equal_replies_and_learns_the_leader() {
    let mut c = client(Arrivals::Closed { outstanding: 2 });
    let sent = c.wake(Time::ZERO);
    assert_eq!((sent.len(), sent[0].to, sent[0].transactions.len()), (1, None, 2));
    assert!(sent[0].transactions.iter().all(|t| t.bytes().len() == 512));
    let at = Time::ms(5);
    assert!(c.reply(at, ReplicaId(0), &reply(&c, &[(0, 1)])).0.is_empty());
    assert!(
        c.reply(at, ReplicaId(0), &reply(&c, &[(0, 1)])).0.is_empty(),
        "the same replica twice"
    );
    assert!(c.reply(at, ReplicaId(1), &reply(&c, &[(0, 9)])).0.is_empty(), "another result");
    let (confirmed, next) = c.reply(at, ReplicaId(2), &reply(&c, &[(0, 1)]));
    assert_eq!((confirmed.len(), confirmed[0].latency), (1, Span::ms(5)));
    assert_eq!((next[0].to, next[0].transactions[0].sequence()), (Some(ReplicaId(3)), 2));
    assert_eq!((c.submitted(), c.outstanding()), (3, 2));
}

#[test]
fn where_replicas_pass_on_to_a_leader_one_gets_what_clients_send_until_no_reply_comes() {
    let mut c = client(Arrivals::Closed { outstanding: 2 }).sending_to(Recipients::One);
    let sent = c.wake(Time::ZERO);
    assert_eq!((sent.len(), sent[0].transactions.len()), (1, 2));
    assert!(sent[0].to.is_some(), "not to all, of whom each would pass it on");
    let again = c.wake(c.deadline().expect("it waits for replies"));
    assert_eq!((again[0].to, again[0].transactions.len()), (None, 2), "that one may be down");
}

#[test]
fn a_client_is_patient_with_a_system_that_is_slow_but_answers() {
    let mut c = client(Arrivals::Closed { outstanding: 3 });
    c.wake(Time::ZERO);
    let retry = c.deadline().expect("it waits for replies");
    let slow = Time(retry.0 - 1);
    for replica in 0..2 {
        c.reply(slow, ReplicaId(replica), &reply(&c, &[(0, 1)]));
    }
    assert!(c.wake(retry).is_empty(), "the others may stand in the same queue");
    let later = c.deadline().expect("it still waits");
    assert_eq!(later, Time(2 * slow.0), "twice as long as the one that came");
    assert_eq!(c.wake(later).iter().map(|s| s.transactions.len()).sum::<usize>(), 2);
}

#[test]
fn an_open_loop_counts_from_the_intended_time_and_asks_again() {
    let mut c = client(Arrivals::Open { gap: Span::ms(100), poisson: false });
    let due = c.deadline().expect("a first arrival");
    // Woken late: latency still runs from the moment at which it should have been sent.
    let late = due + Span::ms(250);
    let sent: usize = c.wake(late).iter().map(|s| s.transactions.len()).sum();
    assert_eq!(sent, 3);
    let _ = c.reply(late, ReplicaId(0), &reply(&c, &[(0, 1)]));
    let (confirmed, _) = c.reply(late, ReplicaId(1), &reply(&c, &[(0, 1)]));
    assert_eq!(confirmed[0].latency, Span::ms(250));
    let again: Vec<_> =
        c.wake(late + Span::ms(300)).into_iter().filter(|s| s.to.is_none()).collect();
    let numbers: Vec<_> =
        again.iter().flat_map(|s| &s.transactions).map(|t| t.sequence()).collect();
    assert!(numbers.contains(&1) && numbers.contains(&2) && !numbers.contains(&0), "{numbers:?}");
}

#[test]
fn poisson_arrivals_have_the_asked_rate() {
    let mut c = client(Arrivals::Open { gap: Span::us(100), poisson: true });
    let _ = c.wake(Time::seconds(1));
    assert!(c.submitted().abs_diff(10_000) < 400, "{} in a second at 10,000/s", c.submitted());
}
