//! REST: the routes the bot uses, with limits, failures and files.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{APPLICATION, BOT_TOKEN, CHANNEL, GUILD, Message, Seen, Shared, State, gateway, payload, rules};

/// How long an interaction waits for its first answer.
const FIRST_ANSWER_TIME_MAX: Duration = Duration::from_secs(3);
/// What an interaction's token may do in which time.
const WEBHOOK_WINDOW: (usize, Duration) = (5, Duration::from_secs(2));
/// Largest body that is read, in bytes: Discord takes files of 10 MiB.
const BODY_BYTES_MAX: usize = 11 * 1024 * 1024;

pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: BTreeMap<String, String>,
    /// The body as JSON: the whole of it, or the part `payload_json`.
    pub(crate) body: Value,
    /// The body as text, for who looks what was sent.
    raw: String,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

struct Answer {
    status: u16,
    body: Value,
    headers: Vec<(&'static str, String)>,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Self { status: 200, body, headers: Vec::new() }
    }

    fn nothing() -> Self {
        Self { status: 204, body: Value::Null, headers: Vec::new() }
    }

    fn refused(status: u16, code: i64, message: &str) -> Self {
        Self { status, body: json!({"message": message, "code": code}), headers: Vec::new() }
    }
}

/// Serves one connection to its end.
pub(crate) fn serve(shared: &Arc<Shared>, stream: TcpStream) {
    let Ok(reading) = stream.try_clone() else { return };
    let (mut reader, mut stream) = (BufReader::new(reading), stream);
    while let Ok(Some(request)) = read(&mut reader) {
        if let Some(key) = request.headers.get("sec-websocket-key") {
            let _ = gateway::serve(shared, stream, &request.path, key);
            return;
        }
        if let Some(bytes) = attachment(shared, &request.path) {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes)).is_err() {
                return;
            }
            continue;
        }
        let answer = answered(shared, &request);
        if write(&mut stream, &answer).is_err() {
            return;
        }
    }
}

fn attachment(shared: &Shared, path: &str) -> Option<Vec<u8>> {
    shared.state().attachments.get(path.strip_prefix("/attachments/")?).cloned()
}

/// Answers and keeps what was asked and answered.
fn answered(shared: &Shared, request: &Request) -> Answer {
    let at = Instant::now();
    let lost = lost(shared, request);
    let answer = limited(shared, request).unwrap_or_else(|| {
        let answer = route(shared, request);
        lost.unwrap_or_else(|| counted(shared, request, answer))
    });
    shared.state().requests.push(Seen {
        method: request.method.clone(),
        path: request.path.clone(),
        body: request.raw.clone(),
        status: answer.status,
        at,
    });
    answer
}

/// What Discord counts together: the method and the path up to its main id, with the kind of thing below it; and what
/// it takes of that.
fn bucket(state: &State, request: &Request) -> Option<(String, (usize, Duration))> {
    let parts: Vec<_> = request.path.split(['/', '?']).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["api", "v10", "channels", channel, rest @ ..] => {
            let below: Vec<_> = rest.iter().map(|part| if part.parse::<u64>().is_ok() { "id" } else { part }).collect();
            Some((format!("{} {channel} {}", request.method, below.join("/")), state.window))
        }
        ["api", "v10", "webhooks", _, token, ..] => Some((format!("webhook {token}"), WEBHOOK_WINDOW)),
        _ => None,
    }
}

/// What is answered instead of what was done.
fn lost(shared: &Shared, request: &Request) -> Option<Answer> {
    let mut state = shared.state();
    let is_for_it =
        |known: &&mut super::Disturbance| known.is_done && known.left > 0 && request.path.contains(&known.path);
    let disturbance = state.disturbances.iter_mut().find(is_for_it)?;
    disturbance.left -= 1;
    Some(Answer::refused(disturbance.status, 0, "a story's lost answer"))
}

/// A disturbance, a limit that rests, or one that is used up now.
fn limited(shared: &Shared, request: &Request) -> Option<Answer> {
    let mut state = shared.state();
    let now = Instant::now();
    let counted = bucket(&state, request);
    let bucket = counted.as_ref().map(|(bucket, _)| bucket.clone());
    for resting in [Some(String::new()), bucket.clone()].into_iter().flatten() {
        if let Some(until) = state.resting.get(&resting)
            && now < *until
            && !request.path.contains("/interactions/")
        {
            let early = format!("{} {} came before the pause was over", request.method, request.path);
            state.violations.push(early);
        }
    }
    if let Some(disturbance) = state
        .disturbances
        .iter_mut()
        .find(|known| known.left > 0 && !known.is_done && request.path.contains(&known.path))
    {
        disturbance.left -= 1;
        let (status, global) = (disturbance.status, disturbance.global);
        if status != 429 {
            return Some(Answer::refused(status, 0, "a story's failure"));
        }
        return Some(too_many(&mut state.resting, bucket.filter(|_| !global), 0.4));
    }
    let (bucket, (requests, time)) = counted?;
    let window = state.windows.entry(bucket.clone()).or_default();
    while window.front().is_some_and(|first| now.duration_since(*first) >= time) {
        window.pop_front();
    }
    if window.len() >= requests {
        // The one that has to be gone before another one fits.
        let in_the_way = window[window.len() - requests];
        let pause = time.saturating_sub(now.duration_since(in_the_way)).as_secs_f64();
        return Some(too_many(&mut state.resting, Some(bucket), pause));
    }
    window.push_back(now);
    None
}

fn too_many(resting: &mut std::collections::HashMap<String, Instant>, bucket: Option<String>, pause: f64) -> Answer {
    let global = bucket.is_none();
    resting.insert(bucket.unwrap_or_default(), Instant::now() + Duration::from_secs_f64(pause));
    let mut headers = vec![("Retry-After", pause.ceil().to_string())];
    if global {
        headers.push(("X-RateLimit-Global", "true".to_owned()));
        headers.push(("X-RateLimit-Scope", "global".to_owned()));
    } else {
        headers.push(("X-RateLimit-Scope", "user".to_owned()));
    }
    let body = json!({"message": "You are being rate limited.", "retry_after": pause, "global": global});
    Answer { status: 429, body, headers }
}

/// Says what is left of the route.
fn counted(shared: &Shared, request: &Request, mut answer: Answer) -> Answer {
    let state = shared.state();
    let Some((bucket, (requests, time))) = bucket(&state, request) else { return answer };
    let Some(window) = state.windows.get(&bucket) else { return answer };
    let in_the_way = window.get(window.len().saturating_sub(requests));
    let reset_after = in_the_way.map_or(0.0, |first| (time.saturating_sub(first.elapsed())).as_secs_f64());
    answer.headers.extend([
        ("X-RateLimit-Limit", requests.to_string()),
        ("X-RateLimit-Remaining", requests.saturating_sub(window.len()).to_string()),
        ("X-RateLimit-Reset-After", format!("{reset_after:.3}")),
        ("X-RateLimit-Bucket", "story".to_owned()),
        ("X-RateLimit-Scope", "user".to_owned()),
    ]);
    answer
}

fn route(shared: &Shared, request: &Request) -> Answer {
    let path = request.path.split('?').next().unwrap_or_default();
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let Some(parts) = parts.strip_prefix(&["api", "v10"]) else { return Answer::refused(404, 0, "404: Not Found") };
    if !request.headers.get("user-agent").is_some_and(|agent| agent.starts_with("DiscordBot (")) {
        shared.state().violations.push(format!("{path}: the User-Agent is not a bot's"));
    }
    let needs_no_token = matches!(parts, ["interactions" | "webhooks", ..]);
    if needs_no_token {
        if request.headers.contains_key("authorization") {
            shared.state().violations.push(format!("{path}: the bot's token went along"));
        }
    } else if request.headers.get("authorization").map(String::as_str) != Some(&format!("Bot {BOT_TOKEN}")) {
        return Answer::refused(401, 0, "401: Unauthorized");
    }
    match (request.method.as_str(), parts) {
        ("GET", ["gateway", "bot"]) => Answer::ok(json!({
            "url": format!("ws://{}/gateway", shared.address), "shards": 1,
            "session_start_limit": {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1},
        })),
        ("GET", ["users", "@me"]) => Answer::ok(payload::bot_user()),
        ("GET", ["applications", "@me"] | ["oauth2", "applications", "@me"]) => {
            Answer::ok(json!({"id": APPLICATION, "name": "calt", "bot": payload::bot_user()}))
        }
        ("PUT", ["applications", APPLICATION, "commands"]) => set_commands(shared, "", request),
        ("PUT", ["applications", APPLICATION, "guilds", guild, "commands"]) => set_commands(shared, guild, request),
        ("GET", ["applications", APPLICATION, "commands"]) => commands(shared, ""),
        ("GET", ["applications", APPLICATION, "guilds", guild, "commands"]) => commands(shared, guild),
        ("GET", ["channels", CHANNEL]) => Answer::ok(payload::channel()),
        ("GET", ["guilds", GUILD]) => Answer::ok(payload::guild(&shared.state().locale)),
        ("POST", ["channels", CHANNEL, "typing"]) if !shared.state().channel_is_closed => Answer::nothing(),
        (_, ["channels", CHANNEL, ..]) if shared.state().channel_is_closed => {
            Answer::refused(403, 50_001, "Missing Access")
        }
        ("GET", ["channels", CHANNEL, "messages"]) => {
            let state = shared.state();
            let newest = state.messages.values().rev().filter(|message| message.only_for.is_none()).take(50);
            Answer::ok(newest.map(payload::message).collect())
        }
        ("POST", ["channels", CHANNEL, "messages"]) => post(shared, request, None),
        ("PATCH", ["channels", CHANNEL, "messages", id]) => edit(shared, request, id),
        ("POST", ["interactions", id, token, "callback"]) => first_answer(shared, request, id, token),
        ("POST", ["webhooks", APPLICATION, token]) => follow_up(shared, request, token),
        ("PATCH", ["webhooks", APPLICATION, token, "messages", "@original"]) => edit_original(shared, request, token),
        _ => {
            shared.state().violations.push(format!("{} {path} is no route the bot should use", request.method));
            Answer::refused(404, 0, "404: Not Found")
        }
    }
}

fn set_commands(shared: &Shared, guild: &str, request: &Request) -> Answer {
    let found = rules::commands(&request.body);
    if !found.is_empty() {
        shared.state().violations.extend(found);
        return Answer::refused(400, 50_035, "Invalid Form Body");
    }
    let listed = request.body.as_array().into_iter().flatten().map(|command| {
        let mut command = command.clone();
        command["id"] = json!(shared.id().to_string());
        command["application_id"] = json!(APPLICATION);
        command["version"] = json!(shared.id().to_string());
        command
    });
    let listed: Value = listed.collect();
    shared.state().commands.insert(guild.to_owned(), listed.clone());
    Answer::ok(listed)
}

fn commands(shared: &Shared, guild: &str) -> Answer {
    Answer::ok(shared.state().commands.get(guild).cloned().unwrap_or_else(|| json!([])))
}

/// Breaches of what a message may be; a message that is one is refused, as Discord does.
fn checked(shared: &Shared, request: &Request, body: &Value, is_new: bool) -> Option<Answer> {
    let mut found = rules::message(body, &request.files, is_new);
    if found.is_empty() {
        return None;
    }
    for breach in &mut found {
        breach.insert_str(0, &format!("{} {}: ", request.method, request.path));
    }
    shared.state().violations.extend(found);
    Some(Answer::refused(400, 50_035, "Invalid Form Body"))
}

fn post(shared: &Shared, request: &Request, only_for: Option<&str>) -> Answer {
    if let Some(refused) = checked(shared, request, &request.body, true) {
        return refused;
    }
    let nonce = match &request.body["nonce"] {
        Value::String(nonce) => Some(nonce.clone()),
        Value::Number(nonce) => Some(nonce.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    if request.body["enforce_nonce"] == true && nonce.is_some() {
        let state = shared.state();
        if let Some(known) = state.messages.values().find(|message| message.nonce == nonce) {
            return Answer::ok(payload::message(known));
        }
    }
    let message = keep(shared, &request.body, &request.files, only_for, nonce);
    Answer::ok(payload::message(&message))
}

/// Makes a message of a body.
fn keep(
    shared: &Shared,
    body: &Value,
    files: &BTreeMap<String, Vec<u8>>,
    only_for: Option<&str>,
    nonce: Option<String>,
) -> Message {
    let number = shared.id();
    let message = Message {
        id: number.to_string(),
        channel: CHANNEL.to_owned(),
        only_for: only_for.map(str::to_owned),
        body: body.clone(),
        files: files.clone(),
        edits: 0,
        changed: Instant::now(),
        nonce,
    };
    shared.state().messages.insert(number, message.clone());
    message
}

fn edit(shared: &Shared, request: &Request, id: &str) -> Answer {
    if let Some(refused) = checked(shared, request, &request.body, false) {
        return refused;
    }
    let mut state = shared.state();
    let Some(message) = id.parse().ok().and_then(|id: u64| state.messages.get_mut(&id)) else {
        return Answer::refused(404, 10_008, "Unknown Message");
    };
    merge(message, &request.body, &request.files);
    Answer::ok(payload::message(message))
}

/// What an edit names changes; the rest stays. Files stay when `attachments` is not named.
fn merge(message: &mut Message, body: &Value, files: &BTreeMap<String, Vec<u8>>) {
    for (name, value) in body.as_object().into_iter().flatten() {
        message.body[name] = value.clone();
    }
    if body.get("attachments").is_some() {
        message.files = files.clone();
    }
    message.edits += 1;
    message.changed = Instant::now();
}

fn first_answer(shared: &Shared, request: &Request, id: &str, token: &str) -> Answer {
    let kind = request.body["type"].as_u64().unwrap_or_default();
    let data = &request.body["data"];
    let (asked, user, original) = {
        let mut state = shared.state();
        let Some(asked) = state.interactions.get(token).cloned() else {
            return Answer::refused(404, 10_062, "Unknown interaction");
        };
        if asked.first.is_some() {
            return Answer::refused(400, 40_060, "Interaction has already been acknowledged.");
        }
        let late = asked.asked.elapsed();
        if late > FIRST_ANSWER_TIME_MAX {
            state.violations.push(format!("interaction {id} was answered after {late:?}"));
            return Answer::refused(404, 10_062, "Unknown interaction");
        }
        let fits = match asked.kind {
            2 => matches!(kind, 4 | 5 | 9),
            3 => matches!(kind, 4 | 5 | 6 | 7 | 9),
            4 => kind == 8,
            5 => matches!(kind, 4..=7),
            _ => false,
        };
        if !fits {
            state.violations.push(format!("an interaction of type {} was answered with type {kind}", asked.kind));
        }
        (asked.asked, asked.user.clone(), asked.original)
    };
    let found = match kind {
        4 | 7 => rules::message(data, &request.files, true),
        8 => rules::choices(&data["choices"]),
        9 => rules::modal(data),
        _ => Vec::new(),
    };
    if !found.is_empty() {
        shared.state().violations.extend(found);
        return Answer::refused(400, 50_035, "Invalid Form Body");
    }
    let is_for_one = data["flags"].as_u64().is_some_and(|flags| flags & 64 != 0);
    let made = match kind {
        4 => Some(keep(shared, data, &request.files, is_for_one.then_some(user.as_str()), None).id),
        // A place for what comes later.
        5 => Some(keep(shared, &json!({}), &BTreeMap::new(), is_for_one.then_some(user.as_str()), None).id),
        _ => original,
    };
    let mut state = shared.state();
    if kind == 7
        && let Some(message) = made.as_ref().and_then(|id| state.messages.get_mut(&id.parse().unwrap()))
    {
        merge(message, data, &request.files);
    }
    if let Some(known) = state.interactions.get_mut(token) {
        known.first = Some((kind, data.clone(), asked.elapsed()));
        known.original = made;
    }
    Answer::nothing()
}

/// What a token that lived its quarter of an hour is answered with.
fn expired(shared: &Shared, token: &str) -> Option<Answer> {
    let is_expired = shared.state().expired.contains(token);
    is_expired.then(|| Answer::refused(401, 50_027, "Invalid Webhook Token"))
}

fn follow_up(shared: &Shared, request: &Request, token: &str) -> Answer {
    if let Some(refused) = expired(shared, token) {
        return refused;
    }
    let known = shared.state().interactions.get(token).cloned();
    let Some(known) = known.filter(|known| known.first.is_some()) else {
        return Answer::refused(404, 10_015, "Unknown Webhook");
    };
    if let Some(refused) = checked(shared, request, &request.body, true) {
        return refused;
    }
    let is_for_one = request.body["flags"].as_u64().is_some_and(|flags| flags & 64 != 0);
    let only_for = is_for_one.then_some(known.user.as_str());
    let message = keep(shared, &request.body, &request.files, only_for, None);
    if let Some(known) = shared.state().interactions.get_mut(token) {
        known.followups.push(message.id.clone());
    }
    Answer::ok(payload::message(&message))
}

fn edit_original(shared: &Shared, request: &Request, token: &str) -> Answer {
    if let Some(refused) = expired(shared, token) {
        return refused;
    }
    let original = shared.state().interactions.get(token).and_then(|known| known.original.clone());
    match original {
        Some(id) => edit(shared, request, &id),
        None => Answer::refused(404, 10_015, "Unknown Webhook"),
    }
}

fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = headers.get("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    if length > BODY_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    let media = headers.get("content-type").cloned().unwrap_or_default();
    let (body, files) = match media.split_once("boundary=") {
        Some((_, boundary)) => parts(&bytes, boundary),
        None => (serde_json::from_slice(&bytes).unwrap_or_default(), BTreeMap::new()),
    };
    let raw = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Some(Request { method, path, headers, body, raw, files }))
}

/// The parts of a form: the payload, and the files by name.
fn parts(bytes: &[u8], boundary: &str) -> (Value, BTreeMap<String, Vec<u8>>) {
    let (mut body, mut files) = (Value::Null, BTreeMap::new());
    let divider = format!("--{boundary}").into_bytes();
    let mut places: Vec<_> =
        bytes.windows(divider.len()).enumerate().filter(|(_, part)| *part == divider).map(|(at, _)| at).collect();
    places.push(bytes.len());
    for pair in places.windows(2) {
        let part = &bytes[pair[0] + divider.len()..pair[1]];
        let Some(end) = part.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..end]).into_owned();
        let content = part[end + 4..].strip_suffix(b"\r\n").unwrap_or(&part[end + 4..]);
        let named = |what: &str| {
            let (_, rest) = head.split_once(&format!("; {what}=\""))?;
            rest.split_once('"').map(|(name, _)| name.to_owned())
        };
        match (named("name").as_deref(), named("filename")) {
            (Some("payload_json"), _) => body = serde_json::from_slice(content).unwrap_or_default(),
            (Some(_), Some(file)) => drop(files.insert(file, content.to_vec())),
            _ => {}
        }
    }
    (body, files)
}

fn write(stream: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    let body = if answer.body.is_null() { String::new() } else { answer.body.to_string() };
    let mut head = format!("HTTP/1.1 {} Story\r\nContent-Type: application/json\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(head.as_bytes())
}
