//! What Hasura's engines say of tokens: a line of JSON in, `ok` or the fault out. `e2e/interop` asks it.

mod engine;

use std::error::Error;
use std::io::{BufRead, Write};

use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;

use engine::Expected;

#[derive(Deserialize)]
struct Question {
    engine: String,
    token: String,
    jwks: JwkSet,
    issuer: String,
    audience: String,
    now: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    for line in std::io::stdin().lock().lines() {
        let asked: Question = serde_json::from_str(&line?)?;
        let expected = Expected { issuer: &asked.issuer, audience: &asked.audience, now: asked.now };
        let answer = match asked.engine.as_str() {
            "v2" => engine::v2(&asked.token, &asked.jwks, &expected),
            "v3" => engine::v3(&asked.token, &asked.jwks, &expected, 0),
            other => Err(format!("{other}: there is no such engine")),
        };
        writeln!(std::io::stdout(), "{}", answer.err().unwrap_or_else(|| "ok".into()))?;
    }
    Ok(())
}
