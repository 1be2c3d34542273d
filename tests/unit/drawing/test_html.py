"""The page that opens offline."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from html.parser import HTMLParser

import pytest
from drawing_samples import HOSTILE, churn, ended, failed_run, hostile, joined, run_of, step, succeeded_run, wide

from mlops.drawing.html import render
from mlops.graph import Graph
from mlops.parameters import Parameter
from mlops.pipeline import Pipeline
from mlops.registry import Registry
from mlops.resolution import graph_of
from mlops.runs.outcome import ErrorInfo, RunOutcome, State

VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """A page as a browser sees it: its elements in order, the text of each kind, and whether all were closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open[-2:]):
            self.words[tag] = self.words.get(tag, "") + data

    def classed(self, name: str) -> list[dict[str, str]]:
        """Return the attributes of the elements that have a class."""
        return [found for _, found in self.elements if name in found.get("class", "").split()]

    @property
    def data(self) -> dict[str, dict[str, dict[str, object]]]:
        """The details that the side panel shows."""
        found = re.search(r'<script type="application/json" id="data">(.*?)</script>', self.text, re.DOTALL)
        assert found
        parsed: dict[str, dict[str, dict[str, object]]] = json.loads(found[1])
        return parsed


PAGES: dict[str, tuple[Graph, RunOutcome | None]] = {
    "pipeline": (churn(), None),
    "succeeded": (churn(), succeeded_run()),
    "failed": (churn(), failed_run()),
    "wide": (wide(), None),
    "part": (churn().part(start=["train_model"]), None),
    "hostile": hostile(),
}


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> Page:
    return Page(render(*PAGES[request.param]))


def test_a_failed_run_is_a_page_of_known_bytes(golden) -> None:
    golden("churn-failed.html", render(churn(), failed_run()))


def test_every_element_is_closed_where_it_should_be(page: Page) -> None:
    assert page.open == []


def test_ids_are_given_once_and_references_lead_to_one(page: Page) -> None:
    ids = [found["id"] for _, found in page.elements if "id" in found]
    used = [found["href"].removeprefix("#") for tag, found in page.elements if tag == "use"]
    ends = [found[end] for found in page.classed("edge") for end in ("data-a", "data-b")]

    assert len(ids) == len(set(ids))
    assert set(used) | set(ends) <= set(ids)


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    addresses = [found[name] for _, found in page.elements for name in ("src", "href", "action") if name in found]

    assert {address for address in addresses if not address.startswith("#")} == {"data:,"}
    assert re.findall(r"url\((?!#)|@import|fetch\(|XMLHttpRequest|sendBeacon|WebSocket", page.text) == []


def test_the_policy_lets_only_the_page_s_own_style_and_script_run(page: Page) -> None:
    policy = next(
        found["content"] for _, found in page.elements if found.get("http-equiv") == "Content-Security-Policy"
    )

    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_no_element_carries_a_handler_or_a_style_that_the_policy_would_refuse(page: Page) -> None:
    assert [name for _, found in page.elements for name in found if name.startswith("on") or name == "style"] == []


def test_hostile_text_adds_no_element() -> None:
    tags = {tag for tag, _ in Page(render(*hostile())).elements}

    assert "img" not in tags
    assert "b" not in {tag for tag, _ in Page(render(hostile()[0])).elements}
    assert render(*hostile()).count("</script>") == 2


def test_hostile_text_reaches_the_panel_as_it_was_written() -> None:
    node = Page(render(*hostile())).data["nodes"]["n0"]

    assert node["about"] == HOSTILE
    assert node["parameters"] == [["text", repr(HOSTILE), HOSTILE, ""]]
    assert node["error"] == {
        "type": HOSTILE,
        "message": HOSTILE,
        "hint": HOSTILE,
        "kind": "output",
        "traceback": "\n".join(HOSTILE.splitlines()),
    }


def test_every_node_dataset_and_edge_is_drawn() -> None:
    page = Page(render(churn()))

    assert len(page.classed("node")) == 6
    assert len(page.classed("pill")) == 11
    assert len(page.classed("unread")) == 5
    assert len(page.classed("edge")) == 11 + 6


def test_nodes_and_datasets_can_be_reached_and_are_named_for_a_screen_reader(page: Page) -> None:
    for found in [*page.classed("node"), *page.classed("pill")]:
        assert found["role"] == "button"
        assert found["tabindex"] == "-1"
        assert found["aria-label"]


def test_the_panel_is_told_all_that_is_known_of_a_node_and_its_run() -> None:
    data = Page(render(churn(), succeeded_run())).data
    train = next(node for node in data["nodes"].values() if node["name"] == "train_model")
    names = {key: dataset["name"] for key, dataset in data["datasets"].items()}

    assert train["plugin"] == "mlops-churn 1.2.0"
    assert train["source"] == "mlops_churn.nodes:train_model"
    assert [names[key] for key, _ in train["inputs"]] == ["train"]
    assert [names[key] for key in train["outputs"]] == ["model", "importance"]
    assert ["learning_rate", "0.05", "float", "0.1"] in train["parameters"]
    assert train["needs"] == [
        ["resources", "4 cpu, 8Gi, 1 gpu"],
        ["services", "feature_store, model_registry"],
        ["timeout", "30 min 0 s"],
    ]
    assert (train["state"], train["took"], train["attempt"]) == ("succeeded", "5.8 s", 2)
    assert train["metrics"] == [["train_auc", "0.9123"]]


def test_the_panel_is_told_size_rows_and_hash_of_a_dataset() -> None:
    data = Page(render(churn(), succeeded_run())).data
    customers = next(dataset for dataset in data["datasets"].values() if dataset["name"] == "customers")

    assert (customers["rows"], customers["size"]) == ("7,043", "312.0 kB")
    assert len(str(customers["sha256"])) == 64


def test_of_a_long_traceback_the_end_is_kept() -> None:
    error = ErrorInfo("ValueError", "no", "\n".join(f"line {at}" for at in range(500)))
    graph = joined(step("only"))
    page = Page(render(graph, run_of(graph, ended("mlops-churn:only", State.FAILED, 0, 1, error=error))))

    told = page.data["nodes"]["n0"]["error"]["traceback"]

    assert told.startswith("… 476 lines before\nline 476\n")
    assert told.endswith("line 499")


def test_a_run_has_a_bar_for_each_node_that_started() -> None:
    page = Page(render(churn(), failed_run()))

    bars = [found for found in page.classed("bar") if "data-node" in found]
    assert [found["data-node"] for found in bars] == ["n1", "n2", "n3", "n4"]
    assert "failed" in bars[-1]["class"].split()


def test_bars_lie_within_the_timeline() -> None:
    for found in Page(render(churn(), succeeded_run())).classed("span"):
        left, width = (float(found[name].removesuffix("%")) for name in ("x", "width"))
        assert left >= 0
        assert left + width <= 100.3


def test_a_run_that_was_continued_a_day_later_begins_its_timeline_with_its_first_node() -> None:
    graph = joined(step("only"))
    day = 86_400.0
    outcome = run_of(graph, ended("mlops-churn:only", State.SUCCEEDED, day, day + 4), seconds=day + 4)

    (bar,) = Page(render(graph, outcome)).classed("span")

    assert bar["x"] == "0.000%"
    assert bar["width"] == "100.000%"


def test_a_run_in_which_nothing_started_has_no_timeline() -> None:
    graph = joined(step("only"))

    page = Page(render(graph, run_of(graph, ended("mlops-churn:only", State.PENDING))))

    assert page.classed("timeline") == []


def test_a_running_node_has_a_bar_up_to_what_is_known() -> None:
    graph = joined(step("first"), step("second"))
    outcome = run_of(
        graph,
        ended("mlops-churn:first", State.SUCCEEDED, 0, 4),
        ended("mlops-churn:second", State.RUNNING, 2),
        seconds=4,
    )

    bars = Page(render(graph, outcome)).classed("span")

    assert [(found["x"], found["width"]) for found in bars] == [("0.000%", "100.000%"), ("50.000%", "50.000%")]


def test_the_legend_names_each_plugin_and_each_state_with_its_count() -> None:
    words = " ".join(
        re.sub(
            r"<[^>]+>", " ", render(churn(), failed_run()).partition('class="legend"')[2].partition("</ul>")[0]
        ).split()
    )

    assert "mlops-churn 1.2.0 6" in words
    assert "succeeded 3 reused 1 failed 1 skipped 1" in words


def test_a_thousand_nodes_are_drawn_in_three_seconds_and_five_megabytes() -> None:
    graph = wide(1000)

    started = time.process_time()
    page = render(graph)

    assert time.process_time() - started < 3
    assert len(page.encode()) < 5_000_000
    assert page.count('class="node ') == 1000


def test_what_is_named_like_a_credential_is_on_no_page() -> None:
    defaults = (Parameter("api_key", "planted-default", "str"), Parameter("depth", 6, "int"))
    fetch = step("fetch", writes=["rows"], parameters=defaults)
    pipeline = Pipeline("sales", nodes=[fetch.full_name], parameters={"fetch.api_key": "planted-by-the-pipeline"})

    page = render(graph_of(pipeline, Registry(nodes=[fetch])))

    assert "fetch.api_key" in page
    assert "planted" not in page
