"""Every test of a kernel runs on all kernels that this CPU has."""

import pytest

from bitprior_runtime.kernels import kernels


@pytest.fixture(params=kernels())
def instructions(request):
    return request.param
