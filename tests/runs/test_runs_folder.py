import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from harness.errors import ResultsError
from harness.runs import folder


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "a.json"
    folder.write_json(target, {"v": 1})

    def full(file: Path) -> None:
        file.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ResultsError, match=r"No space left on device.*free disk space"):
        folder.write_whole(target, full)
    assert json.loads(target.read_text()) == {"v": 1}
    assert list(tmp_path.iterdir()) == [target]


def test_json_has_null_for_what_is_not_a_number(tmp_path):
    folder.write_json(tmp_path / "a.json", {"a": float("nan"), "b": np.float64(2.0), "c": (1, np.int64(2)), "d": np.array([1.5])})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": None, "b": 2.0, "c": [1, 2], "d": [1.5]}


def test_columns_come_back_mapped(tmp_path):
    columns = {"n": np.arange(4, dtype=np.int64), "m": np.arange(8, dtype=np.float64).reshape(4, 2)}
    folder.write_columns(tmp_path / "a.arrow", columns)
    found = folder.read_columns(tmp_path / "a.arrow")
    for name, values in columns.items():
        np.testing.assert_array_equal(found[name], values)
        assert not found[name].flags.writeable


def test_one_writer_at_a_time(tmp_path):
    with folder.writing(tmp_path / "r"), pytest.raises(ResultsError, match="another harness is writing"), folder.writing(tmp_path / "r"):
        pass


def test_a_refused_sweep_leaves_no_folder(tmp_path):
    with folder.writing(tmp_path / "r"):
        pass
    assert not (tmp_path / "r").exists()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match=r"cannot be written.*set results_dir"), folder.writing(tmp_path / "file" / "r"):
        pass
