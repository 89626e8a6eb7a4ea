#!/usr/bin/env python3
"""Verifies an exported calt record. Written from docs/record-format.md alone; Python 3.8 or newer, nothing else.

    verify_record.py FILE [--key NAME+ID+BASE64]     0: proven, 1: not (one line a finding)
    verify_record.py --vectors docs/record-vectors.json
"""
import base64, binascii, hashlib, json, sys
from decimal import Decimal

LEAF_KEYS = ("created_at event_type facts id message_id principal run_id schema seq session_id source text_hash"
             " user_id").split()
EVENT_KEYS = LEAF_KEYS + ["payload_text", "salt", "summary"]


class Wrong(Exception):
    """What a file does not prove."""


def need(holds, what):
    if not holds:
        raise Wrong(what)


# Canonical JSON (RFC 8785). The record holds no fractions.

ESCAPES = {0x22: '\\"', 0x5C: "\\\\", 8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}
for _control in range(0x20):
    ESCAPES.setdefault(_control, "\\u%04x" % _control)


def canonical(value):
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        # A number is a double; up to 2^53 that makes no difference.
        return str(value) if abs(value) < 2**53 else format(Decimal(repr(float(value))), "f").split(".")[0]
    if isinstance(value, str):
        return '"' + value.translate(ESCAPES) + '"'
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    need(isinstance(value, dict), "a fraction stands in it")
    keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(canonical(key) + ":" + canonical(value[key]) for key in keys) + "}"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def unhex(text, length):
    need(isinstance(text, str) and len(text) == 2 * length and set(text) <= set("0123456789abcdef"),
         "a hexadecimal value has another form")
    return bytes.fromhex(text)


def unbase64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise Wrong("a base64 value cannot be read") from None
    need(base64.b64encode(data).decode() == text, "a base64 value is not in its one form")
    return data


# The tree (RFC 6962; the walk up is RFC 9162, 2.1.3.2).

def leaf_of(event):
    return sha256(b"\0", canonical({key: event[key] for key in LEAF_KEYS}).encode())


def root_of(leaf, index, size, path):
    need(0 <= index < size, "it has no place in the tree")
    place, last, node = index, size - 1, leaf
    for neighbour in path:
        need(last > 0, "its proof is too long")
        if place & 1 or place == last:
            node = sha256(b"\1", neighbour, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = sha256(b"\1", node, neighbour)
        place, last = place >> 1, last >> 1
    need(last == 0, "its proof is too short")
    return node


def frontier(leaves):
    """The roots of the perfect subtrees, largest first."""
    peaks = []
    for count, node in enumerate(leaves):
        while count & 1:
            node, count = sha256(b"\1", peaks.pop(), node), count >> 1
        peaks.append(node)
    return peaks


def root(leaves):
    peaks = frontier(leaves)
    if not peaks:
        return sha256()
    node = peaks.pop()
    while peaks:
        node = sha256(b"\1", peaks.pop(), node)
    return node


# Ed25519 (RFC 8032, 5.1), with plain integers.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def point_add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def point_times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = point_add(result, point)
        point, scalar = point_add(point, point), scalar >> 1
    return result


def point_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point_of(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    need(y < P, "a point is not in its one form")
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    need((x * x - x2) % P == 0 and (x or not sign), "a point is not on the curve")
    x = x if x & 1 == sign else P - x
    return (x, y, 1, x * y % P)


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public, message, signature):
    need(len(public) == 32 and len(signature) == 64, "key or signature has another length")
    key, r, s = point_of(public), point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    weak = any(point_equal(point_times(8, point), (0, 1, 1, 0)) for point in (key, r))
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return s < L and not weak and point_equal(point_times(s, BASE), point_add(r, point_times(k, key)))


# The note (C2SP signed-note and tlog-checkpoint).

def read_key(text):
    name, number, data = (str(text).split("+", 2) + ["", ""])[:3]
    data = unbase64(data)
    key_id = sha256(name.encode(), b"\n", data)[:4]
    need(name and not any(c.isspace() for c in name) and data[:1] == b"\1" and len(data) == 33
         and number == key_id.hex(), "the key has another form than NAME+ID+BASE64")
    return name, key_id, data[1:]


def read_note(note, key):
    """Origin, size and root of a note this key signed."""
    need(isinstance(note, str) and "\n\n" in note and note.endswith("\n"), "the checkpoint has another form")
    text, _, signatures = note.partition("\n\n")
    text += "\n"
    lines = text.split("\n")
    need(len(lines) >= 4 and lines[1].isascii() and lines[1].isdigit() and str(int(lines[1])) == lines[1],
         "the checkpoint has another form")
    name, key_id, public = key
    need(signatures.count("\n") == 1, "the checkpoint bears more than one signature")
    for line in signatures[:-1].split("\n"):
        parts = line.split(" ")
        need(len(parts) == 3 and parts[0] == "\u2014", "a signature has another form")
        data = unbase64(parts[2])
        if parts[1] == name and data[:4] == key_id and is_signed(public, text.encode(), data[4:]):
            return lines[0], int(lines[1]), unbase64(lines[2])
    raise Wrong("the checkpoint bears no valid signature of this key")


# The file.

def has_keys(value, keys):
    return isinstance(value, dict) and set(value) == set(keys)


def check_event(event, proof, size, signed_root):
    need(has_keys(event, EVENT_KEYS), "an event has other fields than it should")
    number = event["id"]
    need(type(number) is int and isinstance(proof, list), "its id or its proof has another form")
    path = [unhex(node, 32) for node in proof]
    need(root_of(leaf_of(event), number - 1, size, path) == signed_root,
         "event %d is not the one that was signed: it was changed" % number)
    if event["salt"] is None:
        need(event["summary"] == event["payload_text"] == "", "event %d has a text and no salt" % number)
    else:
        text = canonical([event["summary"], event["payload_text"]]).encode()
        need(sha256(unhex(event["salt"], 16), text).hex() == event["text_hash"],
             "the text of event %d is not the one that was recorded" % number)


def named_file(event):
    """Kind, name and digest of the file an event names, if its text is still there."""
    facts = event["facts"]
    if event["salt"] is None:
        return None
    if event["event_type"] == "artifact_saved":
        return "artifact", facts["path"], facts["sha256"]
    if event["event_type"] == "plan_imported":
        payload = json.loads(event["payload_text"])
        if not isinstance(payload.get("plan"), dict):
            return "plan", "plan v%d" % facts["version"], facts["masked_digest"]
    return None


def verify(lines, pinned=None):
    """Reads the lines of a record; gives what to tell of one that is proven."""
    header, events, files, named, end, absent, cleared, redacted = None, 0, 0, [], None, [], [], set()
    last_id, closing = 0, None
    for line in lines:
        need(line.endswith(b"\n"), "the last line has no end: the file is cut")
        value = json.loads(line)
        need(canonical(value).encode() + b"\n" == line, "a line is not in canonical form")
        need(end is None, "a line comes after the end")
        if header is None:
            need(has_keys(value, "checkpoint format key origin session".split())
                 and value["format"] == "calt record v1", "the first line is no header of this format")
            header, key = value, read_key(value["key"])
            need(pinned in (None, value["key"]), "it is signed by another key than the given one: " + value["key"])
            origin, size, signed_root = read_note(value["checkpoint"], key)
            need(origin == value["origin"] == key[0], "the checkpoint is the one of another log")
        elif has_keys(value, ["event", "proof"]):
            event = value["event"]
            need(files == 0 and closing is None, "an event stands in the wrong place")
            check_event(event, value["proof"], size, signed_root)
            need(event["id"] > last_id, "event %d stands in the wrong place" % event["id"])
            last_id, events = event["id"], events + 1
            if event["seq"] is None:
                closing = event
                need(event["event_type"] == "record_exported", "an event belongs to no session")
                need(event["facts"] == {"last_seq": events - 1, "session": header["session"]},
                     "record_exported names another session or more events: a tail was cut")
            else:
                need(event["session_id"] == header["session"] and event["seq"] == events,
                     "event %d is not number %d of the session" % (event["id"], events))
            if event["salt"] is None:
                cleared.append(event["id"])
            if event["event_type"] == "payload_redacted":
                redacted.add(event["facts"]["event"])
            named.extend(filter(None, [named_file(event)]))
        elif has_keys(value, ["file"]):
            file = value["file"]
            need(has_keys(file, "base64 kind name sha256".split()), "a file has other fields than it should")
            this = (file["kind"], file["name"], file["sha256"])
            need(this in named, "no event names this file, or it stands in the wrong place: %s" % file["name"])
            need(sha256(unbase64(file["base64"])) == unhex(file["sha256"], 32), "a file was changed: " + file["name"])
            place = named.index(this)
            absent, named, files = absent + named[:place], named[place + 1:], files + 1
        else:
            need(has_keys(value, ["end"]), "a line is neither an event, a file nor the end")
            end = value["end"]
            need(canonical(end) == canonical({"events": events, "files": files}), "the last line counts other events or files")
    need(end is not None, "the last line is missing: the file is cut")
    need(closing is not None, "no record_exported closes the events")
    for number in cleared:
        need(number in redacted, "the text of event %d was removed, and no event says so" % number)
    notes = ["note: the text of event %d was removed before the export" % number for number in cleared]
    notes += ["note: not in the file: %s `%s`" % (kind, name) for kind, name, _ in absent + named]
    return ["PASS %d events and %d files of %s, signed over %d events by %s"
            % (events, files, header["session"], size, header["key"])] + notes


def check_vectors(path):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    leaves = [leaf_of(sealed["event"]) for sealed in vectors["events"]]
    for leaf, sealed in zip(leaves, vectors["events"]):
        need(leaf.hex() == sealed["leaf"], "another leaf of event %d" % sealed["event"]["id"])
    for size, (its_root, peaks) in enumerate(zip(vectors["roots"], vectors["frontiers"])):
        need(root(leaves[:size]).hex() == its_root, "another root over %d events" % size)
        need([peak.hex() for peak in frontier(leaves[:size])] == peaks, "another frontier of %d events" % size)
    for proof in vectors["proofs"]:
        path = [unhex(node, 32) for node in proof["path"]]
        need(root_of(leaves[proof["index"]], proof["index"], proof["size"], path).hex()
             == vectors["roots"][proof["size"]], "another proof: %s" % proof)
    _, size, signed_root = read_note(vectors["checkpoint"], read_key(vectors["key"]["verifier"]))
    need((size, signed_root) == (len(leaves), root(leaves)), "the checkpoint is over something else")
    return verify([line.encode() for line in vectors["record"]], vectors["key"]["verifier"]) + ["PASS the vectors"]


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "--vectors":
        check = lambda: check_vectors(arguments[1])
    elif len(arguments) == 1 or (len(arguments) == 3 and arguments[1] == "--key"):
        pinned = arguments[2] if len(arguments) == 3 else None
        check = lambda: verify(open(arguments[0], "rb"), pinned)
    else:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print("\n".join(check()))
        return 0
    except (Wrong, OSError) as wrong:
        print("FAIL", wrong)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as wrong:
        print("FAIL it has another form:", wrong)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
