"""A headless Chromium, driven over its debugging pipe: no package but the browser is needed."""

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time

NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
SECONDS = 30


def missing():
    """Why there is no browser, else None."""
    return None if _program() else "no Chromium: install chromium or chromium-headless-shell"


def _program():
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page. Complaints of its console and of its security policy are kept in `complaints`."""

    def __init__(self, directory):
        to_read, write = os.pipe()
        self._read, to_write = os.pipe()
        command = [_program(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                   "--ignore-certificate-errors", f"--user-data-dir={directory}", "--remote-debugging-pipe", "about:blank"]
        high_read, high_write = (fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, 10) for one in (to_read, to_write))

        def place():
            # the browser reads commands from its descriptor 3 and writes answers to 4
            os.dup2(high_read, 3)
            os.dup2(high_write, 4)

        self._process = subprocess.Popen(command, preexec_fn=place, close_fds=False, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        for one in (to_read, to_write, high_read, high_write):
            os.close(one)
        self._write, self._buffer, self._number, self._session = write, b"", 0, None
        self.complaints = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """One command; its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)
        raise TimeoutError(method)

    def _next(self):
        while b"\0" not in self._buffer:
            chunk = os.read(self._read, 65536)
            assert chunk, "the browser has ended"
            self._buffer += chunk
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        if event.get("method") == "Log.entryAdded":
            self.complaints.append(event["params"]["entry"]["text"])
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(event["params"]["exceptionDetails"]))

    def open(self, url):
        """Returns when the page is there."""
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def look(self, width, height=900, scheme="light"):
        """The size of the window, and whether the user likes it light or dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def scripts(self, allowed):
        """Whether scripts of pages run, from the next page on."""
        self.call("Emulation.setScriptExecutionDisabled", value=not allowed)

    def value(self, expression):
        """What a JavaScript expression is."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, expression, seconds=15):
        """Waits until the expression is true."""
        end = time.monotonic() + seconds
        while not self.value(expression):
            assert time.monotonic() < end, expression
            time.sleep(0.05)

    def picture(self):
        """PNG of the whole page."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def close(self):
        os.close(self._write)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)
