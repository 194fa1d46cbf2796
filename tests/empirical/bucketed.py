"""A server that speaks S3, in this process, with one bucket; keys and address are in the environment as AWS's tools want them."""

from __future__ import annotations

import contextlib
import logging
import os
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

from empirical.training import bucket

NAME = "memories"


@dataclass(frozen=True)
class Server:
    """Where it listens, and what a client of its finds in the environment."""

    port: int
    environment: dict[str, str]

    def objects(self, address: str) -> dict[str, bytes]:
        """All that lies below an address, by its name from there on, read by another client than ours."""
        name, _, prefix = address.removeprefix("s3://").partition("/")
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=f"{prefix}/")
        keys = [one["Key"] for page in pages for one in page.get("Contents", ())]
        return {
            key.removeprefix(f"{prefix}/"): self.client.get_object(Bucket=name, Key=key)["Body"].read() for key in keys
        }

    def put(self, address: str, content: bytes) -> None:
        """Something else in the place of an object."""
        name, _, key = address.removeprefix("s3://").partition("/")
        self.client.put_object(Bucket=name, Key=key, Body=content)

    @contextlib.contextmanager
    def locked(self, *, at_once: bool = True) -> Iterator[Callable[[], None]]:
        """No key is good meanwhile, or from the call on of what it gives."""
        if at_once:
            self._open(requests=0)
        try:
            yield lambda: self._open(requests=0)
        finally:
            self._open(requests=10**9)

    def _open(self, requests: int) -> None:
        """To everybody, for so many requests."""
        where, told = f"http://127.0.0.1:{self.port}/moto-api/reset-auth", str(requests).encode()
        urllib.request.urlopen(urllib.request.Request(where, told, {"Content-Type": "text/plain"})).close()

    @property
    def client(self) -> Any:
        import boto3

        return boto3.client("s3")


@contextlib.contextmanager
def served() -> Iterator[Server]:
    """Started, and stopped with the block."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    keys = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    environment = {**keys, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ALLOW_HTTP": "true"}
    bucket._opened.cache_clear()
    try:
        with mock.patch.dict(os.environ, environment):
            found = Server(port, environment)
            found.client.create_bucket(Bucket=NAME)
            yield found
    finally:
        bucket._opened.cache_clear()
        server.stop()
