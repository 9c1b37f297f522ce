//! The theory table as a page of the documentation.

use super::Sheet;

/// What stands above the sheets.
const HEAD: &str = "\
# What the protocols promise, and what was measured

Made by `byzlab conform --markdown`; a test compares this page with what is measured now. Each variant
of a protocol declares what its theory promises (`Theory` in `crates/core/src/theory.rs`, where the
conventions stand), and each promise is measured in `sim`.

δ is the actual delay of a message, Δ the bound that timeouts are set by. Latency counts from the
proposal's leaving the leader to the first and to the last honest commit; a client waits two δ more,
for its request and the reply. Messages count once a receiver, what a replica says to itself does not
count. Good case: constant δ, free computing, nobody faulty, something always waits.

*With a twin*: two honest copies run under one key, each seen by a part of the others, drawn anew every
500 ms. *In two worlds*: the network falls in two halves for good, and whoever lies is honest in both.
One more than a protocol stands is then enough for two quorums that contradict each other, wherever a
quorum is all that finality asks for; the checker sees it.
";

/// The whole page.
pub fn markdown(sheets: &[Sheet]) -> String {
    let mut page = HEAD.to_owned();
    page += &summary(sheets);
    for sheet in sheets {
        page += &one(sheet);
    }
    page
}

/// All variants in one table, as measured.
fn summary(sheets: &[Sheet]) -> String {
    let mut text = String::from(
        "\n| protocol | first, last commit | period | messages a decision | view change | holds |\n\
         |---|---|---|---|---|---|\n",
    );
    for sheet in sheets {
        let find = |promises: &[&str]| {
            let of = |row: &&super::Row| promises.contains(&row.promise.as_str());
            sheet.rows.iter().find(of)
        };
        let measured =
            |promise: &str| find(&[promise]).map_or("–".to_owned(), |row| row.measured.clone());
        let latency = match find(&["first honest commit"]) {
            Some(first) => format!("{}, {}", first.measured, measured("last honest commit")),
            None => "by confirmations".into(),
        };
        let formula = |promises: &[&str]| {
            let row = find(promises);
            row.map_or("–".to_owned(), |row| {
                row.promised.split(" = ").next().unwrap_or("–").into()
            })
        };
        let holds = if sheet.holds() { "yes" } else { "**no**" };
        text += &format!(
            "| {} | {latency} | {} | {} | {} | {holds} |\n",
            cell(&sheet.title()),
            measured("from decision to decision"),
            formula(&["messages a decision", "messages a block"]),
            formula(&["messages a view change"]),
        );
    }
    text
}

fn one(sheet: &Sheet) -> String {
    let mut text =
        format!("\n## {}\n\n{}. Promised in: {}.\n", sheet.title(), sheet.about, sheet.source);
    if !sheet.remark.is_empty() {
        text += &format!("Convention: {}.\n", sheet.remark);
    }
    text += "\n| promise | setting | promised | measured | |\n|---|---|---|---|---|\n";
    for row in &sheet.rows {
        let verdict = if row.holds { "holds" } else { "**differs**" };
        let cells = [&row.promise, &row.setting, &row.promised, &row.measured].map(|c| cell(c));
        text += &format!("| {} | {verdict} |\n", cells.join(" | "));
    }
    text
}

/// Text that does not end a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
