// Owns what the tests of faults in every dialect share: opening a stream, checking its end, and waiting for the states of slots.
import {
  openAnswer,
  poll,
  streamDialects,
  waitFor,
  type AnswerStream,
  type Facts,
  type StreamDialect,
  type Worker,
} from "@waggle/testing/harness";

/** The fake model's answer ends after 20 tokens. */
export const brief = "Be brief. [eog:20]";
/** The fake model's answer to this prompt does not end during a test. */
export const endless = "This never ends";
/** More tokens than an answer produces before the test ends it. */
const maxTokens = 30_000;

/** Resolves when the headers have arrived. @throws RefusedError */
export async function open(
  { url, client }: Worker,
  dialect: StreamDialect,
  prompt: string,
  sessionId?: string,
): Promise<AnswerStream> {
  const { model } = await client.info();
  return openAnswer(url, dialect, { model, prompt, maxTokens, sessionId });
}

/** Opens a stream in each dialect. Resolves when all streams have begun; the result returns that of a dialect. */
export async function openEach(worker: Worker, prompt: string): Promise<(dialect: StreamDialect) => AnswerStream> {
  const opened = streamDialects.map(async (dialect) => [dialect, await open(worker, dialect, prompt)] as const);
  const answers = new Map(await Promise.all(opened));
  for (const answer of answers.values()) await answer.begun();
  return (dialect) => answers.get(dialect) as AnswerStream;
}

/** @param due "cut short" accepts an error, or an end with the reason cancelled: no client may take the answer for complete */
export async function ended(answer: AnswerStream, due: "end" | "error" | "cut short", facts: Facts): Promise<void> {
  const { how } = await waitFor("the end of a stream", answer.over);
  const { judge, connectionDue } = answer;
  facts.equal("broken rules of streams", judge.problems, []);
  const isCancelled = judge.ending === "end" && judge.finish === "cancelled";
  const seen = due === "cut short" && (isCancelled || judge.ending === "error") ? "cut short" : judge.ending;
  facts.equal("end of the stream", seen, due);
  facts.equal("end of the connection", how, connectionDue);
  if (judge.ending === "error") facts.expect(judge.error !== "", "the error has no message");
}

/**
 * Resolves when the slots have these states and the queue this length.
 * @param states in alphabetical order, separated by spaces
 */
export async function shows({ client }: Worker, states: string, queued: number): Promise<void> {
  await poll(`slots in the states "${states}" and a queue of ${queued} jobs`, async () => {
    const [slots, health] = await Promise.all([client.slots(), client.health()]);
    const seen = slots.map(({ state }) => state).toSorted();
    return seen.join(" ") === states && health.queue.depth === queued;
  });
}
