//! Peers and clients that do not behave, at the level of links and the gateway.

mod gateway;
mod links;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use byzlab_core::{Committee, ReplicaId, Signer};
use quinn::{Connection, Endpoint};

use crate::{
    endpoint::{bind, client_config},
    plan::{Secret, UDP_PAYLOAD_LOOPBACK},
    tls::{Identity, name_of},
};

/// Far longer than anything here takes; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

fn secret(name: &str) -> Secret {
    Secret(Signer::seeded_secret(7, name))
}

/// A committee of replicas 0 and 1; the tests play 0, which dials.
fn committee() -> Arc<Committee> {
    let key = |name| secret(name).signer().public();
    Arc::new(Committee::new("test", vec![key("r0"), key("r1")], false))
}

fn endpoint(secret: &Secret, server: Option<quinn::ServerConfig>) -> Endpoint {
    let any = "127.0.0.1:0".parse().expect("it is an address");
    bind(any, secret, server, UDP_PAYLOAD_LOOPBACK).expect("a free port")
}

/// Dials replica 1 at `address` as whoever holds the key called `name`.
async fn dial(name: &str, address: SocketAddr) -> Result<(Endpoint, Connection), String> {
    let identity = Identity::new(&secret(name));
    let tls = identity.dial_peers(identity.guard(&committee()));
    let config = client_config(tls, UDP_PAYLOAD_LOOPBACK);
    let endpoint = endpoint(&secret(name), None);
    let name = name_of(&committee().keys[1]);
    let connecting = endpoint.connect_with(config, address, &name).expect("a good address");
    let connection = connecting.await.map_err(|error| error.to_string())?;
    Ok((endpoint, connection))
}

/// Waits until `done`.
async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("no {what}"));
}

fn r(id: u16) -> ReplicaId {
    ReplicaId(id)
}
