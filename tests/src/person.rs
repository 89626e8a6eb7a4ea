//! People and agents: whoever holds a token.

use serde_json::{Value, json};

use crate::http::{self, Reply, Stream};
use crate::world::World;

/// Whoever holds a token.
pub struct Person<'w> {
    world: &'w World,
    token: String,
}

/// A session, by its id.
#[derive(Clone, Debug)]
pub struct Session {
    /// The id.
    pub id: String,
}

impl<'w> Person<'w> {
    /// Whoever holds this token.
    pub fn new(world: &'w World, token: String) -> Self {
        Self { world, token }
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// GET.
    pub fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], None)
    }

    /// POST of a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path, &[("Content-Type", "application/json")], Some(body.to_string().as_bytes()))
    }

    /// POST without a body and without a Content-Type.
    pub fn post_nothing(&self, path: &str) -> Reply {
        self.call("POST", path, &[], None)
    }

    /// Any request, with this person's token.
    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", bearer.as_str()), ("Accept", "application/json")];
        all.extend_from_slice(headers);
        http::send(&self.world.address(), method, path, &all, body)
    }

    /// A request whose answer is not waited for: the client hangs up at once.
    pub fn hang_up_after(&self, method: &str, path: &str) {
        let bearer = format!("Bearer {}", self.token);
        drop(http::open(&self.world.address(), method, path, &[("Authorization", &bearer)], None).unwrap());
    }

    /// A live event stream.
    pub fn stream(&self, path: &str, after: Option<u64>) -> Stream {
        Stream::open(&self.world.address(), path, &self.token, after)
    }

    /// Makes a session in `strict`.
    pub fn session(&self) -> Session {
        self.session_with(&json!({"goal": "a story"}))
    }

    /// Makes a session.
    pub fn session_with(&self, body: &Value) -> Session {
        let made = self.post("/api/v1/sessions", body).expect(200);
        Session { id: made.json()["id"].as_str().unwrap().to_owned() }
    }

    /// Hands in a plan; the answer is whatever it is.
    pub fn import(&self, session: &Session, plan: &Value) -> Reply {
        self.post(&format!("/api/v1/sessions/{}/plans/import", session.id), plan)
    }

    /// Makes a session and hands in a plan that is fine.
    pub fn propose(&self, plan: &Value) -> Session {
        let session = self.session();
        self.import(&session, plan).expect(200);
        session
    }

    /// Says yes to a plan.
    pub fn approve_plan(&self, session: &Session, version: u32) -> Reply {
        self.post(
            &format!("/api/v1/sessions/{}/plans/{version}/approve", session.id),
            &json!({"approved_by": "story", "source": "api"}),
        )
    }

    /// Says no to a plan.
    pub fn reject_plan(&self, session: &Session, version: u32, reason: &str) -> Reply {
        self.post(&format!("/api/v1/sessions/{}/plans/{version}/reject", session.id), &json!({"reason": reason}))
    }

    /// Says yes to a step.
    pub fn approve(&self, session: &Session, step: &str) -> Reply {
        self.post(
            &format!("/api/v1/sessions/{}/steps/{step}/approve", session.id),
            &json!({"approved_by": "story", "source": "api"}),
        )
    }

    /// Says yes to a step, naming the digest that was shown.
    pub fn approve_shown(&self, session: &Session, step: &str) -> Reply {
        let digest = self.step(session, step)["digest"].clone();
        self.post(&format!("/api/v1/sessions/{}/steps/{step}/approve", session.id), &json!({"digest": digest}))
    }

    /// Says no to a step.
    pub fn reject(&self, session: &Session, step: &str, reason: &str) -> Reply {
        self.post(&format!("/api/v1/sessions/{}/steps/{step}/reject", session.id), &json!({"reason": reason}))
    }

    /// Leaves a step out.
    pub fn skip(&self, session: &Session, step: &str) -> Reply {
        self.post(&format!("/api/v1/sessions/{}/steps/{step}/skip", session.id), &json!({"reason": "not needed"}))
    }

    /// What a list of decisions names: the newest plan, or not, and steps, each with its digest as it is now.
    pub fn shown(&self, session: &Session, with_plan: bool, steps: &[&str]) -> Value {
        let version = self.show(session)["plan_version"].clone();
        let mut items = Vec::new();
        if with_plan {
            let plan = self.get(&format!("/api/v1/sessions/{}/plans/{version}", session.id)).expect(200).json();
            items.push(json!({"plan_version": version, "digest": plan["digest"]}));
        }
        for step in steps {
            let digest = &self.step(session, step)["digest"];
            items.push(json!({"plan_version": version, "step_id": step, "digest": digest}));
        }
        Value::from(items)
    }

    /// Says the same to everything in a list.
    pub fn decide(&self, session: &Session, decision: &str, items: &Value) -> Reply {
        let body = json!({"decision": decision, "items": items, "reason": "as the story has it"});
        self.post(&format!("/api/v1/sessions/{}/decisions", session.id), &body)
    }

    /// Executes a step.
    pub fn run(&self, session: &Session, step: &str) -> Reply {
        self.post(&format!("/api/v1/sessions/{}/steps/{step}/execute", session.id), &json!({}))
    }

    /// Executes a step and does not wait for its end: gives the run's id.
    pub fn start(&self, session: &Session, step: &str) -> u64 {
        let path = format!("/api/v1/sessions/{}/steps/{step}/execute", session.id);
        let reply = self.call("POST", &path, &[("Prefer", "respond-async")], None).expect(202);
        reply.json()["run_id"].as_u64().or_else(|| reply.json()["id"].as_u64()).unwrap()
    }

    /// Stops a session.
    pub fn stop(&self, session: &Session) -> Reply {
        self.post_nothing(&format!("/api/v1/sessions/{}/stop", session.id))
    }

    /// Says yes to the step as it is now and executes it; panics unless it succeeded.
    pub fn carry_out(&self, session: &Session, step: &str) -> Value {
        self.approve_shown(session, step).expect(200);
        let reply = self.run(session, step).expect(200);
        assert_eq!(reply.json()["status"], "succeeded", "{}", reply.text());
        reply.json()
    }

    /// A session as it is now.
    pub fn show(&self, session: &Session) -> Value {
        self.get(&format!("/api/v1/sessions/{}", session.id)).expect(200).json()
    }

    /// A step as it is now.
    pub fn step(&self, session: &Session, step: &str) -> Value {
        self.get(&format!("/api/v1/sessions/{}/steps/{step}", session.id)).expect(200).json()
    }

    /// The types of a session's events, in order.
    pub fn events(&self, session: &Session) -> Vec<String> {
        let page = self.get(&format!("/api/v1/sessions/{}/events?after=0&limit=500", session.id)).expect(200).json();
        let items = page["items"].as_array().unwrap();
        items.iter().map(|event| event["event_type"].as_str().unwrap().to_owned()).collect()
    }

    /// Searches one session's events; gives their types, newest first.
    pub fn search(&self, session: &Session, text: &str) -> Vec<String> {
        let path = format!("/api/v1/sessions/{}/events/search?q={}", session.id, encoded(text));
        let page = self.get(&path).expect(200).json();
        let items = page["items"].as_array().unwrap();
        items.iter().map(|event| event["event_type"].as_str().unwrap().to_owned()).collect()
    }
}

/// Percent-encodes a query value.
pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
