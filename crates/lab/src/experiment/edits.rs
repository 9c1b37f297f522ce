//! The edits of a command line on an experiment file: made first and judged then, so that a file can be
//! repaired by them; and what is wrong afterwards is the file's or an edit's fault.

use std::path::Path;

use byzlab_core::Registry;
use toml::{Table, Value};

use super::{check::Wrong, interpret};
use crate::{
    profiles,
    spec::{Edit, Problem, Source, Spec},
};

/// The file's table with the edits made.
#[derive(Clone, Debug, Default)]
pub(super) struct Edited {
    pub(super) table: Table,
    /// What else was done for the edits' sake, a line each.
    pub(super) said: Vec<String>,
}

/// Makes the edits. A key that is set is no longer swept.
pub(super) fn made(source: &Source, plain: &Table, edits: &[Edit]) -> Result<Edited, Problem> {
    let mut edited = Edited { table: plain.clone(), said: Vec::new() };
    for edit in edits {
        edit.apply(&mut edited.table).map_err(|problem| blamed(problem, edit))?;
        edited.clear_sweep(edit).map_err(|problem| blamed(problem, edit))?;
    }
    let folder = Path::new(source.name()).parent().unwrap_or(Path::new(""));
    profiles::fetch(&mut edited.table, &[], folder).map_err(|why| {
        match edits.iter().rfind(|edit| edit.covers("accelerator.model")) {
            Some(edit) => blamed(Problem::new(why), edit),
            None => source.problem(&["accelerator", "model"], why),
        }
    })?;
    Ok(edited)
}

impl Edited {
    /// Takes out of the sweep what `edit` sets: what a sweep sets, it sets last.
    fn clear_sweep(&mut self, edit: &Edit) -> Result<(), Problem> {
        let Some(Value::Table(sweep)) = self.table.get_mut("sweep") else { return Ok(()) };
        let mut gone = Vec::new();
        for (axis, values) in sweep.iter_mut() {
            match values {
                Value::Array(_) if edit.covers(axis) => gone.push(axis.clone()),
                Value::Array(_) => not_within(edit, axis)?,
                Value::Table(named) => {
                    let (had, left) = clear_named(edit, named)?;
                    let key = &edit.key;
                    match (had, left) {
                        (true, false) => gone.push(axis.clone()),
                        (true, true) => self.said.push(format!(
                            "--set {key}: the settings of the sweep `{axis}` set it no longer, and keep the rest"
                        )),
                        (false, _) => {}
                    }
                }
                _ => {}
            }
        }
        for axis in gone {
            sweep.remove(&axis);
            self.said.push(format!("--set {}: it takes the place of the sweep `{axis}`", edit.key));
        }
        Ok(())
    }
}

/// The same in an axis of settings with names: whether any set it, and whether any sets something else.
fn clear_named(edit: &Edit, named: &mut Table) -> Result<(bool, bool), Problem> {
    let (mut had, mut left) = (false, false);
    for settings in named.iter_mut().filter_map(|(_, settings)| settings.as_table_mut()) {
        for key in settings.keys().filter(|key| !edit.covers(key)) {
            not_within(edit, key)?;
        }
        let before = settings.len();
        settings.retain(|key, _| !edit.covers(key));
        had |= settings.len() < before;
        left |= !settings.is_empty();
    }
    Ok((had, left))
}

/// An error if the sweep sets `key`, of which the edit sets a part: that would come to nothing.
fn not_within(edit: &Edit, key: &str) -> Result<(), Problem> {
    let swept = Edit { key: key.to_owned(), value: Value::Boolean(true) };
    match swept.covers(&edit.key) {
        true => Err(Problem::new(format!("the sweep sets all of `{key}` after it"))
            .note(format!("set `{key}` itself, or change the sweep in the file"))),
        false => Ok(()),
    }
}

/// Whose fault it is that the table with all edits is `wrong`, shown there.
pub(super) fn fault(
    wrong: Wrong,
    source: &Source,
    plain: &Table,
    edits: &[Edit],
    registry: &Registry,
) -> Problem {
    let judged = |edits: &[Edit]| -> Result<(), String> {
        let edited = made(source, plain, edits).map_err(|problem| problem.to_string())?;
        interpret(&edited.table, registry).map(|_| ()).map_err(|wrong| wrong.title)
    };
    if edits.is_empty() || judged(&[]).is_err_and(|title| title == wrong.title) {
        return of_file(wrong, source);
    }
    let without = |index: usize| [&edits[..index], &edits[index + 1..]].concat();
    let needed = |index: &usize| judged(&without(*index)).is_ok();
    let guilty: Vec<usize> = (0..edits.len()).filter(needed).collect();
    match guilty[..] {
        [one] => return blamed(wrong.into_problem(), &edits[one]),
        [_, _, ..] => {
            let note = "each --set alone is right; together they are not";
            return wrong.into_problem().note(note);
        }
        [] => {}
    }
    let alone = |edit: &&Edit| judged(&[(*edit).clone()]).is_err_and(|title| title == wrong.title);
    match edits.iter().find(alone) {
        Some(edit) => blamed(wrong.into_problem(), edit),
        None => wrong.into_problem(),
    }
}

/// The file's text may know the place better than the table does.
fn of_file(wrong: Wrong, source: &Source) -> Problem {
    match toml::from_str::<Spec>(source.text()) {
        Err(error) => source.toml_problem(&error),
        Ok(_) => wrong.shown_in(source),
    }
}

/// The problem, shown in the edit.
fn blamed(problem: Problem, edit: &Edit) -> Problem {
    let text = format!("{}={}", edit.key, edit.value);
    problem.at(Source::new("--set", &text).whole())
}
