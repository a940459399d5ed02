"""pool: every job has its outcome, whatever the images do to the processes decoding them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from edge_app.config import Limits, MiB
from edge_app.errors import DecodeError, EdgeAppError, LibraryError, NotFoundError, UnreadableError
from edge_app.library.originals import fingerprint
from edge_app.library.remote.access import VARIABLES
from edge_app.library.source import InFolder
from edge_app.photos.children.decode import INCOMPLETE, Decoded
from edge_app.photos.children.nonetwork import can_do_without
from edge_app.photos.children.pool import AHEAD, DecodePool, Job, Outcome, Same
from edge_app.photos.regions import WHOLE, Box
from tools.testing.waiting import PATIENCE_S, until

ROOT = Path(__file__).parents[2]
MISBEHAVING = "tests.misbehaving"
LIMITS = replace(Limits(), decode_s=1.5, decode_memory_bytes=64 * MiB)
SIZE_PX = 8


def photo(width_px: int = 60, height_px: int = 40) -> bytes:
    buffer = BytesIO()
    Image.effect_noise((width_px, height_px), 60).save(buffer, "JPEG")
    return buffer.getvalue()


def misbehaving(workers: int = 1, limits: Limits = LIMITS, nice: int = 0) -> DecodePool:
    return DecodePool(SIZE_PX, limits, workers, nice=nice, decoder=MISBEHAVING)


def outcomes(pool: DecodePool, sources: Sequence[InFolder | bytes]) -> list[Outcome]:
    """What becomes of each source, in their order."""
    done = {job.key: outcome for job, outcome in pool.run(map(Job, range(len(sources)), sources))}
    assert sorted(done) == list(range(len(sources)))
    return [done[key] for key in sorted(done)]


def inside(root: Path, name: str = "a.jpg") -> InFolder:
    return InFolder(os.fspath(root), name)


def reasons(pool: DecodePool, sources: Sequence[InFolder | bytes]) -> list[str]:
    """The same, as "ok" or the reason."""
    return ["ok" if isinstance(o, Decoded) else str(o) for o in outcomes(pool, sources)]


def child_of(decoded: Outcome) -> int:
    assert isinstance(decoded, Decoded) and decoded.camera
    return int(decoded.camera.split()[0])


def processes_below(pid: int) -> set[int]:
    """Children of a process, dead ones that nobody has waited for included."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.add(int(stat.parent.name))
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(autouse=True)
def others() -> Iterator[set[int]]:
    """Processes of other tests' fixtures; each test here leaves none of its own behind."""
    before = processes_below(os.getpid())
    yield before
    assert processes_below(os.getpid()) <= before


# --- the work -------------------------------------------------------------------------------------


def test_each_job_comes_back_once_with_its_image_decoded(tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(20)]
    for number, name in enumerate(names):
        (tmp_path / name).write_bytes(photo(60 + number))
    jobs = [Job(number, inside(tmp_path, name)) for number, name in enumerate(names)]
    with DecodePool(SIZE_PX, LIMITS, workers=2) as pool:
        done = list(pool.run(jobs))
    assert {job.key for job, _ in done} == set(range(20))
    for job, decoded in done:
        assert job is jobs[job.key]
        assert isinstance(decoded, Decoded) and decoded.width_px == 60 + job.key
        assert len(decoded.views) == SIZE_PX * SIZE_PX * 3


def test_a_file_that_ends_before_its_size_can_not_be_read_now_and_is_not_empty() -> None:
    """As a share says of a file while its server is gone; sysfs says 4,096 bytes of each."""
    file = InFolder("/sys/devices/system/cpu", "online")
    if not Path(*file).exists():
        pytest.skip("no sysfs here")
    with DecodePool(SIZE_PX, LIMITS, workers=1) as pool:
        (outcome,) = outcomes(pool, [file])
    assert isinstance(outcome, UnreadableError) and "ended too early" in str(outcome)


def test_files_and_bytes_may_be_mixed(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(photo())
    large = photo(2000, 1500)
    assert len(large) > 1 * MiB  # more than a pipe holds
    small = inside(tmp_path)
    with DecodePool(SIZE_PX, Limits(), workers=2) as pool:
        assert reasons(pool, [small, large, small, large, large, small]) == ["ok"] * 6


def test_answers_larger_than_a_pipe_come_through() -> None:
    boxes = (WHOLE, *[Box(0, 0, 0.5, 0.5)] * 24)
    with DecodePool(224, Limits(), workers=1) as pool:
        for _, decoded in pool.run(Job(n, photo(), boxes) for n in range(3)):
            assert isinstance(decoded, Decoded)
            assert len(decoded.views) == 25 * 224 * 224 * 3 > 3 * MiB


def test_jobs_are_read_only_as_they_are_needed() -> None:
    taken = 0

    def jobs() -> Iterator[Job]:
        nonlocal taken
        for taken in range(1, 1001):
            yield Job(taken, b"ok")

    with misbehaving(workers=2) as pool:
        for done, _ in enumerate(pool.run(jobs()), start=1):
            assert taken - done <= 2 * AHEAD + 1
            if done == 50:
                break


def test_without_jobs_no_process_starts(others: set[int]) -> None:
    with misbehaving(workers=2) as pool:
        assert list(pool.run([])) == []
        assert processes_below(os.getpid()) <= others


def test_the_work_is_spread_over_the_workers() -> None:
    with misbehaving(workers=3) as pool:
        done = outcomes(pool, [b"sleep 0.05"] * 12)
    assert len({child_of(decoded) for decoded in done}) == 3


def test_a_consumer_that_takes_its_time_makes_nothing_overdue() -> None:
    with misbehaving(limits=replace(LIMITS, decode_s=0.5)) as pool:
        for _, outcome in pool.run(Job(n, b"ok") for n in range(4)):
            assert isinstance(outcome, Decoded)
            time.sleep(0.7)


def test_a_names_bytes_arrive_as_they_are(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe\n.jpg")
    (tmp_path / name).write_bytes(photo())
    with DecodePool(SIZE_PX, LIMITS, workers=1) as pool:
        assert reasons(pool, [inside(tmp_path, name)]) == ["ok"]


def test_indexing_children_are_nice_and_those_someone_waits_for_are_not() -> None:
    with misbehaving(nice=7) as pool:
        (indexed,) = outcomes(pool, [b"ok"])
        assert isinstance(indexed, Decoded) and indexed.camera
        assert indexed.camera.endswith(f" {os.nice(0) + 7}")
        assert (pool.decode(b"ok").camera or "").endswith(f" {os.nice(0)}")


def test_ctrl_c_never_reaches_a_decoding_process() -> None:
    """Not before it can ignore it either: held from the start, which its parent does not stay."""
    with misbehaving() as pool:
        decoded = pool.decode(b"ok")
        status = Path(f"/proc/{child_of(decoded)}/status").read_text()
    (held,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigBlk")]
    assert int(held, 16) >> (signal.SIGINT - 1) & 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


# --- what goes wrong with a file ------------------------------------------------------------------


def test_a_vanished_file_is_not_found_and_not_a_bad_image(tmp_path: Path) -> None:
    with DecodePool(SIZE_PX, LIMITS, workers=1) as pool:
        (outcome,) = outcomes(pool, [inside(tmp_path, "gone.jpg")])
    assert isinstance(outcome, NotFoundError)


def test_a_vanished_library_ends_the_run(tmp_path: Path) -> None:
    with (
        DecodePool(SIZE_PX, LIMITS, workers=1) as pool,
        pytest.raises(LibraryError, match="unmounted"),
    ):
        outcomes(pool, [inside(tmp_path / "unmounted")] * 2)


def test_a_file_over_the_size_limit_is_refused_unread(tmp_path: Path) -> None:
    with open(tmp_path / "huge.jpg", "wb") as file:
        file.truncate(3 * MiB)
    limits = replace(LIMITS, file_bytes=2 * MiB)
    with DecodePool(SIZE_PX, limits, workers=1) as pool:
        assert reasons(pool, [inside(tmp_path, "huge.jpg")]) == [
            "3.0 MiB, over the limit of 2 (--file-size)"
        ]


def test_a_disk_that_does_not_answer_in_time_may_do_so_another_time(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"sleep 60")
    limits = replace(LIMITS, decode_s=0.5)
    with DecodePool(SIZE_PX, limits, workers=1, decoder=MISBEHAVING) as pool:
        (outcome,) = outcomes(pool, [inside(tmp_path)])
    assert isinstance(outcome, UnreadableError)
    assert str(outcome) == "reading took over 0.5 s (--decode-time)"


# --- what goes wrong with a process ---------------------------------------------------------------

DEADLY = {
    b"crash": "the decoder crashed (SIGSEGV)",
    b"exit": "the decoder crashed (exit code 3)",
    b"killed": "the decoder was killed, probably because memory ran out",
    b"memory": "decoding needs over 64 MiB of memory (--decode-memory)",
    b"hang": "decoding took over 1.5 s (--decode-time)",
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("deed", DEADLY)
def test_what_an_image_does_to_its_process_is_told_of_it_and_no_other(
    deed: bytes, workers: int
) -> None:
    with misbehaving(workers) as pool:
        told = reasons(pool, [b"ok", b"ok", deed, b"ok", b"refuse", b"ok"])
    assert told == ["ok", "ok", DEADLY[deed], "ok", "refused", "ok"]


def test_an_image_is_tried_again_another_time_where_memory_ran_out() -> None:
    with misbehaving() as pool:
        killed, crashed = outcomes(pool, [b"killed", b"crash"])
    assert isinstance(killed, UnreadableError)
    assert not isinstance(crashed, UnreadableError)


def test_the_first_and_the_last_image_and_every_one_between_may_be_deadly() -> None:
    with misbehaving(workers=2) as pool:
        told = reasons(pool, [b"crash", b"exit", b"memory", b"ok", b"crash", b"crash"])
    assert (
        told
        == [DEADLY[b"crash"], DEADLY[b"exit"], DEADLY[b"memory"], "ok"] + [DEADLY[b"crash"]] * 2
    )


def test_a_decoder_has_neither_network_nor_keys_nor_files_of_its_parent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried = "import sys; from edge_app.photos.children import nonetwork as n; "
    tried += "sys.exit(n.can_do_without() and not n.without_network())"
    if (
        not can_do_without()
        or subprocess.run([sys.executable, "-c", tried], check=False).returncode
    ):
        pytest.skip("the kernel here takes no filter of system calls")  # QEMU takes none
    for name in VARIABLES:
        monkeypatch.setenv(name, "secret")
    inherited = os.open(tmp_path, os.O_RDONLY)  # not passed on, as any that Python opens
    try:
        with misbehaving() as pool:
            assert reasons(pool, [b"reach"]) == [""]
    finally:
        os.close(inherited)


def test_an_image_is_not_blamed_for_what_one_before_it_did() -> None:
    with misbehaving() as pool:
        assert reasons(pool, [b"ok", b"poison", b"ok", b"ok"]) == ["ok"] * 4


def test_on_a_busy_device_an_image_gets_the_processor_time_it_was_promised() -> None:
    """A nice process beside one that computes all the time has about a fiftieth of a processor."""
    spin = "import os; os.sched_setaffinity(0, {0})\nwhile True: pass"
    with (
        subprocess.Popen([sys.executable, "-c", spin]) as hog,
        misbehaving(limits=replace(LIMITS, decode_s=0.3), nice=19) as pool,
    ):
        told = reasons(pool, [b"compute 0.04"])
        hog.kill()
    assert told == ["ok"]


def test_a_bug_is_one_images_reason_and_the_process_goes_on() -> None:
    with misbehaving() as pool:
        before, bug, after = outcomes(pool, [b"ok", b"bug", b"ok"])
    assert str(bug) == "the decoder failed (ZeroDivisionError)"
    assert child_of(before) == child_of(after)


def test_a_codec_that_prints_breaks_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with misbehaving() as pool:
        assert reasons(pool, [b"print", b"ok"]) == ["ok", "ok"]
    assert capfd.readouterr() == ("", "")


def test_a_process_that_cannot_start_is_no_images_fault(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        DecodePool(SIZE_PX, LIMITS, workers=1, decoder="no.such.module") as pool,
        pytest.raises(EdgeAppError, match="did not start") as refused,
    ):
        outcomes(pool, [b"ok"])
    assert not isinstance(refused.value, DecodeError)
    assert "No module named" in capfd.readouterr().err


def test_without_an_interpreter_to_start_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with misbehaving() as pool, pytest.raises(EdgeAppError, match="can't start: No such file"):
        pool.decode(b"ok")


# --- one image while someone waits ----------------------------------------------------------------


def test_one_image_is_decoded_or_refused() -> None:
    with DecodePool(SIZE_PX, LIMITS, workers=1) as pool:
        assert pool.decode(photo()).width_px == 60
        with pytest.raises(DecodeError, match="not an image"):
            pool.decode(b"text")


@pytest.mark.parametrize(("kind", "size"), [("PNG", (3100, 2400)), ("WEBP", (1700, 1300))])
def test_a_cut_photo_is_read_again_in_the_same_memory(kind: str, size: tuple[int, int]) -> None:
    """About 50 of the 64 MiB: what was decoded at first is given up before the second time."""
    buffer = BytesIO()
    Image.effect_noise(size, 40).convert("RGB").save(buffer, kind)
    with DecodePool(SIZE_PX, LIMITS, workers=1) as pool:
        decoded = pool.decode(buffer.getvalue()[: buffer.tell() // 2])
        assert (decoded.width_px, decoded.note) == (size[0], INCOMPLETE)


def test_its_process_is_kept_for_the_next() -> None:
    with misbehaving() as pool:
        first, second = pool.decode(b"ok"), pool.decode(b"ok")
        assert first.camera == second.camera
        with pytest.raises(DecodeError, match="SIGSEGV"):
            pool.decode(b"crash")
        assert pool.decode(b"ok").format == "ok"


def test_a_kept_process_that_was_killed_meanwhile_is_replaced() -> None:
    with misbehaving() as pool:
        os.kill(child_of(pool.decode(b"ok")), signal.SIGKILL)
        assert pool.decode(b"ok").format == "ok"


def test_no_more_children_at_once_than_workers_for_those_who_wait() -> None:
    """Each may grow to its cap: eight regions of large photos must not be eight of them."""
    before = len(processes_below(os.getpid()))
    below: list[int] = []
    with misbehaving(workers=2, limits=replace(LIMITS, decode_s=PATIENCE_S)) as pool:
        with ThreadPoolExecutor(6) as threads:
            waiting = [threads.submit(pool.decode, b"sleep 0.2") for _ in range(6)]
            while not all(future.done() for future in waiting):
                below.append(len(processes_below(os.getpid())))
                time.sleep(0.01)
        assert all(isinstance(future.result(), Decoded) for future in waiting)
    assert max(below) - before == 2


def test_who_waits_too_long_for_a_child_is_told_so() -> None:
    pool = misbehaving(limits=replace(LIMITS, decode_s=1))
    with pool, ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(pool.decode, b"hang") for _ in range(2)]
        errors = [str(future.exception()) for future in asked]
    assert [error for error in errors if "at once" in error], errors


def test_images_of_many_threads_are_decoded_beside_a_run() -> None:
    answers: list[str] = []
    with misbehaving(workers=2) as pool:

        def ask(word: str) -> None:
            answers.append(pool.decode(word.encode()).format)

        run = pool.run(Job(n, b"sleep 0.02") for n in range(20))
        next(run)
        threads = [threading.Thread(target=ask, args=(f"word{n}",)) for n in range(6)]
        for thread in threads:
            thread.start()
        assert sum(1 for _ in run) == 19
        for thread in threads:
            thread.join()
    assert sorted(answers) == [f"word{n}" for n in range(6)]


# --- the end --------------------------------------------------------------------------------------


def test_a_run_that_is_given_up_ends_its_processes(others: set[int]) -> None:
    with misbehaving(workers=2) as pool:
        run = pool.run(Job(n, b"ok") for n in range(100))
        next(run)
        assert len(processes_below(os.getpid()) - others) == 2
        run.close()  # type: ignore[attr-defined]
        assert processes_below(os.getpid()) <= others


@pytest.mark.parametrize("word", [b"ok", b"hang"])
def test_a_run_that_is_stopped_from_another_thread_ends_whatever_its_images_do(word: bytes) -> None:
    with misbehaving(limits=replace(LIMITS, decode_s=PATIENCE_S)) as pool:
        run = pool.run(Job(n, b"ok" if n == 0 else word) for n in range(100))
        next(run)
        stop = threading.Thread(target=pool.stop)
        stop.start()
        with pytest.raises(EdgeAppError, match="the program ends"):
            list(run)
        stop.join()
        with pytest.raises(EdgeAppError, match="the program ends"):
            list(pool.run([Job(0, b"ok")]))


def test_a_closed_pool_keeps_no_process(others: set[int]) -> None:
    pool = misbehaving()
    pool.decode(b"ok")
    assert len(processes_below(os.getpid()) - others) == 1
    pool.close()
    assert processes_below(os.getpid()) <= others


PARENT = """
import sys
from edge_app.config import Limits
from edge_app.photos.children.pool import AHEAD, DecodePool, Job
pool = DecodePool(8, Limits(decode_s=0.3), 2, nice=0, decoder="tests.misbehaving")
words = [b"ok", b"ok"] + [b"hang"] * 2
for number, (job, decoded) in enumerate(pool.run(map(Job, range(4), words))):
    print(decoded.camera.split()[0], flush=True)
"""


def test_when_the_parent_is_killed_its_children_end_by_themselves() -> None:
    """Even those in the middle of an image that never ends."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        children = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
    until(lambda: not any(map(is_running, children)))


def test_an_original_that_holds_what_is_known_is_not_decoded(tmp_path: Path) -> None:
    data = photo()
    (tmp_path / "a.jpg").write_bytes(data)
    with DecodePool(32, LIMITS, workers=1, nice=0) as pool:
        jobs = [
            Job(known, inside(tmp_path), known=known)
            for known in (fingerprint(data), bytes(16), None)
        ]
        found = {job.key: type(outcome) for job, outcome in pool.run(jobs)}
    assert found == {fingerprint(data): Same, bytes(16): Decoded, None: Decoded}


def test_a_decoding_process_has_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("LOOKALIKE_TEST", "inherited")
    with misbehaving() as pool:
        child = child_of(pool.decode(b"ok"))
        environment = Path(f"/proc/{child}/environ").read_bytes()
    assert b"inherited" in environment and b"hunter2" not in environment
