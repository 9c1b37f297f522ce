//! Loops without a loop.

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
