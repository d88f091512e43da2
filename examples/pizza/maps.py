"""Maps is somebody else's service: plain ``http.server``, never traced.

Every way along Taco Street passes the taco stand, and the stand takes its time.

Environment: PORT.
"""

from __future__ import annotations

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

QUEUE_AT_THE_STAND = 1.5  # seconds


class Maps(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path == "/route":
            address = query["to"][0]
            passes = ["taco stand"] if "Taco Street" in address else []
            self.answer(200, {"to": address, "minutes": 5 + len(address) % 10, "passes": passes})
        elif url.path == "/tacos":
            time.sleep(QUEUE_AT_THE_STAND)
            self.answer(200, {"stop": "two tacos al pastor"})
        else:
            self.answer(404, {"error": f"no such page: {url.path}"})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8004"))), Maps).serve_forever()
