//! The least HTTP a story needs.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longest a story waits for an answer, in seconds.
const ANSWER_SECONDS_MAX: u64 = 150;

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Status and code in one line: `409 step_not_approved → approve_step`.
    pub fn line(&self) -> String {
        let json = self.json();
        let code = json["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
        let next = json["next"]["action"].as_str().map(|next| format!(" → {next}")).unwrap_or_default();
        format!("{}{code}{next}", self.status)
    }

    /// Panics with everything when the status is another.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// Sends one request on a connection of its own.
pub fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Reply {
    try_send(address, method, path, headers, body).unwrap()
}

/// The same, for a daemon that may die meanwhile: an answer counts only when the whole of it came.
///
/// # Errors
/// Whatever the connection says, or that the answer was cut off.
pub fn try_send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> io::Result<Reply> {
    let mut stream = open(address, method, path, headers, body)?;
    let mut reader = BufReader::new(&mut stream);
    let (status, headers) = read_head(&mut reader)?;
    let mut bytes = Vec::new();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse::<u64>().unwrap());
    match length {
        Some(length) => {
            reader.take(length).read_to_end(&mut bytes)?;
            if bytes.len() as u64 != length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        None => {
            reader.read_to_end(&mut bytes)?;
        }
    }
    Ok(Reply { status, headers, body: bytes })
}

/// Opens a connection and sends a request; the answer is not read.
pub(crate) fn open(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(ANSWER_SECONDS_MAX)))?;
    let mut request = format!("{method} {path} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        let _ = write!(request, "Host: {address}\r\n");
    }
    for (name, value) in headers {
        let _ = write!(request, "{name}: {value}\r\n");
    }
    if let Some(body) = body {
        let _ = write!(request, "Content-Length: {}\r\n", body.len());
    } else if method == "POST" {
        request.push_str("Content-Length: 0\r\n");
    }
    request.push_str("Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    // A daemon that refuses a large body may close before it has read all of it.
    let _ = stream.write_all(body.unwrap_or_default());
    Ok(stream)
}

fn read_head(reader: &mut impl BufRead) -> io::Result<(u16, Vec<(String, String)>)> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no status line: {line:?}")).parse().unwrap();
    let mut headers = Vec::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok((status, headers)) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// A live event stream.
pub struct Stream {
    reader: BufReader<TcpStream>,
}

impl Stream {
    /// Opens `text/event-stream`.
    pub fn open(address: &str, path: &str, token: &str, after: Option<u64>) -> Self {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("Authorization", bearer.as_str()), ("Accept", "text/event-stream")];
        let after = after.map(|id| id.to_string());
        if let Some(after) = &after {
            headers.push(("Last-Event-ID", after));
        }
        let mut reader = BufReader::new(open(address, "GET", path, &headers, None).unwrap());
        let (status, _) = read_head(&mut reader).unwrap();
        assert_eq!(status, 200);
        Self { reader }
    }

    /// The next event: its id and its data. `None` when the stream has ended.
    pub fn next_event(&mut self) -> Option<(u64, Value)> {
        let (mut id, mut data) = (None, String::new());
        loop {
            let mut line = String::new();
            if self.reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            if let Some(value) = line.strip_prefix("id:") {
                id = value.trim().parse().ok();
            } else if let Some(value) = line.strip_prefix("data:") {
                data.push_str(value.trim_start());
            } else if line.is_empty() && !data.is_empty() {
                return Some((id?, serde_json::from_str(&data).unwrap()));
            }
        }
    }
}
