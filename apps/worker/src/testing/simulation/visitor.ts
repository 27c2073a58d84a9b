// Owns a client in a simulation that reads a job's stream through several readers in turn, and checks the events.
import type { StreamEvent } from "@waggle/protocol";
import type { Reader } from "@waggle/jobs";
import type { Witness } from "./witness.ts";

/** Opens a reader, as the dispatcher does. */
export type OpenReader = (after: number, onStalled: () => void) => Reader;

export interface Visitor {
  readonly witness: Witness;
  readonly attached: boolean;
  /** Asks for one batch of events, unless a batch is on its way. */
  pull(): void;
  /** Whether the client asks for the next batch after each batch. */
  readonly eager: boolean;
  setEager(): void;
  leave(): void;
  /** Opens a reader for the events after the last event that the client has read. */
  resume(): void;
  /** Whether the client has read a terminal event. */
  readonly done: boolean;
}

export interface VisitorOptions {
  readonly witness: Witness;
  readonly open: OpenReader;
  /** Token index after which to begin. */
  readonly after: number;
  readonly now: () => number;
  readonly stallTimeoutMs: number;
  readonly fault: (message: string) => void;
  readonly onCutOff: (how: "stalled" | "behind") => void;
}

export function createVisitor(options: VisitorOptions): Visitor {
  const { witness, now } = options;
  let nextToken = options.after + 1;
  let reader: Reader | undefined;
  let pulling = false;
  let eager = false;
  let done = false;
  let startedSeen = false;
  /** Of the witness's marks, the index of the last one that this reader got. */
  let marked = -1;
  /** Events of calls that this reader must get before the end. */
  let callsSeen = 0;
  let from = 0;
  let pulledAt = 0;
  let behind = false;

  const accuse = (message: string): void => options.fault(`a reader of job ${witness.number} ${message}`);

  function attach(): void {
    behind = false;
    startedSeen = false;
    marked = -1;
    callsSeen = 0;
    from = nextToken;
    pulling = false;
    pulledAt = now();
    witness.everRead = true;
    witness.readers += 1;
    witness.readersGoneAt = undefined;
    const opened = options.open(nextToken - 1, () => onStalled(opened));
    reader = opened;
  }

  function detach(): void {
    reader = undefined;
    witness.readers -= 1;
    if (witness.readers > 0) return;
    const { phase } = witness.job.state;
    // No decide job waits for a retry that is not announced.
    const isDecision = witness.request.questions !== undefined;
    witness.readersGoneAt = now();
    witness.leftInPrefill = phase.name === "running" && phase.stage === "prefill" && !isDecision;
  }

  function onStalled(which: Reader): void {
    if (reader !== which) return accuse("is cut off after it left");
    if (pulling) accuse("is cut off though it waits for more");
    if (now() - pulledAt < options.stallTimeoutMs) accuse(`is cut off after ${now() - pulledAt} ms`);
    options.onCutOff("stalled");
    detach();
  }

  function pull(): void {
    const from = reader;
    if (from === undefined || pulling) return;
    pulling = true;
    pulledAt = now();
    const result = from.next();
    // Detach after asking for a batch beyond the last one, because the HTTP side closes its reader at the same point.
    if (done || behind) detach();
    void result.then(({ done: over, value }) => {
      // A batch that was handed over before the client left may still be on its way.
      if (from !== reader) return;
      pulling = false;
      if (over === true) return accuse("ended without a terminal event");
      for (const event of value) take(event, value);
      if (eager || done || behind) pull();
    });
  }

  function checkCalls(): void {
    const due = witness.marks.filter(({ event, at }) => event.type !== "started" && at >= from).length;
    if (callsSeen !== due) accuse(`gets ${callsSeen} of ${due} events of calls`);
  }

  function takeMark(event: StreamEvent): void {
    const index = witness.marks.findIndex((mark) => mark.event === event);
    if (index <= marked) accuse(`gets a ${event.type} event that the log does not have there`);
    marked = index;
    if (event.type !== "started") callsSeen += 1;
  }

  function take(event: StreamEvent, batch: readonly StreamEvent[]): void {
    const { log } = witness.job;
    const hasSteps = witness.request.mcp_tools !== undefined;
    switch (event.type) {
      case "queued":
      case "status":
        if (event.type === "queued" && startedSeen && !hasSteps) accuse("gets a queued event after the job started");
        return;
      case "tool_call":
      case "tool_result":
        return takeMark(event);
      case "started":
        if (startedSeen && !hasSteps) accuse("gets a second started event");
        startedSeen = true;
        return takeMark(event);
      case "token":
        if (!startedSeen && witness.recorded === 0) accuse("gets a token before the started event");
        if (event.index !== nextToken) accuse(`gets token ${event.index} where ${nextToken} was due`);
        if (event !== witness.tokens[event.index]) accuse(`gets another token ${event.index} than the log has`);
        nextToken = event.index + 1;
        return;
      case "end":
      case "error":
        if (event !== batch.at(-1)) accuse("gets events behind the terminal one");
        if (event.type === "error" && event.code === "slow_consumer" && event !== log.terminal) {
          if (nextToken >= log.firstToken) accuse("is cut off as too slow though the log has all its tokens");
          behind = true;
          return options.onCutOff("behind");
        }
        if (event !== log.terminal) accuse("gets another terminal event than the log has");
        if (nextToken < log.nextToken) accuse(`gets the end before token ${nextToken}`);
        checkCalls();
        done = true;
        return;
    }
  }

  attach();
  return {
    witness,
    get attached() {
      return reader !== undefined;
    },
    pull,
    get eager() {
      return eager;
    },
    setEager() {
      eager = true;
      pull();
    },
    leave() {
      const left = reader;
      if (left === undefined) return;
      detach();
      void left.return?.();
    },
    resume: attach,
    get done() {
      return done;
    },
  };
}
