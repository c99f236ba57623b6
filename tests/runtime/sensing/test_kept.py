"""What was worked out for an operator is worked out once, and not kept for ever."""

import gc
import weakref

import numpy as np

from bitprior_runtime.sensing.kept import MOST, KeptOf
from bitprior_runtime.sensing.linear_estimate import LinearEstimate
from bitprior_runtime.sensing.text import parse_operator


class Owner:
    pass


def test_it_is_made_once_for_each_object_and_name():
    kept, made = KeptOf[int](), []
    first, second = Owner(), Owner()

    def make(value):
        return lambda: made.append(value) or value

    assert [kept.get(first, 0.0, make(1)), kept.get(first, 0.0, make(2))] == [1, 1]
    assert kept.get(second, 0.0, make(3)) == 3
    assert kept.get(first, 0.1, make(4)) == 4
    assert made == [1, 3, 4]


def test_the_one_used_longest_ago_goes_first_and_its_object_with_it():
    kept = KeptOf[int]()
    owners = [Owner() for _ in range(MOST + 1)]
    for index, owner in enumerate(owners[:MOST]):
        kept.get(owner, None, lambda index=index: index)
    kept.get(owners[0], None, lambda: -1)
    kept.get(owners[MOST], None, lambda: MOST)
    assert len(kept) == MOST
    assert kept.get(owners[0], None, lambda: -1) == 0
    gone = weakref.ref(owners[1])
    del owner, owners[1]
    gc.collect()
    assert gone() is None


def test_recoveries_through_one_operator_work_out_its_estimate_once(monkeypatch):
    from bitprior_runtime import operated
    from bitprior_runtime.model import Model
    from builders.photo import photo_bundle

    made = []

    class Counted(LinearEstimate):
        def __init__(self, operator, covariance, noise=0.0):
            made.append(noise)
            super().__init__(operator, covariance, noise)

    monkeypatch.setattr(operated, "LinearEstimate", Counted)
    model = Model(photo_bundle(4), 0)
    operator = parse_operator("gaussian-blocks:m=6,size=4,seed=1", (9, 8))
    y = operator.forward(np.random.default_rng(0).random((1, 1, 9, 8)))
    first, again = (model.recover(y, operator=operator) for _ in range(2))
    assert made == [0.0]
    np.testing.assert_array_equal(first.image, again.image)
    model.recover(y, operator=operator, noise=0.5)
    assert made == [0.0, 0.5]
    other = parse_operator("gaussian-blocks:m=6,size=4,seed=2", (9, 8))
    found = model.recover(y, operator=other)
    assert made == [0.0, 0.5, 0.0]
    assert np.abs(found.image - first.image).max() > 1e-3, "not the first one's estimate"
