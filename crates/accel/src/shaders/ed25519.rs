//! The kernels that check and make Ed25519 signatures, put together from the texts of their parts.
//!
//! | kernel | what it does for each item | parts |
//! |---|---|---|
//! | `challenge` | k = SHA-512(R ‖ A ‖ M) mod ℓ | words, SHA-512, scalars |
//! | `decompress` | a point from its encoding | field, powers, curve |
//! | `fill` | 0 A … 8 A | field, curve |
//! | `verify` | a verdict, under any key | field, curve, scalars, digits |
//! | `comb` | a verdict, under a key with a table | the same |
//! | `commit` | R = r B, encoded | field, powers, curve, digits |
//! | `respond` | s = r + k a mod ℓ | scalars |
//!
//! Each has one text for both [`Limbs`]; what differs is the field's arithmetic and, in `challenge`, the
//! 64-bit words.

use super::{
    field::{self, Limbs},
    scalar::scalar,
    sha512::sha512,
};

macro_rules! text {
    ($name:literal) => {
        include_str!(concat!("../../../../shaders/", $name, ".wgsl"))
    };
}

/// A part that a generator writes.
#[derive(Clone, Copy, Debug)]
pub struct Generated {
    /// Its file in `shaders/`.
    pub file: &'static str,
    /// What is in it.
    pub text: &'static str,
    /// What writes it.
    pub make: fn() -> String,
}

/// The parts that generators write.
pub const GENERATED: [Generated; 4] = [
    Generated {
        file: "field_u32.wgsl",
        text: text!("field_u32"),
        make: || field::field(Limbs::U32),
    },
    Generated {
        file: "field_u64.wgsl",
        text: text!("field_u64"),
        make: || field::field(Limbs::U64),
    },
    Generated { file: "scalar.wgsl", text: text!("scalar"), make: scalar },
    Generated { file: "sha512.wgsl", text: text!("sha512"), make: sha512 },
];

/// The parts and kernels that are written by hand: the file of each, and its text.
pub const WRITTEN: [(&str, &str); 12] = [
    ("curve.wgsl", text!("curve")),
    ("digits.wgsl", text!("digits")),
    ("ed25519_challenge.wgsl", text!("ed25519_challenge")),
    ("ed25519_comb.wgsl", text!("ed25519_comb")),
    ("ed25519_commit.wgsl", text!("ed25519_commit")),
    ("ed25519_decompress.wgsl", text!("ed25519_decompress")),
    ("ed25519_multiples.wgsl", text!("ed25519_multiples")),
    ("ed25519_respond.wgsl", text!("ed25519_respond")),
    ("ed25519_verify.wgsl", text!("ed25519_verify")),
    ("field_power.wgsl", text!("field_power")),
    ("word_u32.wgsl", text!("word_u32")),
    ("word_u64.wgsl", text!("word_u64")),
];

fn words(limbs: Limbs) -> &'static str {
    match limbs {
        Limbs::U32 => text!("word_u32"),
        Limbs::U64 => text!("word_u64"),
    }
}

fn arithmetic(limbs: Limbs) -> &'static str {
    match limbs {
        Limbs::U32 => text!("field_u32"),
        Limbs::U64 => text!("field_u64"),
    }
}

/// SHA-512 modulo the order.
pub fn challenge(limbs: Limbs) -> String {
    [words(limbs), text!("sha512"), text!("scalar"), text!("ed25519_challenge")].join("\n")
}

/// Points from encodings.
pub fn decompress(limbs: Limbs) -> String {
    let parts =
        [arithmetic(limbs), text!("field_power"), text!("curve"), text!("ed25519_decompress")];
    parts.join("\n")
}

/// Multiples of keys.
pub fn multiples(limbs: Limbs) -> String {
    [arithmetic(limbs), text!("curve"), text!("ed25519_multiples")].join("\n")
}

fn verdicts(limbs: Limbs, kernel: &str) -> String {
    [arithmetic(limbs), text!("curve"), text!("scalar"), text!("digits"), kernel].join("\n")
}

/// Verdicts under any keys.
pub fn verify(limbs: Limbs) -> String {
    verdicts(limbs, text!("ed25519_verify"))
}

/// Verdicts under keys with tables.
pub fn comb(limbs: Limbs) -> String {
    verdicts(limbs, text!("ed25519_comb"))
}

/// Encoded multiples of the base point.
pub fn commit(limbs: Limbs) -> String {
    let parts = [
        arithmetic(limbs),
        text!("field_power"),
        text!("curve"),
        text!("digits"),
        text!("ed25519_commit"),
    ];
    parts.join("\n")
}

/// The second halves of signatures; the same for both.
pub fn respond() -> String {
    [text!("scalar"), text!("ed25519_respond")].join("\n")
}

/// A kernel that tries the field's arithmetic.
#[cfg(test)]
pub fn field_test(limbs: Limbs, kernel: &str) -> String {
    [arithmetic(limbs), text!("field_power"), text!("curve"), kernel].join("\n")
}

#[cfg(test)]
mod tests {
    use naga::valid::Capabilities;

    use super::{super::tests::validated, *};

    #[test]
    fn the_committed_texts_are_the_generators() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shaders/");
        for Generated { file, text, make } in GENERATED {
            let made = make();
            if std::env::var_os("BYZLAB_BLESS").is_some() {
                std::fs::write(format!("{folder}{file}"), &made).unwrap();
            } else {
                assert!(text == made, "{file} is not what its generator writes");
            }
        }
    }

    /// One set is for any device; the other says that it is not.
    #[test]
    fn every_kernel_is_valid_for_its_devices() {
        type Kernel = fn(Limbs) -> String;
        let all: [Kernel; 6] = [challenge, decompress, multiples, verify, comb, commit];
        let none = Capabilities::empty();
        for kernel in all {
            assert_eq!(validated(&kernel(Limbs::U32), none), Ok(()));
            let wide = kernel(Limbs::U64);
            assert_eq!(validated(&wide, Capabilities::SHADER_INT64), Ok(()));
            assert!(validated(&wide, none).is_err() && wide.contains("u64"));
        }
        assert_eq!(validated(&respond(), none), Ok(()));
    }
}
