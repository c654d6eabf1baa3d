#!/usr/bin/python3
"""Serves one page that says how often it was fetched."""

import http.server

import redis
from redis.backoff import ConstantBackoff
from redis.exceptions import BusyLoadingError
from redis.retry import Retry

# A database that was just started accepts before it has read what it keeps.
loading = Retry(ConstantBackoff(0.2), 25, supported_errors=(BusyLoadingError,))
store = redis.Redis(host="127.0.0.1", port=6379, socket_timeout=5, retry=loading, retry_on_error=[BusyLoadingError])


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        try:
            status, text = 200, f"Hello from app. Visits: {store.incr('visits')}\n"
        except redis.RedisError as error:
            status, text = 503, f"The database does not answer: {error}\n"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", 8000), Page).serve_forever()
