"""The demo in a network namespace that has loopback and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.e2e.processes import DEADLINE_SECS, SCRIPTS, environment

# A new namespace's loopback is down. SIOCSIFFLAGS and IFF_UP: linux/sockios.h, linux/if.h. 192.0.2.1 is TEST-NET-1.
_INSIDE = """
import errno, fcntl, json, signal, socket, struct, subprocess, sys, urllib.request
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anything:
    fcntl.ioctl(anything, 0x8914, struct.pack("16sh", b"lo", 1))
with socket.socket() as outwards:
    reached = outwards.connect_ex(("192.0.2.1", 443))
demo = subprocess.Popen([sys.argv[1], "demo"], stdout=subprocess.PIPE, text=True)
ready = next(json.loads(line[6:]) for line in demo.stdout if line.startswith("READY "))
def ask(path):
    headers = {"Authorization": "Bearer " + ready["token"]}
    request = urllib.request.Request(ready["url"] + "/api/v1" + path, headers=headers)
    return json.load(urllib.request.urlopen(request, timeout=20))["items"]
chats = ask("/accounts/me/chats?limit=3")
messages = ask(f"/accounts/me/chats/{chats[0]['id']}/messages?limit=3")
demo.send_signal(signal.SIGTERM)
demo.stdout.read()
print(json.dumps([errno.errorcode[reached], len(chats), len(messages), demo.wait()]))
"""


def test_the_demo_works_where_there_is_no_network_but_loopback() -> None:
    isolated = ["unshare", "--map-root-user", "--net"]
    done = subprocess.run(
        [*isolated, sys.executable, "-c", _INSIDE, str(SCRIPTS / "vasya-server")],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECS * 2,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["ENETUNREACH", 3, 3, 0]
