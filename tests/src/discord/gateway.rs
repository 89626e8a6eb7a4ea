//! The gateway: a web socket with `zlib-stream`, heartbeats, sessions that can be taken up again.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use flate2::{Compress, Compression, FlushCompress};
use serde_json::{Value, json};
use sha1::Digest as _;

use super::payload;
use super::{APPLICATION, BOT_TOKEN, GUILD, Shared};

/// What a web socket's accept key is made with (RFC 6455, 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// How often a heartbeat is wanted, in milliseconds; Discord says 41,250.
const HEARTBEAT_MILLIS: u64 = 300;
/// Events kept for whoever resumes.
const KEPT: usize = 1_000;
/// Discord's close code for a token that is not accepted.
const AUTHENTICATION_FAILED: u16 = 4004;

/// One connection.
pub(crate) struct Socket {
    stream: TcpStream,
    out: Mutex<(TcpStream, Compress)>,
    is_identified: Mutex<bool>,
}

impl Socket {
    /// Sends a payload as one piece of the compressed stream.
    pub(crate) fn send(&self, payload: &Value) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let (stream, compress) = &mut *out;
        let text = payload.to_string();
        let mut compressed = Vec::with_capacity(text.len() + 1_024);
        let before = compress.total_in();
        while compress.total_in() - before < text.len() as u64 {
            let done = usize::try_from(compress.total_in() - before).unwrap();
            compressed.reserve(1_024);
            compress.compress_vec(&text.as_bytes()[done..], &mut compressed, FlushCompress::None).unwrap();
        }
        while !compressed.ends_with(&[0, 0, 0xff, 0xff]) {
            compressed.reserve(1_024);
            compress.compress_vec(&[], &mut compressed, FlushCompress::Sync).unwrap();
        }
        let _ = write_frame(stream, 2, &compressed);
    }

    /// Ends the connection without a word.
    pub(crate) fn cut(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn close(&self, code: u16) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = write_frame(&mut out.0, 8, &code.to_be_bytes());
    }
}

/// Takes a connection over after its request for an upgrade was read.
pub(crate) fn serve(shared: &Arc<Shared>, mut stream: TcpStream, path: &str, key: &str) -> io::Result<()> {
    if !path.contains("v=10") || !path.contains("encoding=json") || !path.contains("compress=zlib-stream") {
        shared.state().violations.push(format!("the gateway was asked for as {path}"));
    }
    let accept = base64::prelude::BASE64_STANDARD.encode(sha1::Sha1::digest(format!("{key}{GUID}")));
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )?;
    let compress = Compress::new(Compression::default(), true);
    let socket = Arc::new(Socket {
        stream: stream.try_clone()?,
        out: Mutex::new((stream.try_clone()?, compress)),
        is_identified: Mutex::new(false),
    });
    shared.state().sockets.push(Arc::clone(&socket));
    let hello = json!({"heartbeat_interval": HEARTBEAT_MILLIS, "_trace": ["[\"gateway-story\"]"]});
    socket.send(&json!({"op": 10, "d": hello, "s": null, "t": null}));
    while let Some((opcode, bytes)) = read_frame(&mut stream)? {
        match opcode {
            1 => {
                let Ok(payload) = serde_json::from_slice::<Value>(&bytes) else { break };
                if !take(shared, &socket, &payload) {
                    break;
                }
            }
            8 => break,
            9 => {
                let mut out = socket.out.lock().unwrap_or_else(PoisonError::into_inner);
                write_frame(&mut out.0, 10, &bytes)?;
            }
            _ => {}
        }
    }
    shared.state().sockets.retain(|known| !Arc::ptr_eq(known, &socket));
    Ok(())
}

/// Acts on what the bot sent; false ends the connection.
fn take(shared: &Shared, socket: &Socket, payload: &Value) -> bool {
    let data = &payload["d"];
    match payload["op"].as_u64() {
        Some(1) => {
            shared.state().heartbeats += 1;
            socket.send(&json!({"op": 11, "d": null, "s": null, "t": null}));
        }
        Some(2) => {
            if data["token"].as_str().map(|token| token.trim_start_matches("Bot ")) != Some(BOT_TOKEN) {
                socket.close(AUTHENTICATION_FAILED);
                return false;
            }
            identify(shared, socket, data);
        }
        Some(6) => resume(shared, socket, data),
        _ => shared.state().violations.push(format!("an unknown opcode was sent: {}", payload["op"])),
    }
    true
}

fn identify(shared: &Shared, socket: &Socket, data: &Value) {
    let session = format!("session-{}", shared.id());
    let mut state = shared.state();
    for name in ["token", "properties", "intents"] {
        if data[name].is_null() {
            state.violations.push(format!("IDENTIFY without `{name}`"));
        }
    }
    if data["intents"].as_u64().is_none_or(|intents| intents & (1 << 15) != 0) {
        state.violations.push("the bot wants to read what people write".to_owned());
    }
    state.identified += 1;
    state.sessions.push(session.clone());
    state.sequence += 1;
    let ready = json!({
        "v": 10,
        "user": payload::bot_user(),
        "guilds": [{"id": GUILD, "unavailable": true}],
        "session_id": session,
        "session_type": "normal",
        "resume_gateway_url": format!("ws://{}/resume", shared.address),
        "shard": [0, 1],
        "application": {"id": APPLICATION, "flags": 565_248},
        "private_channels": [], "relationships": [], "presences": [], "user_settings": {}, "_trace": [],
    });
    // Under the same lock: who sees that the bot is there can be sure that it is told what happens from now on.
    socket.send(&json!({"op": 0, "d": ready, "s": state.sequence, "t": "READY"}));
    *socket.is_identified.lock().unwrap() = true;
}

fn resume(shared: &Shared, socket: &Socket, data: &Value) {
    let mut state = shared.state();
    if !state.sessions.iter().any(|known| data["session_id"] == known.as_str()) {
        drop(state);
        socket.send(&json!({"op": 9, "d": false, "s": null, "t": null}));
        return;
    }
    state.resumed += 1;
    let after = data["seq"].as_u64().unwrap_or_default();
    let missed: Vec<_> = state.sent.iter().filter(|(sequence, _)| *sequence > after).cloned().collect();
    // From here on it is told what happens; what it missed comes first, under the same lock.
    for (_, payload) in &missed {
        socket.send(payload);
    }
    state.sequence += 1;
    let sequence = state.sequence;
    socket.send(&json!({"op": 0, "d": {"_trace": []}, "s": sequence, "t": "RESUMED"}));
    *socket.is_identified.lock().unwrap() = true;
}

/// Sends an event to whoever is there, and keeps it for whoever comes back.
pub(crate) fn dispatch(shared: &Shared, name: &str, data: &Value) {
    let mut state = shared.state();
    state.sequence += 1;
    let payload = json!({"op": 0, "d": data, "s": state.sequence, "t": name});
    let sequence = state.sequence;
    state.sent.push_back((sequence, payload.clone()));
    if state.sent.len() > KEPT {
        state.sent.pop_front();
    }
    for socket in &state.sockets {
        if *socket.is_identified.lock().unwrap() {
            socket.send(&payload);
        }
    }
}

fn write_frame(stream: &mut TcpStream, opcode: u8, bytes: &[u8]) -> io::Result<()> {
    let mut head = vec![0x80 | opcode];
    match bytes.len() {
        length @ 0..=125 => head.push(u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            head.push(126);
            head.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            head.push(127);
            head.extend((length as u64).to_be_bytes());
        }
    }
    head.extend_from_slice(bytes);
    stream.write_all(&head)
}

/// The next whole frame of a client: its opcode and its bytes without the mask. Pieces of messages are not used.
fn read_frame(stream: &mut TcpStream) -> io::Result<Option<(u8, Vec<u8>)>> {
    let mut head = [0; 2];
    if stream.read_exact(&mut head).is_err() {
        return Ok(None);
    }
    let length = match head[1] & 0x7f {
        126 => {
            let mut long = [0; 2];
            stream.read_exact(&mut long)?;
            u64::from(u16::from_be_bytes(long))
        }
        127 => {
            let mut long = [0; 8];
            stream.read_exact(&mut long)?;
            u64::from_be_bytes(long)
        }
        short => u64::from(short),
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask)?;
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    stream.read_exact(&mut bytes)?;
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte ^= mask[place % 4];
    }
    Ok(Some((head[0] & 0x0f, bytes)))
}
