"""wav2vec 2.0 (Baevski et al. 2020): Base with a group norm and post-norm layers, Large with layer norms."""

from .family import Family
from .transformer import RENAMED, SUPPORTED, fields, shape, sizes, table

FAMILY = Family(
    name="wav2vec2",
    config="Wav2Vec2Config",
    model="Wav2Vec2Model",
    shape=shape,
    table=table,
    renamed=RENAMED,
    fields=fields,
    sizes=sizes,
    supported=SUPPORTED,
)
