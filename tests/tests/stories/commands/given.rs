//! What the documents presume, what their placeholders stand for, and what cannot be run.

/// A plan, where a document shows none.
pub(super) const PLAN: &str = r#"title: "Write one file"
steps:
  - id: preview
    title: "Show the write"
    tool: write_file_preview
    inputs: {path: notes/hello.txt, content: "Hello.\n"}
  - id: apply
    title: "Do exactly that"
    tool: write_file_apply
    inputs: {path: notes/hello.txt, content: "Hello.\n", preview: "${steps.preview.output}"}
"#;

/// Commands that are not run: the document, how they begin, and why.
pub(super) const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "scripts/test", "it is what runs this test"),
    ("README.ja.md", "scripts/test", "it is what runs this test"),
    ("README.md", "cargo install", "it builds calt in release for minutes; CI builds the same by scripts/package"),
    ("README.ja.md", "cargo install", "it builds calt in release for minutes; CI builds the same by scripts/package"),
    ("docs/operations.md", "apt install", "it changes the machine; scripts/test_package does it in CI, as root"),
    ("docs/operations.md", "systemctl enable", "it needs the machine's service manager"),
    (
        "docs/operations.md",
        "sudo -u calt",
        "it needs the user that the package makes; scripts/test_package does the same",
    ),
    ("docs/operations.md", "docker compose", "it needs a Docker engine; the workflow docker-test does it in CI"),
    ("docs/performance.md", "cargo build --release", "it builds in release for minutes"),
    ("docs/performance.md", "target/release/calt-bench", "it measures the release build for minutes"),
    ("docs/performance.md", "CALT_BENCH_RECORD_DIR=DIR", "it fills a log with a million events"),
    ("docs/performance.md", "cargo run --release", "it measures the release build for minutes"),
];

/// Placeholders in commands, as patterns, and what a shell puts there.
pub(super) const PLACEHOLDERS: &[(&str, &str)] = &[
    (r"\bSESSION\b", "$$(newest_session)"),
    (r"session_019a…", "$$(newest_session)"),
    (r"\bBRANCH\b", "$$(newest_branch)"),
    (r"\bCOMMIT\b", "$$(newest_commit)"),
    (r"calt_…", "$$(newest_token)"),
    // The day on which a backup was made.
    (r"calt-2026-11-25\.backup", "calt-*.backup"),
    // Two documents are run at once, and a machine has one port of a number.
    (r"http://127\.0\.0\.1:8000", "http://$$(address)"),
    // What cargo would build and start is there already.
    (r"^cargo run -- ", "calt "),
    (r"\bexamples/plans/", "$${ROOT}/examples/plans/"),
];

/// Words for what is told below, and for placeholders.
pub(super) const WORDS: &str = r#"
newest_session() { ls ~/.local/share/calt/sessions | tail -n 1; }
newest_branch() { git -C ~/src/web for-each-ref --format='%(refname:short)' refs/heads/calt | tail -n 1; }
newest_commit() { git -C ~/src/web for-each-ref --format='%(objectname)' refs/calt | tail -n 1; }
newest_token() { cat "$TALK"/*.out | grep -o 'calt_[0-9a-f]\{64\}' | tail -n 1; }
address() { jq -r .address ~/.local/share/calt/daemon.json; }
owner() { env -u CALT_DAEMON_TOKEN calt "$@"; }
repository() {
  mkdir -p "$1"
  git -C "$1" init --quiet --initial-branch main
  git -C "$1" config user.name Ada
  git -C "$1" config user.email ada@example.org
  echo 'Read me.' > "$1/README"
  git -C "$1" add README
  git -C "$1" commit --quiet --message 'the beginning'
}
"#;

/// What happened before a command, as the text around it says: the documents, how the command begins, and what was done.
pub(super) const PRESUMED: &[(&[&str], &str, &str)] = &[
    // "A plan that was imported but not approved does not run."
    (
        &["README.md", "README.ja.md"],
        "calt step execute session_019a… apply",
        "calt session create --goal 'Write a file'
         calt plan import $(newest_session) PLAN.yaml",
    ),
    (&["README.md", "README.ja.md"], "calt workspace add web ~/src/web", "repository ~/src/web"),
    // "Give it to the agent's process", which has a change to hand in.
    (
        &["docs/agents.md"],
        "session=$(",
        "export CALT_DAEMON_TOKEN=$(newest_token)
         repository ~/scratch
         cd ~/scratch
         echo 'def parse(text): return text.split()' > parser.py
         git add --intent-to-add parser.py",
    ),
    // "A person decides."
    (&["docs/agents.md"], "while :; do", "owner plan approve \"$session\" 1 --with-steps --yes"),
    // "Any command that needs a daemon starts one."
    (&["docs/api.md"], "export CALT_DAEMON_TOKEN=", "calt session list"),
    // A session that has written something to a copy of a repository.
    (
        &["docs/landing.md"],
        "calt session diff SESSION",
        "repository ~/src/web
         calt workspace add web ~/src/web --kind snapshot
         calt run PLAN.yaml --workspace web
         cd ~/src/web",
    ),
    (&["docs/operations.md"], "mkdir -p", "calt run PLAN.yaml"),
    // "An old copy of the database was put in its place."
    (
        &["docs/operations.md"],
        "calt daemon stop",
        "calt daemon stop
         cp ~/.local/share/calt/calt.sqlite3 old.sqlite3
         calt session create --goal 'Soon lost'
         calt daemon stop
         mv old.sqlite3 ~/.local/share/calt/calt.sqlite3
         calt session list
         if calt session create --goal 'The daemon only reads'; then exit 1; fi",
    ),
    // Run 2 wrote three files, and one of them was changed by somebody else.
    (
        &["docs/undo.md"],
        "calt undo session_019a… 2",
        "printf '%s\\n' 'title: Three notes' 'steps:' '  - id: notes' '    title: Write them' '    change:' '      files:' \
             '        - {path: notes/a.txt, content: \"new\\n\"}' '        - {path: notes/b.txt, content: \"new\\n\"}' \
             '        - {path: notes/new.txt, content: \"new\\n\"}' > three.yaml
         calt session create --goal 'Three notes'
         mkdir -p ~/.local/share/calt/sessions/$(newest_session)/workspace/notes
         echo old | tee ~/.local/share/calt/sessions/$(newest_session)/workspace/notes/{a,b}.txt
         calt plan import $(newest_session) three.yaml
         calt run --session $(newest_session)
         echo theirs > ~/.local/share/calt/sessions/$(newest_session)/workspace/notes/b.txt",
    ),
    (
        &["docs/workspaces.md"],
        "calt workspace add web ~/src/web",
        "repository ~/src/web
         mkdir ~/src/web/.venv ~/site
         echo home = /usr/bin > ~/src/web/.venv/pyvenv.cfg",
    ),
];
