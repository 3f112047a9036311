//! What can be done to an ECDSA signature without the key.

/// The order of P-256.
pub(crate) const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order less `s`: the second of the two numbers that sign the same.
pub(crate) fn negated(s: &[u8]) -> Vec<u8> {
    let mut borrow = false;
    let mut digits: Vec<_> = ORDER
        .iter()
        .zip(s)
        .rev()
        .map(|(&order, &digit)| {
            let (less, first) = order.overflowing_sub(digit);
            let (less, second) = less.overflowing_sub(u8::from(borrow));
            borrow = first || second;
            less
        })
        .collect();
    digits.reverse();
    digits
}

/// The signature as X.509 writes it: a sequence of two integers.
pub(crate) fn der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| [&[0x02, 33, 0], number].concat();
    [&[0x30, 70], &*integer(r), &integer(s)].concat()
}
