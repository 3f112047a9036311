//! Server-sent events, as far as our stream uses them
//! ([WHATWG HTML, section 9.2](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream)).

/// The longest event that is read, in bytes: a batch of the snapshot has about 230,000.
const LONGEST: usize = 8 * 1024 * 1024;

/// One event of the stream.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: String,
    pub(super) id: Option<String>,
}

/// An event that is longer than any of ours, or no UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream is not one of events")]
pub(super) struct Malformed;

/// Cuts a stream of bytes into events, wherever the network has cut it.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// What came of a line that has not ended.
    line: Vec<u8>,
    event: Event,
    /// A `\r` ended the last line: a `\n` that follows belongs to it.
    returned: bool,
    /// Whether the first line has ended, which a byte order mark may begin.
    begun: bool,
}

impl Parser {
    /// The events that `bytes` complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Malformed> {
        let mut events = Vec::new();
        let bytes = match (self.returned, bytes) {
            (true, [b'\n', rest @ ..]) => rest,
            _ => bytes,
        };
        self.returned = bytes.last().map_or(self.returned && bytes.is_empty(), |last| *last == b'\r');
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (line, ending) = rest.split_at(end);
            rest = ending.strip_prefix(b"\r\n").or_else(|| ending.get(1..)).unwrap_or_default();
            self.line.extend_from_slice(line);
            let line = std::mem::take(&mut self.line);
            events.extend(self.line_ended(std::str::from_utf8(&line).map_err(|_| Malformed)?));
            self.bounded()?;
        }
        self.line.extend_from_slice(rest);
        self.bounded()?;
        Ok(events)
    }

    /// An empty line ends an event; one without data is none.
    fn line_ended(&mut self, line: &str) -> Option<Event> {
        let first = !std::mem::replace(&mut self.begun, true);
        let line = if first { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" if self.event.data.is_empty() => value.clone_into(&mut self.event.data),
            "data" => {
                self.event.data.push('\n');
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.name),
            "id" => self.event.id = Some(value.to_owned()),
            // A comment, or a field that we have no use for.
            _ => {}
        }
        None
    }

    const fn bounded(&self) -> Result<(), Malformed> {
        if self.line.len() + self.event.data.len() > LONGEST { Err(Malformed) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str, id: Option<&str>) -> Event {
        Event { name: name.into(), data: data.into(), id: id.map(Into::into) }
    }

    #[test]
    fn events_are_the_same_wherever_the_network_cuts_them() {
        let text = "\u{feff}: hello\n\nevent: entries\nid: a.1\ndata: {\"é\":1}\n\nevent:heartbeat\r\ndata:1\r\ndata: 2\r\rretry: 5\nnonsense\n\ndata\n\n";
        let expected = [event("entries", "{\"é\":1}", Some("a.1")), event("heartbeat", "1\n2", None)];
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let events: Vec<_> =
                text.as_bytes().chunks(size).flat_map(|part| parser.push(part).unwrap()).collect();
            assert_eq!(events, expected, "in parts of {size} bytes");
        }
    }

    #[test]
    fn what_is_no_event_is_refused_and_not_kept_without_end() {
        assert_eq!(Parser::default().push(b"data: \xff\n"), Err(Malformed));
        let mut parser = Parser::default();
        let endless = std::iter::repeat_with(|| parser.push(&vec![b'a'; 65_536]));
        assert!(endless.take(200).any(|parsed| parsed == Err(Malformed)));
        let mut parser = Parser::default();
        let line = [b"data: ".as_slice(), &vec![b'a'; 65_536], b"\n"].concat();
        let endless = std::iter::repeat_with(|| parser.push(&line));
        assert!(endless.take(200).any(|parsed| parsed == Err(Malformed)));
    }
}
