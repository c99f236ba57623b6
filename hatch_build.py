"""Compile ``runtime/native`` into the wheel, if there is a C compiler.

The library is plain C loaded by ctypes, so one wheel serves every Python 3 of a platform: its tag
is ``py3-none-linux_<machine>``. Without a compiler, or with BITPRIOR_NO_NATIVE set, the wheel is
pure and the numpy kernels do all the work.

In a source tree, ``python hatch_build.py`` builds the library in place, warnings being errors;
``python hatch_build.py --sanitizers DIR`` builds it with ASan and UBSan into DIR.

``CC`` names the compiler. The machine is the one the compiler builds for, so a cross build is
``CC=aarch64-linux-gnu-gcc python -m build --wheel``.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
SOURCES = ROOT / "runtime/native"
LIBRARY = "bitprior_runtime/kernels/_native.so"
IN_PLACE = ROOT / "runtime" / LIBRARY

# A file whose name ends in _<kernel>.c is compiled for that kernel's instructions, and only on its
# machine; every other file is portable C. The CPU is asked at run time which of them it can run.
INSTRUCTIONS = {
    "x86_64": {
        "avx2": ["-mavx2", "-mfma"],
        "avx512vnni": [
            *("-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl"),
            "-mavx512vnni",
        ],
    },
    "aarch64": {"neon": [], "sdot": ["-march=armv8.2-a+dotprod"]},
}
# No contraction: an FMA happens where the source asks for it, so a result does not depend on the
# compiler's mood. Signed right shift, which the kernels use, is arithmetic in gcc and clang.
FLAGS = ["-std=c11", "-O3", "-fPIC", "-pthread", "-fvisibility=hidden", "-ffp-contract=off"]
FLAGS += ["-fno-math-errno", "-fno-trapping-math"]
STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g", "-O1"]


class NoCompilerError(Exception):
    """There is no C compiler, or it builds for a machine we have no kernels for."""


class NativeBuildHook(BuildHookInterface[Any]):
    """Puts the library into the wheel, or into the source tree for an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before hatchling collects the files."""
        self._folder = Path(tempfile.mkdtemp(prefix="bitprior-native-"))
        if os.environ.get("BITPRIOR_NO_NATIVE"):
            self.app.display_info("BITPRIOR_NO_NATIVE is set: building without native kernels")
            return
        try:
            target = IN_PLACE if version == "editable" else self._folder / "_native.so"
            build_library(target)
        except (NoCompilerError, subprocess.CalledProcessError) as error:
            self.app.display_warning(f"building without native kernels: {error}")
            return
        if version != "editable":
            build_data["force_include"][str(target)] = LIBRARY
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-linux_{machine(compiler())}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was compiled."""
        shutil.rmtree(self._folder)


def compiler() -> list[str]:
    """Return the command of the C compiler.

    Raises:
        NoCompilerError: There is none.
    """
    named = os.environ.get("CC")
    for command in [named] if named else ["cc", "gcc", "clang"]:
        words = shlex.split(command)
        if shutil.which(words[0]):
            return words
    raise NoCompilerError(f"no C compiler: {named or 'cc, gcc, clang'} not found")


def machine(command: list[str]) -> str:
    """Return the machine a compiler builds for, ``x86_64`` or ``aarch64``.

    Raises:
        NoCompilerError: It builds for another one.
    """
    done = subprocess.run([*command, "-dumpmachine"], capture_output=True, text=True, check=True)
    target = done.stdout.strip()
    name = target.split("-")[0]
    if name not in INSTRUCTIONS or "linux" not in target:
        raise NoCompilerError(f"no native kernels for {target}")
    return name


def build_library(target: Path, extra: list[str] | None = None) -> None:
    """Compile all kernels of the compiler's machine into the shared library ``target``.

    Raises:
        NoCompilerError: No compiler for a machine we know.
        CalledProcessError: It failed.
    """
    command = compiler()
    kernels = INSTRUCTIONS[machine(command)]
    others = {name for known in INSTRUCTIONS.values() for name in known} - set(kernels)
    flags = [*FLAGS, *(extra or [])]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bitprior-objects-") as folder:
        objects, running = [], []
        for source in sorted(SOURCES.glob("*.c")):
            kernel = source.stem.rpartition("_")[2]
            if kernel in others:
                continue
            objects.append(str(Path(folder) / f"{source.stem}.o"))
            words = [*command, *flags, *kernels.get(kernel, []), "-c", str(source)]
            running.append(subprocess.Popen([*words, "-o", objects[-1]]))
        failed = [process for process in running if process.wait()]
        if failed:
            raise subprocess.CalledProcessError(failed[0].returncode, failed[0].args)
        library = str(Path(folder) / "_native.so")
        subprocess.run([*command, *flags, "-shared", *objects, "-lm", "-o", library], check=True)
        # Moved into place whole: a process that has the old library mapped keeps the old one.
        staged = target.with_suffix(".part")
        shutil.copyfile(library, staged)
        staged.replace(target)


def main() -> None:
    """Build in place, or with sanitizers into a folder."""
    parser = argparse.ArgumentParser(description="Build the native kernels.")
    parser.add_argument("--sanitizers", metavar="DIR", type=Path, help="with ASan and UBSan")
    options = parser.parse_args()
    if options.sanitizers:
        build_library(options.sanitizers / "_native.so", [*STRICT, *SANITIZERS])
    else:
        build_library(IN_PLACE, STRICT)


if __name__ == "__main__":
    main()
