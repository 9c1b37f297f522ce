//! What a store promises, held against torn, lost, flipped and refused bytes.

#![allow(clippy::unwrap_used)]

mod crash;
mod damage;
mod faulty;
mod files;
mod look;

use std::sync::Arc;

use bytes::Bytes;
use byzlab_core::{
    Batch, Block, Committee, Digest, Height, Proof, PublicKey, Record, Reference, ReplicaId,
    Scheme, Signer, Transaction, block::Head, crypto::sha256,
};

use super::{
    Durability, Op, Opening, Recovered, StorageError, Store,
    disk::{Disk, Memory},
};

fn committee() -> Committee {
    Committee::new("storage", vec![PublicKey::default(); 4], false)
}

fn opening(durability: Durability) -> Opening<'static> {
    let chain = committee().chain;
    Opening { chain, replica: ReplicaId(2), durability, accelerator: &Reference }
}

/// The block on top of `head`, of `transactions` transactions whose content depends on `salt`.
fn block_on(head: Head, transactions: u64, salt: u64) -> Block {
    let signer = Signer::seeded(Scheme::Simulated, salt, "client/0");
    let transactions: Vec<_> = (0..transactions)
        .map(|i| Transaction::new(&committee(), &signer, i, &salt.to_le_bytes()))
        .collect();
    let batch = Batch::new(&transactions, &Reference);
    let proof = Proof(Bytes::copy_from_slice(&sha256(&salt.to_le_bytes()).0));
    Block::chained(head.height.next(), head.digest, ReplicaId(1), batch, proof)
}

fn blocks(count: u64, transactions: u64) -> Vec<Block> {
    let mut head = Head::genesis(committee().chain);
    let next = |salt| {
        let block = block_on(head, transactions, salt);
        head = block.head();
        block
    };
    (0..count).map(next).collect()
}

fn record(text: &str) -> Record {
    Record(Bytes::copy_from_slice(text.as_bytes()))
}

fn open(disk: &Memory) -> Result<(Store, Recovered), StorageError> {
    Store::open_on(Arc::new(disk.clone()), opening(Durability::Os))
}

/// A memory with a log of three records and `blocks`, in one group a block.
fn filled(blocks: &[Block]) -> Memory {
    let disk = Memory::default();
    let (mut store, _) = open(&disk).unwrap();
    store.append(&[Op::Save(record("one")), Op::Save(record("two"))]).unwrap();
    for block in blocks {
        store.append(&[Op::Commit(block.clone())]).unwrap();
    }
    store.append(&[Op::Save(record("three"))]).unwrap();
    disk
}

fn content(disk: &Memory, name: &str) -> Vec<u8> {
    let file = disk.open(name).unwrap().unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_at(&mut bytes, 0).unwrap();
    bytes
}

/// A memory that holds a copy of `of`, with `name` replaced by `bytes`.
fn replaced(of: &Memory, name: &str, bytes: &[u8]) -> Memory {
    let disk = Memory::default();
    for file in ["ledger", "log"] {
        let old = content(of, file);
        let new = if file == name { bytes } else { &old };
        disk.create(file).unwrap().write_at(new, 0).unwrap();
    }
    disk
}

/// Every block of the store's ledger is the one given.
fn assert_holds(store: &Store, blocks: &[Block]) {
    let head = blocks.last().map_or(Head::genesis(committee().chain), Block::head);
    assert_eq!(store.head(), head);
    let read = store.reader().blocks(Height(1), u32::MAX, usize::MAX).unwrap();
    assert_eq!(read, blocks);
}

fn digests(blocks: &[Block]) -> Vec<Digest> {
    blocks.iter().map(|block| block.digest).collect()
}
