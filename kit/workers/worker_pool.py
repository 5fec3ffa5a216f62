"""Workers that are asked by who is free: what one does when it ends goes to another."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from kit.errors import RunError, StorykitError, WeightsError
from kit.messages import Message, joined, mark, reader_language, tr
from kit.workers import ray_session
from kit.workers.actor import Actor, Refused
from kit.workers.endings import told_of_end
from kit.workers.ray_session import FETCH_S, Worker, WorkerGone, WorkerPlace, fetched, start_actor

Facts = TypeVar("Facts")
Heard = Callable[[Message], None]
"""Who is told which worker ended or was left out; it may be called from any thread."""

START_S = 120.0
"""How long a worker's process may take to be there; one that waits for a GPU which others use never is."""
_LOOK_S = 0.5
"""Between two looks whether the work was stopped."""
_ENDS_S = 2.0
"""Within what we hear of others that ended at the same time as one."""
_LEAVE_S = 10.0
"""How long those who wait for an answer may take to hear that the work was stopped."""
_NO_ANSWER = mark("{worker} is left out: its process does not begin; do others use that GPU?")

_OF_ONE = RunError, WeightsError
"""What a worker may refuse for its own sake: its memory, its files; all refuse the rest alike."""


class WorkerPool:
    """Workers that make the same kind of object; one alone is as good as another."""

    def __init__(self, places: Sequence[WorkerPlace], heard: Heard) -> None:
        """Begin a process at each place; what has not begun in time is left out, and told.

        Raises RunError where none begins.
        """
        self._heard = heard
        self._changed = threading.Condition()
        self._asked = 0
        """Threads that wait for answers."""
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
        """Return who answered, and what; as `ask_ahead`, and fetched."""
        worker, fetch = self.ask_ahead(name, *arguments, near=near)
        return worker, fetch()

    def ask_ahead(
        self, name: str, *arguments: object, near: Worker | None = None
    ) -> tuple[Worker, Callable[[], Any]]:
        """Return who answered, and what fetches the answer; who answered may be asked anew before that.

        Whoever is free is asked, another where one ends or is not able to. Who is not able to, as with too
        little memory, is left out as soon as another one is.

        Args:
            name: of the method.
            arguments: of the method.
            near: whom to prefer.

        Raises StorykitError: what the object there refuses, if all do where it may be the worker's own fault;
        or RunError: all have ended.
        """
        refused: dict[Worker, StorykitError] = {}
        while worker := self._taken(near, refused):
            try:
                with self._waiting():
                    parted = worker.actor.answer_apart.options(num_returns=2)
                    refusing, answer = parted.remote(name, *arguments)
                    found = self._answered(worker, refusing)
            except WorkerGone:
                continue
            finally:
                self._give_back(worker)
            if found is None:
                self._leave_out_refusing(refused)
                return worker, partial(self._fetched, answer, name, *arguments)
            if not isinstance(found.error, _OF_ONE):
                raise found.error
            refused[worker] = found.error
        raise next(iter(refused.values()))

    def _fetched(self, answer: Any, name: str, *arguments: object) -> Any:
        """Return an answer; what was lost with the machine that it lay on is asked for anew."""
        import ray

        with self._waiting():
            try:
                return fetched(answer)
            except RunError as error:
                if not isinstance(error.__cause__, ray.exceptions.ObjectLostError):
                    raise
        return self.ask(name, *arguments)[1]

    def lend(self, value: object) -> Any:
        """Return Ray's reference of a value that any worker can fetch as long as the reference lives."""
        import ray

        with self._waiting():
            return ray.put(value)

    def tell(self, worker: Worker, name: str, *arguments: object) -> Any:
        """Return what one worker answers; raises what it refuses, and WorkerGone when it has ended."""
        with self._waiting():
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
            StorykitError: what the first of them refuses, where nobody is left; else who refuses is left out.
            RunError: the workers were stopped.
        """
        answers: dict[Worker, Any] = {}
        refused: dict[Worker, StorykitError] = {}
        with self._waiting():
            questions = {worker: asked(worker) for worker in self.living if worker not in but}
            for worker, question in questions.items():
                with suppress(WorkerGone):
                    answer = self._answered(worker, question)
                    if isinstance(answer, Refused):
                        refused[worker] = answer.error
                    else:
                        answers[worker] = answer
        if refused and not [worker for worker in self.living if worker not in refused]:
            raise next(iter(refused.values()))
        self._leave_out_refusing(refused)
        return answers

    def _leave_out_refusing(self, refused: Mapping[Worker, StorykitError]) -> None:
        """Leave out who refuses what others do, but the last one."""
        for worker, error in refused.items():
            if self.living != [worker]:
                told = tr("{worker} is left out: {reason}", worker=worker.place.name, reason=error)
                self.leave_out(worker, told)

    def make(
        self,
        maker: Callable[[WorkerPlace], Callable[[], object]],
        faults: Callable[[Facts, Facts | None], Iterable[Message]],
    ) -> list[Facts]:
        """Have all make an object, leave out who differs, and return the `facts` of the others' objects.

        Args:
            maker: returns what makes it at a place; it is sent there.
            faults: returns why facts are not those of this process, and of the first where there is one.

        Raises:
            StorykitError: why none can make it.
            RunError: all differ.
        """
        self.each(lambda worker: worker.actor.make.remote(maker(worker.place)))
        answers = self.each(lambda worker: worker.actor.answer.remote("facts"))
        if not answers:
            self._refuse_none()
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
            if self._stopped or worker not in self._living:
                return
            self._living.remove(worker)
            if worker in self._free:
                self._free.remove(worker)
            self.last_words = told
            self._changed.notify_all()
            ray.kill(worker.actor)
        self._heard(told)

    def close(self) -> None:
        """End all workers, whatever they do, and wait until nobody waits for their answers."""
        import ray

        with self._changed:
            self._stopped = True
        for worker in self.living:
            ray.kill(worker.actor)
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._asked == 0, _LEAVE_S)

    def _taken(self, near: Worker | None, but: Collection[Worker]) -> Worker | None:
        """Return a worker that is free, and is not until it is given back, if possible the one that is near.

        None where there are only those that are not to be taken.
        """
        with self._changed:
            while True:
                self._refuse_none()
                if all(worker in but for worker in self._living):
                    return None
                if free := [worker for worker in self._free if worker not in but]:
                    break
                self._changed.wait(_LOOK_S)
            worker = next((one for one in free if one == near), free[0])
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
            while not self._stopped:  # a question that comes later would have Ray begin anew
                if ray.wait([question], timeout=_LOOK_S)[0]:
                    return ray.get(question, timeout=FETCH_S)
            raise WorkerGone
        except ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None)
            if cause is not None and not isinstance(cause, ray.exceptions.RaySystemError):
                raise  # a fault of ours, with where it was raised
            if not self._stopped:
                told = told_of_end(worker.place.name, self._others_left(worker), str(error))
                self.leave_out(worker, told)
            raise WorkerGone from error

    def _others_left(self, ended: Worker) -> int:
        """Return how many but one are at work or answer; all may have ended at once."""
        import ray

        asked = [worker.actor.ready.remote() for worker in self.living if worker != ended]
        known, at_work = ray.wait(asked, num_returns=len(asked), timeout=_ENDS_S) if asked else ([], [])
        left = len(at_work)
        for question in known:
            with suppress(ray.exceptions.RayError):
                ray.get(question)
                left += 1
        return left

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Have whoever stops the work wait for this block, which does not begin once it is stopped."""
        with self._changed:
            if self._stopped:
                raise RunError(tr("the workers were stopped"))
            self._asked += 1
        try:
            yield
        finally:
            with self._changed:
                self._asked -= 1
                self._changed.notify_all()


@contextmanager
def workers_on(devices: Sequence[str], cluster: str, heard: Heard) -> Iterator[WorkerPool]:
    """Yield a worker for each device of this machine, or of a cluster in its place.

    Args:
        devices: as `pick_devices` returns them.
        cluster: its address; empty: this machine.
        heard: is told which worker is left out or has ended.
    """
    session = ray_session.ray_cluster(cluster) if cluster else ray_session.ray_here(devices)
    with session as places, closing(WorkerPool(places, heard)) as pool:
        yield pool
