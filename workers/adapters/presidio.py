"""presidio with spaCy's models behind `pipeline.ports.Names`, without network access.

Of presidio's recognisers only the one for names is used: what `pipeline.privacy.detectors` has a
rule for is found by that rule alone. The default set would also fetch a list of domains, and
spaCy's engine a model.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from importlib import util
from pathlib import Path
from typing import Any

import msgspec

from pipeline.ports import Name, Names
from schemas.errors import ConfigurationError, TransientError
from schemas.privacy import Kind
from workers.adapters import sentence_transformers
from workers.settings import Settings

_EXTRA = "pip install 'datapunk-lake[presidio]'"
#: The key of the model for texts in any other language, spaCy's code for several languages.
ANY = "xx"
#: Languages with another code in langdetect than in spaCy.
_ALIASES = {"no": "nb"}
_KINDS = {"PERSON": Kind.PERSON, "LOCATION": Kind.PLACE, "ORGANIZATION": Kind.ORGANISATION}
#: The labels of spaCy's own models, in presidio's words. Most are of OntoNotes or WikiNER; those of
#: Polish, Swedish, Korean, Norwegian and Romanian have their own.
_LABELS = {
    **dict.fromkeys(("PERSON", "PER", "PRS", "PS", "persName"), "PERSON"),
    **dict.fromkeys(("LOCATION", "LOC", "GPE", "FAC", "FACILITY", "GPE_LOC", "LC"), "LOCATION"),
    **dict.fromkeys(("placeName", "geogName"), "LOCATION"),
    **dict.fromkeys(("ORGANIZATION", "ORG", "GPE_ORG", "OG", "orgName"), "ORGANIZATION"),
}
#: presidio omits organisations for their many false alarms, or gives them this low score.
_DOUBTED, _DOUBT = "ORGANIZATION", 0.4
#: Parts of a pipeline that names do not need, and that cost most of its time.
_UNUSED = ("tagger", "parser", "morphologizer", "attribute_ruler", "lemmatizer", "senter",
           "trainable_lemmatizer", "textcat", "textcat_multilabel", "spancat")  # fmt: skip
#: Characters of a piece of a long text, and of the pieces that a model takes at once: it stores
#: about 2 kB for each.
_PIECE, _AT_ONCE = 5_000, 20_000


def names(settings: Settings) -> PresidioNames | None:
    """Return the models that the settings name; None if they name none."""
    return PresidioNames(settings.privacy_models) if settings.privacy_models else None


class PresidioNames(Names):
    """presidio's names from what spaCy's models find.

    `models` are names of installed packages, or paths of folders, by language. They are checked
    here and loaded when they are first needed, so it may be made before a fork as well as after.
    Raises `ConfigurationError` if a package or a model is missing, or finds no names.
    """

    def __init__(self, models: Mapping[str, str]) -> None:
        missing = [name for name in ("presidio_analyzer", "spacy") if util.find_spec(name) is None]
        if missing:
            raise ConfigurationError(
                f"DATAPUNK_PRIVACY_MODELS needs {' and '.join(missing)}: {_EXTRA}"
            )
        self._models = {language: _Model(language, model) for language, model in models.items()}
        self._engines: dict[str, Any] = {}

    @property
    def identity(self) -> str:
        """Languages, and names, versions and fingerprints of their models."""
        return " ".join(
            f"{language}={model.title}#{model.fingerprint}"
            for language, model in sorted(self._models.items())
        )

    @property
    def titles(self) -> Mapping[str, str]:
        """Name and version of each model, by language."""
        return {language: model.title for language, model in self._models.items()}

    def reads(self, language: str | None) -> str | None:
        """Return the language without its region, else `xx`, if there is a model for it."""
        plain = (language or "").partition("-")[0].lower()
        for one in (plain, _ALIASES.get(plain, ANY), ANY):
            if one in self._models:
                return one
        return None

    def load(self) -> None:
        """Load every model now. Raises `ConfigurationError` if one can't be loaded."""
        for language in self._models:
            self._engine(language)

    def find(self, texts: Sequence[str], model: str) -> list[list[Name]]:
        """Return the names in each text. Raises `TransientError` if the model can't be loaded."""
        try:
            engine = self._engine(model)
        except ConfigurationError as error:
            raise TransientError(
                "a language model can't be used; see: datapunk privacy check"
            ) from error
        found: list[list[Name]] = [[] for _ in texts]
        # The model forgets the words of these texts with them.
        with engine.nlp_engine.nlp[model].memory_zone():
            for batch in _batches(texts):
                _find(engine, model, batch, found)
        return found

    def _engine(self, language: str) -> Any:
        if language not in self._engines:
            self._engines[language] = _engine(language, self._models[language])
        return self._engines[language]


class _Model:
    """A spaCy model on this machine, not loaded."""

    def __init__(self, language: str, model: str) -> None:
        self.name = model
        self._folder = _folder(language, model)
        self.meta = _meta(self._folder, model)
        if language != ANY and self.meta.lang not in (language, ANY):
            raise ConfigurationError(
                f"DATAPUNK_PRIVACY_MODELS: {model} is for {self.meta.lang}, not for {language}"
            )
        self.labels = frozenset(label for labels in self.meta.labels.values() for label in labels)
        if not self.labels & _LABELS.keys():
            raise ConfigurationError(
                f"DATAPUNK_PRIVACY_MODELS: {model} finds no names of people, places or "
                "organisations; choose a model that has the component `ner`"
            )

    @property
    def title(self) -> str:
        return f"{self.meta.lang}_{self.meta.name} {self.meta.version}"

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the data files, which do not change.

        A package's code leaves others next to them.
        """
        data = self._folder / f"{self.meta.lang}_{self.meta.name}-{self.meta.version}"
        seen = sentence_transformers.fingerprint(data if data.is_dir() else self._folder)
        return blake2b(seen.encode(), digest_size=8).hexdigest()


class _Meta(msgspec.Struct, frozen=True):
    """The needed fields of a model's `meta.json`."""

    lang: str
    name: str
    version: str
    labels: dict[str, list[str]] = {}


def _folder(language: str, model: str) -> Path:
    """Return the folder of a model; a package is located and not imported."""
    if os.sep in model or Path(model).is_dir():
        if (Path(model) / "config.cfg").is_file():
            return Path(model)
        raise ConfigurationError(f"DATAPUNK_PRIVACY_MODELS: {model} is no folder of a spaCy model")
    found = util.find_spec(model) if model.isidentifier() else None
    if found is None or found.origin is None:
        raise ConfigurationError(
            f"DATAPUNK_PRIVACY_MODELS: there is no spaCy model {model} for {language} on this "
            f"machine; nothing is downloaded here: `python -m spacy download {model}`, or give the "
            "path of its folder"
        )
    return Path(found.origin).parent


def _meta(folder: Path, model: str) -> _Meta:
    try:
        return msgspec.json.decode((folder / "meta.json").read_bytes(), type=_Meta)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigurationError(
            f"DATAPUNK_PRIVACY_MODELS: {model} has no meta.json of a spaCy model"
        ) from error


def _engine(language: str, model: _Model) -> Any:
    """Return presidio's engine with a single recogniser: spaCy's names."""
    try:
        import spacy  # noqa: PLC0415 - an extra; seconds and hundreds of MB, only for names
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry  # noqa: PLC0415
        from presidio_analyzer.nlp_engine import (  # noqa: PLC0415
            NerModelConfiguration,
            SpacyNlpEngine,
        )
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer  # noqa: PLC0415

        # Their lines name only labels, but one for each name in each text.
        for logger in ("presidio-analyzer", "decision_process"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        nlp: Any = SpacyNlpEngine(
            models=[{"lang_code": language, "model_name": model.name}],
            ner_model_configuration=NerModelConfiguration(
                model_to_presidio_entity_mapping=_LABELS,
                labels_to_ignore=sorted(model.labels - _LABELS.keys()),
                low_score_entity_names=[_DOUBTED],
                low_confidence_score_multiplier=_DOUBT,
            ),
        )
        nlp.nlp = {language: spacy.load(model.name, exclude=_UNUSED)}
        recogniser = SpacyRecognizer(language, list(_KINDS))
        registry = RecognizerRegistry([recogniser], supported_languages=[language])
        return AnalyzerEngine(registry, nlp, supported_languages=[language])
    except Exception as error:  # any cause; the error's text may be long and unhelpful
        raise ConfigurationError(
            f"DATAPUNK_PRIVACY_MODELS: {model.name} can't be loaded ({type(error).__name__}); "
            "`python -m spacy validate` says whether it fits the spaCy that is installed"
        ) from error


def _find(
    engine: Any, language: str, batch: list[tuple[int, int, str]], found: list[list[Name]]
) -> None:
    """Add the names in some pieces to the lists of their texts."""
    pieces = [piece for _, _, piece in batch]
    analysed = engine.nlp_engine.process_batch(pieces, language, batch_size=len(pieces))
    for (nth, at, piece), (_, artifacts) in zip(batch, analysed, strict=True):
        results = engine.analyze(piece, language, entities=list(_KINDS), nlp_artifacts=artifacts)
        found[nth] += [
            Name(_KINDS[one.entity_type], at + one.start, at + one.end, one.score)
            for one in sorted(results, key=lambda one: one.start)
        ]


def _batches(texts: Sequence[str]) -> Iterator[list[tuple[int, int, str]]]:
    """Yield pieces of texts in batches.

    The number of the text, where the piece begins, the piece.
    """
    batch: list[tuple[int, int, str]] = []
    size = 0
    for nth, text in enumerate(texts):
        for at, piece in _pieces(text):
            if batch and size + len(piece) > _AT_ONCE:
                yield batch
                batch, size = [], 0
            batch.append((nth, at, piece))
            size += len(piece)
    if batch:
        yield batch


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield a text in parts, cut after a line, a sentence or a word where possible."""
    at = 0
    while len(text) - at > _PIECE:
        middle, most = at + _PIECE // 2, at + _PIECE
        ends = (text.rfind(sign, middle, most) for sign in ("\n", ". ", " "))
        end = next((place + 1 for place in ends if place >= 0), most)
        yield at, text[at:end]
        at = end
    yield at, text[at:]
