//! Who is at the other end: TLS 1.3 with raw Ed25519 keys (RFC 7250), both ways, and no
//! certificates.
//!
//! A replica's TLS key *is* its committee key. Peers are pinned: the committee's keys and nobody
//! else get through a handshake. Clients may come with any key; they, in turn, pin the replica that
//! they dial. Sharing the key is safe: TLS signs a context string of its own, every vote a domain
//! of its own.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use byzlab_core::{Committee, PublicKey, ReplicaId};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    PeerIncompatible, ServerConfig, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls13_signature_with_raw_key},
    pki_types::{
        CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
    },
    server::{
        AlwaysResolvesServerRawPublicKeys,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
    version::TLS13,
};

use crate::plan::Secret;

/// The header of an Ed25519 `SubjectPublicKeyInfo` (RFC 8410).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// The header of an Ed25519 PKCS #8 key, version 1 (RFC 8410).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// What replicas speak with each other.
const ALPN_PEERS: &[u8] = b"byzlab/1";
/// What clients speak with replicas.
const ALPN_CLIENTS: &[u8] = b"byzlab-client/1";

/// Makes TLS configurations for one key.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    provider: Arc<CryptoProvider>,
    key: Arc<CertifiedKey>,
}

impl Identity {
    /// The holder of `secret`.
    pub fn new(secret: &Secret) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let pkcs8 = PrivatePkcs8KeyDer::from([&PKCS8[..], &secret.0].concat());
        let key = provider
            .key_provider
            .load_private_key(pkcs8.into())
            .expect("any 32 bytes are an Ed25519 secret");
        let public = CertificateDer::from([&SPKI[..], &secret.signer().public().0].concat());
        Self { provider, key: Arc::new(CertifiedKey::new(vec![public], key)) }
    }
    /// How this replica answers its peers.
    pub fn answer_peers(&self, guard: Arc<Guard>) -> Arc<QuicServerConfig> {
        self.answer(guard, ALPN_PEERS)
    }
    /// How this replica answers clients.
    pub fn answer_clients(&self) -> Arc<QuicServerConfig> {
        self.answer(Arc::new(Guard::anyone(self.provider.clone())), ALPN_CLIENTS)
    }
    /// How this replica dials its peers.
    pub fn dial_peers(&self, guard: Arc<Guard>) -> Arc<QuicClientConfig> {
        self.dial(guard, ALPN_PEERS)
    }
    /// How a client with this key dials replicas.
    pub fn dial_replicas(&self, guard: Arc<Guard>) -> Arc<QuicClientConfig> {
        self.dial(guard, ALPN_CLIENTS)
    }
    /// Lets the committee through.
    pub fn guard(&self, committee: &Committee) -> Arc<Guard> {
        let allowed = committee.keys.iter().copied().zip(committee.ids()).collect();
        let provider = self.provider.clone();
        Arc::new(Guard { allowed: Some(allowed), refused: AtomicU64::new(0), provider })
    }

    fn answer(&self, guard: Arc<Guard>, alpn: &[u8]) -> Arc<QuicServerConfig> {
        let resolver = Arc::new(AlwaysResolvesServerRawPublicKeys::new(self.key.clone()));
        let mut tls = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])
            .expect("ring speaks TLS 1.3")
            .with_client_cert_verifier(guard)
            .with_cert_resolver(resolver);
        tls.alpn_protocols = vec![alpn.to_vec()];
        tls.send_tls13_tickets = 0; // no resumption, so nothing that could be replayed
        Arc::new(QuicServerConfig::try_from(tls).expect("ring has QUIC's initial cipher suite"))
    }
    fn dial(&self, guard: Arc<Guard>, alpn: &[u8]) -> Arc<QuicClientConfig> {
        let resolver = Arc::new(AlwaysResolvesClientRawPublicKeys::new(self.key.clone()));
        let mut tls = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])
            .expect("ring speaks TLS 1.3")
            .dangerous()
            .with_custom_certificate_verifier(guard)
            .with_client_cert_resolver(resolver);
        tls.alpn_protocols = vec![alpn.to_vec()];
        tls.resumption = rustls::client::Resumption::disabled();
        Arc::new(QuicClientConfig::try_from(tls).expect("ring has QUIC's initial cipher suite"))
    }
}

/// The server name under which a key is dialled: its hex digits in two labels, since one is limited
/// to 63.
pub(crate) fn name_of(key: &PublicKey) -> String {
    let hex = key.to_string();
    format!("{}.{}", &hex[..32], &hex[32..])
}

/// The key with which the other end of `connection` proved itself.
pub(crate) fn key_of(connection: &quinn::Connection) -> Option<PublicKey> {
    let identity = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    raw_key(identity.first()?)
}

fn raw_key(info: &CertificateDer<'_>) -> Option<PublicKey> {
    info.as_ref().strip_prefix(&SPKI)?.try_into().ok().map(PublicKey)
}

/// Decides whose key passes a handshake, and counts those that do not.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Who may pass; anyone if there is no list.
    allowed: Option<BTreeMap<PublicKey, ReplicaId>>,
    refused: AtomicU64,
    provider: Arc<CryptoProvider>,
}

impl Guard {
    fn anyone(provider: Arc<CryptoProvider>) -> Self {
        Self { allowed: None, refused: AtomicU64::new(0), provider }
    }
    /// How many handshakes were refused for their key.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
    /// Whose key it is.
    pub fn replica(&self, key: &PublicKey) -> Option<ReplicaId> {
        self.allowed.as_ref()?.get(key).copied()
    }
    fn admit(
        &self,
        info: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
    ) -> Result<PublicKey, Error> {
        let key = raw_key(info).filter(|_| more.is_empty());
        let known = |key: &PublicKey| self.allowed.as_ref().is_none_or(|a| a.contains_key(key));
        match key {
            Some(key) if known(&key) => Ok(key),
            Some(key) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%key, "refused: the key is not in the committee");
                Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            None => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("refused: not a raw Ed25519 key");
                Err(Error::InvalidCertificate(CertificateError::BadEncoding))
            }
        }
    }
    fn signed(
        &self,
        message: &[u8],
        info: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let info = SubjectPublicKeyInfoDer::from(info.as_ref());
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &info, signature, algorithms)
    }
}

fn no_tls12() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered))
}

impl ServerCertVerifier for Guard {
    fn verify_server_cert(
        &self,
        info: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = self.admit(info, more)?;
        // Not just anyone of the committee, but the one that was dialled.
        if name.to_str() != name_of(&key) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%key, "refused: another replica answers at this address");
            return Err(Error::InvalidCertificate(CertificateError::NotValidForName));
        }
        Ok(ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        info: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(message, info, signature)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Guard {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }
    fn verify_client_cert(
        &self,
        info: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.admit(info, more).map(|_| ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        no_tls12()
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        info: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(message, info, signature)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
