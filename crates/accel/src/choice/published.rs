//! Published Ed25519 signatures: what is asked of every side before it is used.

use byzlab_core::Claim;

/// Of RFC 8032, of Wycheproof, and those by which verifiers are known to differ; each file names its source.
const FILES: [&str; 3] = [
    include_str!("../../tests/data/ed25519-rfc8032.txt"),
    include_str!("../../tests/data/ed25519-wycheproof.txt"),
    include_str!("../../tests/data/ed25519-speccheck.txt"),
];

/// All of them.
pub fn published() -> impl Iterator<Item = Claim> {
    FILES.iter().flat_map(|text| text.lines().filter_map(read))
}

/// A line: statement, key and signature in hexadecimal digits; what follows is for readers.
fn read(line: &str) -> Option<Claim> {
    let mut fields = line.split(' ');
    let statement = fields.next().filter(|_| !line.starts_with('#'))?;
    let byte = |at| u8::from_str_radix(statement.get(at..at + 2)?, 16).ok();
    let statement: Vec<u8> = (0..statement.len()).step_by(2).map(byte).collect::<Option<_>>()?;
    let (by, signature) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Claim::Signed { by, statement: statement.into(), signature })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read() {
        let count = |text: &str| text.lines().filter_map(read).count();
        assert_eq!(FILES.map(count), [4, 139, 15]);
        assert_eq!(published().count(), 158);
    }
}
