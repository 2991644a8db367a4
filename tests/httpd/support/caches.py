"""Real caches on loopback: redis-server and memcached as child processes, and what a test may do to them."""

import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

from support.server import accepts, free_ports


class Cache:
    """One cache server; subclasses say how it is started and spoken to."""

    program = None

    def __init__(self, directory):
        self.directory = directory
        self.port, = free_ports(1)
        self._process = None

    @classmethod
    def missing(cls):
        """Why it cannot run here, else None."""
        return None if shutil.which(cls.program) else f"{cls.program} not found: install {cls.package}"

    def start(self):
        self._process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not accepts(self.port):
            assert self._process.poll() is None and time.monotonic() < end, f"{self.program} did not start"
            time.sleep(0.02)
        return self

    def stop(self):
        if self._process is not None:
            self.resume()
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self):
        """It accepts and answers nobody."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def _connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        return connection, connection.makefile("rb")


class Redis(Cache):
    program = package = "redis-server"

    @property
    def directive(self):
        return f"redis:127.0.0.1:{self.port}"

    def command(self):
        return [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
                str(self.directory), "--maxmemory-policy", "noeviction"]

    def ask(self, *words):
        """A command's answer: bytes, a number, a list, or None."""
        connection, stream = self._connect()
        with connection:
            octets = [word if isinstance(word, bytes) else str(word).encode() for word in words]
            connection.sendall(b"*%d\r\n" % len(octets) + b"".join(b"$%d\r\n%s\r\n" % (len(one), one) for one in octets))
            return self._read(stream)

    def _read(self, stream):
        line = stream.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        assert kind != b"-", rest
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return rest
        if kind == b"$":
            return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2]
        return [self._read(stream) for _ in range(int(rest))]

    def keys(self):
        return sorted(self.ask("KEYS", "*"))

    def get(self, key):
        return self.ask("GET", key)

    def set(self, key, value):
        self.ask("SET", key, value)

    def lock(self):
        """It wants a password: connections from now on have errors for answers, until it is started anew."""
        self.ask("CONFIG", "SET", "requirepass", "secret")

    def fill(self):
        """No room for anything more."""
        self.ask("CONFIG", "SET", "maxmemory", "1")

    def make_room(self):
        self.ask("CONFIG", "SET", "maxmemory", "0")


class Memcached(Cache):
    program = package = "memcached"

    @property
    def directive(self):
        return f"memcache:127.0.0.1:{self.port}"

    def command(self):
        # -M: an error when it is full, in place of forgetting; root has to say who it is
        return [self.program, "-p", str(self.port), "-U", "0", "-l", "127.0.0.1", "-u", "nobody", "-m", "2", "-M"]

    def _ask(self, octets, end):
        connection, stream = self._connect()
        said = b""
        with connection:
            connection.sendall(octets)
            while not said.endswith(end):
                octets = stream.readline()
                assert octets, said
                said += octets
        return said

    def keys(self):
        said = self._ask(b"lru_crawler metadump all\r\n", (b"END\r\n", b"ERROR\r\n"))
        return sorted(urllib.parse.unquote_to_bytes(line.split(b" ")[0][4:]) for line in said.splitlines() if line.startswith(b"key="))

    def get(self, key):
        said = self._ask(b"get " + key + b"\r\n", b"END\r\n")
        if said == b"END\r\n":
            return None
        head, rest = said.split(b"\r\n", 1)
        return rest[:int(head.split(b" ")[3])]

    def set(self, key, value):
        assert self._ask(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value), b"\r\n") == b"STORED\r\n"

    def fill(self):
        filling = b"x" * 1000
        for number in range(20000):
            if self._ask(b"set fill-%d 0 0 1000\r\n%s\r\n" % (number, filling), b"\r\n") != b"STORED\r\n":
                return
        raise AssertionError("it does not fill")

    def make_room(self):
        self._ask(b"flush_all\r\n", b"OK\r\n")


CACHES = {"redis": Redis, "memcache": Memcached}
