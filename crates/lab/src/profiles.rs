//! Machines whose cost a simulation can charge for proving: built in, or from a recorded file.
//!
//! | name | what | figures |
//! |---|---|---|
//! | `cores-N` | N cores of a 2023 server, 1 to 256 | measured on one core, divided by N |
//! | `h200-estimate` | 16 such cores and an NVIDIA H200 | the GPU's are *estimates*, well below its limits |
//! | `FILE.json` | what `byzlab accel --out FILE.json` measured | measured |
//!
//! A file is read when the experiment is loaded, relative to the experiment's folder, and its figures go
//! into the resolved experiment, so that results can be replayed without it.

use std::{fs, io::Read as _, path::Path};

use byzlab_core::{Cost, Costs, Profile};
use toml::{Table, Value};

use crate::spec::Edit;

/// The largest file that is read.
const BYTES_MAX: u64 = 16 << 20;
/// The most cores of a machine.
const CORES_MAX: u64 = 256;
/// The ending of a file's name.
const ENDING: &str = ".json";
/// The estimate's name.
const H200: &str = "h200-estimate";

/// The built-in profile of this name.
pub fn builtin(name: &str) -> Option<Profile> {
    if name == H200 {
        return Some(h200());
    }
    let cores = name.strip_prefix("cores-")?.parse::<u64>().ok()?;
    (1..=CORES_MAX).contains(&cores).then(|| Profile {
        about: format!("{cores} core{} of a 2023 server", if cores == 1 { "" } else { "s" }),
        cpu: cores_of_a_server(cores),
        gpu: None,
    })
}

/// The names that there are, in words.
pub fn known() -> String {
    format!(
        "`cores-N` (1 to {CORES_MAX}), `{H200}`, and files of `byzlab accel --out FILE{ENDING}`"
    )
}

/// Zen 4 at 2.8 GHz: Ed25519 in batches by ZIP-215, a committee's keys coming back often and clients' not;
/// SHA-256 with the CPU's instructions, four messages abreast. The floor is one signature checked alone. To
/// wake the other cores takes some microseconds.
fn cores_of_a_server(cores: u64) -> Costs {
    let start_ns = if cores > 1 { 10_000 } else { 0 };
    let signature = |item_ps: u64| Cost {
        start_ns,
        byte_ps: 2_100 / cores, // SHA-512 at 0.47 GB/s
        floor_ns: 44_000,
        item_ps: item_ps / cores,
    };
    let hash = |item_ps: u64| Cost {
        start_ns,
        byte_ps: 380 / cores, // 2.64 GB/s
        floor_ns: 0,
        item_ps: item_ps / cores,
    };
    Costs {
        known_keys: signature(9_600_000),
        unknown_keys: signature(21_000_000),
        hashes: hash(25_000),
        merkle: hash(75_000),
        nonces: Cost { start_ns, byte_ps: 0, floor_ns: 0, item_ps: 42_400 / cores },
        signing: Cost::default(), // no simulation charges it
    }
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
        about: "16 cores of a 2023 server and an H200, estimated".into(),
        cpu: cores_of_a_server(16),
        gpu: Some(gpu),
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

    #[test]
    fn cores_divide_the_work_and_not_the_floor() {
        let (one, many) = (builtin("cores-1").unwrap().cpu, builtin("cores-16").unwrap().cpu);
        let time = |costs: &Costs, n| costs.unknown_keys.time(n, 0).0;
        assert_eq!((time(&one, 1), time(&one, 1_000)), (44_000, 21_000_000));
        assert_eq!((time(&many, 1), time(&many, 16_000)), (54_000, 21_010_000));
        for wrong in ["cores-0", "cores-257", "cores-", "cores-x", "h100", ""] {
            assert_eq!(builtin(wrong), None, "{wrong}");
        }
    }

    /// Where the crossovers were expected to lie: some hundreds of signatures, no small tree, no short search.
    #[test]
    fn the_estimate_crosses_over_where_expected() {
        let profile = builtin(H200).unwrap();
        let at = |work, bytes| profile.crossover(work, bytes, 100, 1 << 40);
        let unknown = at(Work::UnknownKeys, 96).unwrap();
        assert!((500..1_000).contains(&unknown), "{unknown}");
        assert!(at(Work::KnownKeys, 96).unwrap() < unknown);
        assert!(at(Work::Merkle, 512).unwrap() > 5_000);
        assert!(at(Work::Nonces, 0).unwrap() > 10_000);
        assert!(profile.about.contains("estimated"));
    }
}
