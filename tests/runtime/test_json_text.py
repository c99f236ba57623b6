"""JSON that every reader takes."""

import json
import math

from bitprior_runtime.json_text import to_json

STRICT = json.JSONDecoder(parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))


def test_what_json_has_no_word_for_is_null():
    text = to_json({"a": [1.5, math.nan, (math.inf, "NaN")], "b": {"c": -math.inf}})
    assert STRICT.decode(text) == {"a": [1.5, None, [None, "NaN"]], "b": {"c": None}}


def test_the_rest_stays_as_it_is():
    value = {"a": [1, 2.5, None, True, "x"], "b": {}}
    assert to_json(value) == json.dumps(value)
    assert to_json(value, indent=1) == json.dumps(value, indent=1)
