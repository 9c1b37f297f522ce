//! A file that the user wrote, as text, and what is wrong with it, shown where it stands.

use std::{fmt, fs::File, io::Read as _, ops::Range, path::Path, sync::Arc};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use toml::de::{DeTable, DeValue};

/// The largest experiment or committee file that is read.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// The text of an experiment file, or of a committee file.
#[derive(Clone, Debug)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
}

/// Something wrong with what the user gave: a file, a key, a value.
#[derive(Clone, Debug)]
pub struct Problem {
    title: String,
    place: Option<(Source, Range<usize>)>,
    label: String,
    notes: Vec<String>,
}

impl Source {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let cannot =
            |why: &dyn fmt::Display| Problem::new(format!("cannot read {}: {why}", path.display()));
        let text = read_bounded(path, FILE_BYTES_MAX).map_err(|why| cannot(&why))?;
        Ok(Self::new(&path.display().to_string(), &text))
    }
    /// A text that stands in a file called `name`.
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.into(), text: text.into() }
    }
    /// What the file is called.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The text as a table.
    pub fn table(&self) -> Result<toml::Table, Problem> {
        toml::from_str(&self.text).map_err(|e| self.toml_problem(&e))
    }
    /// What a TOML error of this text looks like to the user.
    pub fn toml_problem(&self, error: &toml::de::Error) -> Problem {
        let (title, known) = split_known(error.message());
        let place = error.span().map(|span| (self.clone(), self.trimmed(span)));
        Problem { title, place, label: String::new(), notes: Vec::from_iter(known) }
    }
    /// A problem with the key or value at `path`, or in the nearest table above that the text has.
    pub fn problem(&self, path: &[&str], title: impl Into<String>) -> Problem {
        let place = self.locate(path).map(|span| (self.clone(), span));
        Problem { place, ..Problem::new(title) }
    }
    /// A place that is the whole text; for texts of one line.
    pub fn whole(&self) -> Problem {
        let span = self.trimmed(0..self.text.len());
        Problem { place: Some((self.clone(), span)), ..Problem::new("") }
    }
    /// Where the key at `path` stands; a step into an array is an index, which a list of one entry can do
    /// without. Falls back on what is above.
    fn locate(&self, path: &[&str]) -> Option<Range<usize>> {
        let root = DeTable::parse(&self.text).ok()?;
        let mut found = None;
        let mut table = Some(root.get_ref());
        let mut array: Option<&toml::de::DeArray<'_>> = None;
        for step in path {
            if let (Some([only]), Err(_)) = (array.map(|a| &a[..]), step.parse::<usize>()) {
                (table, array) = (only.get_ref().as_table(), None);
            }
            let value = if let Some(inner) = table {
                let Some((key, value)) = inner.get_key_value(*step) else { break };
                found = Some(key.span());
                value
            } else {
                let index = step.parse::<usize>().ok();
                let Some(value) = index.and_then(|i| array?.get(i)) else { break };
                found = Some(value.span());
                value
            };
            (table, array) = match value.get_ref() {
                DeValue::Table(inner) => (Some(inner), None),
                DeValue::Array(inner) => (None, Some(inner)),
                _ => (None, None),
            };
        }
        found.map(|span| self.trimmed(span))
    }
    /// The first line of a span: a whole table would bury what matters.
    fn trimmed(&self, span: Range<usize>) -> Range<usize> {
        let text = self.text.get(span.clone()).unwrap_or_default();
        span.start..span.start + text.lines().next().map_or(0, str::len)
    }
}

impl Problem {
    /// A problem that stands in no file.
    pub fn new(title: impl Into<String>) -> Self {
        let (title, known) = split_known(&title.into());
        Self { title, place: None, label: String::new(), notes: Vec::from_iter(known) }
    }
    /// With a word beside the place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }
    /// With a remark below.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
    /// The same problem, in another place or in none.
    pub fn at(self, place: Self) -> Self {
        Self { place: place.place, ..self }
    }
    /// The problem as shown on a terminal.
    pub fn styled(&self) -> String {
        self.render(&Renderer::styled())
    }
    fn render(&self, renderer: &Renderer) -> String {
        let title = Level::ERROR.primary_title(self.title.as_str());
        let mut group = match &self.place {
            None => Group::with_title(title),
            Some((source, span)) => {
                let mark = AnnotationKind::Primary.span(span.clone()).label(self.label.as_str());
                let snippet = Snippet::source(source.text.as_ref()).path(source.name.as_ref());
                title.element(snippet.annotation(mark))
            }
        };
        for note in &self.notes {
            group = group.element(Level::HELP.message(note.as_str()));
        }
        renderer.render(&[group])
    }
}

/// The text at `path`, of at most `most` bytes. What a file says of its length is not trusted: devices and
/// pipes have none.
pub(crate) fn read_bounded(path: &Path, most: u64) -> Result<String, String> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut text));
    read.map_err(|e| e.to_string())?;
    if text.len() as u64 > most {
        return Err(format!("it is larger than {most} bytes"));
    }
    String::from_utf8(text).map_err(|_| "it is no text in UTF-8".to_owned())
}

/// Serde's names of types, in words.
const TYPES: [(&str, &str); 12] = [
    ("u8", "a whole number from 0 to 255"),
    ("u16", "a whole number from 0 to 65535"),
    ("u32", "a whole number from 0 to 4294967295"),
    ("u64", "a whole number from 0 on"),
    ("usize", "a whole number from 0 on"),
    ("a nonzero usize", "a whole number from 1 on"),
    ("i64", "a whole number"),
    ("f64", "a number"),
    ("a boolean", "true or false"),
    ("a sequence", "a list"),
    ("a map", "a table"),
    ("string only", "a name in quotes"),
];

/// Serde's message about a value of a wrong type, without Rust's words.
fn in_words(message: &str) -> String {
    if message == "wanted string or table" {
        return "a name in quotes is wanted".to_owned();
    }
    let Some((found, wanted)) = message.rsplit_once("expected ") else { return message.to_owned() };
    let known = TYPES.iter().find(|(serde, _)| *serde == wanted).map(|&(_, words)| words);
    let words = match wanted.split_once(' ') {
        Some(("struct", _)) => "a table",
        Some(("enum", _)) => "a name in quotes",
        _ => known.unwrap_or(wanted),
    };
    let found =
        found.replace("type: map,", "type: table,").replace("type: sequence,", "type: list,");
    format!("{}expected {words}", found.replace("type: unit variant,", "type:"))
}

/// Takes serde's list of known names off a message: "unknown field `x`, expected one of `a`, `b`".
fn split_known(message: &str) -> (String, Option<String>) {
    let unknown = ["unknown field", "unknown variant", "unknown protocol", "unknown property"];
    if !unknown.iter().any(|start| message.starts_with(start)) {
        return (in_words(message), None);
    }
    let title =
        |text: &str| text.replace("unknown field", "unknown key").replace("variant", "name");
    for before in [", expected one of ", ", expected ", "; known are "] {
        if let Some((what, known)) = message.split_once(before) {
            let known = known.replace('`', "").replace(" or ", ", ");
            return (title(what), Some(format!("known are {known}")));
        }
    }
    (title(message), None)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Renderer::plain()))
    }
}

impl std::error::Error for Problem {}
