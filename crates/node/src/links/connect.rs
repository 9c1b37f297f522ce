//! How links come to stand: dialling, answering, greeting, and trying again.

use std::{net::SocketAddr, sync::Arc, sync::atomic::Ordering, time::Duration};

use byzlab_core::{ReplicaId, Span, codec, random::Stream};
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint};
use tokio::{task::JoinSet, time::timeout};

use super::{LARGE_IN_MAX, Links, Peer, SMALL_IN_MAX, stream};
use crate::{
    budget::Budget,
    frame::{Frame, FrameError, Frames, Hello, Kind, PEER_BODY_MAX, header},
    tls,
};

/// How long a handshake and the greeting may take.
const GREETING_MAX: Duration = Duration::from_secs(5);
/// The first pause before dialling again.
const PAUSE_FIRST: Span = Span::ms(25);
/// The longest pause before dialling again.
const PAUSE_MAX: Span = Span::seconds(1);

/// Why a link fell, or never stood.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("it could not be dialled: {0}")]
    Dial(#[from] quinn::ConnectError),
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Write(#[from] quinn::WriteError),
    #[error("no greeting came in time")]
    Silent,
    #[error(
        "it speaks of another chain, protocol or replica: {} of `{}`, chain {}",
        .0.replica, .0.protocol, .0.chain
    )]
    Stranger(Hello),
    #[error("the first frame was no greeting")]
    Rude,
}

/// Dials `peer` for as long as this replica lives, whenever the link is down.
pub(crate) async fn dial(
    links: Arc<Links>,
    endpoint: Endpoint,
    config: ClientConfig,
    peer: ReplicaId,
    address: SocketAddr,
    mut jitter: Stream,
) {
    let name = tls::name_of(&links.committee.keys[peer.index()]);
    let mut pause = PAUSE_FIRST;
    loop {
        let connection = async {
            let connecting = endpoint.connect_with(config.clone(), address, &name)?;
            Ok(timeout(GREETING_MAX, connecting).await.map_err(|_| LinkError::Silent)??)
        };
        let stood = match connection.await {
            Ok(connection) => serve(&links, peer, connection).await,
            Err(error) => Stood { ever: false, error },
        };
        tracing::debug!(me = %links.me, %peer, error = %stood.error, "link down");
        // A link that stood is dialled again at once, one that never did after longer and longer
        // pauses.
        pause = if stood.ever { PAUSE_FIRST } else { Span(pause.0 * 2).min(PAUSE_MAX) };
        let pause = jitter.span(Span(pause.0 / 2), pause);
        tokio::time::sleep(pause.to_std()).await;
    }
}

/// Answers whoever dials, for as long as the endpoint is open.
pub(crate) async fn answer(links: Arc<Links>, endpoint: Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        let links = links.clone();
        tokio::spawn(async move {
            let connection = match timeout(GREETING_MAX, incoming).await {
                Ok(Ok(connection)) => connection,
                Ok(Err(error)) => return tracing::debug!(me = %links.me, %error, "no handshake"),
                Err(_) => return tracing::debug!(me = %links.me, "a handshake took too long"),
            };
            let peer = tls::key_of(&connection).and_then(|key| links.guard.replica(&key));
            match peer.filter(|&peer| peer < links.me) {
                Some(peer) => {
                    let stood = serve(&links, peer, connection).await;
                    tracing::debug!(me = %links.me, %peer, error = %stood.error, "link down");
                }
                None => connection.close(1u32.into(), b"the smaller id dials"),
            }
        });
    }
}

/// How a link ended.
struct Stood {
    /// Whether it ever stood.
    ever: bool,
    error: LinkError,
}

/// Greets, and then carries frames until the connection fails or is replaced.
async fn serve(links: &Arc<Links>, id: ReplicaId, connection: Connection) -> Stood {
    let greeting = timeout(GREETING_MAX, greet(links, id, &connection)).await;
    let streams = match greeting.map_err(|_| LinkError::Silent).flatten() {
        Ok(streams) => streams,
        Err(error) => {
            connection.close(2u32.into(), error.to_string().as_bytes());
            if !matches!(error, LinkError::Connection(_) | LinkError::Silent) {
                tracing::warn!(me = %links.me, peer = %id, %error, "refused");
                links.malformed.fetch_add(1, Ordering::Relaxed);
            }
            return Stood { ever: false, error };
        }
    };
    let peer = &links.peers[id.index()];
    if let Some(old) = peer.connection().replace(connection.clone()) {
        old.close(0u32.into(), b"replaced by a new connection");
    }
    peer.up.store(true, Ordering::Relaxed);
    tracing::debug!(me = %links.me, peer = %id, "link up");
    let error = carry(links, id, &connection, streams).await;
    if matches!(&error, LinkError::Frame(fault) if fault.is_fault()) {
        tracing::warn!(me = %links.me, peer = %id, %error, "link closed");
        links.malformed.fetch_add(1, Ordering::Relaxed);
    }
    connection.close(2u32.into(), error.to_string().as_bytes());
    peer.down(&connection);
    Stood { ever: true, error }
}

impl Peer {
    /// Marks the peer as away, unless a newer connection stands by now.
    fn down(&self, connection: &Connection) {
        let mut current = self.connection();
        if current.as_ref().is_some_and(|c| c.stable_id() == connection.stable_id()) {
            *current = None;
            self.up.store(false, Ordering::Relaxed);
        }
    }
}

/// The streams of a link that was greeted on.
struct Streams {
    small_out: quinn::SendStream,
    large_out: quinn::SendStream,
    small_in: Frames,
}

async fn greet(
    links: &Links,
    id: ReplicaId,
    connection: &Connection,
) -> Result<Streams, LinkError> {
    let mut small_out = connection.open_uni().await?;
    let large_out = connection.open_uni().await?;
    // Fails on a closed connection alone, and the next line tells that better.
    let _ = small_out.set_priority(1);
    let body = codec::encode(&links.hello());
    small_out.write_all(&header(Kind::Hello, body.len())).await?;
    small_out.write_all(&body).await?;
    let mut small_in = Frames::new(connection.accept_uni().await?, PEER_BODY_MAX);
    let Some(Frame { kind: Kind::Hello, body }) = small_in.next().await? else {
        return Err(LinkError::Rude);
    };
    let hello: Hello =
        codec::decode(&body).map_err(|_| FrameError::Body("not a canonical greeting"))?;
    let same = hello.chain == links.committee.chain && hello.protocol == links.protocol;
    if !same || hello.replica != id {
        return Err(LinkError::Stranger(hello));
    }
    Ok(Streams { small_out, large_out, small_in })
}

/// Carries frames both ways on both streams; gives the first thing that goes wrong.
async fn carry(
    links: &Arc<Links>,
    id: ReplicaId,
    connection: &Connection,
    streams: Streams,
) -> LinkError {
    let Streams { mut small_out, mut large_out, small_in } = streams;
    let mut tasks = JoinSet::new();
    let all = links.clone();
    tasks.spawn(async move { all.peers[id.index()].small.drain_into(&mut small_out).await.into() });
    let all = links.clone();
    tasks.spawn(async move { all.peers[id.index()].large.drain_into(&mut large_out).await.into() });
    tasks.spawn(stream::read(links.clone(), id, small_in, Budget::new(SMALL_IN_MAX)));
    let (all, incoming) = (links.clone(), connection.clone());
    tasks.spawn(async move {
        match incoming.accept_uni().await {
            Ok(large) => {
                let frames = Frames::new(large, PEER_BODY_MAX);
                stream::read(all, id, frames, Budget::new(LARGE_IN_MAX)).await
            }
            Err(error) => error.into(),
        }
    });
    let first = tasks.join_next().await.expect("four tasks were spawned");
    first.unwrap_or_else(|_| ConnectionError::LocallyClosed.into())
}
