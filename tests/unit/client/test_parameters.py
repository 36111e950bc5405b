"""The config: a run's parameters as a program reads them."""

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from sweep_run.parameters import Config, merged
from sweep_run.surroundings import read

CONFIG = Config({"lr": 0.1, "optimizer": {"name": "adam", "items": 3}, "x-y": [1, {"z": 2}]})


def test_parameters_are_reached_by_attribute_and_by_brackets() -> None:
    assert CONFIG.lr == CONFIG["lr"] == 0.1
    assert CONFIG.optimizer.name == CONFIG["optimizer"]["name"] == "adam"


def test_names_that_are_no_attributes_are_reached_by_brackets() -> None:
    assert CONFIG["x-y"][0] == 1
    assert CONFIG["optimizer"]["items"] == 3
    assert callable(CONFIG.optimizer.items)


def test_a_name_that_is_missing_is_answered_by_those_that_are_there() -> None:
    sentence = "the config has no 'learning_rate'; it has lr, optimizer, x-y"
    with pytest.raises(AttributeError, match=sentence):
        _ = CONFIG.learning_rate
    with pytest.raises(KeyError, match=sentence):
        _ = CONFIG["learning_rate"]
    assert CONFIG.get("learning_rate") is None
    assert not hasattr(CONFIG, "learning_rate")
    with pytest.raises(AttributeError, match="it has nothing"):
        _ = Config({}).lr


@pytest.mark.parametrize(
    "change",
    [
        "config.lr = 1",
        "del config.lr",
        "config['lr'] = 1",
        "config.optimizer['name'] = 'sgd'",
        "del config['lr']",
        "config |= {'lr': 1}",
        "config.update(lr=1)",
        "config.setdefault('new', 1)",
        "config.pop('lr')",
        "config.popitem()",
        "config.clear()",
    ],
)
def test_the_config_is_read_only(change: str) -> None:
    config = Config(CONFIG)
    with pytest.raises(TypeError, match="read-only"):
        exec(change, {"config": config})
    assert config == CONFIG


def test_it_is_a_dict_to_whoever_wants_one() -> None:
    plain = dict(CONFIG)
    plain["lr"] = 2
    assert CONFIG.lr == 0.1
    assert {**CONFIG}.keys() == {"lr", "optimizer", "x-y"}
    assert json.loads(json.dumps(CONFIG)) == CONFIG


@pytest.mark.parametrize(
    "clone", [lambda c: pickle.loads(pickle.dumps(c)), copy.copy, copy.deepcopy]
)
def test_copies_are_configs_too(clone: Any) -> None:
    cloned = clone(CONFIG)
    assert cloned == CONFIG
    assert cloned.optimizer.name == "adam"


def test_defaults_fill_in_what_the_sweep_does_not_give_at_each_level() -> None:
    defaults = {"epochs": 10, "optimizer": {"lr": 1.0, "name": "sgd"}, "model": {"depth": 2}}
    given = {"optimizer": {"name": "adam"}, "model": "small"}
    assert merged(defaults, given) == {
        "epochs": 10,
        "optimizer": {"lr": 1.0, "name": "adam"},
        "model": "small",
    }
    assert defaults["optimizer"] == {"lr": 1.0, "name": "sgd"}


def test_parameters_come_from_the_variable_and_else_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "parameters.json"
    assert read({}, file).parameters == {}
    file.write_text('{"lr": 1}')
    assert read({}, file).parameters == {"lr": 1}
    assert read({"SWEEP_PARAMETERS": '{"lr": 2}'}, file).parameters == {"lr": 2}


@pytest.mark.parametrize(("text", "said"), [("{", "isn't JSON"), ("[1]", "isn't a JSON object")])
def test_broken_parameters_are_an_error(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"SWEEP_PARAMETERS {said}"):
        read({"SWEEP_PARAMETERS": text})
