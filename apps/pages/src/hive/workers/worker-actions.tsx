// Owns an operator's actions on a worker, each after a confirmation: drain a worker that obeys the hive, or remove an offline worker.
import { useSignal } from "@preact/signals";
import type { HiveWorker } from "@waggle/protocol";
import { workerStateWords } from "@waggle/protocol/words";
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Alert } from "../../parts/alert.tsx";
import { Button } from "../../parts/icons.tsx";
import type { Api } from "../../wire/api.ts";
import { responseProblem } from "../../wire/problem.ts";

interface Action {
  readonly label: "Drain" | "Remove";
  readonly path: string;
  readonly question: string;
}

export function WorkerActions({ api, worker }: { readonly api: Api; readonly worker: HiveWorker }): VNode | null {
  const asking = useSignal(false);
  const sending = useSignal(false);
  const trouble = useSignal<string | undefined>(undefined);
  /** The action's button, or the Cancel button of its question. Cancel has the focus as soon as it is shown, so that a key pressed twice confirms nothing. */
  const button = useRef<HTMLButtonElement>(null);
  const asked = useRef(false);
  useLayoutEffect(() => {
    if (asked.current !== asking.value) button.current?.focus();
    asked.current = asking.value;
  }, [asking.value]);
  if (worker.liveness !== "gone" && isLeaving(worker)) return <span class="badge warn">{leavingWord(worker)}</span>;
  const action = actionOf(worker);
  if (action === undefined) return null;
  const { label, path, question } = action;

  async function carryOut(): Promise<void> {
    sending.value = true;
    trouble.value = await send(api, path);
    sending.value = false;
    if (trouble.value === undefined) asking.value = false;
  }

  if (!asking.value) {
    return (
      <Button
        label={label}
        ref={button}
        aria-label={`${label} ${worker.worker_id}`}
        onClick={() => (asking.value = true)}
      />
    );
  }
  return (
    <div class="stack tight confirm" role="group" aria-label={`${label} ${worker.worker_id}`}>
      <p class="small">{question}</p>
      <Alert text={trouble.value} />
      <div class="row">
        <Button label={label} kind="tiny primary" disabled={sending.value} onClick={() => void carryOut()} />
        <Button label="Cancel" ref={button} onClick={() => (asking.value = false)} />
      </div>
    </div>
  );
}

function isLeaving({ state, command }: HiveWorker): boolean {
  return state === "draining" || state === "stopped" || command === "drain";
}

function leavingWord({ state }: HiveWorker): string {
  return state === "draining" || state === "stopped" ? workerStateWords[state] : "drain requested";
}

function actionOf(worker: HiveWorker): Action | undefined {
  const { worker_id: id, liveness, obeys } = worker;
  const path = `/v1/workers/${encodeURIComponent(id)}`;
  if (liveness === "gone") {
    return {
      label: "Remove",
      path: `${path}/remove`,
      question: "Remove this worker from the list? It is listed again when it comes back.",
    };
  }
  if (obeys?.includes("drain") !== true) return undefined;
  return { label: "Drain", path: `${path}/drain`, question: drainQuestion(worker) };
}

/** A drain is like SIGTERM at the worker: running jobs have --drain-timeout to finish, and waiting jobs do not run. */
function drainQuestion({ slots: { busy }, queue: { depth } }: HiveWorker): string {
  const running = busy === 1 ? "the running job" : `the ${busy} running jobs`;
  const first =
    busy === 0 ? "takes no more jobs and" : `takes no more jobs, gives ${running} its drain timeout to finish, and`;
  const waiting =
    depth === 0 ? "" : ` ${depth === 1 ? "The waiting job ends" : `The ${depth} waiting jobs end`} with an error.`;
  return `The worker ${first} stops.${waiting} A service manager may start it again.`;
}

/** Returns the reason of a failure; undefined on success. */
async function send(api: Api, path: string): Promise<string | undefined> {
  try {
    const response = await api.request(path, { method: "POST" });
    return response.ok ? undefined : (await responseProblem(response)).message;
  } catch {
    return "The hive does not answer.";
  }
}
