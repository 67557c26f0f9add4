"""Follows a user's in-app feed from the command line, and goes on where it stopped: python examples/feed/follow.py jane"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

HOST, KEY = os.environ.get("KNOCK_BASE_URL", "http://127.0.0.1:4000"), "pk_test_doorbell"
CHANNEL = "384b9bd4-abaa-5b4b-a2a8-a5094c721f05"  # the development stack's `in-app-feed`


def follow(user: str, memory: Path) -> None:
    url = f"{HOST}/v1/users/{user}/feeds/{CHANNEL}/stream"
    while True:
        number = memory.read_text() if memory.exists() else ""
        headers = {"Authorization": f"Bearer {KEY}", "Last-Event-ID": number}
        event: dict[str, str] = {}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as stream:
                for line in stream:
                    name, _, value = line.decode().rstrip("\n").partition(": ")
                    event[name] = value
                    if not name and "data" in event:
                        told = json.loads(event["data"])
                        print(
                            event["event"], told.get("id", ""), told.get("meta", {}).get("unseen_count", ""), flush=True
                        )
                        memory.write_text(event["id"])
                        event = {}
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            print(f"lost ({error}), asking again", file=sys.stderr)
        time.sleep(2)


if __name__ == "__main__":
    follow(sys.argv[1], Path(f".feed-{sys.argv[1]}"))
