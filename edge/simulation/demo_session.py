"""One run of the demo, from the first process to the last."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge.config import Access
from edge.simulation.demo_display import Display, Done, Row, View
from edge.simulation.demo_home import DemoHome, DeviceSpec
from edge.simulation.demo_result import (
    Result,
    Understood,
    best_example,
    best_in_hindsight,
    match,
    texts_in_hindsight,
    total_wer,
)
from edge.simulation.home import Home, make_home
from edge.simulation.measure import overall_wer
from edge.simulation.observation import Observation
from edge.simulation.picture import Heard, draw_session, draw_utterance
from edge.simulation.process import ProcessError
from edge.simulation.room import Recording, Span, in_turn, render
from edge.simulation.speech import utterances
from models.location import locate
from shared.audio import SAMPLE_RATE, us_to_samples
from shared.clock import steady_clock
from shared.tasks import until_first_ends
from shared.wav import write_wav

UTTERANCES = 5
LEAD_S = 4.0
"""Noise before the first word: in it the microphones are opened, and learn what it sounds like."""
_REFRESH_S = 0.1
_ANSWER_S = 1.5
"""So long after the last word at the earliest the session is over: endpoint, decode, commit."""
_PATIENCE_S = 20.0
"""So long after the last word at the latest."""
_FORGET_S = 10.0
"""An election that nothing is heard of for this long had nothing understood in it."""
_LIVE_US = 1_500_000
"""One that was heard of within this time is shown."""
_BEFORE_S, _AFTER_S = 0.5, 0.7
"""What a device would have recorded of an utterance: its pre-roll and its hangover."""


@dataclass(frozen=True)
class Outcome:
    """What came of a session."""

    results: list[Result]
    received_by: list[str]  # names of the devices whose own copy holds every interaction


class Session:
    """What is seen of a home while it runs.

    Args:
        home: hub and devices.
        display: where it is shown.
        specs: the devices, and `accesses` who they are to the hub.
        heading: lines above everything else.
        spans: what is said and when; empty where nobody knows.
    """

    def __init__(
        self,
        home: DemoHome,
        display: Display,
        specs: Sequence[DeviceSpec],
        accesses: Sequence[Access],
        heading: Sequence[str],
        spans: Sequence[Span] = (),
    ) -> None:
        self._home = home
        self._display = display
        self._specs = specs
        self._names = {a.client_id: spec.name for a, spec in zip(accesses, specs, strict=True)}
        self._heading = heading
        self._spans = spans
        self._answered: set[Span] = set()  # of which nothing more is to be expected
        self._clock = steady_clock()
        self.origin_us = self._clock()
        """When the session's time began, by the wall clock."""

    @property
    def now_s(self) -> float:
        """The session's time."""
        return (self._clock() - self.origin_us) / 1e6

    def begin(self) -> None:
        """The session's time begins now."""
        self.origin_us = self._clock()

    async def show(self, over: Callable[[], bool]) -> None:
        """Shows what happens until it is over; raises ProcessError where a process ends before."""
        while not over():
            self._home.check()
            self._display.show(self._view())
            await asyncio.sleep(_REFRESH_S)
        self._display.show(self._view())
        self._display.close()

    def over(self) -> bool:
        """Whether all was said, and what was heard of it is understood."""
        since_s = self.now_s - max((span.end_s for span in self._spans), default=0.0)
        return since_s > _PATIENCE_S or (since_s > _ANSWER_S and not self._pending())

    def results(self) -> list[Result]:
        """What was understood so far, and of what."""
        understood = self._understood()
        if self._spans:
            return match(self._spans, understood)
        return [Result(one.at_s, one.text, None, one.elected, one.scores) for one in understood]

    async def received_by(self) -> list[str]:
        """Stops the devices, and names those whose own copy holds every interaction."""
        wanted = {event.interaction_id for event in self._home.observer.seen.interactions}
        newest = max((event.seq for event in self._home.observer.seen.interactions), default=0)
        with contextlib.suppress(ProcessError):  # then it is not among those named
            await self._home.in_sync(newest)
        await self._home.stop_devices()
        return [
            device.spec.name
            for device in self._home.devices
            if wanted <= {event.interaction_id for event in device.replica()}
        ]

    def _understood(self) -> list[Understood]:
        seen = self._home.observer.seen
        understood = []
        for event in seen.interactions:
            observation = seen.of(event)
            scores = observation.scores if observation else {}
            understood.append(
                Understood(
                    event.timestamp.timestamp() - self.origin_us / 1e6,
                    event.text,
                    self._names.get(event.client_id or ""),
                    {self._names[client_id]: score for client_id, score in scores.items()},
                )
            )
        return understood

    def _pending(self) -> list[Observation]:
        """What is being heard, or waits for its text."""
        return [
            observation
            for observation in self._home.observer.seen.all.values()
            if observation.interaction is None
            and observation.elected is not None
            and self._clock() - observation.news_us < _FORGET_S * 1e6
        ]

    def _current(self) -> Observation | None:
        """The one to show: what most devices hear just now, else what was heard last."""
        everything = self._home.observer.seen.all.values()
        live = [o for o in everything if self._clock() - o.news_us < _LIVE_US]
        if live:
            return max(live, key=lambda o: len(o.scores))
        return max(everything, key=lambda o: o.news_us, default=None)

    def _view(self) -> View:
        now_s, pending, current = self.now_s, self._pending(), self._current()
        rows = []
        for client_id, spec in zip(self._names, self._specs, strict=True):
            row = Row(spec.name, spec.room)
            if current is not None:
                elected = current.elected == client_id
                level = None if current.final else current.levels.get(client_id)
                score = current.scores.get(client_id)
                row = Row(spec.name, spec.room, level, score, elected, elected and current.final)
            rows.append(row)
        done = []
        for result in self.results():
            span = result.span
            if span is not None and _answered(result, now_s - span.end_s, bool(pending)):
                self._answered.add(span)  # whatever is said next
            if span is None or span in self._answered:
                done.append(Done(result.text, result.elected, result.wer))
        return View(
            seconds=now_s,
            heading=self._heading,
            rows=rows,
            utterance=current.election_id if current else "",
            saying=next((s.reference for s in self._spans if s.start_s <= now_s <= s.end_s), ""),
            partial=current.partial if current in pending and current else "",
            done=done,
        )


def _answered(result: Result, since_s: float, pending: bool) -> bool:
    """Whether nothing more is to be expected, `since_s` after the last word."""
    return since_s > 2 * _ANSWER_S or (since_s > _ANSWER_S and bool(result.text) and not pending)


async def simulated_session(
    folder: Path, display: Display, *, seed: int, devices: int, engine: str, out: Path
) -> Outcome:
    """A simulated home in which five things are said; writes its pictures into `out`."""
    plan = make_home(seed, devices)
    spoken = utterances(locate("sample-speech"))[:UTTERANCES]
    names = [device.name for device in plan.devices]
    async with DemoHome(folder, engine) as home:
        display.say(f"Computing the sound of a home with {devices} microphones ...")
        recording, accesses = await asyncio.gather(
            asyncio.to_thread(render, plan, in_turn(plan, spoken, lead_s=LEAD_S)),
            home.enrol(names),
        )
        await _start_hub(home, display)
        specs = [
            DeviceSpec(d.name, d.room, f"file:{folder / d.name}.wav", _wall_us())
            for d in plan.devices
        ]
        display.say(f"Starting {devices} devices ...")
        await home.start_devices(specs, accesses)
        heading = (
            f"A home with {devices} microphones and a {plan.noise.kind} in the {plan.noise.room}"
            f" (seed {seed})",
            home.about,
        )
        session = Session(home, display, specs, accesses, heading, recording.spans)
        session.begin()
        await asyncio.to_thread(_write_recordings, folder, recording, specs, session.origin_us)
        await home.listen()
        if session.now_s > recording.spans[0].start_s - 1:
            raise ProcessError(
                "This machine is too busy: the devices were not ready for the first word.",
                "Try again, or with fewer devices: --devices 4",
            )
        await session.show(session.over)
        received_by = await session.received_by()
        await home.hub.stop()
        display.say("Asking what each microphone alone would have given ...")
        results, _ = await asyncio.gather(
            _with_hindsight(session.results(), recording, folder, home),
            asyncio.to_thread(_draw, plan, session.results(), out, seed),
        )
    _say_end(display, results, recording, out)
    return Outcome(results, received_by)


async def microphone_session(
    folder: Path, display: Display, stop: asyncio.Event, *, card: str, engine: str
) -> Outcome | None:
    """This machine's microphone, until `stop` is set; None where that was before it listened."""
    async with DemoHome(folder, engine) as home:
        specs = [DeviceSpec("this-machine", "", "default")]
        session: Session | None = None

        async def prepare() -> None:
            nonlocal session
            accesses = await home.enrol([spec.name for spec in specs])
            await _start_hub(home, display)
            await home.start_devices(specs, accesses)
            heading = (f"Speak into {card}; Ctrl-C ends the demo", home.about)
            session = Session(home, display, specs, accesses, heading)
            await home.listen()

        await until_first_ends(prepare(), stop.wait())
        if session is None or stop.is_set():
            return None
        session.begin()
        await session.show(stop.is_set)
        return Outcome(session.results(), await session.received_by())


async def _start_hub(home: DemoHome, display: Display) -> None:
    display.say("Starting the hub ...")
    await home.start_hub()
    if not home.found_by_mdns:
        display.say(
            "mDNS does not work on this machine: the devices are given the hub's address instead."
        )


def _wall_us() -> int:
    return steady_clock()()


def _write_recordings(
    folder: Path, recording: Recording, specs: Sequence[DeviceSpec], origin_us: int
) -> None:
    """Writes what the microphones hear, so that the session's time begins at `origin_us`.

    Each file began to play when its device was started. Nobody listens yet, so nobody hears that
    it begins with silence.
    """
    for spec in specs:
        passed = np.zeros(us_to_samples(origin_us - spec.start_at_us), np.int16)
        path = folder / f"{spec.name}.wav"
        write_wav(path, np.concatenate((passed, recording.pcm[spec.name])))


async def _with_hindsight(
    results: Sequence[Result], recording: Recording, folder: Path, home: DemoHome
) -> list[Result]:
    """The results with the device that would have given the best text, and that text."""
    names = list(recording.pcm)
    files = []
    for number, span in enumerate(recording.spans):
        first = round((span.start_s - _BEFORE_S) * SAMPLE_RATE)
        last = round((span.end_s + _AFTER_S) * SAMPLE_RATE)
        for name in names:
            files.append(folder / f"{number}-{name}.wav")
            write_wav(files[-1], recording.pcm[name][first:last])
    texts = iter(await home.hub.transcribe(files))
    of_span = {span: {name: next(texts) for name in names} for span in recording.spans}
    judged = []
    for result in results:
        if result.span is not None:
            heard = texts_in_hindsight(result, of_span[result.span])
            best = best_in_hindsight(result, heard)
            result = replace(result, hindsight_best=best, hindsight_text=heard[best])
        judged.append(result)
    return judged


def _draw(plan: Home, results: Sequence[Result], out: Path, seed: int) -> None:
    def heard(result: Result) -> Heard | None:
        if result.span is None:
            return None
        wer = result.wer or 0.0
        return Heard(result.span.position, result.scores, result.elected, result.text, wer)

    session = [one for result in results if (one := heard(result))]
    title = f"Who hears best? Five utterances in a home (seed {seed})"
    draw_session(plan, session, out / "session.png", title=title)
    example = best_example(results)
    if example is not None and (one := heard(example)):
        draw_utterance(plan, one, out / "home.png")


def _say_end(display: Display, results: Sequence[Result], recording: Recording, out: Path) -> None:
    hindsight = overall_wer((r.reference or "", r.hindsight_text) for r in results if r.span)
    display.say(
        f"WER {total_wer(results):.1%}; with the best microphone in hindsight {hindsight:.1%}."
    )
    display.say(f"Pictures: {out / 'home.png'}, {out / 'session.png'}")
