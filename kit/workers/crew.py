"""Workers that are asked by who is free: what one does when it ends goes to another."""

import threading
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, NamedTuple, TypeVar

from kit.errors import RunError, StorykitError
from kit.messages import Message, joined, mark, reader_language, tr, trn
from kit.workers.actor import Actor, Refused
from kit.workers.ray_session import FETCH_S, WorkerPlace, ray_cluster, ray_here, start_actor

Facts = TypeVar("Facts")
Heard = Callable[[Message], None]
"""Who is told which worker ended or was left out; it may be called from any thread."""

START_S = 60.0
"""How long a worker's process may take to be there; one that waits for a GPU which others use never is."""
_LOOK_S = 0.5
"""Between two looks whether the work was stopped."""
_LEAVE_S = 10.0
"""How long those who wait for an answer may take to hear that the work was stopped."""
_NO_ANSWER = mark("{worker} is left out: its process does not begin; do others use that GPU?")

_KILLED = mark("its process was killed")
_SIGNS = {
    "node has died": mark("its machine is gone"),
    "ModuleNotFoundError": mark("storykit is not installed there, or another version of it"),
    "AttributeError": mark("storykit is not installed there, or another version of it"),
}
"""Why a worker ended, by what Ray says of it."""


def heard_as_warning(told: Message) -> None:
    """Warn of what is told, as notebooks and scripts show it."""
    warnings.warn(told, stacklevel=2)


class Worker(NamedTuple):
    """An actor, and where it is."""

    place: WorkerPlace
    actor: Any
    """Ray's handle."""


class WorkerGone(Exception):
    """A worker ended while it was asked."""


class Crew:
    """Workers that make the same kind of object; one alone is as good as another."""

    def __init__(self, places: Sequence[WorkerPlace], heard: Heard) -> None:
        """Begin a process at each place; what has not begun in time is left out, and told.

        Raises RunError where none begins.
        """
        self._heard = heard
        self._changed = threading.Condition()
        self._asked = 0
        """Questions that are not answered yet."""
        self._stopped = False
        self.last_words: Message | None = None
        """Why the last one that is gone is gone."""
        self._living = [Worker(place, start_actor(Actor, place, reader_language())) for place in places]
        self._free = list(self._living)
        try:
            self._wait_for_all()
        except BaseException:
            self.close()
            raise

    def _wait_for_all(self) -> None:
        import ray

        ready = {worker.actor.ready.remote(): worker for worker in self._living}
        waiting = list(ready)
        for _ in range(int(START_S / _LOOK_S)):
            _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=_LOOK_S)
            if not waiting:
                break
        for late in waiting:
            self.leave_out(ready[late], tr(_NO_ANSWER, worker=ready[late].place.name))
        self.each(lambda worker: worker.actor.ready.remote())
        self._refuse_none()

    @property
    def living(self) -> list[Worker]:
        """Return those who have not ended, in the order of their places."""
        with self._changed:
            return list(self._living)

    def ask(self, name: str, *arguments: object, near: Worker | None = None) -> tuple[Worker, Any]:
        """Return who answered, and what; whoever is free is asked, another where one ends.

        Args:
            name: of the method.
            arguments: of the method.
            near: whom to prefer.

        Raises:
            StorykitError: what the object there refuses.
            RunError: all have ended.
        """
        while True:
            worker = self._taken(near)
            try:
                return worker, self.tell(worker, name, *arguments)
            except WorkerGone:
                continue
            finally:
                self._give_back(worker)

    def tell(self, worker: Worker, name: str, *arguments: object) -> Any:
        """Return what one worker answers; raises what it refuses, and WorkerGone when it has ended."""
        answer = self._answered(worker, worker.actor.answer.remote(name, *arguments))
        if isinstance(answer, Refused):
            raise answer.error
        return answer

    def each(self, asked: Callable[[Worker], Any], but: Collection[Worker] = ()) -> dict[Worker, Any]:
        """Return what all answer who do not end meanwhile; they are asked at the same time.

        Args:
            asked: asks one, and returns Ray's reference of the answer.
            but: whom not to ask.

        Raises:
            StorykitError: what the first of them refuses, where all do; else who refuses is left out.
        """
        questions = {worker: asked(worker) for worker in self.living if worker not in but}
        answers: dict[Worker, Any] = {}
        refused: dict[Worker, StorykitError] = {}
        for worker, question in questions.items():
            with suppress(WorkerGone):
                answer = self._answered(worker, question)
                if isinstance(answer, Refused):
                    refused[worker] = answer.error
                else:
                    answers[worker] = answer
        if refused and not answers:
            raise next(iter(refused.values()))
        for worker, error in refused.items():
            told = tr("{worker} is left out: {reason}", worker=worker.place.name, reason=error)
            self.leave_out(worker, told)
        return answers

    def make(
        self,
        maker: Callable[[str], Callable[[], object]],
        faults: Callable[[Facts, Facts | None], Iterable[Message]],
    ) -> list[Facts]:
        """Have all make an object, leave out who differs, and return the `facts` of the others' objects.

        Args:
            maker: returns what makes it on "cuda" or "cpu"; it is sent there.
            faults: returns why facts are not those of this process, and of the first where there is one.

        Raises:
            StorykitError: why none can make it.
            RunError: all differ.
        """
        self.each(lambda worker: worker.actor.make.remote(maker("cuda" if worker.place.gpu else "cpu")))
        answers = self.each(lambda worker: worker.actor.answer.remote("facts"))
        kept: list[Facts] = []
        for worker, facts in answers.items():
            if found := list(faults(facts, kept[0] if kept else None)):
                told = {"worker": worker.place.name, "faults": joined(found, tr("; "))}
                self.leave_out(worker, tr("{worker} is left out: {faults}", **told))
            else:
                kept.append(facts)
        if not kept:
            raise RunError(tr("no worker works as this machine would: {last}", last=self.last_words))
        return kept

    def leave_out(self, worker: Worker, told: Message) -> None:
        """Ask a worker no more, end it, and say why."""
        import ray

        with self._changed:
            gone = worker not in self._living
            if not gone:
                self._living.remove(worker)
                self.last_words = told
            if worker in self._free:
                self._free.remove(worker)
            self._changed.notify_all()
        if not gone and not self._stopped:
            ray.kill(worker.actor)
            self._heard(told)

    def close(self) -> None:
        """End all workers, whatever they do, and wait until nobody waits for their answers."""
        import ray

        self._stopped = True
        for worker in self.living:
            ray.kill(worker.actor)
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._asked == 0, _LEAVE_S)

    def _taken(self, near: Worker | None) -> Worker:
        """Return a worker that is free, and is not until it is given back."""
        with self._changed:
            while not self._free:
                self._refuse_none()
                self._changed.wait(_LOOK_S)
            self._refuse_none()
            worker = near if near in self._free else self._free[0]
            assert worker is not None
            self._free.remove(worker)
            return worker

    def _give_back(self, worker: Worker) -> None:
        with self._changed:
            if worker in self._living:
                self._free.append(worker)
            self._changed.notify_all()

    def _refuse_none(self) -> None:
        """Raise RunError where nobody is left to ask."""
        if self._stopped:
            raise RunError(tr("the workers were stopped"))
        if not self._living:
            raise RunError(
                tr("no worker is left: {last}; run the same command to go on", last=self.last_words)
            )

    def _answered(self, worker: Worker, question: Any) -> Any:
        """Return the answer to a question that was asked; a worker that ended is told of, once."""
        import ray

        try:
            with self._waiting():
                while not ray.wait([question], timeout=_LOOK_S)[0]:
                    if self._stopped:
                        raise WorkerGone
                return ray.get(question, timeout=FETCH_S)
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            if cause is not None and not isinstance(cause, ray.exceptions.RaySystemError):
                raise  # a fault of ours, with where it was raised
            if not self._stopped:
                self.leave_out(worker, self._ended(worker, str(error)))
            raise WorkerGone from error

    def _ended(self, worker: Worker, told: str) -> Message:
        """Return what is said of a worker that ended, by what Ray says of it."""
        why = next((tr(why) for sign, why in _SIGNS.items() if sign in told), tr(_KILLED))
        name, others = worker.place.name, len([one for one in self.living if one != worker])
        if not others:
            return tr("{worker} has ended: {why}", worker=name, why=why)
        return trn(
            "{worker} has ended: {why}; the other one does its work",
            "{worker} has ended: {why}; the {n} others do its work",
            others,
            worker=name,
            why=why,
        )

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        with self._changed:
            self._asked += 1
        try:
            yield
        finally:
            with self._changed:
                self._asked -= 1
                self._changed.notify_all()


@contextmanager
def crew_on(devices: Sequence[str], cluster: str, heard: Heard) -> Iterator[Crew]:
    """Yield a worker for each device of this machine, or of a cluster in its place.

    Args:
        devices: as `pick_devices` returns them.
        cluster: its address; empty: this machine.
        heard: is told which worker is left out or has ended.
    """
    session = ray_cluster(cluster) if cluster else ray_here(devices)
    with session as places, closing(Crew(places, heard)) as crew:
        yield crew
