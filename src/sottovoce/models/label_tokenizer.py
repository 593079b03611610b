"""The labels of a recognizer as a tokenizer of Transformers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from transformers import PreTrainedTokenizerFast

from .label_pieces import characters, pieces
from .spelling import MARK, spelled


class LabelTokenizer(PreTrainedTokenizerFast):
    """Text to labels, and the labels of frames to text: repeats are merged, blanks dropped, words separated by one space.

    ``pipeline("automatic-speech-recognition")`` decodes the outputs of a model with it, with time stamps.
    """

    replace_word_delimiter_char = " "
    """The separator of words that the pipeline reads."""

    @classmethod
    def from_labels(
        cls,
        labels: Sequence[str],
        spelling: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> LabelTokenizer:
        """The tokenizer of a model.

        Args:
            labels: ``[V]`` labels of the model, the blank first; pieces of words in the order in which they were learned.
            spelling: text of labels that differs from their names, see `spelling.spelled`.
            aliases: labels that are the same token as another, see `spelling.spelled`.
        """
        more = {"spelling": dict(spelling or {}), "aliases": dict(aliases or {})} if spelling or aliases else {}
        return cls(
            tokenizer_object=pieces(labels) if MARK in labels else characters(labels),
            pad_token=labels[0],
            clean_up_tokenization_spaces=False,
            **more,
        )

    def _decode(
        self,
        token_ids: int | list[int],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        group_tokens: bool = True,
        output_char_offsets: bool = False,
        output_word_offsets: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The text of one label a frame; with offsets, a dictionary of the text and the frames of characters and words."""
        pieces = self._spoken([token_ids] if isinstance(token_ids, int) else list(token_ids), group_tokens)
        text = "".join(each["char"] for each in pieces)
        if not (output_char_offsets or output_word_offsets):
            return text
        offsets: dict[str, Any] = {"text": text}
        if output_char_offsets:
            offsets["char_offsets"] = pieces
        if output_word_offsets:
            offsets["word_offsets"] = self._get_word_offsets(pieces)
        return offsets

    def _spoken(self, labels: list[int], merge: bool) -> list[dict[str, Any]]:
        """Text and frames of every label but blanks; without spaces at the ends, and with one space between words."""
        found: list[dict[str, Any]] = []
        frame, space = 0, None
        names = [str(name) for name in self.convert_ids_to_tokens(list(range(len(self))))]
        spelling = spelled(names, self.init_kwargs.get("spelling"), self.init_kwargs.get("aliases"))
        labels = [spelling.first[label] for label in labels]
        for label, run in groupby(labels) if merge else ((label, [label]) for label in labels):
            begin, frame = frame, frame + len(list(run))
            if label == self.pad_token_id:
                continue
            text = spelling.texts[label]
            words = text.split()
            if text[:1].isspace() and space is None:
                space = {"char": " ", "start_offset": begin, "end_offset": begin if words else frame}
            if not words:
                continue
            if space is not None and found:
                found.append(space)
            found.append({"char": " ".join(words), "start_offset": begin, "end_offset": frame})
            space = {"char": " ", "start_offset": frame, "end_offset": frame} if text[-1:].isspace() else None
        return found

    @staticmethod
    def _get_word_offsets(offsets: list[dict[str, Any]], word_delimiter_char: str = " ") -> list[dict[str, Any]]:
        """Words with the frames of their first and last label. The pipeline calls this method."""
        words = []
        for is_space, run in groupby(offsets, lambda each: each["char"] == word_delimiter_char):
            if not is_space:
                letters = list(run)
                word = "".join(each["char"] for each in letters)
                ends = {"start_offset": letters[0]["start_offset"], "end_offset": letters[-1]["end_offset"]}
                words.append({"word": word, **ends})
        return words
