//! The gateway: clients over QUIC, under a protocol of their own.
//!
//! One connection may stand for many clients. It greets with their keys, each with a signature over
//! this very connection, so that nobody can take another's replies; then it sends frames of
//! transactions and gets frames of replies. While the mempool is full, the gateway does not read
//! on: flow control reaches back to the client, and its wait counts as latency there.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use byzlab_core::{Accelerator, Claim, Committee, PublicKey, ReplicaId, codec, host::Sent};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::{sync::watch, time::timeout};

use crate::{
    budget::Budget,
    frame::{
        BINDING_LABEL, CLIENT_BODY_MAX, CLIENTS_MAX, ClientHello, Frame, FrameError, Frames, Hello,
        Kind, decode_transactions, header, registration_statement,
    },
    happening::{Events, Happening, Origin},
    outbox::Outbox,
};

/// The most connections of clients at once; further ones are refused.
const CONNECTIONS_MAX: u64 = 1024;
/// The most bytes of one connection's transactions that wait to be taken in.
const CLIENT_IN_MAX: usize = 4 * CLIENT_BODY_MAX;
/// The most bytes of replies that wait for one connection; a client that lost some asks again.
const REPLIES_OUT_MAX: usize = 16 << 20;
/// How long a handshake and the greeting may take.
const GREETING_MAX: Duration = Duration::from_secs(5);

/// What all connections of clients share.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub me: ReplicaId,
    pub committee: Arc<Committee>,
    pub protocol: String,
    pub accelerator: Arc<dyn Accelerator>,
    pub events: Events,
    /// Whether the mempool is full.
    pub full: watch::Receiver<bool>,
    pub connections: AtomicU64,
    pub malformed: AtomicU64,
    pub next: AtomicU64,
}

/// Why a client was turned away.
#[derive(Debug, thiserror::Error)]
enum ClientError {
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Write(#[from] quinn::WriteError),
    #[error("no greeting came in time")]
    Silent,
    #[error("the first frame was no greeting")]
    Rude,
    #[error("it speaks of another chain: another committee, or another label")]
    OtherChain,
    #[error("more than {CLIENTS_MAX} clients on one connection")]
    Crowd,
    #[error("a client's registration is not signed by its key for this connection")]
    Forged,
    #[error("this replica is ending")]
    Ending,
}

/// Answers clients for as long as the endpoint is open.
pub(crate) async fn answer(gateway: Arc<Gateway>, endpoint: Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        if gateway.connections.load(Ordering::Relaxed) >= CONNECTIONS_MAX {
            incoming.refuse();
            continue;
        }
        gateway.connections.fetch_add(1, Ordering::Relaxed);
        let gateway = gateway.clone();
        tokio::spawn(async move {
            if let Ok(Ok(connection)) = timeout(GREETING_MAX, incoming).await {
                let error = serve(&gateway, &connection).await;
                tracing::debug!(me = %gateway.me, %error, "client gone");
                let fault = match &error {
                    ClientError::Frame(error) => error.is_fault(),
                    ClientError::Connection(_) | ClientError::Write(_) | ClientError::Ending => {
                        false
                    }
                    _ => true,
                };
                gateway.malformed.fetch_add(u64::from(fault), Ordering::Relaxed);
                connection.close(2u32.into(), error.to_string().as_bytes());
            }
            gateway.connections.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn serve(gateway: &Gateway, connection: &Connection) -> ClientError {
    let greeting = timeout(GREETING_MAX, greet(gateway, connection)).await;
    let (clients, mut stream, frames) = match greeting.map_err(|_| ClientError::Silent).flatten() {
        Ok(greeted) => greeted,
        Err(error) => return error,
    };
    let number = gateway.next.fetch_add(1, Ordering::Relaxed);
    let outbox = Arc::new(Outbox::new(REPLIES_OUT_MAX));
    let joined = Happening::ClientsJoined { connection: number, clients, outbox: outbox.clone() };
    if gateway.events.send(joined).is_err() {
        return ClientError::Ending;
    }
    let writing = tokio::spawn(async move { outbox.drain_into(&mut stream).await });
    let error = read(gateway, number, frames).await;
    writing.abort();
    let _ = gateway.events.send(Happening::ClientsLeft { connection: number });
    error
}

async fn greet(
    gateway: &Gateway,
    connection: &Connection,
) -> Result<(Vec<PublicKey>, SendStream, Frames), ClientError> {
    let (mut stream, incoming): (SendStream, RecvStream) = connection.accept_bi().await?;
    let mut frames = Frames::new(incoming, CLIENT_BODY_MAX);
    let Some(Frame { kind: Kind::Hello, body }) = frames.next().await? else {
        return Err(ClientError::Rude);
    };
    let hello: ClientHello =
        codec::decode(&body).map_err(|_| FrameError::Body("not a canonical greeting"))?;
    if hello.chain != gateway.committee.chain {
        return Err(ClientError::OtherChain);
    }
    if hello.clients.len() > CLIENTS_MAX {
        return Err(ClientError::Crowd);
    }
    let clients = registered(gateway, connection, hello).await?;
    let body = codec::encode(&Hello {
        chain: gateway.committee.chain,
        protocol: gateway.protocol.clone(),
        replica: gateway.me,
        height: byzlab_core::Height::GENESIS,
    });
    stream.write_all(&header(Kind::Hello, body.len())).await?;
    stream.write_all(&body).await?;
    Ok((clients, stream, frames))
}

/// The clients of a greeting, all of which have signed this connection.
async fn registered(
    gateway: &Gateway,
    connection: &Connection,
    hello: ClientHello,
) -> Result<Vec<PublicKey>, ClientError> {
    let mut binding = [0; 32];
    let exported = connection.export_keying_material(&mut binding, BINDING_LABEL, b"");
    exported.expect("TLS 1.3 exports 32 bytes");
    let statement = registration_statement(&gateway.committee, &binding);
    let clients = hello.clients.iter().map(|registration| registration.client).collect();
    let claim = |by, signature| Claim::Signed { by, statement: statement.0.clone(), signature };
    let claims: Vec<_> = hello.clients.into_iter().map(|r| claim(r.client, r.proof)).collect();
    let accelerator = gateway.accelerator.clone();
    let checked = tokio::task::spawn_blocking(move || accelerator.check(&claims)).await;
    match checked {
        Ok(verdicts) if verdicts.iter().all(|&holds| holds) => Ok(clients),
        _ => Err(ClientError::Forged),
    }
}

/// Takes transactions in until the connection ends.
async fn read(gateway: &Gateway, connection: u64, mut frames: Frames) -> ClientError {
    let budget = Budget::new(CLIENT_IN_MAX);
    let mut full = gateway.full.clone();
    loop {
        if full.wait_for(|&full| !full).await.is_err() {
            return ClientError::Ending;
        }
        let frame = match frames.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return FrameError::Cut.into(),
            Err(error) => return error.into(),
        };
        let sent = match frame.kind {
            Kind::Transactions => Sent::ToOne,
            Kind::TransactionsToAll => Sent::ToAll,
            _ => return FrameError::Body("out of place").into(),
        };
        let share = budget.take(frame.body.len()).await;
        let transactions = match decode_transactions(&frame.body) {
            Ok(transactions) => transactions,
            Err(error) => return error.into(),
        };
        let origin = Origin::Clients { connection, sent };
        if gateway.events.send(Happening::Transactions { origin, transactions, share }).is_err() {
            return ClientError::Ending;
        }
    }
}
