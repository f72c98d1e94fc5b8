"""fastapi.py -- the stack of the original program: FastAPI, uvicorn, and one SQLite commit for each message.

    /usr/bin/python3 t/bench/peers/fastapi.py DATABASE      prints its port; /ws; ends with SIGTERM

Debian's python3-fastapi, python3-uvicorn and python3-websockets. A message is a row of six columns, committed on the
event loop's own thread before anybody hears of it, and then sent to one connection after the other. SQLite is
as Python opens it: a rollback journal, and synchronous FULL.
"""
import datetime
import socket
import sqlite3
import sys
import time

# a script's own folder comes first in the path, and there this very file is called fastapi
sys.path.pop(0)

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
everybody = []
database = sqlite3.connect(sys.argv[1])
database.execute(
    "CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT, message TEXT,"
    " timestamp INTEGER, date TEXT, edited INTEGER)"
)
database.commit()


def store(text):
    now = time.time()
    day = datetime.date.fromtimestamp(now).isoformat()
    database.execute(
        "INSERT INTO messages (username, message, timestamp, date, edited) VALUES (?, ?, ?, ?, ?)",
        ("bench", text, int(now * 1000), day, 0),
    )
    database.commit()


@app.websocket("/ws")
async def chat(one: WebSocket):
    await one.accept()
    everybody.append(one)
    try:
        while True:
            text = await one.receive_text()
            store(text)
            for other in list(everybody):
                try:
                    await other.send_text(text)
                except (RuntimeError, WebSocketDisconnect):  # it is just leaving
                    pass
    except WebSocketDisconnect:
        pass
    finally:
        everybody.remove(one)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(listener.getsockname()[1], flush=True)
    # no pings and no compression: the others have none either
    config = uvicorn.Config(
        app, log_level="warning", ws="websockets", ws_ping_interval=None, ws_per_message_deflate=False, backlog=4096
    )
    uvicorn.Server(config).run(sockets=[listener])
