// Writes answers of llama-server's own routes: a stream with a frame for each token and a last frame with all other fields, or one object.
import { sseHeaders } from "@waggle/protocol";
import type { EndEvent, LlamaServerCompletionRequest, StreamEvent, TokenEvent } from "@waggle/protocol";
import { encodeSse, encodeSseComment } from "@waggle/protocol/sse";
import { createCollectedLogprobs } from "../../generation/collected-logprobs.ts";
import type { Collector, Framing } from "../../generation/dialect.ts";
import { createStreamExtras } from "../../stream/stream-extras.ts";
import { chunkOf, fieldsOf, slotOf, wholeOf } from "./answer.ts";
import type { AnswerOptions, ChoiceSoFar, Json } from "./answer.ts";
import { llamaServerError } from "./errors.ts";

/** Request fields about the format of the answer. */
type AnswerFields = Pick<
  LlamaServerCompletionRequest,
  "return_tokens" | "return_progress" | "timings_per_token" | "response_fields"
>;

export function llamaServerFraming(options: AnswerOptions, fields: AnswerFields): Framing {
  const { job, work } = options;
  const choices = Array.from({ length: work.choices }, (_, choice) => emptyChoice(choice));
  const extras = createStreamExtras(fields);

  function frame(body: Json): string {
    return encodeSse({ data: JSON.stringify(body) });
  }

  function tokenFrame(token: TokenEvent): string {
    const choice = token.choice ?? 0;
    const before = choices[choice];
    if (before === undefined) return "";
    const current = withToken(before, token);
    choices[choice] = current;
    return frame({ ...chunkOf(options, current, token), ...extras.ofToken(token) });
  }

  function progressFrame(event: StreamEvent): string {
    const extra = extras.ofEvent(event);
    if (extra === undefined) return "";
    return frame({
      index: options.index,
      content: "",
      tokens: [],
      stop: false,
      id_slot: slotOf(job, 0),
      tokens_predicted: 0,
      tokens_evaluated: extra.prompt_progress.total,
      ...extra,
    });
  }

  return {
    headers: sseHeaders,
    cancelledIsError: true,
    frame(event) {
      return progressFrame(event) + (event.type === "token" ? tokenFrame(event) : "");
    },
    frameEnd: (end) =>
      progressFrame(end) +
      choices.map((choice) => frame(fieldsOf(wholeOf(options, choice, end), fields.response_fields))).join(""),
    frameError: (error) => frame({ ...llamaServerError(error) }),
    keepAlive: (why) => encodeSseComment(why === "silent" ? "ping" : "waiting"),
  };
}

/** The body is a list with an answer for each choice. */
export interface AnswersCollector extends Collector {
  body(end: EndEvent): readonly Json[];
}

export function llamaServerCollector(options: AnswerOptions, fields: AnswerFields): AnswersCollector {
  const { choices: count } = options.work;
  const choices = Array.from({ length: count }, (_, choice) => emptyChoice(choice));
  const tokens = choices.map(() => [] as number[]);
  const logprobs = createCollectedLogprobs(count);
  return {
    add(token) {
      const choice = (token.choice ?? 0) - options.index;
      const before = choices[choice];
      if (before === undefined) return;
      choices[choice] = { ...withToken(before, token), content: before.content + token.text };
      if (fields.return_tokens === true) for (const id of token.ids ?? []) tokens[choice]?.push(id);
      if (token.logprobs !== undefined) logprobs.add(choice, token.logprobs);
    },
    body: (end) =>
      choices.map((state, choice) => {
        const whole = { ...state, tokens: tokens[choice] ?? [], logprobs: logprobs.of(choice) };
        return fieldsOf(wholeOf(options, whole, end), fields.response_fields);
      }),
  };
}

function emptyChoice(choice: number): ChoiceSoFar {
  return { choice, content: "", tokens: [], tokenCount: 0, hasNewLine: false, logprobs: [] };
}

/** Counts the token. The text is not kept here: `llamaServerCollector` collects the tokens. */
function withToken(state: ChoiceSoFar, { text, ids = [] }: TokenEvent): ChoiceSoFar {
  return { ...state, tokenCount: state.tokenCount + ids.length, hasNewLine: state.hasNewLine || text.includes("\n") };
}
