"""A group of ranks over TCP connections, for the workers of a cluster.

Rank 0 adds up what the others send, in the order of the ranks, and sends the sum back. Peers prove
that they know a random key; what they send later is not encrypted, so the network must be trusted.
"""

from __future__ import annotations

import hmac
import pickle
import secrets
import socket
import struct
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...distributed import RankError

__all__ = ["Sockets", "listen"]

_LENGTH = struct.Struct("!Q")
_HELLO = struct.Struct("!I32s32s")  # rank, a number to answer, and the answer to rank 0's
_SECONDS_TO_CONNECT = 60.0


def listen(host: str) -> socket.socket:
    """Return a socket that listens on a free port of an address.

    Parameters
    ----------
    host : str
        The address of this machine on which the other ranks reach it.
    """
    server = socket.create_server((host, 0), backlog=128)
    server.settimeout(_SECONDS_TO_CONNECT)
    return server


class Sockets:
    """The `Collective` of processes that are connected to rank 0.

    If a rank closes its connections, its process ends, or it sends nothing for too long, the calls
    of all others raise a `RankError`. Use it in a ``with`` block.

    Parameters
    ----------
    rank, size : int
        The number of this rank, and of all.
    key : bytes
        A random key that only the ranks know.
    server : socket.socket, optional
        That of `listen`; of rank 0 only.
    address : tuple of str and int, optional
        Where rank 0 listens; for the other ranks.
    timeout : float
        How many seconds rank 0 waits for a message; the others wait half as long again, so that
        rank 0 can name the rank that hangs.

    Raises
    ------
    RankError
        If the group does not meet within a minute, or a peer does not know the key.

    Examples
    --------
    >>> import numpy as np, secrets, threading
    >>> from nn.bridges.dask.sockets import Sockets, listen
    >>> server, key, array = listen("127.0.0.1"), secrets.token_bytes(32), np.array([2.0])
    >>> def other():
    ...     with Sockets(1, 2, key, address=server.getsockname()) as group:
    ...         group.allreduce(np.array([1.0]))
    >>> thread = threading.Thread(target=other)
    >>> thread.start()
    >>> with Sockets(0, 2, key, server=server) as group:
    ...     group.allreduce(array)
    >>> thread.join()
    >>> array
    array([3.])
    """

    def __init__(
        self,
        rank: int,
        size: int,
        key: bytes,
        *,
        server: socket.socket | None = None,
        address: tuple[str, int] | None = None,
        timeout: float = 300.0,
    ) -> None:
        self.rank, self.size = rank, size
        self._timeout = timeout * 1.5 if rank else timeout
        self._peers: dict[int, socket.socket] = {}
        try:
            if server is not None:
                with server:
                    while len(self._peers) < size - 1:
                        self._accept(server, key)
            elif address is not None:
                self._join(address, key)
        except (OSError, RankError) as error:
            self.close()
            if isinstance(error, RankError):
                raise
            raise RankError(f"rank {rank} of {size} did not meet the others: {error}") from error

    def _accept(self, server: socket.socket, key: bytes) -> None:
        """Accept a connection; one that does not know the key is closed."""
        peer, _ = server.accept()
        nonce = secrets.token_bytes(32)
        try:
            _prepare(peer)
            peer.sendall(nonce)
            hello = _received(peer, bytearray(_HELLO.size))
            rank, question, answer = _HELLO.unpack(hello)
            known = hmac.compare_digest(answer, _answer(key, nonce, rank))
            if not known or not 0 < rank < self.size or rank in self._peers:
                raise ConnectionError("a stranger")
            peer.sendall(_answer(key, question, 0))
        except OSError:
            peer.close()
            return
        peer.settimeout(self._timeout)
        self._peers[rank] = peer

    def _join(self, address: tuple[str, int], key: bytes) -> None:
        """Connect to rank 0; both sides answer the other's question with the key."""
        peer = socket.create_connection(address[:2], timeout=_SECONDS_TO_CONNECT)
        self._peers[0] = peer
        _prepare(peer)
        nonce = bytes(_received(peer, bytearray(32)))
        question = secrets.token_bytes(32)
        peer.sendall(_HELLO.pack(self.rank, question, _answer(key, nonce, self.rank)))
        answer = bytes(_received(peer, bytearray(32)))
        if not hmac.compare_digest(answer, _answer(key, question, 0)):
            raise RankError(f"{address[0]}:{address[1]} does not know the key of this group")
        peer.settimeout(self._timeout)

    # The protocol ----------------------------------------------------------------------------

    def allreduce(self, array: NDArray[Any]) -> None:
        """Add up the arrays of all ranks, in place and in the order of the ranks.

        Parameters
        ----------
        array : ndarray, contiguous
            Of the same shape and dtype on all ranks.
        """
        view = array.reshape(-1).view(np.uint8).data
        head = f"{array.dtype.str}{array.shape}".encode()
        if self.rank:
            self._send(0, head)
            self._send(0, view)
            self._receive_into(0, view)
            return
        other = np.empty_like(array)
        for rank in range(1, self.size):
            theirs = bytes(self._receive(rank))
            if theirs != head:
                raise RankError(
                    f"rank {rank} adds {theirs.decode()} and rank 0 adds {head.decode()}; all "
                    "ranks must make the same calls"
                )
            self._receive_into(rank, other.reshape(-1).view(np.uint8).data)
            np.add(array, other, out=array)
        for rank in range(1, self.size):
            self._send(rank, view)

    def broadcast(self, value: Any) -> Any:
        """Return the value of rank 0 on all ranks.

        Parameters
        ----------
        value : object
            As for `Collective.broadcast`.
        """
        if self.rank:
            return pickle.loads(self._receive(0))  # only from a peer that knows the key
        data = pickle.dumps(value, protocol=5)
        for rank in range(1, self.size):
            self._send(rank, data)
        return value

    def barrier(self) -> None:
        """Return when all ranks have called it."""
        self.allreduce(np.zeros(1))

    # Messages --------------------------------------------------------------------------------

    def _send(self, rank: int, data: Any) -> None:
        try:
            self._peers[rank].sendall(_LENGTH.pack(len(data)))
            self._peers[rank].sendall(data)
        except OSError as error:
            raise self._left(rank, error) from error

    def _receive(self, rank: int) -> Any:
        return self._receive_into(rank, None)

    def _receive_into(self, rank: int, view: memoryview | None) -> Any:
        try:
            (length,) = _LENGTH.unpack(_received(self._peers[rank], bytearray(_LENGTH.size)))
            if view is None:
                return _received(self._peers[rank], bytearray(length))
            if length != len(view):
                raise RankError(
                    f"rank {rank} sent {length} bytes, expected {len(view)}; all ranks must make "
                    "the same calls"
                )
            return _received(self._peers[rank], view)
        except OSError as error:
            raise self._left(rank, error) from error

    def _left(self, rank: int, error: OSError) -> RankError:
        if isinstance(error, TimeoutError):
            return RankError(
                f"rank {rank} of {self.size} hangs: no message for {self._timeout:g} seconds; pass "
                "a larger timeout= if a step takes longer"
            )
        return RankError(f"rank {rank} of {self.size} has left the group, or its process has ended")

    # The end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Close all connections; the other ranks notice it at their next call."""
        for peer in self._peers.values():
            peer.close()
        self._peers.clear()

    def __enter__(self) -> Sockets:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _prepare(peer: socket.socket) -> None:
    peer.settimeout(_SECONDS_TO_CONNECT)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _answer(key: bytes, question: bytes, rank: int) -> bytes:
    return hmac.digest(key, question + rank.to_bytes(4, "big"), "sha256")


def _received(peer: socket.socket, buffer: Any) -> Any:
    """Fill a buffer from a connection."""
    view, done = memoryview(buffer), 0
    while done < len(view):
        count = peer.recv_into(view[done:])
        if not count:
            raise ConnectionResetError("the connection was closed")
        done += count
    return buffer
