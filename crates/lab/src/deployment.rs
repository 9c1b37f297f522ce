//! A real deployment by hand: the committee file that all share, and the key file that one keeps.
//!
//! ```toml
//! label = "testnet"                  # the chain is named after it and the keys
//! epoch = "2026-11-22T10:00:00Z"     # moment zero of the protocol's time
//! client_signatures = true
//!
//! [protocol]
//! name = "pbft"
//!
//! [[replica]]
//! key = "d75a98…"                    # 64 hex digits, made by `byzlab keygen`
//! peers = "192.0.2.1:7000"           # UDP, for the other replicas
//! clients = "192.0.2.1:7001"         # UDP, for clients
//! # vote_key and possession, where replicas sign by BLS: `byzlab committee --scheme bls`
//! # [coin], where the protocol tosses one: `byzlab committee` deals it
//! ```
//! The order of replicas is that of their ids. Everyone needs the same file.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use anyhow::{Context, Result, bail, ensure};
use byzlab_core::{
    Coin, Committee, Entry, Possession, PublicKey, Registry, ReplicaId, Signer, VoteKey, VoteKeys,
    committee::REPLICAS_MAX,
    crypto::{coin::Dealt, registrable},
};
use byzlab_node::plan::{Address, Secret};
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::{
    process::{self, Bound},
    spec::{Source, read_bounded},
};

/// The largest key file that is read; those of [`make_key`] have less than a thousand bytes.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// The committee file, as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitteeFile {
    /// Goes into the chain's id: two deployments with other labels share no signatures.
    pub label: String,
    /// Moment zero of the protocol's time, RFC 3339 in UTC; the same for all.
    pub epoch: String,
    /// Whether clients sign their transactions and replicas check them.
    #[serde(default = "yes")]
    pub client_signatures: bool,
    /// The protocol's `name` and its parameters.
    pub protocol: Table,
    /// The replicas, in order of id.
    pub replica: Vec<Place>,
    /// The replicas' common coin, where the protocol tosses one. Whoever dealt it is trusted to have forgotten
    /// its secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coin: Option<Dealt>,
}

const fn yes() -> bool {
    true
}

/// One replica of a committee file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its public key.
    pub key: PublicKey,
    /// Its key for votes, where replicas sign by BLS: all have one, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vote_key: Option<VoteKey>,
    /// The proof that it holds the secret of its vote key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub possession: Option<Possession>,
    /// Its UDP address for the other replicas; port 0 where it is not known any more.
    pub peers: SocketAddr,
    /// Its UDP address for clients; port 0 where it is not known any more.
    pub clients: SocketAddr,
}

/// A committee file that makes sense.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The protocol.
    pub entry: Entry,
    /// Its parameters, every default filled in.
    pub params: Table,
    /// The replicas by key.
    pub committee: Arc<Committee>,
    /// Where they are found, in order.
    pub addresses: Vec<Address>,
    /// Moment zero.
    pub epoch: SystemTime,
}

impl Deployment {
    /// Reads the committee file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, or does not make sense; the message says where.
    pub fn read(path: &Path, registry: &Registry) -> Result<Self> {
        let source = Source::read(path)?;
        let file =
            toml::from_str::<CommitteeFile>(source.text()).map_err(|e| source.toml_problem(&e))?;
        Self::of(file, registry).with_context(|| format!("in {}", path.display()))
    }
    /// What a committee file means.
    ///
    /// # Errors
    /// If it names an unknown protocol or parameter, a key that must not be registered, or a key or
    /// address twice.
    pub fn of(mut file: CommitteeFile, registry: &Registry) -> Result<Self> {
        let places = &file.replica;
        ensure!(
            (1..=REPLICAS_MAX).contains(&places.len()),
            "{} replicas; 1 to {REPLICAS_MAX} are possible",
            places.len()
        );
        for (i, place) in places.iter().enumerate() {
            ensure!(
                registrable(&place.key),
                "the key of replica {i} is none that can be registered"
            );
            ensure!(
                place.peers != place.clients || place.peers.port() == 0,
                "replica {i} has one address, {}, for peers and for clients",
                place.peers
            );
            for (j, other) in places[..i].iter().enumerate() {
                ensure!(place.key != other.key, "replicas {j} and {i} have one key");
                let known = [other.peers, other.clients];
                let taken = |a: &SocketAddr| a.port() != 0 && known.contains(a);
                let doubled = [place.peers, place.clients].iter().any(taken);
                ensure!(!doubled, "replicas {j} and {i} have one address");
            }
        }
        let keys = places.iter().map(|place| place.key).collect();
        let mut committee = Committee::new(&file.label, keys, file.client_signatures);
        if let Some(votes) = vote_keys(places)? {
            committee = committee.voting_with(votes);
        }
        if let Some(dealt) = file.coin.take() {
            ensure!(
                dealt.parts.len() == places.len()
                    && usize::from(dealt.threshold) == committee.one_honest(),
                "[coin] is another committee's: this one needs {} parts, and {} tosses for a value",
                places.len(),
                committee.one_honest()
            );
            committee = committee.tossing(Coin::new(dealt)?);
        }
        let address = |place: &Place| Address { peers: place.peers, clients: place.clients };
        let addresses = places.iter().map(address).collect();
        process::name_it(&mut file.protocol);
        let Some(toml::Value::String(name)) = file.protocol.remove("name") else {
            bail!("[protocol] needs a `name`");
        };
        file.protocol.remove("label");
        let mut entry = registry.find(&name)?;
        let params = entry.resolve(&file.protocol).context("in [protocol]")?;
        ensure!(
            committee.coin.is_some() == entry.tosses(&params)?,
            "[coin] is for protocols that toss one, and `{name}` {}",
            if committee.coin.is_some() { "does not" } else { "does: `byzlab committee` deals it" }
        );
        if let Some(programs) = Bound::of(entry, &params)? {
            entry = programs.aloud().entry();
        }
        let epoch = humantime::parse_rfc3339(&file.epoch)
            .with_context(|| format!("`{}` is no moment like 2026-11-22T10:00:00Z", file.epoch))?;
        Ok(Self { entry, params, committee: Arc::new(committee), addresses, epoch })
    }
    /// The replica whose key this is.
    pub fn seat_of(&self, key: PublicKey) -> Option<ReplicaId> {
        self.committee.ids().find(|&id| self.committee.key(id) == Some(key))
    }
}

/// The vote keys of all, if they have some; a key without its proof is none.
fn vote_keys(places: &[Place]) -> Result<Option<VoteKeys>> {
    let pairs: Vec<_> = places.iter().filter_map(|p| p.vote_key.zip(p.possession)).collect();
    let none = places.iter().all(|p| p.vote_key.is_none() && p.possession.is_none());
    if none {
        return Ok(None);
    }
    ensure!(
        pairs.len() == places.len(),
        "either each replica has a `vote_key` and its proof of `possession`, or none has either"
    );
    Ok(Some(VoteKeys::new(&pairs)?))
}

/// Writes a new secret key to `path`, which only its owner may read, and its public key to `path.pub`.
/// Gives the public key. Behind it in the file stand the replica's key for votes by BLS, which follows
/// from the same secret, and the proof that it is held.
///
/// # Errors
/// If a file of either name exists: keys are never overwritten. Then neither is written.
pub fn make_key(path: &Path) -> Result<PublicKey> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).context("the system gives no randomness")?;
    let public = Secret(secret).signer().public();
    let (vote_key, possession) = Signer::bls(secret).vote_key().context("it votes by BLS")?;
    let text = format!("{public}\n{vote_key}\n{possession}\n");
    write_new(path, &format!("{}\n", hex::encode(secret)), true)?;
    write_new(&public_path(path), &text, false).inspect_err(|_| {
        // Half a pair would be in the way of the next try.
        drop(fs::remove_file(path));
    })?;
    Ok(public)
}

/// Reads a secret key written by [`make_key`].
///
/// # Errors
/// If the file cannot be read or holds something else.
pub fn read_secret(path: &Path) -> Result<Secret> {
    let text = read_key(path)?;
    let mut secret = [0; 32];
    hex::decode_to_slice(&text, &mut secret)
        .with_context(|| format!("{} holds no secret key of 64 hex digits", path.display()))?;
    Ok(Secret(secret))
}

/// A public key from 64 hex digits, or from the file `.pub` of [`make_key`].
///
/// # Errors
/// If `text` is neither. A file of 64 hex digits and no more is a secret key, by all that can be seen, and must
/// never be taken for a public one; what it holds is not told.
pub fn public_key(text: &str) -> Result<PublicKey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let path = Path::new(text);
    ensure!(path.exists(), "`{text}` is neither 64 hex digits nor a file that holds them");
    let text = read_key(path)?;
    let of_secret = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    ensure!(
        !of_secret,
        "{} is a secret key, which stays with its replica: the public one is in {}",
        path.display(),
        public_path(path).display()
    );
    let key = text.lines().next().unwrap_or_default().parse().map_err(anyhow::Error::msg);
    key.with_context(|| format!("{} holds no public key", path.display()))
}

/// The key for votes, and the proof that it is held, in a file written by [`make_key`].
///
/// # Errors
/// If `path` is no such file.
pub fn vote_key(path: &Path) -> Result<(VoteKey, Possession)> {
    let text = read_key(path)?;
    let lines: Vec<&str> = text.lines().collect();
    let [_, key, possession] = lines[..] else {
        bail!("{} holds no key for votes; `byzlab keygen` writes one", path.display());
    };
    let wrong = |e| anyhow::Error::msg(e).context(format!("in {}", path.display()));
    Ok((key.parse().map_err(wrong)?, possession.parse().map_err(wrong)?))
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn read_key(path: &Path) -> Result<String> {
    let text = read_bounded(path, KEY_FILE_BYTES_MAX).map_err(anyhow::Error::msg);
    let text = text.with_context(|| format!("cannot read the key file {}", path.display()))?;
    Ok(text.trim().to_owned())
}

/// Writes a file that does not exist yet, `secret` ones for the owner alone. What cannot be written as a whole is
/// taken away again.
pub(crate) fn write_new(path: &Path, text: &str, secret: bool) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let write = |mut file: fs::File| {
        let done = file.write_all(text.as_bytes());
        done.inspect_err(|_| drop(fs::remove_file(path)))
    };
    let done = options.open(path).and_then(write);
    done.with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four replicas of `protocol`, with or without a coin of `threshold`.
    fn file(protocol: &str, threshold: Option<usize>) -> CommitteeFile {
        let keys: Vec<_> = (1..5).map(|i| Secret([i; 32]).signer().public()).collect();
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let place = |&key| Place {
            key,
            vote_key: None,
            possession: None,
            peers: nowhere,
            clients: nowhere,
        };
        CommitteeFile {
            label: "test".into(),
            epoch: "2026-11-22T10:00:00Z".into(),
            client_signatures: true,
            protocol: Table::from_iter([("name".to_owned(), protocol.into())]),
            replica: keys.iter().map(place).collect(),
            coin: threshold.map(|threshold| Dealt::new(&[7; 32], threshold, &keys).unwrap()),
        }
    }

    #[test]
    fn a_coin_is_there_if_it_is_tossed_and_opens_for_those_of_the_committee() {
        let of = |protocol, coin| {
            let file = toml::to_string(&file(protocol, coin)).unwrap();
            Deployment::of(toml::from_str(&file).unwrap(), &byzlab_protocols::builtin())
        };
        let committee = of("tusk", Some(2)).unwrap().committee;
        let coin = committee.coin.as_ref().unwrap();
        for (id, i) in committee.ids().zip(1..) {
            assert!(coin.open(id, &Secret([i; 32]).signer()).is_ok());
            assert!(coin.open(id, &Secret([i + 1; 32]).signer()).is_err(), "another's");
        }
        let says = |protocol, coin, what| {
            let error = of(protocol, coin).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        says("tusk", None, "`byzlab committee` deals it");
        says("tusk", Some(3), "2 tosses for a value");
        says("pbft", Some(2), "`pbft` does not");
    }

    #[test]
    fn a_key_is_made_once_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.key");
        let public = make_key(&path).unwrap();
        assert_eq!(read_secret(&path).unwrap().signer().public(), public);
        let votes = vote_key(&public_path(&path)).unwrap();
        assert!(VoteKeys::new(&[votes]).is_ok());
        assert!(vote_key(&path).unwrap_err().to_string().contains("no key for votes"));
        assert_eq!(public_key(&public_path(&path).display().to_string()).unwrap(), public);
        assert!(make_key(&path).unwrap_err().to_string().contains("cannot write"));
        assert!(public_key("abc").is_err());
    }

    #[test]
    fn a_pair_of_keys_is_whole_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("z.key");
        fs::write(public_path(&path), "").unwrap();
        assert!(make_key(&path).unwrap_err().to_string().contains("z.key.pub"));
        assert!(!path.exists(), "a secret key without its public one");
        fs::remove_file(public_path(&path)).unwrap();
        assert!(make_key(&path).is_ok());
    }

    #[test]
    fn a_secret_key_is_never_taken_for_a_public_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.key");
        make_key(&path).unwrap();
        let secret = fs::read_to_string(&path).unwrap();
        let told = format!("{:#}", public_key(&path.display().to_string()).unwrap_err());
        assert!(told.contains("is a secret key") && told.contains("0.key.pub"), "{told}");
        assert!(!told.contains(secret.trim()), "told to whoever looks on");
    }
}
