//! The desk: which connection speaks for which client, and replies that wait for the disk.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use byzlab_core::{PublicKey, codec, host::Reply};

use crate::{frame::Kind, outbox::Outbox};

/// The most connections that speak for one client; the newest win.
const CONNECTIONS_PER_CLIENT: usize = 4;
/// The most clients that are known at once, over all connections.
const ROUTES_MAX: usize = 1 << 20;
/// A body of replies is sent off when it has about so many bytes.
const BODY_BYTES: usize = 1 << 20;

/// Where replies go.
#[derive(Debug, Default)]
pub(super) struct Desk {
    connections: BTreeMap<u64, Connection>,
    routes: BTreeMap<PublicKey, Vec<u64>>,
    /// Replies that may leave once the group of their block is durable.
    held: VecDeque<(u64, Vec<Reply>)>,
}

#[derive(Debug)]
struct Connection {
    outbox: Arc<Outbox>,
    clients: Vec<PublicKey>,
    ready: Vec<Reply>,
    bytes: usize,
}

impl Desk {
    /// A connection speaks for `clients` from now on.
    pub fn join(&mut self, number: u64, clients: Vec<PublicKey>, outbox: Arc<Outbox>) {
        for &client in &clients {
            if self.routes.len() >= ROUTES_MAX && !self.routes.contains_key(&client) {
                continue;
            }
            let route = self.routes.entry(client).or_default();
            if route.len() == CONNECTIONS_PER_CLIENT {
                route.remove(0);
            }
            route.push(number);
        }
        let connection = Connection { outbox, clients, ready: Vec::new(), bytes: 0 };
        self.connections.insert(number, connection);
    }
    /// A connection is gone.
    pub fn leave(&mut self, number: u64) {
        let Some(connection) = self.connections.remove(&number) else { return };
        for client in connection.clients {
            if let Some(route) = self.routes.get_mut(&client) {
                route.retain(|&other| other != number);
                if route.is_empty() {
                    self.routes.remove(&client);
                }
            }
        }
    }
    /// Keeps the replies of a block until group `number` is durable. Replies that nobody here waits
    /// for are dropped at once.
    pub fn hold(&mut self, number: u64, mut replies: Vec<Reply>) {
        replies.retain(|reply| self.routes.contains_key(&reply.client));
        if !replies.is_empty() {
            self.held.push_back((number, replies));
        }
    }
    /// Groups up to `number` are durable.
    pub fn opened(&mut self, number: u64) {
        while self.held.front().is_some_and(|&(group, _)| group <= number) {
            let (_, replies) = self.held.pop_front().expect("it was just seen");
            replies.into_iter().for_each(|reply| self.ready(reply));
        }
    }
    /// Sends a reply about what has long been durable.
    pub fn again(&mut self, number: u64, reply: Reply) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.ready(reply);
        }
    }
    /// Sends off what is ready: one frame a connection, mostly.
    pub fn flush(&mut self) {
        self.connections.values_mut().for_each(Connection::flush);
    }
    fn ready(&mut self, reply: Reply) {
        let Some(route) = self.routes.get(&reply.client) else { return };
        for number in route {
            if let Some(connection) = self.connections.get_mut(number) {
                connection.ready(reply.clone());
            }
        }
    }
}

impl Connection {
    fn ready(&mut self, reply: Reply) {
        self.bytes += 64 + 12 * reply.results.len();
        self.ready.push(reply);
        if self.bytes >= BODY_BYTES {
            self.flush();
        }
    }
    fn flush(&mut self) {
        if !self.ready.is_empty() {
            self.outbox.push(Kind::Replies, codec::encode(&self.ready));
            self.ready.clear();
            self.bytes = 0;
        }
    }
}
