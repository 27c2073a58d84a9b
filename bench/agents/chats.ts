// Owns small chats that stream next to a measurement: each begins again when its answer ends, and every token's arrival is recorded.
import { deferred } from "@waggle/async";
import { gapsOf, isToken, openStream, sum, times } from "@waggle/testing/harness";

export interface ChatFigures {
  readonly tokensPerSecond: number;
  /** Longest time between two tokens of an answer, also when the second one has not arrived yet. */
  readonly longestGapMs: number;
  readonly longestFirstTokenMs: number;
}

export interface Chats extends AsyncDisposable {
  /** Resolves when each chat has its first token. */
  readonly streaming: Promise<unknown>;
  /** Resolves when the chats are disposed of. @throws Error when an answer fails */
  readonly over: Promise<unknown>;
  /** @param from time of `performance.now()` */
  figuresSince(from: number): ChatFigures;
}

/** Times are milliseconds of `performance.now()`. */
interface Answer {
  readonly sentAt: number;
  readonly arrivals: number[];
  ended: boolean;
}

const chatCount = 6;
const answerTokens = 400;
const silenceMs = 600_000;
const sentence = "Yesterday we walked along the river to the old mill and talked about the weather. ";
const sentences = 8;

export function startChats(url: string): Chats {
  const leaving = new AbortController();
  const answers: Answer[] = [];
  const firsts = Array.from({ length: chatCount }, () => deferred<void>());

  async function readAnswer(chat: number, turn: number): Promise<void> {
    const answer: Answer = { sentAt: performance.now(), arrivals: [], ended: false };
    answers.push(answer);
    const content = `Chat ${chat}, question ${turn}. ${sentence.repeat(sentences)}What do you think?`;
    const stream = await openStream({
      url: `${url}/v1/inference`,
      body: { messages: [{ role: "user", content }], max_tokens: answerTokens, ignore_eos: true, repetition_limit: 0 },
      silenceMs,
      signal: leaving.signal,
      onEvent(event) {
        if (!isToken(event)) return;
        answer.arrivals.push(performance.now());
        firsts[chat]?.resolve();
      },
    });
    const { how, reason } = await stream.over;
    answer.ended = true;
    if (how === "complete" || leaving.signal.aborted) return;
    throw new Error(`Cannot measure: a chat broke: ${reason ?? JSON.stringify(stream.judge.terminal)}`);
  }

  async function converse(chat: number): Promise<void> {
    for (let turn = 0; !leaving.signal.aborted; turn += 1) {
      await readAnswer(chat, turn).catch((error: unknown) => {
        if (!leaving.signal.aborted) throw error;
      });
    }
  }

  const over = times(chatCount, converse);
  return {
    streaming: Promise.all(firsts.map(({ promise }) => promise)),
    over,
    figuresSince: (from) => figuresOf(answers, from, performance.now()),
    async [Symbol.asyncDispose]() {
      leaving.abort();
      await over.catch(() => {});
    },
  };
}

function figuresOf(answers: readonly Answer[], from: number, to: number): ChatFigures {
  const gaps = answers.flatMap(({ arrivals, ended }) => {
    const last = arrivals.findLastIndex((at) => at <= from);
    return gapsOf([...arrivals.slice(Math.max(0, last)), ...(ended || arrivals.length === 0 ? [] : [to])]);
  });
  const firsts = answers.flatMap(({ sentAt, arrivals: [first = to] }) => (first > from ? [first - sentAt] : []));
  const count = sum(answers.map(({ arrivals }) => arrivals.filter((at) => at > from).length));
  return {
    tokensPerSecond: count / ((to - from) / 1_000),
    longestGapMs: Math.max(0, ...gaps),
    longestFirstTokenMs: Math.max(0, ...firsts),
  };
}
