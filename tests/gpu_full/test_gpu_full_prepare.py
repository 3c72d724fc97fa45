"""With cuDF and without a card, a log that is to be decoded on one is refused in one sentence; nothing is decoded elsewhere instead."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.device import cuda_driver
from harness.errors import DeviceError
from harness.pipeline.prepare import prepare
from harness.replay.log_files import open_log
from tests.support.confs import replay_conf


@pytest.mark.skipif(cuda_driver().n_devices > 0, reason="there is a card")
def test_a_log_is_not_decoded_without_a_card(tmp_path):
    pq.write_table(pa.table({"y": [0, 1, 1]}), tmp_path / "log.parquet")
    log = open_log(str(tmp_path / "log.parquet"), None)
    with pytest.raises(DeviceError, match=r"^device: cuda was asked for, and the card does not answer \(cuda.*\); use device=cpu$"):
        prepare(log, replay_conf(positive=1, timestamp=None), (), tmp_path / "cache", "code", lambda done, n: None, "cuda")
    assert not list(tmp_path.glob("cache/**/*.arrow"))


@pytest.mark.skipif(cuda_driver().n_devices == 0, reason="needs a card")
def test_a_card_decodes_the_same_bytes(tmp_path):
    from tests.replay.test_replay_cudf_reader import FULL, GROUPS, columns, prepared_both

    (tmp_path / "log").mkdir()
    pq.write_table(pa.table(columns()), tmp_path / "log" / "log.parquet", row_group_size=4)
    (_, gpu), (ours, theirs) = prepared_both(tmp_path, replay_conf(path=str(tmp_path / "log"), **FULL), GROUPS)
    assert ours == theirs
    assert [note for note in gpu.notes if "cuDF could not" in note] == []
