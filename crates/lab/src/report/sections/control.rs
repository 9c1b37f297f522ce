//! Control: who produced the blocks, and how few hold a majority.

use super::super::{
    html::{Cell, Html},
    marks,
    model::Group,
    page::Context,
    stats::{self, Share},
    words,
};

pub(super) fn section(context: &Context<'_>, html: &mut Html) {
    let model = context.model;
    html.element("section", &[("id", "control")], |html| {
        html.leaf("h2", &[], "Control");
        let caption = "Who produced the blocks of the longest ledger; seeds are added up. The \
             Nakamoto coefficients are the fewest producers that together made more than a half, \
             and more than a third, of all blocks; the Gini coefficient is 0 if all replicas made \
             equally many and 1 − 1/n if one made all.";
        context.figure(html, caption, "producers.csv", |html, _| {
            let sweep = model.is_sweep();
            let rows: Vec<_> = model.groups.iter().map(|group| row(group, sweep)).collect();
            let columns = [
                "Protocol",
                "Host",
                "Blocks by producer",
                "Blocks",
                "Producers",
                "Largest share",
                "Nakamoto > ½",
                "Nakamoto > ⅓",
                "Gini",
            ];
            html.table("control", "", &columns, &rows);
        });
        html.element("details", &[], |html| {
            html.leaf("summary", &[], "How these are computed");
            html.leaf(
                "p",
                &[("class", "small")],
                "Nakamoto coefficient for a share s: with replicas sorted by their blocks, most \
                 first, the least k for which x₁ + … + x_k > s · Σ xᵢ. In proof of work more than \
                 ½ of the blocks is the power to rewrite history, so > ½ is the one to read; a \
                 protocol whose quorums are two thirds stops when more than ⅓ refuse, so > ⅓ is \
                 the one to read there. Both count what was produced in the run: where one leader \
                 proposes as long as it is not suspected, that is who proposed, not who could \
                 have; where quorums vote, every block still needed one.",
            );
            html.leaf(
                "p",
                &[("class", "small")],
                "Gini coefficient over all n replicas, those without a block included: with \
                 blocks sorted ascending, G = 2 · Σ i·xᵢ ∕ (n · Σ xᵢ) − (n + 1) ∕ n.",
            );
        });
    });
}

fn row(group: &Group, sweep: bool) -> Vec<Cell> {
    let mut blocks = vec![0_u64; usize::from(group.nodes)];
    for run in &group.runs {
        for (sum, made) in blocks.iter_mut().zip(&run.producers) {
            *sum = sum.saturating_add(*made);
        }
    }
    let name = if sweep {
        format!("{}, {}", group.label, group.point_label())
    } else {
        group.label.clone()
    };
    let total = blocks.iter().copied().fold(0, u64::saturating_add);
    let mut row = vec![Cell::Series(group.style, name), Cell::Text(group.host.clone())];
    if total == 0 {
        row.push(Cell::Text("no block was committed".into()));
        row.push(Cell::Figure("0".into(), "see the table of runs".into()));
        row.extend((0..5).map(|_| Cell::figure("–")));
        return row;
    }
    let most = blocks.iter().copied().max().unwrap_or(0);
    let made = blocks.iter().filter(|&&b| b > 0).count();
    let coefficient =
        |share| stats::nakamoto(&blocks, share).map_or("–".into(), |k| k.to_string());
    row.push(Cell::Drawing(marks::shares(&blocks, group.style)));
    row.push(Cell::figure(words::count(total)));
    row.push(Cell::figure(format!("{made} of {}", group.nodes)));
    row.push(Cell::figure(words::percent(most as f64 / total as f64)));
    row.push(Cell::figure(coefficient(Share::HALF)));
    row.push(Cell::figure(coefficient(Share::THIRD)));
    row.push(Cell::figure(stats::gini(&blocks).map_or("–".into(), |g| format!("{g:.2}"))));
    row
}
