# SPDX-License-Identifier: Apache-2.0
"""GET /metrics, read as Prometheus reads it."""
import re
import shutil
import subprocess

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
                    r'(?:,[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*")*\})? (-?[0-9.e+-]+|[+-]Inf|NaN)$')


def test_metrics_are_prometheus_text(each_api):
    """Every family has its help and type before its samples, is one block, and counters and histograms are named and add up as
    Prometheus wants them."""
    each_api.get("/api/organizations")
    answer = each_api.get("/metrics")
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert answer.text.endswith("\n")
    kinds, helped, closed, family, seen = {}, set(), set(), None, {}
    for line in answer.text.splitlines():
        if line.startswith("# HELP "):
            helped.add(line.split()[2])
        elif line.startswith("# TYPE "):
            closed.add(family)
            family, kind = line.split()[2:]
            assert family in helped and family not in closed and family not in kinds, line
            kinds[family] = kind
        else:
            found = SAMPLE.match(line)
            assert found, line
            name = found.group(1)
            ends = ("_bucket", "_sum", "_count") if kinds.get(family) == "histogram" else ("",)
            assert name in [family + end for end in ends], line
            assert (name, found.group(2)) not in seen, line
            seen[(name, found.group(2))] = float(found.group(3))
    assert {"counter", "gauge", "histogram"} <= set(kinds.values())
    assert all(name.endswith("_total") for name, kind in kinds.items() if kind == "counter")
    for (name, labels), value in seen.items():
        if name.endswith("_bucket") and 'le="+Inf"' in labels:
            others = re.sub(r',?le="\+Inf"', "", labels)
            assert value == seen[(name[:-len("_bucket")] + "_count", None if others == "{}" else others)], (name, labels)
    promtool = shutil.which("promtool")  # Debian's package prometheus; a second opinion where it is installed
    if promtool:
        checked = subprocess.run([promtool, "check", "metrics"], input=answer.text, capture_output=True, text=True)
        assert checked.returncode == 0 and not checked.stderr, checked
