"""How property tests are run, and what every program that a test starts inherits."""

from __future__ import annotations

import signal

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

# A shell without a terminal has its background jobs ignore ^C, and they hand that on to whatever they start: tests that send
# it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
