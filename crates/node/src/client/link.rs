//! A client's connection to one replica, and how it is kept.

use std::{sync::Arc, time::Duration};

use byzlab_core::{Committee, Signer, Span, codec, host::Reply, random::Stream};
use quinn::{ClientConfig, Connection, Endpoint, SendStream};
use tokio::{sync::mpsc::UnboundedSender, time::timeout};

use super::{Replica, Replies};
use crate::{
    budget::Budget,
    endpoint::client_config,
    frame::{
        BINDING_LABEL, ClientHello, Frame, Frames, Hello, Kind, PEER_BODY_MAX, Registration,
        header, registration_statement,
    },
    plan::{ClientPlan, Secret},
    tls::{Identity, name_of},
};

/// How long a handshake and the greeting may take.
const GREETING_MAX: Duration = Duration::from_secs(5);
/// The pause before dialling again, drawn between half of it and all of it.
const PAUSE: Span = Span::ms(100);
/// The most bytes of one replica's replies that wait to be read.
const REPLIES_IN_MAX: usize = 2 * PEER_BODY_MAX;

/// Dials replicas for all clients of this process.
#[derive(Clone, Debug)]
pub(super) struct Dialler {
    endpoint: Endpoint,
    config: ClientConfig,
    committee: Arc<Committee>,
    signers: Arc<[Signer]>,
    seed: u64,
}

impl Dialler {
    pub fn new(plan: &ClientPlan, secret: &Secret, signers: &[Signer], endpoint: Endpoint) -> Self {
        let identity = Identity::new(secret);
        let tls = identity.dial_replicas(identity.guard(&plan.committee));
        let config = client_config(tls, plan.udp_payload);
        let (committee, signers) = (plan.committee.clone(), signers.into());
        Self { endpoint, config, committee, signers, seed: plan.seed }
    }

    /// Keeps a connection to `replica` for ever; tells `connected` when it stands and when it
    /// falls.
    pub async fn keep(
        &self,
        replica: &Arc<Replica>,
        replies: UnboundedSender<Replies>,
        connected: impl Fn(bool),
    ) {
        let mut jitter = Stream::new(self.seed, &format!("clients/redial/{}", replica.id));
        loop {
            match timeout(GREETING_MAX, self.greet(replica)).await {
                Ok(Ok((connection, stream, frames))) => {
                    replica.outbox.keep_newest(0); // written for a connection that is no more
                    connected(true);
                    let why = carry(replica, stream, frames, &replies).await;
                    connected(false);
                    tracing::debug!(replica = %replica.id, why, "connection lost");
                    connection.close(2u32.into(), why.as_bytes());
                }
                Ok(Err(why)) => tracing::debug!(replica = %replica.id, why, "no connection"),
                Err(_) => tracing::debug!(replica = %replica.id, "no answer"),
            }
            tokio::time::sleep(jitter.span(Span(PAUSE.0 / 2), PAUSE).to_std()).await;
        }
    }

    async fn greet(&self, replica: &Replica) -> Result<(Connection, SendStream, Frames), String> {
        let name = name_of(&self.committee.keys[replica.id.index()]);
        let connecting =
            self.endpoint.connect_with(self.config.clone(), replica.address.clients, &name);
        let connection = connecting.map_err(said)?.await.map_err(said)?;
        let (mut stream, incoming) = connection.open_bi().await.map_err(said)?;
        let body = codec::encode(&self.hello(&connection));
        stream.write_all(&header(Kind::Hello, body.len())).await.map_err(said)?;
        stream.write_all(&body).await.map_err(said)?;
        let mut frames = Frames::new(incoming, PEER_BODY_MAX);
        match frames.next().await {
            Ok(Some(Frame { kind: Kind::Hello, body })) => {
                let hello: Hello = codec::decode(&body).map_err(said)?;
                if (hello.chain, hello.replica) != (self.committee.chain, replica.id) {
                    let why = "it is on another chain: is this the cluster's committee file?";
                    tracing::warn!(replica = %replica.id, why, "no connection");
                    return Err(why.into());
                }
                Ok((connection, stream, frames))
            }
            Ok(_) => Err("it did not greet".into()),
            Err(error) => Err(connection.close_reason().map_or(said(error), said)),
        }
    }

    /// The greeting: every client signs this very connection.
    fn hello(&self, connection: &Connection) -> ClientHello {
        let mut binding = [0; 32];
        let exported = connection.export_keying_material(&mut binding, BINDING_LABEL, b"");
        exported.expect("TLS 1.3 exports 32 bytes");
        let statement = registration_statement(&self.committee, &binding);
        let register = |signer: &Signer| Registration {
            client: signer.public(),
            proof: signer.sign(&statement.0),
        };
        let clients = self.signers.iter().map(register).collect();
        ClientHello { chain: self.committee.chain, clients }
    }
}

/// Carries transactions out and replies in; tells why it ended.
async fn carry(
    replica: &Arc<Replica>,
    mut stream: SendStream,
    mut frames: Frames,
    replies: &UnboundedSender<Replies>,
) -> String {
    let sender = replica.clone();
    let mut writing =
        tokio::spawn(async move { said(sender.outbox.drain_into(&mut stream).await) });
    let budget = Budget::new(REPLIES_IN_MAX);
    let reading = async {
        loop {
            let frame = match frames.next().await {
                Ok(Some(Frame { kind: Kind::Replies, body })) => body,
                Ok(Some(_)) => return "a frame out of place".into(),
                Ok(None) => return "it ended".into(),
                Err(error) => return said(error),
            };
            let share = budget.take(frame.len()).await;
            let Ok(decoded) = codec::decode::<Vec<Reply>>(&frame) else {
                return "malformed replies".into();
            };
            if replies.send((replica.id, decoded, share)).is_err() {
                return "this client is done".into();
            }
        }
    };
    let why = tokio::select! {
        why = reading => why,
        why = &mut writing => why.unwrap_or_else(said),
    };
    writing.abort();
    why
}

fn said(error: impl ToString) -> String {
    error.to_string()
}
