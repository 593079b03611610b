"""An import, whole or refused, as tests look at it."""

import pytest

from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.data.corpora.manifests import CorpusError, import_corpus


def imported(layout, source, out, **options):
    """All cuts by id, with their split."""
    made = import_corpus(source, out, layout=layout, **options)
    return {cut.id: (split, cut) for split, path in made.items() for cut in read_cuts(path)}


def told(layout, source, out, **options):
    with pytest.raises(CorpusError) as caught:
        import_corpus(source, out, layout=layout, **options)
    assert not out.exists()
    return caught.value.faults


def expect(faults, messages):
    """Each message once, and no other fault."""
    for message in messages:
        assert sum(message in fault for fault in faults) == 1, (message, faults)
    assert len(faults) == len(messages), faults
