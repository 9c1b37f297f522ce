use byzlab_core::Work;

use crate::{
    choice::{
        Devices, Wanted,
        pick::{Plan, plan},
    },
    gpu::{Kind, Select, select, testing},
};

#[test]
fn auto_takes_the_first_gpu_and_no_software_adapter() {
    let card = (Kind::Discrete, "Card 9000".to_owned());
    let built_in = (Kind::Integrated, "Graphics".to_owned());
    let soft = (Kind::Software, "llvmpipe".to_owned());
    assert_eq!(plan(&[]), Plan::Nothing("no adapter at all".into()));
    assert_eq!(plan(std::slice::from_ref(&soft)), Plan::Nothing("llvmpipe".into()));
    assert_eq!(plan(&[card, built_in.clone(), soft.clone()]), Plan::Adapter(0));
    assert_eq!(plan(&[built_in, soft]), Plan::Adapter(0));
}

/// On whatever machine this runs: `cpu` always works, `auto` too, and says so if there is no GPU.
#[test]
fn what_there_is_decides() {
    let devices = Devices::new(None);
    let cpu = devices.pick(Wanted::Cpu, Some(1)).unwrap();
    assert!(cpu.accelerator.name().starts_with("cpu (1 thread") && cpu.said.is_empty());
    if let Err(missing) = select(Select::Hardware) {
        let auto = devices.pick(Wanted::Auto, Some(1)).unwrap();
        assert_eq!(auto.accelerator.name(), cpu.accelerator.name());
        let [line] = &auto.said[..] else { panic!("{:?}", auto.said) };
        assert!(line.contains("does everything: no GPU; found: "), "{line}");
        let error = devices.pick(Wanted::Gpu, Some(1)).unwrap_err();
        assert_eq!(error, missing);
        assert!(error.to_string().starts_with("no GPU; found: "), "{error}");
    }
}

/// A software adapter is used when it is asked for, and its name says what it is.
#[test]
fn a_software_adapter_is_there_when_asked_for() {
    let Some(adapter) = testing::software() else { return };
    let folder = tempfile::tempdir().unwrap();
    let devices = Devices::new(Some(folder.path().to_owned()));
    let picked = devices.pick(Wanted::Software, Some(1)).unwrap();
    let name = picked.accelerator.name();
    assert!(name.contains(&adapter.name) && name.contains(&adapter.driver), "{name}");
    assert!(name.contains("software adapter"), "{name}");
    let cpu = std::sync::Arc::new(crate::Cpu::new(Some(1)));
    let gpu = devices.open(&adapter, &cpu).unwrap();
    let (profile, said) = devices.profile(&gpu, &cpu, false, Some(16)).unwrap();
    assert!(said.is_empty() && profile.gpu.is_some(), "bounded ones are not kept: {said:?}");
    let costs = profile.gpu.unwrap();
    assert!(Work::ALL.iter().all(|&work| costs.of(work).time(16, 1_536).0 > 0), "{costs:?}");
}
