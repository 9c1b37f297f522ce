//! The page around the sections: head, title, contents in order, foot.

use std::cell::Cell as Slot;

use super::{html::Html, lead, model::Model, sections, tables::Csv};

const STYLE: &str = include_str!("style.css");

/// What sections share while the page is made.
#[derive(Debug)]
pub(super) struct Context<'a> {
    /// What the page is about.
    pub model: &'a Model,
    /// The data behind the figures.
    pub csv: &'a [Csv],
    figures: Slot<usize>,
}

/// The largest CSV file that is put into the page; a larger one lies beside it.
pub(super) const INLINE_MAX: usize = 1 << 20;

impl<'a> Context<'a> {
    /// Before the first figure.
    pub fn new(model: &'a Model, csv: &'a [Csv]) -> Self {
        Self { model, csv, figures: Slot::new(0) }
    }
    /// A figure: what `inside` draws with the name it is given, then its number, caption and data.
    pub fn figure(
        &self,
        html: &mut Html,
        caption: &str,
        data: &str,
        inside: impl FnOnce(&mut Html, &str),
    ) {
        self.figures.set(self.figures.get() + 1);
        let number = self.figures.get();
        let id = format!("figure-{number}");
        html.element("figure", &[("id", &id)], |html| {
            inside(html, &id);
            html.element("figcaption", &[], |html| {
                html.leaf("b", &[], format!("Figure {number}."));
                html.text(format!(" {caption} "));
                self.data(html, data);
            });
        });
    }
    /// A link to the CSV file called `name`.
    pub fn data(&self, html: &mut Html, name: &str) {
        let Some(csv) = self.csv.iter().find(|csv| csv.name == name) else { return };
        html.element("span", &[("class", "data")], |html| {
            if csv.text.len() > INLINE_MAX {
                html.text(format!("Data: {name} beside this page."));
                return;
            }
            html.text("Data: ");
            // Each file is in the page once, in the list of files; figures lead there.
            html.leaf("a", &[("href", &format!("#data-{name}"))], name);
            html.text(".");
        });
    }
}

/// The whole document.
pub(super) fn document(context: &Context<'_>) -> String {
    let model = context.model;
    let mut html = Html::default();
    html.svg("<!doctype html>");
    html.element("html", &[("lang", "en")], |html| {
        html.element("head", &[], |html| {
            html.void("meta", &[("charset", "utf-8")]);
            html.void(
                "meta",
                &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")],
            );
            html.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
            html.leaf("title", &[], format!("{} · ByzLab", model.manifest.name));
            html.style(STYLE);
        });
        html.element("body", &[], |html| {
            html.element("header", &[], |html| lead::header(model, html));
            html.element("main", &[], |html| {
                for section in sections::ALL {
                    section(context, html);
                }
            });
            html.element("footer", &[], |html| {
                let manifest = &model.manifest;
                html.leaf("p", &[], format!(
                    "Made by ByzLab {} from the records of this results folder, and from nothing \
                     else.",
                    manifest.byzlab
                ));
            });
        });
    });
    html.finish()
}
