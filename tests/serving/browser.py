"""A headless Chromium driven over a pipe by the Chrome DevTools Protocol."""

import json
import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Browser:
    """One page; a context manager.

    Args:
        program: of Chromium.
        profile: an empty folder.
    """

    def __init__(self, program: str, profile: Path) -> None:
        (there, self._write), (self._read, back) = os.pipe(), os.pipe()

        def pipes() -> None:  # Chromium reads commands from 3 and writes answers to 4
            for source, wanted in ((os.dup(there), 3), (os.dup(back), 4)):
                os.dup2(source, wanted)

        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
        self._process = subprocess.Popen(
            [program, *options, f"--user-data-dir={profile}", "--disable-background-networking", "about:blank"],
            preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(there)
        os.close(back)
        self._rest, self._number, self._session = b"", 0, ""
        self.requests: list[str] = []
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._write)
        os.close(self._read)

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol, and give its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + seconds
        while not self.evaluate(expression):
            assert time.monotonic() < until, f"{expression} did not come true; {self.complaints}"
            time.sleep(0.05)

    def choose_files(self, selector: str, paths: list[Path]) -> None:
        """Choose files in an input, as a user would."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def _note(self, event: dict[str, Any]) -> None:
        kind, reported = event.get("method"), event.get("params", {})
        if kind == "Network.requestWillBeSent":
            self.requests.append(reported["request"]["url"])
        elif kind == "Runtime.exceptionThrown":
            self.complaints.append(str(reported["exceptionDetails"]))
        elif kind == "Log.entryAdded" and reported["entry"]["level"] in ("error", "warning"):
            self.complaints.append(reported["entry"]["text"])
        elif kind == "Runtime.consoleAPICalled" and reported["type"] in ("error", "warning"):
            self.complaints.append(str(reported["args"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            chunk = os.read(self._read, 1 << 16)
            assert chunk, "the browser has ended"
            self._rest += chunk
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found
