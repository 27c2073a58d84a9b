// Owns the MCP server and the journal of a simulation. The schedule decides when a call returns and when a record is on disk, and whether they fail.
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import type { Mcp } from "@waggle/front";
import type { CallOutcome, RecordedStep, TurnRecord } from "@waggle/mcp";
import { WaggleError } from "@waggle/protocol";
import { serverTools } from "../inline-tools.ts";
import { randomPictures } from "./pictures.ts";
import type { Random } from "./random.ts";
import { randomSay } from "./script.ts";

export interface SimulatedTools {
  readonly mcp: Mcp;
  /** A random call returns. */
  answer(): void;
  /** The oldest record is on disk, or cannot be written. */
  write(): void;
  /** Records are on disk at once. */
  openJournal(): void;
  /** All calls return, and later calls return at once. */
  openServer(): void;
  /** What is not over: open records, records that are not on disk, calls that have not returned. All are 0 in the end. */
  readonly left: Readonly<Record<string, number>>;
}

export interface SimulatedToolsOptions {
  readonly random: Random;
  readonly limits: Mcp["limits"];
  readonly count: (what: string) => void;
  readonly fault: (message: string) => void;
  /** The message of the job with this key cannot be recorded, so the job fails. */
  readonly onUnrecorded: (client: string, key: string) => void;
}

interface HeldCall {
  readonly key: number;
  readonly signal: AbortSignal;
  readonly returned: Deferred<CallOutcome>;
}

interface SimulatedTurn {
  readonly digest: string;
  readonly steps: RecordedStep[];
  readonly sent: Set<string>;
  readonly outcomes: Map<string, CallOutcome>;
  runs: number;
}

export function createSimulatedTools(options: SimulatedToolsOptions): SimulatedTools {
  const { random, limits, count, fault, onUnrecorded } = options;
  const held: HeldCall[] = [];
  const writes: Deferred<void>[] = [];
  const turns = new Map<string, SimulatedTurn>();
  /** The place of the call that may be sent next, by client and key: the journal has it. */
  const sendable = new Map<string, string>();
  /** The places of the calls that were sent. */
  const sent = new Set<string>();
  const filled = new Set<number>();
  let isSlow = random.chance(0.4);
  let isOpen = false;
  let last: Promise<unknown> = Promise.resolve();

  function outcomeOf({ key, signal }: HeldCall): CallOutcome {
    const kinds = ["done", "done", "done", "done", "done", "tool_error", "failed", "unknown"] as const;
    const kind = signal.aborted && random.chance(0.7) ? "unknown" : random.pick(kinds);
    count(`result ${kind}${signal.aborted ? " after a cancel" : ""}`);
    const text = random.chance(0.1) ? "Nothing." : randomSay(random, key);
    const [picture] = random.chance(0.2) ? randomPictures(random) : [];
    return {
      kind,
      text: text + fillerFor(key),
      ...(picture === undefined
        ? {}
        : { pictures: [{ mimeType: "image/png", data: Buffer.from(picture).toString("base64") }] }),
    };
  }

  /** Once for each request: a second long result would leave no room for what the model has to say. */
  function fillerFor(key: number): string {
    if (filled.has(key) || random.chance(0.9)) return "";
    filled.add(key);
    return "x".repeat(4_000);
  }

  function ends(call: HeldCall): void {
    held.splice(held.indexOf(call), 1);
    call.returned.resolve(outcomeOf(call));
  }

  /** Records come on disk one after the other. */
  async function inOrder(work: () => Promise<void>): Promise<void> {
    const done = last.then(work);
    last = done.catch(() => {});
    await done;
  }

  async function onDisk(): Promise<void> {
    const written = deferred<void>();
    writes.push(written);
    if (!isSlow) write();
    await written.promise;
  }

  function write(): void {
    const written = writes.shift();
    if (written === undefined || !random.chance(0.04)) return written?.resolve();
    count("records that failed");
    written.reject(new WaggleError("unavailable", "Cannot record the call."));
  }

  function recordOf(client: string, key: string, turn: SimulatedTurn): TurnRecord {
    const name = `${client} ${key}`;
    let isReleased = false;
    const use = (what: string): void => {
      if (isReleased) fault(`the record of ${name} gets ${what} after its release`);
    };
    turn.runs += 1;
    return {
      steps: [...turn.steps],
      async addStep(message) {
        use("a message");
        await inOrder(async () => {
          await onDisk();
          turn.steps.push(message);
        }).catch((error: unknown) => {
          onUnrecorded(client, key);
          throw error;
        });
      },
      outcomeOf: (place) => turn.outcomes.get(place),
      async willSend(place) {
        use("a call");
        await inOrder(async () => {
          if (turn.sent.has(place)) fault(`the call ${place} of ${name} would be sent twice`);
          await onDisk();
          turn.sent.add(place);
          const [index = 0, at = 0] = place.split(".").map(Number);
          if (turn.steps.length !== index + 1)
            fault(`${name} sends the call ${place} of ${turn.steps.length} messages`);
          const text = turn.steps[index]?.tool_calls[at]?.function.arguments ?? "{}";
          sendable.set(`${client} ${(JSON.parse(text) as { k: number }).k}`, `${name} ${place}`);
        });
      },
      async addResult(place, outcome) {
        use("a result");
        await inOrder(async () => void turn.outcomes.set(place, outcome));
      },
      release() {
        use("another release");
        isReleased = true;
        turn.runs -= 1;
        if (turn.runs === 0 && turn.steps.length === 0) turns.delete(name);
        const awaited = [...turn.sent].filter((place) => !turn.outcomes.has(place));
        if (turn.runs === 0 && awaited.length > 0) fault(`${name} is released before the result of ${awaited.join()}`);
      },
    };
  }

  return {
    mcp: {
      limits,
      journal: {
        async begin({ client, key, digest }) {
          const name = `${client} ${key}`;
          const turn = turns.get(name) ?? { digest, steps: [], sent: new Set(), outcomes: new Map(), runs: 0 };
          if (turn.digest !== digest) return undefined;
          turns.set(name, turn);
          if (turn.steps.length > 0) count("continued after recorded messages");
          return recordOf(client, key, turn);
        },
        newest: async () => undefined,
        close: async () => {},
      },
      servers: {
        names: ["s"],
        read: async () => [{ name: "s", state: "ready", tools: serverTools, leftOut: [] }],
        list: async () => [{ name: "s", state: "ready", tools: serverTools, leftOut: [] }],
        async call({ name }, given, { client, signal }) {
          const key = Number(given["k"]);
          const place = sendable.get(`${client} ${key}`);
          if (place === undefined) fault(`a call of ${client} with the key ${key} is sent and not in the journal`);
          else if (sent.has(place)) fault(`the call ${place} is sent twice`);
          else sent.add(place);
          sendable.delete(`${client} ${key}`);
          count(`calls of ${name}`);
          const call: HeldCall = { key, signal, returned: deferred<CallOutcome>() };
          held.push(call);
          if (isOpen) ends(call);
          return await call.returned.promise;
        },
        close: async () => {},
      },
    },
    answer() {
      const call = random.pickAny(held);
      if (call !== undefined) ends(call);
    },
    write,
    openJournal() {
      isSlow = false;
      while (writes.length > 0) write();
    },
    openServer() {
      isOpen = true;
      while (held[0] !== undefined) ends(held[0]);
    },
    get left() {
      const records = [...turns.values()].reduce((sum, { runs }) => sum + runs, 0);
      return { "open records": records, "records under way": writes.length, "calls without result": held.length };
    },
  };
}
