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
    ("README.md", "scripts/package", "it builds calt in release for minutes; CI does it"),
    ("README.ja.md", "scripts/package", "it builds calt in release for minutes; CI does it"),
    ("README.md", "apt install", "it changes the machine; scripts/test_package does it in CI, as root"),
    ("README.ja.md", "apt install", "it changes the machine; scripts/test_package does it in CI, as root"),
    ("docs/operations.md", "apt install", "it changes the machine; scripts/test_package does it in CI, as root"),
    ("docs/operations.md", "systemctl enable", "it needs the machine's service manager"),
    ("docs/operations.md", "systemctl stop", "it needs the machine's service manager"),
    ("docs/operations.md", "systemctl start", "it needs the machine's service manager"),
    ("docs/operations.md", "calt-admin", "it needs the package's user; scripts/test_package runs it in CI, as root"),
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
  [ ! -e "$1" ] || return 0
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
    (&["docs/agents.md"], "calt workspace add scratch", "repository ~/scratch"),
    // "Give it to the agent's process", which has a change to hand in.
    (
        &["docs/agents.md"],
        "session=$(",
        "export CALT_DAEMON_TOKEN=$(newest_token)
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
    // "Somebody who may decide", and her token.
    (
        &["docs/operations.md"],
        "CALT_DAEMON_BASE_URL=",
        "calt person add ada
         calt token create --for ada",
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

/// Commands named in passing that are not run, and why.
pub(super) const NAMED_NOT_RUN: &[(&str, &str)] = &[
    ("calt daemon", "it has no end, and is what every story starts"),
    ("calt daemon stop && calt pin set", "it asks on a terminal; pin.rs has one"),
    ("calt discord", "it needs a Discord; the stories in discord/ have one"),
    ("calt inbox --watch", "it has no end; inbox.rs runs it"),
    ("calt logs follow", "it has no end; command_line.rs runs it"),
    ("calt pin set", "it asks on a terminal; pin.rs has one"),
    ("calt pin change", "it asks on a terminal; pin.rs has one"),
    ("calt pin remove", "it asks on a terminal; pin.rs has one"),
    ("calt pin remove --for NAME --forgotten", "it asks on a terminal; pin.rs has one"),
    ("calt pin set --for NAME", "it asks on a terminal; pin.rs has one"),
    ("calt pin set|change|remove", "it asks on a terminal; pin.rs has one"),
    ("calt wizard run", "it asks on a terminal; newcomer.rs has one"),
];

/// Commands named in passing that need something: what was done before, and how they are typed. One home has them all,
/// in this order; in the beginning one session has succeeded in it.
pub(super) const NAMED: &[(&str, &str, &str)] = &[
    (
        "calt session diff SESSION --raw | git apply",
        "repository ~/src/web; cd ~/src/web",
        "calt session diff SESSION --raw | git apply; cat notes/hello.txt",
    ),
    ("calt undo SESSION RUN", "", "calt undo SESSION 2"),
    ("calt undo SESSION [RUN]", "", "calt undo SESSION"),
    ("calt session create", "", "calt session create"),
    (
        "calt session create --goal \"what this is for\" --json",
        "",
        "calt session create --goal \"what this is for\" --json",
    ),
    (
        "calt --data-root ~/try logs search",
        "calt record backup calt.backup
         calt record restore calt.backup --data-root ~/try",
        "calt --data-root ~/try logs search; calt --data-root ~/try daemon stop",
    ),
    ("calt person add NAME --discord ID", "", "calt person add ann --discord 100000000000000001"),
    (
        "calt plan approve SESSION --with-steps",
        "calt session create --goal again; calt plan import $(newest_session) PLAN.yaml",
        "calt plan approve SESSION --with-steps --yes",
    ),
    ("calt plan check PLAN", "", "calt plan check PLAN.yaml"),
    (
        "calt plan from-diff",
        "repository ~/src/web; cd ~/src/web; echo 'More.' >> README",
        "git diff | calt plan from-diff",
    ),
    ("calt plan import SESSION -", "calt session create --goal again", "calt plan import SESSION - < PLAN.yaml"),
    ("calt record accept-loss", "calt daemon stop", "calt record accept-loss"),
    ("calt record backup FILE", "", "calt record backup another.backup"),
    ("calt record rebuild", "calt daemon stop", "calt record rebuild"),
    ("calt record rebuild-index", "calt daemon stop", "calt record rebuild-index"),
    ("calt record redact EVENT --reason TEXT", "", "calt record redact 4 --reason 'It named somebody'"),
    ("calt record restore FILE --data-root ~/try", "rm -r ~/try", "calt record restore calt.backup --data-root ~/try"),
    (
        "calt record restore calt.backup",
        "calt daemon stop; rm -r ~/.local/share/calt/*",
        "calt record restore calt.backup",
    ),
    (
        "calt record verify FILE",
        "calt run PLAN.yaml; calt record export $(newest_session) -o session.record",
        "calt record verify session.record",
    ),
    ("calt run -", "", "calt run - < PLAN.yaml"),
    ("calt run PLAN", "", "calt run PLAN.yaml"),
    (
        "calt run --session SESSION",
        "calt session create --goal again; calt plan import $(newest_session) PLAN.yaml",
        "calt run --session SESSION",
    ),
    ("calt run --workspace DIR", "repository ~/src/web", "calt run --workspace ~/src/web PLAN.yaml"),
    (
        "calt run NEXT.yaml --session SESSION",
        "calt run PLAN.yaml; (echo 'version: 2'; cat PLAN.yaml) > NEXT.yaml",
        "calt run NEXT.yaml --session SESSION",
    ),
    ("calt session stop SESSION", "calt session create --goal again", "calt session stop SESSION"),
    (
        "calt step approve SESSION --all",
        "calt session create --goal again; calt plan import $(newest_session) PLAN.yaml
         calt plan approve $(newest_session) 1 --yes",
        "calt step approve SESSION --all --yes",
    ),
    (
        "calt step execute SESSION STEP --json",
        "calt session create --goal again; calt plan import $(newest_session) PLAN.yaml
         calt plan approve $(newest_session) 1 --with-steps --yes",
        "calt step execute SESSION preview --json",
    ),
    ("calt token create --for NAME", "calt person add bob", "calt token create --for bob"),
    (
        "git diff | calt plan from-diff --title \"what changes\" --test \"python -m pytest -q\" | calt plan check - --json",
        "repository ~/src/web; cd ~/src/web; echo 'More.' >> README",
        "git diff | calt plan from-diff --title \"what changes\" --test \"python -m pytest -q\" | calt plan check - --json",
    ),
];
