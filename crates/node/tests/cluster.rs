//! Whole clusters over QUIC on loopback, with faults, each for a second or two.

use std::{
    collections::BTreeSet,
    net::UdpSocket,
    ops::Range,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use byzlab_core::{
    Accelerator, Claim, Committee, Digest, Puzzle, Reference, ReplicaId, Seal, Signature, Signer,
    Span, Time, host::Arrivals, outcome::Outcome,
};
use byzlab_node::{
    ClusterPlan, NodeError, SeatPlan,
    plan::{Address, Durability, Fault, FaultKind, MempoolBounds, Secret},
    run_cluster, run_seat,
};

/// The figure that says what the checks of clients' signatures cost at the least.
const SIGNATURE_CHECKS: &str = "signature_checks_cpu_us_per_transaction";

fn accelerator() -> Arc<dyn Accelerator> {
    Arc::new(Reference)
}

fn plan(protocol: &str, dir: &Path) -> ClusterPlan {
    let entry = byzlab_protocols::builtin().find(protocol).expect("it is built in");
    let mut plan = ClusterPlan::new(entry, 4, dir.to_owned(), accelerator());
    plan.duration = Span::ms(1500);
    plan.drain = Span::seconds(20);
    plan.sample = Span::ms(250);
    plan.durability = Durability::Os;
    plan.clients.load.arrivals = Arrivals::Open { gap: Span::ms(40), poisson: false };
    plan.clients.load.retry = Span::ms(500);
    plan
}

fn fault(at: u64, replica: u16, kind: FaultKind) -> Fault {
    Fault { at: Time::ms(at), replica: ReplicaId(replica), kind }
}

/// What must hold after every run here: everything that was sent is confirmed, in equal ledgers.
fn is_good(outcome: &Outcome) {
    assert_eq!(outcome.violations, []);
    assert!(outcome.submitted > 0);
    assert_eq!(outcome.committed_transactions(), outcome.submitted);
    let first = outcome.heads[0].expect("it is up");
    assert!(outcome.heads.iter().all(|&head| head == Some(first)), "{:?}", outcome.heads);
    assert_eq!(outcome.committed_blocks, first.height.0);
    assert_eq!(outcome.producers.values().sum::<u64>(), first.height.0);
}

#[test]
fn a_follower_is_killed_and_comes_back() {
    for protocol in ["central", "pbft", "mysticeti", "bullshark", "tusk"] {
        let dir = tempfile::tempdir().expect("a folder");
        let mut plan = plan(protocol, dir.path());
        plan.faults = vec![fault(900, 2, FaultKind::Restart), fault(400, 2, FaultKind::Kill)];
        let mut samples = 0;
        let outcome = run_cluster(&plan, &mut |_| samples += 1).expect("it runs");
        is_good(&outcome);
        assert_eq!(samples, 6);
        let marks: Vec<_> = outcome.marks.iter().map(|mark| mark.what.as_str()).collect();
        assert_eq!(marks, ["crash", "restart"]);
        assert!(outcome.timeline.iter().any(|sample| sample.heights[2].is_none()));
        assert!(outcome.signatures_checked > 0);
        if outcome.cpu.is_some() {
            assert!(outcome.figures[SIGNATURE_CHECKS] > 0.0);
        }
    }
}

#[test]
fn a_leader_is_killed_and_comes_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut plan = plan("pbft", dir.path());
    plan.faults = vec![fault(400, 0, FaultKind::Kill), fault(900, 0, FaultKind::Restart)];
    is_good(&run_cluster(&plan, &mut |_| ()).expect("it runs"));
}

#[test]
fn a_tampered_ledger_is_found_and_repaired() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut plan = plan("central", dir.path());
    plan.faults = vec![
        fault(600, 3, FaultKind::Kill),
        fault(700, 3, FaultKind::Tamper),
        fault(800, 3, FaultKind::Restart),
    ];
    let outcome = run_cluster(&plan, &mut |_| ()).expect("it runs");
    is_good(&outcome);
    assert!(outcome.marks.iter().any(|mark| mark.what.starts_with("damage found")));
}

#[test]
fn proof_of_work_mines_for_real() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut plan = plan("pow", dir.path());
    plan.client_signatures = false;
    plan.durability = Durability::Memory;
    plan.mining.hash_power = vec![20_000; 4];
    // A block every 50 ms: some 4,000 tries, of 80,000 a second by all together.
    plan.params.insert("spacing".into(), "50ms".into());
    plan.params.insert("difficulty".into(), 4000.into());
    plan.params.insert("confirmations".into(), 6.into());
    plan.drain = Span::seconds(2);
    let outcome = run_cluster(&plan, &mut |_| ()).expect("it runs");
    assert_eq!(outcome.violations, []);
    assert!(outcome.committed_blocks > 0 && outcome.committed_transactions() > 0);
    assert!(!outcome.figures.contains_key(SIGNATURE_CHECKS), "there were none to check");
}

/// An accelerator that says that it has a device, counts what it signs, and notes who waits for it.
#[derive(Debug, Default)]
struct Pen {
    signed: AtomicUsize,
    /// The most in one call.
    widest: AtomicUsize,
    /// The threads in which roots were computed.
    rooting: Mutex<BTreeSet<String>>,
}

impl Accelerator for Pen {
    fn name(&self) -> String {
        "pen".into()
    }
    fn check(&self, claims: &[Claim]) -> Vec<bool> {
        Reference.check(claims)
    }
    fn hash_many(&self, messages: &[&[u8]]) -> Vec<Digest> {
        Reference.hash_many(messages)
    }
    fn merkle_root(&self, items: &[&[u8]]) -> Digest {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        self.rooting.lock().expect("no panic").insert(thread);
        Reference.merkle_root(items)
    }
    fn search(&self, puzzle: &Puzzle, nonces: Range<u64>) -> Option<Seal> {
        Reference.search(puzzle, nonces)
    }
    fn sign_many(&self, items: &[(&Signer, &[u8])]) -> Vec<Signature> {
        self.signed.fetch_add(items.len(), Ordering::Relaxed);
        self.widest.fetch_max(items.len(), Ordering::Relaxed);
        Reference.sign_many(items)
    }
    fn gathers_signing(&self) -> bool {
        true
    }
    fn may_wait(&self) -> bool {
        true
    }
}

#[test]
fn a_device_signs_for_all_clients_at_once_and_no_seat_waits_for_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut plan = plan("central", dir.path());
    let pen = Arc::<Pen>::default();
    plan.accelerator = pen.clone();
    plan.duration = Span::ms(500);
    plan.clients.load.arrivals = Arrivals::Closed { outstanding: 20 };
    let all_at_first = 20 * plan.clients.count;
    let outcome = run_cluster(&plan, &mut |_| ()).expect("it runs");
    is_good(&outcome);
    assert!(pen.signed.load(Ordering::Relaxed) as u64 >= outcome.submitted);
    assert!(pen.widest.load(Ordering::Relaxed) >= all_at_first as usize);
    let rooting = pen.rooting.lock().expect("no panic");
    let seats = rooting.iter().filter(|name| ["r0", "r1", "r2", "r3"].contains(&&***name));
    assert!(!rooting.is_empty() && seats.count() == 0, "{rooting:?}");
}

#[test]
fn senseless_plans_are_errors() {
    let dir = tempfile::tempdir().expect("a folder");
    let refused = |change: fn(&mut ClusterPlan)| {
        let mut plan = plan("central", dir.path());
        change(&mut plan);
        match run_cluster(&plan, &mut |_| ()) {
            Err(NodeError::Plan(what)) => what,
            other => panic!("{other:?}"),
        }
    };
    let restart = |plan: &mut ClusterPlan| plan.faults = vec![fault(1, 1, FaultKind::Restart)];
    assert!(refused(restart).contains("not down"));
    assert!(refused(|plan| plan.faults = vec![fault(1, 9, FaultKind::Kill)]).contains("only 4"));
    assert!(refused(|plan| plan.size = 0).contains("at least one"));
    assert!(refused(|plan| plan.udp_payload = 100).contains("payload"));
    std::fs::create_dir_all(dir.path().join("replica-0")).expect("made");
    std::fs::write(dir.path().join("replica-0/ledger"), "something").expect("written");
    assert!(refused(|_| ()).contains("earlier run"));
}

/// A committee of one, at `address`.
fn seat(dir: &Path, address: Address) -> SeatPlan {
    let secret = Secret(Signer::seeded_secret(1, "alone"));
    let committee = Committee::new("test", vec![secret.signer().public()], false);
    SeatPlan {
        entry: byzlab_protocols::builtin().find("central").expect("it is built in"),
        params: toml::Table::new(),
        me: ReplicaId(0),
        committee: Arc::new(committee),
        addresses: vec![address],
        listen: None,
        secret,
        epoch: SystemTime::now(),
        dir: dir.to_owned(),
        durability: Durability::Os,
        hash_power: 0,
        mempool: MempoolBounds::default(),
        accelerator: accelerator(),
        metrics: None,
        workers: 1,
        udp_payload: 1452,
    }
}

#[test]
fn a_seat_that_cannot_start_says_why() {
    let dir = tempfile::tempdir().expect("a folder");
    let any = "127.0.0.1:0".parse().expect("an address");
    let free = Address { peers: any, clients: any };
    let busy = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let taken = busy.local_addr().expect("bound");
    let error = run_seat(seat(dir.path(), Address { peers: taken, ..free })).unwrap_err();
    assert!(error.to_string().contains(&format!("cannot listen at {taken}")), "{error}");
    let error = run_seat(seat(&dir.path().join("missing"), free)).unwrap_err();
    assert!(error.to_string().contains("no such file or folder"), "{error}");
    let wrong =
        SeatPlan { secret: Secret(Signer::seeded_secret(2, "another")), ..seat(dir.path(), free) };
    let error = run_seat(wrong).unwrap_err();
    assert!(error.to_string().contains("not that of r0"), "{error}");
    let mut params = toml::Table::new();
    params.insert("nonsense".into(), 1.into());
    let error = run_seat(SeatPlan { params, ..seat(dir.path(), free) }).unwrap_err();
    assert!(error.to_string().contains("nonsense"), "{error}");
}
