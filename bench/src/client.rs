//! The least HTTP client: one keep-alive connection, blocking.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;

pub(crate) struct Client {
    address: String,
    token: String,
    connection: Option<BufReader<TcpStream>>,
    /// Call name and milliseconds, in order.
    pub(crate) calls: Vec<(&'static str, f64)>,
    /// Calls that were not answered with success.
    pub(crate) failed: usize,
}

impl Client {
    pub(crate) fn new(address: &str, token: &str) -> Self {
        Self { address: address.to_owned(), token: token.to_owned(), connection: None, calls: Vec::new(), failed: 0 }
    }

    /// One call that should succeed; its time is kept under `name`.
    pub(crate) fn call(&mut self, name: &'static str, method: &str, path: &str, body: Option<&str>) -> Value {
        let started = Instant::now();
        let (status, bytes) = self.send(method, path, body);
        self.calls.push((name, started.elapsed().as_secs_f64() * 1e3));
        if status >= 300 {
            self.failed += 1;
        }
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }

    /// One call; gives its status.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: Option<&str>) -> (u16, Vec<u8>) {
        let connection = self.connection.get_or_insert_with(|| {
            let stream = TcpStream::connect(&self.address).unwrap();
            stream.set_nodelay(true).unwrap();
            BufReader::new(stream)
        });
        let body = body.unwrap_or("");
        let content = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n{content}Content-Length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        );
        connection.get_mut().write_all(request.as_bytes()).unwrap();
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            connection.read_line(&mut line).unwrap();
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if status == 0 {
                status = text.split(' ').nth(1).unwrap().parse().unwrap();
            } else if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
        }
        let mut bytes = vec![0; length];
        connection.read_exact(&mut bytes).unwrap();
        (status, bytes)
    }
}
