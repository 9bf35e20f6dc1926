"""Whether the process in this container works: `healthy.py web [PORT]` or `healthy.py worker`. Status 0 or 1.

For the image's HEALTHCHECK, so it needs nothing but Python and the settings.
"""

from __future__ import annotations

import email.utils
import json
import socket
import sys
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime

from backend.settings import SettingsError, load_settings

# as long as /health/ready waits for any worker
HEARTBEAT_SECONDS = 45.0
ANSWER_SECONDS = 4.0
# nothing that is asked here lies behind the machine's proxy
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def web_trouble(port: int) -> str:
    """What is wrong with the web process on this port of this machine; empty when nothing is."""
    try:
        with _OPENER.open(f"http://127.0.0.1:{port}/health/live", timeout=ANSWER_SECONDS):
            return ""
    except OSError as error:
        return f"the web process does not answer: {error}"


def worker_trouble() -> str:
    """What is wrong with the worker of this host name; empty when it said within 45 s that it lives.

    A Supabase that does not answer is no fault of the worker: it waits for it with outcomes in hand, and to restart it
    would help nobody. Raises SettingsError.
    """
    settings = load_settings()
    key = settings.supabase_secret_key.get_secret_value()
    query = urllib.parse.urlencode(
        {
            "select": "seen_at",
            "worker": f"like.{socket.gethostname()}:*",
            "order": "seen_at.desc",
            "limit": "1",
        }
    )
    request = urllib.request.Request(  # noqa: S310 - the settings take http and https only
        f"{settings.supabase_url}/rest/v1/worker_heartbeats?{query}",
        headers={"apikey": key, "Authorization": f"Bearer {key}"},
    )
    try:
        with _OPENER.open(request, timeout=ANSWER_SECONDS) as answer:
            rows = json.load(answer)
            # by the clock of the other side, because ours may be wrong
            told = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        with error:
            refused = error.code < 500 and error.code != 429
        return f"Supabase refuses the question for heartbeats ({error.code})" if refused else ""
    except (OSError, ValueError):
        return ""
    if not rows:
        return "this worker never said that it lives"
    now = email.utils.parsedate_to_datetime(told) if told else datetime.now(UTC)
    age = (now - datetime.fromisoformat(rows[0]["seen_at"])).total_seconds()
    return f"this worker has been silent for {age:.0f} s" if age > HEARTBEAT_SECONDS else ""


def main(arguments: list[str]) -> int:
    """The command line."""
    try:
        match arguments:
            case ["web", *port]:
                trouble = web_trouble(int(port[0]) if port else 8000)
            case ["worker"]:
                trouble = worker_trouble()
            case _:
                trouble = "usage: healthy.py web [PORT] | worker"
    except SettingsError as error:
        trouble = str(error)
    if trouble:
        print(trouble, file=sys.stderr)
    return 1 if trouble else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
