import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Job, Outcome } from "./job.ts";
import { createJob } from "./new-job.ts";
import type { JobSpec } from "./job-spec.ts";
import { reduce } from "./reduce.ts";
import type { Effect, JobInput } from "./reduce.ts";
import type { GenerateWork, JobEvent } from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import type { AnswerMessage, EndEvent } from "@waggle/protocol";

const spec = (choices = 1): JobSpec => ({
  model: "m",
  who: { client: "a", trace: "t" },
  when: { priority: 0, onDisconnect: "cancel", direct: false },
  work: {
    kind: "generate",
    prompt: { kind: "text", text: "x" },
    choices,
    sampling: SamplingSchema.parse({ seed: 7 }),
    stop: [],
  },
});

const newJob = (choices = 1, phase: "queued" | "blocked" = "queued"): Job =>
  createJob(spec(choices), { uid: "j1", now: 0, replayBufferBytes: 1 << 20, phase });

const counts = { promptTokens: 3, cachedTokens: 1, completionTokens: 2, prefillMs: 5, decodeMs: 4 };
const cancelled: Outcome = { type: "cancelled", by: "client" };
const died: Outcome = { type: "failed", code: "engine_failed", message: "The engine died." };

const engine = (event: JobEvent, at = 20): JobInput => ({ type: "engine", event, model: "m", at });
const started = (jobId = "j1", at = 1): JobInput =>
  engine({ type: "started", jobId, slot: 0, promptTokens: 3, cachedTokens: 1 }, at);
const progress = (jobId = "j1"): JobInput =>
  engine({ type: "progress", jobId, processedTokens: 2, promptTokens: 3, cachedTokens: 1, tMs: 2 });
const parked = (jobId = "j1"): JobInput => engine({ type: "parked", jobId });
const token = (index: number, tMs: number, jobId = "j1"): JobInput =>
  engine({ type: "token", jobId, index, text: "a", tMs, ids: [7], n: 1 }, 10 + tMs);
const finished = (jobId = "j1"): JobInput => engine({ type: "finished", jobId, by: "end", ...counts });
const released = (jobId = "j1"): JobInput => engine({ type: "cancelled", jobId, steps: 1, ...counts });

/** Does part of the dispatcher's work: stores the new state, and appends events to the log. */
function apply(job: Job, ...events: readonly JobInput[]): Effect[] {
  return events.flatMap((event) => {
    const { state, effects } = reduce(job, event);
    job.state = state;
    for (const effect of effects) if (effect.type === "append") job.log.append(effect.event);
    return [...effects];
  });
}

const typesOf = (effects: readonly Effect[]): string[] =>
  effects.map((effect) => {
    if (effect.type === "append") return effect.event.type;
    return effect.type === "observe" ? `observe ${effect.what.type}` : effect.type;
  });

describe("a job", () => {
  it("goes from the queue through prefill and decode to its end, and sends each event once", () => {
    const job = newJob();
    const effects = apply(job, { type: "submitted" }, started(), token(0, 5), token(1, 9), finished());
    expect(typesOf(effects)).toEqual([
      ...["submit", "observe started", "status", "started", "observe tokens", "output", "token"],
      ...["observe tokens", "output", "token", "dequeue", "end", "ended", "free"],
    ]);
    expect(job.state).toMatchObject({
      phase: { name: "ended", outcome: { type: "finished", by: "end" } },
      counts,
    });
    expect(job.log.started).toMatchObject({ seed: 7, prompt_tokens: 3, queue_ms: 1 });
  });

  it("sends a status each time it is parked, and continues with its next token", () => {
    const job = newJob();
    apply(job, { type: "submitted" }, started(), token(0, 5));
    const told = apply(job, parked());
    expect(typesOf(told)).toEqual(["observe parked", "status"]);
    expect(told.at(-1)).toEqual({ type: "append", event: { type: "status", stream_id: job.id, status: "parked" } });
    expect(typesOf(apply(job, token(1, 900), finished()))).toEqual([
      ...["observe tokens", "output", "token", "dequeue", "end", "ended", "free"],
    ]);
    expect(job.state).toMatchObject({ phase: { name: "ended" }, resumptions: 0 });
  });

  it("sends no status when it is parked while it ends", () => {
    const job = newJob();
    apply(job, { type: "submitted" }, started(), { type: "end", outcome: cancelled, at: 3 });
    expect(apply(job, parked())).toEqual([]);
  });

  it("sends the prompt progress of its first choice until its first token", () => {
    const job = newJob(2);
    const told = apply(job, { type: "submitted" }, started(), started("j1.1"), progress(), progress("j1.1"));
    expect(told.at(-1)).toEqual({
      type: "append",
      event: {
        type: "status",
        stream_id: job.id,
        status: "thinking",
        prompt_progress: { total: 3, cached: 1, processed: 2, time_ms: 2 },
      },
    });
    expect(typesOf(told).filter((type) => type === "status")).toHaveLength(2);
    expect(typesOf(apply(job, token(0, 5), progress()))).toEqual(["observe tokens", "output", "token"]);
  });

  it("sends the first uncached text of its prompt in the `started` event and in the usage", () => {
    const job = newJob();
    const event = { type: "started" as const, jobId: "j1", promptTokens: 3, cachedTokens: 1, differsAt: "Monday" };
    apply(job, { type: "submitted" }, engine(event, 1), finished());
    expect(job.log.started).toMatchObject({ differs_at: "Monday" });
    expect(job.log.terminal).toMatchObject({ usage: { cached_tokens: 1, differs_at: "Monday" } });
  });

  it("leaves the queue when it ends; a running job is released first", () => {
    expect(typesOf(apply(newJob(), { type: "end", outcome: cancelled, at: 1 }))).toEqual(["dequeue", "end", "ended"]);
    const job = newJob();
    const asked = apply(job, { type: "submitted" }, started(), { type: "end", outcome: cancelled, at: 2 });
    expect(asked.slice(-2)).toEqual([{ type: "dequeue" }, { type: "release", uids: ["j1"] }]);
    expect(apply(job, { type: "end", outcome: died, at: 3 })).toEqual([]);
    expect(typesOf(apply(job, released()))).toEqual(["observe released", "dequeue", "end", "ended", "free"]);
    expect(job.state.phase).toEqual({ name: "ended", outcome: cancelled });
  });

  it("ends when the engine does not release it in time, and is freed at the late release", () => {
    const job = newJob();
    apply(job, { type: "submitted" }, started(), { type: "end", outcome: cancelled, at: 2 });
    expect(typesOf(apply(job, { type: "overdue", at: 3 }))).toEqual(["dequeue", "end", "ended"]);
    expect(typesOf(apply(job, token(0, 1), released()))).toEqual(["observe released", "free"]);
  });

  it("cannot be submitted before the job that it supersedes has ended", () => {
    const job = newJob(1, "blocked");
    expect(() => reduce(job, { type: "submitted" })).toThrow("Illegal job input: submitted while blocked");
    expect(apply(job, { type: "unblocked", at: 1 })).toEqual([{ type: "enqueue" }]);
    expect(() => reduce(job, { type: "unblocked", at: 1 })).toThrow("Illegal");
  });

  describe("with tool calls", () => {
    const tools = { s__t: { server: "s", name: "t", allowed: true } };
    const recorded = {
      role: "assistant" as const,
      content: "Old.",
      tool_calls: [asked("old")],
    } satisfies AnswerMessage;
    const prompt = { kind: "messages", messages: [{ role: "user", content: "x" }] } as const;

    function asked(id: string) {
      return { id, type: "function" as const, function: { name: "s__t", arguments: "{}" } };
    }

    function callingJob(messages: readonly AnswerMessage[] = [], steps = 4): Job {
      const { work, ...rest } = spec();
      const grammars = { later: undefined, last: undefined };
      const calls = { key: "k", tools, steps, grammars, recorded: messages };
      const full = { ...rest, work: { ...work, prompt } as GenerateWork, calls };
      return createJob(full, { uid: "j1", now: 0, replayBufferBytes: 1 << 20, phase: "queued" });
    }

    const part = (index: number, named: object, text = ""): JobInput =>
      engine({ type: "token", jobId: "j1", index, text, tMs: index, ids: [7], n: 1, part: named } as JobEvent, 10);
    const calls = [part(0, { kind: "call", index: 0, name: "s__t" }), part(1, { kind: "arguments", index: 0 }, "{}")];
    const work = { ...(spec().work as GenerateWork), prompt };
    const called = (next: GenerateWork | undefined = work): JobInput => ({ type: "called", work: next, at: 50 });

    it("frees its slot for the calls of its answer, and waits again with their results", () => {
      const job = callingJob();
      apply(job, { type: "submitted" }, started());
      const told = apply(job, ...calls, finished());
      expect(typesOf(told).slice(-3)).toEqual(["observe calling", "call", "free"]);
      expect(job.state.phase).toEqual({ name: "calling", call: undefined });
      const event = {
        type: "tool_call",
        stream_id: job.id,
        call_id: "c",
        server: "s",
        tool: "t",
        state: "running",
      } as const;
      apply(job, { type: "call", event });
      expect(job.state.phase).toMatchObject({ name: "calling", call: { server: "s", tool: "t", state: "running" } });
      expect(typesOf(apply(job, called()))).toEqual(["step", "observe continues", "enqueue"]);
      expect(job.state).toMatchObject({ phase: { name: "queued" }, step: { index: 1, firstToken: 2, firstCall: 1 } });
      expect(job.state.counts.promptTokens).toBe(0);
    });

    it("numbers tokens and calls through its steps, and ends once with the counts of all", () => {
      const job = callingJob([], 2);
      apply(job, { type: "submitted" }, started(), ...calls, finished(), called());
      const told = apply(job, { type: "submitted" }, started("j1", 60), ...calls, finished());
      const tokens = told.flatMap((effect) =>
        effect.type === "append" && effect.event.type === "token" ? [effect.event] : [],
      );
      expect(tokens).toMatchObject([
        { index: 2, call: { index: 1 } },
        { index: 3, call: { index: 1 } },
      ]);
      apply(job, called(), { type: "submitted" }, started("j1", 70), ...calls);
      const last = apply(job, finished());
      expect(typesOf(last)).toEqual(["dequeue", "end", "ended", "free"]);
      expect(job.log.terminal).toMatchObject({
        message: { tool_calls: [{ function: { name: "s__t" } }] },
        usage: { prompt_tokens: 9, completion_tokens: 6 },
      });
    });

    it("starts again without `resuming` when its engine dies before the first token of a later step", () => {
      const job = callingJob();
      apply(job, { type: "submitted" }, started(), ...calls, finished(), called());
      const told = apply(job, { type: "submitted" }, started("j1", 60), { type: "engine_lost", outcome: died, at: 61 });
      expect(typesOf(told).slice(-1)).toEqual(["enqueue"]);
      expect(job.state.resumptions).toBe(0);
    });

    it.each<readonly [string, JobInput]>([
      ["a cancel", { type: "end", outcome: cancelled, at: 40 }],
      ["an abort", { type: "abort", outcome: died, at: 40 }],
    ])("ends at once in a call by %s, and ignores what the call then returns", (_, input) => {
      const job = callingJob();
      apply(job, { type: "submitted" }, started(), ...calls, finished());
      expect(typesOf(apply(job, input)).at(-1)).toBe("ended");
      expect(apply(job, called())).toEqual([]);
    });

    it("ends as it was asked to if its answer is complete by then, and its calls have not run", () => {
      const job = callingJob();
      apply(job, { type: "submitted" }, started(), ...calls, { type: "end", outcome: cancelled, at: 40 });
      expect(typesOf(apply(job, finished()))).toEqual(["dequeue", "end", "ended", "free"]);
      expect(job.state.phase).toEqual({ name: "ended", outcome: cancelled });
    });

    it("ends when the client has to run other calls of the message", () => {
      const job = callingJob();
      apply(job, { type: "submitted" }, started(), ...calls, finished(), { type: "called", work: undefined, at: 50 });
      expect(job.log.terminal).toMatchObject({ finish_reason: "stop", message: { tool_calls: [{}] } });
    });

    it("goes through recorded messages without a run, also behind an older job of its session", () => {
      for (const input of [
        { type: "recalled", at: 1 },
        { type: "unblocked", at: 1 },
      ] as const) {
        const job = callingJob([recorded]);
        if (input.type === "unblocked") job.state = { ...job.state, phase: { name: "blocked" } };
        const told = apply(job, input);
        expect(typesOf(told)).toEqual(["dequeue", "token", "token", "token", "observe calling", "call"]);
        expect(typesOf(apply(job, called()))).toEqual(["step", "observe continues", "enqueue"]);
        expect(job.state.step).toMatchObject({ index: 1, firstToken: 3, firstCall: 1 });
      }
    });
  });

  const lost: JobInput = { type: "engine_lost", outcome: died, at: 5 };

  it("without output starts again when its engine dies, fails at the second time, and sends `started` once", () => {
    const job = newJob();
    expect(apply(job, { type: "submitted" }, started(), lost).at(-1)).toEqual({ type: "enqueue", again: 1 });
    expect(apply(job, { type: "moved", position: 1, etaMs: undefined })).toEqual([]);
    expect(typesOf(apply(job, { type: "submitted" }, started("j1", 9)))).toEqual(["submit", "status"]);
    expect(job.state).toMatchObject({ enginesLost: 1, resumptions: 0 });
    expect(typesOf(apply(job, lost))).toEqual(["dequeue", "error", "ended", "free"]);
    expect(job.log.terminal).toMatchObject({
      code: "engine_failed",
      message: /^The engine crashed 2 times in a row while running this job/,
    });
  });

  it("with output sends `resuming` once when its engine dies, and then continues with tokens", () => {
    const job = newJob();
    apply(job, { type: "submitted" }, started(), token(0, 1));
    expect(typesOf(apply(job, lost, { type: "loading" }))).toEqual(["status", "enqueue"]);
    expect(job.log.waiting?.event).toMatchObject({ type: "status", status: "resuming" });
    const again = apply(job, { type: "submitted" }, started("j1", 40), token(1, 2));
    expect(typesOf(again)).toEqual(["submit", "observe resumed", "observe tokens", "output", "token"]);
    expect(job.log.tokensFrom(1, 1)).toMatchObject([{ index: 1, t_ms: 41 }]);
    apply(job, finished());
    expect(job.state.counts).toEqual({ ...counts, prefillMs: 1, decodeMs: 40 });
  });

  it("is no suspect after new output", () => {
    const job = newJob();
    apply(job, { type: "submitted" }, lost, { type: "submitted" }, started(), token(0, 1));
    expect(job.state.enginesLost).toBe(0);
    apply(job, lost, { type: "submitted" }, lost);
    expect(job.state).toMatchObject({ enginesLost: 1, phase: { name: "queued" } });
  });

  it("with texts is a suspect if later engines compute only known vectors", () => {
    const job = newJob();
    const vector = (index: number): JobInput =>
      engine({ type: "embedding", jobId: "j1", index, vector: [1], tokens: 1 });
    const losses = [0, 1].map((life) => {
      apply(job, { type: "submitted" }, started(), vector(0), vector(1));
      job.vectors.push([1], [1]);
      apply(job, lost);
      return [life, job.state.enginesLost];
    });
    expect(losses).toEqual([
      [0, 0],
      [1, 1],
    ]);
  });

  it("with output and onEngineLoss `error` ends when its engine dies", () => {
    const job = newJob();
    job.spec = { ...job.spec, when: { ...job.spec.when, onEngineLoss: "error" } };
    apply(job, { type: "submitted" }, started(), lost, { type: "submitted" }, started(), token(0, 1));
    expect(typesOf(apply(job, lost))).toEqual(["dequeue", "error", "ended", "free"]);
  });

  it("with several choices runs only the unfinished ones again", () => {
    const job = newJob(2);
    apply(job, { type: "submitted" }, started("j1"), started("j1.1"), token(0, 5), token(0, 6, "j1.1"), finished("j1"));
    expect(typesOf(apply(job, lost))).toEqual(["status", "enqueue"]);
    apply(job, { type: "submitted" });
    expect(job.state.sequences.map(({ held }) => held)).toEqual([false, true]);
    expect(typesOf(apply(job, started("j1.1"), finished("j1.1"))).slice(-4)).toEqual([
      "dequeue",
      "end",
      "ended",
      "free",
    ]);
    expect(job.state.counts.completionTokens).toBe(2 * counts.completionTokens);
  });

  it("with several choices has times that never go back, and counts the tokens of all choices", () => {
    const job = newJob(2);
    apply(job, { type: "submitted" }, started("j1", 1), started("j1.1", 41));
    apply(job, token(0, 50), token(0, 15, "j1.1"), token(1, 60), token(1, 30, "j1.1"));
    const times = job.log.tokensFrom(0, 10).map(({ t_ms, choice }) => [choice, t_ms]);
    expect(times).toEqual([
      [0, 50],
      [1, 55],
      [0, 60],
      [1, 70],
    ]);
    apply(job, finished("j1"), finished("j1.1"));
    expect(job.state.counts).toMatchObject({ prefillMs: 50, decodeMs: 20, completionTokens: 4, promptTokens: 3 });
  });

  const guessed = (jobId: string): JobInput =>
    engine({ type: "finished", jobId, by: "end", ...counts, guessedTokens: 8, rightGuesses: 5 });

  it("has the guesses of all its choices in its timings, and none if no token was guessed", () => {
    const job = newJob(3);
    apply(job, { type: "submitted" }, started("j1"), started("j1.1"), started("j1.2"));
    apply(job, token(0, 5), guessed("j1"), guessed("j1.1"), finished("j1.2"));
    expect(job.log.terminal).toMatchObject({ timings: { draft_n: 16, draft_n_accepted: 10 } });
    const plain = newJob();
    apply(plain, { type: "submitted" }, started(), token(0, 5), finished());
    expect(Object.keys((plain.log.terminal as EndEvent).timings)).not.toContain("draft_n");
  });

  it("has the guesses of its last engine after a crash", () => {
    const job = newJob();
    apply(job, { type: "submitted" }, started(), token(0, 1), lost);
    apply(job, { type: "submitted" }, started("j1", 40), token(1, 2), guessed("j1"));
    expect(job.log.terminal).toMatchObject({ timings: { draft_n: 8, draft_n_accepted: 5 } });
  });

  it("with several choices fails when one choice fails", () => {
    const job = newJob(2);
    apply(job, { type: "submitted" }, started("j1"), started("j1.1"));
    const failed = engine({ type: "failed", jobId: "j1", code: "engine_failed", message: "no" });
    expect(apply(job, failed)).toEqual([
      { type: "dequeue" },
      { type: "release", uids: ["j1.1"] },
      { type: "free", places: 1 },
    ]);
    expect(typesOf(apply(job, released("j1.1")))).toEqual(["observe released", "dequeue", "error", "ended", "free"]);
  });
});

describe("a job whose server leaves", () => {
  it.each<readonly [string, readonly JobInput[], readonly string[]]>([
    ["waits", [], ["dequeue", "leave"]],
    ["runs without output", [{ type: "submitted" }, started()], ["dequeue", "leave"]],
    ["has output", [{ type: "submitted" }, started(), token(0, 1)], ["dequeue", "status", "leave"]],
    ["is about to end", [{ type: "submitted" }, { type: "end", outcome: cancelled, at: 3 }], []],
  ])("is left without an end if it %s, unless it is about to end", (_, inputs, effects) => {
    const job = newJob();
    apply(job, ...inputs);
    expect(typesOf(apply(job, { type: "leave" }))).toEqual(effects);
    if (effects.length > 0) expect(apply(job, { type: "abort", outcome: died, at: 9 }, released())).toEqual([]);
  });
});

describe("a job with fewer slots than choices", () => {
  it("runs as many choices as there are slots, and continues with the others", () => {
    const job = newJob(3);
    expect(apply(job, { type: "submitted", places: 2 })).toEqual([{ type: "submit", uids: ["j1", "j1.1"] }]);
    apply(job, started(), token(0, 5));
    expect(typesOf(apply(job, finished()))).toEqual(["free"]);
    expect(apply(job, { type: "submitted", places: 1 })).toEqual([{ type: "submit", uids: ["j1.2"] }]);
    expect(typesOf(apply(job, finished("j1.1"), started("j1.2"), finished("j1.2")))).toEqual([
      ...["free", "dequeue", "end", "ended", "free"],
    ]);
    expect(job.state.counts.completionTokens).toBe(3 * counts.completionTokens);
  });

  it("gives one slot back without a word in its stream, while others run", () => {
    const job = newJob(2);
    apply(job, { type: "submitted" }, started(), started("j1.1"), token(0, 5, "j1.1"));
    expect(apply(job, { type: "yield", uids: ["j1.1"] })).toEqual([{ type: "release", uids: ["j1.1"], yields: true }]);
    expect(apply(job, { type: "yield", uids: ["j1.1"] })).toEqual([]);
    expect(typesOf(apply(job, released("j1.1")))).toEqual(["observe released", "enqueue"]);
    expect(apply(job, { type: "submitted", places: 1 })).toEqual([{ type: "submit", uids: ["j1.1"] }]);
    expect(typesOf(apply(job, { type: "yield" }, released(), released("j1.1")))).toEqual([
      ...["release", "observe released", "enqueue", "observe released", "status", "enqueue"],
    ]);
  });
});

describe("a job that yields", () => {
  it("keeps the choices that have finished, and runs only the others again", () => {
    const job = newJob(2);
    apply(job, { type: "submitted" }, started(), started("j1.1"), token(0, 5), { type: "yield" });
    expect(typesOf(apply(job, released("j1.1")))).toEqual(["observe released", "enqueue"]);
    expect(typesOf(apply(job, finished()))).toEqual(["free"]);
    expect(job.state.phase.name).toBe("queued");
    expect(reduce(job, { type: "submitted" }).state.sequences.map(({ held }) => held)).toEqual([false, true]);
  });

  it("ends by what crosses the yield: its last event, or a cancel", () => {
    const [first, second] = [newJob(), newJob()];
    for (const job of [first, second]) apply(job, { type: "submitted" }, started(), token(0, 5), { type: "yield" });
    expect(typesOf(apply(first, finished()))).toEqual(["dequeue", "end", "ended", "free"]);
    expect(typesOf(apply(second, { type: "end", outcome: cancelled, at: 9 }, released()))).toEqual([
      ...["dequeue", "release", "observe released", "dequeue", "end", "ended", "free"],
    ]);
    expect(second.state.phase).toEqual({ name: "ended", outcome: cancelled });
  });
});

describe("for random inputs", () => {
  const anyEvent = fc.oneof(
    fc.constantFrom<JobInput>(
      { type: "loading" },
      { type: "resumed_elsewhere" },
      { type: "moved", position: 2, etaMs: 5 },
      { type: "end", outcome: cancelled, at: 3 },
      { type: "abort", outcome: died, at: 4 },
      { type: "engine_lost", outcome: died, at: 5 },
      { type: "overdue", at: 6 },
      { type: "submitted" },
      { type: "submitted", places: 1 },
      { type: "yield" },
      { type: "yield", uids: ["j1.1"] },
      { type: "leave" },
    ),
    fc.constantFrom("j1", "j1.1").chain((uid) =>
      fc.oneof(
        fc.constant(started(uid)),
        fc.constant(progress(uid)),
        fc.constant(parked(uid)),
        fc.nat(100).map((ms) => token(0, ms, uid)),
        fc.constant(finished(uid)),
        fc.constant(released(uid)),
      ),
    ),
  );

  /** Whether the dispatcher may give this input in this state. */
  function isPossible(job: Job, event: JobInput): boolean {
    const held = (uid: string): boolean =>
      job.state.sequences.some((sequence) => sequence.uid === uid && sequence.held);
    const waits = job.state.sequences.some((one) => !one.held && one.stoppedBy === undefined);
    const { name } = job.state.phase;
    switch (event.type) {
      case "submitted":
        return name === "queued" || (name === "running" && waits);
      case "overdue":
        return name === "ending";
      case "call":
      case "called":
        return name === "calling";
      case "recalled":
        return false;
      case "engine_lost":
        return held("j1") || held("j1.1");
      case "engine":
        return held(event.event.jobId);
      case "unblocked":
      case "moved":
      case "loading":
      case "resumed_elsewhere":
      case "end":
      case "abort":
      case "leave":
      case "yield":
        return true;
    }
  }

  /** How many slots more the job has. */
  function slotsOf(effect: Effect): number {
    if (effect.type === "submit") return effect.uids.length;
    if (effect.type === "enqueue") return -(effect.again ?? 0);
    return effect.type === "free" ? -effect.places : 0;
  }

  it("a job ends at most once, sends no event after its end, and gives back each slot that it got", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
        const job = newJob(2);
        const effects = events.flatMap((event) => (isPossible(job, event) ? apply(job, event) : []));
        const all = typesOf(effects);
        const ends = all.filter((type) => type === "end" || type === "error");
        expect(ends.length).toBe(job.state.phase.name === "ended" ? 1 : 0);
        expect(all.filter((type) => type === "ended")).toHaveLength(ends.length);
        if (job.state.phase.name === "left") return;
        const holds = job.state.sequences.filter(({ held }) => held).length;
        expect(effects.reduce((sum, effect) => sum + slotsOf(effect), 0)).toBe(holds);
        if (job.log.terminal?.type === "end") expect(job.log.terminal.usage.total_tokens).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
