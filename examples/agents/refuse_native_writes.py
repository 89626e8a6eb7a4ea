#!/usr/bin/env python3
"""A hook that refuses an agent's own writes at once and says what to do instead.

It reads one JSON event of a tool call from standard input (`tool_name`, `tool_input`, `cwd` or `working_dir`), as
Claude Code, Codex CLI and goose write it before a tool runs. Exit code 0 lets the call pass; 2 refuses it, with the
reason on standard error. What it cannot read it refuses.

Below $CALT_SCRATCH, a directory of the agent's own, it lets writes pass: work there, then hand in the difference.
A hook is a guard rail and no fence: a tool it does not know of passes by it. What holds is that the agent's token
cannot approve.
"""

import json
import os
import re
import shlex
import sys

ALLOWED, REFUSED = 0, 2
# Claude Code's; Codex's; goose's.
WRITING = {"Write", "Edit", "MultiEdit", "NotebookEdit", "apply_patch", "developer__write", "developer__edit",
           "developer__text_editor"}
SHELLS = {"Bash", "shell", "developer__shell"}
PATH_FIELDS = ("file_path", "notebook_path", "path")
PATCHED = re.compile(r"^\*\*\* (?:Add File|Update File|Delete File|Move to): (.+)$", re.MULTILINE)

# What the shell may run: programs that only read, and the calt commands an agent needs.
READING = {"ls", "cat", "head", "tail", "wc", "grep", "pwd"}
GIT_READING = {"diff", "status", "log", "show", "ls-files"}
GIT_WRITING_OPTIONS = ("-o", "--output", "--ext-diff", "--textconv", "-O", "--open-files-in-pager")
CALT = {("plan", "check"), ("plan", "import"), ("plan", "show"), ("plan", "from-diff"), ("session", "create"),
        ("session", "list"), ("session", "show"), ("session", "diff"), ("step", "show"), ("step", "execute"),
        ("logs", "search"), ("artifacts", "list"), ("tools", "list"), ("tools", "permissions"), ("wait",),
        ("inbox",), ("explain",), ("guide",)}

INSTEAD = """Nothing was written. Changes go through calt, where a person approves them:
  1. Make the change as a git diff, in $CALT_SCRATCH or as text.
  2. git diff | calt plan from-diff --test 'python -m pytest -q' | calt plan import SESSION -
  3. calt wait SESSION --until decided --json     (exit code 75: ask again; 1: read `reasons`, then hand in anew)
  4. calt step execute SESSION STEP               (each approved step, in order)
Do not retry this call and do not look for another way to write."""


def is_scratch(path, directory):
    """Whether a path, with links followed, lies below the agent's own directory."""
    scratch = os.environ.get("CALT_SCRATCH", "")
    if not scratch or not path:
        return False
    scratch = os.path.realpath(scratch)
    real = os.path.realpath(os.path.join(directory, path))
    return real != scratch and os.path.commonpath([scratch, real]) == scratch


def written_paths(given):
    """The paths a writing tool names."""
    paths = [given[name] for name in PATH_FIELDS if isinstance(given.get(name), str)]
    for name in ("command", "patch", "input"):
        if isinstance(given.get(name), str):
            paths += PATCHED.findall(given[name])
    return paths


def only_reads(words):
    """Whether one command of a pipeline is on the lists."""
    if not words:
        return False
    program, words = words[0], words[1:]
    if program in READING:
        return True
    if program == "git":
        while words[:1] == ["-C"]:
            words = words[2:]
        return words[:1] != [] and words[0] in GIT_READING and not any(
            word.startswith(GIT_WRITING_OPTIONS) for word in words)
    if program == "calt":
        named = tuple(word for word in words if not word.startswith("-"))
        return named[:1] in CALT or named[:2] in CALT
    return False


def is_harmless(command):
    """Whether a shell command is a pipeline of commands that only read; nothing a shell would expand is let pass."""
    if not isinstance(command, str) or any(sign in command for sign in "$`\n\r\\"):
        return False
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    pipeline = [[]]
    for word in lexer:
        if word == "|":
            pipeline.append([])
        elif word and all(sign in "();<>|&" for sign in word):
            return False
        else:
            pipeline[-1].append(word)
    return all(only_reads(words) for words in pipeline)


def refusal(event):
    """Why a call is refused; None when it may pass."""
    tool, given = event["tool_name"], event.get("tool_input") or {}
    directory = event.get("cwd") or event.get("working_dir") or os.getcwd()
    if tool in SHELLS:
        return None if is_harmless(given.get("command")) else f"this command of `{tool}` may write."
    if tool in WRITING:
        paths = written_paths(given)
        if paths and all(is_scratch(path, directory) for path in paths):
            return None
        return f"`{tool}` would write without anybody's approval."
    return None


def main():
    try:
        why = refusal(json.load(sys.stdin))
    except Exception as error:  # a hook that fails must not let a write pass
        why = f"the hook cannot read the call ({type(error).__name__})."
    if why is None:
        return ALLOWED
    print(f"Refused: {why}\n{INSTEAD}", file=sys.stderr)
    return REFUSED


if __name__ == "__main__":
    sys.exit(main())
