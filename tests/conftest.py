"""How property tests are run."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The same examples at every run, and no clock: a test that fails now and then says nothing.
settings.register_profile(
    "vasya",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("vasya")
