// Owns the channel between the worker and its engine in a simulation: messages are delayed, and passes and encodings wait for a release. It reports
// events that must not occur, and counts passes independently of the engine.
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import type { EngineCommand, EngineEvent, PictureChunk } from "@waggle/engine";
import type { StepGate } from "@waggle/engine/testing";
import type { WaggleError } from "@waggle/protocol";
import type { InlineLink } from "../inline-engine.ts";

export interface Wire {
  readonly link: InlineLink;
  readonly gate: Pick<StepGate, "pass" | "open">;
  /** Releases the held pass and the passes after it, `count` in total; does nothing without a held pass. */
  step(count: number): void;
  /** Each encoding of a picture waits for this promise. */
  readonly encodeGate: (chunk: PictureChunk) => Promise<void>;
  /** Lets the held encoding end. @param error fails it */
  endEncoding(error?: WaggleError): void;
  /** SHA-256 of the picture that is being encoded. */
  readonly encoding: string | undefined;
  /** Delivers `count` of the messages under way in each direction, the oldest first. */
  deliver(count: number): void;
  /** Stops delaying messages and holding passes. */
  open(): void;
  /** Cuts the channel because the engine dies: its pass ends, and messages under way are lost. */
  cut(): void;
  readonly underWay: number;
  /** For each cancel, passes end between its arrival and the release of the job's slot. This is the largest number of such passes. */
  readonly mostCancelSteps: number;
}

export interface WireOptions {
  /** Whether messages wait for `deliver`. Otherwise commands take a microtask, and events arrive at once. */
  readonly late: boolean;
  readonly fault: (message: string) => void;
}

export function createWire({ late, fault }: WireOptions): Wire {
  const commands: (() => void)[] = [];
  const events: (() => void)[] = [];
  /** Number of passes that had ended when the cancel of a job arrived. */
  const cancelledAt = new Map<string, number>();
  let prompt = !late;
  let allowed = 0;
  let held: Deferred<void> | undefined;
  let encoding: { readonly id: string; readonly end: Deferred<void> } | undefined;
  let passes = 0;
  let mostCancelSteps = 0;

  function letGo(): void {
    if (held === undefined || allowed === 0) return;
    allowed -= 1;
    held.resolve();
    held = undefined;
  }

  function endEncoding(error?: WaggleError): void {
    const ended = encoding?.end;
    encoding = undefined;
    if (error === undefined) ended?.resolve();
    else ended?.reject(error);
  }

  function watchCommand(command: EngineCommand): void {
    if (command.type === "cancel" && !cancelledAt.has(command.jobId)) cancelledAt.set(command.jobId, passes);
  }

  function watchEvent(event: EngineEvent): void {
    if (event.type === "broken") fault(`the engine broke: ${event.message}`);
    if (event.type === "log" && event.level === "error") fault(`the engine complains: ${event.message}`);
    if (event.type !== "step") return;
    if (event.stats !== undefined) passes += 1;
    for (const { type, jobId } of event.events) {
      const since = cancelledAt.get(jobId);
      if (since === undefined || ["started", "progress", "token"].includes(type)) continue;
      cancelledAt.delete(jobId);
      mostCancelSteps = Math.max(mostCancelSteps, passes - since);
      if (passes - since > 1) fault(`${jobId} left its slot ${passes - since} passes after its cancel`);
    }
  }

  function pass(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      fault(`the receiver of a message failed: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
    }
  }

  function deliver(count: number): void {
    for (let left = count; left > 0; left -= 1) {
      commands.shift()?.();
      const event = events.shift();
      if (event !== undefined) pass(event);
    }
  }

  return {
    link: {
      command(command, arrive) {
        const run = (): void => {
          watchCommand(command);
          pass(arrive);
        };
        if (prompt && commands.length === 0) queueMicrotask(run);
        else commands.push(run);
      },
      event(event, arrive) {
        watchEvent(event);
        if (prompt && events.length === 0) pass(arrive);
        else events.push(arrive);
      },
    },
    gate: {
      pass() {
        held = deferred<void>();
        const { promise } = held;
        letGo();
        return promise;
      },
      open() {
        allowed = Infinity;
        letGo();
      },
    },
    async encodeGate({ id }) {
      if (allowed === Infinity) return;
      const end = deferred<void>();
      encoding = { id, end };
      await end.promise;
    },
    endEncoding,
    get encoding() {
      return encoding?.id;
    },
    step(count) {
      allowed = held === undefined ? 0 : count;
      letGo();
    },
    deliver,
    open() {
      prompt = true;
      deliver(commands.length + events.length);
      allowed = Infinity;
      letGo();
      endEncoding();
    },
    cut() {
      endEncoding();
      commands.length = 0;
      events.length = 0;
      cancelledAt.clear();
      held?.resolve();
      held = undefined;
      if (allowed !== Infinity) allowed = 0;
    },
    get underWay() {
      return commands.length + events.length;
    },
    get mostCancelSteps() {
      return mostCancelSteps;
    },
  };
}
