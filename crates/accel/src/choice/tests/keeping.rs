use std::fs;

use byzlab_core::{Cost, Profile};

use super::{NARROW, WIDE, all};
use crate::choice::keep::{Identity, load, save};

fn identity() -> Identity {
    Identity {
        adapter: "Card 9000".into(),
        driver: "driver 1.2.3".into(),
        cpu: "cpu (2 threads, portable sha)".into(),
        kernels: "abc".into(),
    }
}

fn profile() -> Profile {
    Profile { about: "measured".into(), cpu: all(NARROW), gpu: Some(all(WIDE)), cores: None }
}

#[test]
fn what_is_kept_is_found_again_and_only_for_the_same_machine() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("made/on/the/way");
    assert_eq!(load(&inner, &identity()), Ok(None));
    save(&inner, &identity(), &profile()).unwrap();
    assert_eq!(load(&inner, &identity()), Ok(Some(profile())));
    let others = [
        Identity { adapter: "Card 9001".into(), ..identity() },
        Identity { driver: "driver 1.2.4".into(), ..identity() },
        Identity { cpu: "cpu (3 threads, portable sha)".into(), ..identity() },
        Identity { kernels: "abd".into(), ..identity() },
        // The same letters, cut elsewhere.
        Identity { adapter: "Card 9000d".into(), driver: "river 1.2.3".into(), ..identity() },
    ];
    for other in others {
        assert_eq!(load(&inner, &other), Ok(None), "{other:?}");
    }
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 1, "nothing half written lies about");
}

#[test]
fn what_is_damaged_is_told_and_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = identity().file(folder.path());
    save(folder.path(), &identity(), &profile()).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let free = serde_json::to_string(&NARROW).unwrap();
    let bad: &[(&str, Vec<u8>)] = &[
        ("EOF", Vec::new()),
        ("EOF", good.as_bytes()[..good.len() / 2].to_vec()),
        ("UTF-8", vec![0xff, 0xfe, 0x00]),
        ("expected", b"cost me nothing".to_vec()),
        ("unknown field", good.replace("\"item_ps\"", "\"item_fs\"").into_bytes()),
        ("another machine", good.replace("Card 9000", "Card 8000").into_bytes()),
        ("cost nothing", good.replace("10000000", "0").into_bytes()),
        ("EOF", vec![b' '; 1 << 20]),
    ];
    assert!(free.contains("10000000"), "{free}");
    for (why, bytes) in bad {
        fs::write(&path, bytes).unwrap();
        let said = load(folder.path(), &identity()).unwrap_err();
        assert!(said.contains(why) && said.contains("profile-"), "{said} lacks {why}");
    }
    save(folder.path(), &identity(), &profile()).unwrap();
    assert_eq!(load(folder.path(), &identity()), Ok(Some(profile())));
    let lacks = Profile { gpu: None, ..profile() };
    save(folder.path(), &identity(), &lacks).unwrap();
    assert!(load(folder.path(), &identity()).unwrap_err().contains("no costs of a GPU"));
}

/// A folder that cannot be had is an error to be told, and nothing more.
#[test]
fn a_file_in_the_folders_place_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(save(&file.join("below"), &identity(), &profile()).is_err());
    let costs = Cost::default();
    assert_eq!(costs.item_ps, 0);
}
