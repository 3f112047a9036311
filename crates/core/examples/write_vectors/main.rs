//! Writes `vectors/tokens.json`: named access tokens, good and bad, and what a verifier of ours must say of each.
//!
//! Run it after a change to the cases: `cargo run -p countersign-core --features issuer --example write_vectors`.
//! An argument names another folder to write to, as for `scripts/gen`.
//! Signatures that stand in the file already are kept, as ECDSA would make new ones each time.

mod cases;
mod ecdsa;
mod edits;
#[path = "../../tests/token/forge.rs"]
mod forge;

use std::collections::HashMap;
use std::error::Error;
use std::fs;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use countersign_core::token::{Algorithm, KeySet, SigningKey};
use serde_json::{Value, json};

use cases::CLAIMS;
use forge::Forge;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/");
const NOW: u64 = 1_800_000_060;
const LEEWAY: u64 = 5;
const EXP: u64 = 1_800_000_900;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> Outcome {
    let keys = Keys::read()?;
    let mut vectors = Vectors { keys: &keys, cases: Vec::new(), known: known_signatures() };
    edits::good(&mut vectors)?;
    edits::forms(&mut vectors)?;
    edits::headers(&mut vectors)?;
    edits::signatures(&mut vectors)?;
    edits::claims(&mut vectors)?;
    edits::times(&mut vectors)?;
    let document = json!({
        "rule": "Each token is verified as an access token of this issuer, at `now` of the case or else of the file; `answer` is ok or why it is refused.",
        "issuer": "https://auth.example", "audience": "api", "typ": "at+jwt", "leeway": LEEWAY, "now": NOW,
        "jwks": serde_json::from_str::<Value>(&keys.public())?,
        "cases": vectors.cases,
    });
    let folder =
        std::env::args().nth(1).map_or_else(|| VECTORS.to_owned(), |root| format!("{root}/vectors/"));
    fs::create_dir_all(&folder)?;
    fs::write(format!("{folder}tokens.json"), serde_json::to_string_pretty(&document)? + "\n")?;
    Ok(())
}

/// The keys of `vectors/test-keys.json`.
struct Keys(Vec<SigningKey>);

impl Keys {
    fn read() -> Outcome<Self> {
        let texts: HashMap<String, String> =
            serde_json::from_str(&fs::read_to_string(format!("{VECTORS}test-keys.json"))?)?;
        let key = |&algorithm: &Algorithm| {
            let text = texts.get(algorithm.name()).ok_or("a key is missing")?;
            Ok(SigningKey::from_bytes(algorithm, &BASE64_URL_SAFE_NO_PAD.decode(text)?)?)
        };
        Algorithm::ALL.iter().map(key).collect::<Outcome<_>>().map(Self)
    }

    fn of(&self, algorithm: Algorithm) -> Outcome<&SigningKey> {
        Ok(self.0.iter().find(|key| key.algorithm() == algorithm).ok_or("a key is missing")?)
    }

    fn header(&self, algorithm: Algorithm) -> Outcome<String> {
        Ok(format!(r#"{{"alg":"{algorithm}","kid":"{}","typ":"at+jwt"}}"#, self.of(algorithm)?.kid()))
    }

    fn public(&self) -> String {
        self.0.iter().filter_map(SigningKey::public).cloned().collect::<KeySet>().to_jwks()
    }
}

struct Vectors<'k> {
    keys: &'k Keys,
    cases: Vec<Value>,
    known: HashMap<String, String>,
}

impl Vectors<'_> {
    fn add(&mut self, name: &str, token: impl Into<Value>, answer: &str) {
        self.cases.push(json!({"name": name, "token": token.into(), "answer": answer}));
    }

    /// A case with another header.
    fn header(&mut self, name: &str, edit: impl Fn(&str) -> String, answer: &str) -> Outcome {
        let header = edit(&self.keys.header(Algorithm::EdDsa)?);
        let token = self.signed(Algorithm::EdDsa, &header, CLAIMS)?;
        self.add(name, token, answer);
        Ok(())
    }

    /// A case with another payload.
    fn payload(&mut self, name: &str, payload: &str, answer: &str) -> Outcome {
        if payload == CLAIMS {
            return Err(format!("{name}: the payload was not changed").into());
        }
        let token = self.signed(Algorithm::EdDsa, &self.keys.header(Algorithm::EdDsa)?, payload)?;
        self.add(name, token, answer);
        Ok(())
    }

    /// The good token of most cases.
    fn token(&self) -> Outcome<String> {
        self.of(Algorithm::EdDsa)
    }

    fn of(&self, algorithm: Algorithm) -> Outcome<String> {
        self.signed(algorithm, &self.keys.header(algorithm)?, CLAIMS)
    }

    fn signed(&self, algorithm: Algorithm, header: &str, payload: &str) -> Outcome<String> {
        let token = Forge::new(self.keys.of(algorithm)?)?.token(header, payload.as_bytes())?;
        let known = token.rsplit_once('.').and_then(|(signed, _)| self.known.get(signed));
        Ok(known.cloned().unwrap_or(token))
    }
}

/// The good tokens that the file has already, by what they sign.
fn known_signatures() -> HashMap<String, String> {
    let text = fs::read_to_string(format!("{VECTORS}tokens.json")).unwrap_or_default();
    let document: Value = serde_json::from_str(&text).unwrap_or_default();
    let cases = document.get("cases").and_then(Value::as_array).cloned().unwrap_or_default();
    let token = |case: &Value| {
        let token = case.get("token")?.as_str()?;
        Some((token.rsplit_once('.')?.0.to_owned(), token.to_owned()))
    };
    cases.iter().filter(|case| case.get("name") == Some(&json!("ES256"))).filter_map(token).collect()
}
