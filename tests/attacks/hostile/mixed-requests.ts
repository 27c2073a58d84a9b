// Makes random requests that need much before their first step: pictures, grammars, embeddings, long prompts and counts.
import { encodePng, gradientPicture } from "@waggle/pictures/testing";
import type { HostileRequest } from "@waggle/testing/hostile";

/** Returns a number from 0 to below `below`. */
export type Draw = (below: number) => number;

/** Random numbers from a seed. */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), state | 1) + 0x6d2b79f5) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** The worker forgets some of these pictures before they come again. */
const sizes = [
  ...[
    [300, 200],
    [1_000, 800],
    [2_000, 1_500],
    [4_000, 3_000],
    [30, 5_000],
  ],
] as const;
const pictures = sizes.map(([width, height], i) =>
  Buffer.from(encodePng(gradientPicture(width, height, i))).toString("base64"),
);
const words = ["a dog ", "蜂 ", "</s>", "Once upon a time, ", "🐝", '{"a":1} ', "x"];
const most = { max_tokens: 4 };

function textOf(draw: Draw, chars: number): string {
  const word = words[draw(words.length)] ?? "";
  return `${draw(1_000)} ${word.repeat(1 + draw(chars) / word.length)}`;
}

function seeing(draw: Draw): object[] {
  const content = Array.from({ length: 1 + draw(4) }, () => ({
    type: "image_url",
    image_url: { url: `data:image/png;base64,${pictures[draw(pictures.length)]}` },
  }));
  return [{ role: "user", content: [...content, { type: "text", text: "What is this?" }] }];
}

const kinds: readonly ((draw: Draw) => readonly [path: string, body: object])[] = [
  (draw) => ["/v1/chat/completions", { ...most, stream: draw(2) === 0, messages: seeing(draw) }],
  (draw) => ["/v1/jobs", { ...most, messages: seeing(draw), on_disconnect: "continue" }],
  (draw) => ["/v1/completions", { ...most, prompt: textOf(draw, 10 ** (2 + draw(4))) }],
  (draw) => ["/v1/chat/completions", { ...most, messages: [{ role: "user", content: textOf(draw, 200_000) }] }],
  (draw) => ["/v1/embeddings", { input: Array.from({ length: 1 + draw(64) }, () => textOf(draw, 400)) }],
  (draw) => ["/tokenize", { content: textOf(draw, 10 ** (2 + draw(4))), with_pieces: draw(2) === 0 }],
  (draw) => ["/v1/messages/count_tokens", { messages: [{ role: "user", content: textOf(draw, 20_000) }] }],
  (draw) => {
    const choices = Array.from({ length: 1 + draw(2_000) }, (_, i) => `"${draw(1_000)} ${i}"`);
    return ["/v1/inference", { ...most, prompt: "Say", grammar: `root ::= ${choices.join(" | ")}` }];
  },
  (draw) => {
    const names = Array.from({ length: 1 + draw(60) }, (_, i) => [
      `name${i}`,
      { type: "string", maxLength: 1 + draw(50) },
    ]);
    const schema = { type: "object", properties: Object.fromEntries(names) as object };
    const format = { type: "json_schema", json_schema: { name: "a", schema } };
    return ["/v1/chat/completions", { ...most, messages: [{ role: "user", content: "Say" }], response_format: format }];
  },
];

export function mixedRequest(draw: Draw): HostileRequest {
  const [path, body] = kinds[draw(kinds.length)]?.(draw) ?? ["/", {}];
  return { name: path, method: "POST", path, body: () => JSON.stringify(body) };
}
