//! One incoming stream of a link.

use std::sync::Arc;

use byzlab_core::{Packet, ReplicaId};

use super::Links;
use crate::{
    budget::Budget,
    frame::{FrameError, Frames, Kind, decode_transactions},
    happening::{Happening, Origin},
};

/// Hands `from`'s frames to the loop, within `budget`, until the stream ends.
pub(super) async fn read<E: From<FrameError>>(
    links: Arc<Links>,
    from: ReplicaId,
    mut frames: Frames,
    budget: Budget,
) -> E {
    loop {
        let frame = match frames.next().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return FrameError::Cut.into(),
            Err(error) => return error.into(),
        };
        let share = budget.take(frame.body.len()).await;
        let happening = match frame.kind {
            Kind::Packet => Happening::Packet { packet: Packet::incoming(from, frame.body), share },
            Kind::Transactions => match decode_transactions(&frame.body) {
                Ok(transactions) => {
                    Happening::Transactions { origin: Origin::Peer(from), transactions, share }
                }
                Err(error) => return error.into(),
            },
            Kind::Hello | Kind::Replies | Kind::TransactionsToAll => {
                return FrameError::Body("out of place").into();
            }
        };
        if links.events.send(happening).is_err() {
            return FrameError::Cut.into(); // this replica is ending
        }
    }
}
