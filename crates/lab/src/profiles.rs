//! Machines whose cost a simulation can charge for proving: built in, or from a recorded file.
//!
//! | name | what | figures |
//! |---|---|---|
//! | `cores-N` | N cores of an Intel Xeon (Sapphire Rapids, AVX-512), 1 to 256 | measured on one, shared among N |
//! | `h200-estimate` | 16 such cores and an NVIDIA H200 | the GPU's are *estimates*, well below its limits |
//! | `FILE.json` | what `byzlab accel --out FILE.json` measured | measured |
//!
//! **A core's figures** are those of `experiments/results/accelerator/criterion.txt`, one thread, and a test
//! holds them against it: a call for one signature and one for 4,096 give its start and an item's price. From
//! 16 to 64 signatures what was measured takes up to 2.3 times as long as the line between the two: there the
//! model is too kind to the CPU. What a byte of a statement costs is from
//! `experiments/results/gpu-software.json`, the same machine's two threads. What it takes to wake another core
//! is from that file as of commit 62e2199, before which 1,024 hashes were still split over both: that took
//! 79 µs, where one takes 39. That N cores take an Nth each has been seen for two, which reach 93 % of it.
//!
//! A file is read when the experiment is loaded, relative to the experiment's folder, and its figures go
//! into the resolved experiment, so that results can be replayed without it.

use std::{fs, io::Read as _, path::Path};

use byzlab_core::{Cores, Cost, Costs, Profile};
use toml::{Table, Value};

use crate::spec::Edit;

/// The largest file that is read.
const BYTES_MAX: u64 = 16 << 20;
/// The most cores of a machine.
const CORES_MAX: u64 = 256;
/// The ending of a file's name.
const ENDING: &str = ".json";
/// Whose cores are built in, and where that was recorded.
const MACHINE: &str =
    "an Intel Xeon (Sapphire Rapids, AVX-512; one measured: results/accelerator/criterion.txt)";
/// The estimate's name.
const H200: &str = "h200-estimate";

/// The built-in profile of this name.
pub fn builtin(name: &str) -> Option<Profile> {
    if name == H200 {
        return Some(h200());
    }
    let cores = name.strip_prefix("cores-")?.parse::<u64>().ok()?;
    (1..=CORES_MAX).contains(&cores).then(|| Profile {
        about: format!("{cores} core{} of {MACHINE}", if cores == 1 { "" } else { "s" }),
        cpu: core(),
        gpu: None,
        cores: shared(cores),
    })
}

/// The names that there are, in words.
pub fn known() -> String {
    format!(
        "`cores-N` (1 to {CORES_MAX}), `{H200}`, and files of `byzlab accel --out FILE{ENDING}`"
    )
}

/// What one core does, from the files that the [module](self) names.
fn core() -> Costs {
    let cost = |start_ns, byte_ps, item_ps| Cost { start_ns, byte_ps, floor_ns: 0, item_ps };
    Costs {
        known_keys: cost(29_300, 1_410, 1_835_000),
        unknown_keys: cost(31_300, 1_210, 3_722_000),
        hashes: cost(100, 263, 18_800),
        merkle: cost(190, 290, 35_800),
        nonces: cost(460, 0, 25_890),
        signing: Cost::default(), // no simulation charges it
    }
}

/// So many cores, of which the others are to be woken.
fn shared(count: u64) -> Option<Cores> {
    (count > 1).then_some(Cores { count, wake_ns: 55_000 })
}

/// What is aimed at on an H200, which is 19 to 33 % of the limits that its integer units and its bus
/// allow: 10 M signatures a second under unknown keys and 40 M under a committee's, 5 GH/s; hashes at the
/// speed of the bus, 55 GB/s. The floors are the time of one thread.
fn h200() -> Profile {
    let cost = |byte_ps, floor_ns, item_ps| Cost { start_ns: 100_000, byte_ps, floor_ns, item_ps };
    let gpu = Costs {
        known_keys: cost(18, 200_000, 25_000),
        unknown_keys: cost(18, 900_000, 100_000),
        hashes: cost(18, 20_000, 1_000),
        merkle: cost(18, 50_000, 1_000),
        nonces: cost(0, 50_000, 200),
        signing: Cost::default(),
    };
    Profile {
        about: format!("16 cores of {MACHINE}, and an H200, whose costs are estimated"),
        cpu: core(),
        gpu: Some(gpu),
        cores: shared(16),
    }
}

/// Reads the files that an experiment names as models, in `table`, its sweep and the edits to come, into
/// `accelerator.profiles` of `table`. `folder` is where relative paths begin.
///
/// # Errors
/// What cannot be read, and why.
pub fn fetch(table: &mut Table, edits: &[Edit], folder: &Path) -> Result<(), String> {
    const KEY: &str = "accelerator.model";
    let mut names: Vec<String> = Vec::new();
    let mut note = |value: Option<&Value>| match value {
        Some(Value::String(name)) => names.push(name.clone()),
        Some(Value::Array(many)) => {
            names.extend(many.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        _ => {}
    };
    let inside = |table: &Table, outer: &str, inner: &str| table.get(outer)?.get(inner).cloned();
    note(inside(table, "accelerator", "model").as_ref());
    note(inside(table, "sweep", KEY).as_ref());
    edits.iter().filter(|edit| edit.key == KEY).for_each(|edit| note(Some(&edit.value)));
    for name in names.into_iter().filter(|name| name.ends_with(ENDING)) {
        let known = table.get("accelerator").and_then(|a| a.get("profiles"));
        if known.is_some_and(|profiles| profiles.get(&name).is_some()) {
            continue;
        }
        let profile = read(&folder.join(&name))?;
        let profile = Value::try_from(&profile).map_err(|e| format!("{name}: {e}"))?;
        let section = table.entry("accelerator").or_insert_with(|| Value::Table(Table::new()));
        if let Value::String(kind) = section {
            let kind = Value::String(std::mem::take(kind));
            *section = Value::Table(Table::from_iter([("kind".to_owned(), kind)]));
        }
        let Value::Table(section) = section else { continue };
        let profiles = section.entry("profiles").or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(profiles) = profiles {
            profiles.insert(name, profile);
        }
    }
    Ok(())
}

/// The profile in a file of `byzlab accel --out`.
fn read(path: &Path) -> Result<Profile, String> {
    #[derive(serde::Deserialize)]
    struct Recorded {
        profile: Profile,
        widest: Option<u64>,
    }
    let cannot = |why: String| format!("cannot read the profile {}: {why}", path.display());
    let file = fs::File::open(path).map_err(|e| cannot(e.to_string()))?;
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text).map_err(|e| cannot(e.to_string()))?;
    let recorded: Recorded = serde_json::from_str(&text).map_err(|e| cannot(e.to_string()))?;
    match recorded.widest {
        None => Ok(recorded.profile),
        Some(widest) => Err(cannot(format!(
            "its costs come from calls of at most {widest} items, which say nothing of wider ones; \
             record it without --widest"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use byzlab_core::Work;

    use super::*;

    /// Items a second that one thread reached in the bench of this name.
    fn recorded(bench: &str) -> f64 {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../experiments/results/accelerator/criterion.txt");
        let text = fs::read_to_string(path).unwrap();
        let line = text.lines().skip_while(|line| *line != bench).nth(1).unwrap();
        // thrpt: [low unit mean unit high unit]
        let words: Vec<&str> = line.split_whitespace().collect();
        let unit = if words[4].starts_with('M') { 1e6 } else { 1e3 };
        words[3].parse::<f64>().unwrap() * unit
    }

    #[test]
    fn a_core_is_what_was_recorded() {
        let one = builtin("cores-1").unwrap();
        let hashing = |bytes: u64| format!("{bytes}/cpu (1 thread, avx-512)");
        let rows = [
            (Work::KnownKeys, 1, 64, "ed25519/repeated/1/cpu".to_owned()),
            (Work::KnownKeys, 4_096, 64, "ed25519/repeated/4096/cpu".to_owned()),
            (Work::UnknownKeys, 1, 64, "ed25519/distinct/1/cpu fresh".to_owned()),
            (Work::UnknownKeys, 4_096, 64, "ed25519/distinct/4096/cpu fresh".to_owned()),
            (Work::Hashes, 1_024, 64, format!("sha256/{}", hashing(64))),
            (Work::Hashes, 1_024, 4_096, format!("sha256/{}", hashing(4_096))),
            (Work::Merkle, 1_024, 32, format!("merkle/{}", hashing(32))),
            (Work::Merkle, 1_024, 512, format!("merkle/{}", hashing(512))),
            (Work::Nonces, 1 << 20, 0, "nonces/cpu (1 thread, avx-512)".to_owned()),
        ];
        for (work, items, bytes, bench) in rows {
            let time = one.time(work, items, items * bytes).0.0;
            let rate = items as f64 * 1e9 / time as f64;
            let seen = recorded(&bench);
            assert!((rate / seen - 1.0).abs() < 0.05, "{bench}: {rate} for {seen}");
        }
    }

    #[test]
    fn more_cores_are_never_later() {
        let [one, many] = ["cores-1", "cores-16"].map(|name| builtin(name).unwrap());
        for work in Work::ALL {
            for items in [1, 16, 1_000, 100_000] {
                let time = |profile: &Profile| profile.time(work, items, 96 * items).0;
                assert!(time(&many) <= time(&one), "{work} of {items}");
            }
        }
        let time = |profile: &Profile, n| profile.time(Work::UnknownKeys, n, 0).0.0;
        assert_eq!((time(&one, 1), time(&many, 1)), (35_022, 35_022), "one stays where it is");
        assert_eq!((time(&one, 1_600), time(&many, 1_600)), (5_986_500, 458_500));
        for wrong in ["cores-0", "cores-257", "cores-", "cores-x", "h100", ""] {
            assert_eq!(builtin(wrong), None, "{wrong}");
        }
        assert!(many.about.contains("Sapphire Rapids") && many.about.contains("criterion.txt"));
    }

    /// Where the crossovers are expected to lie: thousands of signatures, no small tree, no short search.
    #[test]
    fn the_estimate_crosses_over_where_expected() {
        let profile = builtin(H200).unwrap();
        let at = |work, bytes| profile.crossover(work, bytes, 100, 1 << 40);
        let unknown = at(Work::UnknownKeys, 96).unwrap();
        assert!((3_000..5_000).contains(&unknown), "{unknown}");
        assert!(at(Work::KnownKeys, 96).unwrap() < unknown);
        assert!(at(Work::Merkle, 512).unwrap() > 5_000);
        assert!(at(Work::Nonces, 0).unwrap() > 10_000);
        assert!(profile.about.contains("estimated"));
    }
}
