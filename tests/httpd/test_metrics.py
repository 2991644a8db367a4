"""SetHandler mtls-oauth-metrics: what Prometheus reads, and the dashboard that asks for it."""

import json
import os
import re
import shutil
import subprocess

import pytest

from support import environment, operator
from support.operator import CORP, PARTNER, Traffic, metrics

DASHBOARD = environment.SOURCE / "docs" / "grafana-dashboard.json"


@pytest.fixture(scope="module")
def ask(launch, jwks, key, pki):
    """A server that has seen all sorts of requests."""
    server = launch(hosts=operator.hosts(jwks))
    traffic = Traffic(server, key, pki)
    for code in ("no_token", "token_malformed", "token_expired", "binding_missing"):
        traffic.refused(code)
    traffic.admitted(bound=True)
    traffic.admitted(client_id=operator.HOSTILE)
    traffic.admitted(PARTNER, bound=True)
    return traffic.ask


def of(samples, metric, /, **labels):
    """The one sample of that name that has these labels."""
    found = [value for (seen, pairs), value in samples.items() if seen == metric and labels.items() <= dict(pairs).items()]
    assert len(found) == 1, (metric, labels, found)
    return found[0]


def test_numbers(ask, jwks):
    samples = metrics(ask)
    assert of(samples, "mtls_oauth_requests_admitted_total", issuer=CORP, name="corp", binding="bound") == 1
    assert of(samples, "mtls_oauth_requests_admitted_total", issuer=CORP, binding="unbound") == 1
    assert of(samples, "mtls_oauth_requests_refused_total", issuer=CORP, code="token_expired") == 1
    assert of(samples, "mtls_oauth_requests_refused_total", issuer=PARTNER, code="binding_missing") == 1
    assert of(samples, "mtls_oauth_requests_refused_total", issuer="", code="no_token") == 1
    assert of(samples, "mtls_oauth_requests_reported_total", issuer=CORP, code="binding_missing") == 1
    assert of(samples, "mtls_oauth_keys", issuer=CORP) == 1
    assert of(samples, "mtls_oauth_key_files_modified_timestamp_seconds", issuer=CORP) == pytest.approx(os.stat(jwks).st_mtime, abs=0.001)
    assert of(samples, "mtls_oauth_token_proof_seconds_count", issuer=CORP) == 3
    assert of(samples, "mtls_oauth_token_proof_seconds_bucket", issuer=CORP, le="+Inf") == 3
    assert of(samples, "mtls_oauth_counters_shared") == 1


def test_histogram_adds_up(ask):
    """Buckets are cumulative, and the last is the count."""
    buckets = sorted((float(dict(pairs)["le"].replace("+Inf", "inf")), value) for (name, pairs), value
                     in metrics(ask).items() if name == "mtls_oauth_token_proof_seconds_bucket" and ("issuer", CORP) in pairs)
    values = [value for _, value in buckets]
    assert values == sorted(values) and len(values) == 11


def test_labels_are_bounded(ask):
    """Nothing of a token is a label: configuration and codes of ours alone."""
    labels = {name for _, pairs in metrics(ask) for name, _ in pairs}
    assert labels <= {"server", "issuer", "name", "binding", "code", "le", "outcome", "version"}
    assert b"evil" not in ask("/metrics").body and b"alice" not in ask("/metrics").body


def test_type(ask):
    answer = ask("/metrics")
    assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.header("Cache-Control") == "no-store"
    assert ask("/metrics", method="POST", body=b"x").status == 405


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool: install prometheus")
def test_promtool(ask):
    """promtool has nothing to say, neither of the format nor of the names."""
    checked = subprocess.run(["promtool", "check", "metrics"], input=ask("/metrics").body, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=20, check=False)
    assert (checked.returncode, checked.stdout) == (0, b"")


def documented():
    """The configurations of Prometheus that the page about operations shows."""
    page = (environment.SOURCE / "docs" / "operations.md").read_text(encoding="utf-8")
    return re.findall(r"^```yaml\n(.*?)^```", page, flags=re.M | re.S)


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool: install prometheus")
@pytest.mark.parametrize("words, begins", [(("check", "config", "--syntax-only"), "scrape_configs:"), (("check", "rules"), "groups:")])
def test_promtool_takes_the_documents(tmp_path, words, begins):
    """The scrape and the alerts that the page shows."""
    shown = [text for text in documented() if text.startswith(begins)]
    assert shown
    for number, text in enumerate(shown):
        file = tmp_path / f"{number}.yml"
        file.write_text(text)
        checked = subprocess.run(["promtool", *words, file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 timeout=20, check=False)
        assert checked.returncode == 0 and "SUCCESS" in checked.stdout, checked.stdout


def test_dashboard_asks_for_what_there_is(ask):
    """Each metric of the dashboard, and of the alerts in the page, is one of ours."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    wanted = set(re.findall(r"mtls_oauth_\w+", DASHBOARD.read_text(encoding="utf-8") + "".join(documented())))
    families = set(re.findall(r"# TYPE (\S+)", ask("/metrics").body.decode()))
    there = families | {f"{name}{suffix}" for name in families for suffix in ("_bucket", "_sum", "_count")}
    assert wanted and wanted <= there, wanted - there
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
