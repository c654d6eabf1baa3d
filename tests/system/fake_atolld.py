#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A daemon that says what a test wants: for what the real one does rarely, or never should.

    fake_atolld.py SOCKET

Serves a federation "office" of the machines web and app, "home" with another web, as doc/api.md has it.
A machine's name picks how its exec behaves (see EXECS); `up` of a text decides how the operation goes.
"""
import array
import json
import os
import socket
import struct
import sys
import threading
import time

MACHINES = [
    {"name": "app", "federation": "office", "kind": "light", "engine": "host", "arch": "amd64", "state": "ready",
     "appliance": "app", "digest": "sha256:0", "pid": 4242, "started": "2024-05-01T10:00:00Z", "memory": 12582912,
     "label": "blue", "exit": None, "message": "",
     "times": {"launch": 0, "guest": 3.5, "init": 9.25, "prepared": 10, "started": 12, "ready": 30.5}},
    {"name": "web", "federation": "office", "kind": "micro", "engine": "tcg", "arch": "amd64", "state": "failed",
     "appliance": "web", "digest": "sha256:1", "pid": 0, "started": None, "memory": 0, "label": None,
     "exit": {"status": 3, "reason": "ended \u001b[31mbadly", "requested": False, "time": "2024-05-01T10:00:00Z"},
     "message": "", "times": {}},
    {"name": "web", "federation": "home", "kind": "light", "engine": "host", "arch": "amd64", "state": "stopped",
     "appliance": "web", "digest": "sha256:1", "pid": 0, "started": None, "memory": 0, "label": "red", "exit": None,
     "message": "", "times": {}},
]
LINKS = [
    {"id": "web>app.http", "federation": "office", "from": "web", "to": "app", "service": "http", "port": 8080,
     "state": "ok", "restricted": False, "streams": 3, "open": 1, "tx_bytes": 2048, "rx_bytes": 5000000,
     "tx_frames": 0, "rx_frames": 0, "dropped": 0, "only": []},
]
operations = {}
listeners = []
cancelled = threading.Event()


def answer(conn, status, body):
    data = json.dumps(body).encode()
    conn.sendall(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(data)))
    conn.sendall(data)


def sync(conn, metadata):
    answer(conn, 200, {"type": "sync", "status": "Success", "status_code": 200, "metadata": metadata})


def error(conn, status, text, errno, **more):
    answer(conn, status, {"type": "error", "error": text, "error_code": status, "metadata": {"errno": errno, **more}})


def chunk(conn, data):
    conn.sendall(b"%x\r\n%s\r\n" % (len(data), data))


def publish(op):
    event = {"type": "operation", "timestamp": "2024-05-01T10:00:00Z", "metadata": op}
    for conn in list(listeners):
        try:
            # in pieces, as a slow daemon would
            text = b"id: 1\nevent: operation\ndata: " + json.dumps(event).encode() + b"\n\n"
            chunk(conn, text[:20])
            time.sleep(0.01)
            chunk(conn, text[20:])
        except OSError:
            if conn in listeners:
                listeners.remove(conn)


def work(op, fails, slow):
    steps = op["metadata"]["steps"]
    for step in steps:
        step["state"] = "running"
        publish(op)
        if slow and cancelled.wait(10):
            step["state"] = "failed"
            step["detail"] = "cancelled"
            for rest in steps:
                if rest["state"] == "waiting":
                    rest["state"] = "skipped"
            op.update(status="Cancelled", status_code=401)
            publish(op)
            return
        time.sleep(0.02)
        bad = fails and step["object"] == "web"
        step["state"] = "failed" if bad else "done"
        step["detail"] = "exited with status 3 before it was ready" if bad else ""
        publish(op)
    op.update(status="Failure" if fails else "Success", status_code=400 if fails else 200, err="web failed" if fails else "")
    publish(op)


def begin(conn, steps, fails=False, slow=False):
    op = {"id": "op%d" % len(operations), "class": "task", "status": "Running", "status_code": 103, "err": "",
          "resources": {"federation": "office"}, "metadata": {"steps": [
              {"verb": v, "object": o, "why": "", "state": "waiting", "detail": ""} for v, o in steps]}}
    operations[op["id"]] = op
    answer(conn, 202, {"type": "async", "status": "Operation created", "status_code": 100,
                       "operation": "/1.0/operations/" + op["id"], "metadata": op})
    threading.Thread(target=work, args=(op, fails, slow), daemon=True).start()


STEPS = [("create", "app"), ("create", "web"), ("link", "web>app.http")]


def post_federation(conn, body):
    text = body["text"]
    if "broken" in text:
        return error(conn, 400, "the file has 2 faults", "EINVAL", diagnostics=[
            {"file": body["file"], "line": 3, "column": 5, "text": "unknown key \"memroy\""},
            {"file": body["file"], "line": 0, "column": 0, "text": "no machines"}])
    steps = [] if "same" in text else STEPS
    if body["dry_run"] or not steps:
        return sync(conn, {"federation": "office",
                           "steps": [{"verb": v, "object": o, "why": "new"} for v, o in steps]})
    begin(conn, steps, "fails" in text, "slow" in text)


def frame(kind, data=b""):
    return struct.pack("<I", len(data) | kind << 24) + data


def exec_echo(s, request):
    """Answers each frame by what it was; ends with status 7 at the end of input."""
    buf = b""
    while True:
        data = s.recv(65536)
        if not data:
            return
        buf += data
        while len(buf) >= 4:
            head, = struct.unpack("<I", buf[:4])
            n, kind = head & 0xffffff, head >> 24
            if len(buf) < 4 + n:
                break
            payload, buf = buf[4:4 + n], buf[4 + n:]
            if kind == 0:
                s.sendall(frame(16, payload))
            elif kind == 1:
                return s.sendall(frame(17, b"input ended\n") + frame(18, struct.pack("<I", 7)))
            elif kind == 3:
                return s.sendall(frame(16, b"signal %d\n" % payload[0]) + frame(18, struct.pack("<I", 128 + payload[0])))


def exec_show(s, request):
    s.sendall(frame(16, json.dumps(request, sort_keys=True).encode() + b"\n") + frame(18, struct.pack("<I", 0)))


def exec_flood(s, request):
    try:
        while True:
            s.sendall(frame(16, b"y\n" * 32768))
    except OSError:
        pass


EXECS = {"echo": exec_echo, "show": exec_show, "flood": exec_flood,
         "giant": lambda s, r: s.sendall(struct.pack("<I", 16 << 24 | 0xffffff)),
         "strange": lambda s, r: s.sendall(frame(99)),
         "vanish": lambda s, r: s.sendall(frame(16, b"half"))}


def post_exec(conn, name, request):
    if name not in EXECS:
        return error(conn, 404, "machine \"%s\" not found; did you mean \"echo\"?" % name, "ENOENT")
    if request["command"][0] == "nothing":
        return error(conn, 404, "nothing: not found in machine \"echo\"", "ENOENT")
    if request.get("user") == "nosuch":
        return error(conn, 400, "echo: user \"nosuch\" is not in the image's /etc/passwd", "EINVAL")
    if request.get("cwd") == "/nope":
        return error(conn, 400, "echo: working folder /nope: no such folder", "ENOTDIR")
    if request["command"][0] == "/etc/passwd":
        return error(conn, 403, "/etc/passwd: permission denied", "EACCES")
    ours, theirs = socket.socketpair()
    conn.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: atoll-exec\r\n\r\n")
    conn.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [theirs.fileno()]))])
    theirs.close()
    EXECS[name](ours, request)
    ours.close()


def console(conn, follow):
    conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk(conn, b"booting\r\n\033]0;gotcha\007ready\n")
    chunk(conn, b"")


def route(conn, method, path, body):
    path, _, query = path.partition("?")
    part = path.split("/")[2:]
    if path == "/1.0":
        sync(conn, {"api_version": "1.0", "server_version": "0.0-fake", "pid": os.getpid()})
    elif path == "/1.0/machines":
        sync(conn, [m for m in MACHINES if not query or query == "federation=" + m["federation"]])
    elif path == "/1.0/links":
        sync(conn, LINKS)
    elif part[0] == "links":
        LINKS[0]["state"] = body["state"]
        sync(conn, {})
    elif path == "/1.0/federations" and method == "GET":
        sync(conn, [{"name": "office"}, {"name": "home"}])
    elif path == "/1.0/federations":
        post_federation(conn, body)
    elif part[0] == "federations":
        begin(conn, [(body["action"], m) for m in body["machines"]] if body else [("remove", "app")])
    elif part[0] == "operations" and method == "DELETE":
        cancelled.set()
        sync(conn, {})
    elif part[0] == "operations":
        sync(conn, operations[part[1]])
    elif part[0] == "events":
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        listeners.append(conn)
        return True
    elif part[-1] == "exec":
        post_exec(conn, part[2], body)
    elif part[-1] == "console":
        console(conn, "follow=1" in query)
    elif part[0] == "machines":
        if part[2] in EXECS:
            return sync(conn, {"name": part[2]})
        found = [m for m in MACHINES if m["name"] == part[2] and part[1] in ("-", m["federation"])]
        if len(found) > 1:
            error(conn, 409, "several federations have it: home/web, office/web", "ENOTUNIQ")
        elif found:
            sync(conn, found[0])
        else:
            error(conn, 404, "machine \"%s\" not found" % part[2], "ENOENT")
    else:
        error(conn, 404, "no such call", "ENOENT")
    return False


def serve(conn):
    data = b""
    while b"\r\n\r\n" not in data:
        got = conn.recv(65536)
        if not got:
            return
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    length = next((int(x.split(":")[1]) for x in lines if x.lower().startswith("content-length:")), 0)
    while len(body) < length:
        body += conn.recv(65536)
    method, path, _ = lines[0].split(" ")
    try:
        if not route(conn, method, path, json.loads(body) if body else None):
            conn.close()
    except OSError:
        conn.close()


def main():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(16)
    while True:
        conn, _ = listener.accept()
        threading.Thread(target=serve, args=(conn,), daemon=True).start()


main()
