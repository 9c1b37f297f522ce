//! Numbers and names in words: the same everywhere in the report, and never more digits than are
//! known.

use super::stats::{Mean, Median};

/// A whole number with its thousands apart.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with three significant digits, as people write it.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let size = value.abs();
    if size >= 100.0 {
        let whole = count(size.round() as u64);
        return if value < 0.0 { format!("−{whole}") } else { whole };
    }
    let places = match size {
        s if s >= 10.0 => 1,
        s if s >= 1.0 => 2,
        s if s >= 0.01 => 3,
        s if s >= 1e-6 => (1.0 - s.log10().floor()) as usize,
        0.0 => 0,
        _ => return format!("{value:.1e}"),
    };
    format!("{value:.places$}").replace('-', "−")
}

/// A tick of an axis: no digit that says nothing.
pub(super) fn tick(value: f64) -> String {
    let size = value.abs();
    if size >= 1e9 {
        return format!("{}G", tick(value / 1e9));
    }
    if size >= 1e6 {
        return format!("{}M", tick(value / 1e6));
    }
    // Long ticks would run into each other.
    if size >= 10_000.0 {
        return format!("{}k", tick(value / 1e3));
    }
    if size >= 1000.0 && value.fract().abs() < 1e-9 {
        let whole = count(size as u64);
        return if value < 0.0 { format!("−{whole}") } else { whole };
    }
    if size > 0.0 && size < 1e-4 {
        return format!("{value:e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').replace('-', "−")
}

/// A span of milliseconds.
pub(super) fn ms(value: f64) -> String {
    if value >= 1000.0 {
        return format!("{}\u{a0}s", number(value / 1e3));
    }
    format!("{}\u{a0}ms", number(value))
}

/// Seconds.
pub(super) fn seconds(value: f64) -> String {
    if value >= 7200.0 {
        return format!("{}\u{a0}h", number(value / 3600.0));
    }
    let text = format!("{value:.2}");
    format!("{}\u{a0}s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Bytes in decimal units.
pub(super) fn bytes(value: f64) -> String {
    match value {
        v if v >= 1e12 => format!("{}\u{a0}TB", number(v / 1e12)),
        v if v >= 1e9 => format!("{}\u{a0}GB", number(v / 1e9)),
        v if v >= 1e6 => format!("{}\u{a0}MB", number(v / 1e6)),
        v if v >= 1e3 => format!("{}\u{a0}kB", number(v / 1e3)),
        v => format!("{}\u{a0}B", number(v)),
    }
}

/// A share in per cent.
pub(super) fn percent(share: f64) -> String {
    let value = share * 100.0;
    match value {
        v if v > 0.0 && v < 1.0 => "<\u{a0}1\u{a0}%".into(),
        v if v >= 99.5 || v < 10.0 && v.fract() == 0.0 => format!("{v:.0}\u{a0}%"),
        v if v < 10.0 => format!("{v:.1}\u{a0}%"),
        v => format!("{v:.0}\u{a0}%"),
    }
}

/// The note below a mean: its interval.
pub(super) fn interval(mean: Mean) -> String {
    mean.half.map_or(String::new(), |half| format!("±\u{a0}{}", number(half)))
}

/// The note below a median: its range.
pub(super) fn range(median: Median) -> String {
    let told = |(least, most): (f64, f64)| format!("{} to {}", number(least), number(most));
    median.range().map_or(String::new(), told)
}

/// `one thing`, `two things`: a number with its noun.
pub(super) fn many(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(n as u64))
}

/// `once`, `twice`, `3 times`.
pub(super) fn times(n: usize) -> String {
    match n {
        1 => "once".into(),
        2 => "twice".into(),
        n => format!("{} times", count(n as u64)),
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(T::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// Where a run took place, in a sentence.
pub(super) fn host(name: &str) -> String {
    match name {
        "sim" => "in simulation".into(),
        "quic" => "over QUIC".into(),
        other => format!("on {other}"),
    }
}

/// A name from an experiment file as a title writes it: what is no longer than three letters, and nothing
/// else, is taken for an abbreviation.
pub(super) fn title(name: &str) -> String {
    let short = name.chars().count() <= 3 && name.chars().all(char::is_alphabetic);
    if short { name.to_uppercase() } else { name.to_owned() }
}

/// A sentence's first letter made large.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// The first digits of a digest.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(
            ["0", "0.012", "2.72", "27.2", "272", "2,718"].map(str::to_owned),
            [
                number(0.0),
                number(0.0123),
                number(2.71823),
                number(27.1823),
                number(271.823),
                number(2718.23)
            ]
        );
        assert_eq!((number(-2.5), number(f64::NAN)), ("−2.50".into(), "–".into()));
        assert_eq!((bytes(1536.0), bytes(12.0)), ("1.54\u{a0}kB".into(), "12.0\u{a0}B".into()));
        assert_eq!((ms(0.5), ms(61_000.0)), ("0.500\u{a0}ms".into(), "61.0\u{a0}s".into()));
        assert_eq!(
            [tick(0.001), tick(2500.0), tick(-20_000.0), tick(3e6)],
            ["0.001", "2,500", "−20k", "3M"].map(str::to_owned)
        );
        assert_eq!(
            (percent(0.004), percent(0.5), percent(1.0)),
            ("<\u{a0}1\u{a0}%".into(), "50\u{a0}%".into(), "100\u{a0}%".into())
        );
    }

    #[test]
    fn abbreviations_are_titles_in_capitals() {
        assert_eq!(
            ["lan", "aws", "f down", "n16", "wide"].map(title),
            ["LAN", "AWS", "f down", "n16", "wide"]
        );
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(
            (list::<&str>(&[]), list(&["a"]), list(&["a", "b"])),
            ("".into(), "a".into(), "a and b".into())
        );
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!([times(1), times(2), times(1_000)], ["once", "twice", "1,000 times"]);
        assert_eq!((many(1, "run"), many(2, "run")), ("1 run".into(), "2 runs".into()));
    }
}
