//! A WebSocket between a client and the API, held to its session.
//!
//! ```text
//!  client ──► Guard ──► API      one message at a time: who is slow slows the other side down
//!  client ◄──────────── API
//!  Guard::over, Guard::silent ──► both sides are closed
//! ```
//!
//! The API is not connected to before the client is known.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use axum::extract::{FromRequestParts, Request, WebSocketUpgrade};
use axum::http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use axum::http::request::Parts;
use axum::response::Response;
use countersign_verifier::variables::asked_role;
use countersign_verifier::websocket::{Close, Ending, Guard, Init, Protocol, Rules, Step};
use countersign_verifier::{Refused, Shown};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame as ApiCloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message as ApiMessage};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::caller::{Caller, Peer};
use crate::error::Error;
use crate::forward::{self, CONNECT_WITHIN};
use crate::payload;
use crate::router::Gate;

/// The longest message of the API, in bytes.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;
/// How much is read at once. There may be many sockets, and each holds this.
const READ: usize = 8 * 1024;
/// How long either side may take to answer a close frame.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

type Api = WebSocketStream<TcpStream>;
type ToClient = Mutex<SplitSink<WebSocket, Message>>;
type ToApi = Mutex<SplitSink<Api, ApiMessage>>;

/// The API cannot be reached. The stock client connects again after this, and not after 1011.
const AWAY: Close = Close::AWAY;

/// Opens the socket that a request asks for.
pub(crate) async fn open(gate: Arc<Gate>, peer: Peer, request: Request) -> Result<Response, Error> {
    let (mut parts, _) = request.into_parts();
    gate.origins.check(&parts.headers)?;
    asked_role(&parts.headers)?;
    let protocol = Protocol::offered(&parts.headers)
        .ok_or(Error::Malformed("Sec-WebSocket-Protocol: graphql-transport-ws or graphql-ws is wanted"))?;
    let rules = Rules { grace: gate.settings.ws_grace.0, ..Rules::default() };
    let guard = Guard::new(gate.verifier.clone(), protocol, &parts.headers, rules)?
        .until(parts.extensions.get().cloned());
    let place = Arc::clone(&gate.places).try_acquire_owned().map_err(|_| Error::Full)?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|_| Error::Malformed("this is no WebSocket upgrade"))?;
    Ok(upgrade
        .protocols([protocol.name()])
        .read_buffer_size(READ)
        .write_buffer_size(0)
        // The guard refuses what is over its limit; this only bounds what is read before it sees it.
        .max_message_size(rules.longest_message.saturating_mul(2))
        .on_upgrade(async move |socket| {
            metrics::gauge!("countersign_gateway_sockets").increment(1.0);
            Conversation { gate, peer, parts, guard }.hold(socket).await;
            metrics::gauge!("countersign_gateway_sockets").decrement(1.0);
            drop(place);
        }))
}

/// One socket, from the upgrade to its end.
struct Conversation {
    gate: Arc<Gate>,
    peer: Peer,
    /// The upgrade.
    parts: Parts,
    guard: Guard,
}

/// Why a socket ends.
enum End {
    /// The client went away.
    Gone,
    /// We end it.
    Ours(Close),
    /// The API closed it.
    Theirs(Option<ApiCloseFrame>),
}

impl Conversation {
    async fn hold(self, socket: WebSocket) {
        let (to_client, mut from_client) = socket.split();
        let to_client = Mutex::new(to_client);
        let end = {
            let silent = self.guard.silent(|ping| ask(&to_client, ping));
            // It ends with this block: while it asks it may have the lock, without which nobody says farewell.
            let over = pin!(async {
                tokio::select! {
                    biased;
                    close = self.guard.over() => close,
                    close = silent => close,
                }
            });
            self.converse(over, &to_client, &mut from_client).await.unwrap_or_else(|end| end)
        };
        let farewell = async {
            if let Some(frame) = end.frame() {
                tracing::debug!(code = frame.code, reason = frame.reason.as_str(), "a socket is closed");
                let _gone = to_client.lock().await.send(Message::Close(Some(frame))).await;
            }
            // A socket that is dropped with something unread takes the close frame along with it.
            while let Some(Ok(_)) = from_client.next().await {}
        };
        let _silent = tokio::time::timeout(CLOSE_WITHIN, farewell).await;
    }

    async fn converse(
        &self,
        mut over: Pin<&mut impl Future<Output = Close>>,
        to_client: &ToClient,
        from_client: &mut SplitStream<WebSocket>,
    ) -> Result<End, End> {
        let begun = async {
            let init = self.init(to_client, from_client).await?;
            let (message, headers) =
                self.introduce(init).map_err(|refused| End::Ours(Close::refused(refused)))?;
            let mut api = self.connect(headers).await.map_err(|error| {
                tracing::warn!(%error, "the API is away");
                End::Ours(AWAY)
            })?;
            api.send(ApiMessage::text(message)).await.map_err(|_| End::Ours(AWAY))?;
            Ok(api)
        };
        let api = tokio::select! {
            biased;
            close = over.as_mut() => return Err(End::Ours(close)),
            api = begun => api?,
        };
        let (to_api, mut from_api) = api.split();
        let to_api = Mutex::new(to_api);
        let end = tokio::select! {
            biased;
            close = over.as_mut() => End::Ours(close),
            end = self.upwards(to_client, from_client, &to_api) => end,
            end = downwards(&mut from_api, to_client) => end,
        };
        let until_then = self.parts.extensions.get::<Ending>().cloned();
        tokio::spawn(async move {
            let farewell = async {
                let _gone = to_api.into_inner().close().await;
                while let Some(Ok(_)) = from_api.next().await {}
            };
            let _silent = tokio::time::timeout(CLOSE_WITHIN, farewell).await;
            drop(until_then);
        });
        Ok(end)
    }

    /// Waits until the client has said who it is.
    async fn init(
        &self,
        to_client: &ToClient,
        from_client: &mut SplitStream<WebSocket>,
    ) -> Result<Init, End> {
        loop {
            match self.step(from_client).await? {
                Step::Init(init) => return Ok(init),
                Step::Answer(answer) => say(to_client, answer).await?,
                // The guard passes nothing on before the client is known.
                _ => (),
            }
        }
    }

    /// The client's first message, and the headers of the upgrade, as the API gets them.
    fn introduce(&self, init: Init) -> Result<(String, HeaderMap), Refused> {
        let (gate, policy) = (&self.gate, self.gate.verifier.policy());
        let mut headers = self.parts.headers.clone();
        let verified = self.guard.verified().ok_or(Refused::TokenMissing)?;
        let of_upgrade = Shown::of(&headers, policy)?.token;
        let token = payload::token(&init.payload).or(of_upgrade).ok_or(Refused::TokenMissing)?;
        let role =
            payload::role(&init.payload)?.map_or_else(|| asked_role(&headers), |role| Ok(Some(role)))?;
        let caller = Caller::known(&verified, token, role)?;
        let mut told = HeaderMap::new();
        caller.tell(&mut told, &gate.settings);
        let payload = payload::rebuild(init.payload, &told);
        forward::rewrite(&mut headers, &self.peer, &caller, &gate.settings);
        Ok((Init { payload }.message(), headers))
    }

    async fn connect(&self, headers: HeaderMap) -> Result<Api, tungstenite::Error> {
        let no_url = || tungstenite::Error::Url(tungstenite::error::UrlError::NoHostName);
        let upstream = self.gate.settings.upstream().ok_or_else(no_url)?;
        let uri = upstream.uri("ws", &self.parts.uri).map_err(|_| no_url())?;
        let mut request = uri.into_client_request()?;
        for (name, value) in &headers {
            // Keys, version and extensions of this side are its own.
            if !name.as_str().starts_with("sec-websocket-") {
                request.headers_mut().append(name, value.clone());
            }
        }
        let protocol = HeaderValue::from_static(self.guard.protocol().name());
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(0)
            .max_message_size(Some(LONGEST_ANSWER))
            .max_frame_size(Some(LONGEST_ANSWER));
        let connected = async {
            let stream = TcpStream::connect(upstream.address()).await?;
            stream.set_nodelay(true)?;
            client_async_with_config(request, stream, Some(config)).await
        };
        match tokio::time::timeout(CONNECT_WITHIN, connected).await {
            Ok(connected) => connected.map(|(api, _)| api),
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }

    /// What to do with the client's next message.
    async fn step(&self, from_client: &mut SplitStream<WebSocket>) -> Result<Step, End> {
        let step = match from_client.next().await.ok_or(End::Gone)? {
            Ok(Message::Text(text)) => self.guard.client_said(&text).await,
            Ok(Message::Binary(_)) => Step::Close(Close::MALFORMED),
            Ok(Message::Ping(_) | Message::Pong(_)) => {
                self.guard.heard();
                Step::Ignore
            }
            Ok(Message::Close(_)) => return Err(End::Gone),
            // Too large before its end, or no WebSocket any more: then nobody reads this.
            Err(_) => Step::Close(Close::TOO_LARGE),
        };
        match step {
            Step::Close(close) => Err(End::Ours(close)),
            step => Ok(step),
        }
    }

    /// What the client says, so far as the guard passes it on.
    async fn upwards(
        &self,
        to_client: &ToClient,
        from_client: &mut SplitStream<WebSocket>,
        to_api: &ToApi,
    ) -> End {
        let pump = async {
            loop {
                match self.step(from_client).await? {
                    Step::Forward(message) => {
                        let sent = to_api.lock().await.send(ApiMessage::text(message)).await;
                        sent.map_err(|_| End::Ours(AWAY))?;
                    }
                    Step::Answer(answer) => say(to_client, answer).await?,
                    _ => (),
                }
            }
        };
        let Err(end): Result<Infallible, End> = pump.await;
        end
    }
}

async fn say(to_client: &ToClient, answer: String) -> Result<(), End> {
    let message = Message::Text(Utf8Bytes::from(answer));
    to_client.lock().await.send(message).await.map_err(|_| End::Gone)
}

/// Asks the client whether it is there.
async fn ask(to_client: &ToClient, ping: &'static str) {
    let mut to_client = to_client.lock().await;
    for message in [Message::Text(Utf8Bytes::from_static(ping)), Message::Ping(Bytes::new())] {
        let _gone = to_client.send(message).await;
    }
}

/// What the API says. It is believed.
async fn downwards(from_api: &mut SplitStream<Api>, to_client: &ToClient) -> End {
    loop {
        let text = match from_api.next().await {
            Some(Ok(ApiMessage::Text(text))) => text,
            Some(Ok(ApiMessage::Close(frame))) => return End::Theirs(frame),
            Some(Ok(ApiMessage::Ping(_) | ApiMessage::Pong(_))) => continue,
            Some(Ok(_) | Err(_)) | None => return End::Ours(AWAY),
        };
        if let Err(end) = say(to_client, text.as_str().to_owned()).await {
            return end;
        }
    }
}

impl End {
    /// What the client is told.
    fn frame(self) -> Option<CloseFrame> {
        match self {
            Self::Gone => None,
            Self::Ours(close) => {
                Some(CloseFrame { code: close.code, reason: Utf8Bytes::from_static(close.reason) })
            }
            Self::Theirs(Some(frame)) if frame.code.is_allowed() => {
                Some(CloseFrame { code: frame.code.into(), reason: Utf8Bytes::from(frame.reason.as_str()) })
            }
            Self::Theirs(_) => Self::Ours(Close::DONE).frame(),
        }
    }
}
