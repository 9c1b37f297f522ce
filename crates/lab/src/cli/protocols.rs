//! `byzlab protocols`.

use anyhow::Result;
use byzlab_core::{
    Entry, Registry, Theory,
    theory::{Slowest, Timing},
};
use clap::Args;
use serde_json::Value;

use super::{Found, say};

/// Lists the protocols, or the parameters of one, with their docs and defaults
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The protocol to explain
    name: Option<String>,
    /// Prints the JSON schema of its parameters
    #[arg(long, requires = "name")]
    schema: bool,
}

pub(super) fn protocols(arguments: &Arguments, registry: &Registry) -> Result<Found> {
    let Some(name) = &arguments.name else { return say(&list(registry)) };
    let entry = registry.find(name)?;
    if arguments.schema {
        return say(&(serde_json::to_string_pretty(&entry.schema())? + "\n"));
    }
    say(&explain(&entry)?)
}

fn list(registry: &Registry) -> String {
    let width = registry.entries().iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    let line = |entry: &Entry| format!("{:width$}  {}\n", entry.name, entry.about);
    registry.entries().iter().map(line).collect()
}

fn explain(entry: &Entry) -> Result<String> {
    let mut text =
        format!("{}: {}\n\n[protocol]\nname = \"{}\"\n", entry.name, entry.about, entry.name);
    let schema = serde_json::to_value(entry.schema())?;
    let defaults = entry.resolve(&toml::Table::new())?;
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let said = property["description"].as_str().or_else(|| described(&schema, property));
        for line in said.unwrap_or("(not documented)").lines() {
            text += &format!("# {line}\n");
        }
        for (value, meaning) in values(&schema, property) {
            text += &format!("#   {value}: {}\n", meaning.replace('\n', " "));
        }
        match defaults.get(key) {
            Some(default) => text += &format!("{key} = {default}\n"),
            None => text += &format!("# {key} is absent by default\n"),
        }
    }
    if !entry.theories.is_empty() {
        text += &format!("\n# What it promises; `byzlab conform {}` measures it.\n", entry.name);
    }
    entry.theories.iter().for_each(|theory| text += &promises(theory));
    Ok(text)
}

/// What one variant promises, in a comment.
fn promises(theory: &Theory) -> String {
    let variant = match theory.variant {
        "" => "As it is".to_owned(),
        variant => format!("With {}", variant.replace('\n', ", ")),
    };
    let latency = match theory.timing {
        Timing::Rounds { first, last } => {
            let slowest = |slowest: Slowest| format!(" (the slowest block {})", slowest.last);
            let slowest = theory.slowest.map_or(String::new(), slowest);
            let least = if theory.by_chance.is_some() { "at the earliest " } else { "" };
            format!("commits {least}after {first}, at the last {last}{slowest}")
        }
        Timing::Mined { spacing, confirmations, .. } => {
            format!("commits after `{confirmations}` blocks, one a `{spacing}`")
        }
    };
    let least = if theory.by_chance.is_some() { "at least " } else { "" };
    let text = format!(
        "{variant}: {latency}; {least}{} messages a decision; {}. {}.",
        theory.messages.text, theory.resilience, theory.source
    );
    format!("# {text}\n")
}

/// The values that a property may have, and what each means, where they have names.
fn values<'a>(schema: &'a Value, property: &Value) -> Vec<(&'a Value, &'a str)> {
    let kind = property["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
    let named = kind.and_then(|path| schema.pointer(path)?["oneOf"].as_array());
    let value = |one: &'a Value| Some((one.get("const")?, one["description"].as_str()?));
    named.into_iter().flatten().filter_map(value).collect()
}

/// The description of the type that a property refers to.
fn described<'a>(schema: &'a Value, property: &Value) -> Option<&'a str> {
    let path = property["$ref"].as_str()?.strip_prefix('#')?;
    schema.pointer(path)?["description"].as_str()
}
