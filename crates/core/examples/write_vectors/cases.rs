//! The cases, as tables: a name, an edit of a good token and, where it differs, the answer.

pub(crate) const CLAIMS: &str = r#"{"iss":"https://auth.example","sub":"usr_01010101010101010101010101010101","aud":"api","iat":1800000000,"exp":1800000900,"jti":"b7k","sid":"ses_02020202020202020202020202020202","cep":3,"client_id":"countersign","https://hasura.io/jwt/claims":{"x-hasura-user-id":"7","x-hasura-default-role":"user","x-hasura-allowed-roles":["user","editor"],"x-hasura-org-id":"3","X-User-Fingerprint":"630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd"}}"#;

#[rustfmt::skip]
pub(crate) const CLAIM_NAMES: &[&str] = &[ "iss", "sub", "aud", "iat", "exp", "jti", "sid", "cep", "client_id", "https://hasura.io/jwt/claims", ];

/// Whole headers.
#[rustfmt::skip]
pub(crate) const HEADERS: &[(&str, &str, &str)] = &[
    ("header is no JSON", "alg: EdDSA", "header"),
    ("header is an array", "[\"EdDSA\"]", "header"),
    ("header is null", "null", "header"),
    ("header is empty", "{}", "header"),
    ("header begins with a byte order mark", "\u{feff}{}", "header"),
    ("header with a trailing comma", "{\"alg\":\"EdDSA\",}", "header"),
];

/// Members added to a good header.
#[rustfmt::skip]
pub(crate) const HEADER_MEMBERS: &[(&str, &str, &str)] = &[
    ("alg twice", r#""alg":"EdDSA""#, "header"),
    ("alg twice, once spelled with an escape", r#""\u0061lg":"none""#, "header"),
    ("kid twice", r#""kid":"x""#, "header"),
    ("an unknown member twice", r#""a":1,"a":1"#, "header"),
    ("a member twice within a member", r#""a":{"b":[{"c":1,"c":1}]}"#, "header"),
    ("crit", r#""crit":["exp"]"#, "critical"),
    ("crit that is empty", r#""crit":[]"#, "critical"),
    ("b64", r#""b64":false,"crit":["b64"]"#, "critical"),
    ("b64 without crit", r#""b64":true"#, "critical"),
    ("jwk", r#""jwk":{"kty":"OKP"}"#, "embedded_key"),
    ("jku", r#""jku":"https://evil.example/jwks.json""#, "embedded_key"),
    ("x5c", r#""x5c":["MIIB"]"#, "embedded_key"),
    ("x5u", r#""x5u":"https://evil.example/cert.pem""#, "embedded_key"),
];

/// A text in a good header, and what takes its place.
#[rustfmt::skip]
pub(crate) const HEADER_EDITS: &[(&str, &str, &str, &str)] = &[
    ("alg missing", "\"alg\":\"EdDSA\",", "", "header"),
    ("alg a number", "\"EdDSA\"", "8", "header"),
    ("alg null", "\"EdDSA\"", "null", "header"),
    ("alg in lower case", "EdDSA", "eddsa", "algorithm"),
    ("alg by its newer name", "EdDSA", "Ed25519", "algorithm"),
    ("alg that is another key's", "EdDSA", "ES256", "algorithm"),
    ("alg that is nobody's", "EdDSA", "PS256", "algorithm"),
    ("kid a number", "\"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k\"", "1", "header"),
    ("kid missing", "\"kid\":\"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k\",", "", "key_missing"),
    ("kid unknown", "kPrK_", "kPrJ_", "key_unknown"),
    ("kid empty", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "", "key_unknown"),
    ("typ missing", ",\"typ\":\"at+jwt\"", "", "type"),
    ("typ of any token", "at+jwt", "JWT", "type"),
    ("typ of a logout token", "at+jwt", "logout+jwt", "type"),
    ("typ a number", "\"at+jwt\"", "1", "header"),
];

/// Whole payloads: none is an object with our claims.
#[rustfmt::skip]
pub(crate) const PAYLOADS: &[(&str, &str)] = &[
    ("payload is no JSON", "hello"),
    ("payload is an array", "[]"),
    ("payload is null", "null"),
    ("payload is empty", ""),
    ("payload is an empty object", "{}"),
];

/// Claims added to good ones: none may stand there.
#[rustfmt::skip]
pub(crate) const CLAIM_MEMBERS: &[(&str, &str)] = &[
    ("exp twice", r#""exp":1800000900"#),
    ("exp twice, once spelled with an escape", r#""\u0065xp":9900000000"#),
    ("sub twice", r#""sub":"usr_01010101010101010101010101010101""#),
    ("an unknown claim twice", r#""a":1,"a":1"#),
    ("a name twice within a claim", r#""a":{"b":[{"c":1,"c":1}]}"#),
    ("nbf a string", r#""nbf":"1800000000""#),
    ("preferred_username a number", r#""preferred_username":7"#),
    ("preferred_username null", r#""preferred_username":null"#),
];

/// A text in a good payload, and what takes its place: a claim of another type, or twice, or missing.
#[rustfmt::skip]
pub(crate) const CLAIM_EDITS: &[(&str, &str, &str)] = &[
    ("exp a string", "\"exp\":1800000900", "\"exp\":\"1800000900\""),
    ("exp a fraction", "1800000900", "1800000900.5"),
    ("exp a whole number written as a fraction", "1800000900", "1800000900.0"),
    ("exp with an exponent", "1800000900", "18e8"),
    ("exp negative", "1800000900", "-1"),
    ("exp null", "1800000900", "null"),
    ("exp true", "1800000900", "true"),
    ("exp beyond 64 bits", "1800000900", "18446744073709551616"),
    ("exp beyond every number", "1800000900", "1e999"),
    ("exp with a zero before", "1800000900", "01800000900"),
    ("iat a string", "\"iat\":1800000000", "\"iat\":\"1800000000\""),
    ("iat a fraction", "\"iat\":1800000000", "\"iat\":1800000000.5"),
    ("cep a string", "\"cep\":3", "\"cep\":\"3\""),
    ("cep negative", "\"cep\":3", "\"cep\":-3"),
    ("aud an array", "\"api\"", "[\"api\"]"),
    ("iss an array", "\"https://auth.example\"", "[\"https://auth.example\"]"),
    ("sub a number", "\"usr_01010101010101010101010101010101\"", "1"),
    ("sub that is a session", "usr_01", "ses_01"),
    ("sub in capitals", "usr_01010101010101010101010101010101", "usr_0101010101010101010101010101010A"),
    ("sid that is a user", "ses_02", "usr_02"),
    ("jti a number", "\"b7k\"", "7"),
    ("Hasura's claims as a string", "\"https://hasura.io/jwt/claims\":{", "\"https://hasura.io/jwt/claims\":\"{}\",\"a\":{"),
    ("x-hasura-user-id a number", "\"x-hasura-user-id\":\"7\"", "\"x-hasura-user-id\":7"),
    ("x-hasura-user-id twice", "\"x-hasura-user-id\":\"7\"", "\"x-hasura-user-id\":\"7\",\"x-hasura-user-id\":\"8\""),
    ("x-hasura-user-id missing", "\"x-hasura-user-id\":\"7\",", ""),
    ("a session variable that is a number", "\"x-hasura-org-id\":\"3\"", "\"x-hasura-org-id\":3"),
    ("a session variable twice", "\"x-hasura-org-id\":\"3\"", "\"x-hasura-org-id\":\"3\",\"x-hasura-org-id\":\"4\""),
    ("x-hasura-allowed-roles a string", "[\"user\",\"editor\"]", "\"user\""),
    ("x-hasura-allowed-roles with a number", "\"editor\"", "1"),
    ("x-hasura-default-role missing", "\"x-hasura-default-role\":\"user\",", ""),
    ("X-User-Fingerprint in capitals", "630dcd", "630DCD"),
    ("X-User-Fingerprint too short", "630dcd", "630d"),
    ("X-User-Fingerprint null", "\"630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd\"", "null"),
];

/// Good claims that are meant for somebody else.
#[rustfmt::skip]
pub(crate) const CLAIMS_OF_OTHERS: &[(&str, &str, &str, &str)] = &[
    ("iss of somebody else", "auth.example", "evil.example", "issuer"),
    ("iss with a slash more", "auth.example", "auth.example/", "issuer"),
    ("iss in capitals", "auth.example", "AUTH.example", "issuer"),
    ("aud of somebody else", "\"api\"", "\"billing\"", "audience"),
];
