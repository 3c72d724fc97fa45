from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ResultsError
from harness.records.load import LoadPoint, RateLimit
from harness.records.measurement import Machine, Measurement, OperatingPoint, ProviderCheck
from harness.records.percentile import Percentile
from harness.runs import folder, store
from harness.runs.decode import decode

LATENCY = (Percentile(50.0, 1.25, 1.0, 1.5, 900, 11), Percentile(99.9, None, None, None, 900, 6636))
POINT = OperatingPoint(
    "offline", 64, 900, (1e5, 2e5), 1.4e5, 1e4, 2e6, LATENCY, 2, (0, 3), (0.1, 0.2), 0.15, -0.01, 0.02, "noisy", "it wobbled"
)
WHOLE = Measurement(
    variant="m",
    protocol="standard",
    status="noisy",
    reason="it wobbled",
    device="cuda",
    measured_on="AMD EPYC, 2 cores",
    threads=2,
    cold_start_s=0.5,
    first_run_s=0.25,
    points=(POINT, replace(POINT, name="single", batch_rows=1, energy_j_per_1k=None)),
    energy_j_per_1k=0.15,
    energy_source="measured_counter",
    energy_reason=None,
    crosscheck_rows=7,
    crosscheck_max_difference=0.0,
    set_identity="abc",
    idle_w=12.5,
    provider=ProviderCheck("CUDAExecutionProvider", "CUDAExecutionProvider", 4, 0.75, 0.9, ("Cast", "TopK")),
    loads=(LoadPoint("poisson", "loadgen", 10.0, 3, 300, 1, LATENCY, "invalid", "late"),),
    rate_limit=RateLimit(20.0, 410.0, None, 8, None),
    n_discarded=1,
    remarks=("one", "two"),
)


def written_and_read(measurement: Measurement, path: Path) -> Measurement | None:
    folder.write_json(path / store.MEASUREMENT, measurement)
    return store.read_measurement(path)


def test_a_measurement_comes_back_as_it_was_written(tmp_path):
    found = written_and_read(WHOLE, tmp_path)
    assert found == WHOLE
    assert hash(found) == hash(WHOLE)  # tuples all the way down
    assert {f.name for f in fields(Measurement)} == set(json.loads((tmp_path / store.MEASUREMENT).read_text()))


def test_where_there_is_no_measurement_there_is_none(tmp_path):
    assert store.read_measurement(tmp_path) is None


def test_nan_and_infinity_come_back_where_the_field_is_a_number(tmp_path):
    undefined = replace(POINT, throughput_low=math.nan, throughput_high=math.inf, trial_rows_per_s=(math.nan, -math.inf))
    found = written_and_read(replace(WHOLE, points=(undefined,), provider=replace(WHOLE.provider, node_share=math.nan)), tmp_path)
    (point,) = found.points
    assert math.isnan(point.throughput_low)
    assert point.throughput_high == math.inf
    assert (math.isnan(point.trial_rows_per_s[0]), point.trial_rows_per_s[1]) == (True, -math.inf)
    assert math.isnan(found.provider.node_share)
    assert written_and_read(replace(WHOLE, energy_j_per_1k=None), tmp_path).energy_j_per_1k is None
    assert written_and_read(replace(WHOLE, idle_w=math.inf), tmp_path).idle_w == math.inf


def test_a_file_of_before_the_newer_fields_takes_their_defaults(tmp_path):
    folder.write_json(tmp_path / store.MEASUREMENT, WHOLE)
    data = json.loads((tmp_path / store.MEASUREMENT).read_text())
    for name in ("idle_w", "provider", "loads", "rate_limit", "n_discarded", "remarks"):
        del data[name]
    for point in data["points"]:
        for name in ("threads", "blocks", "trial_j_per_1k", "energy_j_per_1k", "active_j_per_1k", "cpu_s_per_1k", "status", "reason"):
            del point[name]
    folder.write_json(tmp_path / store.MEASUREMENT, data)
    found = store.read_measurement(tmp_path)
    assert (found.idle_w, found.provider, found.loads, found.remarks, found.points[0].blocks) == (None, None, (), (), ())
    assert (found.points[0].status, found.points[0].latency) == ("ok", LATENCY)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_requests": "many"}, r"OperatingPoint\.n_requests is 'many', wanted int"),
        ({"n_requests": True}, r"OperatingPoint\.n_requests is 'True', wanted int"),
        ({"n_requests": None}, r"OperatingPoint\.n_requests is 'None', wanted int"),
        ({"name": 7}, r"OperatingPoint\.name is '7', wanted str"),
        ({"blocks": 3}, r"OperatingPoint\.blocks is '3', wanted a list"),
        ({"throughput_low": "fast"}, r"OperatingPoint\.throughput_low is 'fast', wanted a number"),
        ({"throughput_low": False}, r"OperatingPoint\.throughput_low is 'False', wanted a number"),
        ({"latency": [3]}, r"OperatingPoint\.latency\[0\] is '3', wanted an object"),
        ({"colour": "red"}, "unknown field 'colour', written by another version; measure again with force=true"),
    ],
)
def test_what_is_no_such_record_is_refused_in_one_sentence(change, said, tmp_path):
    folder.write_json(tmp_path / "p.json", POINT)
    with pytest.raises(ResultsError, match=said):
        decode(OperatingPoint, {**folder.read_json(tmp_path / "p.json"), **change})


def test_a_field_without_a_value_and_a_default_is_named():
    with pytest.raises(ResultsError, match="Percentile has no field 'q'"):
        decode(Percentile, {})
    with pytest.raises(ResultsError, match="Percentile is '3', wanted an object"):
        decode(Percentile, 3)


@dataclass(frozen=True)
class _Pairs:
    pairs: tuple[tuple[str, int], ...]
    is_known: bool | None = None


def test_tuples_of_a_fixed_length_and_flags():
    assert decode(_Pairs, {"pairs": [["a", 1], ["b", 2**60 + 1]], "is_known": False}) == _Pairs((("a", 1), ("b", 2**60 + 1)), False)
    with pytest.raises(ResultsError, match=r"pairs\[0\] is .* wanted a list of 2"):
        decode(_Pairs, {"pairs": [["a", 1, 2]]})
    with pytest.raises(ResultsError, match="is_known is '1', wanted bool"):
        decode(_Pairs, {"pairs": [], "is_known": 1})


@settings(max_examples=60, deadline=None)
@given(st.builds(OperatingPoint))
def test_any_operating_point_comes_back(point: OperatingPoint):
    found = decode(OperatingPoint, json.loads(json.dumps(folder._plain(point))))
    for field in fields(OperatingPoint):
        same(getattr(point, field.name), getattr(found, field.name))


def same(before: object, after: object) -> None:
    """Equal, where NaN of an optional figure has become None: JSON has one null."""
    if isinstance(before, tuple):
        assert isinstance(after, tuple)
        assert len(before) == len(after)
        for one, other in zip(before, after, strict=True):
            same(one, other)
    elif isinstance(before, Percentile):
        same(tuple(vars(before).values()), tuple(vars(after).values()))
    elif isinstance(before, float) and math.isnan(before):
        assert after is None or math.isnan(after)
    else:
        assert before == after


def test_a_machine_comes_back(tmp_path):
    machine = Machine("AMD EPYC", ("avx2",), 2, 8 << 30, "Linux", None, (0, 1), 0.5, (("numpy", "2.0"),))
    folder.write_json(tmp_path / "m.json", machine)
    assert decode(Machine, folder.read_json(tmp_path / "m.json")) == machine
