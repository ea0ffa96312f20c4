"""From a fresh checkout to a running demo, or to a full check, in one command.

    python3 start.py demo [OUT]       bake and play a small scene (arguments go to videorf-demo)
    python3 start.py check [--slow]   format, lint, types and tests, as before every change

Both prepare ``.venv`` in the checkout first; the second run skips that. Standard library only.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

OLDEST_PYTHON = (3, 11)
# Before anything that an older Python cannot evaluate.
if sys.version_info < OLDEST_PYTHON:
    sys.exit(
        f"start.py: this is Python {sys.version_info[0]}.{sys.version_info[1]}, "
        "expected 3.11 or newer; call it as `python3.11 start.py` or with a later one"
    )

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.txt"
CHECKS = {
    "format": ("ruff", "format", "--check", "."),
    "lint": ("ruff", "check", "."),
    "types": ("mypy",),
    "tests": ("pytest",),
}


class StepFailed(Exception):
    """A child process ended with an error; carries the exit code to end with."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def say(line: str) -> None:
    """Write one line of progress at once, so that it stays in order with the children's output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def scripts_folder() -> Path:
    """Where the virtual environment keeps its executables on this system."""
    return VENV / ("Scripts" if os.name == "nt" else "bin")


def python() -> Path:
    """The interpreter of the virtual environment."""
    return scripts_folder() / ("python.exe" if os.name == "nt" else "python")


def run_step(
    command: Sequence[str | Path], failure: str, *, folder: Path = ROOT, quiet: bool = False
) -> None:
    """Run a child to its end, showing what it says.

    Raises:
        StepFailed: if the child returns anything but zero.
    """
    output = subprocess.DEVNULL if quiet else None
    words = [str(word) for word in command]
    code = subprocess.run(words, cwd=folder, stdout=output, stderr=output, check=False).returncode
    if code != 0:
        raise StepFailed(f"{failure} (exit code {code})", code if code > 0 else 1)


def fingerprint() -> str:
    """What an installation depends on: the two dependency files, the interpreter and the place."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_installed(extra: str) -> bool:
    """Whether an earlier run finished installing exactly this, with at least this extra."""
    try:
        known, *extras = STAMP.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return False
    return known == fingerprint() and (not extra or extra in extras)


def venv_works() -> bool:
    """Whether the environment's interpreter starts and has pip; a moved folder can break it."""
    try:
        run_step([python(), "-c", "import pip"], "no pip", quiet=True)
    except (OSError, StepFailed):
        return False
    return True


def prepare(extra: str) -> None:
    """Create ``.venv`` and install the project into it, unless that was done before.

    Raises:
        StepFailed: if the environment or the installation cannot be made.
    """
    if is_installed(extra) and python().exists():
        return
    STAMP.unlink(missing_ok=True)
    if not venv_works():
        say("[1/2] creating .venv")
        run_step(
            [sys.executable, "-m", "venv", "--clear", VENV],
            "cannot create .venv; some systems keep this in a package of its own (python3-venv)",
        )
    say("[2/2] installing videorf and what it needs; the first time takes a few minutes")
    target = f".[{extra}]" if extra else "."
    install = ["-m", "pip", "install", "--disable-pip-version-check", "-c", "constraints.txt"]
    run_step(
        [python(), *install, "-e", target],
        "pip could not install the project, its messages are above; run the same command again",
    )
    STAMP.write_text(f"{fingerprint()} {extra}\n", encoding="utf-8")


def demo(arguments: Sequence[str]) -> None:
    """Run the demo in the folder the user called from, so that a relative OUT is theirs."""
    prepare(extra="")
    run_step([scripts_folder() / "videorf-demo", *arguments], "demo: FAILED", folder=Path.cwd())


def check(arguments: Sequence[str]) -> None:
    """Run every check in turn and stop at the first that fails."""
    parser = argparse.ArgumentParser(prog="start.py check")
    parser.add_argument("--slow", action="store_true", help="also run the tests marked slow")
    if parser.parse_args(arguments).slow:
        os.environ["CHECK_SLOW"] = "1"
    prepare(extra="dev")
    started = time.monotonic()
    for name, command in CHECKS.items():
        say(f"== {name}: {' '.join(command)}")
        run_step([python(), "-m", *command], f"check: FAILED at {name}")
    say(f"check: passed in {time.monotonic() - started:.0f} s")


def main() -> int:
    """Dispatch to a verb; the exit code is that of the step that failed, or zero."""
    verbs = {"demo": demo, "check": check}
    arguments = sys.argv[1:]
    if not arguments or arguments[0] not in verbs:
        say((__doc__ or "").strip())
        return 0 if arguments in (["-h"], ["--help"]) else 2
    try:
        verbs[arguments[0]](arguments[1:])
    except StepFailed as failure:
        say(str(failure))
        return failure.code
    except KeyboardInterrupt:
        say("stopped; run the same command again to continue")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
