"""Who set a Sweep's state: what the API server keeps of it in metadata.managedFields."""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def author_of_state(sweep: Json) -> str:
    """The field manager that owns spec.state, such as kubectl-patch; empty where nobody set it.

    Of several owners, who agree on the value, the one that wrote last.
    """
    owners = [
        entry
        for entry in sweep["metadata"].get("managedFields") or ()
        if "f:state" in (entry.get("fieldsV1") or {}).get("f:spec", {})
    ]
    if not owners:
        return ""
    last = max(owners, key=lambda entry: str(entry.get("time", "")))
    return str(last.get("manager", ""))
