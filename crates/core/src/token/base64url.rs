//! The base64 of tokens ([RFC 7515, section 2](https://www.rfc-editor.org/rfc/rfc7515#section-2)), strict: no padding,
//! no white space, no stray bits. Of long texts, as many letters at once as the processor takes.

use std::sync::LazyLock;

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
use base64::engine::GeneralPurpose as Widest;
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
use base64::engine::Simd as Widest;
use base64::engine::general_purpose::NO_PAD;

pub(super) static BASE64URL: LazyLock<Widest> = LazyLock::new(widest);

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
fn widest() -> Widest {
    Widest::url_safe(NO_PAD)
}

#[cfg(not(any(target_arch = "aarch64", target_arch = "x86_64")))]
fn widest() -> Widest {
    Widest::new(&base64::alphabet::URL_SAFE, NO_PAD)
}
