//! A page in the making: the only way text gets into it escapes the text.

use std::fmt::{Display, Write as _};

/// Well-formed HTML, built from the outside in. [`Html::svg`] and [`Html::style`] alone take
/// markup, and both are for markup that this program wrote itself.
#[derive(Debug, Default)]
pub(super) struct Html(String);

/// Attributes of an element: names from this program, values from anywhere.
pub(super) type Attributes<'a> = &'a [(&'a str, &'a str)];

impl Html {
    /// An element with what `inside` puts into it.
    pub fn element(
        &mut self,
        name: &str,
        attributes: Attributes<'_>,
        inside: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        inside(self);
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
        if !is_inline(name) {
            self.0.push('\n');
        }
    }
    /// An element with text alone.
    pub fn leaf(&mut self, name: &str, attributes: Attributes<'_>, text: impl Display) {
        self.element(name, attributes, |html| html.text(text));
    }
    /// An element that has no end tag.
    pub fn void(&mut self, name: &str, attributes: Attributes<'_>) {
        self.open(name, attributes);
        self.0.push('\n');
    }
    /// Text.
    pub fn text(&mut self, text: impl Display) {
        let mut plain = String::new();
        let _ = write!(plain, "{text}");
        escape_into(&mut self.0, &plain);
    }
    /// A drawing made by [`super::plot`] or [`super::marks`].
    pub fn svg(&mut self, svg: &str) {
        self.0.push_str(svg);
        self.0.push('\n');
    }
    /// The style sheet.
    pub fn style(&mut self, css: &str) {
        self.0.push_str("<style>\n");
        self.0.push_str(css);
        self.0.push_str("</style>\n");
    }
    /// A table: names of columns, then rows. A cell beyond the first column stands right if it is a
    /// figure.
    pub fn table(&mut self, class: &str, caption: &str, columns: &[&str], rows: &[Vec<Cell>]) {
        self.element("div", &[("class", "scroll")], |html| {
            html.element("table", &[("class", class)], |html| {
                if !caption.is_empty() {
                    html.leaf("caption", &[], caption);
                }
                html.element("thead", &[], |html| {
                    html.element("tr", &[], |html| {
                        for (i, name) in columns.iter().enumerate() {
                            let figure =
                                rows.iter().any(|row| matches!(row.get(i), Some(Cell::Figure(..))));
                            let class = if figure { "figure" } else { "" };
                            html.leaf("th", &[("scope", "col"), ("class", class)], name);
                        }
                    });
                });
                html.element("tbody", &[], |html| rows.iter().for_each(|row| html.row(row)));
            });
        });
    }
    /// The finished markup.
    pub fn finish(self) -> String {
        self.0
    }

    fn row(&mut self, cells: &[Cell]) {
        self.element("tr", &[], |html| {
            for cell in cells {
                match cell {
                    Cell::Head(text) => html.leaf("th", &[("scope", "row")], text),
                    Cell::Series(style, text) => html.element("th", &[("scope", "row")], |html| {
                        html.svg(&super::marks::swatch(*style));
                        html.text(text);
                    }),
                    Cell::Text(text) => html.leaf("td", &[], text),
                    Cell::Noted(text, note) => html.element("td", &[("class", "noted")], |html| {
                        html.text(text);
                        html.leaf("small", &[], note);
                    }),
                    Cell::Code(text) => {
                        html.element("td", &[], |html| html.leaf("code", &[], text));
                    }
                    Cell::Figure(text, note) => {
                        html.element("td", &[("class", "figure")], |html| {
                            html.text(text);
                            let long = note.chars().count() > 16;
                            if !note.is_empty() {
                                html.leaf(
                                    "small",
                                    &[("class", if long { "long" } else { "" })],
                                    note,
                                );
                            }
                        });
                    }
                    Cell::Drawing(svg) => {
                        html.element("td", &[("class", "drawing")], |html| html.svg(svg));
                    }
                }
            }
        });
    }
    fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (key, value) in attributes.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(self.0, " {key}=\"");
            escape_into(&mut self.0, value);
            self.0.push('"');
        }
        self.0.push('>');
    }
}

/// One cell of a table.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    /// The name of its row.
    Head(String),
    /// The name of its row, with the line by which figures draw it.
    Series(super::marks::Style, String),
    /// Words.
    Text(String),
    /// Words with a note below.
    Noted(String, String),
    /// Something to copy.
    Code(String),
    /// A figure, with a note below it (an interval, a reason).
    Figure(String, String),
    /// A small drawing of our own.
    Drawing(String),
}

impl Cell {
    /// A figure without a note.
    pub fn figure(text: impl Into<String>) -> Self {
        Self::Figure(text.into(), String::new())
    }
}

fn is_inline(name: &str) -> bool {
    matches!(name, "a" | "b" | "code" | "em" | "small" | "span" | "strong" | "sub" | "sup")
}

/// Appends `text` so that no browser takes any of it for markup, in text and in quoted attributes
/// alike. Characters that HTML does not allow become U+FFFD.
pub(super) fn escape_into(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c => out.push(visible(c)),
        }
    }
}

/// `c`, or U+FFFD if it shows nothing or turns the direction of text, by which one name could be
/// read as another.
pub(super) fn visible(c: char) -> char {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || turns { '\u{fffd}' } else { c }
}

/// `text` as a `data:` address of this media type, for a link that needs no network.
pub(super) fn data_uri(media: &str, text: &str) -> String {
    let mut uri = format!("data:{media};charset=utf-8,");
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b',' | b';' => {
                uri.push(char::from(byte));
            }
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup() {
        let mut html = Html::default();
        html.leaf("p", &[("title", "\" onload=\"x")], "<script>alert('1')</script>\u{202e}\u{0}");
        assert_eq!(
            html.finish(),
            "<p title=\"&quot; onload=&quot;x\">&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;\
             \u{fffd}\u{fffd}</p>\n"
        );
    }

    #[test]
    fn data_uris_are_plain_ascii() {
        assert_eq!(
            data_uri("text/csv", "a,b\nµ#\"1"),
            "data:text/csv;charset=utf-8,a,b%0A%C2%B5%23%221"
        );
    }
}
