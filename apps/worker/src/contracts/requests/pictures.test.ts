// Tests requests with pictures in every dialect, on a whole worker with the fake backend, whose answers depend on the bytes of the pictures.
import { createStepGate } from "@waggle/engine/testing";
import type { GenerateWork } from "@waggle/engine";
import { describe, expect, it, test } from "vitest";
import { worksOf } from "../../testing/last-work.ts";
import {
  anthropicBlock,
  base64,
  blue,
  cellsOf,
  dataUrl,
  green,
  hashOf,
  messageOf,
  openAiPart,
  red,
  responsesPart,
  text,
} from "../../testing/made-up-pictures.ts";
import { framesOf } from "../../testing/events.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const { worker, start, post, answerOf, read, lastWork, lastConversation } = useInlineWorker({
  fake: { readsPictures: true },
});

/** A request with pictures before a question, in one dialect. */
interface Dialect {
  readonly name: string;
  readonly path: string;
  readonly ask: (question: string, pictures: readonly Uint8Array[]) => Json;
  readonly said: (answer: Json) => unknown;
  readonly promptTokens: (answer: Json) => unknown;
}

function ollama(name: string, path: string, said: Dialect["said"], ask: Dialect["ask"]): Dialect {
  const settings = { model: "waggle-fake", stream: false, options: { temperature: 0 } };
  return {
    ...{ name, path, said, ask: (question, pictures) => ({ ...settings, ...ask(question, pictures) }) },
    promptTokens: (answer) => answer["prompt_eval_count"],
  };
}

const dialects: readonly Dialect[] = [
  {
    name: "OpenAI chat",
    path: "/v1/chat/completions",
    ask: (question, pictures) => ({
      messages: [{ role: "user", content: [...pictures.map(openAiPart), text(question)] }],
      temperature: 0,
    }),
    said: ({ choices }) => (choices as { message: Json }[])[0]?.message["content"],
    promptTokens: ({ usage }) => (usage as Json)["prompt_tokens"],
  },
  {
    name: "Responses",
    path: "/v1/responses",
    ask: (question, pictures) => ({
      input: [{ role: "user", content: [...pictures.map(responsesPart), { type: "input_text", text: question }] }],
      temperature: 0,
    }),
    said: ({ output }) => (output as { content: Json[] }[]).at(-1)?.content[0]?.["text"],
    promptTokens: ({ usage }) => (usage as Json)["input_tokens"],
  },
  {
    name: "Anthropic",
    path: "/v1/messages",
    ask: (question, pictures) => ({
      max_tokens: 100,
      messages: [{ role: "user", content: [...pictures.map(anthropicBlock), text(question)] }],
      temperature: 0,
    }),
    said: ({ content }) => (content as Json[])[0]?.["text"],
    promptTokens: ({ usage }) => (usage as Json)["input_tokens"],
  },
  ollama(
    "Ollama chat",
    "/api/chat",
    ({ message }) => (message as Json)["content"],
    (question, pictures) => ({
      messages: [{ role: "user", content: question, images: pictures.map(base64) }],
    }),
  ),
  ollama(
    "Ollama generate",
    "/api/generate",
    ({ response }) => response,
    (question, pictures) => ({
      prompt: question,
      images: pictures.map(base64),
    }),
  ),
  ollama(
    "Ollama generate, raw",
    "/api/generate",
    ({ response }) => response,
    (question, pictures) => ({
      raw: true,
      prompt: question,
      images: pictures.map(base64),
    }),
  ),
  {
    name: "llama-server",
    path: "/completion",
    ask: (question, pictures) => ({
      prompt: {
        prompt_string: `${"<__media__>".repeat(pictures.length)}${question}`,
        multimodal_data: pictures.map(base64),
      },
      temperature: 0,
    }),
    said: (answer) => answer["content"],
    promptTokens: (answer) => answer["tokens_evaluated"],
  },
];

describe.each(dialects.map((dialect) => [dialect.name, dialect] as const))("%s", (_, dialect) => {
  const { path, ask, said, promptTokens } = dialect;

  it("answers about a picture: another picture gets another answer, the same picture the same", async () => {
    start();
    const answers: unknown[] = [];
    for (const picture of [red, green, red]) answers.push(said(await answerOf(path, ask("What? [eog:8]", [picture]))));
    expect(answers[0]).toBe(answers[2]);
    expect(answers[0]).not.toBe(answers[1]);
  });

  it("counts the cells of the pictures as tokens of the prompt", async () => {
    start();
    const counts: number[] = [];
    for (const pictures of [[red], [red, blue], [red, blue, red]]) {
      counts.push(promptTokens(await answerOf(path, ask("[eog:1]", pictures))) as number);
      // Anthropic's count leaves out what is cached.
      start();
    }
    const [one = 0, two = 0, three = 0] = counts;
    expect(two - one).toBe(cellsOf(blue));
    expect(three - two).toBe(cellsOf(red));
  });

  it("sends each different picture to the engine once, as bytes", async () => {
    start();
    await answerOf(path, ask("[eog:1]", [red, green, red]));
    expect(lastWork().pictures).toEqual([
      { sha256: hashOf(red), bytes: red },
      { sha256: hashOf(green), bytes: green },
    ]);
    const { prompt } = lastWork();
    const parts = prompt.kind === "pieces" ? prompt.pieces : prompt.kind === "messages" ? prompt.messages : [];
    const named = JSON.stringify(parts).match(/"picture":\d/g);
    expect(named).toEqual(['"picture":0', '"picture":1', '"picture":0']);
  });

  it("shows no picture data in its log lines, its jobs and its errors", async () => {
    const gate = createStepGate();
    start({ gate });
    const answer = post(path, ask("[eog:2]", [red]));
    await gate.held();
    expect(JSON.stringify(await read("/v1/jobs"))).not.toContain(base64(red).slice(40, 80));
    gate.open();
    await (await answer).text();
    expect(JSON.stringify(worker.logLines)).not.toContain(base64(red).slice(40, 80));
  });
});

const toolCall = { id: "call_1", type: "function", function: { name: "look", arguments: "{}" } };
const tools = [{ type: "function", function: { name: "look" } }];
const seen = [text("Seen:"), { type: "image", picture: 0, note: "[image, left out]" }];

describe("a picture in a tool's result", () => {
  test("is read from a tool message of OpenAI chat", async () => {
    start();
    const messages = [
      { role: "user", content: "Look" },
      { role: "assistant", content: null, tool_calls: [toolCall] },
      { role: "tool", tool_call_id: "call_1", content: [text("Seen:"), openAiPart(red)] },
      { role: "user", content: "Well? [eog:1]" },
    ];
    await answerOf("/v1/chat/completions", { messages, tools });
    expect(lastConversation().messages[2]).toEqual({ role: "tool", tool_call_id: "call_1", content: seen });
    expect(lastWork().pictures?.map(({ bytes }) => bytes)).toEqual([red]);
  });

  test("is read from a function_call_output of Responses, as Codex sends it", async () => {
    start();
    const input = [
      { role: "user", content: "Look" },
      { type: "function_call", call_id: "call_1", name: "look", arguments: "{}" },
      {
        type: "function_call_output",
        call_id: "call_1",
        output: [{ type: "input_text", text: "Seen:" }, responsesPart(red)],
      },
      { role: "developer", content: "Be brief. [eog:1]" },
    ];
    await answerOf("/v1/responses", { input });
    const [, , result] = lastConversation().messages;
    const told = text("<system>\nBe brief. [eog:1]\n</system>");
    expect(result).toEqual({ role: "tool", tool_call_id: "call_1", content: [...seen, told] });
  });

  test("is read from a tool_result of Anthropic, as Claude Code sends it, with an error and with more instructions", async () => {
    start();
    const result = { type: "tool_result", tool_use_id: "call_1", content: [text("Seen:"), anthropicBlock(red)] };
    const messages = [
      { role: "user", content: "Look" },
      { role: "assistant", content: [{ type: "tool_use", id: "call_1", name: "look", input: {} }] },
      { role: "user", content: [result, { ...result, is_error: true }, anthropicBlock(green), text("Well? [eog:1]")] },
      { role: "system", content: "Be brief." },
    ];
    await answerOf("/v1/messages", { max_tokens: 10, messages });
    expect(lastConversation().messages.slice(2)).toEqual([
      { role: "tool", tool_call_id: "call_1", content: seen },
      {
        role: "tool",
        tool_call_id: "call_1",
        content: [text("Error:\n\nSeen:"), { type: "image", picture: 0, note: "[image, left out]" }],
      },
      {
        role: "user",
        content: [
          { type: "image", picture: 1, note: "[image, left out]" },
          text("Well? [eog:1]\n\n<system>\nBe brief.\n</system>"),
        ],
      },
    ]);
  });

  test("is read from a tool message of Ollama", async () => {
    start();
    const messages = [
      { role: "user", content: "Look" },
      { role: "assistant", content: "", tool_calls: [{ function: { name: "look", arguments: {} } }] },
      { role: "tool", tool_name: "look", content: "Seen: [eog:1]", images: [base64(red)] },
    ];
    await answerOf("/api/chat", { model: "waggle-fake", stream: false, messages });
    expect(lastConversation().messages[2]?.content).toEqual([
      { type: "image", picture: 0, note: "[image, left out]" },
      text("Seen: [eog:1]"),
    ]);
  });
});

describe("the native dialect", () => {
  const body = (more: Json = {}) => ({
    messages: [
      { role: "system", content: [text("Know:"), { type: "image_url", image_url: { url: dataUrl(green) } }] },
      { role: "user", content: [{ type: "image_url", image_url: { url: dataUrl(red) } }, text("What? [eog:2]")] },
    ],
    temperature: 0,
    ...more,
  });

  const endOf = async (response: Response) => (await framesOf<Json>(response, "[DONE]")).at(-1) ?? {};

  it("answers with usage, and with the pictures' hashes in the receipt", async () => {
    start();
    const end = await endOf(await post("/v1/inference", body()));
    expect(end["type"]).toBe("end");
    const receipt = end["receipt"] as Json;
    expect(receipt["pictures_sha256"]).toEqual([hashOf(green), hashOf(red)]);
    const words = "Know:What? [eog:2]".length;
    // The fake's template adds a begin token, a token before and after each message, and one before the answer.
    expect((end["usage"] as Json)["prompt_tokens"]).toBe(words + cellsOf(red) + cellsOf(green) + 6);
    const plain = await endOf(await post("/v1/inference", { prompt: "Hi [eog:1]" }));
    expect(plain["receipt"]).not.toHaveProperty("pictures_sha256");
  });

  it("accepts a job in the background, whose pictures are dropped at its end", async () => {
    start();
    const { job_id: id } = (await (await post("/v1/jobs", body({ on_disconnect: "continue" }))).json()) as Json;
    const job = worker.registry.get("local", id as string);
    await job?.ended.promise;
    expect(job?.spec.work).toMatchObject({ kind: "generate", pictures: undefined });
    expect(await read(`/v1/jobs/${id as string}`)).toMatchObject({ state: "finished" });
  });

  it("refuses other parts and unknown fields", async () => {
    start();
    for (const part of [{ type: "file" }, { ...openAiPart(red), image_url: { url: dataUrl(red), detail: "low" } }]) {
      const response = await post("/v1/inference", { messages: [{ role: "user", content: [part] }] });
      expect(response.status).toBe(400);
      expect(await response.text()).toContain("messages.0.content.0");
    }
  });
});

describe("routes that count or show a prompt", () => {
  it.each([
    [
      "/v1/messages/count_tokens",
      "/v1/messages",
      { max_tokens: 1, messages: [{ role: "user", content: [anthropicBlock(red), text("Hi")] }] },
    ],
    [
      "/v1/chat/completions/input_tokens",
      "/v1/chat/completions",
      { max_tokens: 1, messages: [{ role: "user", content: [openAiPart(red), text("Hi")] }] },
    ],
    [
      "/v1/responses/input_tokens",
      "/v1/responses",
      {
        max_output_tokens: 1,
        input: [{ role: "user", content: [responsesPart(red), { type: "input_text", text: "Hi" }] }],
      },
    ],
  ])("%s counts the cells of pictures", async (counting, answering, body) => {
    start();
    const { input_tokens: counted } = await answerOf(counting, body);
    const { usage } = (await answerOf(answering, body)) as { usage: Json };
    expect(counted).toBe(usage["input_tokens"] ?? usage["prompt_tokens"]);
    expect(counted).toBeGreaterThan(cellsOf(red));
  });

  it("/apply-template shows the place of a picture", async () => {
    start();
    const messages = [{ role: "user", content: [text("a"), openAiPart(red), text("b")] }];
    expect((await answerOf("/apply-template", { messages }))["prompt"]).toContain("a[picture]b");
    start({ fake: { readsPictures: false } });
    expect((await post("/apply-template", { messages })).status).toBe(400);
  });
});

describe("a picture in another form", () => {
  const sent = async (path: string, body: unknown): Promise<readonly Uint8Array[] | undefined> => {
    await answerOf(path, body);
    return lastWork().pictures?.map(({ bytes }) => bytes);
  };
  const openAi = (part: unknown, role = "user") => ({
    messages: [
      { role, content: [part, text("[eog:1]")] },
      { role: "user", content: "Hi" },
    ],
  });

  it("is read by OpenAI chat: a URL without its object, base64 alone, another media type, another role", async () => {
    start();
    const chat = "/v1/chat/completions";
    expect(await sent(chat, openAi({ type: "image_url", image_url: dataUrl(red) }))).toEqual([red]);
    expect(await sent(chat, openAi({ type: "image_url", image_url: { url: base64(green) } }))).toEqual([green]);
    const untyped = `data:application/octet-stream;base64,${base64(red)}`;
    expect(await sent(chat, openAi({ type: "image_url", image_url: { url: untyped } }))).toEqual([red]);
    for (const role of ["system", "developer"]) expect(await sent(chat, openAi(openAiPart(red), role))).toEqual([red]);
    expect(await sent(chat, openAi(openAiPart(red), "assistant"))).toBeUndefined();
  });

  it("is refused by Anthropic: a URL of a host that is not allowed, and other sources", async () => {
    start();
    const refusal = async (source: Json): Promise<unknown> => {
      const messages = [{ role: "user", content: [{ type: "image", source }] }];
      const response = await post("/v1/messages", { max_tokens: 1, messages });
      expect(response.status).toBe(400);
      return messageOf((await response.json()) as Json);
    };
    expect(await refusal({ type: "url", url: "https://a.example/x" })).toContain("--allow-media-from a.example");
    expect(await refusal({ type: "file", file_id: "f" })).toContain('"messages.0.content.0.source');
  });

  it("is read by Ollama: a data: URL", async () => {
    start();
    const messages = [{ role: "user", content: "[eog:1]", images: [dataUrl(red)] }];
    expect(await sent("/api/chat", { model: "waggle-fake", stream: false, messages })).toEqual([red]);
  });

  it("is not in the context of an Ollama answer, which has only texts", async () => {
    start();
    const asked = { model: "waggle-fake", stream: false };
    const { context } = await answerOf("/api/generate", { ...asked, prompt: "One [eog:1]", images: [base64(red)] });
    expect(await sent("/api/generate", { ...asked, prompt: "Two [eog:1]", context })).toBeUndefined();
    const [one, , two] = lastConversation().messages;
    expect([one?.content, two?.content]).toEqual(["One [eog:1]", "Two [eog:1]"]);
  });
});

describe("llama-server's prompts", () => {
  async function refusal(prompt: unknown): Promise<[number, unknown]> {
    const response = await post("/completion", { prompt, n_predict: 2 });
    return [response.status, messageOf((await response.json()) as Json)];
  }

  it.each([
    ["<__media__><__media__>", 1, 2],
    ["none", 1, 0],
    ["<__media__>", 0, 1],
  ])("refuse %s with %i pictures", async (said, count, markers) => {
    start();
    const prompt = { prompt_string: said, multimodal_data: Array.from({ length: count }, () => base64(red)) };
    expect(await refusal(prompt)).toEqual([
      400,
      expect.stringMatching(`"prompt.multimodal_data": pictures: ${count}, .*: ${markers}\\.`),
    ]);
  });

  it("may have pictures in several prompts, each with its own pictures", async () => {
    start({ pictures: { maxPictures: 2 } });
    const one = { prompt_string: "a<__media__>b", multimodal_data: [base64(red)] };
    const other = { prompt_string: "a<__media__>b<__media__>", multimodal_data: [base64(green), base64(red)] };
    const response = await post("/completion", {
      prompt: [one, "c", { ...other, prompt_string: `${other.prompt_string}.` }],
      n_predict: 1,
    });
    expect(response.status, await response.clone().text()).toBe(200);
    const works = worksOf(worker) as readonly GenerateWork[];
    expect(works.map(({ pictures }) => pictures?.map(({ bytes }) => bytes))).toEqual([[red], undefined, [green, red]]);
    expect(works[0]?.prompt).toEqual({ kind: "pieces", pieces: ["a", { type: "image", picture: 0 }, "b"] });
  });

  it("keep a marker as text without the field multimodal_data", async () => {
    start();
    expect((await post("/completion", { prompt: { prompt_string: "<__media__>" }, n_predict: 1 })).status).toBe(200);
    expect(lastWork().prompt).toEqual({ kind: "pieces", pieces: ["<__media__>"] });
  });

  it("are read on /completions too", async () => {
    start();
    const prompt = { prompt_string: "<__media__>x", multimodal_data: [base64(red)] };
    expect((await post("/completions", { prompt, n_predict: 1 })).status).toBe(200);
    expect(lastWork().pictures).toHaveLength(1);
  });
});

test("a model's ability to read pictures is shown to the clients of all dialects", async () => {
  for (const vision of [true, false]) {
    start({ fake: { readsPictures: vision } });
    expect("vision" in (await read("/v1/info"))).toBe(vision);
    const props = await read("/props");
    expect(props["modalities"]).toEqual({ vision, video: false, audio: false });
    expect(props["media_marker"]).toBe("<__media__>");
    const models = await read("/v1/models");
    const inputs = vision ? ["text", "image"] : ["text"];
    expect(models["data"]).toMatchObject([{ architecture: { input_modalities: inputs, output_modalities: ["text"] } }]);
    expect(models["models"]).toMatchObject([
      { input_modalities: inputs, capabilities: vision ? ["completion", "multimodal"] : ["completion"] },
    ]);
    const shown = await answerOf("/api/show", { model: "waggle-fake" });
    expect((shown["capabilities"] as string[]).includes("vision")).toBe(vision);
  }
});
