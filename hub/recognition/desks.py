"""The desks of one hub: the one that networks go to, and those for other languages."""

from __future__ import annotations

from hub.recognition.desk import DeskState, RecognitionDesk
from shared.errors import Fault, MiraError

UNDETERMINED = "und"
"""BCP 47's tag for a language that nobody has told: that of a model in a folder of some name."""


class UnknownLanguageError(MiraError):
    """No recogniser here knows the language."""

    code = "LANGUAGE_UNAVAILABLE"
    fault = Fault.PERSON


class Desks:
    """Finds the desk for a language.

    Args:
        first: for whatever language none of the others is for.
        others: one for each further language; of two for one language, the first counts.
    """

    def __init__(self, first: RecognitionDesk, *others: RecognitionDesk) -> None:
        self._all = (first, *others)

    def of(self, language: str) -> RecognitionDesk:
        """The desk for what is spoken, a BCP 47 tag: `en-GB` goes where `en` does."""
        found = (desk for desk in self._all if _primary(desk.language) == _primary(language))
        return next(found, self._all[0])

    def check(self, language: str) -> None:
        """Raises UnknownLanguageError for a language that no recogniser here is for."""
        known = sorted({_primary(desk.language) for desk in self._all})
        if UNDETERMINED not in known and _primary(language) not in known:
            raise UnknownLanguageError(
                f"No recogniser of this hub knows the language {language!r}.",
                f"It recognises {', '.join(known)}; [recognition] more_engines adds others.",
            )

    @property
    def state(self) -> DeskState:
        """How they all are."""
        states = [desk.state for desk in self._all]
        return DeskState(
            ", ".join(state.engine for state in states),
            sum(state.waiting for state in states),
            any(state.failing for state in states),
        )

    async def start(self) -> None:
        """Starts all of them."""
        for desk in self._all:
            await desk.start()

    async def close(self) -> None:
        """Stops all of them; see `RecognitionDesk.close`."""
        for desk in self._all:
            await desk.close()


def _primary(language: str) -> str:
    return language.lower().split("-")[0]
