"""nbval runs every lesson, on a machine as small as Binder's and without a network; what Binder makes of the course."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from address import LESSONS, ROOT
from elsewhere import hold_outputs
from test_address import copy_of_the_course

MOST = 1000  # MB: what TEACHING.md says that a lesson needs


@pytest.fixture(scope="module")
def small_machine():
    """The command in front of what is to run on one; () where the system allows none, but under CI that fails."""
    if sys.platform != "linux":
        return ()
    starts = (["unshare", "--net"], ["unshare", "--net", "--map-root-user"])
    allowed = [start for start in starts if shutil.which("unshare") and not subprocess.run([*start, "true"]).returncode]
    if allowed:
        return (*allowed[0], sys.executable, ROOT / "tests" / "small_machine.py")
    if os.environ.get("CI") == "true":
        pytest.fail(
            "A process without a network is not allowed here. On Ubuntu this allows it: "
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
        )
    return ()


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The course in a folder whose name is hard on programs."""
    return copy_of_the_course(tmp_path_factory.mktemp("course") / "Zoë's cours (日本語) $HOME;")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_gives_its_outputs_with_2_gb_one_processor_and_no_network(small_machine, elsewhere, lesson, request):
    lesson = elsewhere / "notebooks" / lesson.name
    start = ("env", "-u", "HOME", *small_machine) if small_machine else ()
    printed = hold_outputs(lesson, "--nbval-current-env", through=start)
    if not small_machine:
        pytest.skip("It gives its outputs, but a process without a network is not allowed here.")
    megabytes = int(re.search(r"at most (\d+) MB of memory", printed)[1])
    request.node.user_properties.append(("measured", f"{lesson.stem}: at most {megabytes} MB of memory"))
    assert megabytes < MOST


def test_the_small_machine_has_one_processor_no_network_and_no_room_for_3_gb(small_machine):
    if not small_machine:
        pytest.skip("A process without a network is not allowed here.")
    code = (
        "import os, socket\n"
        "print(len(os.sched_getaffinity(0)))\n"
        "for call in (lambda: socket.create_connection(('example.org', 443)), lambda: bytearray(3 * 1024**3)):\n"
        "    try: call(); print('done')\n"
        "    except (OSError, MemoryError) as error: print(type(error).__name__)"
    )
    run = subprocess.run([*small_machine, sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.splitlines()[:3] == ["1", "gaierror", "MemoryError"], run.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="repo2docker runs on Linux and macOS")
def test_binder_takes_python_3_12_and_environment_yml(tmp_path):
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", copy_of_the_course(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "Building conda environment for python=3.12" in run.stderr
    assert "mamba" in run.stdout
    assert re.findall(r"(?:env update|pip install) .*--file (\S+)", run.stdout) == ['"environment.yml"']
    assert re.findall(r"COPY .* src/(\S*) ", run.stdout) == ["environment.yml", ""]
