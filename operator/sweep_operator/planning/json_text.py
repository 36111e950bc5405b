"""JSON that a YAML parser reads alike, so that one text serves as both files and in environments.

JSON is said to be valid YAML, but not for YAML 1.1, which PyYAML and most training code read: to it
`1e-05` is a string (a learning rate!), an emoji as two \\u escapes is two broken characters, and
raw control characters are refused. It knows nothing of sweeps.
"""

import json
import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

_NOT_FOR_YAML = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""Line breaks and characters that aren't printable, by YAML 1.1, and that json leaves raw."""


def to_json(value: JsonValue | Mapping[str, JsonValue]) -> str:
    """Return the value on one line, keys in alphabetical order, `", "` and `": "` between.

    Floats always have a point (`1.0e-05`), as YAML 1.1 demands and JSON allows. Other text than
    ASCII stays readable. ValueError for NaN and infinities, which JSON doesn't have.
    """
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        return _NOT_FOR_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    if isinstance(value, float):
        text = json.dumps(value, allow_nan=False)
        return text if "." in text else text.replace("e", ".0e")
    if isinstance(value, Mapping):
        items = (f"{to_json(name)}: {to_json(item)}" for name, item in sorted(value.items()))
        return "{" + ", ".join(items) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(to_json, value)) + "]"
    return json.dumps(value)
