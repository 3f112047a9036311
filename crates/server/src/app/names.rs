//! E-mail addresses and user names in the one form in which they are compared.
//!
//! Case is folded and the text normalised (NFKC, [UAX 15](https://www.unicode.org/reports/tr15/)), so that no
//! two accounts have names that look and type the same. A user name has no `@`, so that the two never meet.

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;

use crate::store::NameKey;

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// Not an e-mail address.
    #[error("email: not an e-mail address")]
    Email,
    /// Not a user name.
    #[error("username: 1 to 64 characters, no white space, no control characters and no @")]
    Username,
}

/// The key of an e-mail address.
pub(crate) fn email(text: &str) -> Result<NameKey, NameFault> {
    let key = fold(text);
    let (local, domain) = key.rsplit_once('@').ok_or(NameFault::Email)?;
    // Whether mail arrives is for mail to tell; this keeps out only what cannot be an address.
    let good = !local.is_empty() && !domain.is_empty() && !local.contains('@') && key.len() <= 254;
    (good && printable(&key)).then(|| NameKey::from_folded(key)).ok_or(NameFault::Email)
}

/// The key of a user name.
pub(crate) fn username(text: &str) -> Result<NameKey, NameFault> {
    let key = fold(text);
    let good = (1..=64).contains(&key.chars().count()) && !key.contains('@');
    (good && printable(&key)).then(|| NameKey::from_folded(key)).ok_or(NameFault::Username)
}

/// The key of whatever somebody typed to log in.
pub(crate) fn either(text: &str) -> Result<NameKey, NameFault> {
    if text.contains('@') { email(text) } else { username(text) }
}

fn printable(text: &str) -> bool {
    !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

// Normalise, fold, normalise again: folding can undo normalisation (Unicode, definition D146).
fn fold(text: &str) -> String {
    let normal = ComposingNormalizer::new_nfkc();
    let folded = CaseMapper::new().fold_string(&normal.normalize(text)).into_owned();
    normal.normalize(&folded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_the_same_are_the_same() {
        assert_eq!(email("Ann@Example.COM"), email("ann@example.com"));
        assert_eq!(username("STRASSE"), username("straße"));
        assert_eq!(username("\u{212b}sa"), username("a\u{30a}sa"), "Ångström sign, and a with a ring");
        assert_eq!(username("ﬁn"), username("fin"), "ligature");
        assert_ne!(username("ann"), username("anna"));
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        for bad in ["", "a b", "a@b", "\u{0}", "a\u{2028}b", &"x".repeat(65)] {
            assert_eq!(username(bad), Err(NameFault::Username), "{bad:?}");
        }
        for bad in ["", "ann", "@b", "a@", "a@b@c", "a b@c", &format!("{}@b", "x".repeat(254))] {
            assert_eq!(email(bad), Err(NameFault::Email), "{bad:?}");
        }
        assert_eq!(either("ann@example.com"), email("ann@example.com"));
        assert_eq!(either("ann"), username("ann"));
    }
}
