// Runs clients of each kind in virtual time: the clock counts what a machine would need for each pass and each piece.
import { createHash } from "node:crypto";
import { deferred, type Deferred } from "@waggle/async";
import { lanePriority } from "@waggle/protocol";
import { expect, test, vi } from "vitest";
import { createCharge, workOf } from "./charge.ts";
import { shapeOf } from "./costs/step-shape.ts";
import type { EngineEvent } from "../port/messages.ts";
import {
  embedJob,
  job,
  sampling,
  startEngine,
  submit,
  withGenerator,
  type GivenJob,
} from "../testing/engine-harness.ts";
import type { Engine } from "../engine/engine.ts";
import { runIn } from "../testing/run-in.ts";
import { machineOf, randomNumbers } from "../testing/simulated-machine.ts";

const [slots, contextSize] = [32, 1_000];
const [oneMs, tokenMs] = [50, 4];
const machine = machineOf({ oneMs, rowMs: tokenMs, rowContextMs: 5, tileContextMs: 1 });
/** The first part is not counted: in this time clients may use their credits. */
const [settledMs, endMs] = [25_000, 65_000];

interface Asking {
  readonly engine: Engine;
  readonly finished: (jobId: string) => Promise<void>;
  readonly id: string;
  /** The fields of a job that say whose it is. */
  readonly own: Pick<GivenJob, "cacheScope" | "sessionId">;
}

/** Submits work, and waits until it ends. */
type Kind = (asking: Asking) => Promise<unknown>;

interface Client {
  readonly kind: Kind;
  readonly own: Asking["own"];
}

const untilEnd = { maxTokens: 900, sampling: sampling({ ignore_eos: true }) };

async function ask({ engine, finished, id, own }: Asking, text: string, given: GivenJob): Promise<void> {
  submit(engine, job(id, text, { ...given, ...own }));
  await finished(id);
}

const texts: Kind = async ({ engine, finished, id, own }) => {
  const given = Array.from({ length: 100 }, (_, i) => `${i} ${"y".repeat(200)}`);
  submit(engine, { ...embedJob(id, ...given), ...own });
  await finished(id);
};

function seven(kind: Kind): Kind {
  return async ({ id, ...rest }) =>
    await Promise.all(Array.from({ length: 7 }, (_, i) => kind({ ...rest, id: `${id}.${i}` })));
}

const chat: Kind = async (asking) => await ask(asking, "Hello", untilEnd);

const kinds = {
  "eight streams": async ({ id, ...rest }) =>
    await Promise.all(Array.from({ length: 8 }, (_, i) => chat({ ...rest, id: `${id}.${i}` }))),
  "eight choices": async ({ engine, finished, id, own }) => {
    const choices = Array.from({ length: 8 }, (_, choice) => ({ jobId: `${id}.${choice}`, choice }));
    engine.handle({ type: "prepare", job: job(id, "Hello", { ...untilEnd, ...own, choices: 8 }) });
    engine.handle({ type: "start", prepared: id, choices });
    await Promise.all(choices.map(({ jobId }) => finished(jobId)));
  },
  "long prompts": async (asking) => await ask(asking, `${asking.id} ${"x".repeat(900)}`, { maxTokens: 1 }),
  texts,
  pictures: async (asking) => {
    const pictures = Array.from({ length: 20 }, (_, i) => {
      const bytes = new TextEncoder().encode(`${asking.id} ${i}`.padEnd(24));
      return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
    });
    const pieces = [...pictures.map((_, picture) => ({ type: "image" as const, picture })), " end"];
    await ask(asking, "", { prompt: { kind: "pieces", pieces }, pictures, maxTokens: 1 });
  },
} satisfies Readonly<Record<string, Kind>>;

/** Runs these clients, each of which begins again when its work ends. Returns the tokens of each: of its streams, prompts and texts. */
async function play(clients: readonly Client[]): Promise<number[]> {
  let ms = 0;
  const tokens = clients.map(() => 0);
  const ends = new Map<string, Deferred<void>>();
  const over = deferred<void>();
  const take = (event: EngineEvent): void => {
    if (ms >= endMs) over.resolve();
    if (event.type !== "step") return;
    for (const each of event.events) {
      if (each.type === "finished") ends.get(each.jobId)?.resolve();
      if (ms < settledMs) continue;
      const client = Number.parseInt(each.jobId, 10);
      const {
        n = 0,
        tokens: read = 0,
        promptTokens = 0,
      } = each as Partial<Record<"n" | "tokens" | "promptTokens", number>>;
      tokens[client] = (tokens[client] ?? 0) + n + read + (each.type === "finished" ? promptTokens : 0);
    }
  };
  const { engine } = startEngine({
    ...{ slots, contextSize, readsPictures: true, now: () => ms, onEvent: take },
    limits: { guesses: false, prefixStoreBytes: 0, maxWaiting: 512 },
    embedGate: async ({ tokens: { length } }) => void (ms += oneMs + tokenMs * length),
    wrap: withGenerator((generator) => ({
      step(entries, underway) {
        const works = entries.map(({ slot, from, tokens: { length }, sample }) => {
          return { slot, tokens: length, held: from, decodes: sample && length === 1 };
        });
        ms += machine(shapeOf(works, generator), 1, false);
        return generator.step(entries, underway);
      },
      pictures: generator.pictures && {
        ...generator.pictures,
        async feed(piece) {
          ms += oneMs + tokenMs * piece.count;
          await generator.pictures?.feed(piece);
        },
      },
    })),
  });
  const finished = async (jobId: string): Promise<void> => {
    const end = deferred<void>();
    ends.set(jobId, end);
    await end.promise;
  };
  for (const [i, { kind, own }] of clients.entries()) {
    void (async () => {
      for (let turn = 0; ms < endMs; turn += 1) await kind({ engine, finished, id: `${i}-${turn}`, own });
    })();
  }
  await over.promise;
  return [...tokens];
}

const alone = new Map<Kind, Promise<number[]>>();

/** The tokens of each client, as parts of what it has alone. */
async function partsOf(clients: readonly Client[]): Promise<number[]> {
  const together = await play(clients);
  const each = clients.map(async ({ kind }, i) => {
    const own = alone.get(kind) ?? play([{ kind, own: alice }]);
    alone.set(kind, own);
    const [most = 0] = await own;
    return (together[i] ?? 0) / most;
  });
  return await Promise.all(each);
}

const alice = { cacheScope: "alice", sessionId: "a" };
const bob = { cacheScope: "bob" };

test.each<[string, Kind, Asking["own"]]>([
  ...Object.entries(kinds).map(([name, kind]) => [`another client's ${name}`, kind, bob] as [string, Kind, typeof bob]),
  ["long prompts of another session", kinds["long prompts"], { ...alice, sessionId: "b" }],
  ["texts of the client without a session", kinds.texts, { cacheScope: "alice" }],
])("next to %s, a chat keeps a third of its speed, and the others two fifths of theirs", async (_, kind, own) => {
  const [chatPart = 0, otherPart = 0] = await partsOf([
    { kind: chat, own: alice },
    { kind, own },
  ]);
  expect(chatPart).toBeGreaterThan(1 / 3);
  expect(otherPart).toBeGreaterThan(0.4);
});

test("next to seven texts jobs of another client, one texts job has almost half of its speed", async () => {
  const [part] = await partsOf([
    { kind: texts, own: alice },
    { kind: seven(texts), own: bob },
  ]);
  expect(part).toBeGreaterThan(0.45);
});

test.each([1, 2, 3, 4])(
  "four clients with random work each have about a quarter of their speed (seed %s)",
  async (seed) => {
    const random = randomNumbers(seed);
    const all = [chat, ...Object.values(kinds)];
    const clients = Array.from({ length: 4 }, (_, i) => {
      return { kind: all[Math.floor(random() * all.length)] ?? chat, own: { cacheScope: `client ${i}` } };
    });
    expect(Math.min(...(await partsOf(clients)))).toBeGreaterThan(0.2);
  },
);

test("lane jobs are charged only in the shares of the lane, and foreground jobs with the whole step", () => {
  const shares = { foreground: { charge: vi.fn() }, lane: { charge: vi.fn() } };
  const backend = { info: { contextSize: 100 }, generator: { oneMatrix: false, attentionTile: 64 } };
  const charge = createCharge({ shares, backend, pacing: { stepMs: () => 1, tokenMs: () => 1 } } as never);
  const runs = [runIn("decoding"), runIn("decoding", { slot: 1, cacheScope: "bob", priority: lanePriority })];
  charge(
    runs.map((run) => workOf(run, 1)),
    10,
  );
  const uses = [shares.foreground, shares.lane].map((each) => each.charge.mock.calls[0]?.[0] as unknown);
  expect(uses).toEqual(
    ["alice", "bob"].map((client) => [{ owner: { client, flow: "generate" }, promptMs: 0, otherMs: 10 }]),
  );
});
