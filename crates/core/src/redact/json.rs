//! Masks a JSON value: by key, then by what its strings hold.

use serde_json::{Map, Value};

use super::keys::{self, Name};
use super::{MASK, Masked, Masker, shapes};

/// How deep a structure may be before it is replaced as a whole: deeper ones serve only to exhaust the stack.
const JSON_DEPTH_MAX: usize = 128;

/// What the way down to a value says about it.
#[derive(Clone, Copy)]
struct Above {
    says: Name,
    /// The key is one whose numbers are amounts.
    amounts: bool,
    depth: usize,
}

/// One walk over a value.
struct Walk<'m> {
    masker: &'m Masker,
    pointer: String,
    pointers: Vec<String>,
}

pub(super) fn mask(masker: &Masker, value: Value) -> Masked {
    let mut walk = Walk { masker, pointer: String::new(), pointers: Vec::new() };
    let above = Above { says: Name::Plain, amounts: false, depth: 0 };
    let value = walk.value(value, above, "");
    Masked { value, pointers: walk.pointers }
}

impl Walk<'_> {
    fn value(&mut self, value: Value, above: Above, key: &str) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value,
            Value::Number(_) => match above.says {
                Name::Secret | Name::Phrase | Name::Header if !above.amounts => self.masked(),
                Name::Secret | Name::Phrase | Name::Header | Name::Several | Name::Maybe | Name::Plain => value,
            },
            Value::String(text) => self.string(text, above, key),
            Value::Array(_) | Value::Object(_) if above.depth >= JSON_DEPTH_MAX => self.masked(),
            Value::Array(items) => self.array(items, above, key),
            Value::Object(members) => self.object(members, above),
        }
    }

    fn string(&mut self, text: String, above: Above, key: &str) -> Value {
        if keys::is_kept_digest(key, &text) || text == MASK {
            return Value::String(text);
        }
        let secret = match above.says {
            Name::Secret | Name::Phrase | Name::Header | Name::Several => !keys::is_empty_or_reference(&text),
            Name::Maybe => shapes::looks_random(&text),
            Name::Plain => false,
        };
        if secret {
            return self.masked();
        }
        match self.masker.changed(&text) {
            Some(masked) => {
                self.pointers.push(self.pointer.clone());
                Value::String(masked)
            }
            None => Value::String(text),
        }
    }

    /// The element behind `"--password"` is its value.
    fn array(&mut self, items: Vec<Value>, above: Above, key: &str) -> Value {
        let mut option = Name::Plain;
        let mut out = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let announced = above.says == Name::Plain && option != Name::Plain;
            let says = if announced && item.as_str().is_some_and(|text| !self.stays_option(text)) {
                option
            } else {
                above.says
            };
            let own = option_says(&item);
            let above = Above { says, amounts: above.amounts, depth: above.depth + 1 };
            let item = self.below(&index.to_string(), |walk| walk.value(item, above, key));
            // Masking an option can lay open a word in it.
            option = own.max(option_says(&item));
            out.push(item);
        }
        Value::Array(out)
    }

    /// Whether a text is an option itself, and no secret that begins like one.
    fn stays_option(&self, text: &str) -> bool {
        text.starts_with('-') && self.masker.changed(text).is_none_or(|masked| masked.starts_with('-'))
    }

    fn object(&mut self, members: Map<String, Value>, above: Above) -> Value {
        let pair = pair_says(&members);
        let mut out = Map::new();
        for (key, value) in members {
            let masked_key = self.free_key(&key, &out);
            // Masking a key can lay open a word in it.
            let own = keys::name(&key).max(keys::name(&masked_key));
            let says = match (own, above.says) {
                (Name::Plain | Name::Maybe, Name::Plain | Name::Maybe) if key.eq_ignore_ascii_case("value") => {
                    pair.max(own)
                }
                (own, above) => own.max(above),
            };
            let amounts = match own {
                Name::Plain => above.amounts,
                Name::Maybe | Name::Several | Name::Secret | Name::Phrase | Name::Header => {
                    keys::is_amount(&key) && keys::is_amount(&masked_key)
                }
            };
            let below = Above { says, amounts, depth: above.depth + 1 };
            let value = self.below(&masked_key, |walk| {
                if masked_key != key {
                    walk.pointers.push(walk.pointer.clone());
                }
                if keys::is_kept(&key) && value.is_string() { value } else { walk.value(value, below, &key) }
            });
            out.insert(masked_key, value);
        }
        Value::Object(out)
    }

    /// A key that holds a secret itself is masked too; two that look the same after it are numbered.
    fn free_key(&self, key: &str, taken: &Map<String, Value>) -> String {
        let Some(masked) = self.masker.changed(key) else {
            return key.to_owned();
        };
        let mut free = masked.clone();
        let mut number = 2;
        while taken.contains_key(&free) {
            // Behind it the number could read as a value.
            free = format!("{number} {masked}");
            number += 1;
        }
        free
    }

    fn masked(&mut self) -> Value {
        self.pointers.push(self.pointer.clone());
        Value::String(MASK.to_owned())
    }

    /// Goes one step down the pointer (RFC 6901) and back.
    fn below<T>(&mut self, step: &str, walk: impl FnOnce(&mut Self) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
        let result = walk(self);
        self.pointer.truncate(length);
        result
    }
}

/// What an element says about the next one: something when it is an option by itself.
fn option_says(item: &Value) -> Name {
    match item.as_str() {
        Some(text) if text.starts_with('-') && !text.contains(['=', ' ']) => keys::name(text),
        Some(_) | None => Name::Plain,
    }
}

/// What `{"name": "DB_PASSWORD", "value": …}` says about its `value`.
fn pair_says(members: &Map<String, Value>) -> Name {
    ["name", "key", "field", "header", "variable"]
        .iter()
        .filter_map(|key| members.get(*key)?.as_str())
        .map(keys::name)
        .max()
        .unwrap_or(Name::Plain)
}
