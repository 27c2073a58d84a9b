// Owns one request of a soak: sends it, aborts it or reads it to its end, and checks the answer.
import {
  endingOf,
  incompleteness,
  isToken,
  errorText,
  openStream,
  type LiveStream,
  type Random,
} from "@waggle/testing/harness";
import {
  embed,
  likeness,
  markTokens,
  silenceMs,
  soakPrompt,
  vectorOf,
  type Mark,
  type SoakModel,
} from "./soak-models.ts";

export type Outcome = "whole" | "aborted" | "lost";

export interface Asked {
  readonly model: string;
  readonly outcome: Outcome;
  readonly failures: readonly string[];
}

export interface AskOptions {
  readonly url: string;
  readonly model: SoakModel;
  readonly marks: ReadonlyMap<string, Mark>;
  readonly random: Random;
  readonly aborts: boolean;
  /** Whether to request an answer that takes seconds. */
  readonly long: boolean;
  /** Whether the model's engine has been killed. */
  readonly wasKilled: (model: string) => boolean;
  /** Whether the worker has noticed the death: requests sent after that must not fail. */
  readonly isDeathKnown: () => boolean;
  /** Called when an answer begins (1), and when it ends (-1). */
  readonly onRunning: (model: string, change: 1 | -1) => void;
}

const usualTokens = { least: 8, most: 120 };
/** Such answers take longer than a busy model stays loaded. */
const longTokens = { least: 4_000, most: 7_000 };
/** Least cosine similarity of two vectors of the same text and model: batches of another shape round differently. */
const leastLikeness = 0.999;
const abortWithinMs = 500;

/** Never rejects. */
export async function ask(given: AskOptions): Promise<Asked> {
  const { model } = given;
  const before = given.isDeathKnown();
  const options = { ...given, wasKilled: (name: string) => !before && given.wasKilled(name) };
  try {
    const { outcome, failures } = await (model.embeds ? askVectors(options) : askText(options));
    return { model: model.name, outcome, failures: failures.map((failure) => `${model.name}: ${failure}`) };
  } catch (error) {
    return { model: model.name, outcome: "whole", failures: [`${model.name}: ${errorText(error)}`] };
  }
}

type Answered = Omit<Asked, "model">;

async function askVectors({ url, model, marks, random, aborts, wasKilled }: AskOptions): Promise<Answered> {
  try {
    const vectors = await embed(url, model.name, aborts ? random.between(1, abortWithinMs) : undefined);
    const failures = vectors.model === model.name ? [] : [`vectors of ${vectors.model}`];
    const [vector, mark = ""] = [vectorOf(vectors), marks.get(model.name)];
    const like = typeof mark === "string" ? 0 : likeness(vector, mark);
    if (!(like >= leastLikeness))
      failures.push(`its vector of ${vector.length} numbers has a similarity of ${like} to the model's vector`);
    return { outcome: "whole", failures };
  } catch (error) {
    if (aborts && error instanceof Error && error.name === "AbortError") return { outcome: "aborted", failures: [] };
    if (wasKilled(model.name) && errorText(error).includes("engine_failed")) return { outcome: "lost", failures: [] };
    throw error;
  }
}

async function askText(options: AskOptions): Promise<Answered> {
  const { url, model, random, aborts, onRunning } = options;
  const greedy = !options.long && random.next() < 0.5;
  const length = options.long ? longTokens : usualTokens;
  const sampling = greedy
    ? { temperature: 0, max_tokens: markTokens }
    : { max_tokens: random.between(length.least, length.most) };
  const body = { model: model.name, prompt: soakPrompt, ignore_eos: true, ...sampling };
  const stream = await openStream({ url: `${url}/v1/inference`, body, silenceMs });
  let running = false;
  const begun = stream.event("its first token", isToken).then(
    () => {
      running = true;
      onRunning(model.name, 1);
    },
    () => {},
  );
  if (aborts) await leave(stream, random, begun);
  const { how } = await stream.over;
  await begun;
  if (running) onRunning(model.name, -1);
  if (how === "left") return { outcome: "aborted", failures: wrongIn(stream, options, greedy) };
  return judge(stream, options, greedy, how);
}

/** Disconnects while the job waits for its model, or during its answer. */
async function leave(stream: LiveStream, random: Random, begun: Promise<void>): Promise<void> {
  const early = new Promise((resolve) => void setTimeout(resolve, random.between(0, abortWithinMs)));
  await (random.next() < 0.5 ? Promise.race([early, stream.over]) : begun);
  stream.leave();
}

function judge(stream: LiveStream, options: AskOptions, greedy: boolean, how: string): Answered {
  const ending = endingOf(stream.judge.terminal);
  const wrong = wrongIn(stream, options, greedy);
  if (ending === "error engine_failed" && options.wasKilled(options.model.name))
    return { outcome: "lost", failures: wrong };
  if (how !== "complete" || ending !== "length") return { outcome: "whole", failures: [...wrong, `${how}, ${ending}`] };
  return { outcome: "whole", failures: [...wrong, ...incompleteness(stream.judge)] };
}

/** Checks by the events so far whether another model has answered. */
function wrongIn(stream: LiveStream, { model, marks }: AskOptions, greedy: boolean): string[] {
  const failures: string[] = [];
  for (const event of stream.events) {
    if (event.type === "started" && (event.model !== model.name || event.model_file !== model.file))
      failures.push(`${event.model} answered from ${event.model_file}`);
    if (event.type === "end" && event.receipt?.model_file !== model.file)
      failures.push(`its receipt names ${event.receipt?.model_file}`);
  }
  const whole = stream.judge.terminal?.type === "end" && greedy;
  const others = [...marks].filter(([name]) => name !== model.name);
  const like = whole ? others.find(([, mark]) => mark === stream.judge.text)?.[0] : undefined;
  return like === undefined ? failures : [...failures, `its text is that of ${like}`];
}
