"""A bucket of S3's kind (extra ``bucket``): an object has no name before all of it is there, and is created only once if told so.

"Only once" is the server's word (PUT with If-None-Match: *): of two who write one name at once exactly one is first, whatever
machines they are on. Where a server does not keep it, the last is kept: of shards, which are functions of their numbers, that is
the same content. Keys and server are found in AWS's own variables: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION,
and for a server of one's own AWS_ENDPOINT_URL (and AWS_ALLOW_HTTP=true where it speaks plain HTTP).
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, BinaryIO

from longtail.core import ArgumentError
from longtail.core.opened import shortened, within

KINDS = ("s3", "gs", "az")  # of which only the first is tested
RETRY: dict[str, Any] = {"max_retries": 6, "retry_timeout": timedelta(seconds=60)}
KEYS = "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
KEPT = "what was stored is kept, and the same run goes on from there"


class Unanswered(OSError):
    """What was asked of a bucket was not done; ``reason`` says why. No ConnectionError, for that is a cluster's.

    >>> raise Unanswered("s3://bucket/run", "there is no such bucket: make it first")
    Traceback (most recent call last):
        ...
    empirical.training.bucket.Unanswered: s3://bucket/run: there is no such bucket: make it first; what was stored is kept, ...
    """

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address}: {reason}; {KEPT}")
        self.address, self.reason = address, reason

    def __reduce__(self) -> tuple[type[Unanswered], tuple[str, str]]:
        """Made again from its parts where it comes out of a worker."""
        return type(self), (self.address, self.reason)


@dataclass(frozen=True)
class Bucket:
    """What lies in a bucket under a prefix.

    >>> place = Bucket.of("memory:///")  # one of your own is "s3://bucket/prefix"
    >>> with place.write("shard.npz") as file:
    ...     _ = file.write(b"all of it")
    >>> place.names(), place.read("shard.npz").read()
    (['shard.npz'], b'all of it')
    """

    address: str

    @classmethod
    def of(cls, address: str) -> Bucket:
        """That of an address, as it is found to be one."""
        _opened(address)
        return cls(address)

    def __str__(self) -> str:
        return self.address

    def names(self) -> list[str]:
        with self._asked():
            found = _obstore(self.address).list_with_delimiter(_opened(self.address))["objects"]
        return sorted(one["path"] for one in found)

    def has(self, name: str) -> bool:
        try:
            with self._asked():
                _obstore(self.address).head(_opened(self.address), name)
        except FileNotFoundError:
            return False
        return True

    def read(self, name: str) -> BinaryIO:
        """All of it, if memory has room."""
        with self._asked():
            found = _obstore(self.address).get(_opened(self.address), name)
            within("store", f"{self}/{name}", 2 * found.meta["size"], "no file of a run is so large: take it out")
            return io.BytesIO(found.bytes())

    @contextmanager
    def write(self, name: str, *, first: bool = False) -> Iterator[BinaryIO]:
        content = io.BytesIO()
        yield content
        module = _obstore(self.address)
        how = {"mode": "create" if first else "overwrite", "use_multipart": False}
        with contextlib.suppress(module.exceptions.AlreadyExistsError), self._asked():
            module.put(_opened(self.address), name, content.getvalue(), **how)

    def inside(self, name: str) -> Bucket:
        return Bucket(f"{self.address}/{name}")

    def make(self) -> None:
        """A prefix needs no making; whether the bucket is there, and is ours to look into, is found out by looking."""
        try:
            self.names()
        except Unanswered as error:
            raise ArgumentError("store", self.address, error.reason) from error

    def seen(self) -> bool:
        return True  # or it says itself why not

    @property
    def free(self) -> float:
        return math.inf

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """FileNotFoundError of an object that is not there, Unanswered of everything else that goes wrong."""
        exceptions = _obstore(self.address).exceptions
        try:
            yield
        except exceptions.AlreadyExistsError:
            raise
        except (exceptions.BaseError, OSError) as error:
            if isinstance(error, FileNotFoundError) and "NoSuchBucket" not in str(error):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.address) from error
            raise Unanswered(self.address, _reason(str(error))) from error


def _reason(text: str) -> str:
    """Of what the library says, what a person is to do."""
    code = re.search(r"<Code>(\w+)</Code>", text)
    status = re.search(r"status code: (\d+)", text)
    told = code[1] if code else "" if status is None else status[1]
    if told in ("NoSuchBucket", "404"):
        return "there is no such bucket: make it first"
    if status is not None and status[1] in ("401", "403"):
        return f"the keys are refused ({told}): {KEYS} of who may list, read and write there"
    if "169.254.169.254" in text:  # where machines of a cloud are told their keys
        return f"no keys are given: {KEYS}"
    if "builder error" in text:
        return "its address is plain HTTP: give AWS_ALLOW_HTTP=true too"
    line = text.partition("\n")[0].rpartition("HTTP error: ")[2]
    return f"it does not answer ({told or shortened(line)})"


def _obstore(address: str) -> Any:
    try:
        import obstore
        import obstore.exceptions
        import obstore.store
    except ImportError as error:
        raise ArgumentError("store", address, "it needs obstore: pip install 'longtail[bucket]'") from error
    return obstore


@cache
def _opened(address: str) -> Any:
    """The client of an address, one a process: what travels to workers is the address."""
    module = _obstore(address)
    try:
        return module.store.from_url(address, retry_config=RETRY)
    except (module.exceptions.BaseError, ValueError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise ArgumentError("store", address, f"it is no address of a bucket ({reason})") from error
