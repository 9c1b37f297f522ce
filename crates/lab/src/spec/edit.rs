//! Edits by dotted key: `--set load.rate=500` and the assignments of a sweep.
//!
//! A step into an array of tables is an index (`fault.0.at`), or a name (`protocol.pbft.window`, where
//! `name` or `label` say so), or nothing: `protocol.window` goes to every `[[protocol]]`.

use toml::{Table, Value};

use super::Problem;

/// One assignment.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The dotted key.
    pub key: String,
    /// What it is set to.
    pub value: Value,
}

impl Edit {
    /// Reads `key=value`. A value that is no TOML is taken as a string, so `--set name=x` does what it
    /// seems to.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let (key, value) = text.split_once('=').ok_or_else(|| {
            Problem::new(format!("`--set {text}` lacks a value"))
                .note("write --set key=value, like --set load.rate=500")
        })?;
        let (key, value) = (key.trim(), value.trim());
        if steps(key).iter().any(String::is_empty) {
            return Err(Problem::new(format!("`--set {text}` has an empty key")));
        }
        let document = toml::from_str::<Table>(&format!("value = {value}")).ok();
        let parsed = document.filter(|table| table.len() == 1).and_then(|mut t| t.remove("value"));
        if parsed.is_none() && overflows(value) {
            let most = i64::MAX;
            return Err(Problem::new(format!("`--set {text}`: {value} is too large for a number"))
                .note(format!("whole numbers are {} to {most}, others up to 1.8e308", i64::MIN)));
        }
        let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
        Ok(Self { key: key.to_owned(), value })
    }
    /// Whether it sets all that an assignment to `key` would: the same, a table around it, or the same of
    /// every `[[protocol]]` where `key` names one.
    pub fn covers(&self, key: &str) -> bool {
        let (own, other) = (steps(&self.key), steps(key));
        let of_all = match (&own[..], &other[..]) {
            ([all, own @ ..], [one, _, other @ ..]) => {
                all == "protocol" && one == all && !own.is_empty() && other.starts_with(own)
            }
            _ => false,
        };
        of_all || other.starts_with(&own)
    }
    /// Makes the assignment in `table`. Tables on the way are made where there are none.
    pub fn apply(&self, table: &mut Table) -> Result<(), Problem> {
        let steps = steps(&self.key);
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        set_in_table(table, &steps, &self.value)
            .map_err(|why| Problem::new(format!("cannot set `{}`: {why}", self.key)))
    }
}

/// The steps of a dotted key. One in quotes may have dots itself, as the keys of `[sweep]` do.
fn steps(key: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut quoted = false;
    for c in key.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => steps.push(String::new()),
            c => steps.last_mut().expect("there is one").push(c),
        }
    }
    steps.iter().map(|step| step.trim().to_owned()).collect()
}

/// Whether it is written like a number, but beyond all that TOML has.
fn overflows(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']).replace('_', "");
    let whole = digits.bytes().all(|c| c.is_ascii_digit());
    let number: Option<f64> =
        digits.parse().ok().filter(|_| digits.starts_with(|c: char| c.is_ascii_digit()));
    number.is_some_and(|number| number.is_infinite() || whole && number >= i64::MAX as f64)
}

fn set_in_table(table: &mut Table, steps: &[&str], value: &Value) -> Result<(), String> {
    let Some((step, rest)) = steps.split_first() else {
        return Err("the key ends at a table".into());
    };
    if rest.is_empty() {
        table.insert((*step).to_owned(), value.clone());
        return Ok(());
    }
    let inner = table.entry(*step).or_insert_with(|| Value::Table(Table::new()));
    match inner {
        Value::Table(inner) => set_in_table(inner, rest, value),
        Value::Array(items) => set_in_array(items, step, rest, value),
        other => Err(format!("`{step}` is no table but {}", other.type_str())),
    }
}

fn set_in_array(
    items: &mut [Value],
    name: &str,
    steps: &[&str],
    value: &Value,
) -> Result<(), String> {
    let (step, rest) = steps.split_first().ok_or("the key ends at an array")?;
    if let Ok(index) = step.parse::<usize>() {
        let count = items.len();
        let item = items.get_mut(index);
        let item = item.ok_or_else(|| format!("`{name}` has {count} entries, counted from 0"))?;
        if rest.is_empty() {
            *item = value.clone();
            return Ok(());
        }
        return set_in_item(item, rest, value);
    }
    let called = |item: &Value, step: &str| {
        ["name", "label"].iter().any(|key| item.get(key).and_then(Value::as_str) == Some(step))
    };
    let named = !rest.is_empty() && items.iter().any(|item| called(item, step));
    let inner =
        |item: &Value| item.get(step).is_some_and(|value| value.is_table() || value.is_array());
    if !rest.is_empty() && !named && !items.iter().any(inner) {
        return Err(no_entry(items, name, step));
    }
    for item in items {
        if !named {
            set_in_item(item, steps, value)?;
        } else if called(item, step) {
            set_in_item(item, rest, value)?;
        }
    }
    Ok(())
}

/// That no entry is called so, and what they are called.
fn no_entry(items: &[Value], name: &str, step: &str) -> String {
    let Some(last) = items.len().checked_sub(1) else {
        return format!("`{name}` has no entries");
    };
    let names = items.iter().filter_map(|item| item.get("label").or(item.get("name"))?.as_str());
    let names: Vec<&str> = names.collect();
    let indices = if last == 0 { "0".to_owned() } else { format!("0 to {last}") };
    let names = if names.is_empty() { String::new() } else { format!(", or {}", names.join(", ")) };
    format!("`{name}` has no entry `{step}`: they are {indices}{names}")
}

fn set_in_item(item: &mut Value, steps: &[&str], value: &Value) -> Result<(), String> {
    match item {
        Value::Table(inner) => set_in_table(inner, steps, value),
        other => Err(format!("an entry of type {} has no keys", other.type_str())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, edit: &str) -> Result<String, String> {
        let mut table: Table = toml::from_str(text).expect("the test's text is TOML");
        let edit = Edit::parse(edit).map_err(|e| e.to_string())?;
        edit.apply(&mut table).map_err(|e| e.to_string())?;
        Ok(table.to_string())
    }

    #[test]
    fn values_are_toml_or_else_strings() {
        assert_eq!(edited("", "a.b=3").unwrap(), "[a]\nb = 3\n");
        assert_eq!(edited("", "a=[1, 2]").unwrap(), "a = [1, 2]\n");
        assert_eq!(edited("", "a=40ms").unwrap(), "a = \"40ms\"\n");
        assert_eq!(edited("", "a=\"x\"").unwrap(), "a = \"x\"\n");
        assert_eq!(edited("", "s.\"a.b\"=[1]").unwrap(), "[s]\n\"a.b\" = [1]\n");
        assert_eq!(edited("", "a=007").unwrap(), "a = \"007\"\n");
        for large in ["1e400", "-1e400", "99999999999999999999999", "9223372036854775808"] {
            let message = edited("", &format!("a={large}")).unwrap_err();
            assert!(message.contains(&format!("{large} is too large")), "{message}");
        }
        let smuggled = Edit::parse("a=1\nb = 2").unwrap();
        assert_eq!(smuggled.value, Value::String("1\nb = 2".into()));
    }

    #[test]
    fn an_edit_covers_what_it_would_set() {
        let covers = |own: &str, key: &str| Edit::parse(&format!("{own}=1")).unwrap().covers(key);
        assert!(covers("cluster.nodes", "cluster.nodes") && covers("cluster", "cluster.nodes"));
        assert!(!covers("cluster.nodes", "cluster") && !covers("cluster.node", "cluster.nodes"));
        assert!(
            covers("protocol.window", "protocol.pbft.window") && covers("protocol", "protocol.x.y")
        );
        assert!(!covers("protocol.pbft.window", "protocol.window"));
        assert!(!covers("protocol.window", "protocol.pbft.name") && !covers("load.x", "load.y.x"));
    }

    #[test]
    fn arrays_of_tables_go_by_index_by_name_or_all() {
        let text = "[[p]]\nname = \"x\"\n[[p]]\nname = \"y\"\n";
        assert!(edited(text, "p.1.k=1").unwrap().ends_with("name = \"y\"\nk = 1\n"));
        assert!(edited(text, "p.x.k=1").unwrap().starts_with("[[p]]\nname = \"x\"\nk = 1\n"));
        assert_eq!(edited(text, "p.k=1").unwrap().matches("k = 1").count(), 2);
        assert!(edited(text, "p.2.k=1").unwrap_err().contains("`p` has 2 entries"));
        for step in ["-1", "z"] {
            let message = edited(text, &format!("p.{step}.k=1")).unwrap_err();
            let right = format!("`p` has no entry `{step}`: they are 0 to 1, or x, y");
            assert!(message.contains(&right), "{message}");
        }
        assert!(edited("a = 1", "a.b=1").unwrap_err().contains("`a` is no table"));
        assert!(Edit::parse("a").is_err() && Edit::parse("a..b=1").is_err());
    }
}
