//! A terminal with a command line in it, for stories about what a person is shown and asked.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::world::World;

/// Rows of the terminal: enough for any look of a story.
const ROWS: u32 = 120;

/// A terminal in which one command line runs.
pub struct Terminal<'w> {
    world: &'w World,
    socket: String,
}

impl<'w> Terminal<'w> {
    /// Runs a command line in a terminal of this many columns; at its end the screen says `exit <code>`.
    pub fn run(world: &'w World, columns: u32, arguments: &[&str]) -> Self {
        Self::shell(world, columns, &format!("calt {}", arguments.join(" ")))
    }

    /// The same for a line of shell, in which `calt` is the binary.
    pub fn shell(world: &'w World, columns: u32, line: &str) -> Self {
        static OPENED: AtomicU32 = AtomicU32::new(0);
        // A server that is ending still holds its socket: each terminal has one of its own.
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let socket = world.home().join(format!("tmux-{number}.sock")).to_str().unwrap().to_owned();
        let terminal = Self { world, socket };
        let binary = World::binary();
        // The shell outlives a Ctrl-C, and its last command waits for ever, so that the screen stays.
        let script =
            format!("trap : INT; calt() {{ {} \"$@\"; }}; {line}; echo \"exit $?\"; exec cat", binary.display());
        let (columns, rows) = (columns.to_string(), ROWS.to_string());
        let mut open = world.command_of("tmux");
        open.args(["-u", "-f", "/dev/null", "-S", &terminal.socket, "new-session", "-d", "-s", "story"]);
        open.args(["-x", &columns, "-y", &rows, "sh", "-c", &script]).env("TERM", "xterm-256color");
        let opened = open.output().unwrap();
        assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
        terminal
    }

    /// What stands on the screen, with the lines that the terminal itself broke put together.
    pub fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-t", "story"])
    }

    /// All that stood on the screen since the beginning.
    pub fn history(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-J", "-S", "-", "-t", "story"])
    }

    /// What stands on the screen, line by line as it is seen.
    pub fn lines(&self) -> Vec<String> {
        self.tmux(&["capture-pane", "-p", "-t", "story"]).lines().map(str::to_owned).collect()
    }

    /// What stands on the screen, with its colours as escape sequences.
    pub fn coloured_screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e", "-t", "story"])
    }

    /// Waits until a text stands on the screen, this many times, and gives the screen.
    pub fn waits_for(&self, text: &str, times: usize) -> String {
        let mut screen = String::new();
        self.world.until(&format!("`{text}` on the screen"), || {
            screen = self.screen();
            screen.matches(text).count() >= times
        });
        screen
    }

    /// Types a line.
    pub fn types(&self, text: &str) {
        self.tmux(&["send-keys", "-l", "-t", "story", text]);
        self.presses("Enter");
    }

    /// Presses a key by its name in tmux: `Enter`, `C-c`.
    pub fn presses(&self, key: &str) {
        self.tmux(&["send-keys", "-t", "story", key]);
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-u", "-S", &self.socket]).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
