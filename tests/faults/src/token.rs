//! What a refresh token says, as the layout in PROTOCOL.md has it. Clients need not know; the judge must.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Where a refresh token stands, and when this copy of it was issued. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// How many confirmed tokens came before it.
    pub depth: u32,
    /// The window it was handed out in.
    pub slot: u64,
    /// The slot of the confirmed token it is a child of.
    pub parent_slot: u64,
    /// When it was handed out.
    pub issued: u64,
}

impl Token {
    /// Reads a token of the server's. None if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix("cs_rt_")?).ok()?;
        // Version, key id, user and session come before it.
        let (&depth, rest) = bytes.get(1 + 6 + 16 + 16..)?.split_first_chunk()?;
        let (&slot, rest) = rest.split_first_chunk()?;
        let (&parent_slot, rest) = rest.split_first_chunk()?;
        let &issued = rest.first_chunk()?;
        Some(Self {
            depth: u32::from_be_bytes(depth),
            slot: u64::from_be_bytes(slot),
            parent_slot: u64::from_be_bytes(parent_slot),
            issued: u64::from_be_bytes(issued),
        })
    }

    /// Whether this token was answered because `shown` was the confirmed one.
    pub fn answers_confirmed(&self, shown: &Self) -> bool {
        self.depth == shown.depth.saturating_add(1) && self.parent_slot == shown.slot
    }
}
