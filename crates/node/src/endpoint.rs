//! Sockets, and how QUIC is tuned on them.

use std::{
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use byzlab_core::{codec::FRAME_MAX, crypto::sha256_of};
use quinn::{
    ClientConfig, ConnectionId, ConnectionIdGenerator, EndpointConfig, IdleTimeout,
    MtuDiscoveryConfig, ServerConfig, TransportConfig, VarInt,
    crypto::{CryptoError, HmacKey},
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::plan::{NodeError, Secret};

/// After so much silence a connection is dead.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// The most silence that a live connection keeps.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// The most unread bytes of one stream that we keep for a peer: a frame fits.
const STREAM_WINDOW: u32 = FRAME_MAX as u32 + 4096;
/// The most unread bytes of one connection that we keep for a peer.
const WINDOW: u32 = 2 * STREAM_WINDOW;
/// The most bytes on the way to a peer. Larger windows make queues, and quinn's send buffer slow.
const SEND_WINDOW: u64 = 8 << 20;
/// What the socket is asked to buffer each way.
const SOCKET_BUFFER: usize = 4 << 20;
/// The most handshakes that wait at once; more are dropped, and dial again.
const HANDSHAKES_MAX: usize = 256;

/// The transport for links whose packets carry `udp_payload` bytes.
pub(crate) fn transport(udp_payload: u16) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    let idle = IdleTimeout::try_from(IDLE_MAX).expect("ten seconds are a legal idle timeout");
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(udp_payload);
    config
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(WINDOW))
        .send_window(SEND_WINDOW)
        .initial_rtt(Duration::from_millis(1))
        .initial_mtu(udp_payload)
        .mtu_discovery_config(Some(discovery))
        .max_concurrent_uni_streams(VarInt::from_u32(2))
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .datagram_receive_buffer_size(None);
    Arc::new(config)
}

/// How a listener answers.
pub(crate) fn server_config(
    tls: Arc<quinn::crypto::rustls::QuicServerConfig>,
    udp_payload: u16,
) -> ServerConfig {
    let mut config = ServerConfig::with_crypto(tls);
    config.transport_config(transport(udp_payload)).max_incoming(HANDSHAKES_MAX).migration(false);
    config
}

/// How a dialler calls.
pub(crate) fn client_config(
    tls: Arc<quinn::crypto::rustls::QuicClientConfig>,
    udp_payload: u16,
) -> ClientConfig {
    let mut config = ClientConfig::new(tls);
    config.transport_config(transport(udp_payload));
    config
}

/// An endpoint at `address`; it listens if it has a `server` configuration. Needs a runtime around
/// it.
///
/// The tokens of stateless resets are derived from `secret`: a replica that was killed and came
/// back tells its peers at once that it knows nothing of the old connections, so that they dial
/// again.
pub(crate) fn bind(
    address: SocketAddr,
    secret: &Secret,
    server: Option<ServerConfig>,
    udp_payload: u16,
) -> Result<quinn::Endpoint, NodeError> {
    let refused = |error| NodeError::Bind { address, error };
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))
        .map_err(refused)?;
    // Refused on some systems: then what the system gives has to do.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    if let Ok(got) = socket.recv_buffer_size()
        && got < SOCKET_BUFFER
    {
        tracing::debug!(%address, got, "small socket buffers; sysctl -w net.core.rmem_max=4194304");
    }
    socket.bind(&address.into()).map_err(refused)?;
    let reset = sha256_of(&[b"byzlab/reset/1", &secret.0]).0;
    let mut config = EndpointConfig::new(Arc::new(ResetKey(reset)));
    config
        .cid_generator(|| Box::<RandomIds>::default())
        .max_udp_payload_size(udp_payload.max(1452))
        .expect("plans have a legal payload size");
    let runtime = quinn::default_runtime().expect("endpoints are bound inside the runtime");
    quinn::Endpoint::new(config, server, socket.into(), runtime).map_err(refused)
}

/// Connection ids drawn at random, all of them plausible: quinn's own generator takes the ids of an
/// earlier process for noise, and would not answer them with a reset.
#[derive(Default)]
struct RandomIds {
    /// Keyed by the operating system's randomness.
    keyed: RandomState,
    count: u64,
}

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        self.count += 1;
        ConnectionId::new(&self.keyed.hash_one(self.count).to_le_bytes())
    }
    fn cid_len(&self) -> usize {
        8
    }
    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Makes the tokens of stateless resets (RFC 9000, section 10.3): a hash keyed by a secret of its
/// own. The message has one length, that of a connection id, so that no length extension is
/// possible.
struct ResetKey([u8; 32]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        let tag = sha256_of(&[&self.0, data, &self.0]).0;
        signature_out.copy_from_slice(&tag);
    }
    fn signature_len(&self) -> usize {
        32
    }
    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let tag = sha256_of(&[&self.0, data, &self.0]).0;
        if tag == signature { Ok(()) } else { Err(CryptoError) }
    }
}
