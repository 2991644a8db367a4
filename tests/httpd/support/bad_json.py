"""Spoils a JSON object in every way that two parsers could read differently."""

JSON_DEPTH = 32


def nested(depth):
    """An array of arrays, `depth` levels."""
    return "[" * depth + "]" * depth


def spoilt(good):
    """Label -> raw bytes, each made from the text of a good object whose first member has no comma in it."""
    inside = good[1:-1]
    first = inside.split(",")[0]
    name = first.split('"')[1]
    twin = first.replace(f'"{name}"', f'"\\u{ord(name[0]):04x}{name[1:]}"', 1)
    octets = good.encode()

    def beside(more):
        return b"{" + inside.encode() + b"," + (more if isinstance(more, bytes) else more.encode()) + b"}"

    return {
        "empty": b"", "no JSON": b"member", "null": b"null", "true": b"true", "number": b"1", "string": b'"text"',
        "empty array": b"[]", "inside an array": b"[" + octets + b"]",
        "member twice": beside(first), "escaped twin of a member": beside(twin),
        "unknown member twice": beside('"x":1,"x":1'), "twice with another type": beside('"x":1,"x":"1"'),
        "twins deep inside": beside('"x":{"y":1,"y":2}'), "twins in an array": beside('"x":[{"y":1,"y":2}]'),
        "NUL escape": beside('"x":"\\u0000"'), "NUL escape inside text": beside('"x":"a\\u0000b"'),
        "NUL escape in a name": beside('"\\u0000":1'), "NUL escape behind a name": beside(f'"{name}\\u0000":1'),
        "NUL byte": beside(b'"x":"\x00"'), "NUL byte behind": octets + b"\x00", "NUL byte in front": b"\x00" + octets,
        "control character": beside(b'"x":"\x01"'), "newline inside a string": beside('"x":"\n"'),
        "invalid UTF-8": beside(b'"x":"\xff"'), "cut UTF-8": beside(b'"x":"\xc3"'),
        "overlong UTF-8": beside(b'"x":"\xc0\xaf"'), "surrogate in UTF-8": beside(b'"x":"\xed\xa0\x80"'),
        "beyond Unicode": beside(b'"x":"\xf4\x90\x80\x80"'), "invalid UTF-8 in a name": beside(b'"\xff":1'),
        "lone surrogate": beside('"x":"\\ud800"'), "byte order mark": b"\xef\xbb\xbf" + octets,
        "UTF-16": good.encode("utf-16-le"), "trailing comma": b"{" + inside.encode() + b",}",
        "leading comma": b"{," + inside.encode() + b"}", "trailing text": octets + b"x",
        "trailing bracket": octets + b"}", "two objects": octets * 2, "cut": octets[:-1],
        "single quotes": good.replace('"', "'").encode(), "comment": beside('/**/"x":1'),
        "comment behind": octets + b"//", "name without quotes": beside("x:1"), "NaN": beside('"x":NaN'),
        "bad escape": beside('"x":"\\q"'), "leading zero": beside('"x":01'), "hex number": beside('"x":0x1'),
        "number out of range": beside('"x":1e400'), "too deep": beside(f'"x":{nested(JSON_DEPTH + 1)}'),
        "too deep in objects": beside('"x":' + '{"y":' * (JSON_DEPTH + 1) + "1" + "}" * (JSON_DEPTH + 1)),
        "far too deep": beside(f'"x":{nested(2100)}'), "depth beyond any stack": beside('"x":' + "[" * 8000),
    }


LABELS = list(spoilt('{"a":1}'))
