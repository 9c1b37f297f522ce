//! A replica with one link, to a peer that the test plays.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use byzlab_core::{Digest, Height, codec, codec::FRAME_MAX};
use quinn::{Connection, Endpoint, SendStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{PATIENCE, committee, dial, endpoint, r, secret, until};
use crate::{
    endpoint::server_config,
    frame::{Frames, Hello, Kind, PEER_BODY_MAX, VERSION, header},
    happening::Happening,
    links::{self, Links},
    plan::UDP_PAYLOAD_LOOPBACK,
    tls::Identity,
};

/// Replica 1, which answers.
struct Answerer {
    links: Arc<Links>,
    inbox: UnboundedReceiver<Happening>,
    address: SocketAddr,
    _endpoint: Endpoint,
}

fn answerer() -> Answerer {
    let identity = Identity::new(&secret("r1"));
    let guard = identity.guard(&committee());
    let (events, inbox) = unbounded_channel();
    let links = Links::new(r(1), committee(), "test", guard.clone(), events);
    let config = server_config(identity.answer_peers(guard), UDP_PAYLOAD_LOOPBACK);
    let endpoint = endpoint(&secret("r1"), Some(config));
    tokio::spawn(links::answer(links.clone(), endpoint.clone()));
    let address = endpoint.local_addr().expect("it is bound");
    Answerer { links, inbox, address, _endpoint: endpoint }
}

fn hello() -> Hello {
    let chain = committee().chain;
    Hello { chain, protocol: "test".into(), replica: r(0), height: Height(0) }
}

/// Dials as replica 0 and says `hello` on the first stream.
async fn greet(address: SocketAddr, hello: &Hello) -> (Endpoint, Connection, SendStream) {
    let (endpoint, connection) = dial("r0", address).await.expect("a committee member may dial");
    let mut stream = connection.open_uni().await.expect("a stream");
    let body = codec::encode(hello);
    stream.write_all(&header(Kind::Hello, body.len())).await.expect("written");
    stream.write_all(&body).await.expect("written");
    (endpoint, connection, stream)
}

/// Why replica 1 closed the connection.
async fn farewell(connection: &Connection) -> String {
    let closed = tokio::time::timeout(PATIENCE, connection.closed()).await;
    closed.expect("replica 1 closes the connection").to_string()
}

#[tokio::test]
async fn an_unknown_key_is_refused_and_counted() {
    let one = answerer();
    match dial("stranger", one.address).await {
        // TLS 1.3 lets the dialler through before its key is looked at; then the connection dies.
        Ok((_endpoint, connection)) => drop(farewell(&connection).await),
        Err(refused) => assert!(!refused.is_empty()),
    }
    assert_eq!(one.links.guard.refused(), 1);
    assert_eq!(one.links.connected(), 0);
}

#[tokio::test]
async fn a_replica_of_another_chain_or_protocol_is_refused() {
    let one = answerer();
    for (number, hello) in [
        Hello { chain: Digest([9; 32]), ..hello() },
        Hello { protocol: "other".into(), ..hello() },
        Hello { replica: r(1), ..hello() },
    ]
    .iter()
    .enumerate()
    {
        let (_endpoint, connection, _stream) = greet(one.address, hello).await;
        assert!(farewell(&connection).await.contains("another chain, protocol or replica"));
        assert_eq!((one.links.connected(), one.links.malformed()), (0, number as u64 + 1));
    }
}

#[tokio::test]
async fn senseless_frames_close_the_link_and_are_counted() {
    let too_long = (FRAME_MAX as u32 + 3).to_le_bytes();
    let cases: [(&str, Vec<u8>); 5] = [
        ("was announced", too_long.to_vec()),
        ("version", [&2u32.to_le_bytes()[..], &[VERSION + 1, 1]].concat()),
        ("kind", [&2u32.to_le_bytes()[..], &[VERSION, 77]].concat()),
        ("out of place", header(Kind::Replies, 0).to_vec()),
        ("cut off", [&header(Kind::Transactions, 2)[..], &[1, 2]].concat()),
    ];
    let one = answerer();
    for (number, (why, bytes)) in cases.iter().enumerate() {
        let (_endpoint, connection, mut stream) = greet(one.address, &hello()).await;
        stream.write_all(bytes).await.expect("written");
        let farewell = farewell(&connection).await;
        assert!(farewell.contains(why), "{farewell}");
        assert_eq!(one.links.malformed(), number as u64 + 1);
    }
}

#[tokio::test]
async fn good_frames_arrive_and_carry_their_sender() {
    let mut one = answerer();
    let (_endpoint, connection, mut stream) = greet(one.address, &hello()).await;
    let mut large = connection.open_uni().await.expect("a second stream");
    for (stream, length) in [(&mut stream, 5), (&mut large, FRAME_MAX)] {
        stream.write_all(&header(Kind::Packet, length)).await.expect("written");
        stream.write_all(&vec![7; length]).await.expect("written");
        match one.inbox.recv().await {
            Some(Happening::Packet { packet, .. }) => {
                assert_eq!((packet.from(), packet.bytes().len()), (r(0), length));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_peer_that_never_reads_costs_bounded_memory() {
    let one = answerer();
    let (_endpoint, connection, _stream) = greet(one.address, &hello()).await;
    until("link", || one.links.connected() == 1).await;
    let body = Bytes::from(vec![0; 1 << 20]);
    for _ in 0..200 {
        one.links.send(r(0), Kind::Packet, body.clone());
        one.links.send(r(0), Kind::Packet, body.slice(..1 << 10));
        tokio::task::yield_now().await;
    }
    assert!(one.links.queued() <= links::OUT_MAX, "{}", one.links.queued());
    assert!(one.links.dropped() >= 100, "{}", one.links.dropped());
    assert!(connection.close_reason().is_none(), "slow is not wrong");
}

#[tokio::test]
async fn a_peer_that_floods_is_not_read_on() {
    let mut one = answerer();
    let (_endpoint, connection, _stream) = greet(one.address, &hello()).await;
    let mut large = connection.open_uni().await.expect("a second stream");
    // Nobody takes what arrives, so that sooner or later nothing more is taken from the wire.
    let flood = tokio::spawn(async move {
        let frame = [&header(Kind::Packet, 1 << 20)[..], &vec![0; 1 << 20]].concat();
        for _ in 0..100 {
            if large.write_all(&frame).await.is_err() {
                break;
            }
        }
    });
    let most = 2 * PEER_BODY_MAX / (1 << 20);
    until("packets", || one.inbox.len() + 2 >= most).await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    assert!(one.inbox.len() <= most && !flood.is_finished());
    // What is handled makes room again.
    for _ in 0..100 {
        assert!(matches!(one.inbox.recv().await, Some(Happening::Packet { .. })));
    }
    flood.await.expect("everything was taken in the end");
}

#[tokio::test]
async fn a_new_connection_replaces_the_old_one() {
    let one = answerer();
    let (_first, old, _stream) = greet(one.address, &hello()).await;
    until("link", || one.links.connected() == 1).await;
    let (_second, new, _stream) = greet(one.address, &hello()).await;
    assert!(farewell(&old).await.contains("replaced"));
    assert_eq!(one.links.connected(), 1);
    one.links.send(r(0), Kind::Packet, Bytes::from_static(b"hello"));
    let mut frames = Frames::new(new.accept_uni().await.expect("a stream"), PEER_BODY_MAX);
    assert_eq!(frames.next().await.expect("a frame").map(|f| f.kind), Some(Kind::Hello));
    let frame = frames.next().await.expect("a frame").expect("not the end");
    assert_eq!((frame.kind, &frame.body[..]), (Kind::Packet, &b"hello"[..]));
    assert_eq!(one.links.malformed(), 0);
}
