"""/metrics tells the summary of a harvest as Prometheus reads it, to who has the token."""

from typing import Any

from harvester.clock import Stop
from harvester.documents import HarvestSummary
from harvester.monitoring.status_server import Shutdown, status_app

_SUMMARY: HarvestSummary = {
    "collection_id": "live",
    "state": "running",
    "tweets": 1252,
    "files": 2,
    "file_bytes": 15_000_000,
    "gaps": [{}, {}],
    "counts": {"pages": 13},
    "billed": {"usd": 6.26},
    "rule_counts": {
        "foreign": {"total": 7},
        "rules": [{"id": "12347", "total": 40}, {"id": 'odd "\\ one', "total": 2}],
    },
}


def _answer(token: str) -> Any:
    app = status_app(
        summary=lambda: _SUMMARY, stopped=lambda: False, stop=Stop(), shutdown=Shutdown(), token="right"
    )
    return app.test_client().get("/metrics", headers={"Authorization": f"Bearer {token}"})


def test_metrics_are_what_prometheus_reads() -> None:
    answer = _answer("right")
    assert answer.mimetype == "text/plain"
    lines = answer.text.splitlines()
    assert 'twarc_cloud_tweets_total{collection="live"} 1252' in lines
    assert 'twarc_cloud_gaps_total{collection="live"} 2' in lines
    assert 'twarc_cloud_billed_usd_total{collection="live"} 6.26' in lines
    assert "# TYPE twarc_cloud_files gauge" in lines
    assert 'twarc_cloud_counts{collection="live",what="pages"} 13' in lines


def test_metrics_need_the_token() -> None:
    answer = _answer("wrong")
    assert answer.status_code == 401
    assert "live" not in answer.text


def test_metrics_tell_the_posts_of_rules() -> None:
    lines = _answer("right").text.splitlines()
    assert 'twarc_cloud_rule_posts_total{collection="live",rule="12347"} 40' in lines
    assert r'twarc_cloud_rule_posts_total{collection="live",rule="odd \"\\ one"} 2' in lines
    assert 'twarc_cloud_foreign_posts_total{collection="live"} 7' in lines


def test_metrics_tell_how_far_each_sink_is() -> None:
    sinks = [{"name": "hook", "lag_records": 7, "lag_seconds": 1.5, "delivered": 3, "age": 0.2}]
    app = status_app(
        summary=lambda: _SUMMARY, stopped=lambda: False, stop=Stop(), shutdown=Shutdown(), token="",
        sinks=lambda: sinks,
    )  # fmt: skip
    lines = app.test_client().get("/metrics").text.splitlines()
    assert 'twarc_cloud_sink_lag_records{collection="live",sink="hook"} 7' in lines
    assert 'twarc_cloud_sink_lag_seconds{collection="live",sink="hook"} 1.5' in lines
    assert 'twarc_cloud_sink_delivered_total{collection="live",sink="hook"} 3' in lines
    assert 'twarc_cloud_sink_dead_letters_total{collection="live",sink="hook"} 0' in lines
    assert "twarc_cloud_sink" not in _answer("right").text
