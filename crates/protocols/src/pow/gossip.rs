//! Who is told of what, and who is asked for what.
//!
//! Everything here is kept within the bounds named below; what is over them is dropped with a note,
//! and heard of again with the next block.

use std::collections::VecDeque;

use byzlab_core::{Block, Digest, Effects, Height, Note, ReplicaId, Time, block::Head};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{
    ForkChoice, Pow, Timer,
    header::Header,
    message::{BLOCKS_MAX, HEADERS_MAX, Say, Sealed},
};

/// The most blocks asked for and not yet here.
pub const REQUESTS_MAX: usize = 64;
/// How many further neighbours that have a block are remembered while one is asked.
pub const OTHERS_MAX: usize = 4;
/// The most blocks that wait for their parent.
pub const ORPHANS_MAX: usize = 32;
/// The most askings of neighbours that wait for the ledger.
pub const READS_MAX: usize = 32;
/// The most blocks read from the ledger to answer with headers: whole blocks are read, so less than
/// [`HEADERS_MAX`].
pub const HEADERS_READ: u32 = 64;

/// What one miner waits for from its neighbours, and what they wait for.
#[derive(Debug, Default)]
pub(super) struct Gossip {
    requests: IndexMap<Digest, Request, FxBuildHasher>,
    orphans: IndexMap<Digest, Orphan, FxBuildHasher>,
    /// When the neighbour that was asked for headers is given up on.
    headers_due: Option<(ReplicaId, Time)>,
    /// Blocks whose headers are known, to be asked for, lowest first; at most [`HEADERS_MAX`].
    queue: VecDeque<Head>,
    /// Who is fetched from, and the last block that it gave the header of.
    source: Option<(ReplicaId, Head)>,
    /// Whether the timer of requests is armed.
    armed: bool,
    reads: VecDeque<(u64, Read)>,
    next_tag: u64,
}

/// A block that was asked for.
#[derive(Debug)]
struct Request {
    head: Head,
    from: ReplicaId,
    due: Time,
    /// Who has it too.
    others: Vec<ReplicaId>,
}

/// A block that waits for its parent.
#[derive(Debug)]
pub(super) struct Orphan {
    pub(super) from: ReplicaId,
    pub(super) sealed: Sealed,
}

/// An answer that waits for the ledger.
#[derive(Debug)]
enum Read {
    /// The headers above the first of these heads.
    Headers { to: ReplicaId, locator: VecDeque<Head> },
    /// These blocks.
    Blocks { to: ReplicaId, heads: Vec<Head> },
}

impl Gossip {
    /// Takes out the orphans whose parent is `digest`.
    pub(super) fn adopt(
        &mut self,
        digest: Digest,
    ) -> impl Iterator<Item = (Digest, Orphan)> + use<> {
        let of = |_: &Digest, orphan: &mut Orphan| orphan.sealed.header.parent == digest;
        self.orphans.extract_if(.., of).collect::<Vec<_>>().into_iter()
    }
    /// Whether a longer chain is being fetched.
    fn is_fetching(&self) -> bool {
        !self.queue.is_empty() || self.headers_due.is_some()
    }
    /// Sees to it that the timer of requests falls due by then.
    fn expect_by(&mut self, due: Time, out: &mut Effects<Pow>) {
        if !self.armed {
            out.arm(Timer::Requests, due);
            self.armed = true;
        }
    }
    /// Disarms the timer when nothing is waited for.
    fn rest(&mut self, out: &mut Effects<Pow>) {
        if self.armed && self.requests.is_empty() && self.headers_due.is_none() {
            out.disarm(Timer::Requests);
            self.armed = false;
        }
    }
    /// Whether a block is on its way, or here without its parent.
    fn expects(&self, digest: &Digest) -> bool {
        self.requests.contains_key(digest) || self.orphans.contains_key(digest)
    }
}

impl Pow {
    /// Tells the neighbours, but not the one it came from, of the best chain's end. While a longer
    /// chain is fetched there is nothing to tell: its blocks are old.
    pub(super) fn tell(&self, from: Option<ReplicaId>, out: &mut Effects<Self>) {
        if self.gossip.queue.is_empty() {
            let announce = Say::Announce(self.tree.tip());
            match from {
                Some(from) => out.relay(from, announce),
                None => out.gossip(announce),
            }
        }
    }

    /// Under GHOST, tells the neighbours of a block beside the best chain too: it has weight.
    pub(super) fn tell_beside(&self, from: Option<ReplicaId>, head: Head, out: &mut Effects<Self>) {
        if self.params.fork_choice == ForkChoice::Ghost && self.gossip.queue.is_empty() {
            match from {
                Some(from) => out.relay(from, Say::Announce(head)),
                None => out.gossip(Say::Announce(head)),
            }
        }
    }

    pub(super) fn on_announce(
        &mut self,
        now: Time,
        from: ReplicaId,
        head: Head,
        out: &mut Effects<Self>,
    ) {
        if self.tree.on_chain(head) {
            return; // nothing new, as most often: this is looked up in no time
        }
        if self.tree.contains(&head.digest) || self.gossip.orphans.contains_key(&head.digest) {
            return;
        }
        if let Some(request) = self.gossip.requests.get_mut(&head.digest) {
            if request.from != from && request.others.len() < OTHERS_MAX {
                request.others.push(from);
            }
        } else if head.height > self.tree.tip().height.next() {
            self.get_headers(now, from, None, out);
        } else {
            self.get_blocks(now, from, vec![head], out);
        }
    }

    pub(super) fn on_block(
        &mut self,
        now: Time,
        from: ReplicaId,
        sealed: Sealed,
        out: &mut Effects<Self>,
    ) {
        let digest = sealed.header.hash();
        self.gossip.requests.swap_remove(&digest);
        if self.tree.contains(&digest) {
            out.drop(from, "block", "it is known");
        } else if self.tree.contains(&sealed.header.parent) {
            self.take(now, Some(from), digest, sealed, out);
        } else {
            self.on_orphan(now, from, digest, sealed, out);
        }
        self.fetch(now, out);
        self.gossip.rest(out);
    }

    fn on_orphan(
        &mut self,
        now: Time,
        from: ReplicaId,
        digest: Digest,
        sealed: Sealed,
        out: &mut Effects<Self>,
    ) {
        let parent = sealed.header.parent;
        if self.gossip.orphans.len() >= ORPHANS_MAX {
            return out.drop(from, "block", "too many blocks wait for their parents");
        }
        self.gossip.orphans.insert(digest, Orphan { from, sealed });
        if !self.gossip.expects(&parent) {
            self.get_headers(now, from, None, out);
        }
    }

    /// Asks for the headers above the last block in common, `after` being likely one.
    fn get_headers(
        &mut self,
        now: Time,
        from: ReplicaId,
        after: Option<Head>,
        out: &mut Effects<Self>,
    ) {
        if self.gossip.is_fetching() {
            return; // followed up when the present fetching ends
        }
        let due = now + self.params.request_timeout;
        self.gossip.headers_due = Some((from, due));
        self.gossip.expect_by(due, out);
        let known = self.tree.locator(self.seat.committee.chain);
        out.note(Note::CatchingUp { from: self.tree.tip().height.next() });
        out.send(from, Say::GetHeaders(after.into_iter().chain(known).collect()));
    }

    fn get_blocks(
        &mut self,
        now: Time,
        from: ReplicaId,
        heads: Vec<Head>,
        out: &mut Effects<Self>,
    ) {
        if self.gossip.requests.len() + heads.len() > REQUESTS_MAX {
            return out.note(Note::Waits { why: "too many blocks are asked for already" });
        }
        let due = now + self.params.request_timeout;
        self.gossip.expect_by(due, out);
        for &head in &heads {
            let request = Request { head, from, due, others: Vec::new() };
            self.gossip.requests.insert(head.digest, request);
        }
        out.send(from, Say::GetBlocks(heads));
    }

    pub(super) fn on_headers(
        &mut self,
        now: Time,
        from: ReplicaId,
        headers: Vec<Header>,
        out: &mut Effects<Self>,
    ) {
        self.gossip.headers_due.take_if(|(asked, _)| *asked == from);
        let Some(first) = headers.first() else {
            return self.gossip.rest(out);
        };
        if !self.gossip.queue.is_empty() {
            return out.drop(from, "headers", "another chain is being fetched");
        }
        let Some(below) = self.tree.height(&first.parent) else {
            return out.drop(from, "headers", "they do not follow a known block");
        };
        let head = |(place, header): (u64, &Header)| Head {
            height: Height(below.0 + place),
            digest: header.hash(),
        };
        let heads: Vec<_> = (1..).zip(&headers).map(head).collect();
        self.gossip.source = heads.last().map(|&goal| (from, goal));
        self.gossip.queue.extend(heads);
        self.fetch(now, out);
    }

    /// Asks for the next blocks of the chain being fetched; at its end, for what follows it.
    fn fetch(&mut self, now: Time, out: &mut Effects<Self>) {
        let Some((source, goal)) = self.gossip.source else { return };
        while !self.gossip.queue.is_empty() && self.gossip.requests.len() <= BLOCKS_MAX / 2 {
            let next = self.gossip.queue.len().min(BLOCKS_MAX);
            let mut heads: Vec<_> = self.gossip.queue.drain(..next).collect();
            heads.retain(|h| !self.tree.contains(&h.digest) && !self.gossip.expects(&h.digest));
            if !heads.is_empty() {
                self.get_blocks(now, source, heads, out);
            }
        }
        if self.gossip.queue.is_empty() && self.gossip.requests.is_empty() {
            self.gossip.source = None;
            if self.tree.contains(&goal.digest) {
                self.get_headers(now, source, Some(goal), out);
                self.tell(Some(source), out);
            }
        }
    }

    /// Gives up on those who did not answer in time: asks another who has the block, or everyone
    /// again.
    pub(super) fn on_requests_due(&mut self, now: Time, out: &mut Effects<Self>) {
        let gossip = &mut self.gossip;
        gossip.armed = false;
        gossip.headers_due.take_if(|(_, due)| *due <= now);
        let late = |_: &Digest, request: &mut Request| request.due <= now;
        let mut lost = false;
        for (digest, mut request) in gossip.requests.extract_if(.., late).collect::<Vec<_>>() {
            let Some(other) = request.others.pop() else {
                lost = true;
                continue;
            };
            request.from = other;
            request.due = now + self.params.request_timeout;
            out.send(other, Say::GetBlocks(vec![request.head]));
            gossip.requests.insert(digest, request);
        }
        if lost {
            gossip.queue.clear();
            gossip.source = None;
            out.gossip(Say::GetHeaders(self.tree.locator(self.seat.committee.chain)));
        }
        let dues = gossip.requests.values().map(|request| request.due);
        if let Some(due) = dues.chain(gossip.headers_due.map(|(_, due)| due)).min() {
            gossip.expect_by(due, out);
        }
    }

    pub(super) fn on_get_headers(
        &mut self,
        from: ReplicaId,
        locator: Vec<Head>,
        out: &mut Effects<Self>,
    ) {
        match locator.iter().find(|head| self.tree.on_chain(**head)) {
            Some(common) => {
                let headers = self.tree.headers_above(common.height, HEADERS_MAX);
                out.send(from, Say::Headers(headers));
            }
            None => {
                let base = self.tree.base();
                let below = locator.into_iter().filter(|head| head.height < base).collect();
                self.read_headers(from, below, out);
            }
        }
    }

    /// Looks for the last block in common in the ledger, where only heights lead to blocks: reads
    /// at the locator's highest head, and if another block stands there, at the next.
    fn read_headers(&mut self, to: ReplicaId, locator: VecDeque<Head>, out: &mut Effects<Self>) {
        let Some(likely) = locator.front() else {
            return out.drop(to, "get headers", "no block in common");
        };
        let from = likely.height.max(Height(1));
        self.read(from, HEADERS_READ + 1, Read::Headers { to, locator }, out);
    }

    fn read(&mut self, from: Height, count: u32, read: Read, out: &mut Effects<Self>) {
        if self.gossip.reads.len() >= READS_MAX {
            return out.note(Note::Waits { why: "too many neighbours wait for the ledger" });
        }
        let tag = self.gossip.next_tag;
        self.gossip.next_tag += 1;
        self.gossip.reads.push_back((tag, read));
        out.read(from, count, tag);
    }

    pub(super) fn on_get_blocks(
        &mut self,
        from: ReplicaId,
        mut heads: Vec<Head>,
        out: &mut Effects<Self>,
    ) {
        heads.retain(|head| match self.tree.sealed(&head.digest) {
            Some(sealed) => {
                out.send(from, Say::Block(sealed));
                false
            }
            None => true,
        });
        let base = self.tree.base();
        if heads.iter().any(|head| head.height >= base) {
            out.drop(from, "get blocks", "asks for an unknown block");
            heads.retain(|head| head.height < base);
        }
        if let Some(lowest) = heads.iter().map(|head| head.height).min() {
            let read = Read::Blocks { to: from, heads };
            self.read(lowest.max(Height(1)), BLOCKS_MAX as u32, read, out);
        }
    }

    pub(super) fn on_blocks_read(&mut self, tag: u64, blocks: Vec<Block>, out: &mut Effects<Self>) {
        let place = self.gossip.reads.iter().position(|(asked, _)| *asked == tag);
        let read = place.and_then(|place| self.gossip.reads.remove(place));
        match read.expect("what was read was asked for").1 {
            Read::Blocks { to, heads } => {
                let wanted = |block: &&Block| heads.contains(&block.head());
                let found = blocks.iter().filter(wanted).filter_map(Sealed::of);
                found.for_each(|sealed| out.send(to, Say::Block(sealed)));
            }
            Read::Headers { to, mut locator } => {
                let likely = locator.pop_front().expect("it was read for its first head");
                let genesis = Head::genesis(self.seat.committee.chain);
                let common = match blocks.first() {
                    Some(first) => likely == genesis || first.head() == likely,
                    None => false,
                };
                if !common {
                    return self.read_headers(to, locator, out);
                }
                let above = blocks.iter().filter(|block| block.height > likely.height);
                let headers = above.filter_map(Sealed::of).map(|sealed| sealed.header);
                out.send(to, Say::Headers(headers.collect()));
            }
        }
    }
}
