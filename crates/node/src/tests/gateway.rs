//! A gateway, and clients that the test plays.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use byzlab_core::{PublicKey, Reference, Signature, Signer, Transaction, codec, host::Sent};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::sync::{
    mpsc::{UnboundedReceiver, unbounded_channel},
    watch,
};

use super::{PATIENCE, committee, endpoint, r, secret, until};
use crate::{
    endpoint::{client_config, server_config},
    frame::{
        BINDING_LABEL, CLIENT_BODY_MAX, ClientHello, Frames, Kind, PEER_BODY_MAX, Registration,
        encode_transactions, header, registration_statement,
    },
    gateway::{self, Gateway},
    happening::{Happening, Origin},
    plan::UDP_PAYLOAD_LOOPBACK,
    tls::{Identity, name_of},
};

struct Host {
    gateway: Arc<Gateway>,
    inbox: UnboundedReceiver<Happening>,
    full: watch::Sender<bool>,
    address: SocketAddr,
    _endpoint: Endpoint,
}

fn host() -> Host {
    let (events, inbox) = unbounded_channel();
    let (full, is_full) = watch::channel(false);
    let gateway = Arc::new(Gateway {
        me: r(1),
        committee: committee(),
        protocol: "test".into(),
        accelerator: Arc::new(Reference),
        events,
        full: is_full,
        connections: AtomicU64::new(0),
        malformed: AtomicU64::new(0),
        next: AtomicU64::new(0),
    });
    let tls = Identity::new(&secret("r1")).answer_clients();
    let endpoint = endpoint(&secret("r1"), Some(server_config(tls, UDP_PAYLOAD_LOOPBACK)));
    tokio::spawn(gateway::answer(gateway.clone(), endpoint.clone()));
    let address = endpoint.local_addr().expect("it is bound");
    Host { gateway, inbox, full, address, _endpoint: endpoint }
}

async fn connect(address: SocketAddr) -> (Endpoint, Connection, SendStream, RecvStream) {
    let identity = Identity::new(&secret("anyone"));
    let config =
        client_config(identity.dial_replicas(identity.guard(&committee())), UDP_PAYLOAD_LOOPBACK);
    let endpoint = endpoint(&secret("anyone"), None);
    let name = name_of(&committee().keys[1]);
    let connecting = endpoint.connect_with(config, address, &name).expect("a good address");
    let connection = connecting.await.expect("anyone may be a client");
    let (stream, incoming) = connection.open_bi().await.expect("a stream");
    (endpoint, connection, stream, incoming)
}

/// The greeting of the client called `name`, bound to `connection`.
fn hello(connection: &Connection, client: PublicKey, signer: &Signer) -> ClientHello {
    let mut binding = [0; 32];
    connection.export_keying_material(&mut binding, BINDING_LABEL, b"").expect("32 bytes");
    let statement = registration_statement(&committee(), &binding);
    let proof = signer.sign(&statement.0);
    ClientHello { chain: committee().chain, clients: vec![Registration { client, proof }] }
}

async fn say(stream: &mut SendStream, kind: Kind, body: &[u8]) {
    stream.write_all(&header(kind, body.len())).await.expect("written");
    stream.write_all(body).await.expect("written");
}

async fn farewell(connection: &Connection) -> String {
    let closed = tokio::time::timeout(PATIENCE, connection.closed()).await;
    closed.expect("the gateway closes the connection").to_string()
}

#[tokio::test]
async fn transactions_are_read_only_while_there_is_room() {
    let mut host = host();
    let client = secret("client").signer();
    let (_endpoint, connection, mut stream, incoming) = connect(host.address).await;
    let body = codec::encode(&hello(&connection, client.public(), &client));
    say(&mut stream, Kind::Hello, &body).await;
    let mut frames = Frames::new(incoming, PEER_BODY_MAX);
    let answer = frames.next().await.expect("a frame").expect("not the end");
    assert_eq!(answer.kind, Kind::Hello);
    let Some(Happening::ClientsJoined { connection: number, clients, outbox }) =
        host.inbox.recv().await
    else {
        panic!("the client is told of")
    };
    assert_eq!(clients, [client.public()]);
    host.full.send_replace(true);
    let sent: Vec<_> =
        (0..3).map(|i| Transaction::new(&committee(), &client, i, b"payload")).collect();
    let kinds = [Kind::Transactions, Kind::TransactionsToAll, Kind::Transactions];
    for (transaction, kind) in sent.iter().zip(kinds) {
        for body in encode_transactions([transaction]) {
            say(&mut stream, kind, &body).await;
        }
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    // The reader may have waited for a frame already when the mempool filled up; it takes that one.
    assert!(host.inbox.len() <= 1, "a full mempool is not filled further");
    host.full.send_replace(false);
    for (transaction, sent) in sent.into_iter().zip([Sent::ToOne, Sent::ToAll, Sent::ToOne]) {
        match host.inbox.recv().await {
            Some(Happening::Transactions { origin, transactions, .. }) => {
                assert_eq!(
                    (origin, transactions),
                    (Origin::Clients { connection: number, sent }, vec![transaction])
                );
            }
            other => panic!("{other:?}"),
        }
    }
    outbox.push(Kind::Replies, bytes::Bytes::from_static(b"reply"));
    assert_eq!(frames.next().await.expect("a frame").expect("a reply").kind, Kind::Replies);
    connection.close(0u32.into(), b"");
    assert!(matches!(host.inbox.recv().await, Some(Happening::ClientsLeft { .. })));
}

#[tokio::test]
async fn nobody_takes_the_replies_of_another() {
    let host = host();
    let (victim, thief) = (secret("victim").signer(), secret("thief").signer());
    let (_endpoint, connection, mut stream, _incoming) = connect(host.address).await;
    let body = codec::encode(&hello(&connection, victim.public(), &thief));
    say(&mut stream, Kind::Hello, &body).await;
    assert!(farewell(&connection).await.contains("not signed by its key"));
    // A greeting overheard on one connection is worth nothing on another.
    let (_endpoint, first, _stream, _incoming) = connect(host.address).await;
    let overheard = codec::encode(&hello(&first, victim.public(), &victim));
    let (_endpoint, second, mut stream, _incoming) = connect(host.address).await;
    say(&mut stream, Kind::Hello, &overheard).await;
    assert!(farewell(&second).await.contains("not signed by its key"));
    until("count", || host.gateway.malformed.load(Ordering::Relaxed) == 2).await;
}

#[tokio::test]
async fn senseless_clients_are_turned_away_and_counted() {
    let host = host();
    let client = secret("client").signer();
    let too_long = (CLIENT_BODY_MAX as u32 + 3).to_le_bytes();
    let cases: [(&str, Vec<u8>); 3] = [
        ("was announced", too_long.to_vec()),
        ("out of place", header(Kind::Packet, 0).to_vec()),
        ("unknown kind", [&header(Kind::Transactions, 6)[..], &[2, 0, 0, 0, 9, 9]].concat()),
    ];
    for (number, (why, bytes)) in cases.iter().enumerate() {
        let (_endpoint, connection, mut stream, _incoming) = connect(host.address).await;
        let body = codec::encode(&hello(&connection, client.public(), &client));
        say(&mut stream, Kind::Hello, &body).await;
        stream.write_all(bytes).await.expect("written");
        let farewell = farewell(&connection).await;
        assert!(farewell.contains(why), "{farewell}");
        until("count", || host.gateway.malformed.load(Ordering::Relaxed) == number as u64 + 1)
            .await;
    }
    let (_endpoint, connection, mut stream, _incoming) = connect(host.address).await;
    let other = ClientHello { chain: Default::default(), clients: Vec::new() };
    say(&mut stream, Kind::Hello, &codec::encode(&other)).await;
    assert!(farewell(&connection).await.contains("another chain"));
    let forged = Registration { client: client.public(), proof: Signature([0; 64]) };
    let crowd = ClientHello { chain: committee().chain, clients: vec![forged; 5000] };
    let (_endpoint, connection, mut stream, _incoming) = connect(host.address).await;
    say(&mut stream, Kind::Hello, &codec::encode(&crowd)).await;
    assert!(farewell(&connection).await.contains("more than"));
}
