//! The protocols of a file: names, labels, parameters, and whether a replica of each can be seated.

use byzlab_core::{BuildError, Entry, Registry};
use toml::{Table, Value};

use super::{Checked, Wrong, ensure};
use crate::{process, spec::Spec, trial};

/// A protocol of the experiment, its parameters resolved.
#[derive(Clone, Debug)]
pub(in crate::experiment) struct Chosen {
    pub(in crate::experiment) entry: Entry,
    pub(in crate::experiment) label: String,
    pub(in crate::experiment) params: Table,
}

impl Chosen {
    /// Whether its replicas toss a common coin.
    pub(super) fn tosses(&self) -> bool {
        self.entry.tosses(&self.params).unwrap_or(false)
    }
    /// As a `[[protocol]]` table.
    pub(in crate::experiment) fn to_table(&self) -> Table {
        let mut table = Table::new();
        table.insert("name".into(), self.entry.name.into());
        table.insert("label".into(), self.label.clone().into());
        table.extend(self.params.clone());
        table
    }
}

pub(super) fn protocols(spec: &Spec, registry: &Registry) -> Result<Vec<Chosen>, Wrong> {
    let many = spec.protocol.0.len() > 1;
    let mut all: Vec<Chosen> = Vec::new();
    for (index, table) in spec.protocol.0.iter().enumerate() {
        let index = index.to_string();
        let path = if many { vec!["protocol", &index] } else { vec!["protocol"] };
        let chosen = choose(table, registry, &path)?;
        take_a_seat(spec, &chosen, &path)?;
        let double = all.iter().any(|other| other.label == chosen.label);
        ensure(!double, &[&path[..], &["label"]].concat(), || {
            format!("two protocols are labelled `{}`; give one another `label`", chosen.label)
        })?;
        all.push(chosen);
    }
    ensure(!all.is_empty(), &["protocol"], || "there must be a protocol".into())?;
    Ok(all)
}

/// One protocol of the file. Parameters are resolved one by one first, so that an error has a place.
pub(super) fn choose(table: &Table, registry: &Registry, path: &[&str]) -> Result<Chosen, Wrong> {
    let at = |key: &str| -> Vec<String> {
        path.iter().map(|&step| step.to_owned()).chain([key.to_owned()]).collect()
    };
    let wrong = |key: &str, title: String| Wrong { path: at(key), title, notes: Vec::new() };
    let mut params = table.clone();
    process::name_it(&mut params);
    let name = match params.remove("name") {
        Some(Value::String(name)) => name,
        Some(other) => {
            return Err(wrong("name", format!("a name is a string, not {}", other.type_str())));
        }
        None => return Err(wrong("", "a protocol needs a `name`".into())),
    };
    let entry = registry.find(&name).map_err(|e| wrong("name", e.to_string()))?;
    let label = match params.remove("label") {
        Some(Value::String(label)) => label,
        Some(other) => {
            return Err(wrong("label", format!("a label is a string, not {}", other.type_str())));
        }
        None => name,
    };
    for (key, value) in &params {
        let alone = Table::from_iter([(key.clone(), value.clone())]);
        entry.resolve(&alone).map_err(|e| {
            let help = format!("`byzlab protocols {}` explains the parameters", entry.name);
            wrong(key, in_words(&e.to_string(), key)).note(help)
        })?;
    }
    let params = entry.resolve(&params).map_err(|e| {
        let why = e.to_string();
        wrong(blamed(&why, &params), why.clone())
    })?;
    Ok(Chosen { entry, label, params })
}

/// Serde's message about a value, with the key that it is about.
fn in_words(message: &str, key: &str) -> String {
    if message.starts_with("unknown") { message.to_owned() } else { format!("`{key}`: {message}") }
}

/// The parameter that a protocol's message is about: the first that it names.
fn blamed<'a>(message: &'a str, params: &Table) -> &'a str {
    let mut named = message.split('`').skip(1).step_by(2);
    // As in `server = 9`.
    let key = |name: &'a str| name.split(' ').next().unwrap_or_default();
    named.by_ref().map(key).find(|&name| params.contains_key(name)).unwrap_or_default()
}

/// A protocol may refuse parameters that are each right alone, or a committee of this size.
fn take_a_seat(spec: &Spec, chosen: &Chosen, path: &[&str]) -> Checked {
    let wrong = |e: BuildError| {
        let why = e.to_string();
        let place = [path, &[blamed(&why, &chosen.params)]].concat();
        Wrong::new(&place, format!("`{}`: {why}", chosen.label))
    };
    let Chosen { entry, params, .. } = chosen;
    trial::seat(entry, params, spec.cluster.nodes, spec.cluster.client_signatures).map_err(wrong)
}
