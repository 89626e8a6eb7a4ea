//! Reads one scalar by the core schema of YAML 1.2, which JSON's scalars are part of.

use granit_parser::ScalarStyle;
use serde_json::{Number, Value};

use super::STRING_BYTES_MAX;
use super::read::{Place, Read, no_tag, refuse, shown};

/// Largest integer that every JSON reader keeps exactly: 2^53 − 1.
const INTEGER_MAX: i64 = 9_007_199_254_740_991;

pub(super) fn scalar(text: &str, style: ScalarStyle, tag: Option<&str>, at: Place) -> Read<Value> {
    if text.len() > STRING_BYTES_MAX {
        let message = format!("a text of {} bytes; the limit is {STRING_BYTES_MAX}", text.len());
        return Err(refuse("string_too_long", at, message, "put it into a file, or split it"));
    }
    if text.contains('\0') {
        return Err(refuse("nul_character", at, "a NUL character".to_owned(), "remove it"));
    }
    let is_str = tag.is_some_and(|tag| tag == "!" || tag.ends_with("2002:str") || tag == "!!str");
    if !is_str {
        no_tag(tag, at)?;
    }
    if style != ScalarStyle::Plain || is_str {
        return Ok(Value::String(text.to_owned()));
    }
    plain(text, at)
}

/// The core schema of YAML 1.2: `no` is text, `0o17` and `0x1f` are numbers, `010` is ten.
fn plain(text: &str, at: Place) -> Read<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if is_all(digits, |byte| byte.is_ascii_digit()) {
        return integer(text.strip_prefix('+').unwrap_or(text).parse().ok(), text, at);
    }
    for (prefix, base) in [("0o", 8), ("0x", 16)] {
        let is_digit = |byte: u8| char::from(byte).is_digit(base);
        if let Some(digits) = text.strip_prefix(prefix).filter(|digits| is_all(digits, is_digit)) {
            return integer(i64::from_str_radix(digits, base).ok(), text, at);
        }
    }
    if is_float(digits) || is_not_finite(digits) || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return float(text, at);
    }
    Ok(Value::String(text.to_owned()))
}

fn is_all(digits: &str, fits: impl Fn(u8) -> bool) -> bool {
    !digits.is_empty() && digits.bytes().all(fits)
}

fn is_not_finite(digits: &str) -> bool {
    matches!(digits, ".inf" | ".Inf" | ".INF")
}

/// A number with a point or an exponent. Beyond the integers that are kept exactly, it is one that is not.
fn float(text: &str, at: Place) -> Read<Value> {
    let number = text.parse::<f64>().unwrap_or(f64::NAN);
    let Some(finite) = Number::from_f64(number) else {
        return Err(refuse(
            "number_not_finite",
            at,
            format!("`{}` is not a finite number", shown(text)),
            "write a finite number, or put it in quotes",
        ));
    };
    if number.abs() > INTEGER_MAX as f64 {
        return integer(None, text, at);
    }
    Ok(Value::Number(finite))
}

fn integer(value: Option<i64>, text: &str, at: Place) -> Read<Value> {
    match value.filter(|value| (-INTEGER_MAX..=INTEGER_MAX).contains(value)) {
        Some(value) => Ok(Value::from(value)),
        None => Err(refuse(
            "integer_out_of_range",
            at,
            format!("`{}` is beyond ±{INTEGER_MAX}", shown(text)),
            "put it in quotes; larger integers are not kept exactly by JSON",
        )),
    }
}

/// `[0-9]* ( . [0-9]* )? ( e [+-]? [0-9]+ )?` with a digit and a point or an exponent.
fn is_float(digits: &str) -> bool {
    let (mantissa, exponent) = match digits.find(['e', 'E']) {
        Some(at) => (&digits[..at], Some(&digits[at + 1..])),
        None => (digits, None),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && exponent.bytes().all(|byte| byte.is_ascii_digit())
    });
    let points = mantissa.bytes().filter(|byte| *byte == b'.').count();
    let has_digit = mantissa.bytes().any(|byte| byte.is_ascii_digit());
    exponent_fits
        && has_digit
        && points <= 1
        && (points == 1 || exponent.is_some())
        && mantissa.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}
