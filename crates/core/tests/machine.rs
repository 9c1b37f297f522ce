//! The adapter keeps its promises, shown on a protocol of a few lines.

use std::sync::Arc;

use byzlab_core::{
    Action, BatchLimit, Block, BuildError, Claim, Committee, Effects, Entry, Event, Height, Input,
    Invalid, Message, Note, Packet, Proof, Protocol, Record, Registry, Replica, ReplicaId, Saved,
    Scheme, Seat, Signature, Signer, Span, Time, To, codec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Says hello, and commits an empty block for each proven hello.
#[derive(Debug)]
struct Greeter {
    seat: Seat,
    params: Params,
    head: (Height, byzlab_core::Digest),
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Params {
    /// How long to wait before the second hello.
    pause: Span,
}

impl Default for Params {
    fn default() -> Self {
        Self { pause: Span::ms(10) }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Hello {
    number: u32,
    signature: Signature,
}

impl Message for Hello {
    fn kind(&self) -> &'static str {
        "hello"
    }
    fn claims(&self, from: ReplicaId, committee: &Committee) -> Result<Vec<Claim>, Invalid> {
        let statement = committee.statement("greeter/hello", &self.number);
        let claim = committee.signed(from, &statement, self.signature);
        Ok(vec![claim.ok_or(Invalid("from nobody"))?])
    }
}

impl Greeter {
    fn hello(&self, number: u32, out: &mut Effects<Self>) {
        let statement = self.seat.committee.statement("greeter/hello", &number);
        let signature = out.sign(&statement);
        out.save(Record::of(&number));
        out.broadcast(Hello { number, signature });
    }
}

impl Protocol for Greeter {
    type Message = Hello;
    type Timer = u8;
    type Params = Params;

    fn new(seat: Seat, params: Params, saved: Saved<'_>) -> Result<Self, BuildError> {
        let head = (saved.head.height, saved.head.digest);
        Ok(Self { seat, params, head })
    }
    fn step(&mut self, now: Time, input: Input<Self>, out: &mut Effects<Self>) {
        match input {
            Input::Start => {
                self.hello(0, out);
                out.arm(1, now + self.params.pause);
                out.want_batch(
                    BatchLimit { transactions: 1, bytes: 1, patience: Span::ZERO, empty: true },
                    vec![],
                );
            }
            Input::Timer(1) => self.hello(1, out),
            Input::Message { from, .. } => {
                let (height, parent) = (self.head.0.next(), self.head.1);
                let batch = byzlab_core::Batch::empty();
                let block = Block::chained(height, parent, from, batch, Proof::default());
                self.head = (block.height, block.digest);
                out.commit(block);
            }
            other => panic!("not expected: {other:?}"),
        }
    }
    fn audit(_: &Block, _: &Committee) -> Result<Vec<Claim>, Invalid> {
        Ok(vec![])
    }
}

fn signer(i: u16) -> Signer {
    Signer::seeded(Scheme::Ed25519, 3, &format!("replica/{i}"))
}

fn replica(i: u16) -> (Box<dyn Replica>, Arc<Committee>) {
    let keys = (0..4).map(|i| signer(i).public()).collect();
    let committee = Arc::new(Committee::new("test", keys, false));
    let seat = Seat::new(ReplicaId(i), committee.clone());
    let entry = Entry::of::<Greeter>("greeter", "says hello");
    let saved = Saved::nothing(&committee);
    let replica = entry.build(seat, signer(i), &toml::Table::new(), saved).expect("it builds");
    (replica, committee)
}

fn handle(replica: &mut dyn Replica, now: Time, event: Event) -> Vec<Action> {
    let mut actions = Vec::new();
    replica.handle(now, event, &mut actions);
    actions
}

#[test]
fn effects_come_out_in_order_and_a_broadcast_comes_back() {
    let (mut r, _) = replica(0);
    let actions = handle(&mut *r, Time::ZERO, Event::Start);
    let shape: Vec<_> = actions
        .iter()
        .map(|action| match action {
            Action::Signed(1) => "signed",
            Action::Save(_) => "save",
            Action::Send { to: To::All, .. } => "send",
            Action::WantBatch { .. } => "want",
            Action::Commit(_) => "commit",
            other => panic!("not expected: {other:?}"),
        })
        .collect();
    assert_eq!(shape, ["signed", "save", "send", "want", "commit"]);
    assert_eq!(r.deadline(), Some(Time::ms(10)));
    let actions = handle(&mut *r, Time::ms(10), Event::Wake);
    assert_eq!(actions.iter().filter(|a| matches!(a, Action::Commit(_))).count(), 1);
    assert_eq!(r.deadline(), None);
}

#[test]
fn a_message_is_seen_only_when_its_claims_hold() {
    let (mut sender, _) = replica(1);
    let actions = handle(&mut *sender, Time::ZERO, Event::Start);
    let sent = actions.iter().find_map(|a| match a {
        Action::Send { packet, .. } => Some(packet.clone()),
        _ => None,
    });
    let sent = sent.expect("a hello");
    let (mut r, _) = replica(0);
    for (holds, commits) in [(false, 0), (true, 1)] {
        let packet = Packet::incoming(ReplicaId(1), sent.bytes().clone());
        let actions = handle(&mut *r, Time::ZERO, Event::Packet(packet));
        let [Action::Verify { ticket, packet }] = &actions[..] else { panic!("{actions:?}") };
        assert_eq!(packet.known_claims().len(), 1);
        assert_eq!(
            byzlab_core::Accelerator::check(&byzlab_core::Reference, packet.known_claims()),
            [true]
        );
        let actions = handle(&mut *r, Time::ZERO, Event::Verdict { ticket: *ticket, holds });
        assert_eq!(actions.iter().filter(|a| matches!(a, Action::Commit(_))).count(), commits);
    }
}

#[test]
fn hostile_packets_make_notes() {
    let (mut r, _) = replica(0);
    let long = codec::encode(&Hello { number: 1, signature: Signature::default() });
    let trailing = [&long[..], &[0]].concat();
    let hostile = [(1, vec![]), (1, vec![0xff; 3]), (9, long.to_vec()), (1, trailing)];
    for (from, bytes) in hostile {
        let packet = Packet::incoming(ReplicaId(from), bytes.into());
        let actions = handle(&mut *r, Time::ZERO, Event::Packet(packet));
        assert!(matches!(&actions[..], [Action::Note(Note::Dropped { .. })]), "{actions:?}");
    }
}

#[test]
fn one_peer_cannot_fill_the_waiting_room() {
    let (mut r, _) = replica(0);
    let mut refused = 0;
    for number in 0..2000u32 {
        let bytes = codec::encode(&Hello { number, signature: Signature::default() });
        let packet = Packet::incoming(ReplicaId(2), bytes);
        let actions = handle(&mut *r, Time::ZERO, Event::Packet(packet));
        refused += actions.iter().filter(|a| matches!(a, Action::Note(_))).count();
    }
    assert_eq!(refused, 2000 - usize::from(byzlab_core::machine::UNPROVEN_PER_PEER_MAX));
}

#[test]
fn wrong_parameters_and_names_say_what_is_known() {
    let entry = Entry::of::<Greeter>("greeter", "says hello");
    let wrong: toml::Table = toml::from_str("pawse = \"3ms\"").expect("valid TOML");
    let error = entry.resolve(&wrong).expect_err("unknown key").to_string();
    assert!(error.contains("pawse") && error.contains("pause"), "{error}");
    let wrong: toml::Table = toml::from_str("pause = \"3 cows\"").expect("valid TOML");
    let error = entry.resolve(&wrong).expect_err("bad duration").to_string();
    assert!(error.contains("3 cows"), "{error}");
    let full = entry.resolve(&toml::Table::new()).expect("defaults");
    assert_eq!(full["pause"].as_str(), Some("10ms"));
    let error = Registry::new(&[entry]).find("greter").expect_err("unknown name").to_string();
    assert!(error.contains("greter") && error.contains("greeter"), "{error}");
}

#[test]
fn a_replica_needs_its_own_key() {
    let (_, committee) = replica(0);
    let seat = Seat::new(ReplicaId(0), committee.clone());
    let entry = Entry::of::<Greeter>("greeter", "says hello");
    let saved = Saved::nothing(&committee);
    assert!(entry.build(seat, signer(1), &toml::Table::new(), saved).is_err());
}
