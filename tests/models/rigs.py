"""The implementations of `Model` that the contract is tested with, each with a way to make it misbehave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from backend.core.models import Model
from backend.spaces import connect
from tests.models import endpoint as strict
from tests.space.conftest import LocalSpace

KEY = "sk-a-key-that-nobody-may-see-0123456789"
LOCAL_MODEL = "lin-stand-in"

Fault = Literal["silent", "slow"]
Part = Literal["write", "chat", "speak", "embed"]


@dataclass
class Rig:
    """A model to test. After `misbehave(fault, part)` its next call says nothing (silent) or one piece only (slow), for
    longer than any test waits; `reached` tells whether a call has arrived since."""

    model: Model
    misbehave: Callable[[Fault, Part], None]
    reached: Callable[[], bool]


def space(running: LocalSpace) -> Rig:
    """The local Space as a Gradio app."""
    return Rig(connect(running.url, token=KEY), *_orders(running))


def face(running: LocalSpace) -> Rig:
    """The local Space by its OpenAI-compatible face."""
    return Rig(connect(f"{running.url}/v1#{LOCAL_MODEL}", key=KEY), *_orders(running))


def endpoint(running: strict.Endpoint) -> Rig:
    """The strict endpoint of these tests."""
    acts = {"silent": strict.Handler.await_departure, "slow": strict.one_word_and_silence}

    def misbehave(fault: Fault, _: Part) -> None:
        running.acts.append(acts[fault])

    return Rig(
        connect(f"{running.url}#{strict.MODEL}", key=KEY), misbehave, lambda: bool(running.requests)
    )


def _orders(running: LocalSpace) -> tuple[Callable[[Fault, Part], None], Callable[[], bool]]:
    # Not for ever: Gradio overhears a cancellation that comes while a call is being started, and such a call would keep
    # the only place there is.
    orders = {"silent": ("sleep", 20), "slow": ("slow", 5)}

    def misbehave(fault: Fault, part: Part) -> None:
        order, seconds = orders[fault]
        running.order(order, endpoint=part, seconds=seconds)

    return misbehave, lambda: bool(running.control("calls")[1])
