// Owns what the faults in every dialect share: asking in one, how its stream must end, and where its job is meanwhile.
import {
  openAnswer,
  poll,
  streamDialects,
  times,
  waitFor,
  type AnswerStream,
  type Facts,
  type StreamDialect,
  type Worker,
} from "@waggle/testing/harness";

/** What the fake model ends by itself, and what it does not. */
export const brief = "Be brief. [eog:20]";
export const endless = "This never ends";
/** More than any of them says. */
const maxTokens = 30_000;

/** Resolves when the headers have come. @throws RefusedError */
export async function open(
  { url, client }: Worker,
  dialect: StreamDialect,
  prompt: string,
  sessionId?: string,
): Promise<AnswerStream> {
  const { model } = await client.info();
  return openAnswer(url, dialect, { model, prompt, maxTokens, sessionId });
}

/** One in each dialect, all of them speaking by now. */
export async function openEach(worker: Worker, prompt: string): Promise<readonly [StreamDialect, AnswerStream][]> {
  const answers = await times(streamDialects.length, async (index): Promise<[StreamDialect, AnswerStream]> => {
    const dialect = streamDialects[index] as StreamDialect;
    return [dialect, await open(worker, dialect, prompt)];
  });
  for (const [, answer] of answers) await answer.begun();
  return answers;
}

/** "cut short" is an error, or an end that says that it was cancelled: no client may take it for the whole answer. */
export async function ended(answer: AnswerStream, due: "end" | "error" | "cut short", facts: Facts): Promise<void> {
  const { how } = await waitFor("the end of a stream", answer.over);
  const { judge, connectionDue } = answer;
  facts.equal("rules that it broke", judge.problems, []);
  const isCancelled = judge.ending === "end" && judge.finish === "cancelled";
  const seen = due === "cut short" && (isCancelled || judge.ending === "error") ? "cut short" : judge.ending;
  facts.equal("how it ended", seen, due);
  facts.equal("how its connection ended", how, connectionDue);
  if (judge.ending === "error") facts.expect(judge.error !== "", "its error says nothing");
}

/** Resolves when the slots are in these states, in the order of the alphabet, and so many jobs wait. */
export async function shows({ client }: Worker, states: string, queued: number): Promise<void> {
  await poll(`${queued} jobs to wait and the slots to be ${states}`, async () => {
    const [slots, health] = await Promise.all([client.slots(), client.health()]);
    const seen = slots.map(({ state }) => state).toSorted();
    return seen.join(" ") === states && health.queue.depth === queued;
  });
}
