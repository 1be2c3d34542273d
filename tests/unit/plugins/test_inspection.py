"""Plugins that are looked at one after the other in a process of their own: none answers for another, or is blamed for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops.plugins.distributions import Distribution
from mlops.plugins.inspection import look
from mlops.plugins.knowledge import EntryPoint, Knowledge

HEALTHY = "from mlops import node\n\n\n@node(outputs=['seen'])\ndef f():\n    return 1\n"
GUESTS = {
    "a_forks": "import os\nos.fork()\n" + HEALTHY,
    "b_clears_the_path": "import sys\nsys.path.clear()\n" + HEALTHY,
    "c_leaves": "import os\nos.chdir('/')\n" + HEALTHY,
    "d_mutes": "import sys\nsys.stdout = sys.stderr = None\n" + HEALTHY,
    "e_sets_an_alarm": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0.2)\n" + HEALTHY,
    "f_cannot_say_why": "class X(Exception):\n    def __str__(self):\n        raise ValueError\n\n\nraise X\n",
    "fa_is_no_text": "def f(*, word='a\\ud800'):\n    return 1\n",
    "fb_asks_too_much": "from mlops import hookimpl\n\n\n@hookimpl\ndef register_nodes(more):\n    return []\n",
    "g_healthy": "import time\ntime.sleep(0.3)\n" + HEALTHY,
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Knowledge]:
    site = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        return {one.distribution: one for one in look([_guest(site, *it) for it in GUESTS.items()], seconds=20)}


def _guest(site: Path, name: str, source: str) -> Distribution:
    (site / f"{name}.py").write_text(source)
    metadata = site / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "RECORD").write_text(f"{name}.py,,\n")
    hooks = "hookimpl" in source
    entry = EntryPoint("mlops.plugins", name, name) if hooks else EntryPoint("mlops.nodes", name, f"{name}:f")
    return Distribution(name, "1.0", str(metadata), (entry,))


def test_each_distribution_is_answered_for_once_and_by_itself(seen: dict[str, Knowledge]) -> None:
    assert list(seen) == list(GUESTS)
    assert {name: [node.name for node in one.nodes] for name, one in seen.items()} == {
        name: [] if name.startswith("f") else [name] for name in GUESTS
    }


def test_an_exception_without_words_of_its_own_is_told_by_its_type(seen: dict[str, Knowledge]) -> None:
    (failure,) = seen["f_cannot_say_why"].failures

    assert (failure.reason, failure.problem) == ("raises", "X")


def test_a_text_that_cannot_be_written_is_told_as_what_it_is(seen: dict[str, Knowledge]) -> None:
    (failure,) = seen["fa_is_no_text"].failures

    assert failure.reason == "invalid"
    assert r"'a\ud800'" in failure.problem


def test_a_hook_that_asks_for_what_it_is_not_given_is_told_by_the_argument(seen: dict[str, Knowledge]) -> None:
    (failure,) = seen["fb_asks_too_much"].failures

    assert "register_nodes" in failure.problem
    assert "more" in failure.problem
