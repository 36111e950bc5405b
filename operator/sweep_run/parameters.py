"""A run's parameters, as a nested mapping that nobody can change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NoReturn


class Config(dict[str, Any]):
    """Parameters by name: `config.optimizer.lr` or `config["optimizer"]["lr"]`. Read-only.

    A name that is no identifier, or that of a method of dict (`items`, `update`), is reachable by
    brackets alone. It is a real dict, as json.dumps, pickle and `**config` want it.
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        super().__init__({name: _frozen(value) for name, value in parameters.items()})

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(self._lacks(name))

    def __missing__(self, name: str) -> NoReturn:
        raise KeyError(self._lacks(name))

    def _lacks(self, name: str) -> str:
        return f"the config has no {name!r}; it has {', '.join(map(str, self)) or 'nothing'}"

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("the config is read-only: it is what the run is on record with")

    __setattr__ = __delattr__ = _refuse
    __setitem__ = __delitem__ = _refuse
    __ior__: Callable[..., Any] = _refuse
    update: Callable[..., NoReturn] = _refuse
    clear = pop = popitem = setdefault = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        # By default a dict's subclass is unpickled, and copied, item by item: __setitem__.
        return Config, (dict(self),)


def merged(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given values, and defaults for the names that aren't given, at each level."""
    result = dict(defaults)
    for name, value in given.items():
        default = result.get(name)
        if isinstance(default, Mapping) and isinstance(value, Mapping):
            value = merged(default, value)  # noqa: PLW2901
        result[name] = value
    return result


def _frozen(value: Any) -> Any:
    return Config(value) if isinstance(value, Mapping) else value
