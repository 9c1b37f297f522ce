//! What is done to the cluster: whether it can be, to whom, and when.

use std::collections::BTreeMap;

use byzlab_core::{Registry, Span};

use super::{
    Checked, Wrong, distinct, ensure, in_range,
    protocols::{Chosen, choose},
};
use crate::spec::{Drawn, Fault, FaultKind, Host, Spec};

pub(super) fn check_fault(
    spec: &Spec,
    fault: &Fault,
    chosen: &[Chosen],
    registry: &Registry,
    index: &str,
) -> Checked {
    let at = |key: &'static str| ["fault", index, key];
    check_keys(fault, index)?;
    check_whom(spec, fault, index)?;
    ensure(fault.factor != Some(0), &at("factor"), || "a factor is at least 1".into())?;
    ensure(fault.by != Some(Span::ZERO), &at("by"), || {
        "a hunt holds back by more than 0 s".into()
    })?;
    ensure(fault.at < spec.stop.after, &at("at"), || {
        format!("the run is over then, after {}", spec.stop.after)
    })?;
    ensure(fault.until.is_none_or(|until| fault.at < until), &at("until"), || {
        "it must begin before it ends".into()
    })?;
    if let Some(table) = &fault.protocol {
        let attack = choose(table, registry, &at("protocol"))?;
        let without = chosen.iter().find(|chosen| !chosen.tosses());
        ensure(!attack.tosses() || without.is_none(), &at("protocol"), || {
            let label = without.map_or("", |chosen| &chosen.label);
            format!("`{}` tosses a coin, which a committee of `{label}` has not", attack.label)
        })?;
    }
    ensure(fault.host.as_ref().is_none_or(|hosts| !hosts.0.is_empty()), &at("host"), || {
        "on no host, it is never done; without `host`, on all".into()
    })?;
    let here = spec.host.0.iter().filter(|&&host| fault.is_for(host));
    for host in here {
        ensure(fault.kind.hosts().contains(host), &at("kind"), || {
            format!("{} is not possible on `{}`", fault.kind.called(), host.name())
        })
        .map_err(|wrong| {
            wrong.note(format!("limit it with host = \"{}\"", fault.kind.hosts()[0].name()))
        })?;
    }
    Ok(())
}

/// Which keys there are, and which there must be.
fn check_keys(fault: &Fault, index: &str) -> Checked {
    let at = |key: &'static str| ["fault", index, key];
    let kind = fault.kind.called();
    let takes = |key: &'static str, given: bool, wanted: bool| match (given, wanted) {
        (true, false) => Err(Wrong::new(&at(key), format!("{kind} takes no `{key}`"))),
        (false, true) => Err(Wrong::new(&at("kind"), format!("{kind} needs `{key}`"))),
        _ => Ok(()),
    };
    use FaultKind::{Attack, Crash, Hunt, Partition, Silent, Slow};
    let drawn = fault.drawn.is_some();
    let by_lot = matches!(fault.kind, Crash | Silent | Slow);
    takes("drawn", drawn, drawn && by_lot)?;
    ensure(!drawn || fault.replica.is_none(), &at("drawn"), || {
        format!("{kind} has either `replica` or `drawn`, not both")
    })?;
    let of_some = !matches!(fault.kind, Partition | Hunt);
    takes("replica", fault.replica.is_some() || (drawn && of_some), of_some)
        .map_err(|wrong| if by_lot { wrong.note("or `drawn`, for some by lot") } else { wrong })?;
    takes("groups", fault.groups.is_some(), fault.kind == Partition)?;
    takes("factor", fault.factor.is_some(), fault.kind == Slow)?;
    takes("by", fault.by.is_some(), fault.kind == Hunt)?;
    takes("protocol", fault.protocol.is_some(), fault.kind == Attack)?;
    if !matches!(fault.kind, Silent | Partition | Slow | Hunt) {
        takes("until", fault.until.is_some(), false)?;
    }
    Ok(())
}

/// To whom it is done.
fn check_whom(spec: &Spec, fault: &Fault, index: &str) -> Checked {
    let at = |key: &'static str| ["fault", index, key];
    if let Some(replicas) = &fault.replica {
        ensure(!replicas.0.is_empty(), &at("replica"), || {
            format!("{} is done to 1 replica at least", fault.kind.called())
        })?;
        in_range(spec, &replicas.0, &at("replica"))?;
        distinct(&replicas.0, &at("replica"))?;
    }
    ensure(fault.drawn != Some(Drawn::Count(0)), &at("drawn"), || {
        "1 replica at least is drawn".into()
    })?;
    ensure(fault.drawn.is_none_or(|d| d.fits(spec.cluster.nodes)), &at("drawn"), || {
        format!("as many cannot be drawn from {} replicas", spec.cluster.nodes)
    })?;
    let Some(groups) = &fault.groups else { return Ok(()) };
    let full = !groups.is_empty() && groups.iter().all(|group| !group.is_empty());
    ensure(full, &at("groups"), || {
        "a partition has 1 group of replicas at least, and none of them is empty".into()
    })?;
    in_range(spec, &groups.concat(), &at("groups"))?;
    distinct(&groups.concat(), &at("groups"))
}

/// A replica must be up to crash, and down to start again or to be tampered with.
pub(super) fn check_downs(spec: &Spec, host: Host) -> Checked {
    let mut down: BTreeMap<u16, bool> = BTreeMap::new();
    let mut faults: Vec<_> =
        spec.fault.iter().enumerate().filter(|(_, f)| f.is_for(host)).collect();
    faults.sort_by_key(|(_, fault)| fault.at);
    for (index, fault) in faults {
        let index = index.to_string();
        for &replica in fault.replicas() {
            let is_down = down.entry(replica).or_default();
            let (fits, state) = match fault.kind {
                FaultKind::Crash => (!*is_down, "down already"),
                FaultKind::Restart | FaultKind::Tamper => (*is_down, "not down"),
                _ => continue,
            };
            ensure(fits, &["fault", &index, "at"], || {
                format!("replica {replica} is {state} at {}", fault.at)
            })?;
            match fault.kind {
                FaultKind::Crash => *is_down = true,
                FaultKind::Restart => *is_down = false,
                _ => {}
            }
        }
    }
    Ok(())
}
