// Owns a client of the Responses API for tests with an inline worker, and the checks that strict clients make.
import { parseSse } from "@waggle/protocol/sse";
import { expect } from "vitest";
import { jsonOf } from "./use-worker.ts";
import type { Json, UsedInlineWorker } from "./use-worker.ts";

export interface Item extends Json {
  readonly id: string;
  readonly type: string;
}
export interface Answer extends Json {
  readonly id: string;
  readonly status: string;
  readonly output: readonly Item[];
}
export interface Event extends Json {
  readonly type: string;
  readonly sequence_number: number;
  readonly response?: Answer;
  readonly item?: Item;
  readonly item_id?: string;
  readonly output_index?: number;
}

export interface Prompt {
  readonly messages: readonly Json[];
  readonly tools?: readonly { readonly function: Json }[];
  readonly sampling: Json;
  readonly answerGrammar?: string;
}

type Headers = Readonly<Record<string, string>>;

export interface ResponsesClient {
  post(body: unknown, headers?: Headers): Promise<Response>;
  whole(body: unknown, headers?: Headers): Promise<Answer>;
  streamed(body: Json): Promise<readonly Event[]>;
  /** The conversation in the last job that the engine got. */
  lastPrompt(): Prompt;
}

/** Requests to the worker of the running test. */
export function responsesClient({ post, lastWork, lastConversation }: UsedInlineWorker): ResponsesClient {
  const send = (body: unknown, headers?: Headers) => post("/v1/responses", body, headers);
  return {
    post: send,
    whole: async (body, headers) => (await jsonOf(await send(body, headers))) as unknown as Answer,
    streamed: async (body) => await eventsOf(await send({ ...body, stream: true })),
    lastPrompt: () => ({ ...lastWork(), ...lastConversation() }) as unknown as Prompt,
  };
}

export async function refusal(response: Response | Promise<Response>): Promise<Json & { status: number }> {
  const { status } = await response;
  const { error } = (await (await response).json()) as { error: Json };
  return { status, ...error };
}

/** The events of a stream. Checks that the name of each frame is the type of its event. */
export async function eventsOf(response: Response): Promise<readonly Event[]> {
  const events: Event[] = [];
  for await (const { event, data } of parseSse(response.body as ReadableStream<Uint8Array>)) {
    const parsed = JSON.parse(data) as Event;
    expect(event).toBe(parsed.type);
    events.push(parsed);
  }
  return events;
}

export const last = (events: readonly Event[]): Event => events.at(-1) as Event;
const terminals = new Set(["response.completed", "response.incomplete", "response.failed"]);

/** Checks the events as strict clients do, and returns the final response. */
export function checked(events: readonly Event[]): Answer {
  expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, index) => index));
  const numbered = events.filter(({ type }) => type !== "keepalive");
  expect(numbered.slice(0, 2).map(({ type }) => type)).toEqual(["response.created", "response.in_progress"]);
  const items: Item[] = [];
  const doneItems: Item[] = [];
  for (const { type, item, item_id: itemId, output_index: index } of numbered.slice(2, -1)) {
    expect(index, type).toBe(doneItems.length);
    if (type === "response.output_item.added") items.push(item as Item);
    else if (type === "response.output_item.done") doneItems.push(item as Item);
    else expect(itemId, type).toBe(items[index as number]?.id);
  }
  const final = last(events).response as Answer;
  const identity = ({ id, type, call_id: callId }: Item) => [id, type, callId];
  // An item that was open when the response failed has no `done` event.
  const whole = final.status === "failed" ? items.slice(0, doneItems.length) : items;
  expect(doneItems.map(identity)).toEqual(whole.map(identity));
  expect(new Set(items.map(({ id }) => id)).size).toBe(items.length);
  expect(events.filter(({ type }) => terminals.has(type))).toEqual([last(events)]);
  expect(last(events).type).toBe(`response.${final.status}`);
  expect(new Set(events.flatMap(({ response }) => (response === undefined ? [] : [response.id]))).size).toBe(1);
  expect(final.output).toEqual(doneItems);
  return final;
}

export const say = (text: string, words = ""): string => `${words}[say:${encodeURIComponent(text)}]`;
export const itemText = (item: Item | undefined): unknown =>
  (item?.["content"] as { text: string }[] | undefined)?.[0]?.text;
export const joined = (events: readonly Event[], type: string): string =>
  events.map((event) => (event.type === type ? (event["delta"] as string) : "")).join("");

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
export const weather = { type: "function", name: "weather", parameters };
export const calling =
  '<think>Hm.</think>Look:\n<tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>';
