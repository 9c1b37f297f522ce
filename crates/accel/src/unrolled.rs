//! Loops without a loop, and the rounds of SHA-2 without moves.

/// `$body` with `$i` a constant, from 0 to 15 or as listed: so that what an array holds stays in registers,
/// each element in one of its own.
macro_rules! unrolled {
    ($i:ident => $body:expr) => {
        unrolled!($i in [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15] => $body)
    };
    ($i:ident in [$($n:literal)*] => $body:expr) => {
        $({
            const $i: usize = $n;
            $body
        })*
    };
}
pub(crate) use unrolled;

/// Where a to h are in the state at round `i` of SHA-2, whose words stay where they are: a is at 8 − `i`
/// (mod 8).
pub(crate) const fn places(i: usize) -> [usize; 8] {
    let mut at = [0; 8];
    let mut word = 0;
    while word < 8 {
        at[word] = (8 - i % 8 + word) % 8;
        word += 1;
    }
    at
}
