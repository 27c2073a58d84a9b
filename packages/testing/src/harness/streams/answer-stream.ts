// Owns a client's view of one streamed answer in any dialect: its text, its ending, and the rules that it broke.
import type { SseFrame } from "@waggle/protocol/sse";
import { createArrivals } from "../arrivals.ts";
import { RefusedError, send, type FrameStream } from "./http.ts";
import { objectIn } from "../processes/log.ts";
import type { AnswerRequest, FrameReading, StreamDialect } from "./dialects.ts";

export interface AnswerStream extends FrameStream {
  readonly judge: AnswerJudge;
  /** How the connection must end, given the stream's ending. */
  readonly connectionDue: "complete" | "broken";
  /** Resolves when the first text has arrived. @throws Error when the stream ends before */
  begun(): Promise<void>;
}

/** Resolves when the headers have arrived. @throws RefusedError for a status other than 200; Error when no headers arrive */
export async function openAnswer(url: string, dialect: StreamDialect, request: AnswerRequest): Promise<AnswerStream> {
  const headers = request.sessionId === undefined ? {} : { "x-session-id": request.sessionId };
  const answer = await send({ url: `${url}${dialect.path}`, body: dialect.body(request), headers });
  if (answer.status !== 200) throw new RefusedError(answer.status, await answer.text());
  const readings = createArrivals<FrameReading>(`stream of ${dialect.name}`);
  const judge = createAnswerJudge(dialect);
  const { over, leave } = answer.frames({ onFrame: (frame) => readings.add(judge.take(frame)) }, dialect.encoding);
  void over.then(({ how, reason = "" }) => readings.end(`it is ${how}: ${reason}${judge.error ?? ""}`));
  return {
    ...{ over, leave, judge },
    get connectionDue() {
      return judge.ending === "error" && dialect.closesAfterError === undefined ? "broken" : "complete";
    },
    async begun() {
      await readings.first("its first words", ({ text }) => text !== undefined);
    },
  };
}

/** Takes a stream's frames one by one, and checks the rules of all streams, whatever their ending. */
export interface AnswerJudge {
  take(frame: SseFrame): FrameReading;
  readonly text: string;
  /** The stream's ending; undefined before the end. */
  readonly ending: "end" | "error" | undefined;
  readonly finish: string | undefined;
  readonly error: string | undefined;
  /** A text for each broken rule, at most 5. */
  readonly problems: readonly string[];
}

/** Often every frame of a stream breaks the same rule. */
const problemsLimit = 5;
const dataCharsShown = 100;

export function createAnswerJudge(dialect: StreamDialect): AnswerJudge {
  const problems: string[] = [];
  const judge = {
    text: "",
    ending: undefined as AnswerJudge["ending"],
    finish: undefined as string | undefined,
    error: undefined as string | undefined,
    problems,
    take,
  };

  function complain(problem: string): void {
    if (problems.length < problemsLimit) problems.push(problem);
  }

  function read({ event, data }: SseFrame): FrameReading {
    if (dialect.done === data) return { end: true };
    const payload = objectIn(data);
    if (payload === undefined) complain(`${JSON.stringify(data.slice(0, dataCharsShown))} is no object`);
    const name = payload?.["type"];
    if (dialect.named && event !== name) complain(`${String(name)} came under the name ${event ?? ""}`);
    const { end, ...reading } = dialect.read(payload ?? {});
    return { ...reading, end: end === true && dialect.done === undefined };
  }

  function take(frame: SseFrame): FrameReading {
    const reading = read(frame);
    const { text, finish, end, error } = reading;
    if (judge.ending !== undefined) complain(`${frame.data.slice(0, dataCharsShown)} came after its ${judge.ending}`);
    if (judge.finish !== undefined && (text ?? finish) !== undefined)
      complain(`${text ?? finish} came after its finish, ${judge.finish}`);
    judge.text += text ?? "";
    judge.finish ??= finish;
    judge.error ??= error;
    if (end && judge.finish === undefined) complain("it ended without a reason");
    if (error !== undefined) judge.ending ??= "error";
    else if (end) judge.ending ??= "end";
    return reading;
  }

  return judge;
}
