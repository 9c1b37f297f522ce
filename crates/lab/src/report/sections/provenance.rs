//! Where the numbers come from and how to get them again: spec, machine, digests, data.

use std::collections::BTreeMap;

use super::super::{
    html::{Cell, Html, data_uri},
    page::{Context, INLINE_MAX},
    words,
};

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    html.element("section", &[("id", "provenance")], |html| {
        html.leaf("h2", &[], "Where these numbers come from");
        replay(context, html);
        manifest(context, html);
        html.element("details", &[("id", "spec")], |html| {
            html.leaf(
                "summary",
                &[],
                "The resolved experiment, with every default filled in (spec.toml)",
            );
            html.element("pre", &[], |html| html.leaf("code", &[], &context.model.spec));
        });
        digests(context, html);
        figures(context, html);
        data(context, html);
    });
}

fn replay(context: &Context<'_>, html: &mut Html) {
    let manifest = &context.model.manifest;
    html.leaf("h3", &[], "How to run it again");
    html.leaf("p", &[], "In the folder of this report:");
    let mut commands = String::new();
    if let Some(commit) = &manifest.commit {
        let commit = commit.trim_end_matches("+changes");
        commands.push_str(&format!(
            "# in the source of byzlab, then build it\ngit checkout {commit}\n\n"
        ));
    }
    let simulated = context.model.records.iter().any(|r| r.summary.trace_digest.is_some());
    if simulated {
        commands.push_str("# every simulated run, digest by digest\nbyzlab replay .\n\n");
    }
    commands.push_str("# everything once more, into a new folder\nbyzlab run spec.toml\n\n");
    commands.push_str("# this page, from the records\nbyzlab report .");
    html.element("pre", &[], |html| html.leaf("code", &[], commands));
    if manifest.commit.as_ref().is_some_and(|commit| commit.ends_with("+changes")) {
        html.leaf(
            "p",
            &[("class", "small")],
            "The program was built from a tree with changes that this commit does not hold, so a \
             replay from the commit may differ.",
        );
    }
    let real = context.model.records.iter().any(|r| r.summary.trace_digest.is_none());
    let text = match (simulated, real) {
        (true, true) => {
            "Simulated runs repeat to the last event. Runs on real machines do not: their figures \
                         depend on the machine, and differ a little each time."
        }
        (true, false) => "All runs were simulated and repeat to the last event.",
        (false, _) => {
            "No run here can be repeated exactly: figures of real machines differ a little each \
                       time."
        }
    };
    html.leaf("p", &[("class", "small")], text);
}

fn manifest(context: &Context<'_>, html: &mut Html) {
    let model = context.model;
    let manifest = &model.manifest;
    let machine = &manifest.machine;
    let unknown = || "unknown".to_owned();
    // 0 where it was not measured, as in results put together from several folders.
    let took = match manifest.wall_s {
        0.0 => String::new(),
        wall_s => format!(", took {}", words::seconds(wall_s)),
    };
    let mut rows = vec![
        ("Begun", [manifest.started.clone(), took].concat()),
        ("ByzLab", format!("{}, {} build", manifest.byzlab, manifest.profile)),
        ("Commit", manifest.commit.clone().unwrap_or_else(unknown)),
        (
            "Cargo.lock",
            manifest.lock_digest.clone().map_or_else(unknown, |d| format!("SHA-256 {d}")),
        ),
        ("Toolchain", manifest.toolchain.clone()),
        (
            "Machine",
            format!(
                "{}; {}; {} of memory; {}",
                machine.cpu,
                words::many(machine.cores, "core"),
                words::bytes(machine.memory_bytes as f64),
                machine.system
            ),
        ),
        (
            "Load at start",
            match machine.load_average {
                Some(load) => format!("{load:.2} (one-minute average)"),
                None => "not known on this system".into(),
            },
        ),
        ("Accelerator", manifest.accelerator.clone()),
        ("Client signatures", signatures(context)),
        ("Durability", durability(context)),
        ("Experiment", format!("spec.toml, SHA-256 {}", manifest.spec_digest)),
    ];
    if !manifest.set.is_empty() {
        rows.push(("Set on the command line", manifest.set.join(", ")));
    }
    html.leaf("h3", &[], "Manifest");
    html.element("dl", &[], |html| {
        for (name, value) in rows {
            html.leaf("dt", &[], name);
            html.leaf("dd", &[], value);
        }
    });
}

fn signatures(context: &Context<'_>) -> String {
    let mut kinds: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    for run in &context.model.records {
        *kinds.entry((run.client_signatures, &run.scheme)).or_default() += 1;
    }
    let total = context.model.records.len();
    let say = |(&(on, scheme), &runs): (&(bool, &str), &usize)| {
        let which = if runs == total { "all runs".into() } else { words::many(runs, "run") };
        match (on, scheme) {
            (true, "ed25519") => format!("on in {which}: Ed25519, each one checked"),
            (true, "simulated") => {
                format!("on in {which}: simulated, their cost charged and no curve computed")
            }
            (true, "bls") => {
                format!("on in {which}: replicas sign by BLS, clients by Ed25519, each one checked")
            }
            (true, scheme) => format!("on in {which}: {scheme}"),
            (false, scheme) => {
                format!("OFF in {which}: transactions are not signed; replicas sign by {scheme}")
            }
        }
    };
    kinds.iter().map(say).collect::<Vec<_>>().join("; ")
}

fn durability(context: &Context<'_>) -> String {
    let mut kinds: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for run in &context.model.records {
        *kinds.entry(run.durability.as_deref()).or_default() += 1;
    }
    let say = |(kind, runs): (&Option<&str>, &usize)| {
        let runs = words::many(*runs, "run");
        match kind {
            Some("fsync") => format!("fsync in {runs}: a commit waited until the disk had it"),
            Some("os") => {
                format!("os in {runs}: a commit waited for the operating system, not the disk")
            }
            Some("memory") => format!("memory in {runs}: nothing was written"),
            Some(other) => format!("{other} in {runs}"),
            None => format!("none in {runs}: simulated, what was saved survives a crash"),
        }
    };
    kinds.iter().map(say).collect::<Vec<_>>().join("; ")
}

fn digests(context: &Context<'_>, html: &mut Html) {
    html.element("details", &[("id", "digests")], |html| {
        html.leaf("summary", &[], "Every run: seed, trace digest, ledger head");
        let row = |run: &crate::record::Record| {
            let s = &run.summary;
            let digest = s
                .trace_digest
                .clone()
                .map_or_else(|| Cell::Text("none: a real run".into()), Cell::Code);
            let head = s.ledger_head.clone().map_or_else(
                || Cell::Text("none: every replica is down".into()),
                |head| Cell::Code(words::short(&head)),
            );
            vec![
                Cell::Head(run.run.to_string()),
                Cell::Text(run.label.clone()),
                Cell::Text(s.host.clone()),
                Cell::Text(run.point_label()),
                Cell::figure(s.seed.to_string()),
                Cell::figure(words::seconds(s.duration_s)),
                Cell::figure(match s.wall_s {
                    0.0 => "–".to_owned(),
                    wall_s => words::seconds(wall_s),
                }),
                Cell::figure(words::count(s.events)),
                Cell::figure(words::count(s.committed_blocks)),
                digest,
                head,
            ]
        };
        let rows: Vec<_> = context.model.records.iter().map(row).collect();
        let columns = [
            "Run",
            "Protocol",
            "Host",
            "Point",
            "Seed",
            "Lasted",
            "Took",
            "Events",
            "Blocks",
            "Trace digest",
            "Ledger head",
        ];
        html.table("digests", "", &columns, &rows);
    });
}

fn figures(context: &Context<'_>, html: &mut Html) {
    let mut rows = Vec::new();
    for group in &context.model.groups {
        let names: std::collections::BTreeSet<&String> =
            group.runs.iter().flat_map(|run| run.figures.keys()).collect();
        for name in names {
            let Some(mean) = group.mean(|run| run.figures.get(name).copied()) else { continue };
            rows.push(vec![
                Cell::Series(group.style, group.name()),
                Cell::Text(name.clone()),
                Cell::Figure(words::number(mean.value), words::interval(mean)),
            ]);
        }
    }
    if rows.is_empty() {
        return;
    }
    html.element("details", &[("id", "figures")], |html| {
        html.leaf("summary", &[], "Further figures of the hosts");
        html.table("figures", "", &["Runs", "Figure", "Mean"], &rows);
    });
}

fn data(context: &Context<'_>, html: &mut Html) {
    html.leaf("h3", &[], "Data");
    html.leaf(
        "p",
        &[],
        "Each figure's data as CSV, in this page and beside it; records.jsonl has everything.",
    );
    html.element("ul", &[("class", "files")], |html| {
        for csv in context.csv {
            html.element("li", &[("id", &format!("data-{}", csv.name))], |html| {
                let size = words::bytes(csv.text.len() as f64);
                let uri = if csv.text.len() > INLINE_MAX {
                    csv.name.to_owned()
                } else {
                    data_uri("text/csv", &csv.text)
                };
                html.leaf("a", &[("href", &uri), ("download", csv.name)], csv.name);
                html.text(format!(" — {} ({size})", csv.about));
            });
        }
    });
}
