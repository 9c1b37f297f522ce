//! Types that cross the wire or lie on disk: what decodes must encode to the same bytes.
#![no_main]

use byzlab_core::{Batch, Block, Transaction, codec, host::Reply, merkle::Inclusion};
use libfuzzer_sys::fuzz_target;
use std::fmt::Debug;

fn round_trip<T: serde::Serialize + serde::de::DeserializeOwned + Debug>(bytes: &[u8]) {
    if let Ok(value) = codec::decode::<T>(bytes) {
        assert_eq!(&codec::encode(&value)[..], bytes, "{value:?}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    round_trip::<Batch>(bytes);
    round_trip::<Block>(bytes);
    round_trip::<Reply>(bytes);
    round_trip::<Inclusion>(bytes);
    if let Ok(transaction) = Transaction::parse(bytes.to_vec().into()) {
        let _ = (transaction.client(), transaction.sequence(), transaction.payload().len());
    }
});
