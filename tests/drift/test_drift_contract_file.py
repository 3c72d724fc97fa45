"""Contracts as files: what is read, what is refused in one sentence, and that what is written can be read back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.drift.contract_file import contract_of_text, contract_text, read_contract
from harness.errors import ConfigError
from harness.records.contract import ColumnRule, Contract

FLIGHTS = """
columns:
  - {column: distance, type: int64, max_missing_share: 0, minimum: 0, maximum: 5000}
  - {column: carrier, categories: [UA, NO, 07001, 1.0, "true"], max_unseen_share: 1e-2}
  - {column: id, is_unique: true, required: false, check_unit: false}
  - column: ts
    is_monotone: true
    minimum: 2013-01-01
    may_be_constant: false
"""


def test_every_key_is_read_and_values_are_the_texts_that_stand_there(tmp_path: Path) -> None:
    file = tmp_path / "contract.yaml"
    file.write_text(FLIGHTS)
    contract = read_contract(file)
    assert (contract.source, contract.is_inferred) == (str(file), False)
    assert contract.rules == (
        ColumnRule("distance", type="int64", max_missing_share=0.0, minimum=0, maximum=5000),
        ColumnRule("carrier", categories=("UA", "NO", "07001", "1.0", "true"), max_unseen_share=0.01),
        ColumnRule("id", is_unique=True, required=False, check_unit=False),
        ColumnRule("ts", is_monotone=True, minimum=1_356_998_400_000_000, may_be_constant=False),
    )


def test_whole_bounds_stay_exact_beyond_what_float64_holds() -> None:
    (rule,) = contract_of_text(f"columns: [{{column: x, maximum: {2**60 + 1}}}]", "c").rules
    assert rule.maximum == 2**60 + 1


texts = st.text(st.sampled_from("aé\"'\\:#{}[],& \n\t\x00\x7f\x85\u2028\U0001f6eb07-~"), max_size=6)  # what JSON or YAML may trip over
names = texts.filter(bool).filter(lambda text: text not in ("null", "~"))
bounds = st.none() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def rules(draw: st.DrawFn) -> ColumnRule:
    low, high = draw(bounds), draw(bounds)
    if low is not None and high is not None and low > high:
        low, high = high, low
    categories = draw(st.none() | st.lists(texts, min_size=1, max_size=4, unique=True).map(tuple))
    share = st.floats(0, 1)
    return ColumnRule(
        draw(names),
        type=draw(st.none() | st.sampled_from(["int64", "number"])),
        required=draw(st.booleans()),
        max_missing_share=draw(st.none() | share),
        minimum=low,
        maximum=high,
        categories=categories,
        max_unseen_share=draw(share) if categories else 0.0,
        is_unique=draw(st.booleans()),
        is_monotone=draw(st.booleans()),
        may_be_constant=draw(st.booleans()),
        check_unit=draw(st.booleans()),
        check_stays=draw(st.booleans()),
    )


@given(st.lists(rules(), unique_by=lambda rule: rule.column, max_size=3))
def test_what_is_written_can_be_read_back(found: list[ColumnRule]) -> None:
    text = contract_text(Contract(tuple(found), "inferred from March", is_inferred=True))
    again = contract_of_text(text, "replay/contract.json")
    assert again == Contract(tuple(found), "replay/contract.json", is_inferred=False)


def test_a_written_contract_can_be_edited_into_yaml() -> None:
    text = contract_text(Contract((ColumnRule("x", minimum=1e-05, categories=("é",)),), "March", is_inferred=True))
    assert contract_of_text(text + "# so says Ada\n", "c").rules == (ColumnRule("x", minimum=1e-05, categories=("é",)),)
    assert '"column": "x", "minimum": 1e-05, "categories": ["é"]}' in text  # what asks nothing is not written


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns: [{column: x, minmum: 0}]", r"c: columns\[0\]: unknown key 'minmum'; keys are: .*; did you mean 'minimum'\?"),
        ("colums: []", "c: wanted a list of rules under 'columns'"),
        ("columns: []\ncolumn: x", r"c: unknown key 'column'; keys are: columns, .*; did you mean 'columns'\?"),
        ("[]", "c: wanted a list of rules under 'columns'"),
        ("columns: [x]", r"c: columns\[0\]: found 'x', wanted keys and values"),
        ("columns: [{type: int64}]", r"c: columns\[0\]: it names no column; add column: NAME"),
        ("columns: [{column: x}, {column: x}]", "c: x has more than one rule"),
        ("columns: [{column: x, minimum: 0, minimum: 1}]", "c: the key minimum stands twice in one mapping"),
        ('{"columns": [{"column": "x", "minimum": 0, "minimum": 1}]}', "c: the key minimum stands twice in one mapping"),
        ("columns: [{column: x, minimum: 2, maximum: 1}]", "found minimum 2 above maximum 1"),
        ("columns: [{column: x, minimum: low}]", r"c: columns\[0\] \(x\).minimum: found 'low', wanted a number, or a date or time"),
        ("columns: [{column: x, maximum: .nan}]", "found '.nan', wanted a number"),
        ("columns: [{column: x, maximum: nan}]", "found 'nan', wanted a number; leave the key out"),
        ('{"columns": [{"column": "x", "maximum": true}]}', "found True, wanted a number"),
        ('{"columns": [{"column": "x", "maximum": Infinity}]}', "found 'Infinity', wanted a number"),
        ("columns: [{column: x, max_missing_share: 2}]", "found '2', wanted a share of rows between 0 and 1"),
        ("columns: [{column: x, max_unseen_share: 0.1}]", "it has max_unseen_share and no categories"),
        ("columns: [{column: x, is_unique: maybe}]", "found 'maybe', wanted true or false"),
        ("columns: [{column: x, is_unique: 1}]", "found '1', wanted true or false"),
        ("columns: [{column: x, categories: UA}]", r"found 'UA', wanted a list of values, as \[UA, AA\]"),
        ("columns: [{column: x, categories: []}]", "wanted a list of values"),
        ("columns: [{column: x, categories: [a, b, a]}]", "a stands there more than once"),
        ("columns: [{column: x, categories: [[a]]}]", "found ..a.., wanted a text"),
        ("columns: [{column: x, type: [a]}]", "found ..a.., wanted a text"),
        ("columns: [{column: x", "c: neither YAML nor JSON in line 1: "),
        ("\x07", "c: neither YAML nor JSON"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        contract_of_text(text, "c")
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "flights.yaml").write_bytes(b"\xff\xfe\x00\xff")
    with pytest.raises(ConfigError, match=r"replay.contract: no file .*; did you mean 'flights.yaml'\?; correct the path"):
        read_contract(tmp_path / "flight.yaml")
    with pytest.raises(ConfigError, match=r"cannot be read .*; give a text file in UTF-8"):
        read_contract(tmp_path / "flights.yaml")


@pytest.mark.parametrize("wrong", ["integer", "str", "int", "float64", "datetime"])
def test_a_type_that_no_schema_writes_is_refused(wrong):
    with pytest.raises(
        ConfigError, match=rf"type: found '{wrong}', wanted number, time, category, or a type as the log's schema writes it"
    ):
        contract_of_text(f"columns: [{{column: a, type: {wrong}}}]", "c.yaml")


@pytest.mark.parametrize(
    "right", ["int64", "double", "timestamp[us, tz=UTC]", "decimal128(9, 2)", "dictionary<values=string, indices=int32, ordered=0>"]
)
def test_a_type_as_the_schema_writes_it_is_taken(right):
    assert contract_of_text(f'columns: [{{column: a, type: "{right}"}}]', "c.yaml").rules[0].type == right
