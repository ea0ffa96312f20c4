"""Fetching in the page: retried where it may help, bounded in time, stopped when told, timed."""

import time
from collections.abc import Iterator

import pytest

from tests.render.web.page_calls import EngineError

FETCH = """
  const { fetchBytes } = await engine("fetching");
  const { bytes, seconds } = await fetchBytes(given.url, given.options ?? {});
  return { bytes, seconds }"""


@pytest.fixture
def served(site) -> Iterator[str]:
    """The address of a file whose answers a test decides; made anew for each test."""
    site.requests.clear()
    site.answers["/file"] = lambda _: (200, b"content")
    yield f"{site.url}/file"
    site.answers.clear()


def refusal(run, body: str, **given: object) -> EngineError:
    with pytest.raises(EngineError) as caught:
        run(body, **given)
    assert caught.value.name == "PlayerError", caught.value
    return caught.value


def test_a_file_comes_with_its_bytes_and_its_time(run, served) -> None:
    found = run(FETCH, url=served)
    assert found["bytes"].tobytes() == b"content"
    assert 0 < found["seconds"] < 10


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_recovers_is_asked_again(run, site, served, status) -> None:
    site.answers["/file"] = lambda count: (status, b"") if count < 3 else (200, b"at last")
    assert run(FETCH, url=served)["bytes"].tobytes() == b"at last"
    assert site.requests["/file"] == 3


def test_a_server_that_stays_broken_ends_in_a_sentence(run, site, served) -> None:
    site.answers["/file"] = lambda _: (500, b"")
    error = refusal(run, FETCH, url=served)
    assert error.kind == "network"
    assert "status 500" in str(error)
    assert site.requests["/file"] == 3


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_that_stays_is_not_asked_again(run, site, served, status) -> None:
    site.answers["/file"] = lambda _: (status, b"")
    assert refusal(run, FETCH, url=served).kind == "network"
    assert site.requests["/file"] == 1


@pytest.mark.parametrize(
    ("options", "asked"),
    [({"expectedBytes": 9}, 3), ({"expectedBytes": 6}, 1), ({"limitBytes": 6}, 1)],
)
def test_a_file_of_another_size_is_damage(run, site, served, options, asked) -> None:
    error = refusal(run, FETCH, url=served, options=options)
    assert error.kind == "damaged"
    # What is too short may have been cut off on the way; what is too long was not.
    assert site.requests["/file"] == asked


def test_no_server_at_all_ends_in_a_sentence(run) -> None:
    error = refusal(run, FETCH, url="http://127.0.0.1:9/file")
    assert error.kind == "network"
    assert "check the connection" in str(error)


def test_a_file_that_stops_arriving_is_given_up(run, site, served) -> None:
    site.answers["/file"] = lambda _: (time.sleep(1.2), (200, b"late"))[1]
    error = refusal(run, FETCH, url=served, options={"tries": 2, "stallMs": 300})
    assert "stopped arriving" in str(error)
    assert site.requests["/file"] == 2


@pytest.mark.parametrize("when", ["before", "during"])
def test_an_aborted_fetch_says_so_and_asks_no_more(run, site, served, when) -> None:
    site.answers["/file"] = lambda _: (time.sleep(0.5), (500, b""))[1]
    body = """
      const { fetchBytes } = await engine("fetching");
      const control = new AbortController();
      if (given.when === "before") control.abort();
      else setTimeout(() => control.abort(), 100);
      await fetchBytes(given.url, { signal: control.signal })"""
    assert refusal(run, body, url=served, when=when).kind == "aborted"
    assert site.requests.get("/file", 0) <= 1


# Fetches a file beside a page that does not look up for a while.
TIMED = """
  const { fetchBytes } = await engine("fetching");
  const { transferSeconds } = await engine("transfer_time");
  const started = performance.now();
  const coming = fetchBytes(given.url);
  await new Promise((resolve) => setTimeout(resolve, 5));
  const end = performance.now() + given.busy;
  while (performance.now() < end);
  await coming;
  const seconds = await transferSeconds([given.record ?? given.url], started);
  return { seconds, waited: (performance.now() - started) / 1000 }"""


def test_a_busy_page_does_not_make_the_network_slow(run, site, served) -> None:
    site.answers["/file"] = lambda _: (200, bytes(200_000))
    found = run(TIMED, url=served, busy=1500)
    assert found["waited"] > 1.5
    assert 0 < found["seconds"] < 0.75


def test_a_slow_server_counts_and_so_does_the_last_try_alone(run, site, served) -> None:
    site.answers["/file"] = lambda count: (
        time.sleep(0.4),
        (503 if count == 1 else 200, bytes(5000)),
    )[1]
    found = run(TIMED, url=served, busy=0)
    assert 0.35 < found["seconds"] < 0.8 < found["waited"]


def test_without_a_record_the_clock_of_the_page_counts(run, served) -> None:
    found = run(TIMED, url=served, record=f"{served}-that-was-not-asked-for", busy=200)
    assert 0.2 <= found["seconds"] <= found["waited"]


@pytest.mark.parametrize(
    ("records", "seconds"),
    [
        ([(1000, 1500, 900)], 0.5),
        ([(1000, 1500, 900), (1100, 3000, 70)], 2),
        ([(1000, 1500, 900), (1200, 1300, 0)], 0.5),
        ([(1000, 1500, 0)], 0),
        ([], 0),
    ],
)
def test_files_beside_each_other_share_their_time_and_a_cache_takes_none(
    run, records, seconds
) -> None:
    body = """
      const { secondsOf } = await engine("transfer_time");
      return [secondsOf(given.records.map(([requestStart, responseEnd, transferSize]) =>
        ({ startTime: 0, requestStart, responseEnd, transferSize, decodedBodySize: 600 })))]"""
    assert run(body, records=records) == [pytest.approx(seconds)]
