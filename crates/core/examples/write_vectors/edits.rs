//! What is done to a good token, and what a verifier must say of the outcome.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use countersign_core::token::{Algorithm, SigningKey};
use serde_json::json;

use crate::cases::{
    CLAIM_EDITS, CLAIM_MEMBERS, CLAIM_NAMES, CLAIMS, CLAIMS_OF_OTHERS, HEADER_EDITS, HEADER_MEMBERS, HEADERS,
    PAYLOADS,
};
use crate::forge::Forge;
use crate::{EXP, LEEWAY, NOW, Outcome, Vectors, ecdsa};

pub(crate) fn good(vectors: &mut Vectors<'_>) -> Outcome {
    for &algorithm in Algorithm::ALL {
        vectors.add(algorithm.name(), vectors.of(algorithm)?, "ok");
    }
    let spaced = CLAIMS.replace(':', " :\t").replace(" :\t//", "://").replace(',', "\r\n,");
    vectors.payload("white space between the members", &spaced, "ok")?;
    vectors.payload("a claim that we do not know", &with(CLAIMS, r#""scope":{"a":[1,null]}"#), "ok")?;
    vectors.payload("a name spelled with an escape", &CLAIMS.replace("\"iss\"", r#""\u0069ss""#), "ok")?;
    vectors.header("a header member that we do not know", |h| with(h, r#""x5t":"AA","cty":"JWT""#), "ok")?;
    vectors.header("typ in full and in capitals", |h| h.replace("at+jwt", "application/AT+JWT"), "ok")?;
    vectors.header(
        "the header's members in another order",
        |h| format!("{{\"typ\":\"at+jwt\",{}", h.trim_start_matches('{').replace(",\"typ\":\"at+jwt\"", "")),
        "ok",
    )
}

pub(crate) fn forms(vectors: &mut Vectors<'_>) -> Outcome {
    let token = vectors.token()?;
    let [header, payload, signature] = parts(&token)?;
    let last = signature.strip_suffix(|_: char| true).unwrap_or_default();
    for (name, text, answer) in [
        ("empty", String::new(), "form"),
        ("one part", header.to_owned(), "form"),
        ("two parts", format!("{header}.{payload}"), "form"),
        ("four parts", format!("{token}.{signature}"), "form"),
        ("five parts, as an encrypted token", format!("{token}.{signature}.{signature}"), "form"),
        ("three empty parts", "..".to_owned(), "header"),
        ("a dot before", format!(".{token}"), "form"),
        ("a dot after", format!("{token}."), "form"),
        ("a space before", format!(" {token}"), "encoding"),
        ("a new line after", format!("{token}\n"), "encoding"),
        ("a space within", format!("{header}. {payload}.{signature}"), "signature"),
        ("a line break within the signature", format!("{header}.{payload}.\r\n{signature}"), "encoding"),
        ("a NUL after", format!("{token}\0"), "encoding"),
        ("a letter beyond ASCII", format!("{token}é"), "encoding"),
        ("Bearer before", format!("Bearer {token}"), "encoding"),
        ("in quotation marks", format!("\"{token}\""), "encoding"),
        ("padding after the signature", format!("{token}=="), "encoding"),
        ("stray bits in the signature", format!("{header}.{payload}.{last}h"), "encoding"),
        (
            "the other base64",
            format!("{header}.{payload}.{}", signature.replace('-', "+").replace('_', "/")),
            "encoding",
        ),
        ("percent signs", token.replace('.', "%2E"), "form"),
        (
            "JSON serialization",
            json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
            "form",
        ),
        ("longer than any token", format!("{header}.{}.{signature}", "A".repeat(8192)), "size"),
    ] {
        vectors.add(name, text, answer);
    }
    let padded = BASE64_STANDARD.encode(vectors.keys.header(Algorithm::EdDsa)? + " ");
    vectors.add("padding after the header", format!("{padded}.{payload}.{signature}"), "encoding");
    Ok(())
}

pub(crate) fn headers(vectors: &mut Vectors<'_>) -> Outcome {
    for (name, header, answer) in HEADERS {
        vectors.header(name, |_| (*header).to_owned(), answer)?;
    }
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    vectors.header("header nested 500 deep", |h| with(h, &format!("\"a\":{deep}")), "header")?;
    for (name, member, answer) in HEADER_MEMBERS {
        vectors.header(name, |h| with(h, member), answer)?;
    }
    for (name, from, to, answer) in HEADER_EDITS {
        vectors.header(name, |h| h.replace(from, to), answer)?;
    }
    for name in ["none", "None", "NONE", "nOnE"] {
        let header = vectors.keys.header(Algorithm::EdDsa)?.replace("EdDSA", name);
        let signed = [&header, CLAIMS].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
        vectors.add(&format!("alg {name} without a signature"), format!("{signed}."), "algorithm");
    }
    Ok(())
}

pub(crate) fn signatures(vectors: &mut Vectors<'_>) -> Outcome {
    let token = vectors.token()?;
    let [header, payload, signature] = parts(&token)?;
    let other = CLAIMS.replace("\"7\"", "\"8\"");
    let other = BASE64_URL_SAFE_NO_PAD.encode(other);
    let zeros = BASE64_URL_SAFE_NO_PAD.encode([0; 64]);
    for (name, text) in [
        ("signature missing", format!("{header}.{payload}.")),
        ("signature cut", format!("{header}.{payload}.{}", signature.get(..80).unwrap_or_default())),
        ("signature of zeros", format!("{header}.{payload}.{zeros}")),
        ("signature of another payload", format!("{header}.{other}.{signature}")),
        ("payload removed", format!("{header}..{signature}")),
    ] {
        vectors.add(name, text, "signature");
    }
    let ed_header = vectors.keys.header(Algorithm::EdDsa)?;
    let stranger = Forge::new(&SigningKey::from_bytes(Algorithm::EdDsa, &stranger_pkcs8()?)?)?;
    vectors.add("signature of a stranger", stranger.token(&ed_header, CLAIMS.as_bytes())?, "signature");

    // The old confusion: a public key, which anybody knows, taken for an HS256 secret.
    let public = BASE64_URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")?;
    let confused = Forge::shared(&public).token(&ed_header.replace("EdDSA", "HS256"), CLAIMS.as_bytes())?;
    vectors.add("HS256 by the bytes of a public key", confused, "algorithm");

    let token = vectors.of(Algorithm::Es256)?;
    let [header, payload, signature] = parts(&token)?;
    let fixed = BASE64_URL_SAFE_NO_PAD.decode(signature)?;
    let (r, s) = fixed.split_at(32);
    for (name, signature, answer) in [
        ("ES256 with the other s, which is as good", [r, &ecdsa::negated(s)].concat(), "ok"),
        ("ES256 in DER", ecdsa::der(r, s), "signature"),
        ("ES256 of zeros", vec![0; 64], "signature"),
        ("ES256 with s of zero", [r, &[0; 32]].concat(), "signature"),
        ("ES256 with r of the group's order", [&ecdsa::ORDER, s].concat(), "signature"),
        ("ES256 with a byte more", [&fixed, [0].as_slice()].concat(), "signature"),
        ("ES256 with a zero before each number", [&[0], r, &[0], s].concat(), "signature"),
    ] {
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        vectors.add(name, format!("{header}.{payload}.{signature}"), answer);
    }
    Ok(())
}

pub(crate) fn claims(vectors: &mut Vectors<'_>) -> Outcome {
    for (name, payload) in PAYLOADS {
        vectors.payload(name, payload, "claims")?;
    }
    vectors.payload("payload begins with a byte order mark", &format!("\u{feff}{CLAIMS}"), "claims")?;
    vectors.payload("payload with something after it", &format!("{CLAIMS}{{}}"), "claims")?;
    vectors.payload("payload without its last brace", CLAIMS.trim_end_matches('}'), "claims")?;
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    vectors.payload("payload nested 500 deep", &with(CLAIMS, &format!("\"a\":{deep}")), "claims")?;
    for name in CLAIM_NAMES {
        let renamed = CLAIMS.replace(&format!("\"{name}\":"), "\"other\":");
        vectors.payload(&format!("{name} missing"), &renamed, "claims")?;
    }
    for (name, member) in CLAIM_MEMBERS {
        vectors.payload(name, &with(CLAIMS, member), "claims")?;
    }
    for (name, from, to) in CLAIM_EDITS {
        vectors.payload(name, &CLAIMS.replacen(from, to, 1), "claims")?;
    }
    for (name, from, to, answer) in CLAIMS_OF_OTHERS {
        vectors.payload(name, &CLAIMS.replacen(from, to, 1), answer)?;
    }
    let forge = Forge::new(vectors.keys.of(Algorithm::EdDsa)?)?;
    let broken = [CLAIMS.trim_end_matches('}').as_bytes(), b"},\"a\":\"\xff\"}"].concat();
    let token = forge.token(&vectors.keys.header(Algorithm::EdDsa)?, &broken)?;
    vectors.add("payload of broken UTF-8", token, "claims");
    Ok(())
}

pub(crate) fn times(vectors: &mut Vectors<'_>) -> Outcome {
    let token = vectors.token()?;
    for (name, now, answer) in [
        ("the last second of exp and leeway", EXP + LEEWAY - 1, "ok"),
        ("exp and leeway are exclusive", EXP + LEEWAY, "expired"),
        ("long after exp", EXP + 86_400, "expired"),
        ("iat is as far in the future as clocks may differ", EXP - 900 - LEEWAY, "ok"),
        ("iat is a second further in the future", EXP - 900 - LEEWAY - 1, "issued_in_future"),
        ("at the beginning of time", 0, "issued_in_future"),
    ] {
        vectors.cases.push(json!({"name": name, "now": now, "token": &token, "answer": answer}));
    }
    vectors.payload("exp of zero", &CLAIMS.replace("1800000900", "0"), "expired")?;
    vectors.payload("exp as late as can be", &CLAIMS.replace("1800000900", "18446744073709551615"), "ok")?;
    vectors.payload("nbf reached", &with(CLAIMS, &format!("\"nbf\":{}", NOW + LEEWAY)), "ok")?;
    vectors.payload("nbf ahead", &with(CLAIMS, &format!("\"nbf\":{}", NOW + LEEWAY + 1)), "not_yet_valid")
}

fn with(object: &str, member: &str) -> String {
    format!("{},{member}}}", object.strip_suffix('}').unwrap_or(object))
}

fn parts(token: &str) -> Outcome<[&str; 3]> {
    let parts: Vec<_> = token.split('.').collect();
    Ok(parts.try_into().map_err(|_| "not three parts")?)
}

/// A PKCS #8 document of an Ed25519 key that is not in the key set.
fn stranger_pkcs8() -> Outcome<Vec<u8>> {
    Ok([BASE64_STANDARD.decode("MC4CAQAwBQYDK2VwBCIEIA==")?, vec![7; 32]].concat())
}
