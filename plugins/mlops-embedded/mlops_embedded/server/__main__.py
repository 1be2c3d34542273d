"""The server process: `python -m mlops_embedded.server --state DIR [--port N] [--runtime R] [--registry H] [--tied]`.

Once it listens it writes one line of JSON to stdout. With --tied it ends when its standard input does, which is when
the process that started it ends, however it ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import uvicorn

from mlops_embedded import assembly
from mlops_embedded.account import Account
from mlops_embedded.server.app import build_app
from mlops_embedded.settings import ServerSettings, SettingsError, choose
from mlops_embedded.state import StateFolder, StateInUseError

HOST = "127.0.0.1"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mlops_embedded.server")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--runtime")
    parser.add_argument("--registry")
    parser.add_argument("--tied", action="store_true")
    options = parser.parse_args()
    state = StateFolder.at(options.state)
    try:
        lock = state.lock()
        settings = choose(state.settings, runtime=options.runtime, registry=options.registry)
        listener = _listen(options.port)
    except (StateInUseError, SettingsError, OSError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 3
    logging.basicConfig(filename=state.log, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(_serve(state, settings, listener, tied=options.tied))
    finally:
        state.withdraw()
        lock.release()
    return 0


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it every answer waits 40 ms
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.listen(128)
    return listener


async def _serve(state: StateFolder, settings: ServerSettings, listener: socket.socket, *, tied: bool) -> None:
    account = Account(state, assembly.services(), settings)
    account.port = listener.getsockname()[1]
    config = uvicorn.Config(
        build_app(account), lifespan="off", log_config=None, access_log=False, timeout_graceful_shutdown=3,
        timeout_keep_alive=60,
    )  # fmt: skip
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True
        account.cancel_statements()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if tied:
        threading.Thread(target=lambda: (sys.stdin.buffer.read(), loop.call_soon_threadsafe(stop)), daemon=True).start()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    try:
        account.start_services()
        state.announce(pid=os.getpid(), port=account.port)
        print(json.dumps({"pid": os.getpid(), "port": account.port}), flush=True)
        await serving
    finally:
        await asyncio.to_thread(account.close)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: ours also ends the services."""

    def install_signal_handlers(self) -> None:
        pass


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # a thread that still waits for a job must not keep a closed server alive
    os._exit(code)
