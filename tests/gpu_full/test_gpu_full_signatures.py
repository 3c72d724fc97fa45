"""The stored names and parameters of cuDF and CuPy are those of the packages that are installed."""

from tests.support.only_signatures import KINDS, real_book, signature_of, stored_book, written_signature


def test_the_stored_names_are_the_real_ones():
    stored, real = stored_book(), real_book()
    assert set(stored) == set(real) == set(KINDS)
    changed = {f"{kind}.{n}" for kind in KINDS for n in {*stored[kind], *real[kind]} if stored[kind].get(n, ...) != real[kind].get(n, ...)}
    assert changed == set(), "write them anew: python -m tests.support.only_signatures"


def test_every_stored_signature_can_be_read_back():
    texts = [text for names in stored_book().values() for text in names.values() if text is not None]
    assert len(texts) > 500
    assert [text for text in texts if written_signature(_with(text)) != text] == []


def _with(text):
    def call(*args, **kwargs):
        return None

    call.__signature__ = signature_of(text)
    return call
