//! Integer expressions of generated WGSL, each with the range of the values that it can take.
//!
//! WGSL's integers wrap silently. Here a sum, product or shift that could leave the range of its type
//! stops the generator, so that arithmetic written with these cannot overflow, for any input within the
//! ranges that its parameters were given.

use std::fmt::Write;

/// An integer type of WGSL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `u32`
    U32,
    /// `u64`, which takes a device with 64-bit integers.
    U64,
    /// `i32`
    I32,
}

impl Kind {
    fn range(self) -> (i128, i128) {
        match self {
            Self::U32 => (0, u32::MAX.into()),
            Self::U64 => (0, u64::MAX.into()),
            Self::I32 => (i32::MIN.into(), i32::MAX.into()),
        }
    }
    fn suffix(self) -> &'static str {
        match self {
            Self::U32 => "u",
            Self::U64 => "lu",
            Self::I32 => "i",
        }
    }
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Term {
    kind: Kind,
    text: String,
    /// Whether it stands without parentheses beside any operator.
    closed: bool,
    least: i128,
    most: i128,
}

impl Term {
    fn new(kind: Kind, text: String, closed: bool, range: (i128, i128)) -> Self {
        let (least, most) = range;
        let (floor, ceiling) = kind.range();
        assert!(floor <= least && most <= ceiling, "{text} overflows: {least} ..= {most}");
        Self { kind, text, closed, least, most }
    }
    /// A parameter or variable whose values lie in `least ..= most`.
    pub fn named(kind: Kind, name: impl Into<String>, least: i128, most: i128) -> Self {
        Self::new(kind, name.into(), true, (least, most))
    }
    /// A constant.
    pub fn literal(kind: Kind, value: i128) -> Self {
        let text = format!("{value}{}", kind.suffix());
        Self::new(kind, text, value >= 0, (value, value))
    }
    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// Its least value.
    pub fn least(&self) -> i128 {
        self.least
    }
    /// Its greatest value.
    pub fn most(&self) -> i128 {
        self.most
    }
    fn in_parentheses(&self) -> String {
        if self.closed { self.text.clone() } else { format!("({})", self.text) }
    }
    /// self · other
    pub fn times(&self, other: &Self) -> Self {
        assert_eq!(self.kind, other.kind);
        let corners = [
            self.least * other.least,
            self.least * other.most,
            self.most * other.least,
            self.most * other.most,
        ];
        let range = corners.iter().fold((i128::MAX, i128::MIN), |(least, most), &corner| {
            (least.min(corner), most.max(corner))
        });
        let text = format!("{} * {}", self.in_parentheses(), other.in_parentheses());
        Self::new(self.kind, text, false, range)
    }
    /// self · constant
    pub fn scaled(&self, by: i128) -> Self {
        self.times(&Self::literal(self.kind, by))
    }
    /// The sum of `terms`, of which there is one at least.
    pub fn sum(terms: &[Self]) -> Self {
        let texts: Vec<&str> = terms.iter().map(Self::text).collect();
        let range = (terms.iter().map(|t| t.least).sum(), terms.iter().map(|t| t.most).sum());
        Self::new(terms[0].kind, texts.join(" + "), terms.len() == 1 && terms[0].closed, range)
    }
    /// self + other
    pub fn plus(&self, other: &Self) -> Self {
        Self::sum(&[self.clone(), other.clone()])
    }
    /// self − other
    pub fn minus(&self, other: &Self) -> Self {
        assert_eq!(self.kind, other.kind);
        let text = format!("{} - {}", self.text, other.in_parentheses());
        Self::new(self.kind, text, false, (self.least - other.most, self.most - other.least))
    }
    /// self · 2^bits
    pub fn left(&self, bits: u32) -> Self {
        let text = format!("({} << {bits}u)", self.in_parentheses());
        Self::new(self.kind, text, true, (self.least << bits, self.most << bits))
    }
    /// The greatest integer that is not above self / 2^bits
    pub fn right(&self, bits: u32) -> Self {
        let text = format!("({} >> {bits}u)", self.in_parentheses());
        Self::new(self.kind, text, true, (self.least >> bits, self.most >> bits))
    }
    /// self mod 2^bits
    pub fn low(&self, bits: u32) -> Self {
        let mask = (1 << bits) - 1;
        let text = format!("({} & {mask}{})", self.in_parentheses(), self.kind.suffix());
        let most = if self.least < 0 { mask } else { mask.min(self.most) };
        Self::new(self.kind, text, true, (0, most))
    }
    /// The same value in another type that holds it.
    pub fn cast(&self, kind: Kind) -> Self {
        let name = match kind {
            Kind::U32 => "u32",
            Kind::U64 => "u64",
            Kind::I32 => "i32",
        };
        Self::new(kind, format!("{name}({})", self.text), true, (self.least, self.most))
    }
    /// The low `bits` bits of a `u64` as a `u32`.
    pub fn narrowed(&self, bits: u32) -> Self {
        let low = Self::new(Kind::U32, format!("u32({})", self.text), true, (0, u32::MAX.into()));
        low.low(bits)
    }
}

/// The body of a function, as it is written.
#[derive(Debug, Default)]
pub struct Code(String);

impl Code {
    /// Adds a line of the body.
    pub fn line(&mut self, statement: impl AsRef<str>) {
        writeln!(self.0, "  {}", statement.as_ref()).expect("a string takes every line");
    }
    /// Gives `value` a name.
    pub fn bind(&mut self, name: impl Into<String>, value: &Term) -> Term {
        let name = name.into();
        self.line(format!("let {name} = {};", value.text));
        Term::named(value.kind, name, value.least, value.most)
    }
    /// Ends the body by returning an array of `alias` type with these elements.
    pub fn give(mut self, alias: &str, elements: &[Term]) -> String {
        let texts: Vec<&str> = elements.iter().map(Term::text).collect();
        self.line(format!("return {alias}({});", texts.join(", ")));
        self.0
    }
    /// The body so far.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// A whole function.
pub fn function(doc: &str, signature: &str, body: &str) -> String {
    let doc: String = doc.lines().map(|line| format!("// {line}\n")).collect();
    format!("{doc}fn {signature} {{\n{body}}}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_operations() {
        let x = Term::named(Kind::I32, "x", -5, 3);
        let y = x.times(&x).plus(&x).minus(&Term::literal(Kind::I32, -7));
        assert_eq!((y.least, y.most), (-15 - 5 + 7, 25 + 3 + 7));
        assert_eq!(y.text, "x * x + x - (-7i)");
        let z = x.right(1).scaled(4);
        assert_eq!((z.least, z.most, z.text.as_str()), (-12, 4, "(x >> 1u) * 4i"));
        assert_eq!((x.low(2).least, x.low(2).most), (0, 3));
    }

    #[test]
    #[should_panic(expected = "overflows")]
    fn an_overflow_stops_the_generator() {
        let x = Term::named(Kind::U32, "x", 0, 1 << 16);
        let _ = x.times(&x);
    }
}
