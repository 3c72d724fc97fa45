import numpy as np
import pytest

from harness.replay.columns_file import ArrayWriter, TextWriter, read_array, write_array


@pytest.mark.parametrize(("dtype", "width"), [(np.float32, 3), (np.int8, None), (np.uint16, 1), (np.float64, 2), (np.int64, None)])
def test_appended_blocks_come_back_as_one_array(tmp_path, dtype, width):
    rows = np.arange(30 if width is None else 30 * width).astype(dtype)
    rows = rows if width is None else rows.reshape(30, width)
    writer = ArrayWriter(tmp_path / "a.arrow", dtype, width)
    for start in (0, 7, 29):
        writer.append(rows[start : {0: 7, 7: 29, 29: 30}[start]])
    writer.finish()
    found = read_array(tmp_path / "a.arrow")
    np.testing.assert_array_equal(found, rows)
    assert found.dtype == dtype
    assert [p.name for p in tmp_path.iterdir()] == ["a.arrow"]


def test_reading_maps_the_file_and_copies_nothing(tmp_path):
    write_array(tmp_path / "a.arrow", np.arange(12, dtype=np.float32).reshape(4, 3))
    found = read_array(tmp_path / "a.arrow")
    assert not found.flags.owndata
    assert not found.flags.writeable
    assert found.flags.c_contiguous


def test_what_was_appended_can_be_changed_in_place_before_the_end(tmp_path):
    writer = ArrayWriter(tmp_path / "a.arrow", np.int32, None)
    writer.append(np.array([1, 2, 3], np.int32))
    writer.mapped()[1] = 20
    writer.finish()
    assert read_array(tmp_path / "a.arrow").tolist() == [1, 20, 3]


def test_no_rows_are_an_empty_array(tmp_path):
    ArrayWriter(tmp_path / "a.arrow", np.float32, 2).finish()
    assert read_array(tmp_path / "a.arrow").shape == (0, 2)


def test_texts_keep_their_shape(tmp_path):
    rows = np.array([["a", "ä"], ["", "long " * 20]], object)
    writer = TextWriter(tmp_path / "t.arrow", 2)
    writer.append(rows[:1])
    writer.append(rows[1:])
    assert not (tmp_path / "t.arrow").exists()  # a tensor that is there is complete
    writer.finish()
    np.testing.assert_array_equal(read_array(tmp_path / "t.arrow"), rows)
    assert [p.name for p in tmp_path.iterdir()] == ["t.arrow"]


def test_no_texts_are_an_empty_array_and_a_missing_one_is_the_empty_text(tmp_path):
    TextWriter(tmp_path / "none.arrow", 3).finish()
    assert read_array(tmp_path / "none.arrow").shape == (0, 3)
    writer = TextWriter(tmp_path / "t.arrow", 1)
    writer.append(np.array([[None], ["a"]], object))
    writer.finish()
    assert read_array(tmp_path / "t.arrow").tolist() == [[""], ["a"]]
