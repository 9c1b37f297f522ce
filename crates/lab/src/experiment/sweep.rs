//! The points of a sweep, and what is drawn by lot at each.

use std::sync::Arc;

use byzlab_core::{Entry, Theory, random::Stream};
use indexmap::IndexMap;
use toml::{Table, Value};

use super::check::{Checked, RUNS_MAX, Wrong, ensure, repeated};
use crate::spec::{Edit, OneOrMany, Spec};

/// One point: what it is called, and what it sets.
#[derive(Clone, Debug, Default)]
pub(super) struct Point {
    /// Each key of the sweep with its value, or with the name of the settings that it stands for.
    pub(super) label: IndexMap<String, serde_json::Value>,
    /// The assignments, each with the key of the sweep that it comes from.
    pub(super) edits: Vec<(String, Edit)>,
}

impl Point {
    fn with(&self, key: &str, called: serde_json::Value, edits: &[Edit]) -> Self {
        let mut point = self.clone();
        point.label.insert(key.to_owned(), called);
        point.edits.extend(edits.iter().map(|edit| (key.to_owned(), edit.clone())));
        point
    }
}

/// What one key of a sweep takes: names, and the assignments behind each.
type Choices = Vec<(serde_json::Value, Vec<Edit>)>;

/// Every combination of what the sweep's keys take, the last key fastest; one empty point without a
/// sweep.
pub(super) fn points(spec: &Spec) -> Result<Vec<Point>, Wrong> {
    let mut points = vec![Point::default()];
    let mut earlier: Vec<(&str, bool, Choices)> = Vec::new();
    for (key, values) in &spec.sweep {
        let path = ["sweep", key.as_str()];
        let choices = choices(key, values)?;
        ensure(!choices.is_empty(), &path, || "no values to sweep over".into())?;
        for (other, by_name, theirs) in &earlier {
            apart((key, values.is_table(), &choices), (other, *by_name, theirs))?;
        }
        ensure(points.len() * choices.len() <= RUNS_MAX, &path, || {
            format!("more than {RUNS_MAX} points")
        })?;
        let each = |point: &Point| -> Vec<Point> {
            choices.iter().map(|(called, edits)| point.with(key, called.clone(), edits)).collect()
        };
        points = points.iter().flat_map(each).collect();
        earlier.push((key, values.is_table(), choices));
    }
    Ok(points)
}

/// A point is labelled with the values of its axes, so no other axis may set the same. Where both have names
/// in place of values, the later one has the last word.
fn apart(
    (key, by_name, choices): (&str, bool, &Choices),
    (other, other_by_name, theirs): (&str, bool, &Choices),
) -> Checked {
    if by_name && other_by_name {
        return Ok(());
    }
    let edits = |choices: &'_ Choices| -> Vec<Edit> {
        choices.iter().flat_map(|(_, edits)| edits.clone()).collect()
    };
    let (own, theirs) = (edits(choices), edits(theirs));
    let meets = |edit: &&Edit| theirs.iter().any(|e| e.covers(&edit.key) || edit.covers(&e.key));
    let Some(shared) = own.iter().find(meets) else { return Ok(()) };
    let title = format!("`{}` is set by two axes of the sweep, `{other}` and `{key}`", shared.key);
    Err(Wrong::new(&["sweep", key], title)
        .note("a row is labelled with one value: set it by one axis"))
}

fn choices(key: &str, values: &Value) -> Result<Choices, Wrong> {
    let path = ["sweep", key];
    match values {
        Value::Array(values) => {
            may_be_swept(key, &path)?;
            let twice = repeated(values);
            ensure(twice.is_none(), &path, || {
                let value = twice.map(Value::to_string).unwrap_or_default();
                format!("{value} stands twice here: its runs would count twice")
            })?;
            let choice = |value: &Value| {
                let edit = Edit { key: key.to_owned(), value: value.clone() };
                (super::json(value), vec![edit])
            };
            Ok(values.iter().map(choice).collect())
        }
        // A list one level down is a dotted key without its quotes.
        Value::Table(named) if !named.values().any(Value::is_array) => {
            named.iter().map(|(name, settings)| named_choice(key, name, settings)).collect()
        }
        other => {
            let title = format!("`{key}` wants a list of values, not {}", other.type_str());
            Err(Wrong::new(&path, title)
                .note("write dotted keys in quotes: \"load.rate\" = [500, 1000]"))
        }
    }
}

/// Several assignments under one name.
fn named_choice(
    key: &str,
    name: &str,
    settings: &Value,
) -> Result<(serde_json::Value, Vec<Edit>), Wrong> {
    let path = ["sweep", key, name];
    let Value::Table(settings) = settings else {
        let title = format!("`{name}` wants a table of keys to set, not {}", settings.type_str());
        return Err(Wrong::new(&path, title)
            .note("like lan = { \"network.latency\" = \"200us\", \"stop.after\" = \"4s\" }"));
    };
    let edit = |(key, value): (&String, &Value)| {
        may_be_swept(key, &path)?;
        Ok(Edit { key: key.clone(), value: value.clone() })
    };
    let edits = settings.iter().map(edit).collect::<Result<Vec<_>, Wrong>>()?;
    Ok((name.into(), edits))
}

fn may_be_swept(key: &str, path: &[&str]) -> Checked {
    let fixed = ["seeds", "host", "name", "about", "sweep", "expect"];
    let first = key.split('.').next().unwrap_or_default();
    ensure(!fixed.contains(&first), path, || format!("`{first}` cannot be swept"))
}

/// What a protocol's theory says of these parameters: that of the variant which they choose.
pub(super) fn theory(entry: Entry, params: &Table) -> Option<&'static Theory> {
    let chosen = |theory: &&Theory| {
        let variant = theory.params("").unwrap_or_default();
        variant.iter().all(|(key, value)| params.get(key) == Some(value))
    };
    // The defaults' theory asks for nothing; one that asks for more is meant where it fits.
    entry.theories.iter().rev().find(chosen)
}

/// `spec` with replicas drawn by lot, where faults ask for that.
pub(super) fn drawn(spec: &Arc<Spec>, entry: Entry, params: &Table, seed: u64) -> Arc<Spec> {
    if spec.fault.iter().all(|fault| fault.drawn.is_none()) {
        return spec.clone();
    }
    let size = spec.cluster.nodes;
    let stands = theory(entry, params).map_or(0, |theory| theory.resilience.faults(size));
    let mut spec = Spec::clone(spec);
    for (number, fault) in spec.fault.iter_mut().enumerate() {
        let Some(count) = fault.drawn.take().map(|drawn| drawn.count(stands)) else { continue };
        let mut ids: Vec<u16> = (0..size).collect();
        Stream::new(seed, &format!("fault/{number}")).shuffle(&mut ids);
        ids.truncate(count.into());
        ids.sort_unstable();
        fault.replica = Some(OneOrMany(ids));
    }
    Arc::new(spec)
}
