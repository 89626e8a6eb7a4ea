//! Lists, page by page.

use serde_json::{Value, json};

use crate::world::World;

/// Every item of a list, fetched `limit` at a time.
async fn all(world: &World, path: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("{path}?limit={limit}{cursor}")).await.ok();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{path}");
        found.extend(items.clone());
        assert!(page.as_object().unwrap().contains_key("next_cursor"), "{page}");
        let Some(next) = page["next_cursor"].as_str() else { return found };
        assert_eq!(items.len(), limit, "{path}: a page before the last is full");
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn every_list_gives_every_item_once_whatever_the_page() {
    let world = World::start().await;
    let session = world.approved_session().await;
    world.session().await;
    world.post_nothing(&format!("{session}/steps/look/execute")).await.ok();
    for role in ["viewer", "agent"] {
        world.someone(role).await;
    }
    let lists = [
        "/api/v1/sessions".to_owned(),
        "/api/v1/tools".to_owned(),
        "/api/v1/tokens".to_owned(),
        "/api/v1/events".to_owned(),
        "/api/v1/events/search".to_owned(),
        format!("{session}/events"),
        format!("{session}/events/search"),
        format!("{session}/artifacts"),
    ];
    for path in lists {
        let whole = world.get(&path).await.ok()["items"].as_array().unwrap().clone();
        assert!(!whole.is_empty(), "{path}");
        for limit in [1, 2, whole.len(), 500] {
            assert_eq!(all(&world, &path, limit).await, whole, "{path} by {limit}");
        }
        for query in ["limit=0", "limit=501"] {
            assert_eq!(world.get(&format!("{path}?{query}")).await.status, 200, "{path}?{query}");
        }
        for query in ["limit=x", "limit=-1", "cursor=x", "cursor=", "nothing=1", "limit=1&limit=2"] {
            assert_eq!(world.get(&format!("{path}?{query}")).await.line(), "422 input_invalid", "{path}?{query}");
        }
    }
}

#[tokio::test]
async fn a_page_of_long_events_ends_early_and_the_next_one_goes_on() {
    let world = World::start().await;
    let session = world.session().await;
    let long = "word ".repeat(9_000);
    let step = json!({"id": "s", "title": "t", "tool": "list_dir", "inputs": {"meta": long}});
    for version in 1..=100 {
        let plan = json!({"version": version, "title": "t", "steps": [step]});
        world.post(&format!("{session}/plans/import"), &plan).await.ok();
    }
    for path in ["events", "events/search"] {
        let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let reply = world.get(&format!("{session}/{path}?limit=500{cursor}")).await;
            assert!(reply.text.len() < 5 * 1024 * 1024, "{path}: {} bytes", reply.text.len());
            let page = reply.ok();
            found.extend(page["items"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()));
            pages += 1;
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        found.sort_unstable();
        found.dedup();
        assert_eq!((found.len(), pages > 1), (101, true), "{path}");
    }
}

#[tokio::test]
async fn sessions_are_listed_by_status() {
    let world = World::start().await;
    let (stopped, _pending) = (world.session().await, world.session().await);
    world.post_nothing(&format!("{stopped}/stop")).await.ok();
    let listed = world.get("/api/v1/sessions?status=cancelled").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert!(stopped.ends_with(listed["items"][0]["id"].as_str().unwrap()));
    assert_eq!(world.get("/api/v1/sessions?status=wild").await.line(), "422 input_invalid");
}

#[tokio::test]
async fn the_sandbox_names_the_programs_that_commands_may_use() {
    let world = World::start().await;
    let sandbox = world.get("/api/v1/sandbox").await.ok();
    let programs = sandbox["programs"].as_array().unwrap();
    let names: Vec<_> = programs.iter().map(|program| program["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["ls", "cat", "rg", "find", "git", "python"]);
    assert!(programs[0]["path"].as_str().unwrap().starts_with('/'));
    assert_eq!(programs[0]["package"], "coreutils");
    assert!(programs.iter().all(|program| program.as_object().unwrap().contains_key("path")));
}

#[tokio::test]
async fn a_search_narrows_by_type_principal_and_time_and_says_where_the_hit_is() {
    let world = World::start().await;
    let session = world.approved_session().await;
    let search = |query: &str| format!("/api/v1/events/search?{query}");
    let found = world.get(&search("q=look%20around&event_type=plan_imported&principal=owner")).await.ok();
    let [item] = found["items"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert!(item["id"].is_i64() && item["event_type"] == "plan_imported", "an item is an event: {item}");
    let payload: Vec<char> = item["payload_text"].as_str().unwrap().chars().collect();
    let marked = |stretch: &Value| {
        let place = |name: &str| usize::try_from(stretch[name].as_u64().unwrap()).unwrap();
        (place("start"), place("end"))
    };
    let hits: Vec<String> = item["highlights"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|hit| hit["field"] == "payload_text")
        .map(|hit| payload[marked(hit).0..marked(hit).1].iter().collect())
        .collect();
    assert!(
        hits.iter().any(|hit| hit == "around") && hits.iter().all(|hit| hit == "look" || hit == "around"),
        "{hits:?}"
    );
    let excerpt: Vec<char> = item["excerpt"]["text"].as_str().unwrap().chars().collect();
    let (start, end) = marked(&item["excerpt"]["marks"][0]);
    assert_eq!(excerpt[start..end].iter().collect::<String>(), "look");
    let today = found["items"][0]["created_at"].as_str().unwrap()[..10].to_owned();
    for (query, some) in [
        (format!("since={today}&until={today}"), true),
        ("until=2001-01-01".to_owned(), false),
        ("since=2001-01-01T00:00:00Z&until=9000-01-01T00:00:00%2B09:00".to_owned(), true),
        ("principal=nobody".to_owned(), false),
        ("event_type=session_stopped".to_owned(), false),
    ] {
        for base in ["/api/v1/events/search", &format!("{session}/events/search")] {
            let found = world.get(&format!("{base}?{query}")).await.ok();
            assert_eq!(!found["items"].as_array().unwrap().is_empty(), some, "{query}");
            assert!(
                found["items"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|item| item["highlights"] == json!([]) && item["excerpt"].is_null())
            );
        }
    }
}

#[tokio::test]
async fn a_filter_that_cannot_be_meant_is_refused_with_what_it_could_be() {
    let world = World::start().await;
    for (query, said) in [
        ("event_type=step_exekuted", "`event_type` is not valid: it is one of session_created, plan_imported, "),
        ("event_type=", "`event_type` is not valid: it is one of "),
        (
            "since=yesterday",
            "`since` is not valid: it is a date (2026-07-01) or a time as RFC 3339 says (2026-07-01T09:30:00Z; ",
        ),
        (
            "until=2026-07-01T09:30:00+09:00",
            "`until` is not valid: it is a date (2026-07-01) or a time as RFC 3339 says",
        ),
        ("principal=two%20words", "`principal` is not valid: a principal's name is letters, digits and"),
        ("kind=plan", "unknown field `kind`"),
    ] {
        let refused = world.get(&format!("/api/v1/events/search?{query}")).await;
        assert_eq!(refused.status, 422, "{query}: {}", refused.text);
        let problem: Value = serde_json::from_str(&refused.text).unwrap();
        assert_eq!(problem["code"], "input_invalid");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{query}: {problem}");
    }
}
