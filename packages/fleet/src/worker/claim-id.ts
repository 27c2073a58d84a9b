// Ensures that one process of the fleet has a worker's id: two machines may have the same host name, and so the same default id.
import { inBackground } from "@waggle/async";
import type { TimerHandle } from "@waggle/async";
import { errorReason } from "@waggle/daemon/terminal";
import type { MemberContext } from "../broker/member-context.ts";
import { topics } from "../broker/names.ts";
import { ask } from "../members/questions.ts";
import type { IdentityQuestion, WorkerAnswer } from "../queue/records.ts";

const claiming = "claim the id";

/** How long the process that has the id may take to answer. */
const answerMs = 1_000;
/** Interval of the attempts to get the id. */
const retryMs = 5_000;

export interface IdClaim {
  /** To be called at each connection. Asks until no other process has the id; then calls `onFree`. Does nothing while it asks already. */
  begin(): void;
  close(): void;
}

export function createIdClaim({
  broker,
  clock,
  log,
  id,
  onFree,
}: Pick<MemberContext, "broker" | "clock" | "log"> & { readonly id: string; readonly onFree: () => void }): IdClaim {
  let asking = false;
  /** Counts the connections: a question that crosses from one to the next has no answer. */
  let connections = 0;
  let closed = false;
  let reported = false;
  let timer: TimerHandle | undefined;

  async function isTaken(): Promise<boolean> {
    const question: IdentityQuestion = { kind: "identify" };
    try {
      return (await ask<WorkerAnswer>(broker, topics.askWorker(id), question, answerMs)) !== undefined;
    } catch (error) {
      // A process that does not answer is gone or frozen.
      log.debug({ reason: errorReason(error) }, "fleet_id_unanswered");
      return false;
    }
  }

  async function attempt(): Promise<void> {
    const asked = connections;
    const taken = await isTaken();
    if (closed) return;
    if (!broker.connected) {
      // Without an answer, another process may have the id. The next connection asks again.
      asking = false;
      return;
    }
    if (asked !== connections) return await attempt();
    if (taken) {
      if (!reported)
        log.error({ worker: id, hint: "give each worker its own --worker-id" }, "another worker has the id");
      reported = true;
      timer = clock.setTimeout(() => inBackground(claiming, attempt()), retryMs);
      return;
    }
    asking = false;
    reported = false;
    onFree();
  }

  return {
    begin() {
      connections += 1;
      if (asking || closed) return;
      asking = true;
      inBackground(claiming, attempt());
    },
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
