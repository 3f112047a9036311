//! Logs in and says who that is; with `--follow`, also what happens to the account from then on, where the server
//! has `subscription sessionEvents`.
//!
//! ```sh
//! COUNTERSIGN_URL=http://localhost:4000 COUNTERSIGN_NAME=ann cargo run -p countersign-client --example whoami
//! ```
//!
//! The password is `COUNTERSIGN_PASSWORD`, or a line of the standard input.

use std::error::Error;
use std::io::{self, Write as _};

use countersign_client::{Client, Config, Event, Login, Operation};
use serde_json::Value;
use zeroize::Zeroizing;

#[expect(clippy::disallowed_methods, reason = "an example that reads its environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn ask(name: &str, question: &str) -> io::Result<String> {
    if let Some(answer) = environment(name) {
        return Ok(answer);
    }
    write!(io::stderr(), "{question}: ")?;
    let mut line = Zeroizing::new(String::new());
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

/// Until the session ends, or Ctrl-C.
async fn follow(client: &Client, url: &str) -> Result<(), Box<dyn Error>> {
    let socket = client.socket(&format!("{url}/graphql"))?;
    let mut events = socket.subscribe(Operation::new("subscription { sessionEvents { at kind sessionId } }"));
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        };
        match event.transpose()? {
            Some(Event::Next(event)) => writeln!(io::stdout(), "{}", event.data)?,
            Some(_) => writeln!(io::stderr(), "connected again")?,
            None => return Ok(()),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = environment("COUNTERSIGN_URL").unwrap_or_else(|| "http://localhost:4000".to_owned());
    let client = Client::new(Config::new(&url))?;
    let login = Login::new(ask("COUNTERSIGN_NAME", "Name")?, ask("COUNTERSIGN_PASSWORD", "Password")?);
    client.login(login).await?;

    let query = serde_json::json!({ "query": "{ me { id email username roles } }" });
    let request = client.http().post(format!("{url}/graphql")).json(&query);
    let answer: Value = client.send(request).await?.json().await?;
    writeln!(io::stdout(), "{:#}", answer.pointer("/data/me").unwrap_or(&answer))?;

    if std::env::args().any(|argument| argument == "--follow") {
        follow(&client, &url).await?;
    }
    client.logout().await?;
    Ok(())
}
