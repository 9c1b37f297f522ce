//! What it costs to replace a leader, in messages: those that a view change needs at least, and those of
//! a crashed leader's whole turn, in which views may be given up in vain.

use byzlab_core::{
    BuildError, Entry, Theory,
    theory::{Formula, ViewChange},
};

use super::{
    Row,
    crash::{Crash, standing},
    good_case::Setting,
    sizes,
};

/// The rows of the view change.
pub fn rows(entry: Entry, theory: &Theory) -> Vec<Row> {
    if theory.by_chance.is_some() {
        return vec![change(theory, &[], &Ok(Vec::new()))]; // nobody's turn is waited for
    }
    let chosen = standing(theory);
    let settings = chosen.iter().map(|&size| Setting::of(size));
    let crashes: Result<Vec<Crash>, BuildError> =
        settings.map(|setting| Crash::of(entry, theory, setting)).collect();
    let mut rows = vec![change(theory, &chosen, &crashes)];
    // Where nobody may be faulty, there is no turn to be survived.
    rows.extend((!chosen.is_empty()).then(|| turn(theory, &chosen, &crashes)));
    rows
}

fn change(theory: &Theory, chosen: &[u16], crashes: &Result<Vec<Crash>, BuildError>) -> Row {
    let (count, carrying) = match theory.view_change {
        ViewChange::None(why) => {
            let row = Row::new("view change", "").promised(format!("none: {why}"));
            return row.measured("–", true);
        }
        ViewChange::Messages { count, carrying, .. } => (count, carrying),
    };
    let mut promised = formula(count, chosen);
    if !carrying.is_empty() {
        promised += &format!("; {carrying}");
    }
    let row = Row::new("messages a view change", sizes(chosen)).promised(promised);
    let crashes = match crashes {
        Ok(crashes) => crashes,
        Err(error) => return row.failed(error),
    };
    let told = |of: fn(&Crash) -> u64| list(crashes.iter().map(of));
    let holds = crashes.iter().map(|crash| crash.change).eq(wants(count, chosen));
    let sizes = told(|crash| crash.largest);
    row.measured(format!("{}; the largest of {sizes} bytes", told(|crash| crash.change)), holds)
}

fn turn(theory: &Theory, chosen: &[u16], crashes: &Result<Vec<Crash>, BuildError>) -> Row {
    let promised = theory.turn.map_or("no number".into(), |turn| formula(turn, chosen));
    let row = Row::new("messages of a crashed leader's turn", sizes(chosen)).promised(promised);
    match crashes {
        Err(error) => row.failed(error),
        Ok(crashes) => {
            let counts = crashes.iter().map(|crash| crash.turn);
            let holds = theory.turn.is_none_or(|turn| counts.clone().eq(wants(turn, chosen)));
            row.measured(list(counts), holds)
        }
    }
}

fn wants(count: Formula, chosen: &[u16]) -> impl Iterator<Item = u64> {
    chosen.iter().map(move |&n| (count.of)(n.into()))
}

fn list(counts: impl Iterator<Item = u64>) -> String {
    counts.map(|count| count.to_string()).collect::<Vec<_>>().join(", ")
}

/// `"n − 2 = 2, 5"`; a number is said once.
fn formula(count: Formula, chosen: &[u16]) -> String {
    match count.text.parse::<u64>() {
        Ok(_) => count.text.into(),
        Err(_) => format!("{} = {}", count.text, list(wants(count, chosen))),
    }
}
