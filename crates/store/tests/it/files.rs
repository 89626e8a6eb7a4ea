//! The files beside the database, and what is put right among them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use calt_core::digest::Digest;
use serde_json::json;

use crate::person::{Person, config, open};

#[tokio::test]
async fn an_output_that_was_lost_is_made_again_and_a_strange_directory_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 2).await;
    let run = person.run(1, json!({"content": "承認", "lines": 1})).await;
    let file = store.files().session(&person.session).join("artifacts").join(format!("{run}-step_0001.json"));
    let before = fs::read(&file).unwrap();
    let id = store.artifacts(&person.session, None, None).unwrap()[0].id;
    fs::remove_file(&file).unwrap();
    assert_eq!(store.artifact_bytes(id).unwrap().unwrap(), before, "the log answers for it");
    let sessions = store.files().root().join("sessions");
    drop((person, store));
    fs::create_dir(sessions.join("session_unknown")).unwrap();

    let (store, report) = open(directory.path());
    assert_eq!((report.artifacts_made_again, report.orphaned), (1, vec!["session_unknown".to_owned()]));
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(store.files().root().join("orphaned/session_unknown").is_dir());
    assert!(!sessions.join("session_unknown").exists());
}

#[tokio::test]
async fn everything_is_for_its_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    fs::create_dir(&config.data_root).unwrap();
    fs::set_permissions(&config.data_root, fs::Permissions::from_mode(0o755)).unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 1).await;
    let run = person.run(1, json!({})).await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let session = store.files().session(&person.session);
    for path in [&config.data_root, &session, &session.join("artifacts"), &session.join("plans")] {
        assert_eq!(mode(path), 0o700, "{}", path.display());
    }
    let database = config.database.display();
    for path in [
        config.database.clone(),
        format!("{database}-wal").into(),
        format!("{database}.head").into(),
        session.join("artifacts").join(format!("{run}-step_0001.json")),
    ] {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn a_plan_document_is_kept_by_its_digest() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_session(&store, "a", "x").await;
    store.files().make_session(&person.session).unwrap();
    let digest = Digest::of_bytes(b"title: x");
    for _ in 0..2 {
        store.files().write_plan(&person.session, 1, digest, b"title: x").unwrap();
    }
    assert_eq!(store.files().read_plan(&person.session, 1, digest).unwrap(), b"title: x");
    let file = store.files().session(&person.session).join("plans").join(format!("1-{digest}.plan"));
    fs::write(&file, "title: y").unwrap();
    assert!(store.files().read_plan(&person.session, 1, digest).is_err());
    assert!(store.files().read_artifact("data/sessions/session_a/artifacts/../plans", digest).is_err());
}

#[tokio::test]
async fn the_same_plan_many_times_at_once_is_kept_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = open(directory.path());
    let person = Person::with_approved_plan(&store, "a", 1).await;
    let bytes = vec![b'x'; 256 * 1024];
    let digest = Digest::of_bytes(&bytes);
    let files = store.files();
    for version in 10..20 {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| files.write_plan(&person.session, version, digest, &bytes).unwrap());
            }
        });
        assert_eq!(files.read_plan(&person.session, version, digest).unwrap(), bytes);
    }
}
