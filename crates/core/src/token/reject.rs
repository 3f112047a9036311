use crate::Code;

macro_rules! rejects {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $message:literal;)*) => {
        /// Why a token was refused. `Display` is for logs; the wire sees only [`code`](Self::code).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        #[non_exhaustive]
        pub enum Reject {
            $($(#[$doc])* #[error($message)] $variant,)*
        }

        impl Reject {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// A short name that does not change, for test vectors and metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

rejects! {
    /// The header names an algorithm that is not ours, not allowed, or not the key's.
    Algorithm = "algorithm", "the header's algorithm is not the one of the key";
    /// `aud` names somebody else.
    Audience = "audience", "the token is meant for another audience";
    /// The payload is not a strict JSON object, or a claim is missing, repeated or of the wrong type.
    Claims = "claims", "the payload is not an object with the claims expected, each once and of its type";
    /// The header has `crit` or `b64`: extensions that change what is signed.
    Critical = "critical", "the header asks for an extension";
    /// The header brings or points to its own key (`jwk`, `jku`, `x5c`, `x5u`).
    EmbeddedKey = "embedded_key", "the header brings its own key";
    /// A part is not base64url without padding, white space and stray bits.
    Encoding = "encoding", "a part is not strict base64url";
    /// `now` is at or after `exp` and the leeway.
    Expired = "expired", "the token has expired";
    /// There are not exactly three parts.
    Form = "form", "not three parts divided by dots";
    /// The header is not a strict JSON object with the members expected.
    Header = "header", "the header is not an object with the members expected, each once and of its type";
    /// `iat` is later than `now` and the leeway.
    IssuedInFuture = "issued_in_future", "the token was issued in the future";
    /// `iss` is somebody else.
    Issuer = "issuer", "the token is of another issuer";
    /// The header has no `kid`.
    KeyMissing = "key_missing", "the header names no key";
    /// No key that is known has the `kid` of the header.
    KeyUnknown = "key_unknown", "the header names an unknown key";
    /// `now` and the leeway are before `nbf`.
    NotYetValid = "not_yet_valid", "the token is not valid yet";
    /// The signature is not the key's.
    Signature = "signature", "the signature is wrong";
    /// The text is longer than any token.
    Size = "size", "the text is longer than a token may be";
    /// `typ` says that this is another kind of token.
    Type = "type", "the token is of another type";
}

impl Reject {
    /// The code on the wire: only expiry is told apart, so that a client knows that refreshing helps.
    pub const fn code(self) -> Code {
        match self {
            Self::Expired => Code::TokenExpired,
            _ => Code::TokenInvalid,
        }
    }
}
