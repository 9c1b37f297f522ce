//! What runs are checked against.

use super::{Checked, Chosen, ensure, in_range};
use crate::{expect::Expectation, spec::Spec};

pub(super) fn check_expectations(spec: &Spec, chosen: &[Chosen]) -> Checked {
    for (index, expectation) in spec.expect.iter().enumerate() {
        let index = index.to_string();
        let at = |key: &'static str| ["expect", &index, key];
        check_bounds(expectation, &index)?;
        let property = expectation.property;
        ensure(expectation.replica.is_some() == property.needs_replica(), &at("property"), || {
            let word = if property.needs_replica() { "needs a" } else { "is about no one" };
            format!("`{}` {word} `replica`", property.name())
        })?;
        let replicas: Vec<u16> = expectation.replica.into_iter().collect();
        in_range(spec, &replicas, &at("replica"))?;
        for name in expectation.protocol.iter().flat_map(|names| &names.0) {
            let is_it = |c: &Chosen| c.label == *name || c.entry.name == name;
            ensure(chosen.iter().any(is_it) || !spec.sweep.is_empty(), &at("protocol"), || {
                let known: Vec<_> = chosen.iter().map(|c| c.label.as_str()).collect();
                format!("unknown protocol `{name}`; known are {}", known.join(", "))
            })?;
        }
        let none = |empty: bool, key| {
            ensure(!empty, &at(key), || "of none, nothing is expected; without it, of all".into())
        };
        none(expectation.protocol.as_ref().is_some_and(|names| names.0.is_empty()), "protocol")?;
        none(expectation.host.as_ref().is_some_and(|hosts| hosts.0.is_empty()), "host")?;
        let (from, until) = (expectation.from.unwrap_or_default(), expectation.until);
        ensure(from < spec.stop.after, &at("from"), || {
            format!("the run is over then, after {}", spec.stop.after)
        })?;
        ensure(until.is_none_or(|until| from < until), &at("until"), || {
            "the stretch must begin before it ends".into()
        })?;
    }
    Ok(())
}

/// Figures need bounds, and bounds are numbers that leave something between them.
fn check_bounds(expectation: &Expectation, index: &str) -> Checked {
    let at = |key: &'static str| ["expect", index, key];
    let (property, least, most) = (expectation.property, expectation.at_least, expectation.at_most);
    ensure(least.is_some() || most.is_some() || !property.needs_bound(), &at("property"), || {
        format!("`{}` is a figure: give `at_least` or `at_most`", property.name())
    })?;
    for (key, bound) in [("at_least", least), ("at_most", most)] {
        ensure(bound.is_none_or(f64::is_finite), &at(key), || {
            format!("`{}` is no bound; without `{key}` there is none", bound.unwrap_or_default())
        })?;
    }
    let (least, most) = (least.unwrap_or(f64::NEG_INFINITY), most.unwrap_or(f64::INFINITY));
    ensure(least <= most, &at("at_most"), || {
        format!("nothing is at least {least} and at most {most}")
    })
}
