//! What the daemon answers about people, their tokens, and workspaces.

use serde::{Deserialize, Serialize};

reply! {
    /// A person, an agent or a surface.
    PersonView {
        /// The name.
        name: String,
        /// `person`, `agent`, `surface` or `daemon`.
        kind: String,
        /// What they may do.
        role: String,
        /// The name they are shown by.
        display: Option<String>,
        /// The Discord account that is theirs.
        discord: Option<String>,
        /// Tokens that are neither revoked nor past their end.
        tokens: u64,
        /// Whether a PIN stands: `set`, `none`, or `unusable` when the file with its hash is not the recorded one.
        pin: String,
        /// RFC 3339, UTC.
        created_at: String,
        /// When they were removed.
        removed_at: Option<String>,
    }
}

reply! {
    /// Whom a token proves.
    CallerView {
        /// The name.
        name: String,
        /// `person`, `agent`, `surface` or `daemon`.
        kind: String,
        /// What they may do.
        role: String,
        /// Whether they approve, reject and skip: a surface does it only for somebody.
        may_decide: bool,
    }
}

reply! {
    /// What a PIN opened. The key is shown this once.
    UnlockReply {
        /// The key: sent as `unlock` with each decision on the plan version, or with one act of administration.
        unlock: String,
        /// Until when it opens anything, RFC 3339.
        expires_at: String,
    }
}

reply! {
    /// How far a copy has come.
    CopyingView {
        /// Files that are copied.
        files: u64,
        /// Files there are to copy; 0 until that is known.
        of: u64,
    }
}

reply! {
    /// A workspace that has a name.
    WorkspaceView {
        /// The name.
        name: String,
        /// `own`, `snapshot` or `attach`.
        kind: String,
        /// The directory; told to those who may approve.
        path: Option<String>,
        /// Patterns of files a snapshot takes along.
        include: Vec<String>,
        /// RFC 3339, UTC.
        created_at: String,
        /// When it was removed.
        removed_at: Option<String>,
        /// How far a copy that is being made of it has come; `null` when none is.
        copying: Option<CopyingView>,
    }
}

reply! {
    /// A token that was made. It is shown this once.
    TokenCreated {
        /// Its public name.
        id: String,
        /// The token itself.
        token: String,
        /// Whom it proves.
        principal: String,
        /// What they may do.
        role: String,
        /// When it ends.
        expires_at: Option<String>,
    }
}

reply! {
    /// A token, by its public name.
    TokenView {
        /// Its public name.
        id: String,
        /// Whom it proves.
        principal: String,
        /// What they may do.
        role: String,
        /// RFC 3339, UTC.
        created_at: String,
        /// When it ends.
        expires_at: Option<String>,
        /// When it was taken back.
        revoked_at: Option<String>,
    }
}
