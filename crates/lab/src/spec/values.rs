//! Forms of values that several sections of an experiment file share.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, IntoDeserializer as _, value},
};

/// One value, or a list of them: `host = "sim"` and `host = ["sim", "quic"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T: Serialize> Serialize for OneOrMany<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [one] => one.serialize(s),
            many => many.serialize(s),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

struct OneOrManyVisitor<T>(PhantomData<T>);

/// Hands one value on to `T`'s own deserialiser, so that errors are `T`'s own.
macro_rules! forward {
    ($($visit:ident: $type:ty),*) => {$(
        fn $visit<E: de::Error>(self, value: $type) -> Result<Self::Value, E> {
            T::deserialize(value.into_deserializer()).map(|one| OneOrMany(vec![one]))
        }
    )*};
}

impl<'de, T: Deserialize<'de>> de::Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list of values")
    }
    forward!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_str: &str);
    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(value::MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(value::SeqAccessDeserializer::new(seq)).map(OneOrMany)
    }
}

/// How many replicas are drawn by lot: a number, or `"f"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`drawn` is a number of replicas, or \"f\"")]
pub enum Drawn {
    /// So many.
    Count(u16),
    /// As many as the protocol stands.
    Faults(TheF),
}

/// The letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TheF {
    /// f, the number of faulty replicas.
    #[serde(rename = "f")]
    F,
}

impl Drawn {
    /// How many, where f is `stands`.
    pub const fn count(self, stands: u16) -> u16 {
        match self {
            Self::Count(count) => count,
            Self::Faults(TheF::F) => stands,
        }
    }
    /// Whether a committee has so many.
    pub fn fits(self, size: u16) -> bool {
        self.count(0) <= size
    }
}

/// The seeds of an experiment: `seeds = [7, 8]`, or `seeds = 20` for 1 to 20.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Vec<u64>);

/// The most seeds of one experiment.
pub const SEEDS_MAX: u64 = 100_000;

impl Default for Seeds {
    fn default() -> Self {
        Self(vec![1])
    }
}

impl Serialize for Seeds {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let count = self.0.len() as u64;
        if self.0.iter().copied().eq(1..=count) {
            s.serialize_u64(count)
        } else {
            self.0.serialize(s)
        }
    }
}

impl<'de> Deserialize<'de> for Seeds {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(SeedsVisitor)
    }
}

struct SeedsVisitor;

impl<'de> de::Visitor<'de> for SeedsVisitor {
    type Value = Seeds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("how many seeds, or a list of seeds")
    }
    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Seeds, E> {
        let count = u64::try_from(count).ok().filter(|n| (1..=SEEDS_MAX).contains(n));
        let count =
            count.ok_or_else(|| E::custom(format!("1 to {SEEDS_MAX} seeds are possible")))?;
        Ok(Seeds((1..=count).collect()))
    }
    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Seeds, E> {
        self.visit_i64(i64::try_from(count).unwrap_or(i64::MAX))
    }
    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Seeds, A::Error> {
        let mut seeds = Vec::new();
        while let Some(seed) = seq.next_element::<u64>()? {
            if seeds.contains(&seed) || seeds.len() as u64 == SEEDS_MAX {
                let why =
                    format!("seed {seed} is one too many: seeds are distinct, {SEEDS_MAX} at most");
                return Err(de::Error::custom(why));
            }
            seeds.push(seed);
        }
        if seeds.is_empty() {
            return Err(de::Error::custom("at least one seed is needed"));
        }
        Ok(Seeds(seeds))
    }
}
