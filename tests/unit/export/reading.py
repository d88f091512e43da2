"""An independent reader of the inbox format, written from its description and from nothing of ours."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib

# Locks are asked for by another process: one process never hinders itself with them on some systems.
_LOCK = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'rb'), fcntl.LOCK_EX | fcntl.LOCK_NB)"


def tagged(path):
    """Return signal, version and payload of each record of one file; fails where the file is not whole."""
    data = path.read_bytes()
    assert data[:8] == b"autotrc2"
    position, found = 8, []
    while position < len(data):
        length, checksum, signal, version = struct.unpack_from("<IIBB", data, position)
        payload = data[position + 10 : position + 10 + length]
        assert len(payload) == length
        assert zlib.crc32(data[position + 8 : position + 10 + length]) == checksum
        found.append((signal, version, payload))
        position += 10 + length
    return found


def records(path):
    """Return the payloads of one file; fails where the file is not whole, or one is no request of traces."""
    found = tagged(path)
    assert {(signal, version) for signal, version, _ in found} <= {(1, 1)}
    return [payload for _, _, payload in found]


def files(directory):
    """Return the files of an inbox, oldest first."""
    return sorted(directory.glob("*.spans"), key=lambda path: int(path.name.split("-")[0]))


def everything(directory):
    """Return the payloads of all files."""
    return [payload for path in files(directory) for payload in records(path)]


def is_finished(path):
    """Tell whether another process gets the file for itself."""
    return (
        subprocess.run([sys.executable, "-c", _LOCK, str(path)], stderr=subprocess.DEVNULL, check=False).returncode == 0
    )
