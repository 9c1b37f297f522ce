//! Replicas in processes of their own: SIGKILL and a restart, SIGTERM, and the metrics page.
//!
//! This program is its own child: `processes supervised` and `processes seat DIR PORTS` are
//! replicas.

use std::{
    env,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::Path,
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, SystemTime},
};

use byzlab_core::{Committee, Reference, ReplicaId, Signer, Span, Time};
use byzlab_node::{
    ClusterPlan, SeatPlan,
    plan::{Address, Durability, Fault, FaultKind, MempoolBounds, Mode, Secret},
    run_cluster, run_seat, run_supervised,
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["supervised"] => {
            let result = run_supervised(&byzlab_protocols::builtin(), Arc::new(Reference));
            std::process::exit(i32::from(result.is_err())); // the parent has heard why
        }
        ["seat", dir, peers, clients, metrics] => {
            run_seat(seat(Path::new(dir), [peers, clients, metrics])).expect("it runs");
        }
        _ => {
            a_process_is_killed_and_comes_back();
            a_child_that_cannot_start_says_why();
            a_seat_serves_metrics_and_ends_on_sigterm();
        }
    }
}

fn plan(dir: &Path) -> ClusterPlan {
    let entry = byzlab_protocols::builtin().find("pbft").expect("it is built in");
    let mut plan = ClusterPlan::new(entry, 4, dir.to_owned(), Arc::new(Reference));
    let program = env::current_exe().expect("this program");
    plan.mode = Mode::Processes { program, arguments: vec!["supervised".into()] };
    plan.duration = Span::ms(1500);
    plan.drain = Span::seconds(20);
    plan.durability = Durability::Os;
    plan
}

fn a_process_is_killed_and_comes_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut plan = plan(dir.path());
    plan.clients.load.retry = Span::ms(500);
    let fault = |at, kind| Fault { at: Time::ms(at), replica: ReplicaId(3), kind };
    plan.faults = vec![fault(400, FaultKind::Kill), fault(900, FaultKind::Restart)];
    let outcome = run_cluster(&plan, &mut |_| ()).expect("it runs");
    assert_eq!(outcome.violations, []);
    assert_eq!(outcome.committed_transactions(), outcome.submitted);
    assert!(outcome.submitted > 0 && outcome.signatures_checked > 0);
    let first = outcome.heads[0].expect("it is up");
    assert!(outcome.heads.iter().all(|&head| head == Some(first)), "{:?}", outcome.heads);
}

fn a_child_that_cannot_start_says_why() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut plan = plan(dir.path());
    plan.params.insert("nonsense".into(), 1.into());
    let error = run_cluster(&plan, &mut |_| ()).expect_err("the parameters are bad").to_string();
    assert!(error.contains("nonsense"), "{error}");
}

fn seat(dir: &Path, [peers, clients, metrics]: [&str; 3]) -> SeatPlan {
    let address = |text: &str| text.parse().expect("an address");
    let secret = Secret(Signer::seeded_secret(1, "alone"));
    let committee = Committee::new("test", vec![secret.signer().public()], false);
    SeatPlan {
        entry: byzlab_protocols::builtin().find("central").expect("it is built in"),
        params: toml::Table::new(),
        me: ReplicaId(0),
        committee: Arc::new(committee),
        addresses: vec![Address { peers: address(peers), clients: address(clients) }],
        listen: None,
        secret,
        epoch: SystemTime::now(),
        dir: dir.to_owned(),
        durability: Durability::Fsync,
        hash_power: 0,
        mempool: MempoolBounds::default(),
        accelerator: Arc::new(Reference),
        metrics: Some(address(metrics)),
        workers: 2,
        udp_payload: 1452,
    }
}

fn a_seat_serves_metrics_and_ends_on_sigterm() {
    let dir = tempfile::tempdir().expect("a folder");
    let udp = || UdpSocket::bind("127.0.0.1:0").and_then(|s| s.local_addr()).expect("a port");
    let metrics = TcpListener::bind("127.0.0.1:0").and_then(|s| s.local_addr()).expect("a port");
    let mut child = Command::new(env::current_exe().expect("this program"))
        .arg("seat")
        .arg(dir.path())
        .args([udp(), udp(), metrics].map(|address| address.to_string()))
        .spawn()
        .expect("it starts");
    let page = (0..400).find_map(|_| {
        thread::sleep(Duration::from_millis(25));
        page(metrics).ok()
    });
    let page = page.expect("the metrics page is served");
    assert!(page.contains("byzlab_height{replica=\"0\"} 0"), "{page}");
    let ended = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(ended.expect("there is a kill").success());
    assert!(child.wait().expect("it ends").success());
    assert!(dir.path().join("ledger").exists());
}

fn page(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}
