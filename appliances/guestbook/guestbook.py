#!/usr/bin/python3
"""A guestbook: a page with all entries, and a form for another. NAME in the environment is in its title."""

import os

import flask
import psycopg2
import waitress

PAGE = """<!doctype html>
<title>{{ title }}</title>
<h1>{{ title }}</h1>
<form method=post><input name=text maxlength=200 required> <button>Write</button></form>
<ol>{% for text in entries %}<li>{{ text }}</li>{% endfor %}</ol>
"""

app = flask.Flask(__name__)
title = os.environ.get("NAME", "Guestbook")


def query(text, *values):
    """A connection for each request: the database may have been restarted since the last."""
    connection = psycopg2.connect(host="127.0.0.1", user="postgres", dbname="postgres", connect_timeout=5)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE IF NOT EXISTS entry (id serial PRIMARY KEY, text text NOT NULL)")
            cursor.execute(text, values)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@app.get("/")
def show():
    entries = [text for (text,) in query("SELECT text FROM entry ORDER BY id")]
    return flask.render_template_string(PAGE, title=title, entries=entries)


@app.post("/")
def write():
    text = flask.request.form.get("text", "").strip()[:200]
    if not text:
        return "Write something.\n", 400
    query("INSERT INTO entry (text) VALUES (%s)", text)
    return flask.redirect("/", 303)


@app.errorhandler(psycopg2.OperationalError)
def no_database(error):
    return f"The database does not answer: {error}\n", 503


waitress.serve(app, listen="127.0.0.1:8000", threads=4)
