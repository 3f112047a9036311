use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::Zeroizing;

/// `N` secret bytes: they do not print, copy, serialise or compare by accident, and are wiped when dropped.
///
/// Every use of the bytes is one search for `expose` away.
pub struct Secret<const N: usize>(Zeroizing<[u8; N]>);

impl<const N: usize> Secret<N> {
    /// A secret whose bytes are written in place, so that no copy stays on the stack.
    ///
    /// # Errors
    /// Whatever `fill` fails with.
    pub fn fill_with<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = Zeroizing::new([0; N]);
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// A secret read from storage or configuration; `None` if the length is wrong.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// Whether the bytes are the same, in time that does not depend on where they differ.
    pub fn matches(&self, other: &[u8]) -> bool {
        verify_slices_are_equal(self.0.as_slice(), other).is_ok()
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
