//! Hostile bytes on every decoder of this crate: never a panic, never more than was sent, one
//! encoding.

use bytes::BytesMut;
use byzlab_core::{Committee, PublicKey, Signer, Transaction, codec, host::Reply};
use byzlab_node::frame::{
    CLIENT_BODY_MAX, ClientHello, FrameError, HEADER, Hello, Kind, PEER_BODY_MAX,
    decode_transactions, encode_transactions, header, parse,
};
use proptest::prelude::*;

fn transaction(sequence: u64, payload: &[u8]) -> Transaction {
    let committee = Committee::new("test", vec![PublicKey::default()], true);
    Transaction::new(&committee, &Signer::ed25519([3; 32]), sequence, payload)
}

/// A stream of frames, some of them damaged.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let frame = (0u8..6, 0u8..3, prop::collection::vec(any::<u8>(), 0..40), -3i32..4).prop_map(
        |(kind, version, body, lie)| {
            let length = (body.len() as i32 + 2 + lie).max(0) as u32;
            [&length.to_le_bytes()[..], &[version, kind], &body].concat()
        },
    );
    prop::collection::vec(frame, 0..6).prop_map(|frames| frames.concat())
}

proptest! {
    #[test]
    fn frames_come_whole_however_the_bytes_are_cut(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8),
        cut in 1usize..64,
    ) {
        let stream: Vec<u8> = bodies
            .iter()
            .flat_map(|body| [&header(Kind::Packet, body.len())[..], body].concat())
            .collect();
        let (mut buffer, mut got) = (BytesMut::new(), Vec::new());
        for piece in stream.chunks(cut) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = parse(&mut buffer, PEER_BODY_MAX).unwrap() {
                prop_assert_eq!(frame.kind, Kind::Packet);
                got.push(frame.body.to_vec());
            }
        }
        prop_assert!(buffer.is_empty());
        prop_assert_eq!(got, bodies);
    }

    #[test]
    fn any_bytes_give_frames_or_an_error(bytes in prop_oneof![
        stream(),
        prop::collection::vec(any::<u8>(), 0..200),
    ]) {
        let mut buffer = BytesMut::from(&bytes[..]);
        loop {
            let before = buffer.len();
            match parse(&mut buffer, 30) {
                Ok(Some(frame)) => {
                    prop_assert!(frame.body.len() <= 30);
                    prop_assert_eq!(before - buffer.len(), HEADER + frame.body.len());
                }
                Ok(None) => {
                    prop_assert!(before < HEADER + 30, "a whole frame was there");
                    break;
                }
                Err(error) => {
                    prop_assert!(error.is_fault());
                    break;
                }
            }
        }
    }

    #[test]
    fn an_announced_length_is_refused_before_the_body(length in CLIENT_BODY_MAX as u32 + 3..) {
        let mut buffer = BytesMut::from(&length.to_le_bytes()[..]);
        let refused = parse(&mut buffer, CLIENT_BODY_MAX);
        prop_assert!(matches!(refused, Err(FrameError::TooLong(_))));
    }

    #[test]
    fn transactions_have_one_encoding(payloads in prop::collection::vec(0usize..200, 0..20)) {
        let sent: Vec<_> =
            (0..).zip(&payloads).map(|(i, &length)| transaction(i, &vec![1; length])).collect();
        let bodies = encode_transactions(&sent);
        let mut got = Vec::new();
        for body in &bodies {
            got.extend(decode_transactions(body).unwrap());
        }
        prop_assert_eq!(got, sent);
    }

    #[test]
    fn damaged_transactions_give_an_error_or_others(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let sent: Vec<_> = (0..3).map(|i| transaction(i, b"payload")).collect();
        let mut body = encode_transactions(&sent)[0].to_vec();
        for (place, byte) in flips {
            let place = place.index(body.len());
            body[place] ^= byte;
        }
        body.truncate(cut.index(body.len()) + 1);
        if let Ok(transactions) = decode_transactions(&body) {
            prop_assert_eq!(&encode_transactions(&transactions)[0][..], &body[..]);
        }
    }

    #[test]
    fn greetings_and_replies_have_one_encoding(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        if let Ok(hello) = codec::decode::<Hello>(&bytes) {
            prop_assert_eq!(&codec::encode(&hello)[..], &bytes[..]);
        }
        if let Ok(hello) = codec::decode::<ClientHello>(&bytes) {
            prop_assert_eq!(&codec::encode(&hello)[..], &bytes[..]);
        }
        if let Ok(replies) = codec::decode::<Vec<Reply>>(&bytes) {
            prop_assert_eq!(&codec::encode(&replies)[..], &bytes[..]);
        }
    }
}

#[test]
fn many_transactions_go_into_several_bodies_within_the_limit() {
    let sent: Vec<_> = (0..40).map(|i| transaction(i, &vec![0; 60_000])).collect();
    let bodies = encode_transactions(&sent);
    assert!(bodies.len() > 1 && bodies.iter().all(|body| body.len() <= CLIENT_BODY_MAX));
    let got: Vec<_> = bodies.iter().flat_map(|b| decode_transactions(b).unwrap()).collect();
    assert_eq!(got, sent);
}
