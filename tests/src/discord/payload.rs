//! Payloads, whole, as Discord's reference describes them.

use serde_json::{Value, json};

use super::{APPLICATION, CHANNEL, GUILD, Message};

/// The bot's own account.
pub(crate) fn bot_user() -> Value {
    json!({
        "id": APPLICATION, "username": "calt", "discriminator": "0000", "global_name": null, "avatar": null,
        "bot": true, "mfa_enabled": true, "verified": true, "email": null, "flags": 0, "public_flags": 0,
        "accent_color": null, "banner": null, "avatar_decoration_data": null, "clan": null, "collectibles": null,
        "primary_guild": null, "display_name_styles": null,
    })
}

fn user(id: &str) -> Value {
    json!({
        "id": id, "username": format!("user{id}"), "discriminator": "0", "global_name": "Somebody", "avatar": null,
        "bot": false, "public_flags": 0, "avatar_decoration_data": null, "clan": null, "collectibles": null,
        "primary_guild": null, "display_name_styles": null,
    })
}

fn member(id: &str) -> Value {
    json!({
        "user": user(id), "nick": null, "avatar": null, "banner": null, "roles": [],
        "joined_at": "2026-01-01T00:00:00.000000+00:00", "premium_since": null, "deaf": false, "mute": false,
        "flags": 0, "pending": false, "unusual_dm_activity_until": null, "communication_disabled_until": null,
        "permissions": "2248473465835073", "avatar_decoration_data": null, "collectibles": null,
    })
}

/// The channel.
pub(crate) fn channel() -> Value {
    json!({
        "id": CHANNEL, "type": 0, "guild_id": GUILD, "name": "calt", "topic": null, "nsfw": false, "position": 0,
        "permission_overwrites": [], "parent_id": null, "last_message_id": null, "last_pin_timestamp": null,
        "rate_limit_per_user": 0, "flags": 0, "permissions": "2248473465835073", "icon_emoji": null,
        "theme_color": null,
    })
}

/// The server, as its members see it.
pub(crate) fn guild(locale: &str) -> Value {
    json!({
        "id": GUILD, "name": "calt", "icon": null, "owner_id": "100000000000000001", "preferred_locale": locale,
        "verification_level": 0, "default_message_notifications": 0, "features": [], "roles": [], "emojis": [],
    })
}

/// A message as REST and gateway show it.
pub(crate) fn message(message: &Message) -> Value {
    let flags = if message.only_for.is_some() { 64 } else { 0 };
    let body = |name: &str| if message.body[name].is_null() { json!([]) } else { message.body[name].clone() };
    json!({
        "id": message.id, "channel_id": message.channel, "type": 0, "author": bot_user(), "content": message.content(),
        "timestamp": "2026-01-01T00:00:00.000000+00:00",
        "edited_timestamp": (message.edits > 0).then_some("2026-01-01T00:00:01.000000+00:00"),
        "tts": false, "mention_everyone": false, "mentions": [], "mention_roles": [], "mention_channels": [],
        "attachments": body("attachments"), "embeds": body("embeds"), "components": body("components"),
        "pinned": false, "flags": flags, "application_id": APPLICATION, "nonce": message.nonce,
    })
}

/// An interaction of somebody in the guild.
pub(crate) fn interaction(id: &str, kind: u64, (user, locale): (&str, &str), token: &str, data: &Value) -> Value {
    json!({
        "id": id, "application_id": APPLICATION, "type": kind, "token": token, "version": 1, "data": data,
        "guild": {"id": GUILD, "locale": "en-US", "features": []}, "guild_id": GUILD, "guild_locale": "en-US",
        "channel": channel(), "channel_id": CHANNEL, "member": member(user), "locale": locale,
        "app_permissions": "2248473465835073", "entitlements": [], "entitlement_sku_ids": [],
        "authorizing_integration_owners": {"0": GUILD}, "context": 0, "attachment_size_limit": 10_485_760,
    })
}

/// An attachment somebody sent along with a command.
pub(crate) fn attachment(id: &str, name: &str, size: usize, url: &str) -> Value {
    json!({
        "id": id, "filename": name, "size": size, "url": url, "proxy_url": url, "ephemeral": true,
        "content_type": "text/plain; charset=utf-8", "content_scan_version": 0,
    })
}
