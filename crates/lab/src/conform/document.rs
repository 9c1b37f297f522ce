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
for its request and the reply. Where a protocol's blocks differ, it goes from the fastest of them to the
slowest. Messages count once a receiver, what a replica says to itself does not count. Good case: constant
δ, free computing, nobody faulty, something always waits.

A crashed leader's turn: all messages from the first replica's giving up on it (where nobody ever does:
from the beginning of its turn by the clock) until a live leader's block is under way. It may be more
than a view change, for where votes go to the next leader the view before is given up in vain first.
Responsive: nothing but δs while leaders are good; or after a bad one too, once it is given up.

An asynchronous protocol (Tusk) waits for nobody and for no timeout: how many rounds a decision takes is left to
the coin and to the order in which messages come, so the least is promised.

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

/// All variants in one table, as promised.
fn summary(sheets: &[Sheet]) -> String {
    let mut text = String::from(
        "\nWhat is promised, in short; *holds* where everything was measured to be so.\n\n\
         | protocol | first; last commit | period | messages a decision | responsive | \
         messages a view change | and a crashed leader's turn | holds |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for sheet in sheets {
        let promised = |promises: &[&str]| {
            let row = sheet.rows.iter().find(|row| promises.contains(&row.promise.as_str()));
            // Of a formula, not its values.
            row.and_then(|row| row.promised.split([';', '=']).next()).map(str::trim)
        };
        let latency = match [promised(&["first honest commit"]), promised(&["last honest commit"])]
        {
            [Some(first), Some(last)] => format!("{first}; {last}"),
            _ => "by confirmations".into(),
        };
        let cells = [
            promised(&["from decision to decision"]),
            promised(&["messages a decision", "messages a block"]),
            promised(&["optimistic responsiveness"]),
            promised(&["messages a view change"]),
            promised(&["messages of a crashed leader's turn"]),
            Some(if sheet.holds() { "yes" } else { "**no**" }),
        ];
        let cells = cells.map(|cell| cell.unwrap_or("–"));
        text += &format!("| {} | {latency} | {} |\n", cell(&sheet.title()), cells.join(" | "));
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
